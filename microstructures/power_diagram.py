"""Power (Laguerre) diagrams in a box, exact: cells, facets, edges and corners.

A point belongs to the seed of least power distance |p - x|^2 - w; with equal weights w that is the nearest seed (Voronoi).
Seeds are lifted to (x, |x|^2 - w): the lower side of their convex hull holds the simplices of seeds whose cells meet in a
point (Aurenhammer 1987). Mirror images beyond a side make that side a facet, which cuts the cells off exactly; periodic
images do the rest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from scipy.spatial import ConvexHull, QhullError

FIRST_MARGIN = 3.0  # how far around the box images are taken at first, in mean distances of seeds
EXACT = 1e-9  # of the box's volume: round-off of the cells'
LEAST_MEASURE = 1e-6  # facets and edges below are round-off: images that meet in one point


@dataclass(frozen=True)
class PowerDiagram:
    """The cells of n seeds inside a box, and their facets as seen from the seeds: each from both of its sides.

    Lengths are in the unit of the seeds' positions.

    Parameters
    ----------
    seed, other : int, ``(n_facets,)``: the facet's seed and the seed beyond, both from 0.
    normal : ``(n_facets, axes)`` unit vectors from ``seed`` to (the image of) ``other``.
    offset : ``(n_facets,)`` distance of the facet's plane from ``seed`` along its normal; < 0 if the seed lies beyond.
    distance : ``(n_facets,)`` between the two seeds.
    measure : ``(n_facets,)`` area; in 2-D length, in 1-D 1.
    volume, centroid : of the cells, ``(n,)``, ``(n, axes)``; 0 and nan of a seed without cell.
    simplices, corners, origin, low, high : of the triangulation; seeds, images, box.
    """

    seed: np.ndarray
    other: np.ndarray
    normal: np.ndarray
    offset: np.ndarray
    distance: np.ndarray
    measure: np.ndarray
    volume: np.ndarray
    centroid: np.ndarray
    simplices: np.ndarray
    corners: np.ndarray
    origin: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def junctions(self) -> np.ndarray:
        """Return the corners in the box where three cells (3-D: four) of different seeds meet, ``(k, axes)``, sorted."""
        return _junctions(self.corners, self.origin[self.simplices], self.low, self.high)

    @property
    def edges(self) -> np.ndarray:
        """Return the ends of the edges whose middles lie in the box, ``(k, 2, axes)``, sorted by their middles.

        In 2-D they are the facets, in 3-D the lines where three cells of different seeds meet.
        """
        return _edges(self.simplices, self.corners, self.origin, self.low, self.high)


def power_diagram(
    positions: np.ndarray, weights: np.ndarray, low: np.ndarray, high: np.ndarray, periodic: bool
) -> PowerDiagram:
    """Return the power diagram of seeds in a box.

    Parameters
    ----------
    positions, weights : ``(n, axes)`` in 1 to 3 axes, ``(n,)`` [length squared].
    low, high : corners of the box. periodic : whether axes 1, 2 repeat; else, as along axis 0, cells end at the sides.
    """
    if positions.shape[1] == 1:
        return _line(positions[:, 0], weights, low[0], high[0])
    spacing = float((np.prod(high - low) / len(positions)) ** (1.0 / positions.shape[1]))
    margin, box = FIRST_MARGIN * spacing, float(np.prod(high - low))
    while True:
        points, origin = _with_images(positions, low, high, periodic, margin)
        simplices, corners = _corners(points, weights[origin])
        made = _assemble(points, origin, weights, simplices, corners, low, high, len(positions))
        # An image that is missing leaves too much to others: the cells fill the box only if none that matters is.
        if abs(float(made.volume.sum()) - box) <= EXACT * box or margin > 4.0 * float((high - low).max()):
            return made
        margin *= 1.5


def _with_images(
    positions: np.ndarray, low: np.ndarray, high: np.ndarray, periodic: bool, margin: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the seeds and, after them, their images within ``margin`` of the box, and which seed each is."""
    axes, everyone = positions.shape[1], np.arange(len(positions))
    images, origins = [], []
    choices = []
    for axis in range(axes):
        if periodic and axis > 0:
            most = math.ceil(margin / (high[axis] - low[axis])) + 1  # Lloyd steps may carry seeds a little outside
            choices.append([(1.0, n * (high[axis] - low[axis])) for n in sorted(range(-most, most + 1), key=abs)])
        else:
            choices.append([(1.0, 0.0), (-1.0, 2.0 * low[axis]), (-1.0, 2.0 * high[axis])])
    for number, choice in enumerate(product(*choices)):
        factor, shift = np.array(choice).T
        image = positions * factor + shift
        near = np.all((image >= low - margin) & (image <= high + margin), axis=1) | (number == 0)
        images.append(image[near])
        origins.append(everyone[near])
    return np.concatenate(images), np.concatenate(origins)


