"""A run's results as arrays: from its folder, or from memory."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from phasefield.errors import RunError
from phasefield.grid import Grid

if TYPE_CHECKING:
    import pyvista

FORMAT = 1


class Results:
    """Hold what a run left: history, summary, case, and its saved frames, read one at a time.

    Parameters
    ----------
    grid : of every frame; lengths in metres. None if no frame was saved.
    times : of the saved frames [s].
    read_frame : gives the frame of an index as arrays ``[x, y(, z)]`` by their name in field files.
    history : arrays by column of ``history.csv``; a column's name ends in its unit.
    events : lists by column of ``events.csv``, numbers and texts.
    summary : content of ``summary.json``.
    case_toml : the case with every default filled in, as read from ``case.toml``.
    electrode_plane : x of the working electrode's original surface [m].
    """

    def __init__(
        self,
        *,
        grid: Grid | None,
        times: Sequence[float],
        read_frame: Callable[[int], Mapping[str, np.ndarray]],
        history: Mapping[str, np.ndarray],
        events: Mapping[str, list[Any]] | None = None,
        summary: Mapping[str, Any] | None = None,
        case_toml: Mapping[str, Any] | None = None,
        electrode_plane: float = 0.0,
    ) -> None:
        self._grid = grid
        self.times = np.asarray(times, dtype=float)
        self._read_frame = read_frame
        self.history = dict(history)
        self.events = dict(events or {})
        self.summary = dict(summary or {})
        self.case_toml = dict(case_toml or {})
        self.electrode_plane = electrode_plane

    @property
    def name(self) -> str:
        """Return the name of the run; empty if it has none."""
        return str(self.summary.get("name", ""))

    @property
    def grid(self) -> Grid:
        """Return the grid of every frame."""
        if self._grid is None:
            raise ValueError("this run saved no fields")
        return self._grid

    def index(self, time_or_index: float) -> int:
        """Return the index of a frame: an integer is one (negative: from the end), a float a time [s].

        Of the saved times the nearest is taken.
        """
        if not len(self.times):
            raise ValueError("this run saved no fields")
        if isinstance(time_or_index, (int, np.integer)):
            return range(len(self.times))[int(time_or_index)]
        return int(np.argmin(np.abs(self.times - time_or_index)))

    def frame(self, time_or_index: float = -1) -> dict[str, np.ndarray]:
        """Return the arrays ``[x, y(, z)]`` of a saved frame, by names that end in the unit (see ``index``)."""
        return dict(self._read_frame(self.index(time_or_index)))

    def history_at(self, column: str, time: float) -> float:
        """Return a column of the history at ``time`` [s], interpolated linearly; NaN without history."""
        if column not in self.history or not len(self.history[column]):
            return float("nan")
        return float(np.interp(time, self.history["time_s"], self.history[column]))

    def to_pyvista(self, time_or_index: float = -1) -> pyvista.ImageData:
        """Return a frame as a PyVista image with cell data; coordinates in micrometres."""
        import pyvista

        shape = self.grid.shape
        spacing = [d * 1e6 for d in self.grid.spacing]
        flat = 3 - len(shape)
        image = pyvista.ImageData(
            dimensions=(*(n + 1 for n in shape), *(1,) * flat), spacing=(*spacing, *(min(spacing),) * flat)
        )
        for name, values in self.frame(time_or_index).items():
            image.cell_data[name] = values.ravel(order="F")
        image.field_data["TimeValue"] = np.array([self.times[self.index(time_or_index)]])
        return image


def load(folder: Path | str) -> Results:
    """Read a results folder; also one of a run that goes on or was killed.

    Raises
    ------
    FileNotFoundError : the folder does not exist or holds no run.
    ValueError : the folder was written in a format that this version does not know.
    RunError : its first field file is damaged.
    """
    folder = Path(folder)
    if not (folder / "summary.json").is_file():
        raise FileNotFoundError(f"{folder} holds no run: summary.json is missing")
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    if summary.get("format") != FORMAT:
        raise ValueError(f"{folder} has format {summary.get('format')}; this version reads {FORMAT}")
    case_file = folder / "case.toml"
    case_toml = tomllib.loads(case_file.read_text(encoding="utf-8")) if case_file.is_file() else {}
    times, files = read_collection(folder / "fields.pvd")
    grid, electrode_plane = None, 0.0
    if files:
        _, spacing, shape, numbers = read_image(files[0])
        lateral = case_toml.get("grid", {}).get("lateral", "periodic")
        grid = Grid(shape, tuple(d * 1e-6 for d in spacing), lateral)
        electrode_plane = numbers["electrode_plane_um"] * 1e-6
    return Results(
        grid=grid,
        times=times,
        read_frame=lambda index: read_image(files[index])[0],
        history=read_history(folder / "history.csv"),
        events=read_events(folder / "events.csv"),
        summary=summary,
        case_toml=case_toml,
        electrode_plane=electrode_plane,
    )


def read_history(path: Path) -> dict[str, np.ndarray]:
    """Return the columns of a ``history.csv``; a last line cut short by a kill is left out."""
    columns, lines = _read_lines(path)
    rows = np.array([[float(value) for value in line] for line in lines]).reshape(len(lines), len(columns))
    return {column: rows[:, i] for i, column in enumerate(columns)}


def read_events(path: Path) -> dict[str, list[Any]]:
    """Return the columns of an ``events.csv``, texts where they are no numbers; a last line cut short is left out."""
    columns, lines = _read_lines(path)
    texts = ("event", "site")
    return {
        column: [line[i] if column in texts else float(line[i]) for line in lines] for i, column in enumerate(columns)
    }


def _read_lines(path: Path) -> tuple[list[str], list[list[str]]]:
    """Return header and whole lines of a table; both empty if it is not there."""
    whole = path.read_text(encoding="utf-8").rpartition("\n")[0] if path.is_file() else ""
    header, *lines = [line.split(",") for line in whole.split("\n")] if whole else [[]]
    return header, lines


def read_collection(path: Path) -> tuple[list[float], list[Path]]:
    """Return times [s] and files of a ``.pvd``; both empty if it is not there yet."""
    if not path.is_file():
        return [], []
    entries = ElementTree.parse(path).getroot().iter("DataSet")
    pairs = [(float(entry.attrib["timestep"]), path.parent / entry.attrib["file"]) for entry in entries]
    return [time for time, _ in pairs], [file for _, file in pairs]


def read_image(
    path: Path,
) -> tuple[dict[str, np.ndarray], tuple[float, ...], tuple[int, ...], dict[str, float]]:
    """Return cell arrays ``[x, y(, z)]``, cell sizes [um], shape and single numbers of a ``.vti``."""
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkCommonCore import vtkObject
    from vtkmodules.vtkIOXML import vtkXMLImageDataReader

    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    reader = vtkXMLImageDataReader()
    reader.SetFileName(str(path))
    talkative = vtkObject.GetGlobalWarningDisplay()
    vtkObject.GlobalWarningDisplayOff()  # one message of ours instead of ten of VTK's
    try:
        reader.Update()
    finally:
        vtkObject.SetGlobalWarningDisplay(talkative)
    # A file that was cut off in its header has no error code.
    if reader.GetErrorCode() or not reader.GetOutput().GetNumberOfCells():
        raise RunError(f"{path} cannot be read: it is damaged, or no image of VTK's")
    image = reader.GetOutput()
    axes = 3 if image.GetDimensions()[2] > 1 else 2
    shape = tuple(n - 1 for n in image.GetDimensions()[:axes])
    cells, fields = image.GetCellData(), image.GetFieldData()
    # A copy each, so that nothing points into memory that VTK gives back.
    arrays = {
        cells.GetArrayName(i): vtk_to_numpy(cells.GetArray(i)).reshape(shape, order="F").copy()
        for i in range(cells.GetNumberOfArrays())
    }
    numbers = {fields.GetArrayName(i): fields.GetArray(i).GetTuple1(0) for i in range(fields.GetNumberOfArrays())}
    return arrays, image.GetSpacing()[:axes], shape, numbers
