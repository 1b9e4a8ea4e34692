"""What ties the fields of one step together: the Newton matrix, conservation, equilibrium, deposition."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from phasefield.backends import Control
from phasefield.backends import numba_kernels as kernels
from phasefield.backends.numba_cpu import NumbaBackend
from phasefield.numerics import krylov, multigrid
from phasefield.physics.constants import FARADAY
from phasefield.problem import PlanarElectrode, Problem, Reaction
from phasefield.validation.common import backend_for, box_grid, plain_problem, planar_profile, uniform_ceramic

UM = 1e-6
WIDTH = 0.6 * UM
STEP = 0.7  # s


def problem_with(plane: float = 1.5 * UM, lateral: str = "periodic", shape=(7, 5), **changes: Any) -> Problem:
    """Return a small cell in which every term of the residual is of the same order; reaction with all its branches."""
    rng = np.random.default_rng(1)
    grid = box_grid((shape[0] * 0.4 * UM, shape[1] * 0.3 * UM), shape, lateral)  # type: ignore[arg-type]
    x, y = grid.meshgrid()
    xi = planar_profile(2.0 * UM - x + 0.3 * UM * np.cos(2 * np.pi * y / grid.lengths[1]), WIDTH)
    ceramic = replace(
        uniform_ceramic(grid, electrons=8.0, electronic=0.01),
        ionic_conductivity=rng.uniform(0.02, 0.08, grid.shape),
        boundary_electronic_conductivity=rng.uniform(0.0, 0.02, grid.shape),
        sheet_resistance=tuple(rng.uniform(0.0, 1e-5, grid.face_shape(a)) for a in range(2)),
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
        self.backend = backend_for(problem)
        assert isinstance(self.backend, NumbaBackend)
        self.state = self.backend.initial_state()
        rng = np.random.default_rng(2)
        self.state["stored_electrons"] = rng.uniform(0.0, 10.0, problem.grid.shape)
        self.backend._freeze_metal(self.state)
        cells = rng.normal(0.0, 0.04, 2 * problem.grid.size)
        self.start = np.append(cells, 0.06)

    def residual(self, values: np.ndarray) -> np.ndarray:
        """Return the residuals of the cells and of the node [A/m], up to the constant target current."""
        b = self.backend
        b.u[:, 1:-1, 1:-1] = values[:-1].reshape(2, *b.shape)
        b._evaluate(self.state, float(values[-1]), STEP)
        return np.append(-b.r[:, 1:-1, 1:-1].ravel(), b.high.sum())

    def matrix(self) -> np.ndarray:
        """Return the assembled matrix with a free node, column by column."""
        columns = []
        for unit in np.eye(self.start.size):
            u = np.pad(unit[:-1].reshape(2, *self.backend.shape), ((0, 0), (1, 1), (1, 1)))
            multigrid.fill_ghosts(u, unit[-1])
            out = np.zeros_like(u)
            node, _ = krylov.apply_operator(u, *self.backend.hierarchy.finest(), True, out)
            columns.append(np.append(out[:, 1:-1, 1:-1].ravel(), node))
        return np.stack(columns, axis=1)


@pytest.mark.parametrize("kinetics", ["butler_volmer", "linear"])
@pytest.mark.parametrize("plane", [0.0, 1.5 * UM], ids=["face electrode", "metal inside"])
@pytest.mark.parametrize("lateral", ["periodic", "mirror"])
def test_matrix_is_the_derivative_of_the_residual(lateral: str, plane: float, kinetics: str) -> None:
    """Reaction with hysteresis and reservoir, storage, sheets, both electrodes and the free cell voltage."""
    problem = problem_with(plane, lateral)
    problem = replace(problem, reaction=replace(problem.reaction, kinetics=kinetics))
    system = Linearised(problem)
    step = 1e-6
    difference = np.stack(
        [
            (system.residual(system.start + step * unit) - system.residual(system.start - step * unit)) / (2 * step)
            for unit in np.eye(system.start.size)
        ],
        axis=1,
    )
    system.residual(system.start)
    matrix = system.matrix()
    maps = system.backend.maps
    for branch in (maps["source"] > 0.0, maps["source"] < 0.0, (maps["source"] == 0.0) & (maps["area"] > 0.0)):
        assert branch.any() or plane > 0.0, "plating, stripping and the dead band all take part"
    assert (maps["reservoir"] != 0.0).any() == (plane > 0.0)
    np.testing.assert_allclose(difference, matrix, rtol=1e-5, atol=1e-7 * np.abs(matrix).max())


def test_n_type_matrix_lags_conduction_and_nothing_else() -> None:
    """sigma_e is held in the matrix (MODEL 3): rows of the ions are exact, rows of the electrons are not."""
    system = Linearised(problem_with(electronic_law="n_type"))
    step = 1e-6
    difference = np.stack(
        [
            (system.residual(system.start + step * unit) - system.residual(system.start - step * unit)) / (2 * step)
            for unit in np.eye(system.start.size)
        ],
        axis=1,
    )
    system.residual(system.start)
    matrix = system.matrix()
    ions = system.start.size // 2
    np.testing.assert_allclose(difference[:ions], matrix[:ions], rtol=1e-5, atol=1e-7 * np.abs(matrix).max())
    assert np.abs(difference[ions:-1] - matrix[ions:-1]).max() > 1e-2 * np.abs(matrix).max()


@pytest.mark.parametrize("law", ["constant", "n_type"])
@pytest.mark.parametrize(("lateral", "shape"), [("periodic", (7, 5)), ("mirror", (8, 3)), ("periodic", (11, 1))])
def test_what_enters_the_box_leaves_it_at_any_potentials(lateral: str, shape: tuple[int, int], law: str) -> None:
    """Reaction and storage only exchange between ions and electrons: residuals sum to the electrodes' currents."""
    system = Linearised(problem_with(lateral=lateral, shape=shape, electronic_law=law))
    cells = system.residual(system.start)[:-1]
    through = system.backend.low.sum() + system.backend.high.sum()
    assert abs(cells.sum() + through) < 1e-13 * np.abs(cells).sum()
    assert abs(through) > 1e-3 * np.abs(cells).sum()


