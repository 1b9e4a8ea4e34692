"""From a case to what is computed: microstructure, problem, protocol."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from microstructures import Microstructure, bottleneck_pressure, pore_surface_density
from phasefield.boundaries import boundaries_of
from phasefield.case.model import Case
from phasefield.ceramic import CeramicNumbers, ceramic_maps, first_of_ceramic
from phasefield.generate import build_structure
from phasefield.grid import Grid
from phasefield.physics.reaction import critical_entry_current, exchange_current_density
from phasefield.physics.transport import ELECTRONIC_FLOOR
from phasefield.problem import SITES, Metal, Nucleation, PlanarElectrode, Problem, Reaction
from phasefield.protocol import Protocol
from phasefield.simulate import StepLimits

TAIL_LENGTH = 4.0  # of the electrode's profile inside the ceramic, in interface widths (xi = 0.018)


@dataclass(frozen=True)
class Setup:
    """All that a run needs, made from one case."""

    case: Case
    structure: Microstructure
    problem: Problem
    protocol: Protocol
    limits: StepLimits


def build_setup(case: Case) -> Setup:
    """Generate the microstructure of a case and everything that follows from it.

    Raises ``CaseError`` when the microstructure cannot be made as asked.
    """
    structure = build_structure(case)
    return Setup(case, structure, build_problem(case, structure), build_protocol(case), build_limits(case))


def ceramic_numbers(case: Case, structure: Microstructure) -> CeramicNumbers:
    """Return the numbers of the ceramic's maps."""
    electrolyte, bands, plain = case.materials.electrolyte_properties, case.grain_boundaries, case.reaction.plain
    transport, floor = case.transport, ELECTRONIC_FLOOR * electrolyte.ionic_conductivity
    bulk = electrolyte.bulk_electronic_conductivity
    if structure.grid.dimension == 1:
        bulk = electrolyte.electronic_conductivity  # no network in 1-D: the ceramic as measured
    if bands is None or plain:
        width = bands.band_width if bands is not None else max(case.grid.to_grid().spacing)
        opening = collecting = width
    else:
        width, opening, collecting = bands.band_width, bands.opening, bands.collecting_length
    boundaries = boundaries_of(case, structure)
    electrons = electrolyte.electron_concentration_at_metal if transport.capacitance else 0.0
    trapped = bands.electrons.trapped_ratio - 1.0 if bands is not None else 0.0
    second = case.microstructure.second_phase
    return CeramicNumbers(
        ionic_conductivity=electrolyte.ionic_conductivity,
        bulk_electronic_conductivity=max(bulk, floor) if transport.leakage else floor,
        electrons_at_metal=electrons,
        ion_concentration=electrolyte.ion_concentration,
        grain_pressure=0.0 if plain else case.grains.accommodation_pressure,
        band_width=width,
        opening=opening,
        collecting_length=collecting,
        boundary_resistance=boundaries.resistance,
        boundary_conductance=boundaries.conductance,
        boundary_electrons=boundaries.electrons,
        boundary_pressure=boundaries.pressure,
        pore_conductance=transport.pore_surface_ratio * boundaries.mean_conductance,
        pore_electrons=transport.pore_surface_ratio * trapped * electrons * electrolyte.boundary_thickness,
        pore_ratio=transport.pore_conductivity_ratio,
        second_ionic_conductivity=second.ionic_conductivity if second is not None else 0.0,
        second_electronic_conductivity=second.electronic_conductivity if second is not None else 0.0,
        second_pressure=0.0 if second is None or plain else second.accommodation_pressure,
    )


def build_problem(case: Case, structure: Microstructure) -> Problem:
    """Return the problem of a case."""
    grid, temperature = structure.grid, case.materials.temperature
    electrolyte, metal = case.materials.electrolyte_properties, case.materials.metal_properties
    width = case.metal.interface_width
    resistance = case.materials.interface_properties.interface_resistance
    i0 = exchange_current_density(resistance, temperature)
    counter = exchange_current_density(case.electrodes.counter_interface_resistance, temperature)
    return Problem(
        grid=grid,
        temperature=temperature,
        metal=Metal(
            metal.molar_volume,
            metal.interface_energy,
            width,
            case.transport.metal_conductivity_ratio * electrolyte.ionic_conductivity,
            case.metal.mobility_ratio,
        ),
        ceramic=ceramic_maps(structure, ceramic_numbers(case, structure)),
        reaction=Reaction(
            i0,
            case.reaction.transfer_coefficient,
            case.reaction.kinetics,
            case.reaction.hysteresis,
            case.reaction.reservoir,
        ),
        working_electrode=PlanarElectrode(i0, "contact"),
        counter_electrode=PlanarElectrode(counter, case.electrodes.counter_electrons),
        initial_metal_fraction=initial_metal(structure.metal_distance, width),
        electrode_plane=structure.electrode_plane,
        electronic_law=case.transport.electronic_law,
        bias_slope=case.transport.bias_slope,
        bias_reference=case.transport.bias_reference,
        reservoir_thickness=case.electrodes.reservoir_thickness,
        nucleation=build_nucleation(case, structure),
    )


