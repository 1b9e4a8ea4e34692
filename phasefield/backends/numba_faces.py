"""Compiled kernels of the coupled model on a box: conductances of its faces.

Laid out as in ``numba_kernels``. Conductances are in S, in 2-D, where the box is one layer of 1 m, per metre of depth.
"""

from __future__ import annotations

import math

from numba import njit, prange
from numba.extending import register_jitable

from phasefield.numerics.kernel import kernel
from phasefield.physics import reaction, transport

for _formula in (
    reaction.limited_exp,
    reaction.limited_exp_slope,
    reaction.deposition_current,
    transport.ionic_conductivity,
    transport.metal_electronic_conductivity,
    transport.n_type_factor,
):
    register_jitable(_formula)


@kernel(inline=True)
def _ionic_face(xi_a, xi_b, conductivity_a, conductivity_b, sheet, d):
    """Return the ionic conductance per area of a face: half cells and a grain boundary's sheet in series (MODEL 7)."""
    mine = transport.ionic_conductivity(xi_a, conductivity_a)
    other = transport.ionic_conductivity(xi_b, conductivity_b)
    return 1.0 / (0.5 * d / mine + 0.5 * d / other + sheet * (1.0 - 0.5 * (xi_a + xi_b)))


@kernel
def _ionic_row(xi_a, xi_b, conductivity_a, conductivity_b, sheet, d, area, out):
    """Write the conductances between two rows of cells into a row with ghosts."""
    for k in range(xi_a.size):
        out[k + 1] = area * _ionic_face(xi_a[k], xi_b[k], conductivity_a[k], conductivity_b[k], sheet[k], d)


@kernel
def _ionic_plane(xi, conductivity, sheet_x, sheet_y, sheet_z, dx, dy, dz, periodic, gx, gy, gz, i):
    nx, ny, nz = xi.shape
    for j in range(ny):
        after = j + 1 if j + 1 < ny else 0
        x, c = xi[i, j], conductivity[i, j]
        if i + 1 < nx:
            _ionic_row(x, xi[i + 1, j], c, conductivity[i + 1, j], sheet_x[i + 1, j], dx, dy * dz, gx[0, i + 1, j])
        if ny > 1 and (after > 0 or periodic):
            out = gy[0, i + 1, after]
            _ionic_row(x, xi[i, after], c, conductivity[i, after], sheet_y[i, j + 1], dy, dx * dz, out)
        if nz > 1:
            faces, sheets = gz[0, i + 1, j], sheet_z[i, j]
            _ionic_row(x[:-1], x[1:], c[:-1], c[1:], sheets[1:-1], dz, dx * dy, faces)
            if periodic:
                last = dx * dy * _ionic_face(x[nz - 1], x[0], c[nz - 1], c[0], sheets[nz], dz)
                faces[0], faces[nz] = last, last


@njit(parallel=True, cache=True)
def ionic_faces(xi, conductivity, sheet_x, sheet_y, sheet_z, dx, dy, dz, periodic, gx, gy, gz):
    """Write ionic conductances of the inner faces."""
    for i in prange(xi.shape[0]):
        _ionic_plane(xi, conductivity, sheet_x, sheet_y, sheet_z, dx, dy, dz, periodic, gx, gy, gz, i)


@kernel
def _mean_exponential_ratio(first, second, thermal):
    """Return sinhc(d_e / 2) / sinhc(d_i / 2) for potential differences [V] over a face, in units of RT/F."""
    a, b = 0.5 * first / thermal, 0.5 * second / thermal
    a = math.sinh(a) / a if abs(a) > 1e-3 else 1.0 + a * a / 6.0
    b = math.sinh(b) / b if abs(b) > 1e-3 else 1.0 + b * b / 6.0
    return a / b


@kernel
def _n_type_face(ionic_a, ionic_b, electronic_a, electronic_b, thermal):
    """Return what multiplies sigma_e,M on a face so that the flux is Scharfetter-Gummel's (MODEL M6)."""
    middle = 0.5 * (electronic_a + electronic_b - ionic_a - ionic_b)
    spread = min(max(electronic_b - electronic_a, -20 * thermal), 20 * thermal)
    ionic_spread = min(max(ionic_b - ionic_a, -20 * thermal), 20 * thermal)
    return transport.n_type_factor(middle, thermal) * _mean_exponential_ratio(spread, ionic_spread, thermal)


