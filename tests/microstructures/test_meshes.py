"""Meshes with labels on their elements, sampled to a grid."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import meshio
import numpy as np
import pytest
from scipy.spatial import Delaunay

from microstructures.images import Phases
from microstructures.meshes import MeshSource, from_mesh
from phasefield.grid import Grid

UM = 1e-6
EXAMPLE = MeshSource(Path(__file__).parents[2] / "cases" / "inputs" / "grains_2d.vtu", UM, Phases())


def box_of(source: MeshSource, shape: tuple[int, ...] = (124, 90), spacing: float = 0.25 * UM) -> np.ndarray:
    return from_mesh(source, Grid(shape, (spacing,) * len(shape), "mirror"), 4 * spacing, UM).grain_id


def test_example_has_its_areas_and_boundaries() -> None:
    mesh = meshio.read(EXAMPLE.file)
    grain = mesh.cell_data["grain"][0]
    corners = mesh.points[mesh.cells[0].data][..., :2]
    one, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = np.bincount(grain, 0.5 * np.abs(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]))
    length, seen = 0.0, {}
    for number, element in zip(grain, mesh.cells[0].data, strict=True):
        for a in range(3):
            edge = tuple(sorted((element[a], element[a - 1])))
            if seen.setdefault(edge, number) != number:
                length += np.hypot(*(mesh.points[edge[0]] - mesh.points[edge[1]])[:2])
    made = from_mesh(EXAMPLE, Grid((124, 90), (0.25 * UM,) * 2, "mirror"), UM, UM)
    cells = np.bincount(made.grain_id[4:].ravel())
    assert cells * 0.25**2 == pytest.approx(area, abs=1.0)
    assert made.boundary_per_volume * 30.0 * 22.5 * UM == pytest.approx(length, rel=0.02)
    assert not made.grain_id[:4].any()


@pytest.mark.parametrize("ending", ["vtu", "msh", "vtk"])
def test_tetrahedra_are_found_where_they_are(tmp_path: Path, ending: str) -> None:
    rng = np.random.default_rng(3)
    corners = np.stack([c.ravel() for c in np.meshgrid(*[[-1.0, 13.0]] * 3)], axis=1)
    points = np.concatenate([corners, rng.uniform(-1.0, 13.0, (40, 3))])
    tetrahedra = Delaunay(points)
    labels = 1 + np.arange(len(tetrahedra.simplices), dtype=np.int32) % 5
    blocks = [("tetra", tetrahedra.simplices), ("triangle", np.array([[0, 1, 2]]))]  # a mesher leaves its surfaces
    file = tmp_path / f"mesh.{ending}"
    data = {"gmsh:physical": [labels, np.array([77], dtype=np.int32)]}
    data["gmsh:geometrical"] = data["gmsh:physical"]
    written = {"file_format": "gmsh22"} if ending == "msh" else {}
    meshio.write(file, meshio.Mesh(points, blocks, cell_data=data), **written)
    grid = Grid((16, 12, 11), (UM,) * 3, "mirror")
    source = MeshSource(file, UM, Phases(), "gmsh:physical", origin=(0.0, 0.0, 0.0))
    sampled = from_mesh(source, grid, 4 * UM, UM).grain_id[4:]
    centres = np.stack(np.meshgrid(np.arange(12) + 0.5, np.arange(12) + 0.5, np.arange(11) + 0.5, indexing="ij"), -1)
    exact = labels[tetrahedra.find_simplex(centres)]
    # VTK takes a point up to a thousandth of an element outside of it for inside
    assert np.mean(sampled == exact) > 0.99


def test_the_unit_and_the_origin_place_the_mesh(tmp_path: Path) -> None:
    mesh = meshio.read(EXAMPLE.file)
    mesh.points = (mesh.points + [100.0, -50.0, 0.0]) / 1000.0
    mesh.write(tmp_path / "moved.vtu")
    moved = MeshSource(tmp_path / "moved.vtu", 1e-3, Phases())
    # centres that lie on a boundary are in either grain
    assert np.mean(box_of(moved) == box_of(EXAMPLE)) > 0.999
    part = replace(moved, origin=(110.0 * UM, -45.0 * UM))
    whole = box_of(EXAMPLE)[4 + 40 : 4 + 80, 20:60]
    _, numbered = np.unique(whole, return_inverse=True)
    assert np.mean(box_of(part, (44, 40))[4:] == numbered.reshape(whole.shape) + 1) > 0.999


def test_labels_may_mean_pores_and_second_phase() -> None:
    source = replace(EXAMPLE, phases=Phases(pore=(2,), second_phase=(5,), metal=(6,)))
    made = from_mesh(source, Grid((124, 90), (0.25 * UM,) * 2, "mirror"), UM, UM)
    plain = box_of(EXAMPLE)
    assert np.array_equal(made.pore_fraction == 1.0, (plain == 2) | (plain == 6))
    assert np.array_equal(made.second_phase_fraction == 1.0, plain == 5)
    assert np.array_equal(made.metal_distance[4:] > 0.0, plain[4:] == 6)
    assert made.grain_id.max() == 3


def test_cells_outside_are_counted_and_placed() -> None:
    with pytest.raises(ValueError, match=r"180 of 10980 cells .* between \(30.12, 0.125\) um and \(30.38, 22.38\) um"):
        box_of(EXAMPLE, (126, 90))


def test_refuses_meshes_that_do_not_fit(tmp_path: Path) -> None:
    mesh = meshio.read(EXAMPLE.file)
    mesh.cell_data["part"] = [np.full(10, 0.5)]
    mesh.write(tmp_path / "two.vtu")
    mesh.points[0, 2] = 1.0
    mesh.write(tmp_path / "bent.vtu")
    (tmp_path / "broken.vtu").write_text("no mesh")
    for changes, shape, message in (
        ({}, (8, 4, 4), "needs a mesh of solid elements, and the elements of grains_2d.vtu are: triangle"),
        ({"array": "phase"}, (8, 4), "no array 'phase' on its elements, there are: grain"),
        ({"file": tmp_path / "two.vtu"}, (8, 4), "no single array on its elements, there are: grain, part"),
        ({"file": tmp_path / "two.vtu", "array": "part"}, (8, 4), "holds no labels"),
        ({"file": tmp_path / "bent.vtu", "array": "grain"}, (8, 4), "is a surface in space"),
        ({"file": tmp_path / "broken.vtu"}, (8, 4), "broken.vtu cannot be read as a mesh"),
        ({"file": tmp_path / "none.vtu"}, (8, 4), "there is no mesh"),
        ({"file": Path(__file__)}, (8, 4), "test_meshes.py cannot be read as a mesh"),
        ({"origin": (0.0,)}, (8, 4), "origin needs a length along each of 2 axes"),
        ({"unit": 0.0}, (8, 4), "unit of a mesh is a positive length"),
    ):
        with pytest.raises(ValueError, match=message):
            box_of(replace(EXAMPLE, **changes), shape)
