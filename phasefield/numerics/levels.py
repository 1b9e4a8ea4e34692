"""The levels of a multigrid: where each level's arrays lie in flat ones, and how cells merge.

See ``multigrid`` for what the arrays mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numba import njit

# columns of Hierarchy.levels
NX, NY, FX, FY, CELLS, XFACES, YFACES = range(7)
DIRECT_CELLS = 32  # levels this small are solved directly


@njit(cache=True)
def cell_view(flat, levels, level, count):
    """Return the ``count``-component cell array of a level, shape ``(count, nx+2, ny+2)``."""
    n = (levels[level, NX] + 2) * (levels[level, NY] + 2)
    start = count * levels[level, CELLS]
    return flat[start : start + count * n].reshape((count, levels[level, NX] + 2, levels[level, NY] + 2))


@njit(cache=True)
def x_view(flat, levels, level):
    """Return the conductances of the x faces of a level, shape ``(2, nx+1, ny+2)``."""
    n = (levels[level, NX] + 1) * (levels[level, NY] + 2)
    start = 2 * levels[level, XFACES]
    return flat[start : start + 2 * n].reshape((2, levels[level, NX] + 1, levels[level, NY] + 2))


@njit(cache=True)
def y_view(flat, levels, level):
    """Return the conductances of the y faces of a level, shape ``(2, nx+2, ny+1)``."""
    n = (levels[level, NX] + 2) * (levels[level, NY] + 1)
    start = 2 * levels[level, YFACES]
    return flat[start : start + 2 * n].reshape((2, levels[level, NX] + 2, levels[level, NY] + 1))


@dataclass
class Hierarchy:
    """Hold the levels of one grid; level 0 is filled by the caller, ``set_up`` makes the rest.

    Parameters
    ----------
    shape : cells ``(nx, ny)``.
    spacing : cell sizes; an axis whose cells are more than 1.5 times as long as the shortest waits.
    """

    shape: tuple[int, int]
    spacing: tuple[float, float]
    levels: np.ndarray = field(init=False)
    gx: np.ndarray = field(init=False)
    gy: np.ndarray = field(init=False)
    coupling: np.ndarray = field(init=False)
    inverse: np.ndarray = field(init=False)  # of each cell's 2 x 2 block: [00, 11, 01]
    u: np.ndarray = field(init=False)
    f: np.ndarray = field(init=False)
    node: np.ndarray = field(init=False)  # per level: value, right-hand side, sum of conductances
    direct: np.ndarray = field(init=False)  # inverse of the coarsest system

    def __post_init__(self) -> None:
        self.levels = plan_levels(self.shape, self.spacing)
        nx, ny = self.levels[-1, NX], self.levels[-1, NY]
        cells = self.levels[-1, CELLS] + (nx + 2) * (ny + 2)
        self.gx = np.zeros(2 * (self.levels[-1, XFACES] + (nx + 1) * (ny + 2)))
        self.gy = np.zeros(2 * (self.levels[-1, YFACES] + (nx + 2) * (ny + 1)))
        self.coupling = np.zeros(cells)
        self.inverse = np.zeros(3 * cells)
        self.u = np.zeros(2 * cells)
        self.f = np.zeros(2 * cells)
        self.node = np.zeros((len(self.levels), 3))
        n = 2 * nx * ny + 1
        self.direct = np.zeros((n, n))

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """Return what the compiled functions take, in their order."""
        return (self.levels, self.gx, self.gy, self.coupling, self.inverse, self.u, self.f, self.node, self.direct)

    def finest(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return views of gx, gy and coupling of level 0, to be filled."""
        return (
            x_view(self.gx, self.levels, 0),
            y_view(self.gy, self.levels, 0),
            cell_view(self.coupling, self.levels, 0, 1)[0],
        )


def plan_levels(shape: tuple[int, int], spacing: tuple[float, float]) -> np.ndarray:
    """Return one row per level: nx, ny, how many cells merge along x and y, and offsets into the flat arrays."""
    rows = []
    n, h = list(shape), list(spacing)
    cells = xfaces = yfaces = 0
    while True:
        rows.append([n[0], n[1], 1, 1, cells, xfaces, yfaces])
        if n[0] * n[1] <= DIRECT_CELLS:
            return np.array(rows, dtype=np.int64)
        cells += (n[0] + 2) * (n[1] + 2)
        xfaces += (n[0] + 1) * (n[1] + 2)
        yfaces += (n[0] + 2) * (n[1] + 1)
        shortest = min(h[a] for a in range(2) if n[a] > 1)
        for a in range(2):
            if n[a] > 1 and h[a] <= 1.5 * shortest:
                rows[-1][FX + a] = 2
                n[a] = (n[a] + 1) // 2
                h[a] *= 2
