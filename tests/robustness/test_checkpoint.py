"""A checkpoint gives back what was written to the bit, or is not taken at all."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import math
import random
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import phasefield as pf
from phasefield import checkpoint as checkpoints
from phasefield.checkpoint import HEADER, Checkpoint, Checkpointer, DamagedCheckpoint, decode, encode, snapshot
from phasefield.errors import CaseError, RunError, Stopped
from phasefield.fields import FIELDS, Book, State
from phasefield.grid import Grid

GRIDS = [Grid((9, 1), (0.1, 0.3)), Grid((7, 4), (1e-7, 1 / 3), "mirror"), Grid((5, 4, 3), (0.1, 0.2, 0.3))]


def made_up(grid: Grid = GRIDS[1], step: int = 123456) -> State:
    """Return a state whose every number is odd: inf, -0.0, the smallest, thirds."""
    rng = np.random.default_rng(1)
    odd = [1 / 3, math.inf, -0.0, 5e-324, -1e308]
    numbers = {f.name: odd[i % len(odd)] for i, f in enumerate(dataclasses.fields(Book)) if f.type == "float"}
    book = Book(**numbers, tip_path=[(0.1, -0.0), (math.pi, np.float64(2e-17))])
    state = State(
        grid, 1e6 / 3, step, cell_voltage=-1 / 7, reservoir_thickness=np.full(grid.shape[1:], np.inf), book=book
    )
    for name in FIELDS:
        state[name] = rng.standard_normal(grid.shape)
    state["metal_fraction"].flat[:2] = np.nan, -0.0
    return state


def made_up_checkpoint(state: State) -> Checkpoint:
    texts = {"case": 'question = "Wächst es?"\n', "metal": 'title = "Li⁺"\n'}
    memory = {"frames": {"fields/000001.vti": 0.1}, "summary": {"final": {"tip": math.nan}, "n": np.int64(3)}}
    return Checkpoint(snapshot(state), None, texts, memory)


@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: f"{len(grid.shape)} axes, {grid.shape[1]} wide")
def test_gives_back_every_bit(grid: Grid, small: ModuleType) -> None:
    written = made_up_checkpoint(made_up(grid))
    read = decode(bytes(encode(written)))
    small.assert_same_checkpoint(read, written)
    assert read.version == pf.__version__
    assert read.memory["frames"] == {"fields/000001.vti": 0.1}
    assert read.memory["summary"]["n"] == 3 and math.isnan(read.memory["summary"]["final"]["tip"])
    assert set(read.state.arrays) == {name for name, field in FIELDS.items() if field.restart}
    assert isinstance(read.state.book.tip_path[0], tuple)
    assert all(type(number) is float for number in read.state.book.tip_path[1])


def test_a_snapshot_does_not_follow_the_state() -> None:
    state = made_up()
    taken = snapshot(state)
    before = bytes(encode(Checkpoint(taken, None, {"case": ""}, {})))
    for values in state.arrays.values():
        values += 1.0
    state.reservoir_thickness -= 1.0
    state.book.tip_path.append((1.0, 2.0))
    state.book.capacity = 7.0
    state.time, state.step = 0.0, 0
    assert bytes(encode(Checkpoint(taken, None, {"case": ""}, {}))) == before


def test_other_programs_read_it(tmp_path: Path) -> None:
    import h5py

    state = made_up()
    (tmp_path / "a.h5").write_bytes(encode(made_up_checkpoint(state)))
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["fields/metal_fraction"], state["metal_fraction"])
        assert file["texts/case"].asstr()[()] == 'question = "Wächst es?"\n'


def test_any_changed_byte_and_any_cut_shows() -> None:
    content = bytes(encode(made_up_checkpoint(made_up())))
    rng = random.Random(3)
    places = [*range(130), HEADER - 1, *(rng.randrange(HEADER, len(content)) for _ in range(200)), len(content) - 1]
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << rng.randrange(8)
        with pytest.raises(DamagedCheckpoint):
            decode(bytes(damaged))
    for length in (0, 1, 100, HEADER, len(content) // 2, len(content) - 1):
        with pytest.raises(DamagedCheckpoint):
            decode(content[:length])
    with pytest.raises(DamagedCheckpoint):
        decode(content + b"\0")
    decode(content)


def test_a_later_format_is_refused_and_not_called_damaged() -> None:
    body = b"something new"
    start = b"phasefield checkpoint, format 2, sha256 "
    later = (start + hashlib.sha256(start + body).hexdigest().encode() + b"\n").ljust(HEADER, b"\0") + body
    with pytest.raises(CaseError, match="format 2; this version reads 1"):
        decode(later)


def test_another_book_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytes(encode(made_up_checkpoint(made_up())))
    wider = dataclasses.make_dataclass("Book", [("memory_of_a_later_version", float, 0.0)], bases=(Book,))
    monkeypatch.setattr(checkpoints, "Book", wider)
    with pytest.raises(CaseError, match=f"cannot go on with a checkpoint of version {pf.__version__}"):
        decode(content)


# ---------------------------------------------------------------- when they are written


def report(outcome: str | None = None) -> Any:
    return SimpleNamespace(outcome=outcome)


def checkpointer(folder: Path, interval: float, calls: list[str] | None = None) -> Checkpointer:
    flush = (lambda: calls.append("flush")) if calls is not None else (lambda: None)
    return Checkpointer(folder, interval, {"case": ""}, dict, flush)


def written(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("checkpoints/*"))


def test_written_after_the_interval_and_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(checkpoints.clock, "monotonic", lambda: now[0])
    calls: list[str] = []
    observer = checkpointer(tmp_path, 10.0, calls)
    seen = []
    for step in range(6):
        observer(made_up(step=step), report())
        seen.append(written(tmp_path))
        now[0] += 4.0
    third = ["000003.h5"]
    assert seen == [[], [], [], third, third, third]
    observer.close("interrupted")
    assert written(tmp_path) == ["000003.h5", "000005.h5"]
    assert len(calls) == 2
    before = (tmp_path / "checkpoints/000005.h5").stat().st_ino
    observer.close("interrupted")
    assert (tmp_path / "checkpoints/000005.h5").stat().st_ino == before


def test_the_last_two_are_kept_beyond_six_digits(tmp_path: Path) -> None:
    observer = checkpointer(tmp_path, 0.0)
    for step in (999_998, 999_999, 1_000_000):
        observer(made_up(step=step), report())
    assert written(tmp_path) == ["1000000.h5", "999999.h5"]
    assert checkpoints.newest_checkpoint(tmp_path)[0].name == "1000000.h5"


def test_the_outcome_is_written_with_the_last_step(tmp_path: Path) -> None:
    observer = checkpointer(tmp_path, 1e9)
    observer(made_up(step=1), report())
    observer(made_up(step=2), report("short"))
    assert written(tmp_path) == ["000002.h5"]
    assert checkpoints.newest_checkpoint(tmp_path)[1].outcome == "short"
    observer.close("short")
    assert written(tmp_path) == ["000002.h5"]


def test_the_older_ones_stay_until_the_new_one_is_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    observer = checkpointer(tmp_path, 0.0)
    for step in (1, 2):
        observer(made_up(step=step), report())

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(RunError, match=r"cannot write .*/checkpoints/000003.h5: the disk is full"):
        observer(made_up(step=3), report())
    observer.close("failed")  # does not try again
    assert written(tmp_path) == ["000001.h5", "000002.h5"]


# ---------------------------------------------------------------- damage


@pytest.fixture
def stopped(tmp_path: Path, small: ModuleType) -> Path:
    """Return the folder of a run with checkpoints of steps 19 and 20."""
    folder = tmp_path / "run"
    with pytest.raises(Stopped):
        pf.run(small.case_of("1d", output__checkpoint_every="1e-9 s"), out=folder, observers=[small.StopAt(20)])
    assert written(folder) == ["000019.h5", "000020.h5"]
    return folder


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def test_a_damaged_one_falls_back_to_the_one_before_and_says_so(
    stopped: Path, small: ModuleType, uninterrupted: Callable[[str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    damage(stopped / "checkpoints/000020.h5")
    with pytest.raises(Stopped):
        pf.resume(stopped, {"output.checkpoint_every": "10 min"}, observers=[small.StopAt(25)])
    said = f"{stopped}/checkpoints/000020.h5 cannot be used: its checksum does not fit"
    assert said in caplog.text
    log = (stopped / "run.log").read_text(encoding="utf-8")
    assert f"WARNING {said}" in log
    assert "000019.h5: step 19" in log
    assert written(stopped) == ["000019.h5", "000025.h5"], "the damaged one is gone once a new one is there"
    resumed = pf.resume(stopped, {"output.checkpoint_every": "0.01 s"})
    assert [entry["step"] for entry in resumed.summary["resumed"]] == [19, 25]
    small.assert_identical(stopped, uninterrupted("1d"))


def test_if_all_are_damaged_nothing_is_touched(stopped: Path) -> None:
    for path in (stopped / "checkpoints").iterdir():
        damage(path)
    before = {path: path.read_bytes() for path in stopped.rglob("*") if path.is_file()}
    with pytest.raises(CaseError, match=r"no checkpoint is left: .*20.h5.*19.h5.*--force"):
        pf.resume(stopped)
    assert {path: path.read_bytes() for path in stopped.rglob("*") if path.is_file()} == before


def test_no_checkpoint_at_all_says_how_to_start_again(stopped: Path, small: ModuleType, tmp_path: Path) -> None:
    for path in (stopped / "checkpoints").iterdir():
        path.unlink()
    with pytest.raises(CaseError, match=r"holds no checkpoint; start again with `phasefield run (.*) -o .* --force`"):
        pf.resume(stopped)
    again = pf.run(pf.load_case(stopped / "case.toml", {"protocol.duration": "1 s"}), out=stopped, force=True)
    assert again.summary["outcome"] == "duration"
    with pytest.raises(CaseError, match=f"{tmp_path} holds no run"):
        pf.resume(tmp_path)


def test_a_checkpoint_of_another_version_is_taken_with_a_warning(
    stopped: Path, monkeypatch: pytest.MonkeyPatch, small: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(importlib.import_module("phasefield.run"), "__version__", "9.9.9")
    with pytest.raises(Stopped):
        pf.resume(stopped, observers=[small.StopAt(22)])
    said = f"000020.h5 was written by version {pf.__version__}, this is 9.9.9"
    assert said in caplog.text
    assert said in (stopped / "run.log").read_text(encoding="utf-8")
