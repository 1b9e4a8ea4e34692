"""Conservative Allen-Cahn: keep an interface's tanh profile without moving volume.

A profile xi = 1 / (1 + exp(-psi)) with psi = (signed distance) / width is restored by the flux

    theta M [ width grad(xi) - xi (1 - xi) n ],   n = grad(psi) / max(|grad(psi)|, 0.8 / width)

(Chiu and Lin 2011; Mirjalili and Mani 2020). On a face between cells i and i + 1 the form used here,

    theta_f M (width / d) [ xi_{i+1} - xi_i - 2 sinh(d n_f / 2 width) sqrt(q_i q_{i+1}) ],   q = xi (1 - xi),

vanishes for every planar profile, tilted or not.

Arrays are boxes ``[i, j, k]`` as in ``multigrid``: a 2-D grid is one layer along the middle axis. Those called *padded*
(``psi`` and barriers) carry one ghost layer along the first and the last axis, mirrored along x; along the middle axis
neighbours are found by ``_before`` and ``_after``.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

CLIP = 1e-12  # xi is kept this far from 0 and 1, for psi only
FARTHEST = 27.63  # |psi| at that distance
NEGLIGIBLE = CLIP  # of a cell: no flux so small is computed
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


@njit(cache=True, forceinline=True)
def _before(j, n, periodic):
    """Return the layer before j: the last one before the first if periodic, else itself (mirror)."""
    if j > 0:
        return j - 1
    return n - 1 if periodic else 0


@njit(cache=True, forceinline=True)
def _after(j, n, periodic):
    """Return the layer after j, as ``_before``."""
    if j + 1 < n:
        return j + 1
    return 0 if periodic else n - 1


@njit(cache=True)
def _fill_ghosts(padded, periodic):
    """Set the ghosts of a padded array: mirrored along x, periodic or mirrored along z."""
    nx, nz = padded.shape[0] - 2, padded.shape[2] - 2
    for i in range(1, nx + 1):
        for j in range(padded.shape[1]):
            padded[i, j, 0] = padded[i, j, nz] if periodic else padded[i, j, 1]
            padded[i, j, nz + 1] = padded[i, j, 1] if periodic else padded[i, j, nz]
    padded[0] = padded[1]
    padded[nx + 1] = padded[nx]


@njit(parallel=True, cache=True)
def _write_coordinate(xi, psi):
    lowest = math.log(CLIP / (1.0 - CLIP))
    for i in prange(xi.shape[0]):
        for j in range(xi.shape[1]):
            for k in range(xi.shape[2]):
                c = xi[i, j, k]
                if c <= CLIP:
                    psi[i + 1, j, k + 1] = lowest
                else:
                    c = min(c, 1.0 - CLIP)
                    psi[i + 1, j, k + 1] = math.log(c / (1.0 - c))


@njit(cache=True)
def profile_coordinate(xi, periodic, psi):
    """Write psi = ln(xi / (1 - xi)) with ghosts."""
    _write_coordinate(xi, psi)
    _fill_ghosts(psi, periodic)


@njit(cache=True)
def pad(values, periodic, padded):
    """Write ``values`` with ghosts."""
    padded[1:-1, :, 1:-1] = values
    _fill_ghosts(padded, periodic)


@njit(cache=True, forceinline=True)
def _see(psi, obstacle, own, limit, i, j, k):
    """Return psi of the neighbour (i, j, k) as a cell with psi ``own`` sees it: its own if the neighbour is closed to it.

    A neighbour is closed if its ``obstacle`` exceeds the cell's barrier, ``limit``. A front then meets that wall at a
    right angle. Without this the steep fall of psi into a wall turns n across the front beside it, and xi diffuses ahead.
    """
    return own if obstacle[i, j, k] > limit else psi[i, j, k]


@njit(cache=True, forceinline=True)
def _difference_x(psi, barrier, obstacle, i, j, k):
    """Difference of psi over the two neighbours along x of padded cell (i, j, k), as it sees them."""
    own, limit = psi[i, j, k], barrier[i, j, k]
    high = _see(psi, obstacle, own, limit, i + 1, j, k)
    return high - _see(psi, obstacle, own, limit, i - 1, j, k)


@njit(cache=True, forceinline=True)
def _difference_y(psi, barrier, obstacle, i, j, k, periodic):
    own, limit, n = psi[i, j, k], barrier[i, j, k], psi.shape[1]
    high = _see(psi, obstacle, own, limit, i, _after(j, n, periodic), k)
    return high - _see(psi, obstacle, own, limit, i, _before(j, n, periodic), k)


@njit(cache=True, forceinline=True)
def _difference_z(psi, barrier, obstacle, i, j, k):
    own, limit = psi[i, j, k], barrier[i, j, k]
    high = _see(psi, obstacle, own, limit, i, j, k + 1)
    return high - _see(psi, obstacle, own, limit, i, j, k - 1)


@njit(cache=True, forceinline=True)
def _normal_x(psi, barrier, obstacle, i, j, k, dx, dy, dz, periodic, floor):
    """Component along x of n on the face between padded cells i and i + 1."""
    along = (psi[i + 1, j, k] - psi[i, j, k]) / dx
    square = along * along
    z = _difference_z(psi, barrier, obstacle, i, j, k) + _difference_z(psi, barrier, obstacle, i + 1, j, k)
    square += (z / (4.0 * dz)) ** 2
    if psi.shape[1] > 1:
        y = _difference_y(psi, barrier, obstacle, i, j, k, periodic)
        y += _difference_y(psi, barrier, obstacle, i + 1, j, k, periodic)
        square += (y / (4.0 * dy)) ** 2
    return along / math.sqrt(max(square, floor))


@njit(cache=True, forceinline=True)
def _normal_y(psi, barrier, obstacle, i, j, k, dx, dy, dz, periodic, floor):
    """Component along y of n on the face between layers j and the one after it."""
    after = _after(j, psi.shape[1], periodic)
    along = (psi[i, after, k] - psi[i, j, k]) / dy
    x = _difference_x(psi, barrier, obstacle, i, j, k) + _difference_x(psi, barrier, obstacle, i, after, k)
    z = _difference_z(psi, barrier, obstacle, i, j, k) + _difference_z(psi, barrier, obstacle, i, after, k)
    return along / math.sqrt(max(along * along + (x / (4.0 * dx)) ** 2 + (z / (4.0 * dz)) ** 2, floor))


@njit(cache=True, forceinline=True)
def _normal_z(psi, barrier, obstacle, i, j, k, dx, dy, dz, periodic, floor):
    """Component along z of n on the face between padded cells k and k + 1."""
    along = (psi[i, j, k + 1] - psi[i, j, k]) / dz
    square = along * along
    x = _difference_x(psi, barrier, obstacle, i, j, k) + _difference_x(psi, barrier, obstacle, i, j, k + 1)
    square += (x / (4.0 * dx)) ** 2
    if psi.shape[1] > 1:
        y = _difference_y(psi, barrier, obstacle, i, j, k, periodic)
        y += _difference_y(psi, barrier, obstacle, i, j, k + 1, periodic)
        square += (y / (4.0 * dy)) ** 2
    return along / math.sqrt(max(square, floor))


@njit(cache=True, forceinline=True)
def _bend(psi, barrier, i, j, k, dx, dy, dz, periodic, floor):
    """Return -div n in padded cell (i, j, k)."""
    nx, ny, nz = psi.shape[0] - 2, psi.shape[1], psi.shape[2] - 2
    here = barrier[i, j, k]
    value = 0.0
    if nx > 1:
        if i < nx and barrier[i + 1, j, k] == here:
            value -= _normal_x(psi, barrier, barrier, i, j, k, dx, dy, dz, periodic, floor) / dx
        if i > 1 and barrier[i - 1, j, k] == here:
            value += _normal_x(psi, barrier, barrier, i - 1, j, k, dx, dy, dz, periodic, floor) / dx
    if ny > 1:
        before = _before(j, ny, periodic)
        if _after(j, ny, periodic) != j and barrier[i, _after(j, ny, periodic), k] == here:
            value -= _normal_y(psi, barrier, barrier, i, j, k, dx, dy, dz, periodic, floor) / dy
        if before != j and barrier[i, before, k] == here:
            value += _normal_y(psi, barrier, barrier, i, before, k, dx, dy, dz, periodic, floor) / dy
    if nz > 1:
        if barrier[i, j, k + 1] == here:
            value -= _normal_z(psi, barrier, barrier, i, j, k, dx, dy, dz, periodic, floor) / dz
        if barrier[i, j, k - 1] == here:
            value += _normal_z(psi, barrier, barrier, i, j, k - 1, dx, dy, dz, periodic, floor) / dz
    return value


@njit(parallel=True, cache=True)
def curvature(psi, barrier, dx, dy, dz, periodic, width, out, farthest=FARTHEST):
    """Write -div n, positive where the phase xi = 1 is convex [1/m]; second order where psi is smooth.

    Far from the interface, where |psi| is ``farthest`` (at most where psi is cut off) or more, it is 0.
    ``barrier`` (padded): no normal crosses a step of it, so that metal between walls has the curvature of its front only.
    """
    floor = (REGULARISATION / width) ** 2
    for i in prange(out.shape[0]):
        for j in range(out.shape[1]):
            for k in range(out.shape[2]):
                out[i, j, k] = 0.0
                if abs(psi[i + 1, j, k + 1]) < farthest:
                    out[i, j, k] = _bend(psi, barrier, i + 1, j, k + 1, dx, dy, dz, periodic, floor)


@njit(cache=True, forceinline=True)
def _blocked(flux, xi_a, xi_b, barrier_a, barrier_b, inert_a, inert_b, wall):
    """Tell whether a flux (> 0 from b to a) would fill the emptier cell although nothing drives xi into it.

    That is so in an inert cell behind a step up of the barrier, or in a wall: its barrier is ``wall``, the highest.
    """
    if xi_a < xi_b:
        return flux > 0.0 and inert_a and (barrier_a > barrier_b or barrier_a >= wall)
    return flux < 0.0 and inert_b and (barrier_b > barrier_a or barrier_b >= wall)


@njit(cache=True, forceinline=True)
def _face_flux(xi_a, xi_b, theta_a, theta_b, normal, d, width):
    q = math.sqrt(max(xi_a * (1.0 - xi_a) * xi_b * (1.0 - xi_b), 0.0))
    theta = 2.0 * theta_a * theta_b / (theta_a + theta_b)
    return theta * width / d * (xi_b - xi_a - 2.0 * math.sinh(d * normal / (2.0 * width)) * q)


@njit(cache=True, forceinline=True)
def _matters(xi_a, xi_b):
    """Tell whether the flux between two cells is more than round-off of what full cells hold."""
    return abs(xi_a - xi_b) > NEGLIGIBLE or xi_a * (1.0 - xi_a) * xi_b * (1.0 - xi_b) > NEGLIGIBLE**2


@njit(cache=True)
def _plane_rate(
    xi, psi, theta, barrier, inert, forming, wall, padded, obstacle, periodic, dx, dy, dz, width, i, along, rate
):
    """Write what the faces within plane i give to ``rate``, and into ``along`` the flux to plane i + 1."""
    nx, ny, nz = xi.shape
    floor = (FLATTEST / width) ** 2
    rate[i] = 0.0
    along[i] = 0.0
    for j in range(ny):
        after = j + 1 if j + 1 < ny else 0
        for k in range(nz):
            x, t, p, still = xi[i, j, k], theta[i, j, k], barrier[i, j, k], inert[i, j, k]
            if i + 1 < nx and _matters(x, xi[i + 1, j, k]) and not (forming[i, j, k] and forming[i + 1, j, k]):
                normal = _normal_x(psi, padded, obstacle, i + 1, j, k + 1, dx, dy, dz, periodic, floor)
                flux = _face_flux(x, xi[i + 1, j, k], t, theta[i + 1, j, k], normal, dx, width) / dx
                if not _blocked(flux, x, xi[i + 1, j, k], p, barrier[i + 1, j, k], still, inert[i + 1, j, k], wall):
                    along[i, j, k] = flux
            if (
                ny > 1
                and (after > 0 or periodic)
                and _matters(x, xi[i, after, k])
                and not (forming[i, j, k] and forming[i, after, k])
            ):
                normal = _normal_y(psi, padded, obstacle, i + 1, j, k + 1, dx, dy, dz, periodic, floor)
                flux = _face_flux(x, xi[i, after, k], t, theta[i, after, k], normal, dy, width) / dy
                if not _blocked(flux, x, xi[i, after, k], p, barrier[i, after, k], still, inert[i, after, k], wall):
                    rate[i, j, k] += flux / t
                    rate[i, after, k] -= flux / theta[i, after, k]
            right = k + 1 if k + 1 < nz else 0
            if (
                nz > 1
                and (right > 0 or periodic)
                and _matters(x, xi[i, j, right])
                and not (forming[i, j, k] and forming[i, j, right])
            ):
                normal = _normal_z(psi, padded, obstacle, i + 1, j, k + 1, dx, dy, dz, periodic, floor)
                flux = _face_flux(x, xi[i, j, right], t, theta[i, j, right], normal, dz, width) / dz
                if not _blocked(flux, x, xi[i, j, right], p, barrier[i, j, right], still, inert[i, j, right], wall):
                    rate[i, j, k] += flux / t
                    rate[i, j, right] -= flux / theta[i, j, right]


@njit(cache=True)
def _step_plane(xi, theta, along, rate, travel, i):
    """Advance plane i by M dt = ``travel`` with what flows within it and through its two sides."""
    for j in range(xi.shape[1]):
        for k in range(xi.shape[2]):
            through = along[i, j, k] - (along[i - 1, j, k] if i > 0 else 0.0)
            xi[i, j, k] += travel * (rate[i, j, k] + through / theta[i, j, k])


@njit(cache=True)
def _sub_step(
    xi, psi, theta, barrier, inert, forming, wall, padded, obstacle, periodic, dx, dy, dz, width, travel, along, rate
):
    for i in range(xi.shape[0]):
        _plane_rate(
            xi, psi, theta, barrier, inert, forming, wall, padded, obstacle, periodic, dx, dy, dz, width, i, along, rate
        )
    for i in range(xi.shape[0]):
        _step_plane(xi, theta, along, rate, travel, i)


@njit(parallel=True, cache=True)
def _sub_step_parallel(
    xi, psi, theta, barrier, inert, forming, wall, padded, obstacle, periodic, dx, dy, dz, width, travel, along, rate
):
    for i in prange(xi.shape[0]):
        _plane_rate(
            xi, psi, theta, barrier, inert, forming, wall, padded, obstacle, periodic, dx, dy, dz, width, i, along, rate
        )
    for i in prange(xi.shape[0]):
        _step_plane(xi, theta, along, rate, travel, i)


@njit(cache=True)
def restore_profile(
    xi,
    theta,
    barrier,
    inert,
    forming,
    wall,
    periodic,
    dx,
    dy,
    dz,
    width,
    travel,
    steps,
    psi,
    along,
    rate,
    parallel=False,
):
    """Advance xi in place by M dt = ``travel`` [m] in ``steps`` explicit steps of (1 / theta) div(flux / M).

    Moves no volume (round-off); the box is closed along x.

    theta : volume per volume of cell that xi fills. barrier, inert, wall : see ``_blocked``; cells that are inert are
    obstacles of the height of their barrier, see ``_see``. forming : between two of these cells there is no flux: a
    nucleus has no profile yet, and would fill like a checkerboard. psi, along, rate : work space, the first padded.
    """
    padded, obstacle = np.empty_like(psi), np.empty_like(psi)
    pad(barrier, periodic, padded)
    pad(np.where(inert, barrier, 0.0), periodic, obstacle)
    part = travel / steps
    for _ in range(steps):
        profile_coordinate(xi, periodic, psi)
        if parallel:
            _sub_step_parallel(
                xi,
                psi,
                theta,
                barrier,
                inert,
                forming,
                wall,
                padded,
                obstacle,
                periodic,
                dx,
                dy,
                dz,
                width,
                part,
                along,
                rate,
            )
        else:
            _sub_step(
                xi,
                psi,
                theta,
                barrier,
                inert,
                forming,
                wall,
                padded,
                obstacle,
                periodic,
                dx,
                dy,
                dz,
                width,
                part,
                along,
                rate,
            )
