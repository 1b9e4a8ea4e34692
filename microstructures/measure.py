"""Measure a ceramic on its grid: sizes of grains and pores, boundaries, contact, connections.

In 2-D volumes are areas, areas are lengths, and balls are discs. Whatever has a geometry is measured on it, to the last
digit; the same numbers are measured on the cells as well, by ways that do not know it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.special import ndtr

from microstructures.random_grains import AXES, UNIT_GRAIN
from microstructures.structure import Microstructure
from microstructures.tessellation import axes_with_grains
from phasefield.grid import Grid
from phasefield.grid_labels import label_connected

SLAB = 2**21  # cells that are counted at a time
# Boundary per volume over crossings per length of random lines: 2 in space, pi / 2 in a plane (Smith and Guttman 1953).
PER_CROSSING = {1: 1.0, 2: 0.5 * np.pi, 3: 2.0}
# Where the density of cubes turned at random has its last kink, and where it ends.
CORNER, LARGEST_ANGLE = 2.0 * math.atan(2.0 - math.sqrt(2.0)), 2.0 * math.acos((2.0 + math.sqrt(2.0)) / 4.0)


@dataclass(frozen=True)
class Grains:
    """The grains 1, 2, …, one entry or row each.

    Parameters
    ----------
    volume : [m^3]; in 2-D area [m^2]. Inside the ceramic, pores and second phase counted in.
    exact : whether the volumes are the geometry's; if not, they are those of the cells.
    cell_volume : of the grain's cells, in the same unit.
    diameter : of the ball (2-D: disc) with this volume [m].
    centroid : of its cells, ``(n, axes)`` [m]; inside the box. NaN for a grain without cells.
    neighbours : number of grains with a common boundary.
    """

    volume: np.ndarray
    exact: bool
    cell_volume: np.ndarray
    diameter: np.ndarray
    centroid: np.ndarray
    neighbours: np.ndarray


@dataclass(frozen=True)
class Network:
    """The grain boundaries.

    Parameters
    ----------
    intercept : by axis, mean length of grains along lines [m]; the ceramic's ends end them, too. Infinite if lines run
        on in one grain across periodic sides.
    per_volume : S_V, area of boundary per volume of ceramic [1/m]: of the geometry, else of smoothed labels.
    per_volume_of_faces : from the faces of cells between two grains, each with the area that it stands for.
    per_volume_of_intercepts : from the intercepts, as if boundaries lay in all directions alike.
    triple_lines : their length per volume [1/m^2], in 3-D only; None without a geometry.
    junctions : points where three grains meet, in 3-D four, per volume [1/m^3]; in 2-D [1/m^2]. None likewise.
    band_share : share of the ceramic within the bands that stand for boundaries.
    """

    intercept: dict[str, float]
    per_volume: float
    per_volume_of_faces: float
    per_volume_of_intercepts: float
    triple_lines: float | None
    junctions: float | None
    band_share: float


@dataclass(frozen=True)
class Voids:
    """The pores, all space that is neither ceramic nor electrode, whether metal fills it or not.

    A cell belongs to a pore if half of it does; pores that touch are one.

    Parameters
    ----------
    porosity : share of the ceramic's volume.
    profile : the same of every layer of cells along x, ``(nx,)``; NaN where there is no ceramic.
    filled : share of that space which metal fills from the start.
    diameter : of the ball (2-D: disc) with the volume of each pore [m], largest first.
    spans : whether one pore reaches from the working electrode to the far end.
    at_electrode : share of the pores' volume that is connected to the working electrode.
    contact : share of the working electrode's surface with a void in front of it, in the first layer of cells.
    """

    porosity: float
    profile: np.ndarray
    filled: float
    diameter: np.ndarray
    spans: bool
    at_electrode: float
    contact: float


@dataclass(frozen=True)
class Measured:
    """What a ceramic is like.

    ``dimension`` : 1, 2 or 3. ``volume`` : of the ceramic [m^3], pores counted in; in 2-D [m^2]. ``second_phase`` : its
    share of the volume. ``largest_solid`` : share of the cells not pore which the largest connected region holds.
    """

    dimension: int
    volume: float
    grains: Grains
    network: Network
    voids: Voids
    second_phase: float
    largest_solid: float


def measure(structure: Microstructure) -> Measured:
    """Measure a microstructure."""
    grid = structure.grid
    volume = ceramic_volume(structure)
    cell = grid.cell_volume / _thickness(grid)
    ceramic = structure.grain_id > 0
    solid = ceramic & (structure.pore_fraction < 0.5)
    labels, count = label_connected(solid, grid.lateral)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    return Measured(
        dimension=int(axes_with_grains(grid).sum()),
        volume=volume,
        grains=measure_grains(structure),
        network=measure_network(structure),
        voids=measure_voids(structure),
        second_phase=float(structure.second_phase_fraction.sum()) * cell / volume,
        largest_solid=float(sizes.max(initial=0)) / max(1, int(sizes.sum())),
    )


def ceramic_volume(structure: Microstructure) -> float:
    """Return the volume between the working electrode's surface and the far end [m^3]; in 2-D area [m^2]."""
    depth = structure.grid.lengths[0] - structure.electrode_surface
    return float(depth.mean()) * structure.grid.cross_section / _thickness(structure.grid)


