"""Plating, rest and stripping, repeated: what stays behind, and that every charge is found again."""

from __future__ import annotations

import numpy as np
import pytest

import phasefield as pf
from phasefield.run import Run

SMALL = {
    "grid.size": '["12.8 um", "9.6 um"]',
    "microstructure.grain_size": "6 um",
    "microstructure.pores.porosity": "0",
    "grain_boundaries.accommodation_pressure.median": "10 MPa",
    "protocol.steps[0].repeat": "1",
    "protocol.steps[0].steps[0].current_density": "2 mA/cm^2",
    "protocol.steps[0].steps[2].current_density": "-2 mA/cm^2",
    "protocol.steps[0].steps[0].capacity": "0.02 mAh/cm^2",
    "protocol.steps[0].steps[1].duration": "10 s",
    "protocol.steps[0].steps[2].capacity": "0.02 mAh/cm^2",
    "protocol.steps[0].steps[3].duration": "10 s",
    "output.fields": '["metal_fraction"]',
}


def run_of(overrides: dict[str, str]) -> Run:
    return pf.run(pf.load_case("llzo_cycling", overrides), out=None)


def metal_beyond_plane(run: Run, time: float) -> float:
    """Return the sum of ξ over the cells of the ceramic, which all hold as much metal, at ``time`` [s]."""
    grid = run.results.grid
    return float(run.fields(time)["metal_fraction"][grid.centres(0) > run.results.electrode_plane].sum())


def last_of(history: dict[str, np.ndarray], column: str) -> list[float]:
    """Return a column at the end of each step of the protocol."""
    number = history["protocol_step"]
    return [float(history[column][number == n][-1]) for n in range(1, int(number[-1]) + 1)]


def test_a_cycle_of_a_small_piece_gives_every_charge_back() -> None:
    run = run_of(SMALL)
    summary, history = run.summary, run.history
    assert summary["outcome"] == "completed"
    assert last_of(history, "time_s") == pytest.approx([36.0, 46.0, 82.0, 92.0])
    assert last_of(history, "capacity_mAh_cm2") == pytest.approx([0.02, 0.02, 0.0, 0.0], abs=1e-9)
    plated, rested, stripped, end = last_of(history, "cell_voltage_V")
    assert plated > 0.01 and stripped < -0.01 and max(abs(rested), abs(end)) < 1e-4
    assert history["charge_balance_error"].max() < 1e-7
    before, filled, left = (metal_beyond_plane(run, time) for time in (0.0, 36.0, 92.0))
    assert filled > 2.0 * before
    assert left - before < 0.2 * (filled - before)


@pytest.mark.ci
def test_repeated_stripping_leaves_dead_metal_behind() -> None:
    run = run_of({"output.fields": '["metal_fraction"]'})
    summary, history = run.summary, run.history
    assert summary["outcome"] == "completed"
    assert history["charge_balance_error"].max() < 1e-5
    dead = last_of(history, "isolated_metal_mAh_cm2")
    plated, stripped = dead[0::4], dead[3::4]
    assert max(plated) < 1e-6, "plating connects it again"
    assert 1e-5 < stripped[2] < 5e-3, "of 0.05 mAh/cm² per cycle"
    assert min(stripped[1:]) > 1e-5 > stripped[0] >= 0.0, "the second cycle leaves some, the third about as much"
