"""The points of a sweep: values of its axes, combined or spread, times the ceramics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from phasefield.campaigns.sweep_file import MOST_RUNS, SEED, AxisSection, SobolSection, SweepFile, as_toml
from phasefield.errors import CaseError, Fault
from phasefield.schema import shown
from phasefield.units import number_and_unit

Point = dict[str, str]  # key of the case to value as written in TOML


@dataclass(frozen=True)
class Range:
    """Numbers from ``start`` to ``stop`` in one unit (empty: plain numbers), ``whole`` if both ends are."""

    start: float
    stop: float
    unit: str
    whole: bool
    logarithmic: bool

    def text(self, share: float) -> str:
        """Return the value at ``share`` of the range, from 0 to 1, as written in TOML."""
        if self.logarithmic:
            value = self.start * (self.stop / self.start) ** share
        else:
            value = self.start + (self.stop - self.start) * share
        if self.whole:
            return str(round(value))
        number = f"{value:.6g}"
        return f'"{number} {self.unit}"' if self.unit else repr(float(number))


def points(sweep: SweepFile) -> list[Point]:
    """Return what every run of a sweep sets beside ``[set]``: all combinations of its axes, each for every seed.

    Raises ``CaseError`` for ranges that are none, and for more than ``MOST_RUNS`` runs.
    """
    ranges = {i: _range(axis, f"axes[{i}]", sweep) for i, axis in enumerate(sweep.axes) if axis.values is None}
    number = max(len(sweep.seeds), 1)
    if sweep.sobol is not None:
        number *= sweep.sobol.points
    else:
        number *= math.prod(len(axis.values or ()) or axis.number or 0 for axis in sweep.axes)
    if number > MOST_RUNS:
        raise CaseError([Fault("axes", f"{number} runs", f"take at most {MOST_RUNS}")], str(sweep.source))
    if sweep.sobol is not None:
        spread = _sobol(sweep.sobol, sweep.axes, [ranges[i] for i in range(len(sweep.axes))])
    else:
        values = [_values(axis, ranges.get(i)) for i, axis in enumerate(sweep.axes)]
        spread = [{k: v for part in combined for k, v in part.items()} for combined in product(*values)]
    repeats: list[Point] = [{SEED: str(seed)} for seed in sweep.seeds] or [{}]
    return [point | repeat for point in spread for repeat in repeats]


def _values(axis: AxisSection, given: Range | None) -> list[Point]:
    if given is not None:
        assert axis.key is not None and axis.number is not None
        return [{axis.key: given.text(i / (axis.number - 1))} for i in range(axis.number)]
    if axis.keys is not None:
        return [dict(zip(axis.keys, map(as_toml, value), strict=True)) for value in axis.values or ()]
    assert axis.key is not None
    return [{axis.key: as_toml(value)} for value in axis.values or ()]


def _sobol(section: SobolSection, axes: Sequence[AxisSection], ranges: Sequence[Range]) -> list[Point]:
    """Return points of a scrambled Sobol sequence (Owen 1998, as in scipy.stats.qmc) over all ranges."""
    import warnings

    from scipy.stats.qmc import Sobol

    with warnings.catch_warnings():  # a number that is no power of two is the user's choice
        warnings.simplefilter("ignore", UserWarning)
        shares: np.ndarray = Sobol(len(axes), rng=section.seed).random(section.points)
    return [{a.names[0]: r.text(s) for a, r, s in zip(axes, ranges, row, strict=True)} for row in shares]


def _range(axis: AxisSection, path: str, sweep: SweepFile) -> Range:
    (start, unit), (stop, other) = (_number(value, f"{path}.{name}", sweep) for name, value in _ends(axis))
    if unit != other:
        fault = Fault(f"{path}.to", f"{shown(axis.stop)} and {shown(axis.start)} differ in unit", "give both in one")
        raise CaseError([fault], str(sweep.source))
    logarithmic = axis.spacing == "log"
    if logarithmic and not (start > 0.0 and stop > 0.0):
        fault = Fault(f"{path}.from", "equal ratios need positive ends", 'or take spacing = "linear"')
        raise CaseError([fault], str(sweep.source))
    whole = isinstance(axis.start, int) and isinstance(axis.stop, int)
    return Range(start, stop, unit, whole, logarithmic)


def _ends(axis: AxisSection) -> list[tuple[str, Any]]:
    return [("from", axis.start), ("to", axis.stop)]


def _number(value: Any, path: str, sweep: SweepFile) -> tuple[float, str]:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value), ""
    found = number_and_unit(value) if isinstance(value, str) else None
    if found is None or not math.isfinite(found[0]) or not found[1]:
        fault = Fault(path, f"{shown(value)} is not a number", 'such as 0.5, or "0.5 mA/cm^2" with its unit')
        raise CaseError([fault], str(sweep.source))
    return found
