"""Compiled loops over voxels with labels. Imported where labels are read: Numba takes its time.

Arrays have three axes (2-D: the last one has one cell). A face is named by the flat number of the cell before it and by
its axis. ``wraps`` tells for each axis whether its sides join. Label 0 is no material: nothing has a face with it.
All kernels are in this file: Numba's cache notices edits of the file only in which a kernel stands.
"""

from __future__ import annotations

import math

import numpy as np

from microstructures.compiled import njit, prange

STEPS = 6  # of the inverse iteration for a normal; each gains a digit or more
NEARER = 0.999  # a face is passed on if that makes the square of a distance less than this share of what it was
BEFORE = np.array([(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)][:13])


@njit(cache=True)
def find_faces(label, wraps, before, axis_of):
    """List the faces between cells of two different labels other than 0; return how many.

    With ``before`` and ``axis_of`` of length 0 they are only counted.
    """
    nx, ny, nz = label.shape
    found = 0
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                own = label[i, j, k]
                if own == 0:
                    continue
                for axis in range(3):
                    i1, j1, k1 = i + (axis == 0), j + (axis == 1), k + (axis == 2)
                    if i1 == nx or (j1 == ny and not wraps[1]) or (k1 == nz and not wraps[2]):
                        continue
                    other = label[i1, j1 % ny, k1 % nz]
                    if other != 0 and other != own:
                        if before.size > 0:
                            before[found] = (i * ny + j) * nz + k
                            axis_of[found] = axis
                        found += 1
    return found


@njit(cache=True)
def _alike(padded, cell, stride, step, along, found, sign):
    """List the faces between the same two labels near a face; return how many.

    ``cell`` : flat number of the cell before the face in the middle; ``stride`` : to the next cell along its axis, and
    along all three. ``step``, ``along`` : from there to the cell before each face nearby, and that face's axis.
    ``sign`` : 1 where the first label is before the face as it is in the middle, -1 where it is behind.
    """
    first, second = padded[cell], padded[cell + stride[0]]
    count = 0
    for n in range(step.size):
        own = padded[cell + step[n]]
        if own == first:
            if padded[cell + step[n] + stride[1 + along[n]]] == second:
                found[count], sign[count] = n, 1.0
                count += 1
        elif own == second and padded[cell + step[n] + stride[1 + along[n]]] == first:
            found[count], sign[count] = n, -1.0
            count += 1
    return count


@njit(cache=True)
def _one_side(found, sign, count, along, near):
    """Keep the faces that lead to the same side as those close by; return how many.

    The others are the far side of a thin grain.
    """
    m0, m1, m2 = 0.0, 0.0, 0.0
    for n in range(count):
        weight = max(near[found[n]], 0.0) * sign[n]
        m0 += weight * (along[found[n]] == 0)
        m1 += weight * (along[found[n]] == 1)
        m2 += weight * (along[found[n]] == 2)
    kept = 0
    for n in range(count):
        axis = along[found[n]]
        if sign[n] * (m0 if axis == 0 else (m1 if axis == 1 else m2)) >= 0.0:
            found[kept], sign[kept] = found[n], sign[n]
            kept += 1
    return kept


@njit(cache=True)
def _sums(found, sign, count, along, place, weight, sums):
    """Write Σ w, Σ w x (3), Σ w xx (6: 00 01 02 11 12 22) and Σ w e (3), x the faces' places, e their directions."""
    sums[:] = 0.0
    for n in range(count):
        face = found[n]
        w, x, y, z = weight[face], place[face, 0], place[face, 1], place[face, 2]
        sums[0] += w
        sums[1] += w * x
        sums[2] += w * y
        sums[3] += w * z
        sums[4] += w * x * x
        sums[5] += w * x * y
        sums[6] += w * x * z
        sums[7] += w * y * y
        sums[8] += w * y * z
        sums[9] += w * z * z
        sums[10 + along[face]] += w * sign[n]


@njit(cache=True)
def _bulge(found, count, place, weight, normal, bend):
    """Return by how much the middle of a curved surface stands out of the mean of the faces around, along ``normal``.

    The faces' heights above their mean plane are fitted with a multiple of the square of their distance from the
    normal; ``bend`` holds it back.
    """
    w, height, square, both, fourth = 0.0, 0.0, 0.0, 0.0, 0.0
    for n in range(count):
        face = found[n]
        x, y, z = place[face, 0], place[face, 1], place[face, 2]
        q = x * normal[0] + y * normal[1] + z * normal[2]
        t = x * x + y * y + z * z - q * q
        w += weight[face]
        height += weight[face] * q
        square += weight[face] * t
        both += weight[face] * q * t
        fourth += weight[face] * t * t
    height, square = height / w, square / w
    slope = (both / w - height * square) / (fourth / w - square * square + bend)
    return -slope * square


