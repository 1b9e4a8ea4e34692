"""Compare the cost of a step without leakage, with it, with unevenly leaking boundaries, and with nuclei in them.

    python benchmarks/leakage_cost.py [ROUNDS]

The main case at its own grid, one thread; every variant takes its first 0.05 mAh/cm2, of which the second half of the
steps counts. Variants alternate; the table has means of iterations and the median over rounds of the median time.
"""

from __future__ import annotations

import sys
import time
from statistics import mean, median

from phasefield.case import load_case
from phasefield.run import simulate

LEAKY = {"grain_boundaries.electrons.distribution": "leaky_fraction"}
NUCLEI = LEAKY | {"nucleation.law": "deterministic"}
MORE = {"materials.set.electrolyte.electronic_conductivity": "1e-4 S/m"}
VARIANTS = {
    "no leakage": {"transport.leakage": "false"},
    "even": {},
    "half of the boundaries leaky": LEAKY,
    "and nuclei": NUCLEI,
    "and nuclei, 1e-4 S/m": NUCLEI | MORE,
    "and nuclei, n-type": NUCLEI | {"transport.electronic_law": "n_type"},
}


def measure(keys: dict[str, str]) -> tuple[float, float, float]:
    """Return Newton and CG iterations per step, and the median time of a step [s]."""
    case = load_case("llzo_grain_boundary", keys | {"protocol.capacity": "0.05 mAh/cm^2"})
    steps, before = [], time.perf_counter()
    for _, report in simulate(case, threads=1):
        now = time.perf_counter()
        steps.append((report.newton_iterations, report.cg_iterations, now - before))
        before = now
    newton, cg, seconds = zip(*steps[len(steps) // 2 :], strict=True)
    return mean(newton), mean(cg), median(seconds)


def main() -> None:
    """Print the table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    found = {name: [] for name in VARIANTS}
    for _ in range(rounds):
        for name, keys in VARIANTS.items():
            found[name].append(measure(keys))
    base = median(seconds for _, _, seconds in found["no leakage"])
    print("variant                          Newton     CG   ms/step   of no leakage")
    for name, rows in found.items():
        seconds = median(row[2] for row in rows)
        print(f"{name:32s} {rows[0][0]:6.2f} {rows[0][1]:6.1f} {1e3 * seconds:9.1f} {seconds / base:9.2f}", flush=True)


if __name__ == "__main__":
    main()
