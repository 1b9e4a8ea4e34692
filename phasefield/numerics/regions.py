"""Pieces of a two-phase map that a coarse grid cannot see, as coarse unknowns for ``krylov``."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from phasefield.grid import Lateral
from phasefield.grid_labels import label_connected

MOST = 400  # more pieces than this of one phase: the largest ones are kept


def extend(labels: np.ndarray, count: int) -> tuple[np.ndarray, int]:
    """Extend pieces 1 … count of ``labels`` to their nearest cells and number them from 0; only the largest are kept.

    Returns labels of the same shape, all cells labelled, and their count (0 if there is no piece).
    """
    if count == 0:
        return np.zeros(labels.shape, dtype=np.int32), 0
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

    ``labels``: shape ``(2, nx+2, ny, nz+2)``; for component 0 the pieces that are not metal, for component 1 the
    pieces of metal, numbered through. ``count`` is 0 when there is nothing a coarse grid would miss.
    """

    def __init__(self, shape: tuple[int, int, int], lateral: Lateral) -> None:
        self.lateral = lateral
        self.labels = np.zeros((2, shape[0] + 2, shape[1], shape[2] + 2), dtype=np.int32)
        self.count = 0
        self._metal: np.ndarray | None = None

    def update(self, metal: np.ndarray) -> None:
        """Follow the boolean map ``metal``, a box."""
        if self._metal is not None and np.array_equal(metal, self._metal):
            return
        self._metal = metal
        ceramic, bodies = label_connected(~metal, self.lateral), label_connected(metal, self.lateral)
        if ceramic[1] <= 1 and bodies[1] <= 1:
            self.count = 0
            return
        pieces, n_pieces = extend(*ceramic)
        metals, n_metals = extend(*bodies)
        self.labels[0, 1:-1, :, 1:-1] = pieces
        self.labels[1, 1:-1, :, 1:-1] = metals + max(n_pieces, 1)
        self.count = max(n_pieces, 1) + max(n_metals, 1)
