"""Rows V11 to V13 notice samples that are not those that their references are for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from phasefield.problem import Ceramic
from phasefield.validation import effective_rows
from phasefield.validation.common import Row


def spoil(monkeypatch: pytest.MonkeyPatch, change: Callable[[Ceramic], Ceramic]) -> None:
    """Let the rows measure another ceramic."""
    right = effective_rows.conductivity_along
    monkeypatch.setattr(effective_rows, "conductivity_along", lambda ceramic, *a, **k: right(change(ceramic), *a, **k))


def with_ionic(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Ceramic], Ceramic]:
    return lambda ceramic: dataclasses.replace(ceramic, ionic_conductivity=change(ceramic.ionic_conductivity))


def failed(row: Row) -> list[str]:
    return [check.what for check in row.checks if not check.passed]


def test_v11_bounds_are_those_of_the_formulas() -> None:
    """Columns that exchange no current, and layers with equipotentials between them."""
    wall = effective_rows.WALL_CONDUCTIVITY
    for share, (reference, low, high) in effective_rows.BRICKS.items():
        t = 1.0 / share
        columns = t * wall + (1.0 - t) / (t / wall + 1.0 - t)
        layers = 1.0 / (t / wall + (1.0 - t) / (1.0 - t + t * wall))
        assert (low, high) == pytest.approx((columns, layers), abs=1e-6)
        assert low < reference < high


def test_v11_notices_walls_that_conduct_better(monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(monkeypatch, with_ionic(lambda map_: np.where(map_ < 1.0, 1.005 * map_, map_)))
    assert failed(effective_rows.v11()) == [f"walls of 1/{n}, along {axis}" for n in (16, 32) for axis in "xy"]


def test_v11_notices_walls_along_one_axis_only(monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(monkeypatch, with_ionic(lambda map_: np.broadcast_to(map_[:, [128]], map_.shape).copy()))
    assert len(failed(effective_rows.v11())) == 8


def test_v12_notices_discs_of_another_size(monkeypatch: pytest.MonkeyPatch) -> None:
    right = effective_rows.disc_array
    monkeypatch.setattr(effective_rows, "disc_array", lambda cells, share: right(cells, 1.03 * share))
    assert [what[:8] for what in failed(effective_rows.v12())] == ["discs on"] * 3


def test_v12_notices_discs_that_conduct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effective_rows, "INSULATOR", 0.02)
    assert failed(effective_rows.v12())


def test_v12_discs_do_not_depend_on_the_axis() -> None:
    assert effective_rows.disc_array(64, 0.3, 1) == pytest.approx(effective_rows.disc_array(64, 0.3, 0), rel=1e-10)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let V13 measure a quarter of its quick sample; a plate cuts more of the grains, and the limit is lower."""
    right = effective_rows.polycrystal
    monkeypatch.setattr(effective_rows, "polycrystal", lambda r, grains, *a: right(r, grains // 2, *a))
    monkeypatch.setitem(effective_rows.LIMITS, 2, (0.90, 0.96))


def spoil_sheets(monkeypatch: pytest.MonkeyPatch, change: Callable[[np.ndarray, int], Any]) -> None:
    spoil(
        monkeypatch,
        lambda ceramic: dataclasses.replace(
            ceramic, sheet_resistance=tuple(change(sheet, axis) for axis, sheet in enumerate(ceramic.sheet_resistance))
        ),
    )


@pytest.mark.usefixtures("small")
def test_v13_holds_on_a_small_sample() -> None:
    assert not failed(effective_rows.v13(quick=True))


@pytest.mark.usefixtures("small")
def test_v13_notices_a_staircase_that_is_not_corrected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sheets whose resistance is not multiplied with |n|_1 resist too little."""
    spoil_sheets(monkeypatch, lambda sheet, axis: np.where(sheet > 0.0, sheet[sheet > 0.0].min(), 0.0))
    assert [what.split(",")[0] for what in failed(effective_rows.v13(quick=True))] == ["resistivity x sigma_b", "phi"]


@pytest.mark.usefixtures("small")
def test_v13_notices_sheets_that_resist_more(monkeypatch: pytest.MonkeyPatch) -> None:
    spoil_sheets(monkeypatch, lambda sheet, axis: 1.1 * sheet)
    assert len(failed(effective_rows.v13(quick=True))) == 3


@pytest.mark.usefixtures("small")
def test_v13_notices_sheets_across_one_axis_only(monkeypatch: pytest.MonkeyPatch) -> None:
    spoil_sheets(monkeypatch, lambda sheet, axis: sheet if axis == 0 else 0.0 * sheet)
    assert len(failed(effective_rows.v13(quick=True))) == 3
