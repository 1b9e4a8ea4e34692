"""Pieces of a map as coarse unknowns."""

from __future__ import annotations

import numpy as np
import pytest

from phasefield.grid import Lateral
from phasefield.grid_labels import label_connected
from phasefield.numerics import regions


def picture(*rows: str) -> np.ndarray:
    """Return a 2-D map as a box, x downwards."""
    return np.array([[[letter == "#" for letter in row]] for row in rows])


TWO_ROWS = picture(
    "#......#",
    "........",
    "........",
    "........",
    "...##...",
)


def partition(mask: np.ndarray, lateral: Lateral) -> tuple[np.ndarray, int]:
    return regions.extend(*label_connected(mask, lateral))


@pytest.mark.parametrize("axis", [1, 2], ids=["y", "z"])
def test_pieces_join_across_the_periodic_side_only_where_there_is_one(axis: int) -> None:
    mask = TWO_ROWS if axis == 2 else TWO_ROWS.swapaxes(1, 2)
    assert partition(mask, "periodic")[1] == 2
    assert partition(mask, "mirror")[1] == 3


def test_every_cell_takes_the_number_of_the_nearest_piece() -> None:
    labels, _ = partition(TWO_ROWS, "periodic")
    assert (labels[:2, 0, [0, 1, 6, 7]] == 0).all() and (labels[3:, 0, 2:6] == 1).all()
    assert labels.dtype == np.int32


def test_the_nearest_piece_is_found_along_all_three_axes() -> None:
    mask = np.zeros((9, 7, 8), dtype=bool)
    mask[1, 1, 1] = mask[7, 1, 1] = mask[1, 5, 1] = mask[1, 1, 6] = True
    labels, count = partition(mask, "mirror")
    assert count == 4
    corners = [labels[c] for c in ((0, 0, 0), (0, 0, 7), (0, 6, 0), (8, 0, 0))]
    assert corners == [0, 1, 2, 3]


def test_an_empty_map_has_no_pieces() -> None:
    labels, count = partition(np.zeros((4, 2, 3), dtype=bool), "periodic")
    assert count == 0 and (labels == 0).all()


def test_beyond_the_limit_the_largest_pieces_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regions, "MOST", 2)
    mask = picture("#.......##......", "........##.....#", "...............#", "................")
    labels, count = partition(mask, "mirror")
    assert count == 2
    assert labels[0, 0, 8] == 0 and labels[1, 0, 15] == 1
    assert labels[0, 0, 0] == 0, "a piece that is not kept belongs to its nearest neighbour"


@pytest.mark.parametrize("layers", [1, 3])
def test_regions_number_ceramic_for_ions_and_metal_for_electrons(layers: int) -> None:
    """Also where the picture is the same in every layer."""
    flat = picture("########", "########", "#..##..#", "########", "........", "..#.....")
    metal = np.repeat(flat, layers, axis=1)
    pieces = regions.Regions(metal.shape, "mirror", always=True)
    pieces.update(metal, metal)
    ions, electrons = pieces.labels[:, 1:-1, :, 1:-1]
    assert pieces.count == 5
    for j in range(layers):
        assert sorted({int(ions[i, j, k]) for i, k in ((2, 1), (2, 5), (4, 0))}) == [0, 1, 2]
        assert sorted({int(electrons[i, j, k]) for i, k in ((0, 0), (5, 2))}) == [3, 4]
    assert ions.max() == 2 and electrons.min() == 3


def test_a_hole_through_one_layer_joins_what_it_leads_to() -> None:
    metal = np.ones((7, 5, 6), dtype=bool)
    metal[4:] = False
    metal[1, 2, 2] = False
    pieces = regions.Regions(metal.shape, "periodic", always=True)
    pieces.update(metal, metal)
    assert pieces.count == 3  # enclosed ceramic, ceramic, metal
    metal = metal.copy()
    metal[1:4, 2, 2] = False
    pieces.update(metal, metal)
    assert pieces.count == 0


