"""Figures of a run. Each function draws one and returns it; ``preview`` writes one to a file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from phasefield import measures
from phasefield.grid import Grid
from postprocess.grains import PALE, colour_numbers, outlines, refine_labels
from postprocess.results import Results

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

METAL = "#2b3044"
LINE = "#73706b"
PHI_I, PHI_E, DRIVE = (rf"${symbol}$" for symbol in (r"\varphi_\mathrm{i}", r"\varphi_\mathrm{e}", "U"))
DEPTH, ISOLATED, VOLTAGE = "#2b3044", "#c4453c", "#1f6f8b"
_STYLE: dict[Any, Any] = {
    "font.size": 10.0,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "savefig.dpi": 200,
}
# A finer picture than this shows no more, and costs seconds.
_FINE_CELLS = 1200


def preview(results: Results, path: Path, time_or_index: float = -1) -> None:
    """Write one picture of a frame (see ``draw``) to ``path``, a PNG; the file is whole or not there."""
    import matplotlib

    figure = draw(results, time_or_index)
    with matplotlib.rc_context(_STYLE):
        temporary = path.with_name(f".{path.name}.tmp")
        try:
            figure.savefig(temporary, format="png")
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def draw(results: Results, time_or_index: float = -1) -> Figure:
    """Draw metal over grains, the ionic potential, the voltage against the metal, and the history beside them.

    In 1-D lines take the place of the maps. A frame without a field, because the case did not save it, gives an
    empty map that says so.

    Raises
    ------
    ValueError : no frame was saved, or the grid has three dimensions.
    """
    import matplotlib

    if len(results.grid.shape) > 2:
        raise ValueError("a preview of 3-D fields is not available yet")
    with matplotlib.rc_context(_STYLE):
        return _draw(results, results.index(time_or_index))


def _draw(results: Results, index: int) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.09, h_pad=0.07)
    frame, time = results.frame(index), float(results.times[index])
    if results.grid.shape[1] == 1:
        figure = Figure(figsize=(12.0, 6.6), layout=layout)
        axes = figure.subplot_mosaic([["metal", "depth"], ["potential", "voltage"]], width_ratios=[1.5, 1.0])
        _draw_lines(axes["metal"], axes["potential"], results, frame)
    else:
        figure = Figure(figsize=_map_figure_size(results.grid), layout=layout)
        mosaic: list[Any] = [["metal", "depth"], ["metal", "voltage"], ["ionic", "drive"], ["ionic", "drive"]]
        axes = figure.subplot_mosaic(mosaic)
        _draw_metal(axes["metal"], results, frame)
        _draw_ionic_potential(axes["ionic"], results, frame)
        _draw_drive(axes["drive"], results, frame)
    _draw_history(axes["depth"], axes["voltage"], results, time)
    figure.suptitle(_title(results, time), x=0.012, ha="left", fontsize=13.0, fontweight="bold")
    return figure


def _map_figure_size(grid: Grid) -> tuple[float, float]:
    width = 13.0
    map_height = 0.40 * width * float(np.clip(grid.lengths[1] / grid.lengths[0], 0.25, 1.5))
    return width, 2.0 * map_height + 1.9


def _title(results: Results, time: float) -> str:
    parts = [results.name.replace("_", " ")] if results.name else []
    parts.append(f"{time:.0f} s" if time >= 10.0 else f"{time:.3g} s")
    for column, unit in (("capacity_mAh_cm2", "mAh/cm²"), ("current_density_mA_cm2", "mA/cm²")):
        value = results.history_at(column, time)
        if np.isfinite(value):
            parts.append(f"{value:.3g} {unit}")
    outcome = results.summary.get("outcome")
    if outcome and time >= results.times[-1]:
        parts.append(str(outcome).replace("_", " "))
    return "  ·  ".join(parts)


def _padded(values: np.ndarray, grid: Grid) -> np.ndarray:
    """Add a layer of cells all round, so that contours reach the sides of the box."""
    values = np.pad(values, ((1, 1), (0, 0)), mode="edge")
    return np.pad(values, ((0, 0), (1, 1)), mode="wrap" if grid.lateral == "periodic" else "edge")


def _contour_axes(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Return the centres of the cells that ``_padded`` gives, along x and y [um]."""
    x, y = ((np.arange(-1, n + 1) + 0.5) * d * 1e6 for n, d in zip(grid.shape, grid.spacing, strict=True))
    return x, y


