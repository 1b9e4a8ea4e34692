"""Count CG iterations to 1e-6 on the main case at three grid sizes: at the start, and with the web nearly shorting.

    python benchmarks/cg_iterations.py RESULTS    # a finished results folder of llzo_grain_boundary

The metal of the last but one saved time is copied to finer grids cell by cell. "plain" leaves out the coarse unknowns
for enclosed ceramic and for pieces of metal.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import postprocess
from phasefield.backends import Control, Tolerances, get_backend
from phasefield.case import load_case
from phasefield.setup import build_setup


def count(backend, current: float, use_regions: bool) -> int:
    """Return the iterations after which |r| < 1e-6 |b| (Euclidean norms), b a current [A/m] into the node, from zero."""
    from phasefield.backends.numba_cpu import CG_LIMIT, INNER, SWEEPS
    from phasefield.numerics import krylov, multigrid

    multigrid.set_up(*backend.hierarchy.arrays, True)
    e_inverse = backend.e_inverse if use_regions else np.zeros((0, 0))

    def residual(limit: int) -> float:
        r = np.zeros_like(backend.u)
        r[0, -1, 0, 0] = current
        krylov.solve(
            np.zeros_like(r), r, backend.hierarchy.arrays, True, SWEEPS, backend.regions.labels, e_inverse,
            np.ones_like(backend.weight), np.zeros(2), limit,
        )  # fmt: skip
        return float(np.hypot(np.linalg.norm(r[(slice(None), *INNER)]), r[0, -1, 0, 0])) / current

    return next(limit for limit in range(1, CG_LIMIT) if residual(limit) < 1e-6)


def main(folder: Path) -> None:
    """Print the table."""
    frame = postprocess.load(folder).frame(-2)["metal_fraction"].astype(float)
    print("cells       metal      pieces  CG with pieces  CG plain")
    for fine in (1, 2, 4):
        case = load_case("llzo_grain_boundary", {"grid.spacing": f"{0.4 / fine} um"})
        setup = build_setup(case)
        current = setup.protocol.current_density
        for name, metal in (
            ("start", setup.problem.initial_metal_fraction),
            ("web", np.kron(frame, np.ones((fine, fine)))),
        ):
            backend = get_backend("numba", setup.problem, Tolerances())
            state = backend.initial_state()
            state["metal_fraction"] = metal
            state["stored_electrons"] = (1.0 - metal) * setup.problem.ceramic.electrons_at_metal
            backend.solve(state, 0.3, Control("current", current))
            total = current * setup.problem.grid.cross_section
            shape = " x ".join(str(n) for n in metal.shape)
            pieces = backend.regions.count
            print(
                f"{shape:11s} {name:10s} {pieces:6d}  {count(backend, total, True):14d}  {count(backend, total, False):8d}"
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
