"""The seam between the time loop and what solves a step: a backend knows arrays, the loop does not."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal, Protocol

from phasefield.fields import State
from phasefield.problem import Problem

BACKENDS = ("numba", "fipy")


@dataclass(frozen=True)
class Control:
    """Say what drives the cell: a total current density [A/m^2] (> 0 plates the working electrode) or a voltage [V]."""

    kind: Literal["current", "voltage"]
    value: float


@dataclass(frozen=True)
class Tolerances:
    """When the potentials of a step count as solved (MODEL 3): all three must hold."""

    ionic: float = 1e-8  # sum of |ionic residual| over the total current
    electronic: float = 1e-4  # sum of |electronic residual| outside metal over the leakage current
    potential: float = 1e-6  # largest change of U outside metal in the last iteration [V]


@dataclass(frozen=True)
class SolveReport:
    """What solving the potentials of one step gave. Currents are densities over the cross-section [A/m^2]."""

    current_density: float
    leakage_current_density: float
    reservoir_current_density: float  # plated by the electrode's original interface
    metal_current_density: float  # plated as metal fraction
    front_speed: float  # largest |v| of an interface [m/s]
    potential_change: float  # largest |U - U_old| in ceramic that no front has reached [V]
    plane_current_error: float  # largest relative deviation of the current through a plane x = const
    newton_iterations: int
    cg_iterations: int


class NotConverged(Exception):
    """Raised when a step's potentials cannot be solved; the message names field, scaled residual and place."""


class NotFinite(Exception):
    """Raised when a field is not finite; the message names field and place."""


class Backend(Protocol):
    """Solve one step at a time on a ``State`` that the time loop owns."""

    def initial_state(self) -> State:
        """Return the state at time 0: metal in place, all potentials 0."""

    def solve(self, state: State, time_step: float, control: Control) -> SolveReport:
        """Solve the potentials at the end of a step of ``time_step`` [s] at the metal's present place.

        Raises ``NotConverged``; ``state`` is then as before.
        """

    def advance(self, state: State, time_step: float) -> None:
        """Move the metal by what was solved, conserve charge to round-off, take over the stored electrons."""

    def update_fields(self, state: State) -> None:
        """Fill every field of ``FIELDS`` that follows from the others."""

    def stored_charge(self, state: State) -> float:
        """Return the charge of the electrons stored in the ceramic over the cross-section [C/m^2]."""


def get_backend(name: str, problem: Problem, tolerances: Tolerances, threads: int = 0) -> Backend:
    """Return the backend called ``name``; compiled kernels and their libraries are imported here.

    ``threads``: 0 is as many as there are cores; the referee, "fipy", has one.
    """
    if name not in BACKENDS:
        raise ValueError(f"no backend is called {name!r}; there are: {', '.join(BACKENDS)}")
    from phasefield import cache

    cache.configure()
    if name == "fipy":
        # FiPy takes the first solver library that it can import, PETSc if there is one; the referee's matrices are SciPy's.
        os.environ["FIPY_SOLVERS"] = "scipy"
        from phasefield.backends.fipy_reference import FipyBackend

        return FipyBackend(problem, tolerances)
    from phasefield.backends.numba_cpu import NumbaBackend

    return NumbaBackend(problem, tolerances, threads)
