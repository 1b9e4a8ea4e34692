"""From grains to maps on a grid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from microstructures.plain_grains import bicrystal, bricks, single_crystal
from microstructures.pores import SUBSAMPLES, Pores, place_pores, pore_coverage, subsample_offsets
from microstructures.random_grains import voronoi
from microstructures.structure import Microstructure
from microstructures.tessellation import Tessellation, ceramic_box
from phasefield.grid import Grid

SLAB = 2**21  # cells that are drawn at a time
CHUNK = 2**15  # cells whose distances from all facets of their grains are in memory at a time
Kind = Literal["single_crystal", "bicrystal", "bricks", "voronoi", "laguerre", "centres"]


def build(
    grid: Grid,
    kind: Kind,
    electrode_plane: float,
    band_width: float,
    *,
    grain_size: float | None = None,
    seed: int = 1,
    relaxation: int = 2,
    angle: float = 0.0,
    pores: Pores | None = None,
) -> Microstructure:
    """Generate grains, grain boundaries and pores on a grid.

    Parameters
    ----------
    kind : ``"single_crystal"``, ``"bicrystal"`` (needs ``angle``), ``"bricks"`` or ``"voronoi"`` (need ``grain_size``).
    electrode_plane : where the ceramic begins along x [m].
    band_width : w, width of the band that stands for a grain boundary [m].
    grain_size : mean grain diameter or edge of a brick [m].
    seed : of everything random, >= 0.
    relaxation : Lloyd steps of ``"voronoi"``.
    angle : tilt of the bicrystal's boundary against x [rad].
    pores : what pores to add; None for none.

    Raises
    ------
    ValueError : with a sentence for the user if the request cannot be met.
    """
    if kind == "single_crystal":
        grains = single_crystal(grid, electrode_plane)
    elif kind == "bicrystal":
        grains = bicrystal(grid, electrode_plane, angle)
    elif grain_size is None or grain_size <= 0.0:
        raise ValueError(f"grains of kind {kind} need a positive grain_size")
    elif kind == "bricks":
        grains = bricks(grid, electrode_plane, grain_size)
    elif kind == "voronoi":
        grains = voronoi(grid, electrode_plane, grain_size, seed, relaxation)
    else:
        raise ValueError(f"there are no grains of kind {kind}: take single_crystal, bicrystal, bricks or voronoi")
    pore_fraction = np.zeros(grid.shape)
    if pores is not None:
        pore_fraction = pore_coverage(grid, *place_pores(grains, grid, electrode_plane, pores, seed))
    return assemble(grains, grid, electrode_plane, band_width, pore_fraction)


def assemble(
    grains: Tessellation, grid: Grid, electrode_plane: float, band_width: float, pore_fraction: np.ndarray
) -> Microstructure:
    """Draw grains and their boundaries on a grid; ``pore_fraction`` (``grid.shape``) is passed on."""
    if band_width <= 0.0:
        raise ValueError(f"band_width must be positive, not {band_width:g} m")
    lower, upper = ceramic_box(grid, electrode_plane)
    shape = grid.shape
    grain_id, boundary_id = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.int32)
    distance, fraction = np.zeros(shape), np.zeros(shape)
    weights = tuple(np.zeros(grid.face_shape(axis)) for axis in range(len(shape)))
    rows = tuple(np.full(grid.face_shape(axis), -1, dtype=np.int32) for axis in range(len(shape)))
    surface = np.full(shape[1:], electrode_plane)
    for slab in _slabs(grid):
        cell, relative = grains.locate(_centres(grid, slab))
        facet, nearest = grains.nearest_facet(cell, relative)
        block = (slab.stop - slab.start, *shape[1:])
        coverage = _band_coverage(grains, grid, cell, relative, nearest, band_width)
        # the last plane is there for the faces before it and belongs to the next slab
        inside = slice(slab.start, min(slab.stop, slab.start + _planes(grid)))
        own = slice(0, inside.stop - inside.start)
        in_electrode = _x(grid, inside) < surface
        ids = grains.grain[cell].reshape(block)
        ids[_x(grid, slab) < surface] = 0
        grain_id[inside] = ids[own]
        boundary_id[inside] = grains.boundary[cell, facet].reshape(block)[own]
        distance[inside] = nearest.reshape(block)[own]
        fraction[inside] = np.where(in_electrode, 0.0, coverage.reshape(block)[own])
        for axis in range(len(shape)):
            _sheets(grains, grid, ids, cell, relative, axis, weights[axis], rows[axis], slab.start)
    return Microstructure(
        grid=grid,
        grain_id=grain_id,
        boundary_pairs=grains.boundary_pairs,
        boundary_id=boundary_id,
        boundary_distance=distance,
        grain_boundary_fraction=fraction,
        pore_fraction=pore_fraction,
        second_phase_fraction=np.zeros(shape),
        metal_distance=np.broadcast_to(electrode_plane - _x(grid, slice(None)), shape)
        if electrode_plane > 0.0
        else np.full(shape, -np.inf),
        sheet_weight=weights,
        sheet_boundary=rows,
        boundary_per_volume=float(grains.boundary_area.sum() / np.prod(upper - lower)),
        electrode_plane=electrode_plane,
        electrode_surface=surface,
        tessellation=grains,
    )


def _planes(grid: Grid) -> int:
    """Return how many planes of cells are drawn at a time."""
    return max(1, SLAB // max(1, grid.size // grid.shape[0]))


def _slabs(grid: Grid) -> Iterator[slice]:
    """Yield slices along x, each with one plane of the next: memory for what is needed on the way stays small."""
    planes = _planes(grid)
    for start in range(0, grid.shape[0], planes):
        yield slice(start, min(start + planes + 1, grid.shape[0]))


def _x(grid: Grid, slab: slice) -> np.ndarray:
    return grid.centres(0)[slab].reshape((-1,) + (1,) * (len(grid.shape) - 1))


def _centres(grid: Grid, slab: slice) -> np.ndarray:
    """Return the centres of the cells of a slab [m], ``(k, axes)``."""
    along = [grid.centres(0)[slab], *(grid.centres(axis) for axis in range(1, len(grid.shape)))]
    return np.stack([c.ravel() for c in np.meshgrid(*along, indexing="ij")], axis=1)


def _band_coverage(
    grains: Tessellation,
    grid: Grid,
    cell: np.ndarray,
    relative: np.ndarray,
    distance: np.ndarray,
    band_width: float,
) -> np.ndarray:
    """Return the share of each cell within half a band width of a boundary, ``(size,)``.

    Cells that no edge of a band can reach get exactly 0 or 1. The others are cut into sub-cells, each covered as
    its extent along the boundary's normal overlaps the band: exact for a boundary along an axis.
    """
    spacing = np.array(grid.spacing)
    reach = 0.5 * float(np.linalg.norm(spacing))
    covered = (distance + reach <= 0.5 * band_width).astype(float)
    shifts = subsample_offsets(grid)
    edges = np.flatnonzero(np.abs(distance - 0.5 * band_width) < reach)
    for edge in np.array_split(edges, edges.size // CHUNK + 1):
        gaps = grains.gaps(cell[edge], relative[edge])
        # the others are too far away for their bands to reach into the cell
        near = np.count_nonzero(gaps < 0.5 * band_width + reach, axis=1)
        order = np.argsort(gaps, axis=1, kind="stable")
        for count in np.unique(near):
            few = near == count
            chosen = order[few, :count].T  # summing over cells side by side is quicker than over their facets
            normal = grains.normal[cell[edge[few]], chosen]
            gap = np.take_along_axis(gaps[few].T, chosen, axis=0)
            total = _covered_by_bands(gap, normal, spacing / SUBSAMPLES, shifts, band_width)
            # a cell that an edge only touches is full or empty, not so up to the last bit
            covered[edge[few]] = np.round(total / len(shifts), 12)
    return covered


def _covered_by_bands(
    gap: np.ndarray, normal: np.ndarray, sub_cell: np.ndarray, shifts: np.ndarray, band_width: float
) -> np.ndarray:
    """Return how many sub-cells of each cell the bands along its nearest facets cover, ``(k,)``.

    Parameters
    ----------
    gap, normal : distances of the cells' centres from the facets [m] and their normals, ``(n, k)``, ``(n, k, axes)``.
    sub_cell, shifts : edge lengths of a sub-cell and where its copies lie in a cell [m].
    """
    extent = np.abs(normal) @ sub_cell
    # Sub-cells beyond a boundary (only if the band is narrower than 3 cells) take the straight continuation of
    # this cell's facets.
    largest = np.minimum(1.0, band_width / extent)
    total = np.zeros(gap.shape[1])
    for shift in shifts:
        overlap = 0.5 + (0.5 * band_width - np.abs(gap - normal @ shift)) / extent
        total += np.clip(overlap, 0.0, largest).max(axis=0)
    return total


def _sheets(
    grains: Tessellation,
    grid: Grid,
    ids: np.ndarray,
    cell: np.ndarray,
    relative: np.ndarray,
    axis: int,
    weight: np.ndarray,
    row: np.ndarray,
    start: int,
) -> None:
    """Write |n|_1 and the row of the boundary between the two cells of each face of a slab, where there is one.

    A boundary of area A is drawn as a staircase of area |n|_1 A; R |n|_1 on each face gives it the resistance R.
    ``ids`` : grains of the slab; ``start`` : its first plane; ``weight``, ``row`` : ``grid.face_shape(axis)``.
    """
    index = np.moveaxis(np.arange(ids.size).reshape(ids.shape), axis, 0)
    first = 1 + (start if axis == 0 else 0)  # face of the whole grid that lies between the first two cells
    if axis > 0 and grid.lateral == "periodic" and grains.repeats:
        index = np.concatenate([index[-1:], index, index[:1]])  # the first and the last face are the same
        first = 0
    low, high = index[:-1], index[1:]
    flat = ids.ravel()
    boundary = (flat[low] != flat[high]) & (flat[low] > 0) & (flat[high] > 0)
    low, high = low[boundary], high[boundary]

    area_weight, number = np.zeros(low.size), np.zeros(low.size, dtype=np.int32)
    for part in np.array_split(np.arange(low.size), low.size // CHUNK + 1):
        distance = grains.gaps(cell[low[part]], relative[low[part]])
        facet_pairs = grains.boundary_pairs[grains.boundary[cell[low[part]]]]
        # At a junction cells of grains that share no boundary may touch: the nearest boundary of the first serves.
        shared = (facet_pairs == flat[high[part]][:, None, None]).any(axis=2)
        distance += np.where(shared, 0.0, sum(grid.lengths))
        facet = cell[low[part]], distance.argmin(axis=1)
        area_weight[part] = np.abs(grains.normal[facet]).sum(axis=1)
        number[part] = grains.boundary[facet]

    planes = slice(None) if axis == 0 else slice(start, start + ids.shape[0])
    faces = slice(first, first + boundary.shape[0])
    for values, whole in ((area_weight, weight), (number, row)):
        np.moveaxis(whole[planes] if axis > 0 else whole, axis, 0)[faces][boundary] = values
