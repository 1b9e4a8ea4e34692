"""Units: what people write becomes SI and back."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasefield.units import from_si, quantity_name, text_of, to_si


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("1 mA/cm^2", "A/m^2", 10.0),
        ("1 mA/cm2", "A/m^2", 10.0),
        ("1 A m⁻²", "A/m^2", 1.0),
        ("5 ohm cm^2", "ohm m^2", 5e-4),
        ("5 Ω·cm²", "ohm m^2", 5e-4),
        ("298.15 K", "K", 298.15),
        ("25 degC", "K", 298.15),
        ("25 °C", "K", 298.15),
        ("0.3 mAh/cm^2", "C/m^2", 10800.0),
        ("30 deg", "rad", math.pi / 6.0),
        ("1 eV", "J", 1.602176634e-19),
        ("-50mV", "V", -0.05),
        ("6.94 g/mol", "kg/mol", 6.94e-3),
        ("1e-5 S cm^-1", "S/m", 1e-3),
        ("60 MPa", "Pa", 6e7),
        ("2 h", "s", 7200.0),
    ],
)
def test_text_becomes_si(text, unit, expected):
    assert to_si(text, unit) == pytest.approx(expected, rel=1e-14)


def test_infinite_lengths_are_allowed():
    assert to_si("inf um", "m") == math.inf


@pytest.mark.parametrize(
    ("text", "unit", "sentence"),
    [
        ("1 mA", "A/m^2", 'is not a current density; write for example "0.5 mA/cm^2"'),
        ("25 degC", "m", "is not a length"),
        ("0.4", "m", 'has no unit; write it with its unit, for example "0.4 um"'),
        ("0,4 um", "m", "is not a number with a unit"),
        ("nan um", "m", "is not a number with a unit"),
        ("1e999 um", "m", "is not a number with a unit"),
        ("1 foo", "m", "'foo' is not a unit that is known here"),
        ("1 m^99", "m", "is not a unit"),
        ("9**9**9**9 m", "m", "is not a number"),
        ("1 (((m", "m", "is not a unit"),
        ("", "m", "is not a number"),
    ],
)
def test_nonsense_is_explained(text, unit, sentence):
    with pytest.raises(ValueError) as fault:
        to_si(text, unit)
    assert sentence in str(fault.value)


def test_long_nonsense_is_refused_at_once():
    for text in ("1 " + "a" * 5000 + "%", "9" * 100_000 + ",", "1 " + "m*" * 50_000 + "m"):
        with pytest.raises(ValueError, match=f"a text of {len(text)} characters is not a number with a unit"):
            to_si(text, "m")


def test_a_factor_beyond_all_numbers_is_refused():
    for text in ("1 Gm^9*Gm^9*Gm^9*Gm^9/m^9/m^9/m^9/m^8", "1 m^9*m^9*m^9*m^9/nm^9/nm^9/nm^9/nm^8"):
        with pytest.raises(ValueError, match="too large or too small"):
            to_si(text, "m")


def test_si_becomes_what_people_read():
    assert from_si(10.0, "mA/cm^2") == 1.0
    assert from_si(1e-8, "nm") == 10.0
    assert from_si(298.15, "degC") == 25.0
    assert from_si(5e-4, "ohm cm^2") == 5.0


@settings(database=None)
@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e30, max_value=1e30))
def test_written_text_reads_back_bit_for_bit(value):
    for unit, unit_si in (("um", "m"), ("mA/cm^2", "A/m^2"), ("deg", "rad")):
        assert to_si(text_of(value, unit, unit_si), unit_si) == value


def test_short_texts_stay_short():
    assert text_of(2.4e-6, "um", "m") == "2.4 um"
    assert text_of(math.inf, "um", "m") == "inf um"
    assert quantity_name("ohm m^2") == "a resistance times area"
