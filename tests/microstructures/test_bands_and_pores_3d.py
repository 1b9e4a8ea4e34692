"""Bands, sheets and pores in three dimensions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest

from microstructures import (
    Microstructure,
    Pores,
    Tessellation,
    bottleneck_pressure,
    bricks,
    build,
    lognormal_per_boundary,
    pore_surface_density,
    voronoi,
)
from microstructures.coverage import balls, coverage
from microstructures.pores import pore_bodies
from phasefield.grid import Grid, Lateral

UM = 1e-6
Area = Callable[[Microstructure], float]
SIDES: list[Lateral] = ["periodic", "mirror"]
BALL = 4.0 / 3.0 * np.pi


def ceramic_volume(made: Microstructure) -> float:
    return (made.grid.lengths[0] - made.electrode_plane) * made.grid.cross_section


def band_volume(made: Microstructure) -> float:
    return made.grain_boundary_fraction.sum() * made.grid.cell_volume


def boundary_area(made: Microstructure) -> float:
    return made.boundary_per_volume * ceramic_volume(made)


@pytest.mark.parametrize(("angle", "normal"), [(0.0, 18.0), (90.0, 20.0)])
@pytest.mark.parametrize("lateral", SIDES)
@pytest.mark.parametrize("width", [2.4, 2.7, 0.3])
def test_the_band_of_a_plane_is_exact(
    angle: float, normal: float, lateral: Lateral, width: float, sheet_area: Area
) -> None:
    grid = Grid((50, 45, 11), (0.4 * UM, 0.4 * UM, 0.5 * UM), lateral)
    made = build(grid, "bicrystal", 0.0, width * UM, angle=np.radians(angle))
    assert made.boundary_per_volume * UM == pytest.approx(1.0 / normal, rel=1e-12)
    assert band_volume(made) == pytest.approx(width * UM * boundary_area(made), rel=1e-9)
    assert sheet_area(made) == pytest.approx(boundary_area(made), rel=1e-9)


@pytest.mark.parametrize("angle", [7.0, 30.0, 45.0, 62.0])
@pytest.mark.parametrize("width", [2.4, 0.3])
def test_tilted_planes_keep_the_volume_of_the_band_and_the_area_of_the_sheet(
    angle: float, width: float, sheet_area: Area
) -> None:
    grid = Grid((81, 77, 5), (0.4 * UM, 0.3 * UM, 0.5 * UM), "mirror")
    made = build(grid, "bicrystal", 2.0 * UM, width * UM, angle=np.radians(angle))
    assert band_volume(made) == pytest.approx(width * UM * boundary_area(made), rel=0.015)
    weights = np.concatenate([w[w > 0.0] for w in made.sheet_weight])
    assert weights == pytest.approx(abs(np.sin(np.radians(angle))) + abs(np.cos(np.radians(angle))))
    assert sheet_area(made) == pytest.approx(boundary_area(made), rel=0.02)


@pytest.mark.parametrize("lateral", SIDES)
def test_coverage_is_the_covered_share_of_each_cell(lateral: Lateral) -> None:
    grid, points = Grid((14, 11, 12), (0.5 * UM, 0.6 * UM, 0.5 * UM), lateral), 8
    options = {"grain_size": 5.0 * UM, "seed": 8}
    fraction = build(grid, "voronoi", 1.0 * UM, 2.4 * UM, **options).grain_boundary_fraction
    fine = Grid(tuple(n * points for n in grid.shape), tuple(d / points for d in grid.spacing), lateral)
    grains = voronoi(fine, 1.0 * UM, 5.0 * UM, 8)
    centres = np.stack([c.ravel() for c in fine.meshgrid()], axis=1)
    _, distance = grains.nearest_facet(*grains.locate(centres))
    inside = (distance.reshape(fine.shape) < 1.2 * UM) & (fine.meshgrid()[0] > 1.0 * UM)
    exact = inside.reshape(14, points, 11, points, 12, points).mean(axis=(1, 3, 5))
    assert np.abs(fraction - exact).max() < 0.03
    assert fraction.mean() == pytest.approx(exact.mean(), rel=1e-3)
    assert np.all(fraction[exact == 1.0] > 0.99)
    assert np.all(fraction[exact == 0.0] < 0.01)
    assert np.count_nonzero((fraction > 0.05) & (fraction < 0.95)) > 200
    assert np.count_nonzero(fraction == 0.0) > 200
    assert not fraction[:2].any()


@pytest.mark.parametrize("lateral", SIDES)
@pytest.mark.parametrize("kind", ["voronoi", "bricks"])
def test_bands_of_a_network_overlap_at_its_junctions_only(kind: str, lateral: Lateral) -> None:
    overlaps = []
    for width in (0.8, 1.6):
        made = build(Grid((40,) * 3, (0.4 * UM,) * 3, lateral), kind, 2.0 * UM, width * UM, grain_size=9.0 * UM)
        overlaps.append(1.0 - band_volume(made) / (width * UM * boundary_area(made)))
    # of all bands, those near a triple line share some w^2 of their cross-section: in proportion to the width
    assert 0.02 < overlaps[0] < 0.1
    assert 1.6 * overlaps[0] < overlaps[1] < 2.05 * overlaps[0]


@pytest.mark.parametrize(("width", "slack"), [(1.0, 1e-9), (1.3, 1e-3)])
def test_the_bands_of_a_brick_wall_overlap_as_geometry_says(width: float, slack: float) -> None:
    # what is free in a brick of 8 um is a cube, less half a band on each side; sub-cells at edges of two bands count one
    made = build(Grid((48,) * 3, (0.5 * UM,) * 3), "bricks", 0.0, width * UM, grain_size=8.0 * UM)
    inner = (8.0 - width) ** 3
    ends = 0.5 * width * (8.0 - width) ** 2  # the first and the last layer have no neighbour on one side
    free = 3 * 9 * inner + 2 * 9 * ends
    assert band_volume(made) / UM**3 == pytest.approx(24.0**3 - free, rel=slack)


@pytest.mark.parametrize("lateral", SIDES)
@pytest.mark.parametrize("kind", ["voronoi", "bricks"])
def test_sheets_lie_where_grains_differ_and_have_the_area_of_the_network(
    kind: str, lateral: Lateral, sheet_area: Area
) -> None:
    made = build(Grid((55, 50, 45), (0.4 * UM,) * 3, lateral), kind, 2.0 * UM, 2.4 * UM, grain_size=8.0 * UM)
    assert sheet_area(made) == pytest.approx(boundary_area(made), rel=0.02)
    for axis, weight in enumerate(made.sheet_weight):
        assert weight.shape == made.grid.face_shape(axis)
        cells, faces = np.moveaxis(made.grain_id, axis, 0), np.moveaxis(weight, axis, 0)
        differ = (cells[1:] != cells[:-1]) & (cells[1:] > 0) & (cells[:-1] > 0)
        assert np.array_equal(faces[1:-1] > 0.0, differ)
        assert np.array_equal(faces[0], faces[-1])
        assert np.all((faces[faces > 0.0] >= 1.0 - 1e-12) & (faces[faces > 0.0] <= np.sqrt(3.0) + 1e-12))
        if axis == 0 or lateral == "mirror":
            assert not faces[0].any()
        else:
            assert np.array_equal(faces[0] > 0.0, (cells[0] != cells[-1]) & (cells[0] > 0))
            assert faces[0].any()


def test_sheets_have_the_normal_of_their_own_two_grains() -> None:
    made = build(Grid((48, 48, 48), (0.5 * UM,) * 3), "voronoi", 2.0 * UM, 3.0 * UM, grain_size=9.0 * UM)
    row = np.full((made.grain_id.max() + 1,) * 2, -1)
    row[tuple(made.boundary_pairs.T)] = np.arange(len(made.boundary_pairs))
    low, high = made.grain_id[:, :, :-1], made.grain_id[:, :, 1:]
    weight = made.sheet_weight[2][:, :, 1:-1]
    pair = row[np.minimum(low, high), np.maximum(low, high)][weight > 0.0]
    values = weight[weight > 0.0]
    assert np.mean(pair >= 0) > 0.99  # the rest touch at a junction only
    spread = [np.ptp(values[pair == one]) for one in np.unique(pair[pair >= 0])]
    assert np.mean(np.array(spread) < 1e-12) > 0.8  # across periodic sides two grains may meet in several planes
    assert np.unique(np.round(values, 6)).size > 50


@pytest.mark.parametrize("lateral", SIDES)
def test_each_sheet_belongs_to_the_boundary_of_its_two_grains(lateral: Lateral) -> None:
    made = build(Grid((44, 40, 36), (0.5 * UM,) * 3, lateral), "voronoi", 2.0 * UM, 3.0 * UM, grain_size=8.0 * UM)
    of_pair = np.full((made.grain_id.max() + 1,) * 2, -1)
    of_pair[tuple(made.boundary_pairs.T)] = np.arange(len(made.boundary_pairs))
    for axis, (row, weight) in enumerate(zip(made.sheet_boundary, made.sheet_weight, strict=True)):
        assert np.array_equal(row >= 0, weight > 0.0) and np.array_equal(row == -1, weight == 0.0)
        cells, faces = np.moveaxis(made.grain_id, axis, 0), np.moveaxis(row, axis, 0)
        around = np.concatenate([cells[-1:], cells, cells[:1]])  # the first face and the last are the same
        low, high = np.minimum(around[:-1], around[1:]), np.maximum(around[:-1], around[1:])
        expected = of_pair[low, high][faces >= 0]
        known = expected >= 0
        assert known.mean() > 0.99  # the rest touch at a junction only
        assert np.array_equal(faces[faces >= 0][known], expected[known])
        assert len(np.unique(expected)) > 50


def test_cells_are_the_same_in_small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    def made() -> Microstructure:
        return build(Grid((20, 15, 13), (0.5 * UM,) * 3), "voronoi", 1.0 * UM, 2.0 * UM, grain_size=5.0 * UM)

    whole = made()
    monkeypatch.setattr(import_module("microstructures.assemble"), "CHUNK", 100)
    parts = made()
    assert np.array_equal(whole.grain_boundary_fraction, parts.grain_boundary_fraction)
    assert all(np.array_equal(a, b) for a, b in zip(whole.sheet_weight, parts.sheet_weight, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(whole.sheet_boundary, parts.sheet_boundary, strict=True))


def test_the_weakest_path_runs_through_boundaries_in_space() -> None:
    made = build(Grid((40, 30, 26), (0.5 * UM,) * 3), "voronoi", 2.0 * UM, 2.0 * UM, grain_size=7.0 * UM)
    values = lognormal_per_boundary(made.boundary_pairs, 2, 60e6, 1.0)
    pressure = np.where(made.grain_boundary_fraction > 0.5, values[made.boundary_id], np.inf)
    weakest = bottleneck_pressure(pressure, 4, "periodic")
    flat = [bottleneck_pressure(pressure[:, :, [k]], 4, "periodic") for k in range(26)]
    assert weakest in values
    assert weakest < min(flat), "there are more ways around obstacles than in any plane"


def lateral_steps(points: np.ndarray, others: np.ndarray, grid: Grid) -> np.ndarray:
    step = points[:, None] - others[None]
    if grid.lateral == "periodic":
        period = np.array(grid.lengths[1:])
        step[..., 1:] -= np.round(step[..., 1:] / period) * period
    return step


def directions(count: int = 1000) -> np.ndarray:
    vectors = np.random.default_rng(1).standard_normal((count, 3))
    return vectors / np.linalg.norm(vectors, axis=1)[:, None]


def grains_around(grains: Tessellation, point: np.ndarray, radius: float = 0.02 * UM) -> int:
    return len(np.unique(grains.grain[grains.locate(point + radius * directions())[0]]))


@pytest.mark.parametrize("lateral", SIDES)
@pytest.mark.parametrize(("porosity", "radius"), [(0.01, 1.0), (0.04, 1.2), (0.003, 0.8)])
def test_porosity_is_met(lateral: Lateral, porosity: float, radius: float) -> None:
    grid = Grid((48, 44, 40), (0.5 * UM,) * 3, lateral)
    made = build(grid, "voronoi", 2.0 * UM, 2.4 * UM, grain_size=6 * UM, pores=Pores(porosity, radius * UM))
    assert made.pore_fraction[4:].mean() == pytest.approx(porosity, rel=0.01)
    assert made.pore_fraction.min() == 0.0
    assert made.pore_fraction.max() == 1.0
    assert not made.pore_fraction[:4].any()


@pytest.mark.parametrize("lateral", SIDES)
@pytest.mark.parametrize("make", [voronoi, bricks])
def test_pores_sit_apart_on_lines_where_three_grains_meet(lateral: Lateral, make: type[Tessellation]) -> None:
    grid = Grid((60, 55, 50), (0.4 * UM,) * 3, lateral)
    size = np.array(grid.lengths)
    grains = make(grid, 2.0 * UM, 6.0 * UM)
    drawn = set()
    for seed in range(5):
        bodies = pore_bodies(grains, grid, 2.0 * UM, Pores(0.02, 1.0 * UM), seed)
        centres, radius = bodies.start, bodies.radius[0]
        drawn.add(centres.tobytes())
        assert len(centres) * BALL * radius**3 == pytest.approx(0.02 * np.prod(size - [2.0 * UM, 0.0, 0.0]), rel=1e-12)
        assert 0.7 * UM <= radius <= 1.3 * UM
        margin = np.array([3.0, 0.0, 0.0] if lateral == "periodic" else [3.0, 1.0, 1.0]) * radius
        assert np.all(centres >= margin + [2.0 * UM, 0.0, 0.0])
        assert np.all(centres <= size - margin)
        apart = np.linalg.norm(lateral_steps(centres, centres, grid), axis=2)
        np.fill_diagonal(apart, np.inf)
        assert apart.min() > 2.0 * radius
        assert min(grains_around(grains, centre) for centre in centres) >= 3
    assert len(drawn) == 5


@pytest.mark.parametrize("lateral", SIDES)
def test_junctions_are_points_of_four_grains_and_middles_of_the_lines_between_them(lateral: Lateral) -> None:
    grid = Grid((60, 55, 50), (0.4 * UM,) * 3, lateral)
    grains = voronoi(grid, 2.0 * UM, 6.0 * UM)
    meeting = np.array([grains_around(grains, point, 1e-3 * UM) for point in grains.junction_sites])
    inner = np.all((grains.junction_sites > [2.01 * UM, 0.01 * UM, 0.01 * UM]), axis=1)
    assert set(meeting[inner]) <= {3, 4}
    # where lines end at the electrode rounding would decide: those are no junctions
    depth = grains.junction_sites[:, 0] - 2.0 * UM
    assert np.all((depth > 1e-6 * UM) & (depth < 22.0 * UM * (1.0 - 1e-6)))
    fours, threes = np.count_nonzero(meeting == 4), np.count_nonzero(meeting == 3)
    # at a point where four grains meet four lines end, and each line has two ends; at sides lines end as well
    assert fours > 100
    assert 1.95 * fours < threes < 2.6 * fours
    if lateral == "periodic":
        # Euler: a periodic slab of n cells has as many points of four grains whichever way it is counted
        again = voronoi(Grid((30, 11, 10), (0.8 * UM, 2.0 * UM, 2.0 * UM)), 2.0 * UM, 6.0 * UM).junction_sites
        assert np.array_equal(again, grains.junction_sites)


@pytest.mark.parametrize("shape", [(40, 1), (40, 12), (40, 12, 12)])
def test_layers_of_bricks_as_wide_as_the_period_have_no_junctions(shape: tuple[int, ...]) -> None:
    grains = bricks(Grid(shape, (0.5 * UM,) * len(shape)), 0.0, 5.0 * UM)
    assert len(grains.boundary_pairs) == 3
    assert grains.junctions.shape == (0, len(shape))


def test_pores_do_not_touch_across_any_periodic_side() -> None:
    near_sides = np.array([[12.0, 0.4, 8.0], [12.0, 21.7, 8.0], [12.0, 11.0, 0.3], [12.0, 11.0, 19.8]]) * UM
    grid = Grid((60, 55, 50), (0.4 * UM,) * 3)
    grains = replace(bricks(grid, 2.0 * UM, 10.0 * UM), junctions=near_sides, edges=np.zeros((0, 2, 3)))
    two = Pores(2.0 * BALL / (22.0 * 22.0 * 20.0), 1.0 * UM)
    taken = set()
    for seed in range(30):
        centres = pore_bodies(grains, grid, 2.0 * UM, two, seed).start
        taken.add(tuple(sorted(near_sides.tolist().index(c) for c in centres.tolist())))
    assert taken == {(0, 2), (0, 3), (1, 2), (1, 3)}


@pytest.mark.parametrize("centre", [(5.0, 4.0, 3.0), (4.87, 0.03, 3.1), (5.13, 7.9, 0.2), (5.0, 0.0, 6.0)])
def test_coverage_of_a_ball_is_its_volume_wherever_it_lies(centre: tuple[float, float, float]) -> None:
    grid = Grid((21, 20, 15), (0.5 * UM, 0.4 * UM, 0.4 * UM))
    share = coverage(grid, balls(np.array([centre]) * UM, 1.5 * UM))
    assert share.sum() * grid.cell_volume == pytest.approx(BALL * (1.5 * UM) ** 3, rel=3e-3)
    points = np.stack(grid.meshgrid(), axis=-1).reshape(-1, 3)
    distance = np.linalg.norm(lateral_steps(points, np.array([centre]) * UM, grid)[:, 0], axis=1).reshape(grid.shape)
    assert np.all(share[distance < 1.12 * UM] == 1.0)
    assert np.all(share[distance > 1.88 * UM] == 0.0)
    rim = share[np.abs(distance - 1.5 * UM) < 0.1 * UM]
    assert np.all((rim > 0.1) & (rim < 0.9))


@pytest.mark.parametrize("centre", [(5.0, 4.0, 3.0), (4.87, 4.03, 3.1), (5.13, 0.7, 0.9)])
@pytest.mark.parametrize("radius", [1.5, 2.3])
def test_the_surface_of_a_ball_is_that_of_geometry_also_across_periodic_sides(
    centre: tuple[float, float, float], radius: float
) -> None:
    grid = Grid((21, 20, 15), (0.5 * UM, 0.4 * UM, 0.4 * UM))
    share = coverage(grid, balls(np.array([centre]) * UM, radius * UM))
    surface = pore_surface_density(share, grid).sum() * grid.cell_volume
    assert surface == pytest.approx(4.0 * np.pi * (radius * UM) ** 2, rel=0.03, abs=0.0)


def test_a_pore_too_large_for_the_box_is_refused_with_a_radius_that_fits() -> None:
    grid = Grid((40, 40, 40), (0.5 * UM,) * 3)
    with pytest.raises(ValueError, match="about 1.2 um"):
        build(grid, "voronoi", 0.0, 3.0 * UM, grain_size=8.0 * UM, pores=Pores(BALL * 1.2**3 / 20.0**3, 3.0 * UM))
    with pytest.raises(ValueError, match="0 junctions"):
        build(grid, "bicrystal", 0.0, 3.0 * UM, pores=Pores(0.01, 1.0 * UM))
