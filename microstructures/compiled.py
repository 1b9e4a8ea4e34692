"""Numba, set up before it is imported: kernels of this package are kept where those of the solver are."""

from __future__ import annotations

from phasefield import cache

cache.configure()

import numba
from numba import njit, prange

__all__ = ["njit", "prange"]

numba.get_num_threads()  # starts the threads, see phasefield.numerics
