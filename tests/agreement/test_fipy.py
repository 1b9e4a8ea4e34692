"""The default backend and the referee, written twice, solve the same discrete equations."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from phasefield import list_cases, load_case
from phasefield.backends import Control, Tolerances, get_backend
from phasefield.backends.common import RATES
from phasefield.backends.numba_cpu import INNER, NumbaBackend
from phasefield.crosscheck import crosscheck
from phasefield.errors import CaseError
from phasefield.fields import State
from phasefield.grid import Grid
from phasefield.problem import Ceramic, Metal, Nucleation, PlanarElectrode, Problem, Reaction
from phasefield.validation.conservation_rows import REDUCED

TIGHT = Tolerances(ionic=1e-11, electronic=1e-10, potential=1e-11)
STEP = 0.2  # [s]

GRIDS = {
    "2-D": Grid((13, 9), (0.4e-6, 0.3e-6)),
    "2-D, mirror": Grid((10, 7), (0.3e-6, 0.5e-6), "mirror"),
    "1-D": Grid((23, 1), (0.4e-6, 0.7e-6)),
    "3-D": Grid((7, 5, 6), (0.4e-6, 0.5e-6, 0.3e-6)),
    "3-D, mirror": Grid((6, 4, 5), (0.4e-6, 0.5e-6, 0.3e-6), "mirror"),
    "3-D, one layer": Grid((7, 1, 6), (0.4e-6, 0.5e-6, 0.3e-6)),
}
LAWS: dict[str, dict[str, Any]] = {
    "constant, hysteresis, reservoir": {},
    "n-type, linear, plain": {"electronic_law": "n_type", "kinetics": "linear", "hysteresis": False, "plane": 0.0},
    "blocking, without storage": {"electrons": "blocking", "storage": False},
    "fitted, nuclei that form": {"electronic_law": "fitted", "nuclei": True},
}


def random_problem(
    grid: Grid,
    electronic_law: str = "constant",
    kinetics: str = "butler_volmer",
    hysteresis: bool = True,
    plane: float = 0.8e-6,
    electrons: str = "contact",
    storage: bool = True,
    nuclei: bool = False,
    decades: float = 6.0,
) -> Problem:
    """Return a ceramic without any order: conductivities spread over ``decades``, sheets, barriers, pores.

    ``nuclei``: metal stays near the electrode at first, so that nuclei form in bare ceramic.
    """
    rng = np.random.default_rng(4)

    def spread(largest: float) -> np.ndarray:
        return largest * 10.0 ** -rng.uniform(0.0, decades, grid.shape)

    sheets = []
    for axis in range(len(grid.shape)):
        sheet = np.where(rng.random(grid.face_shape(axis)) < 0.3, 1e-5 * rng.random(grid.face_shape(axis)), 0.0)
        if axis > 0:  # both ends are one face
            sheet.swapaxes(0, axis)[-1] = sheet.swapaxes(0, axis)[0]
        sheets.append(sheet)
    x, *_ = grid.meshgrid()
    metal = 1.0 / (1.0 + np.exp((x - 0.8e-6) / 0.5e-6))
    none = np.zeros(grid.shape, dtype=np.int8)
    ceramic = Ceramic(
        ionic_conductivity=spread(0.1),
        bulk_electronic_conductivity=spread(1e-4) * (rng.random(grid.shape) < 0.9),
        boundary_electronic_conductivity=spread(1e-4) * (rng.random(grid.shape) < 0.5),
        sheet_resistance=tuple(sheets),
        accommodation_pressure=rng.choice([0.0, 2e7, 5e7, 1e9], grid.shape),
        accessible_fraction=rng.uniform(0.2, 1.0, grid.shape),
        collecting_factor=rng.uniform(0.3, 1.0, grid.shape),
        electrons_at_metal=0.05 * rng.random(grid.shape) * storage,
        ion_concentration=np.full(grid.shape, 4e4),
    )
    return Problem(
        grid=grid,
        temperature=300.0,
        metal=Metal(1.3e-5, 0.46, 0.5e-6, 1e3),
        ceramic=ceramic,
        reaction=Reaction(30.0, 0.4, kinetics, hysteresis),  # type: ignore[arg-type]
        working_electrode=PlanarElectrode(30.0, "contact"),
        counter_electrode=PlanarElectrode(20.0, electrons),  # type: ignore[arg-type]
        initial_metal_fraction=np.where(x < 1.8e-6, metal, 0.0) if nuclei else metal,
        electrode_plane=plane,
        electronic_law=electronic_law,  # type: ignore[arg-type]
        bias_slope=3.0,
        bias_reference=0.3,
        reservoir_thickness=1e-6,
        nucleation=Nucleation("listed", none, 0.0 * x, 1e-6) if nuclei else None,
    )


def let_nuclei_form(problem: Problem, state: State) -> None:
    """Make two cells out of five of a state parts of nuclei that form, if the problem has nuclei."""
    if problem.nucleation is not None:
        state["nucleus"] = np.random.default_rng(7).random(problem.grid.shape) < 0.4


def random_state(problem: Problem) -> State:
    """Return metal and potentials without any order."""
    rng = np.random.default_rng(5)
    state = get_backend("numba", problem, TIGHT).initial_state()
    state["metal_fraction"] = 1.0 / (1.0 + np.exp(-rng.uniform(-12.0, 12.0, problem.grid.shape)))
    state["ionic_potential"] = rng.uniform(-0.1, 0.1, problem.grid.shape)
    state["electronic_potential"] = rng.uniform(-0.1, 0.1, problem.grid.shape)
    state["stored_electrons"] = 0.05 * rng.random(problem.grid.shape)
    let_nuclei_form(problem, state)
    return state


def assert_close(one: np.ndarray, other: np.ndarray, relative: float) -> None:
    np.testing.assert_allclose(other, one, rtol=0.0, atol=relative * float(np.abs(one).max()))


def operators(problem: Problem, referee: Problem | None = None) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return what both backends make of one random state: name, by the first, by the referee."""
    state = random_state(problem)
    one = get_backend("numba", problem, TIGHT)
    other: Any = get_backend("fipy", referee or problem, TIGHT)
    assert isinstance(one, NumbaBackend)
    one._load(state, 0.0)
    one._freeze_metal(state)
    one._evaluate(state, 0.07, STEP)
    other.load(state)
    other.evaluate(0.07, STEP)
    shaped, volume = other.faces.shaped, problem.grid.cell_volume

    def boxed(values: np.ndarray) -> np.ndarray:
        return values.reshape(problem.grid.shape)

    return [
        ("balance of ions", boxed(one.r[0][INNER]), shaped(other.balance_i.value) * volume),
        ("balance of electrons", boxed(one.r[1][INNER]), shaped(other.balance_e.value) * volume),
        ("deposition", boxed(one.maps["source"]), shaped(other.source)),
        ("stored electrons", boxed(one.maps["stored"]), shaped(other.stored)),
        ("plating potential", boxed(one.maps["plating"]), shaped(other.plating)),
        ("slope", boxed(one.coupling[INNER[0], :, INNER[2]]), shaped(other.coupling.value) * volume),
    ]


