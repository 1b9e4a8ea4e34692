"""Channels: pores that connect both ends of a layer along grain boundaries; what is connected to what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from microstructures import Tessellation, bicrystal, bricks, single_crystal, voronoi
from microstructures.channels import connected_share, spans
from microstructures.coverage import Bodies, coverage, together
from microstructures.pores import Pores, pore_bodies
from phasefield.grid import Grid, Lateral

UM = 1e-6
PLANE = 3.2 * UM
SIDES: list[Lateral] = ["periodic", "mirror"]


def grid_of(axes: int, lateral: Lateral = "periodic", finer: int = 1) -> Grid:
    shape = (90, 80) if axes == 2 else (48, 40, 44)
    return Grid(tuple(n * finer for n in shape), (0.4 * UM / finer,) * axes, lateral)


def made(grid: Grid, grains: Tessellation, porosity: float, seed: int = 1, **more: Any) -> Bodies:
    radius = more.pop("radius", 0.7 * UM)
    pores = Pores(porosity, radius, location="channels", layer=more.pop("layer", None))
    return pore_bodies(grains, grid, PLANE, pores, seed, **more)


@pytest.mark.parametrize("lateral", SIDES)
@pytest.mark.parametrize(("axes", "porosity"), [(2, 0.12), (2, 0.2), (3, 0.1), (3, 0.25)])
def test_channels_span_and_fill_the_porosity_and_so_does_what_is_left(
    lateral: Lateral, axes: int, porosity: float
) -> None:
    grid = grid_of(axes, lateral)
    for seed in range(3 if axes == 2 else 1):
        bodies = made(grid, voronoi(grid, PLANE, 5.0 * UM, seed), porosity, seed)
        share = coverage(grid, bodies)[8:]
        assert share.mean() == pytest.approx(porosity, abs=1e-4)
        assert 0.49 * UM <= bodies.radius[0] <= 0.91 * UM
        assert spans(share, lateral)
        assert spans(1.0 - share, lateral)
        assert connected_share(share, lateral) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("make", [voronoi, bricks])
def test_channels_run_along_the_edges_of_the_network(axes: int, make: Any) -> None:
    grid = grid_of(axes)
    grains = make(grid, PLANE, 5.0 * UM)
    bodies = made(grid, grains, 0.15 if axes == 2 else 0.06)
    lengths = np.array(grid.lengths)
    points = np.concatenate([bodies.start + a * (bodies.end - bodies.start) for a in np.linspace(0.1, 0.9, 9)])
    points[:, 1:] -= np.floor(points[:, 1:] / lengths[1:]) * lengths[1:]
    assert grains.nearest_facet(*grains.locate(points))[1].max() < 1e-6 * UM
    # three grains meet around a line of the network, two at a boundary
    around = np.random.default_rng(1).normal(size=(200, axes))
    around *= 1e-3 * UM / np.linalg.norm(around, axis=1)[:, None]
    meeting = [len(np.unique(grains.grain[grains.locate(point + around)[0]])) for point in points[::7]]
    assert min(meeting) >= axes


def test_the_choice_of_paths_does_not_depend_on_the_resolution_but_on_the_seed() -> None:
    coarse, fine = grid_of(2), grid_of(2, finer=2)
    first, second = (made(grid, voronoi(grid, PLANE, 5.0 * UM), 0.15) for grid in (coarse, fine))
    assert np.array_equal(first.start, second.start)
    assert first.radius[0] == pytest.approx(second.radius[0], rel=2e-3)
    again, other = (
        made(coarse, voronoi(coarse, PLANE, 5.0 * UM), 0.15),
        made(coarse, voronoi(coarse, PLANE, 5.0 * UM), 0.15, 2),
    )
    assert np.array_equal(first.start, again.start)
    assert first.start.shape != other.start.shape or not np.array_equal(first.start, other.start)


@pytest.mark.parametrize("axes", [2, 3])
def test_channels_of_layers_end_at_them_and_meet(axes: int) -> None:
    grid = grid_of(axes)
    grains = voronoi(grid, PLANE, 4.0 * UM)
    layers = [(PLANE, 9.6 * UM), (9.6 * UM, 14.4 * UM)]
    first = made(grid, grains, 0.2, layer=layers[0])
    second = made(grid, grains, 0.15, population=1, layer=layers[1], obstacles=first)
    shares = [coverage(grid, bodies) for bodies in (first, second)]
    assert not shares[0][24:].any()
    assert not shares[1][:24].any()
    assert not shares[1][36:].any()
    assert shares[0][8:24].mean() == pytest.approx(0.2, abs=1e-4)
    assert shares[1][24:36].mean() == pytest.approx(0.15, abs=1e-4)
    assert spans(shares[1][24:36], grid.lateral)
    assert coverage(grid, together(first, second))[24:36] == pytest.approx(shares[1][24:36], abs=1e-12)


def test_channels_make_way_for_what_is_there_already() -> None:
    grid = grid_of(2)
    grains = voronoi(grid, PLANE, 4.0 * UM)
    few = pore_bodies(grains, grid, PLANE, Pores(0.015, 0.7 * UM), 1)
    around = made(grid, grains, 0.12, obstacles=few, population=1)
    steps = np.linspace(0.0, 1.0, 101)[:, None, None]
    line = (around.start + steps * (around.end - around.start)).reshape(-1, 2)
    apart = line[:, None] - few.start
    apart[..., 1] -= np.round(apart[..., 1] / grid.lengths[1]) * grid.lengths[1]
    assert np.linalg.norm(apart, axis=2).min() > few.radius[0] + around.radius[0]
    free = made(grid, grains, 0.12, population=1)
    assert np.minimum(coverage(grid, few), coverage(grid, free)).max() > 0.5


def test_what_a_mask_connects() -> None:
    mask = np.zeros((6, 5), dtype=bool)
    mask[:4, 1] = True
    assert not spans(mask, "periodic")
    mask[3, 0] = mask[3:, 4] = True
    assert spans(mask, "periodic")
    assert not spans(mask, "mirror")
    assert connected_share(mask, "periodic") == 1.0
    assert connected_share(mask, "mirror") == pytest.approx(5.0 / 8.0)
    shares = np.where(mask, 0.6, 0.4)
    assert spans(shares, "periodic")
    assert connected_share(shares, "mirror") == pytest.approx(5.0 / 8.0)
    assert connected_share(np.zeros((6, 5)), "mirror") == 0.0
    assert not spans(np.zeros((6, 5)), "mirror")
    assert not spans(np.eye(5), "mirror")  # corners do not connect


@pytest.mark.parametrize(
    ("porosity", "radius", "words"),
    [
        (0.95, 0.7, "along all paths are less than the porosity asked for.*about .* um"),
        (0.02, 1.0, "one channel of radius 1 um through the layer is more than the porosity"),
        (0.45, 0.9, "leave no ceramic that connects both ends|cannot be met|along all paths"),
        (0.03, 0.1, "too thin for cells of 0.4 um"),
        (0.1, 20.0, "do not fit into a box 32 um wide"),
        (0.0, 0.7, "between 0 and 1"),
    ],
)
def test_impossible_channels_are_refused(porosity: float, radius: float, words: str) -> None:
    grid = grid_of(2)
    with pytest.raises(ValueError, match=words):
        made(grid, voronoi(grid, PLANE, 5.0 * UM), porosity, radius=radius * UM)


def test_ceramic_that_channels_would_cut_off_is_refused() -> None:
    """A network whose only path runs across the whole width on its way leaves no ceramic beside it."""
    grid = Grid((90, 80), (0.4 * UM,) * 2, "mirror")
    x = np.array([PLANE, 12.0 * UM, 20.0 * UM, 36.0 * UM])
    nodes = np.array([[x[0], 2.0 * UM], [x[1], 2.0 * UM], [x[1], 30.0 * UM], [x[2], 30.0 * UM], [x[3], 30.0 * UM]])
    edges = np.stack([nodes[:-1], nodes[1:]], axis=1)
    across = np.array([[[x[1], 0.0], [x[1], 2.0 * UM]], [[x[2], 30.0 * UM], [x[2], 32.0 * UM]]])
    plain = replace(single_crystal(grid, PLANE), edges=np.concatenate([edges, across]))
    assert made(grid, plain, 0.08).count == 4  # the path leaves room at the side
    near = edges.copy()
    near[..., 1] = np.where(near[..., 1] < 3.0 * UM, 0.3 * UM, 31.7 * UM)
    with pytest.raises(ValueError, match="leave no ceramic that connects both ends.*go to 3-D"):
        made(grid, replace(plain, edges=near), 0.08)


@pytest.mark.parametrize("axes", [2, 3])
def test_grains_without_network_have_no_channels(axes: int) -> None:
    grid = grid_of(axes)
    words = "there are none: take a polycrystal"
    with pytest.raises(ValueError, match=words):
        made(grid, single_crystal(grid, PLANE), 0.1)
    across = bicrystal(grid, PLANE, 0.5 * np.pi)
    with pytest.raises(ValueError, match=words if axes == 3 else "no path along grain boundaries connects"):
        made(grid, across, 0.1)
    with pytest.raises(ValueError, match="of one radius"):
        pore_bodies(across, grid, PLANE, Pores(0.1, UM, 0.2, "channels"), 1)


def test_the_boundary_of_a_bicrystal_along_the_current_is_a_channel() -> None:
    grid = grid_of(2)
    bodies = made(grid, bicrystal(grid, PLANE, 0.0), 1.4 / 32.0)
    assert bodies.count == 1
    assert bodies.radius[0] == pytest.approx(0.7 * UM, rel=1e-4)
