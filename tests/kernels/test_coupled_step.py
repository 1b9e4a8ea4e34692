"""What ties the fields of one step together: the Newton matrix, conservation, equilibrium, deposition."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from phasefield.backends import Control
from phasefield.backends import numba_kernels as kernels
from phasefield.backends.numba_cpu import INNER, NumbaBackend
from phasefield.grid import Grid
from phasefield.numerics import krylov, multigrid
from phasefield.physics.constants import FARADAY
from phasefield.problem import PlanarElectrode, Problem, Reaction
from phasefield.validation.common import backend_for, line_grid, plain_problem, planar_profile, uniform_ceramic

UM = 1e-6
WIDTH = 0.6 * UM
STEP = 0.7  # s
SPACING = (0.4 * UM, 0.3 * UM, 0.5 * UM)
CELLS = (slice(None), *INNER)


def problem_with(plane: float = 1.5 * UM, lateral: str = "periodic", shape=(7, 5), **changes: Any) -> Problem:
    """Return a small cell in which every term of the residual is of the same order; reaction with all its branches."""
    rng = np.random.default_rng(1)
    grid = Grid(shape, SPACING[: len(shape)], lateral)  # type: ignore[arg-type]
    x, *across = grid.meshgrid()
    ripple = sum(np.cos(2 * np.pi * y / length) for y, length in zip(across, grid.lengths[1:], strict=True))
    xi = planar_profile(2.0 * UM - x + 0.3 * UM * ripple, WIDTH)
    ceramic = replace(
        uniform_ceramic(grid, electrons=8.0, electronic=0.01),
        ionic_conductivity=rng.uniform(0.02, 0.08, grid.shape),
        boundary_electronic_conductivity=rng.uniform(0.0, 0.02, grid.shape),
        sheet_resistance=tuple(rng.uniform(0.0, 1e-5, grid.face_shape(a)) for a in range(len(shape))),
        accommodation_pressure=rng.uniform(0.0, 2e8, grid.shape),
        collecting_factor=rng.uniform(0.5, 2.0, grid.shape),
        accessible_fraction=rng.uniform(0.1, 1.0, grid.shape),
    )
    problem = plain_problem(grid, xi, ceramic=ceramic, width=WIDTH, plane=plane, metal_ratio=2.0, energy=0.5)
    reaction = Reaction(200.0, 0.4, "butler_volmer", hysteresis=True, reservoir=True)
    electrodes = {
        "working_electrode": PlanarElectrode(80.0, "contact"),
        "counter_electrode": PlanarElectrode(60.0, "contact"),
    }
    return replace(problem, reaction=reaction, reservoir_thickness=4e-9, **electrodes, **changes)


class Linearised:
    """Evaluate residual and matrix of a backend at any potentials; vectors end with the cell voltage."""

    def __init__(self, problem: Problem) -> None:
        backend = backend_for(problem)
        assert isinstance(backend, NumbaBackend)
        self.backend = backend
        self.state = self.backend.initial_state()
        rng = np.random.default_rng(2)
        self.state["stored_electrons"] = rng.uniform(0.0, 10.0, problem.grid.shape)
        self.backend._freeze_metal(self.state)
        cells = rng.uniform(-0.07, 0.07, 2 * problem.grid.size)  # U stays clear of the cut-off of stored electrons
        self.start = np.append(cells, 0.06)

    def residual(self, values: np.ndarray) -> np.ndarray:
        """Return the residuals of the cells and of the node [A], up to the constant target current."""
        b = self.backend
        b.u[CELLS] = values[:-1].reshape(2, *b.shape)
        b._evaluate(self.state, float(values[-1]), STEP)
        return np.append(-b.r[CELLS].ravel(), b.high.sum())

    def difference(self, step: float = 1e-6) -> np.ndarray:
        """Return the derivative of the residual by central differences, column by column; ends at the start."""
        columns = [
            (self.residual(self.start + step * unit) - self.residual(self.start - step * unit)) / (2 * step)
            for unit in np.eye(self.start.size)
        ]
        self.residual(self.start)
        return np.stack(columns, axis=1)

    def matrix(self) -> np.ndarray:
        """Return the assembled matrix with a free node, column by column."""
        columns = []
        for unit in np.eye(self.start.size):
            u = np.zeros_like(self.backend.u)
            u[CELLS] = unit[:-1].reshape(2, *self.backend.shape)
            multigrid.fill_ghosts(u, unit[-1])
            out = np.zeros_like(u)
            node, _ = krylov.apply_operator(u, *self.backend.hierarchy.finest(), True, out)
            columns.append(np.append(out[CELLS].ravel(), node))
        return np.stack(columns, axis=1)


@pytest.mark.parametrize("kinetics", ["butler_volmer", "linear"])
@pytest.mark.parametrize("plane", [0.0, 1.5 * UM], ids=["face electrode", "metal inside"])
@pytest.mark.parametrize("lateral", ["periodic", "mirror"])
@pytest.mark.parametrize("shape", [(7, 5), (7, 3, 4)], ids=str)
def test_matrix_is_the_derivative_of_the_residual(shape, lateral: str, plane: float, kinetics: str) -> None:
    """Reaction with hysteresis and reservoir, storage, sheets, both electrodes and the free cell voltage."""
    problem = problem_with(plane, lateral, shape)
    problem = replace(problem, reaction=replace(problem.reaction, kinetics=kinetics))
    system = Linearised(problem)
    difference, matrix = system.difference(), system.matrix()
    maps = system.backend.maps
    for branch in (maps["source"] > 0.0, maps["source"] < 0.0, (maps["source"] == 0.0) & (maps["area"] > 0.0)):
        assert branch.any() or plane > 0.0, "plating, stripping and the dead band all take part"
    assert (maps["reservoir"] != 0.0).any() == (plane > 0.0)
    np.testing.assert_allclose(difference, matrix, rtol=1e-5, atol=1e-7 * np.abs(matrix).max())


@pytest.mark.parametrize("kinetics", ["butler_volmer", "linear"])
@pytest.mark.parametrize("shape", [(20, 4), (20, 3, 2)], ids=str)
def test_matrix_is_the_derivative_where_nuclei_form(shape, kinetics: str) -> None:
    """Where their area is more than the interface's, as in bare ceramic, and where it is less (MODEL M13)."""
    problem = problem_with(shape=shape)
    problem = replace(problem, reaction=replace(problem.reaction, kinetics=kinetics))
    system = Linearised(problem)
    backend, maps = system.backend, system.backend.maps
    system.residual(system.start)
    without = maps["source"].copy()
    backend.nucleus = np.random.default_rng(6).random(backend.shape) < 0.7
    difference, matrix = system.difference(), system.matrix()
    np.testing.assert_allclose(difference, matrix, rtol=1e-5, atol=1e-7 * np.abs(matrix).max())
    more, plates = maps["source"] > without, backend.nucleus & (without > 0.0)
    assert (more & (maps["area"] == 0.0)).any() and (more & (maps["area"] > 0.0)).any()
    assert (plates & ~more).any()
    assert not (maps["source"] != without)[~backend.nucleus | (without < 0.0)].any()


