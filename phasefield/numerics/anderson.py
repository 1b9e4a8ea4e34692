"""Anderson acceleration of a fixed-point iteration x -> g(x) (Walker and Ni 2011)."""

from __future__ import annotations

import numpy as np

DEPTH = 6


class Anderson:
    """Combine the last few iterates so that their weighted change g(x) - x is smallest."""

    def __init__(self, weight: np.ndarray) -> None:
        self.weight = weight.ravel()
        self.images: list[np.ndarray] = []
        self.changes: list[np.ndarray] = []

    def next(self, x: np.ndarray, image: np.ndarray) -> np.ndarray:
        """Return the next iterate from ``x`` and ``image`` = g(x)."""
        self.images.append(image.copy())
        self.changes.append((image - x).ravel())
        del self.images[: -DEPTH - 1], self.changes[: -DEPTH - 1]
        if len(self.images) == 1:
            return image
        differences = np.stack([self.changes[-1] - c for c in self.changes[:-1]], axis=1)
        mix, *_ = np.linalg.lstsq(self.weight[:, None] * differences, self.weight * self.changes[-1], rcond=1e-10)
        return image - sum(m * (image - old) for m, old in zip(mix, self.images[:-1], strict=True))

    def forget(self) -> None:
        """Begin anew: what came before says nothing of what comes."""
        self.images.clear()
        self.changes.clear()
