"""Count CG iterations to 1e-6 on the grid of a case and on finer ones.

    python benchmarks/cg_iterations.py CASE [RESULTS] [--contrast C]

At the start and, with RESULTS, on a web of metal: that of the last but one saved time of a finished results folder whose
grid is the case's, copied to finer grids cell by cell. CASE and RESULTS may be of different ceramics. ``contrast`` is
the largest resistance of a sheet over that of a cell; with ``--contrast`` all sheets are scaled to have this one.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

import postprocess
from phasefield.backends import Control, Tolerances, get_backend
from phasefield.case import Case, load_case
from phasefield.problem import Problem
from phasefield.setup import build_setup


def count(backend, current: float) -> int:
    """Return the iterations after which |r| < 1e-6 |b| (Euclidean norms), b a current [A] into the node, from zero."""
    from phasefield.backends.numba_cpu import CG_LIMIT, INNER
    from phasefield.numerics import krylov, multigrid

    h = backend.hierarchy
    multigrid.set_finest(h.gx, h.coupling, h.unit, h.coarse)
    multigrid.set_up(h.coarse, True)

    def residual(limit: int) -> float:
        b = np.zeros_like(backend.u)
        b[0, -1, 0, 0] = current
        system, left = (h.finest(), h.unit, h.coarse, h.work), np.zeros_like(b)
        krylov.solve(np.zeros_like(b), b, left, *system, True, np.ones_like(backend.weight), np.full(2, 1e-300), limit)
        return float(np.hypot(np.linalg.norm(left[(slice(None), *INNER)]), left[0, -1, 0, 0])) / current

    return next(limit for limit in range(1, CG_LIMIT) if residual(limit) < 1e-6)


def contrast_of(problem: Problem) -> float:
    """Return the largest resistance of a sheet over that of a cell."""
    worst = max(float(sheet.max(initial=0.0)) for sheet in problem.ceramic.sheet_resistance)
    return worst * float(problem.ceramic.ionic_conductivity.max()) / min(problem.grid.box_spacing)


def scaled(problem: Problem, contrast: float) -> Problem:
    """Return the problem with its sheets scaled to a contrast."""
    factor = contrast / contrast_of(problem)
    sheets = tuple(factor * sheet for sheet in problem.ceramic.sheet_resistance)
    return replace(problem, ceramic=replace(problem.ceramic, sheet_resistance=sheets))


def print_rows(case: Case, fine: int, frame: np.ndarray | None, contrast: float | None) -> None:
    """Print the rows of one grid, ``fine`` times finer than the case's."""
    spacing = ", ".join(f'"{d * 1e6 / fine:.15g} um"' for d in case.grid.spacing)
    setup = build_setup(load_case(case.source, {"grid.spacing": f"[{spacing}]"}))
    problem = setup.problem if contrast is None else scaled(setup.problem, contrast)
    control = Control("current", setup.protocol.current_density)
    metals = {"start": problem.initial_metal_fraction}
    if frame is not None:
        metals["web"] = np.kron(frame, np.ones((fine,) * frame.ndim))
    for name, metal in metals.items():
        backend = get_backend("numba", problem, Tolerances())
        state = backend.initial_state()
        state["metal_fraction"] = metal
        state["stored_electrons"] = (1.0 - metal) * problem.ceramic.electrons_at_metal
        backend.solve(state, 0.3, control)
        total = control.value * problem.grid.cross_section
        shape = " x ".join(str(n) for n in metal.shape)
        print(f"{shape:15s} {name:5s} {contrast_of(problem):8.1f} {count(backend, total):11d}", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case")
    parser.add_argument("results", type=Path, nargs="?")
    parser.add_argument("--contrast", type=float)
    asked = parser.parse_args()
    case = load_case(asked.case)
    frame = None if asked.results is None else postprocess.load(asked.results).frame(-2)["metal_fraction"].astype(float)
    print("cells           metal contrast  iterations")
    for fine in (1, 2, 4) if len(case.grid.shape) == 2 else (1, 2):
        print_rows(case, fine, frame, asked.contrast)


if __name__ == "__main__":
    main()
