"""Which runs a study of convergence takes: a case with smaller cells, a thinner interface, shorter steps.

Lengths that belong to the physics (box, grains, pores, band width) are the same in all of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from phasefield.case import Case
from phasefield.case.consistency import SLACK, consistency_faults
from phasefield.errors import CaseError, Fault
from phasefield.setup import build_limits
from phasefield.simulate import largest_travel
from phasefield.units import from_si

LEAST_LEVELS = 3  # two differences make an order
LEAST_CELLS = 6.0  # across a band, on every grid
FRAMES = 4  # saved fields per run: more would cut time steps that the study compares

FAMILIES = {
    "grid": "smaller cells; interface width and steps are those of the base",
    "interface": "a thinner interface on the finest grid; steps are those of the base",
    "step": "shorter steps on the base's grid: travel of the front, change of the potentials, growth, first step",
    "together": "smaller cells, and interface width and steps in proportion to them",
}


@dataclass(frozen=True)
class Level:
    """One run of a study: its name, its case, and what its family makes smaller [m]."""

    name: str
    case: Case
    size: float


@dataclass(frozen=True)
class Family:
    """Runs that differ in one respect (see ``FAMILIES``), the coarsest first.

    ``measure``: what ``size`` of its levels is, "cell", "interface width" or "travel of the front per step".
    """

    name: str
    measure: str
    levels: tuple[Level, ...]


def families(case: Case, levels: int, ratio: float) -> tuple[Family, ...]:
    """Return the four families of a case; levels that are the same run have the same name and the same case.

    Every axis has a whole number of cells: the ratio of two levels' cells is near ``ratio``, and the same number
    scales interface width and step.

    Raises
    ------
    CaseError : fewer than three levels, a ratio that makes nothing smaller, or a level that its model does not fit.
    """
    _check_request(levels, ratio, case)
    base = _base(case)
    shapes = [_shape(base, ratio**level) for level in range(levels)]
    shrink = [_shrinkage(shapes[0], shape) for shape in shapes]  # 1, and smaller from level to level
    finest, last = shapes[-1], levels - 1
    cell, width = max(base.grid.cell), base.metal.interface_width
    travel = base.solver.front_travel or math.nan  # never None: see _base
    grid, interface, step, together = [], [], [], []
    for level, (shape, s) in enumerate(zip(shapes, shrink, strict=True)):
        on_grid = _refined(base, shape, 1.0, 1.0)
        thinner = _refined(base, finest, s, 1.0)
        shorter = _refined(base, shapes[0], 1.0, ratio**-level)
        name = f"-{level}" if level else ""
        grid.append(Level(f"grid{name}" if level else "base", on_grid, s * cell))
        interface.append(Level(f"interface{name}" if level else f"grid-{last}", thinner, s * width))
        step.append(Level(f"step{name}" if level else "base", shorter, travel * ratio**-level))
        together.append(Level(f"together{name}" if level else "base", _refined(base, shape, s, s), s * cell))
    found = (
        Family("grid", "cell", tuple(grid)),
        Family("interface", "interface width", tuple(interface)),
        Family("step", "travel of the front per step", tuple(step)),
        Family("together", "cell", tuple(together)),
    )
    _check_levels(found)
    return found


def distinct_levels(found: tuple[Family, ...]) -> tuple[Level, ...]:
    """Return every run once, cheap ones first in each family."""
    return tuple({level.name: level for family in found for level in family.levels}.values())


# ---------------------------------------------------------------- cases


def _base(case: Case) -> Case:
    """Return the case with its travel per step written out, and with few saved fields."""
    limits = replace(build_limits(case), refinement=1.0)
    travel = largest_travel(case.grid.to_grid(), case.metal.interface_width, limits)
    protocol, output = case.protocol.to_protocol(), case.output
    every: dict[str, Any] = {}
    if output.every is not None and math.isfinite(protocol.expected_duration()):
        every = {"every": protocol.expected_duration() / FRAMES}
    elif output.every_capacity is not None and math.isfinite(protocol.expected_charge()):
        every = {"every_capacity": protocol.expected_charge() / FRAMES}
    return _changed(case, solver={"front_travel": travel}, output=every)


def _refined(base: Case, shape: tuple[int, ...], width: float, step: float) -> Case:
    """Return the case on another grid, its interface ``width`` times as wide, its steps ``step`` times as long."""
    cell = tuple(length / n for length, n in zip(base.grid.size, shape, strict=True))
    return _changed(
        base,
        grid={"cell": cell if shape != _shape(base, 1.0) else base.grid.cell},
        metal={"interface_width": width * base.metal.interface_width},
        solver={"step_refinement": base.solver.step_refinement / step},
    )


def _changed(case: Case, **sections: dict[str, Any]) -> Case:
    return case.model_copy(
        update={name: getattr(case, name).model_copy(update=keys) for name, keys in sections.items()}
    )


def _shape(case: Case, finer: float) -> tuple[int, ...]:
    """Return the number of cells along each axis of the case's box, cells ``finer`` times smaller; one stays one."""
    cells = case.grid.shape[: len(case.grid.size)]
    return tuple(round(n * finer) if n > 1 else 1 for n in cells)


