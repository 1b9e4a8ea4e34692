"""FiPy's grids for the referee: which cells its faces part, and along which axis."""

from __future__ import annotations

from typing import Any

import fipy
import numpy as np

from phasefield.grid import Grid

# Which lateral axes are periodic: the end of FiPy's name for such a grid.
PERIODIC = {(): "", (1,): "TopBottom", (2,): "FrontBack", (1, 2): "TopBottomFrontBack"}


def make_mesh(grid: Grid) -> Any:
    """Return the FiPy mesh of a grid; an axis of one cell has no faces that could be periodic."""
    axes = tuple(a for a in range(1, len(grid.shape)) if grid.shape[a] > 1 and grid.lateral == "periodic")
    name = f"{'Periodic' if axes else ''}Grid{len(grid.shape)}D{PERIODIC[axes]}"
    cells = {f"n{axis}": n for axis, n in zip("xyz", grid.shape, strict=False)}
    sizes = {f"d{axis}": d for axis, d in zip("xyz", grid.spacing, strict=False)}
    return getattr(fipy, name)(**cells, **sizes)


class Faces:
    """Know the cells on both sides of every FiPy face, its axis, and how to move between orders.

    Attributes run over all faces; an outer face has the same cell on both sides, so that every difference over it is 0.
    """

    def __init__(self, grid: Grid, mesh: Any) -> None:
        self.grid = grid
        cells = np.ma.masked_array(mesh.faceCellIDs)
        first, second = np.ma.getdata(cells).astype(int)
        self.first = first
        self.second = np.where(np.ma.getmaskarray(cells)[1], first, second)
        self.axis = np.abs(np.asarray(mesh.faceNormals)).argmax(axis=0)
        self.distance = np.array(grid.spacing)[self.axis]
        self._centres = np.asarray(mesh.faceCenters)

    def flat(self, values: np.ndarray) -> np.ndarray:
        """Return an array of the grid in FiPy's order, x fastest."""
        return np.ravel(values, order="F").copy()

    def shaped(self, values: np.ndarray) -> np.ndarray:
        """Return an array in FiPy's order as one of the grid."""
        return np.ascontiguousarray(np.reshape(values, self.grid.shape, order="F"))

    def layer(self, index: int) -> np.ndarray:
        """Return the numbers of the cells of a layer along x."""
        return np.arange(index, self.grid.size, self.grid.shape[0])

    def of_axes(self, fields: tuple[np.ndarray, ...]) -> np.ndarray:
        """Return one array per axis on the grid's faces (``Grid.face_shape``) as one over FiPy's faces."""
        values = np.zeros(self.axis.size)
        for axis, field in enumerate(fields):
            here = np.flatnonzero(self.axis == axis)
            places = self._centres[:, here] / np.array(self.grid.spacing)[:, None]
            index = [np.rint(x) if a == axis else np.floor(x) for a, x in enumerate(places)]
            values[here] = field[tuple(i.astype(int) for i in index)]
        return values

    def sides(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return cell values on the first and on the second side of every face."""
        return values[self.first], values[self.second]

    def rise(self, values: np.ndarray) -> np.ndarray:
        """Return (second - first) / distance on every face."""
        return (values[self.second] - values[self.first]) / self.distance

    def gather(self, for_first: np.ndarray, for_second: np.ndarray) -> np.ndarray:
        """Return for every cell the sum of what its faces hold for it."""
        size = self.grid.size
        return np.bincount(self.first, for_first, size) + np.bincount(self.second, for_second, size)

    def vector(self, values: np.ndarray) -> np.ndarray:
        """Return a flux along every face's axis, > 0 from first to second, as FiPy's vector; outer faces are closed."""
        vectors = np.zeros((len(self.grid.shape), self.axis.size))
        vectors[self.axis, np.arange(self.axis.size)] = np.where(self.first == self.second, 0.0, values)
        return vectors

    def through_planes(self, flux: np.ndarray) -> np.ndarray:
        """Return the sum of a flux over the faces before every layer of cells along x, times their area."""
        here = np.flatnonzero((self.axis == 0) & (self.first != self.second))
        plane = np.rint(self._centres[0, here] / self.grid.spacing[0]).astype(int)
        return np.bincount(plane, flux[here], self.grid.shape[0]) * self.grid.face_area(0)
