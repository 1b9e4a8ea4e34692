"""Preconditioned conjugate gradients for the block system of ``multigrid``, with a few extra coarse unknowns.

Regions that a coarse grid cannot see (a piece of ceramic enclosed by metal, a floating piece of metal) each
get one unknown, constant on the region: columns of Z. With E = Z^T A Z and Q = Z E^-1 Z^T the preconditioner
is (1 - Q A) V + Q, V the multigrid cycle, from a start with Z^T r = 0 (A-DEF2 of Tang, Nabben, Vuik and
Erlangga 2009): it costs one more product with A per iteration and removes those modes.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from phasefield.numerics.levels import cell_view, x_view, y_view
from phasefield.numerics.multigrid import fill_ghosts, v_cycle


@njit(cache=True)
def _apply_row(u, gx, gy, coupling, out, i):
    """Write row i of A u and return its share of u . A u."""
    total = 0.0
    for j in range(1, u.shape[2] - 1):
        c0, c1 = u[0, i, j], u[1, i, j]
        exchange = coupling[i, j] * (c0 - c1)
        flow = gx[0, i - 1, j] * (c0 - u[0, i - 1, j]) + gx[0, i, j] * (c0 - u[0, i + 1, j])
        flow += gy[0, i, j - 1] * (c0 - u[0, i, j - 1]) + gy[0, i, j] * (c0 - u[0, i, j + 1])
        out[0, i, j] = flow + exchange
        total += c0 * (flow + exchange)
        flow = gx[1, i - 1, j] * (c1 - u[1, i - 1, j]) + gx[1, i, j] * (c1 - u[1, i + 1, j])
        flow += gy[1, i, j - 1] * (c1 - u[1, i, j - 1]) + gy[1, i, j] * (c1 - u[1, i, j + 1])
        out[1, i, j] = flow - exchange
        total += c1 * (flow - exchange)
    return total


@njit(parallel=True, cache=True)
def _apply_parallel(u, gx, gy, coupling, out, rows):
    for i in prange(1, u.shape[1] - 1):
        rows[i] = _apply_row(u, gx, gy, coupling, out, i)


@njit(cache=True)
def _sum(rows):
    """Add in order: the same for any number of threads."""
    total = 0.0
    for i in range(1, rows.size - 1):
        total += rows[i]
    return total


@njit(cache=True)
def apply_operator(u, gx, gy, coupling, free_node, out, parallel=False):
    """Write A u into ``out`` (ghosts of u filled); returns the node's row and u . A u over the cells."""
    nx, ny = u.shape[1] - 2, u.shape[2] - 2
    rows = np.zeros(nx + 2)
    if parallel:
        _apply_parallel(u, gx, gy, coupling, out, rows)
    else:
        for i in range(1, nx + 1):
            rows[i] = _apply_row(u, gx, gy, coupling, out, i)
    node = 0.0
    if free_node:
        for k in range(2):
            for j in range(1, ny + 1):
                node += gx[k, nx, j] * (u[k, nx + 1, j] - u[k, nx, j])
    return node, _sum(rows)


@njit(cache=True)
def dot(a, b):
    """Return a . b over the cells."""
    total = 0.0
    for k in range(2):
        for i in range(1, a.shape[1] - 1):
            row = 0.0
            for j in range(1, a.shape[2] - 1):
                row += a[k, i, j] * b[k, i, j]
            total += row
    return total


@njit(cache=True)
def residual_norms(r, weight):
    """Return the sums of absolute values of both components, the second weighted cell by cell."""
    first = 0.0
    second = 0.0
    for i in range(1, r.shape[1] - 1):
        a = 0.0
        b = 0.0
        for j in range(1, r.shape[2] - 1):
            a += abs(r[0, i, j])
            b += abs(r[1, i, j]) * weight[i, j]
        first += a
        second += b
    return first, second


@njit(cache=True)
def _restrict_regions(r, regions, out):
    out[:] = 0.0
    for k in range(2):
        for i in range(1, r.shape[1] - 1):
            for j in range(1, r.shape[2] - 1):
                out[regions[k, i, j]] += r[k, i, j]


@njit(cache=True)
def _add_regions(z, regions, values):
    for k in range(2):
        for i in range(1, z.shape[1] - 1):
            for j in range(1, z.shape[2] - 1):
                z[k, i, j] += values[regions[k, i, j]]


@njit(cache=True)
def region_matrix(regions, count, gx, gy, coupling):
    """Assemble E = Z^T A Z for regions numbered 0 … count-1 over both unknowns (the node takes no part)."""
    e = np.zeros((count, count))
    nx, ny = coupling.shape[0] - 2, coupling.shape[1] - 2
    for i in range(1, nx + 1):
        for j in range(1, ny + 1):
            a, b = regions[0, i, j], regions[1, i, j]
            c = coupling[i, j]
            e[a, a] += c
            e[b, b] += c
            e[a, b] -= c
            e[b, a] -= c
            for k in range(2):
                me = regions[k, i, j]
                if i == 1:
                    e[me, me] += gx[k, 0, j]
                if i == nx:
                    e[me, me] += gx[k, nx, j]
                else:
                    _join(e, me, regions[k, i + 1, j], gx[k, i, j])
                if ny > 1:
                    _join(e, me, regions[k, i, j % ny + 1], gy[k, i, j])
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
    levels, gx, gy, coupling, inverse, u, f, node, direct = hierarchy
    cell_view(f, levels, 0, 2)[:] = r
    node[0, 1] = r_node
    v_cycle(levels, gx, gy, coupling, inverse, u, f, node, direct, free_node, sweeps, parallel)
    z[:] = cell_view(u, levels, 0, 2)
    value = node[0, 0]
    if e_inverse.shape[0] > 0:
        fill_ghosts(z, value)
        lx, ly, lc = x_view(gx, levels, 0), y_view(gy, levels, 0), cell_view(coupling, levels, 0, 1)[0]
        apply_operator(z, lx, ly, lc, False, work, parallel)
        for k in range(2):
            for i in range(1, z.shape[1] - 1):
                for j in range(1, z.shape[2] - 1):
                    work[k, i, j] = r[k, i, j] - work[k, i, j]
        _restrict_regions(work, regions, part)
        _add_regions(z, regions, e_inverse @ part)
    return value


