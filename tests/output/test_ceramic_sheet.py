"""The sheet about a ceramic shows its numbers, in 2-D and 3-D, and what little there is of a single crystal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from phasefield.grid import Grid
from postprocess.ceramic import Conductor, Sheet, draw_sheet, save_sheet
from postprocess.grains import PALE
from postprocess.style import METAL, SECOND_PHASE

UM = 1e-6
PANELS = ("Microstructure", "Grain sizes", "Misorientation, by area", "Porosity along the current", "Mean intercept")


def make_sheet(shape: tuple[int, ...]) -> Sheet:
    """Return made-up grains in slices of y, a particle, a pore, and metal up to x = 3.6 um."""
    grid = Grid(shape, (1.0 * UM,) * len(shape))
    place = np.stack(grid.meshgrid(), axis=-1) / UM
    metal = 3.6 - place[..., 0]

    def ball(x: float, y: float) -> np.ndarray:
        # through the whole of z, so that every face across it shows it
        return np.clip(3.5 - np.hypot(place[..., 0] - x, place[..., 1] - y), 0.0, 1.0)

    angle = np.linspace(0.0, 1.1, 200)
    size = np.exp(np.random.default_rng(1).normal(0.0, 0.3, 300)) * 5.0 * UM
    conductors = [
        Conductor(name, {axis: 0.04 for axis in "xyz"[: len(shape)]}, (0.001, 0.06), (0.01, 0.05), 0.045, law)
        for name, law in (("Ions", "brick layers"), ("Electrons", "boundary network"))
    ]
    return Sheet(
        title="made up",
        grid=grid,
        grain_id=np.where(metal > 0.0, 0, 1 + (place[..., 1] // 8.0).astype(int)),
        pore_fraction=ball(24.0, 20.0),
        second_phase_fraction=ball(14.0, 10.0),
        metal_distance=metal * UM,
        diameter=size,
        size_curve=(np.linspace(1.0, 12.0, 50) * UM, np.full(50, 1e5), "asked for"),
        size_note="",
        porosity=np.where(np.arange(shape[0]) < 4, np.nan, 0.1),
        porosity_asked=((4.0 * UM, 20.0 * UM, 0.1),),
        intercept={"x": 6.0 * UM, "y": np.inf},
        misorientation=np.linspace(0.1, 1.0, 60),
        boundary_area=np.ones(60),
        random_curve=(angle, np.ones(200)),
        conductors=tuple(conductors),
    )


def panels(figure: Figure) -> dict[str, object]:
    return {axes.get_title(loc="left").partition("  ")[2]: axes for axes in figure.axes}


@pytest.fixture
def texts() -> Callable[[object], list[str]]:
    return lambda axes: [text.get_text() for text in axes.texts]  # type: ignore[attr-defined]


@pytest.mark.parametrize("shape", [(40, 32), (40, 32, 12)])
def test_every_panel_is_there_and_the_file_is_a_picture(shape: tuple[int, ...], tmp_path: Path) -> None:
    sheet = make_sheet(shape)
    assert list(panels(draw_sheet(sheet))) == [*PANELS, "Ions", "Electrons"]
    save_sheet(sheet, tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
    without = draw_sheet(replace(sheet, conductors=()))
    assert list(panels(without)) == list(PANELS)


def test_a_map_shows_each_phase_where_it_is() -> None:
    axes = panels(draw_sheet(make_sheet((40, 32))))["Microstructure"]
    picture = np.swapaxes(np.asarray(axes.images[0].get_array()), 0, 1)  # type: ignore[attr-defined]
    per_cell = picture.shape[0] // 40

    def colour(x: float, y: float) -> np.ndarray:
        return picture[int(x * per_cell), int(y * per_cell)]

    assert colour(2.0, 16.0) == pytest.approx(to_rgb(METAL))
    assert colour(3.4, 4.0) == pytest.approx(to_rgb(METAL)), "up to its surface"
    assert colour(3.8, 4.0) == pytest.approx(colour(10.0, 4.0)), "and from there on the grain"
    assert any(colour(10.0, 4.0) == pytest.approx(pale) for pale in PALE)
    assert colour(24.0, 20.0) == pytest.approx(to_rgb("white"))
    assert colour(14.0, 10.0) == pytest.approx(to_rgb(SECOND_PHASE))
    assert not np.allclose(colour(30.0, 4.0), colour(30.0, 12.0)), "two grains"
    labels = {text.get_text() for text in axes.get_legend().get_texts()}  # type: ignore[attr-defined]
    assert labels == {"metal", "pore", "second phase"}


def test_a_box_shows_three_faces_with_metal_at_the_beginning_of_x() -> None:
    axes = panels(draw_sheet(make_sheet((40, 32, 12))))["Microstructure"]
    side, front, top = (np.asarray(image.get_array()) for image in axes.images)  # type: ignore[attr-defined]
    for picture in (front, top):
        x, y = picture.shape[1], picture.shape[0]
        shade = picture[y // 2, x // 40] / np.array(to_rgb(METAL))
        assert shade == pytest.approx(np.full(3, shade[0])) and 0.8 < shade[0] <= 1.0
    assert side.shape[1] / side.shape[0] == pytest.approx(32 / 12)
    assert (side.mean(axis=2) > 0.5).mean() > 0.8, "no metal at the far end"
    written = {text.get_text() for text in axes.texts}  # type: ignore[attr-defined]
    assert written == {"x: 40 µm", "y: 32 µm", "z: 12 µm"}


def test_bars_and_points_are_the_numbers() -> None:
    drawn = panels(draw_sheet(make_sheet((40, 32))))
    (bar,) = drawn["Mean intercept"].patches  # type: ignore[attr-defined]
    assert bar.get_height() == pytest.approx(6.0), "an infinite intercept has no bar"
    points = [line for line in drawn["Ions"].lines if line.get_marker() == "o"]  # type: ignore[attr-defined]
    assert drawn["Ions"].get_ylabel() == r"σ [$10^{-2}$ S/m]"  # type: ignore[attr-defined]
    assert points[0].get_ydata() == pytest.approx([4.0, 4.0])
    heights = np.array([patch.get_height() for patch in drawn["Grain sizes"].patches])  # type: ignore[attr-defined]
    widths = np.array([patch.get_width() for patch in drawn["Grain sizes"].patches])  # type: ignore[attr-defined]
    assert heights @ widths == pytest.approx(1.0)
    (line,) = drawn["Grain sizes"].lines  # type: ignore[attr-defined]
    assert line.get_ydata() == pytest.approx(np.full(50, 0.1)), "per micrometre"
    (curve,) = drawn["Misorientation, by area"].lines  # type: ignore[attr-defined]
    assert curve.get_ydata() == pytest.approx(np.full(200, np.pi / 180.0)), "per degree"


def test_a_dense_single_crystal_says_what_it_lacks(texts: Callable[[object], list[str]]) -> None:
    sheet = make_sheet((40, 32))
    nothing = np.zeros(sheet.grid.shape)
    bare = replace(
        sheet,
        grain_id=np.where(sheet.metal_distance > 0.0, 0, 1),
        pore_fraction=nothing,
        second_phase_fraction=nothing,
        metal_distance=nothing - np.inf,
        diameter=np.array([40.0 * UM]),
        size_curve=None,
        porosity=np.zeros(40),
        porosity_asked=(),
        intercept={"x": np.inf, "y": np.inf},
        misorientation=np.zeros(0),
        boundary_area=np.zeros(0),
    )
    drawn = panels(draw_sheet(bare))
    assert texts(drawn["Grain sizes"]) == ["one grain"]
    assert texts(drawn["Misorientation, by area"]) == ["no grain boundaries"]
    assert texts(drawn["Porosity along the current"]) == ["dense: no pores"]
    assert texts(drawn["Mean intercept"]) == ["no boundaries"]