def test_equilibrium_is_a_solution() -> None:
    """All potentials 0, no pressure, no curvature, electrons in equilibrium: nothing flows and nothing happens."""
    grid = box_grid((6 * UM, 2 * UM), (15, 5))
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
    xi, theta = rng.uniform(0.1, 0.9, (9, 7)), rng.uniform(0.02, 1.0, (9, 7))
    source, reservoir = rng.normal(size=(2, 9, 7))
    before = xi.copy()
    kernels.deposit(xi, source, reservoir, theta, 1e-3)
    np.testing.assert_allclose((theta * (xi - before)).sum(), 1e-3 * (source - reservoir).sum(), rtol=1e-12)


@pytest.mark.parametrize("lateral", ["periodic", "mirror"])
def test_a_step_turns_its_current_into_metal_reservoir_stored_electrons_and_leakage(lateral: str) -> None:
    problem = problem_with(lateral=lateral, shape=(13, 7))
    backend = backend_for(problem)
    state = backend.initial_state()
    theta, area = problem.ceramic.accessible_fraction, problem.grid.cross_section

    def metal() -> float:
        volume = float((theta * state["metal_fraction"]).sum()) * problem.grid.cell_volume / area
        return volume * FARADAY / problem.metal.molar_volume

    step = 1e-2
    before, stored = metal(), backend.stored_charge(state)
    report = backend.solve(state, step, Control("current", 200.0))
    backend.advance(state, step)
    assert report.current_density == pytest.approx(200.0, rel=1e-7)
    grown, held = metal() - before, backend.stored_charge(state) - stored
    assert grown == pytest.approx(report.metal_current_density * step, rel=1e-8)
    parts = report.leakage_current_density + report.reservoir_current_density + report.metal_current_density
    assert parts * step + held == pytest.approx(200.0 * step, rel=1e-7)
    assert min(abs(report.leakage_current_density), abs(report.reservoir_current_density), abs(held) / step) > 0.01
    assert report.plane_current_error < 1e-6
