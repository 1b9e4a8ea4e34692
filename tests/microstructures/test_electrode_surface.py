"""The electrode's surface: rough as asked for, with hills, and seeds of metal."""

from __future__ import annotations

import numpy as np
import pytest

from microstructures.coverage import coverage
from microstructures.electrode_surface import (
    MetalSeed,
    Protrusion,
    Surface,
    check_surface,
    electrode_distance,
    protrusions,
    rough_surface,
    seed_bodies,
)
from phasefield.grid import Grid, Lateral

UM = 1e-6
SIDES: list[Lateral] = ["periodic", "mirror"]


def grid_of(axes: int, lateral: Lateral = "periodic", finer: int = 1) -> Grid:
    shape = (80, 120 * finer) if axes == 2 else (80, 60 * finer, 44 * finer)
    return Grid(shape, (0.5 * UM, *(0.5 * UM / finer,) * (axes - 1)), lateral)


@pytest.mark.parametrize("lateral", SIDES)
@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize(("hurst", "length"), [(None, 2.5), (0.8, 9.0)])
def test_root_mean_square_and_mean_are_exact_and_the_slope_is_the_derivative(
    lateral: Lateral, axes: int, hurst: float | None, length: float
) -> None:
    for seed in range(3):
        made = rough_surface(grid_of(axes, lateral), 0.4 * UM, length * UM, seed, hurst)
        assert np.sqrt(np.mean(made.height**2)) == pytest.approx(0.4 * UM, rel=1e-6, abs=0.0)
        assert abs(made.height.mean()) < 1e-8 * UM
        assert made.gradient.shape == (axes - 1, *made.height.shape)
        fine = grid_of(axes, lateral, 5)
        dense = rough_surface(fine, 0.4 * UM, length * UM, seed, hurst)
        # the same surface on a finer grid, whose every fifth column is one of the coarse grid's
        pick = (slice(2, None, 5),) * (axes - 1)
        assert dense.height[pick] == pytest.approx(made.height, abs=1e-6 * UM)
        for axis in range(axes - 1):
            d = fine.spacing[axis + 1]
            wrapped = np.roll(dense.height, -1, axis) - np.roll(dense.height, 1, axis)
            if lateral == "mirror":
                edge = np.pad(dense.height, [(1, 1) if a == axis else (0, 0) for a in range(axes - 1)], mode="edge")
                n = dense.height.shape[axis]
                wrapped = edge.take(np.arange(2, n + 2), axis) - edge.take(np.arange(n), axis)
            slope = wrapped / (2.0 * d)
            assert slope == pytest.approx(dense.gradient[axis], abs=0.03 * np.abs(dense.gradient[axis]).max())


@pytest.mark.parametrize("lateral", SIDES)
def test_heights_of_a_gaussian_surface_forget_each_other_over_the_correlation_length(lateral: Lateral) -> None:
    grid = Grid((80, 400, 400), (0.5 * UM,) * 3, lateral)
    height = rough_surface(grid, 1.0 * UM, 5.0 * UM, 3).height
    for distance in (4, 10, 16):
        along = np.mean(height[distance:] * height[:-distance]) / UM**2
        across = np.mean(height[:, distance:] * height[:, :-distance]) / UM**2
        assert 0.5 * (along + across) == pytest.approx(np.exp(-((0.1 * distance) ** 2)), abs=0.06)


@pytest.mark.parametrize(("axes", "hurst"), [(2, 0.5), (2, 0.9), (3, 0.8)])
def test_the_spectrum_of_a_self_affine_surface_falls_with_its_exponent(axes: int, hurst: float) -> None:
    cells = 2048 if axes == 2 else 512
    grid = Grid((80, *(cells,) * (axes - 1)), (0.5 * UM,) * axes)
    length = 64.0 * UM
    height = rough_surface(grid, 1.0 * UM, length, 1, hurst).height
    power = np.abs(np.fft.fftn(height)) ** 2
    k = 2.0 * np.pi * np.fft.fftfreq(cells, 0.5 * UM)
    size = np.abs(k) if axes == 2 else np.hypot(*np.meshgrid(k, k, indexing="ij"))
    within = (size * length > 4.0) & (size * length < 24.0)
    slope = np.polyfit(np.log(1.0 + (size[within] * length) ** 2), np.log(power[within]), 1)[0]
    assert slope == pytest.approx(-(hurst + 0.5 * (axes - 1)), abs=0.02)
    assert power[size * length > 2.0 * np.pi * 4.01].max() < 1e-9 * power.max()


