"""Observers that write a results folder: field files, history, summary, log. Nothing here computes physics.

An observer is called with ``(state, report)`` after every step and closed with the outcome of the run. A kill at
any moment leaves whole files: field files, ``fields.pvd`` and ``summary.json`` are written beside their place
and renamed, ``history.csv`` grows by whole lines. The format number stands in ``summary.json`` (for the folder
and its ``history.csv``, whose first line stays the plain header that spreadsheets expect), in the field data
of each ``.vti`` and in a comment of ``fields.pvd``.
"""

from __future__ import annotations

import datetime
import hashlib
import logging
import os
import platform
import subprocess
import time as clock
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from phasefield import __version__
from phasefield.errors import RunError
from phasefield.fields import FIELDS, State
from phasefield.results_folder import FORMAT, RUNNING, replacing, write_json_atomic, write_text_atomic

if TYPE_CHECKING:
    from microstructures import Microstructure
    from phasefield.simulate import StepReport

# Column of history.csv, attribute of StepReport, and the factor from SI to the column's unit.
_HISTORY: tuple[tuple[str, str, float], ...] = (
    ("step", "step", 1),
    ("time_s", "time", 1.0),
    ("time_step_s", "time_step", 1.0),
    ("capacity_mAh_cm2", "capacity", 1.0 / 36000.0),
    ("throughput_mAh_cm2", "throughput", 1.0 / 36000.0),
    ("current_density_mA_cm2", "current_density", 0.1),
    ("cell_voltage_V", "cell_voltage", 1.0),
    ("penetration_depth_connected_um", "penetration_depth_connected", 1e6),
    ("penetration_depth_isolated_um", "penetration_depth_isolated", 1e6),
    ("metal_volume_connected_um", "metal_volume_connected", 1e6),
    ("metal_volume_isolated_um", "metal_volume_isolated", 1e6),
    ("tip_speed_nm_s", "tip_speed", 1e9),
    ("reservoir_share", "reservoir_share", 1.0),
    ("leakage_current_density_mA_cm2", "leakage_current_density", 0.1),
    ("charge_balance_error", "charge_balance_error", 1.0),
    ("plane_current_error", "plane_current_error", 1.0),
    ("newton_iterations", "newton_iterations", 1),
    ("cg_iterations", "cg_iterations", 1),
)
HISTORY_COLUMNS = tuple(column for column, _, _ in _HISTORY)

logger = logging.getLogger("phasefield")


class Observer(Protocol):
    """Look at every step of a run, and at its end."""

    def __call__(self, state: State, report: StepReport) -> None: ...

    def close(self, outcome: str) -> None: ...


def history_row(report: StepReport) -> dict[str, float]:
    """Return the values of a step by column of ``history.csv``, in the units of the columns' names."""
    return {column: getattr(report, attribute) * factor for column, attribute, factor in _HISTORY}


# ---------------------------------------------------------------- fields


def microstructure_arrays(microstructure: Microstructure, accommodation_pressure: np.ndarray) -> dict[str, np.ndarray]:
    """Return the maps that are constant in time by their name in field files; labels in the smallest type."""
    grain_id = microstructure.grain_id
    label = np.uint16 if grain_id.max(initial=0) <= np.iinfo(np.uint16).max else np.uint32
    return {
        "grain_id": grain_id.astype(label),
        "grain_boundary_fraction": microstructure.grain_boundary_fraction.astype(np.float32),
        "pore_fraction": microstructure.pore_fraction.astype(np.float32),
        "accommodation_pressure_Pa": accommodation_pressure.astype(np.float32),
    }


def frame_arrays(state: State, constant: Mapping[str, np.ndarray], fields: Sequence[str]) -> dict[str, np.ndarray]:
    """Return copies of the state's ``fields`` as float32 and the ``constant`` maps, by name in field files."""
    frame = {FIELDS[name].vtk_name: state[name].astype(np.float32) for name in fields if name in state.arrays}
    return frame | dict(constant)


def saved_fields() -> tuple[str, ...]:
    """Return the names of the fields that are written if the case names none."""
    return tuple(name for name, info in FIELDS.items() if info.saved)


