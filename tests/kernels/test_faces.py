"""Conductances of faces: exact fluxes over jumps and exponential profiles, sides of the box, symmetry of the axes."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from phasefield.backends import numba_faces
from phasefield.grid import Grid
from phasefield.physics import transport
from phasefield.physics.constants import thermal_voltage

SPACING = (0.4e-6, 0.5e-6, 0.3e-6)
AREA = tuple(np.prod(SPACING) / d for d in SPACING)  # of a face normal to each axis
THERMAL = thermal_voltage(298.15)
METAL, FLOOR = 460.0, 1e-14
AXES_OF = {"2-D": (0, 2), "3-D": (0, 1, 2)}  # that have cells
AXES = pytest.mark.parametrize(
    ("layers", "axis"),
    [pytest.param(n, a, id=f"{name}, {'xyz'[a]}") for name, n in (("2-D", 1), ("3-D", 9)) for a in AXES_OF[name]],
)


def faces_of(write, shape, component: int) -> list[np.ndarray]:
    """Return per axis the faces that ``write(gx, gy, gz)`` fills, one more than cells, the last y face as the first."""
    nx, ny, nz = shape
    gx = np.zeros((2, nx + 1, ny, nz + 2))
    gy = np.zeros((2, nx + 2, ny if ny > 1 else 0, nz + 2))
    gz = np.zeros((2, nx + 2, ny, nz + 1))
    write(gx, gy, gz)
    assert all((g[1 - component] == 0.0).all() for g in (gx, gy, gz)), "the other carrier's are left alone"
    y = gy[component, 1:-1, :, 1:-1] if ny > 1 else np.zeros((nx, 1, nz))
    return [gx[component, :, :, 1:-1], np.concatenate([y, y[:, :1]], axis=1), gz[component, 1:-1]]


def sheets_on(shape, value: float = 0.0) -> list[np.ndarray]:
    return [np.full([n + (a == axis) for a, n in enumerate(shape)], value) for axis in range(3)]


def ionic(xi, conductivity, sheets=None, periodic=True, spacing=SPACING) -> list[np.ndarray]:
    def write(*faces: np.ndarray) -> None:
        resistances = sheets_on(xi.shape) if sheets is None else sheets
        numba_faces.ionic_faces(xi, conductivity, *resistances, *spacing, periodic, *faces)

    return faces_of(write, xi.shape, 0)


def electronic(
    xi, bulk, boundary=None, u=None, periodic=True, spacing=SPACING, floor=FLOOR, factor=1.0
) -> list[np.ndarray]:
    """Return the electronic faces; n-type where potentials ``u`` are given."""
    nx, ny, nz = xi.shape
    boundary = np.zeros_like(xi) if boundary is None else boundary
    potentials = np.zeros((2, nx + 2, ny, nz + 2)) if u is None else u

    def write(*faces: np.ndarray) -> None:
        numba_faces.electronic_faces(
            xi, bulk, boundary, METAL, floor, potentials, u is not None, factor, THERMAL, *spacing, periodic, *faces
        )

    return faces_of(write, xi.shape, 1)


def along(axis: int, values: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Return a map that has ``values`` along an axis and is constant along the others."""
    return np.broadcast_to(np.expand_dims(values, [a for a in range(3) if a != axis]), shape).copy()


@pytest.mark.parametrize("carrier", ["ions", "electrons"])
@AXES
def test_flux_over_a_jump_is_exact(layers: int, axis: int, carrier: str) -> None:
    """The potential of a uniform flux has a kink at the jump; all faces must give that flux."""
    shape = (9, layers, 9)
    profile = np.where(np.arange(9) < 4, 0.05, 5e-8)
    conductivity = along(axis, profile, shape)
    if carrier == "ions":
        faces = ionic(np.zeros(shape), conductivity, periodic=False)[axis] / (1.0 + transport.IONIC_FLOOR)
    else:
        faces = electronic(np.zeros(shape), conductivity, periodic=False)[axis]
    at_faces = np.concatenate([[0.0], np.cumsum(3.0 * SPACING[axis] / profile)])
    potential = at_faces[:-1] + 1.5 * SPACING[axis] / profile
    inner = np.moveaxis(faces, axis, -1)[..., 1:-1]
    np.testing.assert_allclose(inner * np.diff(potential), 3.0 * AREA[axis], rtol=1e-9 if carrier == "ions" else 1e-13)


