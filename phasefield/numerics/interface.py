"""Conservative Allen-Cahn: keep an interface's tanh profile without moving volume.

A profile xi = 1 / (1 + exp(-psi)) with psi = (signed distance) / width is restored by the flux

    theta M [ width grad(xi) - xi (1 - xi) n ],   n = grad(psi) / |grad(psi)|

(Chiu and Lin 2011; Mirjalili and Mani 2020). On a face between cells i and i + 1 the form used here,

    theta_f M (width / d) [ xi_{i+1} - xi_i - 2 sinh(d n_f / 2 width) sqrt(q_i q_{i+1}) ],   q = xi (1 - xi),

vanishes for every planar profile, tilted or not (exactly, but for the regularisation of n: 5e-7 of n). Arrays named ``psi`` carry one ghost layer.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

CLIP = 1e-12  # xi is kept this far from 0 and 1, for psi only
REGULARISATION = 1e-3  # of |grad psi| in units of 1 / width


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


@njit(cache=True)
def profile_coordinate(xi, periodic, psi):
    """Write psi = ln(xi / (1 - xi)) with ghosts: mirrored along x, periodic or mirrored along y."""
    nx, ny = xi.shape
    for i in range(nx):
        for j in range(ny):
            c = min(max(xi[i, j], CLIP), 1.0 - CLIP)
            psi[i + 1, j + 1] = math.log(c / (1.0 - c))
        psi[i + 1, 0] = psi[i + 1, ny] if periodic else psi[i + 1, 1]
        psi[i + 1, ny + 1] = psi[i + 1, 1] if periodic else psi[i + 1, ny]
    psi[0] = psi[1]
    psi[nx + 1] = psi[nx]


@njit(cache=True)
def pad(values, periodic, padded):
    """Write ``values`` with ghosts as ``profile_coordinate`` gives psi."""
    padded[1:-1, 1:-1] = values
    padded[1:-1, 0] = values[:, -1] if periodic else values[:, 0]
    padded[1:-1, -1] = values[:, 0] if periodic else values[:, -1]
    padded[0] = padded[1]
    padded[-1] = padded[-2]


@njit(cache=True)
def _see(psi, barrier, obstacle, i, j, k, m):
    """Return psi of the neighbour (k, m) as cell (i, j) sees it: its own value if the neighbour is closed to it.

    A neighbour is closed if its ``obstacle`` exceeds the cell's ``barrier``. A front then meets that wall at a right
    angle. Without this the steep fall of psi into a wall turns n across the front beside it, and xi diffuses ahead.
    """
    return psi[i, j] if obstacle[k, m] > barrier[i, j] else psi[k, m]


@njit(cache=True)
def _normal_x(psi, barrier, obstacle, i, j, dx, dy, floor):
    """Component along x of n on the face between padded cells i and i + 1."""
    along = (psi[i + 1, j] - psi[i, j]) / dx
    across = _see(psi, barrier, obstacle, i, j, i, j + 1) - _see(psi, barrier, obstacle, i, j, i, j - 1)
    across += _see(psi, barrier, obstacle, i + 1, j, i + 1, j + 1) - _see(
        psi, barrier, obstacle, i + 1, j, i + 1, j - 1
    )
    across /= 4.0 * dy
    return along / math.sqrt(along * along + across * across + floor)


@njit(cache=True)
def _normal_y(psi, barrier, obstacle, i, j, dx, dy, floor):
    """Component along y of n on the face between padded cells j and j + 1."""
    along = (psi[i, j + 1] - psi[i, j]) / dy
    across = _see(psi, barrier, obstacle, i, j, i + 1, j) - _see(psi, barrier, obstacle, i, j, i - 1, j)
    across += _see(psi, barrier, obstacle, i, j + 1, i + 1, j + 1) - _see(
        psi, barrier, obstacle, i, j + 1, i - 1, j + 1
    )
    across /= 4.0 * dx
    return along / math.sqrt(along * along + across * across + floor)


@njit(cache=True)
def curvature(psi, barrier, dx, dy, width, out):
    """Write -div n, positive where the phase xi = 1 is convex [1/m]; second order where psi is smooth.

    ``barrier`` (padded): no normal crosses a step of it, so that metal between walls has the curvature of its front only.
    """
    floor = (REGULARISATION / width) ** 2
    nx, ny = out.shape
    for i in range(1, nx + 1):
        for j in range(1, ny + 1):
            value = 0.0
            if nx > 1:
                if i < nx and barrier[i + 1, j] == barrier[i, j]:
                    value -= _normal_x(psi, barrier, barrier, i, j, dx, dy, floor) / dx
                if i > 1 and barrier[i - 1, j] == barrier[i, j]:
                    value += _normal_x(psi, barrier, barrier, i - 1, j, dx, dy, floor) / dx
            if ny > 1:
                if barrier[i, j + 1] == barrier[i, j]:
                    value -= _normal_y(psi, barrier, barrier, i, j, dx, dy, floor) / dy
                if barrier[i, j - 1] == barrier[i, j]:
                    value += _normal_y(psi, barrier, barrier, i, j - 1, dx, dy, floor) / dy
            out[i - 1, j - 1] = value


@njit(cache=True)
def _blocked(flux, xi_a, xi_b, barrier_a, barrier_b, inert_a, inert_b, wall):
    """Tell whether a flux (> 0 from b to a) would fill the emptier cell although nothing drives xi into it.

    That is so in an inert cell behind a step up of the barrier, or in a wall: its barrier is ``wall``, the highest.
    """
    if xi_a < xi_b:
        return flux > 0.0 and inert_a and (barrier_a > barrier_b or barrier_a >= wall)
    return flux < 0.0 and inert_b and (barrier_b > barrier_a or barrier_b >= wall)


@njit(cache=True)
def _face_flux(xi_a, xi_b, theta_a, theta_b, normal, d, width):
    q = math.sqrt(max(xi_a * (1.0 - xi_a) * xi_b * (1.0 - xi_b), 0.0))
    theta = 2.0 * theta_a * theta_b / (theta_a + theta_b)
    return theta * width / d * (xi_b - xi_a - 2.0 * math.sinh(d * normal / (2.0 * width)) * q)


@njit(cache=True)
def profile_rate(xi, psi, theta, barrier, inert, wall, padded, obstacle, periodic, dx, dy, width, rate):
    """Write (1 / theta) div(flux / M) [1/m]: what M dt multiplies.

    theta : volume per volume of cell that xi fills. barrier, inert, wall : see ``_blocked``. padded, obstacle : the barrier with
    ghosts, everywhere and where cells are inert (else 0); see ``_see``. The box is closed along x.
    """
    nx, ny = xi.shape
    floor = (REGULARISATION / width) ** 2
    rate[:] = 0.0
    for i in range(nx):
        for j in range(ny):
            if i + 1 < nx:
                normal = _normal_x(psi, padded, obstacle, i + 1, j + 1, dx, dy, floor)
                flux = _face_flux(xi[i, j], xi[i + 1, j], theta[i, j], theta[i + 1, j], normal, dx, width) / dx
                if not _blocked(
                    flux, xi[i, j], xi[i + 1, j], barrier[i, j], barrier[i + 1, j], inert[i, j], inert[i + 1, j], wall
                ):
                    rate[i, j] += flux / theta[i, j]
                    rate[i + 1, j] -= flux / theta[i + 1, j]
            k = j + 1 if j + 1 < ny else 0
            if ny > 1 and (k > 0 or periodic):
                normal = _normal_y(psi, padded, obstacle, i + 1, j + 1, dx, dy, floor)
                flux = _face_flux(xi[i, j], xi[i, k], theta[i, j], theta[i, k], normal, dy, width) / dy
                if not _blocked(flux, xi[i, j], xi[i, k], barrier[i, j], barrier[i, k], inert[i, j], inert[i, k], wall):
                    rate[i, j] += flux / theta[i, j]
                    rate[i, k] -= flux / theta[i, k]


@njit(cache=True)
def restore_profile(xi, theta, barrier, inert, wall, periodic, dx, dy, width, travel, steps, psi, rate):
    """Advance xi in place by M dt = ``travel`` [m] in ``steps`` explicit steps; moves no volume (round-off)."""
    padded, obstacle = np.empty_like(psi), np.empty_like(psi)
    pad(barrier, periodic, padded)
    pad(np.where(inert, barrier, 0.0), periodic, obstacle)
    for _ in range(steps):
        profile_coordinate(xi, periodic, psi)
        profile_rate(xi, psi, theta, barrier, inert, wall, padded, obstacle, periodic, dx, dy, width, rate)
        for i in range(xi.shape[0]):
            for j in range(xi.shape[1]):
                xi[i, j] += travel / steps * rate[i, j]
