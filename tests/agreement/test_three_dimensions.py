"""A 3-D run that is constant along one lateral axis is the 2-D run, to round-off, along whichever axis it is."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from phasefield import load_case
from phasefield.backends import Tolerances, get_backend
from phasefield.fields import State
from phasefield.grid import Grid, Lateral
from phasefield.problem import Ceramic, Problem
from phasefield.protocol import Protocol
from phasefield.setup import build_setup
from phasefield.simulate import StepLimits, simulate

STEPS = 45


def flat_problem(lateral: Lateral) -> Problem:
    """Return a piece of the main case: boundaries, a pore, unequal spacings, odd numbers of cells."""
    overrides = {
        "grid.size": '["20.4 um", "20.1 um"]',
        "grid.spacing": '["0.4 um", "0.3 um"]',
        "grid.lateral": lateral,
        "microstructure.grain_size": "6 um",
        "microstructure.pores.porosity": "0.015",
        "grain_boundaries.accommodation_pressure.median": "5 MPa",
        "transport.electronic_law": "n_type",
    }
    return build_setup(load_case("llzo_grain_boundary", overrides)).problem


def extruded(problem: Problem, axis: int, layers: int, thickness: float) -> Problem:
    """Return the problem with ``layers`` equal layers along a new lateral axis, 1 or 2."""
    grid, ceramic = problem.grid, problem.ceramic

    def deep(values: np.ndarray) -> np.ndarray:
        return np.repeat(np.expand_dims(values, axis), layers, axis)

    box = Grid(
        (*grid.shape[:axis], layers, *grid.shape[axis:]),
        (*grid.spacing[:axis], thickness, *grid.spacing[axis:]),
        grid.lateral,
    )
    sheets = [deep(sheet) for sheet in ceramic.sheet_resistance]
    sheets.insert(axis, np.zeros(box.face_shape(axis)))
    maps = {f.name: deep(getattr(ceramic, f.name)) for f in fields(Ceramic) if f.name != "sheet_resistance"}
    return replace(
        problem,
        grid=box,
        ceramic=Ceramic(sheet_resistance=tuple(sheets), **maps),
        initial_metal_fraction=deep(problem.initial_metal_fraction),
    )


def run(problem: Problem) -> State:
    protocol = Protocol(current_density=40.0, duration=1e6)
    backend = get_backend("numba", problem, Tolerances(ionic=1e-11, electronic=1e-8, potential=1e-9))
    backend.interface.sub_step = 2e-8  # type: ignore[attr-defined]  # of the profile flux: stable in 2-D and 3-D, whose own differ
    for state, report in simulate(problem, backend, protocol, StepLimits()):
        if report.step == STEPS:
            return state
    raise AssertionError("ended early")


@pytest.mark.parametrize("lateral", ["periodic", "mirror"])
@pytest.mark.parametrize("axis", [1, 2])
def test_a_run_constant_along_one_axis_is_the_run_without_it(axis: int, lateral: Lateral) -> None:
    problem = flat_problem(lateral)
    flat = run(problem)
    deep = run(extruded(problem, axis, 3, 0.55e-6))
    assert deep.time == pytest.approx(flat.time, rel=1e-9)
    assert deep.cell_voltage == pytest.approx(flat.cell_voltage, rel=1e-9)
    for name in ("metal_fraction", "ionic_potential", "electronic_potential", "deposition_rate"):
        scale = np.abs(flat[name]).max()
        for layer in range(3):
            np.testing.assert_allclose(deep[name].take(layer, axis), flat[name], rtol=0, atol=1e-8 * scale)
    assert np.ptp(flat["metal_fraction"], axis=1).max() > 0.1  # the metal did leave the plane


def test_the_two_lateral_axes_are_alike() -> None:
    problem = flat_problem("periodic")
    rng = np.random.default_rng(5)
    deep = extruded(problem, 2, 6, 0.5e-6)
    pressure = deep.ceramic.accommodation_pressure * rng.uniform(0.7, 1.3, deep.grid.shape)
    deep = replace(deep, ceramic=replace(deep.ceramic, accommodation_pressure=pressure))

    def turned(values: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(np.swapaxes(values, 1, 2))

    grid = deep.grid
    maps = {f.name: turned(getattr(deep.ceramic, f.name)) for f in fields(Ceramic) if f.name != "sheet_resistance"}
    x, y, z = (turned(sheet) for sheet in deep.ceramic.sheet_resistance)
    other = replace(
        deep,
        grid=Grid((grid.shape[0], grid.shape[2], grid.shape[1]), (grid.spacing[0], *grid.spacing[:0:-1]), "periodic"),
        ceramic=Ceramic(sheet_resistance=(x, z, y), **maps),
        initial_metal_fraction=turned(deep.initial_metal_fraction),
    )
    first, second = run(deep), run(other)
    for name in ("metal_fraction", "ionic_potential", "electronic_potential"):
        scale = np.abs(first[name]).max()
        np.testing.assert_allclose(turned(second[name]), first[name], rtol=0, atol=1e-8 * scale)
