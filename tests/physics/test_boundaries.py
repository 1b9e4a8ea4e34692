"""What each grain boundary of a case is: for ions across, for electrons along, for metal (MODEL 7, M9 and M14)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from microstructures import (
    Microstructure,
    lognormal_per_boundary,
    misorientation_angles,
    random_orientations,
)
from microstructures.orientations import special_boundaries
from phasefield.boundaries import Boundaries, boundaries_of, electronic_factors
from phasefield.case import Case, load_case
from phasefield.case.boundaries import BoundaryElectronsSection
from phasefield.ceramic import ceramic_maps
from phasefield.errors import CaseError
from phasefield.setup import build_structure, ceramic_numbers

DENSE = {"microstructure.pores.porosity": "0"}
DEEP = DENSE | {"grid.size": '["16 um", "12 um", "12 um"]', "microstructure.grain_size": "5 um"}
ELECTRONS = "grain_boundaries.electrons"
COATING = {
    "grain_boundaries.coating.thickness": "5 nm",
    "grain_boundaries.coating.ionic_conductivity": "1e-4 S/m",
    "grain_boundaries.coating.electronic_conductivity": "2e-4 S/m",
}
DISTRIBUTIONS = [
    {"distribution": "uniform"},
    {"distribution": "log_normal", "log_width": "1.5"},
    {"distribution": "leaky_fraction", "leaky_fraction": "0.3"},
    {"distribution": "misorientation", "leaky_angle": "40 deg"},
]


def of_electrons(keys: dict[str, str]) -> dict[str, str]:
    return {f"{ELECTRONS}.{key}": value for key, value in keys.items()}


def load(keys: dict[str, str] | None = None) -> Case:
    return load_case("llzo_grain_boundary", DENSE | (keys or {}))


@pytest.fixture(scope="module")
def flat() -> Microstructure:
    """Return grains in a plane, 132 boundaries."""
    return build_structure(load())


@pytest.fixture(scope="module")
def deep() -> Microstructure:
    """Return grains in space."""
    return build_structure(load(DEEP))


@pytest.fixture(scope="module")
def many(flat: Microstructure) -> Microstructure:
    """Return 1770 boundaries between 60 grains, all of the same area."""
    pairs = np.stack(np.triu_indices(60, 1), axis=1).astype(np.int32) + 1
    row = np.arange(len(pairs), dtype=np.int32)
    return replace(flat, boundary_pairs=pairs, boundary_id=row, grain_boundary_fraction=np.full(len(pairs), 0.7))


def sheet_areas(made: Microstructure) -> np.ndarray:
    """Return the area of each boundary as its faces have it, the staircase undone [m^2]."""
    areas = np.zeros(len(made.boundary_pairs))
    for axis, (weight, row) in enumerate(zip(made.sheet_weight, made.sheet_boundary, strict=True)):
        weight, row = (np.moveaxis(a, axis, 0)[:-1] for a in (weight, row))  # the last face is the first again
        there = row >= 0
        areas += np.bincount(row[there], made.grid.face_area(axis) / weight[there], minlength=len(areas))
    return areas


@pytest.mark.parametrize("asked", DISTRIBUTIONS, ids=lambda asked: asked["distribution"])
def test_the_mean_of_all_boundaries_stays_what_was_measured(
    asked: dict[str, str], flat: Microstructure, deep: Microstructure
) -> None:
    for made, keys in ((flat, DENSE), (deep, DEEP)):
        case = load(keys | of_electrons(asked))
        factor = electronic_factors(case.grain_boundaries.electrons, made, case.microstructure.seed)
        assert (factor > 0.0).all() and (asked["distribution"] == "uniform") == (np.ptp(factor) == 0.0)
        area = sheet_areas(made)
        assert area @ factor / area.sum() == pytest.approx(1.0, rel=0.03)
        maps = [ceramic_maps(made, ceramic_numbers(c, made)) for c in (case, load(keys))]
        mean, uniform = (m.boundary_electronic_conductivity.mean() for m in maps)
        assert mean == pytest.approx(uniform, rel=1e-12, abs=0.0)


@pytest.mark.parametrize("keys", [DENSE, DEEP], ids=["plane", "space"])
def test_the_mean_conductance_is_that_of_the_measured_ceramic(keys: dict[str, str]) -> None:
    """(D - 1) / D of the network's area per volume lies along the current."""
    case = load(keys)
    made = build_structure(case)
    dimension = made.grid.dimension
    boundaries = boundaries_of(case, made)
    network = (dimension - 1) / dimension * made.boundary_per_volume * boundaries.mean_conductance
    assert network == pytest.approx(case.materials.electrolyte_properties.electronic_conductivity, abs=0.0)
    np.testing.assert_array_equal(boundaries.conductance, boundaries.mean_conductance)


