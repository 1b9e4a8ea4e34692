"""Conductances of faces: exact fluxes over jumps and exponential profiles, sides of the box, symmetry of the axes."""

from __future__ import annotations

import numpy as np
import pytest

from phasefield.backends import numba_kernels as kernels
from phasefield.physics import transport
from phasefield.physics.constants import thermal_voltage

DX, DY = 0.4e-6, 0.3e-6
THERMAL = thermal_voltage(298.15)
METAL, FLOOR = 460.0, 1e-14


def empty(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    nx, ny = shape
    return np.zeros((2, nx + 1, ny + 2)), np.zeros((2, nx + 2, ny + 1))


def ionic(xi, conductivity, sheet=None, periodic=True, dx=DX, dy=DY):
    """Return gx[0] and gy[0]."""
    nx, ny = xi.shape
    gx, gy = empty(xi.shape)
    sheet_x, sheet_y = sheet or (np.zeros((nx + 1, ny)), np.zeros((nx, ny + 1)))
    kernels.ionic_faces(xi, conductivity, sheet_x, sheet_y, dx, dy, periodic, gx, gy)
    return gx[0], gy[0]


def electronic(xi, bulk, boundary=None, u=None, periodic=True, dx=DX, dy=DY, floor=FLOOR):
    """Return gx[1] and gy[1]; n-type where potentials ``u`` are given."""
    gx, gy = empty(xi.shape)
    boundary = np.zeros_like(xi) if boundary is None else boundary
    n_type = u is not None
    u = np.zeros((2, xi.shape[0] + 2, xi.shape[1] + 2)) if u is None else u
    kernels.electronic_faces(xi, bulk, boundary, METAL, floor, u, n_type, THERMAL, dx, dy, periodic, gx, gy)
    return gx[1], gy[1]


def jump(shape: tuple[int, int], axis: int) -> np.ndarray:
    """Return conductivities that jump by six decades between the 4th and the 5th cell along an axis."""
    values = np.full(shape, 0.05)
    np.moveaxis(values, axis, 0)[4:] = 5e-8
    return values


@pytest.mark.parametrize("carrier", ["ions", "electrons"])
@pytest.mark.parametrize("axis", [0, 1])
def test_flux_over_a_jump_is_exact(axis: int, carrier: str) -> None:
    """The potential of a uniform flux has a kink at the jump; all faces must give that flux."""
    shape = (9, 9)
    conductivity = jump(shape, axis)
    if carrier == "ions":
        faces = ionic(np.zeros(shape), conductivity, periodic=False)[axis] / (1.0 + transport.IONIC_FLOOR)
    else:
        faces = electronic(np.zeros(shape), conductivity, periodic=False)[axis]
    length, area = (DX, DY) if axis == 0 else (DY, DX)
    profile = np.take(conductivity, 0, 1 - axis)
    at_faces = np.concatenate([[0.0], np.cumsum(3.0 * length / profile)])
    potential = at_faces[:-1] + 1.5 * length / profile
    inner = np.moveaxis(faces, axis, 0)[1:-1, 1:-1]
    np.testing.assert_allclose(
        inner * np.diff(potential)[:, None], 3.0 * area, rtol=1e-9 if carrier == "ions" else 1e-13
    )


@pytest.mark.parametrize("periodic", [True, False], ids=["periodic", "mirror"])
def test_sides_along_y_are_one_face_or_none(periodic: bool) -> None:
    rng = np.random.default_rng(1)
    shape = (5, 7)
    conductivity = rng.uniform(0.01, 0.1, shape)
    for _, gy in (
        ionic(np.zeros(shape), conductivity, None, periodic),
        electronic(np.zeros(shape), conductivity, None, None, periodic),
    ):
        np.testing.assert_array_equal(gy[1:-1, 0], gy[1:-1, -1])
        series = DX / DY * 2.0 / (1.0 / conductivity[:, 0] + 1.0 / conductivity[:, -1])
        np.testing.assert_allclose(gy[1:-1, 0], series if periodic else 0.0, rtol=2e-6)


def test_one_lateral_cell_has_no_lateral_faces() -> None:
    line = np.ones((6, 1))
    assert (ionic(0.0 * line, line)[1] == 0.0).all() and (electronic(0.0 * line, line)[1] == 0.0).all()


def test_sheet_is_in_series_and_metal_shorts_it() -> None:
    shape, sheet = (3, 3), 2e-4
    conductivity = np.full(shape, 0.04)
    sheets = np.full((4, 3), sheet), np.full((3, 4), sheet)
    for metal in (0.0, 0.6):
        gx, gy = ionic(np.full(shape, metal), conductivity, sheets)
        mine = (1.0 - metal + transport.IONIC_FLOOR) * 0.04
        np.testing.assert_allclose(gx[1:-1, 1:-1], DY / (DX / mine + sheet * (1.0 - metal)), rtol=1e-12)
        np.testing.assert_allclose(gy[1:-1, 1:-1], DX / (DY / mine + sheet * (1.0 - metal)), rtol=1e-12)


def test_boundary_band_conducts_beside_the_bulk() -> None:
    """Arithmetic in the band, harmonic in the bulk: a band one cell wide stays connected."""
    shape = (4, 4)
    bulk, boundary = np.full(shape, 1e-9), np.zeros(shape)
    boundary[:, 1] = 1e-5
    gx, gy = electronic(np.zeros(shape), bulk, boundary)
    np.testing.assert_allclose(gx[1:-1, 2], DY / DX * (1e-5 + 1e-9), rtol=1e-12)
    np.testing.assert_allclose(gy[1:-1, 1:3], DX / DY * (0.5e-5 + 1e-9), rtol=1e-12)
    np.testing.assert_allclose(gy[1:-1, 3], DX / DY * 1e-9, rtol=1e-12)


def test_metal_takes_over_linearly_and_nothing_falls_below_the_floor() -> None:
    bulk, boundary = np.full((3, 1), 1e-6), np.full((3, 1), 1e-5)
    for metal in (0.1, 0.5, 1.0):
        face = electronic(np.full((3, 1), metal), bulk, boundary)[0][1, 1] * DX / DY
        assert face == pytest.approx((metal - 1e-3) / 0.999 * METAL + (1.0 - metal) * 1.1e-5, rel=1e-12)
    assert electronic(np.zeros((3, 1)), 0.0 * bulk, floor=3e-9)[0][1, 1] == pytest.approx(3e-9 * DY / DX)


@pytest.mark.parametrize("n_type", [False, True])
def test_faces_are_the_same_with_x_and_y_swapped(n_type: bool) -> None:
    rng = np.random.default_rng(2)
    shape = (5, 8)
    xi, conductivity, boundary = rng.uniform(0, 1, (3, *shape))
    u = rng.normal(0.0, 0.05, (2, 7, 10))
    sheet = rng.uniform(size=(6, 8)), rng.uniform(size=(5, 9))
    turned = [np.ascontiguousarray(a.T) for a in (xi, conductivity, boundary)]
    turned_u = np.ascontiguousarray(u.transpose(0, 2, 1))
    turned_sheet = np.ascontiguousarray(sheet[1].T), np.ascontiguousarray(sheet[0].T)
    pairs = [
        (ionic(xi, conductivity, sheet, False), ionic(*turned[:2], turned_sheet, False, DY, DX)),
        (
            electronic(xi, conductivity, boundary, u if n_type else None, False),
            electronic(*turned, turned_u if n_type else None, False, DY, DX),
        ),
    ]
    for (gx, gy), (other_x, other_y) in pairs:
        np.testing.assert_allclose(other_y.T[1:-1, 1:-1], gx[1:-1, 1:-1], rtol=1e-13)
        np.testing.assert_allclose(other_x.T[1:-1, 1:-1], gy[1:-1, 1:-1], rtol=1e-13)


@pytest.mark.parametrize("slope", [-2.0, -0.3, 0.001, 1.5])
def test_n_type_face_is_exact_on_an_exponential_profile(slope: float) -> None:
    """Check i_e = sigma_M (RT/F) exp(phi_i) d/dx exp(-phi_e) = const: for linear phi_i, phi_e has a closed form."""
    n, sigma = 6, 2e-6
    reduced = slope * np.arange(n)  # phi_i in units of RT/F
    change = 0.5 / np.abs(np.expm1(-reduced)).max()
    u = np.zeros((2, n + 2, 3))
    u[0, 1:-1, 1] = (reduced - reduced.max()) * THERMAL  # U stays clear of the cut-off
    u[1, 1:-1, 1] = -np.log1p(change * np.expm1(-reduced)) * THERMAL
    exact = -sigma * change * slope * THERMAL / DX * np.exp(-reduced.max())
    faces = electronic(np.zeros((n, 1)), np.full((n, 1), sigma), u=u, floor=0.0)[0][1:-1, 1]
    np.testing.assert_allclose(-faces * np.diff(u[1, 1:-1, 1]), exact * DY, rtol=1e-10)


def planar(u, value, *, i0=50.0, linear=False, contact=True, row=0, face=0, sigma=0.05, alpha=0.5):
    """Return both conductances and both currents [A/m] of an electrode next to cells with potentials ``u``."""
    shape = (3, 1)
    gx, _ = empty(shape)
    currents = np.full((2, 1), np.nan)
    padded = np.zeros((2, 5, 3))
    padded[:, row + 1, 1] = u
    kernels.planar_electrode(
        np.zeros(shape), np.full(shape, sigma), np.full(shape, 1e-3), np.zeros(shape), METAL, FLOOR, padded, row, face,
        value, i0, alpha, linear, contact, False, THERMAL, DX, DY, gx, currents,
    )  # fmt: skip
    return gx[:, face, 1], currents[:, 0]


def test_linear_electrode_is_half_a_cell_and_the_interface_in_series() -> None:
    conductance, currents = planar([0.01, 0.0], 0.2, linear=True)
    ionic_sigma = 0.05 * (1.0 + transport.IONIC_FLOOR)
    resistance = 0.5 * DX / ionic_sigma + THERMAL / 50.0
    assert conductance[0] == pytest.approx(DY / resistance, rel=1e-12)
    assert currents[0] == pytest.approx(DY * 0.19 / resistance, rel=1e-12)
    assert conductance[1] == pytest.approx(1e-3 * DY / (0.5 * DX)) and currents[1] == pytest.approx(
        0.2 * conductance[1]
    )


@pytest.mark.parametrize("drop", [-0.9, -0.08, 1e-4, 0.03, 0.5])
@pytest.mark.parametrize("alpha", [0.5, 0.3])
def test_electrode_conductance_is_the_slope_of_its_current(drop: float, alpha: float) -> None:
    step = 1e-5
    conductance, currents = planar([0.0, 0.0], drop, alpha=alpha, sigma=1e-5)
    above, below = (planar([0.0, 0.0], drop + s, alpha=alpha, sigma=1e-5)[1][0] for s in (step, -step))
    assert np.sign(currents[0]) == np.sign(drop)
    assert conductance[0] == pytest.approx((above - below) / (2 * step), rel=1e-6)


def test_electrode_at_its_cells_potential_is_at_rest() -> None:
    _, currents = planar([0.13, 0.13], 0.13)
    assert (currents == 0.0).all()


def test_blocking_and_metal_backed_faces_let_nothing_through() -> None:
    conductance, currents = planar([0.0, 0.0], 0.1, contact=False)
    assert currents[0] > 0.0 and currents[1] == conductance[1] == 0.0
    conductance, currents = planar([0.0, 0.0], 0.1, i0=0.0)
    assert currents[1] > 0.0 and currents[0] == conductance[0] == 0.0
