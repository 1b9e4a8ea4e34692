"""Crystal orientations of grains, and the angles between neighbours (cubic crystals)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.transform import Rotation

from microstructures import misorientation_angles, random_orientations

COUNT = 10_000
PAIRS = np.arange(1, 2 * COUNT + 1).reshape(COUNT, 2)
LARGEST = 62.7994  # degrees


@pytest.fixture(scope="module")
def orientations() -> Rotation:
    """Return the orientations of 2 x ``COUNT`` grains."""
    return random_orientations(2 * COUNT, seed=3)


@pytest.fixture(scope="module")
def angles(orientations: Rotation) -> np.ndarray:
    """Return the angles between grains 1 and 2, 3 and 4, … [degrees]."""
    return np.degrees(misorientation_angles(PAIRS, orientations))


@pytest.mark.parametrize("direction", [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.6, 0.0, -0.8)])
def test_a_direction_of_the_crystal_points_everywhere_alike(
    orientations: Rotation, direction: tuple[float, ...]
) -> None:
    turned = orientations.apply(direction)
    for axis in range(3):  # Archimedes: on a sphere each coordinate is uniform
        assert stats.kstest(turned[:, axis], "uniform", args=(-1.0, 2.0)).pvalue > 0.01
    azimuth = np.arctan2(turned[:, 1], turned[:, 0])
    assert stats.kstest(azimuth, "uniform", args=(-np.pi, 2.0 * np.pi)).pvalue > 0.01


def test_angles_of_the_rotations_are_those_of_haars_measure(orientations: Rotation) -> None:
    """(w - sin w) / pi of all rotations turn by less than w: no orientation is likelier than another."""
    assert stats.kstest(orientations.magnitude(), lambda w: (w - np.sin(w)) / np.pi).pvalue > 0.01


def test_a_grain_keeps_its_orientation_in_any_company() -> None:
    few, many = (random_orientations(count, seed=7).as_quat() for count in (5, 500))
    assert np.array_equal(few, many[:5])
    assert not np.any(many == random_orientations(500, seed=8).as_quat())
    expected = [-0.7101510297021392, -0.11643415794720968, 0.21562123114751577, 0.6600273377327224]
    assert few[0] == pytest.approx(expected, abs=1e-12), "on other machines, too"


def test_random_pairs_are_distributed_as_mackenzie_found(angles: np.ndarray) -> None:
    """Mackenzie (1958): mean 40.74, median 42.34 degrees; share below an angle in closed form up to 60 degrees."""
    error = angles.std() / np.sqrt(COUNT)
    assert angles.mean() == pytest.approx(40.74, abs=3.0 * error) and error < 0.12
    assert np.median(angles) == pytest.approx(42.34, abs=4.0 * error)
    below = np.sort(angles[angles < 60.0])
    x, corner = np.radians(below), np.pi / 4.0
    share = x - np.sin(x)
    beyond = 3.0 * (np.sqrt(2.0) - 1.0) * (np.cos(corner) - np.cos(x)) - 3.0 * (share - (corner - np.sin(corner)))
    share = 2.0 / 15.0 * np.degrees(share + np.where(x > corner, beyond, 0.0))
    observed = (np.arange(below.size) + 0.5) / COUNT
    assert np.abs(observed - share).max() < 1.63 / np.sqrt(COUNT)  # Kolmogorov, 1 %
    assert 0.98 < share[-1] < 1.0, "few lie beyond 60 degrees"


def test_no_pair_is_further_apart_than_cubic_crystals_can_be(angles: np.ndarray) -> None:
    assert 61.5 < angles.max() < LARGEST
    assert angles.min() >= 0.0
    root = np.sqrt(2.0)
    corner = np.array([root - 1.0, root - 1.0, 3.0 - 2.0 * root])  # of the zone of Rodrigues vectors, tan(w/2) axis
    furthest = Rotation.from_quat([*corner, 1.0])
    both = Rotation.concatenate([Rotation.identity(), furthest])
    assert np.degrees(misorientation_angles(np.array([[1, 2]]), both)) == pytest.approx([LARGEST], abs=1e-4)


def test_it_does_not_matter_which_grain_comes_first(orientations: Rotation, angles: np.ndarray) -> None:
    swapped = np.degrees(misorientation_angles(PAIRS[:, ::-1], orientations))
    np.testing.assert_allclose(swapped, angles, atol=1e-9)


def test_crystals_that_look_alike_are_not_apart() -> None:
    """The 24 turns that a cube does not notice, before and after any other turn of one crystal."""
    first, twist = random_orientations(2, seed=1), Rotation.from_rotvec([0.1, -0.2, 0.05])
    group = Rotation.create_group("O")
    assert len(group) == 24
    alike = Rotation.concatenate([first[0], first[0], first[0] * group])
    pairs = np.stack([np.ones(25, dtype=int), np.arange(2, 27)], axis=1)
    np.testing.assert_allclose(misorientation_angles(pairs, alike), 0.0, atol=1e-7)
    apart = Rotation.concatenate([first[0], first[0] * twist, first[0] * twist * group])
    np.testing.assert_allclose(misorientation_angles(pairs, apart), twist.magnitude(), rtol=1e-7)
    of_the_other = Rotation.concatenate([first[1], first[1], first[0] * group])
    np.testing.assert_allclose(np.ptp(misorientation_angles(pairs, of_the_other)[1:]), 0.0, atol=1e-7)


def test_known_turns_have_known_angles_and_grains_count_from_one() -> None:
    turns = [([0, 0, 1], 30.0), ([0, 0, 1], 60.0), ([1, 1, 1], 60.0), ([1, 1, 1], 120.0), ([1, 0, 0], 90.0)]
    vectors = [np.radians(angle) * np.array(axis) / np.linalg.norm(axis) for axis, angle in turns]
    all_of_them = Rotation.concatenate([Rotation.identity(), Rotation.from_rotvec(vectors)])
    pairs = np.array([[1, 2], [1, 3], [1, 4], [1, 5], [1, 6], [2, 3]])
    expected = [30.0, 30.0, 60.0, 0.0, 0.0, 30.0]
    np.testing.assert_allclose(np.degrees(misorientation_angles(pairs, all_of_them)), expected, atol=1e-6)
    assert misorientation_angles(np.zeros((0, 2), dtype=np.int32), all_of_them).shape == (0,)
