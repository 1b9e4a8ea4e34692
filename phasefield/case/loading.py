"""Find a case, read its file, apply overrides, and report every fault at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from phasefield.case.consistency import consistency_faults
from phasefield.case.model import Case
from phasefield.case.resolve import resolve
from phasefield.errors import CaseError, Fault
from phasefield.schema import faults_of, parse_toml, read_toml, suggestion

_PACKAGE = Path(__file__).parents[1]
_LIST_ENTRY = re.compile(r"(.+)\[(\d{1,9})\]")  # steps[0]


class CaseEntry(NamedTuple):
    """One case that ships: its name, its file, and the question that its first line asks."""

    name: str
    path: Path
    question: str


def case_folder() -> Path:
    """Return the folder of the cases that ship, and of the sweeps."""
    packed = _PACKAGE / "_cases"
    return packed if packed.is_dir() else _PACKAGE.parent / "cases"


def _shipped() -> dict[str, Path]:
    found = sorted(case_folder().rglob("*.toml"), key=lambda path: (len(path.parts), path))
    return {path.stem: path for path in found if path.parent.name != "sweeps"}


def list_cases() -> list[CaseEntry]:
    """Return the cases that ship, main cases first."""
    entries = []
    for name, path in _shipped().items():
        with path.open(encoding="utf-8") as file:
            first = file.readline().strip()
        entries.append(CaseEntry(name, path, first.removeprefix("#").strip()))
    return entries


def load_case(name_or_path: str | Path, overrides: Mapping[str, str] | None = None) -> Case:
    """Return a case by the name under which it ships, or from a file.

    Parameters
    ----------
    name_or_path : a name that ``list_cases`` lists, or the path of a TOML file.
    overrides : key ("protocol.current_density", "protocol.steps[0].duration") to value as written in TOML; quotes
        around texts may be left out.

    Raises
    ------
    CaseError : the file cannot be read, or has faults: all of single keys, else all between keys.
    """
    path = _find(name_or_path)
    tables, text = read_toml(path)
    faults = [fault for key, value in (overrides or {}).items() for fault in _override(tables, key, value)]
    try:
        case = Case.model_validate(tables, context={"base_dir": path.parent})
    except ValidationError as error:
        faults += faults_of(error, Case)
    if faults:
        raise CaseError(faults, str(path))
    case = resolve(case)
    inconsistent = consistency_faults(case)
    if inconsistent:
        raise CaseError(inconsistent, str(path))
    case._source, case._source_text = path, text
    return case


def _find(name_or_path: str | Path) -> Path:
    name = str(name_or_path)
    shipped = _shipped()
    if name in shipped:
        return shipped[name]
    if name.endswith(".toml"):
        return Path(name)
    raise CaseError(
        [Fault("", f"no case is called {name!r}", f"{suggestion(name, shipped)} (or the path of a .toml file)")]
    )


def _override(tables: dict[str, Any], key: str, value: str) -> list[Fault]:
    *sections, last = key.split(".")
    if not all((*sections, last)):
        return [Fault(key, "is not a key", "write section.key=value, for example grid.spacing=0.5 um")]
    for section in sections:
        place = _LIST_ENTRY.fullmatch(section)
        if place is None:
            entry = tables.setdefault(section, {})
        else:
            entries = tables.get(place[1])
            if not isinstance(entries, list) or int(place[2]) >= len(entries):
                right = f"{place[1]} has {len(entries)} entries" if isinstance(entries, list) else "it is not a list"
                return [Fault(key, f"there is no {section}", right)]
            entry = entries[int(place[2])]
        if not isinstance(entry, dict):
            return [Fault(key, f"{section} is not a table", "write section.key=value")]
        tables = entry
    tables[last] = _parse(value)
    return []


def _parse(value: str) -> Any:
    """Return a value as TOML reads it, or the bare text."""
    try:
        tables = parse_toml(f"value = {value}")
    except ValueError:
        return value
    return tables["value"] if tables.keys() == {"value"} else value
