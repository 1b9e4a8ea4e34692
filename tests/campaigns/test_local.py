"""Runs on this machine: one that is killed, fails or is stopped takes nobody with it."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from phasefield.campaigns import local
from phasefield.campaigns.folder import Planned, SweepFolder, read_plan
from phasefield.campaigns.local import LocalExecutor, share_cores
from phasefield.campaigns.table import write_table
from phasefield.cli.app import app
from phasefield.errors import RunError, Stopped
from phasefield.results_folder import outcome_of, write_json_atomic

# A run of some hundred steps in one dimension: under a second, beside the start of its process.
FAST = {
    "output.preview": False,
    "output.checkpoint_every": "0.01 s",
    "output.every_capacity": "0.1 mAh/cm^2",
    "protocol.capacity": "0.1 mAh/cm^2",
}


def write_sweep(tmp_path: Path, axes: str, more: str = "", **keys: object) -> Path:
    lines = [f"{json.dumps(key)} = {json.dumps(value)}" for key, value in {**FAST, **keys}.items()]
    path = tmp_path / "small.toml"
    text = 'format = 1\ncase = "flat_plating"\n[set]\n' + "\n".join(lines) + f"\n{axes}\n{more}"
    path.write_text(text, encoding="utf-8")
    return path


def currents(*values: str) -> str:
    return f'[[axes]]\nkey = "protocol.current_density"\nvalues = {json.dumps(values)}'


class StandIn:
    """Bash instead of a run; ``$1``: the run's folder, ``$2``: how often it was called before."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **does: str) -> None:
        self.calls: list[str] = []
        self.folder = SweepFolder(tmp_path)

        def command(folder: Path, name: str, threads: int) -> list[str]:
            before = self.calls.count(name)
            self.calls.append(name)
            return ["bash", "-c", does[name], "bash", str(self.folder.run(name)), str(before)]

        monkeypatch.setattr(local, "task_command", command)
        self.runs = [Planned(name, {}) for name in does]

    def compute(self, at_once: int = 2, retries: int = 1) -> dict[str, tuple[str, str]]:
        pool = LocalExecutor(self.folder, 1, at_once, retries)
        return {run.name: told for run, told in pool.each(pool.one, self.runs)}


DONE = 'mkdir -p "$1"; echo \'{"outcome": "capacity"}\' > "$1/summary.json"'
RUNNING = 'mkdir -p "$1"; echo \'{"outcome": "running"}\' > "$1/summary.json"; '


def test_a_killed_run_goes_on_and_its_neighbours_do_not_notice(tmp_path, monkeypatch):
    made = StandIn(tmp_path, monkeypatch, a=DONE, b=f'[ "$2" = 1 ] || {{ {RUNNING} kill -9 $$; }}; {DONE}', c=DONE)
    assert made.compute() == {name: ("done", "capacity") for name in "abc"}
    assert made.calls.count("b") == 2


def test_a_run_that_is_killed_again_and_again_fails_with_the_reason(tmp_path, monkeypatch):
    made = StandIn(tmp_path, monkeypatch, a=f"{RUNNING} kill -9 $$", b="kill -9 $$", c=DONE)
    told = made.compute(retries=2)
    assert told["a"] == told["b"] == ("failed", "killed by SIGKILL, 3 times")
    assert told["c"] == ("done", "capacity")


def test_a_run_that_ends_without_a_word_fails_with_its_last_line(tmp_path, monkeypatch):
    made = StandIn(tmp_path, monkeypatch, a="echo no such library; exit 3", b=DONE)
    told = made.compute()
    assert told["a"] == ("failed", "its process ended with code 3: no such library")
    assert made.calls == ["a", "b"] or made.calls == ["b", "a"]


def test_a_run_that_is_asked_alone_to_stop_goes_on(tmp_path, monkeypatch):
    made = StandIn(tmp_path, monkeypatch, a=f'[ "$2" = 2 ] || {{ {RUNNING} exit 75; }}; {DONE}')
    assert made.compute(retries=0) == {"a": ("done", "capacity")}


def test_what_is_done_is_not_done_again(tmp_path, monkeypatch):
    made = StandIn(tmp_path, monkeypatch, a=DONE, b=DONE)
    folder = made.folder.run("a")
    folder.mkdir(parents=True)
    write_json_atomic(folder / "summary.json", {"outcome": "short"})
    assert made.compute() == {"a": ("done", "short"), "b": ("done", "capacity")}
    assert made.calls == ["b"]


def test_no_more_runs_than_asked_for_at_once(tmp_path, monkeypatch):
    count = f'echo + >>"{tmp_path}/log"; sleep 0.1; echo - >>"{tmp_path}/log"; {DONE}'
    StandIn(tmp_path, monkeypatch, **dict.fromkeys("abcdef", count)).compute(at_once=2)
    running = peak = 0
    for line in (tmp_path / "log").read_text().split():
        running += 1 if line == "+" else -1
        peak = max(peak, running)
    assert peak == 2