class FieldWriter:
    """Write ``fields/STEP.vti`` at every due step and at the last one, and ``fields.pvd`` that lists them.

    A 2-D grid becomes a flat image, which ParaView shows as a plane; a 1-D grid one that is a cell wide.
    Coordinates in micrometres, cell data, x fastest.

    Parameters
    ----------
    folder : the results folder.
    constant : maps of ``microstructure_arrays``, written to every file.
    electrode_plane : x of the working electrode's original surface [m].
    fields : names of ``FIELDS``; all saved ones if not given.
    """

    def __init__(
        self,
        folder: Path,
        constant: Mapping[str, np.ndarray],
        electrode_plane: float,
        fields: Sequence[str] | None = None,
    ) -> None:
        self._folder = folder
        self._constant = constant
        self._electrode_plane = electrode_plane
        self._fields = saved_fields() if fields is None else tuple(fields)
        self._entries: dict[str, float] = {}

    def __call__(self, state: State, report: StepReport) -> None:
        if report.fields_due or report.outcome is not None:
            self.write(state)

    def write(self, state: State) -> None:
        """Write this state, unless its step is written already."""
        name = f"fields/{state.step:06d}.vti"
        if name in self._entries:
            return
        with replacing(self._folder / name) as temporary:
            frame = frame_arrays(state, self._constant, self._fields)
            numbers = {"TimeValue": state.time, "electrode_plane_um": self._electrode_plane * 1e6, "format": FORMAT}
            spacing = tuple(d * 1e6 for d in state.grid.spacing)
            write_image(temporary, frame, spacing, numbers)
        self._entries[name] = state.time
        write_text_atomic(self._folder / "fields.pvd", self._collection())

    def _collection(self) -> str:
        entries = [f'    <DataSet timestep="{t!r}" part="0" file="{name}"/>' for name, t in self._entries.items()]
        opening = '<VTKFile type="Collection" version="1.0" byte_order="LittleEndian" header_type="UInt64">'
        lines = ['<?xml version="1.0"?>', f"<!-- format = {FORMAT} -->", opening, "  <Collection>"]
        return "\n".join([*lines, *entries, "  </Collection>", "</VTKFile>", ""])

    def close(self, outcome: str) -> None:
        """Do nothing: every file is whole already."""


def write_image(
    path: Path, arrays: Mapping[str, np.ndarray], spacing_um: Sequence[float], numbers: Mapping[str, float]
) -> None:
    """Write arrays ``[x, y(, z)]`` as cell data of a ``.vti``: raw appended, LZ4, 64-bit header.

    Parameters
    ----------
    spacing_um : cell size along each axis of the arrays [um].
    numbers : single values for the file's field data.
    """
    # VTK is loaded when the first field file is written: checking a case or a run without files needs none of it.
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonCore import vtkCommand
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkIOXML import vtkXMLImageDataWriter

    image = vtkImageData()
    shape = next(iter(arrays.values())).shape
    flat = (1,) * (3 - len(shape))
    image.SetDimensions(*(n + 1 for n in shape), *flat)
    image.SetSpacing(*spacing_um, *(min(spacing_um) for _ in flat))
    for name, values in arrays.items():
        data = numpy_to_vtk(values.ravel(order="F"), deep=True)
        data.SetName(name)
        image.GetCellData().AddArray(data)
    image.GetCellData().SetActiveScalars(next(iter(arrays)))
    for name, number in numbers.items():
        data = numpy_to_vtk(np.atleast_1d(number), deep=True)
        data.SetName(name)
        image.GetFieldData().AddArray(data)
    writer = vtkXMLImageDataWriter()
    faults: list[str] = []
    for part in (writer, writer.GetExecutive()):  # instead of VTK's lines on stderr
        part.AddObserver(vtkCommand.ErrorEvent, lambda *_: faults.append("error"))
    writer.SetFileName(str(path))
    writer.SetInputData(image)
    writer.SetDataModeToAppended()
    writer.EncodeAppendedDataOff()
    writer.SetCompressorTypeToLZ4()
    writer.SetHeaderTypeToUInt64()
    if not writer.Write() or writer.GetErrorCode() or faults:
        raise RunError(f"cannot write a field file in {path.parent}: is the disk full or the folder read-only?")


# ---------------------------------------------------------------- history, summary, log


class HistoryWriter:
    """Append a line per step to ``history.csv``; each is handed to the system whole and at once."""

    def __init__(self, folder: Path) -> None:
        self._file = open(folder / "history.csv", "wb", buffering=0)  # noqa: SIM115 - open as long as the run
        self._file.write((",".join(HISTORY_COLUMNS) + "\n").encode())

    def __call__(self, state: State, report: StepReport) -> None:
        values = (f"{v:d}" if isinstance(v, int) else f"{v:.10g}" for v in history_row(report).values())
        self._file.write((",".join(values) + "\n").encode())

    def close(self, outcome: str) -> None:
        """Flush to disk and close."""
        os.fsync(self._file.fileno())
        self._file.close()


