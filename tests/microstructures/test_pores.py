"""Pores: on junctions, apart from each other and the electrodes, with the porosity asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from microstructures import (
    Pores,
    Tessellation,
    bricks,
    build,
    place_pores,
    pore_coverage,
    pore_surface_density,
    voronoi,
)
from phasefield.grid import Grid, Lateral

UM = 1e-6
SIDES: list[Lateral] = ["periodic", "mirror"]


def grid_of(lateral: Lateral = "periodic", cells: int = 1) -> Grid:
    return Grid((160 * cells, 120 * cells), (0.4 * UM / cells, 0.4 * UM / cells), lateral)


@pytest.mark.parametrize("lateral", SIDES)
@pytest.mark.parametrize(("porosity", "radius"), [(0.01, 1.0), (0.03, 1.2), (0.002, 1.0), (0.05, 0.9)])
def test_porosity_is_met(lateral: Lateral, porosity: float, radius: float) -> None:
    made = build(grid_of(lateral), "voronoi", 4 * UM, 2.4 * UM, grain_size=7 * UM, pores=Pores(porosity, radius * UM))
    assert made.pore_fraction[10:].mean() == pytest.approx(porosity, abs=0.002 * min(1.0, porosity / 0.01))
    assert made.pore_fraction.min() == 0.0
    assert made.pore_fraction.max() == 1.0
    assert not made.pore_fraction[:10].any()


def lateral_steps(points: np.ndarray, others: np.ndarray, grid: Grid) -> np.ndarray:
    step = points[:, None] - others[None]
    if grid.lateral == "periodic":
        step[..., 1] -= np.round(step[..., 1] / grid.lengths[1]) * grid.lengths[1]
    return step


@pytest.mark.parametrize("lateral", SIDES)
@pytest.mark.parametrize("make", [voronoi, bricks])
def test_pores_sit_apart_on_junctions(lateral: Lateral, make: type[Tessellation]) -> None:
    grid = grid_of(lateral)
    grains = make(grid, 4.0 * UM, 5.0 * UM)
    for seed in range(20):
        check_pores(grid, grains, *place_pores(grains, grid, 4.0 * UM, Pores(0.06, 1.0 * UM), seed))


def check_pores(grid: Grid, grains: Tessellation, centres: np.ndarray, radius: float) -> None:
    assert len(centres) * np.pi * radius**2 == pytest.approx(0.06 * 60.0 * 48.0 * UM**2, abs=0.0)
    assert 0.7 * UM <= radius <= 1.3 * UM
    assert centres[:, 0].min() >= 4.0 * UM + 3.0 * radius
    assert centres[:, 0].max() <= 64.0 * UM - 3.0 * radius
    if grid.lateral == "mirror":
        assert radius <= centres[:, 1].min()
        assert centres[:, 1].max() <= 48.0 * UM - radius
    apart = np.linalg.norm(lateral_steps(centres, centres, grid), axis=2)
    np.fill_diagonal(apart, np.inf)
    assert apart.min() > 2.0 * radius
    around = np.linspace(0.0, 2.0 * np.pi, 360, endpoint=False)
    ring = 0.05 * UM * np.stack([np.cos(around), np.sin(around)], axis=1)
    for centre in centres:
        assert len(np.unique(grains.grain[grains.locate(centre + ring)[0]])) >= 3


@pytest.mark.parametrize("lateral", SIDES)
def test_voronoi_junctions_are_all_found(lateral: Lateral) -> None:
    grid = grid_of(lateral)
    grains = voronoi(grid, 4.0 * UM, 9.0 * UM)
    fine = Grid((1600, 1200), (0.04 * UM, 0.04 * UM), lateral)
    labels = grains.grain[grains.locate(np.stack([c.ravel() for c in fine.meshgrid()], axis=1))[0]].reshape(1600, 1200)
    if lateral == "periodic":
        labels = np.concatenate([labels, labels[:, :1]], axis=1)
    labels = labels[100:]
    corner = np.sort(np.stack([labels[:-1, :-1], labels[1:, :-1], labels[:-1, 1:], labels[1:, 1:]]), axis=0)
    i, j = np.nonzero(np.sum(np.diff(corner, axis=0) > 0, axis=0) >= 2)
    seen = np.stack([4.0 * UM + 0.04 * UM * (i + 1), 0.04 * UM * (j + 1)], axis=1)
    steps = np.linalg.norm(lateral_steps(seen, grains.junctions, grid), axis=2)
    assert steps.min(axis=1).max() < 0.2 * UM
    assert steps.min(axis=0).max() < 0.2 * UM
    apart = np.linalg.norm(lateral_steps(grains.junctions, grains.junctions, grid), axis=2)
    np.fill_diagonal(apart, np.inf)
    assert apart.min() > 1e-3 * UM


def test_pores_do_not_touch_across_periodic_sides_nor_mirror_sides_themselves() -> None:
    near_sides = np.array([[30.0, 0.5], [30.0, 47.7], [30.0, 24.0], [50.0, 24.0]]) * UM
    two = Pores(2 * np.pi / (60.0 * 48.0), 1.0 * UM)
    taken: dict[str, set[tuple[int, ...]]] = {}
    for lateral in SIDES:
        grid = grid_of(lateral)
        grains = replace(bricks(grid, 4.0 * UM, 10.0 * UM), junctions=near_sides)
        for seed in range(30):
            centres, _ = place_pores(grains, grid, 4.0 * UM, two, seed)
            taken.setdefault(lateral, set()).add(tuple(sorted(near_sides.tolist().index(c) for c in centres.tolist())))
    assert taken["periodic"] == {(0, 2), (0, 3), (1, 2), (1, 3), (2, 3)}
    assert taken["mirror"] == {(2, 3)}


@pytest.mark.parametrize(("lateral", "number"), [("periodic", 2 * 4 * 2), ("mirror", 2 * 4 + 2 * 3)])
def test_brick_junctions_are_the_ends_of_the_joints(lateral: Lateral, number: int) -> None:
    # 3 layers of 4 bricks: both planes between layers are met by the joints of the layers on both sides
    junctions = bricks(Grid((60, 80), (UM, UM), lateral), 0.0, 20.0 * UM).junctions
    assert len(junctions) == number
    assert np.all(junctions[:, 1] >= (0.0 if lateral == "periodic" else 10.0 * UM))
    assert np.all(np.isclose(junctions[:, 0], 20.0 * UM) | np.isclose(junctions[:, 0], 40.0 * UM))


def test_pores_do_not_depend_on_the_resolution_but_on_the_seed() -> None:
    def centres(cells: int, seed: int) -> np.ndarray:
        grid = grid_of(cells=cells)
        return place_pores(voronoi(grid, 4 * UM, 9 * UM), grid, 4 * UM, Pores(0.01, UM), seed)[0]

    assert np.array_equal(centres(1, 1), centres(2, 1))
    assert not np.array_equal(centres(1, 1), centres(1, 2))


def test_coverage_of_a_disc_is_its_area_wherever_it_lies() -> None:
    grid = Grid((41, 30), (0.5 * UM, 0.4 * UM))
    for x, y in ((10.0, 6.0), (9.87, 0.03), (11.13, 11.9)):
        share = pore_coverage(grid, np.array([[x, y]]) * UM, 2.0 * UM)
        assert share.sum() * grid.cell_volume == pytest.approx(np.pi * 4.0 * UM**2, rel=5e-3, abs=0.0)
        points = np.stack(grid.meshgrid(), axis=-1).reshape(-1, 1, 2)
        step = lateral_steps(points[:, 0], np.array([[x, y]]) * UM, grid)[:, 0]
        distance = np.linalg.norm(step, axis=1).reshape(grid.shape)
        assert np.all(share[distance < 1.67 * UM] == 1.0)
        assert np.all(share[distance > 2.33 * UM] == 0.0)
        rim = share[np.abs(distance - 2.0 * UM) < 0.1 * UM]
        assert np.all((rim > 0.1) & (rim < 0.9))


def test_discs_smaller_than_a_cell_keep_their_area() -> None:
    grid = Grid((9, 9), (0.4 * UM, 0.4 * UM))
    share = pore_coverage(grid, np.array([[1.83, 1.77]]) * UM, 0.15 * UM)
    assert share.sum() * grid.cell_volume == pytest.approx(np.pi * (0.15 * UM) ** 2, rel=0.05, abs=0.0)


@pytest.mark.parametrize("spacing", [(0.4, 0.4), (0.5, 0.3)])
@pytest.mark.parametrize("centre", [(10.0, 6.0), (9.87, 6.13), (11.13, 0.7)])
@pytest.mark.parametrize("cells", [3.0, 4.7, 8.0])
def test_the_surface_of_a_disc_is_its_circumference_also_across_periodic_sides(
    spacing: tuple[float, float], centre: tuple[float, float], cells: float
) -> None:
    grid = Grid((41, 40), (spacing[0] * UM, spacing[1] * UM))
    radius = cells * max(spacing) * UM
    share = pore_coverage(grid, np.array([centre]) * UM, radius)
    density = pore_surface_density(share, grid)
    assert density.sum() * grid.cell_volume == pytest.approx(2.0 * np.pi * radius, rel=0.03, abs=0.0)
    points = np.stack(grid.meshgrid(), axis=-1).reshape(-1, 2)
    distance = np.linalg.norm(lateral_steps(points, np.array([centre]) * UM, grid)[:, 0], axis=1).reshape(grid.shape)
    assert np.all(density[np.abs(distance - radius) > 2.0 * max(spacing) * UM] == 0.0)


def test_a_surface_ends_at_mirror_sides_and_at_the_ends_of_the_box() -> None:
    """A flat wall of a pore has its area; where the box ends there is none."""
    for lateral in SIDES:
        grid = Grid((30, 24), (0.5 * UM, 0.4 * UM), lateral)
        slab = np.zeros(grid.shape)
        slab[20:] = 1.0
        density = pore_surface_density(slab, grid)
        assert density.sum() * grid.cell_volume == pytest.approx(grid.lengths[1], abs=0.0)
        assert np.array_equal(np.flatnonzero(density.any(axis=1)), [19, 20])
        shelf = np.zeros(grid.shape)
        shelf[:, :6] = 1.0
        walls = 1 if lateral == "mirror" else 2  # the pore goes on behind a mirror, and ends at the other side's copy
        total = pore_surface_density(shelf, grid).sum() * grid.cell_volume
        assert total == pytest.approx(walls * grid.lengths[0], abs=0.0)
    line = Grid((10, 1), (0.5 * UM, 0.5 * UM))
    assert pore_surface_density((line.meshgrid()[0] > 3.0 * UM) * 1.0, line).sum() == pytest.approx(2.0 / UM)


@pytest.mark.parametrize(
    ("pores", "words"),
    [
        (Pores(0.25, 1.0 * UM), "junctions"),
        (Pores(0.0005, 2.0 * UM), "less than one pore"),
        (Pores(0.0, 1.0 * UM), "between 0 and 1"),
        (Pores(0.95, -1.0 * UM), "between 0 and 1"),
    ],
)
def test_impossible_pores_are_refused(pores: Pores, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build(grid_of(), "voronoi", 4.0 * UM, 2.4 * UM, grain_size=9.0 * UM, pores=pores)


def test_grains_without_junctions_refuse_pores() -> None:
    with pytest.raises(ValueError, match="0 junctions"):
        build(grid_of(), "bicrystal", 4.0 * UM, 2.4 * UM, pores=Pores(0.01, UM))


def test_fewer_larger_pores_serve_where_junctions_are_few() -> None:
    grid = Grid((60, 40), (0.5 * UM, 0.5 * UM), "mirror")
    grains = bricks(grid, 0.0, 10.0 * UM)
    total = 9 * np.pi * UM**2 / 600.0 / UM**2
    centres, radius = place_pores(grains, grid, 0.0, Pores(total, 1.0 * UM), seed=1)
    assert 0 < len(centres) <= len(grains.junctions) < 9
    assert UM < radius <= 1.3 * UM
