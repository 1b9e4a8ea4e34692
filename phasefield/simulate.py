"""The time loop, as a generator: no files, no printing, no plotting."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from phasefield import measures
from phasefield.backends import Backend, Control, NotConverged, NotFinite, SolveReport
from phasefield.errors import RunError
from phasefield.fields import State
from phasefield.grid import Grid
from phasefield.nucleation import Event, Nucleator
from phasefield.physics.constants import FARADAY
from phasefield.problem import Problem
from phasefield.protocol import STALL_GROWTH, Outcome, Protocol, Stage

log = logging.getLogger("phasefield")

COURANT = 0.15  # largest travel of a front in one step, in cells (MODEL M12)
OVERSHOOT = 2.0  # a front this much faster than the step was made for: solve again with a shorter one
GROWTH = 1.5  # of the time step from one step to the next, at most
POTENTIAL_STEP = 2e-3  # change of U in one step above which the next one is shorter [V]


@dataclass(frozen=True)
class StepLimits:
    """Bound the time step.

    ``smallest``, ``largest``, ``first``: [s]. ``travel``: of a front in one step, at most [m]; None: 0.15 of the
    smallest spacing, and at most the interface width. ``refinement``: by how much every step but ``smallest`` is
    shorter: the first one, growth, and what travel, change of U, ramps and ``largest`` allow. Times that are hit
    exactly stay what they are.
    """

    smallest: float = 1e-6
    largest: float = math.inf
    first: float = 1e-3
    travel: float | None = None
    refinement: float = 1.0


@dataclass(frozen=True)
class StepReport:
    """What an accepted step did. Lengths in m, current densities in A/m^2 over the cross-section, charge in C/m^2."""

    time: float
    step: int
    protocol_step: int  # of the protocol's stages, from 1
    time_step: float
    current_density: float  # > 0 plates the working electrode
    cell_voltage: float
    capacity: float  # signed
    throughput: float  # not signed
    penetration_depth_connected: float
    penetration_depth_isolated: float
    metal_volume_connected: float  # theta-weighted, per cross-section
    metal_volume_isolated: float
    dead_charge: float  # in metal that electrons do not reach, however little of a cell it fills
    tip_speed: float  # over the last micrometre
    reservoir_share: float  # of what was plated
    leakage_current_density: float
    charge_balance_error: float  # of the whole run so far, over the charge passed
    plane_current_error: float
    newton_iterations: int
    cg_iterations: int
    nuclei: int  # that have appeared so far
    events: tuple[Event, ...]  # of this step
    share_done: float  # of the protocol
    fields_due: bool
    outcome: Outcome | None


def simulate(
    problem: Problem, backend: Backend, protocol: Protocol, limits: StepLimits, state: State | None = None
) -> Iterator[tuple[State, StepReport]]:
    """Yield state and report after every accepted step; the first pair is the initial state.

    With ``state``, one that an earlier run yielded, go on from there: only steps beyond it are yielded, the same to the
    bit as if nothing had come between; none if the protocol ends there.

    The state is the generator's own: whoever wants to keep it copies it. Each step first solves the potentials at its
    end with the metal where it is, then moves the metal by what was plated: charge is conserved to round-off.

    Raises ``RunError`` when the smallest step does not converge or a field is not finite.
    """
    nucleator = None if problem.nucleation is None else Nucleator(problem, problem.nucleation)
    if state is None:
        state = backend.initial_state()
        _open_book(problem, backend, limits, state)
        if nucleator is not None:
            nucleator.start(state)
        backend.update_fields(state)
        yield state, _report(problem, backend, state, None, 0.0, protocol, 1, True, _conducting(problem, state))
    elif (
        protocol.outcome(state.time, state.book, state.cell_voltage, measures.is_short(_conducting(problem, state)))
        is not None
    ):
        return
    book = state.book
    while True:
        number, stage = book.stage + 1, protocol.stages[book.stage]
        longest = min(limits.largest, stage.largest_step) / limits.refinement
        proposed = min(book.next_step, longest, _front_step(problem, limits, book.front_speed))
        step = _fit(proposed, protocol.next_event(state.time, book) - state.time)
        solved, step = _solve(problem, backend, state, stage, limits, step)
        before = state.time, book.throughput
        _advance(backend, state, step)
        _enter(state, stage, solved, step)
        due = protocol.output_due(*before, state.time, book.throughput)
        book.next_step = max(step, proposed if due else step) * _growth(limits, solved.potential_change)
        due = _end_stage(state, stage, limits) or due
        conducting = _conducting(problem, state)
        events = () if nucleator is None else nucleator.update(state, step, conducting)
        report = _report(problem, backend, state, solved, step, protocol, number, due, conducting, events)
        if report.fields_due:
            backend.update_fields(state)
        yield state, report
        if report.outcome is not None:
            return


def _open_book(problem: Problem, backend: Backend, limits: StepLimits, state: State) -> None:
    book = state.book
    book.initial_metal, book.initial_stored = _metal_charge(problem, state), backend.stored_charge(state)
    book.next_step = limits.first / limits.refinement


def _enter(state: State, stage: Stage, solved: SolveReport, time_step: float) -> None:
    """Account for the charges of a step; an imposed current passes exactly as much as it was asked to."""
    book = state.book
    imposed = stage.kind == "current"
    passed = (
        stage.applied(state.time - 0.5 * time_step - book.stage_time) if imposed else solved.current_density
    ) * time_step
    book.capacity += passed
    book.throughput += abs(passed)
    book.leaked += solved.leakage_current_density * time_step
    book.reservoir += solved.reservoir_current_density * time_step
    book.moved += (abs(solved.metal_current_density) + abs(solved.reservoir_current_density)) * time_step
    book.current_density, book.front_speed = solved.current_density, solved.front_speed


def _end_stage(state: State, stage: Stage, limits: StepLimits) -> bool:
    """Open the next stage if this one is through, with a small step since what is imposed may jump; return whether."""
    book = state.book
    reason = stage.end(state.time, book, state.cell_voltage)
    if reason is None:
        return False
    if reason == "voltage_limit":
        what = "t = %.6g s, step %d of the protocol ended by its voltage limit, at %.4g V"
        log.info(what, state.time, book.stage + 1, state.cell_voltage)
    book.stage, book.stage_time, book.stage_throughput = book.stage + 1, state.time, book.throughput
    book.next_step = limits.first / limits.refinement
    return True


def _metal_charge(problem: Problem, state: State) -> float:
    """Return the charge in all metal of the box [C/m^2]."""
    # layer by layer, without a map of the product
    theta, xi = (a.reshape(len(a), -1) for a in (problem.ceramic.accessible_fraction, state["metal_fraction"]))
    volume = float(np.einsum("ij,ij->i", theta, xi).sum())
    return volume * problem.grid.cell_volume / problem.grid.cross_section * FARADAY / problem.metal.molar_volume


def _charge_balance_error(problem: Problem, backend: Backend, state: State) -> float:
    """Return |charge passed - charge found| over the charge passed or turned over.

    A working electrode that is a face of the box takes what is found nowhere else: its error is 0.
    """
    book = state.book
    scale = max(book.throughput, book.moved)
    if scale == 0.0 or problem.electrode_plane == 0.0:
        return 0.0
    found = _metal_charge(problem, state) - book.initial_metal + book.reservoir
    found += backend.stored_charge(state) - book.initial_stored
    return abs(book.capacity - book.leaked - found) / scale


def largest_travel(grid: Grid, interface_width: float, limits: StepLimits) -> float:
    """Return how far a front of ``interface_width`` [m] may move in one step [m]."""
    travel = limits.travel
    if travel is None:
        spacing = min(d for d, n in zip(grid.spacing, grid.shape, strict=True) if n > 1)
        travel = min(COURANT * spacing, interface_width)
    return travel / limits.refinement


def _front_step(problem: Problem, limits: StepLimits, speed: float) -> float:
    """Return the step in which a front at ``speed`` moves as far as it may [s]."""
    if speed <= 0.0:
        return math.inf
    return largest_travel(problem.grid, problem.metal.interface_width, limits) / speed


def _growth(limits: StepLimits, potential_change: float) -> float:
    """Return how much longer the next step may be, as far as this one's change of U [V] lets it.

    r times shorter steps that each grow by 1 + (GROWTH - 1)/r are as long, r times shorter, at any time.
    """
    calm = POTENTIAL_STEP / limits.refinement / max(potential_change, 1e-30)
    return min(1.0 + (GROWTH - 1.0) / limits.refinement, max(0.3, calm))


def _fit(step: float, remaining: float) -> float:
    """Return a step that hits the event ``remaining`` seconds away exactly and leaves no sliver before it."""
    if remaining <= step * (1.0 + 1e-9):
        return remaining
    return min(step, 0.5 * remaining) if remaining < 2.0 * step else step


def _solve(
    problem: Problem, backend: Backend, state: State, stage: Stage, limits: StepLimits, step: float
) -> tuple[SolveReport, float]:
    """Solve a step, shorter where it does not converge or the front turns out faster than the step was made for."""
    while True:
        if not state.time + step > state.time:
            raise RunError(f"a time step of {step:.3g} s is too short to change t = {state.time:.6g} s")
        control = Control(stage.kind, stage.applied(state.time + 0.5 * step - state.book.stage_time))
        try:
            solved = backend.solve(state, step, control)
        except NotFinite as error:
            raise RunError(str(error)) from None
        except NotConverged as error:
            log.warning("t = %.6g s, step %.3g s rejected: %s", state.time, step, error)
            if 0.5 * step < limits.smallest:
                raise RunError(
                    f"the time step fell below {limits.smallest:g} s at t = {state.time:.6g} s: {error}"
                ) from None
            step = 0.5 * step
            continue
        allowed = OVERSHOOT * _front_step(problem, limits, solved.front_speed)
        if step <= max(allowed, limits.smallest):
            return solved, step
        log.info("t = %.6g s, step %.3g s shortened: the front moves %.3g m/s", state.time, step, solved.front_speed)
        step = max(0.5 * allowed, limits.smallest)


def _advance(backend: Backend, state: State, step: float) -> None:
    """Move the metal; a field that is not finite ends the run."""
    try:
        backend.advance(state, step)
    except NotFinite as error:
        raise RunError(str(error)) from None


def _reservoir_share(solved: SolveReport) -> float:
    """Return the reservoir's share of what is plated; 0 at rest, where it and the metal only exchange charge."""
    metal, reservoir = solved.metal_current_density, solved.reservoir_current_density
    return reservoir / (metal + reservoir) if abs(metal + reservoir) > 0.1 * (abs(metal) + abs(reservoir)) else 0.0


