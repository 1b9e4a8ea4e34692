"""Find and read material files: those that ship, and those that a case brings along."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError

from phasefield.errors import CaseError, Fault
from phasefield.materials.models import KINDS, Electrolyte, Interface, Material, Metal
from phasefield.schema import faults_of, read_toml, suggestion

_FOLDER = Path(__file__).parent

M = TypeVar("M", bound=Material)


class MaterialEntry(NamedTuple):
    """One shipped material: its kind (metal, electrolyte, interface), name, ion, title and file."""

    kind: str
    name: str
    ion: str
    title: str
    path: Path


def _shipped(kind: str) -> dict[str, Path]:
    return {path.stem: path for path in sorted((_FOLDER / f"{kind}s").glob("*.toml"))}


def list_materials() -> list[MaterialEntry]:
    """Return every material that ships, by kind and name."""
    found = [(kind, name, path, read_toml(path)[0]) for kind in KINDS for name, path in _shipped(kind).items()]
    return [MaterialEntry(kind, name, table["ion"], table["title"], path) for kind, name, path, table in found]


def load_material(kind: str, name_or_path: str, base_dir: Path | None = None) -> Metal | Electrolyte | Interface:
    """Return a material by the name under which it ships, or from a file of one's own.

    Parameters
    ----------
    kind : ``"metal"``, ``"electrolyte"`` or ``"interface"``.
    name_or_path : a name that ``list_materials`` lists, or the path of a TOML file.
    base_dir : folder that a relative path starts from (that of the case); the current one if None.

    Raises
    ------
    CaseError : no such material, or its file has faults: all of them, with their paths.
    """
    shipped = _shipped(kind)
    if name_or_path in shipped:
        return _read(kind, shipped[name_or_path], name_or_path)
    if not name_or_path.endswith(".toml"):
        hint = f"{suggestion(name_or_path, shipped)} (or the path of a .toml file)"
        raise CaseError([Fault("", f"no {kind} is called {name_or_path!r}", hint)])
    path = Path(os.path.abspath((base_dir or Path()) / name_or_path))
    return _read(kind, path, str(path))


def _read(kind: str, path: Path, reference: str) -> Metal | Electrolyte | Interface:
    table, text = read_toml(path)
    model = KINDS[kind]
    try:
        material = model.model_validate(table)
    except ValidationError as error:
        raise CaseError(faults_of(error, model), str(path)) from None
    return _labelled(material, path.stem, reference, text)


def _labelled(material: M, name: str, reference: str, text: str) -> M:
    material._name, material._reference, material._source_text = name, reference, text
    return material


def with_number(material: M, key: str, value: str) -> M:
    """Return the material with the number ``key`` replaced by ``value``, valid at any temperature.

    ``key`` is one of ``material.quantities()``, ``value`` a text with unit that this quantity has read before.
    """
    old = material.numbers.get(key)
    new: dict[str, Any] = {"value": value, "source": "set by the case"}
    if old is not None:
        new |= {"assumed": old.assumed, "note": f"instead of {old.value}"}
    dropped = material.alternatives if key in material.alternatives else frozenset()
    tables = material.model_dump(mode="json", exclude_none=True, exclude=set(dropped))
    changed = type(material).model_validate(tables | {key: new})
    return _labelled(changed, material.name, material.reference, material.source_text)
