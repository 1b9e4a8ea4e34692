"""The validation page: rows are computed and kept one by one, the page is made of all that were kept."""

from __future__ import annotations

import datetime
import json
import math
import os
import platform
import time as clock
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from phasefield import __version__
from phasefield.results_folder import FORMAT, replacing, write_json_atomic, write_text_atomic
from phasefield.summary import source_revision
from phasefield.validation.common import Row
from phasefield.validation.registry import ENTRIES, Entry
from postprocess.curves import save_panels

PAGE = "validation.md"
LIBRARIES = ("numpy", "scipy", "numba", "sympy")
MARKS = {"passed": "passed", "failed": "**FAILED**", "crashed": "**CRASHED**"}


def compute(entry: Entry, quick: bool, folder: Path) -> dict[str, Any]:
    """Compute a row, write ``rows/NAME.json`` and ``NAME.png``, make the page anew, and return what was written.

    A row that raises is kept as "crashed", with the reason. Raises ``OSError`` when the folder cannot be written.
    """
    if entry.compute is None:
        raise ValueError(f"{entry.name} is not computed")
    started, row, reason = clock.perf_counter(), None, ""
    try:
        row = entry.compute(quick)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one row, the others are computed
        reason = f"{type(error).__name__}: {error}"
    found = {
        "format": FORMAT,
        "name": entry.name,
        "target": row.target if row else "",
        "status": "crashed" if row is None else "passed" if row.passed else "failed",
        "reason": reason,
        "size": "quick" if quick else "full",
        "seconds": round(clock.perf_counter() - started, 1),
        "revision": source_revision(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "versions": {"phasefield": __version__, "python": platform.python_version()}
        | {name: metadata.version(name) for name in LIBRARIES},
        "machine": {"platform": platform.platform(), "cpus": os.cpu_count()},
        "checks": _checks(row),
    }
    (folder / "rows").mkdir(parents=True, exist_ok=True)
    if row is not None and row.panels:
        with replacing(folder / f"{entry.name}.png") as temporary:
            save_panels(row.panels, f"{entry.name}: {row.target}", temporary)
    write_json_atomic(folder / "rows" / f"{entry.name}.json", found)
    write_text_atomic(folder / PAGE, page_text(folder))
    return found


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
    """Return the largest error of a kept row over its tolerance; an exact check has 0 or infinity, no check NaN."""
    shares = [
        check["error"] / check["tolerance"] if check["tolerance"] > 0.0 else 0.0 if check["passed"] else math.inf
        for check in found["checks"]
    ]
    return max(shares, default=math.nan)


# ---------------------------------------------------------------- the page


def kept_rows(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the rows that a folder keeps, by name, in the table's order."""
    paths = {entry.name: folder / "rows" / f"{entry.name}.json" for entry in ENTRIES}
    return {name: json.loads(path.read_text(encoding="utf-8")) for name, path in paths.items() if path.is_file()}


def page_text(folder: Path) -> str:
    """Return the page of all rows that a folder keeps."""
    kept = kept_rows(folder)
    states = [found["status"] for found in kept.values()]
    waiting = [entry for entry in ENTRIES if entry.compute is None]
    missing = len(ENTRIES) - len(waiting) - len(kept)
    counts = [f"{states.count('passed')} rows passed", f"{len(states) - states.count('passed')} failed"]
    counts += [f"{len(waiting)} not yet"] + ([f"{missing} not computed"] if missing else [])
    revisions = {found["revision"] for found in kept.values()}
    lines = [
        "# Validation",
        "",
        "What the solver gives, against formulas; `phasefield validate` computes this page. A check passes when its error",
        "is at most what is allowed; a row passes when all of its checks do.",
        "",
        f"**{', '.join(counts)}.**" + (" Rows are of different revisions." if len(revisions) > 1 else ""),
        "",
        *_table(kept),
    ]
    for name, found in kept.items():
        lines += _section(name, found, (folder / f"{name}.png").is_file())
    return "\n".join(lines) + "\n"


def _table(kept: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = [
        "| row | target | result | worst error / allowed | size | s | revision | date |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for entry in ENTRIES:
        found = kept.get(entry.name)
        if found is None:
            state = f"not yet: waits for {entry.waits_for}" if entry.compute is None else "not computed"
            lines.append(f"| {entry.name} | {entry.target} | {state} | | | | | |")
            continue
        share = worst_share(found)
        cells = (
            f"[{entry.name}](#{entry.name.lower()})",
            found["target"],
            MARKS[found["status"]],
            "" if math.isnan(share) else f"{share:.2g}",
            found["size"],
            f"{found['seconds']:.0f}",
            _short(found["revision"]),
            found["date"],
        )
        lines.append(f"| {' | '.join(_plain(cell) for cell in cells)} |")
    return lines


def _section(name: str, found: Mapping[str, Any], figure: bool) -> list[str]:
    machine, versions = found["machine"], found["versions"]
    lines = ["", f"## {name}", "", f"{_plain(found['target'])}: {MARKS[found['status']]}.", ""]
    if found["reason"]:
        lines += [f"It ended with: {_plain(found['reason'])}", ""]
    if found["checks"]:
        lines += ["| check | reference | measured | error | allowed | |", "|---|---|---|---|---|---|"]
    for check in found["checks"]:
        form = ".2%" if check["relative"] and check["tolerance"] >= 1e-4 else ".2g"
        numbers = (f"{check['reference']:.6g}", f"{check['measured']:.6g}")
        errors = (f"{check['error']:{form}}", f"{check['tolerance']:{form}}")
        verdict = "" if check["passed"] else MARKS["failed"]
        lines.append(f"| {' | '.join((_plain(check['what']), *numbers, *errors, verdict))} |")
    if figure:
        lines += ["", f"![{name}]({name}.png)"]
    lines += [
        "",
        f"`phasefield validate {name}{' --quick' if found['size'] == 'quick' else ''}`, {found['seconds']:g} s, "
        f"{found['date']}, revision {_short(found['revision'])}; {machine['platform']}, {machine['cpus']} cores; "
        + ", ".join(f"{library} {version}" for library, version in versions.items()),
    ]
    return lines


def _short(revision: str) -> str:
    """Return a revision as people write it: ten characters, and whether there were changes."""
    commit, dash, rest = revision.partition("-")
    return commit[:10] + dash + rest


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
