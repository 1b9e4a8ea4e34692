"""Materials: every number with unit and source, Arrhenius laws, values of MODEL section 8."""

from __future__ import annotations

import math
import tomllib

import pytest

from phasefield.errors import CaseError
from phasefield.materials import KINDS, list_materials, load_material, with_number
from phasefield.materials.models import BOLTZMANN
from phasefield.units import to_si

ENTRIES = list_materials()
IDS = [f"{entry.kind}-{entry.name}" for entry in ENTRIES]
LLZO = load_material("electrolyte", "llzo_al")


@pytest.mark.parametrize("entry", ENTRIES, ids=IDS)
def test_every_number_has_unit_and_source(entry):
    tables = {
        key: value
        for key, value in tomllib.loads(entry.path.read_text(encoding="utf-8")).items()
        if isinstance(value, dict)
    }
    material = load_material(entry.kind, entry.name)
    assert set(tables) == set(material.numbers)
    for key, number in material.numbers.items():
        quantity = material.quantities()[key]
        assert number.si == to_si(tables[key]["value"], quantity.unit)
        assert len(number.source) > 5, key
        assert number.value.split(" ", 1)[1], key
        if number.activation_energy is not None:
            assert number.temperature is not None, key


@pytest.mark.parametrize("entry", ENTRIES, ids=IDS)
def test_every_material_says_what_it_is_and_gives_finite_numbers(entry):
    material = load_material(entry.kind, entry.name)
    assert (material.name, material.reference, material.title) == (entry.name, entry.name, entry.title)
    for temperature in (250.0, 298.15, 350.0):
        values = vars(material.at(temperature)).values()
        assert all(math.isfinite(value) and value >= 0.0 for value in values)


def test_what_is_assumed_in_the_model_is_marked():
    for entry in ENTRIES:
        if entry.kind == "electrolyte":
            numbers = load_material("electrolyte", entry.name).numbers
            assert numbers["boundary_thickness"].assumed
            assert numbers["electron_concentration_at_metal"].assumed
            assert numbers["electronic_conductivity"].assumed == (entry.name in NOT_MEASURED)


NOT_MEASURED = {"nasicon_na3", "nasicon_na3_4", "li6ps5cl", "llzo_single_crystal"}


def test_llzo_has_the_numbers_of_the_model():
    values = LLZO.at(298.15)
    assert values.ionic_conductivity == pytest.approx(0.046)
    assert values.boundary_thickness == pytest.approx(10e-9)
    assert values.boundary_sheet_resistance == pytest.approx(10e-9 / 5.97e-4 - 10e-9 / 0.046, rel=1e-12)
    assert values.electronic_conductivity == pytest.approx(5.5e-6)
    assert values.bulk_electronic_conductivity < 1e-3 * values.electronic_conductivity
    assert values.ion_concentration == pytest.approx(8 * 6.25 / (13.03e-10**3 * 6.02214076e23), rel=2e-3)


def test_nasicon_boundaries_give_the_measured_total():
    values = load_material("electrolyte", "nasicon_na3_4").at(298.15)
    grain = 10e-6
    total = grain / (grain / values.ionic_conductivity + values.boundary_sheet_resistance)
    assert total == pytest.approx(0.5, rel=5e-3)


def test_arrhenius_law_has_its_limits():
    number = LLZO.numbers["ionic_conductivity"]
    energy = 0.34 * 1.602176634e-19
    assert number.at(298.15) == number.si
    assert number.at(350.0) / number.at(300.0) == pytest.approx(
        math.exp(energy / BOLTZMANN * (1 / 300.0 - 1 / 350.0)), rel=1e-12
    )
    at = [number.at(temperature) for temperature in (250.0, 300.0, 350.0, 400.0)]
    assert at == sorted(at)
    assert number.at(1e9) == pytest.approx(number.si * math.exp(energy / (BOLTZMANN * 298.15)), rel=1e-4)


def test_numbers_without_activation_energy_are_constant():
    number = LLZO.numbers["ion_concentration"]
    assert number.at(250.0) == number.at(400.0) == number.si


def test_boundaries_of_higher_activation_energy_vanish_when_hot():
    assert LLZO.at(400.0).boundary_sheet_resistance < 0.1 * LLZO.at(298.15).boundary_sheet_resistance


def test_a_replaced_number_holds_at_any_temperature():
    changed = with_number(LLZO, "ionic_conductivity", "0.1 S/m")
    assert changed.at(350.0).ionic_conductivity == changed.at(298.15).ionic_conductivity == pytest.approx(0.1)
    assert LLZO.at(298.15).ionic_conductivity == pytest.approx(0.046)
    assert changed.name == "llzo_al"
    assert "0.046 S/m" in changed.numbers["ionic_conductivity"].note
    assert with_number(LLZO, "boundary_thickness", "5 nm").numbers["boundary_thickness"].assumed


def test_each_kind_has_materials_and_a_near_name_is_suggested():
    assert {entry.kind for entry in ENTRIES} == set(KINDS)
    with pytest.raises(CaseError, match="did you mean llzo_al"):
        load_material("electrolyte", "llzo_all")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (('value = "0.046 S/m"', 'value = "0.046 S"'), "ionic_conductivity: '0.046 S' is not a conductivity"),
        (('value = "0.046 S/m"', "value = 0.046"), "ionic_conductivity.value: 0.046 is not a text"),
        (('value = "0.046 S/m"', 'value = "-1 S/m"'), "ionic_conductivity: '-1 S/m' is out of range"),
        (('source = "MODEL section 8 [A]"', 'source = " "'), "boundary_thickness.source: is empty"),
        (('temperature = "298.15 K"', ""), "ionic_conductivity: has an activation energy but no temperature"),
        (("[ion_concentration]", "[ion_concentratoin]"), "did you mean ion_concentration?"),
        (("[boundary_conductivity]", "[boundary_resistance]"), "is not a resistance times area"),
    ],
)
def test_faults_of_a_file_are_named(tmp_path, change, fault):
    path = tmp_path / "mine.toml"
    text = LLZO.source_text
    assert change[0] in text
    path.write_text(text.replace(*change), encoding="utf-8")
    with pytest.raises(CaseError) as caught:
        load_material("electrolyte", "mine.toml", tmp_path)
    assert fault in str(caught.value) and "mine.toml" in str(caught.value)


def test_boundaries_are_given_in_exactly_one_way(tmp_path):
    path = tmp_path / "mine.toml"
    both = '\n[boundary_resistance]\nvalue = "1 ohm cm^2"\nsource = "measured"\n'
    path.write_text(LLZO.source_text + both, encoding="utf-8")
    with pytest.raises(CaseError, match="gives both of boundary_conductivity and boundary_resistance"):
        load_material("electrolyte", str(path))
