"""``phasefield validate``: what it prints, what it leaves, how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from phasefield.results_folder import claimed
from phasefield.validation import registry
from phasefield.validation.common import Check, Row
from phasefield.validation.registry import ENTRIES, Entry


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that puts other computations in the place of rows: ``made_up(V7=...)``."""

    def replace(**computations: Callable[[bool], Row]) -> None:
        table = tuple(Entry(e.name, e.target, computations.get(e.name)) for e in ENTRIES)
        monkeypatch.setattr(registry, "ENTRIES", table)

    return replace


def row(name: str, measured: float) -> Row:
    return Row(name, f"target of {name}", (Check("number", 1.0, measured, 0.01),))


def fault(quick: bool) -> Row:
    raise ZeroDivisionError("no field")


def test_computes_the_rows_that_are_named(phasefield: Callable[..., Result], tmp_path: Path) -> None:
    ended = phasefield("validate", "v8", "V10", "-o", "there")
    assert ended.exit_code == 0, ended.output
    assert "V8, 1 of 2: constant conductivities" in ended.stderr
    assert "V10 passed: 0.0" in ended.stderr
    assert "there/validation.md" in ended.stdout
    files = {str(path.relative_to(tmp_path / "there")) for path in (tmp_path / "there").rglob("*") if path.is_file()}
    assert files == {"validation.md", "V8.png", "V10.png", "rows/V8.json", "rows/V10.json"}
    text = (tmp_path / "there" / "validation.md").read_text(encoding="utf-8")
    assert "**2 passed, 0 failed, 1 not yet, 1 by another command, 19 not computed here.**" in text
    assert str(tmp_path) not in text


def test_all_rows_go_to_the_folder_validation(
    phasefield: Callable[..., Result], made_up: Callable[..., None], tmp_path: Path
) -> None:
    seen = []

    def compute(quick: bool) -> Row:
        seen.append(quick)
        return row("V7", 1.0)

    made_up(V7=compute)
    assert phasefield("validate", "--quick").exit_code == 0
    assert seen == [True]
    assert json.loads((tmp_path / "validation" / "rows" / "V7.json").read_text())["size"] == "quick"


def test_rows_that_fail_or_raise_end_with_1_after_all_others(
    phasefield: Callable[..., Result], made_up: Callable[..., None], tmp_path: Path
) -> None:
    made_up(V1=lambda quick: row("V1", 1.1), V2=fault, V3=lambda quick: row("V3", 1.0))
    ended = phasefield("validate")
    assert ended.exit_code == 1
    assert "V1 failed: 10 of the allowed error" in ended.stderr
    assert "ZeroDivisionError: no field" in ended.stderr
    lines = {line.split("│")[1].strip(): line for line in ended.stdout.splitlines() if line.startswith("│ V")}
    assert "failed" in lines["V1"]
    assert "crashed" in lines["V2"] and "ZeroDivisionError" in lines["V2"]
    assert "passed" in lines["V3"]
    assert "## V2" in (tmp_path / "validation" / "validation.md").read_text(encoding="utf-8")


def test_what_was_computed_before_an_interrupt_is_kept(
    phasefield: Callable[..., Result], made_up: Callable[..., None], tmp_path: Path
) -> None:
    def interrupt(quick: bool) -> Row:
        raise KeyboardInterrupt

    made_up(V1=lambda quick: row("V1", 1.0), V2=interrupt)
    assert phasefield("validate").exit_code == 130
    assert (tmp_path / "validation" / "rows" / "V1.json").is_file()
    assert "## V1" in (tmp_path / "validation" / "validation.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "message"),
    [("V14d", "did you mean V14"), ("V21", "not computed yet: it waits for sweeps")],
)
def test_a_row_that_is_none_is_bad_input(
    phasefield: Callable[..., Result], tmp_path: Path, name: str, message: str
) -> None:
    ended = phasefield("validate", "V8", name)
    assert ended.exit_code == 2
    assert message in ended.stderr
    assert not (tmp_path / "validation").exists()


def test_full_rows_are_not_replaced_by_quick_ones(
    phasefield: Callable[..., Result], made_up: Callable[..., None]
) -> None:
    made_up(V7=lambda quick: row("V7", 1.0))
    assert phasefield("validate").exit_code == 0
    ended = phasefield("validate", "--quick")
    assert ended.exit_code == 2
    assert "keeps V7 in full" in ended.stderr


def test_two_do_not_write_to_one_folder(phasefield: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with claimed(tmp_path / "there"):
        assert phasefield("validate", "V8", "-o", "there").exit_code == 2
