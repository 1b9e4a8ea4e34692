"""Twenty thousand steps take no more memory than two thousand."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import phasefield as pf
from phasefield.case import Case
from phasefield.errors import Stopped
from phasefield.fields import State

STEPS = 20_000
SETTLED = 2_000  # steps after which caches and the allocator's pools are filled
LOOK = 500  # steps between two looks
ALLOWED = 4e6  # bytes: the path of the tip, names of saved files, the allocator's pages
MEMORY = Path("/proc/self/statm")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not MEMORY.exists(), reason="this system does not tell a process how much memory it has"),
]


def resident() -> float:
    """Return the memory of this process that is in use [bytes]."""
    return int(MEMORY.read_text().split()[1]) * 4096.0


def cycling(small: ModuleType) -> Case:
    """Return a case that plates and strips for ever, some hundred steps at a time."""
    half = '{{ current_density = "{} mA/cm^2", duration = "1 s" }}'
    steps = f"[{{ repeat = 1000, steps = [{half.format(1)}, {half.format(-1)}] }}]"
    protocol = f"{{ steps = {steps} }}"
    case: Case = small.case_of("2d", protocol=protocol, solver__time_step_max="10 ms", output__checkpoint_every="1 s")
    return case


def assert_steady(memory: list[float]) -> None:
    """Fail if memory, looked at every ``LOOK`` steps, grows after the first ``SETTLED`` ones."""
    settled = memory[SETTLED // LOOK]
    assert len(memory) > STEPS // LOOK
    assert max(memory[SETTLED // LOOK :]) - settled < ALLOWED, [round(m / 1e6, 1) for m in memory]


def looks(steps: Iterator[Any]) -> list[float]:
    return [resident() for number, _ in enumerate(islice(steps, STEPS + 1)) if number % LOOK == 0]


def test_the_time_loop_alone(small: ModuleType) -> None:
    assert_steady(looks(pf.simulate(cycling(small))))


def test_a_run_that_writes(small: ModuleType, tmp_path: Path) -> None:
    memory: list[float] = []

    class Watch:
        def __call__(self, state: State, report: Any) -> None:
            if report.step % LOOK == 0:
                memory.append(resident())
            if report.step == STEPS:
                raise Stopped("that was enough")

        def close(self, outcome: str) -> None:
            """Do nothing."""

    with pytest.raises(Stopped):
        pf.run(cycling(small), out=tmp_path / "run", observers=[Watch()])
    assert_steady(memory)
    lines = (tmp_path / "run" / "history.csv").read_bytes().count(b"\n")
    assert lines == STEPS + 2, "a line per step, the start and the header"
