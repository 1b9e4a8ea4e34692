"""Numerics without physics: interface, multigrid, conjugate gradients."""

import numba

# Numba forgets to start its threads before a serial kernel that was compiled while the parallel one it calls came from
# the cache: the next process then ends in a segmentation fault (0.68). Asking starts them.
numba.get_num_threads()
