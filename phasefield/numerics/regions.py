"""Pieces of a two-phase map that a coarse grid cannot see, as coarse unknowns for ``krylov``."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from phasefield.grid import Lateral
from phasefield.grid_labels import label_connected

MOST = 400  # more pieces than this of one phase: the largest ones are kept


def partition(mask: np.ndarray, lateral: Lateral) -> tuple[np.ndarray, int]:
    """Number the connected pieces of ``mask`` from 0 and extend each to its nearest cells.

    Returns labels of the shape of ``mask``, all cells labelled, and their count (0 if ``mask`` is empty).
    """
    labels, count = label_connected(mask, lateral)
    if count == 0:
        return np.zeros(mask.shape, dtype=np.int32), 0
    if count > MOST:
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        sizes[0] = 0
        keep = np.sort(np.argsort(sizes, kind="stable")[-MOST:])
        renumber = np.zeros(count + 1, dtype=np.int32)
        renumber[keep] = np.arange(1, MOST + 1)
        labels, count = renumber[labels], MOST
    nearest = ndimage.distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
    return (labels[tuple(nearest)] - 1).astype(np.int32), count


class Regions:
    """Keep the regions of the last metal map and make them anew when it changed.

    ``labels``: shape ``(2, nx+2, ny+2)``; for component 0 the pieces that are not metal, for component 1 the
    pieces of metal, numbered through. ``count`` is 0 when there is nothing a coarse grid would miss.
    """

    def __init__(self, shape: tuple[int, ...], lateral: Lateral) -> None:
        self.lateral = lateral
        self.labels = np.zeros((2, *(n + 2 for n in shape)), dtype=np.int32)
        self.count = 0
        self._metal: np.ndarray | None = None

    def update(self, metal: np.ndarray) -> None:
        """Follow the boolean map ``metal``."""
        if self._metal is not None and np.array_equal(metal, self._metal):
            return
        self._metal = metal
        inner = (slice(1, -1),) * metal.ndim
        ceramic, n_ceramic = partition(~metal, self.lateral)
        bodies, n_bodies = partition(metal, self.lateral)
        if n_ceramic <= 1 and n_bodies <= 1:
            self.count = 0
            return
        self.labels[0][inner] = ceramic
        self.labels[1][inner] = bodies + max(n_ceramic, 1)
        self.count = max(n_ceramic, 1) + max(n_bodies, 1)