@njit(cache=True)
def _flattest(sums, trust, normal):
    """Write the normal of the plane nearest to the places in ``sums``, on the side to which their steps lead.

    It makes Σ w ((x - mean)·n)² / Σ w - trust (n·m)² least, m the mean direction of the steps: where faces are
    few, m decides, elsewhere the places. Inverse iteration from m with cofactors, which no singular matrix can stop.
    """
    w = sums[0]
    x, y, z = sums[1] / w, sums[2] / w, sums[3] / w
    size = math.sqrt(sums[10] ** 2 + sums[11] ** 2 + sums[12] ** 2)
    m0, m1, m2 = sums[10] / size, sums[11] / size, sums[12] / size
    shift = trust * 1.001
    a00 = sums[4] / w - x * x - trust * m0 * m0 + shift
    a01 = sums[5] / w - x * y - trust * m0 * m1
    a02 = sums[6] / w - x * z - trust * m0 * m2
    a11 = sums[7] / w - y * y - trust * m1 * m1 + shift
    a12 = sums[8] / w - y * z - trust * m1 * m2
    a22 = sums[9] / w - z * z - trust * m2 * m2 + shift
    c00, c01, c02 = a11 * a22 - a12 * a12, a02 * a12 - a01 * a22, a01 * a12 - a02 * a11
    c11, c12, c22 = a00 * a22 - a02 * a02, a01 * a02 - a00 * a12, a00 * a11 - a01 * a01
    n0, n1, n2 = m0, m1, m2
    for _ in range(STEPS):
        p0 = c00 * n0 + c01 * n1 + c02 * n2
        p1 = c01 * n0 + c11 * n1 + c12 * n2
        p2 = c02 * n0 + c12 * n1 + c22 * n2
        length = math.sqrt(p0 * p0 + p1 * p1 + p2 * p2)
        n0, n1, n2 = p0 / length, p1 / length, p2 / length
    side = 1.0 if n0 * m0 + n1 * m1 + n2 * m2 > 0.0 else -1.0
    normal[0], normal[1], normal[2] = side * n0, side * n1, side * n2


@njit(parallel=True, cache=True)
def fit_planes(padded, halo, spacing, trust, bend, axis, before, window, normal, point):
    """Fit a plane to the surroundings of each face along one axis: its normal and its point next to the face's centre.

    Normals lead from the smaller label to the larger. ``padded`` : labels with ``halo`` cells more on both sides of
    each axis; ``window`` : the faces around a face as (step, along, place, weight, near): see `_alike`, their centres
    from that of the face, how much they weigh in the fit and in telling sides; ``normal``, ``point`` : float32,
    ``(n_faces, 3)``; the unit of length is that of ``spacing``.
    """
    step, along, place, weight, near = window
    height, depth = padded.shape[1], padded.shape[2]
    ny, nz = height - 2 * halo[1], depth - 2 * halo[2]
    flat = padded.ravel()
    stride = np.array([1, height * depth, depth, 1])
    stride[0] = stride[1 + axis]
    for f in prange(before.size):
        i, j, k = before[f] // (ny * nz), (before[f] // nz) % ny, before[f] % nz
        cell = ((i + halo[0]) * height + j + halo[1]) * depth + k + halo[2]
        found, sign = np.empty(step.size, dtype=np.int32), np.empty(step.size)
        sums, n = np.empty(13), np.empty(3)
        count = _one_side(found, sign, _alike(flat, cell, stride, step, along, found, sign), along, near)
        _sums(found, sign, count, along, place, weight, sums)
        _flattest(sums, trust, n)
        away = (n[0] * sums[1] + n[1] * sums[2] + n[2] * sums[3]) / sums[0]
        away += _bulge(found, count, place, weight, n, bend)
        point[f, 0] = (i + 0.5 + 0.5 * (axis == 0)) * spacing[0] + away * n[0]
        point[f, 1] = (j + 0.5 + 0.5 * (axis == 1)) * spacing[1] + away * n[1]
        point[f, 2] = (k + 0.5 + 0.5 * (axis == 2)) * spacing[2] + away * n[2]
        side = 1.0 if flat[cell + stride[0]] > flat[cell] else -1.0
        for a in range(3):
            normal[f, a] = side * n[a]


@njit(cache=True, inline="always")
def _image(gap, wraps, length):
    """Return the nearest periodic image of a distance along an axis."""
    if wraps:
        if gap > 0.5 * length:
            return gap - length
        if gap < -0.5 * length:
            return gap + length
    return gap


