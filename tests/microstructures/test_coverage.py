"""Balls and capsules drawn on a grid: their shares of cells and the distance from their surface."""

from __future__ import annotations

import numpy as np
import pytest

from microstructures.coverage import Bodies, balls, capsules, coverage, depth_inside, together
from phasefield.grid import Grid, Lateral

UM = 1e-6


def brute(grid: Grid, bodies: Bodies, points: np.ndarray) -> np.ndarray:
    """Return how deep inside the bodies points lie [m], with all periodic images."""
    deepest = np.full(len(points), -np.inf)
    shifts = np.zeros((1, len(grid.shape)))
    if grid.lateral == "periodic":
        for axis in range(1, len(grid.shape)):
            step = np.eye(len(grid.shape))[axis] * grid.lengths[axis]
            shifts = np.concatenate([shifts - step, shifts, shifts + step])
    for n in range(bodies.count):
        along = bodies.end[n] - bodies.start[n]
        square = float(along @ along)
        for shift in shifts:
            relative = points - bodies.start[n] - shift
            t = np.clip(relative @ along / square, 0.0, 1.0) if square > 0.0 else np.zeros(len(points))
            inside = bodies.radius[n] - np.linalg.norm(relative - t[:, None] * along, axis=1)
            inside = np.minimum(inside, np.minimum(points[:, 0] - bodies.low[n], bodies.high[n] - points[:, 0]))
            deepest = np.maximum(deepest, inside)
    return deepest


def some_bodies(axes: int) -> Bodies:
    """Return balls and capsules of different sizes, some overlapping, some across sides and ends of the box."""
    start = np.array(
        [[4.0, 1.0, 3.0], [7.0, 7.6, 2.0], [1.0, 4.0, 5.0], [9.6, 3.0, 0.2], [6.0, 4.5, 4.1], [6.5, 4.5, 4.1]]
    )
    end = np.array(
        [[4.0, 1.0, 3.0], [8.6, 9.3, 6.5], [4.0, 4.5, 3.0], [9.6, 3.0, 0.2], [6.0, 4.5, 4.1], [6.5, 4.5, 4.1]]
    )
    radius = np.array([1.1, 0.7, 0.5, 1.3, 0.9, 0.8])
    return capsules(start[:, :axes] * UM, end[:, :axes] * UM, radius * UM)


def grid_of(axes: int, lateral: Lateral) -> Grid:
    return Grid((25, 20, 16)[:axes], (0.4 * UM, 0.45 * UM, 0.4 * UM)[:axes], lateral)


@pytest.mark.parametrize("lateral", ["periodic", "mirror"])
@pytest.mark.parametrize("axes", [2, 3])
def test_coverage_is_the_share_of_a_cell_inside_the_union(axes: int, lateral: Lateral) -> None:
    grid, bodies = grid_of(axes, lateral), some_bodies(axes)
    share = coverage(grid, bodies)
    fine = 64 if axes == 2 else 20
    offsets = np.meshgrid(*(((np.arange(fine) + 0.5) / fine - 0.5) * d for d in grid.spacing), indexing="ij")
    centres = np.stack([c.ravel() for c in grid.meshgrid()], axis=1)
    depth = brute(grid, bodies, centres)
    half = 0.5 * np.linalg.norm(grid.spacing)
    rim = np.abs(depth) < half
    shifts = np.stack([o.ravel() for o in offsets], axis=1)
    some = np.flatnonzero(rim)[:: 1 if axes == 2 else 6]
    error = [share.ravel()[n] - np.mean(brute(grid, bodies, centres[n] + shifts) > 0.0) for n in some]
    assert len(error) > 80
    assert np.abs(error).max() < 0.012
    assert np.sqrt(np.mean(np.square(error))) < (2e-3 if axes == 2 else 4e-3)
    # exactly 0 and 1 where no surface is
    assert np.array_equal(share.ravel()[~rim], (depth > 0.0)[~rim])
    assert share.max() == 1.0


