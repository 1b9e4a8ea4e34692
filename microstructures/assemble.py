"""From grains to maps on a grid."""

from __future__ import annotations

from typing import Literal

import numpy as np

from microstructures.plain_grains import bicrystal, bricks, single_crystal
from microstructures.pores import SUBSAMPLES, Pores, place_pores, pore_coverage, subsample_offsets
from microstructures.structure import Microstructure
from microstructures.tessellation import Tessellation, ceramic_box
from microstructures.voronoi_grains import voronoi
from phasefield.grid import Grid

CHUNK = 2**15  # cells whose distances from all facets of their grains are in memory at a time
Kind = Literal["single_crystal", "bicrystal", "bricks", "voronoi"]


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
    cell, relative = grains.locate(np.stack([c.ravel() for c in grid.meshgrid()], axis=1))
    facet, distance = grains.nearest_facet(cell, relative)
    in_electrode = grid.centres(0) < electrode_plane
    grain_id = grains.grain[cell].reshape(grid.shape)
    grain_id[in_electrode] = 0
    fraction = _band_coverage(grains, grid, cell, relative, distance, band_width).reshape(grid.shape)
    fraction[in_electrode] = 0.0
    sheets = [_sheets(grains, grid, grain_id, cell, relative, axis) for axis in range(len(grid.shape))]
    return Microstructure(
        grid=grid,
        grain_id=grain_id,
        boundary_pairs=grains.boundary_pairs,
        boundary_id=grains.boundary[cell, facet].reshape(grid.shape),
        boundary_distance=distance.reshape(grid.shape),
        grain_boundary_fraction=fraction,
        pore_fraction=pore_fraction,
        sheet_weight=tuple(weight for weight, _ in sheets),
        sheet_boundary=tuple(boundary for _, boundary in sheets),
        boundary_per_volume=float(grains.boundary_area.sum() / np.prod(upper - lower)),
        electrode_plane=electrode_plane,
    )


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
    grains: Tessellation, grid: Grid, grain_id: np.ndarray, cell: np.ndarray, relative: np.ndarray, axis: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return |n|_1 of the boundary between the two cells of each face and its row, ``grid.face_shape(axis)``; else 0, -1.

    A boundary of area A is drawn as a staircase of area |n|_1 A; R |n|_1 on each face gives it the resistance R.
    """
    index = np.moveaxis(np.arange(grid.size).reshape(grid.shape), axis, 0)
    if axis > 0 and grid.lateral == "periodic" and grains.repeats:
        index = np.concatenate([index[-1:], index, index[:1]])  # the first and the last face are the same
        faces = slice(None)
    else:
        faces = slice(1, -1)
    low, high = index[:-1], index[1:]
    ids = grain_id.ravel()
    boundary = (ids[low] != ids[high]) & (ids[low] > 0) & (ids[high] > 0)
    low, high = low[boundary], high[boundary]

    area_weight, row = np.zeros(low.size), np.zeros(low.size, dtype=np.int32)
    for part in np.array_split(np.arange(low.size), low.size // CHUNK + 1):
        distance = grains.gaps(cell[low[part]], relative[low[part]])
        facet_pairs = grains.boundary_pairs[grains.boundary[cell[low[part]]]]
        # At a junction cells of grains that share no boundary may touch: the nearest boundary of the first serves.
        shared = (facet_pairs == ids[high[part]][:, None, None]).any(axis=2)
        distance += np.where(shared, 0.0, sum(grid.lengths))
        facet = cell[low[part]], distance.argmin(axis=1)
        area_weight[part] = np.abs(grains.normal[facet]).sum(axis=1)
        row[part] = grains.boundary[facet]

    weight = np.zeros(grid.face_shape(axis))
    rows = np.full(grid.face_shape(axis), -1, dtype=np.int32)
    np.moveaxis(weight, axis, 0)[faces][boundary] = area_weight
    np.moveaxis(rows, axis, 0)[faces][boundary] = row
    return weight, rows
