"""Make the runs of a sweep: plan them, compute what is missing where the sweep says, wait, and count."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from phasefield.campaigns import slurm
from phasefield.campaigns.design import points
from phasefield.campaigns.folder import Planned, Standing, SweepFolder, make_plan
from phasefield.campaigns.local import LocalExecutor, share_cores
from phasefield.campaigns.sweep_file import ExecutorSection, SweepFile
from phasefield.case import Case
from phasefield.errors import CaseError, RunError, Stopped
from phasefield.results_folder import note_failure
from phasefield.run import simulate

Tell = Callable[[Planned, Standing, str], None]

_LISTENING = 5.0, 60.0  # between looks at the queue: at first, and after an hour and a half [s]
_STEPS = 3  # that have called every kernel once
_TRIED = 3  # runs, until one can be set up


@dataclass(frozen=True)
class Entry:
    """A run of a sweep and how far it is.

    ``text``: its outcome, why it failed, or its state in the queue. ``queued``: whether a queue knows it.
    """

    planned: Planned
    standing: Standing
    text: str
    queued: bool = False


def plan(sweep: SweepFile, folder: SweepFolder) -> list[Planned]:
    """Plan the runs that the file asks for now; what has been computed before stays."""
    if sweep.ccd is not None:
        raise CaseError(f"{sweep.source} asks for critical currents; give it to `phasefield ccd`")
    return make_plan(folder, sweep.base, sweep.overrides, points(sweep))


def status(folder: SweepFolder, runs: Sequence[Planned], queue: Mapping[str, str] | None = None) -> list[Entry]:
    """Return how far every run is; ``queue``: what is known of the queue, unless it shall be asked."""
    queue = slurm.queued(folder) if queue is None else queue
    entries = []
    for run in runs:
        standing, text = folder.standing(run)
        state = None if standing == "done" else queue.get(run.name)
        if state is None:
            entries.append(Entry(run, standing, text))
        else:
            entries.append(Entry(run, "running" if state == "running" else "waiting", f"in the queue: {state}", True))
    return entries


def counted(entries: Sequence[Entry]) -> str:
    """Return ``"10 done, 1 failed, 1 running"``."""
    numbers = Counter(entry.standing for entry in entries)
    order: tuple[Standing, ...] = ("done", "failed", "running", "unfinished", "waiting")
    return ", ".join(f"{numbers[word]} {word}" for word in order if numbers[word]) or "no runs"


def missing(entries: Sequence[Entry]) -> list[Planned]:
    """Return the runs that are neither done, nor going on, nor in a queue, nor refused."""
    open_ones = [e for e in entries if e.standing in ("waiting", "unfinished", "failed") and not e.queued]
    return [entry.planned for entry in open_ones if not entry.planned.refused]


def compile_for(cases: Iterable[Case]) -> None:
    """Compile what cases need, by the first steps of one, so that not every process of a sweep does it."""
    for case in islice(cases, _TRIED):
        try:
            for _ in islice(simulate(case), _STEPS):
                pass
            return
        except (CaseError, RunError):  # one that fails stops no other, and will say so itself
            continue


def compute_local(folder: SweepFolder, runs: Sequence[Planned], executor: ExecutorSection, tell: Tell) -> None:
    """Compute runs on this machine; return when all have ended, one way or another."""
    threads, at_once = share_cores(len(runs), executor.threads, executor.at_once)
    pool = LocalExecutor(folder, threads, at_once, executor.retries)
    for run, (standing, text) in pool.each(pool.one, runs):
        tell(run, standing, text)


@dataclass
class Watch:
    """Wait for runs that are in the queue; submit again what was lost.

    Parameters
    ----------
    tell : hears of every run that has ended. note : of what is submitted again, and of a queue that does not answer.
    """

    folder: SweepFolder
    executor: ExecutorSection
    tell: Tell
    note: Callable[[str], None]
    _lost: Counter[str] = field(default_factory=Counter)
    _gone: set[str] = field(default_factory=set)

    def all(self, runs: Sequence[Planned]) -> None:
        """Return when all ``runs`` have ended or were lost more often than may be tried.

        Raises ``Stopped`` when the sweep is cancelled meanwhile.
        """
        slurm.forget_cancel(self.folder)
        left, started = list(runs), time.monotonic()
        while True:
            try:
                left = self._look(left)
            except RunError as error:  # of Slurm's; the runs need nobody who waits
                self.note(f"{error}; trying again")
            if not left:
                return
            shortest, longest = _LISTENING
            time.sleep(min(shortest + 0.01 * (time.monotonic() - started), longest))

    def _look(self, runs: Sequence[Planned]) -> list[Planned]:
        """Tell of the runs that have ended, submit those again that were lost, and return what is still to come."""
        queue = slurm.queued(self.folder)
        left, lost = [], []
        for run in runs:
            standing, text = self.folder.standing(run)
            if run.name in queue or standing == "running":
                self._gone.discard(run.name)
                left.append(run)
            elif standing in ("done", "failed"):
                self.tell(run, standing, text)
            else:
                left.append(run)
                # Looked at twice: files that another machine wrote may take a while to be seen.
                if run.name in self._gone:
                    lost.append(run)
                self._gone.add(run.name)
        if lost and slurm.is_cancelled(self.folder):
            raise Stopped("cancelled; `phasefield sweep run` goes on with what is missing, from the checkpoints")
        return self._again(left, lost)

    def _again(self, left: Sequence[Planned], lost: Sequence[Planned]) -> list[Planned]:
        tried = [run for run in lost if self._lost[run.name] < self.executor.retries]
        given_up = [run for run in lost if run not in tried]
        for run in given_up:
            where = self.folder.run(run.name)
            times = self._lost[run.name] + 1
            note_failure(where, f"lost {times} times by the queue; see {self.folder.path / 'logs'}")
            self.tell(run, *self.folder.standing(run))
        if tried:
            numbers = slurm.submit(self.folder, tried, self.executor)
            self.note(f"job {', '.join(numbers)}: {len(tried)} lost, in the queue again")
            self._lost.update(run.name for run in tried)
            self._gone.difference_update(run.name for run in tried)
        return [run for run in left if run not in given_up]
