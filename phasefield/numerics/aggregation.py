"""Algebraic multigrid for the coarsest box of ``multigrid``: a network of conductances, merged pair by pair.

Coarse cells as large as a boundary's band mix metal with the ceramic on both sides of it, and what floats (ceramic
enclosed by metal, metal enclosed by ceramic) is no longer seen. Here each unknown merges with the neighbour that it is
best connected to, of either kind, and so what floats ends as one unknown of its own.

A network: unknown i has links ``index[start[i] : start[i + 1]]`` with conductances ``link`` and a conductance
``ground[i]`` to ground: A u = ground u + sum over links g (u - u_other). Networks of all levels lie one behind the
other in flat arrays; row ``l`` of ``sizes`` holds unknowns, first unknown and first link of level l.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numba import njit

from phasefield.numerics.kernel import kernel

UNKNOWNS, FIRST, LINKS = range(3)  # columns of ``sizes``
DIRECT_UNKNOWNS = 65  # networks this small are solved directly
LEVELS = 24  # at most
ROOM = 3  # for all levels, over what the first one takes
SWEEPS = 2  # of relaxation before and after the coarser network
LAST_SWEEPS = 10  # where a network that is not small does not get smaller
WEAK = 0.25  # of an unknown's best link: weaker ones do not merge


@dataclass
class Network:
    """Hold the networks of a box of ``cells`` with two unknowns each, ``faces`` faces per cell, and a node."""

    cells: int
    faces: int
    sizes: np.ndarray = field(init=False)
    start: np.ndarray = field(init=False)
    index: np.ndarray = field(init=False)
    link: np.ndarray = field(init=False)
    ground: np.ndarray = field(init=False)
    inverse: np.ndarray = field(init=False)  # of the diagonal; 0 where nothing leads anywhere
    to: np.ndarray = field(init=False)  # aggregate of each unknown
    u: np.ndarray = field(init=False)
    f: np.ndarray = field(init=False)
    direct: np.ndarray = field(init=False)  # inverse of the last level

    def __post_init__(self) -> None:
        unknowns = 2 * self.cells + 1
        links = 2 * (self.faces + 1) * unknowns
        self.sizes = np.zeros((LEVELS, 3), dtype=np.int64)
        self.start = np.zeros(ROOM * unknowns + LEVELS, dtype=np.int32)
        self.index, self.link = np.zeros(ROOM * links, dtype=np.int32), np.zeros(ROOM * links)
        self.to = np.zeros(ROOM * unknowns, dtype=np.int32)
        self.ground, self.inverse, self.u, self.f = (np.zeros(ROOM * unknowns) for _ in range(4))
        self.direct = np.zeros((DIRECT_UNKNOWNS, DIRECT_UNKNOWNS))

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """Return what the compiled functions take, in their order."""
        faces = (self.index, self.link, self.ground, self.inverse)
        return (self.sizes, self.start, *faces, self.to, self.u, self.f, self.direct)


@kernel
def _aggregate(start, index, link, to, inner):
    """Merge unknowns, in their order: each with the free neighbour it is best connected to, or into an aggregate.

    Writes the aggregate of each unknown and the conductance by which it hangs on it (0: alone); returns their number.
    """
    n = start.size - 1
    to[:n] = -1
    count = 0
    for i in range(n):
        if to[i] >= 0:
            continue
        best, most, free = -1, 0.0, 0.0
        for m in range(start[i], start[i + 1]):
            most = max(most, link[m])
            if to[index[m]] < 0 and link[m] > free:
                best, free = index[m], link[m]
        inner[i] = 0.0
        if best >= 0 and free >= WEAK * most:
            to[i], to[best] = count, count
            inner[i], inner[best] = free, free
            count += 1
        else:
            to[i] = n + i  # waits
    for i in range(n):
        if to[i] < n:
            continue
        best, most = -1, 0.0
        for m in range(start[i], start[i + 1]):
            if to[index[m]] < n and link[m] > most:
                best, most = index[m], link[m]
        if best >= 0:
            to[i], inner[i] = to[best], most
        else:
            to[i] = count
            count += 1
    return count


@njit(cache=True)
def _coarsen(start, index, link, ground, to, inner, count, next_start, next_index, next_link, next_ground):
    """Make the network of aggregates; returns whether its links fit.

    Links between two aggregates add. Where only one member of an aggregate leads to the other, half the resistance by
    which it hangs on its own comes in series, at most doubling the link's own in all, as in ``coarsening``.
    """
    n = start.size - 1
    first_member = np.zeros(count + 1, dtype=np.int64)
    for i in range(n):
        first_member[to[i] + 1] += 1
    for a in range(count):
        first_member[a + 1] += first_member[a]
    member, filled = np.empty(n, dtype=np.int64), np.zeros(count, dtype=np.int64)
    for i in range(n):
        member[first_member[to[i]] + filled[to[i]]] = i
        filled[to[i]] += 1
    place = np.full(count, -1)
    mine, theirs = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)  # the one member that leads there
    used = 0
    next_start[0] = 0
    for a in range(count):
        next_ground[a] = 0.0
        first = used
        for p in range(first_member[a], first_member[a + 1]):
            me = member[p]
            next_ground[a] += ground[me]
            for m in range(start[me], start[me + 1]):
                other = index[m]
                b = to[other]
                if b == a:
                    continue
                if place[b] < first:
                    if used == next_index.size:
                        return False
                    place[b], mine[b], theirs[b] = used, me, other
                    next_index[used], next_link[used] = b, 0.0
                    used += 1
                next_link[place[b]] += link[m]
                if mine[b] != me:
                    mine[b] = -1
                if theirs[b] != other:
                    theirs[b] = -1
        for at in range(first, used):
            g, b, inside = next_link[at], next_index[at], 0.0
            if mine[b] >= 0 and inner[mine[b]] > 0.0:
                inside += 0.5 * g / inner[mine[b]]
            if theirs[b] >= 0 and inner[theirs[b]] > 0.0:
                inside += 0.5 * g / inner[theirs[b]]
            next_link[at] = g / (1.0 + min(inside, 1.0))
        next_start[a + 1] = used
    return True


@kernel(inline=True)
def _append(index, link, used, i, j, g):
    """Append a link of unknown i; none to itself, none that does not conduct."""
    if g > 0.0 and i != j:
        index[used], link[used] = j, g
        return used + 1
    return used


@kernel
def _fill(gx, gy, gz, coupling, free_node, network):
    """Write a box's network as level 0: unknown ``2 cell + component``, the node last."""
    sizes, start, index, link, ground = network[:5]
    nx, ny, nz = coupling.shape[0] - 2, coupling.shape[1], coupling.shape[2] - 2
    plane, node, used = 2 * ny * nz, 2 * nx * ny * nz, 0
    for i in range(nx):
        for j in range(ny):
            before, after = (j - 1) % ny, (j + 1) % ny
            for k in range(nz):
                for c in range(2):
                    row = plane * i + 2 * nz * j + c
                    me = row + 2 * k
                    start[me] = used
                    ground[me] = 0.0
                    used = _append(index, link, used, me, me + 1 - 2 * c, coupling[i + 1, j, k + 1])
                    if i == 0:
                        ground[me] += gx[c, 0, j, k + 1]
                    else:
                        used = _append(index, link, used, me, me - plane, gx[c, i, j, k + 1])
                    if i + 1 < nx:
                        used = _append(index, link, used, me, me + plane, gx[c, i + 1, j, k + 1])
                    elif free_node:
                        used = _append(index, link, used, me, node, gx[c, nx, j, k + 1])
                    else:
                        ground[me] += gx[c, nx, j, k + 1]
                    if ny > 1:
                        used = _append(index, link, used, me, me + 2 * nz * (before - j), gy[c, i + 1, j, k + 1])
                        used = _append(index, link, used, me, me + 2 * nz * (after - j), gy[c, i + 1, after, k + 1])
                    used = _append(index, link, used, me, row + 2 * ((k - 1) % nz), gz[c, i + 1, j, k])
                    used = _append(index, link, used, me, row + 2 * ((k + 1) % nz), gz[c, i + 1, j, k + 1])
    start[node] = used
    ground[node] = 0.0
    if free_node:
        for j in range(ny):
            for k in range(nz):
                for c in range(2):
                    other = plane * (nx - 1) + 2 * (nz * j + k) + c
                    used = _append(index, link, used, node, other, gx[c, nx, j, k + 1])
    start[node + 1] = used
    sizes[0, UNKNOWNS], sizes[0, FIRST], sizes[0, LINKS] = node + 1, 0, 0


