"""Multigrid for two coupled diffusion-like unknowns per cell on a box, with one lumped node.

The linear system, in unknowns u_0 and u_1 of each cell and the node's value v::

    sum over faces g_c (u_c - neighbour) + k (u_c - u_other) = f_c        c = 0, 1
    sum over the high faces g_c (v - u_c)                    = f_v

with conductances g >= 0 on faces and a coupling k >= 0 in cells: symmetric, positive semi-definite. Axes x and z carry
one ghost layer, the middle axis y is wrapped by its index: arrays are ``[c, 0 … nx+1, 0 … ny-1, 0 … nz+1]``, cell
(i, j, k) of the box, counted from 0, is entry (i + 1, j, k + 1)::

        gx[c, i-1, j, k]   gx[c, i, j, k]
    i-1        |       i       |       i+1       gz[c, i, j, k-1] and gz[c, i, j, k] likewise along z
        gy[c, i, j, k]   gy[c, i, j+1, k]
    j-1        |       j       |       j+1       the last j is followed by the first

A 2-D grid ``[x, y]`` is a box with one layer: its second axis is z here, and ``gy`` is empty. The innermost loop then
runs along memory in 2-D and in 3-D, and one body serves both: tests of ``three`` do not change along a row.

Face ``gx[:, 0]`` leads to ground (value 0), face ``gx[:, nx]`` to the node, whose value stands in ghost row
``nx + 1``. Faces ``gz[..., 0]`` and ``gz[..., nz]`` are one periodic face, or closed (0); so is ``gy[:, :, 0]``.

All levels live one behind the other in flat arrays, so that one compiled function walks them. Planes of a colour do
not depend on each other: with ``parallel`` large levels are relaxed by all threads, with the same result to the bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from phasefield.numerics.coarsening import coarsen, sum_cells
from phasefield.numerics.levels import FX, FY, FZ, NX, NY, NZ, Hierarchy, cell_view, x_view, y_view, z_view

__all__ = ["Hierarchy", "fill_ghosts", "set_up", "v_cycle"]

PARALLEL_CELLS = 50_000  # threads cost more than they save on smaller levels (172 x 120: two threads are 10 % slower)


@njit(cache=True)
def _invert_blocks(gx, gy, gz, coupling, inverse):
    """Invert each cell's 2 x 2 block [d0 + c, -c; -c, d1 + c]."""
    ny = coupling.shape[1]
    three = ny > 1
    for i in range(1, coupling.shape[0] - 1):
        for j in range(ny):
            after = j + 1 if j + 1 < ny else 0
            for k in range(1, coupling.shape[2] - 1):
                c = coupling[i, j, k]
                d0 = gx[0, i - 1, j, k] + gx[0, i, j, k] + gz[0, i, j, k - 1] + gz[0, i, j, k]
                d1 = gx[1, i - 1, j, k] + gx[1, i, j, k] + gz[1, i, j, k - 1] + gz[1, i, j, k]
                if three:
                    d0 += gy[0, i, j, k] + gy[0, i, after, k]
                    d1 += gy[1, i, j, k] + gy[1, i, after, k]
                determinant = d0 * d1 + c * (d0 + d1)
                inverse[0, i, j, k] = (d1 + c) / determinant
                inverse[1, i, j, k] = (d0 + c) / determinant
                inverse[2, i, j, k] = c / determinant


@njit(cache=True)
def _join(a, first, second, g):
    a[first, first] += g
    a[second, second] += g
    a[first, second] -= g
    a[second, first] -= g


