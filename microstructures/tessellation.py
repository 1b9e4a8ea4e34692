"""Grains as convex cells with plane facets: what every generator of grains returns.

A grain is one convex cell or several (a brick of a running bond is two halves, in 3-D four quarters, because each
has one neighbour above and one below). Only facets between different grains are kept. Distances are to the facets'
planes: inside a convex cell the nearest plane is the nearest facet, except where a boundary ends at a side of
the box; there it counts as going on straight, as if the box had been cut out of a larger body. So it does where a grain
meets its own periodic image, in boxes about as narrow as a grain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from phasefield.grid import Grid

Locate = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Facets:
    """List facets as seen from inside the cells, each from both of its sides.

    Parameters
    ----------
    cell : int, ``(n,)``: the cell.
    neighbour : int, ``(n,)``: the grain beyond.
    normal : ``(n, axes)``: unit normal, out of the cell.
    offset : ``(n,)``: distance of the plane from the cell's reference point [m].
    area : ``(n,)``: area inside the ceramic [m^2]; in 2-D length [m].
    """

    cell: np.ndarray
    neighbour: np.ndarray
    normal: np.ndarray
    offset: np.ndarray
    area: np.ndarray


@dataclass(frozen=True)
class Tessellation:
    """Describe grains by geometry alone: nothing here depends on the resolution of a grid.

    Parameters
    ----------
    grain : int32, ``(n_cells,)``: grain of a cell: 1, 2, …
    normal, offset, boundary : facets of each cell, padded to ``(n_cells, n_facets, …)`` with offset inf and
        boundary -1; ``boundary`` is a row of ``boundary_pairs``.
    boundary_pairs : int32, ``(n_boundaries, 2)``, smaller grain first, sorted.
    boundary_area : ``(n_boundaries,)`` area inside the ceramic [m^2]; in 2-D length [m].
    junctions : ``(n_junctions, axes)``: points inside the ceramic where three grains meet [m]; in 3-D four.
    edges : ``(n_edges, 2, axes)``: ends of the straight edges of the network of boundaries, cut off at the ceramic's ends
        [m]: the boundaries themselves in 2-D, the lines where three grains meet in 3-D. Ends that lie across a
        periodic side are not moved back into the box, so that an edge is as long as it is.
    volume : ``(n_cells,)`` of each cell inside the ceramic [m^3]; in 2-D area [m^2].
    locate : points ``(k, axes)`` [m] to cells ``(k,)`` and positions relative to the cells' reference points.
    repeats : whether the grains go on across periodic sides; if not, no boundary is put there.
    """

    grain: np.ndarray
    normal: np.ndarray
    offset: np.ndarray
    boundary: np.ndarray
    boundary_pairs: np.ndarray
    boundary_area: np.ndarray
    junctions: np.ndarray
    edges: np.ndarray
    volume: np.ndarray
    locate: Locate
    repeats: bool = True

    @property
    def junction_sites(self) -> np.ndarray:
        """Return where pores like to sit, ``(n, axes)`` [m]: the junctions and in 3-D the middles of triple lines, sorted."""
        sites = self.junctions
        if np.count_nonzero(np.any(self.normal, axis=(0, 1))) == 3:  # a single layer of cells is two-dimensional
            sites = np.concatenate([sites, self.edges.mean(axis=1)])
        scale = float(sites.max(initial=0.0)) or 1.0
        return sites[np.lexsort(np.round(sites / scale, 9).T)]

    @property
    def grain_volume(self) -> np.ndarray:
        """Return the volume of grains 1, 2, … inside the ceramic [m^3]; in 2-D area [m^2]."""
        return np.bincount(self.grain - 1, self.volume)

    def gaps(self, cell: np.ndarray, relative: np.ndarray) -> np.ndarray:
        """Return the distances of points from all facets of their cells [m], ``(k, n_facets)``, > 0 inside."""
        return self.offset[cell] - np.einsum("kfa,ka->kf", self.normal[cell], relative)

    def nearest_facet(self, cell: np.ndarray, relative: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the facet nearest to each point and its distance [m], each ``(k,)``; inf if the cell has none."""
        facet = np.zeros(cell.size, dtype=np.int32)
        distance = np.full(cell.size, np.inf)
        for f in range(self.offset.shape[1]):
            gap = self.offset[cell, f]
            for axis in range(relative.shape[1]):
                gap = gap - self.normal[cell, f, axis] * relative[:, axis]
            nearer = gap < distance
            facet[nearer] = f
            distance[nearer] = gap[nearer]
        return facet, np.maximum(distance, 0.0)  # a point on a boundary may lie outside by rounding


def from_facets(
    grain: np.ndarray,
    facets: Facets,
    junctions: np.ndarray,
    edges: np.ndarray,
    volume: np.ndarray,
    locate: Locate,
    repeats: bool = True,
) -> Tessellation:
    """Build a tessellation from a list of facets; facets inside a grain are dropped. Others as in `Tessellation`."""
    real = np.flatnonzero(facets.neighbour != grain[facets.cell])
    real = real[np.argsort(facets.cell[real], kind="stable")]
    cell = facets.cell[real]
    slot = np.arange(cell.size) - np.searchsorted(cell, cell)
    pairs = np.sort(np.stack([grain[cell], facets.neighbour[real]], axis=1).astype(np.int32), axis=1)
    boundary_pairs, row = np.unique(pairs, axis=0, return_inverse=True)
    row = row.ravel()

    width = int(slot.max(initial=0)) + 1
    axes = facets.normal.shape[1]
    normal = np.zeros((grain.size, width, axes))
    offset = np.full((grain.size, width), np.inf)
    boundary = np.full((grain.size, width), -1, dtype=np.int32)
    normal[cell, slot] = facets.normal[real]
    offset[cell, slot] = facets.offset[real]
    boundary[cell, slot] = row
    return Tessellation(
        grain=grain.astype(np.int32),
        normal=normal,
        offset=offset,
        boundary=boundary,
        boundary_pairs=boundary_pairs,
        # every facet is listed from both sides
        boundary_area=0.5 * np.bincount(row, weights=facets.area[real], minlength=len(boundary_pairs)),
        junctions=junctions,
        edges=edges,
        volume=volume,
        locate=locate,
        repeats=repeats,
    )


def ceramic_box(grid: Grid, electrode_plane: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and the upper corner of the ceramic [m]; refuse a plane outside of the box."""
    upper = np.array(grid.lengths)
    if not 0.0 <= electrode_plane < upper[0]:
        raise ValueError(
            f"the electrode plane must lie between 0 and the end of the box at {upper[0] * 1e6:g} um, "
            f"not at {electrode_plane * 1e6:g} um"
        )
    return np.array([electrode_plane, *np.zeros(len(upper) - 1)]), upper


def axes_with_grains(grid: Grid) -> np.ndarray:
    """Return along which axes grains may differ, bool ``(axes,)``: x and every lateral axis of more than one cell."""
    return np.array([True, *(n > 1 for n in grid.shape[1:])])
