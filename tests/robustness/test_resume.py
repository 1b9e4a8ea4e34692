"""A run that was stopped and goes on ends as one that never stopped, to the bit."""

from __future__ import annotations

import json
import logging
import signal
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import phasefield as pf
from phasefield.checkpoint import newest_checkpoint
from phasefield.errors import CaseError, RunError, Stopped

GRIDS = ["1d", "2d", "3d"]


def steps_of(folder: Path) -> int:
    return int(pf.load(folder).history["step"][-1])


@pytest.mark.parametrize("grid", GRIDS)
def test_stopped_again_and_again_ends_the_same(
    tmp_path: Path, grid: str, small: ModuleType, uninterrupted: Callable[[str], Path]
) -> None:
    reference, folder = uninterrupted(grid), tmp_path / "run"
    stops = np.linspace(0, steps_of(reference) - 1, 7).astype(int).tolist()
    hows = [signal.SIGTERM, signal.SIGUSR1, KeyboardInterrupt, ZeroDivisionError]
    first = small.StopAt(stops[0])
    with pytest.raises(Stopped):
        pf.run(small.case_of(grid), out=folder, observers=[first])
    for number, stop in enumerate(stops[1:]):
        how = hows[number % len(hows)]
        expected = Stopped if isinstance(how, signal.Signals) else how
        with pytest.raises(expected):
            pf.resume(folder, observers=[small.StopAt(stop, how)], threads=1 + number % 2)
    pf.resume(folder, threads=1)
    small.assert_identical(folder, reference)


def test_the_referee_resumes_as_well(tmp_path: Path, small: ModuleType) -> None:
    case = small.case_of("1d", protocol__duration="2 s", solver__backend="fipy")
    pf.run(case, out=tmp_path / "whole")
    with pytest.raises(Stopped):
        pf.run(case, out=tmp_path / "run", observers=[small.StopAt(7)])
    pf.resume(tmp_path / "run")
    small.assert_identical(tmp_path / "run", tmp_path / "whole")


def test_a_resumed_run_says_so_and_counts_all_of_its_time(
    tmp_path: Path, small: ModuleType, uninterrupted: Callable[[str], Path]
) -> None:
    folder = tmp_path / "run"
    with pytest.raises(Stopped, match=r"SIGTERM.*resume .* goes on from step 30, t = "):
        pf.run(small.case_of("1d"), out=folder, observers=[small.StopAt(30)])
    before = json.loads((folder / "summary.json").read_text())
    assert (before["outcome"], before["steps"]) == ("interrupted", 30)
    resumed = pf.resume(folder)
    summary = resumed.summary
    assert [entry["step"] for entry in summary["resumed"]] == [30]
    assert summary["resumed"][0]["time_s"] == pytest.approx(pf.load(folder).history["time_s"][30])
    assert summary["started"] == before["started"]
    assert summary["wall_time_s"] > before["wall_time_s"]
    assert summary["startup_s"] == before["startup_s"]
    whole = small.timeless(uninterrupted("1d"))
    assert (summary["newton_iterations"], summary["cg_iterations"]) == (
        whole["newton_iterations"],
        whole["cg_iterations"],
    )
    log = (folder / "run.log").read_text(encoding="utf-8")
    assert "outcome: interrupted" in log
    assert f"resumed from {folder}/checkpoints/000030.h5: step 30" in log
    assert resumed.folder == folder


def test_observers_of_a_resumed_run_see_later_steps_only(tmp_path: Path, small: ModuleType) -> None:
    case = small.case_of("1d", protocol__duration="10 s")
    with pytest.raises(Stopped):
        pf.run(case, out=tmp_path / "run", observers=[small.StopAt(5)])
    seen: list[int] = []

    class Watch(small.StopAt):  # type: ignore[name-defined]
        def __call__(self, state: Any, report: Any) -> None:
            seen.append(report.step)

    pf.resume(tmp_path / "run", observers=[Watch(0)])
    assert seen[0] == 6
    assert seen == list(range(6, seen[-1] + 1))


