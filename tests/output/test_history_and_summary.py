"""History, summary and log of a run, also of one that was cut short."""

from __future__ import annotations

import csv
import json
import logging
import math
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import phasefield as pf
import postprocess
from phasefield import output, tables
from phasefield.errors import CaseError, RunError
from phasefield.grid import Grid
from phasefield.results_folder import open_results, write_json_atomic
from phasefield.summary import SummaryWriter, run_facts
from postprocess.results import read_history


def test_history_has_units_of_its_names_and_a_plain_header(tmp_path: Path, grid: Grid, made_up: ModuleType) -> None:
    folder = open_results("made_up", tmp_path / "run")
    made_up.write_run(folder, grid)
    with open(folder / "history.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == tables.HISTORY_COLUMNS
    assert rows[3]["step"] == "3"
    assert rows[3]["newton_iterations"] == "3"
    expected = {
        "time_s": 30.0,
        "capacity_mAh_cm2": 300.0 / 36000.0,  # 10 A/m^2 for 30 s
        "current_density_mA_cm2": 1.0,
        "cell_voltage_V": 0.025,
        "penetration_depth_connected_um": 15.0,
        "tip_speed_nm_s": 3.0,
        "leakage_current_density_mA_cm2": 0.002,
    }
    assert {name: float(rows[3][name]) for name in expected} == pytest.approx(expected)


def test_every_row_is_on_disk_before_the_next_step(tmp_path: Path, grid: Grid, made_up: ModuleType) -> None:
    structure, _ = made_up.make_microstructure(grid)
    writer = tables.HistoryWriter(tmp_path)
    for step in range(3):
        writer(made_up.make_state(grid, structure, step, 0.0), made_up.make_report(step, 0.0))
        assert len(read_history(tmp_path / "history.csv")["step"]) == step + 1
    writer.close("interrupted")


def test_a_last_line_cut_short_is_left_out_at_any_byte(tmp_path: Path, grid: Grid, made_up: ModuleType) -> None:
    folder = open_results("made_up", tmp_path / "run")
    made_up.write_run(folder, grid)
    whole = (folder / "history.csv").read_bytes()
    start_of_last = whole.rstrip(b"\n").rfind(b"\n") + 1
    cut = tmp_path / "cut.csv"
    for end in range(start_of_last, len(whole)):
        cut.write_bytes(whole[:end])
        history = read_history(cut)
        assert history["step"].tolist() == [0.0, 1.0, 2.0]
        assert history["cg_iterations"].tolist() == [40.0, 40.0, 40.0]
    cut.write_bytes(whole[:20])
    assert read_history(cut) == {}
    cut.write_bytes(whole.split(b"\n")[0] + b"\n")
    assert [len(values) for values in read_history(cut).values()] == [0] * len(tables.HISTORY_COLUMNS)


@pytest.mark.parametrize(
    "cut", [b"", b"2,20,2,0.0", b"2,20,2,0.0\n"], ids=["whole", "half a line", "a line of another"]
)
def test_a_history_that_goes_on_is_that_of_one_that_never_stopped(
    tmp_path: Path, grid: Grid, made_up: ModuleType, cut: bytes
) -> None:
    structure, _ = made_up.make_microstructure(grid)

    def write(writer: tables.HistoryWriter, steps: range) -> None:
        for step in steps:
            writer(made_up.make_state(grid, structure, step, 0.0), made_up.make_report(step, 0.0))
        writer.close("short")

    path = tmp_path / "history.csv"
    write(tables.HistoryWriter(tmp_path), range(6))
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"\n3,") + 1] + cut)
    write(tables.HistoryWriter(tmp_path, last_step=1), range(2, 6))
    assert path.read_bytes() == whole


def test_a_history_that_lacks_lines_goes_on_and_says_so(
    tmp_path: Path, grid: Grid, made_up: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    made_up.write_run(open_results("made_up", tmp_path / "run"), grid)
    path = tmp_path / "run/history.csv"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b"what?\n", *lines[3:]]))
    tables.HistoryWriter(tmp_path / "run", last_step=2).close("short")
    assert "2 of the 3 lines up to step 2 are there" in caplog.text
    assert path.read_bytes() == b"".join([*lines[:2], lines[3]])
    path.unlink()
    tables.HistoryWriter(tmp_path / "run", last_step=2).close("short")
    assert path.read_bytes() == lines[0]
    path.write_bytes(b"step,of,another,version\n")
    with pytest.raises(CaseError, match=r"history.csv has other columns"):
        tables.HistoryWriter(tmp_path / "run", last_step=2)


