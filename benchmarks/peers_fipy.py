"""FiPy's side of the comparison: the referee's step with the fastest linear algebra that FiPy's solver suites offer.

What the referee leaves on the table is given to FiPy here, so that it is not the referee that is timed:

- FiPy assembles its equations once per step, where transport changes with the metal; from one Newton iteration to the
  next only the reaction's slope changes, which is four diagonals of the matrix, written in place.
- Newton's method starts from where the rates of the last step lead, and linear systems are solved no further than it
  needs, both as in the default backend.

On several ranks FiPy parts the mesh, assembly and solve; what is left, residuals and the metal, every rank does itself.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import fipy
import numpy as np
from fipy import CellVariable, DiffusionTerm, FaceVariable, ImplicitSourceTerm, parallelComm, serialComm

from phasefield.backends import Control, SolveReport, Tolerances, fipy_reference
from phasefield.backends.common import RATES
from phasefield.backends.fipy_reference import FIELDS
from phasefield.backends.numba_cpu import FORCING, LINEAR_SHARE
from phasefield.fields import State
from phasefield.grid import Grid
from phasefield.problem import Problem


@dataclass(frozen=True)
class Linear:
    """Hold one linear system of Newton's method, this rank's rows: phi_i of its cells, then phi_e.

    values : of the matrix A [S], at the places that ``System`` tells. right : the balances [A].
    counter : conductances b to the counter electrode [S], whose voltage is then unknown, too; None at a given voltage.
    node : what is missing of its current [A]. outside : 1 for cells that are not metal, whose electrons are tested.
    aim : sums of absolute residuals of ions and electrons at which the system counts as solved [A].
    """

    values: np.ndarray
    right: np.ndarray
    counter: np.ndarray | None
    node: float
    outside: np.ndarray
    aim: tuple[float, float]


def make_mesh(grid: Grid, communicator: Any) -> Any:
    """Return FiPy's mesh of a 2-D grid with mirror sides, parted among the ranks of ``communicator``."""
    (n, m), (dx, dy) = grid.shape, grid.spacing
    if grid.lateral != "mirror":
        raise ValueError("FiPy cannot part a periodic mesh among ranks")
    return fipy.Grid2D(nx=n, ny=m, dx=dx, dy=dy, communicator=communicator)


def _face_keys(mesh: Any, grid: Grid) -> np.ndarray:
    """Return a number for every face that tells where it is, whatever part of the grid the mesh has."""
    half = np.rint(2.0 * np.asarray(mesh.faceCenters) / np.array(grid.spacing)[:, None]).astype(int)
    return half[0] * (2 * grid.shape[1] + 1) + half[1]


def _gather(what: Any) -> list[Any]:
    """Return what every rank has."""
    return parallelComm.allgather(what) if parallelComm.Nproc > 1 else [what]


