"""Row V18: the first nucleus appears where and when the formulas say, and the row notices when it does not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from phasefield import nucleation
from phasefield.physics.constants import FARADAY, thermal_voltage
from phasefield.physics.transport import IONIC_FLOOR
from phasefield.problem import PlanarElectrode, Problem
from phasefield.validation import nucleation_rows
from phasefield.validation.common import LLZO_ELECTRONIC, LLZO_INTERFACE, LLZO_IONIC, TEMPERATURE, Row
from phasefield.validation.nucleation_rows import LENGTH, SPARED, VARIANTS, Layers, potential_threshold

LEAKIEST = "50 µm, i_e = J/10"


def off(row: Row) -> list[str]:
    """Return what the checks that do not hold are about."""
    return [check.what for check in row.checks if not check.passed]


@pytest.fixture
def one_variant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave all layers out but those that leak most, and the n-type law."""
    monkeypatch.setattr(nucleation_rows, "VARIANTS", {LEAKIEST: VARIANTS[LEAKIEST]})
    monkeypatch.setattr(nucleation_rows, "LAWS", ("constant",))


def spoil(monkeypatch: pytest.MonkeyPatch, change: Callable[[Problem], Problem]) -> None:
    """Let the row run a problem that is not the one its formulas are for."""
    right = nucleation_rows.plain_problem
    monkeypatch.setattr(nucleation_rows, "plain_problem", lambda *a, **k: change(right(*a, **k)))


def with_ceramic(problem: Problem, **maps: Any) -> Problem:
    return dataclasses.replace(problem, ceramic=dataclasses.replace(problem.ceramic, **maps))


# --- formulas -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [*VARIANTS.values(), Layers(LENGTH)], ids=[*VARIANTS, "uniform"])
def test_v18_drive_is_that_of_a_chain_of_resistances(layers: Layers) -> None:
    """1000 slices between two electrodes, ions and electrons each by Ohm's law; both see the same cell voltage."""
    thickness = LENGTH / 1000
    x = thickness * np.arange(1001)
    ionic = np.full(1000, thickness / (LLZO_IONIC * (1.0 + IONIC_FLOOR)))
    electronic = thickness / np.where(x[:-1] < layers.leaky_thickness - 0.5 * thickness, layers.leaky, layers.tight)
    ions, electrons = (1.0 / (r.sum() + contact) for r, contact in ((ionic, 2.0 * LLZO_INTERFACE), (electronic, 0.0)))
    in_ions = ions * (LLZO_INTERFACE + np.concatenate([[0.0], np.cumsum(ionic)]))
    in_electrons = electrons * np.concatenate([[0.0], np.cumsum(electronic)])
    expected = (in_ions - in_electrons) / (ions + electrons)
    np.testing.assert_allclose(layers.drive(x), expected, rtol=0.0, atol=1e-9 * expected.max())


@pytest.mark.parametrize("rising", [False, True], ids=["no pressure", "rising"])
@pytest.mark.parametrize("layers", VARIANTS.values(), ids=list(VARIANTS))
def test_v18_first_nucleus_is_where_the_least_current_is_enough(layers: Layers, rising: bool) -> None:
    x = np.linspace(0.0, LENGTH, 1_000_001)
    drive = layers.drive(x)
    enough = np.where(drive > 0.0, -potential_threshold(x, rising) / np.maximum(drive, 1e-12), np.inf)
    place, current = layers.first_nucleus(rising)
    assert place == pytest.approx(x[np.argmin(enough)], abs=1e-8)
    assert current == pytest.approx(enough.min(), rel=1e-9)


def test_v18_pressure_moves_the_nucleus_into_the_layer() -> None:
    """So that the row asks for more than the lowest U: for the place of the least margin."""
    inside = {name for name, v in VARIANTS.items() if v.first_nucleus(True)[0] < v.leaky_thickness - 5e-6}
    assert inside == set(VARIANTS) - {"20 µm"}
    assert all(v.first_nucleus(False)[0] == v.leaky_thickness for v in VARIANTS.values())
    assert all(v.first_nucleus(rising)[1] < SPARED for v in VARIANTS.values() for rising in (False, True))


