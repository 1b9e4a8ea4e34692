"""What a generator of microstructures returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microstructures.tessellation import Tessellation
from phasefield.grid import Grid


@dataclass(frozen=True)
class Microstructure:
    """Describe the ceramic on a grid; constant in time.

    Boundaries that end at a side of the box count as going on straight beyond it. In the electrode
    ``grain_id``, ``grain_boundary_fraction`` and ``sheet_weight`` are 0; ``boundary_id`` and
    ``boundary_distance`` are those of the grains continued.

    Parameters
    ----------
    grid : the grid of every array.
    grain_id : int32, ``grid.shape``: 1, 2, … in the ceramic, 0 in the electrode.
    boundary_pairs : int32, ``(n_boundaries, 2)``: the grains on both sides, smaller id first, sorted.
    boundary_id : int32, ``grid.shape``: row of ``boundary_pairs`` of the nearest boundary; -1 if there is none.
    boundary_distance : distance of the cell centre to that boundary [m]; inf if there is none.
    grain_boundary_fraction : share of the cell within half a band width of a boundary, sub-sampled.
    pore_fraction : share of the cell inside pores, sub-sampled.
    second_phase_fraction : share of the cell inside particles of a second phase, sub-sampled; none where there are pores.
    metal_distance : signed distance of the cell centre from the surface of the metal that is there before any current
        flows [m], > 0 inside it: the electrode, and metal in pores of the ceramic. -inf without metal.
    sheet_weight : per axis, on faces (``grid.face_shape(axis)``): |n|_1 of the boundary between the two cells,
        0 where both are of one grain. Corrects the area of the voxel staircase.
    sheet_boundary : per axis, on the same faces: row of ``boundary_pairs`` of that boundary; -1 where there is none.
    boundary_per_volume : S_V, area of boundary per volume of ceramic (length per area in 2-D) [1/m]; of a geometry all of
        it, of labels what lies outside of pores and particles.
    electrode_plane : where the ceramic begins along x, on average [m].
    electrode_surface : where it begins in each column, ``grid.shape[1:]`` [m].
    tessellation : the geometry that was drawn; None if there is none (segmented images).
    """

    grid: Grid
    grain_id: np.ndarray
    boundary_pairs: np.ndarray
    boundary_id: np.ndarray
    boundary_distance: np.ndarray
    grain_boundary_fraction: np.ndarray
    pore_fraction: np.ndarray
    second_phase_fraction: np.ndarray
    metal_distance: np.ndarray
    sheet_weight: tuple[np.ndarray, ...]
    sheet_boundary: tuple[np.ndarray, ...]
    boundary_per_volume: float
    electrode_plane: float
    electrode_surface: np.ndarray
    tessellation: Tessellation | None = None

    @property
    def in_electrode(self) -> np.ndarray:
        """Return which cells have their centres in the working electrode, bool ``grid.shape``."""
        x = self.grid.centres(0).reshape((-1,) + (1,) * self.electrode_surface.ndim)
        return np.asarray(x < self.electrode_surface)

    @property
    def signed_distance(self) -> np.ndarray:
        """Return the distance to the nearest boundary [m], < 0 in the grain with the smaller number of the two."""
        sides = np.concatenate([self.boundary_pairs, np.zeros((1, 2), dtype=np.int32)])[self.boundary_id]
        return np.where(self.grain_id == sides[..., 0], -self.boundary_distance, self.boundary_distance)
