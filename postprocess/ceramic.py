"""One sheet about a ceramic: its grains and pores, how large they are, and what it conducts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from phasefield.grid import Grid
from postprocess.grains import colour_numbers, neighbour_pairs, paint_grains
from postprocess.style import LINE, METAL, SECOND_PHASE, STYLE, VOLTAGE, legend_above, save_png

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AXES = "xyz"
REFERENCE = "#c4453c"
_PIXELS = 1200  # across a map
_WIDTH, _HEIGHT = 11.0, 8.6  # [inch]
# Of the box's axes on paper: seen from above and from the far end of x, which points right and a little down.
_TURN, _TILT = np.radians(24.0), np.radians(26.0)
_ACROSS = np.array([np.cos(_TURN), np.sin(_TURN), 0.0])
_UP = np.array([-np.sin(_TURN) * np.sin(_TILT), np.cos(_TURN) * np.sin(_TILT), np.cos(_TILT)])
_SHADES = (0.84, 0.95, 1.0)  # of the faces across x, y and z
Picture = NDArray[np.floating]


@dataclass(frozen=True)
class Conductor:
    """What a ceramic conducts [S/m]: by axis as measured, between bounds, and by a simple law whose name is given."""

    title: str
    measured: Mapping[str, float]
    wiener: tuple[float, float]
    hashin_shtrikman: tuple[float, float]
    estimate: float
    law: str


@dataclass(frozen=True)
class Sheet:
    """What the sheet shows.

    Parameters
    ----------
    grain_id, pore_fraction, second_phase_fraction, metal_distance : maps, ``grid.shape``; metal is where its distance
        is > 0 [m].
    diameter : of the grains [m].
    size_curve : diameters [m] and density [1/m] that they are compared with; its name; None for none.
    size_note : what is said of the sizes.
    porosity : of each layer along x, ``(nx,)``; NaN outside of the ceramic.
    porosity_asked : from where to where along x [m] how much is asked for.
    intercept : mean intercepts by axis [m].
    misorientation, boundary_area : of the boundaries [rad], and the weight of each.
    conductors : two, or none.
    random_curve : angles [rad] and density [1/rad] of crystals turned at random.
    """

    title: str
    grid: Grid
    grain_id: np.ndarray
    pore_fraction: np.ndarray
    second_phase_fraction: np.ndarray
    metal_distance: np.ndarray
    diameter: np.ndarray
    size_curve: tuple[np.ndarray, np.ndarray, str] | None
    size_note: str
    porosity: np.ndarray
    porosity_asked: tuple[tuple[float, float, float], ...]
    intercept: Mapping[str, float]
    misorientation: np.ndarray
    boundary_area: np.ndarray
    random_curve: tuple[np.ndarray, np.ndarray]
    conductors: tuple[Conductor, ...]


def save_sheet(sheet: Sheet, file: Path) -> None:
    """Draw the sheet and write it as PNG."""
    save_png(draw_sheet(sheet), file)


def draw_sheet(sheet: Sheet) -> Figure:
    """Return the sheet as a figure."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(_WIDTH, _HEIGHT), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.09, h_pad=0.09)
        figure.suptitle(sheet.title, x=0.012, ha="left", fontsize=11.5, weight="bold")
        _draw_panels(figure, sheet)
    return figure


def _draw_panels(figure: Figure, sheet: Sheet) -> None:
    above, below = figure.add_gridspec(2, 1, height_ratios=(2.0, 0.95))
    left, right = above.subgridspec(1, 2, width_ratios=(2.0, 1.0))
    sizes, misorientation = right.subgridspec(2, 1)
    row = below.subgridspec(1, 4, width_ratios=(1.9, 0.8, 1.2, 1.2))
    picture = figure.add_subplot(left)
    if len(sheet.grid.shape) == 3 and min(sheet.grid.shape) > 1:
        draw_box(picture, sheet)
    else:
        draw_map(picture, sheet)
    draw_sizes(figure.add_subplot(sizes), sheet)
    draw_misorientation(figure.add_subplot(misorientation), sheet)
    draw_porosity(figure.add_subplot(row[0]), sheet)
    draw_intercepts(figure.add_subplot(row[1]), sheet)
    for conductor, where in zip(sheet.conductors, (row[2], row[3]), strict=False):
        draw_conductor(figure.add_subplot(where), conductor)
    for letter, axes in zip("abcdefg", figure.axes, strict=False):
        axes.set_title(f"{letter}  {axes.get_title(loc='left')}", loc="left")
        legend = axes.get_legend()
        if legend is not None:
            legend.set_in_layout(False)  # a wide one would take the panels' room


