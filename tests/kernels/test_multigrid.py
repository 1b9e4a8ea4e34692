"""The block operator and the V-cycle as matrices: symmetric, positive, the same as put together by hand."""

from __future__ import annotations

from itertools import pairwise, permutations, product

import numpy as np
import pytest

from phasefield.numerics import coarsening, krylov, multigrid
from phasefield.numerics import levels as levels_module
from phasefield.numerics.levels import FX, FZ, NX, NZ, cell_view, plan_levels, x_view, y_view, z_view

LINES_AND_PLANES = [(5, 1, 8), (8, 1, 10), (13, 1, 7), (7, 1, 11), (33, 1, 1), (40, 1, 1), (1, 1, 37), (19, 1, 2)]
BOXES = [(5, 5, 5), (4, 3, 6), (5, 4, 3), (5, 2, 7), (7, 5, 2), (6, 3, 3), (1, 5, 8), (9, 7, 1), (3, 7, 3), (5, 2, 4)]
SHAPES = LINES_AND_PLANES + BOXES
FEW = 32  # cells of the last level here


@pytest.fixture(autouse=True)
def several_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let small boxes have more than one level."""
    monkeypatch.setattr(levels_module, "NETWORK_CELLS", FEW)
    monkeypatch.setattr(levels_module, "NETWORK_SHARE", 0.0)


@pytest.mark.parametrize("free_node", [True, False], ids=["free", "held"])
@pytest.mark.parametrize("periodic", [True, False], ids=["periodic", "mirror"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_operator_is_the_network_of_its_conductances(random_system, shape, periodic, free_node) -> None:
    system = random_system(shape, periodic, free_node)
    operator = system.dense(system.apply)
    np.testing.assert_allclose(operator, system.matrix().toarray(), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(operator, operator.T, rtol=1e-13, atol=1e-15)
    assert np.linalg.eigvalsh(operator)[0] > 0.0


@pytest.mark.parametrize("free_node", [True, False], ids=["free", "held"])
@pytest.mark.parametrize("periodic", [True, False], ids=["periodic", "mirror"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_v_cycle_is_symmetric_and_positive(random_system, shape, periodic, free_node) -> None:
    """Conjugate gradients need both: a . M^-1 b = b . M^-1 a and a . M^-1 a > 0."""
    system = random_system(shape, periodic, free_node, seed=2)
    assert len(system.hierarchy.levels) > 1
    inverse = system.dense(system.precondition)
    np.testing.assert_allclose(inverse, inverse.T, rtol=0.0, atol=3e-6 * np.abs(inverse).max())
    assert np.linalg.eigvalsh(inverse)[0] > 0.0


@pytest.mark.parametrize("shape", [(21, 19, 17), (16, 3, 15), (12, 15, 14), (43, 1, 37)], ids=str)
def test_v_cycle_of_several_levels_is_symmetric(random_system, shape) -> None:
    """To single precision."""
    system = random_system(shape, decades=5.0, seed=4)
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(2, system.size))
    to_a, to_b = system.precondition(a), system.precondition(b)
    assert abs(b @ to_a - a @ to_b) < 1e-5 * np.sqrt((a @ to_a) * (b @ to_b))


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [
        ((10, 1, 11), (1.0, 1.0, 4.0)),
        ((10, 1, 11), (3.0, 1.0, 1.0)),
        ((6, 5, 7), (1.0, 1.0, 4.0)),
        ((6, 5, 7), (1.0, 3.0, 1.0)),
        ((5, 6, 4), (4.0, 1.0, 2.0)),
    ],
    ids=str,
)
def test_v_cycle_contracts_every_error_on_stretched_cells(random_system, shape, spacing) -> None:
    """The error of A^-1 after one cycle is 1 - M^-1 A: eigenvalues of M^-1 A near 1."""
    system = random_system(shape, decades=0.3, spacing=spacing, seed=3)
    root = np.linalg.cholesky(system.dense(system.apply))
    spectrum = np.linalg.eigvalsh(root.T @ system.dense(system.precondition) @ root)
    assert np.abs(spectrum - 1.0).max() < 0.6


@pytest.mark.parametrize("free_node", [True, False], ids=["free", "held"])
@pytest.mark.parametrize("periodic", [True, False], ids=["periodic", "mirror"])
@pytest.mark.parametrize("shape", [(5, 1, 6), (32, 1, 1), (3, 3, 3), (4, 2, 4), (2, 5, 2), (5, 6, 1)], ids=str)
def test_the_coarsest_level_is_solved_exactly(random_system, shape, periodic, free_node) -> None:
    system = random_system(shape, periodic, free_node)
    assert len(system.hierarchy.levels) == 1
    both = system.dense(lambda v: system.precondition(system.apply(v)))
    np.testing.assert_allclose(both, np.eye(system.size), atol=1e-3)


@pytest.mark.parametrize(("axes", "long_axis"), [([0, 2], 0), ([0, 2], 2), (range(3), 0), (range(3), 1), (range(3), 2)])
def test_long_cells_wait_until_the_others_have_caught_up(axes, long_axis: int) -> None:
    shape, spacing = np.ones(3, dtype=int), np.ones(3)
    shape[list(axes)], spacing[long_axis] = 64, 4.0
    levels = plan_levels(tuple(shape.tolist()), tuple(spacing.tolist()))
    for row, (n, factor) in enumerate([(64, 2), (32, 2), (16, 2)]):
        waits = row < 2
        for axis in axes:
            slow = axis == long_axis
            assert levels[row, NX + axis] == (64 if slow else n)
            assert levels[row, FX + axis] == (1 if slow and waits else factor)
    assert np.prod(levels[-1, NX : NZ + 1]) <= FEW < np.prod(levels[-2, NX : NZ + 1])


def test_the_layer_of_a_2d_grid_does_not_decide_which_cells_are_long() -> None:
    np.testing.assert_array_equal(plan_levels((40, 1, 30), (1.0, 1e-6, 1.0)), plan_levels((40, 1, 30), (1.0, 1e6, 1.0)))


@pytest.mark.parametrize("shape", [(37, 1, 11), (11, 7, 9), (8, 3, 12)], ids=str)
def test_levels_of_odd_sizes_cover_every_cell(shape) -> None:
    levels = plan_levels(shape, (1.0, 1.0, 1.0))
    assert len(levels) > 1
    for fine, coarse in pairwise(levels):
        for axis in range(3):
            assert coarse[NX + axis] == -(-fine[NX + axis] // fine[FX + axis])


def all_faces(h: multigrid.Hierarchy, level: int) -> list[np.ndarray]:
    """Return the conductances of a level per axis, one more along it than cells, the last y face again as the first."""
    views = [
        view(g, h.levels, level)
        for view, g in zip((x_view, y_view, z_view), (h.level_x, h.level_y, h.level_z), strict=True)
    ]
    x, y, z = views[0][:, :, :, 1:-1], views[1][:, 1:-1, :, 1:-1], views[2][:, 1:-1]
    if y.shape[2] == 0:
        y = np.zeros((2, y.shape[1], 1, y.shape[3]))
    return [x, np.concatenate([y, y[:, :, :1]], axis=2), z]


def coarse_by_hand(fine: np.ndarray, axis: int, factors: list[int]) -> np.ndarray:
    """Return the coarse conductances of one axis and one component, face by face from what the docstrings say."""
    cells = [n - (a == axis) for a, n in enumerate(fine.shape)]
    coarse = [-(-n // factor) for n, factor in zip(cells, factors, strict=True)]
    out = np.zeros([n + (a == axis) for a, n in enumerate(coarse)])
    n, ring = cells[axis], axis > 0
    if ring and coarse[axis] == 1:
        return out
    for place in product(*(range(size) for size in fine.shape)):
        face = place[axis]
        if face % factors[axis] != 0 and face != n:
            continue  # inside an aggregate
        resistance = 0.0
        for beside, low, high in ((face - 1, face - 2, face - 1), (face + 1, face, face + 1)):
            if ring:
                beside, low, high = (value % n for value in (beside, low, high))
            elif min(low, high) < 0 or max(low, high) >= n:
                continue  # no cell there
            inner = fine[(*place[:axis], beside, *place[axis + 1 :])]
            if low // factors[axis] == high // factors[axis] and low != high and inner > 0.0:
                resistance += 0.5 / inner
        g = fine[place]
        target = [p // factor for p, factor in zip(place, factors, strict=True)]
        target[axis] = -(-face // factors[axis])
        out[tuple(target)] += g / (1.0 + min(g * resistance, coarsening.BOUND))
    return out


@pytest.mark.parametrize("periodic", [True, False], ids=["periodic", "mirror"])
@pytest.mark.parametrize("shape", [*SHAPES, (13, 11, 7), (8, 12, 6)], ids=str)
def test_coarse_conductances_are_sums_of_faces_in_series_with_half_the_inside(random_system, shape, periodic) -> None:
    h = random_system(shape, periodic, spacing=(1.0, 1.3, 2.0)).hierarchy
    for level in range(len(h.levels) - 1):
        factors = h.levels[level, FX : FZ + 1].tolist()
        for axis, (fine, coarse) in enumerate(zip(all_faces(h, level), all_faces(h, level + 1), strict=True)):
            expected = np.stack([coarse_by_hand(fine[c], axis, factors) for c in range(2)])
            np.testing.assert_allclose(coarse, expected, rtol=3e-6, err_msg=f"level {level + 1}, axis {axis}")


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_coarse_levels_keep_the_coupling_and_the_ring(random_system, shape) -> None:
    """The coupling is summed cell by cell; both copies of the periodic face are there on every level."""
    system = random_system(shape)
    h, expected = system.hierarchy, system.coupling
    for level, row in enumerate(h.levels):
        coupling = cell_view(h.level_c, h.levels, level, 1)[0, 1:-1, :, 1:-1]
        np.testing.assert_allclose(coupling, expected, rtol=1e-6)
        faces = z_view(h.level_z, h.levels, level)
        np.testing.assert_array_equal(faces[..., 0], faces[..., -1])
        for axis, factor in enumerate(row[FX : FZ + 1]):
            expected = np.add.reduceat(expected, range(0, expected.shape[axis], factor), axis)


@pytest.mark.parametrize("shape", [(13, 1, 10), (7, 5, 6), (5, 2, 9)], ids=str)
def test_constants_cost_nothing_and_charge_is_kept_in_a_closed_box(random_system, shape) -> None:
    system = random_system(shape, free_node=False)
    system.faces[0][:, [0, -1]] = 0.0
    system.fill()
    assert np.abs(system.apply(np.full(system.size, 0.37))).max() < 1e-15
    flow = system.apply(np.random.default_rng(5).normal(size=system.size))
    assert abs(flow.sum()) < 1e-14 * np.abs(flow).sum()


@pytest.mark.parametrize("order", list(permutations(range(3)))[1:], ids=str)
@pytest.mark.parametrize("shape", [(7, 1, 12), (5, 4, 7), (3, 2, 6)], ids=str)
def test_operator_is_the_same_with_axes_swapped(random_system, shape, order) -> None:
    """In a closed box all axes are alike."""
    system = random_system(shape, periodic=False, free_node=False)
    system.faces[0][:, [0, -1]] = 0.0
    system.fill()
    components_first = (0, *(a + 1 for a in order))
    turned = type(system)(
        [system.faces[a].transpose(components_first) for a in order], system.coupling.transpose(order), False
    )
    cells = np.random.default_rng(6).normal(size=(2, *shape))
    out = system.apply(cells.ravel()).reshape(cells.shape)
    turned_out = turned.apply(cells.transpose(components_first).ravel()).reshape(2, *turned.box)
    np.testing.assert_allclose(turned_out, out.transpose(components_first), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("free_node", [True, False], ids=["free", "held"])
@pytest.mark.parametrize("shape", [(9, 1, 6), (5, 3, 4)], ids=str)
def test_operator_tells_the_energy_of_its_cells(random_system, shape, free_node: bool) -> None:
    system = random_system(shape, free_node=free_node)
    u, node = system.pad(np.random.default_rng(8).normal(size=system.size))
    multigrid.fill_ghosts(u, node)
    out = np.zeros_like(u)
    _, energy = krylov.apply_operator(u, *system.hierarchy.finest(), free_node, out)
    assert energy == pytest.approx((u * out)[:, 1:-1, :, 1:-1].sum(), rel=1e-12)


@pytest.mark.parametrize("layers", [1, 3])
def test_ghosts_are_periodic_along_z_ground_and_node_along_x(layers: int) -> None:
    u = np.random.default_rng(7).normal(size=(2, 6, layers, 5))
    inner = u[:, 1:-1, :, 1:-1].copy()
    multigrid.fill_ghosts(u, 2.5)
    np.testing.assert_array_equal(u[:, 1:-1, :, 1:-1], inner)
    np.testing.assert_array_equal(u[:, 1:-1, :, 0], inner[..., -1])
    np.testing.assert_array_equal(u[:, 1:-1, :, -1], inner[..., 0])
    assert (u[:, 0] == 0.0).all() and (u[:, -1] == 2.5).all()
