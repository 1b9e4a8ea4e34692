"""From a case to what is computed: microstructure, problem, protocol."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from microstructures import Microstructure, Pores, bottleneck_pressure, build, lognormal_per_boundary
from phasefield.case.model import Case
from phasefield.ceramic import CeramicNumbers, ceramic_maps, first_ceramic_layer
from phasefield.errors import CaseError, Fault
from phasefield.grid import Grid
from phasefield.physics.reaction import critical_entry_current, exchange_current_density
from phasefield.physics.transport import ELECTRONIC_FLOOR, boundary_network_conductivity
from phasefield.problem import Metal, PlanarElectrode, Problem, Reaction
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


def build_structure(case: Case) -> Microstructure:
    """Return the microstructure of a case."""
    grid, asked = case.grid.to_grid(), case.microstructure
    bands = case.grain_boundaries
    width = bands.band_width if bands is not None else max(grid.spacing)  # no boundary: any width will do
    wanted = asked.pores if asked.pores is not None and asked.pores.porosity > 0.0 else None
    pores = Pores(wanted.porosity, wanted.radius) if wanted is not None else None
    try:
        return build(
            grid, asked.kind, case.electrodes.working_thickness, width, grain_size=asked.grain_size, seed=asked.seed,
            relaxation=asked.relaxation, angle=asked.angle, pores=pores,
        )  # fmt: skip
    except ValueError as error:
        raise CaseError([Fault("microstructure", str(error))], str(case.source)) from None


def ceramic_numbers(case: Case, structure: Microstructure) -> CeramicNumbers:
    """Return the numbers of the ceramic's maps."""
    electrolyte, bands, plain = case.materials.electrolyte_properties, case.grain_boundaries, case.reaction.plain
    floor = ELECTRONIC_FLOOR * electrolyte.ionic_conductivity
    bulk = max(electrolyte.bulk_electronic_conductivity, floor)
    boundary, dimension = 0.0, structure.grid.dimension
    if dimension == 1:
        bulk = max(electrolyte.electronic_conductivity, floor)  # no network in 1-D: the ceramic as measured
    elif len(structure.boundary_pairs):
        boundary = boundary_network_conductivity(
            electrolyte.electronic_conductivity,
            2 if case.microstructure.kind == "bicrystal" else dimension,  # in 3-D its layers are the 2-D ones
            electrolyte.boundary_thickness,
            structure.boundary_per_volume,
        )
    if not case.transport.leakage:
        bulk, boundary = floor, 0.0
    if bands is None or plain:
        width = bands.band_width if bands is not None else max(case.grid.to_grid().spacing)
        opening = collecting = width
    else:
        width, opening, collecting = bands.band_width, bands.opening, bands.collecting_length
    pressure = np.zeros(len(structure.boundary_pairs))
    if bands is not None and not plain:
        drawn = bands.accommodation_pressure
        pressure = lognormal_per_boundary(
            structure.boundary_pairs, case.microstructure.seed, drawn.median, drawn.log_width
        )
    return CeramicNumbers(
        ionic_conductivity=electrolyte.ionic_conductivity,
        sheet_resistance=electrolyte.boundary_sheet_resistance,
        bulk_electronic_conductivity=bulk,
        boundary_electronic_conductivity=boundary,
        boundary_thickness=electrolyte.boundary_thickness,
        band_width=width,
        opening=opening,
        collecting_length=collecting,
        boundary_pressure=pressure,
        grain_pressure=0.0 if plain else case.grains.accommodation_pressure,
        electrons_at_metal=electrolyte.electron_concentration_at_metal if case.transport.capacitance else 0.0,
        ion_concentration=electrolyte.ion_concentration,
        pore_ratio=case.transport.pore_conductivity_ratio,
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
        initial_metal_fraction=flat_electrode(grid, structure.electrode_plane, width),
        electrode_plane=structure.electrode_plane,
        electronic_law=case.transport.electronic_law,
        reservoir_thickness=case.electrodes.reservoir_thickness,
    )


def flat_electrode(grid: Grid, plane: float, width: float) -> np.ndarray:
    """Return xi of metal up to x = ``plane`` [m] with the tanh profile of ``width``; 0 everywhere for plane 0.

    The tail ends ``TAIL_LENGTH`` widths beyond the plane: a boundary that lies deeper must be reached by metal first.
    """
    if plane == 0.0:
        return np.zeros(grid.shape)
    distance = (plane - grid.meshgrid()[0]) / width
    return np.where(distance > -TAIL_LENGTH, 1.0 / (1.0 + np.exp(-np.clip(distance, -600.0, 600.0))), 0.0)


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
    pressure = bottleneck_pressure(
        problem.ceramic.accommodation_pressure, first_ceramic_layer(setup.structure), problem.grid.lateral
    )
    resistance = case.materials.interface_properties.interface_resistance
    return pressure, critical_entry_current(pressure, resistance, problem.metal.molar_volume)


def _or_never(value: float | None) -> float:
    return math.inf if value is None else value