# --- the ceramic ---------------------------------------------------------------------------------------------


def draw_map(axes: Axes, sheet: Sheet) -> None:
    """Draw grains, pores, second phase and metal of a plane."""
    grid = sheet.grid
    x, y = (1e6 * length for length in grid.lengths[:2])
    plane = tuple(values.reshape(grid.shape[:2]) for values in _maps(sheet))
    picture = _paint(plane, sheet, _numbers([plane[0]], grid), _factor(grid.shape))
    axes.imshow(np.swapaxes(picture, 0, 1), origin="lower", extent=(0.0, x, 0.0, y), interpolation="bilinear")
    axes.set(xlabel="x [µm]", ylabel="y [µm]", aspect="equal" if grid.shape[1] > 1 else "auto", title="Microstructure")
    axes.spines[["top", "right"]].set_visible(True)
    legend_above(axes, list(_legend(sheet)))


def draw_box(axes: Axes, sheet: Sheet) -> None:
    """Draw the faces y = 0, the end of x and the end of z of a box, seen from outside."""
    from matplotlib.transforms import Affine2D

    grid = sheet.grid
    lengths = 1e6 * np.array(grid.lengths)
    sides = [(0, -1), (1, 0), (2, -1)]
    planes = [tuple(np.take(values, index, axis) for values in _maps(sheet)) for axis, index in sides]
    numbers = _numbers([plane[0] for plane in planes], grid)
    for (axis, index), plane in zip(sides, planes, strict=True):
        first, second = (a for a in range(3) if a != axis)
        picture = _paint(plane, sheet, numbers, _factor(grid.shape)) * _SHADES[axis]
        corner = lengths * (np.arange(3) == axis) * (index == -1)
        turned = Affine2D.from_values(
            _ACROSS[first], _UP[first], _ACROSS[second], _UP[second], _ACROSS @ corner, _UP @ corner
        )
        axes.imshow(
            np.swapaxes(picture, 0, 1),
            origin="lower",
            extent=(0.0, lengths[first], 0.0, lengths[second]),
            interpolation="bilinear",
            transform=turned + axes.transData,
        )
    _draw_edges(axes, lengths)
    axes.set_title("Microstructure")
    axes.set_axis_off()
    axes.set_aspect("equal")
    legend_above(axes, list(_legend(sheet)))


def _draw_edges(axes: Axes, lengths: np.ndarray) -> None:
    """Draw the nine edges that are seen, and write the lengths of three of them beside them."""
    corners = np.array([[(n >> a) & 1 for a in range(3)] for n in range(8)]) * lengths
    hidden = np.array([0.0, lengths[1], 0.0])
    paper = np.stack([corners @ _ACROSS, corners @ _UP], axis=1)
    for one in range(8):
        for axis in range(3):
            other = one | 1 << axis
            if other > one and not any(np.array_equal(corners[n], hidden) for n in (one, other)):
                axes.plot(*paper[[one, other]].T, color=METAL, linewidth=0.9, solid_capstyle="round")
    margin = 0.03 * np.ptp(paper[:, 0])
    low, high = paper.min(axis=0) - 3.5 * margin, paper.max(axis=0) + margin
    axes.set(xlim=(low[0], high[0] + 1.5 * margin), ylim=(low[1], high[1]))
    along = {0: ((0, 0, 0), (1, 0, 0)), 1: ((1, 0, 0), (1, 1, 0)), 2: ((0, 0, 0), (0, 0, 1))}
    for axis, ends in along.items():
        start, end = (np.array([_ACROSS @ (p * lengths), _UP @ (p * lengths)]) for p in map(np.array, ends))
        outward = np.array([(-0.2, -1.0), (0.7, -1.0), (-1.0, 0.0)][axis]) * 1.1 * margin
        slope = 90.0 if axis == 2 else float(np.degrees(np.arctan2(*(end - start)[::-1])))
        axes.text(
            *(0.5 * (start + end) + outward),
            f"{AXES[axis]}: {lengths[axis]:.4g} µm",
            rotation=slope,
            rotation_mode="anchor",
            ha="center",
            va="bottom" if axis == 2 else "top",
        )


