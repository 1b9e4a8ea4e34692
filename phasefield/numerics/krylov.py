"""Conjugate gradients for the block system of ``multigrid``, preconditioned by its V-cycle.

Regions that neither coarse boxes nor networks see (a grain between resistive sheets, a nucleus) may each get one unknown
more, constant on the region: columns of Z. With E = Z^T A Z and Q = Z E^-1 Z^T the preconditioner is (1 - Q A) V + Q, V
the cycle, from a start with Z^T r = 0 (A-DEF2 of Tang, Nabben, Vuik and Erlangga 2009): one more product with A per
iteration.

Vectors are in double precision, the preconditioner works in single. Sums are added plane by plane and row by row in a
fixed order: results are the same to the bit for any number of threads.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from phasefield.numerics.levels import cell_view
from phasefield.numerics.multigrid import fill_ghosts, v_cycle


@njit(cache=True, error_model="numpy")
def _apply_plane(u, gx, gy, gz, coupling, out, i):
    """Write plane i of A u and return its share of u . A u."""
    total = 0.0
    ny, nz = u.shape[2], u.shape[3] - 2
    three = ny > 1
    for j in range(ny):
        before = j - 1 if j > 0 else ny - 1
        after = j + 1 if j + 1 < ny else 0
        u_0, u_1 = u[0, i, j], u[1, i, j]
        west_0, east_0, west_1, east_1 = u[0, i - 1, j], u[0, i + 1, j], u[1, i - 1, j], u[1, i + 1, j]
        south_0, north_0, south_1, north_1 = u[0, i, before], u[0, i, after], u[1, i, before], u[1, i, after]
        low_0, high_0, low_1, high_1 = gx[0, i - 1, j], gx[0, i, j], gx[1, i - 1, j], gx[1, i, j]
        y = gy if three else gx  # not read in 2-D
        down_0, up_0, down_1, up_1 = y[0, i, j], y[0, i, after], y[1, i, j], y[1, i, after]
        side_0, side_1 = gz[0, i, j], gz[1, i, j]
        c, out_0, out_1 = coupling[i, j], out[0, i, j], out[1, i, j]
        for k in range(1, nz + 1):
            p, q = u_0[k], u_1[k]
            a = low_0[k] * (p - west_0[k]) + high_0[k] * (p - east_0[k])
            b = low_1[k] * (q - west_1[k]) + high_1[k] * (q - east_1[k])
            a += side_0[k - 1] * (p - u_0[k - 1]) + side_0[k] * (p - u_0[k + 1])
            b += side_1[k - 1] * (q - u_1[k - 1]) + side_1[k] * (q - u_1[k + 1])
            if three:
                a += down_0[k] * (p - south_0[k]) + up_0[k] * (p - north_0[k])
                b += down_1[k] * (q - south_1[k]) + up_1[k] * (q - north_1[k])
            exchange = c[k] * (p - q)
            out_0[k] = a + exchange
            out_1[k] = b - exchange
        total += _row_dot(u_0, out_0) + _row_dot(u_1, out_1)
    return total


@njit(cache=True)
def _row_dot(a, b):
    """Return a . b over a row without its ghosts; four sums run side by side, always the same ones."""
    n = a.size - 2
    s_0, s_1, s_2, s_3 = 0.0, 0.0, 0.0, 0.0
    for m in range(n // 4):
        k = 4 * m
        s_0 += a[k + 1] * b[k + 1]
        s_1 += a[k + 2] * b[k + 2]
        s_2 += a[k + 3] * b[k + 3]
        s_3 += a[k + 4] * b[k + 4]
    for k in range(n - n % 4, n):
        s_0 += a[k + 1] * b[k + 1]
    return (s_0 + s_1) + (s_2 + s_3)


@njit(parallel=True, cache=True)
def _apply(u, gx, gy, gz, coupling, out, planes):
    for i in prange(1, u.shape[1] - 1):
        planes[i] = _apply_plane(u, gx, gy, gz, coupling, out, i)


@njit(cache=True)
def _sum(planes):
    """Add in order: the same for any number of threads."""
    total = 0.0
    for i in range(1, planes.size - 1):
        total += planes[i]
    return total


@njit(cache=True)
def apply_operator(u, gx, gy, gz, coupling, free_node, out):
    """Write A u into ``out`` (ghosts of u filled); returns the node's row and u . A u over the cells."""
    nx = u.shape[1] - 2
    planes = np.zeros(nx + 2)
    _apply(u, gx, gy, gz, coupling, out, planes)
    node = 0.0
    if free_node:
        for c in range(2):
            for j in range(u.shape[2]):
                for k in range(1, u.shape[3] - 1):
                    node += gx[c, nx, j, k] * (u[c, nx + 1, j, k] - u[c, nx, j, k])
    return node, _sum(planes)


