"""Numbers from arrays: connected metal, penetration depth, volumes, short, tip speed. No files, no solver.

Metal is where the metal fraction ξ >= 0.5. It is connected if electrons reach it from the working electrode, the
first layer of cells along x, through the faces of cells with ξ >= 0.0011, periodic sides included: there the metal's
σ_e reaches the ceramic's σ_i (MODEL M7, capped at 10⁴ σ_i), so that a diffuse neck with a dip below 0.5 is no gap.
Lengths in metres, arrays indexed ``[x, y(, z)]``.
"""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import NDArray

from phasefield.grid import Grid, Lateral
from phasefield.grid_labels import reached_from_start

METAL_THRESHOLD = 0.5
CONDUCTING_THRESHOLD = 1.1e-3

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]


def conducting_region(metal_fraction: Floats, lateral: Lateral) -> Mask:
    """Return the cells with ξ >= 0.0011 that are face-connected to the working electrode."""
    return reached_from_start(metal_fraction >= CONDUCTING_THRESHOLD, lateral)


def split_metal(metal_fraction: Floats, conducting: Mask) -> tuple[Mask, Mask]:
    """Return connected and isolated metal, two masks of the shape of ξ that share no cell.

    ``conducting``: what ``conducting_region`` returns; finding it costs far more than all that is measured on it.
    """
    metal = metal_fraction >= METAL_THRESHOLD
    connected = metal & conducting
    return connected, metal ^ connected


def penetration_depth(metal_fraction: Floats, metal: Mask, grid: Grid, electrode_plane: float) -> float:
    """Return the largest x of the level ξ = 0.5 on ``metal``, minus the electrode's plane [m].

    The level is interpolated linearly along x between a metal cell and the next cell that is none; metal in the
    last layer reaches the end of the box. 0 if nothing lies beyond the plane.

    Parameters
    ----------
    metal_fraction : ξ, ``grid.shape``.
    metal : which metal to look at, ``grid.shape``: one of the masks of ``split_metal``.
    electrode_plane : x of the working electrode's original surface [m].
    """
    layers = np.flatnonzero(metal.any(axis=tuple(range(1, metal.ndim))))
    if not layers.size:
        return 0.0
    last = layers[-1]  # every column that ends here reaches farther than any that ends before
    if last == grid.shape[0] - 1:
        return max(0.0, grid.lengths[0] - electrode_plane)
    here = metal_fraction[last][metal[last]].astype(float)
    after = metal_fraction[last + 1][metal[last]].astype(float)
    x = grid.centres(0)[last] + grid.spacing[0] * (here - METAL_THRESHOLD) / (here - after)
    return max(0.0, float(x.max()) - electrode_plane)


def share_beyond(grid: Grid, electrode_plane: float) -> Floats:
    """Return the share of each cell that lies beyond the plane x = ``electrode_plane``, shape ``(nx, 1, …)``."""
    face = np.arange(1, grid.shape[0] + 1) * grid.spacing[0]
    share = np.clip((face - electrode_plane) / grid.spacing[0], 0.0, 1.0)
    return share.reshape((-1,) + (1,) * (len(grid.shape) - 1))


def metal_volume(metal: Mask, accessible_fraction: Floats, grid: Grid, electrode_plane: float) -> float:
    """Return the volume of metal beyond the plane per cross-section, Σ θ V / A [m].

    Multiplied with F/V_m it is the charge per area that this metal took.

    Parameters
    ----------
    metal : one of the masks of ``split_metal``, ``grid.shape``.
    accessible_fraction : θ, ``grid.shape`` [1].
    """
    return _volume_beyond(metal, (accessible_fraction,), grid, electrode_plane)


def dead_volume(
    metal_fraction: Floats, conducting: Mask, accessible_fraction: Floats, grid: Grid, electrode_plane: float
) -> float:
    """Return the volume of what metal electrons do not reach, beyond the plane and per cross-section, Σ θ ξ V / A [m].

    Every cell with ξ >= 0.0011 counts with its ξ, unlike in ``metal_volume``: what stripping leaves behind is mostly
    too little to fill a cell by half.
    """
    cut_off = (metal_fraction >= CONDUCTING_THRESHOLD) & ~conducting
    return _volume_beyond(cut_off, (metal_fraction, accessible_fraction), grid, electrode_plane)


