"""How many bytes per second the machine moves between memory and its cores: a = b + s c on arrays that no cache holds."""

from __future__ import annotations

import time

import numba
import numpy as np
from numba import njit, prange

MEGABYTES = 256  # of each of the three arrays
PASSES = 3  # of which the best counts


@njit(parallel=True, cache=True)
def _triad(a, b, c, factor):
    for i in prange(a.size):
        a[i] = b[i] + factor * c[i]


class Triad:
    """Hold the three arrays, 0.8 GB in all."""

    def __init__(self) -> None:
        self.arrays = tuple(np.full(MEGABYTES * 2**20 // 8, value) for value in (0.0, 1.0, 2.0))
        self.measure(1)  # compiles, and touches every page

    def measure(self, threads: int) -> float:
        """Return the bandwidth [GB/s]: 24 bytes per entry, as STREAM counts (the read before a write is not)."""
        numba.set_num_threads(threads)
        best = np.inf
        for _ in range(PASSES):
            started = time.perf_counter()
            _triad(*self.arrays, 3.0)
            best = min(best, time.perf_counter() - started)
        return 3e-9 * self.arrays[0].nbytes / best
