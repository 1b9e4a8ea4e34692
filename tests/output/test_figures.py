"""Pictures show what is there, in 1-D, 2-D and 3-D, still and moving, and their helpers do not lie."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import postprocess
from phasefield import output
from phasefield.grid import Grid
from phasefield.results_folder import open_results
from postprocess import figures
from postprocess.figures import animate, draw, preview
from postprocess.grains import colour_numbers, neighbour_pairs, outlines, refine_labels
from postprocess.style import ISOLATED, STYLE


def test_preview_of_a_folder_is_a_large_picture_with_many_colours(
    tmp_path: Path, grid: Grid, made_up: ModuleType
) -> None:
    from matplotlib.image import imread

    folder = open_results("made_up", tmp_path / "run")
    made_up.write_run(folder, grid)
    preview(postprocess.load(folder), folder / "preview.png")
    picture = imread(folder / "preview.png")
    assert picture.shape[0] >= 1000
    assert picture.shape[1] >= 1800
    assert len(np.unique((picture[..., :3] * 15).astype(int) @ (1, 16, 256))) > 100
    assert not list(folder.glob(".preview*"))


def test_a_picture_that_is_drawn_once_is_that_of_savefig(tmp_path: Path, grid: Grid, made_up: ModuleType) -> None:
    import matplotlib
    from PIL import Image

    folder = open_results("made_up", tmp_path / "run")
    made_up.write_run(folder, grid)
    results = postprocess.load(folder)
    preview(results, tmp_path / "once.png")
    with matplotlib.rc_context(STYLE):
        draw(results).savefig(tmp_path / "twice.png", dpi=200)
    once, twice = Image.open(tmp_path / "once.png"), Image.open(tmp_path / "twice.png")
    assert np.array_equal(np.asarray(once), np.asarray(twice)[..., :3])
    assert np.asarray(twice)[..., 3].min() == 255
    assert once.info["dpi"] == twice.info["dpi"]


def test_every_panel_names_its_quantity_and_unit(tmp_path: Path, grid: Grid, made_up: ModuleType) -> None:
    folder = open_results("made_up", tmp_path / "run")
    made_up.write_run(folder, grid)
    figure = draw(postprocess.load(folder))
    title = figure.get_suptitle()
    assert all(part in title for part in ("made up", "30 s", "0.00833 mAh/cm²", "1 mA/cm²", "short"))
    panels = [panel for axes in figure.axes for panel in (axes, *axes.child_axes)]
    labels = " ".join(axes.get_ylabel() + axes.get_xlabel() for axes in panels)
    for text in ("x [µm]", "y [µm]", "depth [µm]", "voltage [mV]", "capacity [mAh/cm²]", "$U$ [mV]", "mathrm{i}$ [mV]"):
        assert text in labels
    assert "short" not in draw(postprocess.load(folder), 0).get_suptitle()


def test_the_history_is_faint_after_the_frame(tmp_path: Path, grid: Grid, made_up: ModuleType) -> None:
    folder = open_results("made_up", tmp_path / "run")
    made_up.write_run(folder, grid)
    results = postprocess.load(folder)
    for index, steps in ((0, 1), (1, 3), (2, 4)):
        depth = next(axes for axes in draw(results, index).axes if axes.get_ylabel() == "depth [µm]")
        past, whole, now = depth.get_lines()
        assert (len(past.get_xdata()), len(whole.get_xdata())) == (steps, 4)
        assert whole.get_alpha() < 0.5
        assert now.get_xdata()[0] == past.get_xdata()[-1]


@pytest.mark.parametrize("shape", [(40, 29), (20, 14, 12)], ids=["2-D", "3-D"])
def test_pressures_have_a_colour_bar_where_they_differ(
    made_up: ModuleType, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "SCENE_PIXELS", 200)
    grid = Grid(shape, (1e-6,) * len(shape))
    structure, pressure = made_up.make_microstructure(grid)
    for factor, bars in ((0.0, 0), (1.0, 1)):
        varied = pressure * np.exp(factor * grid.meshgrid()[1] / grid.lengths[1])
        frame = output.frame_arrays(
            made_up.make_state(grid, structure, 0, 0.0),
            output.microstructure_arrays(structure, varied),
            ["metal_fraction"],
        )
        results = postprocess.Results(grid=grid, times=[0.0], read_frame=lambda _, frame=frame: frame, history={})
        panel = draw(results).axes[0]
        assert [bar.get_ylabel() for bar in panel.child_axes] == ["pressure to open a boundary [MPa]"] * bars


def test_drive_has_its_neutral_colour_at_zero(tmp_path: Path, grid: Grid, made_up: ModuleType) -> None:
    folder = open_results("made_up", tmp_path / "run")
    made_up.write_run(folder, grid)
    figure = draw(postprocess.load(folder))
    panel = next(axes for axes in figure.axes if "Voltage against" in axes.get_title(loc="left"))
    low, high = panel.images[0].get_clim()
    assert low == pytest.approx(-high)
    assert high > 1.0


def test_one_dimension_gives_lines(tmp_path: Path, made_up: ModuleType) -> None:
    grid = Grid((50, 1), (0.8 * made_up.UM, 0.8 * made_up.UM))
    folder = open_results("made_up", tmp_path / "run")
    made_up.write_run(folder, grid)
    figure = draw(postprocess.load(folder))
    preview(postprocess.load(folder), folder / "preview.png")
    assert (folder / "preview.png").stat().st_size > 10_000
    assert not any(axes.images for axes in figure.axes)
    potentials = next(axes for axes in figure.axes if axes.get_title(loc="left") == "Potentials")
    assert len(potentials.get_lines()) == 5  # three potentials, zero, the electrode's plane


def test_a_frame_without_fields_or_history_says_so(grid: Grid, tmp_path: Path, made_up: ModuleType) -> None:
    structure, pressure = made_up.make_microstructure(grid)
    frame = output.microstructure_arrays(structure, pressure)
    results = postprocess.Results(grid=grid, times=[1.0], read_frame=lambda _: frame, history={})
    preview(results, tmp_path / "a.png")
    texts = [text.get_text() for axes in draw(results).axes for text in axes.texts]
    assert sum("was not saved" in text for text in texts) == 5


def test_isolated_metal_has_a_colour_of_its_own(grid: Grid, made_up: ModuleType) -> None:
    structure, pressure = made_up.make_microstructure(grid)
    state = made_up.make_state(grid, structure, 0, 0.0)
    frame = output.frame_arrays(state, output.microstructure_arrays(structure, pressure), ["metal_fraction"])
    results = postprocess.Results(grid=grid, times=[0.0], read_frame=lambda _: frame, history={})

    def legend() -> list[str]:
        panel = draw(results).axes[0]
        return [text.get_text() for text in panel.get_legend().get_texts()]

    assert legend() == ["metal", "pore"]
    frame["metal_fraction"][30:33, 10:13] = 1.0
    assert legend() == ["metal", "isolated metal", "pore"]


def test_a_failed_preview_leaves_no_file(grid: Grid, tmp_path: Path) -> None:
    def cannot_read(_: int) -> dict[str, np.ndarray]:
        raise OSError("no such disk")

    results = postprocess.Results(grid=grid, times=[0.0], read_frame=cannot_read, history={})
    for write, name in ((preview, "a.png"), (animate, "a.gif")):
        with pytest.raises(OSError, match="no such disk"):
            write(results, tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def box() -> Grid:
    """Return a small 3-D grid with unequal numbers and spacings."""
    return Grid((24, 17, 14), (0.8e-6, 1.0e-6, 0.9e-6))


def test_three_dimensions_give_a_scene_with_scales_beside_the_history(
    tmp_path: Path, box: Grid, made_up: ModuleType
) -> None:
    from matplotlib.image import imread

    folder = open_results("made_up", tmp_path / "run")
    made_up.write_run(folder, box)
    preview(postprocess.load(folder), folder / "preview.png")
    picture = imread(folder / "preview.png")
    assert picture.shape[0] >= 1000
    assert picture.shape[1] >= 1800
    figure = draw(postprocess.load(folder))
    scene, *others = figure.axes
    texts = {text.get_text() for text in scene.texts}
    assert {"x [µm]", "y [µm]", "z [µm]", "0", "10", "15"} <= texts  # 19.2, 17 and 12.6 um
    assert [text.get_text() for text in scene.get_legend().get_texts()] == ["metal"]
    assert {"Penetration depth", "Cell voltage"} <= {axes.get_title(loc="left") for axes in others}
    assert "30 s" in figure.get_suptitle()


def share_of(colour: str, picture: np.ndarray) -> float:
    """Return the share of a picture's opaque pixels that have the hue of a colour, light or dark."""
    from matplotlib.colors import to_rgb

    pixels = picture[picture[..., 3] == 1.0][:, :3]
    direction = np.array(to_rgb(colour)) - np.mean(to_rgb(colour))
    centred = pixels - pixels.mean(axis=1, keepdims=True)
    along = centred @ direction / np.maximum(np.linalg.norm(centred, axis=1) * np.linalg.norm(direction), 1e-9)
    return float(np.mean((along > 0.97) & (np.ptp(pixels, axis=1) > 0.15)))


