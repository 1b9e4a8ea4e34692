"""``phasefield run`` and ``resume``: what they hand on, what they print, how they end."""

from __future__ import annotations

import gc
import time as clock
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import Result

from phasefield import cache
from phasefield.case import AssumedNumber
from phasefield.errors import CaseError, Fault, RunError, Stopped

SUMMARY = {
    "outcome": "short",
    "short": True,
    "final": {"time_s": 409.0, "capacity_mAh_cm2": 0.1136, "penetration_depth_isolated_um": float("nan")},
    "wall_time_s": 100.25,
    "startup_s": 2.5,
}


@pytest.fixture
def calls(stand_in: Callable[..., None], case: SimpleNamespace, tmp_path: Path) -> list[Any]:
    """Record how the case is read and run; the run ends at once."""
    seen: list[Any] = []

    def load_case(name: str, overrides: dict[str, str]) -> SimpleNamespace:
        seen.append((name, overrides))
        return case

    def run(case: SimpleNamespace, **options: Any) -> SimpleNamespace:
        seen.append(options)
        return SimpleNamespace(summary=SUMMARY, folder=tmp_path / "results" / "[some] case")

    def resume(folder: Path, overrides: dict[str, str], **options: Any) -> SimpleNamespace:
        seen.append((folder, overrides, options))
        assumed = [{"name": "a.b", "value": 30.0, "unit": "nm", "note": "of a sheet"}]
        return SimpleNamespace(summary=SUMMARY | {"assumed": assumed}, folder=folder)

    stand_in("phasefield.case", load_case=load_case, AssumedNumber=AssumedNumber)
    stand_in("phasefield.run", run=run, resume=resume)
    return seen


def test_hands_everything_on(phasefield: Callable[..., Result], calls: list[Any]) -> None:
    arguments = ["--set", "protocol.current_density=0.5 mA/cm^2", "--set", "solver.threads = 2", "-o", "there"]
    ended = phasefield("run", "some_case", *arguments, "--threads", "3", "--force", "--quiet")
    assert ended.exit_code == 0
    assert calls[0] == ("some_case", {"protocol.current_density": "0.5 mA/cm^2", "solver.threads": "2"})
    assert 0.0 <= clock.perf_counter() - calls[1].pop("started") < 60.0
    assert calls[1] == {"out": Path("there"), "threads": 3, "force": True, "observers": []}


def test_defaults_and_progress(phasefield: Callable[..., Result], calls: list[Any]) -> None:
    assert phasefield("run", "some_case").exit_code == 0
    assert (calls[1]["out"], calls[1]["threads"], calls[1]["force"]) == ("auto", None, False)
    assert [type(observer).__name__ for observer in calls[1]["observers"]] == ["Progress"]


def test_prints_the_summary_and_what_to_open(
    phasefield: Callable[..., Result], calls: list[Any], tmp_path: Path
) -> None:
    shown = phasefield("run", "some_case").stdout
    for text in ("short circuit", "yes", "409 s", "0.1136 mAh/cm²", "100.2 s", "2.5 s", " - "):
        assert text in shown
    folder = f"{tmp_path}/results/[some] case"
    assert f"Results in {folder}\n" in shown
    assert f"Open {folder}/fields.pvd in ParaView; {folder}/preview.png is a picture of the end.\n" in shown
    assert "nan" not in shown
    rows = [[cell.strip() for cell in row.strip("│").split("│")] for row in shown.splitlines() if row[:1] == "│"]
    assert ["grain_boundaries.opening", "30 nm", "metal per area"] in rows
    assert ["a", "0.5", ""] in rows


def test_quiet_prints_the_folder_alone(phasefield: Callable[..., Result], calls: list[Any], tmp_path: Path) -> None:
    assert phasefield("run", "some_case", "-q").stdout == f"{tmp_path}/results/[some] case\n"


def test_garbage_is_collected_in_runs_but_not_in_what_was_imported(
    phasefield: Callable[..., Result], stand_in: Callable[..., None], calls: list[Any]
) -> None:
    seen: list[tuple[bool, int]] = []

    def look(*_: Any, **__: Any) -> None:
        seen.append((gc.isenabled(), gc.get_freeze_count()))
        raise RunError("enough")

    gc.unfreeze()
    stand_in("phasefield.run", run=look, resume=look)
    for command in ("run", "resume"):
        assert phasefield(command, "some_case").exit_code == 1
    gc.unfreeze()
    assert all(enabled and frozen > 0 for enabled, frozen in seen) and len(seen) == 2


