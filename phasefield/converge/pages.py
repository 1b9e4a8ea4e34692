"""What a study leaves to read: a page with tables, a tidy table of all numbers, a figure per family."""

from __future__ import annotations

import csv
import datetime
import io
import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from phasefield import __version__
from phasefield.converge.families import FAMILIES
from phasefield.converge.orders import DEPTH, Quantity, curves
from phasefield.converge.study import TARGET, FamilyResult, RunFacts, Study
from phasefield.markdown import table
from phasefield.results_folder import replacing, write_text_atomic
from postprocess.curves import Line, Panel, save_panels

CHARGE, VOLTAGE = "throughput_mAh_cm2", "cell_voltage_V"
SHOWN = 3  # levels in a table
RUN_COLUMNS = ("run", "cells", "cell µm", "interface µm", "travel µm", "steps", "wall time s", "outcome")


def write_pages(study: Study, command: str = "") -> Path:
    """Write ``convergence.md``, ``convergence.csv`` and a figure per family to the study's folder; return the page.

    ``command``: the line that made the study, for its readers.
    """
    for family in study.families:
        with replacing(study.folder / f"{family.name}.png") as temporary:
            save_panels(figure_panels(family), f"{study.name}: {family.name} - {FAMILIES[family.name]}", temporary)
    write_text_atomic(study.folder / "convergence.csv", tidy_table(study))
    page = study.folder / "convergence.md"
    write_text_atomic(page, page_text(study, command))
    return page


# ---------------------------------------------------------------- tables


def run_rows(runs: Sequence[RunFacts]) -> list[tuple[str, ...]]:
    """Return the row of every run under ``RUN_COLUMNS``."""
    return [
        (
            run.name,
            " x ".join(map(str, run.shape)),
            *(f"{1e6 * length:.4g}" for length in (run.cell, run.interface_width, run.travel)),
            str(run.steps),
            f"{run.wall_time:.0f}",
            run.outcome,
        )
        for run in runs
    ]


def family_columns(family: FamilyResult) -> tuple[str, ...]:
    """Return the header of ``family_rows``."""
    sizes = [f"{1e6 * size:.4g} µm" for size in family.sizes[-SHOWN:]]
    return ("quantity", *sizes, *(f"change {k}" for k in range(1, len(sizes))), "end %", "order")


def family_rows(family: FamilyResult) -> list[tuple[str, ...]]:
    """Return a row for each quantity that differs between levels, at the three finest."""
    return [_row(q) for q in family.quantities if q.verdict != "-"]


def _row(q: Quantity) -> tuple[str, ...]:
    order = f"{q.order:.2f}, {q.verdict}" if q.order is not None else q.verdict
    return (
        q.name,
        *(f"{value:.4g}" for value in q.values[-SHOWN:]),
        *(f"{difference:.2g}" for difference in q.differences[1 - SHOWN :]),
        _percent(q.change),
        order,
    )


def _percent(share: float) -> str:
    if math.isnan(share):
        return "-"
    return f"{100.0 * share:.0f}" if share >= 1.0 else f"{100.0 * share:.2g}"


def family_notes(family: FamilyResult) -> list[str]:
    """Return what else there is to say of a family: where it ends, what does not differ, whether V19 is met."""
    same = [q.name for q in family.quantities if q.verdict == "-"]
    notes = [
        f"Compared up to {family.end_time:.6g} s and {family.end_charge:.4g} mAh/cm², the end that all levels reach.",
        f"Depth at given charge, at most {100.0 * TARGET:g} % between the two finest and shrinking (V19): {_depth(family)}.",
    ]
    return [*notes, f"The same at all levels but for round-off: {', '.join(same)}."] if same else notes


def _depth(family: FamilyResult) -> str:
    if family.depth_target_met is None:
        return "no metal beyond the electrode's plane"
    q = family.depth
    share = f"{_percent(q.change)} % at the end, {_percent(q.mean_change)} % as root mean squares"
    return f"{'met' if family.depth_target_met else 'NOT MET'} ({share}{'' if q.verdict == '-' else f', {q.verdict}'})"


def page_text(study: Study, command: str) -> str:
    """Return ``convergence.md``."""
    revisions = sorted({run.revision for run in study.runs})
    made = datetime.datetime.now(datetime.UTC).date().isoformat()
    lines = [
        f"# Convergence of {study.name}",
        *(["", study.question] if study.question else []),
        "",
        *([f"    {command}", ""] if command else []),
        f"{made}, version {__version__}, revision of the runs: {', '.join(revisions)}.",
        "",
        "Columns: values by size, at the end that all levels of a family reach; change from one level to the next, as",
        "root mean square over time; change between the two finest at the end; order p of an error C size^p, if changes",
        "shrink. The three finest levels are shown; `convergence.csv` has every number of all.",
        "",
        *table(RUN_COLUMNS, run_rows(study.runs)),
        *(line for remark in study.remarks for line in ("", remark)),
    ]
    for family in study.families:
        lines += ["", f"## {family.name}: {FAMILIES[family.name]}", "", f"Size: {family.measure}.", ""]
        lines += [
            *table(family_columns(family), family_rows(family)),
            "",
            *(f"- {note}" for note in family_notes(family)),
            "",
        ]
        lines += [f"![{family.name}]({family.name}.png)"]
    return "\n".join([*lines, ""])


def tidy_table(study: Study) -> str:
    """Return ``convergence.csv``: a line per family, quantity and level; differences are from the level before.

    Order, changes and verdict are those of the finest levels, and stand at the finest.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["family", "quantity", "run", "size_um", "value", "difference", "order", "end_change", "mean_change", "verdict"]
    )
    for family in study.families:
        for q in family.quantities:
            order = "" if q.order is None else q.order
            for k, (name, size) in enumerate(zip(family.runs, family.sizes, strict=True)):
                end = [order, q.change, q.mean_change, q.verdict] if k == len(family.runs) - 1 else [""] * 4
                difference = q.differences[k - 1] if k else ""
                writer.writerow([family.name, q.name, name, f"{1e6 * size:.10g}", q.values[k], difference, *end])
    return text.getvalue()


# ---------------------------------------------------------------- figures


def figure_panels(family: FamilyResult) -> tuple[Panel, ...]:
    """Return depth and voltage against charge at every level, and the differences of successive levels."""
    panels = []
    for column, unit, label in ((DEPTH, 1.0, "depth [µm]"), (VOLTAGE, 1e3, "cell voltage [mV]")):
        charge, values = curves(family.histories, CHARGE, column)
        names = [f"{1e6 * size:.3g} µm" for size in family.sizes]
        lines = tuple(Line(name, charge, unit * line) for name, line in zip(names, values, strict=True))
        apart = tuple(
            Line(f"{coarse} to {fine}", charge, unit * (after - before))
            for (coarse, before), (fine, after) in pairwise(zip(names, values, strict=True))
        )
        panels += [Panel("charge [mAh/cm²]", label, lines), Panel("charge [mAh/cm²]", f"change of {label}", apart)]
    return tuple(panels)
