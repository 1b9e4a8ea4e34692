"""What all figures share: colours, sizes, legends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import Figure
    from PIL.Image import Image

METAL = "#2b3044"
LINE = "#73706b"
SECOND_PHASE = "#d9a021"
PHI_I, PHI_E, DRIVE = (rf"${symbol}$" for symbol in (r"\varphi_\mathrm{i}", r"\varphi_\mathrm{e}", "U"))
DEPTH, ISOLATED, VOLTAGE = "#2b3044", "#c4453c", "#1f6f8b"
_DPI = 200
STYLE: dict[Any, Any] = {
    "font.size": 10.0,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
}


def painted(figure: Figure, dpi: float) -> Image:
    """Return a figure as an RGB picture, ``dpi`` pixels per inch, drawn once; matplotlib's ``savefig`` draws twice."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    with matplotlib.rc_context(STYLE):
        canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())


def save_png(figure: Figure, file: Path) -> None:
    """Write a figure as a PNG that is sharp in print."""
    painted(figure, _DPI).save(file, format="PNG", dpi=(_DPI, _DPI))


def legend_above(axes: Axes, entries: Sequence[Artist] | None = None) -> None:
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


def say_missing(axes: Axes, what: str) -> None:
    """Say in the middle of empty axes what was not saved."""
    axes.text(0.5, 0.5, f"the {what} was not saved", transform=axes.transAxes, ha="center", va="center", color="0.4")


def bar_beside(axes: Axes, colours: ScalarMappable, **options: Any) -> Colorbar:
    """Draw a colour bar beside a map, as high as the map whatever the figure's layout; return it."""
    return axes.figure.colorbar(colours, cax=axes.inset_axes((1.025, 0.0, 0.03, 1.0)), **options)


def pressure_bar(axes: Axes, scale: ScalarMappable) -> None:
    """Draw the colour bar of ``grains.pressure_scale``."""
    low, high = scale.get_clim()
    ticks = [t for e in range(-6, 10) for t in (1.0 * 10.0**e, 3.0 * 10.0**e) if low <= t <= high]
    bar = bar_beside(axes, scale, label="pressure to open a boundary [MPa]", ticks=ticks, format="%g")
    bar.ax.minorticks_off()
