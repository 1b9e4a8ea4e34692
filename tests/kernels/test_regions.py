"""Pieces of a map as coarse unknowns."""

from __future__ import annotations

import numpy as np
import pytest

from phasefield.numerics import regions


def picture(*rows: str) -> np.ndarray:
    return np.array([[letter == "#" for letter in row] for row in rows])


TWO_ROWS = picture(
    "#......#",
    "........",
    "........",
    "........",
    "...##...",
)


def test_pieces_join_across_the_periodic_side_only_where_there_is_one() -> None:
    assert regions.partition(TWO_ROWS, "periodic")[1] == 2
    assert regions.partition(TWO_ROWS, "mirror")[1] == 3


def test_every_cell_takes_the_number_of_the_nearest_piece() -> None:
    labels, _ = regions.partition(TWO_ROWS, "periodic")
    assert (labels[:2, [0, 1, 6, 7]] == 0).all() and (labels[3:, 2:6] == 1).all()
    assert labels.dtype == np.int32


def test_an_empty_map_has_no_pieces() -> None:
    labels, count = regions.partition(np.zeros((4, 3), dtype=bool), "periodic")
    assert count == 0 and (labels == 0).all()


def test_beyond_the_limit_the_largest_pieces_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regions, "MOST", 2)
    mask = picture("#.......##......", "........##.....#", "...............#", "................")
    labels, count = regions.partition(mask, "mirror")
    assert count == 2
    assert labels[0, 8] == 0 and labels[1, 15] == 1
    assert labels[0, 0] == 0, "a piece that is not kept belongs to its nearest neighbour"


def test_regions_number_ceramic_for_ions_and_metal_for_electrons() -> None:
    metal = picture("########", "########", "#..##..#", "########", "........", "..#.....")
    pieces = regions.Regions(metal.shape, "mirror")
    pieces.update(metal)
    ions, electrons = pieces.labels[:, 1:-1, 1:-1]
    assert pieces.count == 5
    assert sorted({int(ions[c]) for c in ((2, 1), (2, 5), (4, 0))}) == [0, 1, 2]
    assert sorted({int(electrons[c]) for c in ((0, 0), (5, 2))}) == [3, 4]
    assert ions.max() == 2 and electrons.min() == 3


@pytest.mark.parametrize(
    "metal", [picture("##", "..", ".."), picture("..", ".."), picture("##", "##")], ids=["two", "ceramic", "metal"]
)
def test_one_piece_of_each_needs_no_coarse_unknown(metal: np.ndarray) -> None:
    pieces = regions.Regions(metal.shape, "periodic")
    pieces.update(metal)
    assert pieces.count == 0


def test_regions_follow_the_metal() -> None:
    pieces = regions.Regions((4, 4), "periodic")
    apart = picture("#...", "....", "..#.", "....")
    counts = []
    for metal in (apart, apart, np.zeros((4, 4), dtype=bool), apart.copy()):
        pieces.update(metal)
        counts.append(pieces.count)
    assert counts == [3, 3, 0, 3]