def test_seeds_of_random_numbers_give_different_surfaces() -> None:
    first, again, other = (rough_surface(grid_of(3), UM, 3.0 * UM, seed).height for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.4


def test_a_box_one_cell_deep_is_rough_along_its_width() -> None:
    flat, deep = Grid((80, 120), (0.5 * UM,) * 2), Grid((80, 120, 1), (0.5 * UM,) * 3)
    plane, thick = (rough_surface(grid, UM, 3.0 * UM, 1) for grid in (flat, deep))
    assert thick.height[:, 0] == pytest.approx(plane.height, abs=1e-8 * UM)
    assert not thick.gradient[1].any()


@pytest.mark.parametrize("axes", [2, 3])
def test_a_hill_has_its_height_its_foot_and_its_volume(axes: int) -> None:
    grid = grid_of(axes, finer=2)
    place = (15.0 * UM, 0.25 * UM)[: axes - 1]  # in 3-D across a periodic side
    made = protrusions(grid, [Protrusion(place, 3.0 * UM, 8.0 * UM)])
    assert made.height.max() == pytest.approx(3.0 * UM, rel=0.01, abs=0.0)
    area = np.prod(grid.spacing[1:])
    wide = 8.0 * UM if axes == 2 else np.pi * 16.0 * UM**2
    assert np.count_nonzero(made.height) * area == pytest.approx(wide, rel=0.05, abs=0.0)
    # the mean of cos² over the width, over the disc
    share = 0.5 if axes == 2 else 0.5 - 2.0 / np.pi**2
    assert made.height.sum() * area == pytest.approx(3.0 * UM * wide * share, rel=2e-3, abs=0.0)
    two = protrusions(grid, [Protrusion(place, 3.0 * UM, 8.0 * UM)] * 2)
    assert two.height == pytest.approx(2.0 * made.height, abs=1e-7 * UM)
    for axis in range(axes - 1):
        numeric = (np.roll(made.height, -1, axis) - np.roll(made.height, 1, axis)) / (2.0 * grid.spacing[axis + 1])
        assert numeric == pytest.approx(made.gradient[axis], abs=0.05)
        assert np.abs(made.gradient[axis]).max() > 1.0


def test_a_hill_at_a_mirror_side_is_cut_in_half() -> None:
    grid = grid_of(2, "mirror", 2)
    made = protrusions(grid, [Protrusion((0.0,), 3.0 * UM, 8.0 * UM)])
    assert made.height.sum() * grid.spacing[1] == pytest.approx(6.0 * UM**2, rel=2e-3, abs=0.0)
    assert not made.height[-20:].any()


@pytest.mark.parametrize("axes", [2, 3])
def test_the_distance_from_an_inclined_surface_is_across_it(axes: int) -> None:
    grid = grid_of(axes)
    slopes = np.array([0.6, -0.4])[: axes - 1]
    lateral = np.meshgrid(*(grid.centres(axis) for axis in range(1, axes)), indexing="ij")
    height = sum(s * (c - 15.0 * UM) for s, c in zip(slopes, lateral, strict=True))
    gradient = np.stack([np.full(grid.shape[1:], s) for s in slopes])
    distance = electrode_distance(grid, 20.0 * UM, Surface(height, gradient))
    normal = np.array([1.0, *-slopes]) / np.sqrt(1.0 + slopes @ slopes)
    points = np.stack(grid.meshgrid(), axis=-1) - np.array([20.0, 15.0, 15.0][:axes]) * UM
    assert distance == pytest.approx(-points @ normal, abs=1e-9 * UM)
    assert distance[0].min() > 0.0


def test_the_distance_is_first_order_near_a_rough_surface() -> None:
    grid = Grid((200, 300), (0.1 * UM,) * 2)
    made = rough_surface(grid, 0.5 * UM, 4.0 * UM, 1)
    distance = electrode_distance(grid, 10.0 * UM, made)
    dense = rough_surface(Grid((200, 3000), (0.1 * UM, 0.01 * UM)), 0.5 * UM, 4.0 * UM, 1)
    y = (np.arange(3000) + 0.5) * 0.01 * UM
    near = np.argwhere(np.abs(distance) < 0.2 * UM)[::7]
    for i, j in near:
        steps = y - grid.centres(1)[j]
        steps -= np.round(steps / grid.lengths[1]) * grid.lengths[1]
        exact = np.hypot(10.0 * UM + dense.height - grid.centres(0)[i], steps).min()
        assert abs(distance[i, j]) == pytest.approx(exact, abs=0.02 * UM)


def test_metal_seeds_are_balls_inside_the_ceramic() -> None:
    grid = grid_of(3)
    surface = protrusions(grid, [Protrusion((15.0 * UM, 11.0 * UM), 4.0 * UM, 8.0 * UM)])
    seeds = [
        MetalSeed((30.0 * UM, 15.0 * UM, 11.0 * UM), 2.0 * UM),
        MetalSeed((12.0 * UM, 2.0 * UM, 1.0 * UM), 1.5 * UM),
    ]
    bodies = seed_bodies(seeds, grid, 10.0 * UM, surface)
    volume = coverage(grid, bodies).sum() * grid.cell_volume
    assert volume == pytest.approx(4.0 / 3.0 * np.pi * (8.0 + 3.375) * UM**3, rel=0.01, abs=0.0)
    # beside the hill there is room where on it there is none
    seed_bodies([MetalSeed((12.5 * UM, 2.0 * UM, 11.0 * UM), 2.0 * UM)], grid, 10.0 * UM, surface)
    with pytest.raises(ValueError, match="not wholly inside the ceramic"):
        seed_bodies([MetalSeed((15.5 * UM, 15.0 * UM, 11.0 * UM), 2.0 * UM)], grid, 10.0 * UM, surface)
    assert seed_bodies([], grid, 10.0 * UM, None).count == 0


@pytest.mark.parametrize(
    ("place", "radius", "words"),
    [
        ((11.0, 15.0, 11.0), 2.0, "not wholly inside the ceramic"),
        ((39.0, 15.0, 11.0), 2.0, "not wholly inside the ceramic"),
        ((20.0, 15.0), 2.0, "needs 3 coordinates for its place, not 2"),
        ((20.0, 15.0, 23.0), 2.0, r"at \(20, 15, 23\) um lies outside of the box of \(40, 30, 22\) um"),
        ((20.0, 15.0, 11.0), 0.4, "radius 0.4 um is thinner than 2 cells"),
    ],
)
def test_seeds_that_do_not_fit_are_refused(place: tuple[float, ...], radius: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        seed_bodies([MetalSeed(tuple(p * UM for p in place), radius * UM)], grid_of(3), 10.0 * UM, None)


def test_seeds_that_touch_are_refused_also_across_periodic_sides() -> None:
    pair = [
        MetalSeed((20.0 * UM, 1.0 * UM, 11.0 * UM), 2.0 * UM),
        MetalSeed((20.0 * UM, 27.5 * UM, 11.0 * UM), 2.0 * UM),
    ]
    with pytest.raises(ValueError, match="touches another one"):
        seed_bodies(pair, grid_of(3), 10.0 * UM, None)
    assert seed_bodies(pair, grid_of(3, "mirror"), 10.0 * UM, None).count == 2


@pytest.mark.parametrize(
    ("rms", "length", "hurst", "words"),
    [
        (0.5, 1.5, None, r"thinner than 2 cells of 0.5 um: take 2 um or more \(4 cells\)"),
        (0.5, 6.0, 0.8, r"thinner than 2 cells of 0.5 um: take 8 um or more \(16 cells\)"),
        (0.5, 40.0, None, "more than half of the box's width of 60 um"),
        (-0.5, 5.0, None, "positive rms height"),
        (0.5, 9.0, 1.2, "Hurst exponent must lie between 0 and 1"),
    ],
)
def test_impossible_roughness_is_refused(rms: float, length: float, hurst: float | None, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        rough_surface(grid_of(2), rms * UM, length * UM, 1, hurst)


def test_surfaces_that_leave_the_box_and_thin_hills_are_refused() -> None:
    grid = grid_of(2)
    rough = rough_surface(grid, 1.0 * UM, 4.0 * UM, 1)
    check_surface(rough, grid, 8.0 * UM)
    for plane in (2.0 * UM, 38.0 * UM):
        with pytest.raises(ValueError, match="must stay 2 cells inside the box of 40 um"):
            check_surface(rough, grid, plane)
    with pytest.raises(ValueError, match="thinner than 2 cells at half its height"):
        protrusions(grid, [Protrusion((20.0 * UM,), 3.0 * UM, 1.9 * UM)])
    with pytest.raises(ValueError, match="positive height and width"):
        protrusions(grid, [Protrusion((20.0 * UM,), -3.0 * UM, 6.0 * UM)])
    with pytest.raises(ValueError, match="outside of the box"):
        protrusions(grid, [Protrusion((61.0 * UM,), 3.0 * UM, 6.0 * UM)])
    with pytest.raises(ValueError, match="needs 1 coordinates for its place, not 2"):
        protrusions(grid, [Protrusion((20.0 * UM, 1.0 * UM), 3.0 * UM, 6.0 * UM)])
    with pytest.raises(ValueError, match="two or three dimensions"):
        rough_surface(Grid((80, 1), (0.5 * UM,) * 2), UM, 5.0 * UM, 1)