def _volume_beyond(mask: Mask, factors: tuple[Floats, ...], grid: Grid, electrode_plane: float) -> float:
    """Return the volume of the mask's cells beyond the plane, each times its factors, per cross-section [m]."""
    share = share_beyond(grid, electrode_plane).ravel()
    whole = np.count_nonzero(share < 1.0)  # of the layers behind that one only the last can lie beyond in part

    def total(layers: slice) -> float:
        return float(reduce(np.multiply, (factor[layers][mask[layers]] for factor in factors)).sum())

    volume = total(slice(whole, None))
    if whole:
        volume += float(share[whole - 1]) * total(slice(whole - 1, whole))
    return volume * grid.cell_volume / grid.cross_section


def is_short(conducting: Mask) -> bool:
    """Return whether the ``conducting_region`` touches the counter electrode, the end of the box along x.

    The metal's diffuse tail counts: once that conducts, electrons flow past the last gap instead of closing it.
    """
    return bool(conducting[-1].any())


def share_inside(
    region: Floats | Mask, metal: Mask, accessible_fraction: Floats, grid: Grid, electrode_plane: float
) -> float:
    """Return the share of the θ-weighted metal beyond the plane that lies in ``region`` [1]; NaN without metal.

    ``region`` is a mask or the covered share of each cell, ``grid.shape``, such as
    ``boundary_or_pore(...)``.
    """
    weight = metal * accessible_fraction * share_beyond(grid, electrode_plane)
    total = float(weight.sum())
    return float((weight * region).sum()) / total if total > 0.0 else float("nan")


def boundary_or_pore(grain_boundary_fraction: Floats, pore_fraction: Floats) -> Mask:
    """Return the cells that grain-boundary bands and pores cover by half or more; together, f + p >= 0.5."""
    return grain_boundary_fraction + pore_fraction >= 0.5


def filled_boundary_share(
    metal_fraction: Floats, grain_boundary_fraction: Floats, grid: Grid, electrode_plane: float, depth: float
) -> float:
    """Return the share of the grain-boundary band behind the tip that holds metal [1]; NaN without such cells.

    The band is f >= 0.5, between the electrode's plane and ``depth`` [m] beyond it (the connected penetration
    depth); cells count by where their centre lies.
    """
    x = grid.centres(0)
    behind = (x > electrode_plane) & (x < electrode_plane + depth)
    band = grain_boundary_fraction[behind] >= 0.5
    if not band.any():
        return float("nan")
    return float(np.mean(metal_fraction[behind][band] >= METAL_THRESHOLD))


def tip_speed(path: list[tuple[float, float]], time: float, depth: float, distance: float = 1e-6) -> float:
    """Take the depth [m] at ``time`` [s] into ``path`` and return the tip's speed over the last ``distance`` [m/s].

    The speed is the change since the latest moment at which the depth was ``distance`` away from what it is now,
    over the time since then; before the tip has moved that far, since the first call. Negative on retreat.

    Parameters
    ----------
    path : (time, depth) of earlier calls, empty at first; kept by the caller, lengthened here.
    """
    speed = _speed_along(path, time, depth, distance)
    # A hundredth of the distance is fine enough, and keeps a tip at rest from filling the list.
    if not path or abs(depth - path[-1][1]) >= 0.01 * distance:
        path.append((time, depth))
    return speed


def _speed_along(path: list[tuple[float, float]], time: float, depth: float, distance: float) -> float:
    later_time, later_depth = time, depth
    for earlier_time, earlier_depth in reversed(path):
        moved = depth - earlier_depth
        if abs(moved) >= distance:
            target = depth - np.sign(moved) * distance
            part = (target - later_depth) / (earlier_depth - later_depth)
            then = later_time + part * (earlier_time - later_time)
            return float(np.sign(moved) * distance / (time - then))
        later_time, later_depth = earlier_time, earlier_depth
    return (depth - later_depth) / (time - later_time) if time > later_time else 0.0
