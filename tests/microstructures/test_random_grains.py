"""Grains to a target: sizes of a log-normal distribution, elongated grains, grains of given centres."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import pytest
from scipy.special import ndtr

from microstructures import Tessellation, grains_of_centres, laguerre, voronoi
from microstructures.random_grains import UNIT_GRAIN
from phasefield.grid import Grid, Lateral

UM = 1e-6
PLANE = 4.0 * UM
SIDES: list[Lateral] = ["periodic", "mirror"]


def labels(grains: Tessellation, grid: Grid) -> np.ndarray:
    points = np.stack([c.ravel() for c in grid.meshgrid()], axis=1)
    return grains.grain[grains.locate(points)[0]].reshape(grid.shape)


def diameters(volume: np.ndarray, axes: int) -> np.ndarray:
    return (volume / UNIT_GRAIN[axes]) ** (1.0 / axes)


def distance_to_target(diameter: np.ndarray, mean: float, log_width: float) -> float:
    """Return the Kolmogorov-Smirnov distance to a log-normal of this mean and width."""
    ordered, n = np.sort(diameter), diameter.size
    target = ndtr((np.log(ordered / mean) + 0.5 * log_width**2) / log_width)
    return float(max(np.max(np.arange(1, n + 1) / n - target), np.max(target - np.arange(n) / n)))


@pytest.mark.parametrize("lateral", SIDES)
@pytest.mark.parametrize("log_width", [0.15, 0.45])
def test_five_hundred_grains_follow_the_distribution_asked_for(log_width: float, lateral: Lateral) -> None:
    grid = Grid((460, 460), (0.5 * UM,) * 2, lateral)
    grains = laguerre(grid, PLANE, 9.0 * UM, log_width, seed=7)
    assert 480 < grains.grain.size < 830
    exact = diameters(grains.grain_volume, 2)
    assert exact.mean() == pytest.approx(9.0 * UM, rel=0.005)
    assert np.log(exact).std() == pytest.approx(log_width, rel=0.01)
    assert distance_to_target(exact, 9.0 * UM, log_width) < 0.005
    inside = labels(grains, grid)[grid.centres(0) > PLANE]
    drawn = diameters(np.bincount(inside.ravel(), minlength=grains.grain.size + 1)[1:] * grid.cell_volume, 2)
    assert distance_to_target(drawn, 9.0 * UM, log_width) < 0.02


def test_three_dimensions_follow_it_too() -> None:
    grid = Grid((70, 64, 64), (0.5 * UM,) * 3)
    grains = laguerre(grid, PLANE, 5.0 * UM, 0.3, seed=2, relaxation=1)
    exact = diameters(grains.grain_volume, 3)
    assert grains.grain.size > 300
    assert distance_to_target(exact, 5.0 * UM, 0.3) < 0.01
    inside = labels(grains, grid)[grid.centres(0) > PLANE]
    drawn = np.bincount(inside.ravel(), minlength=grains.grain.size + 1)[1:] * grid.cell_volume
    assert distance_to_target(diameters(drawn, 3), 5.0 * UM, 0.3) < 0.02
    assert drawn == pytest.approx(grains.grain_volume, rel=0.15, abs=20 * grid.cell_volume)


def test_lloyd_steps_make_grains_of_given_sizes_rounder() -> None:
    grid = Grid((200, 200), (0.5 * UM,) * 2)
    length = [laguerre(grid, 0.0, 9.0 * UM, 0.3, relaxation=steps).boundary_area.sum() for steps in (0, 1, 4)]
    assert length[0] > 1.02 * length[1] > 1.02 * length[2]


@pytest.mark.parametrize("axis", ["x", "y"])
@pytest.mark.parametrize("make", ["voronoi", "laguerre"])
def test_elongated_grains_are_as_long_as_asked_for(make: str, axis: str) -> None:
    grid = Grid((480, 480), (0.5 * UM,) * 2)
    if make == "voronoi":
        grains = voronoi(grid, 0.0, 9.0 * UM, elongation=4.0, elongation_axis=axis)
    else:
        grains = laguerre(grid, 0.0, 9.0 * UM, 0.3, elongation=4.0, elongation_axis=axis)
    drawn = labels(grains, grid)
    crossings = [np.count_nonzero(np.diff(drawn, axis=a)) for a in (0, 1)]
    ratio = crossings[1] / crossings[0] if axis == "x" else crossings[0] / crossings[1]
    assert ratio == pytest.approx(4.0, rel=0.06)
    assert diameters(grains.grain_volume, 2).mean() == pytest.approx(9.0 * UM, rel=0.03)


def test_facets_of_elongated_grains_lie_between_them() -> None:
    grid = Grid((40, 34, 60), (0.5 * UM,) * 3)  # so long that no grain meets its own image
    grains = laguerre(grid, PLANE, 5.0 * UM, 0.2, elongation=3.0, elongation_axis="z")
    points = np.stack([c.ravel() for c in grid.meshgrid()], axis=1)[::7]
    points = points[points[:, 0] > PLANE]
    cell, relative = grains.locate(points)
    facet, distance = grains.nearest_facet(cell, relative)
    beyond = points + 1.001 * distance[:, None] * grains.normal[cell, facet]
    # a boundary that ends at a side of the box counts as going on: look where a side is farther away
    room = np.minimum(points[:, 0] - PLANE, grid.lengths[0] - points[:, 0])
    inside = (distance < room) & (distance > 1e-9 * UM)
    pair = grains.boundary_pairs[grains.boundary[cell, facet]][inside]
    there = grains.grain[grains.locate(beyond[inside])[0]]
    both = np.sort(np.stack([there, grains.grain[cell[inside]]], axis=1), axis=1)
    assert np.array_equal(both, pair)


@pytest.mark.parametrize("lateral", SIDES)
def test_areas_of_elongated_boundaries_are_those_of_the_staircase(lateral: Lateral) -> None:
    grid = Grid((300, 300), (0.2 * UM,) * 2, lateral)
    grains = voronoi(grid, 0.0, 9.0 * UM, elongation=3.0)
    assert grains.volume.sum() == pytest.approx(np.prod(grid.lengths), rel=1e-12)
    length = np.linalg.norm(grains.edges[:, 1] - grains.edges[:, 0], axis=1).sum()
    assert grains.boundary_area.sum() == pytest.approx(length, rel=1e-9)


def test_given_centres_become_voronoi_grains_and_with_radii_power_cells() -> None:
    grid = Grid((100, 80), (0.5 * UM,) * 2, "mirror")
    centres = np.array([[10.1, 10.0], [30.0, 12.3], [20.0, 30.0], [45.0, 25.7]]) * UM
    grains = grains_of_centres(grid, PLANE, centres)
    points = np.stack([c.ravel() for c in grid.meshgrid()], axis=1)
    nearest = np.linalg.norm(points[:, None] - centres, axis=2).argmin(axis=1)
    assert np.array_equal(grains.locate(points)[0], nearest)
    radii = np.array([12.0, 5.0, 9.0, 7.0]) * UM
    power = (np.linalg.norm(points[:, None] - centres, axis=2) ** 2 - radii**2).argmin(axis=1)
    assert np.array_equal(grains_of_centres(grid, PLANE, centres, radii).locate(points)[0], power)
    assert not np.array_equal(power, nearest)


@pytest.mark.parametrize(
    ("centres", "radii", "problem"),
    [
        ([[2.0, 10.0], [20.0, 10.0]], None, "outside of the ceramic"),
        ([[20.0, 10.0], [20.0, 10.0]], None, "the same centre"),
        ([[20.0, 10.0], [21.0, 10.0]], [15.0, 1.0], "gets no room"),
        ([[20.0, 10.0, 3.0]], None, "2 coordinates"),
    ],
)
def test_centres_that_make_no_grains_are_refused(centres: list, radii: list | None, problem: str) -> None:
    grid = Grid((100, 80), (0.5 * UM,) * 2, "mirror")
    with pytest.raises(ValueError, match=problem):
        grains_of_centres(grid, PLANE, np.array(centres) * UM, None if radii is None else np.array(radii) * UM)


@pytest.mark.parametrize(
    ("log_width", "elongation", "axis", "problem"),
    [(1.5, 1.0, "x", "log_width"), (0.3, 0.0, "x", "elongation"), (0.3, 2.0, "z", "no axis z")],
)
def test_impossible_grains_are_refused(log_width: float, elongation: float, axis: str, problem: str) -> None:
    grid = Grid((60, 40), (0.5 * UM,) * 2)
    with pytest.raises(ValueError, match=problem):
        laguerre(grid, 0.0, 6.0 * UM, log_width, elongation=elongation, elongation_axis=axis)


CHECKSUMS = {
    ("voronoi", 2): "6c079b8158c37d21",
    ("laguerre", 2): "c256fc07e74b162d",
    ("columnar", 2): "ebfdd54b6145b5ce",
    ("voronoi", 3): "2cb5a6f352047bdc",
    ("laguerre", 3): "9dd4b0ca3d1600ea",
    ("columnar", 3): "9f8c4496a70cd761",
}


@pytest.mark.parametrize(("kind", "axes"), CHECKSUMS)
def test_the_same_seed_gives_the_same_labels_everywhere(kind: str, axes: int) -> None:
    grid = Grid((60, 50, 40)[:axes], (0.5 * UM,) * axes)
    if kind == "voronoi":
        grains = voronoi(grid, PLANE, 6.0 * UM, seed=11)
    else:
        grains = laguerre(grid, PLANE, 6.0 * UM, 0.3, seed=11, elongation=2.0 if kind == "columnar" else 1.0)
    found = sha256(labels(grains, grid).astype("<i4").tobytes()).hexdigest()[:16]
    assert found == CHECKSUMS[kind, axes]
