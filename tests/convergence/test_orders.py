"""Declared orders of accuracy against measured ones."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from phasefield.backends import Control
from phasefield.backends import numba_kernels as kernels
from phasefield.numerics import interface, krylov, multigrid
from phasefield.physics.constants import thermal_voltage
from phasefield.validation.common import backend_for, line_grid, plain_problem, uniform_ceramic

WIDTH = 0.6


def orders(errors: list[float]) -> np.ndarray:
    """Return the order between each error and the next, made with half the step."""
    return np.log2(np.array(errors[:-1]) / errors[1:])


@pytest.mark.parametrize("stretch", [1.0, 0.75])
def test_curvature_of_a_disc_is_second_order(stretch: float) -> None:
    """-div n = 1 / r for metal inside a circle, where the interface is."""
    errors = []
    for n in (48, 96, 192):
        dx, dy = 16.0 / n, 16.0 / n * stretch
        shape = (n, round(16.0 / dy))
        x, y = np.meshgrid((np.arange(n) + 0.5) * dx, (np.arange(shape[1]) + 0.5) * dy, indexing="ij")
        r = np.hypot(x - 8.13, y - 7.9)
        psi, out = np.zeros((n + 2, shape[1] + 2)), np.zeros(shape)
        interface.profile_coordinate(1.0 / (1.0 + np.exp((r - 5.0) / WIDTH)), True, psi)
        interface.curvature(psi, np.zeros_like(psi), dx, dy, WIDTH, out)
        near = np.abs(r - 5.0) < 2.0 * WIDTH
        errors.append(float(np.abs(out - 1.0 / r)[near].max()))
    assert errors[-1] < 1e-3 / 5.0
    np.testing.assert_allclose(orders(errors), 2.0, atol=0.15)


def test_potential_over_smooth_conductivity_is_second_order() -> None:
    """div(sigma grad phi) = f with sigma = exp(x + cos(2 pi y) / 2), phi = sin(pi x) cos(2 pi y); ground at both ends."""
    errors = []
    for n in (16, 32, 64):
        shape, d = (n, n), 1.0 / n
        x, y = np.meshgrid((np.arange(n) + 0.5) * d, (np.arange(n) + 0.5) * d, indexing="ij")
        sigma = np.exp(x + 0.5 * np.cos(2 * np.pi * y))
        phi = np.sin(np.pi * x) * np.cos(2 * np.pi * y)
        grad_x = np.pi * np.cos(np.pi * x) * np.cos(2 * np.pi * y)
        grad_y = -2 * np.pi * np.sin(np.pi * x) * np.sin(2 * np.pi * y)
        source = sigma * (5 * np.pi**2 * phi - grad_x + np.pi * np.sin(2 * np.pi * y) * grad_y)
        hierarchy = multigrid.Hierarchy(shape, (d, d))
        gx, gy, _ = hierarchy.finest()
        flat = np.zeros(shape)
        kernels.ionic_faces(flat, sigma, np.zeros((n + 1, n)), np.zeros((n, n + 1)), d, d, True, gx, gy)
        gx[0, 0, 1:-1], gx[0, -1, 1:-1] = 2.0 * sigma[0], 2.0 * sigma[-1]
        gx[1], gy[1] = gx[0], gy[0]
        multigrid.set_up(*hierarchy.arrays, False)
        r = np.zeros((2, n + 2, n + 2))
        r[0, 1:-1, 1:-1] = source * d * d
        u = np.zeros_like(r)
        regions = np.zeros(r.shape, dtype=np.int32)
        aim = np.full(2, 1e-10)
        krylov.solve(u, r, hierarchy.arrays, False, 2, regions, np.zeros((0, 0)), np.ones((n + 2, n + 2)), aim, 100)
        errors.append(float(np.sqrt(np.mean((u[0, 1:-1, 1:-1] - phi) ** 2))))
    assert errors[-1] < 2e-3
    np.testing.assert_allclose(orders(errors), 2.0, atol=0.1)


def test_relaxation_of_stored_electrons_is_first_order_in_time() -> None:
    """A blocked cell under a step of voltage, followed for a fraction of its Hebb-Wagner time."""
    grid = line_grid(20e-6, 20)
    ceramic = uniform_ceramic(grid, electronic=5.5e-6, electrons=1.0)
    problem = plain_problem(grid, np.zeros(grid.shape), ceramic=ceramic, width=1e-6, kinetics="linear")

    def relaxed(steps: int) -> np.ndarray:
        backend = backend_for(problem)
        state = backend.initial_state()
        for _ in range(steps):
            backend.solve(state, 20.0 / steps, Control("voltage", 0.5 * thermal_voltage(298.15)))
            backend.advance(state, 20.0 / steps)
        return state["electronic_potential"] - state["ionic_potential"]

    results = [relaxed(steps) for steps in (5, 10, 20, 40)]
    errors = [float(np.abs(a - b).max()) for a, b in pairwise(results)]
    assert errors[-1] > 1e-6
    np.testing.assert_allclose(orders(errors), 1.0, atol=0.2)
