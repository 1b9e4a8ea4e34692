"""Balls and capsules on a grid: the share of each cell that they fill, and the distance from their surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microstructures.tessellation import axes_with_grains
from phasefield.grid import Grid

SUBSAMPLES = 8  # per axis; each sub-cell is covered in proportion, not in or out
FAR = 1e30  # times the unit of length: no cut


@dataclass(frozen=True)
class Bodies:
    """List capsules: all that is nearer than a radius to a straight line. A ball is a capsule without length.

    In 2-D capsules are stadiums and balls are discs. Bodies may reach across the sides of the box: periodic images are
    drawn as well, and what lies beyond other sides is cut off.

    Parameters
    ----------
    start, end : ``(n, axes)``: ends of the lines [m].
    radius : ``(n,)`` [m].
    low, high : ``(n,)``: the planes along x that cut the bodies off [m]; -inf and inf for none.
    """

    start: np.ndarray
    end: np.ndarray
    radius: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def count(self) -> int:
        """Return how many there are."""
        return len(self.radius)


def capsules(
    start: np.ndarray, end: np.ndarray, radius: np.ndarray | float, low: float = -np.inf, high: float = np.inf
) -> Bodies:
    """Return capsules around lines ``(n, axes)`` [m], ``radius`` ``(n,)`` or one for all [m], cut off at ``low``, ``high``."""
    n = len(start)
    return Bodies(start, end, np.broadcast_to(np.asarray(radius, dtype=float), n), np.full(n, low), np.full(n, high))


def balls(centres: np.ndarray, radius: np.ndarray | float) -> Bodies:
    """Return balls around ``centres`` ``(n, axes)`` [m] of ``radius`` ``(n,)`` or one for all [m]."""
    return capsules(centres, centres, radius)


def together(*groups: Bodies) -> Bodies:
    """Return the bodies of all groups, in their order; there must be one group at least."""
    names = ("start", "end", "radius", "low", "high")
    return Bodies(*(np.concatenate([getattr(group, name) for group in groups]) for name in names))


def coverage(grid: Grid, bodies: Bodies, subsamples: int = SUBSAMPLES) -> np.ndarray:
    """Return the share of each cell inside bodies, which may overlap, ``grid.shape``; exactly 0 and 1 off their rims.

    Cells on a rim are cut into ``subsamples`` sub-cells per axis; each is covered in proportion by the body that covers
    most of it.
    """
    # Numba is imported where something is drawn
    from microstructures.body_kernels import cover, find

    shape, spacing, pieces = _as_boxes(grid, bodies)
    fraction = np.zeros(shape)
    reach = 0.5 * float(np.linalg.norm(grid.spacing))
    nothing = np.zeros(0, dtype=np.int64)
    pairs = find(fraction, spacing, *pieces, reach, nothing, nothing)
    cell, body = np.empty(pairs, dtype=np.int64), np.empty(pairs, dtype=np.int64)
    find(fraction, spacing, *pieces, reach, cell, body)
    open_cell = fraction.ravel()[cell] < 1.0  # others lie in another body
    cell, body = cell[open_cell], body[open_cell]
    order = np.argsort(cell, kind="stable")
    cell, body = cell[order], body[order]
    first = np.append(np.flatnonzero(np.diff(cell, prepend=-1)), cell.size)
    parts = np.array([subsamples if cut else 1 for cut in (*axes_with_grains(grid), False)][:3])
    cover(fraction, spacing, *pieces, reach, cell, body, first, parts)
    return fraction.reshape(grid.shape)


def depth_inside(grid: Grid, bodies: Bodies, reach: float) -> np.ndarray:
    """Return how deep inside the bodies each cell's centre lies [m], ``grid.shape``; < 0 outside, -inf beyond ``reach``.

    The distance is that from the surface of the body in which the centre lies deepest: exact outside; where bodies
    overlap it is less than the depth inside their union.
    """
    from microstructures.body_kernels import deepen

    shape, spacing, pieces = _as_boxes(grid, bodies, reach)
    depth = np.full(shape, -np.inf)
    deepen(depth, spacing, *pieces, reach)
    return depth.reshape(grid.shape)


def pieces_and_images(grid: Grid, bodies: Bodies, reach: float) -> Bodies:
    """Cut long capsules into pieces about as long as wide and add their periodic images near the box.

    Pieces fill tight boxes, along axes that the grid has; their union is the body. ``reach`` [m]: what counts as near.
    """
    count = np.maximum(1, np.ceil(np.linalg.norm(bodies.end - bodies.start, axis=1) / (2.0 * bodies.radius))).astype(
        int
    )
    whole = np.repeat(np.arange(bodies.count), count)
    number = np.arange(whole.size) - np.repeat(np.cumsum(count) - count, count)
    step = (bodies.end - bodies.start)[whole] / count[whole, None]
    start = bodies.start[whole] + number[:, None] * step
    end = start + step
    last = number == count[whole] - 1
    end[last] = bodies.end[whole[last]]
    radius, low, high = bodies.radius[whole], bodies.low[whole], bodies.high[whole]
    for axis in range(1, len(grid.shape)):
        if grid.lateral != "periodic" or grid.shape[axis] == 1:
            continue
        length = grid.lengths[axis]
        shift = np.zeros(len(grid.shape))
        found = []
        for n in (0, -1, 1, -2, 2):  # an edge of the network may end beyond the next period
            shift[axis] = n * length
            outer = radius + reach
            near = np.minimum(start[:, axis], end[:, axis]) + shift[axis] - outer < length
            near &= np.maximum(start[:, axis], end[:, axis]) + shift[axis] + outer > 0.0
            found.append((start[near] + shift, end[near] + shift, radius[near], low[near], high[near]))
        start, end, radius, low, high = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return Bodies(start, end, radius, low, high)


def _as_boxes(
    grid: Grid, bodies: Bodies, reach: float = 0.0
) -> tuple[tuple[int, int, int], np.ndarray, tuple[np.ndarray, ...]]:
    """Return shape, spacing and pieces of bodies with three axes; nothing changes along axes of one cell."""
    near = pieces_and_images(grid, bodies, reach)
    n = near.count
    shape = (*grid.shape, 1)[:3]
    spacing = np.array((*grid.spacing, 1.0)[:3])
    start, end = np.zeros((n, 3)), np.zeros((n, 3))
    for axis, cells in enumerate(shape):
        if axis > 0 and cells == 1:
            start[:, axis] = end[:, axis] = 0.5 * spacing[axis]
        else:
            start[:, axis], end[:, axis] = near.start[:, axis], near.end[:, axis]
    cuts = [_on_faces(plane, spacing[0]) for plane in (near.low, near.high)]
    return (shape[0], shape[1], shape[2]), spacing, (start, end, near.radius.copy(), *cuts)


def _on_faces(plane: np.ndarray, spacing: float) -> np.ndarray:
    """Return planes along x, those within rounding of a face between cells moved onto it, infinite ones far away [m]."""
    index = np.clip(plane / spacing, -FAR, FAR)
    nearest = np.round(index)
    return np.where(np.abs(index - nearest) < 1e-6, nearest, index) * spacing


def subsample_offsets(grid: Grid) -> np.ndarray:
    """Return the centres of a cell's sub-cells relative to its own centre [m], ``(n, axes)``.

    Nothing differs along a lateral axis of one cell: there is no cut across it.
    """
    steps = (np.arange(SUBSAMPLES) + 0.5) / SUBSAMPLES - 0.5
    cut = zip(grid.spacing, axes_with_grains(grid), strict=True)
    offsets = np.meshgrid(*(steps * d if active else np.zeros(1) for d, active in cut), indexing="ij")
    return np.stack([o.ravel() for o in offsets], axis=1)


def pore_surface_density(pore_fraction: np.ndarray, grid: Grid) -> np.ndarray:
    """Return the area of pore surface per volume of each cell, |grad p| [1/m], ``grid.shape``.

    Central differences: the sum over a pore is its surface to some percent where its radius is two cells or more.
    """
    pad = [(1, 1)] + [(1, 1)] * (pore_fraction.ndim - 1)
    padded = np.pad(pore_fraction, pad, mode="wrap" if grid.lateral == "periodic" else "edge")
    padded[0], padded[-1] = padded[1], padded[-2]
    squares = np.zeros(grid.shape)
    for axis, (n, d) in enumerate(zip(grid.shape, grid.spacing, strict=True)):
        inner = [slice(1, -1)] * pore_fraction.ndim
        low, high = inner.copy(), inner.copy()
        low[axis], high[axis] = slice(0, n), slice(2, n + 2)
        squares += ((padded[tuple(high)] - padded[tuple(low)]) / (2.0 * d)) ** 2
    return np.asarray(np.sqrt(squares))
