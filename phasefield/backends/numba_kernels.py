"""Compiled kernels of the coupled model on a box: reaction, residual and front of one step.

Potentials are laid out as in ``numerics.multigrid``: component 0 is the ionic, component 1 the electronic potential;
cell (i, j, k) of a map is entry (i + 1, j, k + 1). Conductances are in S, residuals are currents in A; in 2-D, where
the box is one layer of 1 m, both are per metre of depth.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable

from phasefield.numerics.kernel import kernel
from phasefield.physics import reaction, transport
from phasefield.physics.constants import FARADAY
from phasefield.physics.reaction import LONGEST_SHIFT, TAIL

for _formula in (
    reaction.limited_exp,
    reaction.limited_exp_slope,
    reaction.deposition_current,
    reaction.deposition_with_hysteresis,
    reaction.equilibrium_potential,
    transport.n_type_factor,
):
    register_jitable(_formula)


@njit(parallel=True, cache=True)
def interface_maps(
    xi, curvature, pressure, collecting, width, energy, molar_volume, hysteresis, area, plating, stripping
):
    """Write a (l_a / w) [1/m] and the potentials below which metal plates and above which it strips [V]."""
    for i in prange(xi.shape[0]):
        for j in range(xi.shape[1]):
            for k in range(xi.shape[2]):
                q = xi[i, j, k] * (1.0 - xi[i, j, k])
                area[i, j, k] = collecting[i, j, k] * q / width if q >= TAIL else 0.0
                bend = curvature[i, j, k] if q >= TAIL else 0.0
                plating[i, j, k] = reaction.equilibrium_potential(pressure[i, j, k], energy, bend, molar_volume)
                relaxed = reaction.equilibrium_potential(0.0, energy, bend, molar_volume)
                stripping[i, j, k] = relaxed if hysteresis else plating[i, j, k]


@kernel
def _mean_area(xi, area, theta, travel, current):
    """Return the reactive area of a step that takes xi along, and d(area current) / d(current) [1/m].

    A front moves by d(xi)/dt = v xi (1 - xi) / l: integrated over the step exactly, it shifts psi by c = v dt / l, keeps
    every tanh profile and xi in (0, 1). An explicit step with the area at its start sharpens the front (2 % too slow).
    travel : (V_m / F) dt [m^3/A]. current : i_dep [A/m^2].
    """
    c = travel * current * area / (xi * (1.0 - xi) * theta)
    if abs(c) < 1e-8:
        return area, area
    c = min(max(c, -LONGEST_SHIFT), LONGEST_SHIFT)
    grown = math.expm1(c)
    filled = 1.0 + xi * grown
    return area * grown / (c * filled), area * math.exp(c) / (filled * filled)


@kernel
def _nucleus_area(xi, collecting, width):
    """Return the area of a nucleus that forms, (1 - xi) / (4 l) times l_a / w [1/m] (MODEL M13)."""
    return 0.25 * collecting * (1.0 - xi) / width


@kernel
def _mean_nucleus_area(xi, area, theta, travel, current):
    """Return ``_mean_area`` for the area of a nucleus, which falls as 1 - xi: d(xi)/dt = v (1 - xi) / (4 l) integrated."""
    c = min(travel * current * area / ((1.0 - xi) * theta), LONGEST_SHIFT)
    if c < 1e-8:
        return area, area
    return area * -math.expm1(-c) / c, area * math.exp(-c)


@njit(parallel=True, cache=True)
def reaction_and_storage(
    xi, u, area, nucleus, collecting, width, plating, stripping, reservoir_area, available, n_metal,
    i0, alpha, thermal, linear, rate, volume, theta, travel, source, reservoir, stored, coupling,
):  # fmt: skip
    """Write s and the reservoir's part of it [A/m^3], stored electrons [mol/m^3] and the coupling K [S/m].

    nucleus : cells that plate with the area of a nucleus where that is more than the interface's ``area``.
    available : per column, how much of the reservoir's stripping is allowed (0 exhausted … 1).
    rate : 1 / time step [1/s], 0 without capacitance. theta, travel : see ``_mean_area``.
    """
    for i in prange(xi.shape[0]):
        for j in range(xi.shape[1]):
            for k in range(xi.shape[2]):
                potential = u[1, i + 1, j, k + 1] - u[0, i + 1, j, k + 1]
                total = 0.0
                steepness = 0.0
                reservoir[i, j, k] = 0.0
                fresh = _nucleus_area(xi[i, j, k], collecting[i, j, k], width) if nucleus[i, j, k] else 0.0
                if area[i, j, k] > 0.0 or fresh > 0.0:
                    current, slope = reaction.deposition_with_hysteresis(
                        potential, plating[i, j, k], stripping[i, j, k], i0, alpha, thermal, linear
                    )
                    reactive = area[i, j, k]
                    if current < 0.0:  # where the reservoir is stripped, it is not the metal in front of it
                        reactive = max(reactive - reservoir_area[i, j, k] * available[j, k], 0.0)
                    if current > 0.0 and fresh > reactive:
                        mean, gain = _mean_nucleus_area(xi[i, j, k], fresh, theta[i, j, k], travel, current)
                    elif reactive > 0.0:
                        mean, gain = _mean_area(xi[i, j, k], reactive, theta[i, j, k], travel, current)
                    else:
                        mean, gain = 0.0, 0.0
                    total = mean * current
                    steepness = -gain * slope
                if reservoir_area[i, j, k] > 0.0:
                    eta = potential - stripping[i, j, k]
                    current, slope = reaction.deposition_current(eta, i0, alpha, thermal, linear)
                    share = reservoir_area[i, j, k] * (1.0 if current > 0.0 else available[j, k])
                    reservoir[i, j, k] = share * current
                    total += share * current
                    steepness -= share * slope
                source[i, j, k] = total
                if rate > 0.0:
                    n = (1.0 - xi[i, j, k]) * n_metal[i, j, k] * transport.n_type_factor(potential, thermal)
                    stored[i, j, k] = n
                    steepness += FARADAY * n / thermal * rate
                coupling[i + 1, j, k + 1] = steepness * volume


@kernel
def _add_flow(u, other, g, r):
    """Add what flows in from a row of neighbours, all rows with ghosts."""
    for k in range(1, u.size - 1):
        r[k] += g[k] * (other[k] - u[k])


@kernel
def _add_current(current, r):
    for k in range(current.size):
        r[k + 1] += current[k]


@kernel
def _residual_row(c, u, gx, gy, gz, exchange, low, high, i, j, r):
    """Write minus the residual of one component in row (i, j); ``exchange``: current that leaves the ions [A]."""
    nx, ny, nz = u.shape[1] - 2, u.shape[2], u.shape[3] - 2
    row, faces, out = u[c, i, j], gz[c, i, j], r[c, i, j]
    sign = -1.0 if c == 0 else 1.0
    for k in range(1, nz + 1):
        out[k] = sign * exchange[k] + faces[k - 1] * (row[k - 1] - row[k]) + faces[k] * (row[k + 1] - row[k])
    if ny > 1:
        after = j + 1 if j + 1 < ny else 0
        _add_flow(row, u[c, i, j - 1 if j > 0 else ny - 1], gy[c, i, j], out)
        _add_flow(row, u[c, i, after], gy[c, i, after], out)
    if i > 1:
        _add_flow(row, u[c, i - 1, j], gx[c, i - 1, j], out)
    else:
        _add_current(low[c, j], out)
    if i < nx:
        _add_flow(row, u[c, i + 1, j], gx[c, i, j], out)
    else:
        _add_current(high[c, j], out)


@njit(parallel=True, cache=True)
def residual(u, gx, gy, gz, source, stored, stored_old, rate, volume, low, high, r):
    """Write minus the residuals of (M1) and (M2), what the linear solver takes as right-hand side [A].

    low, high : exact currents through the box's faces across x, into the box, ``[c, j, k]``.
    """
    nx, ny, nz = source.shape
    for i in prange(1, nx + 1):
        exchange = np.empty(nz + 2)
        for j in range(ny):
            s, new, old = source[i - 1, j], stored[i - 1, j], stored_old[i - 1, j]
            for k in range(nz):
                exchange[k + 1] = (s[k] + FARADAY * (new[k] - old[k]) * rate) * volume
            for c in range(2):
                _residual_row(c, u, gx, gy, gz, exchange, low, high, i, j, r)


@kernel
def _plane_current(u, gx, low, planes, i):
    for j in range(u.shape[2]):
        for c in range(2):
            g, here, next_ = gx[c, i, j], u[c, i, j], u[c, i + 1, j]
            for k in range(1, here.size - 1):
                planes[i] += -low[c, j, k - 1] if i == 0 else g[k] * (next_[k] - here[k])


@njit(parallel=True, cache=True)
def _plane_currents(u, gx, low, planes):
    for i in prange(planes.size):
        _plane_current(u, gx, low, planes, i)


@njit(cache=True)
def plane_current_error(u, gx, low, total):
    """Return the largest |sum over a plane x = const of both currents - total| [A]; positive into the box at high x."""
    planes = np.zeros(u.shape[1] - 2)
    _plane_currents(u, gx, low, planes)
    return np.abs(planes - total).max()


@kernel
def _fronts_plane(xi, source, reservoir, nucleus, theta, width, molar_volume, planes, i):
    fastest = 0.0
    for j in range(xi.shape[1]):
        for k in range(xi.shape[2]):
            q = xi[i, j, k] * (1.0 - xi[i, j, k])
            if nucleus[i, j, k]:
                q = max(q, 0.25 * (1.0 - xi[i, j, k]))
            if q >= TAIL:
                rate = abs(source[i, j, k] - reservoir[i, j, k]) * molar_volume / FARADAY
                fastest = max(fastest, rate * width / (theta[i, j, k] * q))
    planes[i] = fastest


@njit(parallel=True, cache=True)
def _fronts(xi, source, reservoir, nucleus, theta, width, molar_volume, planes):
    for i in prange(xi.shape[0]):
        _fronts_plane(xi, source, reservoir, nucleus, theta, width, molar_volume, planes, i)


@njit(cache=True)
def fastest_front(xi, source, reservoir, nucleus, theta, width, molar_volume):
    """Return the largest |v| = (V_m / F) |s - s_res| / (theta xi (1 - xi) / l) [m/s] of an interface.

    In a nucleus that forms at least (1 - xi) / 4 stands for xi (1 - xi): its area is what fills it.
    """
    planes = np.zeros(xi.shape[0])
    _fronts(xi, source, reservoir, nucleus, theta, width, molar_volume, planes)
    return planes.max()


@njit(parallel=True, cache=True)
def _changes(delta, xi, planes):
    for i in prange(xi.shape[0]):
        worst = 0.0
        for j in range(xi.shape[1]):
            for k in range(xi.shape[2]):
                if xi[i, j, k] < 0.5:
                    worst = max(worst, abs(delta[1, i + 1, j, k + 1] - delta[0, i + 1, j, k + 1]))
        planes[i] = worst


@njit(cache=True)
def potential_change(delta, xi):
    """Return the largest |delta U| in cells that are not metal [V], ``delta`` a change of both potentials."""
    planes = np.zeros(xi.shape[0])
    _changes(delta, xi, planes)
    return planes.max()


@kernel
def _load_plane(ionic, electronic, ionic_rate, electronic_rate, ahead, u, i):
    for j in range(ionic.shape[1]):
        u_0, u_1 = u[0, i + 1, j], u[1, i + 1, j]
        for k in range(ionic.shape[2]):
            u_0[k + 1] = ionic[i, j, k] + ahead * ionic_rate[i, j, k]
            u_1[k + 1] = electronic[i, j, k] + ahead * electronic_rate[i, j, k]


@njit(parallel=True, cache=True)
def load(ionic, electronic, ionic_rate, electronic_rate, ahead, u):
    """Write both potentials ``ahead`` [s] of what they are, as far as their rates tell."""
    for i in prange(ionic.shape[0]):
        _load_plane(ionic, electronic, ionic_rate, electronic_rate, ahead, u, i)


@kernel
def _store_plane(u, xi, ionic, electronic, ionic_rate, electronic_rate, solved, time_step, planes, i):
    for j in range(xi.shape[1]):
        u_0, u_1 = u[0, i + 1, j], u[1, i + 1, j]
        for k in range(xi.shape[2]):
            first = u_0[k + 1] - ionic[i, j, k] + solved * ionic_rate[i, j, k]
            second = u_1[k + 1] - electronic[i, j, k] + solved * electronic_rate[i, j, k]
            planes[1, i] = max(planes[1, i], abs(first), abs(second))
            if xi[i, j, k] < TAIL:
                planes[0, i] = max(planes[0, i], abs(second - first))
            ionic_rate[i, j, k], electronic_rate[i, j, k] = first / time_step, second / time_step
            ionic[i, j, k], electronic[i, j, k] = u_0[k + 1], u_1[k + 1]


@njit(parallel=True, cache=True)
def _store(u, xi, ionic, electronic, ionic_rate, electronic_rate, solved, time_step, planes):
    for i in prange(xi.shape[0]):
        _store_plane(u, xi, ionic, electronic, ionic_rate, electronic_rate, solved, time_step, planes, i)


@njit(cache=True)
def store(u, xi, ionic, electronic, ionic_rate, electronic_rate, solved, time_step):
    """Take over both potentials and their rates; ``solved``: time in this step [s] that those before are of, or 0.

    Returns the largest change of U where no front has been, and of either potential anywhere [V]. Cells of a front come
    and go as conductors from step to step, which says nothing about how long a step may be.
    """
    planes = np.zeros((2, xi.shape[0]))
    _store(u, xi, ionic, electronic, ionic_rate, electronic_rate, solved, time_step, planes)
    return planes[0].max(), planes[1].max()


@kernel
def _go_along_plane(start, direction, length, out, i):
    for c in range(2):
        for j in range(out.shape[2]):
            a, d, o = start[c, i, j], direction[c, i, j], out[c, i, j]
            for k in range(o.size):
                o[k] = a[k] + length * d[k]


@njit(parallel=True, cache=True)
def go_along(start, direction, length, out):
    """Write start + length direction, ghosts along z included."""
    for i in prange(1, out.shape[1] - 1):
        _go_along_plane(start, direction, length, out, i)


@kernel
def _obstacles_plane(u, plating, barrier, out, i):
    for j in range(plating.shape[1]):
        least, height, row = plating[i, j], barrier[i + 1, j], out[i + 1, j]
        u_0, u_1 = u[0, i + 1, j], u[1, i + 1, j]
        for k in range(least.size):
            row[k + 1] = height[k + 1] if u_1[k + 1] - u_0[k + 1] >= least[k] else 0.0


@njit(parallel=True, cache=True)
def obstacles(u, plating, barrier, out):
    """Write the barrier of cells in which nothing drives plating (eta >= 0), else 0 (MODEL M12, g_f); all but ``plating`` padded."""
    for i in prange(plating.shape[0]):
        _obstacles_plane(u, plating, barrier, out, i)


@njit(parallel=True, cache=True)
def deposit(xi, source, reservoir, theta, factor):
    """Add the metal of one step in place: d(xi) = factor (s - s_res) / theta, factor = (V_m / F) dt."""
    for i in prange(xi.shape[0]):
        for j in range(xi.shape[1]):
            for k in range(xi.shape[2]):
                xi[i, j, k] += factor * (source[i, j, k] - reservoir[i, j, k]) / theta[i, j, k]