def test_a_run_killed_between_its_last_checkpoint_and_its_summary_is_finished(
    tmp_path: Path, small: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, whole, folder = small.case_of("1d", protocol__duration="10 s"), tmp_path / "whole", tmp_path / "run"
    pf.run(case, out=whole)
    pf.run(case, out=folder)
    summary = json.loads((folder / "summary.json").read_text())
    for key in ("short", "filled_boundary_share"):
        del summary[key]
    (folder / "summary.json").write_text(json.dumps(summary | {"outcome": "running"}))
    pf.resume(folder)
    small.assert_identical(folder, whole)


def test_a_failed_step_leaves_the_last_good_state(tmp_path: Path, small: ModuleType) -> None:
    from phasefield.backends.numba_cpu import NumbaBackend

    advance = NumbaBackend.advance
    case, folder = small.case_of("1d", protocol__duration="20 s"), tmp_path / "run"
    pf.run(case, out=tmp_path / "whole")

    def spoil(self: NumbaBackend, state: Any, time_step: float) -> None:
        if state.step == 12:
            state["metal_fraction"][5] = np.nan
        advance(self, state, time_step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NumbaBackend, "advance", spoil)
        with pytest.raises(RunError, match=r"not finite.*everything so far is in .*goes on from step 12, t = "):
            pf.run(case, out=folder)
    assert json.loads((folder / "summary.json").read_text())["outcome"] == "failed"
    state = newest_checkpoint(folder)[1].state
    assert state.step == 12
    assert np.isfinite(state["metal_fraction"]).all()
    pf.resume(folder)
    small.assert_identical(folder, tmp_path / "whole")


def test_half_files_of_a_kill_are_removed(tmp_path: Path, small: ModuleType) -> None:
    case, folder = small.case_of("1d", protocol__duration="2 s"), tmp_path / "run"
    pf.run(case, out=tmp_path / "whole")
    with pytest.raises(Stopped):
        pf.run(case, out=folder, observers=[small.StopAt(3)])
    for name in (".summary.json.tmp", "fields/.000004.vti.tmp", "checkpoints/.000004.h5.tmp"):
        (folder / name).write_bytes(b"half")
    (folder / "notes.tmp").write_text("mine")
    pf.resume(folder)
    assert [path.name for path in folder.rglob("*.tmp")] == ["notes.tmp"]
    (folder / "notes.tmp").unlink()
    small.assert_identical(folder, tmp_path / "whole")


def test_an_observer_that_fails_to_close_keeps_no_other_open(tmp_path: Path, small: ModuleType) -> None:
    handlers = list(logging.getLogger("phasefield").handlers)

    class Failing(small.StopAt):  # type: ignore[name-defined]
        def close(self, outcome: str) -> None:
            raise ZeroDivisionError(outcome)

    with pytest.raises(ZeroDivisionError, match="duration"):
        pf.run(small.case_of("1d", protocol__duration="1 s"), out=tmp_path / "run", observers=[Failing(-1)])
    assert json.loads((tmp_path / "run/summary.json").read_text())["outcome"] == "duration"
    assert "outcome: duration" in (tmp_path / "run/run.log").read_text()
    assert logging.getLogger("phasefield").handlers == handlers


def test_an_end_that_is_raised_lets_a_run_go_on(
    tmp_path: Path, small: ModuleType, uninterrupted: Callable[[str], Path]
) -> None:
    folder = tmp_path / "run"
    pf.run(small.case_of("1d", protocol__capacity="0.3 mAh/cm^2"), out=folder)
    with pytest.raises(
        CaseError, match=r"has ended \(outcome: capacity\); raise protocol.capacity \(now 0.3 mAh/cm\^2\)"
    ):
        pf.resume(folder)
    with pytest.raises(CaseError, match=r"has ended.*raise protocol.capacity \(now 0.29 mAh/cm\^2\) to go on"):
        pf.resume(folder, {"protocol.capacity": "0.29 mAh/cm^2"})
    finished = pf.resume(folder, {"protocol.capacity": "0.6 mAh/cm^2"})
    assert finished.summary["outcome"] == "capacity"
    assert finished.summary["resumed"][0]["changed"] == {"protocol.capacity": ['"0.3 mAh/cm^2"', '"0.6 mAh/cm^2"']}
    assert finished.history["throughput_mAh_cm2"][-1] == pytest.approx(0.6, rel=1e-9)
    assert finished.results.case_toml["protocol"]["capacity"] == "0.6 mAh/cm^2"
    # Its step into the first end was cut short, so it is not the same to the bit.
    whole = pf.load(uninterrupted("1d"))
    assert finished.summary["case_sha256"] == whole.summary["case_sha256"]
    np.testing.assert_allclose(finished.history["cell_voltage_V"][-1], whole.history["cell_voltage_V"][-1], rtol=1e-3)


@pytest.mark.parametrize(
    ("key", "value"),
    [("duration", "0.001 s"), ("capacity", "1e-09 mAh/cm^2"), ("voltage_limit", "0.001 mV")],
)
def test_an_end_that_has_passed_is_refused(tmp_path: Path, small: ModuleType, key: str, value: str) -> None:
    folder = tmp_path / "run"
    with pytest.raises(Stopped):
        pf.run(small.case_of("1d"), out=folder, observers=[small.StopAt(9)])
    with pytest.raises(CaseError) as refused:
        pf.resume(folder, {f"protocol.{key}": value})
    text = str(refused.value)
    assert text.startswith(f"{folder}: its checkpoint, step 9 at t = ")
    assert text.endswith(f"the end that the case gives now ({key}); raise protocol.{key} (now {value}) to go on")


def test_a_short_cell_goes_on_where_shorts_do_not_end_it(tmp_path: Path, small: ModuleType) -> None:
    folder = tmp_path / "run"
    near = small.case_of("1d", grid__size='["12.4 um"]', reaction__plain="true")
    first = pf.run(near, out=folder)
    assert first.summary["outcome"] == "short"
    with pytest.raises(CaseError, match=r"outcome: short\); set protocol.stop_at_short = false to go on"):
        pf.resume(folder, {"protocol.capacity": "9 mAh/cm^2"})
    steps = int(first.history["step"][-1])
    with pytest.raises(Stopped):
        pf.resume(folder, {"protocol.stop_at_short": "false"}, observers=[small.StopAt(steps + 3)])
    assert pf.load(folder).history["step"][-1] == steps + 3


STAGES = """[
    { current_density = "2 mA/cm^2", duration = "6 s" },
    { rest = true, duration = "4 s" },
    { repeat = 2, current_density_increment = "1 mA/cm^2", steps = [
        { current_density = "-1 mA/cm^2", ramp_to = "1 mA/cm^2", duration = "5 s" },
        { voltage = "20 mV", capacity = "0.003 mAh/cm^2" },
    ] },
    { current_density = "1 mA/cm^2", ramp_to = "9 mA/cm^2", duration = "8 s", voltage_limit = "40 mV" },
]"""


@pytest.mark.parametrize("grid", ["1d", *(pytest.param(grid, marks=pytest.mark.ci) for grid in GRIDS[1:])])
def test_stopped_in_every_stage_of_a_protocol_ends_the_same(tmp_path: Path, grid: str, small: ModuleType) -> None:
    case = small.case_of(grid, protocol=f"{{ steps = {STAGES} }}")
    reference, folder = tmp_path / "whole", tmp_path / "run"
    history = pf.run(case, out=reference).history
    stages = history["protocol_step"].astype(int)
    assert sorted(set(stages)) == [1, 2, 3, 4, 5, 6, 7]
    inside = [np.flatnonzero(stages == stage).tolist() for stage in range(1, 8)]
    stops = sorted({step for steps in inside for step in (steps[0], steps[-1])} - {0, len(stages) - 1})
    with pytest.raises(Stopped):
        pf.run(case, out=folder, observers=[small.StopAt(0)])
    for stop in stops:
        with pytest.raises(Stopped):
            pf.resume(folder, observers=[small.StopAt(stop)])
    finished = pf.resume(folder)
    assert finished.summary["outcome"] == "completed"
    small.assert_identical(folder, reference)
    with pytest.raises(CaseError, match=r"outcome: completed\); nothing can be added to it"):
        pf.resume(folder)
