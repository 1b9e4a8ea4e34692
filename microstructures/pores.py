"""Round pores on triple junctions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from microstructures.draws import uniform
from microstructures.tessellation import Tessellation, axes_with_grains, ceramic_box
from phasefield.grid import Grid

PORE_STREAM = 1
UNIT_BALL = {2: np.pi, 3: 4.0 / 3.0 * np.pi}  # volume of a ball of radius 1, by the number of axes
SUBSAMPLES = 8  # per axis; each sub-cell is covered in proportion, not in or out


@dataclass(frozen=True)
class Pores:
    """Ask for round pores of one size on triple junctions.

    ``porosity``: pore volume per volume of ceramic; ``radius`` [m]: wanted; changed by at most 30 % to meet the
    porosity. In 3-D pores are balls, in 2-D discs (area per area).
    """

    porosity: float
    radius: float


def place_pores(
    tessellation: Tessellation, grid: Grid, electrode_plane: float, pores: Pores, seed: int
) -> tuple[np.ndarray, float]:
    """Choose junctions at random for pores that do not touch, at least 3 radii away from both electrodes.

    Returns
    -------
    centres : ``(n, axes)`` [m].
    radius : [m]; n 4/3 π radius³ is exactly ``porosity`` of the ceramic's volume (2-D: n π radius², of its area).

    Raises
    ------
    ValueError : if no number of pores within 30 % of the wanted radius meets the porosity.
    """
    if not 0.0 < pores.porosity < 1.0 or pores.radius <= 0.0:
        raise ValueError(f"porosity must lie between 0 and 1 and the radius be positive, not {pores}")
    lower, upper = ceramic_box(grid, electrode_plane)
    active = axes_with_grains(grid)
    axes = max(2, int(active.sum()))  # in 1-D there are no junctions
    volume = pores.porosity * float(np.prod((upper - lower)[active]))

    def radius_of(count: int) -> float:
        return float((volume / (count * UNIT_BALL[axes])) ** (1.0 / axes))

    wanted = max(1, round(volume / (UNIT_BALL[axes] * pores.radius**axes)))
    if not 0.7 <= radius_of(wanted) / pores.radius <= 1.3:
        raise ValueError(
            f"a porosity of {100 * pores.porosity:g} % is less than one pore of radius {pores.radius * 1e6:g} um "
            f"in this box: take a smaller radius, about {radius_of(1) * 1e6:.2g} um"
        )
    order = np.argsort(uniform(seed, PORE_STREAM, len(tessellation.junction_sites)), kind="stable")
    candidates = tessellation.junction_sites[order]
    most = 0
    # fewer, larger pores if there are not enough junctions
    for count in range(wanted, 0, -1):
        radius = radius_of(count)
        if radius > 1.3 * pores.radius:
            break
        chosen = _choose(candidates, count, radius, grid, lower, upper)
        if len(chosen) == count:
            return chosen, radius
        most = max(most, len(chosen))
    raise ValueError(
        f"a porosity of {100 * pores.porosity:g} % needs {wanted} pores of radius {pores.radius * 1e6:g} um on triple "
        f"junctions at least 3 radii from the electrodes, and only {most} of {len(candidates)} junctions have room: "
        "ask for less porosity, smaller grains or another radius"
    )


def _choose(
    candidates: np.ndarray, count: int, radius: float, grid: Grid, lower: np.ndarray, upper: np.ndarray
) -> np.ndarray:
    """Take candidates in their order, skipping those too near to a side or to one taken before."""
    margin = np.where(axes_with_grains(grid), 0.0 if grid.lateral == "periodic" else radius, 0.0)
    margin[0] = 3.0 * radius
    inside = np.all((candidates >= lower + margin) & (candidates <= upper - margin), axis=1)
    chosen = np.zeros((0, lower.size))
    for point in candidates[inside]:
        if len(chosen) == count:
            break
        step = chosen - point
        if grid.lateral == "periodic":
            step[:, 1:] -= np.round(step[:, 1:] / upper[1:]) * upper[1:]
        if np.all(np.sum(step**2, axis=1) > (2.0 * radius) ** 2):
            chosen = np.append(chosen, point[None], axis=0)
    return chosen


def pore_coverage(grid: Grid, centres: np.ndarray, radius: float) -> np.ndarray:
    """Return the share of each cell inside balls that do not overlap, ``grid.shape``; exactly 0 and 1 off their rims.

    Parameters
    ----------
    centres : ``(n, axes)`` [m].
    radius : of all balls (2-D: discs) [m].
    """
    spacing = np.array(grid.spacing)
    if grid.lateral == "periodic":
        for axis in range(1, len(grid.shape)):
            shift = np.eye(len(grid.shape))[axis] * grid.lengths[axis]
            centres = np.concatenate([centres, centres - shift, centres + shift])
    points = np.stack([c.ravel() for c in grid.meshgrid()], axis=1)
    reach = 0.5 * float(np.linalg.norm(spacing))
    # farther away there is nothing to see: the distance is inf
    distance, nearest = cKDTree(centres).query(points, distance_upper_bound=radius + 2.0 * reach)
    covered = (distance + reach <= radius).astype(float)
    rim = np.flatnonzero(np.abs(distance - radius) < reach)
    relative = points[rim] - centres[nearest[rim]]
    total = np.zeros(rim.size)
    shifts = subsample_offsets(grid)
    for shift in shifts:
        position = relative + shift
        r = np.linalg.norm(position, axis=1)
        extent = np.abs(position) @ spacing / SUBSAMPLES / np.maximum(r, 1e-9 * reach)
        total += np.clip(0.5 + (radius - r) / np.maximum(extent, 1e-9 * reach), 0.0, 1.0)
    covered[rim] = np.round(total / len(shifts), 12)
    return covered.reshape(grid.shape)


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
