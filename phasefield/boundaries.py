"""What each grain boundary of a case is: how ions cross it, how electrons run along it, what metal finds there.

Every property is drawn for itself, keyed on (seed, the boundary's two grains): a boundary keeps what it is whatever the
grid. Special boundaries (``[grain_boundaries.special]``) differ from general ones by fixed ratios on top of that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from microstructures import (
    Microstructure,
    lognormal_per_boundary,
    misorientation_angles,
    random_orientations,
    uniform_per_boundary,
)
from microstructures.orientations import special_boundaries
from phasefield.case.boundaries import BoundaryElectronsSection, SpecialBoundariesSection
from phasefield.case.model import Case
from phasefield.physics.transport import boundary_network_conductivity

PRESSURE, ELECTRONS, COATING = 0, 1, 2  # numbers of the draws, see ``uniform_per_boundary``


@dataclass(frozen=True)
class Boundaries:
    """Numbers of the boundaries, one per row of the microstructure's ``boundary_pairs``.

    ``resistance`` R_gb to ions across [ohm m^2]; ``conductance`` for electrons along [S]; ``electrons`` at metal, beyond
    what the ceramic holds in its place [mol/m^2]; ``pressure`` p_acc [Pa]; ``coated``; ``special``.
    ``mean_conductance``: of those without coating [S].
    """

    resistance: np.ndarray
    conductance: np.ndarray
    electrons: np.ndarray
    pressure: np.ndarray
    coated: np.ndarray
    special: np.ndarray
    mean_conductance: float


def boundaries_of(case: Case, structure: Microstructure) -> Boundaries:
    """Return the numbers of every boundary of a microstructure that was made of the case."""
    electrolyte, bands, pairs = case.materials.electrolyte_properties, case.grain_boundaries, structure.boundary_pairs
    seed, count, thickness = case.microstructure.seed, len(pairs), electrolyte.boundary_thickness
    resistance = np.full(count, electrolyte.boundary_sheet_resistance)
    nothing, none = np.zeros(count), np.zeros(count, dtype=np.bool_)
    if bands is None or count == 0:
        return Boundaries(resistance, nothing, nothing, nothing, none, none, 0.0)
    special, resists, withstands, conducts = _special(bands.special, pairs, seed)
    resistance = resistance * resists
    conductance = thickness * _network_conductivity(case, structure) if case.transport.leakage else 0.0
    factor = electronic_factors(bands.electrons, structure, seed, conducts)
    along, electrons = conductance * factor, nothing
    if case.transport.capacitance:
        electrons = (bands.electrons.trapped_ratio - 1.0) * factor
        electrons = thickness * electrolyte.electron_concentration_at_metal * electrons
    coated = none
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
        pressure = withstands * lognormal_per_boundary(pairs, seed, drawn.median, drawn.log_width, PRESSURE)
    return Boundaries(resistance, along, electrons, pressure, coated, special, conductance)


def _special(rule: SpecialBoundariesSection | None, pairs: np.ndarray, seed: int) -> tuple[np.ndarray, ...]:
    """Return which boundaries are special, and by what that multiplies resistance, pressure and conductance, ``(n,)``."""
    if rule is None:
        return np.zeros(len(pairs), dtype=np.bool_), *[np.ones(len(pairs))] * 3
    special = special_boundaries(pairs, _orientations(pairs, seed), rule.low_angle, rule.coincidences)
    ratios = rule.resistance_ratio, rule.pressure_ratio, rule.conductance_ratio
    return special, *(np.where(special, ratio, 1.0) for ratio in ratios)


def coating_fraction(case: Case, structure: Microstructure) -> np.ndarray | None:
    """Return the share of each cell in the band of a coated boundary; None without coating."""
    if case.grain_boundaries is None or case.grain_boundaries.coating is None:
        return None
    coated = np.append(boundaries_of(case, structure).coated, False)
    return structure.grain_boundary_fraction * coated[structure.boundary_id]


def _network_conductivity(case: Case, structure: Microstructure) -> float:
    """Return sigma_e,gb [S/m] with which the network as a whole conducts as the ceramic was measured to."""
    electrolyte, dimension = case.materials.electrolyte_properties, structure.grid.dimension
    if dimension == 1 or structure.boundary_per_volume == 0.0:
        return 0.0  # no network: in 1-D the ceramic as measured, without boundaries; or all of it lies in pores
    return boundary_network_conductivity(
        electrolyte.electronic_conductivity,
        2 if case.microstructure.kind == "bicrystal" else dimension,  # in 3-D its layers are the 2-D ones
        electrolyte.boundary_thickness,
        structure.boundary_per_volume,
    )


def _orientations(pairs: np.ndarray, seed: int) -> Rotation:
    """Return the orientations of all grains that have boundaries, and of those with smaller numbers."""
    return random_orientations(int(pairs.max()), seed)


def electronic_factors(
    asked: BoundaryElectronsSection, structure: Microstructure, seed: int, ratio: float | np.ndarray = 1.0
) -> np.ndarray:
    """Return what the conductance of each boundary is over the mean of all, weighted with their area, ``(n,)``.

    ``ratio`` : what each boundary conducts over what it would by its draw alone, ``(n,)`` or the same for all.
    """
    pairs = structure.boundary_pairs
    if asked.distribution == "uniform":
        if np.ptp(ratio) == 0.0:
            return np.ones(len(pairs))  # no areas needed, and 1 up to the last bit
        factor = np.ones(len(pairs))
    elif asked.distribution == "log_normal":
        factor = lognormal_per_boundary(pairs, seed, 1.0, asked.log_width, ELECTRONS)
    else:
        if asked.distribution == "leaky_fraction":
            leaky = uniform_per_boundary(pairs, seed, ELECTRONS) < asked.leaky_fraction
        else:
            angles = misorientation_angles(pairs, _orientations(pairs, seed))
            leaky = angles > asked.leaky_angle
        factor = np.where(leaky, 1.0, asked.contrast)
    factor = factor * ratio
    inside = structure.boundary_id >= 0
    area = np.bincount(structure.boundary_id[inside], structure.grain_boundary_fraction[inside], minlength=len(pairs))
    if not area.any():
        return factor  # bands far thinner than a cell leave no trace
    mean = float(area @ factor) / float(area.sum())
    return factor / mean
