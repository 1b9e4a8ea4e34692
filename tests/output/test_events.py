"""events.csv: a line for everything that happens to a nucleus, and what is read of it."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import postprocess
from phasefield import output, tables
from phasefield.errors import CaseError, RunError
from phasefield.fields import Nucleus
from phasefield.grid import Grid
from phasefield.nucleation import Event
from phasefield.results_folder import open_results
from phasefield.summary import SummaryWriter, run_facts
from postprocess.results import Results, read_events

UM = 1e-6
HEADER = "step,time_s,capacity_mAh_cm2,event,nucleus,x_um,y_um,z_um,site,potential_vs_metal_V,threshold_V,radius_um\n"
FIRST = Nucleus(
    number=1,
    step=2,
    time=20.0,
    cell=(20, 7),
    place=(16.4 * UM, 7.5 * UM),
    site="grain_boundary",
    potential=-0.031,
    threshold=-0.0131,
    radius=0.8 * UM,
)
SECOND = replace(FIRST, number=2, cell=(4, 5), place=(3.6 * UM, 5.5 * UM), site="listed", potential=1.25e-3)
THIRD = replace(FIRST, number=3, step=5, time=50.0, site="pore_surface")
OF_STEP = {
    2: (Event("nucleus", 2, 20.0, FIRST, -0.031), Event("nucleus", 2, 20.0, SECOND, 1.25e-3)),
    4: (Event("contact", 4, 40.0, replace(FIRST, connected=True), -1e-5),),
    5: (Event("nucleus", 5, 50.0, THIRD, -0.04),),
}
LINES = [
    "2,20,0.005555555556,nucleus,1,16.4,7.5,0,grain_boundary,-0.031,-0.0131,0.8\n",
    "2,20,0.005555555556,nucleus,2,3.6,5.5,0,listed,0.00125,-0.0131,0.8\n",
    "4,40,0.01111111111,contact,1,16.4,7.5,0,grain_boundary,-1e-05,-0.0131,0.8\n",
    "5,50,0.01388888889,nucleus,3,16.4,7.5,0,pore_surface,-0.04,-0.0131,0.8\n",
]


def observe(observers: list[Any], grid: Grid, made_up: ModuleType, steps: range, close: bool = True) -> None:
    """Show observers the steps of a made-up run whose events are ``OF_STEP``."""
    structure, _ = made_up.make_microstructure(grid)
    for step in steps:
        nuclei = sum(event.kind == "nucleus" for s in range(step + 1) for event in OF_STEP.get(s, ()))
        report = made_up.make_report(step, 0.0, nuclei=nuclei, events=OF_STEP.get(step, ()))
        for one in observers:
            one(made_up.make_state(grid, structure, step, 0.0), report)
    for one in observers if close else ():
        one.close("completed")


def test_the_header_is_there_before_anything_happens(tmp_path: Path, grid: Grid, made_up: ModuleType) -> None:
    writer = tables.HistoryWriter(tmp_path)
    assert (tmp_path / "events.csv").read_text() == HEADER
    observe([writer], grid, made_up, range(2))
    assert (tmp_path / "events.csv").read_text() == HEADER
    assert read_events(tmp_path / "events.csv") == {column: [] for column in tables.EVENT_COLUMNS}


def test_each_event_has_a_line_in_the_units_of_its_columns(tmp_path: Path, grid: Grid, made_up: ModuleType) -> None:
    """Made-up steps of 10 s at 1 mA/cm^2: step 2 ends at 20 s and 200 C/m^2."""
    writer = tables.HistoryWriter(tmp_path)
    observe([writer], grid, made_up, range(3), close=False)
    assert (tmp_path / "events.csv").read_text() == HEADER + "".join(LINES[:2]), "on disk before the next step"
    observe([writer], grid, made_up, range(3, 7))
    assert (tmp_path / "events.csv").read_text() == HEADER + "".join(LINES)
    with open(tmp_path / "history.csv", newline="", encoding="utf-8") as file:
        assert [row["nuclei"] for row in csv.DictReader(file)] == ["0", "0", "2", "2", "2", "3", "3"]


def test_a_place_in_space_has_its_third_coordinate(made_up: ModuleType) -> None:
    nucleus = replace(FIRST, cell=(20, 7, 3), place=(16.4 * UM, 7.5 * UM, 2.25 * UM))
    row = tables.event_row(Event("nucleus", 2, 20.0, nucleus, -0.031), made_up.make_report(2, 0.0))
    named = dict(zip(tables.EVENT_COLUMNS, row, strict=True))
    assert [named[f"{axis}_um"] for axis in "xyz"] == pytest.approx([16.4, 7.5, 2.25])
    assert named["radius_um"] == pytest.approx(0.8) and named["site"] == "grain_boundary"


@pytest.mark.parametrize("last", range(6))
def test_events_that_go_on_are_those_of_a_run_that_never_stopped(
    tmp_path: Path, grid: Grid, made_up: ModuleType, last: int
) -> None:
    """Whatever the step it goes on from: events of later steps are cut off and happen again."""
    observe([tables.HistoryWriter(tmp_path)], grid, made_up, range(7))
    whole = (tmp_path / "events.csv").read_bytes()
    writer = tables.HistoryWriter(tmp_path, last_step=last)
    kept = [line for line in LINES if int(line.split(",")[0]) <= last]
    assert (tmp_path / "events.csv").read_text() == HEADER + "".join(kept)
    observe([writer], grid, made_up, range(last + 1, 7))
    assert (tmp_path / "events.csv").read_bytes() == whole


def test_a_line_cut_short_by_a_kill_is_gone_when_the_run_goes_on(
    tmp_path: Path, grid: Grid, made_up: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    observe([tables.HistoryWriter(tmp_path)], grid, made_up, range(7))
    path = tmp_path / "events.csv"
    whole = path.read_bytes()
    for end in (len(whole) - 1, len(whole) - 30, len(HEADER) + 3):
        path.write_bytes(whole[:end])
        writer = tables.HistoryWriter(tmp_path, last_step=4 if end > 200 else 1)
        observe([writer], grid, made_up, range(5 if end > 200 else 2, 7))
        assert path.read_bytes() == whole
    path.unlink()
    tables.HistoryWriter(tmp_path, last_step=6).close("completed")
    assert path.read_text() == HEADER, "a run of a version that wrote no events"
    assert "lines up to step" not in caplog.text, "few events are no damage"
    path.write_text("step,of,another,version\n")
    with pytest.raises(CaseError, match=r"events.csv has other columns"):
        tables.HistoryWriter(tmp_path, last_step=6)


def test_a_damaged_last_line_is_left_out_at_any_byte(tmp_path: Path, grid: Grid, made_up: ModuleType) -> None:
    observe([tables.HistoryWriter(tmp_path)], grid, made_up, range(7))
    whole = (tmp_path / "events.csv").read_bytes()
    start_of_last = whole.rstrip(b"\n").rfind(b"\n") + 1
    cut = tmp_path / "cut.csv"
    for end in range(start_of_last, len(whole)):
        cut.write_bytes(whole[:end])
        events = read_events(cut)
        assert events["nucleus"] == [1.0, 2.0, 1.0] and events["event"] == ["nucleus", "nucleus", "contact"]
    cut.write_bytes(whole[:20])
    assert read_events(cut) == {}
    assert read_events(tmp_path / "not_there.csv") == {}


def test_a_full_disk_leaves_whole_lines_and_names_the_file(tmp_path: Path, grid: Grid, made_up: ModuleType) -> None:
    writer = tables.HistoryWriter(tmp_path)
    observe([writer], grid, made_up, range(2), close=False)

    class Full:
        def __init__(self, file: Any) -> None:
            self._file = file

        def write(self, line: bytes) -> int:
            if len(line) < 50:
                raise OSError(28, "No space left on device")
            return int(self._file.write(line[:30]))

        def __getattr__(self, name: str) -> object:
            return getattr(self._file, name)

    writer._events._file = Full(writer._events._file)  # type: ignore[assignment]
    with pytest.raises(RunError, match=r"cannot write .*/events.csv: the disk is full"):
        observe([writer], grid, made_up, range(2, 3))
    writer.close("failed")
    assert (tmp_path / "events.csv").read_text() == HEADER


def test_events_in_memory_are_those_of_the_folder(tmp_path: Path, grid: Grid, made_up: ModuleType) -> None:
    folder = open_results("made_up", tmp_path / "run")
    structure, pressure = made_up.make_microstructure(grid)
    recorder = output.MemoryRecorder(output.microstructure_arrays(structure, pressure))
    summary = SummaryWriter(folder, run_facts("made_up", "", "format = 1", seed=7, threads=2), 0.0)
    observers = [tables.HistoryWriter(folder), recorder, summary]
    observe(observers, grid, made_up, range(7))
    loaded, kept = postprocess.load(folder), recorder.events
    assert list(loaded.events) == list(kept) == list(tables.EVENT_COLUMNS)
    assert loaded.events["site"] == kept["site"] == ["grain_boundary", "listed", "grain_boundary", "pore_surface"]
    assert loaded.events["event"] == kept["event"]
    for column in set(kept) - {"site", "event"}:
        np.testing.assert_allclose(loaded.events[column], kept[column], rtol=1e-9)
        assert all(math.isfinite(value) for value in loaded.events[column])
    assert loaded.history["nuclei"].tolist() == recorder.history["nuclei"].tolist() == [0, 0, 2, 2, 2, 3, 3]
    assert json.loads((folder / "summary.json").read_text())["nuclei"] == 3
    in_memory = Results(grid=grid, times=[], read_frame=lambda index: {}, history={}, events=kept)
    assert in_memory.events == kept
    assert Results(grid=grid, times=[], read_frame=lambda index: {}, history={}).events == {}


def test_a_run_without_nuclei_has_empty_columns_in_memory_and_in_the_folder(
    tmp_path: Path, grid: Grid, made_up: ModuleType
) -> None:
    folder = open_results("made_up", tmp_path / "run")
    made_up.write_run(folder, grid)
    structure, pressure = made_up.make_microstructure(grid)
    recorder = output.MemoryRecorder(output.microstructure_arrays(structure, pressure))
    observe([recorder], grid, made_up, range(2))
    nothing: dict[str, list[Any]] = {column: [] for column in tables.EVENT_COLUMNS}
    assert postprocess.load(folder).events == recorder.events == nothing
