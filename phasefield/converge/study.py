"""Make the runs of a study that are not there yet, and compare them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phasefield.case import Case
from phasefield.converge.families import Family, Level, distinct_levels, families
from phasefield.converge.orders import (
    DEPTH_AT_CHARGE,
    History,
    Quantity,
    common_end,
    compare,
)
from phasefield.kept_runs import KeptRun, kept_run
from phasefield.setup import build_limits
from phasefield.simulate import largest_travel

RATIO = 1.5  # of sizes from level to level; twice as many cells each time in 2-D, and drawn lengths stay whole cells
TARGET = 0.15  # of the depth at given charge, between the two finest levels (VALIDATION V19)


@dataclass(frozen=True)
class RunFacts:
    """One run of a study: what it was made with [m], and what it came to."""

    name: str
    folder: Path
    shape: tuple[int, ...]
    cell: float
    interface_width: float
    travel: float
    steps: int
    wall_time: float  # [s]
    outcome: str
    revision: str


@dataclass(frozen=True)
class FamilyResult:
    """What refinement in one respect changes, the coarsest level first.

    Parameters
    ----------
    sizes : of the levels, of what ``measure`` names [m].
    end_time, end_charge : that every level reaches [s, mAh/cm^2]; what is compared ends there.
    histories : of the levels, by column of ``history.csv``.
    """

    name: str
    measure: str
    runs: tuple[str, ...]
    sizes: tuple[float, ...]
    end_time: float
    end_charge: float
    quantities: tuple[Quantity, ...]
    histories: tuple[History, ...]

    @property
    def depth(self) -> Quantity:
        """Return the depth at given charge."""
        return next(q for q in self.quantities if q.name == DEPTH_AT_CHARGE)

    @property
    def depth_target_met(self) -> bool | None:
        """Return whether the depth at given charge changes by at most 15 % between the two finest, and shrinking.

        Both at the end and as root mean square over the charge. None if no metal is beyond the electrode's plane.
        """
        if not any(self.depth.values):
            return None
        return self.depth.verdict != "not shrinking" and max(self.depth.change, self.depth.mean_change) <= TARGET


@dataclass(frozen=True)
class Study:
    """A study of one case: its runs, what each family says, and what to know when reading it."""

    name: str
    question: str
    folder: Path
    ratio: float
    runs: tuple[RunFacts, ...]
    families: tuple[FamilyResult, ...]
    remarks: tuple[str, ...]


def converge(
    case: Case,
    out: Path | str | None = None,
    *,
    levels: int = 3,
    ratio: float = RATIO,
    announce: Callable[[str], None] | None = None,
) -> Study:
    """Run a case at several levels of refinement and compare their histories.

    Runs are kept in ``out/runs``: finished ones are read, unfinished ones go on.

    Parameters
    ----------
    out : folder of the study; ``results/NAME-convergence`` unless given.
    levels : of every family, at least 3. ratio : of the sizes from level to level.
    announce : is told of every run before it starts; then runs show their progress, too.

    Raises
    ------
    CaseError : bad input, or runs in ``out`` that are of another case. RunError : a run failed; its folder is named.
    """
    folder = Path("results") / f"{case.name}-convergence" if out is None else Path(out)
    found = families(case, levels, ratio)
    wanted = distinct_levels(found)
    made: dict[str, KeptRun] = {}
    for number, level in enumerate(wanted, start=1):
        what = f"run {number} of {len(wanted)}: {level.name}, {_words(level.case)}"
        made[level.name] = kept_run(folder / "runs" / level.name, level.case, what, announce)
    facts = tuple(_facts(folder, level, made[level.name].summary) for level in wanted)
    results = tuple(_compared(family, made) for family in found)
    return Study(case.name, case.question, folder, ratio, facts, results, tuple(_remarks(wanted, facts)))


def _words(case: Case) -> str:
    cells = " x ".join(map(str, case.grid.shape))
    return f"{cells} cells, interface {1e6 * case.metal.interface_width:.4g} um, travel {1e6 * _travel(case):.4g} um"


def _travel(case: Case) -> float:
    return largest_travel(case.grid.to_grid(), case.metal.interface_width, build_limits(case))


def _facts(folder: Path, level: Level, summary: dict[str, Any]) -> RunFacts:
    case = level.case
    return RunFacts(
        name=level.name,
        folder=folder / "runs" / level.name,
        shape=case.grid.shape,
        cell=max(case.grid.cell),
        interface_width=case.metal.interface_width,
        travel=_travel(case),
        steps=summary["steps"],
        wall_time=summary["wall_time_s"],
        outcome=summary["outcome"],
        revision=summary["source_revision"],
    )


def _remarks(levels: Sequence[Level], runs: Sequence[RunFacts]) -> Iterator[str]:
    """Yield what makes levels differ by more than their refinement."""
    planes = {level.name: level.case.electrodes.working_thickness / level.case.grid.cell[0] for level in levels}
    inside = [name for name, plane in planes.items() if abs(plane - round(plane)) > 1e-6]
    if inside and not levels[0].case.reaction.plain:
        yield (
            f"The electrode's plane lies inside a cell in {', '.join(inside)}: the ceramic begins up to half a cell off "
            "there. Orders are cleaner with a working_thickness and a ratio that give whole cells at every level."
        )
    if len({run.revision for run in runs}) > 1:
        yield "The runs were made by different revisions of the package."


def _compared(family: Family, made: dict[str, KeptRun]) -> FamilyResult:
    runs = tuple(level.name for level in family.levels)
    sizes = tuple(level.size for level in family.levels)
    histories = tuple(made[name].history for name in runs)
    shorts = [made[name].summary["outcome"] == "short" for name in runs]
    return FamilyResult(
        name=family.name,
        measure=family.measure,
        runs=runs,
        sizes=sizes,
        end_time=common_end(histories, "time_s"),
        end_charge=common_end(histories, "throughput_mAh_cm2"),
        quantities=compare(histories, sizes, shorts),
        histories=histories,
    )
