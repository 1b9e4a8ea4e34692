"""Images and arrays of labels: which voxel comes where, what labels mean, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from microstructures import Microstructure, build
from microstructures.images import READERS, ImageSource, Labels, Phases, from_image, read_labels, separate
from phasefield.grid import Grid

UM = 1e-6
INPUTS = Path(__file__).parents[2] / "cases" / "inputs"
NUMBERS = np.arange(1, 13).reshape(3, 4)  # three rows of four pixels, no two alike
DOT = Phases(pore=(9,))


def saved(folder: Path, pixels: np.ndarray, name: str = "image.png") -> Path:
    """Save rows of pixels, or pages of them."""
    file = folder / name
    if name.endswith("npy"):
        np.save(file, pixels)
    elif pixels.ndim == 2:
        Image.fromarray(pixels).save(file)
    else:
        pages = [Image.fromarray(page) for page in pixels]
        pages[0].save(file, save_all=True, append_images=pages[1:])
    return file


def pores_of(source: ImageSource, shape: tuple[int, ...], electrode_cells: int = 0, spacing: float = UM) -> np.ndarray:
    grid = Grid(shape, (spacing,) * len(shape), "mirror")
    return from_image(source, grid, electrode_cells * spacing, 2 * spacing).pore_fraction


def test_an_image_lies_as_on_the_screen(tmp_path: Path) -> None:
    pixels = np.ones((3, 4), dtype=np.uint8)
    pixels[0, 3] = 9  # at the top on the right
    source = ImageSource(saved(tmp_path, pixels), (UM, UM), DOT)
    pores = pores_of(source, (6, 3), electrode_cells=2)
    assert np.argwhere(pores).tolist() == [[5, 2]]
    turned = replace(source, axes=("y", "x"))  # the electrode at the top
    assert np.argwhere(pores_of(turned, (5, 4), electrode_cells=2)).tolist() == [[2, 3]]
    mirrored = replace(source, axes=("-x", "y"))
    assert np.argwhere(pores_of(mirrored, (4, 3))).tolist() == [[0, 0]]


def test_pages_of_a_stack_run_along_z(tmp_path: Path) -> None:
    pages = np.ones((5, 3, 4), dtype=np.uint8)
    pages[4, 2, 0] = 9  # the last page, at the bottom on the left
    source = ImageSource(saved(tmp_path, pages, "stack.tif"), (UM,) * 3, DOT)
    assert np.argwhere(pores_of(source, (4, 3, 5))).tolist() == [[0, 0, 4]]


def test_arrays_are_indexed_x_y_z(tmp_path: Path) -> None:
    values = np.ones((4, 3, 5), dtype=np.int16)
    values[3, 0, 1] = 9
    source = ImageSource(saved(tmp_path, values, "array.npy"), (UM,) * 3, DOT)
    assert np.argwhere(pores_of(source, (4, 3, 5))).tolist() == [[3, 0, 1]]


@pytest.mark.parametrize("mode", ["L", "I;16", "I", "F", "RGB", "RGBA", "LA", "P"])
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_every_way_to_save_labels_gives_them_back(tmp_path: Path, mode: str, ending: str) -> None:
    if (mode, ending) in (("F", "png"), ("I", "png")):
        pytest.skip("PNG cannot hold it")
    kinds = {"I;16": np.uint16, "I": np.int32, "F": np.float32}
    image = Image.fromarray(NUMBERS.astype(kinds.get(mode, np.uint8)))
    if mode == "P":
        image = image.convert("P")
        image.putpalette([channel for n in range(20) for channel in (255 - n, n, 7)])
    elif mode not in kinds:
        image = image.convert(mode)
    image.save(tmp_path / f"image.{ending}")
    labels = read_labels(tmp_path / f"image.{ending}")
    assert np.array_equal(labels.values.T, NUMBERS)
    assert labels.axes == ("x", "-y")


def test_a_grey_palette_gives_greys(tmp_path: Path) -> None:
    greys = np.array([[250, 3], [3, 77]], dtype=np.uint8)
    Image.fromarray(greys).quantize(3).save(tmp_path / "image.png")
    assert np.array_equal(read_labels(tmp_path / "image.png").values.T, greys)


def test_finer_voxels_give_shares(tmp_path: Path) -> None:
    pixels = np.ones((6, 9), dtype=np.uint8)
    pixels[3:6, 0:4] = 9  # at the bottom on the left: a cell of 3 x 3, and a third of the next
    source = ImageSource(saved(tmp_path, pixels), (UM, UM), DOT)
    assert pores_of(source, (3, 2), spacing=3 * UM)[:, 0] == pytest.approx([1.0, 1.0 / 3.0, 0.0], abs=2e-6)
    assert not pores_of(source, (3, 2), spacing=3 * UM)[:, 1].any()
    # cells of 2.5 voxels that begin half a voxel behind the corner
    moved = replace(source, origin=(0.5 * UM, 0.0))
    assert pores_of(moved, (3, 2), spacing=2.5 * UM)[:, 0] == pytest.approx([1.0, 0.4, 0.0], abs=2e-6)


def test_coarser_voxels_are_what_they_are_in_every_cell(tmp_path: Path) -> None:
    pixels = np.array([[1, 2], [9, 3]], dtype=np.uint8)
    source = ImageSource(saved(tmp_path, pixels), (2 * UM, 3 * UM), DOT)
    grid = Grid((4, 6), (UM, UM), "mirror")
    made = from_image(source, grid, 0.0, UM)
    assert np.array_equal(np.unique(made.pore_fraction), [0.0, 1.0])
    assert made.pore_fraction[:2, :3].all()
    assert made.pore_fraction.sum() == 6.0
    assert np.array_equal(made.grain_id[:2, 3:], np.ones((2, 3)))
    assert np.array_equal(made.grain_id[2:, 3:], np.full((2, 3), 2))


def test_a_part_begins_at_its_origin(tmp_path: Path) -> None:
    pixels = np.ones((8, 10), dtype=np.uint8)
    pixels[3, 6] = 9  # x = 6, y = 8 - 1 - 3 = 4
    source = ImageSource(saved(tmp_path, pixels), (UM, UM), DOT, origin=(4 * UM, 3 * UM), size=(5 * UM, 4 * UM))
    assert np.argwhere(pores_of(source, (5, 3), electrode_cells=1)).tolist() == [[3, 1]]


def test_drawn_lines_become_boundaries_in_their_middle(tmp_path: Path) -> None:
    exact = build(Grid((120, 80), (UM, UM), "mirror"), "bicrystal", 0.0, 6 * UM, angle=np.radians(20.0))
    pixels = np.where(exact.boundary_distance < 2 * UM, 200, exact.grain_id).astype(np.uint8)
    file = saved(tmp_path, pixels.T[::-1])
    made = from_image(ImageSource(file, (UM, UM), Phases(grain_boundary=(200,))), exact.grid, 0.0, 6 * UM)
    assert made.boundary_per_volume == pytest.approx(exact.boundary_per_volume, rel=0.02)
    error = (made.boundary_distance - exact.boundary_distance)[8:-8, 5:-5]
    assert np.sqrt(np.mean(error**2)) < 0.3 * UM
    assert not made.pore_fraction.any()


@pytest.mark.parametrize(("repeats", "grains"), [(False, 3), (True, 2)])
def test_regions_of_a_single_phase_are_grains(tmp_path: Path, repeats: bool, grains: int) -> None:
    values = np.ones((30, 24), dtype=np.uint8)
    values[:, [7, 16]] = 0
    source = ImageSource(
        saved(tmp_path, values, "phases.npy"), (UM, UM), Phases(((1, 1),), grain_boundary=(0,)), repeats=repeats
    )
    made = from_image(source, Grid((30, 24), (UM, UM)), 0.0, UM)
    assert made.grain_id.max() == grains
    assert np.array_equal(made.boundary_pairs, [[1, 2], [2, 3]] if grains == 3 else [[1, 2]])


def test_every_phase_comes_where_it_was_drawn(tmp_path: Path) -> None:
    values = np.repeat([[5, 5, 5, 80, 80, 80]], 12, axis=0).repeat(2, axis=1)
    values[2:4, 1:3], values[6:8, 1:3], values[6:8, 8:10] = 100, 101, 102
    phases = Phases(((1, 50), (60, 90)), pore=(100,), metal=(101,), second_phase=(102,))
    source = ImageSource(saved(tmp_path, values, "all.npy"), (UM, UM), phases)
    made = from_image(source, Grid((14, 12), (UM, UM), "mirror"), 2 * UM, UM)
    inside = [made.pore_fraction[2:], made.second_phase_fraction[2:], made.metal_distance[2:]]
    assert np.array_equal(inside[0] == 1.0, (values == 100) | (values == 101))
    assert np.array_equal(inside[1] == 1.0, values == 102)
    assert np.array_equal(inside[2] > 0.0, values == 101)
    assert np.array_equal(made.grain_id[2:], np.repeat([[1, 2]], 12, axis=0).repeat(6, axis=1))


def test_voxels_without_grain_go_to_the_nearest_in_space() -> None:
    values = np.array([[1, 0, 0, 0, 0], [0, 0, 0, 0, 2]])
    phases = Phases(pore=(0,))
    wide, tall = (separate(values, phases, size, "mirror").grain for size in ((1.0, 9.0), (9.0, 1.0)))
    assert wide[1, 0] == 1
    assert tall[0, 4] == 1
    assert wide[0, 4] == 2


def test_another_reader_needs_only_to_return_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "map.ang").write_text("1 2 3")
    monkeypatch.setitem(
        READERS, ".ang", lambda file: Labels(np.array([file.read_text().split()]).astype(int), ("y", "x"))
    )
    source = ImageSource(tmp_path / "map.ang", (UM, UM), Phases())
    assert np.array_equal(from_image(source, Grid((3, 1), (UM, UM)), 0.0, UM).grain_id[:, 0], [1, 2, 3])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"voxel_size": (0.5 * UM, UM)}, "image.png is 2 x 3 um, smaller than the ceramic of 4 x 3 um"),
        ({"size": (4 * UM, 2 * UM)}, "that is used 4 x 2 um, smaller than the ceramic of 4 x 3 um"),
        ({"origin": (UM, 0.0), "size": (4 * UM, 3 * UM)}, "reaches beyond the image of 4 x 3 um"),
        ({"voxel_size": (UM, UM, UM)}, "voxel_size needs a positive length along each of 2 axes"),
        ({"voxel_size": (UM, 0.0)}, "voxel_size needs a positive length"),
        ({"phases": Phases(((1, 3),))}, "labels 4, 5, 6, 7, 8, 9, 10, 11, 12 have no meaning"),
        ({"phases": Phases(((1, 12),), pore=(3,))}, "labels 3 have more than one meaning: grains, pore"),
        ({"phases": Phases(pore=tuple(range(1, 13)))}, "no grains: none of the labels 1, .*12 means one"),
        ({"axes": ("x", "z")}, "axes must name each of x, y once, not x, z"),
        ({"file": Path("nowhere.png")}, "no image nowhere.png"),
        ({"file": Path("labels.ods")}, "labels.ods is no image that can be read"),
    ],
)
def test_refuses_what_does_not_fit(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    source = ImageSource(saved(tmp_path, NUMBERS.astype(np.uint8)), (UM, UM), Phases())
    grid = Grid((5, 3), (UM, UM), "mirror")
    from_image(source, grid, UM, UM)
    with pytest.raises(ValueError, match=message):
        from_image(replace(source, **changes), grid, UM, UM)


def test_refuses_files_without_labels(tmp_path: Path) -> None:
    colours = np.stack([NUMBERS, NUMBERS, NUMBERS + 1], axis=2).astype(np.uint8)
    Image.fromarray(colours).save(tmp_path / "colours.png")
    whole = (INPUTS / "grains_2d.png").read_bytes()
    (tmp_path / "short.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "broken.tif").write_bytes(b"no image")
    (tmp_path / "broken.npy").write_bytes(b"no array")
    for name, message in (
        ("colours.png", "is in colour, and labels are whole numbers"),
        ("short.png", "short.png cannot be read as an image"),
        ("broken.tif", "broken.tif cannot be read as an image"),
        ("broken.npy", "broken.npy cannot be read as a NumPy array"),
        (saved(tmp_path, np.full((3, 4), 0.5), "shares.npy").name, "holds float64 values, not labels"),
        (saved(tmp_path, np.array([["a"]]), "text.npy").name, "not labels"),
    ):
        with pytest.raises(ValueError, match=message):
            read_labels(tmp_path / name)


def test_refuses_a_stack_for_a_flat_box_and_the_other_way_round(tmp_path: Path) -> None:
    flat = ImageSource(saved(tmp_path, NUMBERS.astype(np.uint8)), (UM, UM), Phases())
    stack = ImageSource(INPUTS / "grains_3d.tif", (UM,) * 3, Phases())
    with pytest.raises(ValueError, match="image.png has 2 axes, and the box has 3"):
        from_image(flat, Grid((4, 3, 2), (UM,) * 3), 0.0, UM)
    with pytest.raises(ValueError, match="grains_3d.tif has 3 axes, and the box has 2"):
        from_image(stack, Grid((4, 3), (UM,) * 2), 0.0, UM)


def grains_and_pores(made: Microstructure) -> tuple[int, float]:
    inside = ~made.in_electrode
    return int(made.grain_id.max()), float(made.pore_fraction[inside].mean())


def test_examples_hold_what_they_say() -> None:
    size = 0.25 * UM
    image = ImageSource(INPUTS / "grains_2d.png", (size, size), Phases(pore=(0,), second_phase=(255,)))
    made = from_image(image, Grid((84, 60), (2 * size,) * 2), 4 * 2 * size, UM)
    grains, pores = grains_and_pores(made)
    assert 30 < grains < 60
    exact = np.pi * sum(r**2 for r in (1.6, 2.2, 1.3, 1.8)) / (40.0 * 30.0)
    assert pores == pytest.approx(exact, rel=0.03)
    area = made.second_phase_fraction.sum() * made.grid.cell_volume
    assert area == pytest.approx(np.pi * 2.6 * 1.5 * UM**2, rel=0.03)

    stack = ImageSource(INPUTS / "grains_3d.tif", (0.5 * UM,) * 3, Phases(pore=(0,)))
    grains, pores = grains_and_pores(from_image(stack, Grid((32, 32, 32), (0.5 * UM,) * 3), 0.0, 3 * UM))
    assert grains > 15
    assert pores == pytest.approx(4.0 / 3.0 * np.pi * 2.5**3 / 16.0**3, rel=0.06)  # a ball of voxels

    array = ImageSource(INPUTS / "phases_2d.npy", (size, size), Phases(((1, 1),), grain_boundary=(2,)))
    made = from_image(array, Grid((120, 90), (size, size), "mirror"), 0.0, UM)
    assert grains_and_pores(made) == (14, 0.0)  # four layers of three bricks, two of them with two halves
    assert made.boundary_per_volume * 30.0 * 22.5 * UM == pytest.approx(3 * 22.5 + 10 * 7.5, rel=0.02)
