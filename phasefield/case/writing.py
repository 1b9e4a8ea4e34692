"""A case as TOML, and the schema of that TOML."""

from __future__ import annotations

from typing import Any

from phasefield.case.model import Case


def case_to_toml(case: Case, names: dict[str, str] | None = None) -> str:
    """Return the case as TOML with every default filled in; it loads back to an equal case.

    Parameters
    ----------
    names : what to write instead of references to files, by kind ("metal", "electrolyte", "interface",
        "microstructure"): a result folder names its own copies of the files. Numbers of materials are then taken as
        they are there, with ``[materials.set]`` on top.
    """
    import tomli_w  # only those who write a case need it

    tables = _without_empty(case.model_dump(mode="json", by_alias=True, exclude_none=True))
    names = dict(names or {})
    if "microstructure" in names:
        tables["microstructure"]["file"] = names.pop("microstructure")
    tables["materials"] |= names
    return tomli_w.dumps(tables)


def _without_empty(tables: dict[str, Any]) -> dict[str, Any]:
    pruned = {key: _without_empty(value) if isinstance(value, dict) else value for key, value in tables.items()}
    return {key: value for key, value in pruned.items() if value != {}}


def case_schema() -> dict[str, Any]:
    """Return the JSON schema of a case's TOML: every key with description, examples, range and default."""
    schema = Case.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
