"""``phasefield converge``: what it hands on, what it prints, how it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import Result

from phasefield.converge import FamilyResult, Quantity, RunFacts, Study
from phasefield.converge.orders import DEPTH_AT_CHARGE
from phasefield.errors import CaseError, RunError

DEPTH = Quantity(DEPTH_AT_CHARGE, (9.0, 3.0, 2.0, 1.8), (1.0, 0.5, 0.2), 1.32, 0.2 / 1.8, 0.1, "converging")
TIP = Quantity("tip_speed_nm_s", (9.0, 3.0, 2.0, 2.1), (1.0, 0.5, 0.7), None, 0.1 / 2.1, 0.1, "not shrinking")
SAME = Quantity("reservoir_share", (0.5,) * 4, (0.0,) * 3, None, 0.0, 0.0, "-")
SIZES = (8e-7, 4e-7, 2e-7, 1e-7)


@pytest.fixture
def calls(stand_in: Callable[..., None], case: SimpleNamespace, tmp_path: Path) -> list[Any]:
    """Record how the case is read and studied; the study is there at once."""
    seen: list[Any] = []
    run = RunFacts("base", tmp_path, (30, 12), 4e-7, 6e-7, 6e-8, 65, 1.5, "capacity", "revision")
    family = FamilyResult("grid", "cell", ("base",) * 4, SIZES, 72.0, 0.02, (DEPTH, TIP, SAME), ())
    study = Study("some_case", "", tmp_path, 1.5, (run,), (family,), ("Mind the [gap].",))

    def load_case(name: str, overrides: dict[str, str]) -> SimpleNamespace:
        seen.append((name, overrides))
        return case

    def converge(case: SimpleNamespace, out: Path | None, **options: Any) -> Study:
        options.pop("announce")("run 1 of 1: base")
        seen.append((out, options))
        return study

    def write_pages(study: Study, command: str) -> Path:
        seen.append(command)
        return study.folder / "convergence.md"

    stand_in("phasefield.case", load_case=load_case)
    stand_in("phasefield.converge", converge=converge, write_pages=write_pages, FAMILIES={"grid": "smaller cells"})
    return seen


def test_hands_everything_on(
    phasefield: Callable[..., Result], calls: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["/somewhere/phasefield", "converge", "some_case", "--set", "solver.threads = 2"])
    arguments = ["--levels", "4", "--ratio", "2", "--set", "solver.threads = 2", "-o", "there"]
    assert phasefield("converge", "some_case", *arguments).exit_code == 0
    assert calls[0] == ("some_case", {"solver.threads": "2"})
    assert calls[1] == (Path("there"), {"levels": 4, "ratio": 2.0})
    assert calls[2] == "phasefield converge some_case --set 'solver.threads = 2'"  # what a reader can copy


def test_defaults(phasefield: Callable[..., Result], calls: list[Any]) -> None:
    assert phasefield("converge", "some_case").exit_code == 0
    assert calls[1] == (None, {"levels": 3, "ratio": 1.5})


def test_prints_a_table_per_family_that_fits(phasefield: Callable[..., Result], calls: list[Any]) -> None:
    """Of more levels than three the finest three."""
    ended = phasefield("converge", "some_case")
    lines = ended.stdout.splitlines()
    assert ended.stderr == "run 1 of 1: base\n"
    assert max(map(len, lines)) <= 120
    depth, tip = (next(line for line in lines if name in line) for name in (DEPTH.name, TIP.name))
    cells = [cell.strip() for cell in depth.split("│")[1:-1]]
    assert cells == [DEPTH.name, "3", "2", "1.8", "0.5", "0.2", "11", "1.32, converging"]
    assert [cell.strip() for cell in tip.split("│")][-2] == "not shrinking"
    text = " ".join(ended.stdout.split())
    assert "Mind the [gap]." in text
    assert "(V19): met (11 % at the end, 10 % as root mean squares, converging)." in text
    assert "The same at all levels but for round-off: reservoir_share." in text
    assert "convergence.md" in text


@pytest.mark.parametrize(("error", "code"), [(CaseError("--ratio: 1 makes nothing smaller"), 2), (RunError("no"), 1)])
def test_failures_end_with_their_codes(
    phasefield: Callable[..., Result],
    stand_in: Callable[..., None],
    case: SimpleNamespace,
    error: Exception,
    code: int,
) -> None:
    def converge(*_: Any, **__: Any) -> Study:
        raise error

    stand_in("phasefield.case", load_case=lambda name, overrides: case)
    stand_in("phasefield.converge", converge=converge, write_pages=None, FAMILIES={})
    ended = phasefield("converge", "some_case")
    assert ended.exit_code == code
    assert str(error) in ended.stderr


def test_help_says_what_the_ratio_costs(phasefield: Callable[..., Result]) -> None:
    text = " ".join(phasefield("converge", "--help").stdout.split())
    assert "at least 3" in text and "[default: 1.5]" in text
