"""Maps from labelled voxels against the exact geometry that the labels were drawn from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from microstructures import Microstructure, build
from microstructures.labels import boundary_normals, from_labels
from phasefield.grid import Grid, Lateral

UM = 1e-6
H = 0.4 * UM
BAND = 6.0 * H


def of_labels(exact: Microstructure, repeats: bool = True) -> Microstructure:
    return from_labels(exact.grain_id, exact.grid, exact.electrode_plane, BAND, repeats=repeats)


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


@pytest.mark.parametrize("angle", [0.0, 90.0])
@pytest.mark.parametrize("shape", [(60, 48), (60, 48, 7)])
def test_planes_along_faces_are_exact(shape: tuple[int, ...], angle: float) -> None:
    exact = build(Grid(shape, (H,) * len(shape), "mirror"), "bicrystal", 4 * H, BAND, angle=np.radians(angle))
    made = of_labels(exact)
    assert made.boundary_distance == pytest.approx(exact.boundary_distance, abs=1e-5 * H)
    assert made.grain_boundary_fraction == pytest.approx(exact.grain_boundary_fraction, abs=1e-4)
    assert made.boundary_per_volume == pytest.approx(exact.boundary_per_volume, rel=1e-6)
    for axis in range(len(shape)):
        assert made.sheet_weight[axis] == pytest.approx(exact.sheet_weight[axis], abs=1e-5)
        assert np.array_equal(made.sheet_boundary[axis], exact.sheet_boundary[axis])
    assert np.array_equal(made.boundary_pairs, exact.boundary_pairs)
    assert np.array_equal(made.grain_id, exact.grain_id)
    assert np.array_equal(made.in_electrode, exact.in_electrode)
    assert made.metal_distance == pytest.approx(exact.metal_distance)


@pytest.mark.parametrize("angle", [15.0, 22.0, 33.0, 57.0, 75.0, 107.0])
@pytest.mark.parametrize(("shape", "aspect"), [((160, 120), 1.0), ((127, 161), 0.75), ((60, 50, 30), 1.0)])
def test_tilted_planes_lose_their_staircase(shape: tuple[int, ...], aspect: float, angle: float) -> None:
    grid = Grid(shape, (H, aspect * H, H)[: len(shape)], "mirror")
    tilt = np.radians(angle)
    exact = build(grid, "bicrystal", 4 * H, BAND, angle=tilt)
    made = of_labels(exact)
    near = exact.boundary_distance < 4 * H
    near[:9] = near[-5:] = near[:, :5] = near[:, -5:] = False  # few faces tell where a boundary ends
    assert rms((made.boundary_distance - exact.boundary_distance)[near]) < 0.12 * H
    ceramic = ~made.in_electrode
    assert rms((made.grain_boundary_fraction - exact.grain_boundary_fraction)[ceramic]) < 0.03
    weights = np.concatenate([w[w > 0.0] for w in made.sheet_weight])
    exact_weight = abs(np.sin(tilt)) + abs(np.cos(tilt))
    assert weights.mean() == pytest.approx(exact_weight, rel=0.015)
    assert rms(weights - exact_weight) < 0.06
    assert made.boundary_per_volume == pytest.approx(exact.boundary_per_volume, rel=0.02)


@pytest.mark.parametrize(("shape", "radius"), [((48, 48), 7.0), ((48, 48), 15.0), ((36, 36, 36), 7.0)])
def test_round_grains_stay_round(shape: tuple[int, ...], radius: float) -> None:
    places = Grid(shape, (H,) * len(shape)).meshgrid()
    gap = np.sqrt(sum((place / H - 0.5 * n - 0.3) ** 2 for place, n in zip(places, shape, strict=True))) - radius
    made = from_labels(np.where(gap < 0.0, 1, 2), Grid(shape, (H,) * len(shape), "mirror"), 0.0, BAND)
    near = np.abs(gap) < 4.0
    assert rms(made.boundary_distance[near] / H - np.abs(gap[near])) < 0.15
    area = 2.0 * np.pi * radius if len(shape) == 2 else 4.0 * np.pi * radius**2
    assert made.boundary_per_volume * H * np.prod(shape) == pytest.approx(area, rel=0.02)


@pytest.mark.parametrize("lateral", ["periodic", "mirror"])
@pytest.mark.parametrize(("shape", "error"), [((200, 180), 0.14), ((52, 48, 44), 0.1)])
def test_grains_of_twelve_cells(shape: tuple[int, ...], error: float, lateral: Lateral) -> None:
    exact = build(Grid(shape, (H,) * len(shape), lateral), "voronoi", 4 * H, BAND, grain_size=12 * H, seed=3)
    made = of_labels(exact)
    assert made.boundary_per_volume == pytest.approx(exact.boundary_per_volume, rel=0.02)
    ceramic = ~made.in_electrode
    assert rms((made.boundary_distance - exact.boundary_distance)[ceramic]) < error * H
    assert made.grain_boundary_fraction.mean() == pytest.approx(exact.grain_boundary_fraction.mean(), rel=0.015)
    assert not made.grain_boundary_fraction[~ceramic].any()
    for axis, weight in enumerate(made.sheet_weight):
        assert np.array_equal(weight > 0.0, exact.sheet_weight[axis] > 0.0)
        assert np.array_equal(weight > 0.0, made.sheet_boundary[axis] >= 0)
    mean, exact_mean = (np.concatenate([w[w > 0.0] for w in m.sheet_weight]).mean() for m in (made, exact))
    assert mean == pytest.approx(exact_mean, rel=0.008)


@pytest.mark.parametrize("shape", [(120, 100), (44, 40, 36)])
def test_nearest_boundary_is_one_of_the_own_grain(shape: tuple[int, ...]) -> None:
    exact = build(Grid(shape, (H,) * len(shape)), "voronoi", 4 * H, BAND, grain_size=12 * H, seed=3)
    made = of_labels(exact)
    ceramic = ~made.in_electrode
    pairs, others = made.boundary_pairs[made.boundary_id], exact.boundary_pairs[exact.boundary_id]
    assert np.all((pairs == made.grain_id[..., None]).any(axis=-1)[ceramic])
    # of two that are about equally far the labels may tell the other one
    assert np.mean((pairs == others).all(axis=-1)[ceramic]) > 0.93
    assert np.all(made.boundary_pairs[:, 0] < made.boundary_pairs[:, 1])
    assert len(np.unique(made.boundary_pairs, axis=0)) == len(made.boundary_pairs)


def test_rows_of_faces_name_the_grains_beside_them() -> None:
    made = of_labels(build(Grid((40, 30, 26), (H,) * 3), "voronoi", 4 * H, BAND, grain_size=12 * H, seed=3))
    for axis, row in enumerate(made.sheet_boundary):
        cells = np.moveaxis(made.grain_id, axis, 0)
        rows = np.moveaxis(row, axis, 0)
        beside = np.sort(np.stack([cells[:-1], cells[1:]], axis=-1), axis=-1)
        inside = rows[1:-1] >= 0
        assert np.array_equal(made.boundary_pairs[rows[1:-1][inside]], beside[inside])
        assert np.array_equal(rows[0], rows[-1])
        assert (rows[0] >= 0).any() == (axis > 0)


def test_normals_lead_to_the_larger_grain() -> None:
    grid = Grid((60, 50, 30), (H,) * 3, "mirror")
    made = of_labels(build(grid, "bicrystal", 4 * H, BAND, angle=np.radians(30.0)))
    normals = boundary_normals(made)
    assert normals.shape == (60, 50, 30, 3)
    inside = normals[7:-3]  # few faces tell where a boundary ends
    cosine = inside @ np.array([-np.sin(np.pi / 6), np.cos(np.pi / 6), 0.0])
    assert np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))).mean() < 2.5
    swapped = replace(made, grain_id=np.where(made.grain_id > 0, 3 - made.grain_id, 0))
    assert boundary_normals(swapped) == pytest.approx(-normals, abs=1e-6)


def test_sides_of_a_thin_grain_are_told_apart() -> None:
    x, y = Grid((80, 80), (H, H)).meshgrid()
    across = (np.cos(0.5) * y - np.sin(0.5) * x) / H - 15.0
    made = from_labels(np.where(np.abs(across) < 1.5, 2, 1), Grid((80, 80), (H, H), "mirror"), 0.0, BAND)
    exact = np.abs(np.abs(across) - 1.5)
    near = exact < 6.0
    assert rms(made.boundary_distance[near] / H - exact[near]) < 0.12
    assert len(made.boundary_pairs) == 1  # both sides share a row


@pytest.mark.parametrize("moved", [(0, 17, 0), (0, 5, 23)])
def test_periodic_sides_are_like_any_other_place(moved: tuple[int, ...]) -> None:
    grid = Grid((30, 36, 32), (H,) * 3)
    exact = build(grid, "voronoi", 4 * H, BAND, grain_size=12 * H, seed=3)
    made = of_labels(exact)
    shifted = from_labels(np.roll(exact.grain_id, moved, axis=(0, 1, 2)), grid, 4 * H, BAND)
    back = tuple(-m for m in moved)
    difference = np.roll(shifted.boundary_distance, back, axis=(0, 1, 2)) - made.boundary_distance
    assert rms(difference) < 0.02 * H  # ties between faces are told by the order of cells
    assert shifted.boundary_per_volume == pytest.approx(made.boundary_per_volume, rel=1e-6)
    weight = np.roll(shifted.sheet_weight[0], back, axis=(0, 1, 2))
    assert weight == pytest.approx(made.sheet_weight[0], abs=1e-5)


def test_labels_that_do_not_repeat_have_no_boundary_at_the_sides() -> None:
    grid = Grid((40, 40), (H, H))
    labels = np.where(np.arange(40) < 16, 1, 2) * np.ones((40, 1), dtype=int)
    made, repeated = (from_labels(labels, grid, 0.0, BAND, repeats=repeats) for repeats in (False, True))
    assert not made.sheet_weight[1][:, [0, -1]].any()
    assert np.all(repeated.sheet_weight[1][:, [0, -1]] == pytest.approx(1.0))
    assert repeated.boundary_per_volume == pytest.approx(2.0 * made.boundary_per_volume)
    assert made.boundary_distance[0] == pytest.approx(np.abs(grid.centres(1) - 16 * H), abs=1e-5 * H)
    expected = np.minimum(np.abs(grid.centres(1) - 16 * H), np.minimum(grid.centres(1), 40 * H - grid.centres(1)))
    assert repeated.boundary_distance[0] == pytest.approx(expected, abs=1e-5 * H)


def test_one_grain_has_no_boundary() -> None:
    made = from_labels(np.full((20, 10), 7), Grid((20, 10), (H, H)), 3 * H, BAND)
    assert np.all(made.boundary_distance == np.inf)
    assert np.all(made.boundary_id == -1)
    assert made.boundary_pairs.shape == (0, 2)
    assert made.boundary_per_volume == 0.0
    assert np.array_equal(np.unique(made.grain_id), [0, 1])
    assert not boundary_normals(made).any()


@pytest.mark.parametrize("shape", [(64, 48), (48, 40, 40)])
def test_metal_has_the_distance_of_its_smooth_surface(shape: tuple[int, ...]) -> None:
    grid = Grid(shape, (H,) * len(shape), "mirror")
    places = [place / H for place in grid.meshgrid()]
    centre = [26.2, *([20.4] * (len(shape) - 1))]
    depth = 7.3 - np.sqrt(sum((p - c) ** 2 for p, c in zip(places, centre, strict=True)))
    plane = 8.3
    exact = np.maximum(depth, plane - places[0])
    metal = (depth > 0.0).astype(float)
    made = from_labels(np.ones(shape, dtype=int), grid, plane * H, BAND, metal_fraction=metal)
    error = made.metal_distance / H - exact
    assert rms(error[np.abs(exact) < 4.0]) < 0.15
    assert np.array_equal(made.metal_distance > 0.0, exact > 0.0)
    near_plane = (np.abs(plane - places[0]) < 2.0) & (plane - places[0] > depth + 1.0)
    assert made.metal_distance[near_plane] == pytest.approx(exact[near_plane] * H, abs=1e-5 * H)
    assert np.array_equal(made.pore_fraction == 1.0, metal == 1.0)


def test_metal_on_the_electrode_is_one_with_it() -> None:
    grid = Grid((40, 41), (H, H), "mirror")
    x, y = (place / H for place in grid.meshgrid())
    metal = ((x < 20.0) & (np.abs(y - 20.5) < 6.0)).astype(float)
    made = from_labels(np.ones(grid.shape, dtype=int), grid, 8 * H, BAND, metal_fraction=metal)
    inside = made.metal_distance[:, 20] / H
    assert inside[16:24] == pytest.approx(20.0 - x[16:24, 20], abs=1e-4)
    assert np.all(inside[4:16] > 3.9)  # no surface where it meets the electrode


def test_boundaries_in_pores_are_no_area() -> None:
    grid = Grid((40, 20), (H, H), "mirror")
    labels = np.where(np.arange(20) < 10, 1, 2) * np.ones((40, 1), dtype=int)
    pores, second = np.zeros((40, 20)), np.zeros((40, 20))
    pores[10:20, 5:15] = 1.0
    second[30:, 8:12] = 0.5
    made = from_labels(labels, grid, 0.0, BAND, pore_fraction=pores, second_phase_fraction=second)
    assert made.boundary_per_volume == pytest.approx(25.0 / (40.0 * 20.0 * H))
    assert np.array_equal(made.pore_fraction, pores)
    assert np.array_equal(made.second_phase_fraction, second)


def test_numbers_with_gaps_are_closed_in_their_order() -> None:
    labels = np.repeat([[900, 5, 70]], 12, axis=0).repeat(4, axis=1)
    made = from_labels(labels, Grid((12, 12), (H, H), "mirror"), 2 * H, BAND)
    assert np.array_equal(made.grain_id[4], np.repeat([3, 1, 2], 4))
    assert not made.grain_id[:2].any()
    assert np.array_equal(made.boundary_pairs, [[1, 2], [1, 3]])


@pytest.mark.parametrize(
    ("labels", "fractions", "message"),
    [
        (np.ones((4, 5), dtype=int), {}, "do not fit a grid"),
        (np.ones((4, 4)), {}, "whole numbers"),
        (np.zeros((4, 4), dtype=int), {}, "begin with 1"),
        (np.ones((4, 4), dtype=int), {"pore_fraction": np.full((4, 4), 1.2)}, "pores: .*between 0 and 1"),
        (np.ones((4, 4), dtype=int), {"metal_fraction": np.ones((4, 3))}, "metal: .*do not fit"),
        (
            np.ones((4, 4), dtype=int),
            {"pore_fraction": np.full((4, 4), 0.6), "second_phase_fraction": np.full((4, 4), 0.6)},
            "fill more than",
        ),
    ],
)
def test_refuses_what_makes_no_sense(labels: np.ndarray, fractions: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_labels(labels, Grid((4, 4), (H, H)), 0.0, BAND, **fractions)
