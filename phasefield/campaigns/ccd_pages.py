"""What a search for critical current densities came to: tables, statistics, a figure, a page."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from phasefield.campaigns.ccd import Search
from phasefield.campaigns.sweep_file import SEED, CcdSection, SweepFile
from phasefield.campaigns.table import Row, varied, write_table
from phasefield.markdown import table
from phasefield.results_folder import replacing, write_text_atomic
from phasefield.summary import source_revision
from phasefield.units import text_of
from postprocess.curves import Line, Panel, save_panels
from postprocess.table_figures import label, setting

PAGE = "ccd.md"
FEWEST = 3  # values of which a Weibull modulus is asked
_TO_SHOW = 0.1  # from A/m^2 to mA/cm^2
_CCD, _PATH = "ccd_mA_cm2", "entry_current_density_path_mA_cm2"
_AXIS = "critical current density, mA/cm²"


@dataclass(frozen=True)
class Statistics:
    """Critical current densities of one point over its ceramics [A/m^2].

    Parameters
    ----------
    values : of those whose bracket is closed. open_ : how many are not. mean, deviation : NaN where too few.
    modulus : of Weibull's distribution, by maximum likelihood; NaN for fewer than ``FEWEST`` different values.
    path_mean : mean of J*_path.
    """

    point: Row
    values: tuple[float, ...]
    open_: int
    mean: float
    deviation: float
    modulus: float
    path_mean: float


def statistics(searches: Sequence[Search]) -> list[Statistics]:
    """Return one entry per point, in the order of the searches."""
    points = varied([search.point for search in searches])
    grouped: dict[str, list[int]] = {}
    for i, point in enumerate(points):
        grouped.setdefault(repr(point), []).append(i)
    return [_of_point(points[where[0]], [searches[i] for i in where]) for where in grouped.values()]


def _of_point(point: Row, searches: Sequence[Search]) -> Statistics:
    values = tuple(s.critical for s in searches if math.isfinite(s.critical))
    paths = [s.path_current for s in searches if math.isfinite(s.path_current)]
    return Statistics(
        point,
        values,
        len(searches) - len(values),
        float(np.mean(values)) if values else math.nan,
        float(np.std(values, ddof=1)) if len(values) > 1 else math.nan,
        weibull_modulus(values),
        float(np.mean(paths)) if paths else math.nan,
    )


def weibull_modulus(values: Sequence[float]) -> float:
    """Return the modulus m of F(J) = 1 - exp(-(J/J0)^m) by maximum likelihood; of few values it is too large."""
    if len(set(values)) < FEWEST:
        return math.nan
    from scipy.stats import weibull_min

    return float(weibull_min.fit(np.array(values) / np.mean(values), floc=0.0)[0])


def rank_correlation(searches: Sequence[Search]) -> float:
    """Return Spearman's rank correlation of simulated and predicted (J*_path) currents; NaN for fewer than ``FEWEST``."""
    pairs = [(s.path_current, s.critical) for s in searches if math.isfinite(s.critical * s.path_current)]
    predicted, found = zip(*pairs, strict=True) if pairs else ((), ())
    if min(len(set(predicted)), len(set(found))) < FEWEST:
        return math.nan
    from scipy.stats import spearmanr

    return float(spearmanr(predicted, found).statistic)


def search_rows(searches: Sequence[Search]) -> list[Row]:
    """Return one row per ceramic and point: bracket, middle, J*_path and their ratio."""
    rows = []
    for search, point in zip(searches, varied([s.point for s in searches]), strict=True):
        row: Row = {**point, SEED: search.seed or None}
        row[_CCD] = _shown(search.critical)
        row["largest_without_short_mA_cm2"] = _shown(search.lower) if search.lower > 0.0 else None
        row["smallest_with_short_mA_cm2"] = _shown(search.upper)
        row[_PATH] = _shown(search.path_current)
        row["ccd_over_path"] = _number(search.critical / search.path_current)
        row["runs"] = len(search.walls)
        row["wall_time_s"] = _number(sum(search.walls.values()))
        row["remark"] = search.failed or ("a larger current did not short" if search.out_of_order else "")
        rows.append(row)
    return rows


def trial_rows(searches: Sequence[Search]) -> list[Row]:
    """Return one row per run."""
    return [
        {**point, SEED: search.seed or None}
        | {"current_density_mA_cm2": _shown(trial.current), "outcome": trial.outcome}
        | {"capacity_mAh_cm2": trial.charge, "penetration_depth_um": trial.depth}
        | {"wall_time_s": trial.wall, "run": trial.run}
        for search, point in zip(searches, varied([s.point for s in searches]), strict=True)
        for trial in search.trials
    ]


def write_pages(sweep: SweepFile, searches: Sequence[Search], folder: Path, command: str, wall: float) -> Path:
    """Write ``ccd.md``, ``ccd.csv``, ``trials.csv`` and ``ccd.png`` to ``folder``; return the page. wall : [s]."""
    write_table(search_rows(searches), folder / "ccd.csv")
    write_table(trial_rows(searches), folder / "trials.csv")
    with replacing(folder / "ccd.png") as temporary:
        save_panels(panels(searches), sweep.question or "Critical current density", temporary)
    page = folder / PAGE
    write_text_atomic(page, "\n".join(_page(sweep, searches, command, wall)) + "\n")
    return page


