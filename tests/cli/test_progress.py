"""The progress of a run: plain lines for a log, a bar for a terminal."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from phasefield import progress
from phasefield.progress import Progress, clock


def report(step: int, time: float, share_done: float, outcome: str | None = None) -> Any:
    return SimpleNamespace(
        step=step,
        time=time,
        time_step=0.5,
        share_done=share_done,
        cell_voltage=0.05,
        penetration_depth_connected=12.5e-6,
        outcome=outcome,
    )


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Return a wall clock that a test sets by hand."""
    watch = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(progress.time, "monotonic", lambda: watch.now)
    return watch


def test_plain_lines_come_at_intervals_and_at_the_end(wall: SimpleNamespace) -> None:
    stream = io.StringIO()
    show = Progress(Console(file=stream))
    for step in range(12):
        wall.now = 1000.0 + step
        show(None, report(step, 10.0 + step, 0.0))
    show(None, report(12, 22.0, 0.0, outcome="short"))
    show.close("short")
    steps = [line.split()[1] for line in stream.getvalue().splitlines()]
    assert steps == ["0", "5", "10", "12"]


def test_a_plain_line_tells_the_figures(wall: SimpleNamespace) -> None:
    stream = io.StringIO()
    show = Progress(Console(file=stream))
    show(None, report(0, 0.0, 0.0))
    wall.now += 10.0
    show(None, report(7, 25.0, 0.25))
    line = stream.getvalue().splitlines()[-1]
    # the other three quarters take 30 s
    assert line == "step 7  t 25 s  Δt 0.5 s  depth 12.50 µm  V 50.00 mV  done 25 %  ETA 0:30"


def test_an_end_before_its_time_is_the_end(wall: SimpleNamespace) -> None:
    stream = io.StringIO()
    Progress(Console(file=stream))(None, report(1, 1.0, 0.5, outcome="short"))
    assert "done 100 %" in stream.getvalue()


def test_a_terminal_shows_a_bar_and_is_left_clean() -> None:
    stream = io.StringIO()
    show = Progress(Console(file=stream, force_terminal=True, width=100))
    show(None, report(1, 50.0, 0.5))
    show.close()
    shown = stream.getvalue()
    assert "50%" in shown
    assert "depth 12.50 µm" in shown
    assert shown.rstrip().endswith("\x1b[?25h")  # the cursor is back


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0:00"), (59.6, "1:00"), (80, "1:20"), (3723, "1:02:03")])
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text
