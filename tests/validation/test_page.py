"""Rows are kept one by one, and the page shows all of them as they are: passed, failed, crashed, not yet."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phasefield.errors import CaseError
from phasefield.validation import page, records
from phasefield.validation.common import Check, Row, shares
from phasefield.validation.page import page_text
from phasefield.validation.records import check_folder, compute, kept_rows, worst_share
from phasefield.validation.registry import Entry, chosen
from postprocess.curves import Line, Panel


def row_of(name: str, *checks: Check) -> Callable[[bool], Row]:
    return lambda quick: Row(name, f"target of {name}", checks, (shares(checks),))


def fault(quick: bool) -> Row:
    raise FloatingPointError("the current | is\nnot a number")


GOOD = Check("flux |J| of llzo_3d", 1.0, 1.002, 0.01)
OFF = Check("speed [m/s]", 2e-9, 2.1e-9, 0.005)
NONE = Check("depth [m]", 0.0, math.nan, 1e-6, False)
EXACT = Check("bits", 1.0, 1.0, 0.0, False)
TABLE = {
    entry.name: entry
    for entry in (
        Entry("A1", "holds", row_of("A1", GOOD, EXACT)),
        Entry("A2", "is off", row_of("A2", GOOD, OFF)),
        Entry("A3", "is no number", row_of("A3", NONE)),
        Entry("A4", "raises", fault),
        Entry("A5", "is for later", waits_for="nucleation"),
        Entry("A6", "is elsewhere", instead="phasefield converge x"),
        Entry("A7", "was not asked for", row_of("A7", GOOD)),
    )
}


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (records, page):
        monkeypatch.setattr(module, "ENTRIES", tuple(TABLE.values()))


def keep(folder: Path, *names: str, quick: bool = False, revision: str = "0123456789abcdef") -> dict[str, Any]:
    for name in names:
        compute(TABLE[name], quick, folder, revision)
    return kept_rows(folder)


def line_of(text: str, name: str) -> list[str]:
    """Return the cells of a row's line in the first table."""
    lines = [line for line in text.splitlines() if line.startswith((f"| {name} |", f"| [{name}]"))]
    assert len(lines) == 1
    return [cell.strip() for cell in lines[0].replace(r"\|", "").strip("|").split("|")]


def test_every_state_of_a_row_is_shown(tmp_path: Path) -> None:
    keep(tmp_path, "A1", "A2", "A3", "A4")
    text = page_text(tmp_path)
    assert "**1 passed, 3 failed, 1 not yet, 1 by another command, 1 not computed here.**" in text
    assert line_of(text, "A1")[:5] == ["[A1](#a1)", "holds", "passed", "0.2", "full"]
    assert line_of(text, "A2")[2:4] == ["**FAILED**", "10"]
    assert line_of(text, "A3")[2:4] == ["**FAILED**", "inf"]
    assert line_of(text, "A4")[2:4] == ["**CRASHED**", "-"]
    assert line_of(text, "A5")[1:3] == ["is for later", "not yet: waits for nucleation"]
    assert line_of(text, "A6")[2] == "see `phasefield converge x`"
    assert line_of(text, "A7")[1:3] == ["was not asked for", "not computed here"]
    assert text.count("passed") == 3  # the counts, A1's line, A1's section


