"""Compiled kernels of the coupled model on a box: faces, residual and front of one step.

Potentials are laid out as in ``numerics.multigrid``: component 0 is the ionic, component 1 the electronic potential;
cell (i, j, k) of a map is entry (i + 1, j, k + 1). Conductances are in S, residuals are currents in A; in 2-D, where
the box is one layer of 1 m, both are per metre of depth.
"""

from __future__ import annotations

import math

from numba import njit
from numba.extending import register_jitable

from phasefield.physics import reaction, transport
from phasefield.physics.constants import FARADAY
from phasefield.physics.reaction import LONGEST_SHIFT, TAIL

for _formula in (
    reaction.limited_exp,
    reaction.limited_exp_slope,
    reaction.deposition_current,
    reaction.deposition_with_hysteresis,
    reaction.equilibrium_potential,
    transport.ionic_conductivity,
    transport.metal_electronic_conductivity,
    transport.n_type_factor,
):
    register_jitable(_formula)


@njit(cache=True)
def interface_maps(
    xi, curvature, pressure, collecting, width, energy, molar_volume, hysteresis, area, plating, stripping
):
    """Write a (l_a / w) [1/m] and the potentials below which metal plates and above which it strips [V]."""
    for i in range(xi.shape[0]):
        for j in range(xi.shape[1]):
            for k in range(xi.shape[2]):
                q = xi[i, j, k] * (1.0 - xi[i, j, k])
                area[i, j, k] = collecting[i, j, k] * q / width if q >= TAIL else 0.0
                bend = curvature[i, j, k] if q >= TAIL else 0.0
                plating[i, j, k] = reaction.equilibrium_potential(pressure[i, j, k], energy, bend, molar_volume)
                relaxed = reaction.equilibrium_potential(0.0, energy, bend, molar_volume)
                stripping[i, j, k] = relaxed if hysteresis else plating[i, j, k]


@njit(cache=True)
def _ionic_face(xi_a, xi_b, conductivity_a, conductivity_b, sheet, d):
    """Return the ionic conductance per area of a face: half cells and a grain boundary's sheet in series (MODEL 7)."""
    mine = transport.ionic_conductivity(xi_a, conductivity_a)
    other = transport.ionic_conductivity(xi_b, conductivity_b)
    return 1.0 / (0.5 * d / mine + 0.5 * d / other + sheet * (1.0 - 0.5 * (xi_a + xi_b)))


@njit(cache=True)
def ionic_faces(xi, conductivity, sheet_x, sheet_y, sheet_z, dx, dy, dz, periodic, gx, gy, gz):
    """Write ionic conductances of the inner faces."""
    nx, ny, nz = xi.shape
    for i in range(nx):
        for j in range(ny):
            after = j + 1 if j + 1 < ny else 0
            for k in range(nz):
                x, c = xi[i, j, k], conductivity[i, j, k]
                if i + 1 < nx:
                    face = _ionic_face(x, xi[i + 1, j, k], c, conductivity[i + 1, j, k], sheet_x[i + 1, j, k], dx)
                    gx[0, i + 1, j, k + 1] = dy * dz * face
                if ny > 1 and (after > 0 or periodic):
                    face = _ionic_face(x, xi[i, after, k], c, conductivity[i, after, k], sheet_y[i, j + 1, k], dy)
                    gy[0, i + 1, after, k + 1] = dx * dz * face
                right = k + 1 if k + 1 < nz else 0
                if nz > 1 and (right > 0 or periodic):
                    face = _ionic_face(x, xi[i, j, right], c, conductivity[i, j, right], sheet_z[i, j, k + 1], dz)
                    gz[0, i + 1, j, k + 1] = dx * dy * face
            if nz > 1 and periodic:
                gz[0, i + 1, j, 0] = gz[0, i + 1, j, nz]


@njit(cache=True)
def _mean_exponential_ratio(first, second, thermal):
    """Return sinhc(d_e / 2) / sinhc(d_i / 2) for potential differences [V] over a face, in units of RT/F."""
    a, b = 0.5 * first / thermal, 0.5 * second / thermal
    a = math.sinh(a) / a if abs(a) > 1e-3 else 1.0 + a * a / 6.0
    b = math.sinh(b) / b if abs(b) > 1e-3 else 1.0 + b * b / 6.0
    return a / b


