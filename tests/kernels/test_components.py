"""Union-find and nearest pieces against SciPy and against all distances."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from phasefield.grid import Lateral
from phasefield.grid_labels import label_connected, reached_from_start
from phasefield.numerics import components

SHAPES = [(23, 1, 31), (12, 9, 11), (9, 14, 1), (17, 1, 1), (1, 5, 7), (6, 2, 2)]
SIDES: list[Lateral] = ["periodic", "mirror"]


def label_equal(value: np.ndarray, lateral: Lateral) -> tuple[np.ndarray, int]:
    labels = np.full(value.shape, -7, dtype=np.int32)
    return labels, components.label_equal(value.astype(np.uint16), lateral == "periodic", labels)


def in_order(labels: np.ndarray) -> np.ndarray:
    """Return the labels numbered from 1 in the order of their first cells; 0 stays."""
    kinds = list(dict.fromkeys(labels[labels > 0].tolist()))
    number = {0: 0} | {kind: n for n, kind in enumerate(kinds, start=1)}
    return np.vectorize(number.__getitem__)(labels)


@pytest.mark.parametrize("lateral", SIDES)
@pytest.mark.parametrize("shape", SHAPES)
def test_pieces_are_those_that_scipy_finds(shape: tuple[int, int, int], lateral: Lateral) -> None:
    rng = np.random.default_rng(3)
    for share in (0.0, 0.3, 0.55, 0.7, 1.0):
        mask = rng.random(shape) < share
        labels, count = label_equal(mask, lateral)
        expected, expected_count = label_connected(mask, lateral)
        assert count == expected_count
        assert np.array_equal(labels, expected)


@pytest.mark.parametrize("lateral", SIDES)
@pytest.mark.parametrize("shape", SHAPES)
def test_cells_of_different_value_part_pieces(shape: tuple[int, int, int], lateral: Lateral) -> None:
    value = np.random.default_rng(4).integers(0, 4, shape)
    labels, count = label_equal(value, lateral)
    apart, total = np.zeros(shape, dtype=int), 0
    for kind in (1, 2, 3):
        found, more = label_connected(value == kind, lateral)
        apart[found > 0] = found[found > 0] + total
        total += more
    assert count == total
    assert np.array_equal(labels, in_order(apart))


@pytest.mark.parametrize("lateral", SIDES)
@pytest.mark.parametrize("shape", SHAPES)
def test_pieces_between_sheets_are_those_of_a_grid_twice_as_fine(shape: tuple[int, int, int], lateral: Lateral) -> None:
    """Faces become cells there: open ones join, and SciPy does the rest."""
    rng = np.random.default_rng(5)
    phase = rng.random(shape) < 0.5
    fine = np.zeros([2 * n for n in shape], dtype=bool)  # cell 2 i is a cell, 2 i + 1 the face behind it
    fine[::2, ::2, ::2] = True
    sheets = []
    for axis in range(3):
        sheet = rng.random(shape) * (rng.random(shape) < 0.5)
        sheet = np.concatenate([sheet.take([-1], axis), sheet], axis)  # the first and the last face are one
        behind = (sheet.take(range(1, shape[axis] + 1), axis) == 0.0) & (phase == np.roll(phase, -1, axis))
        faces = [slice(None, None, 2)] * 3
        faces[axis] = slice(1, None, 2)
        fine[tuple(faces)] = behind
        sheets.append(sheet if shape[axis] > 1 or axis != 1 else np.zeros((shape[0], 0, shape[2])))
    labels = np.empty(shape, dtype=np.int32)
    count = components.label_between(*sheets, phase, lateral == "periodic", labels)
    fine_labels, _ = label_connected(fine, lateral)
    expected = in_order(fine_labels[::2, ::2, ::2])
    assert count == expected.max()
    assert np.array_equal(labels, expected)


def chamfer(offsets: np.ndarray) -> np.ndarray:
    """Return the lengths of shortest paths over faces, edges and corners, which count 3, 4 and 5; axes come first."""
    corners, edges, faces = np.sort(np.abs(offsets), axis=0)
    return 5 * corners + 4 * (edges - corners) + 3 * (faces - edges)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_cell_takes_the_number_of_the_nearest_piece(shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(6)
    for share in (0.02, 0.1, 0.4):
        labels = (rng.integers(1, 6, shape) * (rng.random(shape) < share)).astype(np.int32)
        labels[0, 0, 0] = 3
        number = np.array([components.FAR, 4, 3, 2, components.FAR, 0], dtype=np.int32)  # 4 does not count
        sources = np.argwhere((labels != 0) & (labels != 4)).T
        lengths = chamfer(np.indices(shape)[..., None] - sources[:, None, None, None, :])
        nearest = (10 * lengths + number[labels[tuple(sources)]]).min(axis=-1) % 10  # the lowest of several
        components.spread(labels, number)
        assert np.array_equal(labels, nearest)


def test_distances_are_nearly_straight() -> None:
    """Of two pieces the farther one is taken only where it is hardly farther: distances are 0.943 to 1.054 or 1.106 times true."""
    for shape, most in (((60, 1, 50), 1.118), ((24, 26, 22), 1.173)):
        labels = np.zeros(shape, dtype=np.int32)
        rng = np.random.default_rng(7)
        cells = [tuple(rng.integers(0, n) for n in shape) for _ in range(6)]
        for number, cell in enumerate(cells, start=1):
            labels[cell] = number
        distance = np.stack([ndimage.distance_transform_edt(labels != n) for n in range(1, 7)])
        components.spread(labels, np.array([components.FAR, *range(6)], dtype=np.int32))
        taken = np.take_along_axis(distance, labels[None].astype(int), axis=0)[0]
        assert (taken <= most * distance.min(axis=0)).all()


@pytest.mark.parametrize("lateral", SIDES)
@pytest.mark.parametrize("shape", [(40, 30), (12, 9, 11), (30, 1)])
def test_what_the_first_layer_reaches(shape: tuple[int, ...], lateral: Lateral) -> None:
    rng = np.random.default_rng(8)
    for share in (0.0, 0.45, 0.6, 0.7, 1.0):
        mask = rng.random(shape) < share
        labels, _ = label_connected(mask, lateral)
        first = np.unique(labels[0][mask[0]])
        assert np.array_equal(reached_from_start(mask, lateral), np.isin(labels, first))


def test_a_region_is_reached_through_one_side_after_the_other() -> None:
    mask = np.zeros((9, 12), dtype=bool)
    for turn in range(4):  # a staircase that leaves through one side and comes back through the other
        mask[2 * turn : 2 * turn + 2, 3 * turn] = True
        mask[2 * turn + 1, [(3 * turn + step) % 12 for step in range(4)]] = True
    assert reached_from_start(mask, "periodic").sum() == mask.sum()
    mask = np.roll(mask, 5, axis=1)
    assert reached_from_start(mask, "periodic").sum() == mask.sum() > reached_from_start(mask, "mirror").sum()
