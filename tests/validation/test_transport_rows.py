from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from phasefield.problem import Problem
from phasefield.validation import boundary_rows, transport_rows
from phasefield.validation.common import Row


def spoil(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[Problem], Problem], module: object = transport_rows
) -> None:
    """Let the row solve a problem that is not the one its reference is for."""
    right = module.plain_problem  # type: ignore[attr-defined]
    monkeypatch.setattr(module, "plain_problem", lambda *a, **k: change(right(*a, **k)))


def with_ceramic(problem: Problem, **maps: Any) -> Problem:
    return dataclasses.replace(problem, ceramic=dataclasses.replace(problem.ceramic, **maps))


def failed(row: Row) -> list[str]:
    return [check.what for check in row.checks if not check.passed]


# --- V2 -----------------------------------------------------------------------------------------------------


def test_v2_notices_a_wrong_conductivity(monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(monkeypatch, lambda p: with_ceramic(p, ionic_conductivity=1.01 * p.ceramic.ionic_conductivity))
    assert failed(transport_rows.v2(quick=True)) == ["V / J (L / sigma + 2 Z), worst of all steps"]


def test_v2_notices_metal_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def lighter(problem: Problem) -> Problem:
        volume = problem.metal.molar_volume * (1.0 - 1e-6)
        return dataclasses.replace(problem, metal=dataclasses.replace(problem.metal, molar_volume=volume))

    spoil(monkeypatch, lighter)
    assert failed(transport_rows.v2(quick=True)) == ["metal gained / metal lost"]


# --- V7 -----------------------------------------------------------------------------------------------------


def test_v7_reference_is_that_of_the_table() -> None:
    at = np.linspace(0.0, transport_rows.LENGTH, 9)
    potential, electronic = transport_rows.mixed_conductor(at)
    expected = [5.0, 2.790, 0.087, -3.295, -7.663, -13.591, -22.333, -37.718, -100.0]
    assert np.allclose(1e3 * potential, expected, rtol=0.0, atol=6e-4)
    assert electronic == pytest.approx(2.52582e-3, rel=2e-6)


def test_v7_notices_a_wrong_conductivity(monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(monkeypatch, lambda p: with_ceramic(p, ionic_conductivity=(1.0 + 1e-5) * p.ceramic.ionic_conductivity))
    assert len(failed(transport_rows.v7())) == 2


def test_v7_notices_faces_that_are_not_n_type(monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(monkeypatch, lambda p: dataclasses.replace(p, electronic_law="constant"))
    assert len(failed(transport_rows.v7())) == 2


# --- V8 -----------------------------------------------------------------------------------------------------


def test_v8_notices_a_wrong_conductivity(monkeypatch: pytest.MonkeyPatch) -> None:
    def change(problem: Problem) -> Problem:
        conductivity = problem.ceramic.bulk_electronic_conductivity.copy()
        conductivity[transport_rows.FIRST] *= 1.0 + 1e-7
        return with_ceramic(problem, bulk_electronic_conductivity=conductivity)

    spoil(monkeypatch, change)
    assert "change of U over a leaky layer [V]" in failed(transport_rows.v8())


def test_v8_notices_a_bump_of_the_conductivity(monkeypatch: pytest.MonkeyPatch) -> None:
    def bump(problem: Problem) -> Problem:
        conductivity = problem.ceramic.bulk_electronic_conductivity.copy()
        conductivity[50] *= 100.0
        return with_ceramic(problem, bulk_electronic_conductivity=conductivity)

    spoil(monkeypatch, bump)
    assert "interior extrema of U" in failed(transport_rows.v8())


# --- V10 ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "kind"), [("ionic_conductivity", "ions"), ("bulk_electronic_conductivity", "electrons")]
)
def test_v10_notices_one_wrong_cell(monkeypatch: pytest.MonkeyPatch, field: str, kind: str) -> None:
    def change(problem: Problem) -> Problem:
        conductivity = getattr(problem.ceramic, field).copy()
        conductivity[5] *= 1.0 + 1e-8
        return with_ceramic(problem, **{field: conductivity})

    spoil(monkeypatch, change)
    off = failed(transport_rows.v10())
    assert off == [f"{kind} in series [S/m]", f"{kind} in parallel [S/m]"]


def test_v10_notices_arithmetic_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(
        monkeypatch,
        lambda p: with_ceramic(
            p,
            bulk_electronic_conductivity=0.0 * p.ceramic.bulk_electronic_conductivity,
            boundary_electronic_conductivity=p.ceramic.bulk_electronic_conductivity,
        ),
    )
    assert failed(transport_rows.v10()) == ["electrons in series [S/m]"]


# --- V14a ---------------------------------------------------------------------------------------------------


def test_v14a_notices_a_staircase_that_is_not_corrected(monkeypatch: pytest.MonkeyPatch) -> None:
    def staircase(problem: Problem) -> Problem:
        sheets = tuple(
            np.where(sheet > 0.0, 20.0 * boundary_rows.SHEET, 0.0) for sheet in problem.ceramic.sheet_resistance
        )
        return with_ceramic(problem, sheet_resistance=sheets)

    spoil(monkeypatch, staircase, boundary_rows)
    off = failed(transport_rows.v14a(quick=True))
    assert off == [f"ionic resistance across, 20 R_gb, {tilt} deg" for tilt in (15, 30, 45)]


def test_v14a_notices_a_grid_that_blocks_along_a_boundary(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ionic band does so: what is due across a boundary acts along it, too."""

    def band(problem: Problem) -> Problem:
        near = sum(np.abs(np.diff(sheet, axis=a)) for a, sheet in enumerate(problem.ceramic.sheet_resistance)) > 0.0
        return with_ceramic(problem, ionic_conductivity=np.where(near, 1e-3, 1.0) * problem.ceramic.ionic_conductivity)

    spoil(monkeypatch, band, boundary_rows)
    off = failed(transport_rows.v14a(quick=True))
    assert {f"ionic conductance along, 20 R_gb, {tilt} deg" for tilt in (0, 15, 30, 45)} <= set(off)


def test_v14a_notices_a_wrong_band(monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(
        monkeypatch,
        lambda p: with_ceramic(p, boundary_electronic_conductivity=1.05 * p.ceramic.boundary_electronic_conductivity),
        boundary_rows,
    )
    off = failed(transport_rows.v14a(quick=True))
    assert off == [
        *(f"electronic conductance along, {tilt} deg" for tilt in (0, 15, 30, 45)),
        "electronic conductance of a brick wall / network",
    ]


def test_v14a_end_of_an_oblique_band() -> None:
    straight = 1.0 / boundary_rows.band_conductance(10.0, 1.0, 0.0)
    oblique = 1.0 / boundary_rows.band_conductance(10.0, 1.0, np.radians(45.0))
    assert straight == pytest.approx(10.0, rel=1e-12)
    assert oblique == pytest.approx(10.0 * np.sqrt(2.0) - 2.0 * np.log(2.0) / np.pi, rel=1e-12)


@pytest.mark.parametrize(("layers", "columns"), [(2, 1), (3, 1), (4, 2), (5, 3)])
def test_v14a_network_of_joints(layers: int, columns: int) -> None:
    by_hand = columns / (layers + 0.25 * (layers - 1))
    assert boundary_rows.wall_network(layers, columns) == pytest.approx(by_hand, rel=1e-12)


# --- V17 ----------------------------------------------------------------------------------------------------


def test_v17_is_not_empty() -> None:
    """The case has what may break the balance: boundaries that leak, pores, stored electrons."""
    case = transport_rows.load_case("llzo_grain_boundary", transport_rows.SMALL_CASE)
    setup = transport_rows.build_setup(case)
    assert setup.structure.pore_fraction.max() > 0.5
    assert len(setup.structure.boundary_pairs) > 3
    assert setup.problem.ceramic.boundary_electronic_conductivity.max() > 0.0
    assert setup.problem.ceramic.electrons_at_metal.max() > 0.0


def test_v17_notices_a_loose_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    loose = transport_rows.SMALL_CASE | {
        "solver.ionic_tolerance": "1e-3",
        "solver.electronic_tolerance": "1e-1",
        "solver.potential_tolerance": "10 mV",
    }
    monkeypatch.setattr(transport_rows, "SMALL_CASE", loose)
    assert failed(transport_rows.v17(quick=True))