@pytest.mark.parametrize("periodic", [True, False], ids=["periodic", "mirror"])
@pytest.mark.parametrize(
    ("shape", "axis"), [((5, 1, 7), 2), ((5, 4, 7), 2), ((5, 4, 7), 1), ((4, 2, 3), 1), ((4, 3, 2), 2)], ids=str
)
def test_lateral_sides_are_one_face_or_none(shape, axis: int, periodic: bool) -> None:
    conductivity = np.random.default_rng(1).uniform(0.01, 0.1, shape)
    for faces in (
        ionic(np.zeros(shape), conductivity, None, periodic)[axis],
        electronic(np.zeros(shape), conductivity, None, None, periodic)[axis],
    ):
        np.testing.assert_array_equal(faces.take(0, axis), faces.take(-1, axis))
        first, last = conductivity.take(0, axis), conductivity.take(-1, axis)
        series = AREA[axis] / SPACING[axis] * 2.0 / (1.0 / first + 1.0 / last)
        np.testing.assert_allclose(faces.take(0, axis), series if periodic else 0.0, rtol=2e-6)


@pytest.mark.parametrize("shape", [(6, 1, 1), (6, 1, 5), (6, 5, 1)], ids=str)
def test_an_axis_of_one_cell_has_no_faces(shape) -> None:
    ones = np.ones(shape)
    for faces in (ionic(0.0 * ones, ones), electronic(0.0 * ones, ones)):
        for axis in (1, 2):
            assert (faces[axis] == 0.0).all() == (shape[axis] == 1)


@pytest.mark.parametrize("layers", [1, 3])
def test_sheet_is_in_series_and_metal_shorts_it(layers: int) -> None:
    shape, sheet = (3, layers, 3), 2e-4
    conductivity = np.full(shape, 0.04)
    for metal in (0.0, 0.6):
        faces = ionic(np.full(shape, metal), conductivity, sheets_on(shape, sheet))
        mine = (1.0 - metal + transport.IONIC_FLOOR) * 0.04
        for axis in range(3):
            expected = AREA[axis] / (SPACING[axis] / mine + sheet * (1.0 - metal))
            inner = np.moveaxis(faces[axis], axis, 0)[1:-1]
            np.testing.assert_allclose(inner, expected, rtol=1e-12)
            assert inner.size > 0 or shape[axis] == 1


@AXES
def test_a_sheet_is_crossed_by_its_own_face_only(layers: int, axis: int) -> None:
    shape = (9, layers, 9)
    sheets = sheets_on(shape)
    place = [2, min(2, layers - 1), 2]
    place[axis] = 3
    sheets[axis][tuple(place)] = 1e-3
    with_sheet = ionic(np.zeros(shape), np.full(shape, 0.04), sheets)
    without = ionic(np.zeros(shape), np.full(shape, 0.04))
    for a in range(3):
        changed = np.argwhere(with_sheet[a] != without[a]).tolist()
        assert changed == ([place] if a == axis else [])


