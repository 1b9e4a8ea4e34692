"""The levels of a multigrid: where each level's arrays lie in flat ones, and how cells merge.

See ``multigrid`` for what the arrays mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numba import njit

Triple = tuple[int, int, int]

# columns of Hierarchy.levels
NX, NY, NZ, FX, FY, FZ, CELLS, XFACES, YFACES, ZFACES = range(10)
DIRECT_CELLS = 32  # levels this small are solved directly


@njit(cache=True)
def cell_view(flat, levels, level, count):
    """Return the ``count``-component cell array of a level, shape ``(count, nx+2, ny, nz+2)``."""
    nx, ny, nz = levels[level, NX], levels[level, NY], levels[level, NZ]
    n = (nx + 2) * ny * (nz + 2)
    start = count * levels[level, CELLS]
    return flat[start : start + count * n].reshape((count, nx + 2, ny, nz + 2))


@njit(cache=True)
def x_view(flat, levels, level):
    """Return the conductances of the x faces of a level, shape ``(2, nx+1, ny, nz+2)``."""
    nx, ny, nz = levels[level, NX], levels[level, NY], levels[level, NZ]
    n = (nx + 1) * ny * (nz + 2)
    start = 2 * levels[level, XFACES]
    return flat[start : start + 2 * n].reshape((2, nx + 1, ny, nz + 2))


@njit(cache=True)
def y_view(flat, levels, level):
    """Return the conductances of the y faces of a level, shape ``(2, nx+2, ny, nz+2)``; empty for a single layer."""
    nx, ny, nz = levels[level, NX], levels[level, NY], levels[level, NZ]
    if ny == 1:
        ny = 0
    n = (nx + 2) * ny * (nz + 2)
    start = 2 * levels[level, YFACES]
    return flat[start : start + 2 * n].reshape((2, nx + 2, ny, nz + 2))


@njit(cache=True)
def z_view(flat, levels, level):
    """Return the conductances of the z faces of a level, shape ``(2, nx+2, ny, nz+1)``."""
    nx, ny, nz = levels[level, NX], levels[level, NY], levels[level, NZ]
    n = (nx + 2) * ny * (nz + 1)
    start = 2 * levels[level, ZFACES]
    return flat[start : start + 2 * n].reshape((2, nx + 2, ny, nz + 1))


@dataclass
class Hierarchy:
    """Hold the levels of one box; level 0 is filled by the caller, ``set_up`` makes the rest.

    Parameters
    ----------
    shape : cells ``(nx, ny, nz)``; a 2-D grid is one layer along the middle axis.
    spacing : cell sizes; an axis whose cells are more than 1.5 times as long as the shortest waits.
    """

    shape: Triple
    spacing: tuple[float, float, float]
    levels: np.ndarray = field(init=False)
    gx: np.ndarray = field(init=False)
    gy: np.ndarray = field(init=False)
    gz: np.ndarray = field(init=False)
    coupling: np.ndarray = field(init=False)
    inverse: np.ndarray = field(init=False)  # of each cell's 2 x 2 block: [00, 11, 01]
    u: np.ndarray = field(init=False)
    f: np.ndarray = field(init=False)
    node: np.ndarray = field(init=False)  # per level: value, right-hand side, sum of conductances
    direct: np.ndarray = field(init=False)  # inverse of the coarsest system

    def __post_init__(self) -> None:
        self.levels = plan_levels(self.shape, self.spacing)
        last = self.levels[-1]
        ends = last[CELLS:] + np.array(_sizes(tuple(last[NX : NZ + 1])))
        cells, xfaces, yfaces, zfaces = (int(n) for n in ends)
        self.gx, self.gy, self.gz = np.zeros(2 * xfaces), np.zeros(2 * yfaces), np.zeros(2 * zfaces)
        self.coupling = np.zeros(cells)
        self.inverse = np.zeros(3 * cells)
        self.u = np.zeros(2 * cells)
        self.f = np.zeros(2 * cells)
        self.node = np.zeros((len(self.levels), 3))
        n = 2 * int(last[NX] * last[NY] * last[NZ]) + 1
        self.direct = np.zeros((n, n))

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """Return what the compiled functions take, in their order."""
        faces = (self.gx, self.gy, self.gz)
        return (self.levels, *faces, self.coupling, self.inverse, self.u, self.f, self.node, self.direct)

    def finest(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return views of gx, gy, gz and coupling of level 0, to be filled."""
        return (
            x_view(self.gx, self.levels, 0),
            y_view(self.gy, self.levels, 0),
            z_view(self.gz, self.levels, 0),
            cell_view(self.coupling, self.levels, 0, 1)[0],
        )


def _sizes(n: Triple) -> tuple[int, int, int, int]:
    """Return how many entries cells, x, y and z faces take (see ``cell_view`` …)."""
    nx, ny, nz = n
    layers = ny if ny > 1 else 0
    return (nx + 2) * ny * (nz + 2), (nx + 1) * ny * (nz + 2), (nx + 2) * layers * (nz + 2), (nx + 2) * ny * (nz + 1)


def plan_levels(shape: Triple, spacing: tuple[float, float, float]) -> np.ndarray:
    """Return one row per level: cells, how many merge along each axis, and offsets into the flat arrays."""
    rows = []
    n, h = list(shape), list(spacing)
    offsets = [0, 0, 0, 0]
    while True:
        rows.append([*n, 1, 1, 1, *offsets])
        if n[0] * n[1] * n[2] <= DIRECT_CELLS:
            return np.array(rows, dtype=np.int64)
        offsets = [start + size for start, size in zip(offsets, _sizes((n[0], n[1], n[2])), strict=True)]
        shortest = min(h[a] for a in range(3) if n[a] > 1)
        for a in range(3):
            if n[a] > 1 and h[a] <= 1.5 * shortest:
                rows[-1][FX + a] = 2
                n[a] = (n[a] + 1) // 2
                h[a] *= 2
