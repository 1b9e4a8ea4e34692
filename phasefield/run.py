"""Run a case from beginning to end: set up, step, observe, sum up."""

from __future__ import annotations

import logging
import os
import time as clock
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from phasefield import __version__, measures
from phasefield.backends import Backend, Tolerances, get_backend
from phasefield.boundaries import coating_fraction
from phasefield.case import Case, case_to_toml, load_case
from phasefield.case.changes import Change, case_texts, changes, how_to_go_on, input_names, refused
from phasefield.checkpoint import Checkpoint, Checkpointer, newest_checkpoint
from phasefield.errors import CaseError, RunError, Stopped
from phasefield.fields import State
from phasefield.interrupts import StopRequest
from phasefield.materials import KINDS
from phasefield.output import (
    FieldWriter,
    MemoryRecorder,
    Observer,
    RunLog,
    close_all,
    closing,
    microstructure_arrays,
)
from phasefield.results_folder import (
    FAILED,
    claimed,
    note_failure,
    open_results,
    outcome_of,
    remove_leftovers,
    write_inputs,
    write_text_atomic,
)
from phasefield.setup import Setup, build_setup
from phasefield.simulate import StepReport
from phasefield.simulate import simulate as march
from phasefield.summary import SummaryWriter, end_measures, run_facts, setup_facts
from phasefield.tables import HistoryWriter
from postprocess.results import Results, load

log = logging.getLogger("phasefield")


class Run:
    """What a finished run left: ``summary``, ``history`` by column, ``fields(time)``, and its ``folder`` if it wrote one."""

    def __init__(self, results: Results, folder: Path | None) -> None:
        self.results = results
        self.folder = folder

    @property
    def summary(self) -> dict[str, Any]:
        """Return the content of ``summary.json``."""
        return self.results.summary

    @property
    def history(self) -> dict[str, np.ndarray]:
        """Return one array per column of ``history.csv``."""
        return self.results.history

    def fields(self, time: float = -1) -> dict[str, np.ndarray]:
        """Return the saved fields nearest to ``time`` [s] (an int counts frames, -1 the last), arrays ``[x, y]``."""
        return self.results.frame(time)

    def to_pyvista(self, time: float = -1) -> Any:
        """Return those fields as a ``pyvista.ImageData``."""
        return self.results.to_pyvista(time)


def simulate(case: Case, threads: int | None = None) -> Iterator[tuple[State, StepReport]]:
    """Yield ``(state, report)`` after every step of a case, to drive the loop oneself; nothing is written."""
    setup = build_setup(case)
    return march(setup.problem, _backend(setup, threads), setup.protocol, setup.limits)


def run(
    case: Case,
    out: Path | str | Literal["auto"] | None = "auto",
    *,
    progress: bool = False,
    threads: int | None = None,
    force: bool = False,
    observers: Sequence[Observer] = (),
    started: float | None = None,
) -> Run:
    """Run a case and return what it left.

    Parameters
    ----------
    out : folder of the results; ``"auto"``: ``results/NAME``; None: keep them in memory, write nothing.
    progress : show a progress bar, or plain lines without a terminal.
    threads : all cores unless given; results do not depend on it.
    force : replace a run that ``out`` holds.
    observers : called with ``(state, report)`` after every step, closed with the outcome.
    started : ``time.perf_counter()`` when the command began, for ``startup_s``.

    Raises
    ------
    CaseError : bad input. RunError : the run failed. Stopped : after a SIGTERM or SIGUSR1. KeyboardInterrupt : with
        the folder as argument. Whatever it was, everything so far is in the folder, and ``resume`` goes on with it.
    """
    started = clock.perf_counter() if started is None else started
    if out is None:
        return _in_memory(_task(case, threads, observers, progress, started, StopRequest()))
    with StopRequest() as stop:
        task = _task(case, threads, observers, progress, started, stop)
        folder = open_results(case.name, None if out == "auto" else Path(out), force)
        with claimed(folder):
            references = {kind: getattr(case.materials, kind).reference for kind in KINDS}
            if case.microstructure.file is not None:
                references["microstructure"] = case.microstructure.file.reference
            try:
                texts = case_texts(case, copy_inputs(case, folder))
                write_text_atomic(folder / "case.toml", texts["case"])
            except (CaseError, RunError) as error:
                note_failure(folder, str(error))
                raise
            return _in_folder(task, folder, _Origin(case.name, references, texts))


