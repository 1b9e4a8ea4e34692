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
    first, last = [], []
    for axis in range(1, mask.ndim):
        low, high = labels.take(0, axis).ravel(), labels.take(-1, axis).ravel()
        touching = (low > 0) & (high > 0)
        first.append(low[touching])
        last.append(high[touching])
    row, column = np.concatenate(first), np.concatenate(last)
    graph = coo_array((np.ones(row.size, dtype=np.int8), (row, column)), shape=(count + 1, count + 1))
    _, component = connected_components(graph, directed=False)
    # node 0 is the background and joined to nothing; renumber by the smallest label of each component
    _, smallest, member = np.unique(component, return_index=True, return_inverse=True)
    rank = np.empty(smallest.size, dtype=np.int32)
    rank[np.argsort(smallest)] = np.arange(smallest.size, dtype=np.int32)
    return rank[member][labels], smallest.size - 1
