"""Run a case with both backends, step by step, and say by how much they differ and how long each takes."""

from __future__ import annotations

import time as clock
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from phasefield.backends import BACKENDS, Backend, Control, SolveReport, Tolerances, get_backend
from phasefield.backends.common import RATES
from phasefield.case import Case
from phasefield.fields import FIELDS, State
from phasefield.setup import build_setup
from phasefield.simulate import simulate

OF_THE_LOOP = ("nucleus", "nucleation_clock")  # fields that the time loop keeps in the first state, for both backends
AGREE = 1e-6  # of a field's largest value: less is what the solver's tolerances leave


@dataclass(frozen=True)
class Difference:
    """Say how far two backends are apart in one field, over all cells and all steps so far.

    scale : largest |value|. largest : largest |difference|; both in ``unit``.
    """

    name: str
    unit: str
    scale: float
    largest: float

    @property
    def relative(self) -> float:
        """Return the largest difference over the largest value; 0 for fields that are 0 in both."""
        return self.largest / self.scale if self.largest > 0.0 else 0.0


@dataclass
class Comparison:
    """Hold what both backends gave so far.

    seconds : per backend, the wall time of every step.
    """

    cells: int
    steps: int = 0
    time: float = 0.0
    differences: list[Difference] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in BACKENDS})

    @property
    def agree(self) -> bool:
        """Tell whether every field agrees to 1e-6 of its largest value."""
        return all(d.relative <= AGREE for d in self.differences)

    def step_seconds(self, name: str) -> float:
        """Return the median time of a step of a backend [s], without its first, which compiles or sets up."""
        return median(self.seconds[name][1:] or self.seconds[name])

    @property
    def ratio(self) -> float:
        """Return how many times longer a step of the referee takes."""
        return self.step_seconds("fipy") / self.step_seconds("numba")


class _Both:
    """Two backends that do the same steps; the first one's state is the loop's."""

    def __init__(self, backends: dict[str, Backend]) -> None:
        self.backends = backends
        self.states: dict[str, State] = {}
        self.seconds = dict.fromkeys(backends, 0.0)

    def initial_state(self) -> State:
        """See ``Backend``."""
        self.states = {name: backend.initial_state() for name, backend in self.backends.items()}
        return next(iter(self.states.values()))

    def solve(self, state: State, time_step: float, control: Control) -> SolveReport:
        """See ``Backend``."""
        reports = []
        for other in self.states.values():
            other.arrays |= {name: state[name] for name in OF_THE_LOOP if name in state.arrays}
        for name, backend in self.backends.items():
            started = clock.perf_counter()
            reports.append(backend.solve(self.states[name], time_step, control))
            self.seconds[name] = clock.perf_counter() - started
        return reports[0]

    def advance(self, state: State, time_step: float) -> None:
        """See ``Backend``."""
        for name, backend in self.backends.items():
            started = clock.perf_counter()
            backend.advance(self.states[name], time_step)
            self.seconds[name] += clock.perf_counter() - started

    def update_fields(self, state: State) -> None:
        """See ``Backend``."""
        for name, backend in self.backends.items():
            backend.update_fields(self.states[name])

    def stored_charge(self, state: State) -> float:
        """See ``Backend``."""
        return next(iter(self.backends.values())).stored_charge(state)


def crosscheck(case: Case, steps: int) -> Iterator[Comparison]:
    """Yield what has been compared after each of the first ``steps`` steps of a case; fewer if it ends.

    Both backends have a tenth of the case's tolerances, so that what differs is not what these leave, and take the steps
    that the default one chooses.
    """
    setup, solver = build_setup(case), case.solver
    asked = (solver.ionic_tolerance, solver.electronic_tolerance, solver.potential_tolerance)
    tolerances = Tolerances(*(0.1 * tolerance for tolerance in asked))
    both = _Both({name: get_backend(name, setup.problem, tolerances, solver.threads) for name in BACKENDS})
    found = Comparison(setup.problem.grid.size)
    seen: dict[str, Difference] = {}
    for state, report in simulate(setup.problem, both, setup.protocol, setup.limits):
        if report.step == 0:
            continue
        both.update_fields(state)
        one, other = both.states.values()
        for info in (f for f in FIELDS.values() if f.name not in (*OF_THE_LOOP, *RATES)):
            seen[info.name] = _compare(info.name, info.unit, one[info.name], other[info.name], seen.get(info.name))
        voltages = np.array([one.cell_voltage]), np.array([other.cell_voltage])
        seen["cell_voltage"] = _compare("cell_voltage", "V", *voltages, seen.get("cell_voltage"))
        for name in BACKENDS:
            found.seconds[name].append(both.seconds[name])
        found.steps, found.time, found.differences = report.step, report.time, list(seen.values())
        yield found
        if report.step >= steps:
            return


def _compare(name: str, unit: str, one: np.ndarray, other: np.ndarray, before: Difference | None) -> Difference:
    scale, largest = float(np.abs(one).max()), float(np.abs(one - other).max())
    if before is not None:
        scale, largest = max(scale, before.scale), max(largest, before.largest)
    return Difference(name, unit, scale, largest)
