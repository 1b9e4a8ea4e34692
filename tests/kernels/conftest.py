"""Random systems of the form that ``numerics.multigrid`` solves, and the same as a matrix assembled another way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy import sparse

from phasefield.numerics import krylov, multigrid
from phasefield.numerics import levels as levels_module

INNER = (slice(None), slice(1, -1), slice(None), slice(1, -1))  # two padded boxes without their ghosts
Triple = tuple[int, int, int]


@dataclass
class BlockSystem:
    """Hold a system on a box; vectors list u_0, u_1 cell by cell and, if it is free, the node.

    ``faces[axis]``: ``(2, nx, ny, nz)`` and one more along the axis, face i before cell i; the first and the last
    lateral one are the same. ``coupling``: ``(nx, ny, nz)``. After a change of either call ``fill``, or ``set_up`` to
    make the levels of the preconditioner too.
    """

    faces: list[np.ndarray]
    coupling: np.ndarray
    free_node: bool
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
    hierarchy: multigrid.Hierarchy = field(init=False)

    def __post_init__(self) -> None:
        self.hierarchy = multigrid.Hierarchy(self.box, self.spacing)
        self.fill()

    def fill(self) -> None:
        gx, gy, gz, coupling = self.hierarchy.finest()
        gx[:, :, :, 1:-1] = self.faces[0]
        gy[:, 1:-1, :, 1:-1] = self.faces[1][:, :, : gy.shape[2]]
        gz[:, 1:-1] = self.faces[2]
        coupling[1:-1, :, 1:-1] = self.coupling

    def set_up(self) -> None:
        self.fill()
        h = self.hierarchy
        multigrid.set_faces(h.gx, h.gy, h.gz, h.unit, h.coarse)
        multigrid.set_finest(h.gx, h.coupling, h.unit, h.coarse)
        multigrid.set_up(h.coarse, self.free_node)

    @property
    def box(self) -> Triple:
        nx, ny, nz = self.coupling.shape
        return nx, ny, nz

    @property
    def size(self) -> int:
        return 2 * self.coupling.size + self.free_node

    def pad(self, vector: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the cells with ghosts (0) around them, and the node's value."""
        cells = vector[: self.size - self.free_node].reshape(2, *self.box)
        return np.pad(cells, ((0, 0), (1, 1), (0, 0), (1, 1))), float(vector[-1]) if self.free_node else 0.0

    def flatten(self, padded: np.ndarray, node: float) -> np.ndarray:
        cells = padded[INNER].ravel()
        return np.append(cells, node) if self.free_node else cells

    def apply(self, vector: np.ndarray) -> np.ndarray:
        """Return A times ``vector`` by the compiled operator."""
        u, node = self.pad(vector)
        multigrid.fill_ghosts(u, node)
        out = np.zeros_like(u)
        row, _ = krylov.apply_operator(u, *self.hierarchy.finest(), self.free_node, out)
        return self.flatten(out, row)

    def precondition(self, vector: np.ndarray) -> np.ndarray:
        """Return one V-cycle's answer to the right-hand side ``vector``."""
        h = self.hierarchy
        f, node = self.pad(vector)
        levels_module.cell_view(h.f, h.levels, 0, 2)[:] = f
        h.node[0, 1] = node
        multigrid.v_cycle(h.coarse, self.free_node)
        return self.flatten(levels_module.cell_view(h.u, h.levels, 0, 2), h.node[0, 0])

    def matrix(self) -> sparse.csr_array:
        """Return A as a sparse matrix, put together link by link."""
        index = np.arange(2 * self.coupling.size).reshape(2, *self.box)
        node = np.full_like(index[:, -1], index.size)
        links = [(index[:, -1], node, self.faces[0][:, -1]), (index[0], index[1], self.coupling)]
        for axis, faces in enumerate(self.faces, start=1):
            inner = faces.take(range(1, index.shape[axis]), axis)
            links.append((np.delete(index, -1, axis), np.delete(index, 0, axis), inner))
            if axis > 1:
                links.append((index.take(-1, axis), index.take(0, axis), faces.take(0, axis)))
        a, b, g = (np.concatenate([np.ravel(link[part]) for link in links]) for part in range(3))
        ground, to_ground = index[:, 0].ravel(), self.faces[0][:, 0].ravel()
        rows, columns = np.concatenate([a, b, a, b, ground]), np.concatenate([a, b, b, a, ground])
        whole = sparse.csr_array((np.concatenate([g, g, -g, -g, to_ground]), (rows, columns)))
        return whole[: self.size, : self.size]

    def dense(self, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Return the matrix of a linear function, column by column."""
        return np.stack([function(unit) for unit in np.eye(self.size)], axis=1)


@pytest.fixture
def random_system() -> Callable[..., BlockSystem]:
    """Return a function that makes a system whose coefficients are spread evenly over some decades."""

    def make(
        shape: Triple,
        periodic: bool = True,
        free_node: bool = True,
        decades: float = 3.0,
        spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
        seed: int = 1,
    ) -> BlockSystem:
        rng = np.random.default_rng(seed)
        faces = []
        for axis, d in enumerate(spacing):
            along = (2, *(n + (a == axis) for a, n in enumerate(shape)))
            values = 10.0 ** -rng.uniform(0.0, decades, along) * np.prod(spacing) / d**2
            if axis > 0:
                first = values.take([0], axis + 1) if periodic and shape[axis] > 1 else 0.0
                ends = [slice(None)] * 4
                ends[axis + 1] = slice(None, None, shape[axis])
                values[tuple(ends)] = first
            faces.append(values)
        system = BlockSystem(faces, 10.0 ** -rng.uniform(0.0, decades, shape), free_node, spacing)
        system.set_up()
        return system

    return make
