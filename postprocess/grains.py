"""Grains as people want to see them: smooth outlines and pale colours that differ between neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from phasefield.grid import Lateral
from postprocess.style import LINE

if TYPE_CHECKING:
    from matplotlib.cm import ScalarMappable

# Pale, of one lightness, so that they tell grains apart and never compete with the metal.
PALE = np.array([(0.93, 0.90, 0.84), (0.86, 0.91, 0.94), (0.90, 0.93, 0.86), (0.94, 0.88, 0.88), (0.89, 0.87, 0.93)])


def refine_labels(labels: NDArray[np.integer], factor: int, lateral: Lateral) -> NDArray[np.integer]:
    """Return the labels on cells ``factor`` times finer, the voxel staircase of their outlines smoothed.

    Each label's mask is blurred and interpolated; the largest wins. For pictures only: a label thinner than two
    cells may vanish.

    Parameters
    ----------
    labels : ``[x, y]``, not negative.
    """
    pad = 6
    padded = np.pad(labels, ((pad, pad), (0, 0)), mode="edge")
    padded = np.pad(padded, ((0, 0), (pad, pad)), mode="wrap" if lateral == "periodic" else "symmetric")
    names, compact = np.unique(padded, return_inverse=True)
    best = np.zeros(tuple(n * factor for n in padded.shape), dtype=np.float32)
    winner = np.zeros(best.shape, dtype=np.intp)
    for number, place in enumerate(ndimage.find_objects(compact.reshape(padded.shape) + 1)):
        # Only the box around a label, widened by the reach of the blur.
        box = tuple(slice(max(s.start - pad, 0), s.stop + pad) for s in place)
        mask = (compact.reshape(padded.shape)[box] == number).astype(np.float32)
        weight = ndimage.zoom(
            ndimage.gaussian_filter(mask, 1.5, mode="nearest"), factor, order=1, grid_mode=True, mode="nearest"
        )
        fine = tuple(slice(s.start * factor, s.start * factor + n) for s, n in zip(box, weight.shape, strict=True))
        larger = weight > best[fine]
        best[fine][larger] = weight[larger]
        winner[fine][larger] = number
    inner = slice(pad * factor, -pad * factor)
    return names[winner[inner, inner]].astype(np.int64)


def neighbour_pairs(labels: NDArray[np.integer], lateral: Lateral) -> NDArray[np.integer]:
    """Return the pairs of different labels that share a cell face, ``(n, 2)``, smaller first, each once."""
    pairs = [
        np.stack([labels[:-1].ravel(), labels[1:].ravel()]),
        np.stack([labels[:, :-1].ravel(), labels[:, 1:].ravel()]),
    ]
    if lateral == "periodic":
        pairs.append(np.stack([labels[:, -1], labels[:, 0]]))
    both = np.sort(np.concatenate(pairs, axis=1).astype(np.int64), axis=0)
    return np.unique(both[:, both[0] != both[1]], axis=1).T


def colour_numbers(
    pairs: NDArray[np.integer], labels: NDArray[np.integer], colours: int = len(PALE)
) -> NDArray[np.integer]:
    """Return a colour number for each label ``0 … max``; neighbours differ where ``colours`` are enough for it.

    Greedy: each label takes, of the numbers that its neighbours left, the least used.

    Parameters
    ----------
    pairs : of ``neighbour_pairs``.
    """
    numbers = np.full(int(labels.max()) + 1, -1)
    used = np.zeros(colours, dtype=int)
    around: dict[int, list[int]] = {}
    for first, second in pairs.tolist():
        around.setdefault(first, []).append(second)
        around.setdefault(second, []).append(first)
    # The grains with most neighbours choose first.
    for label in sorted(np.unique(labels).tolist(), key=lambda name: -len(around.get(name, ()))):
        taken = {int(numbers[other]) for other in around.get(label, ())}
        free = [c for c in range(colours) if c not in taken] or list(range(colours))
        numbers[label] = min(free, key=lambda c: int(used[c]))
        used[numbers[label]] += 1
    return numbers


def outlines(labels: NDArray[np.integer], thickness: int) -> NDArray[np.bool_]:
    """Return the cells around which, within ``thickness`` cells, labels > 0 differ."""
    # Label 0, the electrode, is no grain: it takes part in no boundary.
    highest = ndimage.maximum_filter(labels, thickness + 1, mode="nearest")
    lowest = ndimage.minimum_filter(np.where(labels > 0, labels, labels.max() + 1), thickness + 1, mode="nearest")
    return highest > lowest


def pressure_scale(frame: Mapping[str, np.ndarray]) -> ScalarMappable | None:
    """Return the colours of the boundaries' accommodation pressures [MPa]; None if these do not differ."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, LogNorm

    pressure = 1e-6 * frame["accommodation_pressure_Pa"]
    band = pressure[(frame["grain_boundary_fraction"] >= 0.5) & (frame["pore_fraction"] < 0.5) & (pressure > 0.0)]
    if not band.size or band.max() <= 1.01 * band.min():
        return None
    low, high = np.percentile(band, [1.0, 99.0])
    # Without the palest third, which would vanish among the grains.
    colours = LinearSegmentedColormap.from_list("pressure", colormaps["YlOrBr"](np.linspace(0.35, 1.0, 64)))
    return ScalarMappable(LogNorm(low, high), colours)


def paint_grains(
    labels: NDArray[np.integer],
    pressure: NDArray[np.floating],
    numbers: NDArray[np.integer],
    scale: ScalarMappable | None,
    factor: int,
    thickness: int,
    lateral: Lateral,
) -> NDArray[np.floating]:
    """Return a picture of grains and their boundaries, ``(factor nx, factor ny, 3)``, red, green, blue.

    Parameters
    ----------
    labels, pressure : grain_id and accommodation pressure [Pa] of a plane, ``[x, y]``.
    numbers : of ``colour_numbers``.
    scale : of ``pressure_scale``; without one, or without a pressure of its own (in pores), a boundary is grey.
    factor, thickness : pixels along a cell, and across the line of a boundary.
    """
    from matplotlib.colors import to_rgb

    fine = refine_labels(labels, factor, lateral)
    picture = PALE[numbers][fine]
    line = outlines(fine, thickness) & (fine > 0)
    picture[line] = to_rgb(LINE)
    if scale is not None:
        megapascal = np.repeat(np.repeat(1e-6 * pressure, factor, axis=0), factor, axis=1)
        line &= megapascal > 0.0
        picture[line] = scale.to_rgba(megapascal[line])[:, :3]
    return picture
