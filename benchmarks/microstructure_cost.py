"""Time and memory of generating and measuring a ceramic in three dimensions.

    python benchmarks/microstructure_cost.py [CELLS ...]

Cubes of 128 and 256 cells of 0.4 um with grains of 9 um and 3 % of pores, each task in a process of its own: labels (grains
of given sizes fitted, and the label of every cell), the whole structure (distances, bands, faces, pores), and the same read
from its labels as an image would be. Seconds of wall time, peak memory of the process.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time

import numpy as np

from microstructures import Pores, build, from_labels, laguerre
from microstructures.assemble import slabs
from phasefield.grid import Grid

CELL, GRAIN = 0.4e-6, 9e-6
TASKS = ("labels", "structure", "from labels")


def labels(grid: Grid) -> np.ndarray:
    """Return the grain of every cell."""
    grains = laguerre(grid, 0.0, GRAIN, 0.3)
    found = np.zeros(grid.shape, dtype=np.int32)
    for slab, points in slabs(grid):
        found[slab] = grains.grain[grains.locate(points)[0]].reshape(found[slab].shape)
    return found


def run(task: str, cells: int) -> None:
    """Do one task and print its time and memory."""
    grid = Grid((cells,) * 3, (CELL,) * 3)
    made = labels(grid) if task == "from labels" else None
    # compile before the clock runs
    small = Grid((16,) * 3, (CELL,) * 3)
    build(small, "bricks", 0.0, 1.2e-6, grain_size=3.2e-6, pores=Pores(0.01, 0.5e-6, location="grain_interiors"))
    from_labels(np.arange(16**3).reshape(small.shape) // 2048 + 1, small, 0.0, 1.2e-6)
    start = time.perf_counter()
    if task == "labels":
        labels(grid)
    elif task == "structure":
        pores = Pores(0.03, 1e-6)
        build(grid, "laguerre", 0.0, 2.4e-6, grain_size=GRAIN, size_log_width=0.3, pores=pores)
    else:
        assert made is not None
        from_labels(made, grid, 0.0, 2.4e-6)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"| {cells}^3 | {task} | {time.perf_counter() - start:.1f} | {peak / 1e6:.2f} |", flush=True)


def main() -> None:
    """Print the table."""
    if len(sys.argv) == 3 and sys.argv[1] in TASKS:
        run(sys.argv[1], int(sys.argv[2]))
        return
    print("| grid | task | s | GB |\n|---|---|---|---|", flush=True)
    for cells in map(int, sys.argv[1:] or (128, 256)):
        for task in TASKS:
            subprocess.run([sys.executable, __file__, task, str(cells)], check=True)


if __name__ == "__main__":
    main()
