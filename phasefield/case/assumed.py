"""The numbers of a case that nobody has measured (MODEL section 8): every summary repeats them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from phasefield.units import from_si

if TYPE_CHECKING:
    from phasefield.case.model import Case


class AssumedNumber(NamedTuple):
    """One assumed number: its key, its value in ``unit``, and what is known about it."""

    name: str
    value: float
    unit: str
    note: str


def assumed_numbers(case: Case) -> list[AssumedNumber]:
    """Return the assumed numbers that a run of this case uses, whether or not the case states them."""
    parts = (_of_materials, _of_boundaries, _of_electrons, _of_special, _of_coating, _of_nucleation, _of_the_rest)
    return [number for part in parts for number in part(case)]


def _of_materials(case: Case) -> Iterator[AssumedNumber]:
    for kind in ("metal", "electrolyte", "interface"):
        material = getattr(case.materials, kind)
        for key, number in material.numbers.items():
            if number.assumed:
                unit = material.quantities()[key].shown or material.quantities()[key].unit
                value = from_si(number.at(case.materials.temperature), unit)
                yield AssumedNumber(f"{kind}.{key}", value, unit, "; ".join(filter(None, (number.source, number.note))))


def _of_boundaries(case: Case) -> Iterator[AssumedNumber]:
    bands = case.grain_boundaries
    if case.reaction.plain:  # no accommodation pressure, metal fills whole cells
        return
    if bands is not None and case.microstructure.has_boundaries:
        pressure, key = bands.accommodation_pressure, "grain_boundaries.accommodation_pressure"
        yield AssumedNumber(f"{key}.median", from_si(pressure.median, "MPa"), "MPa", "10-400 MPa conceivable")
        yield AssumedNumber(f"{key}.log_width", pressure.log_width, "1", "0-1.5 conceivable")
        yield AssumedNumber("grain_boundaries.opening", from_si(bands.opening, "nm"), "nm", "metal per boundary area")
        length = from_si(bands.collecting_length, "um")
        yield AssumedNumber("grain_boundaries.collecting_length", length, "um", "filament that feeds its tip")
    grain = from_si(case.grains.accommodation_pressure, "MPa")
    yield AssumedNumber("grains.accommodation_pressure", grain, "MPa", "no growth at battery overpotentials")


def _of_electrons(case: Case) -> Iterator[AssumedNumber]:
    bands, transport, key = case.grain_boundaries, case.transport, "grain_boundaries.electrons"
    if bands is None or not case.microstructure.has_boundaries:
        return
    asked, trapping = bands.electrons, bands.electrons.trapped_ratio > 1.0 and transport.capacitance
    if transport.leakage or trapping:
        if asked.distribution == "log_normal":
            yield AssumedNumber(f"{key}.log_width", asked.log_width, "1", "spread of the boundaries' σ_e")
        elif asked.distribution == "leaky_fraction":
            yield AssumedNumber(f"{key}.leaky_fraction", asked.leaky_fraction, "1", "chance of a boundary to be leaky")
        elif asked.distribution == "misorientation":
            angle = from_si(asked.leaky_angle, "deg")
            yield AssumedNumber(f"{key}.leaky_angle", angle, "deg", "boundaries leak above this misorientation")
        if asked.distribution in ("leaky_fraction", "misorientation"):
            yield AssumedNumber(
                f"{key}.contrast", asked.contrast, "1", "σ_e of tight boundaries over that of leaky ones"
            )
    if trapping:
        yield AssumedNumber(
            f"{key}.trapped_ratio", asked.trapped_ratio, "1", "electrons in a boundary over the grains'"
        )
    if case.microstructure.pores and transport.pore_surface_ratio > 0.0:
        ratio = transport.pore_surface_ratio
        yield AssumedNumber("transport.pore_surface_ratio", ratio, "1", "of a pore's surface over a boundary")


def _of_special(case: Case) -> Iterator[AssumedNumber]:
    special = case.grain_boundaries.special if case.grain_boundaries is not None else None
    if special is None or not case.microstructure.has_boundaries:
        return
    key, note = "grain_boundaries.special", "over that of a general boundary"
    yield AssumedNumber(f"{key}.resistance_ratio", special.resistance_ratio, "1", note)
    if not case.reaction.plain:
        yield AssumedNumber(f"{key}.pressure_ratio", special.pressure_ratio, "1", note)
    if case.transport.leakage:
        yield AssumedNumber(f"{key}.conductance_ratio", special.conductance_ratio, "1", note)


def _of_coating(case: Case) -> Iterator[AssumedNumber]:
    coating = case.grain_boundaries.coating if case.grain_boundaries is not None else None
    if coating is None or coating.coverage == 0.0 or not case.microstructure.has_boundaries:
        return
    key = "grain_boundaries.coating"
    yield AssumedNumber(f"{key}.ionic_conductivity", coating.ionic_conductivity, "S/m", "of the layer by itself")
    if case.transport.leakage:
        yield AssumedNumber(f"{key}.electronic_conductivity", coating.electronic_conductivity, "S/m", "along the layer")


def _of_nucleation(case: Case) -> Iterator[AssumedNumber]:
    asked = case.nucleation
    if asked.law == "deterministic":
        beyond = from_si(asked.overpotential, "mV")
        yield AssumedNumber("nucleation.overpotential", beyond, "mV", "2-50 mV conceivable")
    elif asked.law == "poisson":
        prefactor = from_si(asked.rate_prefactor, "m^-2 s^-1")
        yield AssumedNumber("nucleation.rate_prefactor", prefactor, "m^-2 s^-1", "per boundary or pore surface")
        yield AssumedNumber("nucleation.barrier_factor", asked.barrier_factor, "1", "share of a free ball's barrier")


def _of_the_rest(case: Case) -> Iterator[AssumedNumber]:
    if case.reaction.kinetics == "butler_volmer":
        yield AssumedNumber("reaction.transfer_coefficient", case.reaction.transfer_coefficient, "1", "symmetric")
    cap = case.transport.metal_conductivity_ratio
    yield AssumedNumber("transport.metal_conductivity_ratio", cap, "1", "numerical cap, over the ceramic's ionic one")
    if case.microstructure.second_phase is not None:
        pressure = from_si(case.microstructure.second_phase.accommodation_pressure, "MPa")
        key = "microstructure.second_phase.accommodation_pressure"
        yield AssumedNumber(key, pressure, "MPa", "that of a grain unless measured")
    if any(pores.porosity != 0.0 for pores in case.microstructure.pores):
        ratio = case.transport.pore_conductivity_ratio
        yield AssumedNumber("transport.pore_conductivity_ratio", ratio, "1", "over that of the ceramic")