@AXES
def test_boundary_band_conducts_beside_the_bulk(layers: int, axis: int) -> None:
    """Arithmetic in the band, harmonic in the bulk: a band one cell wide, normal to the axis, stays connected."""
    shape = (9, layers, 9)
    bulk = np.full(shape, 1e-9)
    faces = electronic(np.zeros(shape), bulk, along(axis, np.where(np.arange(9) == 1, 1e-5, 0.0), shape))
    inside = [a for a in range(3) if a != axis and shape[a] > 1]
    for a in [axis, *inside]:
        conductance = AREA[a] / SPACING[a]
        inner = np.moveaxis(faces[a].take(range(1, shape[a]), a), axis, 0)
        if a == axis:
            np.testing.assert_allclose(inner[:2], conductance * (0.5e-5 + 1e-9), rtol=1e-12)
            np.testing.assert_allclose(inner[2:], conductance * 1e-9, rtol=1e-12)
        else:
            np.testing.assert_allclose(inner[1], conductance * (1e-5 + 1e-9), rtol=1e-12)
            np.testing.assert_allclose(inner[2:], conductance * 1e-9, rtol=1e-12)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_metal_takes_over_linearly_and_nothing_falls_below_the_floor(axis: int) -> None:
    shape = [1, 1, 1]
    shape[axis] = 3
    ones = np.ones(shape)
    bulk, boundary = 1e-6 * ones, 1e-5 * ones
    for metal in (0.1, 0.5, 1.0):
        face = electronic(metal * ones, bulk, boundary)[axis].flat[1] * SPACING[axis] / AREA[axis]
        assert face == pytest.approx((metal - 1e-3) / 0.999 * METAL + (1.0 - metal) * 1.1e-5, rel=1e-12)
    least = electronic(0.0 * ones, 0.0 * bulk, floor=3e-9)[axis].flat[1]
    assert least == pytest.approx(3e-9 * AREA[axis] / SPACING[axis])


@pytest.mark.parametrize("shape", [(5, 1, 8), (5, 4, 6)], ids=str)
def test_a_factor_is_the_ceramic_s_and_not_the_metal_s(shape) -> None:
    """The fitted law multiplies bulk and band (M6); n-type faces have their own factor instead."""
    rng = np.random.default_rng(5)
    bulk, boundary = rng.uniform(1e-6, 1e-5, (2, *shape))
    zero, one = np.zeros(shape), np.ones(shape)
    u = np.pad(rng.normal(0.0, 0.05, (2, *shape)), ((0, 0), (1, 1), (0, 0), (1, 1)))

    def compare(xi: np.ndarray, times: float, u: np.ndarray | None = None) -> None:
        straight, scaled = electronic(xi, bulk, boundary, u), electronic(xi, bulk, boundary, u, factor=3.0)
        for before, after in zip(straight, scaled, strict=True):
            np.testing.assert_allclose(after, times * before, rtol=1e-12)

    compare(zero, 3.0)
    compare(one, 1.0)
    compare(zero, 1.0, u)
    half = 0.5 * one
    metal = electronic(half, 0.0 * bulk, 0.0 * boundary)[0][1:-1]
    straight, scaled = (electronic(half, one, zero, factor=factor)[0][1:-1] for factor in (1.0, 3.0))
    np.testing.assert_allclose(scaled - metal, 3.0 * (straight - metal), rtol=1e-9)


@pytest.mark.parametrize("n_type", [False, True])
@pytest.mark.parametrize("order", list(permutations(range(3)))[1:], ids=str)
@pytest.mark.parametrize("shape", [(5, 1, 8), (5, 4, 6)], ids=str)
def test_faces_are_the_same_with_axes_swapped(shape, order, n_type: bool) -> None:
    rng = np.random.default_rng(2)
    maps = rng.uniform(0, 1, (3, *shape))
    u = rng.normal(0.0, 0.05, (2, *shape))
    sheets = [rng.uniform(size=s.shape) for s in sheets_on(shape)]
    turned = [np.ascontiguousarray(a.transpose(order)) for a in maps]
    turned_sheets = [np.ascontiguousarray(sheets[a].transpose(order)) for a in order]
    spacing = tuple(SPACING[a] for a in order)

    def padded(values: np.ndarray) -> np.ndarray | None:
        return np.pad(values, ((0, 0), (1, 1), (0, 0), (1, 1))) if n_type else None

    turned_u = padded(u.transpose(0, *(a + 1 for a in order)))
    pairs = [
        (ionic(*maps[:2], sheets, False), ionic(*turned[:2], turned_sheets, False, spacing)),
        (electronic(*maps, padded(u), False), electronic(*turned, turned_u, False, spacing)),
    ]
    for straight, swapped in pairs:
        for new, old in enumerate(order):
            np.testing.assert_allclose(swapped[new], straight[old].transpose(order), rtol=1e-13)


