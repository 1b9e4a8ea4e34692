"""Voronoi grains: seeds drawn at random, evened out by Lloyd steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import Voronoi, cKDTree

from microstructures.draws import uniform
from microstructures.tessellation import Facets, Tessellation, ceramic_box, from_facets
from phasefield.grid import Grid

SEED_STREAM = 0


@dataclass(frozen=True)
class _Diagram:
    """Ridges of a Voronoi diagram inside the box, as seen from the seeds: each from both of its sides.

    ``seed``, ``other`` : the seed and the (image of a) seed beyond; ``step`` from one to the other;
    ``measure`` : length; ``cone``, ``cone_centre`` : area and centroid of the triangle over the ridge with its tip
    in the seed; ``junctions`` : where three grains meet. Lengths are in units of the grain size.
    """

    seed: np.ndarray
    other: np.ndarray
    step: np.ndarray
    measure: np.ndarray
    cone: np.ndarray
    cone_centre: np.ndarray
    junctions: np.ndarray


def voronoi(grid: Grid, electrode_plane: float, grain_size: float, seed: int = 1, relaxation: int = 2) -> Tessellation:
    """Return Voronoi grains; they depend on the box, the grain size and the seed, not on the grid's resolution.

    Parameters
    ----------
    grain_size : mean grain diameter [m]: that of the circle with the mean grain's area; the mean length in 1-D.
    seed : of the random positions, >= 0.
    relaxation : Lloyd steps (each seed moves to its cell's centroid): 0 is Poisson-Voronoi, more is more even.

    Laterally the grains are periodic or end at the sides (``grid.lateral``); along x they end at the ceramic.
    """
    lower, upper = ceramic_box(grid, electrode_plane)
    if grain_size <= 0.0 or relaxation < 0:
        raise ValueError(f"grain_size must be positive and relaxation >= 0, not {grain_size:g} and {relaxation}")
    active = np.array([True, grid.shape[1] > 1])
    mean = grain_size if active.sum() == 1 else 0.25 * np.pi * grain_size**2
    count = max(1, round(float(np.prod((upper - lower)[active])) / mean))
    low, high = lower / grain_size, upper / grain_size
    positions = low + (high - low) * uniform(seed, SEED_STREAM, 2 * count).reshape(count, 2)
    positions[:, ~active] = 0.5 * (low + high)[~active]

    periodic = grid.lateral == "periodic"
    diagram = _plane_diagram if active.all() else _line_diagram
    for _ in range(relaxation):
        positions = _centroids(diagram(positions, low, high, periodic), count)
        # rounding hides the last bits, in which machines differ
        positions = np.round(positions * 2.0**30) / 2.0**30
    return _tessellation(positions, diagram(positions, low, high, periodic), grain_size, upper[1], periodic)


def _tessellation(
    positions: np.ndarray, diagram: _Diagram, grain_size: float, period: float, periodic: bool
) -> Tessellation:
    """Convert a diagram in units of the grain size to a tessellation in metres."""
    # Seeds and mirror images of others meet in single points at the sides; whether those are listed is up to Qhull.
    real = diagram.measure > 1e-6
    distance = np.linalg.norm(diagram.step[real], axis=1)
    facets = Facets(
        cell=diagram.seed[real],
        neighbour=diagram.other[real] + 1,
        normal=diagram.step[real] / distance[:, None],
        offset=0.5 * distance * grain_size,
        area=diagram.measure[real] * grain_size,
    )
    shifts = (0.0, -period, period) if periodic else (0.0,)
    centres = np.concatenate([positions * grain_size + np.array([0.0, shift]) for shift in shifts])
    tree = cKDTree(centres)

    def locate(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        _, nearest = tree.query(points)
        return nearest % len(positions), points - centres[nearest]

    return from_facets(np.arange(len(positions)) + 1, facets, diagram.junctions * grain_size, locate)


def _centroids(diagram: _Diagram, count: int) -> np.ndarray:
    """Return the centroids of the cells, put together from the triangles over their ridges, ``(count, 2)``."""
    area = np.bincount(diagram.seed, diagram.cone, count)
    moments = [np.bincount(diagram.seed, diagram.cone * centre, count) for centre in diagram.cone_centre.T]
    return np.stack(moments, axis=1) / area[:, None]


def _plane_diagram(positions: np.ndarray, low: np.ndarray, high: np.ndarray, periodic: bool) -> _Diagram:
    """Return the Voronoi diagram inside a 2-D box.

    Mirror images of the seeds beyond a side make that side a ridge, which cuts the cells off exactly; periodic
    images do the rest.
    """
    count = len(positions)
    x, y = positions.T
    period = high[1] - low[1]
    columns = (x, 2.0 * low[0] - x, 2.0 * high[0] - x)
    rows = (y, y - period, y + period) if periodic else (y, 2.0 * low[1] - y, 2.0 * high[1] - y)
    points = np.concatenate([np.stack([px, py], axis=1) for px in columns for py in rows])

    diagram = Voronoi(points)
    ends, corners = diagram.ridge_points, np.array(diagram.ridge_vertices)
    both_ways = np.concatenate([ends, ends[:, ::-1]]), np.concatenate([corners, corners])
    inside = both_ways[0][:, 0] < count
    (seed, other), corner = both_ways[0][inside].T, diagram.vertices[both_ways[1][inside]]
    first, second = corner[:, 0] - points[seed], corner[:, 1] - points[seed]
    return _Diagram(
        seed=seed,
        other=other % count,
        step=points[other] - points[seed],
        measure=np.linalg.norm(second - first, axis=1),
        cone=0.5 * np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]),
        cone_centre=points[seed] + (first + second) / 3.0,
        junctions=_junctions(diagram.vertices, corners, ends % count, low, high),
    )


def _junctions(
    vertices: np.ndarray, corners: np.ndarray, grains: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """Return the vertices inside the box around which three different grains meet, sorted, ``(n, 2)``.

    ``corners`` : the two vertices of each ridge, -1 at infinity; ``grains`` : the two grains on its sides.
    """
    vertex = np.repeat(corners.ravel(), 2)
    grain = np.tile(grains, (1, 2)).ravel()
    around = np.unique(np.stack([vertex, grain], axis=1)[vertex >= 0], axis=0)
    meeting = np.bincount(around[:, 0], minlength=len(vertices)) >= 3
    inside = (vertices[:, 0] > low[0]) & (vertices[:, 0] < high[0])
    inside &= (vertices[:, 1] >= low[1]) & (vertices[:, 1] < high[1])
    chosen = vertices[meeting & inside]
    return chosen[np.lexsort(np.round(chosen, 6).T)]


def _line_diagram(positions: np.ndarray, low: np.ndarray, high: np.ndarray, periodic: bool) -> _Diagram:
    """Return the Voronoi diagram along x: cells between the midpoints of neighbouring seeds."""
    del periodic  # there are no sides
    order = np.argsort(positions[:, 0], kind="stable")
    x = positions[order, 0]
    seed = np.concatenate([order, order])
    step = np.concatenate([np.diff(x, append=2.0 * high[0] - x[-1]), np.diff(x, prepend=2.0 * low[0] - x[0]) * -1.0])
    centre = positions[seed] + np.stack([0.25 * step, np.zeros(seed.size)], axis=1)
    return _Diagram(
        seed=seed,
        other=np.concatenate([np.append(order[1:], order[-1]), np.append(order[0], order[:-1])]),
        step=np.stack([step, np.zeros(seed.size)], axis=1),
        measure=np.full(seed.size, high[1] - low[1]),
        cone=0.5 * np.abs(step),
        cone_centre=centre,
        junctions=np.zeros((0, 2)),
    )
