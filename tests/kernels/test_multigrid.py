"""The block operator and the V-cycle as matrices: symmetric, positive, the same as put together by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from phasefield.numerics import krylov, multigrid
from phasefield.numerics import levels as levels_module

SHAPES = [(4, 8), (8, 10), (13, 7), (7, 11), (31, 1), (40, 1), (1, 37), (9, 2)]


@pytest.mark.parametrize("free_node", [True, False], ids=["free", "held"])
@pytest.mark.parametrize("periodic", [True, False], ids=["periodic", "mirror"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_operator_is_the_network_of_its_conductances(random_system, shape, periodic, free_node) -> None:
    system = random_system(shape, periodic, free_node)
    operator = system.dense(system.apply)
    np.testing.assert_allclose(operator, system.matrix().toarray(), rtol=1e-13, atol=1e-15)
    assert np.linalg.eigvalsh(operator)[0] > 0.0


@pytest.mark.parametrize("free_node", [True, False], ids=["free", "held"])
@pytest.mark.parametrize("periodic", [True, False], ids=["periodic", "mirror"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_v_cycle_is_symmetric_and_positive(random_system, shape, periodic, free_node) -> None:
    """Conjugate gradients need both: a . M^-1 b = b . M^-1 a and a . M^-1 a > 0."""
    system = random_system(shape, periodic, free_node, seed=2)
    inverse = system.dense(system.precondition)
    np.testing.assert_allclose(inverse, inverse.T, rtol=0.0, atol=1e-12 * np.abs(inverse).max())
    assert np.linalg.eigvalsh(inverse)[0] > 0.0


@pytest.mark.parametrize("spacing", [(1.0, 4.0), (3.0, 1.0)])
def test_v_cycle_contracts_every_error_on_stretched_cells(random_system, spacing) -> None:
    """The error of A^-1 after one cycle is 1 - M^-1 A: eigenvalues of M^-1 A near 1."""
    system = random_system((10, 11), decades=0.3, spacing=spacing, seed=3)
    root = np.linalg.cholesky(system.dense(system.apply))
    spectrum = np.linalg.eigvalsh(root.T @ system.dense(system.precondition) @ root)
    assert np.abs(spectrum - 1.0).max() < 0.6


@pytest.mark.parametrize("free_node", [True, False], ids=["free", "held"])
def test_the_coarsest_level_is_solved_exactly(random_system, free_node) -> None:
    system = random_system((5, 6), free_node=free_node)
    assert len(system.hierarchy.levels) == 1
    both = system.dense(lambda v: system.precondition(system.apply(v)))
    np.testing.assert_allclose(both, np.eye(system.size), atol=1e-10)


def test_long_cells_wait_until_the_others_have_caught_up() -> None:
    levels = levels_module.plan_levels((64, 64), (1.0, 4.0))
    assert levels[:3, [levels_module.NX, levels_module.NY]].tolist() == [[64, 64], [32, 64], [16, 64]]
    assert levels[:3, [multigrid.FX, multigrid.FY]].tolist() == [[2, 1], [2, 1], [2, 2]]
    assert levels[-1, levels_module.NX] * levels[-1, levels_module.NY] <= levels_module.DIRECT_CELLS


def test_levels_of_odd_sizes_cover_every_cell() -> None:
    levels = levels_module.plan_levels((37, 11), (1.0, 1.0))
    for fine, coarse in pairwise(levels):
        for n, factor in ((levels_module.NX, multigrid.FX), (levels_module.NY, multigrid.FY)):
            assert coarse[n] == -(-fine[n] // fine[factor])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_coarse_levels_keep_the_coupling_and_the_ring(random_system, shape) -> None:
    """The sum of the coupling over all cells, and both copies of the periodic face, on every level."""
    h = random_system(shape).hierarchy
    total = h.finest()[2].sum()
    for level in range(len(h.levels)):
        assert levels_module.cell_view(h.coupling, h.levels, level, 1).sum() == pytest.approx(total, rel=1e-13)
        faces = levels_module.y_view(h.gy, h.levels, level)
        np.testing.assert_array_equal(faces[:, :, 0], faces[:, :, -1])


def test_constants_cost_nothing_in_a_closed_box(random_system) -> None:
    system = random_system((13, 10), free_node=False)
    gx, _, _ = system.hierarchy.finest()
    gx[:, [0, -1]] = 0.0
    assert np.abs(system.apply(np.full(system.size, 0.37))).max() < 1e-15


def test_closed_box_keeps_its_charge(random_system) -> None:
    system = random_system((13, 10), free_node=False)
    gx, _, _ = system.hierarchy.finest()
    gx[:, [0, -1]] = 0.0
    flow = system.apply(np.random.default_rng(5).normal(size=system.size))
    assert abs(flow.sum()) < 1e-14 * np.abs(flow).sum()


def test_operator_is_the_same_with_x_and_y_swapped(random_system) -> None:
    system = random_system((7, 12), periodic=False, free_node=False)
    gx, gy, coupling = system.hierarchy.finest()
    gx[:, [0, -1]] = 0.0
    swapped = multigrid.Hierarchy((12, 7), (1.0, 1.0))
    other_x, other_y, other_coupling = swapped.finest()
    other_x[:], other_y[:], other_coupling[:] = gy.transpose(0, 2, 1), gx.transpose(0, 2, 1), coupling.T
    u, _ = system.pad(np.random.default_rng(6).normal(size=system.size))
    multigrid.fill_ghosts(u, 0.0)
    turned = np.ascontiguousarray(u.transpose(0, 2, 1))
    multigrid.fill_ghosts(turned, 0.0)
    out, turned_out = np.zeros_like(u), np.zeros_like(turned)
    krylov.apply_operator(u, gx, gy, coupling, False, out)
    krylov.apply_operator(turned, other_x, other_y, other_coupling, False, turned_out)
    np.testing.assert_allclose(turned_out.transpose(0, 2, 1), out, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("free_node", [True, False], ids=["free", "held"])
def test_operator_tells_the_energy_of_its_cells(random_system, free_node: bool) -> None:
    system = random_system((9, 6), free_node=free_node)
    vector = np.random.default_rng(8).normal(size=system.size)
    u, node = system.pad(vector)
    multigrid.fill_ghosts(u, node)
    out = np.zeros_like(u)
    _, energy = krylov.apply_operator(u, *system.hierarchy.finest(), free_node, out)
    assert energy == pytest.approx((u * out)[:, 1:-1, 1:-1].sum(), rel=1e-12)


def test_ghosts_are_periodic_along_y_ground_and_node_along_x() -> None:
    u = np.random.default_rng(7).normal(size=(2, 6, 5))
    inner = u[:, 1:-1, 1:-1].copy()
    multigrid.fill_ghosts(u, 2.5)
    np.testing.assert_array_equal(u[:, 1:-1, 1:-1], inner)
    np.testing.assert_array_equal(u[:, 1:-1, 0], inner[:, :, -1])
    np.testing.assert_array_equal(u[:, 1:-1, -1], inner[:, :, 0])
    assert (u[:, 0] == 0.0).all() and (u[:, -1] == 2.5).all()
