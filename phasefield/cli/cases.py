"""The commands about case files: list, check, copy."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated

import typer

from phasefield.cli.failures import exit_codes
from phasefield.cli.options import SetOption, parse_overrides
from phasefield.errors import CaseError


def list_all() -> None:
    """List the cases and the sweeps that come with the package, each with the question it asks."""
    with exit_codes():
        from phasefield.campaigns.sweep_file import list_sweeps, load_sweep
        from phasefield.case import list_cases
        from phasefield.cli.show import print_table

        print_table("", ("case", "question"), [(case.name, case.question) for case in list_cases()])
        print_table("", ("sweep", "question"), [(name, load_sweep(name).question) for name in list_sweeps()])


def check(
    context: typer.Context,
    case: Annotated[
        str | None,
        typer.Argument(metavar="CASE", help="A name that `phasefield cases` lists, or the path of a case file."),
    ] = None,
    set_: SetOption = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schema of case files instead.")] = False,
) -> None:
    """Check CASE and print its grid, its cost and its scales; run nothing."""
    if case is None and not schema:
        context.fail("Missing argument 'CASE'.")
    with exit_codes():
        from phasefield.case import case_schema, load_case

        if case is None:
            typer.echo(json.dumps(case_schema(), indent=2, ensure_ascii=False))
            return
        loaded = load_case(case, parse_overrides(set_))
        from phasefield.cli.show import print_table, print_warnings
        from phasefield.report import case_report

        report = case_report(loaded)
        print_table(f"Case {loaded.name}", ("", ""), report.rows)
        print_warnings(report.warnings)


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new case; NAME.toml is written to this folder.")],
    source: Annotated[
        str, typer.Option("--from", metavar="CASE", help="A name that `phasefield cases` lists, or a path.")
    ] = "llzo_grain_boundary",
) -> None:
    """Copy a case file, comments and all, to NAME.toml, to be edited."""
    with exit_codes():
        from phasefield.case import load_case

        case = load_case(source)
        target = Path(name if name.endswith(".toml") else f"{name}.toml")
        try:
            with target.open("x", encoding="utf-8") as file:
                file.write(case.source_text)
        except FileExistsError:
            raise CaseError(f"{target} exists already; choose another name") from None
        used = case.microstructure.file
        if used is not None and ".." in Path(used.reference).parts:  # a case writes nothing outside of its new folder
            typer.echo(f"It reads {used.reference}: copy that, too, or correct microstructure.file.")
        elif used is not None and not Path(used.reference).is_absolute():
            beside = target.parent / used.reference
            beside.parent.mkdir(parents=True, exist_ok=True)
            if not beside.exists():
                shutil.copyfile(used.path, beside)
                typer.echo(f"Wrote {beside}, which it reads.")
        typer.echo(f"Wrote {target}. Check it with: phasefield check {target}")
