"""The commands that run a case and go on with a run."""

from __future__ import annotations

import gc
import time as clock
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from phasefield.cli.failures import exit_codes
from phasefield.cli.options import CaseArgument, SetOption, parse_overrides


def run(
    case: CaseArgument,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Folder of the results; results/NAME unless given."),
    ] = None,
    set_: SetOption = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Number of threads; all cores unless given.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite finished results in DIR.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but the folder of the results.")] = False,
) -> None:
    """Run CASE and leave its results in a folder."""
    started = clock.perf_counter()
    with exit_codes():
        with importing():
            from phasefield.case import load_case

            # A fault of the case is told before the solver is loaded.
            loaded = load_case(case, parse_overrides(set_))
            from phasefield.cli.show import print_run
            from phasefield.progress import Progress
            from phasefield.run import run as run_case

        progress = None if quiet else Progress()
        if not quiet:
            _announce_compiling()
        try:
            finished = run_case(
                loaded,
                out="auto" if out is None else out,
                threads=threads,
                force=force,
                observers=[] if progress is None else [progress],
                started=started,
            )
        finally:
            if progress is not None:
                progress.close()
        if quiet:
            typer.echo(finished.folder)
        else:
            print_run(finished.summary, finished.folder, loaded.assumed)


def resume(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run that was stopped, killed or failed.")],
    set_: SetOption = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Number of threads; all cores unless given.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but the folder of the results.")] = False,
) -> None:
    """Go on with the run in DIR from its last checkpoint, as if nothing had come between.

    A run that came to one of its ends goes on if that end is raised, --set protocol.capacity="0.5 mAh/cm^2".
    """
    started = clock.perf_counter()
    with exit_codes():
        with importing():
            from phasefield.case import AssumedNumber
            from phasefield.cli.show import print_run
            from phasefield.run import resume as resume_run

        if not quiet:
            _announce_compiling()
        finished = resume_run(folder, parse_overrides(set_), threads=threads, progress=not quiet, started=started)
        if quiet:
            typer.echo(finished.folder)
        else:
            assumed = [AssumedNumber(**number) for number in finished.summary["assumed"]]
            print_run(finished.summary, finished.folder, assumed)


@contextmanager
def importing() -> Iterator[None]:
    """Look for no garbage among what is imported, now or later: all of it stays, and looking took a tenth of the start."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _announce_compiling() -> None:
    from phasefield import cache

    if not cache.is_warm():
        typer.echo("The first run compiles its kernels: less than a minute, once.", err=True)