def test_when_all_is_asked_to_end_runs_are_asked_and_the_rest_is_not_begun(tmp_path, monkeypatch):
    wait = f'{RUNNING} trap "touch \\"$1/asked\\"; exit 75" TERM; while :; do sleep 0.05; done'
    made = StandIn(tmp_path, monkeypatch, a=wait, b=wait, c=DONE, d=DONE)

    def ask() -> None:
        while not all((made.folder.run(name) / "summary.json").exists() for name in "ab"):
            time.sleep(0.02)
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=ask).start()
    with pytest.raises(Stopped):
        made.compute()
    assert all((made.folder.run(name) / "asked").exists() for name in "ab")
    assert sorted(made.calls) == ["a", "b"]
    assert not (tmp_path / local.MARK).exists()


def test_cores_are_shared_out(monkeypatch):
    monkeypatch.setattr(local, "cores", lambda: 16)
    assert share_cores(100, None, None) == (1, 16)
    assert share_cores(4, None, None) == (4, 4)
    assert share_cores(100, 4, None) == (4, 4)
    assert share_cores(100, None, 2) == (8, 2)
    assert share_cores(1, 3, 5) == (3, 5)


def test_a_sweep_from_the_shell(tmp_path):
    """Two runs end well, one fails, one is refused: all are listed, and nothing is computed twice."""
    path = write_sweep(
        tmp_path,
        '[[axes]]\nkeys = ["protocol.current_density", "solver.ionic_tolerance"]\n'
        'values = [["1 mA/cm^2", 1e-9], ["20 A/m^2", 1e-9], ["3 mA/cm^2", 1e-30], ["4 kg", 1e-9]]',
    )
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["sweep", "run", str(path), "-o", str(out)])
    assert result.exit_code == 1, result.output
    assert "2 done, 2 failed" in result.output
    assert "4 kg" in result.output and "the time step fell below" in " ".join(result.output.split())
    standings = {run.name: SweepFolder(out).standing(run)[0] for run in read_plan(SweepFolder(out))}
    assert sorted(standings.values()) == ["done", "done", "failed", "failed"]

    done = [name for name, standing in standings.items() if standing == "done"]
    before = {name: (out / "runs" / name / "run.log").stat().st_mtime_ns for name in done}
    again = CliRunner().invoke(app, ["sweep", "run", str(path), "-o", str(out)])
    assert again.exit_code == 1
    assert before == {name: (out / "runs" / name / "run.log").stat().st_mtime_ns for name in done}

    status = CliRunner().invoke(app, ["sweep", "status", str(out)])
    assert status.exit_code == 0 and "2 done, 2 failed" in status.output
    collected = CliRunner().invoke(app, ["sweep", "collect", str(out)])
    assert collected.exit_code == 0, collected.output
    with (out / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["standing"] for row in rows] == ["done", "done", "failed", "failed"]
    assert [row["outcome"] for row in rows] == ["capacity", "capacity", "", ""]
    assert [float(row["capacity_mAh_cm2"]) for row in rows[:2]] == pytest.approx([0.1, 0.1])
    assert float(rows[1]["current_density_mA_cm2"]) == pytest.approx(2.0)
    assert "the time step fell below" in rows[2]["reason"] and "4 kg" in rows[3]["reason"]
    drawn = CliRunner().invoke(app, ["plot", str(out)])
    assert drawn.exit_code == 0, drawn.output
    assert (out / "table.png").read_bytes().startswith(b"\x89PNG")


def test_two_cannot_compute_one_sweep_and_another_process_can_end_it(tmp_path):
    path = write_sweep(tmp_path, currents("1 mA/cm^2", "2 mA/cm^2"), **{"protocol.capacity": "30 mAh/cm^2"})
    out = tmp_path / "out"
    command = [sys.executable, "-m", "phasefield", "sweep"]
    first = subprocess.Popen([*command, "run", str(path), "-o", str(out)], stderr=subprocess.PIPE, text=True)
    try:
        limit = time.monotonic() + 300.0
        while not list(out.glob("runs/*/checkpoints/*.h5")):
            assert first.poll() is None, first.communicate()
            assert time.monotonic() < limit
            time.sleep(0.1)
        second = CliRunner().invoke(app, ["sweep", "run", str(path), "-o", str(out)])
        assert second.exit_code == 2 and "goes on" in second.output
        assert CliRunner().invoke(app, ["sweep", "cancel", str(out)]).exit_code == 0
        _, told = first.communicate(timeout=120)
    finally:
        first.kill()
        first.wait()
    assert first.returncode == 75, told
    assert {outcome_of(folder) for folder in (out / "runs").iterdir()} == {"interrupted"}
    nobody = CliRunner().invoke(app, ["sweep", "cancel", str(out)])
    assert nobody.exit_code == 2 and "nothing computes" in nobody.output


def test_a_parquet_table_says_what_it_needs(tmp_path):
    rows = [{"a": 1.0, "b": "x"}, {"a": None, "b": "y"}]
    try:
        from pyarrow import parquet
    except ImportError:
        with pytest.raises(RunError, match="needs pyarrow"):
            write_table(rows, tmp_path / "t.parquet")
    else:
        write_table(rows, tmp_path / "t.parquet")
        assert parquet.read_table(tmp_path / "t.parquet").to_pylist() == rows
