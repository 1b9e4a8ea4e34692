"""Random values per grain boundary."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from microstructures import build, lognormal_per_boundary, uniform_per_boundary
from phasefield.grid import Grid

UM = 1e-6
MANY = np.stack(np.triu_indices(90, 1), axis=1) + 1


def test_values_are_log_normal() -> None:
    values = lognormal_per_boundary(MANY, 7, 60e6, 0.8)
    logarithm = np.log(values / 60e6) / 0.8
    assert stats.kstest(logarithm, "norm").pvalue > 0.01
    assert stats.kstest(uniform_per_boundary(MANY, 7), "uniform").pvalue > 0.01


def test_a_width_of_zero_gives_all_the_median() -> None:
    assert np.all(lognormal_per_boundary(MANY, 7, 60e6, 0.0) == 60e6)


def test_a_boundary_keeps_its_value_in_any_company() -> None:
    values = uniform_per_boundary(MANY, 7)
    order = np.random.default_rng(1).permutation(len(MANY))[:100]
    assert np.array_equal(uniform_per_boundary(MANY[order], 7), values[order])
    assert np.array_equal(uniform_per_boundary(MANY[:, ::-1], 7), values)


def test_seeds_and_properties_are_independent() -> None:
    first = uniform_per_boundary(MANY, 7)
    for other in (uniform_per_boundary(MANY, 8), uniform_per_boundary(MANY, 7, draw=1)):
        assert abs(np.corrcoef(first, other)[0, 1]) < 0.05
        assert not np.any(first == other)


def test_values_are_those_of_other_machines() -> None:
    pairs = np.array([[1, 2], [1, 3], [700000, 800000]])
    expected = [0.38448675919091146, 0.8058289305561147, 0.8311825256013373]
    assert uniform_per_boundary(pairs, 1).tolist() == expected
    pressures = [44729208.34899834, 142162726.8300643, 156521488.46968696]
    assert lognormal_per_boundary(pairs, 1, 60e6, 1.0) == pytest.approx(pressures, rel=1e-12)


def test_pressure_of_a_boundary_does_not_depend_on_the_resolution() -> None:
    maps = []
    for shape in ((32, 24), (96, 72)):
        grid = Grid(shape, (64.0 * UM / shape[0], 48.0 * UM / shape[1]))
        made = build(grid, "voronoi", 4.0 * UM, 2.0 * UM, grain_size=9.0 * UM, seed=5)
        maps.append(lognormal_per_boundary(made.boundary_pairs, 5, 60e6, 1.0)[made.boundary_id])
    assert np.array_equal(maps[0], maps[1][1::3, 1::3])


def test_empty_tables_and_wrong_numbers() -> None:
    assert lognormal_per_boundary(np.zeros((0, 2), dtype=np.int32), 1, 60e6, 1.0).shape == (0,)
    with pytest.raises(ValueError, match="median"):
        lognormal_per_boundary(MANY, 1, 0.0, 1.0)
    with pytest.raises(ValueError, match="width"):
        lognormal_per_boundary(MANY, 1, 1.0, -1.0)