@pytest.mark.parametrize("laws", LAWS.values(), ids=list(LAWS))
@pytest.mark.parametrize("grid", GRIDS.values(), ids=list(GRIDS))
def test_one_operator(grid: Grid, laws: dict[str, Any]) -> None:
    for name, one, other in operators(random_problem(grid, **laws)):
        if name != "stored electrons" or laws.get("storage", True):
            assert np.abs(one).max() > 0.0, name
            assert_close(one, other, 1e-12)


@pytest.mark.parametrize("grid", GRIDS.values(), ids=list(GRIDS))
def test_nuclei_plate_where_there_is_no_interface(grid: Grid) -> None:
    """So that agreement about them is not agreement about nothing."""
    problem = random_problem(grid, nuclei=True)
    state = random_state(problem)
    state["metal_fraction"] = problem.initial_metal_fraction.copy()
    one = get_backend("numba", problem, TIGHT)
    assert isinstance(one, NumbaBackend)
    one._load(state, 0.0)
    one._freeze_metal(state)
    one._evaluate(state, 0.07, STEP)
    source, area = (one.maps[name].reshape(grid.shape) for name in ("source", "area"))
    assert (source[state["nucleus"] & (area == 0.0)] > 0.0).any()
    assert (source[~state["nucleus"] & (area == 0.0)] == 0.0).all()


@pytest.mark.parametrize("grid", GRIDS.values(), ids=list(GRIDS))
def test_the_profile_flux(grid: Grid) -> None:
    problem = random_problem(grid)
    xi = random_state(problem)["metal_fraction"]
    inert, forming = np.random.default_rng(6).random((2, *grid.shape)) < 0.5
    one = get_backend("numba", problem, TIGHT)
    other: Any = get_backend("fipy", problem, TIGHT)
    assert isinstance(one, NumbaBackend)
    travel = 3.3 * one.interface.sub_step
    moved = xi.copy()
    one.interface.obstacle[INNER] = np.where(inert, problem.ceramic.accommodation_pressure, 0.0).reshape(one.shape)
    one.nucleus[:] = forming.reshape(one.shape)
    one.restore_profile(moved.reshape(one.shape), travel)
    flat = other.faces.flat
    restored = other.faces.shaped(other.interface.restored(flat(xi), travel, flat(inert), flat(forming)))
    assert np.abs(moved - xi).max() > 1e-3
    assert_close(moved - xi, restored - xi, 1e-12)


