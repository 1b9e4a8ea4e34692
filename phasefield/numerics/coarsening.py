"""Conductances and couplings of a coarse level of ``multigrid`` from those of the finer one."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from phasefield.numerics.kernel import kernel

HALF, ONE, NOTHING = np.float32(0.5), np.float32(1.0), np.float32(0.0)
BOUND = np.float32(3.0)


@kernel(inline=True)
def _in_series(face, inner_low, inner_high):
    """Return what a fine face counts for between two aggregates; ``inner``: of the faces inside them, 0 if none.

    The sum of fine conductances would be Galerkin's operator for piecewise constant transfer; it overrates smooth
    errors twofold, since centres of aggregates are twice as far apart. So half the resistance inside each aggregate
    comes in series: half of the conductance is left in the bulk, nearly the whole for a thin resistive sheet. It adds at
    most ``BOUND`` times the face's own. Iterations on a web, with leaky boundaries, with NASICON's sheets: 27, 30 and 39
    with a bound of 1; 25, 23 and 42 with 3; 26, 23 and 43 with 4; 54, 26 and 51 with 10.
    """
    inside = HALF * face / inner_low if inner_low > NOTHING else NOTHING
    inside += HALF * face / inner_high if inner_high > NOTHING else NOTHING
    return face / (ONE + min(inside, BOUND))


@kernel(inline=True)
def merge(row, factor, coarse):
    """Add a row of cells, without its ghosts, to the aggregates of a coarse row."""
    n = row.size - 2
    if factor == 1:
        for k in range(1, n + 1):
            coarse[k] += row[k]
        return
    for k in range(n // 2):
        coarse[k + 1] += row[2 * k + 1] + row[2 * k + 2]
    if n % 2 == 1:
        coarse[n // 2 + 1] += row[n]


@kernel
def _face_row(face, low, high, row):
    """Write what a row of faces counts for; ``low``, ``high``: rows of faces inside the aggregates."""
    for k in range(1, row.size - 1):
        row[k] = _in_series(face[k], low[k], high[k])


@njit(cache=True, error_model="numpy")
def coarsen_x(fine, coarse, fx, fy, fz, i_c):
    """Make plane ``i_c`` of a coarse level's x faces: fine faces side by side add."""
    n = fine.shape[1] - 1
    i = min(i_c * fx, n)
    low = fx == 2 and i > 1 and i % 2 == 0
    high = fx == 2 and i + 1 < n
    none, row = np.zeros(fine.shape[3], dtype=np.float32), np.empty(fine.shape[3], dtype=np.float32)
    coarse[:, i_c] = NOTHING
    for c in range(2):
        for j in range(fine.shape[2]):
            _face_row(fine[c, i, j], fine[c, i - 1, j] if low else none, fine[c, i + 1, j] if high else none, row)
            merge(row, fz, coarse[c, i_c, j // fy])


@njit(cache=True, error_model="numpy")
def _coarsen_y(fine, coarse, fx, fy, fz, i_c):
    """Make plane ``i_c`` of the coarse y faces; the first face joins the last layer to the first."""
    n = fine.shape[2]
    none, row = np.zeros(fine.shape[3], dtype=np.float32), np.empty(fine.shape[3], dtype=np.float32)
    coarse[:, i_c] = NOTHING
    for i in range((i_c - 1) * fx + 1, min(i_c * fx, fine.shape[1] - 2) + 1):
        for j_c in range(coarse.shape[2]):
            j = j_c * fy
            low = fy == 2 and (j > 0 or n % 2 == 0)
            high = fy == 2 and j + 1 < n
            before = j - 1 if j > 0 else n - 1
            for c in range(2):
                inner_low, inner_high = fine[c, i, before] if low else none, fine[c, i, j + 1] if high else none
                _face_row(fine[c, i, j], inner_low, inner_high, row)
                merge(row, fz, coarse[c, i_c, j_c])


@kernel
def _coarsen_z(fine, coarse, fx, fy, fz, i_c):
    """Make plane ``i_c`` of the coarse z faces; the periodic face joins the last aggregate to the first, stands twice."""
    n = fine.shape[3] - 1
    last = coarse.shape[3] - 1
    coarse[:, i_c] = NOTHING
    if last == 1:
        return
    for i in range((i_c - 1) * fx + 1, min(i_c * fx, fine.shape[1] - 2) + 1):
        for j in range(fine.shape[2]):
            for c in range(2):
                row, out = fine[c, i, j], coarse[c, i_c, j // fy]
                if fz == 1:
                    for k in range(last):
                        out[k] += row[k]
                else:
                    out[0] += _in_series(row[0], row[n - 1] if n % 2 == 0 else NOTHING, row[1])
                    for k in range(1, (n - 1) // 2 + 1):
                        inner_high = row[2 * k + 1] if 2 * k + 1 < n else NOTHING
                        out[k] += _in_series(row[2 * k], row[2 * k - 1], inner_high)
    for j in range(coarse.shape[2]):
        for c in range(2):
            coarse[c, i_c, j, last] = coarse[c, i_c, j, 0]


@njit(cache=True)
def _coarsen_plane(fine_x, fine_y, fine_z, coarse_x, coarse_y, coarse_z, fx, fy, fz, i_c):
    coarsen_x(fine_x, coarse_x, fx, fy, fz, i_c)
    if i_c > 0:
        _coarsen_y(fine_y, coarse_y, fx, fy, fz, i_c)
        _coarsen_z(fine_z, coarse_z, fx, fy, fz, i_c)


@njit(parallel=True, cache=True)
def _coarsen_parallel(fine_x, fine_y, fine_z, coarse_x, coarse_y, coarse_z, fx, fy, fz):
    for i_c in prange(coarse_x.shape[1]):
        _coarsen_plane(fine_x, fine_y, fine_z, coarse_x, coarse_y, coarse_z, fx, fy, fz, i_c)


@njit(cache=True)
def coarsen(fine_x, fine_y, fine_z, coarse_x, coarse_y, coarse_z, fx, fy, fz, large):
    """Write the conductances of the coarse level's faces; ``fx``, ``fy``, ``fz`` cells merge along each axis."""
    if large:
        _coarsen_parallel(fine_x, fine_y, fine_z, coarse_x, coarse_y, coarse_z, fx, fy, fz)
    else:
        for i_c in range(coarse_x.shape[1]):
            _coarsen_plane(fine_x, fine_y, fine_z, coarse_x, coarse_y, coarse_z, fx, fy, fz, i_c)


@kernel
def _sum_plane(fine, coarse, fx, fy, fz, i_c):
    coarse[i_c] = NOTHING
    for i in range((i_c - 1) * fx + 1, min(i_c * fx, fine.shape[0] - 2) + 1):
        for j in range(fine.shape[1]):
            merge(fine[i, j], fz, coarse[i_c, j // fy])


@njit(parallel=True, cache=True)
def _sum_cells_parallel(fine, coarse, fx, fy, fz):
    for i_c in prange(1, coarse.shape[0] - 1):
        _sum_plane(fine, coarse, fx, fy, fz, i_c)


@njit(cache=True)
def sum_cells(fine, coarse, fx, fy, fz, large):
    """Write the sums of a cell quantity over the aggregates."""
    if large:
        _sum_cells_parallel(fine, coarse, fx, fy, fz)
    else:
        for i_c in range(1, coarse.shape[0] - 1):
            _sum_plane(fine, coarse, fx, fy, fz, i_c)