class System:
    """The matrix of both balances (M1, M2), assembled by FiPy: minus its own, which is positive definite.

    indptr, indices : of this rank's rows. cells : whose rows they are. diagonal, across : where among the values a row
    meets its own unknown, and the other potential of its cell.
    """

    def __init__(self, grid: Grid, whole: Any) -> None:
        self.size, self.volume = grid.size, grid.cell_volume
        mesh = make_mesh(grid, parallelComm)
        self.cells = np.asarray(mesh._globalNonOverlappingCellIDs).astype(int)
        self._all_cells = _gather(self.cells)
        keys = _face_keys(whole, grid)
        order = np.argsort(keys)
        self._faces = order[np.searchsorted(keys, _face_keys(mesh, grid), sorter=order)]
        self._sigma = [FaceVariable(mesh=mesh, value=1.0) for _ in FIELDS]
        change_i, change_e = (CellVariable(mesh=mesh, value=0.0) for _ in FIELDS)

        def balance(sigma: Any, own: Any, other: Any) -> Any:
            # A coupling of 1 S/m^3 keeps places in the matrix, which FiPy drops where there is none.
            source = ImplicitSourceTerm(coeff=1.0, var=other) - ImplicitSourceTerm(coeff=1.0, var=own)
            return DiffusionTerm(coeff=sigma, var=own) + source

        self._system = balance(self._sigma[0], change_i, change_e) & balance(self._sigma[1], change_e, change_i)
        self._system.cacheMatrix()
        self.indptr, self.indices, _ = self._assembled()
        rows, half = 2 * self.cells.size, self.cells.size
        first = 2 * sum(cells.size for cells in self._all_cells[: parallelComm.procID])
        row = np.repeat(np.arange(rows), np.diff(self.indptr))
        self.diagonal = np.flatnonzero(self.indices == first + row)
        self.across = np.flatnonzero(self.indices == first + (row + half) % rows)

    def _assembled(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        self._system.justResidualVector()
        matrix = self._system.matrix.matrix
        if hasattr(matrix, "getValuesCSR"):  # PETSc's
            matrix.assemble()
            return matrix.getValuesCSR()
        matrix = matrix.tocsr()
        matrix.sort_indices()
        return matrix.indptr, matrix.indices, matrix.data

    def assemble(self, sigma_i: np.ndarray, sigma_e: np.ndarray) -> None:
        """Let FiPy assemble transport, with conductivities on the faces of the whole grid [S/m]."""
        for variable, sigma in zip(self._sigma, (sigma_i, sigma_e), strict=True):
            variable.setValue(sigma[self._faces])
        *_, values = self._assembled()
        self._transport = -values

    def values(self, coupling: np.ndarray, electrodes: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Return the values [S] with the slopes of the reaction and of both electrodes, of all cells [S/m^3]."""
        values, between = self._transport.copy(), self.volume * (coupling[self.cells] - 1.0)
        outer = [self.volume * electrode[self.cells] for electrode in electrodes]
        values[self.diagonal] += np.concatenate([between + electrode for electrode in outer])
        values[self.across] -= np.concatenate([between, between])
        return values

    def local(self, ions: np.ndarray, electrons: np.ndarray) -> np.ndarray:
        """Return values of all cells, of either balance, in the order of this rank's rows."""
        return np.concatenate([ions[self.cells], electrons[self.cells]])

    def gathered(self, found: np.ndarray) -> np.ndarray:
        """Return what all ranks found for their rows, as phi_i and phi_e of all cells."""
        both = np.empty((2, self.size))
        for cells, values in zip(self._all_cells, _gather(found), strict=True):
            both[:, cells] = values.reshape(2, -1)
        return both


class FipyPeer(fipy_reference.FipyBackend):
    """The referee with a linear solver of one of FiPy's suites, a class of ``peers_linear``.

    ``plain``: FiPy assembles in every Newton iteration, since the matrix changes, and not only once per step.
    """

    def __init__(self, problem: Problem, tolerances: Tolerances, solver: type, plain: bool = False) -> None:
        if problem.electronic_law != "constant":
            raise ValueError("transport would change within a step")

        def whole(grid: Grid) -> Any:
            return make_mesh(grid, serialComm)

        # The referee insists on SciPy, whose matrices it solves itself; here another class does.
        with patch.multiple(fipy_reference, make_mesh=whole, solver_suite="scipy"):
            super().__init__(problem, tolerances)
        self.equations = System(problem.grid, self.phi_i.mesh)
        self.solver, self.plain = solver(self.equations), plain
        self.reset()

    def reset(self) -> None:
        """Begin to count seconds anew."""
        self.seconds = {"assembly": 0.0, "linear solver": 0.0}

    def load(self, state: State) -> None:
        """See ``FipyBackend``."""
        super().load(state)
        self.fresh = True  # conductivities that FiPy has not seen

    def solve(self, state: State, time_step: float, control: Control) -> SolveReport:
        """See ``Backend``; the start is where the rates of the last step lead."""
        before, voltage = [state[name] for name in FIELDS], state.cell_voltage
        for name, rate in zip(FIELDS, RATES, strict=True):
            state[name] = state[name] + time_step * state[rate]
        state.cell_voltage += time_step * state.cell_voltage_rate
        self.iterations = 0
        report = super().solve(state, time_step, control)
        for name, rate, old in zip(FIELDS, RATES, before, strict=True):
            state[rate] = (state[name] - old) / time_step
        state.cell_voltage_rate = (state.cell_voltage - voltage) / time_step
        return replace(report, cg_iterations=self.iterations)

    def _aim(self, node: float, scales: tuple[float, float], outside: np.ndarray) -> tuple[float, float]:
        """Return how far Newton's method needs a linear system solved."""
        ions = max(np.abs(self.balance_i.value).sum() * self.volume, abs(node))
        electrons = np.abs(self.balance_e.value * outside).sum() * self.volume
        tol = self.tolerances
        return (
            max(LINEAR_SHARE * tol.ionic * scales[0], FORCING * min(ions, scales[0])),
            max(LINEAR_SHARE * tol.electronic * scales[1], FORCING * min(electrons, scales[0])),
        )

    def _correction(self, node: float, free: bool) -> tuple[np.ndarray, np.ndarray, float]:
        """See ``FipyBackend``."""
        started, e = time.perf_counter(), self.equations
        if self.fresh or self.plain:
            e.assemble(self.sigma_i.value, self.sigma_e.value)
            self.fresh = False
        values = e.values(self.coupling.value, (self.electrode_i.value, self.electrode_e.value))
        assembled = time.perf_counter()
        outside = (self.xi < 0.5).astype(float)
        linear = Linear(
            values=values,
            right=e.local(self.balance_i.value, self.balance_e.value) * self.volume,
            counter=e.local(*self.high[2:]) * self.volume if free else None,
            node=node,
            outside=outside[e.cells],
            aim=self._aim(node, self._scales(node + self._current() if free else 0.0), outside),
        )
        found, change_v, iterations = self.solver.solve(linear)
        change_i, change_e = e.gathered(found)
        self.iterations += iterations
        self.seconds["assembly"] += assembled - started
        self.seconds["linear solver"] += time.perf_counter() - assembled
        return change_i, change_e, change_v