def run_facts(
    name: str,
    question: str,
    case_text: str,
    seed: int,
    threads: int,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what ``summary.json`` says of a run before it starts.

    Parameters
    ----------
    case_text : the case with every default filled in; its SHA-256 identifies the case.
    extra : further entries, such as assumed parameters.
    """
    packages = {p: metadata.version(p) for p in ("numpy", "scipy", "numba", "vtk")}
    return {
        "format": FORMAT,
        "name": name,
        "question": question,
        "outcome": RUNNING,
        "case_sha256": hashlib.sha256(case_text.encode()).hexdigest(),
        "versions": {"phasefield": __version__, "python": platform.python_version(), **packages},
        "source_revision": source_revision(),
        "seed": seed,
        "machine": {"platform": platform.platform(), "cpus": os.cpu_count(), "threads": threads},
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **(extra or {}),
    }


def source_revision() -> str:
    """Return the git revision of the source tree, with ``-dirty`` after changes; outside one, the version."""
    root = Path(__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return __version__
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return __version__


class SummaryWriter:
    """Keep ``summary.json``: at the start, with every saved field file, and at the end.

    Parameters
    ----------
    folder : of the results; None keeps ``content`` in memory only.
    facts : of ``run_facts``.
    started : ``time.perf_counter()`` when the command began; ``wall_time_s`` and ``startup_s``, the time to the
        end of the first step, count from it.
    measure : called at the end, with the last state; its entries join the summary.
    """

    def __init__(
        self,
        folder: Path | None,
        facts: Mapping[str, Any],
        started: float,
        measure: Callable[[State], Mapping[str, Any]] | None = None,
    ) -> None:
        self._path = None if folder is None else folder / "summary.json"
        self.content: dict[str, Any] = dict(facts)
        self._started = started
        self._measure = measure
        self._state: State | None = None
        self._totals = {"steps": 0, "newton_iterations": 0, "cg_iterations": 0}
        self._write()

    def __call__(self, state: State, report: StepReport) -> None:
        self._state = state
        if report.step > 0:
            self.content.setdefault("startup_s", round(clock.perf_counter() - self._started, 3))
        self._totals["steps"] = report.step
        self._totals["newton_iterations"] += report.newton_iterations
        self._totals["cg_iterations"] += report.cg_iterations
        self.content["final"] = history_row(report)
        if report.fields_due:
            self._write()

    def _write(self) -> None:
        self.content.update(self._totals)
        self.content["wall_time_s"] = round(clock.perf_counter() - self._started, 3)
        if self._path is not None:
            write_json_atomic(self._path, self.content)

    def close(self, outcome: str) -> None:
        """Write the final summary."""
        self.content["outcome"] = outcome
        if self._measure is not None and self._state is not None:
            self.content.update(self._measure(self._state))
        self._write()


class RunLog:
    """Send the package's log to ``run.log``, with a line of the run's state at every saved field file."""

    def __init__(self, folder: Path) -> None:
        self._handler = logging.FileHandler(folder / "run.log", mode="w", encoding="utf-8")
        self._handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self._level = logger.level
        logger.addHandler(self._handler)
        logger.setLevel(logging.INFO)

    def __call__(self, state: State, report: StepReport) -> None:
        if report.fields_due or report.outcome is not None:
            row = history_row(report)
            logger.info(
                "step %d, t = %.6g s, dt = %.3g s, depth %.2f um, voltage %.2f mV, Newton %d, CG %d",
                *(row[k] for k in ("step", "time_s", "time_step_s", "penetration_depth_connected_um")),
                1e3 * row["cell_voltage_V"],
                *(row[k] for k in ("newton_iterations", "cg_iterations")),
            )

    def close(self, outcome: str) -> None:
        """Write the outcome and let go of the package's log."""
        logger.info("outcome: %s", outcome)
        logger.removeHandler(self._handler)
        logger.setLevel(self._level)
        self._handler.close()


class MemoryRecorder:
    """Keep in memory what the other observers write: ``history`` by column, ``times`` and ``frames``."""

    def __init__(self, constant: Mapping[str, np.ndarray], fields: Sequence[str] | None = None) -> None:
        self._constant = constant
        self._fields = saved_fields() if fields is None else tuple(fields)
        self._rows: list[dict[str, float]] = []
        self.times: list[float] = []
        self.frames: list[dict[str, np.ndarray]] = []

    def __call__(self, state: State, report: StepReport) -> None:
        self._rows.append(history_row(report))
        if report.fields_due or report.outcome is not None:
            self.times.append(state.time)
            self.frames.append(frame_arrays(state, self._constant, self._fields))

    @property
    def history(self) -> dict[str, np.ndarray]:
        """Return one array per column of ``history.csv``."""
        return {column: np.array([row[column] for row in self._rows], dtype=float) for column in HISTORY_COLUMNS}

    def close(self, outcome: str) -> None:
        """Do nothing."""
