"""The time loop, as a generator: no files, no printing, no plotting."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass

from phasefield import measures
from phasefield.backends import Backend, Control, NotConverged, NotFinite, SolveReport
from phasefield.errors import RunError
from phasefield.fields import State
from phasefield.physics.constants import FARADAY
from phasefield.problem import Problem
from phasefield.protocol import Outcome, Protocol

log = logging.getLogger("phasefield")

COURANT = 0.15  # largest travel of a front in one step, in cells (MODEL M12)
OVERSHOOT = 2.0  # a front this much faster than the step was made for: solve again with a shorter one
GROWTH = 1.5  # of the time step from one step to the next, at most
POTENTIAL_STEP = 2e-3  # change of U in one step above which the next one is shorter [V]


@dataclass(frozen=True)
class StepLimits:
    """Bound the time step [s]."""

    smallest: float = 1e-6
    largest: float = math.inf
    first: float = 1e-3


@dataclass(frozen=True)
class StepReport:
    """What an accepted step did. Lengths in m, current densities in A/m^2 over the cross-section, charge in C/m^2."""

    time: float
    step: int
    time_step: float
    current_density: float  # > 0 plates the working electrode
    cell_voltage: float
    capacity: float  # signed
    throughput: float  # not signed
    penetration_depth_connected: float
    penetration_depth_isolated: float
    metal_volume_connected: float  # theta-weighted, per cross-section
    metal_volume_isolated: float
    tip_speed: float  # over the last micrometre
    reservoir_share: float  # of what was plated
    leakage_current_density: float
    charge_balance_error: float  # of the whole run so far, over the charge passed
    plane_current_error: float
    newton_iterations: int
    cg_iterations: int
    fields_due: bool
    outcome: Outcome | None


class _Ledger:
    """Account for every charge since the start, per cross-section [C/m^2]."""

    def __init__(self, problem: Problem, backend: Backend, state: State) -> None:
        self.problem = problem
        self.backend = backend
        self.capacity = self.throughput = self.leaked = self.reservoir = self.moved = 0.0
        self._metal = self._metal_charge(state)
        self._stored = backend.stored_charge(state)

    def _metal_charge(self, state: State) -> float:
        volume = float((self.problem.ceramic.accessible_fraction * state["metal_fraction"]).sum())
        area = self.problem.grid.cell_volume / self.problem.grid.cross_section
        return volume * area * FARADAY / self.problem.metal.molar_volume

    def add(self, report: SolveReport, time_step: float) -> None:
        self.capacity += report.current_density * time_step
        self.throughput += abs(report.current_density) * time_step
        self.leaked += report.leakage_current_density * time_step
        self.reservoir += report.reservoir_current_density * time_step
        self.moved += (abs(report.metal_current_density) + abs(report.reservoir_current_density)) * time_step

    def flat_electrode(self, state: State) -> float:
        """Return what a working electrode that is a face of the box took: all that is found nowhere else."""
        return self.capacity - self.leaked - self._found(state) if self.problem.electrode_plane == 0.0 else 0.0

    def _found(self, state: State) -> float:
        metal = self._metal_charge(state) - self._metal
        return metal + self.reservoir + self.backend.stored_charge(state) - self._stored

    def error(self, state: State) -> float:
        """Return |charge passed - charge found| over the charge passed or turned over."""
        passed = self.capacity - self.leaked - self.flat_electrode(state)
        scale = max(self.throughput, self.moved)
        return abs(passed - self._found(state)) / scale if scale > 0.0 else 0.0


def simulate(
    problem: Problem, backend: Backend, protocol: Protocol, limits: StepLimits
) -> Iterator[tuple[State, StepReport]]:
    """Yield state and report after every accepted step; the first pair is the initial state.

    The state is the generator's own: whoever wants to keep it copies it. Each step first solves the potentials at its
    end with the metal where it is, then moves the metal by what was plated: charge is conserved to round-off.

    Raises ``RunError`` when the smallest step does not converge or a field is not finite.
    """
    state = backend.initial_state()
    ledger = _Ledger(problem, backend, state)
    tip = measures.TipSpeed()
    backend.update_fields(state)
    yield state, _report(problem, state, None, ledger, tip, 0.0, protocol, True)
    proposed, current, speed = limits.first, protocol.current_density or 0.0, 0.0
    while True:
        proposed = min(proposed, limits.largest, _courant_step(problem, speed))
        step = _fit(proposed, protocol.next_event(state.time, ledger.throughput, current) - state.time)
        solved, step = _solve(problem, backend, state, protocol, limits, step)
        before = state.time, ledger.throughput
        _advance(backend, state, step)
        ledger.add(solved, step)
        current, speed = solved.current_density, solved.front_speed
        due = protocol.output_due(*before, state.time, ledger.throughput)
        report = _report(problem, state, solved, ledger, tip, step, protocol, due)
        if report.fields_due:
            backend.update_fields(state)
        yield state, report
        if report.outcome is not None:
            return
        calm = POTENTIAL_STEP / max(solved.potential_change, 1e-30)
        proposed = max(step, proposed if due else step) * min(GROWTH, max(0.3, calm))


def _courant_step(problem: Problem, speed: float) -> float:
    """Return the step in which a front at ``speed`` crosses the allowed part of a cell or of its width [s]."""
    spacing = min(d for d, n in zip(problem.grid.spacing, problem.grid.shape, strict=True) if n > 1)
    return min(COURANT * spacing, problem.metal.interface_width) / speed if speed > 0.0 else math.inf


def _fit(step: float, remaining: float) -> float:
    """Return a step that hits the event ``remaining`` seconds away exactly and leaves no sliver before it."""
    if remaining <= step * (1.0 + 1e-9):
        return remaining
    return min(step, 0.5 * remaining) if remaining < 2.0 * step else step


def _solve(
    problem: Problem, backend: Backend, state: State, protocol: Protocol, limits: StepLimits, step: float
) -> tuple[SolveReport, float]:
    """Solve a step, shorter where it does not converge or the front turns out faster than the step was made for."""
    if protocol.current_density is not None:
        control = Control("current", protocol.current_density)
    else:
        control = Control("voltage", protocol.voltage or 0.0)
    while True:
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
        allowed = OVERSHOOT * _courant_step(problem, solved.front_speed)
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


def _report(
    problem: Problem,
    state: State,
    solved: SolveReport | None,
    ledger: _Ledger,
    tip: measures.TipSpeed,
    step: float,
    protocol: Protocol,
    due: bool,
) -> StepReport:
    grid, plane, theta = problem.grid, problem.electrode_plane, problem.ceramic.accessible_fraction
    xi = state["metal_fraction"]
    connected, isolated = measures.split_metal(xi, grid.lateral)
    depth = measures.penetration_depth(xi, connected, grid, plane)
    outcome = None
    if solved is not None:
        short = measures.is_short(xi, grid.lateral)
        outcome = protocol.outcome(state.time, ledger.throughput, state.cell_voltage, short)
    plated = solved.metal_current_density + solved.reservoir_current_density if solved else 0.0
    return StepReport(
        time=state.time,
        step=state.step,
        time_step=step,
        current_density=solved.current_density if solved else 0.0,
        cell_voltage=state.cell_voltage,
        capacity=ledger.capacity,
        throughput=ledger.throughput,
        penetration_depth_connected=depth,
        penetration_depth_isolated=measures.penetration_depth(xi, isolated, grid, plane),
        metal_volume_connected=measures.metal_volume(connected, theta, grid, plane),
        metal_volume_isolated=measures.metal_volume(isolated, theta, grid, plane),
        tip_speed=tip.update(state.time, depth),
        reservoir_share=solved.reservoir_current_density / plated if solved and plated != 0.0 else 0.0,
        leakage_current_density=solved.leakage_current_density if solved else 0.0,
        charge_balance_error=ledger.error(state),
        plane_current_error=solved.plane_current_error if solved else 0.0,
        newton_iterations=solved.newton_iterations if solved else 0,
        cg_iterations=solved.cg_iterations if solved else 0,
        fields_due=due or outcome is not None,
        outcome=outcome,
    )
