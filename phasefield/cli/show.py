"""Tables on the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from phasefield.case import AssumedNumber

WIDTH_WITHOUT_TERMINAL = 120

# Key of summary.json, its words, and how the number is written ("{}": as it is).
SUMMARY = (
    ("outcome", "outcome", "{}"),
    ("time_s", "cell time", "{:.6g} s"),
    ("capacity_mAh_cm2", "capacity", "{:.4g} mAh/cm²"),
    ("penetration_depth_connected_um", "penetration depth, connected metal", "{:.2f} µm"),
    ("penetration_depth_isolated_um", "penetration depth, isolated metal", "{:.2f} µm"),
    ("short", "short circuit", "{}"),
    ("metal_share_in_boundaries_and_pores", "share of the metal in grain boundaries and pores", "{:.1%}"),
    ("filled_boundary_share", "share of the grain boundaries behind the tip that are filled", "{:.1%}"),
    ("entry_current_density_path_mA_cm2", "J* of the weakest path", "{:.3g} mA/cm²"),
    ("charge_balance_error", "charge balance error", "{:.1e}"),
    ("steps", "time steps", "{}"),
    ("wall_time_s", "wall time", "{:.1f} s"),
    ("startup_s", "time to the first step", "{:.1f} s"),
)


def console() -> Console:
    """Return a console for standard output, wide where there is no terminal to fit."""
    plain = Console(highlight=False)
    return plain if plain.is_terminal else Console(highlight=False, width=WIDTH_WITHOUT_TERMINAL)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print ``rows`` under ``columns``; only the last column wraps, and a header of empty names is left out."""
    table = Table(
        title=Text(title) if title else None, title_justify="left", title_style="bold", show_header=any(columns)
    )
    for number, name in enumerate(columns, start=1):
        table.add_column(name, overflow="fold", no_wrap=number < len(columns))
    for row in rows:
        table.add_row(*(Text(text) for text in row))
    console().print(table)


def print_warnings(warnings: Sequence[str]) -> None:
    """Print every warning on a line of its own."""
    for warning in warnings:
        console().print(Text("warning: ", style="yellow"), Text(warning), sep="", soft_wrap=True)


def print_run(summary: Mapping[str, Any], folder: Path | None, assumed: Iterable[AssumedNumber]) -> None:
    """Print what a run came to, what was assumed, and what to open."""
    values = {**summary.get("final", {}), **summary}
    rows = [(words, _value(values[key], form)) for key, words, form in SUMMARY if values.get(key) is not None]
    print_table("Result", ("", ""), rows)
    numbers = [(a.name, f"{a.value:.6g} {a.unit}".removesuffix(" 1"), a.note) for a in assumed]
    print_table("Assumed, not measured", ("number", "value", "note"), numbers)
    if folder is not None:
        out = console()
        out.print(f"Results in {folder}", soft_wrap=True, markup=False)
        out.print(
            f"Open {folder / 'fields.pvd'} in ParaView; {folder / 'preview.png'} is a picture of the end.",
            soft_wrap=True,
            markup=False,
        )


def _value(value: Any, form: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and math.isnan(value):
        return "-"
    return form.format(value)
