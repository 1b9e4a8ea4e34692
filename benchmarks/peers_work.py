"""The work that all peers are given: a state of the benchmark, the steps to take from it, and what must come out.

Imported by every peer's interpreter: nothing here needs more than NumPy and the backends' seam.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np

from phasefield.backends import Backend, Control, Tolerances
from phasefield.fields import State
from phasefield.problem import Problem

COMPARED = ("ionic_potential", "electronic_potential", "metal_fraction")


@dataclass(frozen=True)
class Step:
    """Say how long a step is [s] and what drives it."""

    time_step: float
    control: Control


@dataclass(frozen=True)
class Work:
    """Hold what a peer needs: problem, tolerances, the state before the steps, the steps, and the fields after them."""

    problem: Problem
    tolerances: Tolerances
    before: State
    steps: list[Step]
    after: dict[str, np.ndarray]

    def replay(self, backend: Backend) -> tuple[State, int, int]:
        """Take the steps; returns the state after them, and the iterations of Newton's method and of CG."""
        state, newton, linear = copy.deepcopy(self.before), 0, 0
        for step in self.steps:
            solved = backend.solve(state, step.time_step, step.control)
            backend.advance(state, step.time_step)
            newton, linear = newton + solved.newton_iterations, linear + solved.cg_iterations
        return state, newton, linear

    def deviation(self, state: State) -> dict[str, float]:
        """Return how far a state is at most from what must come out: potentials [V] and metal fraction."""
        return {name: float(np.abs(state[name] - self.after[name]).max()) for name in COMPARED}

    def is_right(self, deviation: dict[str, float]) -> bool:
        """Tell whether potentials are as near to what must come out as the tolerances promise, and the metal with them."""
        return all(difference <= self.tolerances.potential for difference in deviation.values())
