"""Voronoi grains: seeds drawn at random, evened out by Lloyd steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain, product

import numpy as np
from scipy.spatial import Voronoi, cKDTree

from microstructures.draws import uniform
from microstructures.tessellation import Facets, Tessellation, axes_with_grains, ceramic_box, from_facets
from phasefield.grid import Grid

SEED_STREAM = 0
NARROW = 3.0  # grain sizes, farther than neighbouring seeds lie apart
UNIT_GRAIN = {1: 1.0, 2: 0.25 * np.pi, 3: np.pi / 6.0}  # a ball of diameter 1, by the number of axes


@dataclass(frozen=True)
class _Diagram:
    """Ridges of a Voronoi diagram inside the box, as seen from the seeds: each from both of its sides.

    ``seed``, ``other`` : the seed and the (image of a) seed beyond; ``step`` from one to the other;
    ``measure`` : area (2-D: length). The cells in simplices with one corner in the seed and the others on a ridge:
    ``cone_seed``; ``cone``, ``cone_centre`` : volume (2-D: area) and centroid. ``junctions`` : as in
    `Tessellation`. Vectors have the axes along which there are grains; lengths are in units of the grain size.
    """

    seed: np.ndarray
    other: np.ndarray
    step: np.ndarray
    measure: np.ndarray
    cone_seed: np.ndarray
    cone: np.ndarray
    cone_centre: np.ndarray
    junctions: np.ndarray


def voronoi(grid: Grid, electrode_plane: float, grain_size: float, seed: int = 1, relaxation: int = 2) -> Tessellation:
    """Return Voronoi grains; they depend on the box, the grain size and the seed, not on the grid's resolution.

    Parameters
    ----------
    grain_size : mean grain diameter [m]: that of the ball (2-D: circle) with the mean grain's volume; the mean
        length in 1-D.
    seed : of the random positions, >= 0.
    relaxation : Lloyd steps (each seed moves to its cell's centroid): 0 is Poisson-Voronoi, more is more even.

    Laterally the grains are periodic or end at the sides (``grid.lateral``); along x they end at the ceramic.
    Along a lateral axis of one cell nothing changes.
    """
    lower, upper = ceramic_box(grid, electrode_plane)
    if grain_size <= 0.0 or relaxation < 0:
        raise ValueError(f"grain_size must be positive and relaxation >= 0, not {grain_size:g} and {relaxation}")
    active = axes_with_grains(grid)
    axes = int(active.sum())
    mean = UNIT_GRAIN[axes] * grain_size**axes
    count = max(1, round(float(np.prod((upper - lower)[active])) / mean))
    low, high = lower[active] / grain_size, upper[active] / grain_size
    numbers = max(2, axes)
    drawn = uniform(seed, SEED_STREAM, numbers * count).reshape(count, numbers)
    positions = low + (high - low) * drawn[:, :axes]

    periodic = grid.lateral == "periodic"
    diagram = _line_diagram if axes == 1 else _diagram
    for _ in range(relaxation):
        positions = _centroids(diagram(positions, low, high, periodic), count)
        # rounding hides the last bits, in which machines differ
        positions = np.round(positions * 2.0**30) / 2.0**30
    return _tessellation(grid, 0.5 * (lower + upper), positions, diagram(positions, low, high, periodic), grain_size)


def _tessellation(
    grid: Grid, middle: np.ndarray, positions: np.ndarray, diagram: _Diagram, grain_size: float
) -> Tessellation:
    """Convert a diagram in units of the grain size to a tessellation in metres; ``middle`` of the ceramic [m]."""
    active, lengths = axes_with_grains(grid), np.array(grid.lengths)
    # Seeds and mirror images of others meet in single points at the sides; whether those are listed is up to Qhull.
    real = diagram.measure > 1e-6
    distance = np.linalg.norm(diagram.step[real], axis=1)
    normal = np.zeros((distance.size, active.size))
    normal[:, active] = diagram.step[real] / distance[:, None]
    thickness = float(np.prod(lengths[~active]))
    facets = Facets(
        cell=diagram.seed[real],
        neighbour=diagram.other[real] + 1,
        normal=normal,
        offset=0.5 * distance * grain_size,
        area=diagram.measure[real] * grain_size ** (positions.shape[1] - 1) * thickness,
    )
    shifts = [(0.0,), *((0.0, -n, n) if grid.lateral == "periodic" else (0.0,) for n in lengths[active][1:])]
    seeds = np.concatenate([positions * grain_size + np.array(shift) for shift in product(*shifts)])
    tree = cKDTree(seeds)
    junctions, centres = (np.tile(middle, (len(points), 1)) for points in (diagram.junctions, seeds))
    junctions[:, active], centres[:, active] = diagram.junctions * grain_size, seeds

    def locate(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        _, nearest = tree.query(points[:, active])
        return nearest % len(positions), points - centres[nearest]

    return from_facets(np.arange(len(positions)) + 1, facets, junctions, locate)


def _centroids(diagram: _Diagram, count: int) -> np.ndarray:
    """Return the centroids of the cells, put together from their simplices, ``(count, axes)``."""
    volume = np.bincount(diagram.cone_seed, diagram.cone, count)
    moments = [np.bincount(diagram.cone_seed, diagram.cone * centre, count) for centre in diagram.cone_centre.T]
    return np.stack(moments, axis=1) / volume[:, None]


def _diagram(positions: np.ndarray, low: np.ndarray, high: np.ndarray, periodic: bool) -> _Diagram:
    """Return the Voronoi diagram inside a 2-D or 3-D box."""
    count, axes = positions.shape
    points = _with_images(positions, low, high, periodic)
    found = Voronoi(points)
    sizes = np.fromiter(map(len, found.ridge_vertices), dtype=int)
    corner = np.fromiter(chain.from_iterable(found.ridge_vertices), dtype=int)
    ridge, start = np.repeat(np.arange(sizes.size), sizes), np.cumsum(sizes) - sizes
    # Qhull lists the corners of a polygon one after the other: cut it into triangles that share its first corner
    place = np.arange(corner.size) - start[ridge]
    tip = np.flatnonzero((place >= axes - 2) & (place < sizes[ridge] - 1))
    simplex = np.stack([corner[start[ridge[tip]]], corner[tip], corner[tip + 1]][3 - axes :], axis=1)

    ends = np.concatenate([found.ridge_points, found.ridge_points[:, ::-1]])
    inside = ends[:, 0] < count
    owner = np.concatenate([ridge[tip], ridge[tip] + sizes.size])
    simplex = np.concatenate([simplex, simplex])[inside[owner]]
    row = (np.cumsum(inside) - 1)[owner[inside[owner]]]
    seed, other = ends[inside].T
    corners = found.vertices[simplex] - points[seed[row], None]
    following = corner[np.where(place < sizes[ridge] - 1, np.arange(corner.size) + 1, start[ridge])]
    return _Diagram(
        seed=seed,
        other=other % count,
        step=points[other] - points[seed],
        measure=np.bincount(row, _measures(corners), seed.size),
        cone_seed=seed[row],
        cone=np.abs(np.linalg.det(corners)) / math.factorial(axes),
        cone_centre=points[seed[row]] + corners.sum(axis=1) / (axes + 1.0),
        junctions=_junctions(found.vertices, corner, following, found.ridge_points[ridge] % count, low, high),
    )


def _with_images(positions: np.ndarray, low: np.ndarray, high: np.ndarray, periodic: bool) -> np.ndarray:
    """Return the seeds and, after them, their images around the box.

    Mirror images beyond a side make that side a ridge, which cuts the cells off exactly; periodic images do the rest.
    Lloyd steps may carry seeds a little across a periodic side: then a narrow box needs two images on each side.
    """
    images = []
    for axis, x in enumerate(positions.T):
        if periodic and axis > 0:
            period = high[axis] - low[axis]
            steps = (0, -1, 1, -2, 2) if period < NARROW else (0, -1, 1)
            images.append([x + step * period for step in steps])
        else:
            images.append([x, 2.0 * low[axis] - x, 2.0 * high[axis] - x])
    return np.concatenate([np.stack(image, axis=1) for image in product(*images)])


def _measures(corners: np.ndarray) -> np.ndarray:
    """Return the lengths of segments ``(n, 2, 2)`` or the areas of triangles ``(n, 3, 3)``, given by corner and axis."""
    edges = corners[:, 1:] - corners[:, :1]
    if edges.shape[1] == 1:
        return np.linalg.norm(edges[:, 0], axis=1)
    return 0.5 * np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)


def _junctions(
    vertices: np.ndarray,
    corner: np.ndarray,
    following: np.ndarray,
    grains: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> np.ndarray:
    """Return the junctions inside the box, sorted, ``(n, axes)``.

    In 2-D the vertices around which three different grains meet; in 3-D those of four and the middles of the edges
    of three. ``corner``, ``following`` : the ends of each edge of each ridge, -1 at infinity; ``grains`` : the two
    grains on the sides of its ridge.
    """
    axes = vertices.shape[1]
    kinds = [(corner[:, None], axes + 1), (np.stack([corner, following], axis=1), axes)]
    chosen = np.concatenate([_meeting(vertices, ends, grains, least, low, high) for ends, least in kinds[: axes - 1]])
    return chosen[np.lexsort(np.round(chosen, 6).T)]


def _meeting(
    vertices: np.ndarray, ends: np.ndarray, grains: np.ndarray, least: int, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """Return the middles of vertices or edges inside the box around which ``least`` different grains meet."""
    middle = vertices[ends].mean(axis=1)
    inside = (ends >= 0).all(axis=1) & (middle[:, 0] > low[0]) & (middle[:, 0] < high[0])
    inside &= ((middle[:, 1:] >= low[1:]) & (middle[:, 1:] < high[1:])).all(axis=1)
    places, place = np.unique(np.sort(ends[inside], axis=1), axis=0, return_inverse=True)
    around = np.unique(np.stack([np.repeat(place.ravel(), 2), grains[inside].ravel()], axis=1), axis=0)
    meeting = np.bincount(around[:, 0], minlength=len(places)) >= least
    return vertices[places[meeting]].mean(axis=1)


def _line_diagram(positions: np.ndarray, low: np.ndarray, high: np.ndarray, periodic: bool) -> _Diagram:
    """Return the Voronoi diagram along x: cells between the midpoints of neighbouring seeds."""
    del periodic  # there are no sides
    order = np.argsort(positions[:, 0], kind="stable")
    x = positions[order, 0]
    seed = np.concatenate([order, order])
    step = np.concatenate([np.diff(x, append=2.0 * high[0] - x[-1]), np.diff(x, prepend=2.0 * low[0] - x[0]) * -1.0])
    return _Diagram(
        seed=seed,
        other=np.concatenate([np.append(order[1:], order[-1]), np.append(order[0], order[:-1])]),
        step=step[:, None],
        measure=np.ones(seed.size),
        cone_seed=seed,
        cone=0.5 * np.abs(step),
        cone_centre=positions[seed] + 0.25 * step[:, None],
        junctions=np.zeros((0, 1)),
    )
