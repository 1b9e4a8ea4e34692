"""The profile flux and the curvature: fixed points, conservation, bounds, barriers, symmetry of the axes."""

from __future__ import annotations

import numpy as np
import pytest

from phasefield.numerics import interface

WIDTH = 0.6
DX, DY = 0.4, 0.3
# n = grad psi / sqrt(|grad psi|^2 + (REGULARISATION / width)^2) makes the resting profile this much wider
RESTING = WIDTH / np.sqrt(1.0 - interface.REGULARISATION**2)


def centres(shape: tuple[int, int], dx: float = DX, dy: float = DY) -> tuple[np.ndarray, np.ndarray]:
    return np.meshgrid((np.arange(shape[0]) + 0.5) * dx, (np.arange(shape[1]) + 0.5) * dy, indexing="ij")


def logistic(psi: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-psi))


def rate_of(xi, *, theta=None, barrier=None, inert=None, wall=np.inf, periodic=True, dx=DX, dy=DY) -> np.ndarray:
    """Return what ``profile_rate`` writes, by default without barriers and with theta = 1."""
    psi = np.zeros(tuple(n + 2 for n in xi.shape))
    interface.profile_coordinate(xi, periodic, psi)
    barrier = np.zeros_like(xi) if barrier is None else barrier
    inert = np.zeros(xi.shape, dtype=np.bool_) if inert is None else inert
    padded, obstacle = np.zeros_like(psi), np.zeros_like(psi)
    interface.pad(barrier, periodic, padded)
    interface.pad(np.where(inert, barrier, 0.0), periodic, obstacle)
    theta = np.ones_like(xi) if theta is None else theta
    rate = np.full_like(xi, np.nan)
    interface.profile_rate(xi, psi, theta, barrier, inert, wall, padded, obstacle, periodic, dx, dy, WIDTH, rate)
    return rate


def restore(
    xi, travel, steps, *, theta=None, barrier=None, inert=None, wall=np.inf, periodic=True, dx=DX, dy=DY
) -> None:
    """Let the profile flux act in place."""
    interface.restore_profile(
        xi,
        np.ones_like(xi) if theta is None else theta,
        np.zeros_like(xi) if barrier is None else barrier,
        np.zeros(xi.shape, dtype=np.bool_) if inert is None else inert,
        wall,
        periodic,
        dx,
        dy,
        WIDTH,
        travel,
        steps,
        np.zeros(tuple(n + 2 for n in xi.shape)),
        np.zeros_like(xi),
    )


@pytest.mark.parametrize("degrees", [0.0, 11.0, 45.0, 63.0, 90.0, 200.0])
def test_planar_profile_rests_at_any_tilt(degrees: float) -> None:
    x, y = centres((41, 53))
    normal = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    distance = (x - 8.1) * normal[0] + (y - 7.9) * normal[1]
    inner = (slice(2, -2), slice(2, -2))  # the tilt of the box's sides is another one
    rate = rate_of(logistic(distance / RESTING), periodic=False)[inner]
    assert np.abs(rate[np.abs(distance[inner]) < 24 * WIDTH]).max() * WIDTH < 1e-12
    nominal = rate_of(logistic(distance / WIDTH), periodic=False)[inner]
    assert np.abs(nominal).max() * WIDTH < interface.REGULARISATION**2


def test_wrong_width_is_driven_to_the_right_one() -> None:
    x = centres((80, 1))[0]
    xi = logistic((16.0 - x) / (2.0 * WIDTH))
    before = xi.sum()
    restore(xi, 60.0, 6000)
    steep = (xi > 0.01) & (xi < 0.99)
    psi = np.log(xi / (1.0 - xi))[steep]
    np.testing.assert_allclose(np.diff(psi), -DX / RESTING, rtol=1e-6)
    assert xi.sum() == pytest.approx(before, rel=1e-13)


