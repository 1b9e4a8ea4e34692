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
    return [*_of_materials(case), *_of_boundaries(case), *_of_the_rest(case)]


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


def _of_the_rest(case: Case) -> Iterator[AssumedNumber]:
    if case.reaction.kinetics == "butler_volmer":
        yield AssumedNumber("reaction.transfer_coefficient", case.reaction.transfer_coefficient, "1", "symmetric")
    cap = case.transport.metal_conductivity_ratio
    yield AssumedNumber("transport.metal_conductivity_ratio", cap, "1", "numerical cap, over the ceramic's ionic one")
    if case.microstructure.pores is not None and case.microstructure.pores.porosity > 0.0:
        ratio = case.transport.pore_conductivity_ratio
        yield AssumedNumber("transport.pore_conductivity_ratio", ratio, "1", "over that of the ceramic")
