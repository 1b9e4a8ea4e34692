"""Curves against a reference: plain panels of lines, for pages that compare numbers."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from postprocess.style import ISOLATED, METAL, STYLE, VOLTAGE, painted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ALLOWED = "allowed"  # name of references that are limits, drawn dashed

_COLOURS = (VOLTAGE, ISOLATED, "#c98a1b", "#5f9350", "#7d5ba6", "#4f4a45", "#4aa3c4", "#d27c98")
_MARKERS = "osD^vPX*"
_DASHES = ("-", (0, (6, 2, 1, 2)), (0, (1, 1.5)))  # of references by their names
_MOST_MARKERS = 25  # on one curve
_LEGEND_WIDTH = 66  # characters that fit above a panel
_DPI = 110
_WIDTH, _HEIGHT, _LEGEND_LINE = 4.6, 3.3, 0.19  # of a panel, and of a line of its legend [inch]
_TITLE_WIDTH = 11.5  # characters per inch
_TICK_WIDTH = 16  # characters of a name below an axis, in a line
_SHADES = 6  # of a colour on white, in the palette of a picture


@dataclass(frozen=True)
class Line:
    """One curve. ``exact``: the reference, drawn as a dark line; what is computed is drawn as markers.

    ``joined``: with a thin line between the markers, as too many points for markers always are. ``bare``: that line alone.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    exact: bool = False
    joined: bool = False
    bare: bool = False


@dataclass(frozen=True)
class Panel:
    """Lines over common axes, whose labels name quantity and unit; ``log``: which axes are logarithmic.

    ``names``: what stands at 1, 2, 3, ... of the x axis instead of numbers.
    """

    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    log: Literal["", "x", "y", "xy"] = ""
    names: tuple[str, ...] = ()


def draw_panels(panels: Sequence[Panel], title: str) -> Figure:
    """Draw ``panels`` in two columns below ``title``; lines of the same name share one entry of the legend."""
    import matplotlib
    from matplotlib.figure import Figure

    columns = min(len(panels), 2)
    rows = [panels[first : first + columns] for first in range(0, len(panels), columns)]
    heights = [_HEIGHT + _LEGEND_LINE * max(_legend_shape(panel)[0] for panel in row) for row in rows]
    width = _WIDTH * max(columns, 1.3)
    heading = textwrap.fill(title, int(_TITLE_WIDTH * width))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, sum(heights) + 0.3), dpi=_DPI, layout="constrained")
        figure.suptitle(heading, x=0.01, ha="left", fontsize=11.0)
        grid = figure.subplots(len(rows), columns, squeeze=False, height_ratios=heights)
        for axes in grid.flat[len(panels) :]:
            axes.set_axis_off()
        for axes, panel in zip(grid.flat, panels, strict=False):
            _draw_panel(axes, panel)
    return figure


def save_panels(panels: Sequence[Panel], title: str, path: Path) -> None:
    """Write the picture that ``draw_panels`` draws to ``path``, a PNG of some ten kilobytes."""
    from PIL import Image

    picture = painted(draw_panels(panels, title), _DPI)
    palette = Image.new("P", (1, 1))
    palette.putpalette(_palette().ravel().tolist())
    picture.quantize(palette=palette, dither=Image.Dither.NONE).save(
        path, format="PNG", optimize=True, dpi=(_DPI, _DPI)
    )


def _palette() -> np.ndarray:
    """Return all colours that are drawn, and their shades toward white, ``(n, 3)``: a third of the bytes of all."""
    from matplotlib.colors import to_rgb

    colours = np.array([to_rgb(colour) for colour in ("black", METAL, *_COLOURS)])
    share = np.linspace(0.0, 1.0, _SHADES)[:, None, None]
    return np.round(255.0 * (1.0 - share * (1.0 - colours))).astype(np.uint8).reshape(-1, 3)


def _draw_panel(axes: Axes, panel: Panel) -> None:
    axes.set_xlabel(panel.x_label)
    axes.set_ylabel(panel.y_label)
    references = list(dict.fromkeys(line.name for line in panel.lines if line.exact and line.name != ALLOWED))
    computed = list(dict.fromkeys(line.name for line in panel.lines if not line.exact))
    for line in panel.lines:
        if line.exact:
            dashes = (0, (4, 2)) if line.name == ALLOWED else _DASHES[references.index(line.name) % len(_DASHES)]
            axes.plot(line.x, line.y, color=METAL, linestyle=dashes, linewidth=1.3, zorder=2.0, label=line.name)
        else:
            axes.plot(line.x, line.y, label=line.name, zorder=3.0, **_look(computed.index(line.name), line))
    _scale(axes, panel)
    if panel.names:
        axes.set_xticks(range(1, len(panel.names) + 1), [textwrap.fill(name, _TICK_WIDTH) for name in panel.names])
        axes.set_xlim(0.5, len(panel.names) + 0.5)
    if len(panel.lines) > 1:
        _legend_above(axes, panel)


def _look(number: int, line: Line) -> dict[str, Any]:
    """Return how computed curve ``number`` looks; long curves put their markers at different places."""
    every = -(-len(line.x) // _MOST_MARKERS)
    return {
        "color": _COLOURS[number % len(_COLOURS)],
        "linestyle": "-" if line.joined or line.bare or every > 1 else "none",
        "linewidth": 0.9,
        "marker": "none" if line.bare else _MARKERS[number % len(_MARKERS)],
        "markersize": 5.5 - 1.7 * (number % 2),  # one shows around another at the same place
        "markerfacecolor": "none",
        "markevery": (number % every, every),
    }


def _scale(axes: Axes, panel: Panel) -> None:
    """Make axes logarithmic, with plain numbers where they span little; whole numbers get whole ticks."""
    from matplotlib.ticker import FixedLocator, MaxNLocator, NullFormatter, StrMethodFormatter

    if all(np.array_equal(line.x, np.round(line.x)) for line in panel.lines):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
        if name in panel.log:
            getattr(axes, f"set_{name}scale")("log", nonpositive="mask")
            low, high = axis.get_view_interval()
            if high < 50.0 * low:
                axis.set_major_locator(FixedLocator(_round_numbers(low, high)))
                axis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axis.set_minor_formatter(NullFormatter())


def _round_numbers(low: float, high: float) -> np.ndarray:
    """Return 1, 2 and 5 times powers of ten between ``low`` and ``high``; all digits, halves, tenths if too few."""
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)))
    for digits in ((1.0, 2.0, 5.0), np.arange(1.0, 10.0), np.arange(1.0, 10.0, 0.5), np.arange(1.0, 10.0, 0.1)):
        found = np.unique(np.outer(decades, digits))
        found = found[(low <= found) & (found <= high)]
        if len(found) > 1:
            break
    return found


def _legend_shape(panel: Panel) -> tuple[int, int]:
    """Return the lines and the columns of a panel's legend."""
    names = {line.name for line in panel.lines}
    longest = max(len(re.sub(r"\\mathrm|[${}_^]", "", name)) for name in names)
    columns = max(1, min(len(names), _LEGEND_WIDTH // (longest + 6)))
    return -(-len(names) // columns), columns


def _legend_above(axes: Axes, panel: Panel) -> None:
    """Put the legend above the axes, where it covers no curve."""
    handles, names = axes.get_legend_handles_labels()
    entries = dict(zip(names, handles, strict=True))
    axes.legend(
        entries.values(),
        entries.keys(),
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        ncols=_legend_shape(panel)[1],
        fontsize=8.5,
        handlelength=1.8,
        columnspacing=1.2,
        borderaxespad=0.2,
    )
