"""The row about the width of bands notices lengths that hang on it, and depths that do not come together."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from phasefield import setup
from phasefield.ceramic import CeramicNumbers
from phasefield.problem import Ceramic
from phasefield.setup import build_setup
from phasefield.validation import band_rows
from phasefield.validation.band_rows import BAND_CELLS, Growth
from phasefield.validation.common import Row


def off(row: Row) -> list[str]:
    """Return what the checks that do not hold are about."""
    return [check.what for check in row.checks if not check.passed]


def spoil(monkeypatch: pytest.MonkeyPatch, name: str, band_cells: int) -> None:
    """Let a factor of the ceramic be that of a band of 6 cells in every band of ``band_cells``."""
    exact = setup.ceramic_maps

    def wrong(structure: object, numbers: CeramicNumbers) -> Ceramic:
        made = exact(structure, numbers)
        if round(numbers.band_width / 0.4e-6) != band_cells:
            return made
        values = getattr(made, name)
        return dataclasses.replace(made, **{name: np.where(values < 1.0, values * band_cells / 6.0, values)})

    monkeypatch.setattr(setup, "ceramic_maps", wrong)


def test_metal_that_fills_a_wider_band_as_densely_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(monkeypatch, "accessible_fraction", 12)
    missed = off(band_rows.v14b(quick=True))
    assert "straight, 12 cells: charge per area from 3 to 5 um [C/m2]" in missed
    assert "straight, 12 cells: time to 5 um [s]" in missed
    assert not any("9 cells" in what or " 6 cells" in what for what in missed)


def test_a_wider_band_that_collects_more_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(monkeypatch, "collecting_factor", 9)
    missed = off(band_rows.v14b(quick=True))
    assert "straight, 9 cells: time to 5 um [s]" in missed
    assert not any("charge" in what or "12 cells" in what for what in missed)


@pytest.mark.parametrize("cells", BAND_CELLS)
def test_the_straight_band_covers_whole_cells(cells: int) -> None:
    made = build_setup(band_rows.straight_boundary(cells))
    fraction = made.structure.grain_boundary_fraction[-1]
    assert np.count_nonzero(fraction == 1.0) == np.count_nonzero(fraction) == cells
    pressure = made.problem.ceramic.accommodation_pressure[-1]
    assert np.count_nonzero(pressure < pressure.max()) == cells


def grown(depth: np.ndarray) -> Growth:
    """Return a run whose tip is at ``depth`` [um] at evenly spaced charges."""
    passed = np.linspace(0.0, 360.0, len(depth))
    return Growth(passed / 10.0, passed, 1e-6 * depth, passed)


@pytest.mark.parametrize(
    ("excess", "missed"),
    [
        ((0.0, 0.1, 0.25), 0),
        ((0.0, 0.1, 0.18), 1),  # not shrinking
        ((0.0, 0.2, 0.5), 2),  # shrinking, but far apart at the end and on the way
    ],
)
def test_depths_of_a_whole_case_have_to_come_together(excess: tuple[float, ...], missed: int) -> None:
    depth = np.linspace(0.0, 20.0, 50)
    checks = band_rows.whole_checks([grown(depth * (1.0 + e)) for e in excess])
    assert [check.passed for check in checks].count(False) == missed
    assert checks[0].reference == pytest.approx(20e-6) and checks[1].measured == pytest.approx(excess[1], rel=1e-9)


def test_depths_are_compared_at_charges_that_all_have_seen() -> None:
    short = grown(np.linspace(0.0, 10.0, 50))
    long = Growth(*(2.0 * v for v in dataclasses.astuple(short)))
    charge, depths = band_rows.depths_at_charges([short, long])
    assert charge[-1] == 360.0
    np.testing.assert_allclose(depths[0], depths[1], rtol=1e-12)


def test_a_depth_never_reached_fails_the_check() -> None:
    slow = grown(np.linspace(0.0, 4.0, 50))
    assert np.isnan(slow.at(5e-6)).all()
    checks = band_rows.straight_checks([grown(np.linspace(0.0, 20.0, 50)), slow, slow], (3e-6, 5e-6))
    assert [check.what for check in checks if not np.isfinite(check.error)] == [
        check.what for check in checks if not check.passed and ("to 5 um" in check.what) and "6 cells" not in check.what
    ]
