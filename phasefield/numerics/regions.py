"""Pieces of a two-phase map that a coarse grid cannot see, as coarse unknowns for ``krylov``."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from phasefield.grid import Lateral
from phasefield.grid_labels import label_connected

# Of a sheet's resistance over a cell's, above which grains are coarse unknowns even where metal encloses nothing. With
# them an iteration takes 15 % longer. Iterations with and without at the start of the main case on 344 x 240 cells, its
# sheets scaled to 5, 10, 14, 20 and 45: 7 and 7, 8 and 9, 9 and 10, 10 and 12, 13 and 17 (benchmarks/cg_iterations.py).
SHEET_CONTRAST = 15.0
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


def cells_between(sheets: tuple[np.ndarray, ...], metal: np.ndarray, lateral: Lateral) -> np.ndarray:
    """Return labels, from 0, of the cells of a box that faces without a sheet connect: its grains.

    ``sheets``: one array per axis on the box's faces (``Grid.box_faces``), > 0 where a sheet parts two cells.
    ``metal``: no face connects its cells with others; an electrode would join all grains that touch it.
    """
    shape = metal.shape
    number = np.arange(metal.size).reshape(shape)
    first, second = [], []
    for axis, sheet in enumerate(sheets):
        if shape[axis] == 1:
            continue
        high = np.roll(number, -1, axis)
        open_ = sheet.take(range(1, shape[axis] + 1), axis) == 0.0
        open_ &= metal == np.roll(metal, -1, axis)
        if axis == 0 or lateral == "mirror":
            open_[(slice(None),) * axis + (-1,)] = False
        first.append(number[open_])
        second.append(high[open_])
    row, column = np.concatenate(first), np.concatenate(second)
    graph = coo_array((np.ones(row.size, dtype=np.int8), (row, column)), shape=(number.size, number.size))
    return connected_components(graph, directed=False)[1].reshape(shape)


class Regions:
    """Keep the regions of the last metal map and make them anew when it changed.

    ``labels``: shape ``(2, nx+2, ny, nz+2)``; for component 0 the pieces that are not metal, for component 1 the
    pieces of what conducts electrons, metal and then the network, numbered through. ``count`` is 0 when there is nothing
    a coarse grid would miss.

    Parameters
    ----------
    grains : labels from 0 of the parts between resistive sheets, which coarse cells reach across: pieces end there.
    always : sheets resist so much that their parts count even where metal encloses nothing.
    network : cells of the ceramic that conduct electrons far better than the rest; its parts float like metal does.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        lateral: Lateral,
        grains: np.ndarray | None = None,
        always: bool = False,
        network: np.ndarray | None = None,
    ) -> None:
        self.lateral = lateral
        self.labels = np.zeros((2, shape[0] + 2, shape[1], shape[2] + 2), dtype=np.int32)
        self.count = 0
        self._always = always
        self._network = np.zeros(shape, dtype=np.bool_) if network is None else network
        few = grains is not None and grains.max() < MOST
        self._grains = grains + 1 if grains is not None and few else np.ones(shape, dtype=np.int32)
        self._boxes = ndimage.find_objects(self._grains) if few else []
        self._maps: np.ndarray | None = None

    def update(self, metal: np.ndarray, conducting: np.ndarray) -> None:
        """Follow the boolean maps ``metal`` and ``conducting``, boxes: all that conducts as metal does, its tail included."""
        maps = np.stack([metal, conducting])
        if self._maps is not None and np.array_equal(maps, self._maps):
            return
        self._maps = maps
        ceramic, bodies = label_connected(~metal, self.lateral), self._conductors(conducting)
        if ceramic[1] <= 1 and bodies[1] <= 1 and not self._always:
            self.count = 0
            return
        pieces, n_pieces = extend(*(self._pieces_of_grains(~metal) if self._boxes else ceramic))
        metals, n_metals = extend(*bodies)
        self.labels[0, 1:-1, :, 1:-1] = pieces
        self.labels[1, 1:-1, :, 1:-1] = metals + max(n_pieces, 1)
        self.count = max(n_pieces, 1) + max(n_metals, 1)

    def _conductors(self, metal: np.ndarray) -> tuple[np.ndarray, int]:
        """Label the connected pieces of metal, then those of the network that no metal covers, from 1."""
        labels, count = label_connected(metal, self.lateral)
        parts, more = label_connected(self._network & ~metal, self.lateral)
        return np.where(parts > 0, parts + count, labels).astype(np.int32), count + more

    def _pieces_of_grains(self, ceramic: np.ndarray) -> tuple[np.ndarray, int]:
        """Label the connected pieces of ``ceramic`` grain by grain, from 1; periodic sides part them."""
        labels, count = np.zeros(ceramic.shape, dtype=np.int32), 0
        for grain, box in enumerate(self._boxes, start=1):
            pieces, found = ndimage.label(ceramic[box] & (self._grains[box] == grain))
            np.copyto(labels[box], pieces + count, where=pieces > 0)
            count += found
        return labels, count


def regions_of(
    sheets: tuple[np.ndarray, ...],
    cell_resistance: float,
    metal: np.ndarray,
    lateral: Lateral,
    network: np.ndarray | None = None,
) -> Regions:
    """Return the regions of a box with resistive ``sheets`` on its faces, see ``cells_between``.

    ``cell_resistance``: of a cell, in the unit of the sheets. ``metal``: where it is at first. ``network``: see ``Regions``.
    """
    worst = max(float(sheet.max(initial=0.0)) for sheet in sheets)
    grains = cells_between(sheets, metal, lateral) if worst > 0.0 else None
    return Regions(metal.shape, lateral, grains, worst > SHEET_CONTRAST * cell_resistance, network)
