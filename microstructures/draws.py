"""Random numbers that depend on what they are for, never on the order in which they are drawn.

Only the raw bits of Philox are used: their stream is fixed for good, that of NumPy's distributions is not.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri


def _unit_interval(bits: np.ndarray) -> np.ndarray:
    """Map 64 random bits to the middle of one of 2^52 equal parts of (0, 1): never 0, never 1."""
    return ((bits >> np.uint64(12)).astype(float) + 0.5) * 2.0**-52


def uniform(seed: int, stream: int, count: int) -> np.ndarray:
    """Return ``count`` uniform numbers in (0, 1); equal for equal ``seed`` and ``stream``, shape ``(count,)``."""
    key = np.array([seed, stream], dtype=np.uint64)
    return _unit_interval(np.random.Philox(key=key).random_raw(count))


def uniform_at(seed: int, stream: int, counter: tuple[int, int]) -> float:
    """Return one uniform number in (0, 1) that belongs to ``counter`` alone, say (cell, step)."""
    key = np.array([seed, stream], dtype=np.uint64)
    return float(_unit_interval(np.random.Philox(counter=[0, *counter, 0], key=key).random_raw(1))[0])


def uniform_per_boundary(boundary_pairs: np.ndarray, seed: int, draw: int = 0) -> np.ndarray:
    """Draw one uniform number in (0, 1) for each grain boundary, keyed on (seed, its two grains).

    Parameters
    ----------
    boundary_pairs : int, ``(n, 2)``: the grain ids on both sides; their order does not matter.
    seed : of the microstructure, >= 0.
    draw : numbers the property drawn, so that two properties of a boundary are independent.

    Returns
    -------
    values : ``(n,)``; a boundary keeps its value whatever the grid and whatever other boundaries there are.
    """
    pairs = np.sort(np.asarray(boundary_pairs, dtype=np.uint64).reshape(-1, 2), axis=1)
    names = (pairs[:, 0] << np.uint64(32)) | pairs[:, 1]
    bits = np.array(
        [
            np.random.Philox(counter=[0, draw, 0, 0], key=np.array([seed, name], dtype=np.uint64)).random_raw()
            for name in names
        ],
        dtype=np.uint64,
    )
    return _unit_interval(bits)


def lognormal_per_boundary(
    boundary_pairs: np.ndarray, seed: int, median: float, log_width: float, draw: int = 0
) -> np.ndarray:
    """Draw median · exp(log_width · N(0, 1)) for each grain boundary, keyed on (seed, its two grains).

    ``log_width`` is the standard deviation of the natural logarithm; 0 gives every boundary the median.
    Other arguments and the shape ``(n,)`` as in `uniform_per_boundary`; the unit is that of ``median``.
    """
    if median <= 0.0 or log_width < 0.0:
        raise ValueError(f"a log-normal needs a median > 0 and a width >= 0, not {median:g} and {log_width:g}")
    return median * np.exp(log_width * ndtri(uniform_per_boundary(boundary_pairs, seed, draw)))
