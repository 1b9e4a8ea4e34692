"""Preconditioned conjugate gradients for the block system of ``multigrid``, with a few extra coarse unknowns.

Regions that a coarse grid cannot see (a piece of ceramic enclosed by metal, a floating piece of metal) each
get one unknown, constant on the region: columns of Z. With E = Z^T A Z and Q = Z E^-1 Z^T the preconditioner
is (1 - Q A) V + Q, V the multigrid cycle, from a start with Z^T r = 0 (A-DEF2 of Tang, Nabben, Vuik and
Erlangga 2009): it costs one more product with A per iteration and removes those modes.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from phasefield.numerics.levels import cell_view, x_view, y_view, z_view
from phasefield.numerics.multigrid import fill_ghosts, v_cycle


@njit(cache=True)
def _apply_plane(u, gx, gy, gz, coupling, out, i):
    """Write plane i of A u and return its share of u . A u."""
    total = 0.0
    ny = u.shape[2]
    three = ny > 1
    for j in range(ny):
        before = j - 1 if j > 0 else ny - 1
        after = j + 1 if j + 1 < ny else 0
        for k in range(1, u.shape[3] - 1):
            c0, c1 = u[0, i, j, k], u[1, i, j, k]
            exchange = coupling[i, j, k] * (c0 - c1)
            flow = gx[0, i - 1, j, k] * (c0 - u[0, i - 1, j, k]) + gx[0, i, j, k] * (c0 - u[0, i + 1, j, k])
            flow += gz[0, i, j, k - 1] * (c0 - u[0, i, j, k - 1]) + gz[0, i, j, k] * (c0 - u[0, i, j, k + 1])
            if three:
                flow += gy[0, i, j, k] * (c0 - u[0, i, before, k]) + gy[0, i, after, k] * (c0 - u[0, i, after, k])
            out[0, i, j, k] = flow + exchange
            total += c0 * (flow + exchange)
            flow = gx[1, i - 1, j, k] * (c1 - u[1, i - 1, j, k]) + gx[1, i, j, k] * (c1 - u[1, i + 1, j, k])
            flow += gz[1, i, j, k - 1] * (c1 - u[1, i, j, k - 1]) + gz[1, i, j, k] * (c1 - u[1, i, j, k + 1])
            if three:
                flow += gy[1, i, j, k] * (c1 - u[1, i, before, k]) + gy[1, i, after, k] * (c1 - u[1, i, after, k])
            out[1, i, j, k] = flow - exchange
            total += c1 * (flow - exchange)
    return total


@njit(parallel=True, cache=True)
def _apply_parallel(u, gx, gy, gz, coupling, out, planes):
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
def apply_operator(u, gx, gy, gz, coupling, free_node, out, parallel=False):
    """Write A u into ``out`` (ghosts of u filled); returns the node's row and u . A u over the cells."""
    nx = u.shape[1] - 2
    planes = np.zeros(nx + 2)
    if parallel:
        _apply_parallel(u, gx, gy, gz, coupling, out, planes)
    else:
        for i in range(1, nx + 1):
            planes[i] = _apply_plane(u, gx, gy, gz, coupling, out, i)
    node = 0.0
    if free_node:
        for c in range(2):
            for j in range(u.shape[2]):
                for k in range(1, u.shape[3] - 1):
                    node += gx[c, nx, j, k] * (u[c, nx + 1, j, k] - u[c, nx, j, k])
    return node, _sum(planes)


@njit(cache=True)
def _dot_plane(a, b, i):
    total = 0.0
    for c in range(2):
        for j in range(a.shape[2]):
            for k in range(1, a.shape[3] - 1):
                total += a[c, i, j, k] * b[c, i, j, k]
    return total


@njit(parallel=True, cache=True)
def _dot_parallel(a, b, planes):
    for i in prange(1, a.shape[1] - 1):
        planes[i] = _dot_plane(a, b, i)


