"""Make the work of all peers: one run of the square benchmark on its own grid grows the metal, which is carried to finer grids.

Sides are mirrors: FiPy cannot part a periodic grid among ranks.
"""

from __future__ import annotations

import copy
from dataclasses import astuple, replace

import numpy as np
from bench_states import CASES, FARTHEST, SETTLING, backend_of
from peers_work import COMPARED, Step, Work
from scipy.ndimage import zoom

from phasefield.backends import Backend, Control, SolveReport, Tolerances, get_backend
from phasefield.case import load_case
from phasefield.fields import State
from phasefield.setup import Setup, build_setup
from phasefield.simulate import simulate

COARSE = 128  # cells along an edge of the case's own grid
GROWN = 900.0  # metal is then 28 of the 46 um to the other electrode deep [s]
TIGHTER = 1e-2  # of the case's tolerances: how the state is solved that all are compared with


class _Recorder:
    """A backend that remembers the steps that were taken with it."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.initial_state, self.update_fields = backend.initial_state, backend.update_fields
        self.stored_charge = backend.stored_charge
        self.steps: list[Step] = []

    def solve(self, state: State, time_step: float, control: Control) -> SolveReport:
        """See ``Backend``."""
        self.control = control
        return self.backend.solve(state, time_step, control)

    def advance(self, state: State, time_step: float) -> None:
        """See ``Backend``."""
        self.steps.append(Step(time_step, self.control))
        self.backend.advance(state, time_step)


def square(cells: int, **overrides: str) -> Setup:
    """Return the square benchmark with mirror sides and ``cells`` along an edge."""
    edge = load_case(CASES[2]).grid.size[0]
    return build_setup(
        load_case(CASES[2], {"grid.spacing": f"{edge / cells * 1e6:.12g} um", "grid.lateral": "mirror", **overrides})
    )


def grown_metal() -> State:
    """Return the state of the benchmark on its own grid after ``GROWN``."""
    setup = square(COARSE)
    for state, report in simulate(setup.problem, backend_of(setup, 0), setup.protocol, setup.limits):
        if report.time >= GROWN:
            return copy.deepcopy(state)
    raise RuntimeError(f"the run ended before {GROWN} s")


def make_work(setup: Setup, state: State | None, count: int) -> Work:
    """Record ``count`` steps of the default backend from a state, None for the case's own, after some to settle in."""
    recorder = _Recorder(backend_of(setup, 0))
    march = simulate(setup.problem, recorder, setup.protocol, setup.limits, state)
    for _ in range(SETTLING):
        settled, _ = next(march)
    before = copy.deepcopy(settled)
    for _ in range(count):
        next(march)
    solver = setup.case.solver
    tolerances = Tolerances(solver.ionic_tolerance, solver.electronic_tolerance, solver.potential_tolerance)
    work = Work(setup.problem, tolerances, before, recorder.steps[-count:], {})
    tight = Tolerances(*(TIGHTER * value for value in astuple(tolerances)))
    after, *_ = work.replay(get_backend("numba", setup.problem, tight))
    return replace(work, after={name: after[name] for name in COMPARED})


def carried(coarse: State, setup: Setup) -> State:
    """Return a coarse state on a finer grid: psi = ln(xi / (1 - xi)) and potentials linearly between the cells' middles.

    A profile stays the tanh it is; stored electrons follow from the potentials. The book of charges starts anew.
    """
    backend = backend_of(setup, 0)
    state, finer = backend.initial_state(), setup.problem.grid.shape[0] // coarse.grid.shape[0]
    xi = coarse["metal_fraction"]
    with np.errstate(divide="ignore"):
        psi = np.clip(np.log(xi) - np.log1p(-xi), -FARTHEST, FARTHEST)

    def refined(values: np.ndarray) -> np.ndarray:
        return zoom(values, finer, order=1, mode="nearest", grid_mode=True)

    state["metal_fraction"] = 1.0 / (1.0 + np.exp(-refined(psi)))
    for name in ("ionic_potential", "electronic_potential"):
        state[name] = refined(coarse[name])
    state.reservoir_thickness = np.repeat(coarse.reservoir_thickness, finer)
    state.cell_voltage, state.time = coarse.cell_voltage, coarse.time
    state.book.next_step, state.book.front_speed = coarse.book.next_step / finer, coarse.book.front_speed
    state.book.capacity = state.book.throughput = coarse.book.throughput
    backend.update_fields(state)
    state["stored_electrons"] = state["electron_concentration"].copy()
    return state
