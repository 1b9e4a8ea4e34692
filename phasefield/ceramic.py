"""From a microstructure and the numbers of its materials to the maps of a ``Problem`` (MODEL 7)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microstructures import Microstructure, pore_surface_density
from phasefield.grid import Grid
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
    second_ionic_conductivity: float = 0.0  # of the second phase [S/m]
    second_electronic_conductivity: float = 0.0  # [S/m]
    second_pressure: float = 0.0  # p_acc inside it [Pa]


def accommodation_pressure(structure: Microstructure, numbers: CeramicNumbers) -> np.ndarray:
    """Return p_acc of every cell [Pa]: of its boundary within the band, at most the grain's; the second phase's; 0 in pores; else the grain's.

    Cells of the electrode take the value of the first cell of ceramic in their row along x.
    """
    # Centres that lie on the band's edge, as they do along a boundary that follows the grid, are out on every machine.
    in_band = structure.boundary_distance < 0.5 * numbers.band_width * (1.0 - 1e-9)
    pressure = np.full(structure.grid.shape, numbers.grain_pressure)
    drawn = numbers.boundary_pressure[structure.boundary_id[in_band]]
    pressure[in_band] = np.minimum(drawn, numbers.grain_pressure)
    pressure[structure.second_phase_fraction >= 0.5] = numbers.second_pressure
    pressure[structure.pore_fraction >= 0.5] = 0.0
    first = first_of_ceramic(structure)[None]
    return np.where(structure.in_electrode, np.take_along_axis(pressure, first, axis=0), pressure)


def first_of_ceramic(structure: Microstructure) -> np.ndarray:
    """Return the index along x of the first cell of each column whose centre is ceramic, ``grid.shape[1:]``."""
    return np.searchsorted(structure.grid.centres(0), structure.electrode_surface)


def ceramic_maps(structure: Microstructure, numbers: CeramicNumbers) -> Ceramic:
    """Return the maps that a ``Problem`` needs."""
    grid, pores, second = structure.grid, structure.pore_fraction, structure.second_phase_fraction
    solid = 1.0 - pores - second
    inside = ~structure.in_electrode
    band = solid * structure.grain_boundary_fraction / numbers.band_width  # area of boundary per volume
    surface = pore_surface_density(pores, grid)
    theta = numbers.opening / numbers.band_width
    collecting = numbers.collecting_length / numbers.band_width
    electrons = solid * numbers.electrons_at_metal + surface * numbers.pore_electrons
    electrons += band * _of(numbers.boundary_electrons, structure.boundary_id)
    return Ceramic(
        ionic_conductivity=numbers.ionic_conductivity * (solid + numbers.pore_ratio * pores)
        + numbers.second_ionic_conductivity * second,
        bulk_electronic_conductivity=numbers.bulk_electronic_conductivity * solid
        + numbers.second_electronic_conductivity * second,
        boundary_electronic_conductivity=band * _of(numbers.boundary_conductance, structure.boundary_id)
        + surface * numbers.pore_conductance,
        sheet_resistance=tuple(
            weight * _of(numbers.boundary_resistance, row) * (1.0 - _on_faces(second, grid, axis))
            for axis, (weight, row) in enumerate(zip(structure.sheet_weight, structure.sheet_boundary, strict=True))
        ),
        accommodation_pressure=accommodation_pressure(structure, numbers),
        accessible_fraction=np.where(inside, pores + (1.0 - pores) * theta, 1.0),
        collecting_factor=np.where(inside, pores + (1.0 - pores) * collecting, 1.0),
        electrons_at_metal=np.where(inside, electrons, 0.0),
        ion_concentration=(1.0 - pores) * numbers.ion_concentration,
    )


def _of(values: np.ndarray, boundary: np.ndarray) -> np.ndarray:
    """Return the values of boundaries by their rows; 0 for row -1."""
    return np.append(values, 0.0)[boundary]


def _on_faces(values: np.ndarray, grid: Grid, axis: int) -> np.ndarray:
    """Return the mean of the two cells of every face, ``grid.face_shape(axis)``; that of the one cell at the box's ends."""
    wraps = axis > 0 and grid.lateral == "periodic"
    padded = np.pad(values, [(1, 1) if a == axis else (0, 0) for a in range(values.ndim)], "wrap" if wraps else "edge")
    padded = np.moveaxis(padded, axis, 0)
    return np.moveaxis(0.5 * (padded[1:] + padded[:-1]), 0, axis)
