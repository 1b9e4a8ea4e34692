"""The command that finds critical current densities."""

from __future__ import annotations

import shlex
import sys
import time as clock
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phasefield.cli.failures import FAILED, exit_codes
from phasefield.cli.options import SetOption, parse_overrides
from phasefield.errors import CaseError

if TYPE_CHECKING:
    from phasefield.campaigns.ccd import Search


def ccd(
    case: Annotated[
        str,
        typer.Argument(metavar="CASE", help="A case, or a sweep file with a table [ccd]: a name that ships or a path."),
    ],
    capacity: Annotated[
        str | None,
        typer.Option(metavar="CHARGE", help="Charge within which a short counts; that of CASE unless given."),
    ] = None,
    lowest: Annotated[str, typer.Option(metavar="CURRENT", help="No lower current is tried.")] = "0.05 mA/cm^2",
    highest: Annotated[str, typer.Option(metavar="CURRENT", help="No higher current is tried.")] = "20 mA/cm^2",
    tolerance: Annotated[float, typer.Option(help="Width of the bracket over its lower end.")] = 0.05,
    ramp: Annotated[
        str | None,
        typer.Option(
            metavar="CURRENT", help="Plate and strip at a current that rises by this from the lowest, instead."
        ),
    ] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Seed of a ceramic; may be repeated.")] = None,
    set_: SetOption = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Runs at a time; all cores unless given.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder; results/NAME-ccd unless given.")
    ] = None,
) -> None:
    """Find the current at which the cell of CASE shorts within a given charge, in one or several ceramics.

    Its runs are kept in DIR/runs: called again, the command reads the finished ones and goes on with the others. A sweep
    file says everything itself: then only --jobs and --out count.
    """
    started = clock.perf_counter()
    with exit_codes():
        from phasefield.campaigns.ccd import Finder
        from phasefield.campaigns.ccd_pages import write_pages
        from phasefield.campaigns.design import points
        from phasefield.campaigns.folder import SweepFolder
        from phasefield.campaigns.local import LocalExecutor, share_cores
        from phasefield.campaigns.sweep_file import is_sweep, load_sweep, sweep_of_case
        from phasefield.results_folder import claimed

        if is_sweep(case):
            asked = load_sweep(case)
        else:
            search = {
                "capacity": capacity,
                "lowest": lowest,
                "highest": highest,
                "tolerance": tolerance,
                "ramp_step": ramp,
            }
            asked = sweep_of_case(case, parse_overrides(set_), seed or [], search)
        if asked.ccd is None:
            raise CaseError(f"{asked.source} asks for no critical current; give it a table [ccd], or use `sweep run`")
        folder = SweepFolder(out or Path("results") / f"{asked.name}-ccd")
        folder.path.mkdir(parents=True, exist_ok=True)
        with claimed(folder.path):
            threads, at_once = share_cores(len(points(asked)), asked.executor.threads, jobs or asked.executor.at_once)
            pool = LocalExecutor(folder, threads, at_once, asked.executor.retries)
            searches = Finder(asked, asked.ccd, folder, pool).all(_tell)
            command = shlex.join(["phasefield", *sys.argv[1:]])
            page = write_pages(asked, searches, folder.path, command, clock.perf_counter() - started)
        _conclude(searches, page)


def _tell(search: Search) -> None:
    typer.echo(f"{_ceramic(search)}: {_result(search)}, {len(search.walls)} runs", err=True)


def _ceramic(search: Search) -> str:
    sets = [f"{key.rpartition('.')[2]} {value.strip(chr(34))}" for key, value in search.point.items()]
    return ", ".join([*sets, *([f"seed {search.seed}"] if search.seed else [])]) or "the case"


def _result(search: Search) -> str:
    if search.failed:
        return f"failed: {search.failed}"
    lower, upper = 0.1 * search.lower, 0.1 * search.upper
    if lower == 0.0:
        return f"shorts at {upper:.3g} mA/cm2 already"
    return f"no short up to {lower:.3g} mA/cm2" if upper == float("inf") else f"{lower:.4g} to {upper:.4g} mA/cm2"


def _conclude(searches: list[Search], page: Path) -> None:
    from phasefield.cli.show import print_table

    columns = ("ceramic", "critical current density", "weakest path mA/cm2")
    rows = [(_ceramic(s), "failed" if s.failed else _result(s), f"{0.1 * s.path_current:.4g}") for s in searches]
    print_table("", columns, rows)
    typer.echo(f"Tables and figure: {page}")
    if any(search.failed for search in searches):
        raise typer.Exit(FAILED)
