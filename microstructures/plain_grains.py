"""Grains with simple exact geometry: a single crystal, a bicrystal, a brick wall."""

from __future__ import annotations

import numpy as np

from microstructures.tessellation import Facets, Tessellation, ceramic_box, from_facets
from phasefield.grid import Grid

# Cell centres may lie on a boundary; this share of a brick or box decides for them in spite of rounding.
TIE = 1e-9


def single_crystal(grid: Grid, electrode_plane: float) -> Tessellation:
    """Return one grain that fills the ceramic."""
    lower, _ = ceramic_box(grid, electrode_plane)
    axes = lower.size
    nothing = np.zeros(0)
    facets = Facets(nothing.astype(int), nothing.astype(int), np.zeros((0, axes)), nothing, nothing)

    def locate(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(len(points), dtype=int), points - lower

    return from_facets(np.array([1]), facets, np.zeros((0, axes)), locate)


def bicrystal(grid: Grid, electrode_plane: float, angle: float, offset: float = 0.0) -> Tessellation:
    """Return two grains with one straight boundary.

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
    normal = np.array([-direction[1], direction[0]])
    point = 0.5 * (lower + upper) + offset * normal
    facets = Facets(
        cell=np.array([0, 1]),
        neighbour=np.array([2, 1]),
        normal=np.stack([normal, -normal]),
        offset=np.zeros(2),
        area=np.full(2, _length_inside(point, direction, lower, upper)),
    )

    def locate(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        relative = points - point
        return (relative @ normal >= -TIE * upper.min()).astype(int), relative

    return from_facets(np.array([1, 2]), facets, np.zeros((0, 2)), locate, repeats=False)


def _length_inside(point: np.ndarray, direction: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> float:
    """Return the length of a straight line inside a box [m]; along an axis it counts if it lies inside."""
    start, end = -np.inf, np.inf
    for p, d, low, high in zip(point, direction, lower, upper, strict=True):
        if d != 0.0:
            first, second = sorted(((low - p) / d, (high - p) / d))
            start, end = max(start, first), min(end, second)
        elif not low < p < high:
            return 0.0
    return max(0.0, end - start)


def bricks(grid: Grid, electrode_plane: float, grain_size: float) -> Tessellation:
    """Return a running-bond brick wall: layers stacked along x, every second one shifted by half a brick.

    Parameters
    ----------
    grain_size : edge length of a brick [m]; rounded so that whole bricks fill the ceramic.

    On mirror sides the shifted layers begin and end with half a brick. A 1-D grid gets one brick per layer.
    """
    lower, upper = ceramic_box(grid, electrode_plane)
    layers, columns = (max(1, round(length / grain_size)) for length in upper - lower)
    halves = 2 * columns if grid.shape[1] > 1 else 1
    height, half = (upper[0] - lower[0]) / layers, upper[1] / halves
    layer, column = np.indices((layers, halves))
    periodic = grid.lateral == "periodic"
    brick = (column + layer % 2) // 2
    brick = brick % columns if periodic else brick
    # one more brick than columns would be enough for a shifted layer; unique closes the gaps in the numbers
    _, grain = np.unique(layer * (columns + 1) + brick, return_inverse=True)
    grain = grain.reshape(layers, halves) + 1

    def locate(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        k = np.clip(np.floor((points[:, 0] - lower[0]) / height + TIE).astype(int), 0, layers - 1)
        c = np.floor(points[:, 1] / half + TIE).astype(int)
        c = c if periodic else np.clip(c, 0, halves - 1)
        centre = np.stack([lower[0] + (k + 0.5) * height, (c + 0.5) * half], axis=1)
        return k * halves + c % halves, points - centre

    facets = _half_brick_facets(grain, height, half, periodic)
    return from_facets(grain.ravel(), facets, _brick_junctions(grain, lower[0], height, half, periodic), locate)


def _half_brick_facets(grain: np.ndarray, height: float, half: float, periodic: bool) -> Facets:
    """Return the facets of all half bricks towards lower and higher x, lower and higher y."""
    cell = np.arange(grain.size).reshape(grain.shape)
    parts = []
    for axis, thickness, area in ((0, height, half), (1, half, height)):
        for side in (-1, 1):
            neighbour = np.roll(grain, -side, axis=axis)
            inside = np.ones(grain.shape, dtype=bool)
            if axis == 0 or not periodic:
                np.moveaxis(inside, axis, 0)[0 if side < 0 else -1] = False
            normal = np.zeros((int(inside.sum()), 2))
            normal[:, axis] = side
            parts.append((cell[inside], neighbour[inside], normal, thickness, area))
    sizes = [len(p[0]) for p in parts]
    return Facets(
        cell=np.concatenate([p[0] for p in parts]),
        neighbour=np.concatenate([p[1] for p in parts]),
        normal=np.concatenate([p[2] for p in parts]),
        offset=np.repeat([0.5 * p[3] for p in parts], sizes),
        area=np.repeat([p[4] for p in parts], sizes),
    )


def _brick_junctions(grain: np.ndarray, plane: float, height: float, half: float, periodic: bool) -> np.ndarray:
    """Return where the joint between two bricks of a layer meets the layer below or above, ``(n, 2)`` [m]."""
    joint = grain != np.roll(grain, 1, axis=1)
    if not periodic:
        joint[:, 0] = False
    layer, column = np.nonzero(joint[1:] | joint[:-1])
    return np.stack([plane + (layer + 1) * height, column * half], axis=1)
