"""Critical current densities: the current at which a cell shorts within a given charge, with its bracket.

Bisection: constant currents, each a run of its own, in equal ratios until the bracket between the largest current
without a short and the smallest with one is narrow enough. It starts at the entry current of the weakest path, J*_path
(M9). Ramp: one run whose plating and stripping halves rise step by step, as experimenters do it.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from phasefield.campaigns.design import Point, points
from phasefield.campaigns.folder import Planned, SweepFolder, freeze
from phasefield.campaigns.local import LocalExecutor
from phasefield.campaigns.sweep import compile_for
from phasefield.campaigns.sweep_file import SEED, CcdSection, SweepFile
from phasefield.case import Case, load_case
from phasefield.errors import CaseError
from phasefield.setup import build_setup, weakest_path
from phasefield.units import text_of

REACH = 1.5  # ratio of currents while only one side of the bracket is known
STALL = 3.0  # a run ends when metal has not grown over the charge divided by this

_setting_up = threading.Lock()  # kernels in threads, started from several threads, are not safe everywhere


@dataclass(frozen=True)
class Trial:
    """One run of a search: current density [A/m^2], outcome, charge passed [mAh/cm^2], depth [um], wall time [s]."""

    current: float
    outcome: str
    charge: float
    depth: float
    wall: float
    run: str

    @property
    def short(self) -> bool:
        """Return whether the cell shorted."""
        return self.outcome == "short"


@dataclass
class Search:
    """The critical current density of one ceramic.

    Parameters
    ----------
    point : what is set beside the base case, without the seed. seed : of the ceramic, as written.
    path_current : J*_path [A/m^2]; NaN where no boundaries or pores connect the electrodes.
    trials : in the order of their computation. failed : why the search ended early; empty if it did not.
    """

    point: Point
    seed: str
    path_current: float = math.nan
    trials: list[Trial] = field(default_factory=list)
    failed: str = ""

    @property
    def lower(self) -> float:
        """Return the largest current below every short [A/m^2]; 0 if the lowest that was tried shorts."""
        upper = self.upper
        return max((trial.current for trial in self.trials if not trial.short and trial.current < upper), default=0.0)

    @property
    def upper(self) -> float:
        """Return the smallest current with a short [A/m^2]; inf without one."""
        return min((trial.current for trial in self.trials if trial.short), default=math.inf)

    @property
    def critical(self) -> float:
        """Return the middle of the bracket, in equal ratios [A/m^2]; NaN if one side is open."""
        lower, upper = self.lower, self.upper
        return math.sqrt(lower * upper) if lower > 0.0 and upper < math.inf else math.nan

    @property
    def walls(self) -> dict[str, float]:
        """Return the wall time of every run, by name [s]; a ramp is one run of many trials."""
        return {trial.run: trial.wall for trial in self.trials}

    @property
    def out_of_order(self) -> bool:
        """Return whether a current above one that shorts did not short."""
        return any(not trial.short and trial.current > self.upper for trial in self.trials)


@dataclass(frozen=True)
class Finder:
    """Find the critical current densities that a sweep file asks for; runs that the folder has are read."""

    sweep: SweepFile
    ccd: CcdSection
    folder: SweepFolder
    pool: LocalExecutor

    def all(self, tell: Callable[[Search], None]) -> list[Search]:
        """Return the search of every point in every ceramic; ``tell`` hears of each. One that fails ends alone."""
        asked = [Search({k: v for k, v in p.items() if k != SEED}, p.get(SEED, "")) for p in points(self.sweep)]
        compile_for([self._case(asked[0], self._constant(self.ccd.highest))])
        for search, _ in self.pool.each(self.one, asked):
            tell(search)
        return asked

    def one(self, search: Search) -> None:
        """Do one search; what it fails with is noted in it."""
        try:
            with _setting_up:
                case = self._case(search, self._constant(self.ccd.highest))
                setup = build_setup(case)
                connected = len(setup.structure.boundary_pairs) > 0
                search.path_current = weakest_path(setup)[1] if connected else math.nan
            if self.ccd.ramp_step is None:
                self._bisect(search)
            else:
                self._ramp(search)
        except CaseError as error:
            search.failed = str(error)

    def _bisect(self, search: Search) -> None:
        """Narrow the bracket until it is as narrow as asked for, or one end of the range is reached."""
        ccd = self.ccd
        start = search.path_current if search.path_current > 0.0 else ccd.lowest
        current: float | None = min(max(start, ccd.lowest), ccd.highest)
        while current is not None and self._try(search, current):
            current = next_current(search.lower, search.upper, ccd)

    def _try(self, search: Search, current: float) -> bool:
        """Compute one constant current; return whether the run ended as it should."""
        told = self._told(search, self._case(search, self._constant(current)))
        if told:
            search.trials.append(_trial(current, told))
        return bool(told)

    def _ramp(self, search: Search) -> None:
        """Compute the ramp, and note every step of it that plated."""
        told = self._told(search, self._case(search, self._rising()))
        if not told:
            return
        last, step = told["final"], self.ccd.ramp_step or 0.0
        plated = (int(last["protocol_step"]) + 1) // 2  # odd steps plate
        for number in range(plated):
            current = self.ccd.lowest + number * step
            trial = _trial(current, told)
            ended = trial.short and number == plated - 1
            search.trials.append(trial if ended else replace(trial, outcome="capacity"))

    def _told(self, search: Search, case: Case) -> dict[str, Any]:
        """Return the summary of the run of a case; empty if it failed, which the search then says."""
        run = Planned(freeze(self.folder, case), search.point)
        standing, text = self.pool.one(run)
        if standing != "done":
            search.failed = f"run {run.name} {standing}: {text.partition(';')[0]}"
            return {}
        return {"run": run.name} | json.loads((self.folder.run(run.name) / "summary.json").read_text(encoding="utf-8"))

    def _case(self, search: Search, protocol: str) -> Case:
        seed = {SEED: search.seed} if search.seed else {}
        saved = {"output": f'{{ every_capacity = "{_charge(self.ccd.capacity)}", preview = false }}'}
        return load_case(
            self.sweep.base, {**self.sweep.overrides, **search.point, **seed, "protocol": protocol, **saved}
        )

    def _constant(self, current: float) -> str:
        """Return the protocol of one current, as TOML."""
        capacity, stall = _charge(self.ccd.capacity), _charge(self.ccd.capacity / STALL)
        return f'{{ current_density = "{_current(current)}", capacity = "{capacity}", stall_capacity = "{stall}" }}'

    def _rising(self) -> str:
        """Return the protocol of a ramp, as TOML: plate and strip, with more current each time."""
        step, capacity = self.ccd.ramp_step or 0.0, _charge(self.ccd.capacity)
        repeat = 1 + math.floor((self.ccd.highest - self.ccd.lowest) / step * (1.0 + 1e-9))
        halves = [
            f'{{ current_density = "{sign}{_current(self.ccd.lowest)}", capacity = "{capacity}" }}'
            for sign in ("", "-")
        ]
        group = f'repeat = {repeat}, current_density_increment = "{_current(step)}", steps = [{", ".join(halves)}]'
        return f"{{ steps = [{{ {group} }}] }}"


def next_current(lower: float, upper: float, ccd: CcdSection) -> float | None:
    """Return the current to try next between the largest without a short and the smallest with one; None: it is found.

    ``lower`` is 0 and ``upper`` inf where that side is not known yet.
    """
    if lower > 0.0 and upper < math.inf:
        return math.sqrt(lower * upper) if upper > lower * (1.0 + ccd.tolerance) else None
    if upper < math.inf:
        return max(upper / REACH, ccd.lowest) if upper > ccd.lowest else None
    return min(lower * REACH, ccd.highest) if lower < ccd.highest else None


def _trial(current: float, told: dict[str, Any]) -> Trial:
    last = told["final"]
    depth = max(last["penetration_depth_connected_um"], last["penetration_depth_isolated_um"])
    return Trial(current, told["outcome"], last["throughput_mAh_cm2"], depth, told["wall_time_s"], told["run"])


def _current(value: float) -> str:
    return text_of(value, "mA/cm^2", "A/m^2")


def _charge(value: float) -> str:
    return text_of(value, "mAh/cm^2", "C/m^2")
