"""``phasefield crosscheck``: both backends on a case, and what it says when they differ."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from typer.testing import Result

from phasefield.backends.fipy_reference import FipyBackend

SMALL = ("crosscheck", "flat_plating", "--set", "grid.size=20 um", "--steps", "3")


def test_prints_differences_per_field_and_the_ratio_of_times(phasefield: Callable[..., Result]) -> None:
    ended = phasefield(*SMALL)
    assert ended.exit_code == 0, ended.output
    for name in ("metal_fraction", "ionic_potential", "electronic_potential", "deposition_rate", "cell_voltage"):
        assert name in ended.output
    assert "3 steps to t = " in ended.output
    assert "times as long" in ended.output
    assert "They agree to 1e-06" in ended.output


def test_fails_where_they_differ(phasefield: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    load = FipyBackend.load

    def spoiled(backend: FipyBackend, state: object) -> None:
        load(backend, state)  # type: ignore[arg-type]
        backend.sigma_i.setValue(1.001 * backend.sigma_i.value)

    monkeypatch.setattr(FipyBackend, "load", spoiled)
    ended = phasefield(*SMALL)
    assert ended.exit_code == 1
    assert "They differ by more than 1e-06" in ended.output


def test_a_box_that_is_too_large_is_bad_input(phasefield: Callable[..., Result]) -> None:
    ended = phasefield("crosscheck", "llzo_3d", "--steps", "1")
    assert ended.exit_code == 2
    assert "64 x 64 x 64 cells are too many" in ended.output
