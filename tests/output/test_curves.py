"""Panels show every curve against its reference, and their legends cover nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from postprocess.curves import ALLOWED, Line, Panel, draw_panels, save_panels
from postprocess.style import METAL

X = np.linspace(1.0, 10.0, 10)
LONG = np.linspace(0.0, 1.0, 1000)


def panel(*lines: Line, log: str = "") -> Panel:
    return Panel("time [s]", "depth [µm]", lines, log)  # type: ignore[arg-type]


def drawn(*lines: Line, log: str = ""):  # type: ignore[no-untyped-def]
    return draw_panels([panel(*lines, log=log)], "V0: a title").axes[0]


def test_references_are_dark_lines_and_computed_values_markers() -> None:
    axes = drawn(Line("formula", X, X**2, exact=True), Line("computed", X, X**2), Line(ALLOWED, X, X, exact=True))
    formula, computed, allowed = axes.get_lines()
    assert (formula.get_color(), formula.get_linestyle(), formula.get_marker()) == (METAL, "-", "None")
    assert (computed.get_linestyle(), computed.get_marker()) == ("None", "o")
    assert (allowed.get_color(), allowed.get_linestyle()) == (METAL, "--")
    assert computed.get_zorder() > formula.get_zorder()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time [s]", "depth [µm]")
    assert np.array_equal(computed.get_xydata(), np.column_stack([X, X**2]))


def test_long_curves_are_joined_and_bear_few_markers() -> None:
    one, two = drawn(Line("one", LONG, LONG), Line("two", LONG, -LONG)).get_lines()
    assert one.get_linestyle() == "-"
    assert one.get_markevery() == (0, 40)
    assert two.get_markevery() == (1, 40)
    assert drawn(Line("few", X, X, joined=True)).get_lines()[0].get_linestyle() == "-"


def test_lines_of_one_name_look_the_same_and_are_named_once() -> None:
    axes = drawn(
        Line("series", X, X, exact=True), Line("series", X, 2 * X, exact=True), Line("a", X, X), Line("a", X, 2 * X)
    )
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["series", "a"]
    *_, first, second = axes.get_lines()
    assert first.get_color() == second.get_color()


def test_a_single_line_needs_no_legend() -> None:
    assert drawn(Line("computed", X, X)).get_legend() is None


@pytest.mark.parametrize("count", [2, 4, 8])
def test_legends_are_above_their_panels_and_inside_the_picture(count: int) -> None:
    lines = [Line(f"a case of some length {i}", X, i * X) for i in range(count)]
    figure = draw_panels([panel(*lines)] * 3, "V0: " + "a long title " * 12)
    figure.draw_without_rendering()
    for axes in figure.axes[:3]:
        legend, inside = axes.get_legend().get_window_extent(), axes.get_window_extent()
        assert legend.y0 >= inside.y1 - 1.0
        assert figure.bbox.x0 <= legend.x0 and legend.x1 <= figure.bbox.x1
        assert inside.height > 200.0
    assert figure._suptitle.get_window_extent().x1 <= figure.bbox.x1  # type: ignore[attr-defined]
    assert not figure.axes[3].axison


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(3.0, 60.0, [5.0, 10.0, 20.0, 50.0]), (0.16, 0.31, [0.2, 0.3]), (0.41, 0.44, [0.41, 0.42, 0.43, 0.44])],
)
def test_logarithmic_axes_that_span_little_have_round_numbers(low: float, high: float, expected: list[float]) -> None:
    axes = drawn(Line("computed", np.array([low, high]), np.array([1.0, 1e6])), log="xy")
    shown = [tick for tick in axes.get_xticks() if 0.999 * low <= tick <= 1.001 * high]
    assert shown == pytest.approx(expected)
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")


def test_zeros_are_left_out_of_a_logarithmic_axis_and_whole_numbers_are_ticks() -> None:
    axes = drawn(Line("computed", np.arange(5.0), np.array([0.0, 1e-9, 0.0, 1e-8, np.inf])), log="y")
    axes.figure.draw_without_rendering()
    low, high = axes.get_ylim()
    assert 1e-10 < low < 1e-9
    assert 1e-8 < high < 1e-7
    assert not np.isfinite(axes.yaxis.get_transform().transform(0.0))  # not drawn at the bottom either
    assert np.array_equal(axes.get_xticks(), np.round(axes.get_xticks()))


def test_a_picture_is_small_and_not_blank(tmp_path: Path) -> None:
    from matplotlib.colors import to_rgb
    from matplotlib.image import imread

    panels = [panel(*(Line(f"case {i}", LONG, np.sin((i + 3) * LONG)) for i in range(8)))] * 2
    save_panels(panels, "V0: a title", tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size < 60_000
    picture = imread(tmp_path / "a.png")[..., :3]
    for line in draw_panels(panels, "").axes[0].get_lines():
        off = np.abs(picture - to_rgb(line.get_color())).max(axis=2)
        assert (off < 0.06).mean() > 1e-4, f"{line.get_label()} has lost its colour"
    assert (picture > 0.98).all(axis=2).mean() > 0.5