def _thickness(grid: Grid) -> float:
    """Return the extent of the box along axes of one cell, along which nothing differs [m]."""
    return float(np.prod(np.array(grid.lengths)[~axes_with_grains(grid)]))


# --- grains -------------------------------------------------------------------------------------------------


def measure_grains(structure: Microstructure) -> Grains:
    """Return volumes, centroids and numbers of neighbours of all grains."""
    grid, tessellation, pairs = structure.grid, structure.tessellation, structure.boundary_pairs
    count = int(max(structure.grain_id.max(initial=0), pairs.max(initial=0)))
    if tessellation is not None:
        count = max(count, int(tessellation.grain.max()))
    centroid = np.zeros((count, len(grid.shape)))
    for axis in range(len(grid.shape)):
        counts = _counts_along(structure.grain_id, axis, count)
        centroid[:, axis] = _mean_place(counts, grid, axis)
    cells = counts.sum(axis=1) * grid.cell_volume / _thickness(grid)
    volume = cells if tessellation is None else tessellation.grain_volume / _thickness(grid)
    return Grains(
        volume=volume,
        exact=tessellation is not None,
        cell_volume=cells,
        diameter=equivalent_diameter(volume, int(axes_with_grains(grid).sum())),
        centroid=centroid,
        neighbours=np.bincount(pairs.ravel(), minlength=count + 1)[1:],
    )


def _counts_along(grain_id: np.ndarray, axis: int, count: int) -> np.ndarray:
    """Return how many cells of each grain each layer along an axis has, ``(count, n)``."""
    n = grain_id.shape[axis]
    found = np.zeros((count + 1) * n, dtype=np.int64)
    for slab in _slabs(grain_id.shape):
        part = grain_id[slab]
        first = slab.start if axis == 0 else 0
        index = np.arange(first, first + part.shape[axis]).reshape([-1 if a == axis else 1 for a in range(part.ndim)])
        found += np.bincount((part.astype(np.int64) * n + index).ravel(), minlength=found.size)
    return found.reshape(count + 1, n)[1:]


