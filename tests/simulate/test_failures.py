"""What the default backend says when a step cannot be solved: field, place, time."""

from __future__ import annotations

import re

import numpy as np
import pytest

from phasefield.backends import Backend, Control, NotConverged, NotFinite
from phasefield.errors import RunError
from phasefield.protocol import Protocol
from phasefield.simulate import StepLimits, simulate
from phasefield.validation.common import backend_for, box_grid, plain_problem, planar_profile, uniform_ceramic

UM = 1e-6
GRID = box_grid((8 * UM, 3 * UM), (16, 6))
PROBLEM = plain_problem(
    GRID,
    planar_profile(2.0 * UM - GRID.meshgrid()[0], 0.75 * UM),
    width=0.75 * UM,
    plane=2.0 * UM,
    ceramic=uniform_ceramic(GRID, electronic=5.5e-6, electrons=1.0),
    counter_electrons="contact",
)


def place(text: str) -> tuple[float, float]:
    """Return the coordinates that a message names [um]."""
    found = re.search(r"x = ([\d.]+) um, y = ([\d.]+) um", text)
    assert found, text
    return float(found[1]), float(found[2])


def test_an_unsolvable_step_names_both_fields_their_residuals_and_places() -> None:
    backend = backend_for(PROBLEM, ionic=1e-30)
    state = backend.initial_state()
    before = {name: values.copy() for name, values in state.arrays.items()}
    with pytest.raises(NotConverged) as failure:
        backend.solve(state, 1.0, Control("current", 10.0))
    text = str(failure.value)
    assert re.search(r"ionic_potential: largest residual \S+ of its current at x = ", text)
    assert re.search(r"electronic_potential: largest residual \S+ of its current at x = ", text)
    assert (
        all(np.array_equal(values, before[name]) for name, values in state.arrays.items()) and state.cell_voltage == 0.0
    )


def test_the_run_passes_the_message_on() -> None:
    backend = backend_for(PROBLEM, ionic=1e-30)
    protocol = Protocol(current_density=10.0, duration=10.0)
    with pytest.raises(RunError, match=r"fell below 0.1 s at t = 0 s: .*electronic_potential: .* at x = .* um"):
        list(simulate(PROBLEM, backend, protocol, StepLimits(smallest=0.1, first=0.3)))


@pytest.mark.parametrize("name", ["ionic_potential", "electronic_potential"])
def test_a_potential_that_is_not_finite_is_named_with_place_and_time(name: str) -> None:
    backend = backend_for(PROBLEM)
    state = backend.initial_state()
    state.time = 12.5
    state[name][9, 4] = np.nan
    with pytest.raises(NotFinite, match=r"_potential is not finite at .*t = 12.5 s") as failure:
        backend.solve(state, 1.0, Control("current", 10.0))
    x, y = place(str(failure.value))
    assert abs(x - 4.75) <= 0.51 and abs(y - 2.25) <= 0.51, "the cell itself or its neighbour"


class Spoiling:
    """A backend whose metal is no number from the second step on."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def __getattr__(self, name: str):
        return getattr(self.backend, name)

    def advance(self, state, time_step: float) -> None:
        if state.step == 1:
            state["metal_fraction"][5, 2] = np.nan
        self.backend.advance(state, time_step)


def test_metal_that_is_not_finite_ends_the_run_with_field_place_and_time() -> None:
    backend = Spoiling(backend_for(PROBLEM))
    protocol = Protocol(current_density=10.0, duration=10.0)
    steps = []
    with pytest.raises(RunError, match=r"metal_fraction is not finite at .*t = ") as failure:
        for state, _ in simulate(PROBLEM, backend, protocol, StepLimits(first=0.1)):  # type: ignore[arg-type]
            steps.append(state.time)
    assert len(steps) == 2
    x, y = place(str(failure.value))
    assert abs(x - 2.75) <= 2.0 and abs(y - 1.25) <= 2.0