@njit(cache=True)
def dot(a, b, parallel=False):
    """Return a . b over the cells."""
    planes = np.zeros(a.shape[1])
    if parallel:
        _dot_parallel(a, b, planes)
    else:
        for i in range(1, a.shape[1] - 1):
            planes[i] = _dot_plane(a, b, i)
    return _sum(planes)


@njit(cache=True)
def residual_norms(r, weight):
    """Return the sums of absolute values of both components, the second weighted cell by cell."""
    first = 0.0
    second = 0.0
    for i in range(1, r.shape[1] - 1):
        a = 0.0
        b = 0.0
        for j in range(r.shape[2]):
            for k in range(1, r.shape[3] - 1):
                a += abs(r[0, i, j, k])
                b += abs(r[1, i, j, k]) * weight[i, j, k]
        first += a
        second += b
    return first, second


@njit(cache=True)
def _restrict_regions(r, regions, out):
    out[:] = 0.0
    for c in range(2):
        for i in range(1, r.shape[1] - 1):
            for j in range(r.shape[2]):
                for k in range(1, r.shape[3] - 1):
                    out[regions[c, i, j, k]] += r[c, i, j, k]


@njit(cache=True)
def _add_regions(z, regions, values):
    for c in range(2):
        for i in range(1, z.shape[1] - 1):
            for j in range(z.shape[2]):
                for k in range(1, z.shape[3] - 1):
                    z[c, i, j, k] += values[regions[c, i, j, k]]


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
def _precondition(r, r_node, z, work, hierarchy, free_node, sweeps, regions, e_inverse, part, parallel):
    """Write the preconditioned residual into z (ghosts filled) and return the node's part."""
    levels, gx, gy, gz, coupling, inverse, u, f, node, direct = hierarchy
    cell_view(f, levels, 0, 2)[:] = r
    node[0, 1] = r_node
    v_cycle(levels, gx, gy, gz, coupling, inverse, u, f, node, direct, free_node, sweeps, parallel)
    z[:] = cell_view(u, levels, 0, 2)
    value = node[0, 0]
    if e_inverse.shape[0] > 0:
        fill_ghosts(z, value)
        lx, ly, lz = x_view(gx, levels, 0), y_view(gy, levels, 0), z_view(gz, levels, 0)
        apply_operator(z, lx, ly, lz, cell_view(coupling, levels, 0, 1)[0], False, work, parallel)
        _subtract_from(r, work)
        _restrict_regions(work, regions, part)
        _add_regions(z, regions, e_inverse @ part)
    return value


@njit(cache=True)
def _subtract_from(r, y):
    """Write r - y into y."""
    for c in range(2):
        for i in range(1, y.shape[1] - 1):
            for j in range(y.shape[2]):
                for k in range(1, y.shape[3] - 1):
                    y[c, i, j, k] = r[c, i, j, k] - y[c, i, j, k]


@njit(cache=True)
def _step_plane(x, r, p, q, alpha, weight, i):
    """Step plane i of solution and residual; returns its sums of absolute residuals."""
    first = 0.0
    second = 0.0
    for j in range(x.shape[2]):
        for k in range(1, x.shape[3] - 1):
            x[0, i, j, k] += alpha * p[0, i, j, k]
            x[1, i, j, k] += alpha * p[1, i, j, k]
            r[0, i, j, k] -= alpha * q[0, i, j, k]
            r[1, i, j, k] -= alpha * q[1, i, j, k]
            first += abs(r[0, i, j, k])
            second += abs(r[1, i, j, k]) * weight[i, j, k]
    return first, second


@njit(parallel=True, cache=True)
def _step_parallel(x, r, p, q, alpha, weight, planes):
    for i in prange(1, x.shape[1] - 1):
        planes[0, i], planes[1, i] = _step_plane(x, r, p, q, alpha, weight, i)