def test_a_coarse_drawing_is_near_the_fine_one() -> None:
    grid, bodies = grid_of(3, "periodic"), some_bodies(3)
    assert coverage(grid, bodies, 2).mean() == pytest.approx(coverage(grid, bodies).mean(), rel=0.03)


def test_a_grid_one_cell_deep_shows_the_same_as_a_plane_one() -> None:
    flat = some_bodies(2)
    plane = coverage(grid_of(2, "periodic"), flat)
    deep = Grid((25, 20, 1), (0.4 * UM, 0.45 * UM, 0.3 * UM))
    third = np.full((flat.count, 1), 7.0 * UM)  # anywhere: nothing differs along this axis
    bodies = Bodies(np.hstack([flat.start, third]), np.hstack([flat.end, third]), flat.radius, flat.low, flat.high)
    assert coverage(deep, bodies)[..., 0] == pytest.approx(plane, abs=1e-12)


@pytest.mark.parametrize("axes", [2, 3])
def test_a_capsule_has_the_volume_of_its_cylinder_and_its_ends(axes: int) -> None:
    grid = Grid((60, 50, 50)[:axes], (0.2 * UM,) * axes, "mirror")
    ends = np.array([[[2.5, 3.1, 2.7], [8.2, 7.3, 6.1]]])[..., :axes] * UM
    share = coverage(grid, capsules(ends[:, 0], ends[:, 1], 1.4 * UM))
    length = np.linalg.norm(ends[0, 1] - ends[0, 0])
    section, cap = (
        (2.8 * UM, np.pi * 1.96 * UM**2) if axes == 2 else (np.pi * 1.96 * UM**2, 4.0 / 3.0 * np.pi * 1.4**3 * UM**3)
    )
    assert share.sum() * grid.cell_volume == pytest.approx(length * section + cap, rel=1e-3, abs=0.0)


def test_balls_that_touch_in_a_cell_both_count_there() -> None:
    grid = Grid((20, 20), (0.5 * UM,) * 2)
    made = coverage(grid, balls(np.array([[3.25, 5.25], [7.2501, 5.25]]) * UM, 2.0 * UM))
    assert made.sum() * grid.cell_volume == pytest.approx(2.0 * np.pi * 4.0 * UM**2, rel=1e-3, abs=0.0)


@pytest.mark.parametrize("low", [4.0, 4.1])
def test_bodies_are_cut_off_at_planes(low: float) -> None:
    grid = Grid((50, 40), (0.2 * UM,) * 2)
    share = coverage(
        grid, capsules(np.array([[4.0, 4.0]]) * UM, np.array([[7.0, 4.0]]) * UM, 1.5 * UM, low * UM, 7.0 * UM)
    )
    assert share.sum() * grid.cell_volume == pytest.approx((7.0 - low) * 3.0 * UM**2, rel=1e-9, abs=0.0)
    assert not share[:20].any()
    assert not share[35:].any()
    middle = share[21:35]
    assert set(np.unique(middle)) <= {0.0, 0.5, 1.0}  # the sides lie in the middle of cells


@pytest.mark.parametrize("lateral", ["periodic", "mirror"])
@pytest.mark.parametrize("axes", [2, 3])
def test_depth_is_the_distance_from_the_nearest_surface(axes: int, lateral: Lateral) -> None:
    grid, bodies = grid_of(axes, lateral), some_bodies(axes)
    exact = brute(grid, bodies, np.stack([c.ravel() for c in grid.meshgrid()], axis=1)).reshape(grid.shape)
    depth = depth_inside(grid, bodies, 1.5 * UM)
    near = exact >= -1.5 * UM
    assert np.all(depth[~near] == -np.inf)
    assert depth[near] == pytest.approx(exact[near], rel=1e-9, abs=1e-9 * UM)


def test_no_bodies_leave_everything_empty() -> None:
    grid = grid_of(3, "periodic")
    none = balls(np.zeros((0, 3)), 1.0)
    assert not coverage(grid, none).any()
    assert np.all(depth_inside(grid, none, UM) == -np.inf)
    assert together(none, some_bodies(3)).count == 6
