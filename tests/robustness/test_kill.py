"""Kill -9 at any moment: the folder can be read, and the run that goes on ends as if nothing had been."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import phasefield as pf
from phasefield.errors import CaseError

COMMAND = [sys.executable, "-c", "from phasefield.cli import main; main()"]
GRIDS = ["1d", "2d", "3d"]
DEADLINE = 600.0  # kernels may have to be compiled


def rounds() -> list[object]:
    """Return the seeds of the kills: 2 in every tier, 10 in CI, 50 in the full one."""
    marks = [[] if seed < 2 else [pytest.mark.ci] if seed < 10 else [pytest.mark.slow] for seed in range(50)]
    return [pytest.param(seed, marks=mark) for seed, mark in enumerate(marks)]


def start(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def lines(folder: Path) -> int:
    path = folder / "history.csv"
    return path.read_bytes().count(b"\n") if path.exists() else -1


def kill_after(process: subprocess.Popen[bytes], folder: Path, step: int, delay: float) -> None:
    """Kill a run ``delay`` seconds after its history holds ``step`` (-1: after the folder is there)."""
    deadline = time.monotonic() + DEADLINE
    while process.poll() is None and (lines(folder) < step + 2 if step >= 0 else not folder.exists()):
        assert time.monotonic() < deadline, "the run does not come to this step"
        time.sleep(0.001)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    said = process.communicate()[1]
    assert process.returncode in (0, -signal.SIGKILL), said


def assert_readable(folder: Path) -> None:
    if not (folder / "summary.json").exists():  # killed before anything was written
        assert not folder.exists() or {path.name for path in folder.iterdir()} <= {".summary.json.tmp"}
        return
    results = pf.load(folder)
    for index in range(len(results.times)):
        assert "metal_fraction" in results.frame(index)
    steps = results.history.get("step", [])
    assert list(steps) == list(range(len(steps)))


@pytest.mark.parametrize("seed", rounds())
def test_a_killed_run_goes_on_and_ends_the_same(
    tmp_path: Path, seed: int, small: ModuleType, uninterrupted: Callable[[str], Path]
) -> None:
    grid, draw = GRIDS[seed % len(GRIDS)], random.Random(seed)
    reference, folder = uninterrupted(grid), tmp_path / "run"
    name, overrides = small.GRIDS[grid]
    options = [word for key, value in overrides.items() for word in ("--set", f"{key}={value}")]
    last = lines(reference) - 2
    stop = draw.randint(-1, last - 1)
    kill_after(start("run", name, "-o", str(folder), "-q", *options), folder, stop, draw.uniform(0.0, 0.03))
    assert_readable(folder)
    if draw.random() < 0.5 and any(folder.glob("checkpoints/*.h5")):
        kill_after(start("resume", str(folder), "-q"), folder, draw.randint(stop, last), draw.uniform(0.0, 0.03))
        assert_readable(folder)
    finish(folder, small, grid)
    small.assert_identical(folder, reference)


def finish(folder: Path, small: ModuleType, grid: str) -> None:
    """Go on to the end, or start again where nothing can be gone on with."""
    try:
        pf.resume(folder)
    except CaseError as refused:
        text = str(refused)
        if "has ended" not in text:
            assert "holds no checkpoint" in text or "holds no run" in text
            pf.run(small.case_of(grid), out=folder, force=True)
