"""The panel of a 3-D frame: the metal's surface in the box, the microstructure on the walls behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from phasefield import measures
from phasefield.grid import Grid
from postprocess.grains import colour_numbers, neighbour_pairs, paint_grains, pressure_scale
from postprocess.raycast import Body, Floats, Paint, View, render
from postprocess.results import Results
from postprocess.style import ISOLATED, LINE, legend_above, pressure_bar, say_missing

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

# Lit by a lamp these become the colours that maps have for metal.
_STEEL = "#8f99b8"
# Pixels across a wall, and across the line of a boundary on it.
_WALL_PIXELS, _LINE_PIXELS = 900, 4


class Walls:
    """Hold pictures of the microstructure on the sides x = 0, the end of y and z = 0; they do not change in time."""

    def __init__(self, grid: Grid, frame: Mapping[str, np.ndarray]) -> None:
        self.scale: ScalarMappable | None = pressure_scale(frame)
        planes = [(0, 0), (1, -1), (2, 0)]
        self.pores = any(np.take(frame["pore_fraction"], i, axis).max() >= 0.5 for axis, i in planes[1:])
        labels = [np.take(frame["grain_id"], index, axis) for axis, index in planes]
        pairs = np.unique(np.concatenate([neighbour_pairs(plane, grid.lateral) for plane in labels]), axis=0)
        numbers = colour_numbers(pairs, frame["grain_id"])
        factor = int(np.clip(_WALL_PIXELS // max(grid.shape), 1, 12))
        self._pictures = []
        for plane, (axis, index) in zip(labels, planes, strict=True):
            pressure = np.take(frame["accommodation_pressure_Pa"], index, axis)
            picture = paint_grains(plane, pressure, numbers, self.scale, factor, _LINE_PIXELS, grid.lateral)
            _paint_pores(picture, np.take(frame["pore_fraction"], index, axis), factor)
            self._pictures.append(picture)
        self._size = np.array(grid.spacing) * 1e6 / factor

    @property
    def paints(self) -> tuple[Paint, Paint, Paint]:
        """Return what gives the colours of points of each wall."""
        return self._paint(0), self._paint(1), self._paint(2)

    def _paint(self, axis: int) -> Paint:
        picture = self._pictures[axis]
        others = [k for k in range(3) if k != axis]

        def paint(points: Floats) -> Floats:
            index = (points[:, others] / self._size[others]).astype(np.intp)
            return picture[tuple(np.minimum(index, np.array(picture.shape[:2]) - 1).T)]

        return paint


def _paint_pores(picture: Floats, pore_fraction: Floats, factor: int) -> None:
    from matplotlib.colors import to_rgb

    pore = ndimage.zoom(pore_fraction, factor, order=1, grid_mode=True, mode="nearest") >= 0.5
    picture[pore] = 1.0
    picture[pore & ~ndimage.binary_erosion(pore, iterations=max(1, factor // 4))] = to_rgb(LINE)


def draw_scene(
    axes: Axes,
    results: Results,
    frame: Mapping[str, np.ndarray],
    walls: Walls,
    view: View,
    pixels: int,
) -> None:
    """Draw the surface ξ = 0.5 in the box, seen from ``view``, ``pixels`` wide, with scales in micrometres."""
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Patch

    grid = results.grid
    axes.set_title("Metal in the ceramic")
    axes.set_axis_off()
    axes.set_aspect("equal")
    if "metal_fraction" not in frame:
        return say_missing(axes, "metal fraction")
    xi = frame["metal_fraction"]
    body = Body(smooth(xi, grid), tuple(d * 1e6 for d in grid.spacing))
    conducting = measures.conducting_region(xi, grid.lateral)
    connected, isolated = (_blur(mask, grid) for mask in measures.split_metal(xi, conducting))

    def paint(points: Floats) -> Floats:
        apart = body.sample(isolated, points) > body.sample(connected, points)
        return np.array([to_rgb(_STEEL), to_rgb(ISOLATED)])[apart.astype(int)]

    picture, extent = render(body, view, paint, walls.paints, pixels)
    axes.imshow(picture, origin="lower", extent=extent, zorder=1)
    _draw_box(axes, view, body.lengths, results.electrode_plane * 1e6)
    entries: list[Artist] = [Patch(facecolor=_STEEL, label="metal")]
    if isolated.any():
        entries.append(Patch(facecolor=ISOLATED, label="isolated metal"))
    if walls.pores:
        entries.append(Patch(facecolor="white", edgecolor=LINE, label="pore"))
    legend_above(axes, entries)
    if walls.scale is not None:
        pressure_bar(axes, walls.scale)


def _blur(values: np.ndarray, grid: Grid) -> Floats:
    side = "wrap" if grid.lateral == "periodic" else "nearest"
    return ndimage.gaussian_filter(values.astype(np.float32), 0.9, mode=("nearest", side, side))


def smooth(metal_fraction: Floats, grid: Grid) -> Floats:
    """Return ξ without the staircase of its cells, for pictures; pieces too small for that stay as they are."""
    blurred = _blur(metal_fraction, grid)
    labels, count = ndimage.label(metal_fraction >= measures.METAL_THRESHOLD)
    numbers = np.arange(1, count + 1)
    lost = numbers[np.asarray(ndimage.maximum(blurred, labels, numbers)) < measures.METAL_THRESHOLD]
    return np.where(np.isin(labels, lost), metal_fraction, blurred)


def _draw_box(axes: Axes, view: View, lengths: Floats, plane: float) -> None:
    """Draw the box's edges in front, the electrode's original surface, and scales along three edges [um]."""
    x, y, z = lengths
    outline = view.project(np.array([(0, 0, 0), (x, 0, 0), (x, y, 0), (x, y, z), (0, y, z), (0, 0, z), (0, 0, 0)]))
    axes.plot(*outline.T, color="0.25", linewidth=0.8, solid_joinstyle="round", zorder=3)
    for end in ((0, 0, z), (x, y, z), (x, 0, 0)):
        axes.plot(*view.project(np.array([(x, 0, z), end])).T, color="0.25", linewidth=0.5, alpha=0.25, zorder=3)
    if plane > 0.0:
        on_sides = view.project(np.array([(plane, 0, 0), (plane, 0, z), (plane, y, z)]))
        axes.plot(*on_sides.T, color="white", linewidth=0.9, linestyle=(0, (4, 3)), zorder=3)
    middle = view.project(0.5 * lengths)
    _draw_scale(axes, view, np.array([0, 0, 0]), np.array([x, 0, 0]), "x", middle)
    _draw_scale(axes, view, np.array([x, 0, 0]), np.array([x, y, 0]), "y", middle)
    _draw_scale(axes, view, np.array([0, 0, 0]), np.array([0, 0, z]), "z", middle)
    # The same from every side, so that a box which turns keeps its place.
    wide, flat = np.hypot(x, y), np.sin(np.deg2rad(view.elevation))
    half = 0.5 * np.array([wide, z * np.cos(np.deg2rad(view.elevation)) + wide * flat])
    axes.set_xlim(middle[0] - 1.24 * half[0], middle[0] + 1.02 * half[0])
    axes.set_ylim(middle[1] - 1.12 * half[1], middle[1] + 1.02 * half[1])


def _draw_scale(axes: Axes, view: View, start: Floats, end: Floats, name: str, middle: Floats) -> None:
    """Draw ticks and their numbers along an edge of the box, on the side away from the picture's middle."""
    from matplotlib.ticker import MaxNLocator

    length = float(np.linalg.norm(end - start))
    first, last = view.project(np.stack([start, end]).astype(float))
    along = (last - first) / np.linalg.norm(last - first)
    out = np.array([along[1], -along[0]])
    out *= np.sign(out @ (0.5 * (first + last) - middle))
    reach = 0.014 * float(np.ptp(axes.get_images()[0].get_extent()[:2]))
    across = "left" if out[0] > 0.3 else "right" if out[0] < -0.3 else "center"
    upright = "top" if out[1] < -0.3 else "center"

    def write(place: Floats, text: str, size: float) -> None:
        axes.text(*place, text, ha=across, va=upright, fontsize=size)

    ticks = [t for t in MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(0.0, length) if t <= 1.001 * length]
    for tick in ticks:
        foot = first + (last - first) * tick / length
        axes.plot(*np.stack([foot, foot + reach * out]).T, color="0.25", linewidth=0.8, zorder=3)
        write(foot + 1.6 * reach * out, f"{tick:g}", 9.0)
    write(0.5 * (first + last) + 5.0 * reach * out, f"{name} [µm]", 10.0)
