"""Grains: labels, exact distances, boundary areas, independence of the resolution."""

from __future__ import annotations

import numpy as np
import pytest

from microstructures import Tessellation, bicrystal, bricks, build, voronoi
from microstructures.random_grains import grains_of_centres
from phasefield.grid import Grid, Lateral

UM = 1e-6
SIDES: list[Lateral] = ["periodic", "mirror"]


def box(shape: tuple[int, ...], size: tuple[float, ...] = (64.0, 48.0), lateral: Lateral = "periodic") -> Grid:
    return Grid(shape, tuple(s * UM / n for s, n in zip(size, shape, strict=True)), lateral)


def points_of(grid: Grid) -> np.ndarray:
    return np.stack([c.ravel() for c in grid.meshgrid()], axis=1)


def look_up(grains: Tessellation, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the grain, the nearest boundary's grains and its distance at points."""
    cell, relative = grains.locate(points)
    facet, distance = grains.nearest_facet(cell, relative)
    return grains.grain[cell], grains.boundary_pairs[grains.boundary[cell, facet]], distance


def march_to_boundary(grains: Tessellation, point: np.ndarray, length: float, directions: int = 720) -> float:
    """Return the distance at which the first other grain appears around a point, by brute force."""
    angles = 2.0 * np.pi * np.arange(directions) / directions
    rays = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    here = grains.grain[grains.locate(point[None])[0]][0]
    low, high = 0.0, length
    for _ in range(40):
        middle = 0.5 * (low + high)
        ring = grains.grain[grains.locate(point + middle * rays)[0]]
        low, high = (low, middle) if np.any(ring != here) else (middle, high)
    return high


@pytest.mark.parametrize("lateral", SIDES)
@pytest.mark.parametrize("kind", ["voronoi", "bricks"])
def test_distance_is_that_of_the_nearest_point_of_another_grain(kind: str, lateral: Lateral) -> None:
    grid = box((64, 48), lateral=lateral)
    make = voronoi if kind == "voronoi" else bricks
    grains = make(grid, 4.0 * UM, 9.0 * UM)
    rng = np.random.default_rng(5)
    points = np.array([8.0, 4.0]) * UM + rng.random((60, 2)) * np.array([52.0, 40.0]) * UM
    _, _, distance = look_up(grains, points)
    # Rings may leave the box, where nothing is defined on the mirror sides: look at points nearer to a boundary.
    room = np.minimum(points[:, 0] - 4.0 * UM, 64.0 * UM - points[:, 0])
    if lateral == "mirror":
        room = np.minimum(room, np.minimum(points[:, 1], 48.0 * UM - points[:, 1]))
    inside = distance < 0.95 * room
    assert inside.sum() > 40
    for point, expected in zip(points[inside], distance[inside], strict=True):
        found = march_to_boundary(grains, point, 1.02 * expected)
        # the ring is sampled every half degree, and sees a straight boundary at most 1e-5 too late
        assert found == pytest.approx(expected, rel=2e-5)


@pytest.mark.parametrize("lateral", SIDES)
def test_voronoi_cells_belong_to_the_grain_beyond_the_nearest_facet(lateral: Lateral) -> None:
    grid = box((97, 61), lateral=lateral)
    grains = voronoi(grid, 4.0 * UM, 9.0 * UM)
    points = points_of(grid)
    points = points[points[:, 0] > 4.0 * UM]
    cell, relative = grains.locate(points)
    facet, distance = grains.nearest_facet(cell, relative)
    there = points + (distance + 1e-3 * UM)[:, None] * grains.normal[cell, facet]
    inside = (there[:, 0] > 4.0 * UM) & (there[:, 0] < 64.0 * UM)
    inside &= (there[:, 1] > 0.0) & (there[:, 1] < 48.0 * UM)
    beyond = grains.grain[grains.locate(there[inside])[0]]
    pair = grains.boundary_pairs[grains.boundary[cell, facet]][inside]
    here = grains.grain[cell][inside]
    assert np.all((pair == here[:, None]).any(axis=1))
    expected = np.where(pair[:, 0] == here, pair[:, 1], pair[:, 0])
    # a foot that lies on the continuation of a boundary beyond a side of the box may miss its grain
    assert np.mean(beyond == expected) > 0.99


@pytest.mark.parametrize("lateral", SIDES)
def test_labels_are_those_of_the_nearest_seed(lateral: Lateral) -> None:
    grid = box((53, 41), lateral=lateral)
    grains = voronoi(grid, 0.0, 9.0 * UM, seed=4, relaxation=0)
    points = points_of(grid)
    cell, relative = grains.locate(points)
    seeds = np.full((grains.grain.size, 2), np.nan)
    seeds[cell] = points - relative
    assert not np.isnan(seeds).any()
    step = points[:, None, :] - seeds[None]
    if lateral == "periodic":
        step[..., 1] -= np.round(step[..., 1] / (48.0 * UM)) * 48.0 * UM
    assert np.array_equal(cell, np.sum(step**2, axis=2).argmin(axis=1))


@pytest.mark.parametrize("lateral", SIDES)
@pytest.mark.parametrize("kind", ["voronoi", "bricks"])
def test_grains_do_not_depend_on_the_resolution(kind: str, lateral: Lateral) -> None:
    coarse = build(box((32, 24), lateral=lateral), kind, 4.0 * UM, 6.0 * UM, grain_size=9.0 * UM, seed=3)
    fine = build(box((96, 120), lateral=lateral), kind, 4.0 * UM, 1.0 * UM, grain_size=9.0 * UM, seed=3)
    assert np.array_equal(coarse.boundary_pairs, fine.boundary_pairs)
    assert coarse.boundary_per_volume == fine.boundary_per_volume
    # 3 x 5 fine cells in each coarse one: their centres coincide
    assert np.array_equal(coarse.grain_id, fine.grain_id[1::3, 2::5])
    assert np.array_equal(coarse.boundary_id, fine.boundary_id[1::3, 2::5])
    assert fine.boundary_distance[1::3, 2::5] == pytest.approx(coarse.boundary_distance, abs=1e-9 * UM)


def test_seed_decides_the_grains() -> None:
    grid = box((64, 48))
    one, same, other = (build(grid, "voronoi", 4 * UM, 3 * UM, grain_size=9 * UM, seed=s).grain_id for s in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_labels_are_those_of_other_machines() -> None:
    grain_id = build(box((16, 12)), "voronoi", 4.0 * UM, 8.0 * UM, grain_size=16.0 * UM, seed=1).grain_id
    assert grain_id.dtype == np.int32
    assert grain_id[2::4, ::2].tolist() == [
        [14, 14, 13, 13, 6, 2],
        [12, 12, 8, 9, 9, 1],
        [10, 4, 4, 7, 7, 10],
        [3, 3, 4, 11, 11, 3],
    ]


@pytest.mark.parametrize("lateral", SIDES)
def test_grain_size_is_the_mean_diameter(lateral: Lateral) -> None:
    grid = box((320, 240), lateral=lateral)
    labels = build(grid, "voronoi", 4.0 * UM, 1.0 * UM, grain_size=5.0 * UM).grain_id
    areas = np.bincount(labels[labels > 0])[1:] * grid.cell_volume
    assert np.sqrt(4.0 * areas.mean() / np.pi) == pytest.approx(5.0 * UM, rel=0.01)


def test_relaxation_makes_grains_more_even() -> None:
    def spread(relaxation: int) -> float:
        labels = build(box((160, 120)), "voronoi", 0.0, 1 * UM, grain_size=5 * UM, relaxation=relaxation).grain_id
        areas = np.bincount(labels.ravel())[1:]
        return float(areas.std() / areas.mean())

    # Poisson-Voronoi cells in 2-D have a relative spread of 0.529
    assert spread(0) == pytest.approx(0.529, abs=0.1)
    assert spread(2) < 0.7 * spread(0)
    assert spread(10) < 0.8 * spread(2)


def test_lloyd_steps_move_seeds_to_the_centroids_of_their_cells() -> None:
    grid = box((640, 480))
    grains = voronoi(grid, 0.0, 12.0 * UM, relaxation=200)
    cell, relative = grains.locate(points_of(grid))
    for axis in (0, 1):
        centroid = np.bincount(cell, relative[:, axis]) / np.bincount(cell)
        assert np.abs(centroid).max() < 0.02 * UM


@pytest.mark.parametrize("lateral", SIDES)
def test_voronoi_boundary_area_is_that_seen_by_random_lines(lateral: Lateral) -> None:
    grid = box((64, 48), lateral=lateral)
    grains = voronoi(grid, 4.0 * UM, 7.0 * UM)
    # Crofton: boundaries crossed per length of line along x and y see the projections of all boundaries
    fine = np.array([4.0, 0.0]) * UM + (np.stack(np.mgrid[0:600, 0:480], axis=-1).reshape(-1, 2) + 0.5) * 0.1 * UM
    labels = grains.grain[grains.locate(fine)[0]].reshape(600, 480)
    across_x = np.count_nonzero(labels[1:] != labels[:-1]) * 0.1 * UM
    lateral_labels = np.concatenate([labels[:, -1:], labels], axis=1) if lateral == "periodic" else labels
    across_y = np.count_nonzero(lateral_labels[:, 1:] != lateral_labels[:, :-1]) * 0.1 * UM
    real = grains.boundary >= 0
    # the same projections from the facets: |n_x| and |n_y| times the length of each
    lengths = facet_lengths(grid, grains)
    projected = [0.5 * np.sum(np.abs(grains.normal[..., a][real]) * lengths[real]) for a in (0, 1)]
    assert across_x == pytest.approx(projected[0], rel=0.01)
    assert across_y == pytest.approx(projected[1], rel=0.01)
    assert grains.boundary_area.sum() == pytest.approx(0.5 * lengths[real].sum(), rel=1e-3)


def facet_lengths(grid: Grid, grains: Tessellation) -> np.ndarray:
    """Measure each facet in the ceramic by points along its line: those no farther from any other facet's inside."""
    size = np.array(grid.lengths)
    lengths = np.zeros(grains.offset.shape)
    t = (np.arange(4000) + 0.5) / 4000 * 40.0 * UM - 20.0 * UM
    points = points_of(grid)
    cell, relative = grains.locate(points)
    centre = np.zeros((grains.grain.size, 2))
    centre[cell] = points - relative
    for c, f in zip(*np.nonzero(grains.boundary >= 0), strict=True):
        n = grains.normal[c, f]
        line = grains.offset[c, f] * n + t[:, None] * np.array([-n[1], n[0]])
        gaps = grains.gaps(np.full(t.size, c), line)
        gaps[:, f] = 0.0
        inside = gaps.min(axis=1) >= -1e-12 * UM
        x, y = (centre[c] + line).T
        inside &= (x > 4.0 * UM) & (x < size[0])
        if grid.lateral == "mirror":
            inside &= (y > 0.0) & (y < size[1])
        lengths[c, f] = inside.sum() * (t[1] - t[0])
    return lengths


@pytest.mark.parametrize(("nx", "columns"), [(6, 5), (7, 4), (3, 1)])
@pytest.mark.parametrize("lateral", SIDES)
def test_brick_wall_has_the_boundaries_of_its_joints(nx: int, columns: int, lateral: Lateral) -> None:
    size = (10.0 * nx + 4.0, 10.0 * columns)
    grid = box((2 * (5 * nx + 2), 10 * columns), size, lateral)
    made = build(grid, "bricks", 4.0 * UM, 2.0 * UM, grain_size=10.0 * UM)
    per_layer = [columns if k % 2 or lateral == "periodic" else columns - 1 for k in range(nx)]
    if lateral == "periodic" and columns == 1:
        per_layer = [0] * nx  # a brick that meets only itself
    length = (nx - 1) * size[1] + 10.0 * sum(per_layer)
    assert made.boundary_per_volume * UM == pytest.approx(length / (10.0 * nx * size[1]), rel=1e-12)
    first, second = made.grain_id[8], made.grain_id[8 + 10]
    # the joints of a layer meet the middle of the bricks of the next
    joints = [set(np.flatnonzero(np.diff(layer)) + 1) for layer in (first, second)]
    assert joints[0] == {10 * k for k in range(1, columns)}
    ends = {5 + 10 * k for k in range(columns)} if not (lateral == "periodic" and columns == 1) else set()
    assert joints[1] == ends


@pytest.mark.parametrize("angle", [0.0, 15.0, 45.0, 90.0, 130.0, -20.0])
def test_bicrystal_is_a_half_plane_on_each_side(angle: float) -> None:
    grid = box((45, 31), lateral="periodic" if angle in (0.0, 90.0) else "mirror")
    made = build(grid, "bicrystal", 4.0 * UM, 6.0 * UM, angle=np.radians(angle))
    x, y = grid.meshgrid()
    a = np.radians(angle)
    side = (y - 24.0 * UM) * np.cos(a) - (x - 34.0 * UM) * np.sin(a)
    assert made.boundary_distance == pytest.approx(np.abs(side), abs=1e-9 * UM)
    ceramic = (x > 4.0 * UM) & (np.abs(side) > 1e-6 * UM)
    assert np.array_equal(made.grain_id[ceramic], np.where(side > 0.0, 2, 1)[ceramic])
    assert np.all(made.grain_id[x < 4.0 * UM] == 0)
    assert made.boundary_pairs.tolist() == [[1, 2]]
    length = min(60.0 / abs(np.cos(a)), 48.0 / max(abs(np.sin(a)), 1e-12))
    assert made.boundary_per_volume * UM == pytest.approx(length / (60.0 * 48.0), rel=1e-12)


def test_bicrystal_shifts_by_its_offset() -> None:
    grid = box((64, 48), lateral="mirror")
    grains = bicrystal(grid, 0.0, 0.3, offset=5.0 * UM)
    centre = np.array([[32.0, 24.0]]) * UM
    assert look_up(grains, centre)[2] == pytest.approx(5.0 * UM)
    on_it = centre + 5.0 * UM * np.array([-np.sin(0.3), np.cos(0.3)])
    assert look_up(grains, on_it)[2] == pytest.approx(0.0, abs=1e-12 * UM)
    assert bicrystal(grid, 0.0, 0.0, offset=30.0 * UM).boundary_area.tolist() == [0.0]


@pytest.mark.parametrize("cells", range(3, 60, 2))
def test_cells_centred_on_a_boundary_belong_to_the_higher_grain(cells: int) -> None:
    for electrode in (0, 1, 2, 5, 10):
        plane = electrode * 0.3 * UM
        along = build(Grid((12, cells), (0.3 * UM, 0.3 * UM)), "bicrystal", plane, 0.6 * UM)
        assert np.all(along.grain_id[electrode:, cells // 2] == 2)
        grid = Grid((cells + electrode, 2), (0.3 * UM, 0.3 * UM))
        across = build(grid, "bicrystal", plane, 0.6 * UM, angle=np.pi / 2)
        assert np.all(across.grain_id[electrode + cells // 2] == 2)
        if cells > 6:  # bricks of three cells are refused
            wall = build(grid, "bricks", plane, 0.6 * UM, grain_size=0.15 * cells * UM)
            assert np.array_equal(np.flatnonzero(wall.sheet_weight[0][:, 0]), [electrode + cells // 2])


def test_bicrystal_swaps_with_the_axes() -> None:
    one = build(Grid((40, 56), (0.5 * UM, 0.3 * UM), "mirror"), "bicrystal", 0.0, 3.0 * UM, angle=np.radians(25.0))
    two = build(Grid((56, 40), (0.3 * UM, 0.5 * UM), "mirror"), "bicrystal", 0.0, 3.0 * UM, angle=np.radians(65.0))
    assert np.allclose(two.boundary_distance.T, one.boundary_distance, rtol=0.0, atol=1e-9 * UM)
    assert np.allclose(two.grain_boundary_fraction.T, one.grain_boundary_fraction, rtol=0.0, atol=1e-9)
    assert np.allclose(two.sheet_weight[0].T, one.sheet_weight[1], rtol=1e-12)
    assert np.allclose(two.sheet_weight[1].T, one.sheet_weight[0], rtol=1e-12)


@pytest.mark.parametrize(
    ("place", "lateral"), [((0.0, 5.0), "periodic"), ((5.0, 0.0), "mirror"), ((8.0, 5.0), "mirror")]
)
def test_centres_on_a_mirror_are_refused(place: tuple[float, float], lateral: Lateral) -> None:
    grid = Grid((20, 25), (0.4 * UM, 0.4 * UM), lateral)
    with pytest.raises(ValueError, match="the centre of grain 2 lies on a side"):
        grains_of_centres(grid, 0.0, np.array([(4.0, 4.0), place]) * UM)


def test_a_centre_on_a_periodic_side_has_no_image_there() -> None:
    grid = Grid((20, 25), (0.4 * UM, 0.4 * UM), "periodic")
    assert grains_of_centres(grid, 0.0, np.array([(4.0, 4.0), (5.0, 0.0)]) * UM).boundary_pairs.tolist() == [[1, 2]]


def test_single_crystal_has_no_boundary() -> None:
    made = build(box((17, 13)), "single_crystal", 4.0 * UM, 2.0 * UM)
    assert set(made.grain_id.ravel()) == {0, 1}
    assert made.boundary_pairs.shape == (0, 2)
    assert np.all(made.boundary_id == -1)
    assert np.all(np.isinf(made.boundary_distance))
    assert not made.grain_boundary_fraction.any()
    assert not any(w.any() for w in made.sheet_weight)
    assert made.boundary_per_volume == 0.0


def test_one_voronoi_grain_has_no_boundary() -> None:
    made = build(box((16, 12), (8.0, 6.0)), "voronoi", 0.0, 1.0 * UM, grain_size=20.0 * UM)
    assert set(made.grain_id.ravel()) == {1}
    assert made.boundary_per_volume == 0.0


@pytest.mark.parametrize("seed", range(6))
def test_grains_as_wide_as_the_period_meet_only_others(seed: int) -> None:
    grid = box((80, 12), (40.0, 6.0))
    made = build(grid, "voronoi", 0.0, 0.8 * UM, grain_size=8.0 * UM, seed=seed)
    pair = made.boundary_pairs[made.boundary_id]
    assert np.all((pair == made.grain_id[..., None]).any(axis=2))
    # a cell next to another grain is within a cell's diagonal of the boundary
    other = made.grain_id[1:] != made.grain_id[:-1]
    assert made.boundary_distance[:-1][other].max() < np.hypot(0.5, 0.5) * UM


@pytest.mark.parametrize("kind", ["voronoi", "bricks"])
def test_1d_grains_are_intervals(kind: str) -> None:
    grid = Grid((300, 1), (0.2 * UM, 0.7 * UM))
    made = build(grid, kind, 10.0 * UM, 1.2 * UM, grain_size=5.0 * UM, seed=2)
    labels = made.grain_id[50:, 0]
    switches = np.flatnonzero(np.diff(labels))
    assert len(switches) == len(made.boundary_pairs) == 9
    assert made.boundary_per_volume == pytest.approx(9 / (50.0 * UM))
    assert made.grain_boundary_fraction.sum() * 0.2 == pytest.approx(9 * 1.2, rel=1e-9)
    assert made.sheet_weight[0].sum() == 9.0
    assert not made.sheet_weight[1].any()
    faces = np.flatnonzero(made.sheet_weight[0][:, 0])
    assert np.array_equal(faces, 50 + switches + 1)
    nearest = np.abs(grid.centres(0)[50:, None] - 0.2 * UM * faces).min(axis=1)
    assert np.abs(made.boundary_distance[50:, 0] - nearest).max() <= 0.1001 * UM
    wide = build(Grid((300, 1), (0.2 * UM, 3.0 * UM), "mirror"), kind, 10.0 * UM, 1.2 * UM, grain_size=5 * UM, seed=2)
    assert np.array_equal(wide.grain_id, made.grain_id)


def test_1d_lloyd_steps_even_out_the_intervals() -> None:
    made = build(Grid((1000, 1), (0.1 * UM, 1.0 * UM)), "voronoi", 0.0, 1.0 * UM, grain_size=10 * UM, relaxation=1000)
    assert np.bincount(made.grain_id[:, 0])[1:] == pytest.approx(100, abs=1)


def test_a_lloyd_step_moves_seeds_to_the_middle_of_their_intervals() -> None:
    grid = Grid((5000, 1), (0.01 * UM, 1.0 * UM))
    before, after = (voronoi(grid, 0.0, 10 * UM, relaxation=steps) for steps in (0, 1))
    points = points_of(grid)
    cell, _ = before.locate(points)
    middle = np.bincount(cell, points[:, 0]) / np.bincount(cell)
    cell, relative = after.locate(points)
    assert np.abs((points - relative)[:, 0] - middle[cell]).max() < 0.01 * UM


@pytest.mark.parametrize("lateral", SIDES)
def test_boundaries_are_those_between_neighbours(lateral: Lateral) -> None:
    grid = box((640, 480), lateral=lateral)
    grains = voronoi(grid, 0.0, 9.0 * UM)
    assert grains.boundary_area.min() > 0.0
    labels = grains.grain[grains.locate(points_of(grid))[0]].reshape(grid.shape)
    above = np.roll(labels, -1, axis=1)
    if lateral == "mirror":
        above[:, -1] = labels[:, -1]
    across = np.stack([labels[:-1].ravel(), labels[1:].ravel()], axis=1)
    along = np.stack([labels.ravel(), above.ravel()], axis=1)
    both = np.sort(np.concatenate([across, along]), axis=1)
    pairs, count = np.unique(both[both[:, 0] != both[:, 1]], axis=0, return_counts=True)
    table = {tuple(pair): area for pair, area in zip(grains.boundary_pairs.tolist(), grains.boundary_area, strict=True)}
    # grains also touch over single faces at junctions, and boundaries may be shorter than a cell
    assert {tuple(pair) for pair in pairs[count > 3].tolist()} <= set(table)
    assert {pair for pair, area in table.items() if area > 0.2 * UM} <= {tuple(pair) for pair in pairs.tolist()}
    for pair, faces in zip(pairs.tolist(), count, strict=True):
        length = table.get(tuple(pair), 0.0)
        assert 0.95 * length - 0.3 * UM <= 0.1 * UM * faces <= np.sqrt(2.0) * length + 0.3 * UM


def test_boundary_table_is_sorted_and_complete() -> None:
    made = build(box((160, 120)), "voronoi", 4.0 * UM, 2.4 * UM, grain_size=9.0 * UM)
    pairs = made.boundary_pairs
    assert pairs.dtype == np.int32
    assert np.all(pairs[:, 0] < pairs[:, 1])
    assert np.array_equal(pairs, np.unique(pairs, axis=0))
    assert made.boundary_id.min() >= 0
    assert made.boundary_id.max() < len(pairs)
    nearest = pairs[made.boundary_id][10:]
    assert np.all((nearest == made.grain_id[10:, :, None]).any(axis=2))


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("voronoi", {}, "grain_size"),
        ("bricks", {"grain_size": -1.0}, "grain_size"),
        ("foam", {"grain_size": 1e-6}, "foam"),
        ("bicrystal", {"angle": 0.3}, "periodic sides"),
        ("voronoi", {"grain_size": 2e-5, "relaxation": -1}, "relaxation"),
        ("voronoi", {"grain_size": 1.2e-5}, "3 cells of 4 um"),
        ("laguerre", {"grain_size": 1.2e-5}, "more than 3"),
        ("laguerre", {"grain_size": 2e-5, "band_width": 3e-5}, "wider than grains"),
        ("laguerre", {"grain_size": 2e-5, "size_log_width": 2.0}, "log_width"),
        ("centres", {}, "centres"),
        ("single_crystal", {"electrode_plane": 64e-6}, "electrode plane"),
        ("single_crystal", {"electrode_plane": -1e-6}, "electrode plane"),
        ("single_crystal", {"band_width": 0.0}, "band_width"),
    ],
)
def test_impossible_requests_are_refused(kind: str, options: dict[str, float], words: str) -> None:
    arguments = {"electrode_plane": 4.0 * UM, "band_width": 2.0 * UM} | options
    with pytest.raises(ValueError, match=words):
        build(box((16, 12)), kind, **arguments)