@pytest.mark.parametrize(
    "metal", [picture("##", "..", ".."), picture("..", ".."), picture("##", "##")], ids=["two", "ceramic", "metal"]
)
def test_one_piece_of_each_needs_no_coarse_unknown(metal: np.ndarray) -> None:
    pieces = regions.Regions(metal.shape, "periodic", always=True)
    pieces.update(metal, metal)
    assert pieces.count == 0


def test_regions_follow_the_metal() -> None:
    apart = picture("#...", "....", "..#.", "....")
    pieces = regions.Regions(apart.shape, "periodic", always=True)
    counts = []
    for metal in (apart, apart, np.zeros_like(apart), apart.copy()):
        pieces.update(metal, metal)
        counts.append(pieces.count)
    assert counts == [3, 3, 0, 3]


def test_grains_are_coarse_unknowns_where_sheets_resist_far_more_than_cells():
    shape = (12, 1, 9)
    sheets = (np.zeros((13, 1, 9)), np.zeros((12, 0, 9)), np.zeros((12, 1, 10)))
    sheets[0][7] = 1.0  # between cells 6 and 7 along x
    metal = np.zeros(shape, dtype=bool)
    metal[:2] = True
    for cell_resistance, expected in ((0.08, 0), (0.05, 3)):
        pieces = regions.regions_of(sheets, cell_resistance, metal, "mirror")
        pieces.update(metal, metal)
        assert pieces.count == expected  # two grains and the metal's body, or nothing that a coarse grid would miss
    inner = pieces.labels[0, 1:-1, :, 1:-1]
    assert len(np.unique(inner)) == 2 and (inner[6] != inner[7]).all()
    assert (np.diff(inner[:7], axis=0) == 0).all() and (np.diff(inner[7:], axis=0) == 0).all()


def test_pieces_that_metal_encloses_end_at_sheets():
    shape = (10, 1, 10)
    sheets = (np.zeros((11, 1, 10)), np.zeros((10, 0, 10)), np.zeros((10, 1, 11)))
    sheets[0][5] = 1.0
    metal = np.zeros(shape, dtype=bool)
    metal[[2, 7], 0, 2:8] = metal[2:8, 0, 2] = metal[2:8, 0, 7] = True  # a ring across the sheet
    pieces = regions.regions_of(sheets, 0.05, metal, "mirror")
    pieces.update(metal, metal)
    inside = pieces.labels[0, 4:8, 0, 4:8]
    assert len(np.unique(inside)) == 2 and pieces.count == 5  # two halves inside, two outside, one body


def test_an_electrode_does_not_join_the_grains_that_touch_it():
    sheets = (np.zeros((11, 1, 10)), np.zeros((10, 0, 10)), np.zeros((10, 1, 11)))
    sheets[2][2:, 0, 5] = 1.0
    metal = np.zeros((10, 1, 10), dtype=bool)
    metal[:2] = True
    labels = regions.cells_between(sheets, metal, "mirror")
    assert len(np.unique(labels)) == 3
    assert labels[5, 0, 2] != labels[5, 0, 7]
    assert regions.cells_between(sheets, ~metal & metal, "mirror").max() == 0  # joined without metal
    assert len(np.unique(regions.cells_between(sheets, metal, "periodic"))) == 2  # and around the sides


def test_parts_of_the_network_float_like_metal_until_metal_covers_them() -> None:
    network = picture("........", ".##...##", ".##...##", "........")
    metal = picture("########", "........", "........", "........")
    pieces = regions.Regions(metal.shape, "mirror", network=network)
    pieces.update(metal, metal)
    electrons = pieces.labels[1, 1:-1, 0, 1:-1]
    assert pieces.count == 4  # the ceramic for ions; metal and two parts of the network for electrons
    assert {int(electrons[i, k]) for i, k in ((0, 0), (1, 1), (2, 7))} == {1, 2, 3}
    tail = metal | picture("........", ".##.....", ".##.....", "........")  # metal's tail conducts before it is metal
    pieces = regions.Regions(metal.shape, "mirror", network=network)
    pieces.update(metal, tail)
    electrons = pieces.labels[1, 1:-1, 0, 1:-1]
    assert pieces.count == 3 and electrons[1, 1] == electrons[0, 0] != electrons[2, 7]