@njit(cache=True)
def _step(x, r, p, q, alpha, weight, parallel):
    """Step solution and residual along p; returns the residual's norms as ``residual_norms``."""
    planes = np.zeros((2, x.shape[1]))
    if parallel:
        _step_parallel(x, r, p, q, alpha, weight, planes)
    else:
        for i in range(1, x.shape[1] - 1):
            planes[0, i], planes[1, i] = _step_plane(x, r, p, q, alpha, weight, i)
    return _sum(planes[0]), _sum(planes[1])


@njit(cache=True)
def _turn_plane(p, factor, z, i):
    for c in range(2):
        for j in range(p.shape[2]):
            for k in range(1, p.shape[3] - 1):
                p[c, i, j, k] = z[c, i, j, k] + factor * p[c, i, j, k]


@njit(parallel=True, cache=True)
def _turn_parallel(p, factor, z):
    for i in prange(1, p.shape[1] - 1):
        _turn_plane(p, factor, z, i)


@njit(cache=True)
def _turn(p, factor, z, parallel):
    """Write the next direction z + factor p."""
    if parallel:
        _turn_parallel(p, factor, z)
    else:
        for i in range(1, p.shape[1] - 1):
            _turn_plane(p, factor, z, i)


@njit(cache=True)
def solve(x, r, hierarchy, free_node, sweeps, regions, e_inverse, weight, tolerances, limit, parallel=False):
    """Solve A x = r from x = 0 by preconditioned conjugate gradients.

    Parameters
    ----------
    x : solution with ghosts, written. r : right-hand side in, residual out; ``r[0, -1, 0, 0]`` holds the node's.
    weight : weight of the second unknown's residual in the stopping test, per cell.
    tolerances : stop when the first unknown's (and the node's) residual and the weighted second's are below these.

    Returns the number of iterations, negative when ``limit`` was reached; the node's value is in ``x[0, -1, 0, 0]``.
    """
    levels = hierarchy[0]
    gx, gy, gz = x_view(hierarchy[1], levels, 0), y_view(hierarchy[2], levels, 0), z_view(hierarchy[3], levels, 0)
    coupling = cell_view(hierarchy[4], levels, 0, 1)[0]
    z, p, q = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    part = np.zeros(e_inverse.shape[0])
    x[:] = 0.0
    x_node = 0.0
    p_node = 0.0
    r_node = r[0, -1, 0, 0] if free_node else 0.0
    if part.size > 0:
        _restrict_regions(r, regions, part)
        _add_regions(x, regions, e_inverse @ part)
        fill_ghosts(x, 0.0)
        row, _ = apply_operator(x, gx, gy, gz, coupling, free_node, q, parallel)
        r_node -= row
        _subtract_from(r, q)
        r[:] = q
    old = 0.0
    iteration = 0
    first, second = residual_norms(r, weight)
    while first > tolerances[0] or second > tolerances[1] or abs(r_node) > tolerances[0]:
        if iteration == limit:
            break
        z_node = _precondition(r, r_node, z, q, hierarchy, free_node, sweeps, regions, e_inverse, part, parallel)
        rho = dot(r, z, parallel) + r_node * z_node
        _turn(p, rho / old if iteration > 0 else 0.0, z, parallel)
        p_node = z_node + (rho / old if iteration > 0 else 0.0) * p_node
        old = rho
        fill_ghosts(p, p_node)
        q_node, energy = apply_operator(p, gx, gy, gz, coupling, free_node, q, parallel)
        alpha = rho / (energy + p_node * q_node)
        first, second = _step(x, r, p, q, alpha, weight, parallel)
        x_node += alpha * p_node
        r_node -= alpha * q_node
        iteration += 1
    fill_ghosts(x, x_node)
    r[0, -1, 0, 0] = r_node
    done = first <= tolerances[0] and second <= tolerances[1] and abs(r_node) <= tolerances[0]
    return iteration if done else -iteration - 1
