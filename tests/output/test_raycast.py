"""Rays meet a body where it is, and light falls from where it comes."""

from __future__ import annotations

import numpy as np
import pytest

from postprocess.raycast import Body, View, render

SPACING = (0.5, 0.4, 0.6)
SHAPE = (40, 50, 30)  # a box of 20 x 20 x 18 um
CENTRE = np.array([10.0, 9.0, 8.0])
RADIUS = 5.0


def distance_from_centre() -> np.ndarray:
    axes = [(np.arange(n) + 0.5) * d for n, d in zip(SHAPE, SPACING, strict=True)]
    return np.linalg.norm(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1) - CENTRE, axis=-1)


@pytest.fixture(scope="module")
def ball() -> Body:
    """Return a ball with a diffuse surface."""
    return Body(0.5 * (1.0 - np.tanh((distance_from_centre() - RADIUS) / 0.6)), SPACING)


@pytest.fixture(scope="module")
def rays() -> tuple[np.ndarray, np.ndarray]:
    """Return points on the box's top and a direction from there downwards."""
    rng = np.random.default_rng(1)
    start = np.column_stack([rng.random((500, 2)) * 20.0, np.full(500, 18.0)])
    direction = np.array([0.2, -0.3, -1.0])
    return start, direction / np.linalg.norm(direction)


def test_rays_meet_the_ball_where_it_is(ball: Body, rays: tuple[np.ndarray, np.ndarray]) -> None:
    start, direction = rays
    along = (CENTRE - start) @ direction
    apart = np.linalg.norm(start + along[:, None] * direction - CENTRE, axis=1)
    exact = along - np.sqrt(np.maximum(RADIUS**2 - apart**2, 0.0))
    found = ball.meet(start, direction)
    surely = apart < 0.9 * RADIUS
    assert surely.sum() > 50
    assert np.abs(found - exact)[surely].max() < 0.15
    assert np.isinf(found[apart > 1.05 * RADIUS]).all()


def test_normals_point_out_of_the_ball(ball: Body, rays: tuple[np.ndarray, np.ndarray]) -> None:
    start, direction = rays
    found = ball.meet(start, direction)
    points = (start + found[:, None] * direction)[np.isfinite(found)]
    exact = (points - CENTRE) / np.linalg.norm(points - CENTRE, axis=1, keepdims=True)
    assert np.sum(ball.normals(points) * exact, axis=1).min() > 0.98


def test_a_ray_that_starts_inside_meets_the_body_at_once(ball: Body) -> None:
    assert ball.meet(CENTRE[None], np.array([0.6, 0.64, -0.48])) == 0.0


def test_an_empty_box_is_never_met(rays: tuple[np.ndarray, np.ndarray]) -> None:
    assert np.isinf(Body(np.zeros(SHAPE), SPACING).meet(*rays)).all()


@pytest.mark.parametrize("lamp", [(0.3, 0.2, 0.9), (-0.9, 0.3, 0.2), (0.2, 0.9, -0.3)])
def test_the_shadow_lies_behind_the_ball(ball: Body, lamp: tuple[float, float, float]) -> None:
    towards_lamp = np.array(lamp) / np.linalg.norm(lamp)
    light = ball.light(towards_lamp)
    behind, before, beside = CENTRE - 7.0 * towards_lamp, CENTRE + 7.0 * towards_lamp, np.array([1.0, 1.0, 17.0])
    dark, bright, free = ball.sample(light, np.stack([behind, before, beside]))
    assert dark < 0.1
    assert bright > 0.95
    assert free > 0.9


def test_surroundings_are_half_covered_on_a_flat_face() -> None:
    half = Body(np.repeat(np.arange(40) < 20, 50 * 30).reshape(SHAPE).astype(float), SPACING)
    near, far = half.openness(np.array([[10.0, 10.0, 9.0], [18.0, 10.0, 9.0]]))
    assert near == pytest.approx(0.5, abs=0.02)
    assert far == pytest.approx(1.0, abs=1e-6)


def test_the_view_turns_nothing_inside_out() -> None:
    right, up, towards = View(30.0, 20.0).axes
    assert np.stack([right, up, towards]) @ np.stack([right, up, towards]).T == pytest.approx(np.eye(3))
    assert np.cross(right, up) == pytest.approx(towards)
    assert right[0] > 0.0  # x to the right
    assert up[2] > 0.0
    assert np.sign(towards).tolist() == [1.0, -1.0, 1.0]


def test_the_picture_shows_the_ball_before_the_walls_within_the_box(ball: Body) -> None:
    def flat(colour: tuple[float, float, float]):  # type: ignore[no-untyped-def]
        return lambda points: np.broadcast_to(np.array(colour), points.shape)

    red, walls = flat((1.0, 0.0, 0.0)), (flat((0.0, 1.0, 0.0)), flat((0.0, 1.0, 1.0)), flat((0.0, 0.0, 1.0)))
    view = View()
    picture, (left, right, low, high) = render(ball, view, red, walls, 160)

    def at(*point: float) -> np.ndarray:
        u, v = view.project(np.array(point))
        row = int((v - low) / (high - low) * picture.shape[0])
        return picture[row, int((u - left) / (right - left) * picture.shape[1])]

    assert (high - low) / (right - left) == pytest.approx(picture.shape[0] / picture.shape[1])
    assert at(*CENTRE)[0] > 0.3
    assert at(0.0, 18.0, 16.0)[:3].argmax() == 1
    assert at(19.0, 19.99, 12.0)[1] == at(19.0, 19.99, 12.0)[2] > 0.5
    assert at(16.0, 2.0, 0.0)[:3].argmax() == 2
    assert picture[0, 0, 3] == picture[-1, -1, 3] == 0.0  # corners of the picture lie beside the box
    disc = np.mean((picture[..., 0] > 0.05) & (picture[..., 1] < 0.3)) * (right - left) * (high - low)
    assert disc == pytest.approx(np.pi * RADIUS**2, rel=0.08)
