"""Write a run for mesh tools through meshio: lines, quadrilaterals or hexahedra with the fields as cell data."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self
from xml.etree import ElementTree

import numpy as np

from phasefield.errors import CaseError
from postprocess.results import Results

if TYPE_CHECKING:
    import meshio

    from phasefield.grid import Grid

Format = Literal["xdmf", "vtu"]


def export(results: Results, out: Path, file_format: Format, force: bool = False) -> Path:
    """Write every saved frame to the folder ``out`` and return the file to be opened.

    ``xdmf``: one series, ``fields.xdmf`` and the ``fields.h5`` that holds its arrays. ``vtu``: ``0000.vtu``, ... for
    each saved time, and ``fields.pvd``, which lists them. Cells, their order, the arrays' names and values are those
    of the run's ``.vti`` files; coordinates in micrometres, times in seconds. Files appear when all are written.

    Raises
    ------
    CaseError : the run saved no fields, or ``out`` holds such files already and ``force`` is not set.
    """
    if not len(results.times):
        raise CaseError("this run saved no fields: there is nothing to export")
    names, main = {
        "xdmf": (["fields.h5", "fields.xdmf"], "fields.xdmf"),
        "vtu": ([*_vtu_names(results), "fields.pvd"], "fields.pvd"),
    }[file_format]
    present = [name for name in names if (out / name).exists()]
    if present and not force:
        raise CaseError(f"{out / present[0]} exists already; use --force to replace it, or give another folder with -o")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise CaseError(f"{out} is a file; give a folder") from None
    write: Callable[[Results, Path], None] = {"xdmf": _write_xdmf, "vtu": _write_vtu}[file_format]
    with tempfile.TemporaryDirectory(dir=out, prefix=".export-") as temporary:
        write(results, Path(temporary))
        for name in names:  # the file that refers to the others comes last
            os.replace(Path(temporary) / name, out / name)
    return out / main


def mesh_of(grid: Grid) -> tuple[np.ndarray, str, np.ndarray]:
    """Return corners, cell type and cells of a grid; cells in the order of field files, x fastest.

    Returns
    -------
    points : ``(n, 3)``, corners of the cells [um]. A 2-D grid lies at z = 0, a 1-D grid at y = z = 0.
    kind : meshio's name of the cells: line, quad, hexahedron.
    cells : ``(grid.size, 2, 4 or 8)``, numbers of each cell's corners, in VTK's order.
    """
    shape = grid.shape[:1] if grid.shape[1:] == (1,) else grid.shape
    corners = tuple(n + 1 for n in shape)
    points = np.zeros((int(np.prod(corners)), 3))
    edges = (np.arange(n) * d * 1e6 for n, d in zip(corners, grid.spacing, strict=False))
    for axis, values in enumerate(np.meshgrid(*edges, indexing="ij")):
        points[:, axis] = values.ravel(order="F")
    number = np.arange(len(points), dtype=np.int32 if len(points) < 2**31 else np.int64).reshape(corners, order="F")
    # The corners of a cell as VTK counts them: round the lower face, then round the upper one.
    steps = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)]
    corner_steps = [step[: len(shape)] for step in steps[: 2 ** len(shape)]]
    cells = [
        number[tuple(slice(s, s + n) for s, n in zip(step, shape, strict=True))].ravel(order="F")
        for step in corner_steps
    ]
    return points, {1: "line", 2: "quad", 3: "hexahedron"}[len(shape)], np.stack(cells, axis=1)


def _vtu_names(results: Results) -> list[str]:
    digits = max(4, len(str(len(results.times) - 1)))
    return [f"{index:0{digits}d}.vtu" for index in range(len(results.times))]


def _cell_data(results: Results, index: int) -> dict[str, list[np.ndarray]]:
    return {name: [values.ravel(order="F")] for name, values in results.frame(index).items()}


def _write_vtu(results: Results, folder: Path) -> None:
    import meshio

    points, kind, cells = mesh_of(results.grid)
    names = _vtu_names(results)
    for index, name in enumerate(names):
        mesh = meshio.Mesh(points, [(kind, cells)], cell_data=_cell_data(results, index))
        meshio.write(folder / name, mesh, file_format="vtu")
    root = ElementTree.Element("VTKFile", type="Collection", version="1.0", byte_order="LittleEndian")
    collection = ElementTree.SubElement(root, "Collection")
    for name, time in zip(names, results.times.tolist(), strict=True):
        ElementTree.SubElement(collection, "DataSet", timestep=repr(time), part="0", file=name)
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(folder / "fields.pvd", encoding="utf-8", xml_declaration=True)


def _write_xdmf(results: Results, folder: Path) -> None:
    points, kind, cells = mesh_of(results.grid)
    with _series_writer(folder / "fields.xdmf") as writer:
        writer.write_points_cells(points, [(kind, cells)])
        for index, time in enumerate(results.times.tolist()):
            writer.write_data(time, cell_data=_cell_data(results, index))


def _series_writer(path: Path) -> meshio.xdmf.TimeSeriesWriter:
    """Return meshio's writer of a series, made to keep equal arrays (grains do not change) once, compressed.

    Also made to put the ``.h5`` beside its ``.xdmf``, not into the working directory as meshio 5.3.5 does, and to say
    how long a line is, without which ParaView aborts.
    """
    import h5py
    import meshio

    class Writer(meshio.xdmf.TimeSeriesWriter):
        def __enter__(self) -> Self:
            self.places: dict[bytes, str] = {}
            self.h5_file = h5py.File(path.with_suffix(".h5"), "w")
            return self

        def cells(self, cells: list[tuple[str, np.ndarray]], grid: ElementTree.Element) -> None:
            super().cells(cells, grid)
            for topology in grid.iter("Topology"):
                if topology.get("TopologyType") == "Polyline":
                    topology.set("NodesPerElement", "2")

        def numpy_to_xml_string(self, data: np.ndarray) -> str:
            key = hashlib.sha256(np.ascontiguousarray(data).data).digest() + data.dtype.str.encode()
            if key not in self.places:
                name = f"data{len(self.places)}"
                self.h5_file.create_dataset(name, data=data, compression="gzip", compression_opts=1, shuffle=True)
                self.places[key] = f"{path.stem}.h5:/{name}"
            return self.places[key]

    return Writer(path)