@pytest.mark.parametrize("periodic", [True, False], ids=["periodic", "mirror"])
@pytest.mark.parametrize("shape", [(19, 13), (16, 24), (23, 1), (7, 2)], ids=str)
def test_no_volume_moves_out_of_the_box_whatever_theta(shape, periodic: bool) -> None:
    rng = np.random.default_rng(2)
    xi, theta = rng.uniform(size=shape), rng.choice([1.0, 0.025, 0.3], size=shape)
    barrier, inert = rng.choice([0.0, 1e7, 1e9], size=shape), rng.uniform(size=shape) < 0.5
    rate = rate_of(xi, theta=theta, barrier=barrier, inert=inert, wall=1e9, periodic=periodic)
    assert np.abs(rate).max() > 0.1
    assert abs((theta * rate).sum()) < 1e-13 * np.abs(theta * rate).sum()


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_constants_stay(value: float) -> None:
    xi = np.full((9, 8), value)
    theta = np.random.default_rng(3).uniform(0.1, 1.0, xi.shape)
    assert (rate_of(xi, theta=theta) == 0.0).all()


@pytest.mark.parametrize("seed", range(6))
def test_metal_fraction_stays_between_0_and_1_at_the_largest_sub_step(seed: int) -> None:
    """From noise over 14 decades on either side, with theta jumping by 40 and cells of any aspect."""
    rng = np.random.default_rng(seed)
    shape = [(21, 17), (16, 16), (40, 1), (13, 30), (24, 9), (8, 8)][seed]
    dx, dy = rng.uniform(0.3, 0.9, 2)
    periodic = bool(seed % 2)
    small = 10.0 ** -rng.uniform(0.1, 14.0, shape)
    xi = np.where(rng.uniform(size=shape) < 0.5, small, 1.0 - small)
    theta = rng.choice([1.0, 0.025, 0.1], size=shape)
    limit = interface.stable_sub_step((dx, dy), WIDTH, theta, periodic)
    for _ in range(300):
        restore(xi, limit, 1, theta=theta, periodic=periodic, dx=dx, dy=dy)
        assert xi.min() > 0.0 and xi.max() < 1.0


def test_twenty_times_the_largest_sub_step_leaves_the_bounds() -> None:
    """The limit is not an empty one."""
    xi = np.random.default_rng(4).uniform(size=(16, 16))
    limit = interface.stable_sub_step((DX, DY), WIDTH, np.ones_like(xi), True)
    restore(xi, 20.0 * limit, 1)
    assert xi.min() < 0.0 or xi.max() > 1.0


def test_sub_step_is_that_of_the_model() -> None:
    """M dt <= (theta_c / max theta_f) dx^2 / (2 D l cosh^2(dx / 2 l)), theta_f harmonic."""
    one_d = interface.stable_sub_step((DX, DY), WIDTH, np.ones((9, 1)), True)
    assert one_d == pytest.approx(DX**2 / (2.0 * WIDTH * np.cosh(DX / (2.0 * WIDTH)) ** 2))
    square = interface.stable_sub_step((DX, DX), WIDTH, np.ones((9, 9)), True)
    assert square == pytest.approx(0.5 * one_d)
    theta = np.ones((9, 9))
    theta[4:] = 0.1
    jump = interface.stable_sub_step((DX, DX), WIDTH, theta, True)
    assert jump == pytest.approx(square * 0.1 / (2 * 0.1 / 1.1))


def flank(inert: bool, barrier: float, wall: float = np.inf) -> tuple[np.ndarray, np.ndarray]:
    """Return the metal of a grain before and after the flux has acted from a full boundary (p_acc 1e7) in it."""
    shape = (12, 16)
    xi = np.full(shape, 1e-6)
    xi[:, 6:10] = 0.9
    pressure = np.full(shape, barrier)
    pressure[:, 6:10] = 1e7
    grain = np.r_[:6, 10:16]
    before = xi.copy()
    restore(xi, 2.0, 200, barrier=pressure, inert=np.full(shape, inert), wall=wall, periodic=False)
    return before[:, grain], xi[:, grain]


@pytest.mark.parametrize(("barrier", "wall"), [(1e9, np.inf), (1e7, 1e7)], ids=["step up", "wall"])
def test_flux_does_not_fill_an_inert_cell_behind_a_step_up_or_in_a_wall(barrier: float, wall: float) -> None:
    before, after = flank(True, barrier, wall)
    assert (after <= before).all()


