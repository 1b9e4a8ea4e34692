"""What lies between and inside the grains: pores, particles of a second phase, and the metal that is there at the start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from microstructures.coverage import coverage, depth_inside, together
from microstructures.electrode_surface import (
    MetalSeed,
    Surface,
    check_surface,
    electrode_distance,
    protrusions,
    seed_bodies,
)
from microstructures.pores import Particles, Pores, particle_bodies, pore_bodies
from microstructures.tessellation import Tessellation
from phasefield.grid import Grid

REACH = 16.0  # cells beyond its surface in which the distance from metal is wanted: the tails of wide interfaces


@dataclass(frozen=True)
class Inclusions:
    """Fields on a grid, with their names in `Microstructure`."""

    grid: Grid
    pore_fraction: np.ndarray
    second_phase_fraction: np.ndarray
    metal_distance: np.ndarray
    electrode_surface: np.ndarray

    def in_electrode(self, slab: slice = slice(None)) -> np.ndarray:
        """Return which cells of a slab along x have their centres in the electrode."""
        return np.asarray(along_x(self.grid)[slab] < self.electrode_surface)


def along_x(grid: Grid) -> np.ndarray:
    """Return x of the cells' centres with as many axes as the grid [m]."""
    return grid.centres(0).reshape((-1,) + (1,) * (len(grid.shape) - 1))


def place_inclusions(
    grains: Tessellation,
    grid: Grid,
    electrode_plane: float,
    pores: Sequence[Pores],
    particles: Particles | None,
    surface: Surface | None,
    metal_seeds: Sequence[MetalSeed],
    seed: int,
) -> Inclusions:
    """Place and draw what is asked for; nothing that is placed touches what was placed before.

    Raises
    ------
    ValueError : with a sentence for the user if the request cannot be met.
    """
    shape = grid.shape
    if surface is None:
        surface = protrusions(grid, ())
    else:
        check_surface(surface, grid, electrode_plane)
    distance = np.full(shape, -np.inf)
    if electrode_plane > 0.0:
        distance = electrode_distance(grid, electrode_plane, surface)

    voids = [seed_bodies(metal_seeds, grid, electrode_plane, surface)] if metal_seeds else []
    filled = list(voids)
    for number, population in enumerate(pores):
        obstacles = together(*voids) if voids else None
        placed = pore_bodies(grains, grid, electrode_plane, population, seed, number, obstacles, surface.height)
        voids.append(placed)
        if population.filled:
            filled.append(placed)
    pore_fraction = coverage(grid, together(*voids)) if voids else np.zeros(shape)
    second = np.zeros(shape)
    if particles is not None:
        obstacles = together(*voids) if voids else None
        second = coverage(grid, particle_bodies(grains, grid, electrode_plane, particles, seed, 0, obstacles))
        second = np.minimum(second, 1.0 - pore_fraction)
    if filled:
        distance = np.maximum(distance, depth_inside(grid, together(*filled), REACH * max(grid.spacing)))
    made = Inclusions(grid, pore_fraction, second, distance, electrode_plane + surface.height)
    in_electrode = made.in_electrode()
    pore_fraction[in_electrode] = 0.0
    second[in_electrode] = 0.0
    return made