def test_isolated_metal_has_a_colour_of_its_own_in_3d_down_to_one_cell(
    box: Grid, made_up: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "SCENE_PIXELS", 400)
    structure, pressure = made_up.make_microstructure(box)
    state = made_up.make_state(box, structure, 0, 0.0)
    frame = output.frame_arrays(state, output.microstructure_arrays(structure, pressure), ["metal_fraction"])
    results = postprocess.Results(grid=box, times=[0.0], read_frame=lambda _: frame, history={})

    def red() -> float:
        return share_of(ISOLATED, np.asarray(draw(results).axes[0].images[0].get_array()))

    assert red() == 0.0
    frame["metal_fraction"][18, 4, 10] = 1.0
    assert 1e-5 < red() < 0.01
    frame["metal_fraction"][15:20, 3:7, 8:12] = 1.0
    assert 0.01 < red() < 0.2
    del frame["metal_fraction"]
    assert [text.get_text() for text in draw(results).axes[0].texts] == ["the metal fraction was not saved"]


def gif(path: Path) -> tuple[list[np.ndarray], list[int]]:
    """Return the pictures of a GIF and how long each is shown [ms]."""
    from PIL import Image, ImageSequence

    with Image.open(path) as image:
        frames = [(np.array(frame.convert("RGB")), frame.info["duration"]) for frame in ImageSequence.Iterator(image)]
        assert image.info["loop"] == 0  # for ever
    return [picture for picture, _ in frames], [shown for _, shown in frames]