def test_v18_n_type_potential_carries_the_same_current_of_electrons_everywhere() -> None:
    """-dU/dx = i / sigma_i - i_e / (sigma_e,M z), U = -i Z at x = 0 and i Z at x = L."""
    x = np.linspace(0.0, LENGTH, 100_001)
    potential = nucleation_rows.uniform_potential(x, 9.0, "n_type")
    ions = -potential[0] / LLZO_INTERFACE
    assert potential[-1] == pytest.approx(-potential[0], rel=1e-9)
    density = np.exp(-potential / thermal_voltage(TEMPERATURE))
    slope = np.diff(potential) / np.diff(x)
    middle = 0.5 * (density[1:] + density[:-1])
    electrons = (slope + ions / (LLZO_IONIC * (1.0 + IONIC_FLOOR))) * LLZO_ELECTRONIC * middle
    np.testing.assert_allclose(electrons, 9.0 - ions, rtol=1e-6)
    assert np.all(slope > 0.0)


# --- the row ------------------------------------------------------------------------------------------------


def test_v18_passes_with_one_variant(one_variant: None) -> None:
    row = nucleation_rows.v18(quick=True)
    assert row.passed, str(row)
    assert len(row.checks) == 2 * 3 + 4


def test_v18_notices_pressure_that_helps(monkeypatch: pytest.MonkeyPatch, one_variant: None) -> None:
    monkeypatch.setattr(nucleation, "nucleation_potential", lambda p, eta, volume: volume / FARADAY * p - eta)
    assert {what.split(":")[0] for what in off(nucleation_rows.v18(quick=True))} == {
        f"layer of {LEAKIEST}, pressure rising as x²"
    }


def test_v18_notices_an_overpotential_of_the_wrong_sign(monkeypatch: pytest.MonkeyPatch, one_variant: None) -> None:
    """A nucleus at once: also where there should be none."""
    monkeypatch.setattr(nucleation, "nucleation_potential", lambda p, eta, volume: eta - volume / FARADAY * p)
    assert f"uniform, constant: nuclei up to {SPARED} A/m^2" in off(nucleation_rows.v18(quick=True))


@pytest.mark.parametrize("leaky", [1.0, 1.1], ids=["tight layer", "leaky layer"])
def test_v18_notices_a_layer_that_conducts_a_tenth_more(
    monkeypatch: pytest.MonkeyPatch, one_variant: None, leaky: float
) -> None:
    layer = VARIANTS[LEAKIEST]

    def change(problem: Problem) -> Problem:
        x, sigma = problem.grid.meshgrid()[0], problem.ceramic.bulk_electronic_conductivity
        factor = np.where(x < layer.leaky_thickness, leaky, 1.1 / leaky)
        return with_ceramic(problem, bulk_electronic_conductivity=sigma * factor)

    spoil(monkeypatch, change)
    assert f"layer of {LEAKIEST}, no pressure: J at which it appears [A/m^2]" in off(nucleation_rows.v18(quick=True))


def test_v18_notices_ions_that_conduct_a_twentieth_less(monkeypatch: pytest.MonkeyPatch, one_variant: None) -> None:
    spoil(monkeypatch, lambda p: with_ceramic(p, ionic_conductivity=0.95 * p.ceramic.ionic_conductivity))
    failed = off(nucleation_rows.v18(quick=True))
    assert f"uniform, constant: U off the formula at {SPARED} A/m^2, over J Z" in failed
    assert f"layer of {LEAKIEST}, no pressure: J at which it appears [A/m^2]" in failed


def test_v18_notices_electrons_that_the_counter_electrode_blocks(
    monkeypatch: pytest.MonkeyPatch, one_variant: None
) -> None:
    """The largest drive is next to it then: the nucleus is there, and before J Z reaches eta_nuc."""

    def change(problem: Problem) -> Problem:
        i0 = problem.counter_electrode.exchange_current_density
        return dataclasses.replace(problem, counter_electrode=PlanarElectrode(i0, "blocking"))

    spoil(monkeypatch, change)
    failed = off(nucleation_rows.v18(quick=True))
    assert f"uniform, constant: nuclei up to {SPARED} A/m^2" in failed
    assert "uniform, constant: x of it, next to the electrode [µm]" in failed


def test_v18_notices_that_nothing_appears(monkeypatch: pytest.MonkeyPatch, one_variant: None) -> None:
    monkeypatch.setattr(nucleation.Nucleator, "_most_driven", lambda self, state, potential: [])
    failed = off(nucleation_rows.v18(quick=True))
    assert sorted({what.split(": ")[1][:4] for what in failed}) == ["J at", "its ", "x of"]
