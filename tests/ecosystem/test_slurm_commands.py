"""What is written for Slurm and what is read from it, with stand-ins for its commands and for the run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from phasefield.campaigns import slurm, sweep
from phasefield.campaigns.folder import Planned, Standing, SweepFolder, freeze
from phasefield.campaigns.sweep_file import ExecutorSection, SlurmSection
from phasefield.campaigns.task import do_task
from phasefield.case import load_case
from phasefield.cli.app import app
from phasefield.errors import CaseError, RunError, Stopped
from phasefield.results_folder import claimed, note_failure, outcome_of, write_json_atomic

NAMES = [f"run{i:02d}" for i in range(12)]


class Programs:
    """Stand-ins for Slurm's commands; each writes its arguments, a line per call, to a file of its name."""

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir()
        self.give("scontrol", "echo MaxArraySize            = 5")
        self.give("sbatch", f'echo "$(wc -l <{place}/sbatch.calls)"')
        self.give("squeue", "true")
        self.give("scancel", "true")

    def give(self, name: str, does: str) -> None:
        path = self.place / name
        path.write_text(f'#!/bin/bash\necho "$*" >>"{path}.calls"\n{does}\n', encoding="utf-8")
        path.chmod(0o755)

    def queue(self, *lines: str) -> None:
        """Let ``squeue`` tell these lines: array, place, state, reason."""
        (self.place / "queue").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        self.give("squeue", f"cat {self.place / 'queue'}")

    def calls(self, name: str) -> list[str]:
        path = self.place / f"{name}.calls"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(sweep, "_LISTENING", (0.01, 0.01))
    return Programs(tmp_path / "bin")


@pytest.fixture
def folder(tmp_path: Path) -> SweepFolder:
    path = tmp_path / "it's 100 % of a sweep"
    path.mkdir()
    return SweepFolder(path)


@pytest.fixture
def runs() -> list[Planned]:
    return [Planned(name, {}) for name in NAMES]


def end(folder: SweepFolder, name: str, outcome: str = "short") -> None:
    folder.run(name).mkdir(parents=True)
    write_json_atomic(folder.run(name) / "summary.json", {"format": 1, "outcome": outcome})


# ---------------------------------------------------------------- submitting


def test_more_runs_than_an_array_takes_are_several(
    programs: Programs, folder: SweepFolder, runs: list[Planned]
) -> None:
    assert slurm.submit(folder, runs, ExecutorSection()) == ["1", "2", "3"]
    assert list(slurm.jobs(folder).values()) == [NAMES[:5], NAMES[5:10], NAMES[10:]]
    scripts = [(folder.path / "tasks" / f"{number}.sh").read_text() for number in (1, 2, 3)]
    assert ["#SBATCH --array=0-4\n" in text for text in scripts] == [True, True, False]
    assert "#SBATCH --array=0-1\n" in scripts[2]
    assert not any("--dependency" in text for text in scripts)


def test_several_arrays_keep_to_the_runs_at_a_time(
    programs: Programs, folder: SweepFolder, runs: list[Planned]
) -> None:
    slurm.submit(folder, runs, ExecutorSection(at_once=3))
    scripts = [(folder.path / "tasks" / f"{number}.sh").read_text() for number in (1, 2, 3)]
    assert "#SBATCH --array=0-4%3\n" in scripts[0]
    assert [f"--dependency=afterany:{job}\n" in text for job, text in zip("12", scripts[1:], strict=True)] == [True] * 2


def test_options_of_the_file_are_in_the_script(folder: SweepFolder) -> None:
    asked = SlurmSection(partition="long", time="26.5 h", memory="4G", lines=("#SBATCH --account=x", "#SBATCH --qos=y"))  # type: ignore[arg-type]
    text = slurm.script(folder, folder.path / "1.txt", ExecutorSection(threads=3, slurm=asked), 1)
    head = text[: text.index("export")].splitlines()
    for option in ("partition=long", "time=1-02:30:00", "mem=4G", "cpus-per-task=3", "signal=B:USR1@120", "requeue"):
        assert f"#SBATCH --{option}" in head
    assert head[-3:-1] == ["#SBATCH --account=x", "#SBATCH --qos=y"]
    assert f'#SBATCH --output="{folder.path.parent}/it\'s 100 %% of a sweep/logs/slurm-%A-%a.log"' in head


def test_what_sbatch_says_is_shown(programs: Programs, folder: SweepFolder, runs: list[Planned]) -> None:
    programs.give("sbatch", "echo 'sbatch: error: invalid partition specified: nonsense' >&2; exit 1")
    with pytest.raises(RunError, match="invalid partition specified: nonsense"):
        slurm.submit(folder, runs, ExecutorSection())
    assert slurm.jobs(folder) == {}


def test_without_slurm_a_sweep_says_so_before_it_compiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sweep, "compile_for", lambda *_: pytest.fail("compiled"))
    file = tmp_path / "s.toml"
    file.write_text('format = 1\ncase = "bicrystal"\n', encoding="utf-8")
    done = CliRunner().invoke(app, ["sweep", "run", str(file), "-o", str(tmp_path / "out"), "--executor", "slurm"])
    assert done.exit_code == 1
    assert "there is no sbatch here" in done.output


