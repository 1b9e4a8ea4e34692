"""Ctrl-C, SIGTERM and SIGUSR1: when a run ends, with which code, and what stays as it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import phasefield as pf
from phasefield.checkpoint import newest_checkpoint
from phasefield.errors import CaseError, Stopped
from phasefield.interrupts import StopRequest

PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a background job is started without
from phasefield.cli import main
main()
"""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


def handlers() -> list[Any]:
    return [signal.getsignal(number) for number in SIGNALS]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_the_run_after_the_step_with_a_checkpoint(
    tmp_path: Path, small: ModuleType, number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    before, folder = handlers(), tmp_path / "run"
    with pytest.raises(KeyboardInterrupt if number == signal.SIGINT else Stopped) as stopped:
        pf.run(small.case_of("1d"), out=folder, observers=[small.StopAt(7, number)])
    assert handlers() == before
    assert newest_checkpoint(folder)[1].state.step == 7
    results = pf.load(folder)
    assert (results.summary["outcome"], results.history["step"][-1]) == ("interrupted", 7)
    if number == signal.SIGINT:
        assert stopped.value.args == (folder,)
        assert capfd.readouterr().err.startswith("stopping after this step; press Ctrl-C again")
    else:
        assert stopped.value.code == 75  # type: ignore[union-attr]
        assert number.name in str(stopped.value)


def test_a_second_ctrl_c_ends_it_in_the_middle_of_a_step(tmp_path: Path, small: ModuleType) -> None:
    class Impatient(small.StopAt):  # type: ignore[name-defined]
        def __call__(self, state: Any, report: Any) -> None:
            for _ in range(2):
                super().__call__(state, report)
                time.sleep(0.01)
            assert report.step < self.step, "the second one was not heard at once"

    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        pf.run(small.case_of("1d"), out=folder, observers=[Impatient(7, signal.SIGINT)])
    assert newest_checkpoint(folder)[1].state.step == 6
    assert pf.resume(folder, {"protocol.duration": "5 s"}).summary["outcome"] == "duration"


def test_a_signal_in_the_last_step_changes_nothing(tmp_path: Path, small: ModuleType) -> None:
    class AtTheEnd(small.StopAt):  # type: ignore[name-defined]
        def __call__(self, state: Any, report: Any) -> None:
            if report.outcome is not None:
                os.kill(os.getpid(), self.how)

    case = small.case_of("1d", protocol__duration="1 s")
    assert pf.run(case, out=tmp_path / "run", observers=[AtTheEnd(0)]).summary["outcome"] == "duration"


def test_handlers_of_others_are_left_alone(tmp_path: Path, small: ModuleType) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        own = signal.getsignal(signal.SIGTERM)
        case = small.case_of("1d", protocol__duration="1 s")
        finished = pf.run(case, out=tmp_path / "run", observers=[small.StopAt(3)])
        assert (heard, finished.summary["outcome"]) == ([signal.SIGTERM], "duration")
        assert signal.getsignal(signal.SIGTERM) is own
    finally:
        signal.signal(signal.SIGTERM, before)


def test_without_a_folder_ctrl_c_ends_it_at_once_and_the_others_are_not_caught(small: ModuleType) -> None:
    seen: list[Any] = []

    class Look(small.StopAt):  # type: ignore[name-defined]
        def __call__(self, state: Any, report: Any) -> None:
            seen.append(handlers())
            super().__call__(state, report)

    with pytest.raises(KeyboardInterrupt):
        pf.run(small.case_of("1d"), out=None, observers=[Look(2, signal.SIGINT)])
    assert seen[0] == handlers()


def test_ctrl_c_before_the_first_step_is_heard_at_once() -> None:
    with StopRequest(), pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1.0)
    with StopRequest() as request:
        os.kill(os.getpid(), signal.SIGTERM)
        request.deferring = True
        with pytest.raises(Stopped, match="stopped by SIGTERM"):
            request.check()


def test_a_run_in_another_thread_touches_no_handler(tmp_path: Path, small: ModuleType) -> None:
    before, seen = handlers(), []

    def work() -> None:
        class Look(small.StopAt):  # type: ignore[name-defined]
            def __call__(self, state: Any, report: Any) -> None:
                seen.append(handlers())

        pf.run(small.case_of("1d", protocol__duration="1 s"), out=tmp_path / "run", observers=[Look(0)])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen and all(entry == before for entry in seen)


def test_nobody_else_writes_to_the_folder_of_a_run_that_goes_on(tmp_path: Path, small: ModuleType) -> None:
    folder, refused = tmp_path / "run", []
    case = small.case_of("1d", protocol__duration="1 s")

    class Intruder(small.StopAt):  # type: ignore[name-defined]
        def __call__(self, state: Any, report: Any) -> None:
            if report.step == 4:
                for attempt in (lambda: pf.resume(folder), lambda: pf.run(case, out=folder, force=True)):
                    with pytest.raises(CaseError, match="a run that goes on writes to") as caught:
                        attempt()
                    refused.append(caught)

    whole = pf.run(case, out=folder, observers=[Intruder(0)])
    assert len(refused) == 2
    assert whole.summary["outcome"] == "duration"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75), (signal.SIGUSR1, 75)])
def test_exit_codes_of_the_command(tmp_path: Path, small: ModuleType, number: signal.Signals, code: int) -> None:
    folder = tmp_path / "run"
    name, overrides = small.GRIDS["2d"]
    options = [word for key, value in overrides.items() for word in ("--set", f"{key}={value}")]
    arguments = ["run", name, "-o", str(folder), "-q", *options]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 600.0  # kernels may have to be compiled
    while len(list(folder.glob("checkpoints/*.h5"))) < 2 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(number)
    shown, said = process.communicate(timeout=120)
    assert process.returncode == code, said
    assert shown == ""
    assert f"everything so far is in {folder}" in said
    assert f"`phasefield resume {folder}` goes on" in said
    assert "Traceback" not in said
    steps = pf.load(folder).history["step"]
    assert newest_checkpoint(folder)[1].state.step == steps[-1]
