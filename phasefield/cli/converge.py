"""The command that studies how results depend on grid, interface and step."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from phasefield.cli.failures import exit_codes
from phasefield.cli.options import CaseArgument, SetOption, parse_overrides


def converge(
    case: CaseArgument,
    levels: Annotated[int, typer.Option(help="Runs per family, at least 3.")] = 3,
    ratio: Annotated[
        float,
        typer.Option(
            help="Sizes of a level over those of the next. With 1.5 the third level of a 2-D case has 5 times the cells "
            "of the first and takes about 11 times as long if steps shrink, too; with 2 those are 16 and 64."
        ),
    ] = 1.5,
    set_: SetOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Folder of the study; results/NAME-convergence unless given."),
    ] = None,
) -> None:
    """Refine grid, interface and step of CASE, each alone and together, and tell the order of every quantity.

    Its runs are kept in DIR/runs: called again, the command reads the finished ones and goes on with the others.
    """
    with exit_codes():
        from phasefield.case import load_case

        # A fault of the case is told before the solver is loaded.
        loaded = load_case(case, parse_overrides(set_))
        from phasefield.cli.show import console, print_table
        from phasefield.converge import FAMILIES, write_pages
        from phasefield.converge import converge as make_study
        from phasefield.converge.pages import RUN_COLUMNS, family_columns, family_notes, family_rows, run_rows

        study = make_study(loaded, out, levels=levels, ratio=ratio, announce=lambda text: typer.echo(text, err=True))
        page = write_pages(study, shlex.join(["phasefield", *sys.argv[1:]]))
        print_table("Runs", RUN_COLUMNS, run_rows(study.runs))
        for remark in study.remarks:
            console().print(remark, markup=False)
        for family in study.families:
            title = f"{family.name}: {FAMILIES[family.name]} (size: {family.measure})"
            print_table(title, family_columns(family), family_rows(family))
            for note in family_notes(family):
                console().print(note, markup=False)
        console().print(f"Tables and figures: {page}", soft_wrap=True, markup=False)
