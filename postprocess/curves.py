"""Curves against a reference: plain panels of lines, for pages that compare numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from postprocess.style import ISOLATED, METAL, STYLE, VOLTAGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = (VOLTAGE, ISOLATED, "#c98a1b", "#5f9350", "#7d5ba6", "#4f4a45", "#4aa3c4", "#d27c98")
_MARKERS = "osD^vPX*"
_DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)))  # of the references, in the order of their names
_MOST_MARKERS = 25  # on one curve
_FEW = 12  # points: so many markers show by themselves how a curve goes, if the reference runs through them
_LEGEND_CHARACTERS = 54  # that fit above a panel
_DPI = 110
_WIDTH, _HEIGHT = 4.6, 3.4  # of a panel [inch]


@dataclass(frozen=True)
class Line:
    """One curve. ``exact``: the reference, drawn as a dark line; what is computed is drawn as markers."""

    name: str
    x: np.ndarray
    y: np.ndarray
    exact: bool = False


@dataclass(frozen=True)
class Panel:
    """Lines over common axes, whose labels name quantity and unit; ``log``: which axes are logarithmic."""

    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    log: Literal["", "x", "y", "xy"] = ""


def draw_panels(panels: Sequence[Panel], title: str) -> Figure:
    """Draw ``panels`` in two columns below ``title``; lines of the same name share one entry of the legend."""
    import matplotlib
    from matplotlib.figure import Figure

    columns = min(len(panels), 2)
    rows = -(-len(panels) // columns)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(_WIDTH * max(columns, 1.3), _HEIGHT * rows + 0.4), dpi=_DPI, layout="constrained")
        figure.suptitle(title, x=0.01, ha="left", fontsize=11.0)
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes, panel in zip(grid.flat, panels, strict=False):
            _draw_panel(axes, panel)
        for axes in grid.flat[len(panels) :]:
            axes.set_axis_off()
    return figure


def save_panels(panels: Sequence[Panel], title: str, path: Path) -> None:
    """Write the picture that ``draw_panels`` draws to ``path``, a PNG of some ten kilobytes."""
    import matplotlib

    figure = draw_panels(panels, title)
    with matplotlib.rc_context(STYLE):
        figure.savefig(path, format="png", dpi=_DPI)


def _draw_panel(axes: Axes, panel: Panel) -> None:
    axes.set_xscale("log" if "x" in panel.log else "linear")
    axes.set_yscale("log" if "y" in panel.log else "linear")
    axes.set_xlabel(panel.x_label)
    axes.set_ylabel(panel.y_label)
    computed = [line for line in panel.lines if not line.exact]
    references = list(dict.fromkeys(line.name for line in panel.lines if line.exact))
    for line in panel.lines:
        if line.exact:
            dashes = _DASHES[references.index(line.name) % len(_DASHES)]
            axes.plot(line.x, line.y, color=METAL, linestyle=dashes, linewidth=1.3, zorder=2.0, label=line.name)
    for number, line in enumerate(computed):
        joined = len(line.x) > _FEW or not references
        axes.plot(line.x, line.y, label=line.name, zorder=3.0, **_look(number, len(line.x), len(computed), joined))
    if len(panel.lines) > 1:
        _legend_above(axes)


def _look(number: int, points: int, curves: int, joined: bool) -> dict[str, Any]:
    """Return how computed curve ``number`` of so many ``curves`` looks; curves put their markers at different places."""
    every = -(-points // _MOST_MARKERS) * (1 if curves < 3 else 2)
    return {
        "color": _COLOURS[number % len(_COLOURS)],
        "linestyle": "-" if joined else "none",
        "linewidth": 0.9,
        "marker": _MARKERS[number % len(_MARKERS)],
        "markersize": 4.5,
        "markerfacecolor": "none",
        "markevery": (number * every // curves, every) if points > _MOST_MARKERS else None,
    }


def _legend_above(axes: Axes) -> None:
    """Put the legend above the axes, where it covers no curve."""
    handles, names = axes.get_legend_handles_labels()
    entries = dict(zip(names, handles, strict=True))
    columns = max(1, min(len(entries), _LEGEND_CHARACTERS // (max(map(len, entries)) + 6)))
    axes.legend(
        entries.values(),
        entries.keys(),
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        ncols=columns,
        fontsize=8.5,
        handlelength=1.6,
        columnspacing=1.2,
        borderaxespad=0.2,
    )