def test_a_section_tells_its_checks_and_shows_its_figure(tmp_path: Path) -> None:
    keep(tmp_path, "A2", quick=True)
    section = page_text(tmp_path).split("## A2")[1]
    assert r"| 1 | flux \|J\| of llzo_3d | 1 | 1.002 | 0.20% | 1.00% |  |" in section
    assert "| 2 | speed [m/s] | 2e-09 | 2.1e-09 | 5.00% | 0.50% | **FAILED** |" in section
    assert "](A2.png)" in section
    assert "`phasefield validate A2 --quick`" in section
    assert "revision 0123456789;" in section
    assert (tmp_path / "A2.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_no_number_is_said_so(tmp_path: Path) -> None:
    found = keep(tmp_path, "A3")["A3"]
    assert found["status"] == "failed"
    assert found["checks"][0]["measured"] is None
    assert worst_share(found) == math.inf
    section = page_text(tmp_path).split("## A3")[1]
    assert "| 1 | depth [m] | 0 | not a number | not a number | 1e-06 | **FAILED** |" in section


def test_a_row_that_raises_has_its_reason_and_no_figure_of_an_earlier_time(tmp_path: Path) -> None:
    (tmp_path / "A4.png").write_bytes(b"an older picture")
    found = keep(tmp_path, "A4")["A4"]
    assert found["status"] == "crashed"
    assert found["reason"].startswith("FloatingPointError: the current | is\nnot a number (test_page.py, line ")
    section = page_text(tmp_path).split("## A4")[1]
    assert r"FloatingPointError: the current \| is not a number (test_page.py, line " in section
    assert "A4.png" not in section
    assert not (tmp_path / "A4.png").exists()


def test_a_row_computed_again_keeps_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = keep(tmp_path, "A1", "A2")
    monkeypatch.setitem(TABLE, "A2", Entry("A2", "is off", row_of("A2", GOOD)))
    after = keep(tmp_path, "A2", revision="fedcba9876543210")
    assert after["A1"] == before["A1"]
    assert (before["A2"]["status"], after["A2"]["status"]) == ("failed", "passed")
    assert list(after) == ["A1", "A2"]


def test_rows_of_another_revision_than_the_newest_are_marked(tmp_path: Path) -> None:
    keep(tmp_path, "A1", revision="a" * 40 + "-dirty")
    assert "†" not in page_text(tmp_path)
    assert "with changes on top" in page_text(tmp_path)
    path = tmp_path / "rows" / "A1.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"date": "2020-01-01T00:00:00+00:00"}))
    keep(tmp_path, "A2", revision="b" * 40)
    text = page_text(tmp_path)
    assert line_of(text, "A1")[6:] == [f"{'a' * 10}-dirty †", "2020-01-01"]
    assert line_of(text, "A2")[6] == "b" * 10
    assert f"† Computed from another revision than the newest row, `{'b' * 10}`." in text


def test_a_kept_row_tells_how_it_was_computed(tmp_path: Path) -> None:
    found = keep(tmp_path, "A1", quick=True)["A1"]
    assert (found["format"], found["size"], found["target"]) == (1, "quick", "target of A1")
    assert {"phasefield", "python", "numpy", "numba"} <= set(found["versions"])
    assert found["machine"]["cpus"] >= 1
    assert found["seconds"] >= 0.0
    check = {"reference": 1.0, "measured": 1.002, "relative": True, "tolerance": 0.01, "passed": True}
    assert found["checks"][0] == {"what": GOOD.what, "error": GOOD.error, **check}
    assert worst_share(found) == pytest.approx(0.2)


def test_a_figure_that_fails_costs_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = Panel("x", "y", (Line("two and three", np.zeros(2), np.zeros(3)),))
    entry = Entry("A1", "holds", lambda quick: Row("A1", "target", (GOOD,), (panel,)))
    monkeypatch.setitem(TABLE, "A1", entry)
    (tmp_path / "A1.png").write_bytes(b"an older picture")
    found = keep(tmp_path, "A1")["A1"]
    assert found["status"] == "passed"
    assert found["reason"].startswith("no figure: ValueError")
    assert not list(tmp_path.glob("*.png")) and not list(tmp_path.glob(".*"))
    assert "no figure: ValueError" in page_text(tmp_path)


def test_quick_rows_do_not_take_the_place_of_full_ones(tmp_path: Path) -> None:
    keep(tmp_path, "A1")
    keep(tmp_path, "A2", quick=True)
    entries = list(TABLE.values())
    check_folder(tmp_path, entries, quick=False)
    check_folder(tmp_path, entries[1:], quick=True)
    with pytest.raises(CaseError, match="keeps A1 in full"):
        check_folder(tmp_path, entries, quick=True)


@pytest.mark.parametrize("text", ['{"format": 1, ', '{"format": 99}', "[]"])
def test_a_damaged_row_is_named(tmp_path: Path, text: str) -> None:
    keep(tmp_path, "A1")
    (tmp_path / "rows" / "A1.json").write_text(text)
    with pytest.raises(CaseError, match=r"A1\.json .*remove it and compute the row again"):
        check_folder(tmp_path, [], quick=True)


def test_rows_are_found_whatever_their_case() -> None:
    assert [entry.name for entry in chosen(["v14A", "V3", "v3"])] == ["V3", "V14a"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("v14d", "did you mean V14"),
        ("W", "known here: V1, "),
        ("V21", "not computed yet: it waits for sweeps"),
        ("v19", "`phasefield converge llzo_grain_boundary` tells"),
    ],
)
def test_rows_that_cannot_be_computed_are_refused(name: str, message: str) -> None:
    with pytest.raises(CaseError, match=message):
        chosen(["V3", name])
