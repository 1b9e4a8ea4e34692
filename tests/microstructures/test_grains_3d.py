"""Grains in three dimensions: labels, exact distances and areas, and the 2-D grains they contain."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

import numpy as np
import pytest

from microstructures import Microstructure, Pores, Tessellation, bicrystal, bricks, build, voronoi
from microstructures.power_diagram import PowerDiagram, power_diagram
from phasefield.grid import Grid, Lateral

UM = 1e-6
SIDES: list[Lateral] = ["periodic", "mirror"]
SIZE = (22.0, 18.0, 15.0)
PLANE = 4.0 * UM


def box(shape: tuple[int, int, int], lateral: Lateral = "periodic", size: tuple[float, ...] = SIZE) -> Grid:
    return Grid(shape, tuple(s * UM / n for s, n in zip(size, shape, strict=True)), lateral)


def points_of(grid: Grid) -> np.ndarray:
    return np.stack([c.ravel() for c in grid.meshgrid()], axis=1)


def seeds_of(grains: Tessellation, points: np.ndarray) -> np.ndarray:
    """Return the reference points of the cells, from points that cover all of them; images wrapped by the caller."""
    cell, relative = grains.locate(points)
    seeds = np.full((grains.grain.size, points.shape[1]), np.nan)
    seeds[cell] = points - relative
    assert not np.isnan(seeds).any()
    return seeds


def around(seeds: np.ndarray, grid: Grid) -> np.ndarray:
    """Return the seeds and, on periodic sides, their 8 lateral images, ``(images, n, 3)``."""
    steps = (-1.0, 0.0, 1.0) if grid.lateral == "periodic" else (0.0,)
    shifts = np.array([[0.0, a * grid.lengths[1], b * grid.lengths[2]] for a in steps for b in steps])
    return seeds + shifts[:, None]


def checksum(arrays: Iterable[np.ndarray]) -> str:
    return sha256(b"".join(array.astype("<i4").tobytes() for array in arrays)).hexdigest()[:16]


def diagram_of(count: int, periodic: bool) -> tuple[PowerDiagram, np.ndarray, np.ndarray]:
    low, high = np.array([0.5, 0.0, 0.0]), np.array([2.5, 3.0, 1.7])
    positions = low + (high - low) * np.random.default_rng(count).random((count, 3))
    return power_diagram(positions, np.zeros(count), low, high, periodic), low, high


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 60])
def test_voronoi_cells_fill_the_box(count: int, periodic: bool) -> None:
    diagram, low, high = diagram_of(count, periodic)
    volumes = diagram.volume
    assert volumes.min() > 0.0
    assert volumes.sum() == pytest.approx(np.prod(high - low), rel=1e-12)
    # the cones over the ridges again, from areas and heights
    again = np.bincount(diagram.seed, diagram.measure * diagram.distance / 6.0, count)
    assert again == pytest.approx(volumes, rel=1e-9)


def test_seeds_that_lloyd_steps_carry_out_of_a_narrow_box_keep_their_neighbours() -> None:
    low, high = np.zeros(3), np.array([2.0, 1.2, 0.6])
    positions = high * np.random.default_rng(93).random((20, 3))
    for _ in range(6):
        diagram = power_diagram(positions, np.zeros(20), low, high, periodic=True)
        assert diagram.volume.sum() == pytest.approx(np.prod(high), rel=1e-12)
        positions = diagram.centroid
    assert positions.min() < 0.0


@pytest.mark.parametrize("periodic", [True, False])
def test_facets_are_the_same_from_both_sides(periodic: bool) -> None:
    diagram, _, _ = diagram_of(60, periodic)
    area = np.zeros((60, 60))
    np.add.at(area, (diagram.seed, diagram.other), diagram.measure)
    np.fill_diagonal(area, 0.0)  # the sides of the box, and grains that meet their own images
    assert area == pytest.approx(area.T, rel=1e-9, abs=1e-12)
    assert np.count_nonzero(area) > 60 * 8
    # a closed surface has no net normal
    vector = diagram.normal * diagram.measure[:, None]
    for axis in range(3):
        assert np.bincount(diagram.seed, vector[:, axis]) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("lateral", SIDES)
def test_labels_are_those_of_the_nearest_seed(lateral: Lateral) -> None:
    grid = box((23, 19, 17), lateral)
    grains = voronoi(grid, PLANE, 7.0 * UM, seed=4, relaxation=1)
    points = points_of(grid)
    seeds = seeds_of(grains, points)
    distance = np.linalg.norm(points[:, None] - around(seeds, grid)[:, None], axis=3).min(axis=0)
    assert np.array_equal(grains.locate(points)[0], distance.argmin(axis=1))


@pytest.mark.parametrize("lateral", SIDES)
def test_distance_is_that_of_the_nearest_bisector(lateral: Lateral) -> None:
    grid = box((23, 19, 17), lateral)
    grains = voronoi(grid, PLANE, 7.0 * UM)
    points = points_of(grid)
    cell, relative = grains.locate(points)
    _, distance = grains.nearest_facet(cell, relative)
    step = around(seeds_of(grains, points), grid)[:, None] - (points - relative)[:, None]  # from each point's own seed
    between = np.linalg.norm(step, axis=3)
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = 0.5 * between - np.einsum("iknx,kx->ikn", step, relative) / between
    gap[:, np.arange(len(points)), cell] = np.inf  # its own images
    expected = gap.min(axis=(0, 2))
    # planes count only where they are boundaries inside the box: look where a side is farther away
    room = np.minimum(points[:, 0] - PLANE, grid.lengths[0] - points[:, 0])
    if lateral == "mirror":
        room = np.minimum(room, np.minimum(points, np.array(grid.lengths) - points)[:, 1:].min(axis=1))
    inside = distance < room
    assert inside.sum() > 2000
    assert distance[inside] == pytest.approx(expected[inside], abs=1e-9 * UM)


@pytest.mark.parametrize("lateral", SIDES)
def test_each_boundary_has_the_area_that_lines_through_it_see(lateral: Lateral) -> None:
    grid = box((120, 140, 110), lateral)
    grains = voronoi(grid, PLANE, 8.0 * UM)
    labels = grains.grain[grains.locate(points_of(grid))[0]].reshape(grid.shape)[grid.centres(0) > PLANE]
    row = np.full((grains.grain.size + 1,) * 2, -1)
    row[tuple(grains.boundary_pairs.T)] = np.arange(len(grains.boundary_pairs))
    seen = np.zeros((3, len(grains.boundary_pairs)))
    for axis in range(3):
        low = labels if axis > 0 and lateral == "periodic" else np.delete(labels, -1, axis)
        high = np.roll(labels, -1, axis) if axis > 0 and lateral == "periodic" else np.delete(labels, 0, axis)
        across = row[np.minimum(low, high), np.maximum(low, high)][low != high]
        seen[axis] = np.bincount(across[across >= 0], minlength=seen.shape[1]) * grid.face_area(axis)
    # pairs that meet in one plane only: its projections along the axes are |n| A
    real = grains.boundary >= 0
    once = np.flatnonzero(np.bincount(grains.boundary[real]) == 2)
    normal = np.zeros((len(grains.boundary_pairs), 3))
    normal[grains.boundary[real]] = np.abs(grains.normal[real])
    expected = normal[once].T * grains.boundary_area[once]
    assert once.size > 30
    assert seen[:, once] == pytest.approx(expected, abs=0.8 * UM**2)
    assert seen[:, once].sum(axis=1) == pytest.approx(expected.sum(axis=1), rel=0.015)  # falls with the cell size
    assert grains.boundary_area[once].max() > 20.0 * UM**2


def test_grains_are_balls_of_the_grain_size_on_average() -> None:
    grid = box((60, 48, 40), size=(60.0, 48.0, 40.0))

    def volumes_and_area(grain_size: float, relaxation: int) -> tuple[np.ndarray, float]:
        grains = voronoi(grid, 0.0, grain_size * UM, relaxation=relaxation)
        volumes = np.bincount(grains.locate(points_of(grid))[0]) * grid.cell_volume
        return volumes, grains.boundary_area.sum() / np.prod(grid.lengths)

    even, area = volumes_and_area(9.0, 2)
    assert np.cbrt(6.0 * even.mean() / np.pi) == pytest.approx(9.0 * UM, rel=0.005)
    # Poisson-Voronoi cells in 3-D have a relative spread of 0.42 and S_V = 2.91 / V^(1/3); Lloyd steps lessen both
    assert 0.1 < even.std() / even.mean() < 0.33
    assert 2.4 < area * np.cbrt(even.mean()) < 2.8
    plain, area = volumes_and_area(7.0, 0)
    assert plain.std() / plain.mean() == pytest.approx(0.42, abs=0.05)
    assert area * np.cbrt(plain.mean()) == pytest.approx(2.91, rel=0.06)


@pytest.mark.parametrize("lateral", SIDES)
@pytest.mark.parametrize("kind", ["voronoi", "bricks"])
def test_grains_do_not_depend_on_the_resolution(kind: str, lateral: Lateral) -> None:
    coarse = build(box((22, 18, 15), lateral), kind, PLANE, 3.0 * UM, grain_size=6.0 * UM, seed=3)
    fine = build(box((66, 54, 45), lateral), kind, PLANE, 1.0 * UM, grain_size=6.0 * UM, seed=3)
    other = build(box((22, 18, 15), lateral), kind, PLANE, 3.0 * UM, grain_size=6.0 * UM, seed=4)
    assert np.array_equal(coarse.boundary_pairs, fine.boundary_pairs)
    assert coarse.boundary_per_volume == fine.boundary_per_volume
    assert np.array_equal(coarse.grain_id, fine.grain_id[1::3, 1::3, 1::3])
    if kind == "voronoi":  # edges of bricks are equally far from two boundaries
        assert np.array_equal(coarse.boundary_id, fine.boundary_id[1::3, 1::3, 1::3])
    assert fine.boundary_distance[1::3, 1::3, 1::3] == pytest.approx(coarse.boundary_distance, abs=1e-9 * UM)
    assert np.array_equal(coarse.grain_id, other.grain_id) == (kind == "bricks")


@pytest.mark.parametrize("lateral", SIDES)
def test_periodic_grains_go_on_across_the_sides_and_mirrored_ones_end(lateral: Lateral) -> None:
    grains = voronoi(box((4, 4, 4), lateral), PLANE, 6.0 * UM)
    rng = np.random.default_rng(2)
    points = np.array([PLANE, 0.0, 0.0]) + rng.random((4000, 3)) * np.array([18.0, 0.5, 15.0]) * UM
    for axis, length in ((1, 18.0 * UM), (2, 15.0 * UM)):
        near = points.copy()
        near[:, axis] = points[:, 1] if axis == 2 else near[:, axis]
        beyond = near.copy()
        beyond[:, axis] += length
        (cell, relative), (again, there) = grains.locate(near), grains.locate(beyond)
        if lateral == "periodic":
            assert np.array_equal(cell, again)
            assert there == pytest.approx(relative, abs=1e-9 * UM)
        else:
            assert np.mean(cell == again) < 0.5


def assert_layers(made: Microstructure, flat: Microstructure, axis: int = 2) -> None:
    """Assert that every layer of a 3-D structure across ``axis`` is the 2-D one."""
    pairs = [
        (made.grain_id, flat.grain_id, 0.0),
        (made.boundary_id, flat.boundary_id, 0.0),
        (made.grain_boundary_fraction, flat.grain_boundary_fraction, 2e-12),
        (made.pore_fraction, flat.pore_fraction, 2e-12),
        (made.boundary_distance / UM, flat.boundary_distance / UM, 1e-9),
    ]
    others = [a for a in range(3) if a != axis]
    pairs += [(made.sheet_weight[a], flat.sheet_weight[b], 1e-12) for b, a in enumerate(others)]
    for deep, layer, slack in pairs:
        np.testing.assert_allclose(deep, np.expand_dims(layer, axis).repeat(deep.shape[axis], axis), rtol=0, atol=slack)
    assert not made.sheet_weight[axis].any()
    assert np.array_equal(made.boundary_pairs, flat.boundary_pairs)
    assert made.boundary_per_volume == pytest.approx(flat.boundary_per_volume, rel=1e-12)


@pytest.mark.parametrize(
    ("angle", "lateral"), [(0, "periodic"), (90, "periodic"), (0, "mirror"), (33, "mirror"), (130, "mirror")]
)
@pytest.mark.parametrize("plane", [0.0, 3.3])
def test_a_bicrystal_is_the_flat_one_in_every_layer(angle: float, lateral: Lateral, plane: float) -> None:
    flat, deep = (
        Grid((17, 13), (0.5 * UM, 0.3 * UM), lateral),
        Grid((17, 13, 5), (0.5 * UM, 0.3 * UM, 0.7 * UM), lateral),
    )
    made, layer = (build(g, "bicrystal", plane * UM, 1.9 * UM, angle=np.radians(angle)) for g in (deep, flat))
    assert_layers(made, layer)
    assert layer.sheet_weight[0].any() or layer.sheet_weight[1].any()


def test_a_single_crystal_is_the_flat_one_in_every_layer() -> None:
    grids = Grid((9, 7, 3), (0.5 * UM, 0.3 * UM, 0.4 * UM)), Grid((9, 7), (0.5 * UM, 0.3 * UM))
    assert_layers(*(build(g, "single_crystal", UM, UM) for g in grids))


@pytest.mark.parametrize("lateral", SIDES)
@pytest.mark.parametrize("kind", ["voronoi", "bricks"])
@pytest.mark.parametrize("axis", [1, 2])
def test_a_single_layer_is_the_flat_structure_with_its_discs(kind: str, lateral: Lateral, axis: int) -> None:
    options = {"grain_size": 6.0 * UM, "seed": 3, "pores": Pores(0.03, UM)}
    shape, spacing = [61, 47], [0.7 * UM, 0.5 * UM]
    flat = build(Grid(tuple(shape), tuple(spacing), lateral), kind, 2.1 * UM, 2.4 * UM, **options)
    shape.insert(axis, 1)
    spacing.insert(axis, 0.9 * UM)
    made = build(Grid(tuple(shape), tuple(spacing), lateral), kind, 2.1 * UM, 2.4 * UM, **options)
    assert_layers(made, flat, axis)
    assert flat.pore_fraction.max() == 1.0


@pytest.mark.parametrize("kind", ["voronoi", "bricks"])
def test_a_row_of_cells_is_the_1d_structure(kind: str) -> None:
    row, deep = Grid((61, 1), (0.7 * UM, 0.5 * UM)), Grid((61, 1, 1), (0.7 * UM, 0.5 * UM, 0.9 * UM))
    flat, made = (build(g, kind, 2.1 * UM, 2.4 * UM, grain_size=6.0 * UM) for g in (row, deep))
    assert_layers(made, flat)
    assert len(flat.boundary_pairs) == 6


@pytest.mark.parametrize("lateral", SIDES)
def test_a_brick_wall_has_the_boundaries_of_its_joints(lateral: Lateral) -> None:
    # 3 layers of 4 x 2 bricks of 6 x 6 x 7 um, every second one shifted by half a brick along y and z
    grid = box((36, 48, 28), lateral, (18.0, 24.0, 14.0))
    made = build(grid, "bricks", 0.0, 2.0 * UM, grain_size=6.0 * UM)
    joints = {"periodic": [(4, 2)] * 3, "mirror": [(3, 1), (4, 2), (3, 1)]}[lateral]
    area = 2 * 24.0 * 14.0 + sum(6.0 * (14.0 * across_y + 24.0 * across_z) for across_y, across_z in joints)
    assert made.boundary_per_volume * UM == pytest.approx(area / (18.0 * 24.0 * 14.0), rel=1e-12)
    assert made.grain_id.max() == {"periodic": 24, "mirror": 8 + 5 * 3 + 8}[lateral]
    for layer, (start_y, start_z) in enumerate([(12, 14), (6, 7), (12, 14)]):
        ids = made.grain_id[12 * layer + 6]
        assert np.array_equal(np.flatnonzero(np.diff(ids[:, 0])) + 1, np.arange(start_y, 48, 12))
        assert np.array_equal(np.flatnonzero(np.diff(ids[0])) + 1, np.arange(start_z, 28, 14))
    if lateral == "periodic":
        volumes = np.bincount(made.grain_id.ravel())[1:]
        assert np.all(volumes == 12 * 12 * 14)


@pytest.mark.parametrize("lateral", SIDES)
def test_distance_in_a_brick_is_that_of_its_nearest_face(lateral: Lateral) -> None:
    grid = box((36, 48, 28), lateral, (18.0, 24.0, 14.0))
    made = build(grid, "bricks", 0.0, 2.0 * UM, grain_size=6.0 * UM)
    x, y, z = (c / UM for c in grid.meshgrid())
    shifted = (x >= 6.0) & (x < 12.0)

    def to_joint(u: np.ndarray, edge: float, length: float) -> np.ndarray:
        first = np.where(shifted, 0.5 * edge, 0.0)
        offset = (u - first) % edge
        lower, upper = u - offset, u - offset + edge
        ends = lateral == "mirror"
        below = np.where(ends & (lower < 1e-9), np.inf, offset)
        return np.minimum(below, np.where(ends & (upper > length - 1e-9), np.inf, edge - offset))

    between = np.minimum(np.abs(x - 6.0), np.abs(x - 12.0))
    expected = np.minimum(between, np.minimum(to_joint(y, 6.0, 24.0), to_joint(z, 7.0, 14.0)))
    # a part of a brick knows the faces on its own side: what is farther than half a brick is only known to be so
    assert np.minimum(made.boundary_distance / UM, 3.0) == pytest.approx(np.minimum(expected, 3.0), abs=1e-9)
    assert np.count_nonzero(expected < 3.0) > 40000


def test_a_tilted_plane_needs_mirror_sides_and_keeps_its_area() -> None:
    with pytest.raises(ValueError, match="periodic sides"):
        bicrystal(box((4, 4, 4)), 0.0, 0.3)
    grains = bicrystal(box((4, 4, 4), "mirror"), PLANE, np.radians(30.0))
    assert grains.boundary_area == pytest.approx([18.0 / np.cos(np.radians(30.0)) * 15.0 * UM**2])


@pytest.mark.parametrize("lateral", SIDES)
@pytest.mark.parametrize("make", [voronoi, bricks])
def test_cells_belong_to_the_grain_beyond_the_nearest_facet(make: type[Tessellation], lateral: Lateral) -> None:
    grid = box((31, 29, 27), lateral)
    grains = make(grid, PLANE, 7.0 * UM)
    points = points_of(grid)
    points = points[points[:, 0] > PLANE]
    cell, relative = grains.locate(points)
    facet, distance = grains.nearest_facet(cell, relative)
    there = points + (distance + 1e-3 * UM)[:, None] * grains.normal[cell, facet]
    inside = (there > [PLANE, 0.0, 0.0]).all(axis=1) & (there < grid.lengths).all(axis=1)
    beyond = grains.grain[grains.locate(there[inside])[0]]
    pair = grains.boundary_pairs[grains.boundary[cell, facet]][inside]
    here = grains.grain[cell][inside]
    assert np.all((pair == here[:, None]).any(axis=1))
    # a foot that lies on the continuation of a boundary beyond a side of the box may miss its grain
    assert np.mean(beyond == np.where(pair[:, 0] == here, pair[:, 1], pair[:, 0])) > 0.98


CHECKSUMS = {
    (40, 1): ("6ff0436e16bc9798", "4bad4fcd03919af8"),
    (16, 12): ("e7cb8a95576442f8", "5b78dd6214a63f9c"),
    (12, 9, 7): ("432144c3156518bd", "daf14f5e98be2bea"),
}


@pytest.mark.parametrize("shape", CHECKSUMS)
def test_labels_and_boundaries_are_those_of_other_machines(shape: tuple[int, ...]) -> None:
    spacing = tuple(s * UM / n for s, n in zip(SIZE, shape, strict=False))
    pores = Pores(0.02, 1.5 * UM) if min(shape) > 1 else None
    made = build(Grid(shape, spacing), "voronoi", PLANE, 3.0 * UM, grain_size=7.0 * UM, seed=1, pores=pores)
    labels = (made.grain_id, made.boundary_pairs, made.boundary_id)
    assert all(array.dtype == np.int32 for array in labels)
    maps = [np.round(1e3 * fraction) for fraction in (made.grain_boundary_fraction, made.pore_fraction)]
    assert tuple(map(checksum, (labels, maps))) == CHECKSUMS[shape]
