"""How far histories at several levels of refinement are apart, and of which order that is. No files, no runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy.optimize import brentq

from phasefield.tables import HISTORY_COLUMNS

History = Mapping[str, np.ndarray]
Verdict = Literal["converging", "not shrinking", "-"]

SAMPLES = 1000  # common times or charges
ROUND_OFF = 1e-8  # of a curve's largest value: history.csv holds ten digits
LOWEST_ORDER = 1e-6
HIGHEST_ORDER = 20.0  # beyond it two differences say nothing but that the last one is next to nothing

# What says how a run was made, not what happens in the cell.
NOT_PHYSICS = (
    "step",
    "protocol_step",
    "time_s",
    "time_step_s",
    "charge_balance_error",
    "plane_current_error",
    "newton_iterations",
    "cg_iterations",
)
COMPARED = tuple(column for column in HISTORY_COLUMNS if column not in NOT_PHYSICS)
DEPTH = "penetration_depth_connected_um"
DEPTH_AT_CHARGE = "depth_at_given_charge_um"
TIME_TO_SHORT = "time_to_short_s"


@dataclass(frozen=True)
class Quantity:
    """One quantity at every level, the coarsest first.

    Parameters
    ----------
    name : column of ``history.csv``, ``DEPTH_AT_CHARGE`` or ``TIME_TO_SHORT``.
    values : at the end that all levels reach, in the unit of the name.
    differences : of successive levels, root mean square over time (of a time to a short: its absolute difference).
    order : p where the error is taken as C size^p, from the three finest; None where the differences do not shrink,
        or are round-off.
    change, mean_change : from the second finest to the finest level over the finest [1], at the end and as root mean
        squares; NaN where the finest is 0.
    verdict : whether the last two differences shrink; "-" for what is the same at all levels but for round-off.
    """

    name: str
    values: tuple[float, ...]
    differences: tuple[float, ...]
    order: float | None
    change: float
    mean_change: float
    verdict: Verdict


def observed_order(differences: Sequence[float], sizes: Sequence[float]) -> float | None:
    """Return p of f(h) = f(0) + C h^p from two differences, |f(h1) - f(h2)| and |f(h2) - f(h3)|, h1 > h2 > h3.

    p solves (h1^p - h2^p) / (h2^p - h3^p) = d1 / d2; with one ratio r of the sizes it is ln(d1/d2) / ln r. None if
    no p > 0 does, that is if refinement does not help; infinity beyond 20.
    """
    (first, second), (coarse, middle, fine) = differences, sizes
    if first <= 0.0:
        return None
    up, down = math.log(coarse / middle), math.log(fine / middle)

    def excess(p: float) -> float:
        return math.expm1(p * up) / -math.expm1(p * down) * second / first - 1.0

    if excess(LOWEST_ORDER) >= 0.0:
        return None
    if excess(HIGHEST_ORDER) <= 0.0:
        return math.inf
    return float(brentq(excess, LOWEST_ORDER, HIGHEST_ORDER, xtol=1e-12))


def common_end(histories: Sequence[History], column: str) -> float:
    """Return the largest value of a growing column that every history reaches."""
    return float(min(history[column][-1] for history in histories))


def curves(histories: Sequence[History], along: str, column: str) -> tuple[np.ndarray, np.ndarray]:
    """Return common values of the growing column ``along``, ``(n,)``, and ``column`` there, ``(levels, n)``; linear."""
    points = np.linspace(0.0, common_end(histories, along), SAMPLES + 1)[1:]
    found = []
    for history in histories:
        last = np.append(np.diff(history[along]) > 0.0, True)  # of the rows of a rest, where no charge passes
        found.append(np.interp(points, history[along][last], history[column][last]))
    return points, np.array(found)


def compare(histories: Sequence[History], sizes: Sequence[float], shorts: Sequence[bool]) -> tuple[Quantity, ...]:
    """Return how every quantity of the histories depends on the size, the coarsest level first.

    ``shorts``: which levels end with a short; only if all do there is a time to compare.
    """
    found = [_quantity(column, curves(histories, "time_s", column)[1], sizes) for column in COMPARED]
    found.append(_quantity(DEPTH_AT_CHARGE, curves(histories, "throughput_mAh_cm2", DEPTH)[1], sizes))
    if all(shorts):
        times = np.array([[history["time_s"][-1]] for history in histories])
        found.append(_quantity(TIME_TO_SHORT, times, sizes))
    return tuple(found)


def _quantity(name: str, values: np.ndarray, sizes: Sequence[float]) -> Quantity:
    """Return what ``values``, ``(levels, n)``, say."""
    differences = [_root_mean_square(after - before) for before, after in pairwise(values)]
    least = ROUND_OFF * float(np.abs(values).max())
    order: float | None = None
    verdict: Verdict = "-"
    if max(differences) > least:
        last_two = (differences[-2], differences[-1] if differences[-1] > least else 0.0)
        order = observed_order(last_two, sizes[-3:])
        verdict = "not shrinking" if order is None else "converging"
    last = values[:, -1]
    return Quantity(
        name=name,
        values=tuple(map(float, last)),
        differences=tuple(differences),
        order=None if order == math.inf else order,
        change=_share(abs(float(last[-1] - last[-2])), abs(float(last[-1]))),
        mean_change=_share(differences[-1], _root_mean_square(values[-1])),
        verdict=verdict,
    )


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0.0 else math.nan
