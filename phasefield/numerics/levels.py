"""The levels of a multigrid: where each level's arrays lie in flat ones, and how cells merge.

See ``multigrid`` for what the arrays mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numba import njit

from phasefield.numerics.aggregation import Network

Triple = tuple[int, int, int]

# columns of Hierarchy.levels
NX, NY, NZ, FX, FY, FZ, CELLS, XFACES, YFACES, ZFACES = range(10)
# A level of so few cells, or of this share of the box's, is the last: its system is solved as a network.
NETWORK_CELLS, NETWORK_SHARE = 2048, 1.0 / 256.0


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
    """Hold the box's system in double precision, and its levels in single precision for the preconditioner.

    ``gx``, ``gy``, ``gz`` and ``coupling`` (see ``finest``) are filled by the caller; ``multigrid.set_faces`` and
    ``multigrid.set_up`` make the levels from them, divided by ``unit``.

    Parameters
    ----------
    shape : cells ``(nx, ny, nz)``; a 2-D grid is one layer along the middle axis.
    spacing : cell sizes; an axis whose cells are more than 1.5 times as long as the shortest waits.
    unit : a conductance of usual size; squares of all others over it must not leave the range of single precision.
    """

    shape: Triple
    spacing: tuple[float, float, float]
    unit: float = 1.0
    levels: np.ndarray = field(init=False)
    gx: np.ndarray = field(init=False)
    gy: np.ndarray = field(init=False)
    gz: np.ndarray = field(init=False)
    coupling: np.ndarray = field(init=False)
    level_x: np.ndarray = field(init=False)  # conductances of all levels, over ``unit``
    level_y: np.ndarray = field(init=False)
    level_z: np.ndarray = field(init=False)
    level_c: np.ndarray = field(init=False)
    u: np.ndarray = field(init=False)
    v: np.ndarray = field(init=False)  # work space
    f: np.ndarray = field(init=False)
    work: np.ndarray = field(init=False)  # of the conjugate gradients, two vectors of the box
    node: np.ndarray = field(init=False)  # per level: value, right-hand side, sum of conductances
    network: Network = field(init=False)  # of the last level

    def __post_init__(self) -> None:
        self.levels = plan_levels(self.shape, self.spacing)
        last = self.levels[-1]
        ends = last[CELLS:] + np.array(_sizes(tuple(last[NX : NZ + 1])))
        cells, xfaces, yfaces, zfaces = (int(n) for n in ends)
        nx, ny, nz = self.shape
        self.gx = np.zeros((2, nx + 1, ny, nz + 2))
        self.gy = np.zeros((2, nx + 2, ny if ny > 1 else 0, nz + 2))
        self.gz = np.zeros((2, nx + 2, ny, nz + 1))
        self.coupling = np.zeros((nx + 2, ny, nz + 2))
        self.level_x, self.level_y, self.level_z, self.u, self.v, self.f = (
            np.zeros(2 * n, dtype=np.float32) for n in (xfaces, yfaces, zfaces, cells, cells, cells)
        )
        self.work = np.zeros((2, 2, nx + 2, ny, nz + 2), dtype=np.float32)
        self.level_c = np.zeros(cells, dtype=np.float32)
        self.node = np.zeros((len(self.levels), 3))
        self.network = Network(int(last[NX] * last[NY] * last[NZ]), 3 if ny > 1 else 2)

    @property
    def coarse(self) -> tuple[np.ndarray | tuple[np.ndarray, ...], ...]:
        """Return the levels' arrays, as the compiled functions take them."""
        faces = (self.level_x, self.level_y, self.level_z)
        return (self.levels, *faces, self.level_c, self.u, self.v, self.f, self.node, self.network.arrays)

    def finest(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return gx, gy, gz and coupling of the box, to be filled."""
        return self.gx, self.gy, self.gz, self.coupling


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
    few = max(NETWORK_CELLS, NETWORK_SHARE * shape[0] * shape[1] * shape[2])
    while True:
        rows.append([*n, 1, 1, 1, *offsets])
        if n[0] * n[1] * n[2] <= few:
            return np.array(rows, dtype=np.int64)
        offsets = [start + size for start, size in zip(offsets, _sizes((n[0], n[1], n[2])), strict=True)]
        shortest = min(h[a] for a in range(3) if n[a] > 1)
        for a in range(3):
            if n[a] > 1 and h[a] <= 1.5 * shortest:
                rows[-1][FX + a] = 2
                n[a] = (n[a] + 1) // 2
                h[a] *= 2
