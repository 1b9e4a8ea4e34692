"""Write ``cases.md``, the reference of case files, from the schema that checks them.

Run it after a change of the schema: ``python docs/make_case_reference.py``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from phasefield.case import case_schema

PAGE = Path(__file__).parent / "cases.md"
LARGE = 1e9  # a bound that nobody meets
INTRODUCTION = """\
# Case files

<!-- written by docs/make_case_reference.py: change that script, or the schema, and run it -->

A case is one TOML file: one question, one simulation. `phasefield cases` lists those that come with the package,
`phasefield new mine` copies one with its comments to `mine.toml`, `phasefield check mine.toml` tells what it amounts to,
`phasefield run mine.toml` runs it. Where a command wants a case, it takes a name of that list or the path of a `.toml`
file; the result is called after the file.

- **Quantities are texts with their unit**: `"0.5 mA/cm^2"`, `"9 um"`, `"25 degC"`, `"5 ohm cm^2"`. Any unit of the right
  dimension will do; the tables name the usual one. Plain numbers stand only where there is no dimension.
- **Only what is marked required must be there.** A table without required keys may be left out. `[grain_boundaries]` is
  required unless `microstructure.kind` is `"single_crystal"`, and so is one of `protocol.current_density`,
  `protocol.voltage` and `protocol.steps`; without steps `protocol.duration`, `protocol.capacity` or both, too.
- **Faults** (unknown or missing keys, wrong units, values out of range) are reported all at once, each with its path and
  what would be right; then all faults between keys. The exit code is 2, and nothing is computed. A grid that the
  machine's memory cannot hold is refused before anything is made.
- **A case file is data**: it runs no code, and a run writes to its own folder only. It may name files to be read anywhere,
  but only plain ones; what it reads is copied into the folder of the results.
- **From the command line or from Python** any entry can be changed: `--set "grid.spacing=0.3 um"`, or
  `pf.load_case(name, {"grid.spacing": "0.3 um"})`.
- **Materials** are names that `phasefield materials` lists, or paths of own files, relative to the case file. Single
  numbers are replaced by `materials.set`:

```toml
[materials.set]
"electrolyte.electronic_conductivity" = "1e-6 S/m"
"interface.interface_resistance" = "2 ohm cm^2"
```

- **Steps of a protocol** are done one after the other; each ends at the first of its ends. A group of steps is repeated.
  Entries of a list are numbered from 0: `--set "protocol.steps[0].steps[1].duration=5 min"`. A run whose steps are
  through is `completed`; the ends that stand in `[protocol]` itself end it in any step. This plates for 10 min, rests,
  strips the same charge, with 0.2, then 0.3, then 0.4 mA/cm², and raises the voltage at last:

```toml
[protocol]
voltage_limit = "1 V"

[[protocol.steps]]
repeat = 3
current_density_increment = "0.1 mA/cm^2"
steps = [
    { current_density = "0.2 mA/cm^2", duration = "10 min" },
    { rest = true, duration = "5 min" },
    { current_density = "-0.2 mA/cm^2", duration = "10 min" },
]

[[protocol.steps]]
voltage = "0 mV"
ramp_to = "50 mV"
duration = "20 min"
```

`phasefield check --schema` prints the JSON schema that this page is made from; editors can check case files with it.
The `case.toml` of a results folder has every default filled in. What the keys mean in the equations:
[model.md](model.md).
"""


def reference() -> str:
    """Return the page."""
    schema = case_schema()
    return "\n".join([INTRODUCTION, *_sections(schema, schema, "")])


def _sections(schema: dict[str, Any], table: dict[str, Any], path: str, about: str = "") -> Iterator[str]:
    """Yield a heading and a table of keys for ``table``, then the same for the tables in it."""
    inner = {}
    rows = []
    for key, entry in table["properties"].items():
        target = _table_of(schema, entry)
        several = any("items" in choice for choice in _alternatives(entry))
        nested = several and target is not None and target["properties"].keys() <= table["properties"].keys()
        if target is None or nested:  # nested steps have keys of the table that they stand in
            rows.append(_row(key, entry, required=key in table.get("required", ())))
        else:
            inner[f"[{key}]" if several else key] = (
                target,
                entry.get("description", ""),
                key in table.get("required", ()),
            )
    if rows:
        yield f"## `{_heading(path)}`\n" if path else "## At the top of the file\n"
        if about:
            yield f"{about}\n"
        yield "\n".join(["| key | value | default | meaning |", "|---|---|---|---|", *rows, ""])
    for key, (target, description, required) in inner.items():
        sentence = f"{description[:1].upper()}{description[1:]}{': required.' if required else '.'}"
        yield from _sections(schema, target, f"{path}.{key}".removeprefix("."), sentence)


def _alternatives(entry: dict[str, Any]) -> list[dict[str, Any]]:
    return [choice for choice in entry.get("anyOf", [entry]) if choice.get("type") != "null"]


def _heading(path: str) -> str:
    """Return how TOML opens the table: ``[a.b]``, or ``[[a.b]]`` for an entry of a list, here written ``a.[b]``."""
    return f"[[{path.replace('[', '').replace(']', '')}]]" if path.endswith("]") else f"[{path}]"


def _table_of(schema: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any] | None:
    """Return the table that an entry is, or that the entries of a list are, or None if it is a value."""
    for choice in (choice.get("items", choice) for choice in _alternatives(entry)):
        if "$ref" in choice:
            return schema["$defs"][choice["$ref"].rpartition("/")[2]]
    return None


def _row(key: str, entry: dict[str, Any], required: bool) -> str:
    default = "**required**" if required else _default(entry)
    cells = (f"`{key}`", _value(entry), default, entry.get("description", ""))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(entry: dict[str, Any]) -> str:
    default = entry.get("default")
    if default is None:
        return "see there" if "default:" in entry.get("description", "") else "none"
    if isinstance(default, list):
        return "all" if len(default) > 3 else f"`{json.dumps(default)}`"
    if default == "":
        return "empty"
    return f"`{json.dumps(default, ensure_ascii=False)}`"


def _value(entry: dict[str, Any]) -> str:
    """Return what to write: the unit of a quantity, the choices, or the kind of value."""
    choices = _alternatives(entry)
    kinds = {choice.get("type", "") for choice in choices}
    if "const" in entry or "enum" in entry:
        return ", ".join(f"`{json.dumps(word)}`" for word in entry.get("enum", [entry.get("const")]))
    samples = [sample for place in (entry, *choices) for sample in place.get("examples", [])]
    sample = samples[0] if samples else entry.get("default")
    if any("pattern" in choice for choice in choices):
        return f"quantity, `{_unit(entry.get('default') or sample)}`"
    if any("$ref" in choice.get("items", {}) for choice in choices):
        return "list of tables"
    if "array" in kinds:
        written = json.dumps(sample)
        return f"list, `{written}`" if isinstance(sample, list) else f"quantity or list of them, `{_unit(sample)}`"
    names = {"number": "number", "integer": "whole number", "boolean": "`true` or `false`", "string": "text"}
    return names[kinds.pop()] + _range(choices[0])


def _unit(sample: str) -> str:
    return re.sub(r"^(inf|[-+\d.e]+) ", "", sample)


def _range(entry: dict[str, Any]) -> str:
    words = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {entry[word]:g}" for word, sign in words.items() if abs(entry.get(word, LARGE)) < LARGE]
    return f", {', '.join(bounds)}" if bounds else ""


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
