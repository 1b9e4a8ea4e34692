"""Conjugate gradients against a direct solve, and the networks that see what coarse boxes do not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse.linalg import spsolve

from phasefield.numerics import krylov, levels


def solve(system, b, *, tolerance=1e-10, weight=None, limit=400):
    """Return x, the residual left and the number of iterations."""
    r, node = system.pad(b)
    r[0, -1, 0, 0] = node
    x, left = np.zeros_like(r), np.full_like(r, np.nan)
    weight = np.ones(r.shape[1:]) if weight is None else weight
    aim = np.full(2, tolerance * np.abs(b).sum())
    h = system.hierarchy
    n = krylov.solve(
        x, r, left, h.finest(), h.unit, h.coarse, h.work, system.free_node, weight.astype(np.float32), aim, limit
    )  # fmt: skip
    return system.flatten(x, x[0, -1, 0, 0]), system.flatten(left, left[0, -1, 0, 0]), n


@pytest.mark.parametrize("free_node", [True, False], ids=["free", "held"])
@pytest.mark.parametrize("periodic", [True, False], ids=["periodic", "mirror"])
@pytest.mark.parametrize(
    "shape",
    [(23, 1, 17), (32, 1, 20), (61, 1, 1), (8, 1, 31), (11, 7, 9), (8, 8, 12), (13, 3, 10), (9, 12, 2), (15, 14, 1)],
    ids=str,
)
def test_solution_over_six_decades_is_that_of_a_direct_solver(random_system, shape, periodic, free_node) -> None:
    system = random_system(shape, periodic, free_node, decades=6.0, seed=11)
    b = np.random.default_rng(12).normal(size=system.size)
    matrix = system.matrix()
    expected = spsolve(matrix.tocsc(), b)
    round_off = 1e-16 * (abs(matrix) @ np.abs(expected)).sum() / np.abs(b).sum()
    x, left, iterations = solve(system, b, tolerance=1e-12 + 4.0 * round_off)
    assert 0 < iterations < 400
    assert np.abs(x - expected).max() < 1e-9 * np.abs(expected).max()
    assert np.abs(left - (b - matrix @ x)).sum() < 1e-14 * (abs(matrix) @ np.abs(x)).sum()


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [((29, 1, 19), (0.3, 1.0, 1.0)), ((11, 9, 8), (1.0, 0.3, 0.6)), ((9, 10, 7), (0.4, 1.0, 0.9))],
    ids=str,
)
def test_unequal_spacings_are_solved_too(random_system, shape, spacing) -> None:
    system = random_system(shape, decades=6.0, spacing=spacing, seed=13)
    b = np.random.default_rng(14).normal(size=system.size)
    x, _, _ = solve(system, b)
    expected = spsolve(system.matrix().tocsc(), b)
    assert np.abs(x - expected).max() < 1e-9 * np.abs(expected).max()


@pytest.mark.parametrize("shape", [(20, 1, 20), (8, 7, 8)], ids=str)
def test_reaching_the_limit_is_told_by_a_negative_count(random_system, shape) -> None:
    system = random_system(shape, decades=6.0)
    assert solve(system, np.ones(system.size), limit=2)[2] == -3


@pytest.mark.parametrize("shape", [(24, 1, 24), (9, 7, 8)], ids=str)
def test_each_component_has_a_tolerance_of_its_own(random_system, shape) -> None:
    """A weight of 0 takes the second component out of the stopping test."""
    system = random_system(shape, decades=2.0, free_node=False)
    b = np.random.default_rng(15).normal(size=system.size)
    b[: b.size // 2] = 0.0
    for weighted in (False, True):
        weight = np.pad(np.full(shape, float(weighted)), ((1, 1), (0, 0), (1, 1)))
        _, left, _ = solve(system, b, tolerance=1e-6, weight=weight)
        first, second = np.abs(left).reshape(2, -1).sum(axis=1)
        assert first <= 1e-6 * np.abs(b).sum()
        assert (second <= 1e-6 * np.abs(b).sum()) == weighted


def flat_islands() -> np.ndarray:
    """Return a metal net that encloses six islands, two of them joined across the periodic side."""
    metal = np.zeros((28, 1, 20), dtype=bool)
    metal[2:-2] = True
    for i in (4, 12, 20):
        metal[i : i + 5, :, 4:9] = False
    metal[5:9, :, -3:] = metal[5:9, :, :2] = metal[14:17, :, 13:16] = False
    return metal


@pytest.fixture(autouse=True)
def several_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let small boxes have more than one level."""
    monkeypatch.setattr(levels, "NETWORK_CELLS", 32)
    monkeypatch.setattr(levels, "NETWORK_SHARE", 0.0)


def web(random_system, metal: np.ndarray, free_node: bool):
    """Return a system in which metal hardly lets ions through and ceramic hardly electrons."""
    system = random_system(metal.shape, free_node=free_node, decades=0.5, seed=16)
    for component, poor in enumerate((metal, ~metal)):
        system.faces[0][component, 1:-1][poor[1:] | poor[:-1]] *= 1e-7
        for axis in (1, 2):
            faces = np.moveaxis(system.faces[axis][component], axis, 0)
            faces[:-1][np.moveaxis(poor | np.roll(poor, 1, axis), axis, 0)] *= 1e-7
            faces[-1] = faces[0]
    system.coupling *= 1e-6
    system.set_up()
    return system


@pytest.mark.parametrize("free_node", [True, False], ids=["free", "held"])
def test_networks_see_what_coarse_boxes_do_not(random_system, free_node, monkeypatch) -> None:
    """Islands as large as the cells of the last level merge to unknowns of their own: 32 iterations, not 60 and more."""
    monkeypatch.setattr(levels, "NETWORK_CELLS", 300)
    system = web(random_system, flat_islands(), free_node)
    assert len(system.hierarchy.levels) > 1 and system.hierarchy.network.sizes[1, 0] > 0
    _, _, count = solve(system, np.random.default_rng(17).normal(size=system.size), tolerance=1e-8)
    assert 0 < count <= 35


@pytest.mark.parametrize("layers", [1, 4])
def test_sums_leave_the_ghosts_out(layers: int) -> None:
    rng = np.random.default_rng(18)
    shape = (9, layers, 6)
    a, b, weight = rng.normal(size=(2, *shape)), rng.normal(size=(2, *shape)), rng.uniform(size=shape)
    inner = (slice(1, -1), slice(None), slice(1, -1))
    assert krylov.dot(a, b) == pytest.approx((a[:, *inner] * b[:, *inner]).sum(), rel=1e-13)
    first, second = krylov.residual_norms(a, weight)
    assert first == pytest.approx(np.abs(a[0][inner]).sum(), rel=1e-13)
    assert second == pytest.approx((np.abs(a[1]) * weight)[inner].sum(), rel=1e-13)