@pytest.mark.parametrize("asked", DISTRIBUTIONS, ids=lambda asked: asked["distribution"])
def test_each_boundary_conducts_the_mean_times_its_factor(asked: dict[str, str], flat: Microstructure) -> None:
    case = load(of_electrons(asked))
    factor = electronic_factors(case.grain_boundaries.electrons, flat, case.microstructure.seed)
    made, uniform = boundaries_of(case, flat), boundaries_of(load(), flat)
    assert made.mean_conductance == uniform.mean_conductance > 0.0
    np.testing.assert_allclose(made.conductance, uniform.mean_conductance * factor, rtol=1e-12)
    np.testing.assert_array_equal(made.resistance, case.materials.electrolyte_properties.boundary_sheet_resistance)


def test_a_leaky_share_leaks_and_the_others_are_tight(many: Microstructure) -> None:
    leaky = {}
    for share in (0.1, 0.3, 0.8):
        section = BoundaryElectronsSection(distribution="leaky_fraction", leaky_fraction=share, contrast=1e-2)
        factor = electronic_factors(section, many, seed=4)
        assert len(np.unique(factor)) == 2
        assert factor.min() / factor.max() == pytest.approx(1e-2, rel=1e-12)
        leaky[share] = factor == factor.max()
        error = np.sqrt(share * (1.0 - share) / len(factor))
        assert leaky[share].mean() == pytest.approx(share, abs=3.0 * error)
    assert (leaky[0.1] <= leaky[0.3]).all() and (leaky[0.3] <= leaky[0.8]).all(), "more of them, none tight again"


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_leaky_and_all_tight_are_all_alike(share: float, many: Microstructure) -> None:
    section = BoundaryElectronsSection(distribution="leaky_fraction", leaky_fraction=share)
    np.testing.assert_allclose(electronic_factors(section, many, seed=4), 1.0, rtol=1e-12)


def test_boundaries_leak_where_crystals_differ_by_more_than_the_angle(flat: Microstructure) -> None:
    count = int(flat.boundary_pairs.max())
    for degrees in (15.0, 40.0, 50.0):
        section = BoundaryElectronsSection(distribution="misorientation", leaky_angle=f"{degrees} deg", contrast=0.02)
        for seed in (98, 5):
            factor = electronic_factors(section, flat, seed)
            angle = np.degrees(misorientation_angles(flat.boundary_pairs, random_orientations(count, seed)))
            leaky = angle > degrees
            assert 0.0 < leaky.mean() < 1.0
            assert np.ptp(factor[leaky]) == np.ptp(factor[~leaky]) == 0.0
            assert factor[~leaky][0] / factor[leaky][0] == pytest.approx(0.02, rel=1e-12)


def test_factors_are_log_normal_with_the_width_asked_for(many: Microstructure) -> None:
    section = BoundaryElectronsSection(distribution="log_normal", log_width=0.8)
    logarithm = np.log(electronic_factors(section, many, seed=4))
    assert logarithm.std() == pytest.approx(0.8, rel=0.05)
    narrow = BoundaryElectronsSection(distribution="log_normal", log_width=0.0)
    np.testing.assert_allclose(electronic_factors(narrow, many, seed=4), 1.0, rtol=1e-12)


