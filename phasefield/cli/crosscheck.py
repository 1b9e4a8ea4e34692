"""The command that compares the two backends on a case."""

from __future__ import annotations

from typing import Annotated

import typer

from phasefield.cli.failures import FAILED, exit_codes
from phasefield.cli.options import CaseArgument, SetOption, parse_overrides


def crosscheck(
    case: CaseArgument,
    set_: SetOption = None,
    steps: Annotated[int, typer.Option(min=1, help="How many time steps to compare.")] = 20,
) -> None:
    """Run the first steps of CASE with both backends, numba and fipy, and print how far they are apart.

    FiPy solves the same equations, written a second time, directly: seconds per step. A smaller box is quicker, such as
    --set 'grid.size=["24 um", "16 um"]'.
    """
    with exit_codes():
        from rich.console import Console
        from rich.progress import track

        from phasefield.case import load_case
        from phasefield.cli.show import console, print_table
        from phasefield.crosscheck import AGREE
        from phasefield.crosscheck import crosscheck as compare

        loaded = load_case(case, parse_overrides(set_))
        progress = Console(stderr=True)
        *_, found = track(compare(loaded, steps), "numba and fipy", steps, console=progress, transient=True)
        rows = [
            (d.name, f"{d.scale:.6g} {d.unit}".removesuffix(" 1"), f"{d.largest:.2g}", f"{d.relative:.1e}")
            for d in found.differences
        ]
        cells = f"{found.cells} cells, {found.steps} steps to t = {found.time:.6g} s"
        print_table(f"Case {loaded.name}, {cells}", ("field", "largest value", "largest difference", "relative"), rows)
        seconds = {name: f"{found.step_seconds(name):.3g} s" for name in ("fipy", "numba")}
        console().print(
            f"A step takes {seconds['fipy']} with fipy, {seconds['numba']} with numba: {found.ratio:.3g} times as long."
        )
        if not found.agree:
            console().print(f"They differ by more than {AGREE:g} of the largest value.")
            raise typer.Exit(FAILED)
        console().print(f"They agree to {AGREE:g} of the largest value of every field.")
