"""The only door for units: "0.5 mA/cm^2" to SI, and back for people. SI inside, through pint."""

from __future__ import annotations

import math
import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pint import Unit, UnitRegistry

# Pint's own list takes 0.17 s to read; these lines take 0.01 s and name all that a case needs.
_DEFINITIONS = """
giga- = 1e9 = G-
mega- = 1e6 = M-
kilo- = 1e3 = k-
centi- = 1e-2 = c-
milli- = 1e-3 = m-
micro- = 1e-6 = µ- = μ- = u-
nano- = 1e-9 = n-
pico- = 1e-12 = p-
meter = [length] = m = metre
second = [time] = s = sec
ampere = [current] = A
kilogram = [mass] = kg
mole = [substance] = mol
kelvin = [temperature]; offset: 0 = K
degree_Celsius = kelvin; offset: 273.15 = °C = degC = degreeC = celsius
radian = [] = rad
degree = 0.017453292519943295 * radian = ° = deg
gram = 1e-3 * kilogram = g
angstrom = 1e-10 * meter = Å
liter = 1e-3 * meter ** 3 = L = l = litre
minute = 60 * second = min
hour = 3600 * second = h
day = 86400 * second = d
newton = kilogram * meter / second ** 2 = N
pascal = newton / meter ** 2 = Pa
bar = 1e5 * pascal
joule = newton * meter = J
electron_volt = 1.602176634e-19 * joule = eV
watt = joule / second = W
coulomb = ampere * second = C
ampere_hour = 3600 * coulomb = Ah
volt = joule / coulomb = V
ohm = volt / ampere = Ω = Ω
siemens = 1 / ohm = S
farad = coulomb / volt = F
"""

# What a quantity in this SI unit is called, and how people write it.
_QUANTITIES = {
    "m": ("a length", "0.4 um"),
    "s": ("a time", "10 min"),
    "K": ("a temperature", "298.15 K"),
    "V": ("a voltage", "50 mV"),
    "Pa": ("a pressure", "60 MPa"),
    "J": ("an energy", "0.34 eV"),
    "rad": ("an angle", "30 deg"),
    "A/m^2": ("a current density", "0.5 mA/cm^2"),
    "C/m^2": ("a charge per area", "0.3 mAh/cm^2"),
    "ohm m^2": ("a resistance times area", "5 ohm cm^2"),
    "S/m": ("a conductivity", "0.046 S/m"),
    "mol/m^3": ("a concentration", "0.05 mol/m^3"),
    "m^3/mol": ("a molar volume", "1.3e-5 m^3/mol"),
    "kg/mol": ("a molar mass", "6.94 g/mol"),
    "V^-1": ("a slope per volt", "1.5 V^-1"),
    "m^-2 s^-1": ("a rate per area", "1e20 m^-2 s^-1"),
    "J/m^2": ("an energy per area", "0.46 J/m^2"),
}

_NUMBER = re.compile(r"\s*([+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|inf\b))\s*((?:[^\d,.*].*?)?)\s*", re.DOTALL)
# Only one-digit exponents: pint evaluates what it reads, and 9**9**9 would take for ever.
_UNIT = re.compile(r"(?:[A-Za-zµμΩΩ°Å]++(?:(?:\^|\*\*)?-?\d\b|⁻?[¹²³])?|\*(?!\*)|[\s/·()])*")
_LONGEST = 200  # characters of a quantity: of longer texts patterns and pint make very long work
_BARE_EXPONENT = re.compile(r"(?<=[A-Za-zΩΩÅ])(-?\d)")  # the 2 of "cm2"


@cache
def _registry() -> UnitRegistry[float]:
    from pint import UnitRegistry  # 0.2 s, and only those who read a case need it

    return UnitRegistry(_DEFINITIONS.strip().splitlines())


@cache
def _unit(text: str) -> Unit:
    if not text or not _UNIT.fullmatch(text):
        raise ValueError(f"{text!r} is not a unit")
    try:
        return _registry().Unit(_BARE_EXPONENT.sub(r"^\1", text).replace("·", "*"))
    except Exception:  # noqa: BLE001  pint lets every error of its tokenizer through
        raise ValueError(f"{text!r} is not a unit") from None


