"""Random systems of the form that ``numerics.multigrid`` solves, and the same as a matrix assembled another way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import sparse

from phasefield.numerics import krylov, multigrid
from phasefield.numerics import levels as levels_module


@dataclass
class BlockSystem:
    """Hold the finest level of a hierarchy; vectors list u_0, u_1 cell by cell and, if it is free, the node."""

    hierarchy: multigrid.Hierarchy
    free_node: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        return (2, *self.hierarchy.shape)

    @property
    def size(self) -> int:
        return 2 * self.hierarchy.shape[0] * self.hierarchy.shape[1] + self.free_node

    def pad(self, vector: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the cells with ghosts (0) around them, and the node's value."""
        cells = vector[: self.size - self.free_node].reshape(self.shape)
        return np.pad(cells, ((0, 0), (1, 1), (1, 1))), float(vector[-1]) if self.free_node else 0.0

    def flatten(self, padded: np.ndarray, node: float) -> np.ndarray:
        cells = padded[:, 1:-1, 1:-1].ravel()
        return np.append(cells, node) if self.free_node else cells

    def apply(self, vector: np.ndarray) -> np.ndarray:
        """Return A times ``vector`` by the compiled operator."""
        u, node = self.pad(vector)
        multigrid.fill_ghosts(u, node)
        out = np.zeros_like(u)
        row, _ = krylov.apply_operator(u, *self.hierarchy.finest(), self.free_node, out)
        return self.flatten(out, row)

    def precondition(self, vector: np.ndarray, sweeps: int = 2) -> np.ndarray:
        """Return one V-cycle's answer to the right-hand side ``vector``."""
        h = self.hierarchy
        f, node = self.pad(vector)
        levels_module.cell_view(h.f, h.levels, 0, 2)[:] = f
        h.node[0, 1] = node
        multigrid.v_cycle(*h.arrays, self.free_node, sweeps, False)
        return self.flatten(levels_module.cell_view(h.u, h.levels, 0, 2), h.node[0, 0])

    def matrix(self) -> sparse.csr_array:
        """Return A as a sparse matrix, put together link by link."""
        gx, gy, coupling = self.hierarchy.finest()
        _, nx, ny = self.shape
        index = np.arange(2 * nx * ny).reshape(self.shape)
        node = np.full((2, ny), 2 * nx * ny)
        links = [
            (index[:, :-1], index[:, 1:], gx[:, 1:nx, 1:-1]),
            (index[:, -1], node, gx[:, nx, 1:-1]),
            (index[:, :, :-1], index[:, :, 1:], gy[:, 1:-1, 1:ny]),
            (index[:, :, -1], index[:, :, 0], gy[:, 1:-1, 0]),
            (index[0], index[1], coupling[1:-1, 1:-1]),
        ]
        a, b, g = (np.concatenate([np.ravel(link[part]) for link in links]) for part in range(3))
        ground, to_ground = index[:, 0].ravel(), gx[:, 0, 1:-1].ravel()
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
        shape: tuple[int, int],
        periodic: bool = True,
        free_node: bool = True,
        decades: float = 3.0,
        spacing: tuple[float, float] = (1.0, 1.0),
        seed: int = 1,
    ) -> BlockSystem:
        rng = np.random.default_rng(seed)
        hierarchy = multigrid.Hierarchy(shape, spacing)
        gx, gy, coupling = hierarchy.finest()
        gx[:, :, 1:-1] = 10.0 ** -rng.uniform(0.0, decades, gx[:, :, 1:-1].shape) * spacing[1] / spacing[0]
        coupling[1:-1, 1:-1] = 10.0 ** -rng.uniform(0.0, decades, shape)
        if shape[1] > 1:
            gy[:, 1:-1] = 10.0 ** -rng.uniform(0.0, decades, gy[:, 1:-1].shape) * spacing[0] / spacing[1]
            gy[:, :, 0] = gy[:, :, -1] if periodic else 0.0
            gy[:, :, -1] = gy[:, :, 0]
        multigrid.set_up(*hierarchy.arrays, free_node)
        return BlockSystem(hierarchy, free_node)

    return make
