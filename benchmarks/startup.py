"""How long until something happens: seconds from the shell, medians over fresh processes, kernels compiled before.

    python benchmarks/startup.py [--runs N] [--json FILE]

"first step": until ``history.csv`` of the main case holds its first step. "ten steps": 64 x 64 cells of the main case with
all that a run writes, until the process has ended. The parts of "ten steps" are timed in processes of their own.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CASE = "llzo_grain_boundary"
# 10 A/m2 for ten steps of a millisecond
TEN_STEPS = {
    "grid.size": '["25.6 um", "25.6 um"]',
    "solver.time_step_max": "1 ms",
    "protocol.capacity": "0.1 C/m^2",
}
SOLVER = "from phasefield import cache; cache.configure(); import phasefield.backends.numba_cpu"
COMMAND = (sys.executable, "-c", "from phasefield.cli import main; main()")
SETTINGS = [word for key, value in TEN_STEPS.items() for word in ("--set", f"{key}={value}")]
POLL = 0.002  # [s]


class Marks:
    """Split wall time into parts: what passes between two calls that are timed goes to the part that ``now`` names."""

    def __init__(self, start: float) -> None:
        self.seconds: dict[str, float] = {}
        self.now = "python, command line"
        self._last = start

    def end(self, part: str, following: str) -> None:
        """Give all time since the last end to ``part``."""
        moment = time.monotonic()
        self.seconds[part] = self.seconds.get(part, 0.0) + moment - self._last
        self._last, self.now = moment, following

    def time(self, owner: Any, name: str, part: str) -> None:
        """Time a function of ``owner`` as a part of its own."""
        function: Callable[..., Any] = getattr(owner, name)

        def call(*args: Any, **options: Any) -> Any:
            before = self.now
            self.end(before, part)
            result = function(*args, **options)
            self.end(part, before)
            return result

        setattr(owner, name, call)

    def __call__(self, state: Any, report: Any) -> None:
        """Look at a step; an observer of the run."""
        self.end(self.now, "first step" if report.step == 0 else "more steps")

    def close(self, outcome: str) -> None:
        """Hear of the end of the run: after it only the summary and the picture are written."""
        self.end("output", "preview")


def parts(start: float, folder: Path) -> dict[str, float]:
    """Run ten steps as the command does; return the seconds of its parts since ``start``, the parent's clock."""
    marks = Marks(start)
    from phasefield.cli.runs import importing

    marks.end(marks.now, "imports")
    with importing():
        from phasefield.case import load_case

        marks.end("imports", "case")
        case = load_case(CASE, TEN_STEPS)
        marks.end("case", "imports")
        # the command imports it, too
        importlib.import_module("phasefield.progress")
        run: Any = importlib.import_module("phasefield.run")
    marks.end("imports", "setup")
    marks.time(run, "build_setup", "microstructure")
    marks.time(run, "get_backend", "backend")
    for writer in (run.FieldWriter, run.HistoryWriter, run.Checkpointer):
        marks.time(writer, "__call__", "output")
    run.run(case, folder, observers=[marks])
    marks.end("preview", "")
    return marks.seconds


def clock(task: Callable[[Path], None]) -> float:
    """Return the seconds that a task takes in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        task(Path(folder) / "results")
        return time.monotonic() - start


def call(*command: str) -> None:
    """Run a command in silence."""
    subprocess.run(command, check=True, capture_output=True)


def first_step(folder: Path) -> float:
    """Start the main case; return the seconds until its first step is in the history."""
    start = time.monotonic()
    run = subprocess.Popen(
        [*COMMAND, "run", CASE, "-q", "-o", str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    history = folder / "history.csv"
    # header, initial state, first step
    while not (history.is_file() and history.read_bytes().count(b"\n") >= 3):
        if run.poll() is not None:
            raise SystemExit("the main case ended before its first step")
        time.sleep(POLL)
    seconds = time.monotonic() - start
    run.send_signal(signal.SIGTERM)
    run.wait()
    return seconds


def figures() -> tuple[dict[str, float], dict[str, float]]:
    """Return the seconds of every task, and of the parts of ten steps, once each."""
    seconds = {
        "help": clock(lambda _: call(*COMMAND, "--help")),
        "import solver": clock(lambda _: call(sys.executable, "-c", SOLVER)),
    }
    with tempfile.TemporaryDirectory() as folder:
        seconds["first step"] = first_step(Path(folder) / "results")
    seconds["ten steps"] = clock(lambda folder: call(*COMMAND, "run", CASE, *SETTINGS, "-q", "-o", str(folder)))
    with tempfile.TemporaryDirectory() as folder:
        child = [sys.executable, __file__, "--parts", repr(time.monotonic()), str(Path(folder) / "results")]
        return seconds, json.loads(subprocess.run(child, check=True, capture_output=True, text=True).stdout)


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of every figure."""
    return {name: round(statistics.median(run[name] for run in runs), 3) for name in runs[0]}


def main() -> None:
    """Print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9, help="processes per figure")
    parser.add_argument("--json", type=Path, help="file that the figures are written to")
    parser.add_argument("--parts", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.parts:
        print(json.dumps(parts(float(options.parts[0]), Path(options.parts[1]))))
        return
    figures()  # compiles, and brings the files into memory
    taken = [figures() for _ in range(options.runs)]
    seconds, split = (medians(list(runs)) for runs in zip(*taken, strict=True))
    for title, values in (("from the shell", seconds), ("part of ten steps", split)):
        print(f"\n| {title} | s |\n|---|---|")
        print("\n".join(f"| {name} | {value:.3f} |" for name, value in values.items()))
    machine = {"platform": platform.platform(), "cpus": os.cpu_count(), "python": platform.python_version()}
    result = {"runs": options.runs, "machine": machine, "seconds": seconds, "parts_of_ten_steps": split}
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
