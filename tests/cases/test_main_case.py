"""What the main case must show, on a quarter of its ceramic: 24 x 24 um, grains of 8 um, same cells and materials."""

from __future__ import annotations

from typing import Any

import pytest

import phasefield as pf
from phasefield import measures
from phasefield.setup import build_setup

REDUCED = {
    "grid.size": '["28.8 um", "24 um"]',
    "microstructure.grain_size": "8 um",
    "microstructure.seed": "8",
    "output.fields": '["metal_fraction"]',
}
ONE_PRESSURE = {
    "grain_boundaries.accommodation_pressure.median": "20 MPa",
    "grain_boundaries.accommodation_pressure.log_width": "0",
}


def summary_of(overrides: dict[str, str]) -> dict[str, Any]:
    return pf.run(pf.load_case("llzo_grain_boundary", REDUCED | overrides), out=None).summary


@pytest.fixture(scope="module")
def main_case() -> dict[str, Any]:
    return summary_of({})


def test_metal_shorts_the_cell_along_grain_boundaries_and_pores(main_case) -> None:
    assert main_case["outcome"] == "short"
    assert main_case["short"]
    assert main_case["metal_share_in_boundaries_and_pores"] >= 0.9
    assert main_case["final"]["penetration_depth_connected_um"] > 15.0
    assert main_case["final"]["leakage_current_density_mA_cm2"] > 0.5  # electrons carry the current now


def test_strong_boundaries_behind_the_tip_stay_empty(main_case) -> None:
    """Their share is reported; with one pressure for all they fill."""
    assert main_case["empty_boundary_share"] > 0.4
    alike = summary_of(ONE_PRESSURE)
    assert alike["outcome"] == "short"
    assert alike["empty_boundary_share"] < 0.25
    assert alike["empty_boundary_share"] < 0.5 * main_case["empty_boundary_share"]


def test_metal_does_not_follow_boundaries_that_are_as_strong_as_grains() -> None:
    case = pf.load_case("llzo_grain_boundary", REDUCED | ONE_PRESSURE | {"grains.accommodation_pressure": "20 MPa"})
    structure = build_setup(case).structure
    region = measures.boundary_or_pore(structure.grain_boundary_fraction, structure.pore_fraction)
    inside = structure.grain_id > 0
    share = pf.run(case, out=None).summary["metal_share_in_boundaries_and_pores"]
    assert share == pytest.approx(region[inside].mean(), abs=0.2)


def test_a_fifth_of_the_current_does_not_open_the_boundaries(main_case) -> None:
    capacity = main_case["final"]["capacity_mAh_cm2"]
    slow = summary_of({"protocol.current_density": "0.2 mA/cm^2", "protocol.capacity": f"{capacity} mAh/cm^2"})
    assert slow["outcome"] == "capacity"
    assert slow["final"]["penetration_depth_connected_um"] < 10.0


def test_the_summary_tells_the_weakest_path_what_was_assumed_and_how_well_charge_is_kept(main_case) -> None:
    assert 0.5 < main_case["entry_current_density_path_mA_cm2"] < 3.0
    names = {entry["name"] for entry in main_case["assumed"]}
    assert {"grain_boundaries.opening", "grain_boundaries.collecting_length"} <= names
    assert main_case["final"]["charge_balance_error"] < 1e-8
    assert main_case["final"]["plane_current_error"] < 1e-6