def build_nucleation(case: Case, structure: Microstructure) -> Nucleation | None:
    """Return where and when nuclei may appear; None if the case has neither a law nor a list of them.

    A grain boundary's sites are the cells that its middle runs through, a pore's the outermost cells of it.
    """
    asked = case.nucleation
    if asked.law == "none" and not asked.nuclei:
        return None
    assert asked.radius is not None
    grid, pores = structure.grid, structure.pore_fraction
    site, area = np.zeros(grid.shape, dtype=np.int8), np.zeros(grid.shape)
    if "grain_boundaries" in asked.sites:
        middle = structure.boundary_distance <= 0.5 * math.hypot(*grid.spacing)
        middle &= (pores < 0.5) & (structure.grain_boundary_fraction > 0.0)
        site[middle] = SITES.index("grain_boundary")
        # all of them together are the network's area
        ceramic = grid.size * grid.cell_volume - structure.electrode_plane * grid.cross_section
        area[middle] = structure.boundary_per_volume * ceramic / max(int(middle.sum()), 1)
    if "pore_surfaces" in asked.sites:
        density = pore_surface_density(pores, grid)
        surface = (pores >= 0.5) & (density > 0.0)
        site[surface] = SITES.index("pore_surface")
        if surface.any():
            area[surface] = density[surface] * grid.cell_volume * float(density.sum() / density[surface].sum())
    if len(grid.spacing) == 2:
        area *= 2.0 * asked.radius  # a disc stands for a ball: of a slice as thick as the ball
    return Nucleation(
        law="listed" if asked.law == "none" else asked.law,
        site=site,
        site_area=area,
        radius=asked.radius,
        overpotential=asked.overpotential if asked.law == "deterministic" else 0.0,
        prefactor=asked.rate_prefactor,
        barrier_factor=asked.barrier_factor,
        seed=asked.seed,
        listed=tuple(sorted((n.time, _on_grid(n.place, grid)) for n in asked.nuclei)),
    )


def _on_grid(place: tuple[float, ...], grid: Grid) -> tuple[float, ...]:
    """Return a place with as many coordinates as the grid's arrays have axes."""
    return place if len(place) == len(grid.shape) else (*place, 0.5 * grid.lengths[1])


def initial_metal(distance: np.ndarray, width: float) -> np.ndarray:
    """Return xi with the tanh profile of ``width`` [m] about the metal's surface; 0 everywhere without metal.

    ``distance`` : from the surface, > 0 in the metal [m]. The tail ends ``TAIL_LENGTH`` widths beyond the surface: a
    boundary that lies deeper must be reached by metal first.
    """
    scaled = distance / width
    return np.where(scaled > -TAIL_LENGTH, 1.0 / (1.0 + np.exp(-np.clip(scaled, -600.0, 600.0))), 0.0)


def build_protocol(case: Case) -> Protocol:
    """Return the protocol of a case."""
    every, every_capacity = _or_never(case.output.every), _or_never(case.output.every_capacity)
    return replace(case.protocol.to_protocol(), output_every=every, output_every_capacity=every_capacity)


def build_limits(case: Case) -> StepLimits:
    """Return the bounds of the time step."""
    solver = case.solver
    return StepLimits(
        smallest=solver.time_step_min,
        largest=_or_never(solver.time_step_max),
        travel=solver.front_travel,
        refinement=solver.step_refinement,
    )


def weakest_path(setup: Setup) -> tuple[float, float]:
    """Return the bottleneck pressure of the weakest path through boundaries and pores [Pa], and its J*_path [A/m^2]."""
    problem, case = setup.problem, setup.case
    # electrode cells resist like the ceramic in front of them: a rough surface is crossed at no cost
    first = int(first_of_ceramic(setup.structure).min())
    pressure = bottleneck_pressure(problem.ceramic.accommodation_pressure, first, problem.grid.lateral)
    resistance = case.materials.interface_properties.interface_resistance
    return pressure, critical_entry_current(pressure, resistance, problem.metal.molar_volume)


def _or_never(value: float | None) -> float:
    return math.inf if value is None else value