def test_properties_of_a_boundary_are_drawn_independently(many: Microstructure) -> None:
    keys = of_electrons({"distribution": "log_normal"}) | COATING | {"grain_boundaries.coating.coverage": "0.5"}
    case = load(keys)
    made = boundaries_of(case, many)
    factor = electronic_factors(case.grain_boundaries.electrons, many, case.microstructure.seed)
    draws = np.stack([np.log(made.pressure), np.log(factor), made.coated])
    assert np.abs(np.corrcoef(draws)[np.triu_indices(3, 1)]).max() < 3.0 / np.sqrt(len(factor))


def test_pressures_are_what_they_were_before_boundaries_had_other_properties(flat: Microstructure) -> None:
    case = load(of_electrons({"distribution": "log_normal"}) | COATING)
    drawn = case.grain_boundaries.accommodation_pressure
    expected = lognormal_per_boundary(flat.boundary_pairs, case.microstructure.seed, drawn.median, drawn.log_width)
    np.testing.assert_array_equal(boundaries_of(case, flat).pressure, expected)


@pytest.mark.parametrize("asked", DISTRIBUTIONS[1:], ids=lambda asked: asked["distribution"])
def test_a_boundary_keeps_its_factor_on_a_finer_grid(asked: dict[str, str], flat: Microstructure) -> None:
    fine_case = load({"grid.spacing": "0.2 um", "metal.interface_width": "0.4 um"})
    fine = build_structure(fine_case)
    assert fine.grid.shape == (344, 240)
    section, seed = load(of_electrons(asked)).grain_boundaries.electrons, fine_case.microstructure.seed
    ratio = electronic_factors(section, fine, seed) / electronic_factors(section, flat, seed)
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-12)
    assert ratio[0] == pytest.approx(1.0, rel=0.01), "only the areas are seen more sharply"


# --- special boundaries -------------------------------------------------------------------------------------------

SPECIAL = "grain_boundaries.special"
RULE = {
    f"{SPECIAL}.low_angle": "20 deg",
    f"{SPECIAL}.coincidences": "[3, 9]",
    f"{SPECIAL}.resistance_ratio": "0.25",
    f"{SPECIAL}.pressure_ratio": "3",
    f"{SPECIAL}.conductance_ratio": "0.2",
}


def test_special_are_those_that_the_orientations_of_their_grains_make_so(many: Microstructure) -> None:
    made = boundaries_of(load(RULE), many)
    turned = random_orientations(60, load().microstructure.seed)
    expected = special_boundaries(many.boundary_pairs, turned, np.radians(20.0), [3, 9])
    np.testing.assert_array_equal(made.special, expected)
    low = misorientation_angles(many.boundary_pairs, turned) < np.radians(20.0)
    assert 0 < low.sum() < made.special.sum() < 0.2 * len(made.special) and made.special[low].all()
    assert not boundaries_of(load(), many).special.any()


@pytest.mark.parametrize("asked", DISTRIBUTIONS, ids=lambda asked: asked["distribution"])
def test_special_boundaries_differ_by_the_ratios_whatever_was_drawn(
    asked: dict[str, str], many: Microstructure
) -> None:
    electrons = of_electrons(asked | {"trapped_ratio": "4"})
    made, plain = boundaries_of(load(RULE | electrons), many), boundaries_of(load(electrons), many)
    ratio = np.where(made.special, 1.0, 0.0)
    np.testing.assert_allclose(made.resistance, plain.resistance * (1.0 - 0.75 * ratio), rtol=1e-12)
    np.testing.assert_allclose(made.pressure, plain.pressure * (1.0 + 2.0 * ratio), rtol=1e-12)
    for name in ("conductance", "electrons"):
        change = getattr(made, name) / getattr(plain, name)
        general = change[~made.special]
        assert np.ptp(general) < 1e-12 * general[0] and general[0] > 1.0, "the mean stays: the others conduct more"
        np.testing.assert_allclose(change[made.special], 0.2 * general[0], rtol=1e-12)


