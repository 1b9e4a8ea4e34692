"""How fast a step could be: the bytes that its passes over the grid must move, at the bandwidth of the memory.

One row of ``PASSES`` is one pass over all cells: which arrays it reads and writes, per cell, each once (neighbours come
from the cache, and a read before a write is not counted, as in the triad). The time of a step cannot be less than the
sum over all passes, unless passes are merged or an array fits into the cache; measured / floor is the distance left.

Change a row with the kernel that it describes: ``bench.py`` says which rows it did not see called as often as they claim.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

DOUBLE, SINGLE = 8, 4  # bytes
SOLVE = "solve/krylov.solve/"
CG = SOLVE + "krylov._round/"
CYCLE = CG + "multigrid.v_cycle/"


@dataclass(frozen=True)
class Pass:
    """Name one pass and what it moves per cell.

    part : what the profile calls it, "" if it is not timed by itself. per : what it is done for, ``times`` times.
    doubles, singles, small : numbers of 8, 4 and 1 bytes, read or written. faces : 2 D conductances are read or written
    besides (both potentials, D axes), in this many bytes each; 0: none. all_levels : and on coarser grids, too.
    """

    part: str
    per: Literal["step", "evaluation", "newton", "cg", "sub_step"]
    doubles: int = 0
    singles: int = 0
    small: int = 0
    faces: int = 0
    times: int = 1
    all_levels: bool = False

    def size(self, dimension: int) -> float:
        """Return the bytes per cell of one pass."""
        return DOUBLE * self.doubles + SINGLE * self.singles + self.small + 2 * dimension * self.faces


# A potential's array counts 1, so vectors of both count 2; r/w: read and written.
PASSES = (
    # --- once per step: from metal to matrix
    Pass("solve/numba_kernels.load", "step", doubles=4, singles=2),  # both potentials, rates -> u
    Pass("solve/interface.curvature", "step", doubles=4),  # xi, twice -> psi, curvature
    Pass("solve/numba_kernels.interface_maps", "step", doubles=7),  # xi, curvature, p_acc, l_a -> area, two equilibria
    Pass("solve/numba_faces.ionic_faces", "step", doubles=2, faces=DOUBLE),  # xi, sigma, sheets (D) -> faces (D)
    Pass("solve/numba_faces.electronic_faces", "step", doubles=3, faces=DOUBLE // 2),  # xi, two sigma -> faces (D)
    Pass("", "step", doubles=2),  # xi -> weight of the residual
    Pass("solve/multigrid.set_faces", "step", faces=DOUBLE + SINGLE),  # faces -> the cycle's
    Pass("solve/multigrid.set_up", "step", singles=1),  # coupling -> coarser levels
    # --- once per evaluation: one more than Newton's steps
    # xi, u, area, nucleus, l_a, two equilibria, reservoir, n_M, theta -> source, reservoir, stored, coupling
    Pass("solve/numba_kernels.reaction_and_storage", "evaluation", doubles=14, small=1),
    Pass("solve/numba_kernels.residual", "evaluation", doubles=7, faces=DOUBLE),  # u, source, stored, old stored -> r
    Pass("solve/krylov.residual_norms", "evaluation", doubles=2, singles=1),  # r, weight
    # --- once per step of Newton's
    Pass("solve/multigrid.set_finest", "newton", doubles=1, singles=1),  # coupling -> the cycle's
    Pass("", "newton", doubles=2, singles=2),  # x = p = 0
    Pass(SOLVE + "krylov.residual_norms", "newton", doubles=2, singles=1, times=2),  # b or r, weight
    Pass(CG + "krylov._add", "newton", doubles=4, singles=2),  # x r/w, p
    Pass(SOLVE + "krylov._over", "newton", doubles=2, singles=2, times=2),  # b or r -> f
    Pass(SOLVE + "krylov.apply_operator", "newton", doubles=5, faces=DOUBLE),  # x, coupling -> r
    Pass(SOLVE + "krylov._subtract", "newton", doubles=6),  # b, r r/w
    Pass("solve/numba_kernels.potential_change", "newton", doubles=3),  # delta, xi
    Pass("", "newton", doubles=4),  # u -> start of the line search
    Pass("solve/numba_kernels.go_along", "newton", doubles=6),  # start, delta -> u
    Pass("solve/krylov.dot", "newton", doubles=4, times=2),  # delta, r
    # --- once per iteration of the conjugate gradients
    # f, coupling -> u; u, f, coupling -> u
    Pass(CYCLE + "multigrid._smooth_before", "cg", singles=5 + 7, faces=2 * SINGLE, all_levels=True),
    Pass(CYCLE + "multigrid._restrict", "cg", singles=5, faces=SINGLE, all_levels=True),  # u, f, coupling
    Pass(CYCLE + "multigrid._add_coarse", "cg", singles=4, all_levels=True),  # u r/w
    Pass(
        CYCLE + "multigrid._smooth_after", "cg", singles=7 + 7, faces=2 * SINGLE, all_levels=True
    ),  # u, f, coupling -> u
    Pass(CG + "krylov.dot", "cg", singles=4),  # r, z
    Pass(CG + "krylov._turn", "cg", doubles=4, singles=6),  # x, p r/w, z
    Pass(CG + "krylov.apply_operator", "cg", singles=5, faces=SINGLE),  # p, coupling -> q
    Pass(CG + "krylov._step", "cg", singles=7),  # r r/w, q, weight
    # --- once per step: the metal, and what is reported
    Pass("solve/numba_kernels.store", "step", doubles=7, singles=2),  # u, xi, potentials r/w -> rates
    Pass("solve/numba_kernels.plane_current_error", "step", doubles=4),  # u, faces along x
    Pass("solve/numba_kernels.fastest_front", "step", doubles=4, small=1),  # xi, source, reservoir, nucleus, theta
    Pass("advance/numba_kernels.fastest_front", "step", doubles=4, small=1),
    Pass("advance/numba_kernels.obstacles", "step", doubles=5),  # u, plating, barrier -> obstacle
    Pass("advance/numba_kernels.deposit", "step", doubles=5),  # xi r/w, source, reservoir, theta
    Pass("", "step", doubles=2),  # stored electrons -> state
    Pass("", "step", doubles=3, small=4),  # measures: xi twice, theta, two masks r/w
    # --- once per sub-step of the interface, in cells of a front: psi, xi, theta, sight -> fluxes; these, xi r/w -> psi
    Pass("", "sub_step", doubles=3 + 2, small=1),
    Pass("", "sub_step", doubles=3 + 2 + 1),
)


@dataclass(frozen=True)
class Work:
    """How often a step does what: means over the steps that were timed. ``front``: share of cells that are a front."""

    newton: float
    cg: float
    sub_steps: float
    front: float

    def count(self, per: str) -> float:
        """Return how often a step does a pass that is done once per ``per``."""
        counts = {"step": 1.0, "evaluation": self.newton + 1.0, "newton": self.newton, "cg": self.cg}
        return counts.get(per, self.sub_steps * self.front)


def bytes_per_cell(dimension: int, work: Work) -> float:
    """Return the bytes that a step must move per cell; a coarser grid has 2^-D of the cells of the next finer one."""
    coarser = 1.0 / (1.0 - 0.5**dimension)
    return sum(
        row.size(dimension) * row.times * work.count(row.per) * (coarser if row.all_levels else 1.0) for row in PASSES
    )


def bytes_of_part(part: str, dimension: int, calls: float) -> float | None:
    """Return what ``calls`` calls of a profile's part move per cell; None where no row describes the part."""
    sizes = [row.size(dimension) for row in PASSES if row.part == part]
    return sizes[0] * calls if sizes else None


def disagreements(parts: dict[str, list[float]], work: Work) -> Iterator[str]:
    """Yield the rows that a profile (part -> calls per step, seconds) contradicts; set-ups are done once per solve."""
    for row in PASSES:
        claimed = row.times * work.count(row.per)
        found = parts.get(row.part, [0.0])[0]
        if row.part and abs(found - claimed) > 0.1 * claimed:
            yield f"{row.part}: {found:.3g} calls per step, the table says {claimed:.3g}"
