"""Small cases, runs that are stopped at a step, and what it means that two result folders are identical."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import phasefield as pf
from phasefield.case import Case
from phasefield.checkpoint import Checkpoint, newest_checkpoint
from phasefield.fields import State
from postprocess.results import read_collection, read_image

# What two runs of one case may differ in: when they ran, and that one of them was stopped.
TIMES = {"started", "startup_s", "wall_time_s", "resumed"}

# With all that a state can hold: stored electrons, reservoir, hysteresis. Some hundred steps, a second or two each;
# a checkpoint at every second or third of them.
BASE = {
    "output.checkpoint_every": "0.01 s",
    "output.preview": "false",
    "reaction.plain": "false",
    "solver.threads": "1",
    "transport.leakage": "true",
}
GRIDS: dict[str, tuple[str, dict[str, str]]] = {
    "1d": (
        "flat_plating",
        BASE
        | {
            "materials.set.electrolyte.electronic_conductivity": "1e-7 S/m",
            "transport.capacitance": "true",
            "protocol.capacity": "0.6 mAh/cm^2",
            "output.every_capacity": "0.015 mAh/cm^2",
        },
    ),
    "2d": (
        "bicrystal",
        BASE
        | {
            "grid.size": '["16 um", "6.4 um"]',
            "protocol.voltage_limit": "1000 mV",
            "transport.electronic_law": "n_type",
            "protocol.capacity": "0.03 mAh/cm^2",
            "output.fields": '["metal_fraction", "potential_vs_metal"]',
        },
    ),
    "3d": (
        "bicrystal",
        BASE
        | {
            "grid.size": '["12 um", "4.8 um", "4 um"]',
            "protocol.capacity": "0.008 mAh/cm^2",
            "output.fields": '["metal_fraction"]',
        },
    ),
}


def case_of(grid: str, **overrides: str) -> Case:
    """Return a small case; ``__`` in a name stands for a dot."""
    name, base = GRIDS[grid]
    return pf.load_case(name, base | {key.replace("__", "."): value for key, value in overrides.items()})


class StopAt:
    """Stop the run after a step with a signal, or in the middle of it with an exception."""

    def __init__(self, step: int, how: signal.Signals | type[BaseException] = signal.SIGTERM) -> None:
        self.step = step
        self.how = how

    def __call__(self, state: State, report: Any) -> None:
        if report.step != self.step:
            return
        if isinstance(self.how, signal.Signals):
            os.kill(os.getpid(), self.how)
        else:
            raise self.how

    def close(self, outcome: str) -> None:
        """Do nothing."""


def assert_identical(folder: Path, reference: Path) -> None:
    """Fail unless both folders hold the same run, bit for bit, but for wall times."""
    assert (folder / "history.csv").read_bytes() == (reference / "history.csv").read_bytes()
    assert (folder / "case.toml").read_bytes() == (reference / "case.toml").read_bytes()
    assert (folder / "fields.pvd").read_bytes() == (reference / "fields.pvd").read_bytes()
    names = sorted(path.name for path in (reference / "fields").iterdir())
    assert sorted(path.name for path in (folder / "fields").iterdir()) == names
    assert {path.name for path in read_collection(folder / "fields.pvd")[1]} == set(names)
    for name in names:
        assert_same_image(folder / "fields" / name, reference / "fields" / name)
    one, other = newest_checkpoint(folder), newest_checkpoint(reference)
    assert one[0].name == other[0].name
    assert_same_checkpoint(one[1], other[1])
    assert timeless(folder) == timeless(reference)
    assert not list(folder.rglob("*.tmp"))
    assert len(list((folder / "checkpoints").iterdir())) <= 2


def assert_same_image(path: Path, other: Path) -> None:
    (arrays, *rest), (expected, *expected_rest) = read_image(path), read_image(other)
    assert rest == expected_rest
    assert arrays.keys() == expected.keys()
    assert all(arrays[name].tobytes() == expected[name].tobytes() for name in arrays), path


def assert_same_checkpoint(one: Checkpoint, other: Checkpoint) -> None:
    assert (one.outcome, one.texts) == (other.outcome, other.texts)
    assert_same_state(one.state, other.state)


def assert_same_state(one: State, other: State) -> None:
    for field in dataclasses.fields(State):
        values, expected = getattr(one, field.name), getattr(other, field.name)
        if field.name == "arrays":
            assert values.keys() == expected.keys()
            assert all(same_bits(values[name], expected[name]) for name in values)
        elif isinstance(values, np.ndarray):
            assert same_bits(values, expected), field.name
        elif dataclasses.is_dataclass(values):
            assert json.dumps(dataclasses.asdict(values)) == json.dumps(dataclasses.asdict(expected)), field.name
        else:
            assert repr(values) == repr(expected), field.name  # a float's repr is exact


def same_bits(values: np.ndarray, expected: np.ndarray) -> bool:
    return (values.dtype, values.shape, values.tobytes()) == (expected.dtype, expected.shape, expected.tobytes())


def timeless(folder: Path) -> dict[str, Any]:
    """Return the summary without what depends on when and how fast it was computed."""
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return {key: value for key, value in summary.items() if key not in TIMES}


@pytest.fixture(autouse=True)
def usual_handlers() -> Iterator[None]:
    """Handle signals as Python does by itself: a shell's background jobs are started with SIGINT ignored."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGUSR1: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def small() -> ModuleType:
    """Return this module: test files of one folder cannot import each other."""
    return sys.modules[__name__]


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a function that gives the folder of the uninterrupted run of a grid, computed once."""
    folders: dict[str, Path] = {}

    def folder_of(grid: str) -> Path:
        if grid not in folders:
            folders[grid] = tmp_path_factory.mktemp("uninterrupted") / grid
            pf.run(case_of(grid), out=folders[grid])
        return folders[grid]

    return folder_of
