"""History, summary and log of a run, also of one that was cut short."""

from __future__ import annotations

import csv
import json
import logging
import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import phasefield as pf
import postprocess
from phasefield import output
from phasefield.grid import Grid
from phasefield.results_folder import open_results, write_json_atomic
from postprocess.results import read_history


def test_history_has_units_of_its_names_and_a_plain_header(tmp_path: Path, grid: Grid, made_up: ModuleType) -> None:
    folder = open_results("made_up", tmp_path / "run")
    made_up.write_run(folder, grid)
    with open(folder / "history.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == output.HISTORY_COLUMNS
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
    writer = output.HistoryWriter(tmp_path)
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
    assert [len(values) for values in read_history(cut).values()] == [0] * len(output.HISTORY_COLUMNS)


def test_not_a_number_survives_the_history(tmp_path: Path, grid: Grid, made_up: ModuleType) -> None:
    structure, _ = made_up.make_microstructure(grid)
    writer = output.HistoryWriter(tmp_path)
    writer(made_up.make_state(grid, structure, 0, 0.0), made_up.make_report(0, 0.0, reservoir_share=math.nan))
    writer.close("failed")
    assert np.isnan(read_history(tmp_path / "history.csv")["reservoir_share"]).all()


def test_summary_from_start_to_end(tmp_path: Path, grid: Grid, made_up: ModuleType) -> None:
    structure, _ = made_up.make_microstructure(grid)
    folder = open_results("made_up", tmp_path / "run")
    assert json.loads((folder / "summary.json").read_text())["outcome"] == "running"
    extra = {"critical_path_mA_cm2": 0.4, "assumed": {"h": "30 nm"}}
    facts = output.run_facts("made_up", "What for?", "format = 1", seed=7, threads=2, extra=extra)

    def measure(state: object) -> dict[str, float]:
        return {"filled_share": 0.25, "unknown": math.nan}

    writer = output.SummaryWriter(folder, facts, started=0.0, measure=measure)
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
def test_threads_are_those_that_computed(asked: int | None) -> None:
    case = pf.load_case("flat_plating", {"protocol.duration": "1 ms"})
    recorded = pf.run(case, out=None, threads=asked).summary["machine"]["threads"]
    import numba  # once the run has said where its kernels are kept

    assert recorded == numba.get_num_threads() >= 1
