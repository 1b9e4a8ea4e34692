"""Places in the ceramic at which round bodies may sit, in random order, and how balls are put there without touching."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microstructures.coverage import Bodies, balls, pieces_and_images
from microstructures.draws import uniform
from microstructures.tessellation import Tessellation, axes_with_grains
from phasefield.grid import Grid

LAST_BITS = 2.0**30  # rounding hides the last bits, in which machines differ
NEAR_BOUNDARY = 0.02  # of volume per boundary area: from how near points are moved onto the boundary
TRIES = (64, 1024, 8192)  # points drawn per ball, more if there is no room
MOST_POINTS = 2**22  # so many points are drawn in all
MOST_BINS = 2**18


@dataclass(frozen=True)
class Region:
    """The part of the ceramic that balls are put into.

    ``lower``, ``upper`` : its corners, ``(axes,)`` [m]; ``margin`` : distance of a ball's centre from its sides, in
    radii, ``(axes,)``; ``axes`` : number of axes along which anything differs.
    """

    grid: Grid
    lower: np.ndarray
    upper: np.ndarray
    margin: np.ndarray

    @property
    def active(self) -> np.ndarray:
        """Return along which axes places differ, bool ``(axes,)``."""
        return axes_with_grains(self.grid)

    @property
    def axes(self) -> int:
        """Return how many axes those are; two at least, for in one dimension there are no balls."""
        return max(2, int(self.active.sum()))

    @property
    def volume(self) -> float:
        """Return its volume [m^3]; in 2-D its area [m^2]."""
        return float(np.prod((self.upper - self.lower)[self.active]))

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Return which points lie in it."""
        return np.asarray(np.all((points >= self.lower) & (points <= self.upper), axis=1))

    def random_points(self, seed: int, stream: int, count: int) -> np.ndarray:
        """Return points spread evenly, ``(count, axes)`` [m]; the first ones are the same however many are drawn."""
        points = np.tile(0.5 * (self.lower + self.upper), (count, 1))
        drawn = uniform(seed, stream, count * self.axes).reshape(count, self.axes)
        for column, axis in enumerate(np.flatnonzero(self.active)):
            points[:, axis] = self.lower[axis] + (self.upper[axis] - self.lower[axis]) * drawn[:, column]
        return points


def on_junctions(tessellation: Tessellation, seed: int, stream: int) -> np.ndarray:
    """Return the places where three grains meet, ``(n, axes)`` [m]: all of them, shuffled."""
    sites = tessellation.junction_sites
    return sites[np.argsort(uniform(seed, stream, len(sites)), kind="stable")]


def on_boundaries(tessellation: Tessellation, region: Region, points: np.ndarray) -> np.ndarray:
    """Return places on grain boundaries, spread evenly over their area, ``(n, axes)`` [m].

    Random points very near a boundary are moved onto it along its normal; others are dropped. Only within 2 % of the
    volume per area of a triple line are places rarer.
    """
    total = float(tessellation.boundary_area.sum())
    if total == 0.0:
        return np.zeros((0, points.shape[1]))
    near = NEAR_BOUNDARY * float(tessellation.volume.sum()) / total
    found = []
    for some in np.array_split(points, len(points) // 2**16 + 1):
        cell, relative = tessellation.locate(some)
        facet, distance = tessellation.nearest_facet(cell, relative)
        close = np.flatnonzero(distance < near)
        moved = some[close] + distance[close, None] * tessellation.normal[cell[close], facet[close]]
        found.append(moved)
    sites = np.concatenate(found)
    if region.grid.lateral == "periodic":
        lengths = np.array(region.grid.lengths)
        sites[:, 1:] -= np.floor(sites[:, 1:] / lengths[1:]) * lengths[1:]
    sites = _rounded(sites, region)
    return sites[region.contains(sites)]


def room_in_grains(tessellation: Tessellation, region: Region, points: np.ndarray) -> np.ndarray:
    """Return the distance of points from the nearest grain boundary, ``(n,)`` [m]; inf without boundaries."""
    found = []
    for some in np.array_split(points, len(points) // 2**16 + 1):
        found.append(tessellation.nearest_facet(*tessellation.locate(some))[1])
    return _rounded(np.concatenate(found), region)


def _rounded(values: np.ndarray, region: Region) -> np.ndarray:
    scale = float(np.max(region.upper)) / LAST_BITS
    return np.round(values / scale) * scale


def choose_sites(
    region: Region,
    sites: np.ndarray,
    radii: np.ndarray,
    obstacles: Bodies | None,
    room: np.ndarray | None = None,
    again: bool = False,
) -> np.ndarray:
    """Return a place for each ball, the first of ``sites`` at which it touches nothing; fewer if there is no room.

    Parameters
    ----------
    sites : ``(n, axes)`` [m].
    radii : of the balls, largest first [m].
    room : largest radius at each site [m]; None for no limit.
    again : whether places that a ball left are offered to smaller ones: where there are few.
    """
    from microstructures.body_kernels import choose

    axes = region.lower.size
    there = balls(np.zeros((0, axes)), 0.0) if obstacles is None else obstacles
    there = pieces_and_images(region.grid, there, float(radii[0]))
    periodic = region.grid.lateral == "periodic"
    periods = np.where(region.active, np.array(region.grid.lengths) * periodic, 0.0)
    periods[0] = 0.0
    wide = np.where(region.active, region.upper - region.lower, 0.0)
    bins = np.maximum(1, np.minimum(wide / (2.0 * radii[0]), MOST_BINS ** (1.0 / axes))).astype(np.int64)
    flat = ~region.active
    chosen = choose(
        _three(sites, flat),
        np.full(len(sites), np.inf) if room is None else room,
        radii,
        *(_three(corner[None], flat)[0] for corner in (region.lower, region.upper, region.margin)),
        again,
        _three(periods[None], flat)[0],
        *(_three(ends, flat) for ends in (there.start, there.end)),
        there.radius,
        _three(bins[None], np.zeros(axes, dtype=bool), 1)[0],
    )
    return sites[chosen]


def _three(values: np.ndarray, flat: np.ndarray, filling: int = 0) -> np.ndarray:
    """Return values ``(n, axes)`` with three axes; ``filling`` along a third one and 0 along those without extent."""
    whole = np.full((len(values), 3), filling, dtype=values.dtype)
    whole[:, : values.shape[1]] = values
    whole[:, : values.shape[1]][:, flat] = 0
    return whole
