"""What is measured is what was drawn: sizes, intercepts, boundaries, pores and what they connect."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
from scipy.special import ndtri

from microstructures import Microstructure, Pores, build, misorientation_angles, random_orientations
from microstructures.measure import (
    LARGEST_ANGLE,
    boundary_areas,
    distance_to_lognormal,
    log_width,
    lognormal_density,
    mackenzie_density,
    measure,
)
from phasefield.grid import Grid, Lateral

UM = 1e-6
SIDES: list[Lateral] = ["periodic", "mirror"]
UNIT_DISC = 0.25 * np.pi


def with_pores(mask: np.ndarray, grid: Grid, plane: float = 0.0) -> Microstructure:
    """Return a single crystal some of whose cells are pores."""
    return replace(build(grid, "single_crystal", plane, 2.0 * UM), pore_fraction=mask.astype(float))


def test_a_brick_wall_has_its_sizes_intercepts_and_joints() -> None:
    grid = Grid((64, 40), (0.5 * UM, 0.5 * UM))
    found = measure(build(grid, "bricks", 0.0, 1.0 * UM, grain_size=4.0 * UM))
    assert found.grains.exact
    assert found.grains.volume == pytest.approx(np.full(40, 16.0 * UM**2))
    assert found.grains.cell_volume == pytest.approx(found.grains.volume)
    assert found.grains.diameter == pytest.approx(np.full(40, 4.0 * UM / np.sqrt(UNIT_DISC)))
    assert found.volume == pytest.approx(32.0 * 20.0 * UM**2)
    # eight layers of five bricks: inside six neighbours each, at both ends four
    assert np.bincount(found.grains.neighbours)[[4, 6]].tolist() == [10, 30]
    assert found.network.intercept == pytest.approx({"x": 4.0 * UM, "y": 4.0 * UM})
    joints = (7 * 20.0 + 8 * 5 * 4.0) / (32.0 * 20.0) / UM
    assert found.network.per_volume == pytest.approx(joints)
    assert found.network.per_volume_of_faces == pytest.approx(joints)
    crossings = 0.5 * (7 / 32.0 + 5 / 20.0) / UM
    assert found.network.per_volume_of_intercepts == pytest.approx(0.5 * np.pi * crossings)
    assert found.network.junctions == pytest.approx(7 * 10 / found.volume)
    assert found.network.triple_lines is None


@pytest.mark.parametrize("shape", [(200, 180), (70, 64, 60)])
def test_boundaries_of_random_grains_are_the_same_in_three_ways(shape: tuple[int, ...]) -> None:
    grid, plane = Grid(shape, (0.5 * UM,) * len(shape)), 2.0 * UM
    made = build(grid, "laguerre", plane, 2.0 * UM, grain_size=6.0 * UM, size_log_width=0.3)
    found = measure(made)
    network = found.network
    assert network.per_volume_of_faces == pytest.approx(network.per_volume, rel=0.03)
    assert network.per_volume_of_intercepts == pytest.approx(network.per_volume, rel=0.05)
    assert found.grains.volume.sum() == pytest.approx(found.volume)
    assert found.grains.cell_volume == pytest.approx(found.grains.volume, rel=0.15)
    assert distance_to_lognormal(found.grains.diameter, 6.0 * UM, 0.3) < 0.02
    # Euler: 6 in the plane, fewer at its ends; grains of space have 13 to 15.5, fewer at the ends
    assert (5.5 if len(shape) == 2 else 11.0) < found.grains.neighbours.mean() < (6.0 if len(shape) == 2 else 15.5)
    areas = boundary_areas(made)
    assert areas.sum() / found.volume == pytest.approx(network.per_volume)
    drawn = boundary_areas(replace(made, tessellation=None))
    assert drawn.sum() / found.volume == pytest.approx(network.per_volume_of_faces)
    assert np.corrcoef(areas, drawn)[0, 1] > 0.98


def test_labels_alone_are_measured_on_cells() -> None:
    grid = Grid((64, 60), (0.5 * UM, 0.5 * UM))
    made = build(grid, "voronoi", 2.0 * UM, 2.0 * UM, grain_size=6.0 * UM)
    found, labels = measure(made), measure(replace(made, tessellation=None))
    assert not labels.grains.exact and labels.network.junctions is None
    assert np.array_equal(labels.grains.volume, found.grains.cell_volume)
    assert labels.network.intercept == found.network.intercept


def test_columns_are_as_long_as_their_lines() -> None:
    grid = Grid((300, 300), (0.5 * UM,) * 2)
    lines = measure(build(grid, "voronoi", 0.0, 2.0 * UM, grain_size=9.0 * UM, elongation=3.0)).network.intercept
    assert lines["x"] / lines["y"] == pytest.approx(3.0, rel=0.06)


def test_a_box_of_one_layer_is_a_plane() -> None:
    plane, layer = (
        measure(build(grid, "laguerre", 2.0 * UM, 2.0 * UM, grain_size=6.0 * UM, pores=Pores(0.04, 1.0 * UM)))
        for grid in (Grid((80, 60), (0.5 * UM,) * 2), Grid((80, 60, 1), (0.5 * UM, 0.5 * UM, 3.0 * UM)))
    )
    assert layer.dimension == 2
    assert layer.volume == pytest.approx(plane.volume)
    assert layer.grains.volume == pytest.approx(plane.grains.volume)
    assert layer.grains.cell_volume == pytest.approx(plane.grains.cell_volume)
    assert layer.voids.diameter == pytest.approx(plane.voids.diameter)
    assert layer.voids.porosity == pytest.approx(plane.voids.porosity)
    for name in ("per_volume", "per_volume_of_faces", "per_volume_of_intercepts", "junctions", "band_share"):
        assert getattr(layer.network, name) == pytest.approx(getattr(plane.network, name)), name
    assert layer.network.intercept == pytest.approx(plane.network.intercept)


@pytest.mark.parametrize("lateral", SIDES)
def test_centroids_are_found_across_periodic_sides(lateral: Lateral) -> None:
    grid = Grid((40, 30), (0.5 * UM, 0.5 * UM), lateral)
    labels = np.ones(grid.shape, dtype=np.int32)
    labels[10:20, [0, 1, 2, 27, 28, 29]] = 3  # there is no grain 2
    labels[30:, 13:17] = 4
    labels[:4] = 0
    made = replace(build(grid, "single_crystal", 2.0 * UM, 1.0 * UM), grain_id=labels, tessellation=None)
    grains = measure(made).grains
    assert grains.cell_volume / (0.25 * UM**2) == pytest.approx([36 * 30 - 100, 0, 60, 40])
    assert np.isnan(grains.centroid[1]).all()
    assert grains.centroid[3] / UM == pytest.approx([17.5, 7.5])
    x, y = grains.centroid[2] / UM
    assert x == pytest.approx(7.5)
    assert y == pytest.approx(7.5) if lateral == "mirror" else min(y, 15.0 - y) == pytest.approx(0.0, abs=1e-9)


def test_the_distance_to_a_distribution_is_that_of_its_definition() -> None:
    quantiles = np.exp(0.4 * ndtri((np.arange(200) + 0.5) / 200) - 0.08) * 3.0 * UM
    assert distance_to_lognormal(quantiles, 3.0 * UM, 0.4) == pytest.approx(0.0025, abs=1e-9)
    # shifted by ln 1.2 everything is off by the density at the median at most
    shifted = distance_to_lognormal(quantiles * 1.2, 3.0 * UM, 0.4)
    assert shifted == pytest.approx(np.log(1.2) / 0.4 / np.sqrt(2.0 * np.pi), abs=0.005)
    assert log_width(quantiles) == pytest.approx(0.4, rel=0.01)
    with pytest.raises(ValueError, match="must be positive"):
        distance_to_lognormal(quantiles, 3.0 * UM, 0.0)
    x = np.linspace(1e-9, 20.0 * UM, 20001)
    density = lognormal_density(x, 3.0 * UM, 0.4)
    assert np.trapezoid(density, x) == pytest.approx(1.0, abs=1e-5)
    assert np.trapezoid(density * x, x) == pytest.approx(3.0 * UM, rel=1e-4)


def test_cubes_turned_at_random_differ_as_mackenzie_says() -> None:
    edges = np.linspace(0.0, LARGEST_ANGLE, 33)
    fine = np.linspace(0.0, LARGEST_ANGLE, 32 * 400 + 1)
    density = mackenzie_density(fine)
    assert np.trapezoid(density, fine) == pytest.approx(1.0, abs=1e-6)
    assert np.degrees(np.trapezoid(density * fine, fine)) == pytest.approx(40.736, abs=1e-3)
    assert mackenzie_density(np.array([1.01 * LARGEST_ANGLE])) == 0.0
    pairs = np.arange(1, 40001).reshape(-1, 2)
    found, _ = np.histogram(misorientation_angles(pairs, random_orientations(40000, 1)), edges)
    cumulated = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(fine))])[::400]
    assert np.abs(np.cumsum(found) / len(pairs) - cumulated[1:]).max() < 0.012  # 1.6 / sqrt(20000)


def test_pores_are_counted_by_their_own_size_and_place() -> None:
    grid = Grid((100, 80), (0.25 * UM,) * 2)
    pores = Pores(0.05, 1.0 * UM, location="grain_interiors")
    voids = measure(build(grid, "single_crystal", 2.5 * UM, 1.0 * UM, pores=pores)).voids
    assert voids.porosity == pytest.approx(0.05, abs=5e-4)
    assert voids.diameter == pytest.approx(np.full(7, 2.0 * UM), rel=0.1)
    assert (voids.spans, voids.at_electrode, voids.contact, voids.filled) == (False, 0.0, 0.0, 0.0)
    assert np.isnan(voids.profile[:10]).all()
    assert np.mean(voids.profile[10:]) == pytest.approx(voids.porosity)


@pytest.mark.parametrize("lateral", SIDES)
def test_a_channel_spans_and_others_do_not(lateral: Lateral) -> None:
    grid, plane = Grid((40, 30), (0.5 * UM,) * 2, lateral), 3.0 * UM
    i, j = np.indices(grid.shape)
    channel = measure(with_pores((j == 12) & (i >= 6), grid, plane)).voids
    assert channel.spans and channel.at_electrode == 1.0
    assert channel.contact == pytest.approx(1.0 / 30.0)
    short = measure(with_pores((j == 12) & (i >= 7), grid, plane)).voids
    assert not short.spans and short.at_electrode == 0.0 and short.contact == 0.0
    near = measure(with_pores((j == 12) & (((i >= 6) & (i < 10)) | (i > 33)), grid, plane)).voids
    assert not near.spans
    assert near.at_electrode == pytest.approx(0.4)
    around = (j < 2) | (j >= 28)
    assert measure(with_pores(around & (i == 20), grid, plane)).voids.diameter.size == (
        1 if lateral == "periodic" else 2
    )


def test_voids_at_a_rough_electrode_touch_its_surface() -> None:
    grid = Grid((40, 30), (0.5 * UM,) * 2)
    flat = with_pores(np.zeros(grid.shape), grid, 3.0 * UM)
    surface = np.where(np.arange(30) < 15, 3.0 * UM, 5.0 * UM)
    pores = np.zeros(grid.shape)
    pores[6, 2], pores[10, 20], pores[6, 25] = 1.0, 1.0, 1.0
    rough = replace(flat, electrode_surface=surface, pore_fraction=pores)
    rough = replace(rough, grain_id=np.where(rough.in_electrode, 0, 1).astype(np.int32))
    found = measure(rough)
    assert found.volume == pytest.approx(16.0 * 15.0 * UM**2)
    assert found.voids.contact == pytest.approx(2.0 / 30.0), "the third is inside the electrode"
    filled = replace(rough, metal_distance=np.where(pores > 0.0, 0.1 * UM, -1.0 * UM))
    assert measure(filled).voids.filled == 1.0


def test_solid_cut_in_two_is_connected_by_its_larger_piece() -> None:
    grid = Grid((40, 30), (0.5 * UM,) * 2, "mirror")
    assert measure(with_pores(np.indices(grid.shape)[0] == 10, grid)).largest_solid == pytest.approx(29.0 / 39.0)


def test_slabs_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = Grid((30, 26, 22), (0.5 * UM,) * 3)
    made = build(grid, "voronoi", 2.0 * UM, 2.0 * UM, grain_size=5.0 * UM, pores=Pores(0.03, 1.0 * UM))
    whole = measure(made)
    monkeypatch.setattr(import_module("microstructures.measure"), "SLAB", 26 * 22 * 4)
    parts = measure(made)
    assert np.array_equal(whole.grains.cell_volume, parts.grains.cell_volume)
    assert np.array_equal(whole.grains.centroid, parts.grains.centroid)
    assert whole.network == parts.network
