"""What the ceramic of a case is like, beside what the case asks for: measured on the maps that a run would use."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from microstructures import Microstructure, misorientation_angles, random_orientations
from microstructures.measure import (
    Measured,
    boundary_areas,
    distance_to_lognormal,
    equivalent_diameter,
    log_width,
    measure,
)
from phasefield.boundaries import Boundaries, boundaries_of
from phasefield.case.microstructure import RANDOM_GRAINS, PoresSection
from phasefield.case.model import Case
from phasefield.ceramic import first_of_ceramic
from phasefield.effective import EffectiveConductivity, effective_conductivity
from phasefield.errors import RunError
from phasefield.problem import Ceramic
from phasefield.setup import build_problem

POROSITY_ERROR = 0.2  # of what is asked, per cent of the volume: the package's promise
LARGEST_DISTANCE = 0.05  # Kolmogorov-Smirnov, promised for MANY_GRAINS: of n grains it is 1 / 2n at best
MANY_GRAINS = 500
LARGEST_VOID = 3.0  # standard deviations of ln r above the median: how far voids at the contact reach


@dataclass(frozen=True)
class Target:
    """One number that a case asks for, and what came out, both in ``unit``.

    ``allowed``: by how much they may differ; None if nothing is promised. ``limit``: whether what is asked for is
    an upper limit, not a value; ``allowed`` is then by how much it may be passed.
    """

    what: str
    unit: str
    asked: float
    measured: float
    allowed: float | None = None
    limit: bool = False

    @property
    def met(self) -> bool | None:
        """Return whether it is; None if nothing is promised."""
        if self.allowed is None:
            return None
        beyond = self.measured - self.asked
        return (beyond if self.limit else abs(beyond)) <= self.allowed


@dataclass(frozen=True)
class CeramicReport:
    """A case's ceramic, its maps, and all that was measured on them.

    Parameters
    ----------
    boundary_area, misorientation : of each row of ``structure.boundary_pairs`` [m^2] (2-D: [m]) and [rad].
    orientations : of grains 1, 2, …
    conductivity : of the ceramic behind the first layer that is ceramic all over; None if it could not be solved.
    trouble : why not.
    """

    case: Case
    structure: Microstructure
    ceramic: Ceramic
    boundaries: Boundaries
    boundary_area: np.ndarray
    misorientation: np.ndarray
    orientations: Rotation
    measured: Measured
    conductivity: EffectiveConductivity | None
    targets: tuple[Target, ...]
    trouble: str = ""


def ceramic_report(
    case: Case, structure: Microstructure, announce: Callable[[str], None] = lambda _: None, threads: int = 0
) -> CeramicReport:
    """Measure the microstructure that was made of a case.

    Parameters
    ----------
    announce : told what is being done.
    threads : of the solver of potentials; 0 is as many as there are cores.
    """
    announce("measuring")
    measured, area, boundaries = measure(structure), boundary_areas(structure), boundaries_of(case, structure)
    orientations = random_orientations(len(measured.grains.volume), case.microstructure.seed)
    ceramic = build_problem(case, structure).ceramic
    announce("conducting ions and electrons along each axis")
    conductivity, trouble = None, ""
    try:
        conductivity = effective_conductivity(
            ceramic,
            structure.grid,
            int(first_of_ceramic(structure).max()),
            pore_fraction=structure.pore_fraction,
            boundary_resistivity=float(boundaries.resistance @ area) / measured.volume,
            threads=threads,
        )
    except (RunError, ValueError) as error:  # whoever asked for the report is told, once the rest is written
        trouble = str(error)
    return CeramicReport(
        case=case,
        structure=structure,
        ceramic=ceramic,
        boundaries=boundaries,
        boundary_area=area,
        misorientation=misorientation_angles(structure.boundary_pairs, orientations),
        orientations=orientations,
        measured=measured,
        conductivity=conductivity,
        targets=(*targets(case, structure, measured, boundaries), *_conductivity_targets(case, conductivity)),
        trouble=trouble,
    )


def size_target(case: Case) -> tuple[float, float] | None:
    """Return mean [m] and log_width of the distribution of diameters that a case asks for; None if it asks for none."""
    asked = case.microstructure
    if asked.kind != "laguerre" or asked.size_log_width == 0.0:
        return None
    assert asked.grain_size is not None
    return asked.grain_size, asked.size_log_width


def asked_porosity(case: Case, structure: Microstructure) -> tuple[tuple[float, float, float], ...]:
    """Return from where to where along x [m] a case asks for which porosity, one entry for each kind of pores."""
    ceramic = structure.electrode_plane, structure.grid.lengths[0]
    kinds = [pores for pores in case.microstructure.pores if pores.porosity]
    return tuple((*_reach(pores, ceramic), pores.porosity or 0.0) for pores in kinds)


def targets(case: Case, structure: Microstructure, measured: Measured, boundaries: Boundaries) -> Iterator[Target]:
    """Yield all that a case asks for with a number, beside what was measured."""
    yield from _grain_targets(case, measured)
    yield from _pore_targets(case, structure, measured)
    second, rough = case.microstructure.second_phase, case.electrodes.roughness
    if second is not None and second.fraction > 0.0 and second.layer is None:
        yield Target("second phase", "%", 100.0 * second.fraction, 100.0 * measured.second_phase, POROSITY_ERROR)
    if rough is not None and not case.electrodes.protrusions:
        yield Target("roughness of the electrode, rms", "µm", 1e6 * rough.rms, 1e6 * structure.electrode_surface.std())
    bands, count = case.grain_boundaries, len(structure.boundary_pairs)
    if bands is None or count == 0:
        return
    if not case.reaction.plain and bands.special is None:
        drawn, asked = np.log(boundaries.pressure), bands.accommodation_pressure
        yield Target(
            "p_acc, median of the boundaries",
            "MPa",
            1e-6 * asked.median,
            1e-6 * math.exp(np.median(drawn)),
        )
        yield Target("p_acc, standard deviation of its logarithm", "", asked.log_width, float(drawn.std()))
    if bands.coating is not None:
        share = 100.0 * float(boundaries.coated.mean())
        yield Target("coated boundaries", "%", 100.0 * bands.coating.coverage, share)


def _conductivity_targets(case: Case, found: EffectiveConductivity | None) -> Iterator[Target]:
    """Compare what electrons are conducted with what a dense ceramic was measured to."""
    bands = case.grain_boundaries
    if found is not None and case.transport.leakage and bands is not None and bands.coating is None:
        asked = case.materials.electrolyte_properties.electronic_conductivity
        mean = float(np.mean([along.electronic for along in found.along]))
        yield Target("σ_e (asked: of a dense ceramic), mean of the axes", "S/m", asked, mean)


def _grain_targets(case: Case, measured: Measured) -> Iterator[Target]:
    asked, grains = case.microstructure, measured.grains
    if asked.kind not in RANDOM_GRAINS:
        return
    assert asked.grain_size is not None
    if asked.kind == "voronoi":  # whose size is that of the mean grain
        of_mean = float(equivalent_diameter(grains.volume.mean(), measured.dimension))
        yield Target("diameter of a grain of mean volume", "µm", 1e6 * asked.grain_size, 1e6 * of_mean)
    else:
        yield Target("mean diameter of the grains", "µm", 1e6 * asked.grain_size, 1e6 * float(grains.diameter.mean()))
        width = log_width(grains.diameter)
        yield Target("standard deviation of ln D", "", asked.size_log_width, width)
    wanted = size_target(case)
    if wanted is not None:
        distance = distance_to_lognormal(grains.diameter, *wanted)
        promised = 0.0 if grains.diameter.size >= MANY_GRAINS else None
        yield Target("Kolmogorov-Smirnov distance of D", "", LARGEST_DISTANCE, distance, promised, limit=True)
    if asked.elongation != 1.0:
        lengths = measured.network.intercept
        across = [length for axis, length in lengths.items() if axis != asked.elongation_axis]
        if across:
            ratio = lengths[asked.elongation_axis] / float(np.mean(across))
            yield Target("elongation, ratio of mean intercepts", "", asked.elongation, ratio)


def _pore_targets(case: Case, structure: Microstructure, measured: Measured) -> Iterator[Target]:
    """Compare the porosity of the whole ceramic, and of every layer that only one kind of pores reaches into."""
    voids, length = measured.voids, structure.grid.lengths[0]
    ceramic = structure.electrode_plane, length
    kinds = [pores for pores in case.microstructure.pores if pores.porosity != 0.0]
    reaches = [_reach(pores, ceramic) for pores in kinds]
    amounts = [(pores.porosity or 0.0) * (reach[1] - reach[0]) for pores, reach in zip(kinds, reaches, strict=True)]
    # metal that the case puts into the ceramic has space of its own, and voids at the contact have no porosity
    counted = all(pores.covered_fraction is None for pores in kinds) and not case.electrodes.seeds
    if kinds and counted:
        asked = sum(amounts) / (length - structure.electrode_plane)
        yield Target("porosity", "%", 100.0 * asked, 100.0 * voids.porosity, POROSITY_ERROR)
    for pores, reach in zip(kinds, reaches, strict=True):
        if pores.covered_fraction is not None:
            what = "electrode covered by voids, first layer of cells"
            yield Target(what, "%", 100.0 * pores.covered_fraction, 100.0 * voids.contact)
        others = [other for other in reaches if other is not reach and other[0] < reach[1] and reach[0] < other[1]]
        if pores.layer is not None and not others and not case.electrodes.seeds:
            what = f"porosity from {1e6 * reach[0]:g} to {1e6 * reach[1]:g} µm"
            found = 100.0 * _porosity_between(structure, *reach)
            yield Target(what, "%", 100.0 * (pores.porosity or 0.0), found, POROSITY_ERROR)


def _reach(pores: PoresSection, ceramic: tuple[float, float]) -> tuple[float, float]:
    """Return from where to where along x pores may lie [m]."""
    if pores.covered_fraction is not None:
        return ceramic[0], ceramic[0] + 1.3 * pores.radius * math.exp(LARGEST_VOID * pores.log_width)
    low, high = ceramic if pores.layer is None else pores.layer
    return max(low, ceramic[0]), min(high, ceramic[1])


def _porosity_between(structure: Microstructure, low: float, high: float) -> float:
    """Return the pores' share of the volume between two planes across x [m]."""
    grid, pores = structure.grid, structure.pore_fraction
    edges = np.arange(grid.shape[0] + 1) * grid.spacing[0]
    inside = np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0.0, None)
    return float(inside @ pores.mean(axis=tuple(range(1, pores.ndim)))) / (high - low)