@njit(cache=True)
def _invert(start, index, link, ground, direct):
    n = start.size - 1
    matrix = np.zeros((n, n))
    for i in range(n):
        matrix[i, i] += ground[i]
        for m in range(start[i], start[i + 1]):
            matrix[i, i] += link[m]
            matrix[i, index[m]] -= link[m]
        if matrix[i, i] == 0.0:
            matrix[i, i] = 1.0
    direct[:n, :n] = np.linalg.inv(matrix)


@njit(cache=True)
def set_up(gx, gy, gz, coupling, free_node, network):
    """Make the networks of a box of ``multigrid``, all levels."""
    sizes, start, index, link, ground, inverse, to, _u, _f, direct = network
    _fill(gx, gy, gz, coupling, free_node, network)
    level = 0
    while True:
        n, a, b = sizes[level, UNKNOWNS], sizes[level, FIRST], sizes[level, LINKS]
        rows = start[a + level : a + level + n + 1]
        _invert_diagonal(rows, link[b:], ground[a:], inverse[a:])
        if n <= DIRECT_UNKNOWNS or level + 2 == LEVELS:
            break
        inner = np.empty(n)
        count = _aggregate(rows, index[b:], link[b:], to[a:], inner)
        if count > 0.95 * n or a + n + count > ground.size or not _coarsen(
            rows, index[b:], link[b:], ground[a:], to[a:], inner, count,
            start[a + n + level + 1 :], index[b + rows[n] :], link[b + rows[n] :], ground[a + n :],
        ):  # fmt: skip
            break
        level += 1
        sizes[level, UNKNOWNS], sizes[level, FIRST], sizes[level, LINKS] = count, a + n, b + rows[n]
    sizes[level + 1, UNKNOWNS] = 0  # marks the end
    if n <= DIRECT_UNKNOWNS:
        _invert(rows, index[b:], link[b:], ground[a:], direct)


