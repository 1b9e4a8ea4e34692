"""Conservative Allen-Cahn: keep an interface's tanh profile without moving volume.

A profile xi = 1 / (1 + exp(-psi)) with psi = (signed distance) / width is restored by the flux

    theta M [ width grad(xi) - xi (1 - xi) n ],   n = grad(psi) / max(|grad(psi)|, 0.8 / width)

(Chiu and Lin 2011; Mirjalili and Mani 2020). On a face between cells a and b the form used here,

    theta_f M (width / d) [ xi_b - xi_a - 2 sinh(d n_f / 2 width) sqrt(q_a q_b) ],   q = xi (1 - xi),

vanishes for every planar profile, tilted or not. The same normals give the curvature.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from phasefield.numerics import normals
from phasefield.numerics.kernel import kernel
from phasefield.numerics.normals import FORMING, HIGH_X, HIGH_Y, HIGH_Z, LOW_X, LOW_Y, LOW_Z, WALL

# xi (1 - xi) of cells that the profile flux leaves alone
NEGLIGIBLE = 1e-10
REGULARISATION = 1e-3  # of 1 / width: the least |grad psi| that a curvature's n = grad(psi) / |grad(psi)| divides by
# The same for the profile flux. Where psi is flatter than 1 / width, n would make xi diffuse backward along the front,
# without bound as psi gets flat: refining the grid at a given width then moves a filament by 28 % instead of 1 %. With
# 0.9 and more a front whose overpotential differs across it (Z below 1 ohm cm^2) is not held together any longer.
FLATTEST = 0.8


def stable_sub_step(spacing, width: float, capacity: np.ndarray, periodic: bool) -> float:
    """Return the largest M dt [m] that keeps xi in (0, 1): (theta_c / max theta_f) / (2 sum_d (l cosh^2) / d^2).

    ``capacity`` is theta; the ratio is the smallest over all cells and their faces.
    """
    ratio = 1.0
    for axis in range(capacity.ndim):
        if capacity.shape[axis] == 1:
            continue
        other = np.roll(capacity, -1, axis)
        face = 2.0 * capacity * other / (capacity + other)
        if axis == 0 or not periodic:
            face[(slice(None),) * axis + (slice(-1, None),)] = 0.0
        largest = np.maximum(face, np.roll(face, 1, axis))
        ratio = min(ratio, float((capacity / np.maximum(largest, capacity)).min()))
    rate = sum(
        2.0 * width * math.cosh(d / (2.0 * width)) ** 2 / d**2
        for d, n in zip(spacing, capacity.shape, strict=True)
        if n > 1
    )
    return ratio / rate


@kernel
def _two_sinh(y):
    """Return 2 sinh(y) to round-off for |y| <= 1: its series, which becomes vector instructions."""
    s = y * y
    series = 1.0 + s * (1.0 / 210.0) * (1.0 + s * (1.0 / 272.0))
    series = 1.0 + s * (1.0 / 110.0) * (1.0 + s * (1.0 / 156.0) * series)
    series = 1.0 + s * (1.0 / 42.0) * (1.0 + s * (1.0 / 72.0) * series)
    return 2.0 * y * (1.0 + s * (1.0 / 6.0) * (1.0 + s * (1.0 / 20.0) * series))


@kernel(inline=True)
def _flux(normal, xi_a, xi_b, theta_a, theta_b, sight_a, sight_b, to_high, to_low, d, width, out):
    """Write flux / M / d of the faces between two rows, > 0 from b to a.

    No flux fills the emptier cell where nothing drives xi into it: an obstacle that the fuller one does not see, or a
    wall. Between two cells of a nucleus that forms there is none at all: it has no profile yet, and would fill like a
    checkerboard.
    """
    half, strength = 0.5 * d / width, 2.0 * width / (d * d)
    for k in range(out.size):
        a, b, s_a, s_b = xi_a[k], xi_b[k], sight_a[k], sight_b[k]
        theta = theta_a[k] * theta_b[k] / (theta_a[k] + theta_b[k])
        bent = _two_sinh(half * normal[k]) * math.sqrt(a * (1.0 - a) * b * (1.0 - b))
        flux = strength * theta * (b - a - bent)
        a_closed = (s_b & to_low) == 0 or (s_a & WALL) != 0
        b_closed = (s_a & to_high) == 0 or (s_b & WALL) != 0
        blocked = a_closed and flux > 0.0 if a < b else b_closed and flux < 0.0
        out[k] = 0.0 if blocked or (s_a & s_b & FORMING) != 0 else flux


@kernel(inline=True)
def _bend(normal, sight_a, sight_b, to_high, to_low, d, out):
    """Write n / d of the faces between two rows whose cells see each other, else 0."""
    per_d = 1.0 / d
    for k in range(out.size):
        mutual = (sight_a[k] & to_high) != 0 and (sight_b[k] & to_low) != 0
        out[k] = normal[k] * per_d if mutual else 0.0


@kernel(inline=True)
def _rises(psi, sight, i, j, low, high, periodic, along_x, along_y, along_z):
    """Write what ``normals.rise`` says of cells [low, high) of padded row (i, j) along the axes whose row is not empty."""
    row, see, ny = psi[i, j], sight[i, j, low:high], psi.shape[1]
    here = row[low:high]
    if along_x.size > 0:
        normals.rise(here, psi[i - 1, j, low:high], psi[i + 1, j, low:high], see, LOW_X, HIGH_X, along_x[low:high])
    if along_y.size > 0:
        south, north = normals.before(j, ny, periodic), normals.after(j, ny, periodic)
        normals.rise(here, psi[i, south, low:high], psi[i, north, low:high], see, LOW_Y, HIGH_Y, along_y[low:high])
    if along_z.size > 0:
        normals.rise(here, row[low - 1 : high - 1], row[low + 1 : high + 1], see, LOW_Z, HIGH_Z, along_z[low:high])


@kernel(inline=True)
def _across(
    psi_a, psi_b, d, u_a, u_b, du, v_a, v_b, dv, three, flattest, xi_a, xi_b, theta_a, theta_b, sight_a, sight_b, to_high,
    to_low, width, bend, normal, out,
):  # fmt: skip
    """Write what faces between two rows carry: n / d (``bend``), or the flux."""
    normals.normal(psi_a, psi_b, d, u_a, u_b, du, v_a, v_b, dv, three, flattest, normal)
    if bend:
        _bend(normal, sight_a, sight_b, to_high, to_low, d, out)
    else:
        _flux(normal, xi_a, xi_b, theta_a, theta_b, sight_a, sight_b, to_high, to_low, d, width, out)


@kernel
def _faces_along_z(psi, xi, theta, sight, tiles, i, j, dx, dy, dz, width, flattest, periodic, bend, rows, net):
    """Write the sum over both faces along z of the cells of busy tiles in row (i, j)."""
    nz, three = xi.shape[2], xi.shape[1] > 1
    x, t, p, s = xi[i, j], theta[i, j], psi[i + 1, j], sight[i + 1, j]
    u, v, normal, side = rows[0], rows[1], rows[6], rows[7]
    if nz == 1:
        net[:] = 0.0
        return
    low, high, b = normals.next_run(tiles, 0, nz)
    while low < high:
        end = high + 1 if high < nz else high + 2  # a ghost for the face that closes a periodic row
        _rises(psi, sight, i + 1, j, low + 1, end, periodic, u, v if three else v[:0], v[:0])
        side[low] = side[high] = 0.0
        _across(
            p[low + 1 : high], p[low + 2 : high + 1], dz, u[low + 1 : high], u[low + 2 : high + 1], dx,
            v[low + 1 : high], v[low + 2 : high + 1], dy, three, flattest, x[low : high - 1], x[low + 1 : high],
            t[low : high - 1], t[low + 1 : high], s[low + 1 : high], s[low + 2 : high + 1], HIGH_Z, LOW_Z, width, bend,
            normal[low + 1 : high], side[low + 1 : high],
        )  # fmt: skip
        low, high, b = normals.next_run(tiles, b, nz)
    if periodic and tiles[0] != 0 and tiles[-1] != 0:
        _across(
            p[nz : nz + 1], p[nz + 1 :], dz, u[nz : nz + 1], u[nz + 1 :], dx, v[nz : nz + 1], v[nz + 1 :], dy, three, flattest,
            x[nz - 1 :], x[:1], t[nz - 1 :], t[:1], s[nz : nz + 1], s[nz + 1 :], HIGH_Z, LOW_Z, width, bend,
            normal[nz : nz + 1], side[nz : nz + 1],
        )  # fmt: skip
        side[0] = side[nz]
    low, high, b = normals.next_run(tiles, 0, nz)
    while low < high:
        for k in range(low, high):
            net[k] = side[k + 1] - side[k]
        low, high, b = normals.next_run(tiles, b, nz)


@kernel
def _faces_along_y(psi, xi, theta, sight, tiles, i, j, after, dx, dy, dz, width, flattest, periodic, bend, rows, net):
    """Add what the faces along y between rows (i, j) and (i, after) carry, where ``tiles`` are busy, to ``net`` of both."""
    nz = xi.shape[2]
    u_a, v_a, u_b, v_b, normal, side = rows[0], rows[2], rows[3], rows[5], rows[6], rows[7]
    low, high, b = normals.next_run(tiles, 0, nz)
    while low < high:
        lo, hi = low + 1, high + 1
        _rises(psi, sight, i + 1, j, lo, hi, periodic, u_a, u_a[:0], v_a)
        _rises(psi, sight, i + 1, after, lo, hi, periodic, u_b, u_b[:0], v_b)
        _across(
            psi[i + 1, j, lo:hi], psi[i + 1, after, lo:hi], dy, u_a[lo:hi], u_b[lo:hi], dx, v_a[lo:hi], v_b[lo:hi], dz, True,
            flattest, xi[i, j, low:high], xi[i, after, low:high], theta[i, j, low:high], theta[i, after, low:high],
            sight[i + 1, j, lo:hi], sight[i + 1, after, lo:hi], HIGH_Y, LOW_Y, width, bend, normal[lo:hi], side[lo:hi],
        )  # fmt: skip
        for k in range(low, high):
            net[j, k] += side[k + 1]
            net[after, k] -= side[k + 1]
        low, high, b = normals.next_run(tiles, b, nz)


@kernel
def _faces_along_x(psi, xi, theta, sight, tiles, i, j, dx, dy, dz, width, flattest, periodic, bend, rows, along):
    """Write what the faces between rows (i, j) and (i + 1, j) carry where ``tiles`` are busy."""
    nz, three = xi.shape[2], xi.shape[1] > 1
    u_a, v_a, u_b, v_b, normal = rows[2], rows[1], rows[5], rows[4], rows[6]
    low, high, b = normals.next_run(tiles, 0, nz)
    while low < high:
        lo, hi = low + 1, high + 1
        _rises(psi, sight, i + 1, j, lo, hi, periodic, u_a[:0], v_a if three else v_a[:0], u_a)
        _rises(psi, sight, i + 2, j, lo, hi, periodic, u_b[:0], v_b if three else v_b[:0], u_b)
        _across(
            psi[i + 1, j, lo:hi], psi[i + 2, j, lo:hi], dx, u_a[lo:hi], u_b[lo:hi], dz, v_a[lo:hi], v_b[lo:hi], dy, three,
            flattest, xi[i, j, low:high], xi[i + 1, j, low:high], theta[i, j, low:high], theta[i + 1, j, low:high],
            sight[i + 1, j, lo:hi], sight[i + 2, j, lo:hi], HIGH_X, LOW_X, width, bend, normal[lo:hi], along[low:high],
        )  # fmt: skip
        low, high, b = normals.next_run(tiles, b, nz)


@kernel
def _both(here, there, out):
    for b in range(out.size):
        out[b] = 1 if here[b] != 0 and there[b] != 0 else 0


@kernel
def _faces_of_plane(
    psi, xi, theta, sight, busy, i, dx, dy, dz, width, flattest, periodic, bend, rows, both, along, net
):
    """Write what the faces within plane i bring to its cells into ``net``, those to plane i + 1 carry into ``along``."""
    nx, ny = xi.shape[:2]
    for j in range(ny):
        tiles = busy[i, j]
        _faces_along_z(psi, xi, theta, sight, tiles, i, j, dx, dy, dz, width, flattest, periodic, bend, rows, net[i, j])
        along[i, j] = 0.0
        if i + 1 < nx:
            _both(tiles, busy[i + 1, j], both)
            _faces_along_x(
                psi, xi, theta, sight, both, i, j, dx, dy, dz, width, flattest, periodic, bend, rows, along[i, j]
            )
    for j in range(ny):
        after = normals.after(j, ny, periodic)
        if after != j:
            _both(busy[i, j], busy[i, after], both)
            _faces_along_y(
                psi, xi, theta, sight, both, i, j, after, dx, dy, dz, width, flattest, periodic, bend, rows, net[i]
            )


@njit(parallel=True, cache=True)
def _faces(psi, xi, theta, sight, busy, planes, parts, dx, dy, dz, width, flattest, periodic, bend, along, net):
    """Do all busy ``planes``; each of ``parts`` threads takes as many."""
    for part in prange(parts):
        rows, both = np.empty((8, psi.shape[2])), np.empty_like(busy[0, 0])
        for m in range(part * planes.size // parts, (part + 1) * planes.size // parts):
            _faces_of_plane(
                psi,
                xi,
                theta,
                sight,
                busy,
                planes[m],
                dx,
                dy,
                dz,
                width,
                flattest,
                periodic,
                bend,
                rows,
                both,
                along,
                net,
            )


@kernel
def _advance_plane(xi, theta, busy, i, along, net, travel, periodic, psi):
    nx, ny, nz = xi.shape
    for j in range(ny):
        x, t, inflow, out = xi[i, j], theta[i, j], net[i, j], along[i, j]
        back = along[i - 1, j] if i > 0 else out  # not read in the first plane
        low, high, b = normals.next_run(busy[i, j], 0, nz)
        while low < high:
            for k in range(low, high):
                through = out[k] - (back[k] if i > 0 else 0.0)
                x[k] += travel * (inflow[k] + through) / t[k]
            normals.coordinate_row(x[low:high], psi[i + 1, j, low + 1 : high + 1])
            low, high, b = normals.next_run(busy[i, j], b, nz)
        normals.fill_row_ends(psi[i + 1, j], periodic)
    if i == 0:
        normals.copy(psi[1], psi[0])
    if i == nx - 1:
        normals.copy(psi[nx], psi[nx + 1])


@njit(parallel=True, cache=True)
def _advance(xi, theta, busy, planes, parts, along, net, travel, periodic, psi):
    """Advance the cells of busy tiles by M dt = ``travel``, and their psi."""
    for part in prange(parts):
        for m in range(part * planes.size // parts, (part + 1) * planes.size // parts):
            _advance_plane(xi, theta, busy, planes[m], along, net, travel, periodic, psi)


@kernel
def _bend_plane(psi, busy, i, farthest, along, net, out):
    for j in range(out.shape[1]):
        row, p, low_x, high_x, rest = out[i, j], psi[i + 1, j], along[max(i - 1, 0), j], along[i, j], net[i, j]
        row[:] = 0.0
        low, high, b = normals.next_run(busy[i, j], 0, row.size)
        while low < high:
            for k in range(low, high):
                if abs(p[k + 1]) < farthest:
                    row[k] = (low_x[k] if i > 0 else 0.0) - high_x[k] - rest[k]
            low, high, b = normals.next_run(busy[i, j], b, row.size)


@njit(parallel=True, cache=True)
def _bends(psi, busy, farthest, along, net, out):
    for i in prange(out.shape[0]):
        _bend_plane(psi, busy, i, farthest, along, net, out)


class Interface:
    """Know the shape of the metal on a box in a ceramic whose accommodation pressure holds it back.

    Parameters
    ----------
    spacing, width : [m]. theta : volume per volume of cell that xi fills, box. barrier : accommodation pressure, box.
    obstacle, below, padded: see ``normals.look``; written by the one who knows in which cells nothing drives plating.
    """

    def __init__(self, spacing, width: float, theta: np.ndarray, barrier: np.ndarray, periodic: bool) -> None:
        nx, ny, nz = shape = theta.shape
        padded, tiles = (nx + 2, ny, nz + 2), (nx, ny, -(-nz // normals.TILE))
        self.spacing, self.width, self.theta, self.periodic = spacing, width, theta, periodic
        self.barrier, self.obstacle, self.psi = np.empty(padded), np.zeros(padded), np.zeros(padded)
        normals.pad(barrier, periodic, self.barrier)
        self.wall = float(barrier.max()) or np.inf  # without accommodation pressure nothing is closed to metal
        self.along, self.net = np.zeros(shape), np.zeros(shape)
        self.marks, self.busy = np.zeros(tiles, dtype=np.uint8), np.ones(tiles, dtype=np.uint8)
        self.sight, self.level = np.zeros(padded, dtype=np.uint8), np.zeros(padded, dtype=np.uint8)
        nowhere = np.zeros(shape, dtype=np.bool_)
        normals.look(self.barrier, self.barrier, nowhere, np.inf, periodic, self.busy, self.level)
        self.sub_step = stable_sub_step(spacing, width, theta, periodic)

    def _mark(self, xi: np.ndarray, least: float) -> np.ndarray:
        """Find the tiles around the interface; returns the planes that have some."""
        normals.profile_coordinate(xi, self.periodic, self.psi)
        normals.mark(xi, self.periodic, least, self.marks)
        return normals.spread(self.marks, self.periodic, self.busy)

    def _faces(
        self, xi: np.ndarray, sight: np.ndarray, planes: np.ndarray, flattest: float, bend: bool, threads: int
    ) -> None:
        _faces(
            self.psi, xi, self.theta, sight, self.busy, planes, threads, *self.spacing, self.width, flattest / self.width,
            self.periodic, bend, self.along, self.net,
        )  # fmt: skip

    def curvature(self, xi: np.ndarray, least: float, out: np.ndarray, threads: int = 1) -> None:
        """Write -div n, positive where the phase xi = 1 is convex [1/m]; second order where psi is smooth.

        It is 0 where xi (1 - xi) < ``least``. No normal crosses a step of the barrier, so that metal between walls has the
        curvature of its front only.
        """
        planes = self._mark(xi, least)
        self._faces(xi, self.level, planes, REGULARISATION, True, threads)
        _bends(self.psi, self.busy, math.log(1.0 / least), self.along, self.net, out)

    def restore(self, xi: np.ndarray, forming: np.ndarray, travel: float, threads: int = 1) -> None:
        """Advance xi in place by M dt = ``travel`` [m] of (1 / theta) div(flux / M), in steps that keep it in (0, 1).

        Moves no volume (round-off); the box is closed along x. The results are the same for any number of threads.

        forming : between two of these cells there is no flux, see ``_flux``.
        """
        steps = math.ceil(travel / self.sub_step)
        planes = self._mark(xi, NEGLIGIBLE)
        normals.fill_ghosts(self.obstacle, self.periodic)
        normals.look(self.obstacle, self.barrier, forming, self.wall, self.periodic, self.busy, self.sight)
        for _ in range(steps):
            self._faces(xi, self.sight, planes, FLATTEST, False, threads)
            _advance(
                xi,
                self.theta,
                self.busy,
                planes,
                threads,
                self.along,
                self.net,
                travel / steps,
                self.periodic,
                self.psi,
            )
