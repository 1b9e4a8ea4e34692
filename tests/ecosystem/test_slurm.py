"""Sweeps on a real Slurm of one node, that of `.ci/slurm`: what is killed, drained, cancelled or out of time ends complete."""

from __future__ import annotations

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import phasefield as pf

pytestmark = pytest.mark.ci

DEADLINE = 600.0  # kernels may have to be compiled [s]
PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a background job is started without
from phasefield.cli import main
main()
"""
TINY = """
format = 1
case = "bicrystal"

[set]
grid.size = ["16 um", "6.4 um"]
output.preview = false
output.fields = ["metal_fraction"]
output.checkpoint_every = "0.5 s"
{more}

[executor]
kind = "slurm"
threads = 1
{executor}

[executor.slurm]
memory = "500M"
{slurm}

[[axes]]
keys = ["protocol.current_density", "solver.ionic_tolerance"]
values = [{values}]
"""


def unusable() -> str:
    """Return why there is no Slurm that may be disturbed; empty if there is one."""
    if shutil.which("sbatch") is None:
        return "Slurm is not installed; `.ci/slurm start` installs and starts one"
    if not Path(os.environ.get("SLURM_CONF", "")).is_file():
        return "SLURM_CONF names no file; `export SLURM_CONF=$(.ci/slurm start)`"
    told = slurm("scontrol", "show", "config", check=False)
    if not re.search(r"^ClusterName\s*=\s*phasefield-ci$", told, re.MULTILINE):
        return "this Slurm is not that of `.ci/slurm`, or does not answer"
    state = slurm("sinfo", "--noheader", "--format=%T").strip()
    return "" if state == "idle" else f"its node is {state}"


def slurm(*command: str, check: bool = True) -> str:
    return subprocess.run(command, check=check, capture_output=True, text=True, timeout=60).stdout


@pytest.fixture(autouse=True)
def node() -> Iterator[str]:
    """Return the name of a node that is idle, and leave it idle."""
    reason = unusable()
    if reason:
        pytest.skip(reason)
    name = slurm("sinfo", "--noheader", "--format=%n").strip()
    yield name
    if "drain" in slurm("sinfo", "--noheader", "--format=%T"):
        slurm("scontrol", "update", f"nodename={name}", "state=resume")
    slurm("scancel", "--me")
    until(lambda: not in_queue(), "the queue is empty")


def until(told: Callable[[], object], what: str, patience: float = DEADLINE) -> None:
    end = time.monotonic() + patience
    while not told():
        assert time.monotonic() < end, f"not within {patience:.0f} s: {what}"
        time.sleep(0.1)


def in_queue() -> list[str]:
    """Return the tasks in the queue, as ``JOB_PLACE STATE``."""
    return slurm("squeue", "--me", "--array", "--noheader", "--format=%F_%K %T").splitlines()


class Sweep:
    """A sweep's file and folder; spaces in their names, as on other people's disks."""

    def __init__(self, place: Path, values: list[str], more: str = "", executor: str = "", slurm: str = "") -> None:
        place.mkdir()
        self.file, self.out = place / "of tests.toml", place / "a sweep's folder"
        self.text = TINY.replace("{more}", more).replace("{executor}", executor).replace("{slurm}", slurm)
        self.write(values)

    def write(self, values: list[str]) -> None:
        self.file.write_text(self.text.replace("{values}", ", ".join(values)), encoding="utf-8")

    def command(self, name: str, *arguments: object) -> list[str]:
        return [sys.executable, "-c", PROGRAM, "sweep", name, *map(str, arguments)]

    def start(self, *options: str) -> subprocess.Popen[str]:
        command = self.command("run", self.file, "-o", self.out, *options)
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*options)
        said = process.communicate(timeout=DEADLINE)[0]
        return subprocess.CompletedProcess(process.args, process.returncode, said)

    def say(self, name: str) -> str:
        done = subprocess.run(self.command(name, self.out), check=True, capture_output=True, text=True, timeout=120)
        return done.stdout + done.stderr

    def processes(self) -> dict[str, int]:
        """Return the processes that compute runs of this sweep, by the runs' names."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = entry.read_bytes().decode(errors="replace").split("\0")
            except OSError:  # it has just ended
                continue
            if "task" in words and str(self.out) in words:
                found[words[words.index(str(self.out)) + 1]] = int(entry.parent.name)
        return found

    def computing(self) -> list[str]:
        """Return the runs that compute and have a checkpoint."""
        return [name for name in self.processes() if any((self.out / "runs" / name).glob("checkpoints/*.h5"))]

    def stamps(self) -> dict[str, int]:
        """Return when every run's history was last written."""
        return {path.parent.name: path.stat().st_mtime_ns for path in self.out.glob("runs/*/history.csv")}

    def table(self) -> list[dict[str, str]]:
        self.say("collect")
        with (self.out / "table.csv").open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def log(self, name: str) -> str:
        return (self.out / "runs" / name / "run.log").read_text(encoding="utf-8")


def point(current: float, tolerance: float = 1e-8) -> str:
    return f'["{current} mA/cm^2", {tolerance}]'


