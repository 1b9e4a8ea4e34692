"""Linear solvers of FiPy's suites for the coupled system: SciPy's LU, and PETSc's conjugate gradients with hypre.

Both solve [A, -b; -b^T, sum b] for the change of the potentials and of the counter electrode's voltage; without b (at a
given voltage) A alone. A is symmetric, positive definite, and no entry off its diagonal is positive.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from peers_fipy import Linear, System
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import splu

# The fastest of what was tried at 256 x 256 and 512 x 512: coarsening Falgout (hypre's default), HMIS, PMIS; interpolation
# classical, ext+i, with and without truncation; 0 or 1 aggressive level; strong threshold 0.1, 0.25, 0.5; smoothers that
# are symmetric; kept over Newton iterations and steps or made anew, which is faster: cells begin to react, and stop.
# PETSc's own multigrid, gamg, takes 20 times as many iterations.
HYPRE = {
    "pc_hypre_boomeramg_coarsen_type": "HMIS",
    "pc_hypre_boomeramg_relax_type_down": "SOR/Jacobi",
    "pc_hypre_boomeramg_relax_type_up": "backward-SOR/Jacobi",
}
MOST_ITERATIONS = 1000


class DirectLU:
    """SuperLU, with the ordering that is fastest for these matrices."""

    def __init__(self, system: System) -> None:
        self.system = system

    def solve(self, linear: Linear) -> tuple[np.ndarray, float, int]:
        """Return the changes of the potentials and of the voltage [V], and iterations."""
        s, b = self.system, linear.counter
        matrix = csr_matrix((linear.values, s.indices, s.indptr))
        # It is symmetric, so the transpose, whose columns SuperLU wants, is the same.
        factors = splu(matrix.T, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
        found = factors.solve(linear.right)
        if b is None:
            return found, 0.0, 0
        response = factors.solve(b)
        change_v = float((linear.node + b @ found) / (b.sum() - b @ response))
        return found + change_v * response, change_v, 0


class PetscHypre:
    """Conjugate gradients with BoomerAMG on the whole coupled matrix.

    The voltage is eliminated, which leaves A - b b^T / sum b, a change of rank one that multigrid need not know.
    """

    options: ClassVar = HYPRE

    def __init__(self, system: System) -> None:
        from petsc4py import PETSc

        self.petsc, self.system, self.comm = PETSc, system, PETSc.COMM_WORLD
        options = {"pc_type": "hypre", "pc_hypre_type": "boomeramg", **self.options}
        for name, value in options.items():
            PETSc.Options().setValue(name, value)
        rows, values = 2 * system.cells.size, np.zeros(system.indices.size)
        self.matrix = PETSc.Mat().createAIJ(2 * ((rows, None),), csr=(system.indptr, system.indices, values))
        self.found, self.right = self.matrix.createVecs()
        self.ksp = PETSc.KSP().create(self.comm)
        self.ksp.setType("cg")
        self.ksp.setFromOptions()
        self.ksp.setNormType(PETSc.KSP.NormType.UNPRECONDITIONED)
        self.ksp.setConvergenceTest(self._test)

    def _sums(self, *values: float) -> np.ndarray:
        """Return sums over ranks."""
        return self.comm.tompi4py().allreduce(np.array(values))

    def _test(self, ksp: Any, iteration: int, norm: float) -> int:
        """Compare the residuals of both balances with what is aimed at, as the default backend does."""
        reason = self.petsc.KSP.ConvergedReason
        if iteration >= MOST_ITERATIONS or not np.isfinite(norm):
            return reason.DIVERGED_MAX_IT
        ions, electrons = np.abs(ksp.buildResidual().array).reshape(2, -1)
        totals = self._sums(ions.sum(), electrons @ self.linear.outside)
        return reason.CONVERGED_ATOL if np.all(totals <= self.linear.aim) else reason.CONVERGED_ITERATING

    def solve(self, linear: Linear) -> tuple[np.ndarray, float, int]:
        """Return the changes of the potentials and of the voltage [V], and iterations."""
        s, b, operator = self.system, linear.counter, self.matrix
        self.linear = linear
        self.matrix.setValuesCSR(s.indptr, s.indices, linear.values)
        self.matrix.assemble()
        self.right.array[:] = linear.right
        if b is not None:
            (total,) = self._sums(b.sum())
            self.right.array[:] += b * (linear.node / total)
            operator = self._without_voltage(b, total)
        self.ksp.setOperators(operator, self.matrix)
        self.ksp.solve(self.right, self.found)
        if self.ksp.reason <= 0:
            raise RuntimeError(f"PETSc did not converge: reason {self.ksp.reason}, {self.ksp.its} iterations")
        found = self.found.array.copy()
        if b is None:
            return found, 0.0, self.ksp.its
        (along,) = self._sums(b @ found)
        return found, float((linear.node + along) / total), self.ksp.its

    def _without_voltage(self, b: np.ndarray, total: float) -> Any:
        """Return A - b b^T / sum b."""
        petsc = self.petsc
        column = petsc.Mat().createDense(((b.size, None), (None, 1)), array=b.copy(), comm=self.comm)
        weight = petsc.Vec().createSeq(1)
        weight.set(-1.0 / total)
        return petsc.Mat().createLRC(self.matrix, column, weight, column)


class PetscPlain(PetscHypre):
    """The same with hypre's own choices."""

    options: ClassVar = {}