@kernel(inline=True)
def _electronic_face(xi_a, xi_b, bulk_a, bulk_b, boundary_a, boundary_b, metal, factor, floor):
    """Return sigma_e on a face: metal and bulk in series, the grain boundary band in parallel (arithmetic)."""
    a = transport.metal_electronic_conductivity(xi_a, metal) + (1.0 - xi_a) * bulk_a * factor
    b = transport.metal_electronic_conductivity(xi_b, metal) + (1.0 - xi_b) * bulk_b * factor
    series = 2.0 * a * b / (a + b) if a + b > 0.0 else 0.0
    band = 0.5 * ((1.0 - xi_a) * boundary_a + (1.0 - xi_b) * boundary_b) * factor
    return max(series + band, floor)


@kernel
def _electronic_row(xi_a, xi_b, bulk_a, bulk_b, boundary_a, boundary_b, metal, factor, floor, scale, out):
    """Write the conductances between two rows of cells into a row with ghosts, the ceramic's times ``factor``."""
    for k in range(xi_a.size):
        a, b = boundary_a[k], boundary_b[k]
        out[k + 1] = scale * _electronic_face(xi_a[k], xi_b[k], bulk_a[k], bulk_b[k], a, b, metal, factor, floor)


@kernel
def _n_type_row(
    xi_a, xi_b, bulk_a, bulk_b, boundary_a, boundary_b, metal, u_a, u_b, v_a, v_b, thermal, floor, scale, out
):
    """As ``_electronic_row`` with the n-type law; u, v: ionic and electronic potentials of both rows, with ghosts."""
    for k in range(xi_a.size):
        factor = _n_type_face(u_a[k + 1], u_b[k + 1], v_a[k + 1], v_b[k + 1], thermal)
        a, b = boundary_a[k], boundary_b[k]
        out[k + 1] = scale * _electronic_face(xi_a[k], xi_b[k], bulk_a[k], bulk_b[k], a, b, metal, factor, floor)


@kernel
def _electronic_plane(
    xi, bulk, boundary, metal, floor, u, n_type, factor, thermal, dx, dy, dz, periodic, gx, gy, gz, i
):
    nx, ny, nz = xi.shape
    for j in range(ny):
        after = j + 1 if j + 1 < ny else 0
        x, c, b, p, q = xi[i, j], bulk[i, j], boundary[i, j], u[0, i + 1, j], u[1, i + 1, j]
        if i + 1 < nx:
            x_2, c_2, b_2, out, scale = xi[i + 1, j], bulk[i + 1, j], boundary[i + 1, j], gx[1, i + 1, j], dy * dz / dx
            if n_type:
                p_2, q_2 = u[0, i + 2, j], u[1, i + 2, j]
                _n_type_row(x, x_2, c, c_2, b, b_2, metal, p, p_2, q, q_2, thermal, floor, scale, out)
            else:
                _electronic_row(x, x_2, c, c_2, b, b_2, metal, factor, floor, scale, out)
        if ny > 1 and (after > 0 or periodic):
            x_2, c_2, b_2, out, scale = (
                xi[i, after],
                bulk[i, after],
                boundary[i, after],
                gy[1, i + 1, after],
                dx * dz / dy,
            )
            if n_type:
                p_2, q_2 = u[0, i + 1, after], u[1, i + 1, after]
                _n_type_row(x, x_2, c, c_2, b, b_2, metal, p, p_2, q, q_2, thermal, floor, scale, out)
            else:
                _electronic_row(x, x_2, c, c_2, b, b_2, metal, factor, floor, scale, out)
        if nz > 1:
            out, scale, v = gz[1, i + 1, j], dx * dy / dz, factor
            if n_type:
                _n_type_row(
                    x[:-1], x[1:], c[:-1], c[1:], b[:-1], b[1:], metal, p[:-1], p[1:], q[:-1], q[1:], thermal, floor, scale, out
                )  # fmt: skip
                v = _n_type_face(p[nz], p[nz + 1], q[nz], q[nz + 1], thermal)
            else:
                _electronic_row(x[:-1], x[1:], c[:-1], c[1:], b[:-1], b[1:], metal, factor, floor, scale, out)
            if periodic:
                last = scale * _electronic_face(x[nz - 1], x[0], c[nz - 1], c[0], b[nz - 1], b[0], metal, v, floor)
                out[0], out[nz] = last, last


@njit(parallel=True, cache=True)
def electronic_faces(xi, bulk, boundary, metal, floor, u, n_type, factor, thermal, dx, dy, dz, periodic, gx, gy, gz):
    """Write electronic conductances of the inner faces: the ceramic's times ``factor``, at the potentials ``u`` if n-type.

    Ghosts of ``u`` along z are periodic.
    """
    for i in prange(xi.shape[0]):
        _electronic_plane(
            xi, bulk, boundary, metal, floor, u, n_type, factor, thermal, dx, dy, dz, periodic, gx, gy, gz, i
        )


@kernel
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


@kernel
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
