"""Tell how far many runs are: a bar on a terminal, a line per run elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from phasefield.campaigns.folder import Planned, Standing


class Telling:
    """Hear of every run as it ends."""

    def __init__(self, number: int, console: Console | None = None) -> None:
        console = console or Console(stderr=True)
        columns = (TextColumn("runs"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task = self._bar.add_task("runs", total=number)
        self._console, self._number, self._ended = console, number, 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.stop()

    def __call__(self, run: Planned, standing: Standing, text: str) -> None:
        """Count a run that has ended."""
        self._ended += 1
        self._bar.advance(self._task)
        line = f"run {self._ended} of {self._number}: {run.name} {standing}, {text}"
        if standing == "failed" or not self._console.is_terminal:
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """Show a line beside the bar."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
