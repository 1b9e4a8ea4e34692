"""Row V15: the manufactured solution converges as declared, and the row notices equations that are not the model's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from phasefield.backends import numba_cpu, numba_faces, numba_kernels
from phasefield.fields import State
from phasefield.grid import Grid
from phasefield.numerics.interface import Interface
from phasefield.physics.reaction import TAIL
from phasefield.validation import manufactured_rows as rows
from phasefield.validation.common import Row

SOLUTIONS = [(2, "n_type", "periodic"), (2, "constant", "mirror"), (3, "n_type", "periodic")]


def off(row: Row) -> list[str]:
    """Return what the checks that do not hold are about, without the name of the solution."""
    return [check.what.split(",")[0] for check in row.checks if not check.passed]


# --- the solution -------------------------------------------------------------------------------------------


def grid_of(dimension: int, lateral: Any, cells: int) -> Grid:
    shape = (cells,) * dimension
    return Grid(shape, tuple(w / cells for w in rows.LENGTHS[:dimension]), lateral)


@pytest.mark.parametrize(("dimension", "law", "lateral"), SOLUTIONS)
def test_fields_stay_where_the_model_is_smooth(dimension: int, law: Any, lateral: Any) -> None:
    import sympy as sp

    chosen, exact = rows.chosen(dimension, lateral), rows.solution(dimension, law, lateral)
    steepness = rows.WIDTH * sp.sqrt(sum(sp.diff(chosen.psi, s) ** 2 for s in chosen.space))
    steep = sp.lambdify(sp.symbols("x y z t", real=True), [steepness], "numpy", cse=True)
    grid = grid_of(dimension, lateral, 24 if dimension == 3 else 60)
    collecting = rows.evaluated(exact.maps, grid, 0.0)[rows.MAPS.index("collecting_factor")]
    for time in np.linspace(0.0, rows.DURATION, 4):
        (slope,) = rows.evaluated(steep, grid, time)
        xi, ionic, electronic, *_ = rows.evaluated(exact.fields, grid, time)
        q = xi * (1.0 - xi)
        assert 1.0 < slope.min() < 1.01
        assert slope.max() > 1.3
        assert q[[0, -1]].max() < TAIL
        assert collecting[q < 2.0 * TAIL].max() == 0.0 < collecting.max()
        assert electronic.min() > -12 * rows.THERMAL
        assert -80e-3 < (electronic - ionic).min() < (electronic - ionic).max() < -30e-3  # plating, far from the limits


@pytest.mark.parametrize(("dimension", "law", "lateral"), SOLUTIONS)
def test_the_gate_is_open(dimension: int, law: Any, lateral: Any) -> None:
    """Metal is driven to plate in every cell, on a fine grid, too: the flux of M12 is blocked nowhere."""
    grid = grid_of(dimension, lateral, 20 if dimension == 3 else 96)
    stepper = rows.Sourced(rows.solution(dimension, law, lateral), grid)
    stepper.step(1e-3 * rows.DURATION)
    assert not stepper.backend.interface.obstacle.any()


@pytest.mark.parametrize(("dimension", "law", "lateral"), SOLUTIONS)
def test_fields_meet_the_conditions_at_the_electrodes(dimension: int, law: Any, lateral: Any) -> None:
    c = rows.chosen(dimension, lateral)
    x, length, alpha = c.space[0], rows.LENGTHS[0], rows.TRANSFER
    place = dict(zip(c.space[1:], (0.13e-6, 0.37e-6), strict=False)) | {c.time: 3e-3}

    def at(expression: Any, where: float) -> float:
        return float(expression.subs(place).subs(x, where))

    assert at(c.electronic_potential, 0.0) == 0.0
    assert at(c.ionic_potential.diff(x), 0.0) == pytest.approx(0.0, abs=1e-6)
    assert at(c.electronic_potential, length) == pytest.approx(at(c.voltage, length))
    eta = at(c.voltage - c.ionic_potential, length)
    current = rows.COUNTER * (np.exp(-alpha * eta / rows.THERMAL) - np.exp((1 - alpha) * eta / rows.THERMAL))
    conductivity = (1.0 / (1.0 + np.exp(at(c.psi, length))) + 1e-6) * at(c.maps["ionic_conductivity"], length)
    assert conductivity * at(c.ionic_potential.diff(x), length) == pytest.approx(-current, rel=1e-9)
    for where in (0.0, length):
        assert rows.WIDTH * at(c.psi.diff(x), where) == pytest.approx(-1.0)
        assert at(c.psi.diff(c.space[1]), where) == pytest.approx(0.0, abs=1e-3)


def test_every_term_weighs() -> None:
    """Without any one of them the sources would be others by 5 % of the largest or more."""
    import sympy as sp

    c = rows.chosen(2, "periodic")
    right = rows.strong_form(c, "n_type")[1]
    grid = grid_of(2, "periodic", 30)

    def sources(expressions: Any) -> list[np.ndarray]:
        return rows.evaluated(sp.lambdify(sp.symbols("x y z t", real=True), list(expressions), "numpy"), grid, 5e-3)

    truth = sources(right)
    for name in ("ENERGY", "PRESSURE", "MOBILITY", "METAL", "EXCHANGE"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rows, name, 0.0)
            changed = sources(rows.strong_form(c, "n_type")[1])
        assert max(np.abs(a - b).max() / np.abs(b).max() for a, b in zip(changed, truth, strict=True)) > 0.05, name


# --- what the row notices -----------------------------------------------------------------------------------


def wrapped(module: Any, name: str, change: Callable[[list[Any]], None], after: bool = False) -> tuple[Any, str, Any]:
    """Return a kernel whose arguments are changed before it runs, or after."""
    right = getattr(module, name)

    def wrong(*arguments: Any) -> None:
        given = list(arguments)
        if not after:
            change(given)
        right(*given)
        if after:
            change(given)

    return module, name, wrong


def replaced(index: int, value: Callable[[Any], Any]) -> Callable[[list[Any]], None]:
    def change(arguments: list[Any]) -> None:
        arguments[index] = value(arguments[index])

    return change


def one_sided(arguments: list[Any]) -> None:
    """Give faces across x the ionic conductivity of the cell behind them."""
    xi, conductivity, spacing, faces = arguments[0], arguments[1], arguments[5:8], arguments[9]
    sigma = (1.0 - xi + 1e-6) * conductivity
    faces[0, 1:-1, :, 1:-1] = spacing[1] * spacing[2] / spacing[0] * sigma[1:]


def more_bend(arguments: list[Any]) -> None:
    arguments[3] *= 1.25


def without_theta(arguments: list[Any]) -> None:
    arguments[0].theta = np.ones_like(arguments[0].theta)


def shifted(arguments: list[Any]) -> None:
    """Let n-type conduction see potentials half a cell away."""
    u = arguments[5].copy()
    u[0, 1:-1] = 0.5 * (u[0, 1:-1] + u[0, :-2])
    arguments[5] = u


def kept(backend: numba_cpu.NumbaBackend, state: State, time_step: float) -> None:
    """Advance, but go on with the electrons that were stored at first."""
    old = state["stored_electrons"].copy()
    ADVANCE(backend, state, time_step)
    state["stored_electrons"] = old


ADVANCE = numba_cpu.NumbaBackend.advance
KERNELS = numba_kernels
WRONG = {
    "curvature": (wrapped(Interface, "curvature", more_bend, True), "space of ξ"),
    "alpha": (wrapped(KERNELS, "reaction_and_storage", replaced(12, lambda _: 0.42)), "space of n"),
    "one-sided faces": (wrapped(numba_faces, "ionic_faces", one_sided, True), "space of φ_i"),
    "n-type beside the face": (wrapped(numba_faces, "electronic_faces", shifted), "space of φ_e"),
    "5 % of the band": (
        wrapped(numba_faces, "electronic_faces", replaced(2, lambda band: 1.05 * band)),
        "space of φ_e",
    ),
    "profile without theta": (wrapped(Interface, "restore", without_theta), "space of ξ"),
    "deposit without theta": (wrapped(KERNELS, "deposit", replaced(3, np.ones_like)), "space of c"),
    "no storage": ((numba_cpu.common, "is_capacitive", lambda problem: False), "space of φ_i"),
    "electrons that stay": ((numba_cpu.NumbaBackend, "advance", kept), "time of φ_i"),
}


@pytest.mark.parametrize("name", WRONG)
def test_v15_notices(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    replacement, expected = WRONG[name]
    series = rows.Series(2, "n_type", "periodic", (24, 20), (1.0, 2.0), 24, (16, 14), (32, 64, 128))
    monkeypatch.setattr(rows, "QUICK", (series,))
    monkeypatch.setattr(*replacement)
    assert f"order in {expected}" in off(rows.v15(quick=True))
