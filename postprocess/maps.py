"""Panels of a 1-D or 2-D frame: metal over grains, potentials. Each draws on axes that it is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from phasefield import measures
from phasefield.grid import Grid
from postprocess.grains import colour_numbers, neighbour_pairs, paint_grains, pressure_scale
from postprocess.results import Results
from postprocess.style import (
    DRIVE,
    ISOLATED,
    LINE,
    METAL,
    PHI_E,
    PHI_I,
    SECOND_PHASE,
    VOLTAGE,
    bar_beside,
    legend_above,
    pressure_bar,
    say_missing,
)

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

# A finer picture than this shows no more, and costs seconds.
_FINE_CELLS = 1200


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


def draw_metal(axes: Axes, results: Results, frame: Mapping[str, np.ndarray], time: float) -> None:
    """Draw metal over grains, their boundaries and pores, and a ring where each nucleus appeared until ``time`` [s]."""
    from matplotlib.patches import Patch

    grid = results.grid
    entries: list[Artist] = []
    _frame_axes(axes, grid, "Metal")
    if "metal_fraction" not in frame:
        return say_missing(axes, "metal fraction")
    _draw_grains(axes, grid, frame)
    x, y = _contour_axes(grid)
    if frame["pore_fraction"].max() >= 0.5:
        pores = _padded(frame["pore_fraction"], grid).T
        axes.contourf(x, y, pores, levels=[0.5, 2.0], colors=["white"], hatches=["//////"])
        axes.contour(x, y, pores, levels=[0.5], colors=[LINE], linewidths=0.8)
        entries.append(Patch(facecolor="white", edgecolor=LINE, hatch="//////", label="pore"))
    if "second_phase_fraction" in frame and frame["second_phase_fraction"].max() >= 0.5:
        particles = _padded(frame["second_phase_fraction"], grid).T
        axes.contourf(x, y, particles, levels=[0.5, 2.0], colors=[SECOND_PHASE])
        axes.contour(x, y, particles, levels=[0.5], colors=[LINE], linewidths=0.8)
        entries.append(Patch(facecolor=SECOND_PHASE, edgecolor=LINE, label="second phase"))
    metal = frame["metal_fraction"]
    connected, isolated = measures.split_metal(metal, measures.conducting_region(metal, grid.lateral))
    for body, colour, label in ((isolated, ISOLATED, "isolated metal"), (connected, METAL, "metal")):
        if body.any():
            # One cell more than the body, so that its outline lies where that of the whole metal does.
            near = ndimage.binary_dilation(body, np.ones((3, 3)))
            axes.contourf(x, y, _padded(np.where(near, metal, 0.0), grid).T, levels=[0.5, 2.0], colors=[colour])
            entries.insert(0, Patch(facecolor=colour, label=label))
    entries += _draw_nuclei(axes, results, time)
    _draw_plane(axes, results, "white")
    legend_above(axes, entries)


def _draw_nuclei(axes: Axes, results: Results, time: float) -> list[Artist]:
    """Draw a ring around every nucleus so far; return what the legend says of them, nothing without nuclei."""
    from matplotlib.lines import Line2D

    look = {"linestyle": "none", "marker": "o", "markerfacecolor": "none", "markeredgecolor": ISOLATED}
    events = results.events
    rows = zip(
        events.get("event", ()), events.get("time_s", ()), events.get("x_um", ()), events.get("y_um", ()), strict=True
    )
    born = [(x, y) for kind, at, x, y in rows if kind == "nucleus" and at <= time]
    if not born:
        return []
    axes.plot(*zip(*born, strict=True), markersize=11.0, markeredgewidth=1.3, **look)
    return [Line2D([], [], markersize=7.0, label="nucleus", **look)]


def _draw_grains(axes: Axes, grid: Grid, frame: Mapping[str, np.ndarray]) -> None:
    """Draw pale grains and their boundaries, these coloured by accommodation pressure if it differs among them."""
    labels, pressure = frame["grain_id"], frame["accommodation_pressure_Pa"]
    numbers = colour_numbers(neighbour_pairs(labels, grid.lateral), labels)
    scale = pressure_scale(frame)
    factor = max(1, min(6, _FINE_CELLS // max(grid.shape)))
    picture = paint_grains(labels, pressure, numbers, scale, factor, max(1, factor // 2), grid.lateral)
    if scale is not None:
        pressure_bar(axes, scale)
    box = _box(grid)
    axes.imshow(np.swapaxes(picture, 0, 1), origin="lower", extent=box, interpolation="bilinear", aspect="equal")


def _draw_plane(axes: Axes, results: Results, colour: str) -> None:
    """Mark the working electrode's original surface."""
    if results.electrode_plane > 0.0:
        axes.axvline(results.electrode_plane * 1e6, color=colour, linewidth=0.9, linestyle=(0, (4, 3)))


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


