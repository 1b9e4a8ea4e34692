"""Unit normals of grain boundaries on a grid."""

from __future__ import annotations

import numpy as np

from microstructures import labels
from microstructures.assemble import slabs
from microstructures.structure import Microstructure


def boundary_normals(structure: Microstructure) -> np.ndarray:
    """Return the unit normals of the boundary nearest to each cell, float32 ``(*grid.shape, axes)``; 0 without boundary.

    They lead from the grain with the smaller number to that with the larger: exact where there is a geometry, else from
    the labels around.
    """
    grains, grid = structure.tessellation, structure.grid
    if grains is None:
        return labels.boundary_normals(structure, _repeats(structure))
    normals = np.zeros((*grid.shape, len(grid.shape)), dtype=np.float32)
    for slab, centres in slabs(grid):
        cell, relative = grains.locate(centres)
        facet, _ = grains.nearest_facet(cell, relative)
        row = grains.boundary[cell, facet]
        smaller = grains.grain[cell] == np.append(grains.boundary_pairs[:, 0], 0)[row]
        outward = np.where((row >= 0)[:, None], grains.normal[cell, facet], 0.0)
        normals[slab] = np.where(smaller[:, None], outward, -outward).reshape(normals[slab].shape)
    return normals


def _repeats(structure: Microstructure) -> bool:
    """Tell whether there are boundaries at periodic sides."""
    return any(bool(np.any(rows.take(0, axis) >= 0)) for axis, rows in enumerate(structure.sheet_boundary) if axis > 0)
