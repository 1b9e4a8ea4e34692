"""Uniform Cartesian grid: shape, spacing, sides. Knows no field and no solver."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

Lateral = Literal["periodic", "mirror"]


@dataclass(frozen=True)
class Grid:
    """Describe cells of a box; arrays on it are indexed ``[x, y]`` (``[x, y, z]`` in 3-D).

    The current flows along axis 0 (x). A 1-D grid is ``n x 1``: every array has at least two axes.

    Parameters
    ----------
    shape : number of cells along each axis, ``(nx, ny)``.
    spacing : cell size along each axis [m]; may differ between axes.
    lateral : what lies beyond the sides of axes 1 and 2: ``"periodic"`` or ``"mirror"`` (no flux).
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    lateral: Lateral = "periodic"

    def __post_init__(self) -> None:
        if len(self.shape) != len(self.spacing) or len(self.shape) not in (2, 3):
            raise ValueError(f"shape {self.shape} and spacing {self.spacing} need the same length, 2 or 3")
        if min(self.shape) < 1 or min(self.spacing) <= 0.0:
            raise ValueError(f"shape {self.shape} and spacing {self.spacing} must be positive")

    @property
    def size(self) -> int:
        """Return the number of cells."""
        return math.prod(self.shape)

    @property
    def dimension(self) -> int:
        """Return the number of axes with more than one cell, at least 1."""
        return max(1, sum(n > 1 for n in self.shape))

    @property
    def lengths(self) -> tuple[float, ...]:
        """Return the edge lengths of the box [m]."""
        return tuple(n * d for n, d in zip(self.shape, self.spacing, strict=True))

    @property
    def cell_volume(self) -> float:
        """Return the volume of a cell [m^3]; in 2-D per metre of depth [m^2]."""
        return math.prod(self.spacing)

    @property
    def cross_section(self) -> float:
        """Return the area that the current crosses [m^2]; in 2-D per metre of depth [m]."""
        return math.prod(self.lengths[1:])

    @property
    def box_shape(self) -> tuple[int, int, int]:
        """Return the shape as a box with three axes: a 2-D grid is one layer along the middle axis.

        Kernels work on boxes, the last axis innermost: so they run along memory in 2-D and in 3-D.
        """
        return (
            (self.shape[0], self.shape[1], self.shape[2]) if len(self.shape) == 3 else (self.shape[0], 1, self.shape[1])
        )

    @property
    def box_spacing(self) -> tuple[float, float, float]:
        """Return the cell sizes of the box [m]; the layer of a 2-D grid is 1 m thick."""
        return self.spacing if len(self.spacing) == 3 else (self.spacing[0], 1.0, self.spacing[1])

    def box_faces(self, fields: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return one array on faces per axis of the grid (``face_shape``) as one per axis of the box; views.

        The layer of a 2-D grid has no faces along the middle axis: an empty array stands for them.
        """
        if len(self.shape) == 3:
            return fields[0], fields[1], fields[2]
        nx, ny = self.shape
        return fields[0].reshape(nx + 1, 1, ny), np.zeros((nx, 0, ny)), fields[1].reshape(nx, 1, ny + 1)

    def face_area(self, axis: int) -> float:
        """Return the area of a cell face normal to ``axis`` [m^2]; in 2-D per metre of depth [m]."""
        return self.cell_volume / self.spacing[axis]

    def centres(self, axis: int) -> np.ndarray:
        """Return the cell centres along ``axis`` [m], shape ``(n,)``; the box starts at 0."""
        return (np.arange(self.shape[axis]) + 0.5) * self.spacing[axis]

    def meshgrid(self) -> tuple[np.ndarray, ...]:
        """Return the cell-centre coordinates [m], one array of ``shape`` per axis."""
        return tuple(np.meshgrid(*(self.centres(a) for a in range(len(self.shape))), indexing="ij"))

    def face_shape(self, axis: int) -> tuple[int, ...]:
        """Return the shape of an array on the faces normal to ``axis``: one more than the cells.

        Face ``i`` lies between cells ``i - 1`` and ``i``. On a periodic lateral axis faces ``0`` and
        ``n`` are the same face and hold the same value; on a mirror axis both are closed.
        """
        return tuple(n + (a == axis) for a, n in enumerate(self.shape))