@pytest.mark.parametrize("shape", [(50, 1), (40, 29), (20, 14, 12)], ids=["1-D", "2-D", "3-D"])
def test_an_animation_shows_every_frame_on_white_paper(
    tmp_path: Path, made_up: ModuleType, shape: tuple[int, ...]
) -> None:
    folder = open_results("made_up", tmp_path / "run")
    made_up.write_run(folder, Grid(shape, (1e-6,) * len(shape)))
    results = postprocess.load(folder)
    animate(results, tmp_path / "growth.gif")
    pictures, shown = gif(tmp_path / "growth.gif")
    assert len(pictures) == len(results.times) == 3
    assert shown == [500, 500, 2000]
    assert all((picture[0, -1] == 255).all() for picture in pictures)
    changes = [np.mean(one != next_one) for one, next_one in itertools.pairwise(pictures)]
    assert min(changes) > 0.005
    assert (tmp_path / "growth.gif").stat().st_size < 500_000
    assert not list(tmp_path.glob(".*"))


def test_white_stays_white_among_many_pale_colours(tmp_path: Path) -> None:
    from PIL import Image

    pixels = np.random.default_rng(2).integers(230, 256, (200, 200, 3), dtype=np.uint8)
    pixels[:20] = 255
    noisy = [Image.fromarray(pixels), Image.fromarray(pixels[:, ::-1].copy())]
    assert figures.palette(noisy)[0].tolist() == [255, 255, 255]
    assert len(figures.palette(noisy)) <= 256
    figures.write_gif(noisy, tmp_path / "a.gif")
    pictures, _ = gif(tmp_path / "a.gif")
    for picture, original in zip(pictures, (pixels, pixels[:, ::-1]), strict=True):
        assert (picture[:20] == 255).all()
        assert np.abs(picture.astype(int) - original).max() <= 8