@pytest.mark.parametrize("asked", DISTRIBUTIONS, ids=lambda asked: asked["distribution"])
def test_the_mean_stays_what_was_measured_with_special_boundaries(asked: dict[str, str], flat: Microstructure) -> None:
    keys = RULE | {f"{SPECIAL}.low_angle": "30 deg"} | of_electrons(asked)
    made, uniform = boundaries_of(load(keys), flat), boundaries_of(load(), flat)
    assert made.special.sum() > 5 and np.ptp(made.conductance) > 0.0
    area = sheet_areas(flat)
    assert area @ made.conductance / area.sum() == pytest.approx(uniform.mean_conductance, rel=0.03)
    maps = [ceramic_maps(flat, ceramic_numbers(load(k), flat)) for k in (keys, {})]
    mean, expected = (m.boundary_electronic_conductivity.mean() for m in maps)
    assert mean == pytest.approx(expected, rel=1e-12, abs=0.0)


def test_a_rule_that_no_boundary_meets_changes_nothing(flat: Microstructure) -> None:
    keys = RULE | {f"{SPECIAL}.low_angle": "0 deg", f"{SPECIAL}.coincidences": "[]"}
    made, plain = boundaries_of(load(keys), flat), boundaries_of(load(), flat)
    for name in ("resistance", "conductance", "electrons", "pressure", "special"):
        np.testing.assert_array_equal(getattr(made, name), getattr(plain, name))


def test_a_coating_goes_on_top_of_special_boundaries(many: Microstructure) -> None:
    made = boundaries_of(load(RULE | COATING | {"grain_boundaries.coating.coverage": "0.5"}), many)
    bare = boundaries_of(load(RULE), many)
    on = made.coated
    assert (on & made.special).any() and (on & ~made.special).any()
    np.testing.assert_allclose((made.resistance - bare.resistance)[on], 5e-5, rtol=1e-12)
    np.testing.assert_allclose(made.conductance[on], 1e-12, rtol=1e-12)
    np.testing.assert_array_equal(made.pressure, bare.pressure)


def test_a_rule_is_read_with_its_defaults_and_refused_with_its_path() -> None:
    rule = load({SPECIAL: "{}"}).grain_boundaries.special
    assert rule.low_angle == pytest.approx(np.radians(15.0)) and rule.coincidences == (3,)
    assert rule.resistance_ratio < 1.0 < rule.pressure_ratio and rule.conductance_ratio < 1.0
    wrong = {f"{SPECIAL}.coincidences": "[4]", f"{SPECIAL}.low_angle": "-5 deg", f"{SPECIAL}.pressure_ratio": "0.0"}
    with pytest.raises(CaseError) as refusal:
        load(wrong)
    text = str(refusal.value)
    assert all(f"{SPECIAL}.{key}" in text for key in ("coincidences[0]", "low_angle", "pressure_ratio"))


# --- coating ------------------------------------------------------------------------------------------------------


def numbers(structure: Microstructure, keys: dict[str, str]) -> tuple[Boundaries, Boundaries]:
    """Return the boundaries of a case and of the same case without coating."""
    bare = {key: value for key, value in keys.items() if "coating" not in key}
    return boundaries_of(load(keys), structure), boundaries_of(load(bare), structure)


def test_a_coating_is_crossed_by_ions_and_carries_the_electrons(flat: Microstructure) -> None:
    keys = COATING | of_electrons({"distribution": "log_normal", "trapped_ratio": "10"})
    coated, bare = numbers(flat, keys)
    assert coated.coated.all() and not bare.coated.any(), "a coating covers all unless told otherwise"
    np.testing.assert_allclose(coated.resistance - bare.resistance, 5e-9 / 1e-4, rtol=1e-12)
    np.testing.assert_allclose(coated.conductance, 5e-9 * 2e-4, rtol=1e-12)
    assert (coated.electrons == 0.0).all() and (bare.electrons > 0.0).all()
    np.testing.assert_array_equal(coated.pressure, bare.pressure)


def test_an_uncovered_ceramic_is_bare(flat: Microstructure) -> None:
    keys = COATING | {"grain_boundaries.coating.coverage": "0"} | of_electrons({"distribution": "log_normal"})
    coated, bare = numbers(flat, keys)
    assert not coated.coated.any()
    for name in ("resistance", "conductance", "electrons", "pressure"):
        np.testing.assert_array_equal(getattr(coated, name), getattr(bare, name))