@pytest.mark.parametrize("shift", [1, 3])
@pytest.mark.parametrize(("shape", "axis"), [((4, 1, 7), 2), ((4, 5, 7), 2), ((4, 5, 7), 1)], ids=str)
def test_faces_do_not_depend_on_where_the_periodic_side_is(shape, axis: int, shift: int) -> None:
    rng = np.random.default_rng(3)
    xi, conductivity, boundary = rng.uniform(0, 1, (3, *shape))
    u = rng.normal(0.0, 0.05, (2, *shape))

    def all_of(amount: int) -> list[np.ndarray]:
        maps = [np.roll(a, amount, axis) for a in (xi, conductivity, boundary)]
        rolled = np.pad(np.roll(u, amount, axis + 1), ((0, 0), (1, 1), (0, 0), (0, 0)))
        rolled = np.pad(rolled, ((0, 0), (0, 0), (0, 0), (1, 1)), mode="wrap")
        return ionic(*maps[:2]) + electronic(*maps, rolled)

    for number, (rolled, straight) in enumerate(zip(all_of(shift), all_of(0), strict=True)):
        own = number % 3 == axis  # the last face along the axis is the first again
        straight = np.roll(np.delete(straight, -1, axis) if own else straight, shift, axis)
        np.testing.assert_allclose(np.delete(rolled, -1, axis) if own else rolled, straight, rtol=1e-13)


@pytest.mark.parametrize("slope", [-2.0, -0.3, 0.001, 1.5])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_n_type_face_is_exact_on_an_exponential_profile(axis: int, slope: float) -> None:
    """Check i_e = sigma_M (RT/F) exp(phi_i) d/dx exp(-phi_e) = const: for linear phi_i, phi_e has a closed form."""
    n, sigma = 6, 2e-6
    shape = (n, n, n) if axis == 1 else (n, 1, n)
    reduced = slope * np.arange(n)  # phi_i in units of RT/F
    change = 0.5 / np.abs(np.expm1(-reduced)).max()
    ions = (reduced - reduced.max()) * THERMAL  # U stays clear of the cut-off
    electrons = -np.log1p(change * np.expm1(-reduced)) * THERMAL
    u = np.pad(np.stack([along(axis, p, shape) for p in (ions, electrons)]), ((0, 0), (1, 1), (0, 0), (1, 1)))
    exact = -sigma * change * slope * THERMAL / SPACING[axis] * np.exp(-reduced.max())
    faces = electronic(np.zeros(shape), np.full(shape, sigma), u=u, periodic=False, floor=0.0)[axis]
    inner = np.moveaxis(faces, axis, -1)[..., 1:-1]
    np.testing.assert_allclose(-inner * np.diff(electrons), exact * AREA[axis], rtol=1e-10)


def planar(
    u, value, *, i0=50.0, linear=False, contact=True, row=0, face=0, sigma=0.05, alpha=0.5, lateral=(1, 1), factor=1.0
):
    """Return both conductances and both currents [A] of an electrode next to cells with potentials ``u``, per face."""
    shape = (3, *lateral)
    gx = np.zeros((2, 4, lateral[0], lateral[1] + 2))
    currents = np.full((2, *lateral), np.nan)
    padded = np.zeros((2, 5, lateral[0], lateral[1] + 2))
    padded[:, row + 1, :, 1:-1] = np.reshape(u, (2, 1, 1)) if np.ndim(u) == 1 else u
    numba_faces.planar_electrode(
        np.zeros(shape), np.full(shape, sigma), np.full(shape, 1e-3), np.zeros(shape), METAL, FLOOR, padded, row, face,
        value, i0, alpha, linear, contact, False, factor, THERMAL, SPACING[0], AREA[0], gx, currents,
    )  # fmt: skip
    assert (np.delete(gx, face, axis=1) == 0.0).all()
    return gx[:, face, :, 1:-1].squeeze(), currents.squeeze()


