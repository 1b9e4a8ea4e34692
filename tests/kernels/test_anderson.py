"""Anderson acceleration on linear fixed points, where it is as good as GMRES."""

from __future__ import annotations

import numpy as np

from phasefield.numerics.anderson import Anderson


def iterate(matrix: np.ndarray, offset: np.ndarray, weight: np.ndarray, steps: int) -> np.ndarray:
    x = np.zeros_like(offset)
    mixer = Anderson(weight)
    for _ in range(steps):
        x = mixer.next(x, matrix @ x + offset)
    return x


def test_a_linear_fixed_point_is_found_in_as_many_steps_as_unknowns() -> None:
    """Also where the plain iteration diverges: the largest eigenvalue here is -3."""
    rng = np.random.default_rng(1)
    basis, _ = np.linalg.qr(rng.normal(size=(5, 5)))
    matrix = basis @ np.diag([-3.0, -0.9, 0.2, 0.5, 0.95]) @ basis.T
    offset = rng.normal(size=5)
    exact = np.linalg.solve(np.eye(5) - matrix, offset)
    assert np.abs(iterate(matrix, offset, np.ones(5), 4) - exact).max() > 1e-3
    assert np.abs(iterate(matrix, offset, np.ones(5), 8) - exact).max() < 1e-8


def test_the_first_step_is_the_plain_one_and_nothing_given_is_changed() -> None:
    mixer = Anderson(np.ones((2, 3)))
    x, image = np.zeros((2, 3)), np.arange(6.0).reshape(2, 3)
    assert np.array_equal(mixer.next(x, image), np.arange(6.0).reshape(2, 3))
    image[:] = 0.0
    second = mixer.next(np.ones((2, 3)), np.full((2, 3), 2.0))
    assert second.shape == (2, 3)
    assert np.array_equal(mixer.images[0], np.arange(6.0).reshape(2, 3))


def test_entries_of_weight_zero_do_not_steer() -> None:
    """The last unknown is noise; it must not spoil the others."""
    rng = np.random.default_rng(2)
    mixer = Anderson(np.array([1.0, 1.0, 0.0]))
    x = np.zeros(3)
    for _ in range(3):
        x = mixer.next(x, np.array([0.9 * x[0] + 1.0, 0.5 * x[1] + 1.0, rng.normal()]))
    assert np.abs(x[:2] - [10.0, 2.0]).max() < 1e-10