@njit(cache=True)
def _n_type_face(ionic_a, ionic_b, electronic_a, electronic_b, thermal):
    """Return what multiplies sigma_e,M on a face so that the flux is Scharfetter-Gummel's (MODEL M6)."""
    middle = 0.5 * (electronic_a + electronic_b - ionic_a - ionic_b)
    spread = min(max(electronic_b - electronic_a, -20 * thermal), 20 * thermal)
    ionic_spread = min(max(ionic_b - ionic_a, -20 * thermal), 20 * thermal)
    return transport.n_type_factor(middle, thermal) * _mean_exponential_ratio(spread, ionic_spread, thermal)


@njit(cache=True)
def _electronic_face(xi_a, xi_b, bulk_a, bulk_b, boundary_a, boundary_b, metal, factor, floor):
    """Return sigma_e on a face: metal and bulk in series, the grain boundary band in parallel (arithmetic)."""
    a = transport.metal_electronic_conductivity(xi_a, metal) + (1.0 - xi_a) * bulk_a * factor
    b = transport.metal_electronic_conductivity(xi_b, metal) + (1.0 - xi_b) * bulk_b * factor
    series = 2.0 * a * b / (a + b) if a + b > 0.0 else 0.0
    band = 0.5 * ((1.0 - xi_a) * boundary_a + (1.0 - xi_b) * boundary_b) * factor
    return max(series + band, floor)


@njit(cache=True)
def electronic_faces(xi, bulk, boundary, metal, floor, u, n_type, factor, thermal, dx, dy, dz, periodic, gx, gy, gz):
    """Write electronic conductances of the inner faces: the ceramic's times ``factor``, at the potentials ``u`` if n-type."""
    nx, ny, nz = xi.shape
    v = factor
    for i in range(nx):
        for j in range(ny):
            after = j + 1 if j + 1 < ny else 0
            for k in range(nz):
                x, c, b = xi[i, j, k], bulk[i, j, k], boundary[i, j, k]
                p, q = u[0, i + 1, j, k + 1], u[1, i + 1, j, k + 1]
                if i + 1 < nx:
                    if n_type:
                        v = _n_type_face(p, u[0, i + 2, j, k + 1], q, u[1, i + 2, j, k + 1], thermal)
                    x2, c2, b2 = xi[i + 1, j, k], bulk[i + 1, j, k], boundary[i + 1, j, k]
                    gx[1, i + 1, j, k + 1] = dy * dz / dx * _electronic_face(x, x2, c, c2, b, b2, metal, v, floor)
                if ny > 1 and (after > 0 or periodic):
                    if n_type:
                        v = _n_type_face(p, u[0, i + 1, after, k + 1], q, u[1, i + 1, after, k + 1], thermal)
                    x2, c2, b2 = xi[i, after, k], bulk[i, after, k], boundary[i, after, k]
                    gy[1, i + 1, after, k + 1] = dx * dz / dy * _electronic_face(x, x2, c, c2, b, b2, metal, v, floor)
                right = k + 1 if k + 1 < nz else 0
                if nz > 1 and (right > 0 or periodic):
                    if n_type:
                        v = _n_type_face(p, u[0, i + 1, j, right + 1], q, u[1, i + 1, j, right + 1], thermal)
                    x2, c2, b2 = xi[i, j, right], bulk[i, j, right], boundary[i, j, right]
                    gz[1, i + 1, j, k + 1] = dx * dy / dz * _electronic_face(x, x2, c, c2, b, b2, metal, v, floor)
            if nz > 1 and periodic:
                gz[1, i + 1, j, 0] = gz[1, i + 1, j, nz]


