"""Unit normals of boundaries, and the signed distance whose gradient they are."""

from __future__ import annotations

import numpy as np
import pytest

from microstructures import boundary_normals, build, from_labels
from phasefield.grid import Grid, Lateral

UM = 1e-6
SIDES: list[Lateral] = ["periodic", "mirror"]


def test_of_a_bicrystal_they_are_its_one_normal() -> None:
    grid = Grid((40, 30), (0.5 * UM,) * 2, "mirror")
    made = build(grid, "bicrystal", 2.0 * UM, 2.0 * UM, angle=np.radians(30.0))
    normals = boundary_normals(made)
    assert normals == pytest.approx(np.broadcast_to([-0.5, np.sqrt(0.75)], normals.shape), abs=1e-6)
    x, y = grid.meshgrid()
    exact = -0.5 * (x - 11.0 * UM) + np.sqrt(0.75) * (y - 7.5 * UM)
    inside = ~made.in_electrode
    assert made.signed_distance[inside] == pytest.approx(exact[inside], abs=1e-9 * UM)


@pytest.mark.parametrize("lateral", SIDES)
@pytest.mark.parametrize("shape", [(60, 56), (30, 28, 26)])
@pytest.mark.parametrize("kind", ["voronoi", "laguerre"])
def test_the_signed_distance_grows_along_them(kind: str, shape: tuple[int, ...], lateral: Lateral) -> None:
    grid = Grid(shape, (0.5 * UM,) * len(shape), lateral)
    made = build(grid, kind, 2.0 * UM, 2.0 * UM, grain_size=7.0 * UM, elongation=1.5)
    normals, distance = boundary_normals(made), made.signed_distance
    assert np.linalg.norm(normals, axis=-1) == pytest.approx(1.0, abs=1e-6)
    for axis in range(len(shape)):
        low = tuple(slice(0, -1) if a == axis else slice(None) for a in range(len(shape)))
        high = tuple(slice(1, None) if a == axis else slice(None) for a in range(len(shape)))
        # where both cells look at the same facet from one of its sides or from both
        same = (made.boundary_id[low] == made.boundary_id[high]) & ~made.in_electrode[low]
        same &= np.all(np.abs(normals[low] - normals[high]) < 1e-5, axis=-1)
        same &= np.abs(distance[low]) < 1.0 * UM
        step = (distance[high] - distance[low]) / (0.5 * UM)
        assert same.sum() > 200
        assert step[same] == pytest.approx(normals[low][..., axis][same], abs=1e-5)


def test_a_single_crystal_has_none() -> None:
    made = build(Grid((12, 10), (UM, UM)), "single_crystal", 2.0 * UM, 2.0 * UM)
    assert not boundary_normals(made).any()


def test_without_geometry_they_come_from_the_labels() -> None:
    grid = Grid((60, 50), (0.5 * UM,) * 2, "mirror")
    made = build(grid, "bicrystal", 2.0 * UM, 2.0 * UM, angle=np.radians(30.0))
    object.__setattr__(made, "tessellation", None)
    near = (np.abs(made.boundary_distance) < 2.0 * UM) & ~made.in_electrode
    normals = boundary_normals(made)[near]
    assert np.median(np.degrees(np.arccos(np.clip(normals @ [-0.5, np.sqrt(0.75)], -1.0, 1.0)))) < 3.0


@pytest.mark.parametrize("repeats", [True, False])
def test_labels_that_do_not_repeat_have_no_boundary_at_periodic_sides(repeats: bool) -> None:
    grid = Grid((20, 24), (0.5 * UM,) * 2, "periodic")
    two = np.where(grid.meshgrid()[1] < 6.1 * UM, 1, 2)
    normals = boundary_normals(from_labels(two, grid, 0.0, 2.0 * UM, repeats=repeats))
    assert normals[10, 10:14, 1] == pytest.approx(1.0)
    # at the side itself the nearer boundary is the one across it, and its other grain is first there
    assert normals[10, 0, 1] == pytest.approx(-1.0 if repeats else 1.0)