def test_a_line_that_does_not_fit_is_not_left_in_part(tmp_path: Path, grid: Grid, made_up: ModuleType) -> None:
    structure, _ = made_up.make_microstructure(grid)
    writer = tables.HistoryWriter(tmp_path)
    writer(made_up.make_state(grid, structure, 0, 0.0), made_up.make_report(0, 0.0))
    before = (tmp_path / "history.csv").read_bytes()
    file = writer._history._file

    class NearlyFull:
        def write(self, line: bytes) -> int:
            if len(line) < 50:
                raise OSError(28, "No space left on device")
            return file.write(line[:50])

        def __getattr__(self, name: str) -> object:
            return getattr(file, name)

    writer._history._file = NearlyFull()  # type: ignore[assignment]
    with pytest.raises(RunError, match=r"cannot write .*/history.csv: the disk is full"):
        writer(made_up.make_state(grid, structure, 1, 0.0), made_up.make_report(1, 0.0))
    writer.close("failed")
    assert (tmp_path / "history.csv").read_bytes() == before


def test_not_a_number_survives_the_history(tmp_path: Path, grid: Grid, made_up: ModuleType) -> None:
    structure, _ = made_up.make_microstructure(grid)
    writer = tables.HistoryWriter(tmp_path)
    writer(made_up.make_state(grid, structure, 0, 0.0), made_up.make_report(0, 0.0, reservoir_share=math.nan))
    writer.close("failed")
    assert np.isnan(read_history(tmp_path / "history.csv")["reservoir_share"]).all()


def test_summary_from_start_to_end(tmp_path: Path, grid: Grid, made_up: ModuleType) -> None:
    structure, _ = made_up.make_microstructure(grid)
    folder = open_results("made_up", tmp_path / "run")
    assert json.loads((folder / "summary.json").read_text())["outcome"] == "running"
    extra = {"critical_path_mA_cm2": 0.4, "assumed": {"h": "30 nm"}}
    facts = run_facts("made_up", "What for?", "format = 1", seed=7, threads=2, extra=extra)

    def measure(state: object) -> dict[str, float]:
        return {"filled_share": 0.25, "unknown": math.nan}

    writer = SummaryWriter(folder, facts, started=0.0, measure=measure)
    for step in range(3):
        writer(
            made_up.make_state(grid, structure, step, 0.0),
            made_up.make_report(step, step * made_up.UM, fields_due=step == 1),
        )
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["outcome"], summary["steps"], summary["cg_iterations"]) == ("running", 1, 80)
    assert "filled_share" not in summary
    writer.close("short")
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["format"] == 1
    assert (summary["outcome"], summary["steps"], summary["newton_iterations"]) == ("short", 2, 9)
    assert summary["final"]["penetration_depth_connected_um"] == pytest.approx(2.0)
    assert (summary["filled_share"], summary["unknown"]) == (0.25, None)
    assert (summary["seed"], summary["machine"]["threads"], summary["assumed"]["h"]) == (7, 2, "30 nm")
    assert len(summary["case_sha256"]) == 64
    assert {"phasefield", "python", "numpy", "numba"} <= set(summary["versions"])
    assert summary["source_revision"]
    assert 0.0 < summary["startup_s"] <= summary["wall_time_s"]


def test_a_summary_that_goes_on_counts_on(tmp_path: Path, grid: Grid, made_up: ModuleType) -> None:
    structure, _ = made_up.make_microstructure(grid)
    facts = run_facts("made_up", "", "format = 1", seed=7, threads=2)
    first = SummaryWriter(tmp_path, facts, started=time.perf_counter() - 100.0)
    for step in range(3):
        first(made_up.make_state(grid, structure, step, 0.0), made_up.make_report(step, 0.0))
    memory = first.memory()
    state = made_up.make_state(grid, structure, 2, 0.0)
    again = facts | {"question": "And now?", "resumed": [{"step": 2}]}
    second = SummaryWriter(tmp_path, again, time.perf_counter() - 1.0, lambda s: {"seen": s.step}, memory, state)
    assert json.loads((tmp_path / "summary.json").read_text())["outcome"] == "running"
    second.close("short")
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["steps"], summary["cg_iterations"], summary["seen"]) == (2, 120, 2)
    assert summary["final"]["time_s"] == 20.0
    assert (summary["question"], summary["resumed"], summary["outcome"]) == ("And now?", [{"step": 2}], "short")
    assert 101.0 <= summary["wall_time_s"] < 110.0
    assert 100.0 <= summary["startup_s"] < 101.0


