"""The command that makes the ceramic of a case and measures it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from phasefield.cli.failures import exit_codes
from phasefield.cli.options import CaseArgument, SetOption, parse_overrides


def microstructure(
    case: CaseArgument,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="DIR", help="Folder of the results; results/NAME-microstructure unless given."
        ),
    ] = None,
    set_: SetOption = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Number of threads; all cores unless given.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite finished results in DIR.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but the folder of the results.")] = False,
) -> None:
    """Generate the microstructure of CASE, measure it and draw it; simulate nothing.

    Leaves a report, a picture, maps for ParaView, and tables of grains and boundaries in a folder.
    """
    with exit_codes():
        from phasefield.case import load_case

        loaded = load_case(case, parse_overrides(set_))
        from phasefield.ceramic_files import PAGE, open_folder, write_ceramic
        from phasefield.ceramic_pages import TARGET_COLUMNS, figures, target_row
        from phasefield.ceramic_report import ceramic_report
        from phasefield.errors import RunError
        from phasefield.generate import build_structure
        from phasefield.results_folder import claimed

        with _telling(quiet) as announce:
            announce("generating grains, boundaries and pores")
            structure = build_structure(loaded)
            folder = open_folder(loaded, out, force)
            with claimed(folder):
                report = ceramic_report(loaded, structure, announce, threads or 0)
                announce("drawing and writing")
                write_ceramic(report, folder, shlex.join(["phasefield", *sys.argv[1:]]))
        if quiet:
            typer.echo(folder)
        else:
            from phasefield.cli.show import console, print_table

            if report.targets:
                print_table("Asked for and measured", TARGET_COLUMNS, map(target_row, report.targets))
            print_table(f"Microstructure of {loaded.name}", ("", ""), figures(report))
            console().print(f"Report, picture and tables: {folder / PAGE}", soft_wrap=True, markup=False)
        if report.trouble:
            raise RunError(report.trouble)


@contextmanager
def _telling(quiet: bool) -> Iterator[Callable[[str], None]]:
    """Yield what tells what is being done: beside a spinner on a terminal, in plain lines elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    if quiet:
        yield lambda text: None
    elif console.is_terminal:
        with console.status("") as status:
            yield lambda text: status.update(f"{text} ...")
    else:
        yield lambda text: typer.echo(f"{text} ...", err=True)
