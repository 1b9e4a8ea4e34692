"""Conjugate gradients against a direct solve, and the coarse unknowns of regions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse.linalg import spsolve

from phasefield.numerics import krylov, levels
from phasefield.numerics.regions import Regions

NO_REGIONS = np.zeros((0, 0))


def solve(system, b, *, regions=None, e_inverse=NO_REGIONS, tolerance=1e-14, weight=None, limit=400):
    """Return x, the residual left and the number of iterations."""
    r, node = system.pad(b)
    r[0, -1, 0, 0] = node
    x = np.zeros_like(r)
    regions = np.zeros(r.shape, dtype=np.int32) if regions is None else regions
    weight = np.ones(r.shape[1:]) if weight is None else weight
    aim = np.full(2, tolerance * np.abs(b).sum())
    h = system.hierarchy
    n = krylov.solve(
        x, r, h.finest(), h.unit, h.coarse, h.work, system.free_node, regions, e_inverse, weight, aim, limit
    )  # fmt: skip
    return system.flatten(x, x[0, -1, 0, 0]), system.flatten(r, r[0, -1, 0, 0]), n


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
    x, left, iterations = solve(system, b)
    assert 0 < iterations < 400
    matrix = system.matrix()
    expected = spsolve(matrix.tocsc(), b)
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


def deep_islands() -> np.ndarray:
    """Return a block of metal that encloses five islands, two of them across a periodic side, and one floating piece."""
    metal = np.zeros((18, 11, 12), dtype=bool)
    metal[2:-3] = True
    for i in (3, 10):
        metal[i : i + 4, 2:6, 3:7] = False
    metal[4:7, 7:10, 8:11] = False
    metal[9:12, -2:, 8:11] = metal[9:12, :1, 8:11] = False
    metal[4:7, 7:10, -1:] = metal[4:7, 7:10, :2] = False
    metal[4:7, 7:10, 10] = True  # a wall between the third and the last
    metal[-2:, 3:7, 3:7] = True
    return metal


@pytest.fixture(autouse=True)
def several_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let small boxes have more than one level."""
    monkeypatch.setattr(levels, "NETWORK_CELLS", 32)
    monkeypatch.setattr(levels, "NETWORK_SHARE", 0.0)


def web(random_system, metal: np.ndarray, free_node: bool):
    """Return a system in which metal hardly lets ions through and ceramic hardly electrons, and its regions."""
    system = random_system(metal.shape, free_node=free_node, decades=0.5, seed=16)
    for component, poor in enumerate((metal, ~metal)):
        system.faces[0][component, 1:-1][poor[1:] | poor[:-1]] *= 1e-7
        for axis in (1, 2):
            faces = np.moveaxis(system.faces[axis][component], axis, 0)
            faces[:-1][np.moveaxis(poor | np.roll(poor, 1, axis), axis, 0)] *= 1e-7
            faces[-1] = faces[0]
    system.coupling *= 1e-6
    system.set_up()
    regions = Regions(metal.shape, "periodic", always=True)
    regions.update(metal, metal)
    return system, regions


WEBS = pytest.mark.parametrize("islands", [flat_islands, deep_islands], ids=["2-D", "3-D"])


@WEBS
def test_region_matrix_is_the_galerkin_product(random_system, islands) -> None:
    system, regions = web(random_system, islands(), free_node=True)
    e = krylov.region_matrix(regions.labels, regions.count, *system.hierarchy.finest())
    labels = regions.labels[:, 1:-1, :, 1:-1].ravel()
    z = (labels[:, None] == np.arange(regions.count)).astype(float)
    assert z.sum(axis=0).min() > 0 and regions.count >= 7
    a = system.matrix()[:-1, :-1]  # the node takes no part
    np.testing.assert_allclose(e, z.T @ (a @ z), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("free_node", [True, False], ids=["free", "held"])
@WEBS
def test_regions_change_the_path_and_not_the_answer(random_system, islands, free_node) -> None:
    system, regions = web(random_system, islands(), free_node)
    b = np.random.default_rng(17).normal(size=system.size)
    e = krylov.region_matrix(regions.labels, regions.count, *system.hierarchy.finest())
    plain, _, many = solve(system, b, tolerance=1e-12)
    x, left, few = solve(system, b, regions=regions.labels, e_inverse=np.linalg.inv(e), tolerance=1e-12)
    expected = spsolve(system.matrix().tocsc(), b)
    for found in (plain, x):
        assert np.abs(found - expected).max() < 1e-6 * np.abs(expected).max()
    assert 0 < few < 0.9 * many
    assert np.abs(left - (b - system.matrix() @ x)).sum() < 1e-8 * np.abs(b).sum()


@pytest.mark.parametrize("free_node", [True, False], ids=["free", "held"])
def test_networks_see_what_coarse_boxes_do_not(random_system, free_node, monkeypatch) -> None:
    """Islands as large as the cells of the last level merge to unknowns of their own: 32 iterations, not 60 and more."""
    monkeypatch.setattr(levels, "NETWORK_CELLS", 300)
    system, _ = web(random_system, flat_islands(), free_node)
    assert len(system.hierarchy.levels) > 1 and system.hierarchy.network.sizes[1, 0] > 0
    _, _, count = solve(system, np.random.default_rng(17).normal(size=system.size), tolerance=1e-12)
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
