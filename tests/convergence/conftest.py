"""Kernels are called here without a backend, which would start the threads."""

from __future__ import annotations

import numba

# A kernel that comes from the cache does not always start the threads which it calls, and crashes (Numba 0.68).
numba.get_num_threads()