@njit(cache=True)
def _electrode_overpotential(drop, conductance, area, i0, alpha, thermal, linear):
    """Solve -area i_dep(eta) = conductance (drop - eta) for eta [V]: charge transfer in series with half a cell.

    ``drop``: the electrode's potential minus the cell's ionic one. The left side rises, the right side falls:
    one root, between 0 and ``drop``; Newton, kept in the bracket.
    """
    low, high = min(0.0, drop), max(0.0, drop)
    _, slope = reaction.deposition_current(0.0, i0, alpha, thermal, linear)
    eta = conductance * drop / (conductance - area * slope)
    for _ in range(60):
        current, slope = reaction.deposition_current(eta, i0, alpha, thermal, linear)
        miss = -area * current - conductance * (drop - eta)
        if miss > 0.0:
            high = eta
        else:
            low = eta
        change = miss / (conductance - area * slope)
        eta -= change
        if not low <= eta <= high:
            eta = 0.5 * (low + high)
        if abs(change) <= 1e-15 * (abs(drop) + thermal):
            break
    return eta


@njit(cache=True)
def planar_electrode(
    xi, ionic, bulk, boundary, metal, floor, u, row, face, value, i0, alpha, linear, contact, n_type, factor, thermal, dx, area, gx, currents
):  # fmt: skip
    """Write the conductances of an electrode that is a face of the box, and the currents into the box [A].

    row : cells' index along x in maps. face : index of the face in gx. value : the electrode's potential [V].
    i0 : 0 lets no ions through (metal lies behind the face). area : of a cell's face [m^2]. factor : of the ceramic's
    sigma_e, unless n-type. ``gx`` gets the tangent of the ionic current; ``currents[c, j, k]`` the exact ones (0 ionic,
    1 electronic).
    """
    for j in range(xi.shape[1]):
        for k in range(xi.shape[2]):
            cell, electron = u[0, row + 1, j, k + 1], u[1, row + 1, j, k + 1]
            eta = 0.0
            currents[:, j, k] = 0.0
            gx[:, face, j, k + 1] = 0.0
            if i0 > 0.0:
                conductance = transport.ionic_conductivity(xi[row, j, k], ionic[row, j, k]) * area / (0.5 * dx)
                eta = _electrode_overpotential(value - cell, conductance, area, i0, alpha, thermal, linear)
                current, slope = reaction.deposition_current(eta, i0, alpha, thermal, linear)
                currents[0, j, k] = -area * current
                gx[0, face, j, k + 1] = 1.0 / (1.0 / conductance - 1.0 / (area * slope))
            if contact:
                v = _n_type_face(cell, value - eta, electron, value, thermal) if n_type and i0 > 0.0 else factor
                x, c, b = xi[row, j, k], bulk[row, j, k], boundary[row, j, k]
                gx[1, face, j, k + 1] = area / (0.5 * dx) * _electronic_face(x, x, c, c, b, b, metal, v, floor)
                currents[1, j, k] = gx[1, face, j, k + 1] * (value - electron)


@njit(cache=True)
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


@njit(cache=True)
def _nucleus_area(xi, collecting, width):
    """Return the area of a nucleus that forms, (1 - xi) / (4 l) times l_a / w [1/m] (MODEL M13)."""
    return 0.25 * collecting * (1.0 - xi) / width


@njit(cache=True)
def _mean_nucleus_area(xi, area, theta, travel, current):
    """Return ``_mean_area`` for the area of a nucleus, which falls as 1 - xi: d(xi)/dt = v (1 - xi) / (4 l) integrated."""
    c = min(travel * current * area / ((1.0 - xi) * theta), LONGEST_SHIFT)
    if c < 1e-8:
        return area, area
    return area * -math.expm1(-c) / c, area * math.exp(-c)


@njit(cache=True)
def reaction_and_storage(
    xi, u, area, nucleus, collecting, width, plating, stripping, reservoir_area, available, n_metal,
    i0, alpha, thermal, linear, rate, volume, theta, travel, source, reservoir, stored, coupling,
):  # fmt: skip
    """Write s and the reservoir's part of it [A/m^3], stored electrons [mol/m^3] and the coupling K [S/m].

    nucleus : cells that plate with the area of a nucleus where that is more than the interface's ``area``.
    available : per column, how much of the reservoir's stripping is allowed (0 exhausted … 1).
    rate : 1 / time step [1/s], 0 without capacitance. theta, travel : see ``_mean_area``.
    """
    for i in range(xi.shape[0]):
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