def test_a_sweep_survives_a_kill_a_drained_node_and_a_lost_task(tmp_path: Path, node: str) -> None:
    steps = 'solver.time_step_max = "0.2 s"\nprotocol.capacity = "0.02 mAh/cm^2"'
    good = [point(round(0.8 + 0.05 * i, 2)) for i in range(11)]
    impossible = point(1.0, 1e-30)  # a residual that round-off does not reach
    sweep = Sweep(tmp_path / "of a user", [*good[:3], impossible, *good[3:]], steps)
    waiting = sweep.start("--wait")
    try:
        until(sweep.computing, "a run has a checkpoint")
        killed = sweep.computing()[0]
        os.kill(sweep.processes()[killed], signal.SIGKILL)

        slurm("scontrol", "update", f"nodename={node}", "state=drain", "reason=test")
        pending = [line.split()[0] for line in in_queue() if line.endswith("PENDING")]
        assert len(pending) >= 6
        lost = pending[-1]
        slurm("scancel", lost)
        until(lambda: not any("RUNNING" in line or "COMPLETING" in line for line in in_queue()), "the node is empty")
        said = sweep.say("status")
        assert re.search(r"\d done, \d+ waiting\n$", said), said
        assert "pending" in said
        assert waiting.poll() is None
        slurm("scontrol", "update", f"nodename={node}", "state=resume")
        said = waiting.communicate(timeout=DEADLINE)[0]
    finally:
        waiting.kill()
    assert waiting.returncode == 1, said
    assert "11 done, 1 failed" in said
    assert "1 lost, in the queue again" in said
    assert said.count("the time step fell below 1e-06 s") >= 1

    rows = sweep.table()
    assert len(rows) == 12
    assert [row["outcome"] for row in rows if row["standing"] == "done"] == 11 * ["capacity"]
    (failed,) = (row for row in rows if row["standing"] == "failed")
    assert (failed["solver.ionic_tolerance"], failed["outcome"]) == ("1e-30", "")
    assert "did not converge" in failed["reason"]
    assert "resumed from" in sweep.log(killed)
    logs = "".join(path.read_text() for path in sweep.out.glob("logs/slurm-*.log"))
    assert f"run {killed} was killed (code 137)" in logs
    # Twelve are more than an array takes here; the lost one came back by itself.
    assert len(list(sweep.out.glob("tasks/*.job"))) == 3

    before = sweep.stamps()
    again = sweep.run("--wait")
    assert (again.returncode, "12 runs, 11 done, 1 failed" in again.stdout) == (1, True), again.stdout
    after = sweep.stamps()
    assert {name for name in after if after[name] != before[name]} <= {failed["run"]}

    sweep.write([*good, point(1.5)])
    more = sweep.run("--wait")
    assert (more.returncode, "12 done" in more.stdout) == (0, True), more.stdout
    (new,) = sweep.stamps().keys() - before.keys()
    assert {name for name, at in sweep.stamps().items() if at != after.get(name)} == {new}


def test_waiting_may_end_and_what_is_cancelled_stays_away_until_asked_for(tmp_path: Path) -> None:
    steps = 'solver.time_step_max = "0.02 s"\nprotocol.capacity = "0.02 mAh/cm^2"'
    sweep = Sweep(tmp_path / "long", [point(1.0), point(1.1), point(1.2)], steps)
    waiting = sweep.start("--wait")
    try:
        until(lambda: len(sweep.computing()) == 2, "two runs compute")
        waiting.send_signal(signal.SIGINT)
        said = waiting.communicate(timeout=60)[0]
    finally:
        waiting.kill()
    assert waiting.returncode == 130, said
    assert "the jobs stay in the queue" in said
    assert len(sweep.computing()) == 2

    submitted = sweep.run()
    assert submitted.returncode == 0
    assert len(list(sweep.out.glob("tasks/*.job"))) == 1  # all are in the queue already
    waiting = sweep.start("--wait")
    try:
        until(lambda: not (sweep.out / "tasks" / "cancelled").exists(), "it waits")
        time.sleep(3.0)
        assert "cancelled 3 tasks" in sweep.say("cancel")
        said = waiting.communicate(timeout=120)[0]
    finally:
        waiting.kill()
    assert waiting.returncode == 75, said
    assert "goes on with what is missing" in said
    until(lambda: not in_queue(), "the queue is empty")
    assert not sweep.processes()
    assert "2 unfinished, 1 waiting" in sweep.say("status")

    sweep.write([point(1.0)])
    rest = sweep.run("--wait")
    assert (rest.returncode, "1 done" in rest.stdout) == (0, True), rest.stdout
    (row,) = sweep.table()
    assert "resumed from" in sweep.log(row["run"])


@pytest.mark.slow  # two minutes
def test_a_run_that_is_out_of_time_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    steps = 'solver.time_step_max = "0.005 s"\nprotocol.capacity = "0.015 mAh/cm^2"'
    sweep = Sweep(tmp_path / "short of time", [point(1.0)], steps, "retries = 3", 'time = "1 min"')
    waiting = sweep.start("--wait")
    try:
        until(lambda: list(sweep.out.glob("cases/*.toml")), "its case is there")
        (case,) = sweep.out.glob("cases/*.toml")
        whole = pf.run(pf.load_case(case), out=tmp_path / "whole", threads=1)
        said = waiting.communicate(timeout=DEADLINE)[0]
    finally:
        waiting.kill()
    assert waiting.returncode == 0, said
    folder = sweep.out / "runs" / case.stem
    (log,) = sweep.out.glob("logs/slurm-*.log")
    assert "resumed from" in sweep.log(case.stem), log.read_text()
    assert len(list(sweep.out.glob("tasks/*.job"))) == 1  # Slurm itself queued it again
    assert (folder / "history.csv").read_bytes() == (tmp_path / "whole" / "history.csv").read_bytes()
    last = max((tmp_path / "whole" / "fields").iterdir())
    assert (folder / "fields" / last.name).read_bytes() == last.read_bytes()
    assert whole.summary["outcome"] == pf.load(folder).summary["outcome"]