def _draw_potential(
    axes: Axes, results: Results, frame: Mapping[str, np.ndarray], values: np.ndarray, label: str, **colours: object
) -> None:
    """Draw values [mV] in ``colours`` (of ``imshow``) where there is no metal, with a bar beside them."""
    image = axes.imshow(values.T, origin="lower", extent=_box(results.grid), interpolation="bilinear", **colours)
    _cover_metal(axes, results, frame)
    bar_beside(axes, image, label=f"{label} [mV]", extend="both")


def draw_ionic_potential(axes: Axes, results: Results, frame: Mapping[str, np.ndarray]) -> None:
    """Draw φ_i with contour lines."""
    from matplotlib.ticker import MaxNLocator

    grid = results.grid
    _frame_axes(axes, grid, f"Ionic potential {PHI_I}")
    if "ionic_potential_V" not in frame:
        return say_missing(axes, "ionic potential")
    values = 1e3 * frame["ionic_potential_V"].astype(float)
    low, high = (float(v) for v in np.percentile(_in_ceramic(values, frame), [0.2, 99.8]))
    if high > low:
        x, y = _contour_axes(grid)
        levels = MaxNLocator(8).tick_values(low, high)
        lines = axes.contour(
            x, y, _padded(values, grid).T, levels=levels, colors="white", linewidths=0.7, linestyles="solid"
        )
        axes.clabel(lines, fmt="%g", fontsize=7.5)
    _draw_potential(axes, results, frame, values, PHI_I, cmap="viridis", vmin=low, vmax=high)


def draw_drive(axes: Axes, results: Results, frame: Mapping[str, np.ndarray]) -> None:
    """Draw U = φ_e − φ_i, the local voltage against the metal, with colours that part at 0."""
    from matplotlib.colors import CenteredNorm

    _frame_axes(axes, results.grid, f"Voltage against the metal {DRIVE}; where it is below 0, metal is stable")
    if "potential_vs_metal_V" not in frame:
        return say_missing(axes, "potential against the metal")
    values = 1e3 * frame["potential_vs_metal_V"].astype(float)
    reach = max(float(np.percentile(np.abs(_in_ceramic(values, frame)), 99.0)), 1e-3)
    _draw_potential(axes, results, frame, values, DRIVE, cmap="RdBu", norm=CenteredNorm(0.0, reach))


def draw_metal_line(axes: Axes, results: Results, frame: Mapping[str, np.ndarray]) -> None:
    """Draw ξ of a 1-D frame along x."""
    axes.set(xlim=_box(results.grid)[:2], ylim=(-0.05, 1.05), xlabel="x [µm]", ylabel="metal fraction ξ")
    axes.set_title("Metal")
    if "metal_fraction" in frame:
        x, values = results.grid.centres(0) * 1e6, frame["metal_fraction"][:, 0]
        axes.fill_between(x, 0.0, values, color=METAL, alpha=0.25, linewidth=0.0)
        axes.plot(x, values, color=METAL)
    else:
        say_missing(axes, "metal fraction")
    _draw_plane(axes, results, "0.4")


def draw_potential_lines(axes: Axes, results: Results, frame: Mapping[str, np.ndarray]) -> None:
    """Draw the potentials of a 1-D frame along x."""
    curves = (
        ("ionic_potential_V", PHI_I, VOLTAGE, "-"),
        ("electronic_potential_V", PHI_E, "#c77d22", "-"),
        ("potential_vs_metal_V", rf"{DRIVE} = {PHI_E} − {PHI_I}", ISOLATED, "--"),
    )
    x = results.grid.centres(0) * 1e6
    for name, label, colour, style in curves:
        if name in frame:
            axes.plot(x, 1e3 * frame[name][:, 0], style, color=colour, label=label)
    axes.axhline(0.0, color="0.6", linewidth=0.7)
    axes.set(xlim=_box(results.grid)[:2], xlabel="x [µm]", ylabel="potential [mV]")
    axes.set_title("Potentials")
    _draw_plane(axes, results, "0.4")
    if axes.get_legend_handles_labels()[0]:
        legend_above(axes)
