"""Rows that were computed, kept one by one: a file and a figure for each, in the folder of the validation page."""

from __future__ import annotations

import datetime
import json
import math
import os
import platform
import time as clock
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from phasefield.errors import CaseError
from phasefield.results_folder import FORMAT, replacing, write_json_atomic
from phasefield.summary import versions
from phasefield.validation.common import Row
from phasefield.validation.registry import ENTRIES, Entry
from postprocess.curves import save_panels

PASSED, OFF, CRASHED = "passed", "failed", "crashed"
QUICK, FULL = "quick", "full"
LIBRARIES = ("numpy", "scipy", "numba", "sympy")


def compute(entry: Entry, quick: bool, folder: Path, revision: str) -> dict[str, Any]:
    """Compute a row, write ``rows/NAME.json`` and ``NAME.png`` below ``folder``, and return what was written.

    A row that raises is kept as "crashed", with the reason; one whose figure cannot be drawn is kept without.
    ``revision`` is that of the sources. Raises ``RunError`` when nothing can be written.
    """
    if entry.compute is None:
        raise ValueError(f"{entry.name} is not computed")
    started, row, reason = clock.perf_counter(), None, ""
    try:
        row = entry.compute(quick)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one row, the others are computed
        reason = _reason(error)
    seconds = round(clock.perf_counter() - started, 2)
    if row is not None:
        reason = _draw(row, folder / f"{entry.name}.png")
    else:
        (folder / f"{entry.name}.png").unlink(missing_ok=True)
    found = {
        "format": FORMAT,
        "name": entry.name,
        "target": row.target if row else entry.target,
        "status": CRASHED if row is None else PASSED if row.passed else OFF,
        "reason": reason,
        "size": QUICK if quick else FULL,
        "seconds": seconds,
        "revision": revision,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": versions(*LIBRARIES),
        "machine": {"platform": platform.platform(), "cpus": os.cpu_count()},
        "checks": _checks(row),
    }
    (folder / "rows").mkdir(exist_ok=True)
    write_json_atomic(_path(folder, entry), found)
    return found


def _draw(row: Row, path: Path) -> str:
    """Draw a row's figure and return "", or why there is none: a figure that fails costs no row."""
    path.unlink(missing_ok=True)
    try:
        with replacing(path) as temporary:
            save_panels(row.panels, f"{row.name}: {row.target}", temporary)
    except Exception as error:  # noqa: BLE001 - the numbers are worth keeping
        return f"no figure: {_reason(error)}"
    return ""


def _reason(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"


def _checks(row: Row | None) -> list[dict[str, Any]]:
    return [
        {
            "what": check.what,
            "reference": check.reference,
            "measured": check.measured,
            "error": check.error,
            "relative": check.relative,
            "tolerance": check.tolerance,
            "passed": check.passed,
        }
        for check in (row.checks if row else ())
    ]


def worst_share(found: Mapping[str, Any]) -> float:
    """Return the largest error of a kept row over its tolerance; infinite if one is no number, NaN if it crashed."""
    return max((_share(check) for check in found["checks"]), default=math.nan)


def _share(check: Mapping[str, Any]) -> float:
    error, tolerance = check["error"], check["tolerance"]  # a number that is none is null in the file
    if error == 0.0:
        return 0.0
    return math.inf if error is None or not math.isfinite(error) or tolerance == 0.0 else error / tolerance


def kept_rows(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the rows that a folder keeps, by name, in the table's order; raise ``CaseError`` for a damaged file."""
    kept = {}
    for entry in ENTRIES:
        path = _path(folder, entry)
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise CaseError(f"{path} cannot be read ({error}); remove it and compute the row again") from None
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise CaseError(f"{path} is not a row of format {FORMAT}; remove it and compute the row again")
        kept[entry.name] = found
    return kept


def check_folder(folder: Path, entries: Sequence[Entry], quick: bool) -> None:
    """Raise ``CaseError`` if a kept row cannot be read, or if a quick row would take the place of a full one."""
    kept = kept_rows(folder)
    full = [e.name for e in entries if quick and e.name in kept and kept[e.name]["size"] == FULL]
    if full:
        raise CaseError(
            f"{folder} keeps {', '.join(full)} in full, which --quick would replace; give another folder with -o"
        )


def _path(folder: Path, entry: Entry) -> Path:
    return folder / "rows" / f"{entry.name}.json"