@pytest.mark.parametrize(
    "control", [Control("current", 8.0), Control("current", -8.0), Control("voltage", 0.05)], ids=str
)
@pytest.mark.parametrize("laws", LAWS.values(), ids=list(LAWS))
@pytest.mark.parametrize("grid", [GRIDS["2-D"], GRIDS["3-D, mirror"]], ids=["2-D", "3-D"])
def test_one_step(grid: Grid, laws: dict[str, Any], control: Control) -> None:
    problem = random_problem(grid, **laws, decades=3.0)
    states, reports = [], []
    for name in ("numba", "fipy"):
        backend = get_backend(name, problem, TIGHT)
        state = backend.initial_state()
        let_nuclei_form(problem, state)
        reports.append(backend.solve(state, STEP, control))
        backend.advance(state, STEP)
        backend.update_fields(state)
        states.append(state)
    one, other = states
    assert ("nucleus" in one.arrays) == (problem.nucleation is not None)
    for field in set(one.arrays) - set(RATES):
        assert_close(1.0 * one[field], 1.0 * other[field], 1e-7)
    assert other.cell_voltage == pytest.approx(one.cell_voltage, rel=1e-7)
    assert_close(one.reservoir_thickness, other.reservoir_thickness, 1e-7)
    for value in ("current_density", "metal_current_density", "reservoir_current_density", "front_speed"):
        first, second = (getattr(report, value) for report in reports)
        assert second == pytest.approx(first, rel=1e-6, abs=1e-9), value
    assert max(report.plane_current_error for report in reports) < 1e-9


SMALL = {name: overrides for name, overrides in REDUCED.items() if name not in ("llzo_3d", "benchmark_cube")}


def test_every_case_that_ships_is_compared() -> None:
    flat = {case.name for case in list_cases() if len(load_case(case.name).grid.shape) == 2}
    assert flat == set(SMALL)


@pytest.mark.parametrize("name", SMALL)
def test_a_short_run_of_every_case(name: str) -> None:
    *_, found = crosscheck(load_case(name, SMALL[name]), 20)
    assert found.steps == 20
    assert found.cells <= 64 * 64
    assert found.agree, found.differences
    moved = next(d for d in found.differences if d.name == "deposition_rate")
    assert moved.scale > 0.0


def test_a_short_run_with_a_nucleus(caplog: pytest.LogCaptureFixture) -> None:
    """Where one forms is decided once; both fill it, with electrons that leak in."""
    overrides = {
        "grid.size": '["24 um", "4.8 um"]',
        "electrodes.counter_electrons": "blocking",
        "materials.set.electrolyte.electronic_conductivity": "1e-3 S/m",
        "nucleation.sites": '["grain_boundaries"]',
        "nucleation.nuclei": '[{ time = "0 s", place = ["15.8 um", "2.2 um"] }]',
    }
    with caplog.at_level(logging.INFO, "phasefield"):
        *_, found = crosscheck(load_case("bicrystal", overrides), 25)
    assert any("nucleus 1 at (15.8, 2.2) um" in message for message in caplog.messages)
    assert found.steps == 25
    assert found.agree, found.differences


def test_a_mistake_in_one_of_both_is_noticed() -> None:
    problem = random_problem(GRIDS["2-D"])
    conductivity = (1.0 + 1e-9) * problem.ceramic.ionic_conductivity
    other = replace(problem, ceramic=replace(problem.ceramic, ionic_conductivity=conductivity))
    (_, one, spoiled), *_ = operators(problem, other)
    with pytest.raises(AssertionError):
        assert_close(one, spoiled, 1e-12)


def test_a_grid_that_a_direct_solver_cannot_hold_is_refused() -> None:
    problem = random_problem(Grid((6, 5, 4), 3 * (0.4e-6,)))
    large = replace(problem, grid=Grid((64, 64, 64), 3 * (0.4e-6,)))
    with pytest.raises(CaseError, match="64 x 64 x 64 cells are too many"):
        get_backend("fipy", large, TIGHT)