def test_a_coating_that_covers_in_part_leaves_the_others_as_they_are(many: Microstructure) -> None:
    electrons = of_electrons({"distribution": "log_normal", "trapped_ratio": "3"})
    covered = {}
    for coverage in (0.25, 0.7):
        made, bare = numbers(many, COATING | {"grain_boundaries.coating.coverage": str(coverage)} | electrons)
        covered[coverage] = on = made.coated
        error = np.sqrt(coverage * (1.0 - coverage) / on.size)
        assert on.mean() == pytest.approx(coverage, abs=3.0 * error)
        np.testing.assert_allclose((made.resistance - bare.resistance)[on], 5e-5, rtol=1e-12)
        np.testing.assert_allclose(made.conductance[on], 1e-12, rtol=1e-12)
        assert (made.electrons[on] == 0.0).all()
        for name in ("resistance", "conductance", "electrons"):
            np.testing.assert_array_equal(getattr(made, name)[~on], getattr(bare, name)[~on])
    assert (covered[0.25] <= covered[0.7]).all()


def test_without_leakage_nothing_conducts_and_the_coating_still_resists(flat: Microstructure) -> None:
    made, bare = numbers(flat, COATING | {"transport.leakage": "false"})
    assert (made.conductance == 0.0).all() and (bare.conductance == 0.0).all() and made.mean_conductance == 0.0
    assert (made.resistance > bare.resistance).all()


# --- traps, plain cases, ceramics without a network -------------------------------------------------------------


def test_traps_hold_electrons_in_proportion_to_how_leaky_a_boundary_is(flat: Microstructure) -> None:
    """(ratio - 1) delta n_M per area, beyond what the ceramic itself would hold there."""
    asked = {"distribution": "leaky_fraction", "trapped_ratio": "7"}
    case = load(of_electrons(asked))
    electrolyte = case.materials.electrolyte_properties
    layer = electrolyte.boundary_thickness * electrolyte.electron_concentration_at_metal
    factor = electronic_factors(case.grain_boundaries.electrons, flat, case.microstructure.seed)
    np.testing.assert_allclose(boundaries_of(case, flat).electrons, 6.0 * layer * factor, rtol=1e-12)
    leakage_off = boundaries_of(load(of_electrons(asked) | {"transport.leakage": "false"}), flat)
    np.testing.assert_allclose(leakage_off.electrons, 6.0 * layer * factor, rtol=1e-12)
    none_stored = boundaries_of(load(of_electrons(asked) | {"transport.capacitance": "false"}), flat)
    no_traps = boundaries_of(load(of_electrons(asked | {"trapped_ratio": "1"})), flat)
    assert (none_stored.electrons == 0.0).all() and (no_traps.electrons == 0.0).all()


def test_a_plain_case_has_no_pressure_but_all_that_carries_current(flat: Microstructure) -> None:
    keys = COATING | of_electrons({"distribution": "log_normal"})
    plain = boundaries_of(load(keys | {"reaction.plain": "true"}), flat)
    usual = boundaries_of(load(keys), flat)
    assert (plain.pressure == 0.0).all() and (usual.pressure > 0.0).all()
    for name in ("resistance", "conductance", "electrons"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(usual, name))


def test_layers_of_a_bicrystal_in_space_are_the_flat_one() -> None:
    cases = [load_case("bicrystal", keys) for keys in ({}, {"grid.size": '["16 um", "9.6 um", "8 um"]'})]
    flat, deep = (boundaries_of(case, build_structure(case)) for case in cases)
    assert deep.mean_conductance == pytest.approx(flat.mean_conductance, abs=0.0) and flat.mean_conductance > 0.0


def test_one_grain_has_no_boundaries_and_one_dimension_no_network() -> None:
    alone = load_case("flat_plating")
    none = boundaries_of(alone, build_structure(alone))
    assert none.resistance.shape == none.conductance.shape == none.pressure.shape == none.coated.shape == (0,)
    keys = {"grid.size": '["64.8 um"]', "microstructure.kind": "bricks"} | DENSE
    line = load(keys | of_electrons({"distribution": "log_normal"}))
    layers = boundaries_of(line, build_structure(line))
    assert layers.resistance.size > 3 and (layers.conductance == 0.0).all() and (layers.resistance > 0.0).all()
