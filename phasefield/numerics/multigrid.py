"""Multigrid for two coupled diffusion-like unknowns per cell on a box, with one lumped node.

The linear system, in unknowns u_0 and u_1 of each cell and the node's value v::

    sum over faces g_k (u_k - neighbour) + c (u_k - u_other) = f_k        k = 0, 1
    sum over the high faces g_k (v - u_k)                     = f_v

with conductances g >= 0 on faces and a coupling c >= 0 in cells: symmetric, positive semi-definite. Arrays
carry one ghost layer, ``[k, 0 … nx+1, 0 … ny+1]``; cell (i, j) of the box is entry (i, j) counted from 1::

        gx[k, i-1, j]   gx[k, i, j]
    i-1      |     i     |     i+1        gy[k, i, j-1] and gy[k, i, j] likewise along y

Face ``gx[:, 0]`` leads to ground (value 0), face ``gx[:, nx]`` to the node, whose value stands in ghost row
``nx + 1``. Faces ``gy[:, :, 0]`` and ``gy[:, :, ny]`` are one periodic face, or closed (0).

All levels live one behind the other in flat arrays, so that one compiled function walks them. Rows of a colour do
not depend on each other: with ``parallel`` large levels are relaxed by all threads, with the same result to the bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from phasefield.numerics.levels import FX, FY, NX, NY, Hierarchy, cell_view, x_view, y_view

__all__ = ["Hierarchy", "fill_ghosts", "set_up", "v_cycle"]

PARALLEL_CELLS = 50_000  # threads cost more than they save on smaller levels (172 x 120: two threads are 10 % slower)


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
def _coarsen_x(fine, coarse, fx, fy):
    """Make the conductances of a coarse level's x faces: rows of an aggregate add."""
    n, m = fine.shape[1] - 1, fine.shape[2] - 2
    coarse[:] = 0.0
    for i_c in range(coarse.shape[1]):
        i = min(i_c * fx, n)
        low = fx == 2 and i > 1 and i % 2 == 0
        high = fx == 2 and i + 1 < n
        for k in range(2):
            for j in range(1, m + 1):
                inner_low = fine[k, i - 1, j] if low else 0.0
                inner_high = fine[k, i + 1, j] if high else 0.0
                coarse[k, i_c, (j - 1) // fy + 1] += _coarse_conductance(fine[k, i, j], inner_low, inner_high)


@njit(cache=True)
def _coarsen_y(fine, coarse, fx, fy):
    """As ``_coarsen_x``, along y; the periodic face joins the last aggregate to the first."""
    n, m = fine.shape[1] - 2, fine.shape[2] - 1
    last = coarse.shape[2] - 1
    coarse[:] = 0.0
    if last == 1:
        return
    for i in range(1, n + 1):
        for j_c in range(last):
            j = j_c * fy
            j_low = j - 1 if j > 0 else m - 1
            low = fy == 2 and (j > 0 or m % 2 == 0)
            high = fy == 2 and j + 1 < m
            for k in range(2):
                inner_low = fine[k, i, j_low] if low else 0.0
                inner_high = fine[k, i, j + 1] if high else 0.0
                coarse[k, (i - 1) // fx + 1, j_c] += _coarse_conductance(fine[k, i, j], inner_low, inner_high)
    coarse[:, :, last] = coarse[:, :, 0]


@njit(cache=True)
def _sum_cells(fine, coarse, fx, fy):
    coarse[:] = 0.0
    for i in range(1, fine.shape[0] - 1):
        for j in range(1, fine.shape[1] - 1):
            coarse[(i - 1) // fx + 1, (j - 1) // fy + 1] += fine[i, j]


@njit(cache=True)
def _invert_blocks(gx, gy, coupling, inverse):
    """Invert each cell's 2 x 2 block [d0 + c, -c; -c, d1 + c]."""
    for i in range(1, coupling.shape[0] - 1):
        for j in range(1, coupling.shape[1] - 1):
            c = coupling[i, j]
            d0 = gx[0, i - 1, j] + gx[0, i, j] + gy[0, i, j - 1] + gy[0, i, j]
            d1 = gx[1, i - 1, j] + gx[1, i, j] + gy[1, i, j - 1] + gy[1, i, j]
            determinant = d0 * d1 + c * (d0 + d1)
            inverse[0, i, j] = (d1 + c) / determinant
            inverse[1, i, j] = (d0 + c) / determinant
            inverse[2, i, j] = c / determinant


@njit(cache=True)
def _invert_coarsest(gx, gy, coupling, free_node, direct):
    """Assemble the coarsest system densely and invert it; a node that is held gets a unit row."""
    nx, ny = coupling.shape[0] - 2, coupling.shape[1] - 2
    n = nx * ny
    a = np.zeros(direct.shape)
    for k in range(2):
        for i in range(1, nx + 1):
            for j in range(1, ny + 1):
                me = k * n + (i - 1) * ny + j - 1
                other = (1 - k) * n + (i - 1) * ny + j - 1
                a[me, me] += coupling[i, j]
                a[me, other] -= coupling[i, j]
                a[me, me] += gx[k, i - 1, j] + gx[k, i, j]
                if i > 1:
                    a[me, me - ny] -= gx[k, i - 1, j]
                if i < nx:
                    a[me, me + ny] -= gx[k, i, j]
                elif free_node:
                    a[me, 2 * n] -= gx[k, i, j]
                    a[2 * n, me] -= gx[k, i, j]
                    a[2 * n, 2 * n] += gx[k, i, j]
                if ny > 1:
                    right = k * n + (i - 1) * ny + j % ny
                    g = gy[k, i, j]
                    a[me, me] += g
                    a[me, right] -= g
                    a[right, right] += g
                    a[right, me] -= g
    if a[2 * n, 2 * n] == 0.0:
        a[2 * n, 2 * n] = 1.0
    direct[:] = np.linalg.inv(a)


@njit(cache=True)
def set_up(levels, gx, gy, coupling, inverse, u, f, node, direct, free_node):
    """Make the coarse levels from level 0 (gx, gy, coupling filled, periodic faces twice)."""
    last = levels.shape[0] - 1
    for level in range(levels.shape[0]):
        lx, ly, lc = x_view(gx, levels, level), y_view(gy, levels, level), cell_view(coupling, levels, level, 1)[0]
        _invert_blocks(lx, ly, lc, cell_view(inverse, levels, level, 3))
        total = 0.0
        for k in range(2):
            for j in range(1, lx.shape[2] - 1):
                total += lx[k, -1, j]
        node[level, 2] = total
        if level < last:
            fx, fy = levels[level, FX], levels[level, FY]
            _coarsen_x(lx, x_view(gx, levels, level + 1), fx, fy)
            _coarsen_y(ly, y_view(gy, levels, level + 1), fx, fy)
            _sum_cells(lc, cell_view(coupling, levels, level + 1, 1)[0], fx, fy)
        else:
            _invert_coarsest(lx, ly, lc, free_node, direct)


@njit(cache=True)
def fill_ghosts(u, node_value):
    """Set the ghost columns (periodic copies) and the ghost rows (ground and node)."""
    nx, ny = u.shape[1] - 2, u.shape[2] - 2
    for k in range(2):
        for i in range(1, nx + 1):
            u[k, i, 0] = u[k, i, ny]
            u[k, i, ny + 1] = u[k, i, 1]
        for j in range(ny + 2):
            u[k, 0, j] = 0.0
            u[k, nx + 1, j] = node_value


@njit(cache=True)
def _relax_row(u, f, gx, gy, inverse, i, colour):
    """Solve the 2 x 2 block of every cell of one colour in row i: (i + j) odd is colour 0."""
    ny = u.shape[2] - 2
    for j in range(2 - (i + colour + 1) % 2, ny + 1, 2):
        a = f[0, i, j] + gx[0, i - 1, j] * u[0, i - 1, j] + gx[0, i, j] * u[0, i + 1, j]
        a += gy[0, i, j - 1] * u[0, i, j - 1] + gy[0, i, j] * u[0, i, j + 1]
        b = f[1, i, j] + gx[1, i - 1, j] * u[1, i - 1, j] + gx[1, i, j] * u[1, i + 1, j]
        b += gy[1, i, j - 1] * u[1, i, j - 1] + gy[1, i, j] * u[1, i, j + 1]
        u[0, i, j] = inverse[0, i, j] * a + inverse[2, i, j] * b
        u[1, i, j] = inverse[2, i, j] * a + inverse[1, i, j] * b
    for k in range(2):
        u[k, i, 0] = u[k, i, ny]
        u[k, i, ny + 1] = u[k, i, 1]


@njit(cache=True)
def _relax_node(u, gx, rhs, total):
    """Balance the node and put its value into the ghost row; returns it."""
    nx, ny = u.shape[1] - 2, u.shape[2] - 2
    value = rhs
    for k in range(2):
        for j in range(1, ny + 1):
            value += gx[k, nx, j] * u[k, nx, j]
    value /= total
    for k in range(2):
        for j in range(ny + 2):
            u[k, nx + 1, j] = value
    return value


@njit(cache=True)
def _relax_serial(u, f, gx, gy, inverse, colour):
    for i in range(1, u.shape[1] - 1):
        _relax_row(u, f, gx, gy, inverse, i, colour)


@njit(parallel=True, cache=True)
def _relax_parallel(u, f, gx, gy, inverse, colour):
    for i in prange(1, u.shape[1] - 1):
        _relax_row(u, f, gx, gy, inverse, i, colour)


@njit(cache=True)
def _relax(u, f, gx, gy, inverse, first_colour, parallel):
    """Relax both colours, ``first_colour`` first."""
    for step in range(2):
        if parallel:
            _relax_parallel(u, f, gx, gy, inverse, (first_colour + step) % 2)
        else:
            _relax_serial(u, f, gx, gy, inverse, (first_colour + step) % 2)


@njit(cache=True)
def _restrict_row(u, f, gx, gy, coupling, fx, fy, coarse, i_c):
    """Sum the residual f - A u over the aggregates of one coarse row."""
    coarse[:, i_c] = 0.0
    for i in range((i_c - 1) * fx + 1, min(i_c * fx, u.shape[1] - 2) + 1):
        for j in range(1, u.shape[2] - 1):
            j_c = (j - 1) // fy + 1
            c0, c1 = u[0, i, j], u[1, i, j]
            exchange = coupling[i, j] * (c0 - c1)
            out = gx[0, i - 1, j] * (c0 - u[0, i - 1, j]) + gx[0, i, j] * (c0 - u[0, i + 1, j])
            out += gy[0, i, j - 1] * (c0 - u[0, i, j - 1]) + gy[0, i, j] * (c0 - u[0, i, j + 1])
            coarse[0, i_c, j_c] += f[0, i, j] - out - exchange
            out = gx[1, i - 1, j] * (c1 - u[1, i - 1, j]) + gx[1, i, j] * (c1 - u[1, i + 1, j])
            out += gy[1, i, j - 1] * (c1 - u[1, i, j - 1]) + gy[1, i, j] * (c1 - u[1, i, j + 1])
            coarse[1, i_c, j_c] += f[1, i, j] - out + exchange


@njit(parallel=True, cache=True)
def _restrict_parallel(u, f, gx, gy, coupling, fx, fy, coarse):
    for i_c in prange(1, coarse.shape[1] - 1):
        _restrict_row(u, f, gx, gy, coupling, fx, fy, coarse, i_c)


@njit(cache=True)
def _restrict_residual(u, f, gx, gy, coupling, fx, fy, coarse, parallel):
    if parallel:
        _restrict_parallel(u, f, gx, gy, coupling, fx, fy, coarse)
    else:
        for i_c in range(1, coarse.shape[1] - 1):
            _restrict_row(u, f, gx, gy, coupling, fx, fy, coarse, i_c)


@njit(cache=True)
def _add_coarse(u, fx, fy, coarse):
    for k in range(2):
        for i in range(1, u.shape[1] - 1):
            for j in range(1, u.shape[2] - 1):
                u[k, i, j] += coarse[k, (i - 1) // fx + 1, (j - 1) // fy + 1]


@njit(cache=True)
def _solve_coarsest(u, f, node, direct, free_node):
    nx, ny = u.shape[1] - 2, u.shape[2] - 2
    n = nx * ny
    rhs = np.empty(2 * n + 1)
    for k in range(2):
        for i in range(nx):
            for j in range(ny):
                rhs[k * n + i * ny + j] = f[k, i + 1, j + 1]
    rhs[2 * n] = node[1] if free_node else 0.0
    x = direct @ rhs
    for k in range(2):
        for i in range(nx):
            for j in range(ny):
                u[k, i + 1, j + 1] = x[k * n + i * ny + j]
    node[0] = x[2 * n]


@njit(cache=True)
def v_cycle(levels, gx, gy, coupling, inverse, u, f, node, direct, free_node, sweeps, parallel):
    """Approximate A^-1 f by one symmetric V-cycle from zero; level 0 of f, node[0, 1] in, u, node[0, 0] out."""
    last = levels.shape[0] - 1
    for level in range(last):
        lu, lf = cell_view(u, levels, level, 2), cell_view(f, levels, level, 2)
        lx, ly = x_view(gx, levels, level), y_view(gy, levels, level)
        lc, li = cell_view(coupling, levels, level, 1)[0], cell_view(inverse, levels, level, 3)
        lu[:] = 0.0
        node[level, 0] = 0.0
        shared = parallel and levels[level, NX] * levels[level, NY] >= PARALLEL_CELLS
        for _ in range(sweeps):
            _relax(lu, lf, lx, ly, li, 0, shared)
            if free_node:
                node[level, 0] = _relax_node(lu, lx, node[level, 1], node[level, 2])
        fx, fy = levels[level, FX], levels[level, FY]
        _restrict_residual(lu, lf, lx, ly, lc, fx, fy, cell_view(f, levels, level + 1, 2), shared)
        node[level + 1, 1] = 0.0
    _solve_coarsest(cell_view(u, levels, last, 2), cell_view(f, levels, last, 2), node[last], direct, free_node)
    for level in range(last - 1, -1, -1):
        lu, lf = cell_view(u, levels, level, 2), cell_view(f, levels, level, 2)
        lx, ly, li = x_view(gx, levels, level), y_view(gy, levels, level), cell_view(inverse, levels, level, 3)
        shared = parallel and levels[level, NX] * levels[level, NY] >= PARALLEL_CELLS
        _add_coarse(lu, levels[level, FX], levels[level, FY], cell_view(u, levels, level + 1, 2))
        node[level, 0] += node[level + 1, 0]
        fill_ghosts(lu, node[level, 0])
        for _ in range(sweeps):
            if free_node:
                node[level, 0] = _relax_node(lu, lx, node[level, 1], node[level, 2])
            _relax(lu, lf, lx, ly, li, 1, shared)
