"""Pores: on junctions, apart from each other and the electrodes, with the porosity asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from microstructures import Tessellation, bicrystal, bricks, build, single_crystal, voronoi
from microstructures.coverage import balls, coverage, pore_surface_density
from microstructures.draws import uniform
from microstructures.pores import Particles, Pores, particle_bodies, pore_bodies
from microstructures.sites import Region, on_boundaries
from phasefield.grid import Grid, Lateral

UM = 1e-6
SIDES: list[Lateral] = ["periodic", "mirror"]


def placed(grains: Tessellation, grid: Grid, plane: float, pores: Pores, seed: int) -> tuple[np.ndarray, float]:
    """Return centres and the radius of pores of one size."""
    bodies = pore_bodies(grains, grid, plane, pores, seed)
    assert np.ptp(bodies.radius) == 0.0
    return bodies.start, float(bodies.radius[0])


def disc(grid: Grid, centres: np.ndarray, radius: float) -> np.ndarray:
    return coverage(grid, balls(centres, radius))


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
        check_pores(grid, grains, *placed(grains, grid, 4.0 * UM, Pores(0.06, 1.0 * UM), seed))


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
            centres, _ = placed(grains, grid, 4.0 * UM, two, seed)
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
        return placed(voronoi(grid, 4 * UM, 9 * UM), grid, 4 * UM, Pores(0.01, UM), seed)[0]

    assert np.array_equal(centres(1, 1), centres(2, 1))
    assert not np.array_equal(centres(1, 1), centres(1, 2))


def test_coverage_of_a_disc_is_its_area_wherever_it_lies() -> None:
    grid = Grid((41, 30), (0.5 * UM, 0.4 * UM))
    for x, y in ((10.0, 6.0), (9.87, 0.03), (11.13, 11.9)):
        share = disc(grid, np.array([[x, y]]) * UM, 2.0 * UM)
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
    share = disc(grid, np.array([[1.83, 1.77]]) * UM, 0.15 * UM)
    assert share.sum() * grid.cell_volume == pytest.approx(np.pi * (0.15 * UM) ** 2, rel=0.05, abs=0.0)


@pytest.mark.parametrize("spacing", [(0.4, 0.4), (0.5, 0.3)])
@pytest.mark.parametrize("centre", [(10.0, 6.0), (9.87, 6.13), (11.13, 0.7)])
@pytest.mark.parametrize("cells", [3.0, 4.7, 8.0])
def test_the_surface_of_a_disc_is_its_circumference_also_across_periodic_sides(
    spacing: tuple[float, float], centre: tuple[float, float], cells: float
) -> None:
    grid = Grid((41, 40), (spacing[0] * UM, spacing[1] * UM))
    radius = cells * max(spacing) * UM
    share = disc(grid, np.array([centre]) * UM, radius)
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
        (Pores(0.0005, 2.0 * UM), "less than one of the pores"),
        (Pores(0.0, 1.0 * UM), "between 0 and 1"),
        (Pores(0.95, -1.0 * UM), "between 0 and 1"),
        (Pores(0.95, 1.0 * UM), "95 % does not fit.*at most about 60 %.*channels"),
        (Pores(None, 1.0 * UM), "porosity must lie between 0 and 1.*not no value"),
        (Pores(0.02, 1.0 * UM, log_width=1.5), "log_width"),
        (
            Pores(0.57, 1.0 * UM, location="grain_interiors"),
            "interiors apart from the boundaries have room for about [45]. %",
        ),
        (Pores(0.5, 1.0 * UM, location="grain_boundaries"), "grain boundaries have room for about [23]"),
        (Pores(0.1, 1.0 * UM, layer=(2.0 * UM, 10.0 * UM)), "inside the ceramic, from 4 to 64 um"),
        (Pores(0.0, 1.0 * UM, location="electrode_contact", covered_fraction=0.9), "90 % does not fit"),
        (Pores(0.9 * np.pi * 20.0**2 / 2880.0, 20.0 * UM, location="grain_interiors"), "have room"),
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
    centres, radius = placed(grains, grid, 0.0, Pores(total, 1.0 * UM), seed=1)
    assert 0 < len(centres) <= len(grains.junctions) < 9
    assert UM < radius <= 1.3 * UM


def one_after_another(
    grains: Tessellation, grid: Grid, radius: float, count: int, seed: int, plane: float
) -> np.ndarray:
    """Take shuffled junctions in their order, unless too near to the electrodes or to one taken before."""
    sites = grains.junction_sites[np.argsort(uniform(seed, 1, len(grains.junction_sites)), kind="stable")]
    chosen: list[np.ndarray] = []
    for site in sites:
        if len(chosen) == count:
            break
        inside = plane + 3.0 * radius <= site[0] <= grid.lengths[0] - 3.0 * radius
        if grid.lateral == "mirror":
            inside &= bool(np.all((site[1:] >= radius) & (site[1:] <= np.array(grid.lengths[1:]) - radius)))
        steps = np.array(chosen).reshape(-1, len(site)) - site
        if grid.lateral == "periodic":
            steps[:, 1:] -= np.round(steps[:, 1:] / grid.lengths[1:]) * grid.lengths[1:]
        if inside and np.all(np.linalg.norm(steps, axis=1) > 2.0 * radius):
            chosen.append(site)
    return np.array(chosen)


@pytest.mark.parametrize("lateral", SIDES)
@pytest.mark.parametrize("axes", [2, 3])
def test_pores_of_one_size_take_the_junctions_in_their_order(lateral: Lateral, axes: int) -> None:
    """The shipped cases rest on this choice."""
    grid = Grid((60, 55, 50)[:axes], (0.4 * UM,) * axes, lateral)
    grains = voronoi(grid, 2.0 * UM, 4.0 * UM)
    for seed in range(8):
        centres, radius = placed(grains, grid, 2.0 * UM, Pores(0.05, 0.8 * UM), seed)
        assert len(centres) > 5
        assert np.array_equal(centres, one_after_another(grains, grid, radius, len(centres), seed, 2.0 * UM))


def box(axes: int, lateral: Lateral = "periodic") -> Grid:
    return Grid((100, 90), (0.3 * UM,) * 2, lateral) if axes == 2 else Grid((60, 50, 54), (0.4 * UM,) * 3, lateral)


def gaps(
    grid: Grid, centres: np.ndarray, radius: np.ndarray, other: np.ndarray, other_radius: np.ndarray
) -> np.ndarray:
    steps = centres[:, None] - other[None]
    if grid.lateral == "periodic":
        lengths = np.array(grid.lengths[1:])
        steps[..., 1:] -= np.round(steps[..., 1:] / lengths) * lengths
    return np.linalg.norm(steps, axis=2) - radius[:, None] - other_radius[None]


@pytest.mark.parametrize("location", ["triple_junctions", "grain_boundaries", "grain_interiors"])
@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("lateral", SIDES)
def test_sizes_are_log_normal_and_fill_exactly_the_porosity(axes: int, lateral: Lateral, location: Any) -> None:
    grid, plane = box(axes, lateral), 2.4 * UM
    grains = voronoi(grid, plane, 4.0 * UM)
    porosity = 0.02 if location == "triple_junctions" else 0.06
    pores = Pores(porosity, 0.5 * UM, 0.25, location)
    made = pore_bodies(grains, grid, plane, pores, 3)
    unit = np.pi if axes == 2 else 4.0 / 3.0 * np.pi
    volume = (grid.lengths[0] - plane) * np.prod(grid.lengths[1:])
    assert unit * np.sum(made.radius**axes) == pytest.approx(porosity * volume, rel=1e-12, abs=0.0)
    assert np.median(made.radius) == pytest.approx(0.5 * UM, rel=0.3, abs=0.0)
    assert np.std(np.log(made.radius)) == pytest.approx(0.25, rel=0.1)
    drawn = coverage(grid, made)
    ceramic = round(plane / grid.spacing[0])
    assert drawn[ceramic:].mean() == pytest.approx(porosity, rel=0.03)
    assert drawn[:ceramic].max() < 1e-3
    apart = gaps(grid, made.start, made.radius, made.start, made.radius)
    np.fill_diagonal(apart, np.inf)
    assert apart.min() > 0.0
    nearest = grains.nearest_facet(*grains.locate(made.start))[1]
    if location == "grain_interiors":
        assert np.all(nearest > made.radius * (1.0 - 1e-6))
    else:
        assert nearest.max() < 1e-6 * UM


@pytest.mark.parametrize(("axes", "porosity"), [(2, 0.45), (3, 0.33)])
def test_many_isolated_pores_meet_their_porosity_as_drawn(axes: int, porosity: float) -> None:
    grid = box(axes)
    made = pore_bodies(single_crystal(grid, 0.0), grid, 0.0, Pores(porosity, 1.0 * UM, location="grain_interiors"), 1)
    assert coverage(grid, made).mean() == pytest.approx(porosity, abs=0.002)
    apart = gaps(grid, made.start, made.radius, made.start, made.radius)
    np.fill_diagonal(apart, np.inf)
    assert apart.min() > 0.0


@pytest.mark.parametrize("axes", [2, 3])
def test_places_on_boundaries_are_spread_evenly_over_their_area(axes: int) -> None:
    grid = box(axes)
    grains = voronoi(grid, 0.0, 9.0 * UM)
    region = Region(grid, np.zeros(axes), np.array(grid.lengths), np.zeros(axes))
    sites = on_boundaries(grains, region, region.random_points(1, 1, 400_000))
    assert len(sites) > 10_000
    cell, relative = grains.locate(sites)
    facet, distance = grains.nearest_facet(cell, relative)
    assert distance.max() < 1e-6 * UM
    found = np.bincount(grains.boundary[cell, facet], minlength=len(grains.boundary_pairs))
    expected = grains.boundary_area / grains.boundary_area.sum() * len(sites)
    large = expected > 50.0
    assert large.sum() > 10
    # a place near an end of a boundary may go to the next one
    assert np.all(np.abs(found - expected)[large] < 5.0 * np.sqrt(expected[large]) + 0.03 * expected[large])
    # as evenly along x as the boundaries themselves: near the middle and near the ends of the edges
    if axes == 2:
        ends = grains.edges[:, 0], grains.edges[:, 1]
        along = np.linspace(0.005, 0.995, 100)
        points = np.concatenate([ends[0] + a * (ends[1] - ends[0]) for a in along])
        weight = np.tile(np.linalg.norm(ends[1] - ends[0], axis=1), along.size)
        edges = np.linspace(0.0, grid.lengths[0], 8)
        wanted = np.histogram(points[:, 0], edges, weights=weight / weight.sum())[0]
        assert np.histogram(sites[:, 0], edges)[0] / len(sites) == pytest.approx(wanted, abs=0.01)


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("lateral", SIDES)
@pytest.mark.parametrize("log_width", [0.0, 0.3])
def test_voids_cover_the_share_of_the_contact(axes: int, lateral: Lateral, log_width: float) -> None:
    grid, plane = box(axes, lateral), 3.6 * UM
    pores = Pores(None, 1.2 * UM, log_width, "electrode_contact", covered_fraction=0.35)
    made = pore_bodies(single_crystal(grid, plane), grid, plane, pores, 5)
    assert np.all(made.start[:, 0] == plane)
    size = 2.0 * made.radius if axes == 2 else np.pi * made.radius**2
    assert size.sum() == pytest.approx(0.35 * np.prod(grid.lengths[1:]), rel=1e-12, abs=0.0)
    first = coverage(grid, made)[round(plane / grid.spacing[0])]
    assert 0.29 < first.mean() < 0.36  # half a cell into the ceramic half balls are a little narrower
    apart = gaps(grid, made.start, made.radius, made.start, made.radius)
    np.fill_diagonal(apart, np.inf)
    assert apart.min() > 0.0


def test_voids_follow_a_rough_contact() -> None:
    grid, plane = box(2), 6.0 * UM
    height = 2.0 * UM * np.sin(2.0 * np.pi * grid.centres(1) / grid.lengths[1])
    pores = Pores(None, 0.8 * UM, location="electrode_contact", covered_fraction=0.3)
    made = pore_bodies(single_crystal(grid, plane), grid, plane, pores, 2, contact_height=height)
    wanted = plane + 2.0 * UM * np.sin(2.0 * np.pi * made.start[:, 1] / grid.lengths[1])
    assert made.start[:, 0] == pytest.approx(wanted, abs=0.08 * UM)
    assert 2.0 * made.radius.sum() == pytest.approx(0.3 * grid.lengths[1], rel=1e-12, abs=0.0)


@pytest.mark.parametrize("location", ["triple_junctions", "grain_boundaries", "grain_interiors"])
def test_pores_of_a_layer_stay_inside_and_fill_its_porosity(location: Any) -> None:
    grid, plane = box(2), 3.0 * UM
    layer = (12.0 * UM, 21.0 * UM)
    grains = voronoi(grid, plane, 4.0 * UM)
    made = pore_bodies(grains, grid, plane, Pores(0.12, 0.6 * UM, 0.1, location, layer), 1)
    drawn = coverage(grid, made)
    assert np.all(made.start[:, 0] - made.radius >= layer[0])
    assert np.all(made.start[:, 0] + made.radius <= layer[1])
    assert drawn[40:70].mean() == pytest.approx(0.12, abs=0.001)
    assert drawn[:40].max() < 1e-3
    assert drawn[70:].max() < 1e-3


@pytest.mark.parametrize("lateral", SIDES)
def test_populations_of_pores_and_particles_do_not_overlap(lateral: Lateral) -> None:
    grid, plane = box(3, lateral), 2.0 * UM
    grains = voronoi(grid, plane, 6.0 * UM)
    first = pore_bodies(grains, grid, plane, Pores(0.03, 1.0 * UM), 1)
    second = pore_bodies(grains, grid, plane, Pores(0.08, 0.6 * UM, 0.2, "grain_boundaries"), 1, 1, first)
    third = particle_bodies(grains, grid, plane, Particles(0.05, 0.5 * UM, location="grain_interiors"), 1, 0, second)
    assert gaps(grid, first.start, first.radius, second.start, second.radius).min() > 0.0
    assert gaps(grid, second.start, second.radius, third.start, third.radius).min() > 0.0
    alone = pore_bodies(grains, grid, plane, Pores(0.08, 0.6 * UM, 0.2, "grain_boundaries"), 1, 1)
    assert gaps(grid, first.start, first.radius, alone.start, alone.radius).min() < 0.0
    # every population draws numbers of its own
    other = pore_bodies(grains, grid, plane, Pores(0.08, 0.6 * UM, 0.2, "grain_boundaries"), 1, 2)
    assert not np.array_equal(alone.start, other.start)


def test_particles_of_the_first_population_are_not_where_pores_are() -> None:
    grid = box(2)
    grains = voronoi(grid, 0.0, 4.0 * UM)
    pores = pore_bodies(grains, grid, 0.0, Pores(0.05, 0.6 * UM), 1)
    particles = particle_bodies(grains, grid, 0.0, Particles(0.05, 0.6 * UM), 1)
    assert pores.count == particles.count
    assert not np.array_equal(pores.start, particles.start)
    with pytest.raises(ValueError, match="a share of particles of 95 % does not fit.*ask for less"):
        particle_bodies(grains, grid, 0.0, Particles(0.95, 0.6 * UM), 1)


def test_boxes_too_narrow_for_a_pore_are_refused() -> None:
    narrow = Grid((100, 6), (0.3 * UM,) * 2)
    with pytest.raises(ValueError, match="radius 1 um do not fit into a box 1.8 um wide"):
        pore_bodies(single_crystal(narrow, 0.0), narrow, 0.0, Pores(np.pi / 54.0, UM, location="grain_interiors"), 1)
    line = Grid((100, 1), (0.3 * UM,) * 2)
    with pytest.raises(ValueError, match="two or three dimensions"):
        pore_bodies(single_crystal(line, 0.0), line, 0.0, Pores(0.1, UM), 1)
    grid = box(2)
    with pytest.raises(ValueError, match="grain boundaries have room for about 0 %"):
        pore_bodies(single_crystal(grid, 0.0), grid, 0.0, Pores(0.1, UM, location="grain_boundaries"), 1)


def test_pores_sit_along_the_boundary_of_a_bicrystal() -> None:
    grid = box(2)
    grains = bicrystal(grid, 3.0 * UM, 0.0)
    made = pore_bodies(grains, grid, 3.0 * UM, Pores(0.01, 0.5 * UM, location="grain_boundaries"), 1)
    assert made.start[:, 1] == pytest.approx(0.5 * grid.lengths[1], abs=1e-6 * UM)
