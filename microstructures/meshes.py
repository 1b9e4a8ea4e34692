"""Microstructures from meshes with a label per element, in any format that meshio reads.

The mesh is sampled at the centres of the grid's cells. Its coordinates are those of the simulation: x is the direction
of plating, a two-dimensional mesh lies in the plane of x and y. VTK takes what is up to about a thousandth of an
element outside of it for inside.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from microstructures.images import Phases, separate
from microstructures.labels import from_labels
from microstructures.structure import Microstructure
from microstructures.tessellation import ceramic_box
from phasefield.grid import Grid

if TYPE_CHECKING:
    import meshio

UM = 1e-6
# Elements that fill an area or a volume; what else there is, lines and points of a mesher's model, is left out.
SURFACES = ("triangle", "quad", "triangle6", "quad8", "quad9")
SOLIDS = ("tetra", "hexahedron", "wedge", "pyramid", "tetra10", "hexahedron20", "hexahedron27", "wedge15", "pyramid13")


@dataclass(frozen=True)
class MeshSource:
    """Describe a mesh and which part of it becomes the ceramic.

    Parameters
    ----------
    file : in a format that meshio knows by its ending.
    unit : length of the mesh's unit [m].
    phases : what the labels mean.
    array : name of the labels, whole numbers on the elements; None if there is only one array.
    origin : corner of the part that is used, in the mesh's coordinates [m]; None: where the mesh's are smallest. It
        comes to lie on the electrode plane.
    repeats : whether the part goes on across periodic sides; if not, no boundary is put there.
    """

    file: Path
    unit: float
    phases: Phases
    array: str | None = None
    origin: tuple[float, ...] | None = None
    repeats: bool = False


def from_mesh(source: MeshSource, grid: Grid, electrode_plane: float, band_width: float) -> Microstructure:
    """Read a mesh into the ceramic of a grid: a cell is what the element at its centre is.

    The electrode, x < ``electrode_plane`` [m], is put before the mesh.

    Raises
    ------
    ValueError : with a sentence for the user if the file, its labels or its size are not what is needed.
    """
    ceramic_box(grid, electrode_plane)
    if source.unit <= 0.0:
        raise ValueError(f"the unit of a mesh is a positive length, not {source.unit:g} m")
    first = int(np.searchsorted(grid.centres(0), electrode_plane))
    sampled = _sampled(_elements(source, len(grid.shape)), source, grid, electrode_plane, first)
    found = separate(sampled, source.phases, grid.spacing, grid.lateral if source.repeats else "mirror")
    whole = {}
    for name in ("grain", "pore", "second_phase", "metal"):
        values = getattr(found, name)
        whole[name] = np.zeros(grid.shape, dtype=values.dtype)
        whole[name][first:] = values
    return from_labels(
        whole["grain"],
        grid,
        electrode_plane,
        band_width,
        pore_fraction=whole["pore"].astype(float),
        second_phase_fraction=whole["second_phase"].astype(float),
        metal_fraction=whole["metal"].astype(float),
        repeats=source.repeats,
    )


def _elements(source: MeshSource, dimension: int) -> meshio.Mesh:
    """Return the elements that fill the box's axes, with their ``label``; points [m], ``(n, 3)``."""
    import meshio

    mesh, name = _read(source.file), source.file.name
    wanted = SURFACES if dimension == 2 else SOLIDS
    chosen = [n for n, block in enumerate(mesh.cells) if block.type in wanted]
    if not chosen:
        kinds = ", ".join(sorted({block.type for block in mesh.cells})) or "none"
        needed = "triangles or quads" if dimension == 2 else "solid elements"
        raise ValueError(f"a box of {dimension} axes needs a mesh of {needed}, and the elements of {name} are: {kinds}")
    arrays = sorted(mesh.cell_data)
    array = source.array or (arrays[0] if len(arrays) == 1 else "")
    if array not in arrays:
        asked = f"no array {source.array!r}" if source.array else "no single array"
        raise ValueError(
            f"{name} has {asked} on its elements, there are: {', '.join(arrays) or 'none'}; name one of them"
        )
    labels = [np.asarray(mesh.cell_data[array][n]) for n in chosen]
    if any(label.ndim != 1 or np.any(label != np.round(label)) for label in labels):
        raise ValueError(f"the array {array} of {name} holds no labels: it must be one whole number per element")
    points = np.zeros((len(mesh.points), 3))
    points[:, : mesh.points.shape[1]] = mesh.points
    if dimension == 2 and np.any(points[:, 2] != points[0, 2]):
        raise ValueError(f"{name} is a surface in space: a box of 2 axes needs a mesh in the plane of x and y")
    if dimension == 2:
        points[:, 2] = 0.0
    return meshio.Mesh(
        points * source.unit,
        [(mesh.cells[n].type, mesh.cells[n].data) for n in chosen],
        cell_data={"label": [label.astype(np.int64) for label in labels]},
    )


def _read(file: Path) -> meshio.Mesh:
    """Read a mesh; refuse what meshio cannot read."""
    import meshio

    if not file.is_file():
        raise ValueError(f"there is no mesh {file}")
    said = io.StringIO()
    try:
        # meshio prints what went wrong and ends the program
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            return meshio.read(file)
    except (SystemExit, Exception) as error:  # noqa: BLE001 - readers let every error of a broken file through
        reason = " ".join(f"{said.getvalue()} {'' if isinstance(error, SystemExit) else error}".split())
        raise ValueError(f"{file.name} cannot be read as a mesh: {reason}") from None


def _sampled(mesh: meshio.Mesh, source: MeshSource, grid: Grid, electrode_plane: float, first: int) -> np.ndarray:
    """Return the labels at the centres of the cells from plane ``first`` on; refuse cells outside of the mesh."""
    import pyvista

    axes = len(grid.shape)
    lower = mesh.points.min(axis=0)[:axes] if source.origin is None else np.array(source.origin)
    if lower.shape != (axes,):
        raise ValueError(f"origin needs a length along each of {axes} axes, not {source.origin}")
    shape = (grid.shape[0] - first, *grid.shape[1:])
    start = np.array([grid.centres(0)[first] - electrode_plane, *(0.5 * d for d in grid.spacing[1:])])
    unit = max(grid.spacing)  # VTK's tolerances are absolute: lengths near 1 suit them
    probe = pyvista.ImageData(
        dimensions=(*shape, 1)[:3],
        spacing=(*(d / unit for d in grid.spacing), 1.0)[:3],
        origin=(*((lower + start) / unit), 0.0)[:3],
    )
    mesh.points /= unit
    result = probe.sample(pyvista.from_meshio(mesh))
    missing = np.asarray(result["vtkValidPointMask"]).reshape(shape, order="F") == 0
    if missing.any():
        low, high = mesh.points.min(axis=0)[:axes] * unit, mesh.points.max(axis=0)[:axes] * unit
        found = np.argwhere(missing)
        ends = [lower + start + index * np.array(grid.spacing) for index in (found.min(axis=0), found.max(axis=0))]
        raise ValueError(
            f"{len(found)} of {missing.size} cells of the ceramic lie outside of the mesh {source.file.name}: "
            f"between {_place(ends[0])} and {_place(ends[1])} in the mesh's coordinates, and the mesh reaches "
            f"from {_place(low)} to {_place(high)}"
        )
    return np.asarray(result["label"]).reshape(shape, order="F")


def _place(point: np.ndarray) -> str:
    """Return a place [m] as a text in um."""
    return f"({', '.join(f'{p / UM:.4g}' for p in point)}) um"
