"""Figures of many runs: lines and maps of a table, histories of runs over each other."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from phasefield.errors import CaseError, Fault
from postprocess.curves import Line, Panel
from postprocess.results import Results
from postprocess.style import STYLE, bar_beside, save_png

Row = Mapping[str, Any]

# How columns' names end, and how a unit is written; longer ends first.
_UNITS = {
    "mAh_cm2": "mAh/cm²",
    "mA_cm2": "mA/cm²",
    "A_m2": "A/m²",
    "ohm_cm2": "Ω cm²",
    "ohm_m2": "Ω m²",
    "S_cm": "S/cm",
    "S_m": "S/m",
    "nm_s": "nm/s",
    "1_um": "1/µm",
    "degC": "°C",
    "MPa": "MPa",
    "GPa": "GPa",
    "um": "µm",
    "nm": "nm",
    "mV": "mV",
    "V": "V",
    "K": "K",
    "s": "s",
    "min": "min",
    "h": "h",
}
_LABELS = {"short": "share of runs with a short"}
_AFTER_WHAT_VARIES = "standing"  # the column of a sweep's table after those that were varied
_SPAN = 8.0  # ratio of values from which an axis is logarithmic
_RUNS = (  # columns of the history that runs are compared by
    ("capacity_mAh_cm2", "penetration_depth_connected_um"),
    ("capacity_mAh_cm2", "cell_voltage_V"),
)


def label(column: str) -> str:
    """Return a column's name in words, its unit after a comma."""
    if column in _LABELS:
        return _LABELS[column]
    name = column.rpartition(".")[2]
    for end, unit in _UNITS.items():
        if name.endswith(f"_{end}"):
            return f"{name.removesuffix(f'_{end}').replace('_', ' ')}, {unit}"
    return name.replace("_", " ")


def setting(column: str, value: str) -> str:
    """Return ``"grain size = 6 µm"``."""
    name, _, unit = label(column).partition(", ")
    return f"{name} = {value} {unit}".rstrip()


def read_table(path: Path) -> list[Row]:
    """Return the rows of a ``.csv``: numbers, flags as 0 and 1, texts, and None for what is empty."""
    import csv

    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CaseError(f"{path} cannot be read as a table: {error}") from None
    if not rows or any(None in row or None in row.values() for row in rows):
        raise CaseError(f"{path} is not a table: a line of names, then lines with as many values are needed")
    return [{key: _cell(text) for key, text in row.items()} for row in rows]


def _cell(text: str) -> Any:
    if text in ("", "true", "false"):
        return {"": None, "true": 1.0, "false": 0.0}[text]
    try:
        return float(text)
    except ValueError:
        return text


def varied_columns(rows: Sequence[Row]) -> list[str]:
    """Return the columns before ``standing`` that hold more than one value, a run's name and its seed left out."""
    columns = list(rows[0])
    if _AFTER_WHAT_VARIES in columns:
        columns = columns[: columns.index(_AFTER_WHAT_VARIES)]
    names = [c for c in columns if c != "run" and c.rpartition(".")[2] != "seed"]
    return [name for name in names if len({row[name] for row in rows}) > 1]


def lines_of(rows: Sequence[Row], x: str, y: str, by: str | None) -> Panel:
    """Return ``y`` against ``x``, one line per value of ``by`` through the means of runs that share both.

    Where runs share both, each is a marker. Texts along x stand side by side, in the order of their first row.
    """
    _require(rows, {"--x": x, "--by": by})
    _require(rows, {"--y": y}, numbers=True)
    there = [row for row in rows if row[x] is not None and row[y] is not None]
    texts = [] if _numeric(there, x) else list(dict.fromkeys(str(row[x]) for row in there))
    place = (lambda row: texts.index(str(row[x])) + 1.0) if texts else (lambda row: float(row[x]))
    lines = []
    for value in sorted({row[by] for row in there}, key=_order) if by else [None]:
        pairs = np.array([(place(row), float(row[y])) for row in there if by is None or row[by] == value])
        pairs = pairs.reshape(-1, 2)
        pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
        at, which = np.unique(pairs[:, 0], return_inverse=True)
        means = np.array([pairs[which == i, 1].mean() for i in range(len(at))])
        name = setting(by, _text(value)) if by else "runs"
        repeated = len(at) < len(pairs)
        lines += [Line(name, pairs[:, 0], pairs[:, 1], joined=not repeated)] if len(pairs) else []
        lines += [Line(name if by else "mean", at, means, bare=True)] if repeated else []
    positive = not texts and all((line.x > 0.0).all() for line in lines)
    wide = positive and lines and _spans(np.concatenate([line.x for line in lines]))
    return Panel(label(x), label(y), tuple(lines), log="x" if wide else "", names=tuple(texts))


