"""One tidy table of a sweep: a row per run, a column per key that varies and per number that came out, units in names."""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from phasefield.campaigns.folder import SweepFolder
from phasefield.campaigns.sweep import Entry
from phasefield.errors import CaseError, RunError
from phasefield.results_folder import replacing, write_text_atomic
from phasefield.tables import HISTORY_COLUMNS
from phasefield.units import number_and_unit, to_unit

Row = dict[str, Any]

# Of summary.json, beside the last line of the history.
_SUMMARY = (
    "short",
    "filled_boundary_share",
    "bottleneck_pressure_MPa",
    "entry_current_density_path_mA_cm2",
    "boundary_per_volume_1_um",
    "steps",
    "wall_time_s",
)
_HISTORY = tuple(column for column in HISTORY_COLUMNS if column not in ("step", "newton_iterations", "cg_iterations"))


def rows_of(folder: SweepFolder, entries: Sequence[Entry]) -> list[Row]:
    """Return one row per run, all with the same columns; what a run has not told is None."""
    sets = varied([entry.planned.sets for entry in entries])
    rows = []
    for entry, values in zip(entries, sets, strict=True):
        told = _summary(folder.run(entry.planned.name))
        final = told.get("final") or {}
        done, failed = entry.standing == "done", entry.standing == "failed"
        row: Row = {"run": entry.planned.name, **values, "standing": entry.standing}
        row |= {"outcome": entry.text if done else None, "reason": entry.text if failed else None}
        row |= {key: final.get(key) for key in _HISTORY} | {key: told.get(key) for key in _SUMMARY}
        row["threads"] = (told.get("machine") or {}).get("threads")
        row["version"] = (told.get("versions") or {}).get("phasefield")
        row["source_revision"] = told.get("source_revision")
        rows.append(row)
    return rows


def _summary(folder: Path) -> dict[str, Any]:
    try:
        told = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def varied(sets: Sequence[Mapping[str, str]]) -> list[Row]:
    """Return what every run sets, as columns: numbers in the unit that the column's name ends with, texts, flags."""
    keys = list(dict.fromkeys(key for one in sets for key in one))
    columns: list[tuple[str, list[Any]]] = [_column(key, [one.get(key) for one in sets]) for key in keys]
    return [{name: values[i] for name, values in columns} for i in range(len(sets))]


def _column(key: str, texts: Sequence[str | None]) -> tuple[str, list[Any]]:
    values = [None if text is None else _value(text) for text in texts]
    quantities = [number_and_unit(value) if isinstance(value, str) else None for value in values]
    given = [q for q, value in zip(quantities, values, strict=True) if value is not None]
    if not given or any(q is None or not q[1] for q in given):
        return key, [_plain(value) for value in values]
    unit = next(q[1] for q in given if q is not None)
    try:
        return f"{key}_{in_a_name(unit)}", [None if q is None else to_unit(*q, unit) for q in quantities]
    except ValueError:  # not the same kind of quantity: whatever it is, it stays a text
        return key, values


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, KeyError):
        return text


def _plain(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | dict) else value


def in_a_name(unit: str) -> str:
    """Return a unit in letters and digits: ``"mA_cm2"`` for ``"mA/cm^2"``."""
    return re.sub(r"[^\w-]+", "_", unit.replace("^", "").replace("**", "")).strip("_")


def write_table(rows: Sequence[Row], path: Path) -> None:
    """Write rows to a ``.csv``, or to a ``.parquet`` where pyarrow is installed."""
    if path.suffix == ".parquet":
        _write_parquet(rows, path)
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["run"], lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    write_text_atomic(path, text.getvalue())


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.10g}" if isinstance(value, float) else " ".join(value.split()) if isinstance(value, str) else value


def _write_parquet(rows: Sequence[Row], path: Path) -> None:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise RunError(
            "a .parquet needs pyarrow: python -m pip install 'alkali-dendrites[parquet]', or take a .csv"
        ) from None
    try:
        table = pyarrow.Table.from_pylist(list(rows))
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError) as error:
        raise CaseError(f"{path}: {error}; take a .csv") from None
    with replacing(path) as temporary:
        parquet.write_table(table, temporary)