def _box(grid: Grid) -> tuple[float, float, float, float]:
    return (0.0, grid.lengths[0] * 1e6, 0.0, grid.lengths[1] * 1e6)


def _frame_axes(axes: Axes, grid: Grid, title: str) -> None:
    axes.set(xlim=_box(grid)[:2], ylim=_box(grid)[2:], xlabel="x [µm]", ylabel="y [µm]", aspect="equal")
    axes.set_title(title)
    axes.spines[["top", "right"]].set_visible(True)


def _draw_metal(axes: Axes, results: Results, frame: Mapping[str, np.ndarray]) -> None:
    from matplotlib.patches import Patch

    grid = results.grid
    entries: list[Artist] = []
    _frame_axes(axes, grid, "Metal in the ceramic")
    if "metal_fraction" not in frame:
        return _say_missing(axes, "metal fraction")
    _draw_grains(axes, grid, frame)
    x, y = _contour_axes(grid)
    if frame["pore_fraction"].max() >= 0.5:
        pores = _padded(frame["pore_fraction"], grid).T
        axes.contourf(x, y, pores, levels=[0.5, 2.0], colors=["white"], hatches=["//////"])
        axes.contour(x, y, pores, levels=[0.5], colors=[LINE], linewidths=0.8)
        entries.append(Patch(facecolor="white", edgecolor=LINE, hatch="//////", label="pore"))
    metal = frame["metal_fraction"]
    connected, isolated = measures.split_metal(metal, grid.lateral)
    for body, colour, label in ((isolated, ISOLATED, "isolated metal"), (connected, METAL, "metal")):
        if body.any():
            # One cell more than the body, so that its outline lies where that of the whole metal does.
            near = ndimage.binary_dilation(body, np.ones((3, 3)))
            axes.contourf(x, y, _padded(np.where(near, metal, 0.0), grid).T, levels=[0.5, 2.0], colors=[colour])
            entries.insert(0, Patch(facecolor=colour, label=label))
    _draw_plane(axes, results, "white")
    _legend_above(axes, entries)


def _draw_grains(axes: Axes, grid: Grid, frame: Mapping[str, np.ndarray]) -> None:
    """Draw pale grains and their boundaries, these coloured by accommodation pressure if it differs among them."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, LogNorm, to_rgb

    factor = max(1, min(6, _FINE_CELLS // max(grid.shape)))
    labels = refine_labels(frame["grain_id"], factor, grid.lateral)
    picture = PALE[colour_numbers(frame["grain_id"], grid.lateral)][labels]
    line = outlines(labels, thickness=max(1, factor // 2)) & (labels > 0)
    pressure = 1e-6 * frame["accommodation_pressure_Pa"]
    band = pressure[(frame["grain_boundary_fraction"] >= 0.5) & (frame["pore_fraction"] < 0.5) & (pressure > 0.0)]
    picture[line] = to_rgb(LINE)
    if band.size and band.max() > 1.01 * band.min():
        # A boundary without a pressure of its own (in pores) keeps the plain colour.
        low, high = np.percentile(band, [1.0, 99.0])
        # Without the palest third, which would vanish among the grains.
        colours = LinearSegmentedColormap.from_list("pressure", colormaps["YlOrBr"](np.linspace(0.35, 1.0, 64)))
        scale = ScalarMappable(LogNorm(low, high), colours)
        fine = np.repeat(np.repeat(pressure, factor, axis=0), factor, axis=1)
        line &= fine > 0.0
        picture[line] = scale.to_rgba(fine[line])[:, :3]
        ticks = [t for e in range(-6, 10) for t in (1.0 * 10.0**e, 3.0 * 10.0**e) if low <= t <= high]
        label = "pressure to open a boundary [MPa]"
        bar = axes.figure.colorbar(scale, ax=axes, label=label, ticks=ticks, format="%g", pad=0.02, aspect=28)
        bar.ax.minorticks_off()
    box = _box(grid)
    axes.imshow(np.swapaxes(picture, 0, 1), origin="lower", extent=box, interpolation="bilinear", aspect="equal")


def _legend_above(axes: Axes, entries: Sequence[Artist] | None = None) -> None:
    """Put the legend on the title's line, at the right."""
    axes.legend(
        handles=entries,
        loc="lower right",
        bbox_to_anchor=(1.01, 1.0),
        ncols=4,
        handlelength=1.2,
        borderaxespad=0.1,
        columnspacing=1.2,
        fontsize=9.0,
    )


