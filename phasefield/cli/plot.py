"""The command that draws a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phasefield.cli.failures import exit_codes
from phasefield.cli.options import FolderArgument, load_results
from phasefield.errors import CaseError, Fault


def plot(
    folder: FolderArgument,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="A .png, or a .gif that moves; DIR/preview.png unless given."),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help='Draw the saved time nearest to this, such as "300 s"; the last unless given.'
        ),
    ] = None,
) -> None:
    """Draw the run in DIR: metal, potentials and history at one time, or its growth as an animation.

    A 3-D run shows the surface of its metal among the grains; no graphics hardware or display is needed.
    """
    with exit_codes():
        if out is not None:
            _check(out, time)
        results = load_results(folder)
        target = out or folder / "preview.png"
        from postprocess.figures import animate, preview

        if target.suffix == ".gif":
            typer.echo("drawing every picture of the film ...", err=True)
            animate(results, target)
        else:
            preview(results, target, -1 if time is None else _seconds(time))
        typer.echo(target)


def _check(target: Path, time: str | None) -> None:
    """Raise CaseError unless ``target`` can take a picture."""
    faults = []
    if target.suffix not in (".png", ".gif"):
        faults.append(Fault("--out", f"{target} is neither a .png nor a .gif", "such as picture.png"))
    if not target.parent.is_dir():
        faults.append(Fault("--out", f"the folder {target.parent} does not exist", "make it, or choose another"))
    if target.suffix == ".gif" and time is not None:
        faults.append(Fault("--time", "a .gif shows all times", "leave --time out, or draw a .png"))
    if faults:
        raise CaseError(faults)


def _seconds(time: str) -> float:
    from phasefield.units import to_si

    try:
        return to_si(time, "s")
    except ValueError as fault:
        raise CaseError([Fault("--time", str(fault))]) from None
