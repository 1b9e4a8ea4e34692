"""Conductances and couplings of a coarse level of ``multigrid`` from those of the finer one."""

from __future__ import annotations

from numba import njit


@njit(cache=True)
def _coarse_conductance(face, inner_low, inner_high):
    """Return what a fine face counts for between two aggregates; ``inner``: of the faces inside them, 0 if none.

    The sum of fine conductances would be Galerkin's operator for piecewise constant transfer; it overrates smooth
    errors twofold, since centres of aggregates are twice as far apart. So half the resistance inside each aggregate
    comes in series, at most doubling the face's own: half in the bulk, nearly the whole for a thin resistive sheet.
    Tried: one half everywhere (a third more iterations with sheets), no bound (three times the iterations).
    """
    if face <= 0.0:
        return 0.0
    inside = 0.0
    if inner_low > 0.0:
        inside += 0.5 * face / inner_low
    if inner_high > 0.0:
        inside += 0.5 * face / inner_high
    return face / (1.0 + min(inside, 1.0))


@njit(cache=True)
def _coarsen_x(fine, coarse, fx, fy, fz):
    """Make the conductances of a coarse level's x faces: fine faces side by side add."""
    n = fine.shape[1] - 1
    coarse[:] = 0.0
    for i_c in range(coarse.shape[1]):
        i = min(i_c * fx, n)
        low = fx == 2 and i > 1 and i % 2 == 0
        high = fx == 2 and i + 1 < n
        for c in range(2):
            for j in range(fine.shape[2]):
                for k in range(1, fine.shape[3] - 1):
                    inner_low = fine[c, i - 1, j, k] if low else 0.0
                    inner_high = fine[c, i + 1, j, k] if high else 0.0
                    part = _coarse_conductance(fine[c, i, j, k], inner_low, inner_high)
                    coarse[c, i_c, j // fy, (k - 1) // fz + 1] += part


@njit(cache=True)
def _coarsen_y(fine, coarse, fx, fy, fz):
    """As ``_coarsen_x``, along y, where the first face joins the last layer to the first."""
    n = fine.shape[2]
    coarse[:] = 0.0
    for i in range(1, fine.shape[1] - 1):
        for j_c in range(coarse.shape[2]):
            j = j_c * fy
            j_low = j - 1 if j > 0 else n - 1
            low = fy == 2 and (j > 0 or n % 2 == 0)
            high = fy == 2 and j + 1 < n
            for c in range(2):
                for k in range(1, fine.shape[3] - 1):
                    inner_low = fine[c, i, j_low, k] if low else 0.0
                    inner_high = fine[c, i, j + 1, k] if high else 0.0
                    part = _coarse_conductance(fine[c, i, j, k], inner_low, inner_high)
                    coarse[c, (i - 1) // fx + 1, j_c, (k - 1) // fz + 1] += part


@njit(cache=True)
def _coarsen_z(fine, coarse, fx, fy, fz):
    """As ``_coarsen_x``, along z; the periodic face joins the last aggregate to the first and stands twice."""
    n = fine.shape[3] - 1
    last = coarse.shape[3] - 1
    coarse[:] = 0.0
    if last == 1:
        return
    for i in range(1, fine.shape[1] - 1):
        for j in range(fine.shape[2]):
            for k_c in range(last):
                k = k_c * fz
                k_low = k - 1 if k > 0 else n - 1
                low = fz == 2 and (k > 0 or n % 2 == 0)
                high = fz == 2 and k + 1 < n
                for c in range(2):
                    inner_low = fine[c, i, j, k_low] if low else 0.0
                    inner_high = fine[c, i, j, k + 1] if high else 0.0
                    part = _coarse_conductance(fine[c, i, j, k], inner_low, inner_high)
                    coarse[c, (i - 1) // fx + 1, j // fy, k_c] += part
    coarse[:, :, :, last] = coarse[:, :, :, 0]


@njit(cache=True)
def coarsen(gx, gy, gz, coarse_x, coarse_y, coarse_z, fx, fy, fz):
    """Write the conductances of the coarse level's faces; ``fx``, ``fy``, ``fz`` cells merge along each axis."""
    _coarsen_x(gx, coarse_x, fx, fy, fz)
    _coarsen_y(gy, coarse_y, fx, fy, fz)
    _coarsen_z(gz, coarse_z, fx, fy, fz)


@njit(cache=True)
def sum_cells(fine, coarse, fx, fy, fz):
    """Write the sums of a cell quantity over the aggregates."""
    coarse[:] = 0.0
    for i in range(1, fine.shape[0] - 1):
        for j in range(fine.shape[1]):
            for k in range(1, fine.shape[2] - 1):
                coarse[(i - 1) // fx + 1, j // fy, (k - 1) // fz + 1] += fine[i, j, k]