def test_a_nucleus_fills_no_cell_by_more_than_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the step: its area fades as metal fills what is left, d(xi)/dt = v (1 - xi) / 4 l."""
    system = Linearised(problem_with(shape=(20, 4)))
    backend = system.backend
    backend.nucleus = np.ones(backend.shape, dtype=np.bool_)
    theta, molar = backend.ceramic.accessible_fraction, backend.problem.metal.molar_volume
    rates, bare = np.zeros(backend.shape), np.zeros(backend.shape, dtype=np.bool_)
    for step in (1e-6, 0.1, 1.0, 10.0, 100.0):
        monkeypatch.setattr(f"{__name__}.STEP", step)
        system.residual(system.start)
        gained = system.backend.maps["source"] * step * molar / (FARADAY * theta)
        if step == 1e-6:
            bare = (backend.maps["area"] == 0.0) & (gained > 0.0)
            rates = gained / step  # of cells that are empty
        np.testing.assert_allclose(gained[bare], -np.expm1(-rates[bare] * step), rtol=1e-4)
    assert bare.any() and gained[bare].max() > 0.5


@pytest.mark.parametrize("shape", [(7, 5), (7, 2, 3)], ids=str)
def test_n_type_matrix_lags_conduction_and_nothing_else(shape) -> None:
    """sigma_e is held in the matrix (MODEL 3): rows of the ions are exact, rows of the electrons are not."""
    system = Linearised(problem_with(shape=shape, electronic_law="n_type"))
    difference, matrix = system.difference(), system.matrix()
    ions = system.start.size // 2
    np.testing.assert_allclose(difference[:ions], matrix[:ions], rtol=1e-5, atol=1e-7 * np.abs(matrix).max())
    assert np.abs(difference[ions:-1] - matrix[ions:-1]).max() > 1e-2 * np.abs(matrix).max()


@pytest.mark.parametrize("periodic", [True, False], ids=["periodic", "mirror"])
@pytest.mark.parametrize("shape", [(7, 1, 6), (6, 5, 4), (4, 2, 3), (5, 4, 1)], ids=str)
def test_residual_of_a_linear_system_is_minus_the_operator(random_system, shape, periodic: bool) -> None:
    """With a reaction K (u_0 - u_1) and electrodes that are conductances, storage apart."""
    system = random_system(shape, periodic)
    faces = system.hierarchy.finest()[:3]
    rng = np.random.default_rng(3)
    values = rng.normal(size=system.size)
    u, voltage = system.pad(values)
    multigrid.fill_ghosts(u, 0.0)  # not the voltage: electrodes come in by their currents
    low = -system.faces[0][:, 0] * u[CELLS][:, 0]
    high = system.faces[0][:, -1] * (voltage - u[CELLS][:, -1])
    volume, rate = 0.3, 2.0
    stored, stored_old = rng.uniform(size=(2, *shape))
    exchange = system.coupling * (u[0] - u[1])[INNER] / volume - FARADAY * (stored - stored_old) * rate
    r = np.zeros_like(u)
    kernels.residual(u, *faces, exchange, stored, stored_old, rate, volume, low, high, r)
    np.testing.assert_allclose(-r[CELLS].ravel(), system.apply(values)[:-1], rtol=1e-9, atol=1e-9)
    assert system.apply(values)[-1] == pytest.approx(high.sum(), rel=1e-12)


@pytest.mark.parametrize("shape", [(7, 1, 6), (6, 5, 4)], ids=str)
def test_current_through_every_plane_is_compared_with_the_total(random_system, shape) -> None:
    system = random_system(shape)
    gx = system.hierarchy.finest()[0]
    u, _ = system.pad(np.random.default_rng(4).normal(size=system.size))
    low = -system.faces[0][:, 0] * u[CELLS][:, 0]
    flows = (system.faces[0][:, 1:-1] * np.diff(u[CELLS], axis=1)).sum(axis=(0, 2, 3))
    currents = np.append(flows, -low.sum())
    for total in (0.3, currents[0], currents[-1]):
        expected = np.abs(currents - total).max()
        assert kernels.plane_current_error(u, gx, low, total) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("law", ["constant", "n_type"])
@pytest.mark.parametrize(
    ("lateral", "shape"),
    [("periodic", (7, 5)), ("mirror", (8, 3)), ("periodic", (11, 1)), ("periodic", (7, 3, 4)), ("mirror", (8, 2, 5))],
)
def test_what_enters_the_box_leaves_it_at_any_potentials(lateral: str, shape: tuple[int, ...], law: str) -> None:
    """Reaction and storage only exchange between ions and electrons: residuals sum to the electrodes' currents."""
    system = Linearised(problem_with(lateral=lateral, shape=shape, electronic_law=law))
    cells = system.residual(system.start)[:-1]
    through = system.backend.low.sum() + system.backend.high.sum()
    assert abs(cells.sum() + through) < 1e-13 * np.abs(cells).sum()
    assert abs(through) > 1e-3 * np.abs(cells).sum()


