"""The command that shows materials and where their numbers come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from phasefield.cli.failures import exit_codes
from phasefield.errors import CaseError, Fault

if TYPE_CHECKING:
    from phasefield.materials import MaterialNumber

COLUMNS = ("number", "value", "source")


def show(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A material, to see its numbers.")] = None,
) -> None:
    """List the materials, or every number of one: its unit, temperature and source, and whether it is assumed."""
    with exit_codes():
        from phasefield.cli.show import print_table
        from phasefield.materials import list_materials, load_material

        entries = list_materials()
        if name is None:
            print_table("", ("kind", "name", "what it is"), [(e.kind, e.name, e.title) for e in entries])
            typer.echo("phasefield materials NAME shows the numbers of one.")
            return
        found = [entry for entry in entries if entry.name == name]
        if not found:
            raise CaseError(
                [Fault("", f"no material is called {name!r}", f"there are {', '.join(e.name for e in entries)}")]
            )
        for entry in found:
            material = load_material(entry.kind, entry.name)
            rows = [_row(key, number) for key, number in material.numbers.items()]
            print_table(f"{entry.title} ({entry.kind} {entry.name})", COLUMNS, rows)


def _row(key: str, number: MaterialNumber) -> tuple[str, str, str]:
    from phasefield.units import text_of

    value = [number.value]
    if number.temperature is not None:
        value.append(f"at {text_of(number.temperature, 'K', 'K')}")
    if number.activation_energy is not None:
        value.append(f"E_a {text_of(number.activation_energy, 'eV', 'J')}")
    if number.assumed:
        value.append("assumed")
    return key, "\n".join(value), f"{number.source}. {number.note}" if number.note else number.source
