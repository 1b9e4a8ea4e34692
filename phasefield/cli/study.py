"""The command that makes a study that ships."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from phasefield.cli.failures import exit_codes


def study(
    name: Annotated[Literal["leakage"], typer.Argument(metavar="NAME", help="leakage: nuclei inside leaky ceramic.")],
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Runs at a time, one core each; all cores unless given.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Folder of the study; results/NAME-study unless given."),
    ] = None,
) -> None:
    """Make all runs of a study that ships, its tables and its figures.

    Runs are kept in DIR/runs: called again, the command reads the finished ones and goes on with the others.
    """
    with exit_codes():
        from phasefield.studies.leakage import leakage_study
        from phasefield.studies.leakage_pages import write_pages

        folder = Path("results") / f"{name}-study" if out is None else out
        made = leakage_study(folder, jobs=jobs, announce=lambda text: typer.echo(text, err=True))
        page = write_pages(made, shlex.join(["phasefield", *sys.argv[1:]]))
        typer.echo(f"Tables and figures: {page}")
