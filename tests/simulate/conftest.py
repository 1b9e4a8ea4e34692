"""A backend that solves nothing: metal fills cell after cell, and a test says how each solve goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from phasefield.backends import Control, SolveReport
from phasefield.fields import State
from phasefield.physics.constants import FARADAY
from phasefield.problem import Problem
from phasefield.validation.common import line_grid, plain_problem

UM = 1e-6
PLANE = 2.0 * UM


def filled(problem: Problem, thickness: float) -> np.ndarray:
    """Return xi of metal that ends at x = ``thickness`` [m]."""
    d = problem.grid.spacing[0]
    line = np.clip(thickness / d - np.arange(problem.grid.shape[0]), 0.0, 1.0)
    return np.repeat(line[:, None], problem.grid.shape[1], axis=1)


@dataclass
class ScriptedBackend:
    """Answer every solve by functions of (state, time step)."""

    problem: Problem
    current: Callable[[State, float], float | None] = lambda state, step: None  # None: what was asked for [A/m^2]
    voltage: Callable[[State, float], float] = lambda state, step: 0.1  # [V]
    speed: Callable[[State, float], float] = lambda state, step: 0.0  # [m/s]
    change: Callable[[State, float], float] = lambda state, step: 0.0  # [V]
    fault: Callable[[State, float], Exception | None] = lambda state, step: None
    fault_when_moving: Exception | None = None
    lost: float = 0.0  # share of the charge that turns into nothing
    leaking: float = 0.0  # share of the current that leaks
    to_reservoir: float = 0.0  # share of the current that the reservoir takes
    tried: list[tuple[float, float]] = field(default_factory=list)  # time and step of every solve
    updates: int = 0

    def initial_state(self) -> State:
        state = State(self.problem.grid)
        self.thickness = PLANE
        state["metal_fraction"] = filled(self.problem, PLANE)
        return state

    def solve(self, state: State, time_step: float, control: Control) -> SolveReport:
        self.tried.append((state.time, time_step))
        error = self.fault(state, time_step)
        if error is not None:
            raise error
        asked = self.current(state, time_step)
        self.plated = control.value if asked is None else asked
        metal = self.plated * (1.0 - self.leaking - self.to_reservoir)
        state.cell_voltage = self.voltage(state, time_step)
        return SolveReport(
            current_density=self.plated,
            leakage_current_density=self.plated * self.leaking,
            reservoir_current_density=self.plated * self.to_reservoir,
            metal_current_density=metal,
            front_speed=self.speed(state, time_step),
            potential_change=self.change(state, time_step),
            plane_current_error=3e-9,
            newton_iterations=4,
            cg_iterations=17,
        )

    def advance(self, state: State, time_step: float) -> None:
        if self.fault_when_moving is not None:
            raise self.fault_when_moving
        charge = self.plated * (1.0 - self.leaking - self.to_reservoir) * (1.0 - self.lost) * time_step
        self.thickness += charge * self.problem.metal.molar_volume / FARADAY
        state["metal_fraction"] = filled(self.problem, self.thickness)
        state.time += time_step
        state.step += 1

    def update_fields(self, state: State) -> None:
        self.updates += 1

    def stored_charge(self, state: State) -> float:
        return 0.0


@pytest.fixture
def problem() -> Problem:
    """Return a 10 um cell with 2 um of metal; 10 A/m^2 plate 1.35 nm/s."""
    grid = line_grid(10.0 * UM, 20)
    return plain_problem(grid, np.zeros(grid.shape), width=0.75 * UM, plane=PLANE)


@pytest.fixture
def scripted(problem: Problem) -> Callable[..., ScriptedBackend]:
    """Return a function that makes a scripted backend for ``problem``."""
    return lambda **script: ScriptedBackend(problem, **script)
