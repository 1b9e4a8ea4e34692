"""What a solve reports to the step control: how far U has changed in ceramic that no front has reached."""

from __future__ import annotations

import numpy as np
import pytest

from phasefield.backends import Control
from phasefield.physics.reaction import TAIL
from phasefield.validation.common import backend_for, line_grid, plain_problem, planar_profile

UM = 1e-6
CURRENT = Control("current", 10.0)


def test_only_ceramic_that_no_front_has_reached_counts() -> None:
    """The potentials of the step before are falsified in the metal and its front, then in one cell of ceramic."""
    grid = line_grid(16 * UM, 32)
    xi = planar_profile(4 * UM - grid.meshgrid()[0], 0.75 * UM)
    backend = backend_for(plain_problem(grid, xi, width=0.75 * UM, plane=4 * UM))
    state = backend.initial_state()
    first = backend.solve(state, 1.0, CURRENT)
    change = np.abs(state["electronic_potential"] - state["ionic_potential"])  # from 0
    assert first.potential_change == pytest.approx(change[xi < TAIL].max(), rel=1e-9)
    assert first.potential_change < 0.5 * change.max()
    assert backend.solve(state, 1.0, CURRENT).potential_change < 1e-9

    reached = xi >= TAIL
    assert np.count_nonzero(reached & (xi < 0.5)) > 5, "a front that ceramic of xi < 1/2 belongs to"
    state["ionic_potential"][reached] += 0.03
    assert backend.solve(state, 1.0, CURRENT).potential_change < 1e-9

    for name in ("ionic_potential", "electronic_potential"):
        state[name][np.count_nonzero(reached), 0] += 0.03
        assert backend.solve(state, 1.0, CURRENT).potential_change == pytest.approx(0.03, rel=1e-6), name