@pytest.mark.parametrize("shape", [(15, 5), (15, 4, 3)], ids=str)
def test_equilibrium_is_a_solution(shape) -> None:
    """All potentials 0, no pressure, no curvature, electrons in equilibrium: nothing flows and nothing happens."""
    grid = Grid(shape, SPACING[: len(shape)])
    xi = planar_profile(2.0 * UM - grid.meshgrid()[0], WIDTH)
    problem = plain_problem(
        grid, xi, width=WIDTH, plane=2.0 * UM, ceramic=uniform_ceramic(grid, electronic=1e-6, electrons=1.0)
    )
    backend = backend_for(problem)
    state = backend.initial_state()
    report = backend.solve(state, 1.0, Control("current", 0.0))
    assert abs(report.current_density) < 1e-15 and abs(state.cell_voltage) < 1e-15
    assert np.abs(state["ionic_potential"]).max() < 1e-15 and np.abs(state["electronic_potential"]).max() < 1e-15


def test_deposited_metal_is_the_charge_in_faraday_units() -> None:
    rng = np.random.default_rng(3)
    shape = (9, 4, 7)
    xi, theta = rng.uniform(0.1, 0.9, shape), rng.uniform(0.02, 1.0, shape)
    source, reservoir = rng.normal(size=(2, *shape))
    before = xi.copy()
    kernels.deposit(xi, source, reservoir, theta, 1e-3)
    np.testing.assert_allclose(theta * (xi - before), 1e-3 * (source - reservoir), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("lateral", ["periodic", "mirror"])
@pytest.mark.parametrize("shape", [(13, 7), (13, 3, 4)], ids=str)
def test_a_step_turns_its_current_into_metal_reservoir_stored_electrons_and_leakage(shape, lateral: str) -> None:
    problem = problem_with(lateral=lateral, shape=shape)
    backend = backend_for(problem)
    state = backend.initial_state()
    theta, area = problem.ceramic.accessible_fraction, problem.grid.cross_section

    def metal() -> float:
        volume = float((theta * state["metal_fraction"]).sum()) * problem.grid.cell_volume / area
        return volume * FARADAY / problem.metal.molar_volume

    def reservoir() -> float:
        return float(np.mean(state.reservoir_thickness)) * FARADAY / problem.metal.molar_volume

    step = 1e-2
    before, kept, stored = metal(), reservoir(), backend.stored_charge(state)
    report = backend.solve(state, step, Control("current", 200.0))
    backend.advance(state, step)
    assert report.current_density == pytest.approx(200.0, rel=1e-7)
    grown, held = metal() - before, backend.stored_charge(state) - stored
    assert grown == pytest.approx(report.metal_current_density * step, rel=1e-8)
    assert reservoir() - kept == pytest.approx(report.reservoir_current_density * step, rel=1e-8)
    parts = report.leakage_current_density + report.reservoir_current_density + report.metal_current_density
    assert parts * step + held == pytest.approx(200.0 * step, rel=1e-7)
    assert min(abs(report.leakage_current_density), abs(report.reservoir_current_density), abs(held) / step) > 0.01
    assert report.plane_current_error < 1e-6


def test_the_reservoir_is_stripped_instead_of_the_metal_in_front_of_it() -> None:
    """One contact resistance, not two in parallel; xi waits until the reservoir is used up (MODEL M11)."""
    contact, ionic, length, plane, thickness = 5e-4, 0.046, 12 * UM, 4 * UM, 40e-9
    grid = line_grid(length, 30)
    xi = planar_profile(plane - grid.meshgrid()[0], WIDTH)
    plain = plain_problem(
        grid, xi, ceramic=uniform_ceramic(grid, ionic), width=WIDTH, plane=plane, interface_resistance=contact,
        kinetics="linear",
    )  # fmt: skip
    reaction = replace(plain.reaction, hysteresis=True, reservoir=True)
    problem = replace(plain, reaction=reaction, reservoir_thickness=thickness)
    backend = backend_for(problem)
    state = backend.initial_state()
    control, step = Control("current", -10.0), 2.0
    stripped = -control.value * problem.metal.molar_volume / FARADAY * step  # per step, 2.7 nm of 40 nm [m]
    for number in range(1, 11):
        backend.solve(state, step, control)
        drop = control.value * (contact + (length - plane) / ionic + contact)
        assert state.cell_voltage == pytest.approx(drop, rel=2e-3), "half of a contact would be 21 % less"
        backend.advance(state, step)
        assert state.reservoir_thickness[0] == pytest.approx(thickness - number * stripped, rel=1e-7)
        np.testing.assert_array_equal(state["metal_fraction"], xi)
    for _ in range(30):  # 13 nm are left; stripping of the last 10 fades out
        report = backend.solve(state, step, control)
        backend.advance(state, step)
    assert report.metal_current_density == pytest.approx(control.value, rel=1e-2)
    assert 0.0 <= state.reservoir_thickness[0] < 1e-10
    lost = (xi - state["metal_fraction"]).sum() * grid.spacing[0]
    assert lost + thickness - state.reservoir_thickness[0] == pytest.approx(40 * stripped, rel=1e-7)
