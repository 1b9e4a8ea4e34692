"""Crystal orientations of grains, and by how much neighbours differ."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from microstructures.draws import uniform

ORIENTATION_STREAM = 3


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
    pairs = np.asarray(boundary_pairs).reshape(-1, 2) - 1
    between = orientations[pairs[:, 0]].inv() * orientations[pairs[:, 1]]
    turned = [(between * same).magnitude() for same in Rotation.create_group("O")]
    return np.asarray(np.min(turned, axis=0))
