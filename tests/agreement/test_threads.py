"""Results are the same to the bit for any number of threads, on a grid that threads share (512 x 512)."""

from __future__ import annotations

import numpy as np
import pytest

from phasefield.backends import Control, Tolerances, get_backend
from phasefield.fields import State
from phasefield.numerics.multigrid import PARALLEL_CELLS
from phasefield.validation.common import LLZO_ELECTRONIC, box_grid, plain_problem, planar_profile, uniform_ceramic

CELLS = 512


@pytest.fixture(scope="module")
def states() -> list[State]:
    """Return the states after two steps of a comb of metal with floating discs, by 1 and by 2 threads."""
    grid = box_grid((64e-6, 64e-6), (CELLS, CELLS))
    x, y = grid.meshgrid()
    width = 1.5 * grid.spacing[0]
    teeth = np.minimum(40e-6 - x, 2e-6 - np.abs((y % 16e-6) - 8e-6))
    discs = 2e-6 - np.hypot(x - 50e-6, (y % 16e-6) - 8e-6)
    metal = planar_profile(np.maximum(np.maximum(6e-6 - x, teeth), discs), width)
    ceramic = uniform_ceramic(grid, electronic=LLZO_ELECTRONIC, electrons=0.05)
    problem = plain_problem(
        grid, metal, ceramic=ceramic, width=width, energy=0.5, counter_electrons="contact", plane=6e-6
    )
    found = []
    for threads in (1, 2):
        backend = get_backend("numba", problem, Tolerances(), threads)
        state = backend.initial_state()
        for _ in range(2):
            report = backend.solve(state, 0.5, Control("current", 10.0))
            backend.advance(state, 0.5)
        assert report.cg_iterations > 0
        found.append(state)
    return found


def test_the_grid_is_one_that_threads_share() -> None:
    assert CELLS**2 > PARALLEL_CELLS


@pytest.mark.parametrize("name", ["metal_fraction", "ionic_potential", "electronic_potential", "stored_electrons"])
def test_fields_have_the_same_bits(states: list[State], name: str) -> None:
    one, two = states
    assert np.ptp(one[name]) > 0.0
    np.testing.assert_array_equal(one[name], two[name])


def test_the_voltage_has_the_same_bits(states: list[State]) -> None:
    assert states[0].cell_voltage == states[1].cell_voltage