@njit(cache=True)
def residual(u, gx, gy, gz, source, stored, stored_old, rate, volume, low, high, r):
    """Write minus the residuals of (M1) and (M2), what the linear solver takes as right-hand side [A].

    low, high : exact currents through the box's faces across x, into the box, ``[c, j, k]``.
    """
    nx, ny, nz = source.shape
    for i in range(1, nx + 1):
        for j in range(ny):
            before = j - 1 if j > 0 else ny - 1
            after = j + 1 if j + 1 < ny else 0
            for k in range(1, nz + 1):
                gained = stored[i - 1, j, k - 1] - stored_old[i - 1, j, k - 1]
                exchange = (source[i - 1, j, k - 1] + FARADAY * gained * rate) * volume
                for c in range(2):
                    p = u[c, i, j, k]
                    out = gz[c, i, j, k - 1] * (p - u[c, i, j, k - 1]) + gz[c, i, j, k] * (p - u[c, i, j, k + 1])
                    if ny > 1:
                        out += gy[c, i, j, k] * (p - u[c, i, before, k]) + gy[c, i, after, k] * (p - u[c, i, after, k])
                    out += gx[c, i - 1, j, k] * (p - u[c, i - 1, j, k]) if i > 1 else -low[c, j, k - 1]
                    out += gx[c, i, j, k] * (p - u[c, i + 1, j, k]) if i < nx else -high[c, j, k - 1]
                    r[c, i, j, k] = -(out + exchange) if c == 0 else -(out - exchange)


@njit(cache=True)
def plane_current_error(u, gx, low, total):
    """Return the largest |sum over a plane x = const of both currents - total| [A]; positive into the box at high x."""
    nx, ny, nz = u.shape[1] - 2, u.shape[2], u.shape[3] - 2
    worst = 0.0
    for i in range(nx):
        current = 0.0
        for j in range(ny):
            for k in range(1, nz + 1):
                for c in range(2):
                    if i == 0:
                        current -= low[c, j, k - 1]
                    else:
                        current += gx[c, i, j, k] * (u[c, i + 1, j, k] - u[c, i, j, k])
        worst = max(worst, abs(current - total))
    return worst


@njit(cache=True)
def fastest_front(xi, source, reservoir, nucleus, theta, width, molar_volume):
    """Return the largest |v| = (V_m / F) |s - s_res| / (theta xi (1 - xi) / l) [m/s] of an interface.

    In a nucleus that forms at least (1 - xi) / 4 stands for xi (1 - xi): its area is what fills it.
    """
    fastest = 0.0
    for i in range(xi.shape[0]):
        for j in range(xi.shape[1]):
            for k in range(xi.shape[2]):
                q = xi[i, j, k] * (1.0 - xi[i, j, k])
                if nucleus[i, j, k]:
                    q = max(q, 0.25 * (1.0 - xi[i, j, k]))
                if q >= TAIL:
                    rate = abs(source[i, j, k] - reservoir[i, j, k]) * molar_volume / FARADAY
                    fastest = max(fastest, rate * width / (theta[i, j, k] * q))
    return fastest


@njit(cache=True)
def potential_change(delta, xi):
    """Return the largest |delta U| in cells that are not metal [V], ``delta`` a change of both potentials."""
    worst = 0.0
    for i in range(xi.shape[0]):
        for j in range(xi.shape[1]):
            for k in range(xi.shape[2]):
                if xi[i, j, k] < 0.5:
                    worst = max(worst, abs(delta[1, i + 1, j, k + 1] - delta[0, i + 1, j, k + 1]))
    return worst


@njit(cache=True)
def inert_cells(xi, u, plating, out):
    """Mark cells in which nothing drives plating (eta >= 0), for the profile flux (MODEL M12, g_f)."""
    for i in range(xi.shape[0]):
        for j in range(xi.shape[1]):
            for k in range(xi.shape[2]):
                out[i, j, k] = u[1, i + 1, j, k + 1] - u[0, i + 1, j, k + 1] >= plating[i, j, k]


@njit(cache=True)
def deposit(xi, source, reservoir, theta, factor):
    """Add the metal of one step in place: d(xi) = factor (s - s_res) / theta, factor = (V_m / F) dt."""
    for i in range(xi.shape[0]):
        for j in range(xi.shape[1]):
            for k in range(xi.shape[2]):
                xi[i, j, k] += factor * (source[i, j, k] - reservoir[i, j, k]) / theta[i, j, k]
