"""From a microstructure and the numbers of its materials to the maps of a ``Problem`` (MODEL 7)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microstructures import Microstructure
from phasefield.problem import Ceramic


@dataclass(frozen=True)
class CeramicNumbers:
    """Numbers of one ceramic, SI.

    ``boundary_pressure``: p_acc of each row of the microstructure's ``boundary_pairs`` [Pa].
    ``boundary_electronic_conductivity``: of the boundary itself, thickness delta. ``opening`` h and
    ``collecting_length`` l_a: volume of metal per area of boundary, and filament length that feeds the tip [m].
    """

    ionic_conductivity: float  # sigma_b [S/m]
    sheet_resistance: float  # R_gb [ohm m^2]
    bulk_electronic_conductivity: float  # [S/m]
    boundary_electronic_conductivity: float  # sigma_e,gb [S/m]
    boundary_thickness: float  # delta [m]
    band_width: float  # w [m]
    opening: float  # h [m]
    collecting_length: float  # l_a [m]
    boundary_pressure: np.ndarray
    grain_pressure: float  # [Pa]
    electrons_at_metal: float  # n_M [mol/m^3]
    ion_concentration: float  # c_0 [mol/m^3]
    pore_ratio: float = 1e-6  # conductivity of a pore over that of the ceramic


def accommodation_pressure(structure: Microstructure, numbers: CeramicNumbers) -> np.ndarray:
    """Return p_acc of every cell [Pa]: of its boundary within the band (at most the grain's), 0 in pores, else the grain's; never blended.

    Cells of the electrode take the value of the first cell of ceramic in their row along x.
    """
    # Centres that lie on the band's edge, as they do along a boundary that follows the grid, are out on every machine.
    in_band = structure.boundary_distance < 0.5 * numbers.band_width * (1.0 - 1e-9)
    pressure = np.full(structure.grid.shape, numbers.grain_pressure)
    drawn = numbers.boundary_pressure[structure.boundary_id[in_band]]
    pressure[in_band] = np.minimum(drawn, numbers.grain_pressure)
    pressure[structure.pore_fraction >= 0.5] = 0.0
    first = first_ceramic_layer(structure)
    pressure[:first] = pressure[first]
    return pressure


def first_ceramic_layer(structure: Microstructure) -> int:
    """Return the index along x of the first layer of cells whose centres are ceramic."""
    return int(np.searchsorted(structure.grid.centres(0), structure.electrode_plane))


def ceramic_maps(structure: Microstructure, numbers: CeramicNumbers) -> Ceramic:
    """Return the maps that a ``Problem`` needs."""
    grid, pores = structure.grid, structure.pore_fraction
    solid = 1.0 - pores
    inside = (grid.centres(0) >= structure.electrode_plane).reshape((-1,) + (1,) * (len(grid.shape) - 1))
    band = structure.grain_boundary_fraction * numbers.boundary_thickness / numbers.band_width
    theta = numbers.opening / numbers.band_width
    collecting = numbers.collecting_length / numbers.band_width
    return Ceramic(
        ionic_conductivity=numbers.ionic_conductivity * (solid + numbers.pore_ratio * pores),
        bulk_electronic_conductivity=numbers.bulk_electronic_conductivity * solid * np.ones(grid.shape),
        boundary_electronic_conductivity=band * solid * numbers.boundary_electronic_conductivity,
        sheet_resistance=tuple(numbers.sheet_resistance * weight for weight in structure.sheet_weight),
        accommodation_pressure=accommodation_pressure(structure, numbers),
        accessible_fraction=np.where(inside, pores + solid * theta, 1.0),
        collecting_factor=np.where(inside, pores + solid * collecting, 1.0),
        electrons_at_metal=np.where(inside, solid * numbers.electrons_at_metal, 0.0),
        ion_concentration=solid * numbers.ion_concentration,
    )
