"""Stand-ins for what the commands call, so that these tests ask about the commands alone."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from phasefield.case import AssumedNumber
from phasefield.cli.app import app


@pytest.fixture
def phasefield(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """Return a function that runs the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that replaces a module: ``stand_in("phasefield.run", run=...)``."""

    def replace(module: str, **names: Any) -> None:
        fake = ModuleType(module)
        vars(fake).update(names)
        monkeypatch.setitem(sys.modules, module, fake)

    return replace


@pytest.fixture
def case() -> SimpleNamespace:
    """Return what the commands read of a case: 1 mAh/cm² or 100 s."""
    assumed = [
        AssumedNumber("grain_boundaries.opening", 30.0, "nm", "metal per area"),
        AssumedNumber("a", 0.5, "1", ""),
    ]
    protocol = SimpleNamespace(capacity=36000.0, duration=100.0)
    return SimpleNamespace(name="some_case", protocol=protocol, assumed=assumed)
