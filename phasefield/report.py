"""What a case amounts to before it is run: cost, scales, and where the grid is too coarse for the physics."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from phasefield.case import Case
from phasefield.generate import memory_needed
from phasefield.physics.constants import FARADAY, thermal_voltage
from phasefield.physics.nucleation import nucleation_potential
from phasefield.physics.reaction import critical_entry_current, exchange_current_density, smeared_entry_current
from phasefield.physics.transport import hebb_wagner_time
from phasefield.setup import Setup, build_setup, weakest_path
from phasefield.simulate import largest_travel

SAVED_BYTES_PER_CELL = 4
FRONT_WIDTHS = 5.9  # of l, over which xi goes from 0.05 to 0.95


@dataclass(frozen=True)
class CaseReport:
    """Rows of label and value, and warnings, for people."""

    rows: list[tuple[str, str]]
    warnings: list[str]


def case_report(case: Case) -> CaseReport:
    """Generate the microstructure of a case and report cost, scales and doubts; raises ``CaseError``."""
    setup = build_setup(case)
    rows = [*_cost(setup), *_scales(setup), *_resolution(setup)]
    return CaseReport(rows, _warnings(setup))


def _current(setup: Setup) -> float:
    """Return the largest |current density| [A/m^2]; of a voltage, what it would drive through contact and ceramic."""
    problem, stages = setup.problem, setup.protocol.stages
    resistance = 2.0 * setup.case.materials.interface_properties.interface_resistance
    resistance += (
        problem.grid.lengths[0] - problem.electrode_plane
    ) / setup.case.materials.electrolyte_properties.ionic_conductivity
    imposed = (stage.largest_imposed / (1.0 if stage.kind == "current" else resistance) for stage in stages)
    return max(imposed)


def _cost(setup: Setup) -> list[tuple[str, str]]:
    grid, protocol = setup.problem.grid, setup.protocol
    current = _current(setup)
    duration, charge = protocol.expected_duration(current), protocol.expected_charge(current)
    frames = max(duration / protocol.output_every, 0.0) if math.isfinite(protocol.output_every) else 0.0
    if math.isfinite(protocol.output_every_capacity):
        frames = max(frames, charge / protocol.output_every_capacity)
    stages = len(protocol.stages)
    frames += stages  # at the end of every step of the protocol
    arrays = len(setup.case.output.fields) + 4
    steps = _steps(setup, charge)
    shape = " x ".join(str(n) for n in grid.shape)
    lengths = " x ".join(f"{1e6 * length:.4g}" for length in grid.lengths)
    return [
        ("grid", f"{shape} = {grid.size} cells, {lengths} um, {grid.lateral} sides"),
        ("steps of the protocol", f"{stages}, up to {0.1 * current:.3g} mA/cm2"),
        ("cell time, at most", f"{duration:.4g} s ({charge / 36000.0:.3g} mAh/cm2)"),
        ("memory", f"{memory_needed(setup.case) * 1e-6:.0f} MB"),
        (
            "disk, at most",
            f"{frames * arrays * SAVED_BYTES_PER_CELL * grid.size * 1e-6:.0f} MB ({frames:.0f} saved times)",
        ),
        ("time steps, about", f"{steps:.0f}"),
    ]


def _steps(setup: Setup, charge: float) -> float:
    """Estimate: per step of the protocol a tip crosses the ceramic as fast as time steps let it, or charge moves it."""
    problem, stages = setup.problem, len(setup.protocol.stages)
    longest = largest_travel(problem.grid, problem.metal.interface_width, setup.limits)
    across = (problem.grid.lengths[0] - problem.electrode_plane) / longest
    travel = _filament_speed(setup, charge)  # a speed per current is a length per charge
    return min(stages * across * 1.5, max(travel / longest, stages * 50.0))


def _filament_speed(setup: Setup, current: float) -> float:
    ceramic = setup.problem.ceramic
    ratio = float(np.max(ceramic.collecting_factor / ceramic.accessible_fraction))
    return setup.problem.metal.molar_volume * current / FARADAY * ratio


def _scales(setup: Setup) -> list[tuple[str, str]]:
    case, problem, metal = setup.case, setup.problem, setup.problem.metal
    temperature, current = problem.temperature, _current(setup)
    electrolyte = case.materials.electrolyte_properties
    resistance = case.materials.interface_properties.interface_resistance
    sigma, length = electrolyte.ionic_conductivity, problem.grid.lengths[0] - problem.electrode_plane
    capillary = metal.interface_energy * metal.molar_volume / FARADAY
    rows = [
        ("RT/F", f"{1e3 * thermal_voltage(temperature):.4g} mV at {temperature:.5g} K"),
        ("exchange current density i0 = RT/(F Z)", f"{0.1 * exchange_current_density(resistance, temperature):.3g} mA/cm2"),
        ("sigma_i Z, below which a bump feels the contact", f"{1e6 * sigma * resistance:.3g} um"),
        ("drop over a flat contact J Z, over the ceramic J L/sigma_i", f"{1e3 * current * resistance:.3g} mV, {1e3 * current * length / sigma:.3g} mV"),
        ("plating speed of a flat electrode, of a filament", f"{1e9 * metal.molar_volume * current / FARADAY:.3g} nm/s, {1e9 * _filament_speed(setup, current):.3g} nm/s"),
        ("capillary potential at a radius of 1 um", f"{1e9 * capillary:.3g} mV"),
    ]  # fmt: skip
    if current > 0.0:
        critical = 2.0 * math.pi * math.sqrt(capillary * sigma / current)
        rows.append(("capillary length, shortest unstable wave", f"{1e6 * critical:.3g} um"))
    if case.transport.capacitance and electrolyte.electron_concentration_at_metal > 0.0:
        time = hebb_wagner_time(
            length, electrolyte.electronic_conductivity, electrolyte.electron_concentration_at_metal, temperature
        )
        rows.append(("Hebb-Wagner time L2/D, slowest mode", f"{time:.3g} s, {time / math.pi**2:.3g} s"))
    if case.grain_boundaries is not None and not case.reaction.plain and len(setup.structure.boundary_pairs):
        rows += _entry_currents(setup)
    if problem.nucleation is not None:
        rows.append(("nuclei", _nuclei(setup)))
    return rows


def _nuclei(setup: Setup) -> str:
    """Say by which law nuclei appear, on how many sites, and from which potential on at the weakest of them."""
    nucleation, ceramic = setup.problem.nucleation, setup.problem.ceramic
    assert nucleation is not None
    listed = f"{len(nucleation.listed)} listed" if nucleation.listed else ""
    if nucleation.law == "listed":
        return listed
    sites = nucleation.site > 0
    pressure = float(ceramic.accommodation_pressure[sites].min(initial=math.inf))
    first = nucleation_potential(pressure, nucleation.overpotential, setup.problem.metal.molar_volume)
    law = f"{nucleation.law}, {np.count_nonzero(sites)} sites, U < {1e3 * first:.3g} mV at the weakest"
    return ", ".join(filter(None, (law, listed)))


def _entry_currents(setup: Setup) -> list[tuple[str, str]]:
    case, metal = setup.case, setup.problem.metal
    resistance = case.materials.interface_properties.interface_resistance
    median = case.grain_boundaries.accommodation_pressure.median  # type: ignore[union-attr]
    sharp = critical_entry_current(median, resistance, metal.molar_volume)
    smeared = _smeared(setup, median)
    pressure, path = weakest_path(setup)
    return [
        ("J* of the median grain boundary, with the diffuse tail", f"{0.1 * sharp:.3g} mA/cm2, {0.1 * smeared:.3g} mA/cm2"),
        ("J* of the weakest path through boundaries and pores", f"{0.1 * path:.3g} mA/cm2 ({pressure * 1e-6:.3g} MPa)"),
    ]  # fmt: skip


def _smeared(setup: Setup, pressure: float) -> float:
    case, metal = setup.case, setup.problem.metal
    resistance = case.materials.interface_properties.interface_resistance
    sigma = case.materials.electrolyte_properties.ionic_conductivity
    return smeared_entry_current(pressure, resistance, metal.molar_volume, metal.interface_width, sigma)


def _resolution(setup: Setup) -> list[tuple[str, str]]:
    cell, width = max(setup.problem.grid.spacing), setup.problem.metal.interface_width
    rows = [
        ("cells per interface: width l, from 5 % to 95 %", f"{width / cell:.3g}, {FRONT_WIDTHS * width / cell:.3g}")
    ]
    bands = setup.case.grain_boundaries
    if bands is not None:
        rows.append(("cells per grain-boundary band", f"{bands.band_width / cell:.3g}"))
        share = setup.structure.grain_boundary_fraction[~setup.structure.in_electrode].mean()
        rows.append(("share of the ceramic inside bands", f"{share:.0%}"))
    return rows


def _warnings(setup: Setup) -> list[str]:
    case, problem = setup.case, setup.problem
    width, cell = problem.metal.interface_width, max(problem.grid.spacing)
    found = []
    bands = case.grain_boundaries
    if bands is not None and not case.reaction.plain:
        resistance = case.materials.interface_properties.interface_resistance
        shift = 1.0 - _smeared(setup, 1.0) / critical_entry_current(1.0, resistance, problem.metal.molar_volume)
        if shift > 0.1:
            found.append(
                f"the diffuse tail lowers the current at which metal enters a boundary by about {shift:.0%}: "
                "an interface_width (and spacing) smaller by that factor would bring it below 10 %"
            )
        if bands.band_width < 4.0 * width or bands.band_width < 6.0 * cell * (1.0 - 1e-9):
            found.append(
                "the grain-boundary band is too narrow for the metal's front (allow_coarse): speeds and depths are off"
            )
    if case.electrodes.counter_electrons == "blocking" and case.transport.leakage:
        found.append("with a blocking counter electrode the largest drive to form metal is next to it, not at the tip")
    if case.reaction.plain and problem.metal.interface_energy > 0.0:
        capillary = problem.metal.interface_energy * problem.metal.molar_volume / FARADAY
        current = _current(setup)
        sigma = case.materials.electrolyte_properties.ionic_conductivity
        critical = 2.0 * math.pi * math.sqrt(capillary * sigma / current) if current > 0.0 else math.inf
        if critical < 20.0 * width:
            found.append(
                f"the shortest unstable wave ({1e6 * critical:.3g} um) is not resolved by an interface of {1e6 * width:.3g} um"
            )
    return found