@pytest.mark.parametrize(
    ("inert", "barrier", "wall"),
    [(False, 1e9, 1e9), (True, 1e7, 1e9), (True, 0.0, np.inf)],
    ids=["plating", "level", "down"],
)
def test_flux_fills_a_cell_that_plates_or_lies_no_higher(inert: bool, barrier: float, wall: float) -> None:
    before, after = flank(inert, barrier, wall)
    assert after[:, 5:7].min() > 0.1 > before.max(), "on both sides"


def test_curvature_and_flux_are_the_same_with_x_and_y_swapped() -> None:
    rng = np.random.default_rng(5)
    shape = (17, 11)
    xi, theta, barrier = rng.uniform(size=shape), rng.uniform(0.1, 1.0, shape), rng.choice([1e7, 1e9], size=shape)
    inert = rng.uniform(size=shape) < 0.5
    straight = rate_of(xi, theta=theta, barrier=barrier, inert=inert, wall=1e9, periodic=False)
    turned = [np.ascontiguousarray(a.T) for a in (xi, theta, barrier, inert)]
    swapped = rate_of(
        turned[0], theta=turned[1], barrier=turned[2], inert=turned[3], wall=1e9, periodic=False, dx=DY, dy=DX
    )
    np.testing.assert_allclose(swapped.T, straight, rtol=1e-11, atol=1e-13)

    bends = []
    for field, dx, dy in ((xi, DX, DY), (turned[0], DY, DX)):
        psi = np.zeros(tuple(n + 2 for n in field.shape))
        interface.profile_coordinate(field, False, psi)
        bends.append(np.full_like(field, np.nan))
        interface.curvature(psi, np.zeros_like(psi), dx, dy, WIDTH, bends[-1])
    np.testing.assert_allclose(bends[1].T, bends[0], rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("shift", [1, 4])
def test_nothing_depends_on_where_the_periodic_side_is(shift: int) -> None:
    xi = np.random.default_rng(6).uniform(size=(9, 11))
    np.testing.assert_allclose(rate_of(np.roll(xi, shift, 1)), np.roll(rate_of(xi), shift, 1), rtol=1e-12, atol=1e-14)


def test_planar_metal_has_no_curvature() -> None:
    x, y = centres((30, 30))
    psi = np.zeros((32, 32))
    interface.profile_coordinate(logistic((6.0 - 0.8 * x - 0.6 * y) / WIDTH), False, psi)
    out = np.zeros((30, 30))
    interface.curvature(psi, np.zeros_like(psi), DX, DY, WIDTH, out)
    assert np.abs(out[2:-2, 2:-2]).max() < 1e-3 / WIDTH


def test_a_front_between_walls_keeps_its_profile() -> None:
    """Beside a wall, empty of metal, psi falls steeply: n must not turn to it, or xi diffuses ahead along the wall."""
    x, y = centres((40, 12))
    barrier = np.where((y > 3.0 * DY) & (y < 9.0 * DY), 1.0, 9.0)
    inert = barrier > 5.0
    front = np.where(inert, 0.0, logistic((16.0 * DX - x) / WIDTH))
    rate = rate_of(front, barrier=barrier, inert=inert, wall=9.0)
    assert np.abs(rate).max() * WIDTH < 1e-6
    closed = np.abs(rate_of(front, barrier=barrier, inert=np.zeros_like(inert), wall=np.inf)).max() * WIDTH
    assert closed > 1e-2  # the test can tell: open to the walls, the same front would not rest


def test_metal_between_walls_has_the_curvature_of_its_front_only() -> None:
    x, y = centres((40, 12))
    barrier = np.where((y > 3.0 * DY) & (y < 9.0 * DY), 1.0, 9.0)
    psi, padded, out = np.zeros((42, 14)), np.zeros((42, 14)), np.zeros((40, 12))
    interface.profile_coordinate(np.where(barrier > 5.0, 0.0, logistic((16.0 * DX - x) / WIDTH)), True, psi)
    interface.pad(barrier, True, padded)
    interface.curvature(psi, padded, DX, DY, WIDTH, out)
    assert np.abs(out[2:-2][:, barrier[0] < 5.0]).max() < 1e-3 / WIDTH
