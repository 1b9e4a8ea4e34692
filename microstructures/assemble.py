"""From grains to maps on a grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, get_args

import numpy as np

from microstructures.coverage import SUBSAMPLES, subsample_offsets
from microstructures.electrode_surface import MetalSeed, Surface
from microstructures.inclusions import Inclusions, place_inclusions
from microstructures.plain_grains import bicrystal, bricks, single_crystal
from microstructures.pores import Particles, Pores
from microstructures.random_grains import grains_of_centres, laguerre, voronoi
from microstructures.structure import Microstructure
from microstructures.tessellation import Tessellation, axes_with_grains, ceramic_box
from phasefield.grid import Grid

SLAB = 2**21  # cells that are drawn at a time
FEW_CELLS = 3  # across a grain: too few
CHUNK = 2**15  # cells whose distances from all facets of their grains are in memory at a time
Kind = Literal["single_crystal", "bicrystal", "bricks", "voronoi", "laguerre", "centres"]


def build(
    grid: Grid,
    kind: Kind,
    electrode_plane: float,
    band_width: float,
    *,
    grain_size: float | None = None,
    size_log_width: float = 0.3,
    elongation: float = 1.0,
    elongation_axis: str = "x",
    seed: int = 1,
    relaxation: int = 2,
    angle: float = 0.0,
    centres: np.ndarray | None = None,
    radii: np.ndarray | None = None,
    pores: Pores | Sequence[Pores] | None = None,
    particles: Particles | None = None,
    surface: Surface | None = None,
    metal_seeds: Sequence[MetalSeed] = (),
) -> Microstructure:
    """Generate grains, grain boundaries, pores, particles and the metal's surface on a grid.

    Parameters
    ----------
    kind : ``"single_crystal"``; ``"bicrystal"`` (``angle``); ``"bricks"``, ``"voronoi"``, ``"laguerre"`` (``grain_size``);
        ``"centres"`` (``centres``, ``radii``).
    electrode_plane : where the ceramic begins along x [m].
    band_width : w, width of the band that stands for a grain boundary [m].
    grain_size : mean grain diameter or edge of a brick [m].
    size_log_width : of ``"laguerre"``: standard deviation of the logarithm of diameters.
    elongation, elongation_axis : of ``"voronoi"`` and ``"laguerre"``: length over width of columnar grains.
    seed : of everything random, >= 0.
    relaxation : Lloyd steps of ``"voronoi"`` and ``"laguerre"``.
    angle : tilt of the bicrystal's boundary against x [rad].
    centres, radii : of grains, ``(n, axes)``, ``(n,)`` [m], see `grains_of_centres`.
    pores, particles : what to add, one population after another.
    surface : height of the electrode above its plane; None for a flat one.
    metal_seeds : balls of metal inside the ceramic.

    Raises
    ------
    ValueError : with a sentence for the user if the request cannot be met.
    """
    if kind == "single_crystal":
        grains = single_crystal(grid, electrode_plane)
    elif kind == "bicrystal":
        grains = bicrystal(grid, electrode_plane, angle)
    elif kind == "centres":
        grains = grains_of_centres(grid, electrode_plane, np.zeros((0, 0)) if centres is None else centres, radii)
    elif grain_size is None or grain_size <= 0.0:
        raise ValueError(f"grains of kind {kind} need a positive grain_size")
    else:
        if kind == "bricks":
            _refuse_few_cells(grid, grain_size, band_width)
            grains = bricks(grid, electrode_plane, grain_size)
        elif kind == "voronoi":
            _refuse_few_cells(grid, grain_size, band_width)
            grains = voronoi(
                grid,
                electrode_plane,
                grain_size,
                seed,
                relaxation,
                elongation=elongation,
                elongation_axis=elongation_axis,
            )
        elif kind == "laguerre":
            _refuse_few_cells(grid, grain_size, band_width)
            grains = laguerre(
                grid, electrode_plane, grain_size, size_log_width, seed, relaxation,
                elongation=elongation, elongation_axis=elongation_axis,
            )  # fmt: skip
        else:
            raise ValueError(f"there are no grains of kind {kind}: take {', '.join(get_args(Kind))}")
    populations = () if pores is None else (pores,) if isinstance(pores, Pores) else tuple(pores)
    inclusions = place_inclusions(grains, grid, electrode_plane, populations, particles, surface, metal_seeds, seed)
    return assemble(grains, grid, electrode_plane, band_width, inclusions)


def _refuse_few_cells(grid: Grid, grain_size: float, band_width: float) -> None:
    cell = float(np.array(grid.spacing)[axes_with_grains(grid)].max())
    if grain_size <= FEW_CELLS * cell * (1.0 + 1e-9):
        raise ValueError(
            f"grains of {grain_size * 1e6:g} um are {grain_size / cell:.2g} cells of {cell * 1e6:g} um wide, and more than "
            f"{FEW_CELLS} are needed to tell them apart: take larger grains or smaller cells"
        )
    if band_width > grain_size:
        raise ValueError(
            f"bands of {band_width * 1e6:g} um are wider than grains of {grain_size * 1e6:g} um: take narrower bands"
        )


def assemble(
    grains: Tessellation, grid: Grid, electrode_plane: float, band_width: float, inclusions: Inclusions
) -> Microstructure:
    """Draw grains and their boundaries on a grid; inclusions are passed on."""
    if band_width <= 0.0:
        raise ValueError(f"band_width must be positive, not {band_width:g} m")
    lower, upper = ceramic_box(grid, electrode_plane)
    shape = grid.shape
    grain_id, boundary_id = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.int32)
    distance, fraction = np.zeros(shape), np.zeros(shape)
    weights = tuple(np.zeros(grid.face_shape(axis)) for axis in range(len(shape)))
    rows = tuple(np.full(grid.face_shape(axis), -1, dtype=np.int32) for axis in range(len(shape)))
    for slab, points in slabs(grid):
        cell, relative = grains.locate(points)
        facet, nearest = grains.nearest_facet(cell, relative)
        block = (slab.stop - slab.start, *shape[1:])
        # the last plane is there for the faces before it and belongs to the next slab
        inside = slice(slab.start, min(slab.stop, slab.start + _planes(grid)))
        own = slice(0, inside.stop - inside.start)
        in_electrode = inclusions.in_electrode(slab)
        ids = np.where(in_electrode, 0, grains.grain[cell].reshape(block))
        coverage = _band_coverage(grains, grid, cell, relative, nearest, band_width).reshape(block)
        grain_id[inside] = ids[own]
        boundary_id[inside] = grains.boundary[cell, facet].reshape(block)[own]
        distance[inside] = nearest.reshape(block)[own]
        fraction[inside] = np.where(in_electrode, 0.0, coverage)[own]
        for axis in range(len(shape)):
            _sheets(grains, grid, ids, cell, relative, axis, weights[axis], rows[axis], slab.start)
    return Microstructure(
        grid=grid,
        grain_id=grain_id,
        boundary_pairs=grains.boundary_pairs,
        boundary_id=boundary_id,
        boundary_distance=distance,
        grain_boundary_fraction=fraction,
        pore_fraction=inclusions.pore_fraction,
        second_phase_fraction=inclusions.second_phase_fraction,
        metal_distance=inclusions.metal_distance,
        sheet_weight=weights,
        sheet_boundary=rows,
        boundary_per_volume=float(grains.boundary_area.sum() / np.prod(upper - lower)),
        electrode_plane=electrode_plane,
        electrode_surface=inclusions.electrode_surface,
        tessellation=grains,
    )


def _planes(grid: Grid) -> int:
    """Return how many planes of cells are drawn at a time."""
    return max(1, SLAB // max(1, grid.size // grid.shape[0]))


def slabs(grid: Grid) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield slices along x and the centres of their cells, ``(k, axes)`` [m]: so little memory is needed on the way.

    Each has one plane of the next, for the faces between them.
    """
    planes = _planes(grid)
    for start in range(0, grid.shape[0], planes):
        slab = slice(start, min(start + planes + 1, grid.shape[0]))
        along = [grid.centres(0)[slab], *(grid.centres(axis) for axis in range(1, len(grid.shape)))]
        yield slab, np.stack([c.ravel() for c in np.meshgrid(*along, indexing="ij")], axis=1)


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
