"""Compare the time of a step of both backends on squares of the main case, and say where FiPy's goes.

    python benchmarks/referee.py [CELLS ...]    # along an edge; 64 128 256 unless given

Both take the same 12 steps with the case's tolerances, in one thread, the two alternating; medians without the first.
"""

from __future__ import annotations

import cProfile
import pstats
import sys

from phasefield.case import load_case
from phasefield.crosscheck import crosscheck

STEPS = 12
PARTS = {
    "FiPy assembles": "justResidualVector",
    "SuperLU factorises": "gstrf",
    "residuals": "evaluate",
    "profile flux": "restored",
    "curvature": "curvature",
}


def share(profile: pstats.Stats, function: str, whole: float) -> float:
    """Return the cumulative time of a function over ``whole``."""
    found = (entry[3] for (_, _, name), entry in profile.stats.items() if function in name)  # type: ignore[attr-defined]
    return max(found, default=0.0) / whole


def main(edges: list[int]) -> None:
    """Print the table."""
    print("cells       fipy [s]  numba [s]  ratio  of fipy's step: " + ", ".join(PARTS))
    for edge in edges:
        size = f'["{0.4 * edge} um", "{0.4 * edge} um"]'
        case = load_case("llzo_grain_boundary", {"grid.size": size, "solver.threads": "1"})
        profile = cProfile.Profile()
        *_, plain = crosscheck(case, STEPS)
        profile.enable()
        *_, watched = crosscheck(case, STEPS)
        profile.disable()
        stats, whole = pstats.Stats(profile), sum(watched.seconds["fipy"])
        parts = "  ".join(f"{share(stats, function, whole):.0%}" for function in PARTS.values())
        fipy, numba = plain.step_seconds("fipy"), plain.step_seconds("numba")
        print(f"{edge} x {edge:<6d}  {fipy:8.3f}  {numba:9.5f}  {plain.ratio:5.1f}  {parts}", flush=True)


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [64, 128, 256])
