"""The validation page, made of all rows that a folder keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from phasefield.results_folder import write_text_atomic
from phasefield.validation.records import CRASHED, OFF, PASSED, QUICK, kept_rows, worst_share
from phasefield.validation.registry import ENTRIES, Entry

PAGE = "validation.md"
MARKS = {PASSED: "passed", OFF: "**FAILED**", CRASHED: "**CRASHED**"}
OTHER = "†"
DIRTY = "-dirty"
_TEXT = str.maketrans({"|": r"\|", "\n": " ", "<": "&lt;", "*": r"\*", "`": "'"})


def write_page(folder: Path) -> Path:
    """Write the page of all rows that ``folder`` keeps, and return its path."""
    write_text_atomic(folder / PAGE, page_text(folder))
    return folder / PAGE


def page_text(folder: Path) -> str:
    """Return the page of all rows that ``folder`` keeps."""
    kept = kept_rows(folder)
    newest = max(kept.values(), key=lambda found: found["date"])["revision"] if kept else ""
    lines = [
        "# Validation",
        "",
        "What the solver gives, against formulas. A check passes when its error is at most what is allowed; a row passes",
        "when all of its checks do.",
        "",
        f"**{_counts(kept)}.**",
        "",
        "This page is generated: `phasefield validate -o DIR` computes every row and writes it to DIR,",
        "`phasefield validate V5 -o DIR` computes one row and keeps the others.",
        *_table(kept, newest),
        *_notes(kept, newest),
    ]
    for name, found in kept.items():
        lines += _section(found, (folder / f"{name}.png").is_file())
    return "\n".join(lines) + "\n"


def _counts(kept: Mapping[str, Mapping[str, Any]]) -> str:
    passed = sum(found["status"] == PASSED for found in kept.values())
    counts = [f"{passed} passed", f"{len(kept) - passed} failed"]
    others = {
        "not yet": sum(bool(entry.waits_for) for entry in ENTRIES),
        "by another command": sum(bool(entry.instead) for entry in ENTRIES),
        "not computed here": sum(entry.compute is not None and entry.name not in kept for entry in ENTRIES),
    }
    return ", ".join([*counts, *(f"{count} {what}" for what, count in others.items() if count)])


def _table(kept: Mapping[str, Mapping[str, Any]], newest: str) -> Iterator[str]:
    yield ""
    yield "| row | target | result | worst error / allowed | size | seconds | revision | date |"
    yield "|---|---|---|---|---|---|---|---|"
    for entry in ENTRIES:
        if entry.name not in kept:
            yield f"| {entry.name} | {_plain(entry.target)} | {_absence(entry)} | | | | | |"
            continue
        found = kept[entry.name]
        cells = (
            f"[{entry.name}](#{entry.name.lower()})",
            _plain(entry.target),
            MARKS[found["status"]],
            worst(found),
            found["size"],
            f"{found['seconds']:g}",
            _short(found["revision"]) + (f" {OTHER}" if found["revision"] != newest else ""),
            found["date"][:10],
        )
        yield f"| {' | '.join(cells)} |"


def worst(found: Mapping[str, Any]) -> str:
    """Return the largest error of a kept row over what is allowed, as people write it; "-" if it crashed."""
    return f"{worst_share(found):.2g}" if found["checks"] else "-"


def _absence(entry: Entry) -> str:
    if entry.instead:
        return f"see `{entry.instead}`"
    return f"not yet: waits for {entry.waits_for}" if entry.waits_for else "not computed here"


def _notes(kept: Mapping[str, Mapping[str, Any]], newest: str) -> Iterator[str]:
    revisions = {found["revision"] for found in kept.values()}
    if revisions - {newest}:
        yield from ("", f"{OTHER} Computed from another revision than the newest row, `{_short(newest)}`.")
    if any(revision.endswith(DIRTY) for revision in revisions):
        yield from ("", f"`{DIRTY}`: with changes on top of that revision.")


def _section(found: Mapping[str, Any], figure: bool) -> Iterator[str]:
    name, machine = found["name"], found["machine"]
    yield from ("", f"## {name}", "", f"{_plain(found['target'])}: {MARKS[found['status']]}.")
    if found["reason"]:
        yield from ("", f"It ended with: {_plain(found['reason'])}" if not found["checks"] else _plain(found["reason"]))
    if found["checks"]:
        yield from ("", "| | check | reference | measured | error | allowed | |", "|---|---|---|---|---|---|---|")
    for number, check in enumerate(found["checks"], start=1):
        form = ".2%" if check["relative"] and check["tolerance"] >= 1e-4 else ".2g"
        cells = (
            str(number),
            _plain(check["what"]),
            *(_number(check[key], ".7g") for key in ("reference", "measured")),
            *(_number(check[key], form) for key in ("error", "tolerance")),
            "" if check["passed"] else MARKS[OFF],
        )
        yield f"| {' | '.join(cells)} |"
    if figure:
        yield from ("", f"![{name}: computed against formula]({name}.png)")
    yield ""
    yield (
        f"`phasefield validate {name}{' --quick' if found['size'] == QUICK else ''}`, {found['seconds']:g} s, "
        f"{found['date']}, revision {_short(found['revision'])}; {machine['platform']}, {machine['cpus']} cores; "
        + ", ".join(f"{library} {version}" for library, version in found["versions"].items())
    )


def _number(value: float | None, form: str) -> str:
    return "not a number" if value is None else f"{value:{form}}"


def _short(revision: str) -> str:
    """Return a revision as people write it: ten characters, and whether there were changes."""
    commit = revision.removesuffix(DIRTY)
    return commit[:10] + revision[len(commit) :]


def _plain(text: str) -> str:
    """Return ``text`` such that Markdown shows it as it is, in a table, too."""
    return text.translate(_TEXT)
