"""Unit normals of an interface on the faces of a box, row by row, and the cells in which they are needed.

Of a profile xi = 1 / (1 + exp(-psi)), with psi = (signed distance) / width, on the face between cells a and b::

    n = (psi_b - psi_a) / d / max(|grad psi|, flattest),   across the face: the mean of both cells' central differences

Arrays are boxes ``[i, j, k]`` as in ``multigrid``: a 2-D grid is one layer along the middle axis. Those called *padded*
carry one ghost layer along the first and the last axis, mirrored along x; along the middle axis neighbours are found by
``before`` and ``after``.

Most cells are far from any interface: a row is cut into tiles of ``TILE`` cells, and only *busy* ones are worked on.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from phasefield.numerics.kernel import kernel

CLIP = 1e-12  # xi is kept this far from 0 and 1, for psi only
FARTHEST = 27.63  # |psi| at that distance
TILE = 16  # cells
LEAST_MANTISSA = 0x3FE6000000000000  # bits of 0.6875: a mantissa lies between that and twice as much
LN_2 = math.log(2.0)

# What a cell knows of its surroundings, one bit each: the neighbours that it sees, see ``look``.
LOW_X, HIGH_X, LOW_Y, HIGH_Y, LOW_Z, HIGH_Z = 1, 2, 4, 8, 16, 32
WALL = 64  # it is an obstacle as high as any: nothing fills it
FORMING = 128  # a nucleus forms in it

ANY, FIRST, LAST = 1, 2, 4  # bits of a tile: where in it an interface is


@kernel(inline=True)
def before(j, n, periodic):
    """Return the layer before j: the last one before the first if periodic, else itself (mirror)."""
    if j > 0:
        return j - 1
    return n - 1 if periodic else 0


@kernel(inline=True)
def after(j, n, periodic):
    """Return the layer after j, as ``before``."""
    if j + 1 < n:
        return j + 1
    return 0 if periodic else n - 1


@kernel
def fill_row_ends(row, periodic):
    """Set the two ghosts of a padded row."""
    n = row.size - 2
    row[0] = row[n] if periodic else row[1]
    row[n + 1] = row[1] if periodic else row[n]


@kernel
def copy(values, out):
    """Write ``values`` of a plane into ``out``."""
    for j in range(out.shape[0]):
        row, to = values[j], out[j]
        for k in range(to.size):
            to[k] = row[k]


@kernel
def fill_ghosts(padded, periodic):
    """Set the ghosts of a padded array: mirrored along x, periodic or mirrored along z."""
    nx = padded.shape[0] - 2
    for i in range(1, nx + 1):
        for j in range(padded.shape[1]):
            fill_row_ends(padded[i, j], periodic)
    copy(padded[1], padded[0])
    copy(padded[nx], padded[nx + 1])


@kernel
def pad(values, periodic, padded):
    """Write ``values`` with ghosts."""
    for i in range(values.shape[0]):
        copy(values[i], padded[i + 1, :, 1:-1])
    fill_ghosts(padded, periodic)


@kernel
def coordinate_row(xi, psi):
    """Write psi = ln(xi / (1 - xi)) of a row, both without ghosts.

    The logarithm of the C library is no vector instruction, and takes three times as long. Here x = m 2^e with m near 1,
    ln m = 2 atanh(s) with s = (m - 1) / (m + 1), |s| < 0.19, by its series: the same to 4e-16.
    """
    for k in range(xi.size):
        c = min(max(xi[k], CLIP), 1.0 - CLIP)
        bits = np.float64(c / (1.0 - c)).view(np.int64)
        exponent = (bits - LEAST_MANTISSA) >> 52
        m = np.int64(bits - (exponent << 52)).view(np.float64)
        s = (m - 1.0) / (m + 1.0)
        t = s * s
        series = 2.0 / 11.0 + t * (2.0 / 13.0 + t * (2.0 / 15.0 + t * (2.0 / 17.0 + t * (2.0 / 19.0))))
        series = 2.0 + t * (2.0 / 3.0 + t * (2.0 / 5.0 + t * (2.0 / 7.0 + t * (2.0 / 9.0 + t * series))))
        psi[k] = np.float64(exponent) * LN_2 + s * series


@njit(parallel=True, cache=True)
def _coordinate(xi, psi):
    for i in prange(xi.shape[0]):
        for j in range(xi.shape[1]):
            coordinate_row(xi[i, j], psi[i + 1, j, 1:-1])


@njit(cache=True)
def profile_coordinate(xi, periodic, psi):
    """Write psi = ln(xi / (1 - xi)) with ghosts."""
    _coordinate(xi, psi)
    fill_ghosts(psi, periodic)


# --- tiles -----------------------------------------------------------------------------------------------------


@kernel
def _mark_row(xi, next_x, next_y, periodic, least, marks):
    n = xi.size
    for b in range(marks.size):
        low, high = b * TILE, min((b + 1) * TILE, n)
        found = False
        for k in range(low, high):
            filled = xi[k] > 0.5
            found |= xi[k] * (1.0 - xi[k]) > least
            found |= (next_x[k] > 0.5) != filled
            found |= (next_y[k] > 0.5) != filled
        for k in range(low, high - 1):
            found |= (xi[k] > 0.5) != (xi[k + 1] > 0.5)
        marks[b] = ANY if found else 0
    for b in range(marks.size):
        low, high = b * TILE, min((b + 1) * TILE, n)
        for k, other, bit in ((low, before(low, n, periodic), FIRST), (high - 1, after(high - 1, n, periodic), LAST)):
            if xi[k] * (1.0 - xi[k]) > least or (xi[k] > 0.5) != (xi[other] > 0.5):
                marks[b] |= bit | ANY


@njit(parallel=True, cache=True)
def mark(xi, periodic, least, marks):
    """Mark tiles of ``xi`` in which an interface is: xi (1 - xi) > ``least``, or xi jumps over 1/2 without a profile."""
    nx, ny = xi.shape[:2]
    for i in prange(nx):
        for j in range(ny):
            next_x, next_y = xi[min(i + 1, nx - 1), j], xi[i, after(j, ny, periodic)]
            _mark_row(xi[i, j], next_x, next_y, periodic, least, marks[i, j])


@njit(parallel=True, cache=True)
def _spread(marks, periodic, busy):
    nx, ny, n = marks.shape
    for i in prange(nx):
        for j in range(ny):
            for b in range(n):
                near = marks[i, j, b] | marks[max(i - 1, 0), j, b] | marks[min(i + 1, nx - 1), j, b]
                near |= marks[i, before(j, ny, periodic), b] | marks[i, after(j, ny, periodic), b]
                near &= ANY
                near |= marks[i, j, before(b, n, periodic)] & LAST
                busy[i, j, b] = near | marks[i, j, after(b, n, periodic)] & FIRST


@njit(cache=True)
def spread(marks, periodic, busy):
    """Mark tiles busy that hold a marked cell (``ANY``, ``FIRST``, ``LAST``) or a neighbour of one.

    Returns the planes that have busy tiles.
    """
    _spread(marks, periodic, busy)
    planes = np.empty(busy.shape[0], dtype=np.int64)
    count = 0
    for i in range(busy.shape[0]):
        if busy[i].any():
            planes[count] = i
            count += 1
    return planes[:count]


@kernel
def next_run(tiles, b, n):
    """Return the first run of busy tiles from tile b on, as cells [low, high) of a row of n, and the tile after it."""
    while b < tiles.size and tiles[b] == 0:
        b += 1
    low = b * TILE
    while b < tiles.size and tiles[b] != 0:
        b += 1
    return low, min(b * TILE, n), b


# --- what cells see --------------------------------------------------------------------------------------------


@kernel
def _look_row(obstacle, barrier, i, j, periodic, low, high, out):
    """Write the bits of the neighbours that the cells [low, high) of padded row (i, j) see."""
    ny = barrier.shape[1]
    own = barrier[i, j]
    west, east, row = obstacle[i - 1, j], obstacle[i + 1, j], obstacle[i, j]
    south, north = obstacle[i, before(j, ny, periodic)], obstacle[i, after(j, ny, periodic)]
    for k in range(low, high):
        limit = own[k]
        bits = LOW_X if west[k] <= limit else 0
        bits |= HIGH_X if east[k] <= limit else 0
        bits |= LOW_Y if south[k] <= limit else 0
        bits |= HIGH_Y if north[k] <= limit else 0
        bits |= LOW_Z if row[k - 1] <= limit else 0
        bits |= HIGH_Z if row[k + 1] <= limit else 0
        out[k] = bits


@njit(parallel=True, cache=True)
def look(obstacle, barrier, forming, wall, periodic, busy, sight):
    """Write what the cells of busy tiles see, with ghosts along z; all arrays but ``forming`` and ``busy`` are padded.

    A neighbour is closed to a cell if its ``obstacle`` exceeds the cell's barrier: the cell takes its own psi for it, and
    a front meets that wall at a right angle. Without this the steep fall of psi into a wall turns n across the front
    beside it, and xi diffuses ahead.
    """
    nx, ny = busy.shape[:2]
    nz = forming.shape[2]
    for i in prange(nx):
        for j in range(ny):
            out = sight[i + 1, j]
            low, high, b = next_run(busy[i, j], 0, nz)
            while low < high:
                _look_row(obstacle, barrier, i + 1, j, periodic, low + 1, high + 1, out)
                for k in range(low, high):
                    out[k + 1] |= WALL if obstacle[i + 1, j, k + 1] >= wall else 0
                    out[k + 1] |= FORMING if forming[i, j, k] else 0
                low, high, b = next_run(busy[i, j], b, nz)
            fill_row_ends(out, periodic)


# --- rows of differences and normals ---------------------------------------------------------------------------


@kernel(inline=True)
def rise(row, down, up, sight, to_low, to_high, out):
    """Write the difference of psi over both neighbours along an axis as each cell sees them: its own psi for a closed one."""
    for k in range(out.size):
        high = up[k] if sight[k] & to_high else row[k]
        low = down[k] if sight[k] & to_low else row[k]
        out[k] = high - low


@kernel(inline=True)
def normal(psi_a, psi_b, d, u_a, u_b, du, v_a, v_b, dv, three, flattest, out):
    """Write n of the faces between two rows; u, v: what ``rise`` writes along the two other axes (v in 3-D only)."""
    floor = flattest * flattest
    per_d, per_u, per_v = 1.0 / d, 0.25 / du, 0.25 / dv
    for k in range(out.size):
        along = (psi_b[k] - psi_a[k]) * per_d
        across = (u_a[k] + u_b[k]) * per_u
        square = along * along + across * across
        if three:
            other = (v_a[k] + v_b[k]) * per_v
            square += other * other
        out[k] = along / math.sqrt(max(square, floor))