def _shrinkage(base: tuple[int, ...], shape: tuple[int, ...]) -> float:
    """Return the size of cells over that of the base's, the largest of all axes: no interface gets below a cell."""
    return max(before / n for before, n in zip(base, shape, strict=True) if before > 1)


# ---------------------------------------------------------------- faults


def _check_request(levels: int, ratio: float, case: Case) -> None:
    faults = []
    if levels < LEAST_LEVELS:
        faults.append(Fault("--levels", f"{levels} give no order", f"take at least {LEAST_LEVELS}"))
    if not (ratio > 1.0 and math.isfinite(ratio)):
        faults.append(Fault("--ratio", f"{ratio:g} makes nothing smaller", "take more than 1, for example 1.5"))
    if not faults:
        finest = math.prod(_shape(case, ratio ** (levels - 1)))
        if finest > 1e9:
            faults.append(Fault("--levels", f"{finest:.2g} cells fit no machine", "take fewer, or a smaller ratio"))
        cells = [_shape(case, ratio**level) for level in range(levels)]
        if len({n for n in map(_most, cells)}) < levels:
            problem = f"{ratio:g} leaves levels with the same {_most(cells[0])} cells"
            faults.append(Fault("--ratio", problem, "take a larger one, or smaller cells to begin with"))
    if faults:
        raise CaseError(faults)


def _most(shape: tuple[int, ...]) -> int:
    return min(n for n in shape if n > 1)


def _check_levels(found: tuple[Family, ...]) -> None:
    for level in distinct_levels(found):
        faults = [*consistency_faults(level.case), *_resolution_faults(level.case)]
        if faults:
            raise CaseError(faults, f"{level.case.source}, run {level.name} of the study")


def _resolution_faults(case: Case) -> Iterator[Fault]:
    """Yield what a study cannot go with though a single run may (``allow_coarse``, a travel given by hand)."""
    bands, cell, width = case.grain_boundaries, max(case.grid.cell), case.metal.interface_width
    if bands is not None and bands.allow_coarse and case.microstructure.has_boundaries:
        across = bands.band_width / cell
        if across * SLACK < LEAST_CELLS:
            right = f"take at least {LEAST_CELLS * from_si(cell, 'um'):.6g} um, or smaller cells to begin with"
            yield Fault("grain_boundaries.band_width", f"{across:.3g} cells make no band that can converge", right)
    travel = (case.solver.front_travel or 0.0) / case.solver.step_refinement
    if travel > width * SLACK:
        problem = f"{from_si(travel, 'um'):.4g} um is more than the interface width, {from_si(width, 'um'):.4g} um"
        yield Fault("solver.front_travel", problem, "take fewer levels, a smaller ratio or a smaller travel")
