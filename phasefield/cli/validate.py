"""The command that computes the validation table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from phasefield.cli.failures import FAILED, exit_codes


def validate(
    rows: Annotated[
        list[str] | None, typer.Argument(metavar="[ROW]...", help="Rows such as V5 v14a; all of them unless given.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Smaller grids and shorter runs: about a minute in all instead of ten.")
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
        from phasefield.results_folder import claimed, writing
        from phasefield.summary import source_revision
        from phasefield.validation.page import worst, write_page
        from phasefield.validation.records import check_folder, compute
        from phasefield.validation.registry import chosen

        wanted = chosen(rows or [])
        with writing(out):
            out.mkdir(parents=True, exist_ok=True)
        done: list[dict[str, Any]] = []
        with claimed(out):
            check_folder(out, wanted, quick)
            revision = source_revision()  # before the page changes the tree that it may belong to
            for number, entry in enumerate(wanted, start=1):
                with _announced(f"{entry.name}, {number} of {len(wanted)}: {entry.target}"):
                    done.append(compute(entry, quick, out, revision))
                page = write_page(out)
                _tell(done[-1], worst(done[-1]))
        cells = [(f["name"], f["status"], worst(f), f"{f['seconds']:g}", f["reason"] or f["target"]) for f in done]
        print_table("Validation", ("row", "result", "worst error / allowed", "seconds", "target"), cells)
        console().print(f"Page with every check and figure: {page}", soft_wrap=True, markup=False)
        if any(found["status"] != "passed" for found in done):
            raise typer.Exit(FAILED)


@contextmanager
def _announced(text: str) -> Iterator[None]:
    """Say what goes on: beside a sign of life and the time on a terminal, on a line of its own elsewhere."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        typer.echo(text, err=True)
        yield
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        progress.add_task(text, total=None)
        yield


def _tell(found: Mapping[str, Any], share: str) -> None:
    typer.echo(f"{found['name']} {found['status']}: {share} of the allowed error, {found['seconds']:g} s", err=True)
    if found["reason"]:
        typer.echo(f"  {found['reason']}", err=True)
