"""Connected regions and the weakest way through."""

from __future__ import annotations

import heapq

import numpy as np
import pytest

from microstructures import bottleneck_pressure, build, lognormal_per_boundary
from phasefield.grid import Grid, Lateral
from phasefield.grid_labels import label_connected

SIDES: list[Lateral] = ["periodic", "mirror"]


def neighbours(index: tuple[int, ...], shape: tuple[int, ...], lateral: Lateral) -> list[tuple[int, ...]]:
    found = []
    for axis in range(len(shape)):
        for step in (-1, 1):
            there = list(index)
            there[axis] += step
            if axis > 0 and lateral == "periodic":
                there[axis] %= shape[axis]
            if 0 <= there[axis] < shape[axis]:
                found.append(tuple(there))
    return found


def flood(mask: np.ndarray, lateral: Lateral) -> tuple[np.ndarray, int]:
    labels, count = np.zeros(mask.shape, dtype=int), 0
    for start in zip(*np.nonzero(mask), strict=True):
        if labels[start]:
            continue
        count += 1
        labels[start], queue = count, [start]
        while queue:
            for there in neighbours(queue.pop(), mask.shape, lateral):
                if mask[there] and not labels[there]:
                    labels[there] = count
                    queue.append(there)
    return labels, count


@pytest.mark.parametrize("lateral", SIDES)
@pytest.mark.parametrize("shape", [(23, 1), (1, 9), (17, 13), (2, 2), (7, 5, 6), (5, 1, 4)])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.7, 1.0])
def test_labels_equal_a_flood_fill(shape: tuple[int, ...], lateral: Lateral, share: float) -> None:
    mask = np.random.default_rng(sum(shape)).random(shape) < share
    labels, count = label_connected(mask, lateral)
    expected, number = flood(mask, lateral)
    assert count == number
    assert labels.dtype == np.int32
    assert np.array_equal(labels, expected)


def test_periodic_sides_join_and_the_electrodes_never_do() -> None:
    mask = np.zeros((6, 5), dtype=bool)
    mask[2, [0, 4]] = True
    mask[[0, 5], 2] = True
    assert label_connected(mask, "periodic")[1] == 3
    assert label_connected(mask, "mirror")[1] == 4


def dijkstra(pressure: np.ndarray, lateral: Lateral) -> float:
    best = np.full(pressure.shape, np.inf)
    queue = [(p, (0, j)) for j, p in enumerate(pressure[0])]
    heapq.heapify(queue)
    while queue:
        level, index = heapq.heappop(queue)
        if level >= best[index]:
            continue
        best[index] = level
        for there in neighbours(index, pressure.shape, lateral):
            heapq.heappush(queue, (max(level, pressure[there]), there))
    return float(best[-1].min())


@pytest.mark.parametrize("lateral", SIDES)
@pytest.mark.parametrize("shape", [(12, 9), (15, 1), (1, 6)])
@pytest.mark.parametrize("seed", range(4))
def test_bottleneck_is_the_minimax_path(shape: tuple[int, int], lateral: Lateral, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pressure = rng.random(shape)
    pressure[rng.random(shape) < 0.1] = np.inf
    assert bottleneck_pressure(pressure, 0, lateral) == dijkstra(pressure, lateral)


def test_bottleneck_takes_the_weakest_link_of_the_best_path() -> None:
    pressure = np.full((5, 4), np.inf)
    pressure[:, 0] = [1.0, 2.0, 9.0, 2.0, 1.0]
    pressure[:, 2] = [3.0, 3.0, 4.0, 3.0, 3.0]
    assert bottleneck_pressure(pressure, 0, "mirror") == 4.0
    assert bottleneck_pressure(pressure, 3, "mirror") == 2.0
    pressure[2, 2] = np.inf
    pressure[2, 3] = 1.0
    assert bottleneck_pressure(pressure, 0, "mirror") == 9.0
    pressure[2, 0] = np.inf
    assert bottleneck_pressure(pressure, 0, "mirror") == np.inf


def test_bottleneck_goes_through_periodic_sides() -> None:
    pressure = np.full((4, 5), np.inf)
    pressure[:2, 0] = 1.0
    pressure[1:, 4] = 2.0
    assert bottleneck_pressure(pressure, 0, "periodic") == 2.0
    assert bottleneck_pressure(pressure, 0, "mirror") == np.inf


def test_bottleneck_needs_a_plane_to_start_from() -> None:
    with pytest.raises(ValueError, match="start_index"):
        bottleneck_pressure(np.ones((4, 4)), 4, "mirror")


def test_bottleneck_of_a_brick_wall_lies_between_its_boundaries() -> None:
    grid = Grid((80, 60), (0.5e-6, 0.5e-6))
    made = build(grid, "bricks", 5e-6, 2e-6, grain_size=7e-6)
    values = lognormal_per_boundary(made.boundary_pairs, 2, 60e6, 1.0)
    pressure = np.where(made.grain_boundary_fraction > 0.5, values[made.boundary_id], np.inf)
    bottleneck = bottleneck_pressure(pressure, 10, grid.lateral)
    assert bottleneck in values
    # layers of bricks must be crossed one after the other, each where its weakest joint is
    first = made.grain_id[10]
    joints = [v for (a, b), v in zip(made.boundary_pairs, values, strict=True) if a in first and b in first]
    assert bottleneck >= min(joints)
    assert bottleneck < values.max()