def save_map(rows: Sequence[Row], x: str, y: str, colour: str, path: Path) -> None:
    """Draw ``colour`` over ``x`` and ``y``, means of runs that share both: tiles where every pair is there, else dots."""
    import matplotlib
    from matplotlib.figure import Figure

    _require(rows, {"--x": x, "--y": y, "--colour": colour}, numbers=True)
    at: dict[tuple[float, float], list[float]] = {}
    for row in rows:
        if None not in (row[x], row[y], row[colour]):
            at.setdefault((float(row[x]), float(row[y])), []).append(float(row[colour]))
    pairs, means = np.array(list(at)).reshape(-1, 2), np.array([np.mean(values) for values in at.values()])
    across, up = np.unique(pairs[:, 0]), np.unique(pairs[:, 1])
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(5.2, 3.9), layout="constrained")
        axes = figure.subplots()
        if len(across) * len(up) == len(pairs) and min(len(across), len(up)) > 1:
            tiles = np.full((len(up), len(across)), math.nan)
            tiles[np.searchsorted(up, pairs[:, 1]), np.searchsorted(across, pairs[:, 0])] = means
            drawn: Any = axes.pcolormesh(_edges(across), _edges(up), tiles, cmap="viridis")
        else:
            drawn = axes.scatter(pairs[:, 0], pairs[:, 1], c=means, cmap="viridis", s=36.0)
        for values, name in ((across, "x"), (up, "y")):
            if _spans(values):
                getattr(axes, f"set_{name}scale")("log")
        axes.set_xlabel(label(x))
        axes.set_ylabel(label(y))
        bar_beside(axes, drawn).set_label(label(colour))
        save_png(figure, path)


def compare(runs: Mapping[str, Results]) -> list[Panel]:
    """Return depth and voltage of several runs over the charge passed, by the name that each shall have."""
    return [
        Panel(
            label(x), label(y), tuple(Line(name, r.history[x], r.history[y], joined=True) for name, r in runs.items())
        )
        for x, y in _RUNS
    ]


def _require(rows: Sequence[Row], asked: Mapping[str, str | None], numbers: bool = False) -> None:
    """Raise ``CaseError`` unless every column that is asked for is there, with numbers if need be."""
    faults = []
    for option, column in asked.items():
        if column is None:
            continue
        if column not in rows[0]:
            faults.append(Fault(option, f"the table has no column {column!r}", f"it has {', '.join(rows[0])}"))
        elif all(row[column] is None for row in rows):
            faults.append(Fault(option, f"{column} is empty", "choose another column"))
        elif numbers and not _numeric(rows, column):
            faults.append(Fault(option, f"{column} holds texts", "choose a column of numbers"))
    if faults:
        raise CaseError(faults)


def _numeric(rows: Sequence[Row], column: str) -> bool:
    return all(isinstance(row[column], float | int) for row in rows if row[column] is not None)


def _spans(values: np.ndarray) -> bool:
    return bool(values.min() > 0.0 and values.max() > _SPAN * values.min())


def _edges(middles: np.ndarray) -> np.ndarray:
    """Return the edges of tiles around ``middles``: half way, in ratios where the axis is logarithmic."""
    places = np.log(middles) if _spans(middles) else middles
    half = 0.5 * (places[1:] + places[:-1])
    edges = np.concatenate([[2.0 * places[0] - half[0]], half, [2.0 * places[-1] - half[-1]]])
    return np.exp(edges) if _spans(middles) else edges


def _order(value: Any) -> tuple[bool, bool, Any]:
    return value is None, isinstance(value, str), value or 0.0


def _text(value: Any) -> str:
    if isinstance(value, float | int):
        return f"{value:g}"
    return "-" if value is None else re.sub(r"_", " ", str(value))