def _corners(points: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the simplices of the regular triangulation, ``(m, axes + 1)``, and the corners of cells they stand for."""
    middle = 0.5 * (points.min(axis=0) + points.max(axis=0))
    centred = points - middle
    lifted = np.sum(centred**2, axis=1) - weights
    try:
        hull = ConvexHull(np.concatenate([centred, lifted[:, None]], axis=1))
    except QhullError:
        raise ValueError("the grains cannot be told from each other: their places or sizes differ too much") from None
    lower = hull.equations[:, -2] < -1e-12
    simplices = hull.simplices[lower].astype(np.int64)
    # |c - x_0|^2 - w_0 = |c - x_k|^2 - w_k: linear in c
    first, others = centred[simplices[:, 0]], centred[simplices[:, 1:]]
    matrix = 2.0 * (others - first[:, None])
    right = lifted[simplices[:, 1:]] - lifted[simplices[:, :1]]
    flat = np.abs(np.linalg.det(matrix)) < 1e-14 * np.prod(np.linalg.norm(matrix, axis=2), axis=1)
    simplices, matrix, right = simplices[~flat], matrix[~flat], right[~flat]
    return simplices, np.linalg.solve(matrix, right[..., None])[..., 0] + middle


def _assemble(
    points: np.ndarray,
    origin: np.ndarray,
    weights: np.ndarray,
    simplices: np.ndarray,
    corners: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    count: int,
) -> PowerDiagram:
    """Put facets, cells and edges together from the corners."""
    axes = points.shape[1]
    pairs = list(combinations(range(axes + 1), 2))
    first = np.concatenate([simplices[:, [a, b]] for a, b in pairs])
    corner = np.tile(np.arange(len(simplices)), len(pairs))
    first = np.concatenate([first, first[:, ::-1]])  # from both sides
    corner = np.concatenate([corner, corner])
    mine = first[:, 0] < count
    first, corner = first[mine], corner[mine]
    key, row = np.unique(first[:, 0] * len(points) + first[:, 1], return_inverse=True)
    seed, beyond = key // len(points), key % len(points)
    step = points[beyond] - points[seed]
    distance = np.linalg.norm(step, axis=1)
    normal = step / distance[:, None]
    offset = 0.5 * (distance + (weights[seed] - weights[origin[beyond]]) / distance)

    simplex, owner = _triangles(row, corner, corners, normal)
    spokes = corners[simplex] - points[seed[owner], None]
    area = _measures(spokes)
    measure = np.bincount(owner, area, len(key))
    height = offset[owner] * area / axes
    volume = np.bincount(seed[owner], height, count)
    moments = [np.bincount(seed[owner], height * s, count) for s in (spokes.sum(axis=1) / (axes + 1.0)).T]
    with np.errstate(invalid="ignore", divide="ignore"):
        centroid = points[:count] + np.stack(moments, axis=1) / volume[:, None]

    real = measure > LEAST_MEASURE * float(distance.mean()) ** (axes - 1)
    return PowerDiagram(
        seed=seed[real],
        other=origin[beyond[real]],
        normal=normal[real],
        offset=offset[real],
        distance=distance[real],
        measure=measure[real],
        volume=volume,
        centroid=centroid,
        simplices=simplices,
        corners=corners,
        origin=origin,
        low=low,
        high=high,
    )


def _triangles(
    row: np.ndarray, corner: np.ndarray, corners: np.ndarray, normal: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Cut facets into triangles that share a corner (2-D: segments); returns their corners and the facet of each.

    ``row``, ``corner`` : a facet and one of its corners, in any order. ``normal`` : of the facets.
    """
    axes, count = normal.shape[1], len(normal)
    middle = np.stack([np.bincount(row, c) for c in corners[corner].T], axis=1) / np.bincount(row)[:, None]
    order = np.lexsort((_angle(corners[corner] - middle[row], normal[row]), row))
    row, corner = row[order], corner[order]
    start = np.searchsorted(row, np.arange(count))
    place = np.arange(row.size) - start[row]
    size = np.bincount(row, minlength=count)
    tip = np.flatnonzero((place >= axes - 2) & (place < size[row] - 1))
    return np.stack([corner[start[row[tip]]], corner[tip], corner[tip + 1]][3 - axes :], axis=1), row[tip]


def _angle(relative: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Return the angle of points of a plane about its normal, ``(n,)``; in 2-D the position along the line."""
    if normal.shape[1] == 2:
        return relative[:, 1] * normal[:, 0] - relative[:, 0] * normal[:, 1]
    least = np.eye(3)[np.abs(normal).argmin(axis=1)]
    first = np.cross(normal, least)
    second = np.cross(normal, first)
    return np.arctan2(np.sum(relative * second, axis=1), np.sum(relative * first, axis=1))


def _measures(spokes: np.ndarray) -> np.ndarray:
    """Return the lengths of segments ``(n, 2, 2)`` or the areas of triangles ``(n, 3, 3)``, given by corner and axis."""
    edges = spokes[:, 1:] - spokes[:, :1]
    if edges.shape[1] == 1:
        return np.linalg.norm(edges[:, 0], axis=1)
    return 0.5 * np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)


def _edges(
    simplices: np.ndarray, corners: np.ndarray, origin: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """Return the edges of different seeds whose middles lie inside the box, sorted, ``(k, 2, axes)``.

    Two simplices that share all seeds but one are the ends of an edge along which the cells of the shared ones meet.
    """
    corners_of_simplex = simplices.shape[1]
    shared = np.concatenate([np.delete(simplices, k, axis=1) for k in range(corners_of_simplex)])
    corner = np.tile(np.arange(len(simplices)), corners_of_simplex)
    shared = np.sort(shared, axis=1)
    order = np.lexsort(shared.T)
    shared, corner = shared[order], corner[order]
    twice = np.flatnonzero(np.all(shared[1:] == shared[:-1], axis=1))
    ends = corners[np.stack([corner[twice], corner[twice + 1]], axis=1)]
    middle, seeds = ends.mean(axis=1), np.sort(origin[shared[twice]], axis=1)
    scale = float((high - low).max())
    chosen = _inside(middle, low, high) & np.all(np.diff(seeds, axis=1) > 0, axis=1)
    chosen &= np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) > LEAST_MEASURE * scale
    ends, middle = ends[chosen], middle[chosen]
    _, first = np.unique(np.round(middle / scale, 9), axis=0, return_index=True)  # at a mirror side there are two
    return ends[first[np.lexsort(np.round(middle[first], 6).T)]]


def _inside(points: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    inside = (points[:, 0] > low[0]) & (points[:, 0] < high[0])
    return np.asarray(inside & ((points[:, 1:] >= low[1:]) & (points[:, 1:] < high[1:])).all(axis=1))


def _junctions(corners: np.ndarray, grains: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the corners inside the box at which cells of as many different seeds as a simplex has corners meet."""
    grains = np.sort(grains, axis=1)
    meeting = _inside(corners, low, high) & np.all(np.diff(grains, axis=1) > 0, axis=1)
    chosen = corners[meeting]
    _, first = np.unique(np.round(chosen / float((high - low).max()), 9), axis=0, return_index=True)
    return chosen[first[np.lexsort(np.round(chosen[first], 6).T)]]


def _line(x: np.ndarray, weights: np.ndarray, low: float, high: float) -> PowerDiagram:
    """Return the power diagram along a line, whose cells must all be there."""
    order = np.argsort(x, kind="stable")
    ends = 0.5 * (x[order][1:] + x[order][:-1]) - 0.5 * np.diff(weights[order]) / np.diff(x[order])
    lower, upper = np.append(low, ends), np.append(ends, high)
    seed = np.concatenate([order[:-1], order[1:]])
    volume, centroid = np.empty(x.size), np.empty((x.size, 1))
    volume[order], centroid[order, 0] = upper - lower, 0.5 * (upper + lower)
    return PowerDiagram(
        seed=seed,
        other=np.concatenate([order[1:], order[:-1]]),
        normal=np.repeat([[1.0], [-1.0]], x.size - 1, axis=0),
        offset=np.concatenate([ends - x[order[:-1]], x[order[1:]] - ends]),
        distance=np.tile(np.diff(x[order]), 2),
        measure=np.ones(seed.size),
        volume=volume,
        centroid=centroid,
        simplices=np.zeros((0, 2), dtype=np.int64),
        corners=np.zeros((0, 1)),
        origin=np.zeros(0, dtype=np.int64),
        low=np.array([low]),
        high=np.array([high]),
    )
