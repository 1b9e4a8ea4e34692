"""``phasefield cases``, ``check`` and ``new``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import Result

from phasefield.campaigns.sweep_file import list_sweeps
from phasefield.case import list_cases, load_case

REPORT = SimpleNamespace(
    rows=[("cells", "160 x 120"), ("RT/F", "25.69 mV"), ("side", "[red]")], warnings=["a [coarse] band"]
)


def test_lists_names_and_questions(phasefield: Callable[..., Result]) -> None:
    shown = phasefield("cases")
    assert shown.exit_code == 0
    assert "llzo_grain_boundary" in shown.stdout
    assert [entry.name for entry in list_cases() if entry.name not in shown.stdout] == []
    assert [name for name in list_sweeps() if name not in shown.stdout] == []


def test_check_prints_rows_and_warnings(phasefield: Callable[..., Result], stand_in: Callable[..., None]) -> None:
    seen = []
    stand_in("phasefield.report", case_report=lambda case: seen.append(case) or REPORT)
    shown = phasefield("check", "llzo_grain_boundary", "--set", "protocol.current_density=0.2 mA/cm^2")
    assert shown.exit_code == 0
    for text in ("llzo_grain_boundary", "160 x 120", "25.69 mV", "[red]", "warning: a [coarse] band"):
        assert text in shown.stdout
    assert seen[0].protocol.current_density == pytest.approx(2.0)


def test_check_names_every_fault(phasefield: Callable[..., Result]) -> None:
    wrong = ["--set", "grid.spacing=3 V", "--set", "protocol.curent_density=1 mA/cm^2"]
    ended = phasefield("check", "llzo_grain_boundary", *wrong)
    assert ended.exit_code == 2
    assert "grid.spacing" in ended.stderr
    assert "protocol.curent_density" in ended.stderr
    assert "Traceback" not in ended.output


def test_check_needs_a_case_that_exists(phasefield: Callable[..., Result]) -> None:
    ended = phasefield("check", "llzo_grain_boundry")
    assert ended.exit_code == 2
    assert "llzo_grain_boundary" in ended.stderr


def test_schema_needs_no_case(phasefield: Callable[..., Result]) -> None:
    shown = phasefield("check", "--schema")
    assert shown.exit_code == 0
    assert "protocol" in json.loads(shown.stdout)["properties"]


def test_new_copies_comments_and_all(phasefield: Callable[..., Result], tmp_path: Path) -> None:
    ended = phasefield("new", "my_0.2mA")
    assert ended.exit_code == 0
    copied = (tmp_path / "my_0.2mA.toml").read_text(encoding="utf-8")
    assert copied == load_case("llzo_grain_boundary").source.read_text(encoding="utf-8")
    assert "#" in copied


def test_new_copies_a_file_of_ones_own(phasefield: Callable[..., Result], tmp_path: Path) -> None:
    mine = "# mine\n" + load_case("llzo_grain_boundary").source_text
    (tmp_path / "a.toml").write_text(mine, encoding="utf-8")
    assert phasefield("new", "b.toml", "--from", "a.toml").exit_code == 0
    assert (tmp_path / "b.toml").read_text(encoding="utf-8") == mine


def test_new_overwrites_nothing(phasefield: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("precious", encoding="utf-8")
    ended = phasefield("new", "mine")
    assert ended.exit_code == 2
    assert "mine.toml exists already" in ended.stderr
    assert (tmp_path / "mine.toml").read_text(encoding="utf-8") == "precious"


def test_a_reader_that_leaves_early_is_no_failure() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-c", "from phasefield.cli import main; main()", "check", "--schema"]
    with open(writer, "wb") as nobody_reads:
        ended = subprocess.run(command, stdout=nobody_reads, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    assert ended.stderr == ""
