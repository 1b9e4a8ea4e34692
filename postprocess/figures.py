"""Figures of a run. Each function draws one and returns it; ``preview`` and ``animate`` write to a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phasefield.grid import Grid
from postprocess import maps
from postprocess.raycast import View
from postprocess.results import Results
from postprocess.scene import Walls, draw_scene
from postprocess.style import DEPTH, ISOLATED, STYLE, VOLTAGE, legend_above, painted, save_png, say_missing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine
    from PIL.Image import Image

# Pixels across the scene of a still picture; pictures of an animation.
SCENE_PIXELS = 1200
MOST_FRAMES = 48
_SECONDS = 6.0
_GIF_DPI = 80
# How far the eye of an animation walks round the box [degrees].
_SWING = (24.0, 40.0)

ROUND_OFF = 1e-9  # of a capacity [mAh/cm2] or a current [mA/cm2] that is 0 in truth


def preview(results: Results, path: Path, time_or_index: float = -1) -> None:
    """Write one picture of a frame (see ``draw``) to ``path``, a PNG; the file is whole or not there."""
    figure = draw(results, time_or_index)
    with _replacing(path) as temporary:
        save_png(figure, temporary)


def draw(results: Results, time_or_index: float = -1) -> Figure:
    """Draw metal over grains, the ionic potential, the voltage against the metal, and the history beside them.

    In 1-D lines take the place of the maps; in 3-D the metal's surface in the box takes the place of all of them. A
    frame without a field, because the case did not save it, gives an empty map that says so.

    Raises
    ------
    ValueError : no frame was saved.
    """
    import matplotlib

    index = results.index(time_or_index)
    frame = results.frame(index)

    def scene(axes: Axes) -> None:
        draw_scene(axes, results, frame, Walls(results.grid, frame), View(), SCENE_PIXELS)

    with matplotlib.rc_context(STYLE):
        return _draw_growth(results, index, scene) if len(results.grid.shape) == 3 else _draw_all(results, index, frame)


def animate(results: Results, path: Path) -> None:
    """Write the growth of the metal beside the history to ``path``, a GIF of some seconds; whole or not there.

    In 3-D the eye walks slowly round the box meanwhile. Of many saved frames some are left out.

    Raises
    ------
    ValueError : no frame was saved.
    """
    import matplotlib

    last = results.index(-1)
    indices = np.unique(np.linspace(0, last, min(last + 1, MOST_FRAMES)).round().astype(int)).tolist()
    with matplotlib.rc_context(STYLE):
        pictures = list(_pictures(results, indices))
    write_gif(pictures, path)


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its place at the end."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _draw_all(results: Results, index: int, frame: Mapping[str, np.ndarray]) -> Figure:
    """Draw every panel of a 1-D or 2-D frame."""
    from matplotlib.figure import Figure

    time = float(results.times[index])
    if results.grid.shape[1] == 1:
        figure = Figure(figsize=(12.0, 6.6), layout=_layout())
        axes = figure.subplot_mosaic([["metal", "depth"], ["potential", "voltage"]], width_ratios=[1.5, 1.0])
        maps.draw_metal_line(axes["metal"], results, frame)
        maps.draw_potential_lines(axes["potential"], results, frame)
    else:
        figure = Figure(figsize=_map_figure_size(results.grid), layout=_layout())
        mosaic: list[Any] = [["metal", "depth"], ["metal", "voltage"], ["ionic", "drive"], ["ionic", "drive"]]
        axes = figure.subplot_mosaic(mosaic)
        maps.draw_metal(axes["metal"], results, frame, time)
        maps.draw_ionic_potential(axes["ionic"], results, frame)
        maps.draw_drive(axes["drive"], results, frame)
    _draw_history(axes["depth"], axes["voltage"], results, time)
    _draw_title(figure, results, time)
    return figure


def _draw_growth(results: Results, index: int, panel: Callable[[Axes], None]) -> Figure:
    """Draw the metal by ``panel``, and the history beside it."""
    from matplotlib.figure import Figure

    time = float(results.times[index])
    figure = Figure(figsize=(11.6, 6.2), layout=_layout())
    mosaic: list[Any] = [["metal", "depth"], ["metal", "voltage"]]
    axes = figure.subplot_mosaic(mosaic, width_ratios=[1.45, 1.0])
    panel(axes["metal"])
    _draw_history(axes["depth"], axes["voltage"], results, time)
    _draw_title(figure, results, time)
    return figure


def _pictures(results: Results, indices: Sequence[int]) -> Iterator[Image]:
    """Yield the pictures of an animation."""
    flat = len(results.grid.shape) == 2
    walls = None if flat else Walls(results.grid, results.frame(0))
    for number, index in enumerate(indices):
        frame = results.frame(index)
        view = View(azimuth=float(np.interp(number, (0, max(len(indices) - 1, 1)), _SWING)))

        def panel(axes: Axes, index: int = index, frame: dict[str, np.ndarray] = frame, view: View = view) -> None:
            if walls is not None:
                draw_scene(axes, results, frame, walls, view, 700)
            elif results.grid.shape[1] == 1:
                maps.draw_metal_line(axes, results, frame)
            else:
                maps.draw_metal(axes, results, frame, float(results.times[index]))

        figure = _draw_growth(results, index, panel)
        yield painted(figure, _GIF_DPI)


def palette(pictures: Sequence[Image]) -> np.ndarray:
    """Return at most 256 colours for pictures of one size, ``(n, 3)``; the first is white."""
    from PIL import Image

    width, height = pictures[0].size
    some = [pictures[i] for i in np.unique(np.linspace(0, len(pictures) - 1, 4).round().astype(int))]
    together = Image.new("RGB", (width, height * len(some)))
    for row, picture in enumerate(some):
        together.paste(picture, (0, row * height))
    colours = np.array(together.quantize(255).getpalette(), dtype=np.uint8).reshape(-1, 3)
    return np.concatenate([np.full((1, 3), 255, dtype=np.uint8), colours])  # white paper stays white


def write_gif(pictures: Sequence[Image], path: Path) -> None:
    """Write pictures of one size; all share their colours, so that what stands still does not flicker."""
    colours = palette(pictures)
    first, *rest = (_coloured(picture, colours) for picture in pictures)
    # In milliseconds; a GIF counts in hundredths of a second. The end stays for a while.
    each = 10 * round(100 * min(_SECONDS / len(pictures), 0.5))
    durations = [each] * len(rest) + [2000]
    with _replacing(path) as temporary:
        first.save(
            temporary, format="GIF", save_all=True, append_images=rest, duration=durations, loop=0, optimize=False
        )


def _coloured(picture: Image, colours: np.ndarray) -> Image:
    """Return the picture with each pixel in the nearest of ``colours``; Pillow's own choice is coarser."""
    from PIL import Image
    from scipy.spatial import cKDTree

    _, nearest = cKDTree(colours.astype(float)).query(np.asarray(picture, dtype=float))
    result = Image.frombytes("P", picture.size, nearest.astype(np.uint8).tobytes())
    result.putpalette(colours.ravel().tolist())
    return result


