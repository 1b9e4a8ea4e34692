"""Declared orders of accuracy against measured ones."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from phasefield.backends import Control, numba_faces
from phasefield.numerics import krylov, multigrid
from phasefield.numerics.interface import Interface
from phasefield.physics.constants import thermal_voltage
from phasefield.validation.common import backend_for, line_grid, plain_problem, uniform_ceramic

WIDTH = 0.6
INNER = (slice(1, -1), slice(None), slice(1, -1))


def orders(errors: list[float]) -> np.ndarray:
    """Return the order between each error and the next, made with half the step."""
    return np.log2(np.array(errors[:-1]) / errors[1:])


def centres(shape: tuple[int, ...], spacing: tuple[float, ...]) -> list[np.ndarray]:
    return np.meshgrid(*((np.arange(n) + 0.5) * d for n, d in zip(shape, spacing, strict=True)), indexing="ij")


@pytest.mark.parametrize("stretch", [1.0, 0.75])
@pytest.mark.parametrize(
    ("axes", "layers", "cells"),
    [
        pytest.param((0, 2), 1, (48, 96, 192), id="disc of a 2-D grid"),
        pytest.param((1, 2), 3, (48, 96, 192), id="cylinder along x"),
        pytest.param((0, 2), 3, (48, 96, 192), id="cylinder along y"),
        pytest.param((0, 1), 3, (48, 96, 192), id="cylinder along z"),
        pytest.param((0, 1, 2), 1, (24, 48, 96), id="sphere"),
    ],
)
def test_curvature_is_second_order(axes: tuple[int, ...], layers: int, cells, stretch: float) -> None:
    """-div n = (D - 1) / r for metal inside a circle (D = 2) or a sphere (D = 3), where the interface is."""
    errors = []
    for n in cells:
        shape, spacing = [layers] * 3, [0.37] * 3
        for axis in axes:
            spacing[axis] = 16.0 / n * (stretch if axis == axes[-1] else 1.0)
            shape[axis] = round(16.0 / spacing[axis])
        position = centres(tuple(shape), tuple(spacing))
        r = np.sqrt(sum((position[a] - middle) ** 2 for a, middle in zip(axes, (8.13, 7.9, 8.06), strict=False)))
        out = np.zeros(shape)
        metal = Interface(spacing, WIDTH, np.ones(shape), np.zeros(shape), periodic=True)
        metal.curvature(1.0 / (1.0 + np.exp((r - 5.0) / WIDTH)), 1e-6, out)
        near = np.abs(r - 5.0) < 2.0 * WIDTH
        errors.append(float(np.abs(out - (len(axes) - 1) / r)[near].max()))
    assert errors[-1] < 2e-3 * (len(axes) - 1) / 5.0
    np.testing.assert_allclose(orders(errors), 2.0, atol=0.15)


@pytest.mark.parametrize(
    ("dimension", "cells"), [(2, (16, 32, 64)), (3, (8, 16, 32))], ids=["2-D", "3-D"]
)  # fmt: skip
def test_potential_over_smooth_conductivity_is_second_order(dimension: int, cells) -> None:
    """div(sigma grad phi) = f with sigma = exp(x + c / 2), phi = sin(pi x) c; ground at both ends.

    c is cos(2 pi z), in 3-D times sin(2 pi y).
    """
    errors = []
    for n in cells:
        shape, d = (n, n if dimension == 3 else 1, n), 1.0 / n
        spacing = (d, d if dimension == 3 else 1.0, d)
        x, y, z = centres(shape, spacing)
        k = 2 * np.pi
        c = np.cos(k * z) * (np.sin(k * y) if dimension == 3 else 1.0)
        steep = (k * np.sin(k * z) * (np.sin(k * y) if dimension == 3 else 1.0)) ** 2  # |grad c|^2
        if dimension == 3:
            steep += (k * np.cos(k * z) * np.cos(k * y)) ** 2
        sigma, phi = np.exp(x + 0.5 * c), np.sin(np.pi * x) * c
        laplacian = -(np.pi**2 + (dimension - 1) * k**2) * phi
        source = -sigma * (laplacian + np.pi * np.cos(np.pi * x) * c + 0.5 * np.sin(np.pi * x) * steep)
        h = multigrid.Hierarchy(shape, spacing)
        gx, gy, gz, coupling = h.finest()
        sheets = [np.zeros([m + (a == axis) for a, m in enumerate(shape)]) for axis in range(3)]
        numba_faces.ionic_faces(np.zeros(shape), sigma, *sheets, *spacing, True, gx, gy, gz)
        area = spacing[1] * d
        gx[0, 0, :, 1:-1], gx[0, -1, :, 1:-1] = 2.0 * sigma[0] * area / d, 2.0 * sigma[-1] * area / d
        gx[1], gy[1], gz[1] = gx[0], gy[0], gz[0]
        multigrid.set_faces(gx, gy, gz, h.unit, h.coarse)
        multigrid.set_finest(gx, coupling, h.unit, h.coarse)
        multigrid.set_up(h.coarse, False)
        r = np.zeros((2, n + 2, shape[1], n + 2))
        r[0][INNER] = source * area * d
        u = np.zeros_like(r)
        aim, ones = np.full(2, 1e-10), np.ones(r.shape[1:], dtype=np.float32)
        krylov.solve(u, r, np.zeros_like(r), h.finest(), h.unit, h.coarse, h.work, False, ones, aim, 100)
        errors.append(float(np.sqrt(np.mean((u[0][INNER] - phi) ** 2))))
    assert errors[-1] < 5e-3
    np.testing.assert_allclose(orders(errors), 2.0, atol=0.15)


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
