"""Conjugate gradients for the block system of ``multigrid``, preconditioned by its V-cycle.

A round of conjugate gradients runs in single precision but for its sums and for the solution, which is added up in double
precision; the next one starts from the residual in double precision, until that is as small as asked for. Rounding a
direction does no harm, it is what the solution moves along; rounding the solution would: metal conducts so well that the
last bit of a potential drives more current than the cell does. One round gains what a step of Newton's asks for.

Sums are added plane by plane and row by row in a fixed order: results are the same to the bit for any number of threads.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from phasefield.numerics.kernel import kernel
from phasefield.numerics.levels import cell_view, x_view, y_view, z_view
from phasefield.numerics.multigrid import fill_ghosts, v_cycle

GAIN = 1e-4  # of a round: single precision is good for that


@kernel
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


@kernel(inline=True)
def _row_dot(a, b):
    """Return a . b over a row without its ghosts, added in double precision: four sums, always the same ones."""
    n = a.size - 2
    s_0, s_1, s_2, s_3 = 0.0, 0.0, 0.0, 0.0
    for m in range(n // 4):
        k = 4 * m
        s_0 += np.float64(a[k + 1]) * b[k + 1]
        s_1 += np.float64(a[k + 2]) * b[k + 2]
        s_2 += np.float64(a[k + 3]) * b[k + 3]
        s_3 += np.float64(a[k + 4]) * b[k + 4]
    for k in range(n - n % 4, n):
        s_0 += np.float64(a[k + 1]) * b[k + 1]
    return (s_0 + s_1) + (s_2 + s_3)


@njit(parallel=True, cache=True)
def _apply(u, gx, gy, gz, coupling, out, planes):
    for i in prange(1, u.shape[1] - 1):
        planes[i] = _apply_plane(u, gx, gy, gz, coupling, out, i)


@kernel
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


@kernel
def _dot_plane(a, b, planes, i):
    for c in range(2):
        for j in range(a.shape[2]):
            planes[i] += _row_dot(a[c, i, j], b[c, i, j])


@njit(parallel=True, cache=True)
def _dot(a, b, planes):
    for i in prange(1, a.shape[1] - 1):
        _dot_plane(a, b, planes, i)


@njit(cache=True)
def dot(a, b):
    """Return a . b over the cells."""
    planes = np.zeros(a.shape[1])
    _dot(a, b, planes)
    return _sum(planes)


@kernel
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


@kernel
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


@kernel
def _over_plane(r, factor, f, i):
    for c in range(2):
        for j in range(r.shape[2]):
            row, to = r[c, i, j], f[c, i, j]
            for k in range(row.size):
                to[k] = factor * row[k]


@njit(parallel=True, cache=True)
def _over(r, unit, f):
    """Write r / unit in single precision."""
    factor = 1.0 / unit
    for i in prange(1, r.shape[1] - 1):
        _over_plane(r, factor, f, i)


@kernel
def _subtract_plane(b, y, i):
    for c in range(2):
        for j in range(y.shape[2]):
            b_row, y_row = b[c, i, j], y[c, i, j]
            for k in range(1, y_row.size - 1):
                y_row[k] = b_row[k] - y_row[k]


@njit(parallel=True, cache=True)
def _subtract(b, y):
    """Write b - y into y."""
    for i in prange(1, y.shape[1] - 1):
        _subtract_plane(b, y, i)


@kernel
def _step_plane(r, q, alpha, weight, planes, i):
    minus = np.float32(-alpha)
    for c in range(2):
        for j in range(r.shape[2]):
            r_row, q_row = r[c, i, j], q[c, i, j]
            for k in range(1, r_row.size - 1):
                r_row[k] += minus * q_row[k]
    planes[0, i], planes[1, i] = _plane_norms(r, weight, i)


@njit(parallel=True, cache=True)
def _step(r, q, alpha, weight, planes):
    """Step the residual, by planes; writes its norms as ``residual_norms`` sums them."""
    for i in prange(1, r.shape[1] - 1):
        _step_plane(r, q, alpha, weight, planes, i)


@kernel
def _turn_plane(x, alpha, p, beta, z, i):
    factor = np.float32(beta)
    for c in range(2):
        for j in range(p.shape[2]):
            x_row, p_row, z_row = x[c, i, j], p[c, i, j], z[c, i, j]
            for k in range(1, p_row.size - 1):
                x_row[k] += alpha * p_row[k]
                p_row[k] = z_row[k] + factor * p_row[k]


@njit(parallel=True, cache=True)
def _turn(x, alpha, p, beta, z):
    """Step the solution along the direction p, and write the next one, z + beta p."""
    for i in prange(1, p.shape[1] - 1):
        _turn_plane(x, alpha, p, beta, z, i)


@kernel
def _add_plane(x, alpha, p, i):
    for c in range(2):
        for j in range(p.shape[2]):
            x_row, p_row = x[c, i, j], p[c, i, j]
            for k in range(1, p_row.size - 1):
                x_row[k] += alpha * p_row[k]


@njit(parallel=True, cache=True)
def _add(x, alpha, p):
    """Step the solution along the last direction."""
    for i in prange(1, p.shape[1] - 1):
        _add_plane(x, alpha, p, i)


@njit(cache=True)
def _round(x, x_node, r_node, coarse, work, free_node, weight, aims, limit):
    """Run conjugate gradients from the residual in level 0 of the cycle's f until its norms are below ``aims``.

    All is over the hierarchy's unit. Adds to x; returns the node's value and the number of iterations.
    """
    levels, level_x, level_y, level_z, level_c, node = coarse[0], coarse[1], coarse[2], coarse[3], coarse[4], coarse[8]
    gx, gy, gz = x_view(level_x, levels, 0), y_view(level_y, levels, 0), z_view(level_z, levels, 0)
    coupling = cell_view(level_c, levels, 0, 1)[0]
    z, r = cell_view(coarse[5], levels, 0, 2), cell_view(coarse[7], levels, 0, 2)
    p, q = work[0], work[1]
    planes = np.zeros((2, x.shape[1]))
    p[:] = 0.0
    p_node, alpha, old = 0.0, 0.0, 1.0
    iteration = 0
    first, second = residual_norms(r, weight)
    while (first > aims[0] or second > aims[1] or abs(r_node) > aims[0]) and iteration < limit:
        node[0, 1] = r_node
        v_cycle(coarse, free_node)
        rho = dot(r, z) + r_node * node[0, 0]
        beta = rho / old if iteration > 0 else 0.0
        _turn(x, alpha, p, beta, z)
        p_node = node[0, 0] + beta * p_node
        old = rho
        fill_ghosts(p, p_node)
        q_node, energy = apply_operator(p, gx, gy, gz, coupling, free_node, q)
        alpha = rho / (energy + p_node * q_node)
        _step(r, q, alpha, weight, planes)
        first, second = _sum(planes[0]), _sum(planes[1])
        x_node += alpha * p_node
        r_node -= alpha * q_node
        iteration += 1
    _add(x, alpha, p)
    return x_node, iteration


@njit(cache=True)
def solve(x, b, left, system, unit, coarse, work, free_node, weight, tolerances, limit):
    """Solve A x = b from x = 0 by preconditioned conjugate gradients.

    Parameters
    ----------
    x : solution with ghosts, written. b : right-hand side. left : residual b - A x, written. The node's values stand in
        ``[0, -1, 0, 0]`` of all three.
    system, unit, coarse, work : of a ``Hierarchy`` that is set up, ``system`` what its ``finest`` returns.
    weight : weight of the second unknown's residual in the stopping test, per cell.
    tolerances : stop when the first unknown's (and the node's) residual and the weighted second's are below these.

    Returns the number of iterations; negative, less one, when ``limit`` was reached or a round gained nothing: round-off.
    """
    gx, gy, gz, coupling = system
    r = cell_view(coarse[7], coarse[0], 0, 2)
    aims = np.empty(2)
    x[:] = 0.0
    x_node, iterations = 0.0, 0
    r_node = b[0, -1, 0, 0] if free_node else 0.0
    first, second = residual_norms(b, weight)
    _over(b, unit, r)
    while first > tolerances[0] or second > tolerances[1] or abs(r_node) > tolerances[0]:
        before = max(first, abs(r_node)) / tolerances[0] + second / tolerances[1]
        aims[0] = max(tolerances[0], GAIN * max(first, abs(r_node))) / unit
        aims[1] = max(tolerances[1], GAIN * second) / unit
        x_node, more = _round(x, x_node, r_node / unit, coarse, work, free_node, weight, aims, limit - iterations)
        iterations += more
        fill_ghosts(x, x_node)
        row, _ = apply_operator(x, gx, gy, gz, coupling, free_node, left)
        _subtract(b, left)
        r_node = b[0, -1, 0, 0] - row if free_node else 0.0
        first, second = residual_norms(left, weight)
        _over(left, unit, r)
        met = first <= tolerances[0] and second <= tolerances[1] and abs(r_node) <= tolerances[0]
        gained = max(first, abs(r_node)) / tolerances[0] + second / tolerances[1] < 0.5 * before
        if not met and (iterations == limit or not gained):
            left[0, -1, 0, 0] = r_node
            return -iterations - 1
    if iterations == 0:
        left[:] = b
    left[0, -1, 0, 0] = r_node
    return iterations
