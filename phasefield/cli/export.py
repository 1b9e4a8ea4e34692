"""The command that hands a run to mesh tools."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from phasefield.cli.failures import exit_codes
from phasefield.cli.options import FolderArgument, load_results


class Format(StrEnum):
    """Name the formats that meshio writes for us."""

    xdmf = "xdmf"
    vtu = "vtu"


def export(
    folder: FolderArgument,
    file_format: Annotated[
        Format,
        typer.Option("--format", help="xdmf: one time series, fields.xdmf + fields.h5; vtu: a file per time + a .pvd."),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="OUT", help="Folder of the files; DIR/export unless given.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files of an earlier export.")] = False,
) -> None:
    """Write the fields of the run in DIR as a mesh with cell data, for mesh tools; coordinates in micrometres."""
    with exit_codes():
        results = load_results(folder)
        from postprocess.export import export as write

        typer.echo(write(results, out or folder / "export", file_format.value, force))