@njit(cache=True, inline="always")
def _square(point, f, x, y, z, wraps, lengths):
    """Return the square of the distance of a place from the point of a face or its nearest periodic image."""
    p = x - point[f, 0]
    q = _image(y - point[f, 1], wraps[1], lengths[1])
    r = _image(z - point[f, 2], wraps[2], lengths[2])
    return p * p + q * q + r * r


@njit(cache=True)
def seed_cells(before, axis_of, spacing, lengths, wraps, point, nearest, square):
    """Give each of the two cells beside a face that face, unless they have a nearer one."""
    ny, nz = nearest.shape[1], nearest.shape[2]
    for f in range(before.size):
        cell, axis = before[f], axis_of[f]
        i, j, k = cell // (ny * nz), (cell // nz) % ny, cell % nz
        for _ in range(2):
            x, y, z = (i + 0.5) * spacing[0], (j + 0.5) * spacing[1], (k + 0.5) * spacing[2]
            found = _square(point, f, x, y, z, wraps, lengths)
            if found < square[i, j, k]:
                square[i, j, k] = found
                nearest[i, j, k] = f
            i, j, k = i + (axis == 0), (j + (axis == 1)) % ny, (k + (axis == 2)) % nz


@njit(cache=True)
def sweep(region, direction, spacing, lengths, wraps, point, nearest, square):
    """Pass faces on from cell to cell of a region, once through the box, where they are nearer; return how often.

    The nearest point of a grain's boundary can be seen from inside it: nothing is passed on between regions.
    ``direction`` : 1 from the first cell to the last, -1 back.
    """
    nx, ny, nz = region.shape
    changes = 0
    for n in range(nx):
        i = n if direction == 1 else nx - 1 - n
        for m in range(ny):
            j = m if direction == 1 else ny - 1 - m
            for h in range(nz):
                k = h if direction == 1 else nz - 1 - h
                x, y, z = (i + 0.5) * spacing[0], (j + 0.5) * spacing[1], (k + 0.5) * spacing[2]
                own, mine, least = region[i, j, k], nearest[i, j, k], square[i, j, k]
                for step in range(13):  # the half of the 26 neighbours that came before
                    i1, j1, k1 = (
                        i + direction * BEFORE[step, 0],
                        j + direction * BEFORE[step, 1],
                        k + direction * BEFORE[step, 2],
                    )
                    if i1 < 0 or i1 >= nx:
                        continue
                    if j1 < 0 or j1 >= ny:
                        if not wraps[1]:
                            continue
                        j1 += ny if j1 < 0 else -ny
                    if k1 < 0 or k1 >= nz:
                        if not wraps[2]:
                            continue
                        k1 += nz if k1 < 0 else -nz
                    f = nearest[i1, j1, k1]
                    if f >= 0 and f != mine and region[i1, j1, k1] == own:
                        found = _square(point, f, x, y, z, wraps, lengths)
                        if found < NEARER * least:
                            mine, least = f, found
                            changes += 1
                nearest[i, j, k], square[i, j, k] = mine, least
    return changes


@njit(parallel=True, cache=True)
def measure_cells(nearest, spacing, lengths, wraps, normal, point, band_width, distance, covered):
    """Write the distance of cells from the planes of their faces, and the share of each within half a band width.

    The share is the overlap of the cell's extent along the normal with the band. ``covered`` of size 0 is left out.
    """
    nx, ny, nz = nearest.shape
    for i in prange(nx):
        for j in range(ny):
            for k in range(nz):
                f = nearest[i, j, k]
                if f < 0:
                    continue
                p = (i + 0.5) * spacing[0] - point[f, 0]
                q = _image((j + 0.5) * spacing[1] - point[f, 1], wraps[1], lengths[1])
                r = _image((k + 0.5) * spacing[2] - point[f, 2], wraps[2], lengths[2])
                gap = abs(p * normal[f, 0] + q * normal[f, 1] + r * normal[f, 2])
                distance[i, j, k] = gap
                if covered.size > 0:
                    extent = abs(normal[f, 0]) * spacing[0] + abs(normal[f, 1]) * spacing[1]
                    extent += abs(normal[f, 2]) * spacing[2]
                    share = 0.5 + (0.5 * band_width - gap) / extent
                    # the planes are known to about 1e-6 of a cell: a cell that an edge only touches is full or empty
                    covered[i, j, k] = round(min(max(share, 0.0), min(1.0, band_width / extent)) * 1e5) / 1e5
