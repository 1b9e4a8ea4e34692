"""From a microstructure and the numbers of its materials to the maps of a ``Problem`` (MODEL 7)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microstructures import Microstructure, pore_surface_density
from phasefield.problem import Ceramic


@dataclass(frozen=True)
class CeramicNumbers:
    """Numbers of one ceramic, SI.

    ``boundary_…``: one value for each row of the microstructure's ``boundary_pairs``: resistance to ions across R_gb,
    conductance for electrons along, delta sigma_e,gb, electrons at metal that the boundary holds beyond what the ceramic
    does, per area, and p_acc. ``opening`` h and ``collecting_length`` l_a: volume of metal per area of boundary, and
    filament length that feeds the tip [m]. ``pore_…``: conductance for electrons along a pore's surface, and what it
    holds.
    """

    ionic_conductivity: float  # sigma_b [S/m]
    bulk_electronic_conductivity: float  # [S/m]
    electrons_at_metal: float  # n_M [mol/m^3]
    ion_concentration: float  # c_0 [mol/m^3]
    grain_pressure: float  # [Pa]
    band_width: float  # w [m]
    opening: float  # h [m]
    collecting_length: float  # l_a [m]
    boundary_resistance: np.ndarray  # [ohm m^2]
    boundary_conductance: np.ndarray  # [S]
    boundary_electrons: np.ndarray  # [mol/m^2]
    boundary_pressure: np.ndarray  # [Pa]
    pore_conductance: float = 0.0  # [S]
    pore_electrons: float = 0.0  # [mol/m^2]
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
    band = solid * structure.grain_boundary_fraction / numbers.band_width  # area of boundary per volume
    surface = pore_surface_density(pores, grid)
    theta = numbers.opening / numbers.band_width
    collecting = numbers.collecting_length / numbers.band_width
    electrons = solid * numbers.electrons_at_metal + surface * numbers.pore_electrons
    electrons += band * _of(numbers.boundary_electrons, structure.boundary_id)
    return Ceramic(
        ionic_conductivity=numbers.ionic_conductivity * (solid + numbers.pore_ratio * pores),
        bulk_electronic_conductivity=numbers.bulk_electronic_conductivity * solid * np.ones(grid.shape),
        boundary_electronic_conductivity=band * _of(numbers.boundary_conductance, structure.boundary_id)
        + surface * numbers.pore_conductance,
        sheet_resistance=tuple(
            weight * _of(numbers.boundary_resistance, row)
            for weight, row in zip(structure.sheet_weight, structure.sheet_boundary, strict=True)
        ),
        accommodation_pressure=accommodation_pressure(structure, numbers),
        accessible_fraction=np.where(inside, pores + solid * theta, 1.0),
        collecting_factor=np.where(inside, pores + solid * collecting, 1.0),
        electrons_at_metal=np.where(inside, electrons, 0.0),
        ion_concentration=solid * numbers.ion_concentration,
    )


def _of(values: np.ndarray, boundary: np.ndarray) -> np.ndarray:
    """Return the values of boundaries by their rows; 0 for row -1."""
    return np.append(values, 0.0)[boundary]
