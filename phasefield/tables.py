"""Observers that write tables of a results folder: ``history.csv``, a line per step, and ``events.csv``, a line per event.

Each line is handed to the system whole and at once; every line starts with the number of its step.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from phasefield.errors import CaseError
from phasefield.fields import State
from phasefield.results_folder import replacing, writing

if TYPE_CHECKING:
    from phasefield.nucleation import Event
    from phasefield.simulate import StepReport

# Column of history.csv, attribute of StepReport, and the factor from SI to the column's unit.
_HISTORY: tuple[tuple[str, str, float], ...] = (
    ("step", "step", 1),
    ("protocol_step", "protocol_step", 1),
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
    ("isolated_metal_mAh_cm2", "dead_charge", 1.0 / 36000.0),
    ("tip_speed_nm_s", "tip_speed", 1e9),
    ("nuclei", "nuclei", 1),
    ("reservoir_share", "reservoir_share", 1.0),
    ("leakage_current_density_mA_cm2", "leakage_current_density", 0.1),
    ("charge_balance_error", "charge_balance_error", 1.0),
    ("plane_current_error", "plane_current_error", 1.0),
    ("newton_iterations", "newton_iterations", 1),
    ("cg_iterations", "cg_iterations", 1),
)
HISTORY_COLUMNS = tuple(column for column, _, _ in _HISTORY)

# Of a nucleus: when, where and how it appeared or was reached by the electrode's metal.
EVENT_COLUMNS = (
    "step",
    "time_s",
    "capacity_mAh_cm2",
    "event",
    "nucleus",
    "x_um",
    "y_um",
    "z_um",
    "site",
    "potential_vs_metal_V",
    "threshold_V",
    "radius_um",
)

_LINE = re.compile(rb"(\d+),.*\n")  # of a step, whole

logger = logging.getLogger("phasefield")


def history_row(report: StepReport) -> dict[str, float]:
    """Return the values of a step by column of ``history.csv``, in the units of the columns' names."""
    return {column: getattr(report, attribute) * factor for column, attribute, factor in _HISTORY}


def event_row(event: Event, report: StepReport) -> list[float | str]:
    """Return the values of an event in the order of ``EVENT_COLUMNS``; coordinates that the grid lacks are 0."""
    nucleus = event.nucleus
    place = [1e6 * p for p in nucleus.place] + [0.0] * (3 - len(nucleus.place))
    numbers = (event.potential, nucleus.threshold, 1e6 * nucleus.radius)
    return [
        event.step,
        event.time,
        report.capacity / 36000.0,
        event.kind,
        nucleus.number,
        *place,
        nucleus.site,
        *numbers,
    ]


class _Table:
    """A CSV file that grows by whole lines.

    Parameters
    ----------
    path : of the file. columns : its header.
    last_step : of a run that goes on, the step it goes on from; later lines are cut off.
    """

    def __init__(self, path: Path, columns: Sequence[str], last_step: int | None) -> None:
        self.path = path
        header = (",".join(columns) + "\n").encode()
        start = header if last_step is None else header + _lines_up_to(path, header, last_step)
        with replacing(path) as temporary:
            temporary.write_bytes(start)
        self._length = len(start)
        with writing(path):
            self._file = open(path, "ab", buffering=0)  # noqa: SIM115 - open as long as the run

    def append(self, values: Sequence[float | str]) -> None:
        """Write one line."""
        texts = (v if isinstance(v, str) else f"{v:d}" if isinstance(v, int) else f"{v:.10g}" for v in values)
        line = (",".join(texts) + "\n").encode()
        with writing(self.path):
            try:
                rest = line
                while rest:  # a disk that is nearly full takes part of it
                    rest = rest[self._file.write(rest) :]
            except BaseException:
                self._file.truncate(self._length)
                raise
        self._length += len(line)

    def flush(self) -> None:
        """Return when every line is on disk."""
        with writing(self.path):
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Flush to disk and close."""
        try:
            self.flush()
        finally:
            self._file.close()


class HistoryWriter:
    """Append a line per step to ``history.csv``, and one per event to ``events.csv``.

    Parameters
    ----------
    folder : of the results.
    last_step : of a run that goes on, the step it goes on from; later lines are cut off.
    """

    def __init__(self, folder: Path, last_step: int | None = None) -> None:
        self._history = _Table(folder / "history.csv", HISTORY_COLUMNS, last_step)
        lines = self._history.path.read_bytes().count(b"\n") - 1
        if last_step is not None and lines != last_step + 1:
            what = "%s: %d of the %d lines up to step %d are there"
            logger.warning(what, self._history.path, lines, last_step + 1, last_step)
        try:
            self._events = _Table(folder / "events.csv", EVENT_COLUMNS, last_step)
        except BaseException:
            self._history.close()
            raise

    def __call__(self, state: State, report: StepReport) -> None:
        self._history.append(list(history_row(report).values()))
        for event in report.events:
            self._events.append(event_row(event, report))

    def flush(self) -> None:
        """Return when every line is on disk."""
        self._history.flush()
        self._events.flush()

    def close(self, outcome: str) -> None:
        """Flush to disk and close."""
        try:
            self._history.close()
        finally:
            self._events.close()


def _lines_up_to(path: Path, header: bytes, last_step: int) -> bytes:
    """Return the whole lines of a table up to ``last_step``, without its header."""
    first, *lines = path.read_bytes().splitlines(keepends=True) if path.is_file() else [header]
    if first != header:
        raise CaseError(f"{path} has other columns than this version of the package writes")
    matches = [_LINE.fullmatch(line) for line in lines]
    return b"".join(match[0] for match in matches if match and int(match[1]) <= last_step)