def _layout() -> ConstrainedLayoutEngine:
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return ConstrainedLayoutEngine(w_pad=0.09, h_pad=0.07)


def _map_figure_size(grid: Grid) -> tuple[float, float]:
    width = 13.0
    map_height = 0.40 * width * float(np.clip(grid.lengths[1] / grid.lengths[0], 0.25, 1.5))
    return width, 2.0 * map_height + 1.9


def _draw_title(figure: Figure, results: Results, time: float) -> None:
    figure.suptitle(_title(results, time), x=0.012, ha="left", fontsize=13.0, fontweight="bold")


def _title(results: Results, time: float) -> str:
    parts = [results.name.replace("_", " ")] if results.name else []
    parts.append(f"{time:.0f} s" if time >= 10.0 else f"{time:.3g} s")
    for column, unit in (("capacity_mAh_cm2", "mAh/cm²"), ("current_density_mA_cm2", "mA/cm²")):
        value = results.history_at(column, time)
        if np.isfinite(value):
            parts.append(f"{value if abs(value) > ROUND_OFF else 0.0:.3g} {unit}")
    outcome = results.summary.get("outcome")
    if outcome and time >= results.times[-1]:
        parts.append(str(outcome).replace("_", " "))
    return "  ·  ".join(parts)


def _draw_history(depth: Axes, voltage: Axes, results: Results, time: float) -> None:
    """Draw depth and cell voltage against capacity, faint after the frame's time, which a thin line marks.

    Against time where the capacity does not always rise, as in cycling.
    """
    depth.set_title("Penetration depth")
    voltage.set_title("Cell voltage")
    depth.set(ylabel="depth [µm]")
    voltage.set(ylabel="voltage [mV]")
    depth.sharex(voltage)
    depth.tick_params(labelbottom=False)
    history = results.history
    if not len(history.get("capacity_mAh_cm2", ())):
        for axes in (depth, voltage):
            say_missing(axes, "history")
        return
    along, past = history["capacity_mAh_cm2"], history["time_s"] <= time
    now = results.history_at("capacity_mAh_cm2", time)
    if np.any(np.diff(along) < 0.0) or along[-1] == along[0]:
        along, now = history["time_s"] / 60.0, time / 60.0
        voltage.set_xlabel("time [min]")
    else:
        voltage.set_xlabel("capacity [mAh/cm²]")

    def curve(axes: Axes, values: np.ndarray, style: str, colour: str, label: str = "") -> None:
        axes.plot(along[past], values[past], style, color=colour, label=label)
        axes.plot(along, values, style, color=colour, alpha=0.25)

    curve(depth, history["penetration_depth_connected_um"], "-", DEPTH, "connected metal")
    isolated = history["penetration_depth_isolated_um"]
    if np.any(isolated > 0.0):
        curve(depth, np.where(isolated > 0.0, isolated, np.nan), "--", ISOLATED, "isolated metal")
        legend_above(depth)
    depth.set_ylim(bottom=0.0)
    curve(voltage, 1e3 * history["cell_voltage_V"], "-", VOLTAGE)
    for axes in (depth, voltage):
        axes.axvline(now, color="0.6", linewidth=0.8, zorder=0.5)
        axes.grid(axis="y", color="0.9", linewidth=0.6)
        axes.set_axisbelow(True)