@njit(cache=True)
def _invert_coarsest(gx, gy, gz, coupling, free_node, direct):
    """Assemble the coarsest system densely and invert it; a node that is held gets a unit row."""
    nx, ny, nz = coupling.shape[0] - 2, coupling.shape[1], coupling.shape[2] - 2
    n = nx * ny * nz
    a = np.zeros(direct.shape)
    for c in range(2):
        for i in range(nx):
            for j in range(ny):
                for k in range(nz):
                    me = c * n + (i * ny + j) * nz + k
                    if c == 0:
                        _join(a, me, n + me, coupling[i + 1, j, k + 1])
                    if i == 0:
                        a[me, me] += gx[c, 0, j, k + 1]
                    if i + 1 < nx:
                        _join(a, me, me + ny * nz, gx[c, i + 1, j, k + 1])
                    elif free_node:
                        _join(a, me, 2 * n, gx[c, nx, j, k + 1])
                    else:
                        a[me, me] += gx[c, nx, j, k + 1]
                    if ny > 1:
                        _join(a, me, c * n + (i * ny + (j + 1) % ny) * nz + k, gy[c, i + 1, (j + 1) % ny, k + 1])
                    if nz > 1:
                        _join(a, me, c * n + (i * ny + j) * nz + (k + 1) % nz, gz[c, i + 1, j, k + 1])
    if a[2 * n, 2 * n] == 0.0:
        a[2 * n, 2 * n] = 1.0
    direct[:] = np.linalg.inv(a)


@njit(cache=True)
def set_up(levels, gx, gy, gz, coupling, inverse, u, f, node, direct, free_node):
    """Make the coarse levels from level 0 (faces and coupling filled, periodic z faces twice)."""
    last = levels.shape[0] - 1
    for level in range(levels.shape[0]):
        lx, ly, lz = x_view(gx, levels, level), y_view(gy, levels, level), z_view(gz, levels, level)
        lc = cell_view(coupling, levels, level, 1)[0]
        _invert_blocks(lx, ly, lz, lc, cell_view(inverse, levels, level, 3))
        total = 0.0
        for c in range(2):
            for j in range(lx.shape[2]):
                for k in range(1, lx.shape[3] - 1):
                    total += lx[c, -1, j, k]
        node[level, 2] = total
        if level < last:
            fx, fy, fz = levels[level, FX], levels[level, FY], levels[level, FZ]
            cx, cy, cz = x_view(gx, levels, level + 1), y_view(gy, levels, level + 1), z_view(gz, levels, level + 1)
            coarsen(lx, ly, lz, cx, cy, cz, fx, fy, fz)
            sum_cells(lc, cell_view(coupling, levels, level + 1, 1)[0], fx, fy, fz)
        else:
            _invert_coarsest(lx, ly, lz, lc, free_node, direct)


@njit(cache=True)
def fill_ghosts(u, node_value):
    """Set the ghost layers along z (periodic copies) and along x (ground and node)."""
    nx, nz = u.shape[1] - 2, u.shape[3] - 2
    for c in range(2):
        u[c, 0] = 0.0
        u[c, nx + 1] = node_value
        for i in range(1, nx + 1):
            for j in range(u.shape[2]):
                u[c, i, j, 0] = u[c, i, j, nz]
                u[c, i, j, nz + 1] = u[c, i, j, 1]


@njit(cache=True)
def _relax_plane(u, f, gx, gy, gz, inverse, i, colour, backward):
    """Solve the 2 x 2 block of every cell of one colour in plane i: (i + j + k) odd is colour 0.

    ``backward`` goes through the rows the other way: with an odd number of layers the first and the last one, which
    touch, are of one colour, and only so is a sweep the transpose of the other.
    """
    ny, nz = u.shape[2], u.shape[3] - 2
    three = ny > 1
    for step in range(ny):
        j = ny - 1 - step if backward else step
        before = j - 1 if j > 0 else ny - 1
        after = j + 1 if j + 1 < ny else 0
        for k in range(2 - (i + j + colour + 1) % 2, nz + 1, 2):
            a = f[0, i, j, k] + gx[0, i - 1, j, k] * u[0, i - 1, j, k] + gx[0, i, j, k] * u[0, i + 1, j, k]
            a += gz[0, i, j, k - 1] * u[0, i, j, k - 1] + gz[0, i, j, k] * u[0, i, j, k + 1]
            b = f[1, i, j, k] + gx[1, i - 1, j, k] * u[1, i - 1, j, k] + gx[1, i, j, k] * u[1, i + 1, j, k]
            b += gz[1, i, j, k - 1] * u[1, i, j, k - 1] + gz[1, i, j, k] * u[1, i, j, k + 1]
            if three:
                a += gy[0, i, j, k] * u[0, i, before, k] + gy[0, i, after, k] * u[0, i, after, k]
                b += gy[1, i, j, k] * u[1, i, before, k] + gy[1, i, after, k] * u[1, i, after, k]
            u[0, i, j, k] = inverse[0, i, j, k] * a + inverse[2, i, j, k] * b
            u[1, i, j, k] = inverse[2, i, j, k] * a + inverse[1, i, j, k] * b
        for c in range(2):
            u[c, i, j, 0] = u[c, i, j, nz]
            u[c, i, j, nz + 1] = u[c, i, j, 1]