# ---------------------------------------------------------------- the queue


def test_of_the_queue_only_tasks_of_this_sweep_count(
    programs: Programs, folder: SweepFolder, runs: list[Planned]
) -> None:
    slurm.submit(folder, runs, ExecutorSection())
    programs.queue(
        "1 0 RUNNING None",
        "2 3 PENDING ReqNodeNotAvail, May be reserved",
        "9 1 RUNNING None",  # another sweep
        "1 N/A RUNNING None",  # no array
        "3 77 RUNNING None",
        "",
    )
    state = "pending (ReqNodeNotAvail, May be reserved)"
    assert slurm.queued(folder) == {"run00": "running", "run08": state}
    end(folder, "run08", "failed")  # of an earlier attempt
    end(folder, "run01")
    entries = {entry.planned.name: entry for entry in sweep.status(folder, runs)}
    assert (entries["run00"].standing, entries["run08"].standing) == ("running", "waiting")
    assert entries["run08"].text == f"in the queue: {state}"
    assert [run.name for run in sweep.missing(list(entries.values()))] == [
        name for name in NAMES if name not in ("run00", "run01", "run08")
    ]


def test_a_reason_that_speaks_of_a_queue_is_not_one(folder: SweepFolder, runs: list[Planned]) -> None:
    end(folder, "run00")
    note_failure(folder.run("run00"), "lost in the queue")
    assert runs[0] in sweep.missing(sweep.status(folder, runs))


def test_only_what_is_in_the_queue_is_cancelled(programs: Programs, folder: SweepFolder, runs: list[Planned]) -> None:
    slurm.submit(folder, runs, ExecutorSection())
    programs.queue("3 0 PENDING None", "2 0 RUNNING None", "2 1 RUNNING None", "8 0 RUNNING None")
    assert slurm.cancel(folder) == 3
    assert programs.calls("scancel") == ["2 3"]
    programs.queue()
    assert slurm.cancel(folder) == 0
    assert len(programs.calls("scancel")) == 1


class Heard:
    """What a watch told."""

    def __init__(self) -> None:
        self.ended: dict[str, tuple[Standing, str]] = {}
        self.notes: list[str] = []

    def watch(self, folder: SweepFolder, retries: int) -> sweep.Watch:
        return sweep.Watch(folder, ExecutorSection(retries=retries), self.tell, self.notes.append)

    def tell(self, run: Planned, standing: Standing, text: str) -> None:
        assert run.name not in self.ended
        self.ended[run.name] = (standing, text)


def test_what_is_lost_is_submitted_again_as_often_as_may_be_tried(
    programs: Programs, folder: SweepFolder, runs: list[Planned]
) -> None:
    for name in NAMES[3:]:
        end(folder, name)
    heard = Heard()
    slurm.submit(folder, runs, ExecutorSection())
    heard.watch(folder, 2).all(runs)
    assert [names for names in slurm.jobs(folder).values()][3:] == [NAMES[:3]] * 2
    assert [heard.ended[name][0] for name in NAMES] == 3 * ["failed"] + 9 * ["done"]
    assert "lost 3 times" in heard.ended["run00"][1]
    assert outcome_of(folder.run("run00")) == "failed"


def test_a_queue_that_does_not_answer_ends_no_watch(
    programs: Programs, folder: SweepFolder, runs: list[Planned]
) -> None:
    slurm.submit(folder, runs, ExecutorSection())
    for name in NAMES:
        end(folder, name)
    silent = f"[ $(wc -l <{programs.place}/squeue.calls) -gt 3 ] || {{ echo 'squeue: error: no contact' >&2; exit 1; }}"
    programs.give("squeue", silent)
    heard = Heard()
    heard.watch(folder, 0).all(runs)
    assert heard.notes == ["squeue: squeue: error: no contact; trying again"] * 3
    assert len(heard.ended) == 12


def test_a_watch_ends_when_the_sweep_is_cancelled(programs: Programs, folder: SweepFolder, runs: list[Planned]) -> None:
    slurm.submit(folder, runs[:1], ExecutorSection())
    programs.queue("1 0 RUNNING None")
    programs.give("scancel", f": >{programs.place / 'queue'}")

    cancelling = threading.Timer(0.3, slurm.cancel, [folder])
    cancelling.start()
    with pytest.raises(Stopped):
        Heard().watch(folder, 5).all(runs[:1])
    cancelling.join()
    assert len(slurm.jobs(folder)) == 1


def test_a_task_that_finds_its_run_going_on_leaves_it_alone(folder: SweepFolder) -> None:
    name = freeze(folder, load_case("bicrystal"))
    end(folder, name, "running")
    with claimed(folder.run(name)), pytest.raises(CaseError, match="a run that goes on writes to"):
        do_task(folder, name, None)
    assert outcome_of(folder.run(name)) == "running"