def test_an_animation_of_many_frames_leaves_some_out(
    tmp_path: Path, made_up: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "MOST_FRAMES", 5)
    grid = Grid((50, 1), (0.8e-6, 0.8e-6))
    structure, pressure = made_up.make_microstructure(grid)
    constant = output.microstructure_arrays(structure, pressure)

    seen = []

    def frame(index: int) -> dict[str, np.ndarray]:
        seen.append(index)
        return output.frame_arrays(
            made_up.make_state(grid, structure, index, 2e-7 * index), constant, ["metal_fraction"]
        )

    results = postprocess.Results(grid=grid, times=range(101), read_frame=frame, history={})
    animate(results, tmp_path / "growth.gif")
    pictures, _ = gif(tmp_path / "growth.gif")
    assert len(pictures) == 5
    assert seen == [0, 25, 50, 75, 100]


def test_refined_labels_keep_area_and_straighten_a_staircase() -> None:
    x, y = np.meshgrid(np.arange(48) + 0.5, np.arange(36) + 0.5, indexing="ij")
    labels = np.where(x > 16.0 + 0.4 * y, 2, 1)
    fine = refine_labels(labels, 4, "mirror")
    assert fine.shape == (192, 144)
    assert np.mean(fine == 2) == pytest.approx(np.mean(labels == 2), abs=0.004)
    xf, yf = np.meshgrid((np.arange(192) + 0.5) / 4, (np.arange(144) + 0.5) / 4, indexing="ij")
    inside = slice(24, -24)
    wrong = (fine != np.where(xf > 16.0 + 0.4 * yf, 2, 1))[:, inside]
    blocky = (np.kron(labels, np.ones((4, 4))) != np.where(xf > 16.0 + 0.4 * yf, 2, 1))[:, inside]
    assert wrong.sum() < 0.5 * blocky.sum()


def test_refined_labels_do_not_care_where_a_periodic_side_is(made_up: ModuleType) -> None:
    structure, _ = made_up.make_microstructure(Grid((40, 30), (made_up.UM, made_up.UM)))
    labels = structure.grain_id
    fine = refine_labels(labels, 3, "periodic")
    rolled = refine_labels(np.roll(labels, 7, axis=1), 3, "periodic")
    assert np.mean(np.roll(fine, 21, axis=1) != rolled) < 1e-3


def test_neighbours_get_different_colours(grid: Grid, made_up: ModuleType) -> None:
    structure, _ = made_up.make_microstructure(grid, grains=30)
    pairs = neighbour_pairs(structure.grain_id, "periodic")
    numbers = colour_numbers(pairs, structure.grain_id)
    assert len(pairs) > 40
    clashes = np.mean(numbers[pairs[:, 0]] == numbers[pairs[:, 1]])
    assert clashes <= 0.03


def test_outlines_leave_the_electrode_out() -> None:
    labels = np.zeros((10, 6), dtype=np.int64)
    labels[4:, :3] = 1
    labels[4:, 3:] = 2
    line = outlines(labels, 1)
    assert line[5:, 3].all()
    assert not line[:4].any()
    assert not line[:, :2].any()
