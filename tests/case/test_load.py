"""A good case: values in SI, defaults filled in, overrides, and the way back to TOML."""

from __future__ import annotations

import math
import pickle
import tomllib
from pathlib import Path

import pytest

import phasefield.materials
from phasefield.case import Case, case_to_toml, list_cases, load_case
from phasefield.errors import CaseError
from phasefield.fields import FIELDS

MATERIALS = Path(phasefield.materials.__file__).parent
NAMES = [entry.name for entry in list_cases()]


@pytest.fixture
def own(tmp_path):
    """Return a function that writes a case and loads it."""

    def write(text, overrides=None, name="own.toml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return load_case(path, overrides)

    return write


def test_main_case_is_in_si():
    case = load_case("llzo_grain_boundary")
    assert case.name == "llzo_grain_boundary"
    assert case.grid.shape == (172, 120)
    assert case.grid.spacing == pytest.approx((0.4e-6, 0.4e-6))
    assert case.grid.to_grid().lengths == pytest.approx((68.8e-6, 48e-6))
    assert case.protocol.current_density == pytest.approx(10.0)
    assert case.protocol.capacity == pytest.approx(0.3 * 3.6e4)
    assert case.protocol.voltage is None
    assert case.grain_boundaries is not None
    assert case.grain_boundaries.accommodation_pressure.median == pytest.approx(60e6)
    assert case.grains.accommodation_pressure == pytest.approx(1e9)
    assert case.electrodes.reservoir_thickness == math.inf
    assert case.solver.potential_tolerance == pytest.approx(1e-6)
    assert case.materials.electrolyte_properties.ionic_conductivity == pytest.approx(0.046)


def test_defaults_follow_from_other_keys():
    case = load_case("flat_plating")
    assert case.metal.interface_width == pytest.approx(1.5 * 0.4e-6)
    assert case.electrodes.counter_interface_resistance == pytest.approx(5e-4)
    assert case.output.every_capacity == pytest.approx(case.protocol.capacity / 40)
    assert not case.reaction.hysteresis and not case.reaction.reservoir
    assert case.grain_boundaries is None
    assert set(case.output.fields) == {name for name, field in FIELDS.items() if field.saved}


def test_interface_width_follows_the_largest_spacing():
    case = load_case("bicrystal", {"grid.spacing": '["0.2 um", "0.4 um"]'})
    assert case.metal.interface_width == pytest.approx(0.6e-6)
    assert case.grid.shape == (80, 24)


def test_output_interval_follows_what_ends_the_run():
    soon = load_case("bicrystal", {"protocol.duration": "10 s"})
    late = load_case("bicrystal", {"protocol.duration": "10 h"})
    assert soon.output.every == pytest.approx(0.25) and soon.output.every_capacity is None
    assert late.output.every is None and late.output.every_capacity == pytest.approx(0.05 * 3.6e4 / 40)


def test_a_three_dimensional_box_has_three_of_everything(own):
    size = {"grid.size": '["16 um", "9.6 um", "8 um"]'}
    case = load_case("bicrystal", size)
    grid = case.grid.to_grid()
    assert grid.shape == (40, 24, 20) and grid.dimension == 3
    assert grid.spacing == pytest.approx((0.4e-6,) * 3)
    assert own(case_to_toml(case)) == case
    uneven = load_case("bicrystal", size | {"grid.spacing": '["0.4 um", "0.3 um", "0.2 um"]'}).grid
    assert uneven.shape == (40, 32, 40) and uneven.spacing == pytest.approx((0.4e-6, 0.3e-6, 0.2e-6))


def test_a_one_dimensional_box_is_n_by_one():
    grid = load_case("flat_plating").grid
    assert grid.shape == (100, 1)
    assert grid.to_grid().dimension == 1


@pytest.mark.parametrize("name", NAMES)
def test_written_case_loads_back_equal(name, own):
    case = load_case(name)
    file = case.microstructure.file
    text = case_to_toml(case, None if file is None else {"microstructure": file.path.as_posix()})
    again = own(text)
    assert again == case
    assert case_to_toml(again) == text
    assert again.source_text == text


@pytest.mark.parametrize("name", NAMES)
def test_written_case_states_every_default(name):
    tables = tomllib.loads(case_to_toml(load_case(name)))
    optional = {"question", "grain_boundaries"}
    assert set(tables) | optional == set(Case.model_fields) | optional
    assert {"interface_width", "mobility_ratio"} == set(tables["metal"])
    assert tables["grains"]["accommodation_pressure"] == "1000 MPa"


NUCLEI = """
[[nucleation.nuclei]]
time = "30 s"
place = ["40 um", "24.2 um"]

[[nucleation.nuclei]]
place = ["9 um", "0 um"]
"""
RICH = {
    "nucleation.law": "poisson",
    "nucleation.rate_prefactor": "3e19 m^-2 s^-1",
    "nucleation.sites": '["pore_surfaces"]',
    "grain_boundaries.electrons.distribution": "misorientation",
    "grain_boundaries.electrons.leaky_angle": "22.5 deg",
    "grain_boundaries.electrons.trapped_ratio": "40",
    "grain_boundaries.coating.thickness": "5 nm",
    "grain_boundaries.coating.coverage": "0.4",
    "grain_boundaries.coating.ionic_conductivity": "6e-4 S/m",
    "grain_boundaries.coating.electronic_conductivity": "1e-4 S/m",
    "transport.electronic_law": "fitted",
    "transport.bias_slope": "1.507 V^-1",
    "transport.bias_reference": "0.3 V",
    "transport.pore_surface_ratio": "0.5",
}


def test_nuclei_and_a_coating_survive_the_way_back(own):
    case = own(load_case("llzo_grain_boundary").source_text + NUCLEI, RICH)
    asked, bands = case.nucleation, case.grain_boundaries
    assert [(n.time, n.place) for n in asked.nuclei] == [
        (30.0, pytest.approx((40e-6, 24.2e-6))),
        (0.0, pytest.approx((9e-6, 0.0))),
    ]
    assert (asked.law, asked.sites, asked.rate_prefactor) == ("poisson", ("pore_surfaces",), 3e19)
    assert bands.electrons.leaky_angle == pytest.approx(math.radians(22.5)) and bands.electrons.trapped_ratio == 40.0
    assert bands.coating.thickness == pytest.approx(5e-9) and bands.coating.coverage == 0.4
    assert (case.transport.bias_slope, case.transport.bias_reference) == (1.507, 0.3)
    text = case_to_toml(case)
    again = own(text, name="again.toml")
    assert again == case and case_to_toml(again) == text
    assert again != own(text, {"nucleation.nuclei[1].time": "1 s"}, name="other.toml")


def test_a_nucleus_is_two_interface_widths_unless_told_otherwise():
    case = load_case("llzo_grain_boundary")
    assert case.nucleation.radius == pytest.approx(2.0 * case.metal.interface_width) and not case.nucleation.nuclei
    wide = load_case("bicrystal", {"grid.spacing": '["0.2 um", "0.4 um"]'})
    assert wide.nucleation.radius == pytest.approx(2.0 * 1.5 * 0.4e-6)
    assert load_case("bicrystal", {"nucleation.radius": "1.3 um"}).nucleation.radius == pytest.approx(1.3e-6)


def test_odd_numbers_survive_the_way_back(own):
    case = load_case(
        "bicrystal", {"protocol.current_density": "0.123456789012345678 mA/cm^2", "protocol.duration": "1 h"}
    )
    assert own(case_to_toml(case)) == case


def test_cases_differ_where_a_key_does():
    assert load_case("bicrystal") == load_case("bicrystal")
    assert load_case("bicrystal") != load_case("bicrystal", {"microstructure.seed": "2"})


def test_a_case_is_frozen():
    case = load_case("bicrystal")
    with pytest.raises(ValueError, match="frozen"):
        case.grid.lateral = "periodic"


def test_a_case_travels_to_another_process():
    case = load_case("bicrystal", {"materials.set.electrolyte.electronic_conductivity": "1e-6 S/m"})
    again = pickle.loads(pickle.dumps(case))
    assert again == case
    assert again.name == "bicrystal"


def test_overrides_are_toml_or_bare_text():
    case = load_case(
        "bicrystal",
        {
            "protocol.current_density": "0.5 mA/cm^2",
            "protocol.capacity": '"1 mAh/cm^2"',
            "microstructure.seed": "7",
            "transport.leakage": "false",
            "grid.size": '["20 um", "9.6 um"]',
            "electrodes.reservoir_thickness": "inf um",
            "materials.set.electrolyte.electronic_conductivity": "1e-6 S/m",
        },
    )
    assert case.protocol.current_density == pytest.approx(5.0)
    assert case.microstructure.seed == 7
    assert case.transport.leakage is False
    assert case.grid.shape == (50, 24)
    assert case.materials.electrolyte_properties.electronic_conductivity == pytest.approx(1e-6)


def test_replaced_material_numbers_say_so(own):
    text = case_to_toml(load_case("bicrystal")).replace(
        "[microstructure]", '[materials.set]\n"electrolyte.boundary_resistance" = "3 ohm cm^2"\n\n[microstructure]'
    )
    case = own(text)
    assert case.materials.electrolyte_properties.boundary_sheet_resistance == pytest.approx(3e-4)
    assert case.materials.electrolyte.numbers["boundary_resistance"].source == "set by the case"
    assert "boundary_conductivity" not in case.materials.electrolyte.numbers
    assert own(case_to_toml(case)) == case


def test_own_material_file_is_found_beside_the_case(own, tmp_path):
    shipped = load_case("bicrystal").materials.electrolyte
    (tmp_path / "mine.toml").write_text(shipped.source_text.replace("0.046 S/m", "0.05 S/m"), encoding="utf-8")
    case = own(case_to_toml(load_case("bicrystal"), {"electrolyte": "mine.toml"}))
    assert case.materials.electrolyte_properties.ionic_conductivity == pytest.approx(0.05)
    assert case.materials.electrolyte.reference == str(tmp_path / "mine.toml")
    assert own(case_to_toml(case)) == case


def test_temperature_moves_the_conductivity():
    warm = load_case("bicrystal", {"materials.temperature": "60 degC"})
    cold = load_case("bicrystal")
    assert (
        warm.materials.electrolyte_properties.ionic_conductivity
        > cold.materials.electrolyte_properties.ionic_conductivity
    )


def test_assumed_numbers_are_listed_whether_or_not_stated():
    names = {line.name: line for line in load_case("llzo_grain_boundary").assumed}
    assert names["grain_boundaries.accommodation_pressure.median"].value == pytest.approx(60.0)
    assert names["grain_boundaries.accommodation_pressure.median"].unit == "MPa"
    assert {
        "electrolyte.boundary_thickness",
        "electrolyte.electron_concentration_at_metal",
        "grain_boundaries.accommodation_pressure.log_width",
        "grain_boundaries.opening",
        "grain_boundaries.collecting_length",
        "grains.accommodation_pressure",
        "reaction.transfer_coefficient",
        "transport.metal_conductivity_ratio",
        "transport.pore_conductivity_ratio",
    } <= set(names)
    assert "electrolyte.ionic_conductivity" not in names


def test_unused_assumptions_are_not_listed():
    names = {line.name for line in load_case("flat_plating").assumed}
    assert not {name for name in names if name.startswith(("grain", "transport.pore"))}


ELECTRONS, COATING = "grain_boundaries.electrons", "grain_boundaries.coating"
LAYER = {
    f"{COATING}.thickness": "5 nm",
    f"{COATING}.ionic_conductivity": "6e-4 S/m",
    f"{COATING}.electronic_conductivity": "1e-4 S/m",
}
USED = [
    ({}, {}),
    ({"nucleation.law": "deterministic"}, {"nucleation.overpotential": (5.0, "mV")}),
    (
        {"nucleation.law": "poisson"},
        {"nucleation.rate_prefactor": (1e20, "m^-2 s^-1"), "nucleation.barrier_factor": (5e-4, "1")},
    ),
    ({f"{ELECTRONS}.distribution": "log_normal"}, {f"{ELECTRONS}.log_width": (1.0, "1")}),
    (
        {f"{ELECTRONS}.distribution": "leaky_fraction", f"{ELECTRONS}.leaky_fraction": "0.3"},
        {f"{ELECTRONS}.leaky_fraction": (0.3, "1"), f"{ELECTRONS}.contrast": (1e-3, "1")},
    ),
    (
        {f"{ELECTRONS}.distribution": "misorientation"},
        {f"{ELECTRONS}.leaky_angle": (15.0, "deg"), f"{ELECTRONS}.contrast": (1e-3, "1")},
    ),
    ({f"{ELECTRONS}.distribution": "log_normal", "transport.leakage": "false"}, {}),
    (
        {f"{ELECTRONS}.distribution": "log_normal", f"{ELECTRONS}.trapped_ratio": "9", "transport.leakage": "false"},
        {f"{ELECTRONS}.log_width": (1.0, "1"), f"{ELECTRONS}.trapped_ratio": (9.0, "1")},
    ),
    ({f"{ELECTRONS}.trapped_ratio": "9", "transport.capacitance": "false"}, {}),
    ({f"{ELECTRONS}.trapped_ratio": "9", "reaction.plain": "true"}, {f"{ELECTRONS}.trapped_ratio": (9.0, "1")}),
    (LAYER, {f"{COATING}.ionic_conductivity": (6e-4, "S/m"), f"{COATING}.electronic_conductivity": (1e-4, "S/m")}),
    (LAYER | {"transport.leakage": "false"}, {f"{COATING}.ionic_conductivity": (6e-4, "S/m")}),
    (LAYER | {f"{COATING}.coverage": "0"}, {}),
    ({"transport.pore_surface_ratio": "2"}, {"transport.pore_surface_ratio": (2.0, "1")}),
]


@pytest.mark.parametrize(("keys", "expected"), USED)
def test_numbers_of_leakage_and_nucleation_are_listed_where_they_are_used(keys, expected):
    mine = ("nucleation.", ELECTRONS, COATING, "transport.pore_surface_ratio")
    lines = [line for line in load_case("llzo_grain_boundary", keys).assumed if line.name.startswith(mine)]
    assert {line.name: (line.value, line.unit) for line in lines} == expected
    assert all(line.note for line in lines) and len(lines) == len(expected)


def test_shipped_cases_have_a_question_and_a_name_of_their_own():
    entries = list_cases()
    folder = entries[0].path.parent
    assert "llzo_grain_boundary" in {entry.name for entry in entries if entry.path.parent == folder}
    assert [entry.path.parent == folder for entry in entries] == sorted(
        (entry.path.parent == folder for entry in entries), reverse=True
    )
    files = [path for path in folder.rglob("*.toml") if path.parent.name != "sweeps"]
    assert len({entry.name for entry in entries}) == len(files)
    for entry in entries:
        assert entry.question.endswith(("?", "tries.")), entry


def test_contact_and_metal_follow_from_the_electrolyte():
    sodium = load_case("nasicon_grain_boundary")
    assert (sodium.materials.metal.name, sodium.materials.interface.name) == ("sodium", "na_nasicon")
    lithium = load_case("nasicon_grain_boundary", {"materials.electrolyte": "llzo_al"})
    assert (lithium.materials.metal.name, lithium.materials.interface.name) == ("lithium", "li_llzo")
    chosen = load_case("nasicon_grain_boundary", {"materials.interface": "na_nasicon_bare"})
    assert (chosen.materials.metal.name, chosen.materials.interface.name) == ("sodium", "na_nasicon_bare")


def test_an_electrolyte_of_ones_own_may_suggest_no_contact(tmp_path):
    own = (MATERIALS / "electrolytes" / "llzo_al.toml").read_text().replace('usual_interface = "li_llzo"\n', "")
    (tmp_path / "own.toml").write_text(own)
    with pytest.raises(CaseError, match='materials.interface: missing; add for example interface = "li_llzo"'):
        load_case("nasicon_grain_boundary", {"materials.electrolyte": str(tmp_path / "own.toml")})


def test_every_shipped_electrolyte_names_a_contact_and_a_metal_that_fit():
    for path in sorted((MATERIALS / "electrolytes").glob("*.toml")):
        case = load_case("nasicon_grain_boundary", {"materials.electrolyte": path.stem})
        assert case.materials.metal.ion == case.materials.electrolyte.ion


def test_unknown_case_suggests_the_near_one():
    with pytest.raises(CaseError, match="did you mean llzo_grain_boundary"):
        load_case("llzo_grain_boundry")