@njit(cache=True)
def _axpy(y, factor, x):
    for k in range(2):
        for i in range(1, y.shape[1] - 1):
            for j in range(1, y.shape[2] - 1):
                y[k, i, j] += factor * x[k, i, j]


@njit(cache=True)
def _step_row(x, r, p, q, alpha, weight, i):
    """Step row i of solution and residual; returns its sums of absolute residuals."""
    first = 0.0
    second = 0.0
    for j in range(1, x.shape[2] - 1):
        x[0, i, j] += alpha * p[0, i, j]
        x[1, i, j] += alpha * p[1, i, j]
        r[0, i, j] -= alpha * q[0, i, j]
        r[1, i, j] -= alpha * q[1, i, j]
        first += abs(r[0, i, j])
        second += abs(r[1, i, j]) * weight[i, j]
    return first, second


@njit(parallel=True, cache=True)
def _step_parallel(x, r, p, q, alpha, weight, rows):
    for i in prange(1, x.shape[1] - 1):
        rows[0, i], rows[1, i] = _step_row(x, r, p, q, alpha, weight, i)


@njit(cache=True)
def _step(x, r, p, q, alpha, weight, parallel):
    """Step solution and residual along p; returns the residual's norms as ``residual_norms``."""
    rows = np.zeros((2, x.shape[1]))
    if parallel:
        _step_parallel(x, r, p, q, alpha, weight, rows)
    else:
        for i in range(1, x.shape[1] - 1):
            rows[0, i], rows[1, i] = _step_row(x, r, p, q, alpha, weight, i)
    return _sum(rows[0]), _sum(rows[1])


@njit(cache=True)
def _turn(p, factor, z):
    """Write the next direction z + factor p."""
    for k in range(2):
        for i in range(1, p.shape[1] - 1):
            for j in range(1, p.shape[2] - 1):
                p[k, i, j] = z[k, i, j] + factor * p[k, i, j]


@njit(cache=True)
def solve(x, r, hierarchy, free_node, sweeps, regions, e_inverse, weight, tolerances, limit, parallel=False):
    """Solve A x = r from x = 0 by preconditioned conjugate gradients.

    Parameters
    ----------
    x : solution with ghosts, written. r : right-hand side in, residual out; ``r[0, -1, 0]`` holds the node's.
    weight : weight of the second unknown's residual in the stopping test, per cell.
    tolerances : stop when the first unknown's (and the node's) residual and the weighted second's are below these.

    Returns the number of iterations, negative when ``limit`` was reached; the node's value is in ``x[0, -1, 0]``.
    """
    levels = hierarchy[0]
    gx, gy = x_view(hierarchy[1], levels, 0), y_view(hierarchy[2], levels, 0)
    coupling = cell_view(hierarchy[3], levels, 0, 1)[0]
    z, p, q = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    part = np.zeros(e_inverse.shape[0])
    x[:] = 0.0
    x_node = 0.0
    p_node = 0.0
    r_node = r[0, -1, 0] if free_node else 0.0
    if part.size > 0:
        _restrict_regions(r, regions, part)
        _add_regions(x, regions, e_inverse @ part)
        fill_ghosts(x, 0.0)
        row, _ = apply_operator(x, gx, gy, coupling, free_node, q, parallel)
        r_node -= row
        _axpy(r, -1.0, q)
    old = 0.0
    iteration = 0
    first, second = residual_norms(r, weight)
    while first > tolerances[0] or second > tolerances[1] or abs(r_node) > tolerances[0]:
        if iteration == limit:
            break
        z_node = _precondition(r, r_node, z, q, hierarchy, free_node, sweeps, regions, e_inverse, part, parallel)
        rho = dot(r, z) + r_node * z_node
        _turn(p, rho / old if iteration > 0 else 0.0, z)
        p_node = z_node + (rho / old if iteration > 0 else 0.0) * p_node
        old = rho
        fill_ghosts(p, p_node)
        q_node, energy = apply_operator(p, gx, gy, coupling, free_node, q, parallel)
        alpha = rho / (energy + p_node * q_node)
        first, second = _step(x, r, p, q, alpha, weight, parallel)
        x_node += alpha * p_node
        r_node -= alpha * q_node
        iteration += 1
    fill_ghosts(x, x_node)
    r[0, -1, 0] = r_node
    done = first <= tolerances[0] and second <= tolerances[1] and abs(r_node) <= tolerances[0]
    return iteration if done else -iteration - 1
