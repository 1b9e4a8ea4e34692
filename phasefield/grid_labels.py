"""Connected regions of a mask on a grid whose sides may be periodic."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from phasefield.grid import Lateral


def label_connected(mask: np.ndarray, lateral: Lateral) -> tuple[np.ndarray, int]:
    """Number the face-connected regions of a mask; periodic sides join, axis 0 never does.

    Parameters
    ----------
    mask : bool, any number of axes; axis 0 is x.
    lateral : ``"periodic"`` joins the first and the last cell along axes 1, 2, …; ``"mirror"`` does not.

    Returns
    -------
    labels : int32, shape of ``mask``: 0 outside the mask, 1 … n inside, in the order of each region's first cell.
    n : number of regions.
    """
    labels, count = ndimage.label(mask, output=np.int32)
    if lateral == "mirror" or count < 2:
        return labels, count
    row, column = _across_sides(labels)
    graph = coo_array((np.ones(row.size, dtype=np.int8), (row, column)), shape=(count + 1, count + 1))
    _, component = connected_components(graph, directed=False)
    # node 0 is the background and joined to nothing; renumber by the smallest label of each component
    _, smallest, member = np.unique(component, return_index=True, return_inverse=True)
    rank = np.empty(smallest.size, dtype=np.int32)
    rank[np.argsort(smallest)] = np.arange(smallest.size, dtype=np.int32)
    return rank[member][labels], smallest.size - 1


def reached_from_start(mask: np.ndarray, lateral: Lateral) -> np.ndarray:
    """Return the cells of a mask that are face-connected to its cells in the first layer along axis 0.

    As the regions of ``label_connected`` that begin there, in a third of the time.
    """
    labels, count = ndimage.label(mask, output=np.int32)
    reached = np.zeros(count + 1, dtype=np.bool_)
    reached[labels[0]] = True
    reached[0] = False
    if lateral == "periodic" and not reached[1:].all():
        low, high = _across_sides(labels)
        while (one_side := reached[low] != reached[high]).any():
            reached[low[one_side]] = reached[high[one_side]] = True
    return mask if reached[1:].all() else reached[labels]


def _across_sides(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels on both sides of each face through which periodic sides join regions."""
    first, last = [], []
    for axis in range(1, labels.ndim):
        low, high = labels.take(0, axis).ravel(), labels.take(-1, axis).ravel()
        touching = (low > 0) & (high > 0)
        first.append(low[touching])
        last.append(high[touching])
    return np.concatenate(first), np.concatenate(last)