def example(unit_si: str) -> str:
    """Return how people write a quantity of this SI unit, ``"0.4 um"`` for ``"m"``."""
    return _QUANTITIES[unit_si][1] if unit_si in _QUANTITIES else f"1 {unit_si}"


def quantity_name(unit_si: str) -> str:
    """Return what a quantity of this SI unit is called, ``"a length"`` for ``"m"``."""
    return _QUANTITIES[unit_si][0] if unit_si in _QUANTITIES else f"a quantity in {unit_si}"


def number_and_unit(text: str) -> tuple[float, str] | None:
    """Return number and unit of a text, ``(0.5, "mA/cm^2")``; the unit is empty if there is none, None without number."""
    match = _NUMBER.fullmatch(text) if len(text) <= _LONGEST else None
    return None if match is None else (float(match[1]), match[2])


def to_unit(number: float, unit: str, other: str) -> float:
    """Return a number in ``unit`` in an ``other`` one; raise ``ValueError`` if they differ in kind."""
    if unit == other:
        return number
    given, target = _unit(unit), _unit(other)
    if given.dimensionality != target.dimensionality:
        raise ValueError(f"{unit!r} and {other!r} are different kinds of quantities")
    return float(f"{_converted(number, given, target):.15g}")


def _converted(number: float, given: Unit, target: Unit) -> float:
    try:
        return float(_registry().Quantity(number, given).to(target).magnitude)
    except ArithmeticError:  # "1 Gm^36/m^35" is a length, but no number holds the factor
        raise ValueError(f"{number:g} {given} is too large or too small for a number in {target}") from None


def to_si(text: str, unit_si: str) -> float:
    """Return a quantity written with its unit as a number in ``unit_si``.

    ``"inf um"`` is allowed and gives ``inf``.

    Raises
    ------
    ValueError : no number, no unit, or the wrong dimension; the message says what would be right.
    """
    if len(text) > _LONGEST:
        problem = f"a text of {len(text)} characters is not a number with a unit"
        raise ValueError(f'{problem}; write for example "{example(unit_si)}"')
    match = _NUMBER.fullmatch(text)
    if match is None or (math.isinf(float(match[1])) and "inf" not in match[1]):
        raise ValueError(f'{text!r} is not a number with a unit; write for example "{example(unit_si)}"')
    if not match[2]:
        raise ValueError(f'{text!r} has no unit; write it with its unit, for example "{example(unit_si)}"')
    try:
        unit = _unit(match[2])
    except ValueError as fault:
        raise ValueError(f'{fault} that is known here; write for example "{example(unit_si)}"') from None
    target = _unit(unit_si)
    if unit.dimensionality != target.dimensionality:
        raise ValueError(f'{text!r} is not {quantity_name(unit_si)}; write for example "{example(unit_si)}"')
    return _converted(float(match[1]), unit, target)


def from_si(value: float, unit: str) -> float:
    """Return an SI number in ``unit``: ``from_si(10.0, "mA/cm^2") == 1.0``.

    Raises
    ------
    ValueError : ``unit`` is not a unit.
    """
    target = _unit(unit)
    root = _registry().get_root_units(target)[1]
    shown = _registry().Quantity(float(value), root).to(target).magnitude
    return float(f"{shown:.15g}")  # 10, not 9.999999999999998


def text_of(value: float, unit: str, unit_si: str) -> str:
    """Return ``value`` (in ``unit_si``) as a text in ``unit`` that ``to_si`` reads back bit for bit.

    The shortest such decimal is taken; where rounding allows none, the text is in ``unit_si``.
    """
    if math.isinf(value):
        return f"{value} {unit}"
    shown = from_si(value, unit)
    for digits in range(1, 18):
        text = f"{float(f'{shown:.{digits}g}')!r}".removesuffix(".0") + f" {unit}"
        if to_si(text, unit_si) == value:
            return text
    return f"{value!r} {unit_si}"
