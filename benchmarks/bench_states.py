"""The states that are timed: early growth and a web of metal that nearly shorts, on any refinement of a benchmark case.

Both are taken from one run of the case on its own grid, kept in ``benchmarks/.cache``, and carried to finer grids: the
same metal, so that sizes can be compared.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from phasefield.backends import Backend, Tolerances, get_backend
from phasefield.case import load_case
from phasefield.fields import Book, State
from phasefield.setup import Setup, build_setup
from phasefield.simulate import simulate

CACHE = Path(__file__).parent / ".cache"
CASES = {2: "benchmark_square", 3: "benchmark_cube"}
SHARES = {"start": 0.05, "web": 0.95}  # of the time to the short
FARTHEST = 27.6  # |psi| where xi is 1e-12 from 0 or 1
KEPT = ("metal_fraction", "ionic_potential", "electronic_potential")
SNAPSHOTS = 200  # of the whole protocol, from which the states are taken
SETTLING = 8  # steps after a state was carried to another grid, before anything is measured


def setup_of(dimension: int, cells: int) -> Setup:
    """Return the square or cubic benchmark with ``cells`` along an edge."""
    length = load_case(CASES[dimension]).grid.size[0]
    return build_setup(load_case(CASES[dimension], {"grid.spacing": f"{length / cells * 1e6:.12g} um"}))


def backend_of(setup: Setup, threads: int) -> Backend:
    """Return the compiled backend with the case's own tolerances."""
    solver = setup.case.solver
    limits = Tolerances(solver.ionic_tolerance, solver.electronic_tolerance, solver.potential_tolerance)
    return get_backend("numba", setup.problem, limits, threads)


def state_for(name: str, setup: Setup, backend: Backend) -> State:
    """Return the state ``name`` of ``SHARES`` on the grid of ``setup``, settled."""
    with np.load(_file(setup.problem.grid.dimension, name)) as kept:
        state = _carried(kept, setup, backend)
    march = simulate(setup.problem, backend, setup.protocol, setup.limits, state)
    for _ in range(SETTLING):
        next(march)
    return state


def keep_states(dimension: int) -> None:
    """Run the case on its own grid until it shorts, and keep the states on the way there, unless this was done before."""
    if all(_file(dimension, name).exists() for name in SHARES):
        return
    setup = build_setup(load_case(CASES[dimension]))
    snapshots: list[State] = []
    for state, report in simulate(setup.problem, backend_of(setup, 0), setup.protocol, setup.limits):
        if report.share_done * SNAPSHOTS >= len(snapshots):
            snapshots.append(_copy(state))
    if report.outcome != "short":
        raise RuntimeError(f"{CASES[dimension]} ended with {report.outcome}, not with a short")
    CACHE.mkdir(exist_ok=True)
    for name, share in SHARES.items():
        passed = [snapshot for snapshot in snapshots if snapshot.time <= share * report.time]
        _keep(_file(dimension, name), passed[-1])


def _copy(state: State) -> State:
    """Return a copy of what is kept of a state."""
    book = Book(throughput=state.book.throughput, next_step=state.book.next_step, front_speed=state.book.front_speed)
    return State(
        state.grid, state.time, state.step, {name: state[name].copy() for name in KEPT}, state.cell_voltage,
        reservoir_thickness=state.reservoir_thickness.copy(), book=book,
    )  # fmt: skip


def _file(dimension: int, name: str) -> Path:
    digest = hashlib.sha256(load_case(CASES[dimension]).source_text.encode()).hexdigest()[:12]
    return CACHE / f"{CASES[dimension]}-{name}-{digest}.npz"


def _keep(path: Path, state: State) -> None:
    book = state.book
    numbers = np.array([state.time, state.cell_voltage, book.next_step, book.front_speed, book.throughput])
    arrays = {name: state[name] for name in KEPT}
    np.savez_compressed(path, numbers=numbers, reservoir_thickness=state.reservoir_thickness, **arrays)


def _carried(kept, setup: Setup, backend: Backend) -> State:
    """Return a kept state on a finer grid: psi = ln(xi / (1 - xi)) and potentials linearly between the cells' middles.

    A profile stays the tanh it is; stored electrons follow from the potentials. The book of charges starts anew.
    """
    grid = setup.problem.grid
    state = backend.initial_state()
    xi = kept["metal_fraction"]
    with np.errstate(divide="ignore"):
        psi = np.clip(np.log(xi) - np.log1p(-xi), -FARTHEST, FARTHEST)
    state["metal_fraction"] = 1.0 / (1.0 + np.exp(-_refined(psi, grid.shape)))
    for name in KEPT[1:]:
        state[name] = _refined(kept[name], grid.shape)
    state.reservoir_thickness = _nearest(kept["reservoir_thickness"], grid.shape[1:])
    finer = grid.shape[0] / xi.shape[0]
    state.time, state.cell_voltage, next_step, front_speed, throughput = (float(n) for n in kept["numbers"])
    state.book.next_step, state.book.front_speed = next_step / finer, front_speed
    state.book.throughput = state.book.capacity = throughput
    backend.update_fields(state)
    state["stored_electrons"] = state["electron_concentration"].copy()
    return state


def _refined(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return values of cells on a finer grid; its sides are periodic, its first axis is not."""
    for axis, (old, new) in enumerate(zip(values.shape, shape, strict=True)):
        places = (np.arange(new) + 0.5) * old / new - 0.5
        low = np.floor(places).astype(int)
        weight = (places - low).reshape((-1,) + (1,) * (values.ndim - axis - 1))
        ends = (low.clip(0), (low + 1).clip(max=old - 1)) if axis == 0 else (low % old, (low + 1) % old)
        values = (1.0 - weight) * values.take(ends[0], axis) + weight * values.take(ends[1], axis)
    return values


def _nearest(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return values of columns on a finer grid; some may be infinite."""
    for axis, (old, new) in enumerate(zip(values.shape, shape, strict=True)):
        values = values.take(np.arange(new) * old // new, axis)
    return values