def _draw_plane(axes: Axes, results: Results, colour: str) -> None:
    """Mark the working electrode's original surface."""
    if results.electrode_plane > 0.0:
        axes.axvline(results.electrode_plane * 1e6, color=colour, linewidth=0.9, linestyle=(0, (4, 3)))


def _say_missing(axes: Axes, what: str) -> None:
    axes.text(0.5, 0.5, f"the {what} was not saved", transform=axes.transAxes, ha="center", va="center", color="0.4")


def _cover_metal(axes: Axes, results: Results, frame: Mapping[str, np.ndarray]) -> None:
    """Cover the metal in grey: φ_i, and with it U, means nothing inside it."""
    if "metal_fraction" not in frame:
        return
    x, y = _contour_axes(results.grid)
    metal = _padded(frame["metal_fraction"], results.grid).T
    axes.contourf(x, y, metal, levels=[0.5, 2.0], colors=["0.72"])
    axes.contour(x, y, metal, levels=[0.5], colors=["black"], linewidths=0.9)


def _in_ceramic(values: np.ndarray, frame: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the values outside metal and pores, where a potential means something; all if there are none."""
    there = np.isfinite(values)
    if "metal_fraction" in frame:
        there &= frame["metal_fraction"] < 0.5
    chosen = values[there & (frame["pore_fraction"] < 0.5)]
    return chosen if chosen.size else values[np.isfinite(values)]


def _draw_ionic_potential(axes: Axes, results: Results, frame: Mapping[str, np.ndarray]) -> None:
    """Draw φ_i with contour lines."""
    from matplotlib.ticker import MaxNLocator

    grid = results.grid
    _frame_axes(axes, grid, f"Ionic potential {PHI_I}")
    if "ionic_potential_V" not in frame:
        return _say_missing(axes, "ionic potential")
    values = 1e3 * frame["ionic_potential_V"].astype(float)
    low, high = (float(v) for v in np.percentile(_in_ceramic(values, frame), [0.2, 99.8]))
    image = axes.imshow(
        values.T, origin="lower", extent=_box(grid), cmap="viridis", vmin=low, vmax=high, interpolation="bilinear"
    )
    levels = MaxNLocator(8).tick_values(low, high)
    if high > low:
        x, y = _contour_axes(grid)
        lines = axes.contour(
            x, y, _padded(values, grid).T, levels=levels, colors="white", linewidths=0.7, linestyles="solid"
        )
        axes.clabel(lines, fmt="%g", fontsize=7.5)
    _cover_metal(axes, results, frame)
    axes.figure.colorbar(image, ax=axes, label=f"{PHI_I} [mV]", extend="both", pad=0.02, aspect=28)


def _draw_drive(axes: Axes, results: Results, frame: Mapping[str, np.ndarray]) -> None:
    """Draw U = φ_e − φ_i, the local voltage against the metal, with colours that part at 0."""
    from matplotlib.colors import CenteredNorm

    grid = results.grid
    _frame_axes(axes, grid, f"Voltage against the metal {DRIVE}; where it is below 0, metal is stable")
    if "potential_vs_metal_V" not in frame:
        return _say_missing(axes, "potential against the metal")
    values = 1e3 * frame["potential_vs_metal_V"].astype(float)
    reach = max(float(np.percentile(np.abs(_in_ceramic(values, frame)), 99.0)), 1e-3)
    image = axes.imshow(
        values.T, origin="lower", extent=_box(grid), cmap="RdBu", norm=CenteredNorm(0.0, reach),
        interpolation="bilinear",
    )  # fmt: skip
    _cover_metal(axes, results, frame)
    axes.figure.colorbar(image, ax=axes, label=f"{DRIVE} [mV]", extend="both", pad=0.02, aspect=28)


def _draw_lines(metal: Axes, potential: Axes, results: Results, frame: Mapping[str, np.ndarray]) -> None:
    x = results.grid.centres(0) * 1e6
    box = _box(results.grid)
    metal.set(xlim=box[:2], ylim=(-0.05, 1.05), ylabel="metal fraction ξ")
    metal.set_title("Metal")
    if "metal_fraction" in frame:
        values = frame["metal_fraction"][:, 0]
        metal.fill_between(x, 0.0, values, color=METAL, alpha=0.25, linewidth=0.0)
        metal.plot(x, values, color=METAL)
    else:
        _say_missing(metal, "metal fraction")
    _draw_plane(metal, results, "0.4")
    curves = (
        ("ionic_potential_V", PHI_I, VOLTAGE, "-"),
        ("electronic_potential_V", PHI_E, "#c77d22", "-"),
        ("potential_vs_metal_V", rf"{DRIVE} = {PHI_E} − {PHI_I}", ISOLATED, "--"),
    )
    for name, label, colour, style in curves:
        if name in frame:
            potential.plot(x, 1e3 * frame[name][:, 0], style, color=colour, label=label)
    potential.axhline(0.0, color="0.6", linewidth=0.7)
    potential.set(xlim=box[:2], xlabel="x [µm]", ylabel="potential [mV]")
    potential.set_title("Potentials")
    _draw_plane(potential, results, "0.4")
    if potential.get_legend_handles_labels()[0]:
        _legend_above(potential)


def _draw_history(depth: Axes, voltage: Axes, results: Results, time: float) -> None:
    """Draw depth and cell voltage against capacity; a thin line marks the frame."""
    depth.set_title("Penetration depth")
    voltage.set_title("Cell voltage")
    depth.set(ylabel="depth [µm]")
    voltage.set(ylabel="voltage [mV]", xlabel="capacity [mAh/cm²]")
    depth.sharex(voltage)
    depth.tick_params(labelbottom=False)
    history = results.history
    if not len(history.get("capacity_mAh_cm2", ())):
        for axes in (depth, voltage):
            _say_missing(axes, "history")
        return
    capacity = history["capacity_mAh_cm2"]
    depth.plot(capacity, history["penetration_depth_connected_um"], color=DEPTH, label="connected metal")
    isolated = history["penetration_depth_isolated_um"]
    if np.any(isolated > 0.0):
        shown = np.where(isolated > 0.0, isolated, np.nan)
        depth.plot(capacity, shown, "--", color=ISOLATED, label="isolated metal")
        _legend_above(depth)
    depth.set_ylim(bottom=0.0)
    voltage.plot(capacity, 1e3 * history["cell_voltage_V"], color=VOLTAGE)
    now = results.history_at("capacity_mAh_cm2", time)
    for axes in (depth, voltage):
        axes.axvline(now, color="0.6", linewidth=0.8, zorder=0.5)
        axes.grid(axis="y", color="0.9", linewidth=0.6)
        axes.set_axisbelow(True)
