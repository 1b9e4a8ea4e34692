"""Row V9: stored electrons relax as the diffusion series says, and the row notices where they do not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.linalg import expm

from phasefield.backends import numba_cpu, numba_faces
from phasefield.problem import Problem
from phasefield.validation import storage_rows
from phasefield.validation.common import Row


def off(row: Row) -> list[str]:
    """Return what the checks that do not hold are about."""
    return [check.what for check in row.checks if not check.passed]


@pytest.fixture
def one_law(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the n-type law out, except at 25 mV."""
    monkeypatch.setattr(storage_rows, "LAWS", ("constant",))


def spoil(monkeypatch: pytest.MonkeyPatch, change: Callable[[Problem], Problem]) -> None:
    """Let the row solve a problem that is not the one its series is for."""
    right = storage_rows.plain_problem
    monkeypatch.setattr(storage_rows, "plain_problem", lambda *a, **k: change(right(*a, **k)))


def with_ceramic(problem: Problem, **maps: Any) -> Problem:
    return dataclasses.replace(problem, ceramic=dataclasses.replace(problem.ceramic, **maps))


@pytest.mark.parametrize("blocked", ["ions", "electrons"])
def test_v9_series_solves_the_diffusion_equation(blocked: storage_rows.Blocked) -> None:
    """Against 200 cells with dU/dt = d2U/dx2, by the exponential of their matrix: U = 0 at x = 0, U = 1 or slope -1 at 1."""
    cells = 200
    place = (np.arange(cells) + 0.5) / cells
    matrix = np.diag(np.full(cells, -2.0)) + np.eye(cells, k=1) + np.eye(cells, k=-1)
    matrix[0, 0] = -3.0
    matrix[-1, -1] = -3.0 if blocked == "ions" else -1.0
    drive = np.zeros(cells)
    drive[-1] = 2.0 if blocked == "ions" else -1.0 / cells
    final = np.linalg.solve(matrix, -drive)
    for fourier in storage_rows.FOURIER:
        u = final - expm(fourier * cells**2 * matrix) @ final
        np.testing.assert_allclose(u, storage_rows.relaxing_potential(blocked, place, fourier), rtol=0.0, atol=5e-5)


def test_v9_current_is_the_slope_of_the_series() -> None:
    place = np.array([1.0 - 1e-4, 1.0])
    for fourier in storage_rows.FOURIER:
        low, high = storage_rows.relaxing_potential("ions", place, fourier)
        assert storage_rows.relaxing_current(np.array([fourier]))[0] == pytest.approx((high - low) / 1e-4, rel=1e-3)


@pytest.mark.parametrize(("variable", "order"), [("step", 1.0), ("cells", 2.0)])
def test_v9_error_falls_with_step_and_grid(variable: Any, order: float) -> None:
    sizes, errors = storage_rows.refined(variable, 3)
    found = np.log(errors[1:] / errors[:-1]) / np.log(sizes[1:] / sizes[:-1])
    np.testing.assert_allclose(found, order, atol=0.15)


@pytest.mark.parametrize("name", ["electrons_at_metal", "bulk_electronic_conductivity"])
def test_v9_notices_a_wrong_diffusivity(monkeypatch: pytest.MonkeyPatch, one_law: None, name: str) -> None:
    """2 % of D, which profiles 1 % off would hide."""
    spoil(monkeypatch, lambda p: with_ceramic(p, **{name: 1.02 * getattr(p.ceramic, name)}))
    expected = {f"constant, {blocked} blocked: D of the slowest mode [m^2/s]" for blocked in ("ions", "electrons")}
    assert expected <= set(off(storage_rows.v9(quick=True)))


def test_v9_notices_a_ceramic_that_stores_nothing(monkeypatch: pytest.MonkeyPatch, one_law: None) -> None:
    monkeypatch.setattr(numba_cpu.common, "is_capacitive", lambda problem: False)
    monkeypatch.setattr(storage_rows, "measured_diffusivity", lambda *a: np.inf)  # nothing is left to be timed
    failed = off(storage_rows.v9(quick=True))
    assert [what for what in failed if "D t / L^2 = 0.05" in what] == [
        "constant, ions blocked: U / V off the series at D t / L^2 = 0.05",
        "constant, ions blocked: i L / (sigma_e V) at D t / L^2 = 0.05",
        "constant, electrons blocked: U / V off the series at D t / L^2 = 0.05",
    ]


def test_v9_notices_faces_that_are_not_n_type(monkeypatch: pytest.MonkeyPatch, one_law: None) -> None:
    """At 25 mV n obeys the diffusion equation with the n-type law only."""
    right = numba_faces.electronic_faces
    monkeypatch.setattr(numba_faces, "electronic_faces", lambda *a: right(*a[:6], False, *a[7:]))
    assert off(storage_rows.v9(quick=True)) == [
        "n_type, ions blocked, 25 mV: n off the series, over its change at x = L"
    ]
