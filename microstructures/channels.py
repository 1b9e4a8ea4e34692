"""Connected pores: channels along the network of grain boundaries, and what a pore network connects."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree

from microstructures.coverage import SUBSAMPLES, Bodies, capsules, coverage, pieces_and_images
from microstructures.draws import uniform
from microstructures.tessellation import Tessellation, axes_with_grains, ceramic_box
from phasefield.grid import Grid
from phasefield.grid_labels import label_connected

LAST_BITS = 2.0**30  # rounding hides the last bits, in which machines differ
SAME_POINT = 1e-7  # of the box: ends of edges that are one node
RADIUS_CHANGE = 0.3  # at most, to meet the porosity
MOST_PATHS = 2000
IDLE_PATHS = 50  # so many paths in a row that add nothing new: the network is used up
OVERLAP_STEPS = 4
SECTION = {2: 2.0, 3: np.pi}  # of a channel of radius 1, by the number of axes


def spans(pores: np.ndarray, lateral: str) -> bool:
    """Return whether pores connect the first layer along x with the last: a mask, or shares, which count from 0.5."""
    labels = _labels(pores, lateral)
    return bool(np.intersect1d(labels[0][labels[0] > 0], labels[-1]).size > 0)


def connected_share(pores: np.ndarray, lateral: str) -> float:
    """Return the share of the pore volume that is connected to the first layer along x; 0 without pores.

    ``pores`` : a mask, or shares of cells, which count from 0.5.
    """
    labels = _labels(pores, lateral)
    volume = np.bincount(labels.ravel(), weights=np.asarray(pores, dtype=float).ravel())
    volume[0] = 0.0  # cells of little pore
    total = float(volume.sum())
    return float(volume[np.unique(labels[0])].sum()) / total if total > 0.0 else 0.0


def _labels(pores: np.ndarray, lateral: str) -> np.ndarray:
    return label_connected(np.asarray(pores) >= 0.5, "periodic" if lateral == "periodic" else "mirror")[0]


def channels(
    tessellation: Tessellation,
    grid: Grid,
    electrode_plane: float,
    porosity: float,
    radius: float,
    layer: tuple[float, float],
    seed: int,
    stream: int,
    obstacles: Bodies | None = None,
) -> Bodies:
    """Return channels along edges of the boundary network that connect both ends of a layer.

    Paths are shortest paths between the ends with randomly weighted edges; as many are taken as give the porosity with
    channels about as wide as wanted. Then the radius is tuned until the porosity is met as drawn on the grid.

    Parameters
    ----------
    radius : of a channel, half its width [m]; changed by at most 30 %.
    layer : from and to along x [m]. stream : of random numbers.
    obstacles : bodies placed before; edges near them are not used.

    Raises
    ------
    ValueError : if there is no network, if the porosity cannot be met, or if the ceramic no longer connects both ends.
    """
    lower, upper = ceramic_box(grid, electrode_plane)
    network = _Network(tessellation, grid, layer)
    if obstacles is not None:
        network.keep(_away_from(network.ends, grid, obstacles, (1.0 + RADIUS_CHANGE) * radius, layer))
    widths = (upper - lower)[1:][axes_with_grains(grid)[1:]]
    if 2.0 * radius > widths.min():
        raise ValueError(f"channels of radius {radius * 1e6:g} um do not fit into a box {widths.min() * 1e6:g} um wide")
    # the electrode and the box cut channels at its ends, a layer's other ends are planes of their own
    slack = 1e-9 * upper[0]
    low = -np.inf if layer[0] <= lower[0] + slack else layer[0]
    high = np.inf if layer[1] >= upper[0] - slack else layer[1]
    volume = porosity * (layer[1] - layer[0]) * float(np.prod(widths))
    used = _enough_paths(network, grid, volume, porosity, radius, layer, seed, stream)
    found = _tuned(grid, network.ends[used], radius, porosity, layer, (low, high))
    drawn = coverage(grid, found)[_planes(grid, layer) > 0.5]
    if not spans(drawn, grid.lateral):
        raise ValueError(
            f"channels of radius {found.radius[0] * 1e6:.3g} um are too thin for cells of {max(grid.spacing) * 1e6:g} um: "
            "they break up as drawn; take larger channels or smaller cells"
        )
    if not spans(1.0 - drawn, grid.lateral):
        raise ValueError(
            f"channels with a porosity of {100 * porosity:g} % leave no ceramic that connects both ends of their layer: "
            "ask for less porosity or thinner channels" + (", or go to 3-D" if network.axes == 2 else "")
        )
    return found


def _away_from(
    ends: np.ndarray, grid: Grid, obstacles: Bodies, radius: float, layer: tuple[float, float]
) -> np.ndarray:
    """Return which edges ``(n, 2, axes)`` stay a radius away from bodies in the layer; long bodies count as rows of balls."""
    start, step = ends[:, 0], ends[:, 1] - ends[:, 0]
    square = np.sum(step**2, axis=1)
    near = pieces_and_images(grid, obstacles, radius + float(np.sqrt(square.max(initial=0.0))))
    centre = 0.5 * (near.start + near.end)
    outer = near.radius + 0.5 * np.linalg.norm(near.end - near.start, axis=1)
    first, last = np.maximum(centre[:, 0] - outer, near.low), np.minimum(centre[:, 0] + outer, near.high)
    away = np.ones(len(ends), dtype=bool)
    for n in np.flatnonzero((first < layer[1]) & (last > layer[0])):
        along = np.clip(np.sum((centre[n] - start) * step, axis=1) / square, 0.0, 1.0)
        distance = np.linalg.norm(start + along[:, None] * step - centre[n], axis=1)
        away &= distance > radius + outer[n]
    return away


def _planes(grid: Grid, layer: tuple[float, float]) -> np.ndarray:
    """Return the share of each plane of cells that lies in the layer, ``(nx,)``."""
    faces = np.arange(grid.shape[0] + 1) * grid.spacing[0]
    inside = np.minimum(faces[1:], layer[1]) - np.maximum(faces[:-1], layer[0])
    return np.round(np.clip(inside / grid.spacing[0], 0.0, 1.0), 9)


def _filled(
    grid: Grid, ends: np.ndarray, radius: float, layer: tuple[float, float], cuts: tuple[float, float], subsamples: int
) -> float:
    """Return the share of the layer that channels along edges ``(n, 2, axes)`` fill as drawn."""
    weight = _planes(grid, layer)
    share = coverage(grid, capsules(ends[:, 0], ends[:, 1], radius, *cuts), subsamples)
    return float(share.mean(axis=tuple(range(1, share.ndim))) @ weight / weight.sum())


def _enough_paths(
    network: _Network,
    grid: Grid,
    volume: float,
    porosity: float,
    radius: float,
    layer: tuple[float, float],
    seed: int,
    stream: int,
) -> np.ndarray:
    """Return the edges of as many paths as fill the porosity, and not only seem to: channels overlap where they meet.

    Overlaps are measured on a grid of cells of a third of a radius, so that the number of paths does not depend on the
    grid of the simulation.
    """
    cells = [
        max(4, round(3.0 * length / radius)) if n > 1 else 1 for n, length in zip(grid.shape, grid.lengths, strict=True)
    ]
    own = Grid(tuple(cells), tuple(length / n for n, length in zip(cells, grid.lengths, strict=True)), grid.lateral)
    seeming, used = 1.0, network.paths(volume, radius, seed, stream)
    for _ in range(OVERLAP_STEPS):
        filled = _filled(own, network.ends[used], radius, layer, layer, 2)
        seeming *= porosity / filled
        again = network.paths(seeming * volume, radius, seed, stream)
        if np.array_equal(again, used):
            break
        used = again
    return used


def _tuned(
    grid: Grid, ends: np.ndarray, radius: float, porosity: float, layer: tuple[float, float], cuts: tuple[float, float]
) -> Bodies:
    """Return capsules of the one radius with which they fill the porosity as drawn."""

    @cache
    def drawn(factor: float, subsamples: int = 2) -> float:
        return _filled(grid, ends, factor * radius, layer, cuts, subsamples)

    least, most = 1.0 - RADIUS_CHANGE, 1.0 + RADIUS_CHANGE
    if not drawn(least) <= porosity <= drawn(most):
        raise ValueError(
            f"a porosity of {100 * porosity:g} % cannot be met by channels of about {radius * 1e6:g} um: with radii "
            f"within 30 % of it the paths chosen fill {100 * drawn(least):.2g} to {100 * drawn(most):.2g} %; "
            "take another radius, porosity or seed"
        )
    # few sub-cells find the radius quickly; many say how far off they are
    from scipy.optimize import brentq  # slow to import

    factor = float(brentq(lambda trial: drawn(trial) - porosity, least, most, xtol=1e-4))
    slope = (drawn(1.01 * factor) - drawn(factor)) / (0.01 * factor)
    if slope > 0.0:
        factor -= (drawn(factor, SUBSAMPLES) - porosity) / slope
    factor = round(factor * LAST_BITS) / LAST_BITS
    return capsules(ends[:, 0], ends[:, 1], factor * radius, *cuts)


class _Network:
    """The edges of a boundary network inside a layer as a graph.

    ``ends`` : ``(n, 2, axes)`` [m]; ``node`` : int ``(n, 2)``; ``length`` : ``(n,)`` [m]; ``axes`` : that differ; ``count`` : of nodes;
    ``first``, ``last`` : nodes at the layer's ends; ``found`` : edges of the paths drawn so far.
    """

    def __init__(self, tessellation: Tessellation, grid: Grid, layer: tuple[float, float]) -> None:
        self.axes = int(axes_with_grains(grid).sum())
        self.ends = _clipped(tessellation.edges, layer, SAME_POINT * max(grid.lengths))
        if self.axes < 2 or len(self.ends) == 0:
            what = "grain boundaries" if self.axes < 3 else "lines where three grains meet"
            raise ValueError(
                f"channels follow {what}, and there are none: take a polycrystal, or pores of another location"
            )
        self.length = np.linalg.norm(self.ends[:, 1] - self.ends[:, 0], axis=1)
        points = self.ends.reshape(-1, self.ends.shape[2])
        self.node = _nodes(points, grid).reshape(-1, 2)
        self.count = int(self.node.max()) + 1
        x = np.zeros(self.count)
        x[self.node.ravel()] = points[:, 0]
        slack = SAME_POINT * max(grid.lengths)
        self.first, self.last = np.flatnonzero(x <= layer[0] + slack), np.flatnonzero(x >= layer[1] - slack)

        self.found: list[np.ndarray] = []

    def keep(self, chosen: np.ndarray) -> None:
        """Leave out all other edges, bool ``(n,)``."""
        self.ends, self.node, self.length = self.ends[chosen], self.node[chosen], self.length[chosen]

    def paths(self, volume: float, radius: float, seed: int, stream: int) -> np.ndarray:
        """Return the edges of as many paths as fill the volume with channels of about the radius, sorted int ``(n,)``.

        Where they cross, their volume counts twice here.
        """
        if len(self.length) == 0 or len(self.first) == 0 or len(self.last) == 0:
            raise ValueError("no path along grain boundaries connects both ends of the layer: take smaller grains")
        power = self.axes - 1
        used = np.zeros(len(self.length), dtype=bool)
        best, best_error, idle = used.copy(), np.inf, 0
        for path in range(MOST_PATHS):
            if path == len(self.found):
                self.found.append(self._path(seed, stream, path))
            added = self.found[path]
            idle = idle + 1 if used[added].all() else 0
            used[added] = True
            fitting = (volume / (SECTION[self.axes] * self.length[used].sum())) ** (1.0 / power)
            error = abs(np.log(fitting / radius))
            if error < best_error:
                best, best_error = used.copy(), error
            if fitting < radius or idle == IDLE_PATHS:
                break
        fitting = (volume / (SECTION[self.axes] * self.length[best].sum())) ** (1.0 / power)
        if fitting < (1.0 - RADIUS_CHANGE) * radius:
            raise ValueError(
                f"one channel of radius {radius * 1e6:g} um through the layer is more than the porosity asked for: "
                f"take a radius of about {fitting * 1e6:.2g} um, more porosity or a wider box"
            )
        if fitting > 1.1 * (1.0 + RADIUS_CHANGE) * radius:
            raise ValueError(
                f"channels of radius {radius * 1e6:g} um along all paths are less than the porosity asked for: "
                f"take a radius of about {fitting * 1e6:.2g} um, less porosity or smaller grains"
            )
        return np.flatnonzero(best)

    def _path(self, seed: int, stream: int, number: int) -> np.ndarray:
        """Return the edges of a random path from the layer's first end to its last, int ``(n,)``."""
        drawn = uniform(seed, stream + (number << 16), len(self.length) + 1)
        weight = self.length / self.length.mean() * -np.log(drawn[1:])  # exponential: paths stray
        weight = np.maximum(np.round(weight * LAST_BITS), 1.0) / LAST_BITS
        order = np.argsort(weight, kind="stable")  # of edges between the same two nodes the lightest serves
        nodes = np.sort(self.node[order], axis=1)
        key, first = np.unique(nodes[:, 0] * self.count + nodes[:, 1], return_index=True)
        edge = order[first]
        graph = coo_array((weight[edge], (key // self.count, key % self.count)), shape=(self.count, self.count)).tocsr()
        source = int(self.first[int(drawn[0] * len(self.first))])
        distance, before = dijkstra(graph, directed=False, indices=source, return_predecessors=True)
        reached = self.last[np.isfinite(distance[self.last])]
        if reached.size == 0:
            raise ValueError("no path along grain boundaries connects both ends of the layer: take smaller grains")
        place = int(reached[np.argmin(distance[reached])])
        steps = []
        while place != source:
            last, place = place, int(before[place])
            steps.append(min(last, place) * self.count + max(last, place))
        return edge[np.searchsorted(key, steps)]


def _clipped(edges: np.ndarray, layer: tuple[float, float], slack: float) -> np.ndarray:
    """Return the parts of edges between two planes along x, ``(n, 2, axes)``, without those that only touch them."""
    start, step = edges[:, 0], edges[:, 1] - edges[:, 0]
    flat = np.abs(step[:, 0]) < slack
    rise = np.where(flat, 1.0, step[:, 0])
    at = np.sort(np.stack([(plane - start[:, 0]) / rise for plane in layer], axis=1), axis=1)
    at[flat] = 0.0, 1.0
    at = np.clip(at, 0.0, 1.0)
    inside = (at[:, 1] - at[:, 0]) * np.linalg.norm(step, axis=1) > slack
    inside &= ~flat | ((start[:, 0] > layer[0] + slack) & (start[:, 0] < layer[1] - slack))
    return start[inside, None] + at[inside][..., None] * step[inside, None]


def _nodes(points: np.ndarray, grid: Grid) -> np.ndarray:
    """Number points so that those at the same place, periodic sides joined, have the same number, int ``(n,)``."""
    periods = np.zeros(points.shape[1])
    if grid.lateral == "periodic":
        periods[1:] = grid.lengths[1:]
        points = np.where(periods > 0.0, points - np.floor(points / np.where(periods, periods, 1.0)) * periods, points)
        points = np.where((periods > 0.0) & (points >= periods), 0.0, points)
    tree = cKDTree(points, boxsize=periods)
    pairs = tree.query_pairs(SAME_POINT * max(grid.lengths), output_type="ndarray")
    graph = coo_array((np.ones(len(pairs)), tuple(pairs.T)), shape=(len(points), len(points)))
    return connected_components(graph, directed=False)[1]
