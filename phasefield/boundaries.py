"""What each grain boundary of a case is: how ions cross it, how electrons run along it, what metal finds there.

Every property is drawn for itself, keyed on (seed, the boundary's two grains): a boundary keeps what it is whatever the
grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microstructures import (
    Microstructure,
    lognormal_per_boundary,
    misorientation_angles,
    random_orientations,
    uniform_per_boundary,
)
from phasefield.case.boundaries import BoundaryElectronsSection
from phasefield.case.model import Case
from phasefield.physics.transport import boundary_network_conductivity

PRESSURE, ELECTRONS, COATING = 0, 1, 2  # numbers of the draws, see ``uniform_per_boundary``


@dataclass(frozen=True)
class Boundaries:
    """Numbers of the boundaries, one per row of the microstructure's ``boundary_pairs``.

    ``resistance`` R_gb to ions across [ohm m^2]; ``conductance`` for electrons along [S]; ``electrons`` at metal, beyond
    what the ceramic holds in its place [mol/m^2]; ``pressure`` p_acc [Pa]; ``coated``. ``mean_conductance``: of those
    without coating [S].
    """

    resistance: np.ndarray
    conductance: np.ndarray
    electrons: np.ndarray
    pressure: np.ndarray
    coated: np.ndarray
    mean_conductance: float


def boundaries_of(case: Case, structure: Microstructure) -> Boundaries:
    """Return the numbers of every boundary of a microstructure that was made of the case."""
    electrolyte, bands, pairs = case.materials.electrolyte_properties, case.grain_boundaries, structure.boundary_pairs
    seed, count, thickness = case.microstructure.seed, len(pairs), electrolyte.boundary_thickness
    resistance = np.full(count, electrolyte.boundary_sheet_resistance)
    nothing = np.zeros(count)
    if bands is None or count == 0:
        return Boundaries(resistance, nothing, nothing, nothing, np.zeros(count, dtype=np.bool_), 0.0)
    conductance = thickness * _network_conductivity(case, structure) if case.transport.leakage else 0.0
    factor = electronic_factors(bands.electrons, structure, seed)
    along, electrons = conductance * factor, nothing
    if case.transport.capacitance:
        electrons = (bands.electrons.trapped_ratio - 1.0) * factor
        electrons = thickness * electrolyte.electron_concentration_at_metal * electrons
    coated = np.zeros(count, dtype=np.bool_)
    if bands.coating is not None:
        coating = bands.coating
        coated = uniform_per_boundary(pairs, seed, COATING) < coating.coverage
        resistance = resistance + coated * coating.thickness / coating.ionic_conductivity
        if case.transport.leakage:
            along = np.where(coated, coating.thickness * coating.electronic_conductivity, along)
        electrons = np.where(coated, 0.0, electrons)
    pressure = nothing
    if not case.reaction.plain:
        drawn = bands.accommodation_pressure
        pressure = lognormal_per_boundary(pairs, seed, drawn.median, drawn.log_width, PRESSURE)
    return Boundaries(resistance, along, electrons, pressure, coated, conductance)


def coating_fraction(case: Case, structure: Microstructure) -> np.ndarray | None:
    """Return the share of each cell in the band of a coated boundary; None without coating."""
    if case.grain_boundaries is None or case.grain_boundaries.coating is None:
        return None
    coated = np.append(boundaries_of(case, structure).coated, False)
    return structure.grain_boundary_fraction * coated[structure.boundary_id]


def _network_conductivity(case: Case, structure: Microstructure) -> float:
    """Return sigma_e,gb [S/m] with which the network as a whole conducts as the ceramic was measured to."""
    electrolyte, dimension = case.materials.electrolyte_properties, structure.grid.dimension
    if dimension == 1:
        return 0.0  # no network in 1-D: the ceramic as measured, without boundaries
    return boundary_network_conductivity(
        electrolyte.electronic_conductivity,
        2 if case.microstructure.kind == "bicrystal" else dimension,  # in 3-D its layers are the 2-D ones
        electrolyte.boundary_thickness,
        structure.boundary_per_volume,
    )


def electronic_factors(asked: BoundaryElectronsSection, structure: Microstructure, seed: int) -> np.ndarray:
    """Return what the conductance of each boundary is over the mean of all, weighted with their area, ``(n,)``."""
    pairs = structure.boundary_pairs
    if asked.distribution == "uniform":
        return np.ones(len(pairs))
    if asked.distribution == "log_normal":
        factor = lognormal_per_boundary(pairs, seed, 1.0, asked.log_width, ELECTRONS)
    else:
        if asked.distribution == "leaky_fraction":
            leaky = uniform_per_boundary(pairs, seed, ELECTRONS) < asked.leaky_fraction
        else:
            angles = misorientation_angles(pairs, random_orientations(int(structure.boundary_pairs.max()), seed))
            leaky = angles > asked.leaky_angle
        factor = np.where(leaky, 1.0, asked.contrast)
    inside = structure.boundary_id >= 0
    area = np.bincount(structure.boundary_id[inside], structure.grain_boundary_fraction[inside], minlength=len(pairs))
    mean = float(area @ factor) / float(area.sum())
    return factor / mean