def resume(
    folder: Path | str,
    overrides: Mapping[str, str] | None = None,
    *,
    progress: bool = False,
    threads: int | None = None,
    observers: Sequence[Observer] = (),
    started: float | None = None,
) -> Run:
    """Go on with the run in ``folder`` from its newest checkpoint, as if nothing had come between.

    Parameters
    ----------
    overrides : changes of the folder's ``case.toml``, key to value as in ``load_case``: ends of the run, output.

    The other parameters and what is raised are as in ``run``; ``CaseError`` also if the run has ended, if the folder
    holds no good checkpoint, if another run writes to it, or if the case was changed in what may not change.
    """
    started = clock.perf_counter() if started is None else started
    folder = Path(folder)
    if outcome_of(folder) is None:
        raise CaseError(f"{folder} holds no run")
    with StopRequest() as stop, claimed(folder):
        path, checkpoint, notes = newest_checkpoint(folder)
        if checkpoint.version != __version__:
            notes = [*notes, f"{path} was written by version {checkpoint.version}, this is {__version__}"]
        for note in notes:
            log.warning("%s", note)
        case = load_case(folder / "case.toml", overrides)
        changed = _allowed_changes(case, checkpoint, folder)
        task = _task(case, threads, observers, progress, started, stop)
        ended = _has_ended(task.setup, checkpoint, folder)
        remove_leftovers(folder)
        texts = case_texts(case, input_names(case, folder))
        if changed:
            write_text_atomic(folder / "case.toml", texts["case"])
        memory = checkpoint.memory
        origin = _Origin(memory["summary"]["name"], memory["references"], texts, path, checkpoint, changed, notes)
        return _in_folder(task, folder, origin, checkpoint.outcome if ended else None)


@dataclass(frozen=True)
class _Task:
    """A run as it was asked for."""

    setup: Setup
    threads: int
    observers: Sequence[Observer]
    started: float
    stop: StopRequest


@dataclass(frozen=True)
class _Origin:
    """Where a run in a folder starts: from a case, or from a checkpoint and the case that goes on with it.

    ``references``: how the first case named its materials. ``notes``: what the log should say.
    """

    name: str
    references: Mapping[str, str]
    texts: Mapping[str, str]
    path: Path | None = None
    checkpoint: Checkpoint | None = None
    changed: Sequence[Change] = ()
    notes: Sequence[str] = ()


def _task(
    case: Case,
    threads: int | None,
    observers: Sequence[Observer],
    progress: bool,
    started: float,
    stop: StopRequest,
) -> _Task:
    watching = list(observers)
    if progress:
        from phasefield.progress import Progress

        watching.append(Progress())
    return _Task(build_setup(case), _threads_used(threads or case.solver.threads), watching, started, stop)


def _allowed_changes(case: Case, checkpoint: Checkpoint, folder: Path) -> list[Change]:
    """Return what has changed since the checkpoint; refuse what may not change."""
    changed = changes(checkpoint.texts, case, folder)
    faults = refused(changed)
    if faults:
        raise CaseError(faults, str(folder / "case.toml"))
    return changed


def _has_ended(setup: Setup, checkpoint: Checkpoint, folder: Path) -> bool:
    """Return whether the run ended with its checkpoint and was killed before it could say so.

    Raises ``CaseError`` when it has said so, or when an end of the case as it is now has passed.
    """
    state = checkpoint.state
    short = measures.is_short(measures.conducting_region(state["metal_fraction"], state.grid.lateral))
    outcome = setup.protocol.outcome(state.time, state.book, state.cell_voltage, short)
    if outcome is None:
        return False
    right = how_to_go_on(setup.case, outcome)
    if outcome != checkpoint.outcome:
        where = f"its checkpoint, step {state.step} at t = {state.time:.6g} s"
        raise CaseError(f"{where}, is at or beyond the end that the case gives now ({outcome}); {right}", str(folder))
    if outcome_of(folder) == outcome:
        raise CaseError(f"the run has ended (outcome: {outcome}); {right}", str(folder))
    return True


# ---------------------------------------------------------------- the work


def _in_memory(task: _Task) -> Run:
    setup = task.setup
    constant = _constant_maps(setup)
    recorder = MemoryRecorder(constant, setup.case.output.fields)
    facts = _facts(task, _Origin(setup.case.name, {}, {}))
    summary = SummaryWriter(None, facts, task.started, lambda state: end_measures(setup, state))
    watching = [summary, *task.observers, recorder]
    with closing(watching):
        close_all(watching, _march(task, watching, None))
    results = Results(
        grid=setup.problem.grid,
        times=recorder.times,
        read_frame=recorder.frames.__getitem__,
        history=recorder.history,
        events=recorder.events,
        summary=summary.content,
        electrode_plane=setup.problem.electrode_plane,
    )
    return Run(results, None)


def _in_folder(task: _Task, folder: Path, origin: _Origin, ended: str | None = None) -> Run:
    """Run to the end, or write the end of a run that has ``ended``; say what goes on from where if something stops it."""
    watching: list[Observer] = []
    last = None if origin.checkpoint is None else origin.checkpoint.state
    try:
        with closing(watching):
            _watch(task, folder, origin, watching)
            close_all(watching, ended or _march(task, watching, last))
    except CaseError as error:
        note_failure(folder, str(error))
        raise
    except RunError as error:
        note_failure(folder, str(error))
        raise RunError(f"{error}; everything so far is in {folder}{_go_on(folder)}") from None
    except Stopped as stopped:
        raise Stopped(f"{stopped}: everything so far is in {folder}{_go_on(folder)}") from None
    except KeyboardInterrupt:
        raise KeyboardInterrupt(folder) from None
    if task.setup.case.output.preview:
        _preview(folder)
    return Run(load(folder), folder)


