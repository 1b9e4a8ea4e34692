"""Run a case from beginning to end: set up, step, observe, sum up."""

from __future__ import annotations

import logging
import os
import time as clock
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from phasefield import measures
from phasefield.backends import Backend, Tolerances, get_backend
from phasefield.case import Case, case_to_toml
from phasefield.errors import RunError
from phasefield.fields import State
from phasefield.output import (
    FieldWriter,
    HistoryWriter,
    MemoryRecorder,
    Observer,
    RunLog,
    SummaryWriter,
    microstructure_arrays,
    run_facts,
)
from phasefield.results_folder import copy_inputs, open_results, write_text_atomic
from phasefield.setup import Setup, build_setup, weakest_path
from phasefield.simulate import StepReport
from phasefield.simulate import simulate as march
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
    CaseError : bad input. RunError : the run failed. KeyboardInterrupt : with the folder as argument, after
        everything so far was written.
    """
    started = clock.perf_counter() if started is None else started
    setup = build_setup(case)
    threads = _threads_used(threads or case.solver.threads)
    constant = microstructure_arrays(setup.structure, setup.problem.ceramic.accommodation_pressure)
    folder = None if out is None else open_results(case.name, None if out == "auto" else Path(out), force)
    recorder = None if folder is not None else MemoryRecorder(constant, case.output.fields)
    facts = run_facts(
        case.name,
        case.question,
        case_to_toml(case),
        case.microstructure.seed,
        threads,
        _extra(setup),
    )
    summary = SummaryWriter(folder, facts, started, lambda state: _measure(setup, state))
    watching: list[Observer] = [summary, *observers]
    if progress:
        from phasefield.progress import Progress

        watching.append(Progress(case))
    if folder is not None:
        _write_inputs(case, folder)
        fields = FieldWriter(folder, constant, setup.problem.electrode_plane, case.output.fields)
        watching = [RunLog(folder), fields, HistoryWriter(folder), *watching]
    elif recorder is not None:
        watching.append(recorder)
    _march(setup, threads, watching, folder)
    if folder is not None:
        if case.output.preview:
            _preview(folder)
        return Run(load(folder), folder)
    assert recorder is not None
    results = Results(
        grid=setup.problem.grid,
        times=recorder.times,
        read_frame=recorder.frames.__getitem__,
        history=recorder.history,
        summary=summary.content,
        electrode_plane=setup.problem.electrode_plane,
    )
    return Run(results, None)


def _march(setup: Setup, threads: int, observers: Sequence[Observer], folder: Path | None) -> None:
    """Step to the end; whatever ends the run, every observer is closed with the reason."""
    outcome = "failed"
    try:
        for state, report in march(setup.problem, _backend(setup, threads), setup.protocol, setup.limits):
            for observe in observers:
                observe(state, report)
            outcome = report.outcome or outcome
    except KeyboardInterrupt:
        outcome = "interrupted"
        raise KeyboardInterrupt(folder) from None
    except RunError as error:
        log.error("%s", error)
        raise RunError(f"{error}; everything so far is in {folder}" if folder else str(error)) from None
    finally:
        for observe in reversed(observers):  # the log last
            observe.close(outcome)


def _threads_used(asked: int) -> int:
    """Return how many threads compute: as asked for (0: as many as possible), but not more than there are cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(asked, cores) or cores


def _backend(setup: Setup, threads: int | None) -> Backend:
    solver = setup.case.solver
    tolerances = Tolerances(solver.ionic_tolerance, solver.electronic_tolerance, solver.potential_tolerance)
    return get_backend(solver.backend, setup.problem, tolerances, threads or solver.threads)


def _write_inputs(case: Case, folder: Path) -> None:
    """Write the case with every default, and the material files that it used."""
    chosen = {kind: getattr(case.materials, kind) for kind in ("metal", "electrolyte", "interface")}
    own = {kind: Path(m.reference) for kind, m in chosen.items() if m.reference.endswith(".toml")}
    copies = copy_inputs(folder, own.values())
    shipped = {kind: m for kind, m in chosen.items() if kind not in own}
    names = {kind: copies[path] for kind, path in own.items()}
    for kind, material in shipped.items():
        (folder / "inputs").mkdir(exist_ok=True)
        name = f"inputs/{kind}_{material.name}.toml"
        write_text_atomic(folder / name, material.source_text)
        names[kind] = name
    write_text_atomic(folder / "case.toml", case_to_toml(case, names))


def _preview(folder: Path) -> None:
    """Draw the end of the run; a failed picture never fails a run."""
    try:
        from postprocess.figures import preview

        preview(load(folder), folder / "preview.png")
    except Exception as error:  # noqa: BLE001 - whatever a picture fails on
        log.warning("no preview.png: %s: %s", type(error).__name__, error)


def _extra(setup: Setup) -> dict[str, Any]:
    """Return what the summary says of the microstructure and of what was assumed."""
    extra: dict[str, Any] = {"assumed": [a._asdict() for a in setup.case.assumed]}
    if len(setup.structure.boundary_pairs):
        pressure, current = weakest_path(setup)
        extra["bottleneck_pressure_MPa"] = pressure * 1e-6
        extra["entry_current_density_path_mA_cm2"] = current * 0.1
        extra["boundary_per_volume_1_um"] = setup.structure.boundary_per_volume * 1e-6
    return extra


def _measure(setup: Setup, state: State) -> dict[str, Any]:
    """Return what the summary says of the metal at the end."""
    p, s = setup.problem, setup.structure
    xi, theta = state["metal_fraction"], p.ceramic.accessible_fraction
    connected, isolated = measures.split_metal(xi, p.grid.lateral)
    depth = measures.penetration_depth(xi, connected, p.grid, p.electrode_plane)
    weak = measures.boundary_or_pore(s.grain_boundary_fraction, s.pore_fraction)
    filled = measures.filled_boundary_share(xi, s.grain_boundary_fraction, p.grid, p.electrode_plane, depth)
    return {
        "short": measures.is_short(xi, p.grid.lateral),
        "metal_share_in_boundaries_and_pores": measures.share_inside(
            weak, connected | isolated, theta, p.grid, p.electrode_plane
        ),
        "filled_boundary_share": filled,
        "empty_boundary_share": 1.0 - filled,
    }