@njit(cache=True)
def _relax_node(u, gx, rhs, total):
    """Balance the node and put its value into the ghost row; returns it."""
    nx = u.shape[1] - 2
    value = rhs
    for c in range(2):
        for j in range(u.shape[2]):
            for k in range(1, u.shape[3] - 1):
                value += gx[c, nx, j, k] * u[c, nx, j, k]
    value /= total
    for c in range(2):
        u[c, nx + 1] = value
    return value


@njit(cache=True)
def _relax_serial(u, f, gx, gy, gz, inverse, colour, backward):
    for i in range(1, u.shape[1] - 1):
        _relax_plane(u, f, gx, gy, gz, inverse, i, colour, backward)


@njit(parallel=True, cache=True)
def _relax_parallel(u, f, gx, gy, gz, inverse, colour, backward):
    for i in prange(1, u.shape[1] - 1):
        _relax_plane(u, f, gx, gy, gz, inverse, i, colour, backward)


@njit(cache=True)
def _relax(u, f, gx, gy, gz, inverse, backward, parallel):
    """Relax both colours, colour 0 first, or the other way round."""
    for step in range(2):
        colour = 1 - step if backward else step
        if parallel:
            _relax_parallel(u, f, gx, gy, gz, inverse, colour, backward)
        else:
            _relax_serial(u, f, gx, gy, gz, inverse, colour, backward)


@njit(cache=True)
def _restrict_plane(u, f, gx, gy, gz, coupling, fx, fy, fz, coarse, i_c):
    """Sum the residual f - A u over the aggregates of one coarse plane."""
    ny = u.shape[2]
    three = ny > 1
    coarse[:, i_c] = 0.0
    for i in range((i_c - 1) * fx + 1, min(i_c * fx, u.shape[1] - 2) + 1):
        for j in range(ny):
            before = j - 1 if j > 0 else ny - 1
            after = j + 1 if j + 1 < ny else 0
            j_c = j // fy
            for k in range(1, u.shape[3] - 1):
                k_c = (k - 1) // fz + 1
                c0, c1 = u[0, i, j, k], u[1, i, j, k]
                exchange = coupling[i, j, k] * (c0 - c1)
                out = gx[0, i - 1, j, k] * (c0 - u[0, i - 1, j, k]) + gx[0, i, j, k] * (c0 - u[0, i + 1, j, k])
                out += gz[0, i, j, k - 1] * (c0 - u[0, i, j, k - 1]) + gz[0, i, j, k] * (c0 - u[0, i, j, k + 1])
                if three:
                    out += gy[0, i, j, k] * (c0 - u[0, i, before, k]) + gy[0, i, after, k] * (c0 - u[0, i, after, k])
                coarse[0, i_c, j_c, k_c] += f[0, i, j, k] - out - exchange
                out = gx[1, i - 1, j, k] * (c1 - u[1, i - 1, j, k]) + gx[1, i, j, k] * (c1 - u[1, i + 1, j, k])
                out += gz[1, i, j, k - 1] * (c1 - u[1, i, j, k - 1]) + gz[1, i, j, k] * (c1 - u[1, i, j, k + 1])
                if three:
                    out += gy[1, i, j, k] * (c1 - u[1, i, before, k]) + gy[1, i, after, k] * (c1 - u[1, i, after, k])
                coarse[1, i_c, j_c, k_c] += f[1, i, j, k] - out + exchange


@njit(parallel=True, cache=True)
def _restrict_parallel(u, f, gx, gy, gz, coupling, fx, fy, fz, coarse):
    for i_c in prange(1, coarse.shape[1] - 1):
        _restrict_plane(u, f, gx, gy, gz, coupling, fx, fy, fz, coarse, i_c)


