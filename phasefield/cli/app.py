"""The command ``phasefield``: its groups and its global options."""

from __future__ import annotations

import gc
import sys
from typing import Annotated

import typer

import phasefield
from phasefield.cli import (
    cases,
    ccd,
    converge,
    crosscheck,
    doctor,
    export,
    materials,
    microstructure,
    plot,
    runs,
    study,
    sweep,
    validate,
)

app = typer.Typer(
    name="phasefield",
    help="Simulate metal dendrites along grain boundaries in ceramic solid-state batteries.",
    epilog="Exit codes: 0 done (a short circuit is done), 1 failed, 2 bad input, 75 wants to be continued, "
    "130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(runs.run)
app.command()(runs.resume)
app.command()(cases.check)
app.command("cases")(cases.list_all)
app.command()(cases.new)
app.command("materials")(materials.show)
app.command()(microstructure.microstructure)
app.command()(plot.plot)
app.command()(export.export)
app.command()(converge.converge)
app.add_typer(sweep.app, name="sweep")
app.command()(ccd.ccd)
app.command()(study.study)
app.command()(crosscheck.crosscheck)
app.command()(validate.validate)
app.command()(doctor.doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"phasefield {phasefield.__version__} (alkali-dendrites)")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line and leave with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal without Unicode shows "?" for a symbol rather than ending the program.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        app()
    finally:
        # All memory goes with the process: a last search for garbage in it takes 0.2 s.
        gc.freeze()
