"""Every row of the validation table holds and can be drawn; that it notices broken physics is asked elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phasefield.case import list_cases
from phasefield.validation.registry import ENTRIES, chosen, computed_rows
from postprocess.curves import save_panels

ORDER = [
    *("V1", "V2", "V3", "V4", "V5", "V6", "V7", "V8", "V9", "V10", "V11", "V12", "V13"),
    *("V14a", "V14b", "V14c", "V15", "V16", "V17", "V18", "V19", "V20", "V21"),
]
NOT_YET = {"V21"}
ROWS = computed_rows()
# How many checks a quick row has, so that none gets lost.
CHECKS = {
    "V1": 5,
    "V2": 2,
    "V3": 5,
    "V4": 4,
    "V5": 2,
    "V6": 4,
    "V7": 2,
    "V8": 4,
    "V9": 29,
    "V10": 4,
    "V11": 8,
    "V12": 4,
    "V13": 3,
    "V14a": 13,
    "V14b": 7,
    "V14c": 1,
    "V15": 20,
    "V16": 3 * len(list_cases()),
    "V17": 4,
    "V18": 32,
    "V20": 6,
}
CHEAP = {"V7", "V8", "V10", "V11", "V12", "V14a"}
MINUTES = {"V2", "V9", "V17", "V18"}


def in_full() -> list[Any]:
    marks = {name: pytest.mark.ci if name in MINUTES else pytest.mark.slow for name in ROWS if name not in CHEAP}
    return [pytest.param(name, marks=marks.get(name, ())) for name in ROWS]


def test_the_table_has_every_row_in_its_order() -> None:
    assert [entry.name for entry in ENTRIES] == ORDER
    assert all(entry.target for entry in ENTRIES)
    assert {entry.name for entry in ENTRIES if entry.waits_for} == NOT_YET
    assert [entry.name for entry in ENTRIES if entry.instead] == ["V19"]
    assert list(ROWS) == [name for name in ORDER if name not in NOT_YET | {"V19"}]
    assert [entry.name for entry in chosen([])] == list(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_quick_row(name: str, tmp_path: Path) -> None:
    from matplotlib.image import imread

    row = ROWS[name](True)
    assert row.name == name
    assert row.passed, str(row)
    assert len(row.checks) == CHECKS[name]

    assert row.panels
    for panel in row.panels:
        assert panel.x_label and panel.y_label
        assert any(line.exact for line in panel.lines)
        assert any(not line.exact and np.isfinite(line.y).any() for line in panel.lines)
    save_panels(row.panels, f"{row.name}: {row.target}", tmp_path / "row.png")
    assert (tmp_path / "row.png").stat().st_size < 80_000
    picture = imread(tmp_path / "row.png")[..., :3]
    assert np.unique(picture.reshape(-1, 3), axis=0).shape[0] > 10
    assert (picture.min(axis=2) < 0.5).mean() > 0.003


@pytest.mark.parametrize("name", in_full())
def test_full_row(name: str) -> None:
    row = ROWS[name](False)
    assert row.passed, str(row)