def _watch(task: _Task, folder: Path, origin: _Origin, watching: list[Observer]) -> None:
    """Add the observers that write the folder, each as soon as it has something to close."""
    setup, checkpoint = task.setup, origin.checkpoint
    case, state = setup.case, None if checkpoint is None else checkpoint.state
    frames, before = None, None
    watching.append(RunLog(folder, go_on=checkpoint is not None))
    for note in origin.notes:
        log.warning("%s", note)
    if checkpoint is not None and state is not None:
        frames, before = checkpoint.memory["frames"], checkpoint.memory["summary"]
        log.info("resumed from %s: step %d, t = %.6g s", origin.path, state.step, state.time)
        for change in origin.changed:
            log.info("%s was %s, is now %s", *change)
    constant = _constant_maps(setup)
    fields = FieldWriter(folder, constant, setup.problem.electrode_plane, case.output.fields, frames)
    history = HistoryWriter(folder, None if state is None else state.step)
    watching += [fields, history]
    summary = SummaryWriter(
        folder, _facts(task, origin), task.started, lambda state: end_measures(setup, state), before, state
    )

    def remember() -> dict[str, Any]:
        return {"frames": fields.written, "summary": summary.memory(), "references": dict(origin.references)}

    interval, written = case.output.checkpoint_every, origin.path
    checkpointer = Checkpointer(folder, interval, origin.texts, remember, history.flush, written, summary.kept)
    watching += [summary, *task.observers, checkpointer]


def _constant_maps(setup: Setup) -> dict[str, np.ndarray]:
    pressure, coated = setup.problem.ceramic.accommodation_pressure, coating_fraction(setup.case, setup.structure)
    return microstructure_arrays(setup.structure, pressure, coated)


def _march(task: _Task, watching: Sequence[Observer], state: State | None) -> str:
    """Step to the end and return the outcome; a request to stop is heard between two steps."""
    setup, outcome = task.setup, FAILED
    backend = _backend(setup, task.threads)
    task.stop.deferring = True
    try:
        for now, report in march(setup.problem, backend, setup.protocol, setup.limits, state):
            for observe in watching:
                observe(now, report)
            if report.outcome is None:
                task.stop.check()
            outcome = report.outcome or outcome
    finally:
        task.stop.deferring = False
    return outcome


def _go_on(folder: Path) -> str:
    """Return how to go on with a run that was cut short, and from where."""
    with suppress(CaseError, OSError):
        state = newest_checkpoint(folder)[1].state
        return f"; `phasefield resume {folder}` goes on from step {state.step}, t = {state.time:.6g} s"
    return "; there is no checkpoint yet"


def _threads_used(asked: int) -> int:
    """Return how many threads there are: as asked for (0: as many as possible), but not more than there are cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(asked, cores) or cores


def _backend(setup: Setup, threads: int | None) -> Backend:
    solver = setup.case.solver
    tolerances = Tolerances(solver.ionic_tolerance, solver.electronic_tolerance, solver.potential_tolerance)
    return get_backend(solver.backend, setup.problem, tolerances, threads or solver.threads)


def copy_inputs(case: Case, folder: Path) -> dict[str, str]:
    """Write the files that a case uses to ``inputs/`` and return their new names by kind."""
    chosen = {kind: getattr(case.materials, kind) for kind in KINDS}
    own = {kind: Path(m.reference) for kind, m in chosen.items() if m.reference.endswith(".toml")}
    files = own | {kind: Path(f"{kind}_{m.name}.toml") for kind, m in chosen.items() if kind not in own}
    contents: dict[Path, str | bytes] = {files[kind]: m.source_text for kind, m in chosen.items()}
    if case.microstructure.file is not None:
        files["microstructure"] = case.microstructure.file.path
        contents[files["microstructure"]] = case.microstructure.file.content()
    copies = write_inputs(folder, contents)
    return {kind: copies[path] for kind, path in files.items()}


def _preview(folder: Path) -> None:
    """Draw the end of the run; a failed picture never fails a run."""
    try:
        from postprocess.figures import preview

        preview(load(folder), folder / "preview.png")
    except Exception as error:  # noqa: BLE001 - whatever a picture fails on
        log.warning("no preview.png: %s: %s", type(error).__name__, error)


def _facts(task: _Task, origin: _Origin) -> dict[str, Any]:
    """Return what the summary says of the run before its next step."""
    case, checkpoint = task.setup.case, origin.checkpoint
    text = case_to_toml(case, dict(origin.references))
    facts = run_facts(origin.name, case.question, text, case.microstructure.seed, task.threads, setup_facts(task.setup))
    if checkpoint is None:
        return facts
    before, state = checkpoint.memory["summary"], checkpoint.state
    entry = {"step": state.step, "time_s": state.time, "started": facts["started"], "version": checkpoint.version}
    entry["changed"] = {key: [old, new] for key, old, new in origin.changed}
    return facts | {"started": before["started"], "resumed": [*before.get("resumed", []), entry]}