def test_a_run_that_cannot_be_set_up_does_not_keep_the_others_from_being_compiled_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def simulate(case: str) -> Iterator[int]:
        asked.append(case)
        if len(asked) == 1:
            raise RunError("no structure")
        yield from range(100)

    monkeypatch.setattr(sweep, "simulate", simulate)
    sweep.compile_for(NAMES)  # type: ignore[arg-type]
    assert asked == NAMES[:2]


# ---------------------------------------------------------------- the task


class Task:
    """The batch script of one run, with a stand-in for the program: ``does`` is its bash."""

    def __init__(
        self, folder: SweepFolder, programs: Programs, monkeypatch: pytest.MonkeyPatch, does: str, retries: int = 1
    ) -> None:
        self.folder, self.programs = folder, programs
        program = programs.place / "a program"
        programs.give(program.name, does)
        (folder.path / "logs").mkdir()
        names = folder.path / "names.txt"
        names.write_text("run00\nrun01\n", encoding="utf-8")
        monkeypatch.setattr(sys, "executable", str(program))
        self.script = folder.path / "task.sh"
        self.script.write_text(slurm.script(folder, names, ExecutorSection(retries=retries), 2), encoding="utf-8")
        programs.give("scontrol", "true")

    def start(self, restarts: int = 0) -> subprocess.Popen[str]:
        variables = {"SLURM_ARRAY_TASK_ID": "1", "SLURM_ARRAY_JOB_ID": "7", "SLURM_RESTART_COUNT": str(restarts)}
        pipe = subprocess.PIPE
        return subprocess.Popen(
            ["bash", str(self.script)], env=os.environ | variables, stdout=pipe, stderr=subprocess.STDOUT, text=True
        )

    def signalled(self, *numbers: signal.Signals, restarts: int = 0) -> int:
        """Return the code after signals that come once the program has said that it is ready."""
        task, log = self.start(restarts), self.folder.log("run01")
        end = time.monotonic() + 30.0
        while not (log.exists() and "ready" in log.read_text()):
            assert time.monotonic() < end and task.poll() is None, task.communicate()
            time.sleep(0.01)
        for number in numbers:
            task.send_signal(number)
            time.sleep(0.1)
        task.communicate(timeout=30)
        return task.returncode


WAITS = "echo ready; for i in $(seq 300); do sleep 0.1; done"
LISTENS = f"trap 'sleep 0.3; exit 75' USR1 TERM; {WAITS}"


def calls_of_the_program(programs: Programs) -> list[str]:
    return programs.calls("a program")


def test_a_killed_run_goes_on_at_once(programs: Programs, folder: SweepFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    does = f'[ "$(wc -l <"{programs.place}/a program.calls")" = 3 ] || kill -9 $$; echo over'
    task = Task(folder, programs, monkeypatch, does, retries=2).start()
    said = task.communicate(timeout=30)[0]
    assert task.returncode == 0, said
    assert said.count("run run01 was killed (code 137)") == 2
    assert folder.log("run01").read_text() == "over\n"
    called = f"-m phasefield sweep task {folder.path} run01 --threads 1"
    assert calls_of_the_program(programs) == [called] * 3


def test_a_run_that_is_killed_too_often_is_given_up(
    programs: Programs, folder: SweepFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = Task(folder, programs, monkeypatch, "kill -9 $$").start()
    task.communicate(timeout=30)
    assert (task.returncode, len(calls_of_the_program(programs))) == (137, 2)
    assert programs.calls("scontrol") == []


@pytest.mark.parametrize(
    ("signals", "does", "restarts", "code", "again"),
    [
        ([signal.SIGUSR1], LISTENS, 0, 75, True),
        ([signal.SIGTERM], LISTENS, 0, 75, False),
        ([signal.SIGUSR1, signal.SIGTERM], LISTENS, 0, 75, False),
        ([signal.SIGUSR1], WAITS, 0, 138, True),
        ([signal.SIGUSR1], WAITS, 1, 138, False),
        ([signal.SIGTERM], WAITS, 0, 143, False),
    ],
    ids=["out of time", "cancelled", "cancelled when out of time", "starting", "starting again", "cancelled at start"],
)
def test_signals_are_handed_on_and_only_what_is_out_of_time_is_queued_again(
    programs: Programs,
    folder: SweepFolder,
    monkeypatch: pytest.MonkeyPatch,
    signals: list[signal.Signals],
    does: str,
    restarts: int,
    code: int,
    again: bool,
) -> None:
    task = Task(folder, programs, monkeypatch, does)
    assert task.signalled(*signals, restarts=restarts) == code
    assert programs.calls("scontrol") == (["requeue 7_1"] if again else [])
    assert len(calls_of_the_program(programs)) == 1


def test_a_failed_run_is_not_tried_again_by_its_task(
    programs: Programs, folder: SweepFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = Task(folder, programs, monkeypatch, "exit 1").start()
    task.communicate(timeout=30)
    assert (task.returncode, len(calls_of_the_program(programs))) == (1, 1)
