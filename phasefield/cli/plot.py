"""The command that draws a run, or what many runs came to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phasefield.cli.failures import exit_codes
from phasefield.cli.options import load_results
from phasefield.errors import CaseError, Fault

if TYPE_CHECKING:
    from postprocess.table_figures import Row

OUTCOME = "penetration_depth_connected_um"  # what is drawn of a sweep unless told


def plot(
    what: Annotated[
        list[Path],
        typer.Argument(metavar="DIR...", help="Folder of a run or of a sweep, folders of runs, or a table (.csv)."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="A .png, or a .gif of one run that moves; DIR/preview.png unless given."
        ),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help='Draw the saved time nearest to this, such as "300 s"; the last unless given.'
        ),
    ] = None,
    x: Annotated[str | None, typer.Option(metavar="COLUMN", help="Table: what is along x; what varies first.")] = None,
    y: Annotated[str | None, typer.Option(metavar="COLUMN", help="Table: what is drawn; the depth of metal.")] = None,
    by: Annotated[str | None, typer.Option(metavar="COLUMN", help="Table: a line per value; what varies next.")] = None,
    colour: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Table: draw a map of this over x and y instead.")
    ] = None,
) -> None:
    """Draw a run, compare several, or draw lines and maps of a sweep.

    One run: metal, potentials and history at one time, or its growth as an animation; in 3-D the surface of its metal
    among the grains, without graphics hardware or display. Several: depth and voltage over the charge passed. A sweep,
    or a table that was collected from one: means over the runs that share x and line, and a marker for each.
    """
    with exit_codes():
        table = {"--x": x, "--y": y, "--by": by, "--colour": colour}
        if len(what) > 1:
            _refuse({"--time": time, **table}, "several runs are compared as they are")
            target = out or Path("compared.png")
            _check(target, time, film=False)
            _draw_several(what, target)
        elif _is_table(what[0]):
            _refuse({"--time": time}, "a table has no saved times")
            beside = what[0] / "table.png" if what[0].is_dir() else what[0].with_suffix(".png")
            target = out or beside
            _check(target, time, film=False)
            _draw_table(what[0], target, x, y, by, colour)
        else:
            _refuse(table, "a run is no table; give a sweep or a .csv")
            target = out or what[0] / "preview.png"
            if out is not None:
                _check(target, time, film=True)
            _draw_one(what[0], target, time)
        typer.echo(target)


def _is_table(path: Path) -> bool:
    from phasefield.campaigns.folder import SweepFolder

    return path.suffix == ".csv" or SweepFolder(path).plan.is_file()


def _draw_one(folder: Path, target: Path, time: str | None) -> None:
    results = load_results(folder)
    from postprocess.figures import animate, preview

    if target.suffix == ".gif":
        typer.echo("drawing every picture of the film ...", err=True)
        animate(results, target)
    else:
        preview(results, target, -1 if time is None else _seconds(time))


def _draw_several(folders: Sequence[Path], target: Path) -> None:
    runs = {str(folder): load_results(folder) for folder in folders}
    from postprocess.curves import save_panels
    from postprocess.table_figures import compare

    save_panels(compare(runs), "Several runs", target)


def _draw_table(path: Path, target: Path, x: str | None, y: str | None, by: str | None, colour: str | None) -> None:
    from postprocess.curves import save_panels
    from postprocess.table_figures import lines_of, save_map, varied_columns

    rows = _rows(path)
    varied = varied_columns(rows)
    along = x or (varied[0] if varied else None)
    if along is None:
        raise CaseError([Fault("--x", f"nothing varies in {path} but seeds", f"choose one of {', '.join(rows[0])}")])
    others = [name for name in varied if name != along]
    if colour is not None:
        up = y or (others[0] if others else None)
        if up is None:
            raise CaseError([Fault("--y", f"only {along} varies in {path}", "leave --colour out, or name a column")])
        _refuse({"--by": by}, "a map has no lines")
        save_map(rows, along, up, colour, target)
        return
    of_table = OUTCOME in rows[0]
    drawn = y or (OUTCOME if of_table else None)
    if drawn is None:
        raise CaseError([Fault("--y", "missing", f"choose one of {', '.join(rows[0])}")])
    # Lines by what varies next only where the table says what was varied.
    line = by or (others[0] if others and of_table else None)
    save_panels([lines_of(rows, along, drawn, line)], path.name, target)


def _rows(path: Path) -> Sequence[Row]:
    if path.suffix == ".csv":
        from postprocess.table_figures import read_table

        return read_table(path)
    from phasefield.campaigns.folder import SweepFolder
    from phasefield.campaigns.table import rows_of
    from phasefield.cli.sweep import standings

    folder = SweepFolder(path)
    return rows_of(folder, standings(folder))


def _refuse(options: dict[str, Any], why: str) -> None:
    """Raise CaseError for every option that was given."""
    faults = [Fault(name, why, "leave it out") for name, value in options.items() if value is not None]
    if faults:
        raise CaseError(faults)


def _check(target: Path, time: str | None, film: bool) -> None:
    """Raise CaseError unless ``target`` can take a picture."""
    faults = []
    if target.suffix not in (".png", ".gif"):
        faults.append(Fault("--out", f"{target} is neither a .png nor a .gif", "such as picture.png"))
    if not target.parent.is_dir():
        faults.append(Fault("--out", f"the folder {target.parent} does not exist", "make it, or choose another"))
    if target.suffix == ".gif" and not film:
        faults.append(Fault("--out", "a .gif shows one run", "such as picture.png"))
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
