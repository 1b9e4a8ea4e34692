"""Compiled loops for balls and capsules. Imported where something is placed or drawn: Numba takes its time.

Arrays have three axes (2-D: the last one has one cell, and every body lies in its middle). A body is the set of points
nearer than ``radius`` to the line from ``start`` to ``end`` and between the planes x = ``low`` and ``high``.
All kernels are in this file: Numba's cache notices edits of the file only in which a kernel stands.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

import math

import numpy as np

from microstructures.compiled import njit, prange


@njit(cache=True)
def _from_line(p0, p1, p2, start, end, b):
    """Return the vector from the nearest point of a body's line to a point."""
    along0, along1, along2 = end[b, 0] - start[b, 0], end[b, 1] - start[b, 1], end[b, 2] - start[b, 2]
    q0, q1, q2 = p0 - start[b, 0], p1 - start[b, 1], p2 - start[b, 2]
    square = along0 * along0 + along1 * along1 + along2 * along2
    if square > 0.0:
        t = min(max((q0 * along0 + q1 * along1 + q2 * along2) / square, 0.0), 1.0)
        q0, q1, q2 = q0 - t * along0, q1 - t * along1, q2 - t * along2
    return q0, q1, q2


@njit(cache=True)
def _cells_near(start, end, b, outer, axis, spacing, count):
    """Return the range of cells along an axis whose centres may lie within ``outer`` of a body's line."""
    least = min(start[b, axis], end[b, axis]) - outer
    most = max(start[b, axis], end[b, axis]) + outer
    first = max(0, math.floor(least / spacing - 0.5))
    last = min(count - 1, math.ceil(most / spacing - 0.5))
    return first, last + 1


@njit(cache=True)
def find(fraction, spacing, start, end, radius, low, high, reach, cell, body):
    """Write 1 to cells that lie in one body, list pairs of a cell and a body whose surface it may meet; return how many.

    ``reach`` : half a cell's diagonal [m]. With ``cell`` and ``body`` of length 0 the pairs are only counted.
    """
    nx, ny, nz = fraction.shape
    pairs = 0
    for b in range(radius.size):
        first_x, last_x = _cells_near(start, end, b, radius[b] + reach, 0, spacing[0], nx)
        first_y, last_y = _cells_near(start, end, b, radius[b] + reach, 1, spacing[1], ny)
        first_z, last_z = _cells_near(start, end, b, radius[b] + reach, 2, spacing[2], nz)
        for i in range(first_x, last_x):
            low_face, high_face = i * spacing[0], (i + 1) * spacing[0]
            if high_face <= low[b] or low_face >= high[b]:
                continue
            cut = low_face < low[b] or high_face > high[b]
            x = (i + 0.5) * spacing[0]
            for j in range(first_y, last_y):
                y = (j + 0.5) * spacing[1]
                for k in range(first_z, last_z):
                    q0, q1, q2 = _from_line(x, y, (k + 0.5) * spacing[2], start, end, b)
                    distance = math.sqrt(q0 * q0 + q1 * q1 + q2 * q2)
                    if distance + reach <= radius[b] and not cut:
                        fraction[i, j, k] = 1.0
                    elif distance - radius[b] < reach:
                        if cell.size > 0:
                            cell[pairs] = (i * ny + j) * nz + k
                            body[pairs] = b
                        pairs += 1
    return pairs


@njit(cache=True)
def _share(p0, p1, p2, sub0, sub1, sub2, start, end, radius, low, high, b, tiny):
    """Return the share of a sub-cell inside a body: its surface is a plane there, and the share its extent's."""
    q0, q1, q2 = _from_line(p0, p1, p2, start, end, b)
    distance = math.sqrt(q0 * q0 + q1 * q1 + q2 * q2)
    extent = (abs(q0) * sub0 + abs(q1) * sub1 + abs(q2) * sub2) / max(distance, tiny)
    share = min(max(0.5 + (radius[b] - distance) / max(extent, tiny), 0.0), 1.0)
    lower = max(p0 - 0.5 * sub0, low[b])
    upper = min(p0 + 0.5 * sub0, high[b])
    if upper - lower < sub0 * (1.0 - 1e-9):
        share *= max(upper - lower, 0.0) / sub0
    return share