@kernel
def _invert_diagonal(start, link, ground, inverse):
    for i in range(start.size - 1):
        total = ground[i]
        for m in range(start[i], start[i + 1]):
            total += link[m]
        inverse[i] = 1.0 / total if total > 0.0 else 0.0


@kernel
def _relax(start, index, link, inverse, u, f, backward):
    """Gauss-Seidel over all unknowns of a level, forward or backward."""
    n = start.size - 1
    for step in range(n):
        i = n - 1 - step if backward else step
        value = f[i]
        for m in range(start[i], start[i + 1]):
            value += link[m] * u[index[m]]
        u[i] = inverse[i] * value


@kernel
def _solve_last(rows, index, link, inverse, u, f, direct):
    n = rows.size - 1
    if n <= DIRECT_UNKNOWNS:
        for i in range(n):
            u[i] = 0.0
            for j in range(n):
                u[i] += direct[i, j] * f[j]
    else:
        u[:n] = 0.0
        for step in range(2 * LAST_SWEEPS):
            _relax(rows, index, link, inverse, u, f, step >= LAST_SWEEPS)


@kernel
def _cycle(network, top):
    """Approximate the solution of level ``top`` by one symmetric V-cycle from zero: f in, u out."""
    sizes, start, index, link, ground, inverse, to, u, f, direct = network
    level = top
    while sizes[level + 1, UNKNOWNS] > 0:
        n, a, b = sizes[level, UNKNOWNS], sizes[level, FIRST], sizes[level, LINKS]
        rows = start[a + level : a + level + n + 1]
        u[a : a + n] = 0.0
        for _ in range(SWEEPS):
            _relax(rows, index[b:], link[b:], inverse[a:], u[a:], f[a:], False)
        f[a + n : a + n + sizes[level + 1, UNKNOWNS]] = 0.0
        for i in range(n):
            here = u[a + i]
            rest = f[a + i] - ground[a + i] * here
            for m in range(rows[i], rows[i + 1]):
                rest -= link[b + m] * (here - u[a + index[b + m]])
            f[a + n + to[a + i]] += rest
        level += 1
    n, a, b = sizes[level, UNKNOWNS], sizes[level, FIRST], sizes[level, LINKS]
    _solve_last(start[a + level : a + level + n + 1], index[b:], link[b:], inverse[a:], u[a:], f[a:], direct)
    while level > top:
        level -= 1
        n, a, b = sizes[level, UNKNOWNS], sizes[level, FIRST], sizes[level, LINKS]
        for i in range(n):
            u[a + i] += u[a + n + to[a + i]]
        for _ in range(SWEEPS):
            _relax(start[a + level : a + level + n + 1], index[b:], link[b:], inverse[a:], u[a:], f[a:], True)


@kernel
def solve(box_f, node_f, box_u, network):
    """Approximate the solution of the box's system, f in and u out in boxes with ghosts; returns the node's value.

    The box itself smooths: this starts from the first aggregates.
    """
    sizes, to, u, f = network[0], network[6], network[7], network[8]
    nx, ny, nz = box_f.shape[1] - 2, box_f.shape[2], box_f.shape[3] - 2
    node = 2 * nx * ny * nz
    top = 1 if sizes[1, UNKNOWNS] > 0 else 0  # a network of few unknowns has one level only
    first = sizes[top, FIRST]
    f[first : first + sizes[top, UNKNOWNS]] = 0.0
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                for c in range(2):
                    me = 2 * ((i * ny + j) * nz + k) + c
                    f[first + to[me] if top > 0 else me] += box_f[c, i + 1, j, k + 1]
    f[first + to[node] if top > 0 else node] += node_f
    _cycle(network, top)
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                for c in range(2):
                    me = 2 * ((i * ny + j) * nz + k) + c
                    box_u[c, i + 1, j, k + 1] = u[first + to[me] if top > 0 else me]
    return u[first + to[node] if top > 0 else node]
