"""Orders of made-up histories."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from phasefield.converge import Quantity, observed_order
from phasefield.converge.orders import COMPARED, DEPTH, DEPTH_AT_CHARGE, TIME_TO_SHORT, compare
from phasefield.tables import HISTORY_COLUMNS

SIZES = [pytest.param((1.0, 0.5, 0.25), id="equal"), pytest.param((0.4, 0.2667, 0.11), id="unequal")]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("order", [0.3, 1.0, 2.0, 3.7])
def test_the_order_of_a_power_of_the_size_is_found(order: float, sizes: tuple[float, ...]) -> None:
    values = [7.0 - 3.0 * h**order for h in sizes]
    differences = [abs(b - a) for a, b in pairwise(values)]
    assert observed_order(differences, sizes) == pytest.approx(order, rel=1e-9)


def test_no_order_is_told_where_refinement_does_not_help() -> None:
    assert observed_order((1.0, 1.0), (4.0, 2.0, 1.0)) is None
    assert observed_order((1.0, 1.5), (4.0, 2.0, 1.0)) is None
    assert observed_order((0.0, 1.0), (4.0, 2.0, 1.0)) is None
    # a last step that is far smaller must bring a far smaller difference
    assert observed_order((1.0, 0.5), (4.0, 2.0, 1.9)) is None
    assert observed_order((1.0, 0.0), (4.0, 2.0, 1.0)) == math.inf


def history(size: float, order: float, end: float, steps: int, charge: float = 1.0) -> dict[str, np.ndarray]:
    """Return columns that are linear in time, so that interpolation is exact; errors are ``size**order``."""
    time = np.linspace(0.0, end, steps)
    columns = {name: np.zeros(steps) for name in HISTORY_COLUMNS} | {"step": np.arange(steps), "time_s": time}
    columns |= {"throughput_mAh_cm2": charge * time, "capacity_mAh_cm2": charge * time}
    columns["current_density_mA_cm2"] = np.full(steps, 1.0)
    columns["cell_voltage_V"] = 0.1 + 0.01 * time * size**order
    columns[DEPTH] = time * (2.0 + size**order)
    columns["leakage_current_density_mA_cm2"] = 3.0 + time / size  # farther apart from level to level
    columns["newton_iterations"] = time * size
    return columns


def by_name(quantities: tuple[Quantity, ...]) -> dict[str, Quantity]:
    return {q.name: q for q in quantities}


@pytest.mark.parametrize("sizes", SIZES)
def test_histories_of_known_order_are_compared_up_to_their_common_end(sizes: tuple[float, ...]) -> None:
    """Levels end at different times, with different steps; the shortest one ends at 10 s."""
    made = [history(h, 1.5, end, steps) for h, end, steps in zip(sizes, (13.0, 10.0, 11.5), (6, 11, 40), strict=True)]
    found = by_name(compare(made, sizes, [False] * 3))
    depth = found[DEPTH]
    assert depth.values == pytest.approx([10.0 * (2.0 + h**1.5) for h in sizes])
    rms = math.sqrt(np.mean((np.arange(1, 1001) * 0.01) ** 2))
    assert depth.differences == pytest.approx([rms * (a**1.5 - b**1.5) for a, b in pairwise(sizes)])
    assert depth.order == pytest.approx(1.5, rel=1e-6) and depth.verdict == "converging"
    middle, fine = (2.0 + h**1.5 for h in sizes[1:])
    assert depth.change == pytest.approx(middle / fine - 1.0) == depth.mean_change
    assert found["cell_voltage_V"].order == pytest.approx(1.5, rel=1e-6)
    leakage = found["leakage_current_density_mA_cm2"]
    assert leakage.order is None and leakage.verdict == "not shrinking"
    for same in ("current_density_mA_cm2", "capacity_mAh_cm2", "reservoir_share"):
        assert found[same].order is None and found[same].verdict == "-"
    assert TIME_TO_SHORT not in found
    assert not {"newton_iterations", "cg_iterations", "time_step_s", "plane_current_error"} & set(found)
    assert set(found) == {*COMPARED, DEPTH_AT_CHARGE}


def test_of_more_than_three_levels_the_finest_three_give_the_order() -> None:
    sizes = (8.0, 4.0, 1.5, 1.0)
    made = [history(h, 2.0 if h < 5.0 else 0.1, 10.0, 20) for h in sizes]
    depth = by_name(compare(made, sizes, [False] * 4))[DEPTH]
    assert len(depth.values) == 4 and len(depth.differences) == 3
    assert depth.order == pytest.approx(2.0, rel=1e-6)


def test_depth_at_given_charge_does_not_mind_when_the_charge_passes() -> None:
    """The same depth per charge, passed at different speeds: at given time depths differ, at given charge they do not."""
    made = []
    for size, speed in ((4.0, 1.0), (2.0, 1.3), (1.0, 1.5)):
        columns = history(size, 1.0, 10.0, 20, charge=speed)
        columns[DEPTH] = 5.0 * columns["throughput_mAh_cm2"]
        made.append(columns)
    found = by_name(compare(made, (4.0, 2.0, 1.0), [False] * 3))
    assert found[DEPTH].verdict == "converging"
    assert found[DEPTH_AT_CHARGE].verdict == "-"
    assert found[DEPTH_AT_CHARGE].values == pytest.approx([50.0] * 3)


def test_a_rest_adds_depth_at_the_same_charge() -> None:
    """Of the rows in which no charge passes the last one counts."""
    made = []
    for size in (4.0, 2.0, 1.0):
        columns = history(size, 1.0, 10.0, 11)
        columns["throughput_mAh_cm2"] = np.minimum(columns["time_s"], 6.0)
        made.append(columns)
    found = by_name(compare(made, (4.0, 2.0, 1.0), [False] * 3))
    assert found[DEPTH_AT_CHARGE].values == pytest.approx([10.0 * (2.0 + h) for h in (4.0, 2.0, 1.0)])


def test_times_to_short_are_compared_if_all_levels_short() -> None:
    sizes = (4.0, 2.0, 1.0)
    made = [history(h, 1.0, 100.0 + h, 20) for h in sizes]
    found = by_name(compare(made, sizes, [True] * 3))[TIME_TO_SHORT]
    assert found.values == pytest.approx((104.0, 102.0, 101.0)) and found.order == pytest.approx(1.0)
    assert TIME_TO_SHORT not in by_name(compare(made, sizes, [True, True, False]))
