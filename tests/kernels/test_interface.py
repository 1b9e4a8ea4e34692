"""The profile flux and the curvature: fixed points, conservation, bounds, barriers, symmetry of the axes."""

from __future__ import annotations

from itertools import permutations

import numba
import numpy as np
import pytest

from phasefield.numerics import interface
from phasefield.numerics.interface import Interface

WIDTH = 0.6
SPACING = (0.4, 0.5, 0.3)
INNER = (slice(1, -1), slice(None), slice(1, -1))
BOTH_SIDES = pytest.mark.parametrize("periodic", [True, False], ids=["periodic", "mirror"])


def centres(shape: tuple[int, int, int]) -> list[np.ndarray]:
    return np.meshgrid(*((np.arange(n) + 0.5) * d for n, d in zip(shape, SPACING, strict=True)), indexing="ij")


def logistic(psi: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-psi))


def along(axis: int, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return a map that has ``values`` along an axis and is constant along the others."""
    return np.broadcast_to(np.expand_dims(values, [a for a in range(3) if a != axis]), shape).copy()


def made(shape, theta=None, barrier=None, periodic=True, spacing=SPACING) -> Interface:
    """Return the interface of a box, by default without barriers and with theta = 1."""
    theta = np.ones(shape) if theta is None else theta
    barrier = np.zeros(shape) if barrier is None else barrier
    return Interface(spacing, WIDTH, theta, barrier, periodic)


def restore(
    xi, travel, steps, *, theta=None, barrier=None, inert=None, forming=None, wall=None, periodic=True, spacing=SPACING,
    threads=1,
):  # fmt: skip
    """Let the profile flux act in place; returns d(xi) / d(M t) at the start of the last step."""
    metal = made(xi.shape, theta, barrier, periodic, spacing)
    metal.wall, metal.sub_step = wall or np.inf, max(travel, 1e-30) / (steps - 0.5)
    metal.obstacle[INNER] = np.where(inert, metal.barrier[INNER], 0.0) if inert is not None else 0.0
    numba.set_num_threads(threads)
    metal.restore(xi, np.zeros(xi.shape, dtype=np.bool_) if forming is None else forming, travel, threads)
    return (metal.net + np.diff(metal.along, axis=0, prepend=0.0)) / metal.theta


def rate_of(xi, **settings) -> np.ndarray:
    """Return d(xi) / d(M t), by default without barriers and with theta = 1."""
    return restore(xi.copy(), 1e-300, 1, **settings)


def curvature_of(xi, barrier=None, periodic=True, spacing=SPACING) -> np.ndarray:
    out = np.full_like(xi, np.nan)
    made(xi.shape, None, barrier, periodic, spacing).curvature(xi, 1e-11, out)
    return out


PLANES = [((41, 1, 53), (np.cos(a), 0.0, np.sin(a))) for a in np.radians([0.0, 11.0, 45.0, 63.0, 90.0, 200.0])]
PLANES += [
    ((25, 21, 27), normal)
    for normal in [(1, 0, 0), (0, 1, 0), (0, 0, -1), (1, 1, 1), (3, -8, 5), (-9, 1, 2), (0, 4, 3), (5, -2, 0)]
]


@pytest.mark.parametrize(("shape", "normal"), PLANES, ids=lambda v: str(np.round(v, 2).tolist()))
def test_planar_profile_rests_at_any_tilt_and_has_no_curvature(shape, normal) -> None:
    n = np.array(normal) / np.linalg.norm(normal)
    distance = sum(a * (x - x.mean() - 0.07) for a, x in zip(n, centres(shape), strict=True))
    inner = tuple(slice(2, -2) if size > 1 else slice(None) for size in shape)  # sides of the box tilt otherwise
    near = np.abs(distance[inner]) < 24 * WIDTH
    rate = rate_of(logistic(distance / WIDTH), periodic=False)[inner]
    assert np.abs(rate[near]).max() * WIDTH < 1e-12
    assert np.abs(curvature_of(logistic(distance / WIDTH), periodic=False)[inner]).max() < 1e-3 / WIDTH
    too_steep = rate_of(logistic(distance / (0.5 * WIDTH)), periodic=False)[inner]
    assert np.abs(too_steep).max() * WIDTH > 1e-2


# A profile more than 1 / FLATTEST = 1.25 times too wide is not drawn together for sure: benchmarks/flat_profile.py.
@pytest.mark.parametrize("factor", [0.5, 1.2])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_wrong_width_is_driven_to_the_right_one(axis: int, factor: float) -> None:
    shape = [1, 1, 1]
    shape[axis] = n = round(32.0 / SPACING[axis])
    x = centres(tuple(shape))[axis]
    xi = logistic((16.0 - x) / (factor * WIDTH))
    before = xi.sum()
    restore(xi, 30.0, 4000, periodic=False)
    with np.errstate(divide="ignore"):  # metal far behind the front is full to the last bit
        psi = np.clip(np.log(xi / (1.0 - xi)), -30.0, 30.0).reshape(n)
    steep = (psi[1:] > -4.5) & (psi[:-1] < 4.5)
    assert steep.sum() > 8
    np.testing.assert_allclose(np.diff(psi)[steep], -SPACING[axis] / WIDTH, rtol=1e-6)
    assert xi.sum() == pytest.approx(before, rel=1e-13)


def test_a_profile_that_is_far_too_wide_hardly_sharpens_along_its_front() -> None:
    """Backward diffusion along the front has the coefficient (1 / FLATTEST - 1) width; with n of length 1 it is 3 width."""
    shape = (64, 1, 48)
    x, _, z = centres(shape)
    k, waviness = 2.0 * np.pi / (shape[2] * SPACING[2]) * 3.0, 1e-5

    def rate(amplitude: float) -> np.ndarray:
        psi = (x.mean() - x) / (4.0 * WIDTH) + amplitude * np.cos(k * z)
        return rate_of(logistic(psi), periodic=True)

    middle = shape[0] // 2
    response = (rate(waviness) - rate(-waviness))[middle, 0] @ np.cos(k * z[0, 0]) / (shape[2] * waviness)
    growth = response / 0.25  # xi (1 - xi) in the middle: what a change of psi is to one of xi
    discrete = (2.0 / SPACING[2] * np.sin(0.5 * k * SPACING[2])) ** 2
    assert growth == pytest.approx((1.0 / interface.FLATTEST - 1.0) * WIDTH * discrete, rel=0.05)


def noise(shape, seed: int) -> dict:
    """Return settings in which nothing is alike: theta over a factor 40, barriers, inert cells, a wall."""
    rng = np.random.default_rng(seed)
    return {
        "theta": rng.choice([1.0, 0.025, 0.3], size=shape),
        "barrier": rng.choice([0.0, 1e7, 1e9], size=shape),
        "inert": rng.uniform(size=shape) < 0.5,
        "wall": 1e9,
    }


@BOTH_SIDES
@pytest.mark.parametrize(
    "shape", [(19, 1, 13), (16, 1, 24), (23, 1, 1), (7, 1, 2), (9, 7, 8), (8, 2, 9), (7, 3, 3), (1, 6, 7), (9, 8, 1)], ids=str
)  # fmt: skip
def test_no_volume_moves_out_of_the_box_whatever_theta(shape, periodic: bool) -> None:
    xi, settings = np.random.default_rng(2).uniform(size=shape), noise(shape, 3)
    rate = rate_of(xi, periodic=periodic, **settings)
    theta = settings["theta"]
    assert np.abs(rate).max() > 0.1
    assert abs((theta * rate).sum()) < 1e-13 * np.abs(theta * rate).sum()
    moved = xi.copy()
    restore(moved, 1e-3, 7, periodic=periodic, **settings)
    assert np.abs(moved - xi).max() > 1e-4
    assert (theta * moved).sum() == pytest.approx((theta * xi).sum(), rel=1e-13)


@BOTH_SIDES
@pytest.mark.parametrize("shape", [(19, 1, 13), (7, 5, 6)], ids=str)
def test_a_step_goes_along_its_rate_by_one_thread_and_by_many(shape, periodic: bool) -> None:
    xi, settings = np.random.default_rng(4).uniform(size=shape), noise(shape, 5)
    expected = xi + 1e-3 * rate_of(xi, periodic=periodic, **settings)
    alone, together = xi.copy(), xi.copy()
    restore(alone, 1e-3, 1, periodic=periodic, **settings)
    restore(together, 1e-3, 1, periodic=periodic, threads=2, **settings)
    np.testing.assert_allclose(alone, expected, rtol=0.0, atol=1e-15)
    np.testing.assert_array_equal(alone, together)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("shape", [(9, 1, 8), (6, 5, 4)], ids=str)
def test_constants_stay(shape, value: float) -> None:
    xi = np.full(shape, value)
    assert (rate_of(xi, theta=np.random.default_rng(3).uniform(0.1, 1.0, shape)) == 0.0).all()


@BOTH_SIDES
@pytest.mark.parametrize(
    "shape", [(21, 1, 17), (40, 1, 1), (13, 1, 30), (8, 1, 8), (9, 8, 7), (6, 11, 2), (12, 3, 5), (5, 9, 1)], ids=str
)
def test_metal_fraction_stays_between_0_and_1_at_the_largest_sub_step(shape, periodic: bool) -> None:
    """From noise over 14 decades on either side, with theta jumping by 40 and cells of any aspect."""
    rng = np.random.default_rng(sum(shape) + periodic)
    spacing = tuple(rng.uniform(0.3, 0.9, 3))
    small = 10.0 ** -rng.uniform(0.1, 14.0, shape)
    xi = np.where(rng.uniform(size=shape) < 0.5, small, 1.0 - small)
    theta = rng.choice([1.0, 0.025, 0.1], size=shape)
    limit = interface.stable_sub_step(spacing, WIDTH, theta, periodic)
    for _ in range(300):
        restore(xi, limit, 1, theta=theta, periodic=periodic, spacing=spacing)
        assert xi.min() > 0.0 and xi.max() < 1.0


@pytest.mark.parametrize("shape", [(16, 1, 16), (8, 9, 8)], ids=str)
def test_twenty_times_the_largest_sub_step_leaves_the_bounds(shape) -> None:
    """The limit is not an empty one."""
    xi = np.random.default_rng(4).uniform(size=shape)
    limit = interface.stable_sub_step(SPACING, WIDTH, np.ones_like(xi), True)
    restore(xi, 20.0 * limit, 1)
    assert xi.min() < 0.0 or xi.max() > 1.0


@pytest.mark.parametrize("shape", [(9, 1), (9, 9), (9, 1, 9), (9, 8, 9)], ids=str)
def test_sub_step_is_that_of_the_model(shape) -> None:
    """M dt <= (theta_c / max theta_f) dx^2 / (2 D l cosh^2(dx / 2 l)), theta_f harmonic."""
    d, dimension = 0.4, sum(n > 1 for n in shape)
    theta = np.ones(shape)
    even = interface.stable_sub_step(len(shape) * (d,), WIDTH, theta, True)
    assert even == pytest.approx(d**2 / (2.0 * dimension * WIDTH * np.cosh(d / (2.0 * WIDTH)) ** 2))
    theta[4:] = 0.1
    jump = interface.stable_sub_step(len(shape) * (d,), WIDTH, theta, True)
    assert jump == pytest.approx(even * 0.1 / (2 * 0.1 / 1.1))


FLANKS = pytest.mark.parametrize(
    ("shape", "axis"), [((12, 1, 16), 2), ((16, 1, 12), 0), ((5, 4, 16), 2), ((5, 16, 4), 1), ((16, 5, 4), 0)], ids=str
)


def flank(shape, axis: int, inert: bool, barrier: float, wall: float = np.inf) -> tuple[np.ndarray, np.ndarray]:
    """Return the metal of a grain before and after the flux has acted from a full boundary (p_acc 1e7) in it."""
    boundary = (np.arange(16) >= 6) & (np.arange(16) < 10)
    xi = along(axis, np.where(boundary, 0.9, 1e-6), shape)
    before = xi.copy()
    pressure = along(axis, np.where(boundary, 1e7, barrier), shape)
    restore(xi, 2.0, 200, barrier=pressure, inert=np.full(shape, inert), wall=wall, periodic=False)
    return np.compress(~boundary, before, axis), np.compress(~boundary, xi, axis)


@FLANKS
@pytest.mark.parametrize(("barrier", "wall"), [(1e9, np.inf), (1e7, 1e7)], ids=["step up", "wall"])
def test_flux_does_not_fill_an_inert_cell_behind_a_step_up_or_in_a_wall(shape, axis, barrier: float, wall) -> None:
    before, after = flank(shape, axis, True, barrier, wall)
    assert (after <= before).all()


@FLANKS
@pytest.mark.parametrize(
    ("inert", "barrier", "wall"),
    [(False, 1e9, 1e9), (True, 1e7, 1e9), (True, 0.0, np.inf)],
    ids=["plating", "level", "down"],
)
def test_flux_fills_a_cell_that_plates_or_lies_no_higher(shape, axis, inert: bool, barrier: float, wall) -> None:
    before, after = flank(shape, axis, inert, barrier, wall)
    assert after.take([5, 6], axis).min() > 0.1 > before.max(), "on both sides"


@pytest.mark.parametrize("order", list(permutations(range(3)))[1:], ids=str)
@pytest.mark.parametrize("shape", [(17, 1, 11), (7, 6, 9)], ids=str)
def test_curvature_and_flux_are_the_same_with_axes_swapped(shape, order) -> None:
    xi, settings = np.random.default_rng(5).uniform(size=shape), noise(shape, 6)

    def turned(values):
        return np.ascontiguousarray(values.transpose(order)) if isinstance(values, np.ndarray) else values

    swapped = {name: turned(values) for name, values in settings.items()}
    spacing = tuple(SPACING[a] for a in order)
    rate = rate_of(turned(xi), periodic=False, spacing=spacing, **swapped)
    np.testing.assert_allclose(rate, turned(rate_of(xi, periodic=False, **settings)), rtol=1e-10, atol=1e-11)
    bend = curvature_of(turned(xi), swapped["barrier"], False, spacing)
    np.testing.assert_allclose(bend, turned(curvature_of(xi, settings["barrier"], False)), rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("shift", [1, 4])
@pytest.mark.parametrize(("shape", "axis"), [((9, 1, 11), 2), ((7, 5, 6), 2), ((7, 5, 6), 1), ((5, 2, 3), 1)], ids=str)
def test_nothing_depends_on_where_the_periodic_side_is(shape, axis: int, shift: int) -> None:
    xi, settings = np.random.default_rng(6).uniform(size=shape), noise(shape, 7)

    def rolled(values):
        return np.roll(values, shift, axis) if isinstance(values, np.ndarray) else values

    moved = {name: rolled(values) for name, values in settings.items()}
    np.testing.assert_allclose(rate_of(rolled(xi), **moved), rolled(rate_of(xi, **settings)), rtol=1e-11, atol=1e-12)
    bend = curvature_of(rolled(xi), moved["barrier"])
    np.testing.assert_allclose(bend, rolled(curvature_of(xi, settings["barrier"])), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("shape", [(9, 1, 11), (7, 5, 6), (5, 2, 3)], ids=str)
def test_a_mirror_side_is_the_middle_of_a_box_and_its_image(shape) -> None:
    """Both lateral axes doubled and periodic, and x doubled, give the single mirrored box."""
    xi, settings = np.random.default_rng(8).uniform(size=shape), noise(shape, 9)

    def doubled(values):
        if not isinstance(values, np.ndarray):
            return values
        for axis in range(3):
            if shape[axis] > 1:
                values = np.concatenate([values, np.flip(values, axis)], axis)
        return values

    twice = {name: doubled(values) for name, values in settings.items()}
    single = tuple(slice(n) for n in shape)
    rate = rate_of(doubled(xi), periodic=True, **twice)[single]
    np.testing.assert_allclose(rate, rate_of(xi, periodic=False, **settings), rtol=1e-11, atol=1e-12)
    bend = curvature_of(doubled(xi), twice["barrier"])[single]
    np.testing.assert_allclose(bend, curvature_of(xi, settings["barrier"], False), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    ("layers", "ahead", "across"),
    [(1, 0, 2), (1, 2, 0), (3, 0, 1), (3, 0, 2), (3, 1, 0), (3, 1, 2), (3, 2, 0), (3, 2, 1)],
    ids=str,
)
def test_a_front_between_walls_keeps_its_profile_and_has_its_own_curvature_only(
    layers, ahead: int, across: int
) -> None:
    """Beside a wall, empty of metal, psi falls steeply: n must not turn to it, or xi diffuses ahead along the wall."""
    shape = [layers] * 3
    shape[ahead], shape[across] = 40, 12
    position, number = (along(axis, np.arange(shape[axis]), shape) for axis in (ahead, across))
    barrier = np.where((number >= 3) & (number < 9), 1.0, 9.0)
    inert = barrier > 5.0
    front = np.where(inert, 0.0, logistic((15.5 - position) * SPACING[ahead] / WIDTH))
    rate = rate_of(front, barrier=barrier, inert=inert, wall=9.0, periodic=False)
    assert np.abs(rate).max() * WIDTH < 1e-6
    closed = rate_of(front, barrier=barrier, inert=np.zeros_like(inert), periodic=False)
    assert np.abs(closed).max() * WIDTH > 1e-2  # the test can tell: open to the walls, the same front would not rest
    inside = ~inert & (position >= 2) & (position < 38)
    assert np.abs(curvature_of(front, barrier, periodic=False)[inside]).max() < 1e-3 / WIDTH
    assert np.abs(curvature_of(front, periodic=False)[inside]).max() > 0.1 / WIDTH


@pytest.mark.parametrize("threads", [1, 2])
def test_between_two_cells_of_a_forming_nucleus_there_is_no_flux(threads: int) -> None:
    """And between all others there is what there was: a nucleus keeps its profile only toward the outside."""
    xi = np.random.default_rng(3).uniform(0.05, 0.3, (9, 3, 8))
    forming = np.zeros(xi.shape, dtype=np.bool_)
    forming[3:6, :, 2:5] = True
    inside = (slice(4, 5), slice(None), slice(3, 4))  # all six neighbours form, too
    free, held = rate_of(xi), rate_of(xi, forming=forming, threads=threads)
    assert np.abs(free[inside]).min() > 0.0 and (held[inside] == 0.0).all()
    away = np.ones(xi.shape, dtype=np.bool_)
    away[2:7, :, 1:6] = False
    np.testing.assert_array_equal(held[away], free[away])
    assert abs(held.sum()) < 1e-12 * np.abs(held).sum(), "no metal is lost"