def test_a_state_that_a_failed_step_spoilt_is_not_summed_up(tmp_path: Path, grid: Grid, made_up: ModuleType) -> None:
    structure, _ = made_up.make_microstructure(grid)
    facts = run_facts("made_up", "", "format = 1", seed=7, threads=2)
    writer = SummaryWriter(None, facts, 0.0, lambda state: {"sum": float(state["metal_fraction"].sum())})
    state = made_up.make_state(grid, structure, 0, 0.0)
    total = float(state["metal_fraction"].sum())
    writer(state, made_up.make_report(0, 0.0))
    state["metal_fraction"][3, 3] = math.nan
    writer.close("failed")
    assert writer.content["sum"] == total


def test_json_takes_numpy_and_paths_and_has_no_nan(tmp_path: Path) -> None:
    content = {"a": np.float64(1.5), "b": np.int64(2), "c": [np.inf, 1.0], "d": Path("x/y"), "e": np.array([1, 2])}
    write_json_atomic(tmp_path / "a.json", content | {"f": np.bool_(True)})
    read = json.loads((tmp_path / "a.json").read_text())
    assert read == {"a": 1.5, "b": 2, "c": [None, 1.0], "d": "x/y", "e": [1, 2], "f": True}


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    write_json_atomic(tmp_path / "a.json", {"a": 1})
    with pytest.raises(TypeError):
        write_json_atomic(tmp_path / "a.json", {"a": object()})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_log_takes_messages_of_the_package_until_it_is_closed(tmp_path: Path, grid: Grid) -> None:
    handlers = list(output.logger.handlers)
    log = output.RunLog(tmp_path)
    logging.getLogger("phasefield.simulate").warning("step rejected")
    log.close("short")
    logging.getLogger("phasefield.simulate").warning("too late")
    text = (tmp_path / "run.log").read_text(encoding="utf-8")
    assert "WARNING step rejected" in text
    assert "outcome: short" in text
    assert "too late" not in text
    assert output.logger.handlers == handlers


def test_a_log_that_goes_on_keeps_what_it_holds_and_a_new_one_does_not(tmp_path: Path) -> None:
    for text, go_on in (("first", False), ("second", True)):
        log = output.RunLog(tmp_path, go_on)
        output.logger.info("%s", text)
        log.close("interrupted")
    text = (tmp_path / "run.log").read_text(encoding="utf-8")
    assert "first" in text and "second" in text
    output.RunLog(tmp_path).close("short")
    assert "first" not in (tmp_path / "run.log").read_text(encoding="utf-8")


def test_a_log_on_a_full_disk_is_silent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    (tmp_path / "run.log").symlink_to("/dev/full")
    log = output.RunLog(tmp_path)
    output.logger.warning("a line")
    log.close("failed")
    assert capsys.readouterr() == ("", "")


def test_load_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no run"):
        postprocess.load(tmp_path)
    (tmp_path / "summary.json").write_text('{"format": 2}', encoding="utf-8")
    with pytest.raises(ValueError, match="format 2"):
        postprocess.load(tmp_path)


def test_load_of_a_run_without_frames(tmp_path: Path) -> None:
    results = postprocess.load(open_results("made_up", tmp_path / "run"))
    assert len(results.times) == 0
    assert results.history == {}
    with pytest.raises(ValueError, match="saved no fields"):
        results.frame()


@pytest.mark.parametrize("asked", [None, 1, 10_000])
def test_threads_are_those_that_a_run_may_use(asked: int | None) -> None:
    """A small box takes one of them."""
    case = pf.load_case("flat_plating", {"protocol.duration": "1 ms"})
    recorded = pf.run(case, out=None, threads=asked).summary["machine"]["threads"]
    import numba  # once the run has said where its kernels are kept

    most = numba.config.NUMBA_NUM_THREADS
    assert recorded == min(asked or most, most)
    assert numba.get_num_threads() == 1