def _slabs(shape: tuple[int, ...]) -> Iterator[slice]:
    """Yield slices along x of about ``SLAB`` cells."""
    planes = max(1, SLAB // math.prod(shape[1:]))
    for start in range(0, shape[0], planes):
        yield slice(start, min(start + planes, shape[0]))


def _mean_place(counts: np.ndarray, grid: Grid, axis: int) -> np.ndarray:
    """Return the mean coordinate of each grain's cells along an axis [m], ``(n_grains,)``, periodic sides or not."""
    place, length = grid.centres(axis), grid.lengths[axis]
    total = counts.sum(axis=1)
    with np.errstate(invalid="ignore"):  # 0 / 0 of a grain without cells
        if axis == 0 or grid.lateral == "mirror":
            return np.asarray(counts @ place / total)
        turn = counts @ np.exp(2j * np.pi * place / length)
        about = np.angle(turn) / (2.0 * np.pi) * length
        apart = (place - about[:, None] + 0.5 * length) % length - 0.5 * length
        return np.asarray((about + np.einsum("gn,gn->g", counts, apart) / total) % length)


def equivalent_diameter(volume: np.ndarray | float, dimension: int) -> np.ndarray:
    """Return the diameter of the ball (2-D: disc) with each volume [m]; in 1-D the length itself."""
    return np.asarray((volume / UNIT_GRAIN[dimension]) ** (1.0 / dimension))


def log_width(diameter: np.ndarray) -> float:
    """Return the standard deviation of ln D; 0 for a single grain."""
    return float(np.log(diameter).std()) if diameter.size else 0.0


def distance_to_lognormal(diameter: np.ndarray, mean: float, width: float) -> float:
    """Return the Kolmogorov-Smirnov distance of diameters to a log-normal distribution.

    Parameters
    ----------
    mean : of the distribution's diameters [m].
    width : standard deviation of their logarithm, > 0.

    Raises
    ------
    ValueError : without diameters, or for a mean or a width that is not positive.
    """
    if diameter.size == 0 or mean <= 0.0 or width <= 0.0:
        raise ValueError(
            f"a distribution of {diameter.size} grains has no distance to a log-normal one of mean {mean:g} m and "
            f"log_width {width:g}: all three must be positive"
        )
    ordered = np.sort(diameter)
    expected = ndtr((np.log(ordered / mean) + 0.5 * width**2) / width)
    steps = np.arange(ordered.size + 1) / ordered.size
    return float(max((steps[1:] - expected).max(), (expected - steps[:-1]).max()))


def lognormal_density(diameter: np.ndarray, mean: float, width: float) -> np.ndarray:
    """Return the density of that distribution [1/m] at diameters [m]."""
    scaled = (np.log(diameter / mean) + 0.5 * width**2) / width
    return np.asarray(np.exp(-0.5 * scaled**2) / (diameter * width * math.sqrt(2.0 * math.pi)))


def mackenzie_density(angle: np.ndarray) -> np.ndarray:
    """Return the density of misorientations of cubes turned at random, per radian (Mackenzie 1958); angles in rad."""
    root, cosine, sine = math.sqrt(2.0) - 1.0, np.cos(angle), np.sin(angle)
    beyond_60 = (3.0 * root + 4.0 / math.sqrt(3.0)) * sine - 6.0 * (1.0 - cosine)
    # the last piece is real between its own limits only, and used nowhere else
    cotangent = 1.0 / np.tan(0.5 * np.clip(angle, CORNER, LARGEST_ANGLE))
    x = root / np.sqrt(1.0 - (root * cotangent) ** 2)
    y = root**2 / np.sqrt(3.0 - cotangent**2)
    edges = 2.0 * root * _arccos(x * cotangent) + _arccos(y * cotangent) / math.sqrt(3.0)
    corners = 2.0 * _arccos(x / (root * math.sqrt(2.0))) + _arccos(y / (root * math.sqrt(2.0)))
    pieces = (
        1.0 - cosine,
        3.0 * root * sine - 2.0 * (1.0 - cosine),
        beyond_60,
        beyond_60 - 12.0 / math.pi * (edges * sine - corners * (1.0 - cosine)),
    )
    reach = [np.asarray(angle) <= limit for limit in (math.pi / 4.0, math.pi / 3.0, CORNER, LARGEST_ANGLE)]
    return np.asarray(24.0 / math.pi * np.select(reach, pieces, 0.0))


def _arccos(value: np.ndarray) -> np.ndarray:
    return np.arccos(np.clip(value, -1.0, 1.0))  # 1 up to the last bit at the limits


# --- grain boundaries ---------------------------------------------------------------------------------------


def measure_network(structure: Microstructure) -> Network:
    """Return intercepts, boundary per volume and junctions."""
    grid, tessellation = structure.grid, structure.tessellation
    active = axes_with_grains(grid)
    dimension, volume, thickness = int(active.sum()), ceramic_volume(structure), _thickness(grid)
    ceramic = int(np.count_nonzero(structure.grain_id))
    intercept, area, crossings = {}, 0.0, 0.0
    for axis in np.flatnonzero(active).tolist():
        # the last face is the first one again, or closed
        weight = np.moveaxis(structure.sheet_weight[axis], axis, 0)[:-1]
        found = 0
        for layer in weight:
            across = layer[layer > 0.0]
            found += across.size
            # a boundary of area A is drawn as a staircase of area |n|_1 A
            area += float(np.sum(1.0 / across)) * grid.face_area(axis) / thickness
        length = ceramic * grid.spacing[axis]
        chords = _chords(structure.grain_id, axis, axis > 0 and grid.lateral == "periodic")
        intercept[AXES[axis]] = length / chords if chords else np.inf
        crossings += found / length / dimension
    lines = junctions = None
    if tessellation is not None:
        junctions = len(tessellation.junctions) / volume
        if dimension == 3:
            lines = float(np.linalg.norm(tessellation.edges[:, 1] - tessellation.edges[:, 0], axis=1).sum()) / volume
    band = float(structure.grain_boundary_fraction.sum()) * grid.cell_volume / thickness / volume
    return Network(
        intercept=intercept,
        per_volume=structure.boundary_per_volume,
        per_volume_of_faces=area / volume,
        per_volume_of_intercepts=PER_CROSSING[dimension] * crossings,
        triple_lines=lines,
        junctions=junctions,
        band_share=band,
    )


def _chords(grain_id: np.ndarray, axis: int, periodic: bool) -> int:
    """Return how many pieces inside one grain the lines of cells along an axis are cut into."""
    if axis == 0:
        chords = int(np.count_nonzero(grain_id[0]))
        for before, layer in pairwise(grain_id):
            chords += int(np.count_nonzero((layer != before) & (layer > 0)))
        return chords
    chords = 0
    for slab in _slabs(grain_id.shape):
        lines = np.moveaxis(grain_id[slab], axis, 0)
        before = lines[-1] if periodic else np.zeros_like(lines[0])
        chords += int(np.count_nonzero((lines[0] != before) & (lines[0] > 0)))
        chords += int(np.count_nonzero((lines[1:] != lines[:-1]) & (lines[1:] > 0)))
    return chords


def boundary_areas(structure: Microstructure) -> np.ndarray:
    """Return the area of each boundary inside the ceramic [m^2], ``(n,)``; in 2-D its length [m].

    Of the geometry, else from the faces of cells.
    """
    grid, count = structure.grid, len(structure.boundary_pairs)
    if structure.tessellation is not None:
        return structure.tessellation.boundary_area / _thickness(grid)
    area = np.zeros(count)
    for axis, (weight, row) in enumerate(zip(structure.sheet_weight, structure.sheet_boundary, strict=True)):
        inner = np.moveaxis(weight, axis, 0)[:-1] > 0.0  # the last face is the first one again, or closed
        across = 1.0 / np.moveaxis(weight, axis, 0)[:-1][inner]
        rows = np.moveaxis(row, axis, 0)[:-1][inner]
        area += np.bincount(rows, across, count) * grid.face_area(axis) / _thickness(grid)
    return area


# --- pores --------------------------------------------------------------------------------------------------


def measure_voids(structure: Microstructure) -> Voids:
    """Return porosity, sizes and connections of the pores."""
    grid, pores = structure.grid, structure.pore_fraction
    cell = grid.cell_volume / _thickness(grid)
    ceramic = np.count_nonzero(structure.grain_id, axis=tuple(range(1, pores.ndim)))
    in_layer = pores.sum(axis=tuple(range(1, pores.ndim)))
    profile = np.divide(in_layer, ceramic, out=np.full(grid.shape[0], np.nan), where=ceramic > 0)
    total = float(in_layer.sum())
    metal = sum(float(pores[slab][structure.metal_distance[slab] > 0.0].sum()) for slab in _slabs(pores.shape))

    labels, count = label_connected(pores >= 0.5, grid.lateral)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    first = np.minimum(np.searchsorted(grid.centres(0), structure.electrode_surface), grid.shape[0] - 1)[None]
    near = np.unique(np.take_along_axis(labels, first, axis=0))
    reached = np.intersect1d(near, labels[-1])
    return Voids(
        porosity=total * cell / ceramic_volume(structure),
        profile=profile,
        filled=metal / total if total > 0.0 else 0.0,
        diameter=equivalent_diameter(np.sort(sizes[1:])[::-1] * cell, int(axes_with_grains(grid).sum())),
        spans=bool(reached.any()),
        at_electrode=float(sizes[near].sum()) / max(1, int(sizes.sum())),
        contact=float(np.take_along_axis(pores, first, axis=0).mean()),
    )
