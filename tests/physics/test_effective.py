"""Effective conductivities against formulas, against a direct solver, and inside the bounds that they are shown with."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import spsolve

from microstructures import build
from phasefield import effective
from phasefield.backends import conduction, numba_cpu
from phasefield.errors import RunError
from phasefield.grid import Grid
from phasefield.numerics import multigrid
from phasefield.physics.transport import ELECTRONIC_FLOOR, IONIC_FLOOR
from phasefield.problem import Ceramic
from phasefield.validation.common import plain_problem, uniform_ceramic

LAYERS = np.repeat([0.1, 0.002, 0.03, 0.001, 0.05], 2)  # [S/m]
FLOOR = 1.0 + IONIC_FLOOR


def with_maps(grid: Grid, **maps: Any) -> Ceramic:
    return dataclasses.replace(uniform_ceramic(grid), **maps)


def random_ceramic(grid: Grid, seed: int = 1) -> Ceramic:
    """Give every cell conductivities of its own and a third of all faces a sheet, lateral sides included."""
    draw = np.random.default_rng(seed)
    sheets = []
    for axis in range(len(grid.shape)):
        sheet = np.where(
            draw.random(grid.face_shape(axis)) < 0.3, 1e-6 * draw.random(grid.face_shape(axis)) / 0.046, 0.0
        )
        ends = (slice(None),) * axis + ([0, -1],)
        sheet[ends] = 0.0 if axis == 0 or grid.lateral == "mirror" else sheet.take([0], axis)
        sheets.append(sheet)
    return with_maps(
        grid,
        ionic_conductivity=np.exp(2.0 * draw.standard_normal(grid.shape)),
        bulk_electronic_conductivity=1e-5 * np.exp(2.0 * draw.standard_normal(grid.shape)),
        boundary_electronic_conductivity=1e-4 * draw.random(grid.shape),
        sheet_resistance=tuple(sheets),
    )


# --- the solve ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lateral", ["periodic", "mirror"])
@pytest.mark.parametrize("stacked", [0, 1, 2])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_laminates_in_every_direction(axis: int, stacked: int, lateral: Any) -> None:
    """Series and parallel to 1e-12, cells of unequal edges."""
    shape = [6, 4, 7]
    shape[stacked] = LAYERS.size
    grid = Grid(tuple(shape), (1e-6, 2e-6, 0.5e-6), lateral)
    layers = np.broadcast_to(np.expand_dims(LAYERS, [a for a in range(3) if a != stacked]), grid.shape)
    ceramic = with_maps(grid, ionic_conductivity=layers.copy(), bulk_electronic_conductivity=1e-3 * layers)
    exact = 1.0 / np.mean(1.0 / LAYERS) if axis == stacked else np.mean(LAYERS)
    ions, electrons = effective.conductivity_along(ceramic, grid, axis)
    assert ions == pytest.approx(FLOOR * exact, rel=1e-12)
    assert electrons == pytest.approx(1e-3 * exact, rel=1e-12)


def referee(ceramic: Ceramic, grid: Grid, axis: int) -> np.ndarray:
    """Solve with a sparse direct solver, faces written out here: both conductivities [S/m]."""
    number, n = np.arange(grid.size).reshape(grid.shape), grid.size
    ionic = FLOOR * ceramic.ionic_conductivity.ravel()
    bulk, band = ceramic.bulk_electronic_conductivity.ravel(), ceramic.boundary_electronic_conductivity.ravel()
    first, second, ions, electrons = [], [], [], []
    for a in range(len(grid.shape)):
        low, high, sheet = number, np.roll(number, -1, a), ceramic.sheet_resistance[a]
        inner = sheet.take(range(1, grid.shape[a] + 1), a)
        if a in (0, axis) or grid.lateral == "mirror":
            low, high, inner = (v.take(range(grid.shape[a] - 1), a) for v in (low, high, inner))
        i, j, r, area, d = low.ravel(), high.ravel(), inner.ravel(), grid.face_area(a), grid.spacing[a]
        first.append(i)
        second.append(j)
        ions.append(area / (0.5 * d / ionic[i] + 0.5 * d / ionic[j] + r))
        electrons.append(area / d * (2.0 / (1.0 / bulk[i] + 1.0 / bulk[j]) + 0.5 * (band[i] + band[j])))
    result = []
    area, d = grid.face_area(axis), grid.spacing[axis]
    ends = [number.take(e, axis).ravel() for e in (0, -1)]
    for kind, faces in enumerate((ions, electrons)):
        plates = []
        for end, cells in zip((0, -1), ends, strict=True):
            cell, sheet = 0.5 * d / ionic[cells], 0.5 * ceramic.sheet_resistance[axis].take(end, axis).ravel()
            plates.append(area / (cell + sheet) if kind == 0 else 2.0 * area / d * (bulk + band)[cells])
        i, j, g = np.concatenate(first), np.concatenate(second), np.concatenate(faces)
        diagonal = np.bincount(i, g, n) + np.bincount(j, g, n)
        for cells, plate in zip(ends, plates, strict=True):
            diagonal[cells] += plate
        matrix = sparse.coo_array(
            (np.concatenate([-g, -g, diagonal]), (np.concatenate([i, j, range(n)]), np.concatenate([j, i, range(n)])))
        )
        right = np.bincount(ends[1], plates[1], n)
        u = spsolve(matrix.tocsc(), right)
        result.append((plates[0] * u[ends[0]]).sum() * grid.lengths[axis] ** 2 / np.prod(grid.lengths))
    return np.array(result)


@pytest.mark.parametrize("lateral", ["periodic", "mirror"])
@pytest.mark.parametrize("shape", [(9, 8), (7, 5, 6)])
def test_agrees_with_a_direct_solver(shape: tuple[int, ...], lateral: Any) -> None:
    """Random cells and sheets, unequal edges: which sides are open along which axis, and what plates touch."""
    grid = Grid(shape, (1e-6, 1.3e-6, 0.8e-6)[: len(shape)], lateral)
    ceramic = random_ceramic(grid)
    for axis in range(len(shape)):
        found = np.array(effective.conductivity_along(ceramic, grid, axis))
        assert found == pytest.approx(referee(ceramic, grid, axis), rel=1e-10)


@pytest.mark.parametrize("shape", [(9, 8), (7, 5, 6)])
def test_faces_are_those_of_a_run(shape: tuple[int, ...]) -> None:
    """To the bit, up to the scale that each component is divided by."""
    grid = Grid(shape, (1e-6, 1.3e-6, 0.8e-6)[: len(shape)])
    ceramic = random_ceramic(grid)
    problem = plain_problem(grid, np.zeros(shape), ceramic=ceramic, width=1e-6)
    backend = numba_cpu.NumbaBackend(problem, numba_cpu.Tolerances())
    backend._freeze_metal(backend.initial_state())
    hierarchy = multigrid.Hierarchy(grid.box_shape, grid.box_spacing)
    maps = (
        ceramic.ionic_conductivity,
        ceramic.bulk_electronic_conductivity,
        ceramic.boundary_electronic_conductivity,
    )
    scale = conduction._fill_faces(hierarchy, grid, *maps, ceramic.sheet_resistance, False)
    for mine, run in zip(hierarchy.finest()[:3], backend.faces, strict=True):
        inner = (slice(None), slice(1, -1)) if mine.shape[1] == grid.shape[0] + 1 else (slice(None),)
        assert np.array_equal(mine[inner], run[inner] / scale[:, None, None, None])
        assert run[inner].size == 0 or run[inner].max() > 0.0


def test_electrodes_layers_are_left_out() -> None:
    grid = Grid((12, 6), (1e-6, 1e-6))
    ceramic = random_ceramic(grid)
    rest = Grid((9, 6), grid.spacing)
    cut = with_maps(
        rest,
        ionic_conductivity=ceramic.ionic_conductivity[3:],
        bulk_electronic_conductivity=ceramic.bulk_electronic_conductivity[3:],
        boundary_electronic_conductivity=ceramic.boundary_electronic_conductivity[3:],
        sheet_resistance=tuple(sheet[3:] for sheet in ceramic.sheet_resistance),
    )
    for axis in (0, 1):
        found = effective.conductivity_along(ceramic, grid, axis, 3)
        assert found == effective.conductivity_along(cut, rest, axis)
        assert found[0] != pytest.approx(effective.conductivity_along(ceramic, grid, axis)[0], rel=1e-3)


def test_boundaries_on_periodic_sides_count_once() -> None:
    """Columns of grains, one boundary inside and one on the side: both in series along y, whatever the plates touch."""
    grid = Grid((4, 10), (1e-6, 1e-6))
    sheet = np.zeros(grid.face_shape(1))
    sheet[:, [0, 5, 10]] = 1e-4
    ceramic = with_maps(grid, sheet_resistance=(np.zeros(grid.face_shape(0)), sheet))
    expected = 1.0 / (1.0 / (FLOOR * 0.046) + 2.0 * 1e-4 / grid.lengths[1])
    assert effective.conductivity_along(ceramic, grid, 1)[0] == pytest.approx(expected, rel=1e-12)


def test_threads_do_not_matter() -> None:
    grid = Grid((40, 40, 40), (1e-6,) * 3)
    ceramic = random_ceramic(grid)
    one, two = (effective.conductivity_along(ceramic, grid, 2, threads=threads) for threads in (1, 2))
    assert one == two


def test_floating_pieces_are_solved_too() -> None:
    """Conducting pieces of 3 cells in an insulator, which a coarse grid cannot see, take 421 iterations."""
    grid = Grid((90, 90), (1e-6, 1e-6))
    islands = np.kron(np.random.default_rng(1).random((30, 30)) < 0.45, np.ones((3, 3), dtype=bool))
    ceramic = with_maps(grid, ionic_conductivity=np.where(islands, 1.0, 1e-6))
    assert effective.effective_conductivity(ceramic, grid).along[0].iterations <= 500


def test_no_result_without_convergence(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = Grid((20, 20), (1e-6, 1e-6))
    monkeypatch.setattr(conduction, "CG_LIMIT", 1)
    monkeypatch.setattr(conduction, "ROUNDS", 2)
    with pytest.raises(
        RunError, match="effective conductivity along y: the currents between two plates were not found"
    ):
        effective.conductivity_along(random_ceramic(grid), grid, 1)


def test_impossible_samples_are_refused() -> None:
    grid = Grid((6, 4), (1e-6, 1e-6))
    with pytest.raises(ValueError, match="a layer from 0 to 5, not at 6"):
        effective.conductivity_along(uniform_ceramic(grid), grid, 0, 6)
    with pytest.raises(ValueError, match="every cell must conduct some ions"):
        effective.conductivity_along(uniform_ceramic(grid, ionic=0.0), grid)


# --- the report ---------------------------------------------------------------------------------------------


def porous(grid: Grid, porosity: float) -> tuple[Ceramic, np.ndarray]:
    pores = (np.random.default_rng(2).random(grid.shape) < porosity).astype(float)
    ceramic = with_maps(
        grid,
        ionic_conductivity=0.046 * (1.0 - pores + 1e-6 * pores),
        bulk_electronic_conductivity=5e-6 * (1.0 - pores),
    )
    return ceramic, pores


def test_a_porous_ceramic_lies_inside_its_bounds() -> None:
    grid = Grid((32, 32, 32), (1e-6,) * 3)
    ceramic, pores = porous(grid, 0.2)
    found = effective.effective_conductivity(ceramic, grid, pore_fraction=pores)
    assert [along.axis for along in found.along] == ["x", "y", "z"]
    assert found.porosity == pores.mean()
    for along in found.along:
        assert found.ionic.hashin_shtrikman[0] < along.ionic < found.ionic.hashin_shtrikman[1]
        assert found.electronic.hashin_shtrikman[0] < along.electronic < found.electronic.hashin_shtrikman[1]
        assert along.plate_difference < 1e-8
        # solid as the ions see it: no grain boundaries here
        assert along.solid_tortuosity == pytest.approx(0.046 * FLOOR * (1.0 - found.porosity) / along.ionic, rel=1e-8)
        assert along.pore_tortuosity == np.inf
    assert found.pores_span == ""
    for expected in (found.ionic, found.electronic):
        assert expected.wiener[0] < expected.hashin_shtrikman[0] < expected.hashin_shtrikman[1] < expected.wiener[1]


def test_channels_have_a_tortuosity_of_one() -> None:
    grid = Grid((12, 10), (1e-6, 1e-6))
    pores = np.zeros(grid.shape)
    pores[:, 3:5] = 1.0
    found = effective.effective_conductivity(uniform_ceramic(grid), grid, pore_fraction=pores)
    assert found.pores_span == "x"
    assert found.along[0].pore_tortuosity == pytest.approx(1.0, rel=1e-5)
    assert found.along[0].solid_tortuosity == pytest.approx(1.0, rel=1e-5)
    assert found.along[1].pore_tortuosity == np.inf
    assert found.along[1].solid_tortuosity > 1e4  # pores cut the solid


def test_a_polycrystal_lies_between_its_bounds() -> None:
    """The brick-layer estimate is the lower bound of Hashin and Shtrikman: grains conduct as well or better."""
    grid = Grid((96, 96), (0.25e-6, 0.25e-6))
    structure = build(grid, "voronoi", 0.0, 1.5e-6, grain_size=4e-6, seed=3)
    sheet = 20e-6 / 0.046
    ceramic = with_maps(grid, sheet_resistance=tuple(sheet * weight for weight in structure.sheet_weight))
    resistivity = sheet * structure.boundary_per_volume
    found = effective.effective_conductivity(ceramic, grid, boundary_resistivity=resistivity)
    low, high = found.ionic.hashin_shtrikman
    assert low == pytest.approx(found.ionic.estimate, rel=1e-12)
    assert low < np.mean([along.ionic for along in found.along]) < high
    assert found.ionic.wiener[0] == pytest.approx(1.0 / (1.0 / (FLOOR * 0.046) + resistivity), rel=1e-12)


def test_electrons_in_a_network_of_boundaries() -> None:
    grid = Grid((96, 96), (0.25e-6, 0.25e-6))
    structure = build(grid, "bricks", 0.0, 0.5e-6, grain_size=6e-6)
    ceramic = with_maps(
        grid,
        bulk_electronic_conductivity=np.full(grid.shape, 1e-9),
        boundary_electronic_conductivity=1e-4 * structure.grain_boundary_fraction,
    )
    found = effective.effective_conductivity(ceramic, grid)
    band = 1e-4 * structure.grain_boundary_fraction.mean()
    assert found.electronic.estimate == pytest.approx(1e-9 + 0.5 * band, rel=1e-12)
    assert found.along[1].electronic < found.electronic.wiener[1]


def test_a_line_of_cells() -> None:
    grid = Grid((20, 1), (1e-6, 1e-6))
    ceramic = with_maps(grid, ionic_conductivity=np.repeat([0.1, 0.01], 10).reshape(20, 1))
    found = effective.effective_conductivity(ceramic, grid)
    assert len(found.along) == 1
    for value in (found.along[0].ionic, *found.ionic.hashin_shtrikman, found.ionic.wiener[0], found.ionic.estimate):
        assert value == pytest.approx(FLOOR * 0.2 / 11.0, rel=1e-12)
    assert found.along[0].electronic == pytest.approx(ELECTRONIC_FLOOR * 0.1, rel=1e-9)


# --- laws ---------------------------------------------------------------------------------------------------


def test_bounds_of_two_phases() -> None:
    """Maxwell's formula for discs and spheres of insulators; series and parallel in one dimension."""
    phases, share = np.array([1.0, 0.0]), np.array([0.7, 0.3])
    assert effective.hashin_shtrikman_bounds(phases, 2, share) == pytest.approx((0.0, 0.7 / 1.3), abs=1e-15)
    assert effective.hashin_shtrikman_bounds(phases, 3, share) == pytest.approx((0.0, 0.7 / 1.15), abs=1e-15)
    phases = np.array([1.0, 4.0])
    series, parallel = effective.wiener_bounds(phases, share)
    assert (series, parallel) == pytest.approx((1.0 / 0.775, 1.9), rel=1e-15)
    assert effective.hashin_shtrikman_bounds(phases, 1, share) == pytest.approx((series, series), rel=1e-12)
    low, high = effective.hashin_shtrikman_bounds(phases, 3, share)
    assert low == pytest.approx(1.0 + 0.3 / (1.0 / 3.0 + 0.7 / 3.0), rel=1e-12)
    assert high == pytest.approx(4.0 + 0.7 / (-1.0 / 3.0 + 0.3 / 12.0), rel=1e-12)