@njit(parallel=True, cache=True)
def cover(fraction, spacing, start, end, radius, low, high, reach, cell, body, first, parts):
    """Write the share inside bodies to cells that meet surfaces.

    ``cell``, ``body`` : the pairs, sorted by cells; ``first`` : where each cell begins in them, and their number;
    ``parts`` : sub-cells per axis. A sub-cell is covered as by the body that covers most of it.
    """
    ny, nz = fraction.shape[1], fraction.shape[2]
    flat = fraction.ravel()
    sub0, sub1, sub2 = spacing[0] / parts[0], spacing[1] / parts[1], spacing[2] / parts[2]
    tiny = 1e-9 * reach
    number = parts[0] * parts[1] * parts[2]
    for n in prange(first.size - 1):
        c = cell[first[n]]
        x, y, z = c // (ny * nz), (c // nz) % ny, c % nz
        total = 0.0
        for i in range(parts[0]):
            p0 = (x + 0.5) * spacing[0] + ((i + 0.5) / parts[0] - 0.5) * spacing[0]
            for j in range(parts[1]):
                p1 = (y + 0.5) * spacing[1] + ((j + 0.5) / parts[1] - 0.5) * spacing[1]
                for k in range(parts[2]):
                    p2 = (z + 0.5) * spacing[2] + ((k + 0.5) / parts[2] - 0.5) * spacing[2]
                    most = 0.0
                    for m in range(first[n], first[n + 1]):
                        if most == 1.0:
                            break
                        b = body[m]
                        most = max(most, _share(p0, p1, p2, sub0, sub1, sub2, start, end, radius, low, high, b, tiny))
                    total += most
        # a cell that a surface only touches is full or empty, not so up to the last bit
        flat[c] = round(total / number * 1e12) / 1e12


@njit(cache=True)
def deepen(depth, spacing, start, end, radius, low, high, reach):
    """Raise the depth of cells inside or within ``reach`` of a body to that inside it, where it is larger."""
    nx, ny, nz = depth.shape
    for b in range(radius.size):
        first_x, last_x = _cells_near(start, end, b, radius[b] + reach, 0, spacing[0], nx)
        first_y, last_y = _cells_near(start, end, b, radius[b] + reach, 1, spacing[1], ny)
        first_z, last_z = _cells_near(start, end, b, radius[b] + reach, 2, spacing[2], nz)
        for i in range(first_x, last_x):
            x = (i + 0.5) * spacing[0]
            for j in range(first_y, last_y):
                y = (j + 0.5) * spacing[1]
                for k in range(first_z, last_z):
                    q0, q1, q2 = _from_line(x, y, (k + 0.5) * spacing[2], start, end, b)
                    inside = radius[b] - math.sqrt(q0 * q0 + q1 * q1 + q2 * q2)
                    inside = min(inside, x - low[b], high[b] - x)
                    if inside >= -reach and inside > depth[i, j, k]:
                        depth[i, j, k] = inside


@njit(cache=True)
def _entered(head, entry_body, entry_next, used, lower, bin_size, point_a, point_b, outer, body):
    """Enter a body in every bin that its box, widened by ``outer``, meets; return the lists, longer if need be."""
    first, last = np.empty(3, dtype=np.int64), np.empty(3, dtype=np.int64)
    for axis in range(3):
        least = (min(point_a[axis], point_b[axis]) - outer - lower[axis]) / bin_size[axis]
        most = (max(point_a[axis], point_b[axis]) + outer - lower[axis]) / bin_size[axis]
        first[axis] = math.floor(min(max(least, 0.0), head.shape[axis] - 1.0))
        last[axis] = math.floor(min(max(most, 0.0), head.shape[axis] - 1.0))
        if most < 0.0 or least >= head.shape[axis]:
            return entry_body, entry_next, used
    for i in range(first[0], last[0] + 1):
        for j in range(first[1], last[1] + 1):
            for k in range(first[2], last[2] + 1):
                if used == entry_body.size:
                    entry_body = np.append(entry_body, np.empty(used, dtype=np.int64))
                    entry_next = np.append(entry_next, np.empty(used, dtype=np.int64))
                entry_body[used] = body
                entry_next[used] = head[i, j, k]
                head[i, j, k] = used
                used += 1
    return entry_body, entry_next, used


