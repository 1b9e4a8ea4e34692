"""Pieces of a two-phase map that a coarse grid cannot see, as coarse unknowns for ``krylov``."""

from __future__ import annotations

import numpy as np

from phasefield.grid import Lateral
from phasefield.numerics import components

# Of a sheet's resistance over a cell's, above which grains are coarse unknowns even where metal encloses nothing. With
# them an iteration takes 15 % longer. Iterations with and without at the start of the main case on 344 x 240 cells, its
# sheets scaled to 5, 10, 14, 20 and 45: 7 and 7, 8 and 9, 9 and 10, 10 and 12, 13 and 17 (benchmarks/cg_iterations.py).
SHEET_CONTRAST = 15.0
MOST = 400  # more pieces than this of one phase: the largest ones are kept; below ``components.STEP``


def extend(labels: np.ndarray, count: int) -> tuple[np.ndarray, int]:
    """Extend pieces 1 … count of ``labels``, an int32 box, to their nearest cells and number them from 0, in place.

    Only the largest ``MOST`` are kept. Nearest is what ``components.spread`` says: pieces are coarse unknowns of a
    preconditioner, exact distances save no iterations.

    Returns the labels, of all cells, and their count (0 if there is no piece).
    """
    number = np.arange(-1, count, dtype=np.int32)
    number[0] = components.FAR
    if count > MOST:
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        sizes[0] = 0
        keep = np.sort(np.argsort(sizes, kind="stable")[-MOST:])
        number[:] = components.FAR
        number[keep] = np.arange(MOST)
    if count > 1:
        components.spread(labels, number)
    else:
        labels[:] = 0
    return labels, min(count, MOST)


def cells_between(sheets: tuple[np.ndarray, ...], metal: np.ndarray, lateral: Lateral) -> np.ndarray:
    """Return labels, from 0, of the cells of a box that faces without a sheet connect: its grains.

    ``sheets``: one array per axis on the box's faces (``Grid.box_faces``), > 0 where a sheet parts two cells.
    ``metal``: no face connects its cells with others; an electrode would join all grains that touch it.
    """
    labels = np.empty(metal.shape, dtype=np.int32)
    components.label_between(*sheets, metal, lateral == "periodic", labels)
    labels -= 1
    return labels


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
        self._network = network
        few = grains is not None and grains.max() < MOST
        self._grains = (grains + 1).astype(np.uint16) if grains is not None and few else np.uint16(1)
        self._maps: np.ndarray | None = None

    def update(self, metal: np.ndarray, conducting: np.ndarray) -> None:
        """Follow the boolean maps ``metal`` and ``conducting``, boxes: all that conducts as metal does, its tail included."""
        if not self._always and self._network is None:
            return  # what metal encloses is as large as grains: the networks of ``multigrid`` see it
        maps = np.stack([metal, conducting])
        if self._maps is not None and np.array_equal(maps, self._maps):
            return
        self._maps = maps
        bodies, n_bodies = self._label(self._conductors(conducting))
        if not self._always and n_bodies <= 1:
            self.count = 0
            return
        pieces, n_pieces = self._label(np.multiply(self._grains, ~metal, dtype=np.uint16))
        if n_pieces <= 1 and n_bodies <= 1:
            self.count = 0
            return
        for component, (labels, count) in enumerate(((pieces, n_pieces), (bodies, n_bodies))):
            first = 0 if component == 0 else self.count
            labels, count = extend(labels, count)
            np.add(labels, first, out=self.labels[component, 1:-1, :, 1:-1])
            self.count = first + max(count, 1)

    def _conductors(self, metal: np.ndarray) -> np.ndarray:
        """Return 1 in metal, 2 in the network that no metal covers, 0 elsewhere."""
        value = metal.astype(np.uint16)
        if self._network is not None:
            value[self._network & ~metal] = 2
        return value

    def _label(self, value: np.ndarray) -> tuple[np.ndarray, int]:
        labels = np.empty(value.shape, dtype=np.int32)
        return labels, components.label_equal(value, self.lateral == "periodic", labels)


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