def test_linear_electrode_is_half_a_cell_and_the_interface_in_series() -> None:
    conductance, currents = planar([0.01, 0.0], 0.2, linear=True)
    half = 0.5 * SPACING[0]
    resistance = half / (0.05 * (1.0 + transport.IONIC_FLOOR)) + THERMAL / 50.0
    assert conductance[0] == pytest.approx(AREA[0] / resistance, rel=1e-12)
    assert currents[0] == pytest.approx(AREA[0] * 0.19 / resistance, rel=1e-12)
    assert conductance[1] == pytest.approx(1e-3 * AREA[0] / half) and currents[1] == pytest.approx(0.2 * conductance[1])


@pytest.mark.parametrize(("row", "face"), [(0, 0), (2, 3)], ids=["low x", "high x"])
def test_every_cell_of_an_electrode_has_its_own_current(row: int, face: int) -> None:
    u = np.random.default_rng(4).normal(0.0, 0.05, (2, 4, 3))
    conductance, currents = planar(u, 0.1, row=row, face=face, lateral=(4, 3))
    for j in range(4):
        for k in range(3):
            one, current = planar(u[:, j, k], 0.1, row=row, face=face)
            np.testing.assert_array_equal(conductance[:, j, k], one)
            np.testing.assert_array_equal(currents[:, j, k], current)


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


def test_factor_of_an_electrode_s_face_is_the_electrons_only() -> None:
    (one, first), (three, second) = (planar([0.01, 0.0], 0.2, factor=factor) for factor in (1.0, 3.0))
    np.testing.assert_allclose(three, [one[0], 3.0 * one[1]], rtol=1e-12)
    np.testing.assert_allclose(second, [first[0], 3.0 * first[1]], rtol=1e-12)


def test_blocking_and_metal_backed_faces_let_nothing_through() -> None:
    conductance, currents = planar([0.0, 0.0], 0.1, contact=False)
    assert currents[0] > 0.0 and currents[1] == conductance[1] == 0.0
    conductance, currents = planar([0.0, 0.0], 0.1, i0=0.0)
    assert currents[1] > 0.0 and currents[0] == conductance[0] == 0.0


@pytest.mark.parametrize(("shape", "box"), [((5, 7), (5, 1, 7)), ((6, 1), (6, 1, 1)), ((5, 3, 7), (5, 3, 7))], ids=str)
def test_a_grid_is_a_box_whose_last_axis_is_innermost(shape, box) -> None:
    grid = Grid(shape, tuple(0.1 * (a + 1) for a in range(len(shape))))
    assert grid.box_shape == box and np.prod(grid.box_spacing) == pytest.approx(grid.cell_volume)
    assert grid.box_spacing[0] == grid.spacing[0] and grid.box_spacing[2] == grid.spacing[-1]
    fields = tuple(np.random.default_rng(a).uniform(size=grid.face_shape(a)) for a in range(len(shape)))
    x, y, z = grid.box_faces(fields)
    nx, ny, nz = box
    assert (x.shape, z.shape) == ((nx + 1, ny, nz), (nx, ny, nz + 1))
    assert y.shape == ((nx, ny + 1, nz) if len(shape) == 3 else (nx, 0, nz))
    assert np.shares_memory(x, fields[0]) and np.shares_memory(z, fields[-1])
    np.testing.assert_array_equal(x.squeeze(), fields[0].squeeze())
    np.testing.assert_array_equal(z.squeeze(), fields[-1].squeeze())