@njit(parallel=True, cache=True)
def _dot(a, b, planes):
    for i in prange(1, a.shape[1] - 1):
        for c in range(2):
            for j in range(a.shape[2]):
                planes[i] += _row_dot(a[c, i, j], b[c, i, j])


@njit(cache=True)
def dot(a, b):
    """Return a . b over the cells."""
    planes = np.zeros(a.shape[1])
    _dot(a, b, planes)
    return _sum(planes)


@njit(cache=True)
def _row_norms(r_0, r_1, weight):
    """Return the sums of |r_0| and |r_1| weight over a row without its ghosts, added as by ``_row_dot``."""
    n = r_0.size - 2
    a_0, a_1, a_2, a_3 = 0.0, 0.0, 0.0, 0.0
    b_0, b_1, b_2, b_3 = 0.0, 0.0, 0.0, 0.0
    for m in range(n // 4):
        k = 4 * m
        a_0 += abs(r_0[k + 1])
        a_1 += abs(r_0[k + 2])
        a_2 += abs(r_0[k + 3])
        a_3 += abs(r_0[k + 4])
        b_0 += abs(r_1[k + 1]) * weight[k + 1]
        b_1 += abs(r_1[k + 2]) * weight[k + 2]
        b_2 += abs(r_1[k + 3]) * weight[k + 3]
        b_3 += abs(r_1[k + 4]) * weight[k + 4]
    for k in range(n - n % 4, n):
        a_0 += abs(r_0[k + 1])
        b_0 += abs(r_1[k + 1]) * weight[k + 1]
    return (a_0 + a_1) + (a_2 + a_3), (b_0 + b_1) + (b_2 + b_3)


@njit(cache=True)
def _plane_norms(r, weight, i):
    first, second = 0.0, 0.0
    for j in range(r.shape[2]):
        a, b = _row_norms(r[0, i, j], r[1, i, j], weight[i, j])
        first += a
        second += b
    return first, second


@njit(parallel=True, cache=True)
def _norms(r, weight, planes):
    for i in prange(1, r.shape[1] - 1):
        planes[0, i], planes[1, i] = _plane_norms(r, weight, i)


@njit(cache=True)
def residual_norms(r, weight):
    """Return the sums of absolute values of both components, the second weighted cell by cell."""
    planes = np.zeros((2, r.shape[1]))
    _norms(r, weight, planes)
    return _sum(planes[0]), _sum(planes[1])


@njit(parallel=True, cache=True)
def _over(r, unit, f):
    """Write r / unit in single precision."""
    factor = 1.0 / unit
    for i in prange(1, r.shape[1] - 1):
        for c in range(2):
            for j in range(r.shape[2]):
                row, to = r[c, i, j], f[c, i, j]
                for k in range(row.size):
                    to[k] = factor * row[k]


@njit(parallel=True, cache=True)
def _step(x, r, p, q, alpha, weight, planes):
    """Step solution and residual along p, by planes; writes the residual's norms as ``residual_norms`` sums them."""
    for i in prange(1, x.shape[1] - 1):
        for c in range(2):
            for j in range(x.shape[2]):
                x_row, r_row, p_row, q_row = x[c, i, j], r[c, i, j], p[c, i, j], q[c, i, j]
                for k in range(1, x_row.size - 1):
                    x_row[k] += alpha * p_row[k]
                    r_row[k] -= alpha * q_row[k]
        planes[0, i], planes[1, i] = _plane_norms(r, weight, i)


@njit(parallel=True, cache=True)
def _turn(p, factor, z):
    """Write the next direction z + factor p."""
    for i in prange(1, p.shape[1] - 1):
        for c in range(2):
            for j in range(p.shape[2]):
                p_row, z_row = p[c, i, j], z[c, i, j]
                for k in range(1, p_row.size - 1):
                    p_row[k] = z_row[k] + factor * p_row[k]


@njit(cache=True)
def _restrict_regions(r, regions, out):
    out[:] = 0.0
    for c in range(2):
        for i in range(1, r.shape[1] - 1):
            for j in range(r.shape[2]):
                row, region = r[c, i, j], regions[c, i, j]
                for k in range(1, row.size - 1):
                    out[region[k]] += row[k]


@njit(parallel=True, cache=True)
def _add_regions(z, regions, values):
    for i in prange(1, z.shape[1] - 1):
        for c in range(2):
            for j in range(z.shape[2]):
                row, region = z[c, i, j], regions[c, i, j]
                for k in range(1, row.size - 1):
                    row[k] += values[region[k]]


@njit(parallel=True, cache=True)
def _subtract_from(r, y):
    """Write r - y into y."""
    for i in prange(1, y.shape[1] - 1):
        for c in range(2):
            for j in range(y.shape[2]):
                r_row, y_row = r[c, i, j], y[c, i, j]
                for k in range(1, y_row.size - 1):
                    y_row[k] = r_row[k] - y_row[k]


@njit(cache=True)
def region_matrix(regions, count, gx, gy, gz, coupling):
    """Assemble E = Z^T A Z for regions numbered 0 … count-1 over both unknowns (the node takes no part)."""
    e = np.zeros((count, count))
    nx, ny, nz = coupling.shape[0] - 2, coupling.shape[1], coupling.shape[2] - 2
    for i in range(1, nx + 1):
        for j in range(ny):
            after = j + 1 if j + 1 < ny else 0
            for k in range(1, nz + 1):
                _join(e, regions[0, i, j, k], regions[1, i, j, k], coupling[i, j, k])
                for c in range(2):
                    me = regions[c, i, j, k]
                    if i == 1:
                        e[me, me] += gx[c, 0, j, k]
                    if i == nx:
                        e[me, me] += gx[c, nx, j, k]
                    else:
                        _join(e, me, regions[c, i + 1, j, k], gx[c, i, j, k])
                    if ny > 1:
                        _join(e, me, regions[c, i, after, k], gy[c, i, after, k])
                    if nz > 1:
                        _join(e, me, regions[c, i, j, k % nz + 1], gz[c, i, j, k])
    return e


@njit(cache=True)
def _join(e, a, b, g):
    if a != b:
        e[a, a] += g
        e[b, b] += g
        e[a, b] -= g
        e[b, a] -= g


@njit(cache=True)
def solve(x, r, system, unit, coarse, work, free_node, regions, e_inverse, weight, tolerances, limit):
    """Solve A x = r from x = 0 by preconditioned conjugate gradients.

    Parameters
    ----------
    x : solution with ghosts, written. r : right-hand side in, residual out; ``r[0, -1, 0, 0]`` holds the node's.
    system, unit, coarse, work : of a ``Hierarchy`` that is set up, ``system`` what its ``finest`` returns.
    regions, e_inverse : see above; an empty inverse leaves them out.
    weight : weight of the second unknown's residual in the stopping test, per cell.
    tolerances : stop when the first unknown's (and the node's) residual and the weighted second's are below these.

    Returns the number of iterations, negative when ``limit`` was reached; the node's value is in ``x[0, -1, 0, 0]``.
    """
    gx, gy, gz, coupling = system
    levels, node = coarse[0], coarse[8]
    z, f = cell_view(coarse[5], levels, 0, 2), cell_view(coarse[7], levels, 0, 2)
    p, q = work[0], work[1]
    planes = np.zeros((2, x.shape[1]))
    x[:] = 0.0
    p[:] = 0.0
    x_node, p_node, old = 0.0, 0.0, 0.0
    r_node = r[0, -1, 0, 0] if free_node else 0.0
    iteration = 0
    part = np.zeros(e_inverse.shape[0])
    if part.size > 0:
        _restrict_regions(r, regions, part)
        _add_regions(x, regions, e_inverse @ part)
        fill_ghosts(x, 0.0)
        row, _ = apply_operator(x, gx, gy, gz, coupling, free_node, q)
        r_node -= row
        _subtract_from(r, q)
        r[:] = q
    first, second = residual_norms(r, weight)
    while first > tolerances[0] or second > tolerances[1] or abs(r_node) > tolerances[0]:
        if iteration == limit:
            break
        _over(r, unit, f)
        node[0, 1] = r_node / unit
        v_cycle(coarse, free_node)
        if part.size > 0:
            fill_ghosts(z, node[0, 0])
            apply_operator(z, gx, gy, gz, coupling, False, q)
            _subtract_from(r, q)
            _restrict_regions(q, regions, part)
            _add_regions(z, regions, e_inverse @ part)
        rho = dot(r, z) + r_node * node[0, 0]
        beta = rho / old if iteration > 0 else 0.0
        _turn(p, beta, z)
        p_node = node[0, 0] + beta * p_node
        old = rho
        fill_ghosts(p, p_node)
        q_node, energy = apply_operator(p, gx, gy, gz, coupling, free_node, q)
        alpha = rho / (energy + p_node * q_node)
        _step(x, r, p, q, alpha, weight, planes)
        first, second = _sum(planes[0]), _sum(planes[1])
        x_node += alpha * p_node
        r_node -= alpha * q_node
        iteration += 1
    fill_ghosts(x, x_node)
    r[0, -1, 0, 0] = r_node
    done = first <= tolerances[0] and second <= tolerances[1] and abs(r_node) <= tolerances[0]
    return iteration if done else -iteration - 1