@njit(cache=True)
def _restrict_residual(u, f, gx, gy, gz, coupling, fx, fy, fz, coarse, parallel):
    if parallel:
        _restrict_parallel(u, f, gx, gy, gz, coupling, fx, fy, fz, coarse)
    else:
        for i_c in range(1, coarse.shape[1] - 1):
            _restrict_plane(u, f, gx, gy, gz, coupling, fx, fy, fz, coarse, i_c)


@njit(cache=True)
def _add_coarse(u, fx, fy, fz, coarse):
    for c in range(2):
        for i in range(1, u.shape[1] - 1):
            for j in range(u.shape[2]):
                for k in range(1, u.shape[3] - 1):
                    u[c, i, j, k] += coarse[c, (i - 1) // fx + 1, j // fy, (k - 1) // fz + 1]


@njit(cache=True)
def _solve_coarsest(u, f, node, direct, free_node):
    nx, ny, nz = u.shape[1] - 2, u.shape[2], u.shape[3] - 2
    n = nx * ny * nz
    rhs = np.empty(2 * n + 1)
    for c in range(2):
        for i in range(nx):
            for j in range(ny):
                for k in range(nz):
                    rhs[c * n + (i * ny + j) * nz + k] = f[c, i + 1, j, k + 1]
    rhs[2 * n] = node[1] if free_node else 0.0
    x = direct @ rhs
    for c in range(2):
        for i in range(nx):
            for j in range(ny):
                for k in range(nz):
                    u[c, i + 1, j, k + 1] = x[c * n + (i * ny + j) * nz + k]
    node[0] = x[2 * n]


@njit(cache=True)
def v_cycle(levels, gx, gy, gz, coupling, inverse, u, f, node, direct, free_node, sweeps, parallel):
    """Approximate A^-1 f by one symmetric V-cycle from zero; level 0 of f, node[0, 1] in, u, node[0, 0] out."""
    last = levels.shape[0] - 1
    for level in range(last):
        lu, lf = cell_view(u, levels, level, 2), cell_view(f, levels, level, 2)
        lx, ly, lz = x_view(gx, levels, level), y_view(gy, levels, level), z_view(gz, levels, level)
        lc, li = cell_view(coupling, levels, level, 1)[0], cell_view(inverse, levels, level, 3)
        lu[:] = 0.0
        node[level, 0] = 0.0
        shared = parallel and levels[level, NX] * levels[level, NY] * levels[level, NZ] >= PARALLEL_CELLS
        for _ in range(sweeps):
            _relax(lu, lf, lx, ly, lz, li, False, shared)
            if free_node:
                node[level, 0] = _relax_node(lu, lx, node[level, 1], node[level, 2])
        fx, fy, fz = levels[level, FX], levels[level, FY], levels[level, FZ]
        _restrict_residual(lu, lf, lx, ly, lz, lc, fx, fy, fz, cell_view(f, levels, level + 1, 2), shared)
        node[level + 1, 1] = 0.0
    _solve_coarsest(cell_view(u, levels, last, 2), cell_view(f, levels, last, 2), node[last], direct, free_node)
    for level in range(last - 1, -1, -1):
        lu, lf = cell_view(u, levels, level, 2), cell_view(f, levels, level, 2)
        lx, ly, lz = x_view(gx, levels, level), y_view(gy, levels, level), z_view(gz, levels, level)
        li = cell_view(inverse, levels, level, 3)
        shared = parallel and levels[level, NX] * levels[level, NY] * levels[level, NZ] >= PARALLEL_CELLS
        fx, fy, fz = levels[level, FX], levels[level, FY], levels[level, FZ]
        _add_coarse(lu, fx, fy, fz, cell_view(u, levels, level + 1, 2))
        node[level, 0] += node[level + 1, 0]
        fill_ghosts(lu, node[level, 0])
        for _ in range(sweeps):
            if free_node:
                node[level, 0] = _relax_node(lu, lx, node[level, 1], node[level, 2])
            _relax(lu, lf, lx, ly, lz, li, True, shared)
