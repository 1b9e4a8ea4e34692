"""Results are the same to the bit for any number of threads, on grids that threads share (512 x 512, 40 x 36 x 37)."""

from __future__ import annotations

import numpy as np
import pytest

from phasefield.backends import Control, Tolerances, get_backend
from phasefield.fields import State
from phasefield.grid import Grid
from phasefield.numerics.multigrid import PARALLEL_CELLS
from phasefield.validation.common import LLZO_ELECTRONIC, plain_problem, planar_profile, uniform_ceramic

GRIDS = {"2-D": Grid((512, 512), 2 * (0.125e-6,)), "3-D": Grid((40, 36, 37), (1.6e-6, 1.7e-6, 1.8e-6))}


@pytest.fixture(scope="module", params=list(GRIDS))
def states(request: pytest.FixtureRequest) -> list[State]:
    """Return the states after two steps of a comb of metal with floating discs or balls, by 1 and by 2 threads."""
    grid = GRIDS[request.param]
    x, *across = grid.meshgrid()
    width = 1.5 * grid.spacing[0]
    # from the middle of the nearest tooth, four of them along each lateral axis
    away = np.sqrt(
        sum((y % (length / 4) - length / 8) ** 2 for y, length in zip(across, grid.lengths[1:], strict=True))
    )
    teeth = np.minimum(40e-6 - x, 2e-6 - away)
    pieces = 2e-6 - np.hypot(x - 50e-6, away)
    metal = planar_profile(np.maximum(np.maximum(6e-6 - x, teeth), pieces), width)
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


@pytest.mark.parametrize("grid", GRIDS.values(), ids=list(GRIDS))
def test_the_grid_is_one_that_threads_share(grid: Grid) -> None:
    assert grid.size > PARALLEL_CELLS


@pytest.mark.parametrize("name", ["metal_fraction", "ionic_potential", "electronic_potential", "stored_electrons"])
def test_fields_have_the_same_bits(states: list[State], name: str) -> None:
    one, two = states
    assert np.ptp(one[name]) > 0.0
    np.testing.assert_array_equal(one[name], two[name])


def test_the_voltage_has_the_same_bits(states: list[State]) -> None:
    assert states[0].cell_voltage == states[1].cell_voltage
