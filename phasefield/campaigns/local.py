"""Compute runs on this machine: a subprocess each, so that one that is killed takes nobody with it."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from phasefield.campaigns.folder import Planned, Standing, SweepFolder
from phasefield.errors import WANTS_MORE
from phasefield.interrupts import StopRequest
from phasefield.results_folder import note_failure, write_json_atomic

Item = TypeVar("Item")
Result = TypeVar("Result")

MARK = "local.json"  # in the folder of a sweep: which process computes it
_LISTENING = 0.5  # between looks at whether this process is asked to end [s]
_GRACE = 60.0  # for runs to write their checkpoints when all is stopped [s]


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share_cores(runs: int, threads: int | None, at_once: int | None) -> tuple[int, int]:
    """Return threads per run and runs at a time that fill the machine with ``runs`` runs, as far as nothing is asked for."""
    if at_once is None:
        at_once = max(1, cores() // threads) if threads else min(cores(), max(runs, 1))
    return threads or max(1, cores() // at_once), at_once


@dataclass
class LocalExecutor:
    """Run tasks of a sweep in subprocesses, ``at_once`` at a time.

    Parameters
    ----------
    threads : of each run.
    retries : how often a run whose process was killed goes on.
    """

    folder: SweepFolder
    threads: int
    at_once: int
    retries: int
    _alive: set[subprocess.Popen[bytes]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopping: bool = False

    def each(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[tuple[Item, Result]]:
        """Do ``work``, which computes runs with ``one``, for all items, ``at_once`` at a time; yield them as they end.

        When this process is interrupted or asked to end, the runs write their checkpoints first; then that is raised.
        """
        pool = ThreadPoolExecutor(self.at_once)
        mark = self.folder.path / MARK
        write_json_atomic(mark, {"pid": os.getpid(), "host": platform.node()})
        left = {pool.submit(work, item): item for item in items}
        try:
            with StopRequest() as stop:
                while left:
                    stop.check()
                    for future in wait(left, _LISTENING, FIRST_COMPLETED).done:
                        yield left.pop(future), future.result()
        except BaseException:
            self.stop()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
            mark.unlink(missing_ok=True)

    def one(self, run: Planned) -> tuple[Standing, str]:
        """Compute one run, again after a kill; return its standing, and its outcome or why it failed."""
        standing, text = self.folder.standing(run)
        if run.refused or standing == "done":
            return standing, text
        folder = self.folder.run(run.name)
        for attempt in range(self.retries + 1):
            code = self._wait(run)
            while code == WANTS_MORE and not self._stopping:  # somebody asked the run alone to stop
                code = self._wait(run)
            if code >= 0 or self._stopping:
                break
            if attempt == self.retries:
                times = f", {attempt + 1} times" if attempt else ""
                note_failure(folder, f"killed by {signal.Signals(-code).name}{times}")
        standing, text = self.folder.standing(run)
        if code > 0 and standing in ("waiting", "unfinished") and not self._stopping:
            note_failure(folder, f"its process ended with code {code}: {_last_line(self.folder.log(run.name))}")
            standing, text = self.folder.standing(run)
        return standing, text

    def _wait(self, run: Planned) -> int:
        log = self.folder.log(run.name)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            with self._lock:
                if self._stopping:
                    return WANTS_MORE
                # Ctrl-C goes to this process alone, which then asks all runs to stop.
                process = subprocess.Popen(
                    task_command(self.folder.path, run.name, self.threads),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                self._alive.add(process)
            try:
                return process.wait()
            finally:
                with self._lock:
                    self._alive.discard(process)

    def stop(self) -> None:
        """Ask every run to write its checkpoint and end; kill those that do not."""
        with self._lock:
            self._stopping = True
            alive = list(self._alive)
        for process in alive:
            process.send_signal(signal.SIGTERM)
        for process in alive:
            try:
                process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                process.kill()


def cancel(folder: SweepFolder) -> bool:
    """Ask the process that computes a sweep on this machine to end; return whether there is one."""
    try:
        mark = json.loads((folder.path / MARK).read_text(encoding="utf-8"))
        if mark["host"] != platform.node():
            return False
        os.kill(mark["pid"], signal.SIGTERM)
    except (OSError, ValueError, KeyError):
        return False
    return True


def task_command(folder: Path, name: str, threads: int) -> list[str]:
    """Return the command that computes one run of a sweep."""
    command = [sys.executable, "-m", "phasefield", "sweep", "task", os.path.abspath(folder), name]
    return [*command, "--threads", str(threads)]


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")
