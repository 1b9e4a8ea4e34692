"""Every sweep that ships loads, and the first of its runs takes steps."""

from __future__ import annotations

from itertools import islice

import pytest

import phasefield as pf
from phasefield.campaigns.design import points
from phasefield.campaigns.sweep_file import list_sweeps, load_sweep


def test_there_is_one_per_question() -> None:
    asked = {"grain_size", "porosity", "pressure", "coating", "electrolytes", "ramp"}
    assert set(list_sweeps()) == {f"ccd_{name}" for name in asked}


@pytest.mark.parametrize("name", list_sweeps())
def test_every_point_is_a_case_and_the_first_one_steps(name: str) -> None:
    sweep = load_sweep(name)
    assert sweep.question.endswith("?") and sweep.ccd is not None
    cases = [pf.load_case(sweep.base, {**sweep.overrides, **point}) for point in points(sweep)]
    assert len(cases) == len(points(sweep)) >= 3
    *_, (_, report) = islice(pf.simulate(cases[0]), 3)
    assert report.step == 2 and report.charge_balance_error < 1e-6
