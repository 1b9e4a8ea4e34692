"""Observers that write a results folder: field files, log; see ``tables`` for the others. Nothing here computes physics.

An observer is called with ``(state, report)`` after every step and closed with the outcome of the run. A kill at
any moment leaves whole files: field files, ``fields.pvd`` and ``summary.json`` are written beside their place
and renamed, ``history.csv`` grows by whole lines. The format number stands in ``summary.json`` (for the folder
and its ``history.csv``, whose first line stays the plain header that spreadsheets expect), in the field data
of each ``.vti`` and in a comment of ``fields.pvd``.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from phasefield.errors import RunError, Stopped
from phasefield.fields import FIELDS, State
from phasefield.results_folder import FAILED, FORMAT, INTERRUPTED, replacing, write_text_atomic, writing
from phasefield.tables import EVENT_COLUMNS, HISTORY_COLUMNS, event_row, history_row

if TYPE_CHECKING:
    from microstructures import Microstructure
    from phasefield.simulate import StepReport

logger = logging.getLogger("phasefield")


class Observer(Protocol):
    """Look at every step of a run, and at its end."""

    def __call__(self, state: State, report: StepReport) -> None: ...

    def close(self, outcome: str) -> None: ...


@contextlib.contextmanager
def closing(watching: list[Observer]) -> Iterator[None]:
    """Close observers with the reason if something stops their run; the log is told of a failed run first."""
    try:
        yield
    except (KeyboardInterrupt, Stopped):
        close_all(watching, INTERRUPTED)
        raise
    except BaseException as error:
        if isinstance(error, RunError):
            logger.error("%s", error)
        with contextlib.suppress(Exception):  # most likely for the same reason
            close_all(watching, FAILED)
        raise


def close_all(watching: list[Observer], outcome: str) -> None:
    """Close every observer once, the first one, the log, last; then raise the first failure."""
    failures = []
    while watching:
        try:
            watching.pop().close(outcome)
        except Exception as error:  # noqa: BLE001 - the others are closed all the same
            failures.append(error)
    if failures:
        raise failures[0]


# ---------------------------------------------------------------- fields


def microstructure_arrays(
    microstructure: Microstructure, accommodation_pressure: np.ndarray, coating_fraction: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Return the maps that are constant in time by their name in field files; labels in the smallest type."""
    grain_id = microstructure.grain_id
    label = np.uint16 if grain_id.max(initial=0) <= np.iinfo(np.uint16).max else np.uint32
    arrays = {
        "grain_id": grain_id.astype(label),
        "grain_boundary_fraction": microstructure.grain_boundary_fraction.astype(np.float32),
        "pore_fraction": microstructure.pore_fraction.astype(np.float32),
        "accommodation_pressure_Pa": accommodation_pressure.astype(np.float32),
    }
    if microstructure.second_phase_fraction.any():
        arrays["second_phase_fraction"] = microstructure.second_phase_fraction.astype(np.float32)
    return arrays if coating_fraction is None else arrays | {"coating_fraction": coating_fraction.astype(np.float32)}


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
    written : of a run that goes on, the field files that count, with their times; later ones are removed.
    """

    def __init__(
        self,
        folder: Path,
        constant: Mapping[str, np.ndarray],
        electrode_plane: float,
        fields: Sequence[str] | None = None,
        written: Mapping[str, float] | None = None,
    ) -> None:
        self._folder = folder
        self._constant = constant
        self._electrode_plane = electrode_plane
        self._fields = saved_fields() if fields is None else tuple(fields)
        self._entries: dict[str, float] = {}
        if written is not None:
            self._go_on(written)

    @property
    def written(self) -> dict[str, float]:
        """Return the field files so far with their times [s]."""
        return dict(self._entries)

    def _go_on(self, written: Mapping[str, float]) -> None:
        """Leave the files that were ``written``, and no others; ``fields.pvd`` lists none that is missing meanwhile."""
        for name, time in written.items():
            if (self._folder / name).is_file():
                self._entries[name] = time
            else:
                logger.warning("%s is missing", self._folder / name)
        write_text_atomic(self._folder / "fields.pvd", self._collection())
        for file in self._folder.glob("fields/*.vti"):
            if f"fields/{file.name}" not in self._entries:
                file.unlink()

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
            temporary.write_bytes(image_bytes(frame, spacing, numbers))
        self._entries[name] = state.time
        write_text_atomic(self._folder / "fields.pvd", self._collection())

    def _collection(self) -> str:
        entries = [f'    <DataSet timestep="{t!r}" part="0" file="{name}"/>' for name, t in self._entries.items()]
        opening = '<VTKFile type="Collection" version="1.0" byte_order="LittleEndian" header_type="UInt64">'
        lines = ['<?xml version="1.0"?>', f"<!-- format = {FORMAT} -->", opening, "  <Collection>"]
        return "\n".join([*lines, *entries, "  </Collection>", "</VTKFile>", ""])

    def close(self, outcome: str) -> None:
        """Do nothing: every file is whole already."""


def image_bytes(arrays: Mapping[str, np.ndarray], spacing_um: Sequence[float], numbers: Mapping[str, float]) -> bytes:
    """Return a ``.vti`` with arrays ``[x, y(, z)]`` as cell data: raw appended, LZ4, 64-bit header.

    Made in memory, because VTK does not say why it could not write a file.

    Parameters
    ----------
    spacing_um : cell size along each axis of the arrays [um].
    numbers : single values for the file's field data.
    """
    # VTK is loaded when the first field file is written: checking a case or a run without files needs none of it.
    from vtkmodules.util.numpy_support import numpy_to_vtk
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
    writer.WriteToOutputStringOn()
    writer.SetInputData(image)
    writer.SetDataModeToAppended()
    writer.EncodeAppendedDataOff()
    writer.SetCompressorTypeToLZ4()
    writer.SetHeaderTypeToUInt64()
    if not writer.Write():
        raise RunError("VTK could not make a field file; is there memory left?")
    made: bytes | str = writer.GetOutputString()
    return made.encode() if isinstance(made, str) else made  # a str if the bytes happen to be one


# ---------------------------------------------------------------- log, memory


class _LogFile(logging.Handler):
    """Append lines to a file; one that cannot be written is left out, since a full disk is told of elsewhere."""

    def __init__(self, path: Path, mode: Literal["ab", "wb"]) -> None:
        super().__init__()
        with writing(path):
            self._file = open(path, mode, buffering=0)  # noqa: SIM115 - open as long as the run
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):
            self._file.write((self.format(record) + "\n").encode())

    def close(self) -> None:
        self._file.close()
        super().close()


class RunLog:
    """Send the package's log to ``run.log``, with a line of the run's state at every saved field file.

    Parameters
    ----------
    folder : of the results.
    go_on : keep what the log holds already.
    """

    def __init__(self, folder: Path, go_on: bool = False) -> None:
        self._handler = _LogFile(folder / "run.log", "ab" if go_on else "wb")
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
    """Keep in memory what the other observers write: ``history`` and ``events`` by column, ``times`` and ``frames``."""

    def __init__(self, constant: Mapping[str, np.ndarray], fields: Sequence[str] | None = None) -> None:
        self._constant = constant
        self._fields = saved_fields() if fields is None else tuple(fields)
        self._rows: list[dict[str, float]] = []
        self._events: list[list[float | str]] = []
        self.times: list[float] = []
        self.frames: list[dict[str, np.ndarray]] = []

    def __call__(self, state: State, report: StepReport) -> None:
        self._rows.append(history_row(report))
        self._events += [event_row(event, report) for event in report.events]
        if report.fields_due or report.outcome is not None:
            self.times.append(state.time)
            self.frames.append(frame_arrays(state, self._constant, self._fields))

    @property
    def history(self) -> dict[str, np.ndarray]:
        """Return one array per column of ``history.csv``."""
        return {column: np.array([row[column] for row in self._rows], dtype=float) for column in HISTORY_COLUMNS}

    def close(self, outcome: str) -> None:
        """Do nothing."""

    @property
    def events(self) -> dict[str, list[float | str]]:
        """Return one list per column of ``events.csv``."""
        return {column: [row[i] for row in self._events] for i, column in enumerate(EVENT_COLUMNS)}