def _maps(sheet: Sheet) -> tuple[np.ndarray, ...]:
    return sheet.grain_id, sheet.pore_fraction, sheet.second_phase_fraction, sheet.metal_distance


def _factor(shape: tuple[int, ...]) -> int:
    """Return how many pixels a cell gets along an axis."""
    return int(np.clip(_PIXELS // max(shape), 1, 8))


def _numbers(labels: list[np.ndarray], grid: Grid) -> NDArray[np.integer]:
    pairs = np.unique(np.concatenate([neighbour_pairs(plane, grid.lateral) for plane in labels]), axis=0)
    return colour_numbers(pairs, np.concatenate([plane.ravel() for plane in labels]))


def _paint(plane: tuple[np.ndarray, ...], sheet: Sheet, numbers: NDArray[np.integer], factor: int) -> Picture:
    """Return the picture of a plane, ``(factor nx, factor ny, 3)``: metal over pores over particles over grains."""
    from matplotlib.colors import to_rgb

    labels, pores, second, metal = plane
    thickness = max(1, factor // 2)
    labels = _continued(labels)
    picture = paint_grains(labels, np.zeros(labels.shape), numbers, None, factor, thickness, sheet.grid.lateral)
    depth = np.clip(metal / min(sheet.grid.spacing), -4.0, 4.0)  # infinitely far from any metal
    for share, colour, edge in ((second, SECOND_PHASE, LINE), (pores, "white", METAL), (depth + 0.5, METAL, METAL)):
        if share.max() < 0.5:
            continue
        inside = ndimage.zoom(share, factor, order=3, grid_mode=True, mode="nearest") >= 0.5
        picture[inside] = to_rgb(edge)
        picture[ndimage.binary_erosion(inside, iterations=thickness, border_value=1)] = to_rgb(colour)
    return picture


def _continued(labels: np.ndarray) -> np.ndarray:
    """Return labels of a plane whose first grains along its first axis go on into the electrode, which covers them."""
    first = np.take_along_axis(labels, np.argmax(labels > 0, axis=0)[None], axis=0)
    return np.where(labels > 0, labels, first)


def _legend(sheet: Sheet) -> Iterator[Artist]:
    from matplotlib.patches import Patch

    if sheet.metal_distance.max() > 0.0:
        yield Patch(facecolor=METAL, label="metal")
    if np.any((sheet.pore_fraction >= 0.5) & (sheet.metal_distance <= 0.0)):
        yield Patch(facecolor="white", edgecolor=METAL, label="pore")
    if sheet.second_phase_fraction.max() >= 0.5:
        yield Patch(facecolor=SECOND_PHASE, edgecolor=LINE, label="second phase")


# --- numbers -------------------------------------------------------------------------------------------------


def _say(axes: Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="0.4")
    axes.set(xticks=[], yticks=[])


def draw_sizes(axes: Axes, sheet: Sheet) -> None:
    """Draw how the grains' diameters are distributed, and the curve that they are compared with."""
    axes.set_title("Grain sizes")
    size = 1e6 * sheet.diameter
    if size.size < 3:
        return _say(axes, "one grain" if size.size == 1 else f"{size.size} grains")
    bins = int(np.clip(np.sqrt(size.size), 6, 30))
    axes.hist(size, bins=bins, density=True, color=VOLTAGE, alpha=0.55, label=f"{size.size} grains")
    if sheet.size_curve is not None:
        x, density, name = sheet.size_curve
        axes.plot(1e6 * x, 1e-6 * density, color=REFERENCE, label=name)
    axes.set(xlabel="equivalent diameter [µm]", ylabel="density [1/µm]", ylim=(0.0, 1.55 * axes.get_ylim()[1]))
    axes.legend(loc="upper left", title=sheet.size_note or None, fontsize=8.5, title_fontsize=8.5, alignment="left")


def draw_misorientation(axes: Axes, sheet: Sheet) -> None:
    """Draw by how much neighbours are turned against each other, weighted with the area of their boundaries."""
    axes.set_title("Misorientation, by area")
    if sheet.misorientation.size == 0:
        return _say(axes, "no grain boundaries")
    angle = np.degrees(sheet.misorientation)
    bins = np.linspace(0.0, 65.0, int(np.clip(np.sqrt(angle.size), 9, 27)))
    axes.hist(
        angle, bins=bins, weights=sheet.boundary_area, density=True, color=VOLTAGE, alpha=0.55, label="boundaries"
    )
    x, density = sheet.random_curve
    axes.plot(np.degrees(x), np.radians(density), color=REFERENCE, label="random cubes")
    axes.set(xlabel="smallest turn [°]", ylabel="density [1/°]", xlim=(0.0, 66.0))
    axes.legend(loc="upper left", fontsize=8.5)


def draw_porosity(axes: Axes, sheet: Sheet) -> None:
    """Draw the porosity along x."""
    axes.set_title("Porosity along the current")
    if sheet.pore_fraction.max() == 0.0:
        return _say(axes, "dense: no pores")
    edges = 1e6 * np.arange(sheet.porosity.size + 1) * sheet.grid.spacing[0]
    axes.stairs(100.0 * np.nan_to_num(sheet.porosity), edges, fill=True, color=VOLTAGE, alpha=0.55, label="layers")
    for low, high, share in sheet.porosity_asked:
        axes.plot([1e6 * low, 1e6 * high], [100.0 * share] * 2, color=REFERENCE)
    if sheet.porosity_asked:
        axes.lines[0].set_label("asked for")
    electrode = int(np.argmax(np.isfinite(sheet.porosity)))
    if electrode > 0:
        axes.axvspan(0.0, edges[electrode], color=METAL, linewidth=0.0, label="electrode")
    axes.set(xlabel="x [µm]", ylabel="porosity [%]", xlim=(0.0, edges[-1]), ylim=(0.0, 1.35 * axes.get_ylim()[1]))
    axes.legend(loc="upper right", ncols=3, fontsize=8.5, handlelength=1.2, columnspacing=1.0)


def draw_intercepts(axes: Axes, sheet: Sheet) -> None:
    """Draw the mean length between boundaries along each axis."""
    axes.set_title("Mean intercept")
    there = {axis: 1e6 * length for axis, length in sheet.intercept.items() if np.isfinite(length)}
    if not there:
        return _say(axes, "no boundaries")
    bars = axes.bar(list(there), list(there.values()), width=0.6, color=VOLTAGE, alpha=0.55)
    axes.bar_label(bars, fmt="%.3g", fontsize=8.5)
    axes.set(xlabel="along", ylabel="intercept [µm]", ylim=(0.0, 1.18 * max(there.values())))


def draw_conductor(axes: Axes, conductor: Conductor) -> None:
    """Draw what is conducted along each axis, over the bounds and beside a simple law."""
    axes.set_title(conductor.title)
    values = list(conductor.measured.values())
    top = 1.55 * max(*values, conductor.wiener[1], conductor.estimate)
    power = int(np.floor(np.log10(top)))
    scale = 10.0**-power
    for bounds, shade, name in (
        (conductor.wiener, "0.90", "Wiener"),
        (conductor.hashin_shtrikman, "0.78", "Hashin-Shtrikman"),
    ):
        axes.axhspan(scale * bounds[0], scale * bounds[1], color=shade, linewidth=0.0, label=name)
    axes.axhline(scale * conductor.estimate, color=REFERENCE, linestyle=(0, (5, 2)), label=conductor.law)
    place = np.arange(len(values))
    axes.plot(place, scale * np.array(values), "o", color=VOLTAGE, markersize=7.0, label="measured")
    axes.set(xlabel="along", xlim=(-0.6, len(values) - 0.4), ylim=(0.0, scale * top))
    axes.set_ylabel(rf"σ [$10^{{{power}}}$ S/m]")
    axes.set_xticks(place, list(conductor.measured))
    axes.legend(loc="upper left", fontsize=7.5, handlelength=1.3, labelspacing=0.25, borderaxespad=0.0)
