"""What of a case may change when its run goes on, and what has changed."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from phasefield.case.model import Case
from phasefield.case.resolve import resolve
from phasefield.case.writing import case_to_toml
from phasefield.errors import CaseError, Fault
from phasefield.materials import KINDS

# Keys and tables that change nothing of what was computed so far: when to save, with what means, where to end.
MAY_CHANGE = (
    "question",
    "output",
    "solver.threads",
    "solver.time_step_min",
    "solver.time_step_max",
    "protocol.duration",
    "protocol.capacity",
    "protocol.voltage_limit",
    "protocol.stall_capacity",
    "protocol.stop_at_short",
)


class Change(NamedTuple):
    """One key whose value is not what it was; both values as in TOML, "none" where the key is not there."""

    key: str
    old: str
    new: str


def input_names(case: Case, folder: Path) -> dict[str, str]:
    """Return by kind the materials, and the microstructure's file, that a case reads from ``folder``, relative to it."""
    paths = {kind: Path(getattr(case.materials, kind).reference) for kind in KINDS}
    if case.microstructure.file is not None:
        paths["microstructure"] = case.microstructure.file.path
    base = Path(os.path.abspath(folder))
    return {kind: p.relative_to(base).as_posix() for kind, p in paths.items() if p.is_relative_to(base)}


def case_texts(case: Case, names: dict[str, str]) -> dict[str, str]:
    """Return the case with every default (``"case"``), its files called ``names``, and what they hold by kind."""
    return {"case": case_to_toml(case, names)} | {kind: _content(case, kind) for kind in _kinds_of_files(case)}


def _kinds_of_files(case: Case) -> tuple[str, ...]:
    return (*KINDS, "microstructure") if case.microstructure.file is not None else tuple(KINDS)


def _content(case: Case, kind: str) -> str:
    """Return what a file holds, as TOML; a digest for one that is no text."""
    if kind != "microstructure":
        return str(getattr(case.materials, kind).source_text)
    return case.microstructure.file.text if case.microstructure.file is not None else ""


def changes(old: Mapping[str, str], case: Case, folder: Path) -> list[Change]:
    """Return every key of ``case``, read in ``folder``, that differs from ``old`` (of ``case_texts``).

    Raises ``CaseError`` if this version of the package cannot read the old case.
    """
    try:
        tables = tomllib.loads(old["case"])
        before = resolve(Case.model_validate(tables, context={"base_dir": folder}))  # defaults of keys it did not know
    except ValidationError:
        raise CaseError("this version of the package cannot read the case that the run was begun with") from None
    pairs = [(case_to_toml(before, input_names(before, folder)), case_to_toml(case, input_names(case, folder)), "")]
    named = tables["materials"] | {"microstructure": tables["microstructure"].get("file")}
    for kind, name in input_names(case, folder).items():
        if named[kind] == name:
            pairs.append((old[kind], _content(case, kind), f"{name}: "))
    return [change for pair in pairs for change in _differences(*pair)]


def _differences(old: str, new: str, prefix: str) -> Iterator[Change]:
    before, after = (dict(_entries("", tomllib.loads(text))) for text in (old, new))
    for key in dict.fromkeys([*before, *after]):
        if before.get(key) != after.get(key):
            yield Change(prefix + key, _written(before.get(key)), _written(after.get(key)))


def _entries(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield every value in tables, and in lists of tables, with its path."""
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from _entries(f"{path}.{key}".removeprefix("."), entry)
    elif isinstance(value, list) and any(isinstance(entry, dict) for entry in value):
        for index, entry in enumerate(value):
            yield from _entries(f"{path}[{index}]", entry)
    else:
        yield path, value


def _written(value: Any) -> str:
    return "none" if value is None else json.dumps(value, ensure_ascii=False)


def refused(changed: list[Change]) -> list[Fault]:
    """Return a fault for every change that a run cannot go on with."""
    return [
        Fault(key, f"{new}, but the run was begun with {old}", "set it back, or start a new run")
        for key, old, new in changed
        if not any(key == allowed or key.startswith(f"{allowed}.") for allowed in MAY_CHANGE)
    ]


def how_to_go_on(case: Case, outcome: str) -> str:
    """Return which key of ``case`` to change, and how, for a run to go on beyond an ``outcome``."""
    if outcome == "short":
        return "set protocol.stop_at_short = false to go on"
    ends, key = case.protocol.model_dump(mode="json"), "stall_capacity" if outcome == "stalled" else outcome
    return f"raise protocol.{key} (now {ends[key]}) to go on" if key in ends else "nothing can be added to it"