def test_says_that_the_first_run_compiles(
    phasefield: Callable[..., Result], calls: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHASEFIELD_CACHE_DIR", str(tmp_path / "cache"))
    assert "compiles" in phasefield("run", "some_case").stderr
    assert "compiles" not in phasefield("run", "some_case", "--quiet").stderr
    cache.folder().mkdir(parents=True)
    (cache.folder() / "kernel.1.nbc").touch()
    assert "compiles" not in phasefield("run", "some_case").stderr


@pytest.mark.parametrize(
    ("failure", "code", "message"),
    [
        (CaseError([Fault("grid.size", "missing"), Fault("grid.spacing", "missing")]), 2, "grid.spacing: missing"),
        (RunError("the time step fell below 1e-6 s"), 1, "the time step fell below 1e-6 s"),
        (OSError(28, "No space left on device"), 1, "No space left on device"),
        (
            KeyboardInterrupt("results/x"),
            130,
            "everything so far is in results/x; `phasefield resume results/x` goes on",
        ),
        (KeyboardInterrupt(), 130, "interrupted"),
        (Stopped("stopped by SIGTERM: everything so far is in results/x"), 75, "stopped by SIGTERM"),
    ],
)
def test_failures_have_codes_and_no_traceback(
    phasefield: Callable[..., Result],
    stand_in: Callable[..., None],
    calls: list[Any],
    failure: BaseException,
    code: int,
    message: str,
) -> None:
    def run(*_: Any, **__: Any) -> None:
        raise failure

    stand_in("phasefield.run", run=run, resume=run)
    for command in ("run", "resume"):
        ended = phasefield(command, "some_case")
        assert ended.exit_code == code
        assert message in ended.stderr
        assert "Traceback" not in ended.output


def test_a_bug_keeps_its_traceback(
    phasefield: Callable[..., Result], stand_in: Callable[..., None], calls: list[Any]
) -> None:
    stand_in("phasefield.run", run=lambda *_, **__: 1 / 0)
    assert isinstance(phasefield("run", "some_case").exception, ZeroDivisionError)


def test_all_bad_changes_are_named_at_once(phasefield: Callable[..., Result], calls: list[Any]) -> None:
    ended = phasefield("run", "x", "--set", "grid.size", "--set", "=3", "--set", "size=3", "--set", "grid.size=")
    assert ended.exit_code == 2
    for entry in ("'grid.size'", "'=3'", "'size=3'", "'grid.size='"):
        assert entry in ended.stderr
    assert not calls


def test_threads_start_at_one(phasefield: Callable[..., Result], calls: list[Any]) -> None:
    assert phasefield("run", "some_case", "--threads", "0").exit_code == 2


def test_resume_hands_everything_on_and_prints_the_summary(phasefield: Callable[..., Result], calls: list[Any]) -> None:
    arguments = ["--set", "protocol.capacity=2 mAh/cm^2", "--threads", "3"]
    ended = phasefield("resume", "results/x", *arguments)
    assert ended.exit_code == 0
    assert 0.0 <= clock.perf_counter() - calls[0][2].pop("started") < 60.0
    assert calls == [(Path("results/x"), {"protocol.capacity": "2 mAh/cm^2"}, {"threads": 3, "progress": True})]
    for text in ("short circuit", "409 s", "a.b", "30 nm", "of a sheet", "Results in results/x\n"):
        assert text in ended.stdout
    assert phasefield("resume", "results/x", "-q").stdout == "results/x\n"
    assert calls[1][2].items() >= {"threads": None, "progress": False}.items()


def test_resume_wants_a_folder(phasefield: Callable[..., Result]) -> None:
    assert phasefield("resume").exit_code == 2
    for name in ("there", "."):
        refused = phasefield("resume", name)
        assert (refused.exit_code, refused.stderr) == (2, f"error: {name} holds no run\n")
