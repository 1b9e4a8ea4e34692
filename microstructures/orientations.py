"""Crystal orientations of grains, by how much neighbours differ, and which boundaries are special."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from microstructures.draws import uniform

ORIENTATION_STREAM = 3

# Turns of a cube after which one of Sigma lattice sites coincides, as quaternions of whole numbers, the scalar last
# (Ranganathan 1966): 60 deg about <111>, 36.87 about <100>, 38.21 about <111>, 38.94 and 50.48 about <110>.
COINCIDENCES = {3: (1, 1, 1, 3), 5: (1, 0, 0, 3), 7: (1, 1, 1, 5), 9: (1, 1, 0, 4), 11: (1, 1, 0, 3)}
BRANDON_ANGLE = np.radians(15.0)  # over sqrt(Sigma): how far off a boundary may be (Brandon 1966)


def random_orientations(count: int, seed: int) -> Rotation:
    """Draw the orientations of grains 1 … ``count``, all equally likely (Shoemake 1992); grain by grain from ``seed``."""
    a, b, c = uniform(seed, ORIENTATION_STREAM, 3 * count).reshape(count, 3).T
    b, c = 2.0 * np.pi * b, 2.0 * np.pi * c
    low, high = np.sqrt(1.0 - a), np.sqrt(a)
    return Rotation.from_quat(np.stack([low * np.sin(b), low * np.cos(b), high * np.sin(c), high * np.cos(c)], axis=1))


def misorientation_angles(boundary_pairs: np.ndarray, orientations: Rotation) -> np.ndarray:
    """Return the smallest angle that turns one grain of each boundary into the other [rad], ``(n,)``.

    Of all 24 rotations that a cubic crystal does not notice the best one is taken: at most 62.8 degrees remain.

    Parameters
    ----------
    boundary_pairs : int, ``(n, 2)``: grain ids from 1, of the rows of ``orientations``.
    """
    between = _between(boundary_pairs, orientations)
    turned = [(between * same).magnitude() for same in Rotation.create_group("O")]
    return np.asarray(np.min(turned, axis=0))


def special_boundaries(
    boundary_pairs: np.ndarray, orientations: Rotation, low_angle: float, coincidences: Sequence[int]
) -> np.ndarray:
    """Return which boundaries between cubic grains are special, bool ``(n,)``.

    They turn by less than ``low_angle`` [rad], or lie within 15 deg / sqrt(Sigma) (Brandon 1966) of the turn of a
    coincidence lattice, its Sigma one of ``coincidences``. Only the turn counts, not the plane of the boundary. Of
    grains turned at random 2.3 % are special by 15 degrees, 1.8 % by Sigma 3 (Warrington & Boon 1975).
    ``boundary_pairs``, ``orientations`` : as in `misorientation_angles`.

    Raises
    ------
    ValueError : a Sigma whose turn is not known here.
    """
    unknown = [sigma for sigma in coincidences if sigma not in COINCIDENCES]
    if unknown:
        known = ", ".join(map(str, COINCIDENCES))
        raise ValueError(f"coincidence boundaries with Sigma {unknown[0]} are not known; take some of {known}")
    reaches = [((0, 0, 0, 1), low_angle)]
    reaches += [(COINCIDENCES[sigma], BRANDON_ANGLE / np.sqrt(sigma)) for sigma in coincidences]
    turns = _between(boundary_pairs, orientations).as_quat()
    special = np.zeros(len(turns), dtype=np.bool_)
    for turn, reach in reaches:
        # A quaternion and its negative are the same turn; the angle between two turns is 2 arccos |q . p|. One by one:
        # 288 turns beside all boundaries take much memory.
        for alike in _alike(turn):
            special |= np.abs(turns @ alike) > np.cos(0.5 * reach)
    return special


def _between(boundary_pairs: np.ndarray, orientations: Rotation) -> Rotation:
    """Return the turn from the first to the second grain of each boundary, in the crystal's frame of the first."""
    pairs = np.asarray(boundary_pairs).reshape(-1, 2) - 1
    return orientations[pairs[:, 0]].inv() * orientations[pairs[:, 1]]


def _alike(quaternion: tuple[int, ...]) -> np.ndarray:
    """Return the quaternions of all turns that cubic crystals cannot tell from a given one, ``(k, 4)``.

    They are the 24 x 24 products with turns of a cube before and after; of those that are equal one is kept.
    """
    group, turn = Rotation.create_group("O"), Rotation.from_quat(quaternion)
    every = np.concatenate([(same * turn * group).as_quat(canonical=True) for same in group])
    _, first = np.unique(np.round(every, 9), axis=0, return_index=True)
    return np.asarray(every[np.sort(first)])
