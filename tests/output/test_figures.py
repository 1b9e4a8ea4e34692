"""The preview draws what is there, in 1-D and 2-D, and its helpers do not lie."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import postprocess
from phasefield import output
from phasefield.grid import Grid
from phasefield.results_folder import open_results
from postprocess.figures import draw, preview
from postprocess.grains import colour_numbers, neighbour_pairs, outlines, refine_labels


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


def test_every_panel_names_its_quantity_and_unit(tmp_path: Path, grid: Grid, made_up: ModuleType) -> None:
    folder = open_results("made_up", tmp_path / "run")
    made_up.write_run(folder, grid)
    figure = draw(postprocess.load(folder))
    title = figure.get_suptitle()
    assert all(part in title for part in ("made up", "30 s", "0.00833 mAh/cm²", "1 mA/cm²", "short"))
    labels = " ".join(axes.get_ylabel() + axes.get_xlabel() for axes in figure.axes)
    for text in ("x [µm]", "y [µm]", "depth [µm]", "voltage [mV]", "capacity [mAh/cm²]", "$U$ [mV]", "mathrm{i}$ [mV]"):
        assert text in labels
    assert "short" not in draw(postprocess.load(folder), 0).get_suptitle()


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


def test_a_failed_preview_leaves_no_file(tmp_path: Path, made_up: ModuleType) -> None:
    results = postprocess.Results(
        grid=Grid((4, 4, 4), (made_up.UM, made_up.UM, made_up.UM)), times=[0.0], read_frame=lambda _: {}, history={}
    )
    with pytest.raises(ValueError, match="3-D"):
        preview(results, tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


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
    numbers = colour_numbers(structure.grain_id, "periodic")
    pairs = neighbour_pairs(structure.grain_id, "periodic")
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