def _conducting(problem: Problem, state: State) -> np.ndarray:
    """Return the cells that the electrode's electrons reach through metal."""
    return measures.conducting_region(state["metal_fraction"], problem.grid.lateral)


def _report(
    problem: Problem,
    backend: Backend,
    state: State,
    solved: SolveReport | None,
    step: float,
    protocol: Protocol,
    number: int,
    due: bool,
    conducting: np.ndarray,
    events: tuple[Event, ...] = (),
) -> StepReport:
    grid, plane, theta = problem.grid, problem.electrode_plane, problem.ceramic.accessible_fraction
    xi, book = state["metal_fraction"], state.book
    connected, isolated = measures.split_metal(xi, conducting)
    depth = measures.penetration_depth(xi, connected, grid, plane)
    isolated_depth = measures.penetration_depth(xi, isolated, grid, plane)
    if max(depth, isolated_depth) >= book.grown_depth + STALL_GROWTH:
        book.grown_depth, book.grown_throughput = max(depth, isolated_depth), book.throughput
    dead = measures.dead_volume(xi, conducting, theta, grid, plane)
    outcome = None
    if solved is not None:
        outcome = protocol.outcome(state.time, book, state.cell_voltage, measures.is_short(conducting))
    return StepReport(
        time=state.time,
        step=state.step,
        protocol_step=number,
        time_step=step,
        current_density=solved.current_density if solved else 0.0,
        cell_voltage=state.cell_voltage,
        capacity=book.capacity,
        throughput=book.throughput,
        penetration_depth_connected=depth,
        penetration_depth_isolated=isolated_depth,
        metal_volume_connected=measures.metal_volume(connected, theta, grid, plane),
        metal_volume_isolated=measures.metal_volume(isolated, theta, grid, plane),
        dead_charge=dead * FARADAY / problem.metal.molar_volume,
        tip_speed=measures.tip_speed(book.tip_path, state.time, depth),
        reservoir_share=_reservoir_share(solved) if solved else 0.0,
        leakage_current_density=solved.leakage_current_density if solved else 0.0,
        charge_balance_error=_charge_balance_error(problem, backend, state),
        plane_current_error=solved.plane_current_error if solved else 0.0,
        newton_iterations=solved.newton_iterations if solved else 0,
        cg_iterations=solved.cg_iterations if solved else 0,
        nuclei=len(book.nuclei),
        events=events,
        share_done=protocol.share_done(state.time, book),
        fields_due=due or outcome is not None,
        outcome=outcome,
    )
