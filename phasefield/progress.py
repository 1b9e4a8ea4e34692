"""Observer that tells how far a run is: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bar

if TYPE_CHECKING:
    from phasefield.fields import State

PLAIN_INTERVAL = 5.0  # wall time between plain lines [s]


class Report(Protocol):
    """Name what is read of a step's report; see ``phasefield.simulate.StepReport``."""

    @property
    def time(self) -> float: ...
    @property
    def step(self) -> int: ...
    @property
    def time_step(self) -> float: ...
    @property
    def cell_voltage(self) -> float: ...
    @property
    def share_done(self) -> float: ...
    @property
    def penetration_depth_connected(self) -> float: ...
    @property
    def outcome(self) -> str | None: ...


class Progress:
    """Show the share of the protocol that is done, the depth, V, Δt and the time left.

    A run that shorts ends before its protocol does: the time left is an upper estimate.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._bar: Bar | None = None
        self._start: tuple[float, float] | None = None  # wall clock and share at the first report
        self._last_line = -float("inf")

    def __call__(self, state: State, report: Report) -> None:
        """Show ``report``; ``state`` is not looked at."""
        now = time.monotonic()
        done = 1.0 if report.outcome is not None else report.share_done
        self._start = self._start or (now, done)
        left = self._time_left(now, done, report)
        if self._console.is_terminal:
            self._show_bar(done, left, report)
        elif report.outcome is not None or now - self._last_line >= PLAIN_INTERVAL:
            self._last_line = now
            self._console.print(
                f"step {report.step}  t {report.time:.6g} s  Δt {report.time_step:.3g} s  {_figures(report)}  "
                f"done {100 * done:.0f} %  ETA {left}",
                soft_wrap=True,
                highlight=False,
            )

    def close(self, outcome: str = "") -> None:
        """Leave the terminal as it was found."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _time_left(self, now: float, done: float, report: Report) -> str:
        if report.outcome is not None:
            return "0:00"
        start, share = self._start or (now, done)
        return clock((now - start) * (1.0 - done) / (done - share)) if done > share else "-"

    def _show_bar(self, done: float, left: str, report: Report) -> None:
        if self._bar is None:
            columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"))
            self._bar = Bar(*columns, console=self._console)
            self._bar.add_task("", total=1.0)
            self._bar.start()
        text = f"{_figures(report)}  Δt {report.time_step:.3g} s  ETA {left}"
        self._bar.update(self._bar.task_ids[0], completed=done, description=text)


def clock(seconds: float) -> str:
    """Write a duration as minutes:seconds, with hours where there are any."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _figures(report: Report) -> str:
    return f"depth {report.penetration_depth_connected * 1e6:.2f} µm  V {report.cell_voltage * 1e3:.2f} mV"
