"""Grains with simple exact geometry: a single crystal, a bicrystal, a brick wall."""

from __future__ import annotations

import numpy as np

from microstructures.tessellation import Facets, Tessellation, axes_with_grains, ceramic_box, from_facets
from phasefield.grid import Grid

# Cell centres may lie on a boundary; this share of a brick or box decides for them in spite of rounding.
TIE = 1e-9


def single_crystal(grid: Grid, electrode_plane: float) -> Tessellation:
    """Return one grain that fills the ceramic."""
    lower, upper = ceramic_box(grid, electrode_plane)
    axes = lower.size
    nothing = np.zeros(0)
    facets = Facets(nothing.astype(int), nothing.astype(int), np.zeros((0, axes)), nothing, nothing)

    def locate(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(len(points), dtype=int), points - lower

    volume = np.array([np.prod(upper - lower)])
    return from_facets(np.array([1]), facets, np.zeros((0, axes)), np.zeros((0, 2, axes)), volume, locate)


def bicrystal(grid: Grid, electrode_plane: float, angle: float, offset: float = 0.0) -> Tessellation:
    """Return two grains with one plane boundary, which in 3-D contains z.

    Parameters
    ----------
    angle : tilt of the boundary against x [rad]: 0 is along x (and the current), π/2 across.
    offset : shift of the boundary from the centre of the ceramic along its normal (-sin, cos) of ``angle`` [m].

    On periodic sides the boundary must be along x or across it: another one would not meet itself. Along x, one
    boundary repeats with the period and the grains go on across the sides without a second one.
    """
    lower, upper = ceramic_box(grid, electrode_plane)
    direction = np.array([np.cos(angle), np.sin(angle)])
    direction[np.abs(direction) < 1e-12] = 0.0
    if grid.lateral == "periodic" and np.all(direction != 0.0):
        raise ValueError(
            f"a grain boundary tilted by {np.degrees(angle):g} deg does not meet itself across periodic sides: "
            'use lateral = "mirror", or an angle of 0 or 90 deg'
        )
    normal = np.zeros(lower.size)
    normal[:2] = -direction[1], direction[0]
    point = 0.5 * (lower + upper) + offset * normal
    depth = float(np.prod(upper[2:]))
    ends = _ends_inside(point[:2], direction, lower[:2], upper[:2])
    area = float(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1).sum()) * depth
    beyond = _area_beyond(point[:2], normal[:2], lower[:2], upper[:2]) * depth
    facets = Facets(
        cell=np.array([0, 1]),
        neighbour=np.array([2, 1]),
        normal=np.stack([normal, -normal]),
        offset=np.zeros(2),
        area=np.full(2, area),
    )

    def locate(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        relative = points - point
        return (relative @ normal >= -TIE * upper.min()).astype(int), relative

    edges = ends if lower.size == 2 else np.zeros((0, 2, 3))  # no lines where three grains meet
    volume = np.array([float(np.prod(upper - lower)) - beyond, beyond])
    return from_facets(np.array([1, 2]), facets, np.zeros((0, lower.size)), edges, volume, locate, repeats=False)


def _ends_inside(point: np.ndarray, direction: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Return the ends of the part of a straight line in a rectangle, ``(1, 2, 2)``; ``(0, 2, 2)`` if it is not inside."""
    start, end = -np.inf, np.inf
    for p, d, low, high in zip(point, direction, lower, upper, strict=True):
        if d != 0.0:
            first, second = sorted(((low - p) / d, (high - p) / d))
            start, end = max(start, first), min(end, second)
        elif not low < p < high:
            return np.zeros((0, 2, 2))
    if start >= end:
        return np.zeros((0, 2, 2))
    return np.array([[point + start * direction, point + end * direction]])


def _area_beyond(point: np.ndarray, normal: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> float:
    """Return the area of the part of a rectangle that lies beyond a line through ``point``, on the side of ``normal``."""
    corners = np.array([lower, [upper[0], lower[1]], upper, [lower[0], upper[1]]])
    height = (corners - point) @ normal
    kept: list[np.ndarray] = []
    for k in range(4):
        following = (k + 1) % 4
        if height[k] >= 0.0:
            kept.append(corners[k])
        if height[k] * height[following] < 0.0:
            share = height[k] / (height[k] - height[following])
            kept.append(corners[k] + share * (corners[following] - corners[k]))
    if len(kept) < 3:
        return 0.0
    x, y = np.array(kept).T
    return 0.5 * abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)))


def bricks(grid: Grid, electrode_plane: float, grain_size: float) -> Tessellation:
    """Return a running-bond brick wall: layers stacked along x, every second one shifted by half a brick.

    Parameters
    ----------
    grain_size : edge length of a brick [m]; rounded so that whole bricks fill the ceramic.

    In 3-D every second layer is shifted along y and z. On mirror sides the shifted layers begin and end with half a
    brick. Along a lateral axis of one cell there is one brick.
    """
    lower, upper = ceramic_box(grid, electrode_plane)
    active = axes_with_grains(grid)
    # a lateral axis holds half bricks: cells of the tessellation are halves in 2-D, quarters in 3-D
    count = np.where(active, np.maximum(1, np.round((upper - lower) / grain_size)).astype(int), 1)
    parts = tuple(np.where(active & (np.arange(active.size) > 0), 2 * count, count))
    edges = (upper - lower) / parts
    periodic = grid.lateral == "periodic"
    grain = _brick_numbers(parts, periodic)

    def locate(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        part = np.floor((points - lower) / edges + TIE).astype(int)
        if periodic:
            part[:, 0] = np.clip(part[:, 0], 0, parts[0] - 1)
        else:
            part = np.clip(part, 0, np.array(parts) - 1)
        cell = np.ravel_multi_index(tuple(part.T), parts, mode="wrap")
        return cell, points - (lower + (part + 0.5) * edges)

    facets = _brick_facets(grain, edges, periodic)
    return from_facets(
        grain.ravel(),
        facets,
        _brick_junctions(grain, lower, edges, active, periodic),
        _brick_edges(grain, lower, edges, active, periodic),
        np.full(grain.size, np.prod(edges)),
        locate,
    )


def _brick_numbers(parts: tuple[int, ...], periodic: bool) -> np.ndarray:
    """Return the brick, 1, 2, …, of each part of a wall, ``parts``: a layer along axis 0, half bricks along the others."""
    layer, *columns = np.indices(parts)
    name = layer
    for column, halves in zip(columns, parts[1:], strict=True):
        brick = (column + layer % 2) // 2
        # one more brick than fit into a row is enough for a shifted layer; unique closes the gaps in the numbers
        bricks = max(1, halves // 2)
        name = name * (bricks + 1) + (brick % bricks if periodic else brick)
    return np.unique(name, return_inverse=True)[1].reshape(parts) + 1


def _brick_facets(grain: np.ndarray, edges: np.ndarray, periodic: bool) -> Facets:
    """Return the facets of all parts of bricks towards lower and higher x, y, …; ``edges`` of a part [m]."""
    cell = np.arange(grain.size).reshape(grain.shape)
    found = []
    for axis, edge in enumerate(edges):
        area = float(np.prod(np.delete(edges, axis)))
        for side in (-1, 1):
            neighbour = np.roll(grain, -side, axis=axis)
            inside = np.ones(grain.shape, dtype=bool)
            if axis == 0 or not periodic:
                np.moveaxis(inside, axis, 0)[0 if side < 0 else -1] = False
            count = int(inside.sum())
            normal = np.zeros((count, edges.size))
            normal[:, axis] = side
            found.append((cell[inside], neighbour[inside], normal, np.full(count, 0.5 * edge), np.full(count, area)))
    return Facets(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _brick_junctions(
    grain: np.ndarray, lower: np.ndarray, edges: np.ndarray, active: np.ndarray, periodic: bool
) -> np.ndarray:
    """Return the corners of parts of bricks where three bricks meet, in 3-D four, ``(n, axes)`` [m]."""
    around = grain[None]
    for axis in np.flatnonzero(active):
        around = np.concatenate([np.roll(around, 1, axis=axis + 1), around])
    distinct = 1 + np.count_nonzero(np.diff(np.sort(around, axis=0), axis=0), axis=0)
    meeting = distinct >= max(3, 1 + int(active.sum()))
    for axis in np.flatnonzero(active):
        if axis == 0 or not periodic:
            np.moveaxis(meeting, axis, 0)[0] = False
    return lower + (np.stack(np.nonzero(meeting), axis=1) + np.where(active, 0.0, 0.5)) * edges


def _brick_edges(
    grain: np.ndarray, lower: np.ndarray, edges: np.ndarray, active: np.ndarray, periodic: bool
) -> np.ndarray:
    """Return the edges of parts around which as many bricks meet as there are axes, ``(n, 2, axes)`` [m]."""
    found = []
    for along in np.flatnonzero(active):
        across = [axis for axis in np.flatnonzero(active) if axis != along]
        around = grain[None]
        for axis in across:
            around = np.concatenate([np.roll(around, 1, axis=axis + 1), around])
        distinct = 1 + np.count_nonzero(np.diff(np.sort(around, axis=0), axis=0), axis=0)
        meeting = distinct >= int(active.sum())
        for axis in across:
            if axis == 0 or not periodic:
                np.moveaxis(meeting, axis, 0)[0] = False
        start = lower + (np.stack(np.nonzero(meeting), axis=1) + np.where(active, 0.0, 0.5)) * edges
        found.append(np.stack([start, start + np.eye(active.size)[along] * edges], axis=1))
    return np.concatenate(found)
