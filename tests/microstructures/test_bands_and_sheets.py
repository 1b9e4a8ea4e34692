"""Grain boundaries on the grid: coverage of the band, weights of the sheets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from microstructures import Microstructure, build
from phasefield.grid import Grid, Lateral

UM = 1e-6
Area = Callable[[Microstructure], float]
SIDES: list[Lateral] = ["periodic", "mirror"]
GRIDS = [Grid((160, 120), (0.4 * UM, 0.4 * UM)), Grid((127, 161), (0.5 * UM, 0.3 * UM), "mirror")]


def ceramic_area(made: Microstructure) -> float:
    return (made.grid.lengths[0] - made.electrode_plane) * made.grid.lengths[1]


@pytest.mark.parametrize("angle", [0.0, 7.0, 15.0, 30.0, 45.0, 62.0, 90.0])
@pytest.mark.parametrize("spacing", [(0.4, 0.4), (0.5, 0.3)])
@pytest.mark.parametrize("shift", [0.0, 0.13])
def test_band_holds_its_width_times_its_length(angle: float, spacing: tuple[float, float], shift: float) -> None:
    # odd numbers of cells and a plane off the grid's faces put the band's edges anywhere
    grid = Grid((151, 137), (spacing[0] * UM, spacing[1] * UM), "mirror")
    plane = shift * UM
    width = 6.0 * max(spacing) * UM
    made = build(grid, "bicrystal", plane, width, angle=np.radians(angle))
    area = made.grain_boundary_fraction.sum() * grid.cell_volume
    assert area == pytest.approx(width * made.boundary_per_volume * ceramic_area(made), rel=0.01, abs=0.0)


@pytest.mark.parametrize("width", [0.03, 0.15, 0.4, 1.0])
@pytest.mark.parametrize("angle", [0.0, 20.0, 45.0])
def test_bands_narrower_than_a_cell_keep_their_area(angle: float, width: float) -> None:
    grid = Grid((201, 151), (0.4 * UM, 0.4 * UM), "mirror")
    made = build(grid, "bicrystal", 0.0, width * UM, angle=np.radians(angle))
    area = made.grain_boundary_fraction.sum() * grid.cell_volume
    assert area == pytest.approx(width * UM * made.boundary_per_volume * ceramic_area(made), rel=0.01, abs=0.0)


def brute_coverage(made: Microstructure, points: int = 40) -> np.ndarray:
    """Return the coverage by a much finer grid's distances, thresholded."""
    grid = made.grid
    shape = tuple(n * points for n in grid.shape)
    fine = Grid(shape, tuple(d / points for d in grid.spacing), grid.lateral)
    dense = build(fine, "voronoi", made.electrode_plane, 2.4 * UM, grain_size=6.0 * UM, seed=8)
    inside = (dense.boundary_distance < 1.2 * UM) & (dense.grain_id > 0)
    return inside.reshape(grid.shape[0], points, grid.shape[1], points).mean(axis=(1, 3))


@pytest.mark.parametrize("lateral", SIDES)
def test_coverage_is_the_covered_share_of_each_cell(lateral: Lateral) -> None:
    grid = Grid((40, 31), (0.4 * UM, 0.5 * UM), lateral)
    made = build(grid, "voronoi", 1.6 * UM, 2.4 * UM, grain_size=6.0 * UM, seed=8)
    exact = brute_coverage(made)
    fraction = made.grain_boundary_fraction
    assert np.abs(fraction - exact).max() < 0.03
    assert fraction.mean() == pytest.approx(exact.mean(), rel=1e-3)
    # cells off the edges of the band are exactly full or empty, the others in between
    assert np.all(fraction[exact == 1.0] > 0.995)
    assert np.all(fraction[exact == 0.0] < 0.005)
    assert np.count_nonzero(fraction == 1.0) > 100
    assert np.count_nonzero(fraction == 0.0) > 100
    assert np.count_nonzero((fraction > 0.05) & (fraction < 0.95)) > 100
    assert not fraction[:4].any()


def test_coverage_moves_smoothly_with_the_boundary() -> None:
    grid = Grid((1, 60), (0.4 * UM, 0.4 * UM), "mirror")
    steps = np.linspace(0.0, 0.4, 41) * UM
    fractions = []
    for step in steps:
        taller = Grid(grid.shape, (0.4 * UM, 0.4 * UM + step / 30.0), "mirror")
        fractions.append(build(taller, "bicrystal", 0.0, 2.4 * UM).grain_boundary_fraction[0])
    jumps = np.abs(np.diff(fractions, axis=0))
    # each step moves an edge by at most a hundredth of a cell
    assert jumps.max() < 0.03


@pytest.mark.parametrize("angle", [0.0, 7.0, 15.0, 30.0, 45.0, 62.0, 90.0, 120.0])
@pytest.mark.parametrize("grid", GRIDS)
def test_sheets_of_a_bicrystal_undo_the_staircase(grid: Grid, angle: float, sheet_area: Area) -> None:
    grid = Grid(grid.shape, grid.spacing, "mirror")
    made = build(grid, "bicrystal", 4.0 * UM, 2.4 * UM, angle=np.radians(angle))
    expected = abs(np.sin(np.radians(angle))) + abs(np.cos(np.radians(angle)))
    weights = np.concatenate([w[w > 0.0] for w in made.sheet_weight])
    assert weights == pytest.approx(expected)
    assert sheet_area(made) == pytest.approx(made.boundary_per_volume * ceramic_area(made), rel=0.015, abs=0.0)


