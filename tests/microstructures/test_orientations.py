"""Crystal orientations of grains, the angles between neighbours, and special boundaries (cubic crystals)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.transform import Rotation

from microstructures import misorientation_angles, random_orientations
from microstructures.orientations import COINCIDENCES, special_boundaries

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


# --- special boundaries -------------------------------------------------------------------------------------------

MANY = 100_000
# Turns that cubes cannot tell from the coincidence's: 24 x 24 over the turns of a cube that the coincidence leaves
# alone (six for Sigma 3, the axis' own for the others). Axes and angles as tables give them (Grimmer et al. 1974).
TURNS = {3: 96, 5: 144, 7: 192, 9: 288, 11: 288}
ANGLES = {3: 60.0, 5: 36.8699, 7: 38.2132, 9: 38.9424, 11: 50.4788}
AXES = {3: [1, 1, 1], 5: [1, 0, 0], 7: [1, 1, 1], 9: [1, 1, 0], 11: [1, 1, 0]}


@pytest.fixture(scope="module")
def pairs_of_many() -> tuple[np.ndarray, Rotation]:
    """Return ``MANY`` boundaries and the orientations of their grains."""
    return np.arange(1, 2 * MANY + 1).reshape(MANY, 2), random_orientations(2 * MANY, seed=11)


def pair_turned_by(sigma: int, off: float, about: list[float]) -> Rotation:
    """Return two orientations, the second turned from the first by a coincidence and ``off`` degrees more."""
    axis = np.array(AXES[sigma]) / np.linalg.norm(AXES[sigma])
    further = np.radians(off) * np.array(about) / np.linalg.norm(about)
    first = random_orientations(1, seed=sigma)
    second = first * Rotation.from_rotvec(np.radians(ANGLES[sigma]) * axis) * Rotation.from_rotvec(further)
    return Rotation.concatenate([first, second])


def share_within(sigma: int) -> float:
    """Return the share of random pairs in Brandon's reach: that of Haar's measure (v - sin v) / pi for each turn."""
    reach = np.radians(15.0) / np.sqrt(sigma)
    return float(TURNS[sigma] * (reach - np.sin(reach)) / np.pi)


def test_shares_of_coincidence_boundaries_are_those_of_the_literature() -> None:
    """Percent of random boundaries (Warrington & Boon 1975); a check of the reference that the next test takes."""
    found = [100.0 * share_within(sigma) for sigma in TURNS]
    assert found == pytest.approx([1.76, 1.23, 0.99, 1.02, 0.75], abs=0.005)


@pytest.mark.parametrize("sigma", TURNS)
def test_random_pairs_are_coincidences_as_often_as_they_should(
    sigma: int, pairs_of_many: tuple[np.ndarray, Rotation]
) -> None:
    share = share_within(sigma)
    found = special_boundaries(*pairs_of_many, 0.0, [sigma]).mean()
    assert found == pytest.approx(share, abs=3.0 * np.sqrt(share / MANY))


def test_random_pairs_turn_as_little_as_mackenzie_found(pairs_of_many: tuple[np.ndarray, Rotation]) -> None:
    """Below 15 degrees lie 24 (v - sin v) / pi of them, 2.28 %; no coincidence lies there, so shares add up."""
    limit = np.radians(15.0)
    share = 24.0 * (limit - np.sin(limit)) / np.pi
    assert share == pytest.approx(0.0228, abs=5e-5)
    few = special_boundaries(*pairs_of_many, limit, [])
    assert few.mean() == pytest.approx(share, abs=3.0 * np.sqrt(share / MANY))
    coincident = special_boundaries(*pairs_of_many, 0.0, [3])
    np.testing.assert_array_equal(special_boundaries(*pairs_of_many, limit, [3]), few | coincident)
    assert not (few & coincident).any()


@pytest.mark.parametrize("about", [[1.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.3, -0.7, 0.2]])
@pytest.mark.parametrize("sigma", TURNS)
def test_brandons_limit_divides_coincidences_from_others(sigma: int, about: list[float]) -> None:
    limit, pair = 15.0 / np.sqrt(sigma), np.array([[1, 2]])
    for off, expected in ((0.0, True), (0.97 * limit, True), (-0.97 * limit, True)):
        assert special_boundaries(pair, pair_turned_by(sigma, off, about), 0.0, [sigma])[0] == expected
        assert special_boundaries(pair[:, ::-1], pair_turned_by(sigma, off, about), 0.0, [sigma])[0] == expected
    assert not special_boundaries(pair, pair_turned_by(sigma, 1.03 * limit, about), 0.0, [sigma])[0]


def test_a_boundary_is_special_whatever_the_names_of_its_axes(pairs_of_many: tuple[np.ndarray, Rotation]) -> None:
    """Any of the 24 turns of a cube, applied to either crystal, changes nothing."""
    pairs, orientations = pairs_of_many
    pairs, group = pairs[:3000], Rotation.create_group("O")
    expected = special_boundaries(pairs, orientations, 0.2, list(COINCIDENCES))
    assert 100 < expected.sum() < 400
    for same in group[[1, 5, 9, 14, 23]]:
        renamed = orientations[:6000].as_quat()
        renamed[1::2] = (orientations[1:6000:2] * same).as_quat()
        np.testing.assert_array_equal(
            special_boundaries(pairs, Rotation.from_quat(renamed), 0.2, list(COINCIDENCES)), expected
        )


def test_coincidences_without_a_known_turn_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Sigma 4 are not known; take some of 3, 5, 7, 9, 11"):
        special_boundaries(np.array([[1, 2]]), random_orientations(2, seed=1), 0.1, [3, 4])
    none = special_boundaries(np.zeros((0, 2), dtype=np.int32), random_orientations(2, seed=1), 0.1, [3])
    assert none.shape == (0,) and none.dtype == np.bool_
