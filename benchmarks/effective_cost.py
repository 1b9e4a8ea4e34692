"""Time the effective conductivity along x and count iterations.

    python benchmarks/effective_cost.py [CELLS] [THREADS]

Polycrystals of CELLS^3 cells (64 by default) with five grains along an edge: sheets of LLZO and NASICON, sheets that
dominate, and pores of some cells. A fresh process for each row would tell its memory; the last line has the largest.
"""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import replace

import numpy as np
from scipy import ndimage

from microstructures import Microstructure, build
from phasefield import cache

SPACING = 0.4e-6  # [m]
IONIC = 0.046  # [S/m]
SHEETS = {"LLZO": 0.76e-6, "NASICON": 20e-6, "100 grains": 0.0}  # R_gb sigma_b [m]; the last follows from the grains


def pores(shape: tuple[int, ...], porosity: float) -> np.ndarray:
    """Return a random two-phase map whose pores are some cells wide; 1 in pores."""
    noise = ndimage.gaussian_filter(np.random.default_rng(1).standard_normal(shape), 2.0, mode="wrap")
    return (noise < np.quantile(noise, porosity)).astype(float)


def measure(structure: Microstructure, sheet: float, porosity: float, threads: int) -> str:
    """Return seconds, iterations and conductivities of one sample."""
    from phasefield.backends import conduction
    from phasefield.validation.common import uniform_ceramic

    grid = structure.grid
    void = pores(grid.shape, porosity) if porosity > 0.0 else np.zeros(grid.shape)
    ceramic = replace(
        uniform_ceramic(grid),
        ionic_conductivity=IONIC * (1.0 - (1.0 - 1e-6) * void),
        bulk_electronic_conductivity=1e-10 * (1.0 - void),
        boundary_electronic_conductivity=1e-4 * structure.grain_boundary_fraction * (1.0 - void),
        sheet_resistance=tuple(sheet / IONIC * weight for weight in structure.sheet_weight),
    )
    maps = (
        ceramic.ionic_conductivity,
        ceramic.bulk_electronic_conductivity,
        ceramic.boundary_electronic_conductivity,
    )
    started = time.perf_counter()
    found = conduction.between_plates(grid, *maps, ceramic.sheet_resistance, threads=threads)
    return f"{found.iterations:6d} {time.perf_counter() - started:7.1f} s"


def main() -> None:
    """Print the table."""
    cells = int(sys.argv[1]) if len(sys.argv) > 1 else 64
    threads = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    cache.configure()
    from phasefield.grid import Grid

    grain = cells * SPACING / 5.0
    structure = build(Grid((cells,) * 3, (SPACING,) * 3), "voronoi", 0.0, 6.0 * SPACING, grain_size=grain)
    small = build(Grid((8,) * 3, (SPACING,) * 3), "single_crystal", 0.0, SPACING)
    measure(small, 0.0, 0.0, threads)  # compiles
    print(f"{cells}^3 cells          iterations")
    rows = [(name, sheet or 100.0 * grain, 0.0) for name, sheet in SHEETS.items()]
    rows += [("20 % pores", 0.0, 0.2), ("NASICON, 20 % pores", SHEETS["NASICON"], 0.2), ("50 % pores", 0.0, 0.5)]
    for name, sheet, porosity in rows:
        print(f"{name:20s} {measure(structure, sheet, porosity, threads)}", flush=True)
    print(f"largest memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()