@njit(cache=True)
def _bin_of(point, lower, bin_size, head, axis):
    return math.floor(min(max((point[axis] - lower[axis]) / bin_size[axis], 0.0), head.shape[axis] - 1.0))


@njit(cache=True)
def choose(sites, room, radii, lower, upper, margin, again, period, start, end, radius, bins):
    """Choose a site for each ball, the first in the list at which it touches no body and no ball before it.

    Parameters
    ----------
    sites : ``(n, 3)`` [m], in the box; room : ``(n,)`` largest radius at a site [m].
    radii : of the balls, largest first [m].
    lower, upper : corners of the box; margin : ``(3,)`` distance of a ball from its sides, in radii.
    again : whether sites that had no room for a ball are offered to smaller ones.
    period : ``(3,)`` of each axis [m]; 0 if the box does not repeat along it.
    start, end, radius : bodies that are there already, with their images near the box.
    bins : ``(3,)`` int: into how many bins the box is cut.

    Returns
    -------
    chosen : site of each ball, ``(k,)``; shorter than ``radii`` if there was no room for the next one.
    """
    fixed = radius.size
    images = np.ones(3, dtype=np.int64)
    for axis in range(3):
        if period[axis] > 0.0:
            images[axis] = 3
    room_for = fixed + radii.size * images[0] * images[1] * images[2]
    a, b, r = np.empty((room_for, 3)), np.empty((room_for, 3)), np.empty(room_for)
    a[:fixed], b[:fixed], r[:fixed] = start, end, radius
    bin_size = np.maximum((upper - lower) / bins, 1e-300)
    head = np.full((bins[0], bins[1], bins[2]), -1, dtype=np.int64)
    entry_body, entry_next, used = np.empty(1024, dtype=np.int64), np.empty(1024, dtype=np.int64), 0
    for n in range(fixed):
        entry_body, entry_next, used = _entered(
            head, entry_body, entry_next, used, lower, bin_size, a[n], b[n], r[n] + radii[0], n
        )
    known = fixed
    taken = np.zeros(len(sites), dtype=np.bool_)
    chosen = np.empty(radii.size, dtype=np.int64)
    site = 0
    for ball in range(radii.size):
        if again and ball > 0 and radii[ball] < radii[ball - 1]:
            site = 0
        while site < len(sites):
            if not taken[site] and room[site] >= radii[ball]:
                free = True
                for axis in range(3):
                    free &= sites[site, axis] >= lower[axis] + margin[axis] * radii[ball]
                    free &= sites[site, axis] <= upper[axis] - margin[axis] * radii[ball]
                if free and _is_free(sites[site], radii[ball], a, b, r, head, entry_body, entry_next, lower, bin_size):
                    break
            site += 1
        if site == len(sites):
            return chosen[:ball]
        chosen[ball] = site
        taken[site] = True
        for i in range(images[0]):
            for j in range(images[1]):
                for k in range(images[2]):
                    a[known, 0] = sites[site, 0] + (i - images[0] // 2) * period[0]
                    a[known, 1] = sites[site, 1] + (j - images[1] // 2) * period[1]
                    a[known, 2] = sites[site, 2] + (k - images[2] // 2) * period[2]
                    b[known], r[known] = a[known], radii[ball]
                    entry_body, entry_next, used = _entered(
                        head,
                        entry_body,
                        entry_next,
                        used,
                        lower,
                        bin_size,
                        a[known],
                        b[known],
                        r[known] + radii[0],
                        known,
                    )
                    known += 1
        site += 1
    return chosen


@njit(cache=True)
def _is_free(point, wanted, a, b, r, head, entry_body, entry_next, lower, bin_size):
    """Return whether a ball of radius ``wanted`` touches none of the bodies entered in the bin of its centre."""
    i, j, k = (
        _bin_of(point, lower, bin_size, head, 0),
        _bin_of(point, lower, bin_size, head, 1),
        _bin_of(point, lower, bin_size, head, 2),
    )
    entry = head[i, j, k]
    while entry >= 0:
        n = entry_body[entry]
        q0, q1, q2 = _from_line(point[0], point[1], point[2], a, b, n)
        if not q0 * q0 + q1 * q1 + q2 * q2 > (r[n] + wanted) ** 2:
            return False
        entry = entry_next[entry]
    return True