@pytest.mark.parametrize("kind", ["voronoi", "bricks"])
@pytest.mark.parametrize("grid", GRIDS)
def test_sheets_reproduce_the_length_of_the_network(grid: Grid, kind: str, sheet_area: Area) -> None:
    made = build(grid, kind, 4.0 * UM, 2.4 * UM, grain_size=9.0 * UM)
    assert sheet_area(made) == pytest.approx(made.boundary_per_volume * ceramic_area(made), rel=0.015, abs=0.0)


@pytest.mark.parametrize("lateral", SIDES)
@pytest.mark.parametrize("kind", ["voronoi", "bricks"])
def test_sheets_lie_where_grains_differ(kind: str, lateral: Lateral) -> None:
    grid = Grid((80, 61), (0.8 * UM, 0.8 * UM), lateral)
    made = build(grid, kind, 4.0 * UM, 4.8 * UM, grain_size=9.0 * UM)
    ids = made.grain_id
    for axis, weight in enumerate(made.sheet_weight):
        assert weight.shape == grid.face_shape(axis)
        cells, faces = np.moveaxis(ids, axis, 0), np.moveaxis(weight, axis, 0)
        differ = (cells[1:] != cells[:-1]) & (cells[1:] > 0) & (cells[:-1] > 0)
        assert np.array_equal(faces[1:-1] > 0.0, differ)
        assert np.array_equal(faces[0], faces[-1])
        assert np.all((faces[faces > 0.0] >= 1.0 - 1e-12) & (faces[faces > 0.0] <= np.sqrt(2.0) + 1e-12))
    assert not made.sheet_weight[0][[0, -1]].any()
    seam = made.sheet_weight[1][:, 0] > 0.0
    if lateral == "mirror":
        assert not seam.any()
    else:
        assert np.array_equal(seam, (ids[:, 0] != ids[:, -1]) & (ids[:, 0] > 0))
        assert seam.any()


def test_sheets_have_the_normal_of_their_own_two_grains() -> None:
    grid = Grid((160, 120), (0.4 * UM, 0.4 * UM))
    made = build(grid, "voronoi", 4.0 * UM, 2.4 * UM, grain_size=9.0 * UM)
    low, high = made.grain_id[:-1], made.grain_id[1:]
    weight = made.sheet_weight[0][1:-1]
    pairs = np.sort(np.stack([low, high], axis=-1), axis=-1)[weight > 0.0]
    values = weight[weight > 0.0]
    known = np.array([row.tolist() in made.boundary_pairs.tolist() for row in pairs])
    assert known.mean() > 0.97  # the rest touch at a junction only
    for pair in np.unique(pairs[known], axis=0):
        assert np.ptp(values[known & (pairs == pair).all(axis=1)]) < 1e-12


@pytest.mark.parametrize("lateral", SIDES)
@pytest.mark.parametrize("kind", ["voronoi", "bricks"])
def test_each_sheet_belongs_to_the_boundary_of_its_two_grains(kind: str, lateral: Lateral) -> None:
    grid = Grid((160, 120), (0.4 * UM, 0.4 * UM), lateral)
    made = build(grid, kind, 4.0 * UM, 2.4 * UM, grain_size=9.0 * UM)
    seen = set()
    for axis, (row, weight) in enumerate(zip(made.sheet_boundary, made.sheet_weight, strict=True)):
        assert row.shape == grid.face_shape(axis)
        assert np.array_equal(row >= 0, weight > 0.0) and np.array_equal(row == -1, weight == 0.0)
        cells, faces = np.moveaxis(made.grain_id, axis, 0), np.moveaxis(row, axis, 0)
        around = np.concatenate([cells[-1:], cells, cells[:1]])  # the first face and the last are the same
        pairs = np.sort(np.stack([around[:-1], around[1:]], axis=-1), axis=-1)[faces >= 0]
        rows = faces[faces >= 0]
        named = made.boundary_pairs[rows]
        known = (pairs[:, None] == made.boundary_pairs).all(axis=2).any(axis=1)
        assert known.mean() > 0.97  # the rest touch at a junction only
        assert np.array_equal(named[known], pairs[known])
        assert np.all((named[~known][:, :, None] == pairs[~known][:, None, :]).any(axis=(1, 2))), "of one of them"
        seen |= set(rows.tolist())
    inside = made.boundary_id[made.grain_boundary_fraction > 0.0]
    assert seen >= set(np.unique(inside).tolist()), "no boundary without faces"


def test_a_bicrystal_along_x_has_no_second_boundary_at_periodic_sides() -> None:
    made = build(Grid((20, 16), (0.4 * UM, 0.4 * UM)), "bicrystal", 0.0, 1.6 * UM)
    assert np.array_equal(np.flatnonzero(made.sheet_weight[1].any(axis=0)), [8])
    assert np.array_equal(np.flatnonzero(made.grain_boundary_fraction.any(axis=0)), [6, 7, 8, 9])


def test_boundary_per_volume_converges_to_the_area_under_the_bands() -> None:
    errors = []
    for cells in (1, 2, 4):
        grid = Grid((160 * cells, 120 * cells), (0.4 * UM / cells, 0.4 * UM / cells))
        width = 0.8 * UM / cells
        made = build(grid, "voronoi", 4.0 * UM, width, grain_size=9.0 * UM)
        covered = made.grain_boundary_fraction.sum() * grid.cell_volume / (width * ceramic_area(made))
        errors.append(abs(covered / made.boundary_per_volume - 1.0))
    # bands overlap at junctions, in proportion to their width
    assert errors[0] < 0.08
    assert errors[2] < 0.35 * errors[0]
