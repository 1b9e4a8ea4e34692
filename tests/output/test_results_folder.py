"""Where a run may write, and that a run killed at any moment leaves a folder that can be read."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import postprocess
from phasefield.errors import CaseError, RunError
from phasefield.results_folder import open_results, write_inputs, write_json_atomic

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def finish(folder: Path, outcome: str = "short") -> None:
    write_json_atomic(folder / "summary.json", {"format": 1, "outcome": outcome})


def test_the_next_run_of_a_name_gets_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folders = [open_results("llzo", None) for _ in range(3)]
    assert [f.as_posix() for f in folders] == ["results/llzo", "results/llzo-2", "results/llzo-3"]


def test_a_given_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    folder = open_results("llzo", tmp_path / "a/b")
    assert json.loads((folder / "summary.json").read_text())["outcome"] == "running"
    assert (folder / "fields").is_dir()


def test_a_finished_run_is_replaced_by_force_only_and_notes_are_kept(tmp_path: Path) -> None:
    folder = open_results("llzo", tmp_path / "run")
    finish(folder)
    (folder / "fields/000001.vti").write_text("old")
    (folder / "history.csv").write_text("old")
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(CaseError, match=r"finished run.*--force"):
        open_results("llzo", folder)
    assert (folder / "history.csv").read_text() == "old"
    open_results("llzo", folder, force=True)
    assert sorted(p.name for p in folder.iterdir()) == ["fields", "notes.txt", "summary.json"]
    assert not list((folder / "fields").iterdir())


@pytest.mark.parametrize("outcome", ["running", "interrupted", "failed"])
def test_an_unfinished_run_says_what_can_be_done(tmp_path: Path, outcome: str) -> None:
    folder = open_results("llzo", tmp_path / "run")
    finish(folder, outcome)
    with pytest.raises(CaseError, match=r"holds an unfinished run; use --force to replace it, or give another folder"):
        open_results("llzo", folder)
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints/000001.h5").touch()
    with pytest.raises(CaseError, match=rf"unfinished run; go on with `phasefield resume {folder}`, use --force"):
        open_results("llzo", folder)
    open_results("llzo", folder, force=True)
    assert not (folder / "checkpoints").exists()


def test_a_run_killed_as_it_began_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / ".summary.json.tmp").write_text('{"form')
    open_results("llzo", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fields", "summary.json"]


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=rf"cannot write {tmp_path}/there/a.json: No such file"):
        write_json_atomic(tmp_path / "there" / "a.json", {})
    with pytest.raises(RunError, match=r"cannot write .*x{300}: File name too long"):
        open_results("llzo", tmp_path / ("x" * 300))


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_that_no_run_made_is_never_touched(tmp_path: Path, force: bool) -> None:
    (tmp_path / "inputs").mkdir()
    (tmp_path / "inputs/data.txt").write_text("mine")
    with pytest.raises(CaseError, match="holds no run"):
        open_results("llzo", tmp_path, force=force)
    (tmp_path / "summary.json").write_text("[]")
    with pytest.raises(CaseError, match="holds no run"):
        open_results("llzo", tmp_path, force=force)
    with pytest.raises(CaseError, match="is a file"):
        open_results("llzo", tmp_path / "summary.json", force=force)
    assert (tmp_path / "inputs/data.txt").read_text() == "mine"


def test_inputs_of_the_same_name_are_both_kept(tmp_path: Path) -> None:
    folder = open_results("llzo", tmp_path / "run")
    files = [Path("a/mine.toml"), Path("b/mine.toml")]
    copies = write_inputs(folder, dict(zip(files, "ab", strict=True)))
    assert copies == {files[0]: "inputs/mine.toml", files[1]: "inputs/mine-2.toml"}
    assert [(folder / copy).read_text() for copy in copies.values()] == ["a", "b"]


_ENDLESS_RUN = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(HERE)!r}]
from pathlib import Path
from conftest import *
folder = Path(sys.argv[1])
grid = Grid((200, 150), (0.4 * UM, 0.4 * UM))
structure, pressure = make_microstructure(grid)
observers = [
    output.FieldWriter(folder, output.microstructure_arrays(structure, pressure), PLANE),
    tables.HistoryWriter(folder),
    SummaryWriter(folder, run_facts("x", "", "", 0, 1), 0.0),
]
state = make_state(grid, structure, 0, 1e-5)
while True:
    report = make_report(state.step, 1e-5)
    for observe in observers:
        observe(state, report)
    state.step += 1
    state.time += 10.0
"""


@pytest.mark.parametrize("delay", [0.0, 0.013, 0.029])
def test_a_kill_in_the_middle_of_writing_leaves_every_file_readable(tmp_path: Path, delay: float) -> None:
    import pyvista

    folder = open_results("made_up", tmp_path / "run")
    process = subprocess.Popen([sys.executable, "-c", _ENDLESS_RUN, folder])
    try:
        deadline = time.monotonic() + 60.0
        while not (folder / "fields/000004.vti").exists():
            assert process.poll() is None, "the run ended by itself"
            assert time.monotonic() < deadline, "the run wrote no frames"
            time.sleep(0.002)
        time.sleep(delay)
    finally:
        process.kill()  # SIGKILL
        process.wait()
    results = postprocess.load(folder)
    assert results.summary["outcome"] == "running"
    assert len(results.times) >= 4
    assert len(results.history["step"]) >= 4
    first = results.frame(0)
    for index in range(len(results.times)):
        assert all(np.array_equal(values, first[name]) for name, values in results.frame(index).items())
    for file in (folder / "fields").glob("*.vti"):  # also one that fields.pvd does not list yet
        assert pyvista.read(str(file)).n_cells == 200 * 150
