"""The weakest way through a ceramic."""

from __future__ import annotations

import numpy as np

from phasefield.grid import Lateral
from phasefield.grid_labels import label_connected


def bottleneck_pressure(pressure: np.ndarray, start_index: int, lateral: Lateral) -> float:
    """Return the smallest p such that cells with pressure <= p connect plane ``start_index`` with the last plane.

    The minimax of all face-connected paths along x (MODEL M9: J*_path = p V_m / (F Z)).

    Parameters
    ----------
    pressure : what metal must overcome in each cell [Pa]; inf where it may never go. Axis 0 is x.
    start_index : first plane of cells of the ceramic.
    lateral : ``"periodic"`` lets a path leave through one side and return through the other.

    Returns
    -------
    p : [Pa]; one of the values of ``pressure``; inf if there is no path.
    """
    region = pressure[start_index:]
    if region.shape[0] == 0:
        raise ValueError(f"start_index {start_index} lies beyond the last of {pressure.shape[0]} planes")

    def connects(level: float) -> bool:
        labels, _ = label_connected(region <= level, lateral)
        shared = np.intersect1d(labels[0], labels[-1])
        return bool(shared.size and shared[-1] > 0)

    levels = np.unique(region[np.isfinite(region)])
    if levels.size == 0 or not connects(levels[-1]):
        return float("inf")
    low, high = 0, levels.size - 1
    while low < high:
        middle = (low + high) // 2
        if connects(levels[middle]):
            high = middle
        else:
            low = middle + 1
    return float(levels[high])
