"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phasefield.errors import CaseError, Fault

if TYPE_CHECKING:
    from postprocess import Results

EXAMPLE = "protocol.current_density=0.5 mA/cm^2"

CaseArgument = Annotated[
    str, typer.Argument(metavar="CASE", help="A name that `phasefield cases` lists, or the path of a case file.")
]
FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run, such as results/NAME.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Change one entry of the case; may be repeated."),
]


def parse_overrides(entries: list[str] | None) -> dict[str, str]:
    """Return key to value of entries like ``protocol.current_density=0.5 mA/cm^2``; raise CaseError for bad ones."""
    overrides: dict[str, str] = {}
    faults: list[Fault] = []
    for entry in entries or []:
        key, equals, value = (part.strip() for part in entry.partition("="))
        if equals and value and "." in key.strip("."):
            overrides[key] = value
        else:
            faults.append(Fault("--set", f"{entry!r} is not SECTION.KEY=VALUE", f"such as '{EXAMPLE}'"))
    if faults:
        raise CaseError(faults)
    return overrides


def load_results(folder: Path) -> Results:
    """Read the run in ``folder``; raise CaseError if there is none, or if it saved no fields yet."""
    from postprocess import load

    try:
        results = load(folder)
    except (FileNotFoundError, ValueError) as fault:
        raise CaseError(f"{fault}; give the folder of a run, such as results/NAME") from None
    if not len(results.times):
        raise CaseError(f"{folder} holds a run that saved no fields")
    return results
