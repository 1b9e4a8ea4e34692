"""What is said of a case before it is run."""

from __future__ import annotations

import pytest

from phasefield import generate
from phasefield.case import load_case
from phasefield.errors import CaseError
from phasefield.report import case_report

DEEP = {"grid.size": '["16 um", "9.6 um", "8 um"]'}


def test_a_3d_case_is_reported_with_its_cells_and_bands():
    rows = dict(case_report(load_case("bicrystal", DEEP)).rows)
    assert rows["grid"] == "40 x 24 x 20 = 19200 cells, 16 x 9.6 x 8 um, mirror sides"
    assert rows["cells per grain-boundary band"] == "6"
    assert rows["share of the ceramic inside bands"] == "25%"


def test_a_case_that_does_not_fit_into_memory_is_refused_before_its_grains_are_made(monkeypatch):
    monkeypatch.setattr(generate, "_built", lambda *_: pytest.fail("too late"))
    huge = load_case("bicrystal", {"grid.size": '["320 um", "320 um", "320 um"]'})
    monkeypatch.setattr(generate.os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 4_000_000}.__getitem__)
    with pytest.raises(CaseError) as caught:
        case_report(huge)
    (fault,) = caught.value.faults
    assert fault.path == "grid.spacing"
    assert fault.problem.startswith("5.12e+08 cells need about ")
    assert fault.problem.endswith("and this machine has 16.4 GB")


def test_nuclei_are_reported_with_law_sites_and_potential():
    assert "nuclei" not in dict(case_report(load_case("bicrystal", DEEP)).rows)
    keys = {"nucleation.law": "deterministic", "nucleation.overpotential": "7 mV"}
    said = dict(case_report(load_case("llzo_grain_boundary", keys)).rows)["nuclei"]
    assert said.startswith("deterministic, ") and said.endswith("U < -7 mV at the weakest"), "pores resist with nothing"