def panels(searches: Sequence[Search]) -> list[Panel]:
    """Return the figure: what was found at every point, and against what the weakest path predicts."""
    stats = statistics(searches)
    rows = search_rows(searches)
    at, names = _axis(stats)
    places = {repr(s.point): x for s, x in zip(stats, at, strict=True)}
    keys = list(stats[0].point)
    found, predicted = (
        _points(rows, lambda row: places[repr({key: row[key] for key in keys})], column) for column in (_CCD, _PATH)
    )
    first = Panel(
        ", ".join(map(label, keys)),
        _AXIS,
        (
            Line("each ceramic", *found),
            Line("mean", np.array(at), np.array([_TO_SHOW * s.mean for s in stats]), bare=not names),
            Line("weakest path $J^*_{path}$", *predicted),
        ),
        log=_scales(at, names),
        names=names,
    )
    known = [(row[_PATH], row[_CCD]) for row in rows if None not in (row[_PATH], row[_CCD])]
    pairs = np.array(known, dtype=float).reshape(-1, 2)
    ends = np.array([pairs.min(), pairs.max()]) if len(pairs) else np.array([1.0, 1.0])
    second = Panel(
        "weakest path $J^*_{path}$, mA/cm²",
        _AXIS,
        (Line("equal", ends, ends, exact=True), Line("each ceramic", pairs[:, 0], pairs[:, 1])),
        log="xy",
    )
    return [first, second]


def _axis(stats: Sequence[Statistics]) -> tuple[list[float], tuple[str, ...]]:
    """Return where the points stand on an axis: at the number that varies, if one does, else 1, 2, 3, ... by name."""
    values = [list(s.point.values()) for s in stats]
    if all(len(v) == 1 and isinstance(v[0], int | float) and not isinstance(v[0], bool) for v in values):
        return [float(v[0]) for v in values], ()
    names = [", ".join(map(_text, value)) or "the case" for value in values]
    return [float(i + 1) for i in range(len(stats))], tuple(names)


def _scales(at: Sequence[float], names: tuple[str, ...]) -> Literal["xy", "y"]:
    return "xy" if not names and min(at) > 0.0 and max(at) > 8.0 * min(at) else "y"


def _points(rows: Sequence[Row], place: Callable[[Row], float], column: str) -> tuple[np.ndarray, np.ndarray]:
    there = [(place(row), row[column]) for row in rows if row[column] is not None]
    pairs = np.array(there, dtype=float).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _page(sweep: SweepFile, searches: Sequence[Search], command: str, wall: float) -> Iterable[str]:
    ccd = sweep.ccd
    assert ccd is not None
    yield from (f"# {sweep.question or 'Critical current density'}", "", f"    {command}", "")
    runs = sum(len(search.walls) for search in searches)
    computed = sum(sum(search.walls.values()) for search in searches)
    yield (
        f"{datetime.date.today().isoformat()}, revision {source_revision()}: {runs} runs, {computed / 60.0:.1f} minutes of "
        f"computing, {wall / 60.0:.1f} minutes by the clock. Base case `{Path(sweep.case).stem}`."
    )
    yield from ("", *_how(ccd), "", "![critical current densities](ccd.png)", "")
    yield from table(_STATISTICS, map(_statistics_row, statistics(searches)))
    rank = rank_correlation(searches)
    yield ""
    if math.isfinite(rank):
        yield f"Rank correlation of J_c with J*_path over all ceramics: {rank:.2f}."
    yield from ("", "Ceramic by ceramic; the bracket is the error:", "")
    header = ("point", "seed", "J_c", "bracket", "J*_path", "J_c / J*_path", "how the runs ended", "")
    yield from table(header, map(_search_row, searches, search_rows(searches)))
    yield from ("", "All runs are in `trials.csv`, the ceramics in `ccd.csv`. Currents in mA/cm².")


_STATISTICS = ("point", "J_c mean", "standard deviation", "Weibull modulus", "J*_path mean", "ceramics", "open")


def _how(ccd: CcdSection) -> Iterable[str]:
    charge, lowest, highest = (
        text_of(ccd.capacity, "mAh/cm^2", "C/m^2"),
        text_of(ccd.lowest, "mA/cm^2", "A/m^2"),
        text_of(ccd.highest, "mA/cm^2", "A/m^2"),
    )
    if ccd.ramp_step is not None:
        step = text_of(ccd.ramp_step, "mA/cm^2", "A/m^2")
        yield f"Each step plates {charge} and strips it again; its current rises by {step} from {lowest} to {highest} at most."
        return
    yield (
        f"J_c is the middle of a bracket, at most {100.0 * ccd.tolerance:g} % wide, between the largest constant current "
        f"without a short and the smallest with one within {charge}; currents from {lowest} to {highest} are tried. A run "
        "ends at a short, at that charge (capacity), or when metal got no deeper than 0.1 µm over a third of it (stalled)."
    )


def _statistics_row(s: Statistics) -> tuple[str, ...]:
    numbers = (s.mean * _TO_SHOW, s.deviation * _TO_SHOW, s.modulus, s.path_mean * _TO_SHOW)
    return (_point_text(s.point), *map(_text, numbers), f"{len(s.values)}", f"{s.open_}")


def _search_row(search: Search, row: Row) -> tuple[str, ...]:
    point = {k: row[k] for k in list(row)[: len(search.point)]}
    lower, upper = row["largest_without_short_mA_cm2"], row["smallest_with_short_mA_cm2"]
    bracket = f"{_text(lower) if lower is not None else '<'} to {_text(upper) if upper is not None else 'above'}"
    ends = ", ".join(
        f"{_text(t.current * _TO_SHOW)} {t.outcome}" for t in sorted(search.trials, key=lambda t: t.current)
    )
    values = (_text(row[_CCD]), bracket, _text(row[_PATH]))
    return (_point_text(point), str(row[SEED] or ""), *values, _text(row["ccd_over_path"]), ends, row["remark"])


def _point_text(point: Row) -> str:
    return ", ".join(setting(key, _text(value)) for key, value in point.items()) or "the case"


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _shown(current: float) -> float | None:
    return _number(_TO_SHOW * current)


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
