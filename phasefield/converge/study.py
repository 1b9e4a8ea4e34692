"""Make the runs of a study that are not there yet, and compare them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phasefield.case import Case, load_case
from phasefield.case.changes import case_texts, input_names
from phasefield.converge.families import Family, Level, distinct_levels, families
from phasefield.converge.orders import (
    DEPTH_AT_CHARGE,
    History,
    Quantity,
    common_end,
    compare,
)
from phasefield.errors import CaseError, RunError
from phasefield.results_folder import UNFINISHED, outcome_of
from phasefield.run import resume, run
from phasefield.setup import build_limits
from phasefield.simulate import largest_travel
from postprocess.results import load

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
    made: dict[str, _Made] = {}
    for number, level in enumerate(wanted, start=1):
        made[level.name] = _made(folder / "runs" / level.name, level, f"run {number} of {len(wanted)}", announce)
    facts = tuple(_facts(folder, level, made[level.name].summary) for level in wanted)
    results = tuple(_compared(family, made) for family in found)
    return Study(case.name, case.question, folder, ratio, facts, results, tuple(_remarks(wanted, facts)))


@dataclass(frozen=True)
class _Made:
    summary: dict[str, Any]
    history: History


def _made(folder: Path, level: Level, which: str, announce: Callable[[str], None] | None) -> _Made:
    """Return what a run left, after running or resuming it if it is not finished."""
    outcome = outcome_of(folder)
    if outcome in UNFINISHED and not (folder / "case.toml").is_file():
        outcome = None  # killed before its first step
    if outcome is not None and not _is_of(folder, level.case):
        raise CaseError(f"{folder} holds a run of another case; take another folder with -o, or remove this one")
    if outcome is not None and outcome not in UNFINISHED:
        results = load(folder)
        return _Made(results.summary, results.history)
    go_on = outcome is not None and any(folder.glob("checkpoints/*.h5"))
    if announce is not None:
        announce(f"{which}: {level.name}, {_words(level.case)}{', goes on' if go_on else ''}")
    try:
        shown = announce is not None
        done = resume(folder, progress=shown) if go_on else run(level.case, folder, progress=shown, force=True)
    except RunError as error:
        raise RunError(f"{which}, {level.name}: {error}") from None
    return _Made(done.summary, done.history)


def _is_of(folder: Path, case: Case) -> bool:
    """Return whether the run in a folder was made from this case, with these materials."""
    try:
        there = load_case(folder / "case.toml")
    except CaseError:
        return False
    names = input_names(there, folder)
    return case_texts(there, names) == case_texts(case, names)


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


def _compared(family: Family, made: dict[str, _Made]) -> FamilyResult:
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