def test_bounds_with_sheets_are_those_of_a_vanishing_phase() -> None:
    thin = 1e-7
    phases, share = np.array([1.0, 3.0, thin / 0.5]), np.array([0.6, 0.4, thin])  # R S_V = 0.5
    for dimension in (2, 3):
        layer = effective.hashin_shtrikman_bounds(phases, dimension, share)
        sheet = effective.hashin_shtrikman_bounds(phases[:2], dimension, share[:2], boundary_resistivity=0.5)
        assert sheet == pytest.approx(layer, rel=1e-5)
    assert effective.wiener_bounds(phases[:2], share[:2], 0.5) == pytest.approx(
        effective.wiener_bounds(phases, share), rel=1e-5
    )


def test_bounds_refuse_other_dimensions() -> None:
    with pytest.raises(ValueError, match="in 1, 2 and 3 dimensions, not in 4"):
        effective.hashin_shtrikman_bounds(np.ones(2), 4)


def test_brick_layers_and_networks() -> None:
    assert effective.brick_layer_conductivity(0.5, 0.0, 3) == 0.5
    assert effective.brick_layer_conductivity(0.5, 6.0, 3) == pytest.approx(1.0 / (2.0 + 2.0))
    assert effective.brick_layer_conductivity(0.5, 6.0, 1) == pytest.approx(1.0 / 8.0)
    assert effective.network_conductivity(0.1, 0.6, 3) == pytest.approx(0.5)
    assert effective.network_conductivity(0.1, 0.6, 2) == pytest.approx(0.4)
    assert effective.tortuosity_factor(2.0, 0.5, 0.25) == 4.0


@pytest.mark.parametrize(
    ("axis", "lateral", "expected"), [(0, "periodic", False), (1, "periodic", True), (1, "mirror", False)]
)
def test_spanning_through_periodic_sides(axis: int, lateral: Any, expected: bool) -> None:
    """A staircase along y that leaves through a side of z and comes back on the other; x has no other side."""
    grid = Grid((3, 4, 4), (1e-6,) * 3, lateral)
    mask = np.zeros(grid.shape, dtype=bool)
    mask[1, :2, 0] = mask[1, 1:, 3] = True
    assert effective.spans(mask, axis, grid) is expected
    assert not effective.spans(np.zeros(grid.shape, dtype=bool), axis, grid)


def test_the_ends_of_x_do_not_connect() -> None:
    grid = Grid((4, 4), (1e-6, 1e-6))
    mask = np.zeros(grid.shape, dtype=bool)
    mask[0, :2] = mask[3, 1:] = True
    assert not effective.spans(mask, 1, grid)
    mask[:, 1] = True
    assert effective.spans(mask, 1, grid)
    assert effective.spans(mask, 0, grid)
