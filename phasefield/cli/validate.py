"""The command that computes the validation table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from phasefield.cli.failures import FAILED, exit_codes


def validate(
    rows: Annotated[
        list[str] | None, typer.Argument(metavar="[ROW]...", help="Rows such as V5 v14a; all of them unless given.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Smaller grids and shorter runs: minutes in all instead of an hour.")
    ] = False,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Folder of the page, of a figure and a file per row.")
    ] = Path("validation"),
) -> None:
    """Compute what is known exactly, compare, and write DIR/validation.md with one figure per row.

    DIR keeps rows that are computed one by one: the page is made of all of them. The exit code is 1 if a row fails.
    """
    with exit_codes():
        from phasefield.cli.show import console, print_table
        from phasefield.validation.page import PAGE, compute, worst_share
        from phasefield.validation.registry import chosen

        done: list[dict[str, Any]] = []
        for entry in (wanted := chosen(rows or [])):
            place = f"{len(done) + 1}/{len(wanted)}"
            with console().status(f"{place} {entry.name} ..."):
                found = compute(entry, quick, out)
            done.append(found)
            console().print(f"{place} {entry.name}: {found['status']}, {found['seconds']:g} s", markup=False)
        cells = [
            (f["name"], f["status"], f"{worst_share(f):.2g}", f"{f['seconds']:g}", f["reason"] or f["target"])
            for f in done
        ]
        print_table("Validation", ("row", "result", "worst error / allowed", "s", "target"), cells)
        console().print(f"Page with every check and figure: {out / PAGE}", soft_wrap=True, markup=False)
        if any(found["status"] != "passed" for found in done):
            raise typer.Exit(FAILED)
