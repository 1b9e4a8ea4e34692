"""The commands about many runs: make them, see how far they are, stop them, collect what came out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from phasefield.cli.failures import exit_codes
from phasefield.errors import CaseError, RunError

if TYPE_CHECKING:
    from phasefield.campaigns.folder import Planned, SweepFolder
    from phasefield.campaigns.sweep import Entry
    from phasefield.campaigns.sweep_file import ExecutorSection

app = typer.Typer(help="Run a case many times, here or on a cluster, and collect what came out.", no_args_is_help=True)

SweepArgument = Annotated[str, typer.Argument(metavar="SWEEP", help="A sweep file, or the name of one that ships.")]
WhereArgument = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a sweep, such as results/NAME.")]
Kind = Literal["local", "slurm", "print"]


@app.command()
def run(
    sweep: SweepArgument,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder of the sweep; results/NAME unless given.")
    ] = None,
    executor: Annotated[Kind | None, typer.Option(help="Where to compute; what the file says unless given.")] = None,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="Runs at a time.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of each run.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Slurm: return when all runs have ended.")] = False,
    dry: Annotated[bool, typer.Option("--dry-run", help="Plan and count, compute nothing.")] = False,
) -> None:
    """Compute every run of SWEEP that is not done yet.

    Called again, with more values or after an interruption, it computes what is missing. A run that fails stops no
    other: it is listed with its reason, and the command ends with 1.
    """
    with exit_codes():
        from phasefield.campaigns import sweep as work
        from phasefield.campaigns.folder import SweepFolder
        from phasefield.campaigns.sweep_file import load_sweep
        from phasefield.results_folder import claimed

        asked = load_sweep(sweep)
        chosen = {"kind": executor, "at_once": jobs, "threads": threads}
        settings = asked.executor.model_copy(update={k: v for k, v in chosen.items() if v is not None})
        folder = SweepFolder(out or Path("results") / asked.name)
        folder.path.mkdir(parents=True, exist_ok=True)
        with claimed(folder.path):
            runs = work.plan(asked, folder)
            entries = work.status(folder, runs)
            typer.echo(f"{folder.path}: {len(runs)} runs, {work.counted(entries)}", err=True)
            left = work.missing(entries)
            if not dry:
                _compute(folder, entries, left, settings, wait)
        if dry or wait or settings.kind == "local" or not left:
            _conclude(folder, work.status(folder, runs))


def _compute(
    folder: SweepFolder, entries: Sequence[Entry], left: Sequence[Planned], settings: ExecutorSection, wait: bool
) -> None:
    from phasefield.campaigns import slurm
    from phasefield.campaigns import sweep as work
    from phasefield.campaigns.telling import Telling
    from phasefield.case import load_case

    if settings.kind == "print" and left:
        typer.echo(slurm.write_script(folder, left, settings))
        return
    if settings.kind == "slurm":
        slurm.require()
    if left:
        typer.echo("compiling the kernels, if need be ...", err=True)
        work.compile_for(load_case(folder.case(run.name)) for run in left)
    if settings.kind == "local" and left:
        with Telling(len(left)) as tell:
            work.compute_local(folder, left, settings, tell)
    elif settings.kind == "slurm":
        if left:
            numbers = ", ".join(slurm.submit(folder, left, settings))
            typer.echo(f"job {numbers}: {len(left)} runs in the queue", err=True)
        if wait:
            _wait(folder, [*left, *(entry.planned for entry in entries if entry.queued)], settings)
        else:
            typer.echo(f"`phasefield sweep status {folder.path}` tells how far they are", err=True)


def _wait(folder: SweepFolder, runs: Sequence[Planned], settings: ExecutorSection) -> None:
    from phasefield.campaigns.sweep import Watch
    from phasefield.campaigns.telling import Telling

    try:
        with Telling(len(runs)) as tell:
            Watch(folder, settings, tell, tell.note).all(runs)
    except KeyboardInterrupt:
        stay = f"the jobs stay in the queue; `phasefield sweep status {folder.path}` tells how far they are, "
        typer.echo(f"{stay}`phasefield sweep cancel {folder.path}` ends them", err=True)
        raise


def _conclude(folder: SweepFolder, entries: Sequence[Entry]) -> None:
    """Print how the sweep stands, and leave with 1 if a run failed."""
    from phasefield.campaigns.sweep import counted
    from phasefield.cli.failures import FAILED

    _print_failures(entries)
    typer.echo(f"{folder.path}: {counted(entries)}")
    if any(entry.standing == "failed" for entry in entries):
        raise typer.Exit(FAILED)


def _print_failures(entries: Sequence[Entry]) -> None:
    from phasefield.cli.show import print_table

    failed = [(e.planned.name, _sets(e.planned), e.text) for e in entries if e.standing == "failed"]
    if failed:
        print_table("Failed", ("run", "sets", "reason"), failed)


def _sets(planned: Planned) -> str:
    return ", ".join(f"{key}={value}" for key, value in planned.sets.items())


@app.command()
def status(folder: WhereArgument) -> None:
    """Tell how far every run of the sweep in DIR is, and why some failed."""
    with exit_codes():
        from phasefield.campaigns.folder import SweepFolder
        from phasefield.campaigns.sweep import counted
        from phasefield.cli.show import print_table

        entries = standings(SweepFolder(folder))
        rows = [(e.planned.name, _sets(e.planned), e.standing, e.text) for e in entries if e.standing != "failed"]
        print_table("", ("run", "sets", "standing", ""), rows)
        _print_failures(entries)
        typer.echo(f"{folder}: {counted(entries)}")


def standings(folder: SweepFolder) -> list[Entry]:
    """Return how far every run of a sweep is, as far as can be told when the queue does not answer."""
    from phasefield.campaigns.folder import read_plan
    from phasefield.campaigns.sweep import status

    runs = read_plan(folder)
    try:
        return status(folder, runs)
    except RunError as error:
        typer.echo(f"note: {error}; what stands in the queue is not known", err=True)
        return status(folder, runs, queue={})


@app.command()
def cancel(folder: WhereArgument) -> None:
    """Stop the sweep in DIR, wherever it computes; `sweep run` goes on with it, from the checkpoints."""
    with exit_codes():
        from phasefield.campaigns import local, slurm
        from phasefield.campaigns.folder import SweepFolder, read_plan

        where = SweepFolder(folder)
        read_plan(where)
        number = slurm.cancel(where)
        if number:
            typer.echo(f"cancelled {number} tasks")
        if local.cancel(where):
            typer.echo("asked the process that computes here to stop; its runs write their checkpoints")
        elif not number:
            raise CaseError(f"nothing computes the sweep in {folder}")


@app.command()
def collect(
    folder: WhereArgument,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="A .csv or .parquet; DIR/table.csv unless given.")
    ] = None,
) -> None:
    """Write one table of the sweep in DIR: a row per run, what was varied and what came out, units in names."""
    with exit_codes():
        from phasefield.campaigns.folder import SweepFolder
        from phasefield.campaigns.sweep import counted
        from phasefield.campaigns.table import rows_of, write_table

        where = SweepFolder(folder)
        target = out or folder / "table.csv"
        if target.suffix not in (".csv", ".parquet"):
            raise CaseError(f"--out: {target} is neither a .csv nor a .parquet")
        entries = standings(where)
        rows = rows_of(where, entries)
        write_table(rows, target)
        revisions = {row["source_revision"] for row in rows if row["source_revision"]}
        if len(revisions) > 1:
            typer.echo(f"note: the runs are of {len(revisions)} revisions of the program", err=True)
        typer.echo(f"{target}: {counted(entries)}")


@app.command(hidden=True)
def task(
    folder: WhereArgument,
    name: Annotated[str, typer.Argument(metavar="RUN", help="Name of a run of the sweep.")],
    threads: Annotated[int | None, typer.Option(min=1, help="Number of threads; all cores unless given.")] = None,
) -> None:
    """Compute one run of a sweep: what executors call."""
    with exit_codes():
        from phasefield.campaigns.folder import SweepFolder
        from phasefield.campaigns.task import do_task

        made = do_task(SweepFolder(folder), name, threads)
        typer.echo(f"{name}: {made.summary['outcome']}")
