"""Nuclei: when and where they appear, how they fill, what they do to charge and solver when the front meets them."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

import phasefield as pf
from phasefield.backends import Control, Tolerances, get_backend
from phasefield.checkpoint import newest_checkpoint
from phasefield.fields import Nucleus, State
from phasefield.grid import Grid, Lateral
from phasefield.measures import CONDUCTING_THRESHOLD, conducting_region
from phasefield.nucleation import Event, Nucleator, ball_offsets
from phasefield.numerics.multigrid import PARALLEL_CELLS
from phasefield.physics.constants import FARADAY
from phasefield.problem import SITES, Nucleation, Problem
from phasefield.protocol import Protocol
from phasefield.setup import build_setup
from phasefield.simulate import StepLimits, StepReport, simulate
from phasefield.validation.common import LITHIUM_VOLUME, TEMPERATURE, plain_problem, planar_profile, uniform_ceramic
from phasefield.validation.conservation_rows import Witness

UM = 1e-6
SPACING = 0.5 * UM
RADIUS = 2.0 * SPACING
AREA = 1e-12  # of a site [m^2]
BOLTZMANN = 1.380649e-23

# --- whole runs ---------------------------------------------------------------------------------------------

FLOATING = {  # electrons leak fast enough to fill a nucleus within a minute, and go nowhere else
    "electrodes.counter_electrons": "blocking",
    "materials.set.electrolyte.electronic_conductivity": "1e-3 S/m",
    "nucleation.sites": '["grain_boundaries"]',
    "protocol.current_density": "3 mA/cm^2",
    "protocol.capacity": "1 mAh/cm^2",
}
BOUNDARY = FLOATING | {
    "grid.size": '["32 um", "4.8 um"]',
    "nucleation.nuclei": '[{ time = "1 s", place = ["20.2 um", "2.2 um"] }]',
}
RUNS: dict[str, tuple[str, dict[str, str]]] = {
    "2-D": ("bicrystal", BOUNDARY),
    "2-D, n-type": ("bicrystal", BOUNDARY | {"transport.electronic_law": "n_type"}),
    "1-D": (
        "flat_plating",
        FLOATING
        | {
            "grid.size": '["24 um"]',
            "electrodes.working_thickness": "4 um",
            "materials.set.electrolyte.electronic_conductivity": "3e-2 S/m",
            "transport.leakage": "true",
            "protocol.capacity": "9 mAh/cm^2",
            "nucleation.nuclei": '[{ time = "1 s", place = ["16.2 um"] }]',
        },
    ),
    "3-D": (
        "bicrystal",
        FLOATING
        | {
            "grid.size": '["24 um", "4.8 um", "4.8 um"]',
            "nucleation.nuclei": '[{ time = "1 s", place = ["16.2 um", "2.2 um", "2.2 um"] }]',
        },
    ),
}


AFTERWARDS = 40  # steps that a run goes on after the nucleus was reached


class Watched:
    """A run until its nucleus has been reached: what the nucleus and the solver did in every step, and all messages."""

    def __init__(self, name: str, overrides: dict[str, str]) -> None:
        setup = build_setup(pf.load_case(name, overrides))
        self.problem = setup.problem
        assert self.problem.nucleation is not None
        self.asked = self.problem.nucleation.listed[0]
        self.cell = tuple(int(p / d) for p, d in zip(self.asked[1], self.problem.grid.spacing, strict=True))
        self.books = Witness(get_backend("numba", self.problem, Tolerances()), self.problem)
        self.reports: list[StepReport] = []
        self.range: list[tuple[float, float]] = []
        self.fraction: list[float] = []  # xi of the nucleus's middle cell
        self.filled: list[tuple[float, float, float]] = []  # least, mean and largest xi of its ball
        self.stripes: list[float] = []  # how far even and odd cells of the ball's middle are apart in xi
        self.forming: list[bool | None] = []
        self.electronic: list[float] = []  # phi_e of its middle cell [V]
        self.log: list[str] = []
        handler = logging.Handler()
        handler.emit = lambda record: self.log.append(record.getMessage())  # type: ignore[method-assign]
        logger = logging.getLogger("phasefield")
        logger.addHandler(handler)
        try:
            for state, report in simulate(self.problem, self.books, setup.protocol, setup.limits):
                self._keep(state, report)
                if report.step >= AFTERWARDS and [event.kind for event in self.reports[-1 - AFTERWARDS].events] == [
                    "contact"
                ]:
                    break
        finally:
            logger.removeHandler(handler)

    def _keep(self, state: State, report: StepReport) -> None:
        xi, nuclei = state["metal_fraction"], state.book.nuclei
        away = np.sqrt(
            sum((m - m[self.cell]) ** 2 for m, n in zip(state.grid.meshgrid(), state.grid.shape, strict=True) if n > 1)
        )
        assert self.problem.nucleation is not None
        weak = self.problem.ceramic.accommodation_pressure <= self.problem.ceramic.accommodation_pressure[self.cell]
        ball = (away <= self.problem.nucleation.radius * (1.0 + 1e-9)) & weak
        self.reports.append(report)
        self.range.append((float(xi.min()), float(xi.max())))
        self.fraction.append(float(xi[self.cell]))
        self.filled.append((float(xi[ball].min()), float(xi[ball].mean()), float(xi[ball].max())))
        middle = ball & (away <= 0.75 * self.problem.nucleation.radius)
        even = sum(np.indices(xi.shape)) % 2 == 0
        self.stripes.append(float(abs(xi[middle & even].mean() - xi[middle & ~even].mean())))
        self.forming.append(nuclei[0].forming if nuclei else None)
        self.electronic.append(float(state["electronic_potential"][self.cell]))

    def at(self, kind: str) -> int:
        """Return the step of the one event of a kind."""
        (step,) = [report.step for report in self.reports for event in report.events if event.kind == kind]
        return step


@pytest.fixture(scope="module", params=[pytest.param(n, marks=pytest.mark.ci if n == "3-D" else ()) for n in RUNS])
def watched(request: pytest.FixtureRequest) -> Watched:
    return Watched(*RUNS[request.param])


def test_a_listed_nucleus_appears_at_its_time_and_place(watched: Watched) -> None:
    step = watched.at("nucleus")
    (event,) = watched.reports[step].events
    time, place = watched.asked
    assert watched.reports[step - 1].time < time <= event.time == watched.reports[step].time
    assert (event.nucleus.number, event.nucleus.site, event.nucleus.cell) == (1, "listed", watched.cell)
    assert all(
        abs(a - b) <= 0.5 * d for a, b, d in zip(event.nucleus.place, place, watched.problem.grid.spacing, strict=True)
    )
    assert [report.nuclei for report in watched.reports] == [0] * step + [1] * (len(watched.reports) - step)
    assert watched.fraction[step] == 0.0


def test_a_nucleus_fills_to_a_proper_body(watched: Watched) -> None:
    """All of its ball is metal when the front meets it, and it goes on filling; xi never leaves [0, 1]."""
    contact = watched.at("contact")
    assert min(low for low, _ in watched.range) >= 0.0
    assert max(high for _, high in watched.range) <= 1.0
    assert watched.filled[contact][0] > 0.5
    assert 0.9 < watched.filled[-1][2] <= 1.0
    assert np.all(np.diff([mean for _, mean, _ in watched.filled]) > -1e-9)
    assert watched.reports[contact - 1].metal_volume_isolated > 0.0


def test_it_fills_evenly(watched: Watched) -> None:
    """With a profile flux between its cells it would fill like a checkerboard: 0.13 in 2-D, 0.12 in 3-D.

    Without, 0.03 and 0.07: in a ball of three cells' radius odd cells lie farther out than even ones.
    """
    forming = watched.forming.index(False)
    assert max(watched.stripes[: forming + 1]) < 0.09


def test_it_forms_until_its_ball_is_half_full(watched: Watched) -> None:
    appeared, forming = watched.at("nucleus"), watched.forming
    formed = forming.index(False)
    assert watched.filled[formed - 1][1] <= 0.5 < watched.filled[formed][1]
    assert forming == [None] * appeared + [True] * (formed - appeared) + [False] * (len(forming) - formed)


def test_its_metal_is_the_charge_that_was_plated(watched: Watched) -> None:
    turnover = np.array(watched.books.turnover)
    assert np.abs(watched.books.metal_error).max() < 1e-12 * turnover.max()
    assert np.all(np.abs(watched.books.charge_error) < 1e-7 * turnover)
    assert max(report.charge_balance_error for report in watched.reports) < 1e-7


def test_floating_metal_that_meets_the_front_reconnects_and_does_not_harm_newton(watched: Watched) -> None:
    """Its electrons were a millivolt and more off those of the electrode; then they are the electrode's."""
    contact = watched.at("contact")
    before, after = watched.reports[contact - 1], watched.reports[contact]
    assert max(watched.electronic[watched.forming.index(False) : contact]) > 1e-3
    assert abs(watched.electronic[-1]) < 1e-4
    jump = watched.reports[contact].penetration_depth_connected - before.penetration_depth_connected
    assert jump > 5 * UM and after.penetration_depth_isolated == 0.0 < before.penetration_depth_isolated
    assert all(report.penetration_depth_isolated == 0.0 for report in watched.reports[contact:])
    assert max(report.newton_iterations for report in watched.reports) <= 15
    assert not [line for line in watched.log if "rejected" in line]


@pytest.mark.parametrize("law", ["constant", "n_type"])
@pytest.mark.parametrize("hysteresis", [False, True], ids=["plain", "hysteresis"])
def test_metal_that_is_connected_from_one_step_to_the_next_does_not_harm_newton(law: str, hysteresis: bool) -> None:
    """Harder than what any front does: a bridge all at once, at thirty times the usual current."""
    grid = Grid((60, 20), (0.4 * UM, 0.4 * UM))
    x, y = grid.meshgrid()
    disc = 1.6 * UM - np.hypot(x - 16.0 * UM, y - 4.0 * UM)
    bridge = np.minimum(16.0 * UM - x, 1.0 * UM - np.abs(y - 4.0 * UM))
    apart = planar_profile(np.maximum(4.0 * UM - x, disc), 0.6 * UM)
    ceramic = uniform_ceramic(grid, electronic=5.5e-6, electrons=0.05, pressure=2e7)
    problem = plain_problem(
        grid,
        apart,
        ceramic=ceramic,
        width=0.6 * UM,
        plane=4.0 * UM,
        energy=0.46,
        counter_electrons="contact",
        law=law,
        hysteresis=hysteresis,
    )
    backend = get_backend("numba", problem, Tolerances())
    state = backend.initial_state()
    middle, control = (39, 9), Control("current", 300.0)
    first = backend.solve(state, 0.1, control)
    assert state["electronic_potential"][middle] > 0.15
    state["metal_fraction"] = np.maximum(apart, planar_profile(bridge, 0.6 * UM))
    second = backend.solve(state, 0.1, control)
    assert abs(state["electronic_potential"][middle]) < 1e-3
    assert max(first.newton_iterations, second.newton_iterations) <= 15


# --- the law, without a solver ------------------------------------------------------------------------------


def field_of(
    shape: tuple[int, ...],
    sites: np.ndarray,
    law: str = "poisson",
    lateral: Lateral = "periodic",
    pressure: np.ndarray | float = 0.0,
    **numbers: Any,
) -> Problem:
    """Return a box of ceramic without metal, its working electrode at a face, with ``sites``."""
    grid = Grid(shape, (SPACING,) * len(shape), lateral)
    ceramic = replace(uniform_ceramic(grid), accommodation_pressure=np.broadcast_to(pressure, shape).astype(float))
    problem = plain_problem(grid, np.zeros(shape), ceramic=ceramic, width=SPACING, energy=0.4)
    site = np.where(sites, SITES.index("grain_boundary"), 0).astype(np.int8)
    asked = {"site_area": np.full(shape, AREA), "overpotential": 5e-3} | numbers
    return replace(problem, nucleation=Nucleation(law, site, radius=RADIUS, **asked))  # type: ignore[arg-type]


def every(shape: tuple[int, ...], cells: int) -> np.ndarray:
    """Return sites ``cells`` apart along each axis."""
    sites = np.zeros(shape, dtype=bool)
    sites[tuple(slice(cells // 2, None, cells) if n > 1 else slice(None) for n in shape)] = True
    return sites


class Frozen:
    """Potentials and metal that stay as they are, and nuclei that appear in them but do not grow."""

    def __init__(self, problem: Problem, potential: np.ndarray | float, metal: np.ndarray | None = None) -> None:
        assert problem.nucleation is not None
        self.state = get_backend("numba", problem, Tolerances()).initial_state()
        self.state["electronic_potential"] = np.broadcast_to(potential, problem.grid.shape).astype(float)
        if metal is not None:
            self.state["metal_fraction"] = metal
        self.nucleator = Nucleator(problem, problem.nucleation)
        self.nucleator.start(self.state)
        self.conducting = conducting_region(self.state["metal_fraction"], problem.grid.lateral)

    def step(self, time_step: float) -> tuple[Event, ...]:
        """Let time pass."""
        self.state.time += time_step
        self.state.step += 1
        return self.nucleator.update(self.state, time_step, self.conducting)

    def run(self, duration: float, steps: int) -> list[Nucleus]:
        """Return the nuclei after ``steps`` equal steps."""
        for _ in range(steps):
            self.step(duration / steps)
        return self.state.book.nuclei


ISOLATED = (98, 98)  # 14 x 14 sites, 7 cells apart, that know nothing of each other


def poisson(seed: int = 1, mean_time: float = 50.0, **numbers: Any) -> Problem:
    """Return isolated sites that wait ``mean_time`` [s] on average, if there is no barrier."""
    law = {"prefactor": 1.0 / (mean_time * AREA), "barrier_factor": 0.0, "seed": seed} | numbers
    return field_of(ISOLATED, every(ISOLATED, 7), **law)


def test_sites_ring_as_a_poisson_process() -> None:
    """Ten intervals, five seeds: numbers are those of independent sites that wait 50 s on average."""
    edges = np.linspace(0.0, 100.0, 11)
    times = np.concatenate(
        [[n.time for n in Frozen(poisson(seed), -0.02).run(edges[-1], len(edges) - 1)] for seed in range(5)]
    )
    sites = 5 * 196
    found = np.histogram(times, edges + 1e-6)[0]  # a nucleus appears at the end of its step
    found = np.append(found, sites - len(times))
    share = np.append(-np.diff(np.exp(-edges / 50.0)), math.exp(-edges[-1] / 50.0))
    assert found.sum() == sites
    assert ((found - sites * share) ** 2 / (sites * share)).sum() < chi2.ppf(0.999, len(share) - 1)


def test_rate_is_that_of_classical_nucleation_and_in_proportion_to_a_site_s_area() -> None:
    """J_0 exp(-f 16 pi gamma^3 / 3 (V_m / F eta)^2 / kT), eta = U + (V_m / F) p; four kinds of sites."""
    pressure, factor, duration = 2e8, 3e-3, 80.0
    row = np.arange(ISOLATED[0])[:, None]
    larger, squeezed = row < 49, (np.arange(ISOLATED[1]) < 49)[None, :]
    prefactor = 1.0 / (20.0 * AREA)
    counts, expected = np.zeros(4), np.zeros(4)
    for seed in range(6):
        problem = field_of(
            ISOLATED,
            every(ISOLATED, 7),
            pressure=pressure * squeezed,
            site_area=AREA * np.where(larger, 2.0, 1.0) * np.ones(ISOLATED),
            prefactor=prefactor,
            barrier_factor=factor,
            seed=seed,
        )
        nuclei = Frozen(problem, -0.1).run(duration, 4)
        for kind, (big, pressed) in enumerate([(a, b) for a in (False, True) for b in (False, True)]):
            eta = -0.1 + LITHIUM_VOLUME / FARADAY * pressure * pressed
            barrier = factor * 16.0 * math.pi * 0.4**3 / 3.0 * (LITHIUM_VOLUME / (FARADAY * eta)) ** 2
            rate = prefactor * math.exp(-barrier / (BOLTZMANN * TEMPERATURE)) * AREA * (1.0 + big)
            expected[kind] += 49 * (1.0 - math.exp(-rate * duration))
            counts[kind] += sum((n.cell[0] < 49, n.cell[1] < 49) == (big, pressed) for n in nuclei)
    spread = np.sqrt(expected * (1.0 - expected / (6 * 49)))
    assert np.all(np.abs(counts - expected) < 3.5 * spread)
    assert np.ptp(expected) > 10.0 * spread.max()  # the kinds do differ


@pytest.mark.parametrize("apart", [7, 1], ids=["isolated sites", "every cell a site"])
@pytest.mark.parametrize("shape", [(63, 1), (42, 28), (21, 14, 14)], ids=str)
def test_nuclei_do_not_depend_on_how_time_is_cut(shape: tuple[int, ...], apart: int) -> None:
    """Where sites crowd, too: the first to ring takes the place, in whatever step it does."""
    problem = field_of(shape, every(shape, apart), prefactor=1.0 / (50.0 * AREA), barrier_factor=0.0)
    times = {n: {one.cell: one.time for one in Frozen(problem, -0.02).run(80.0, n)} for n in (4, 8, 400)}
    assert len(times[4]) > 3
    for coarse, fine in ((4, 8), (8, 400)):
        assert times[coarse].keys() == times[fine].keys()
        late = [time - times[fine][cell] for cell, time in times[coarse].items()]
        assert min(late) > -1e-9 and max(late) < 80.0 / coarse + 1e-9


def test_seeds_differ_and_repeat() -> None:
    one, again, other = ([(n.cell, n.time) for n in Frozen(poisson(seed), -0.02).run(60.0, 6)] for seed in (1, 1, 2))
    assert one == again
    assert {cell for cell, _ in one} != {cell for cell, _ in other}


def test_nothing_rings_where_nothing_drives() -> None:
    """eta >= 0: at rest, and where the pressure is more than what U can push."""
    for potential, pressure in ((0.0, 0.0), (0.01, 0.0), (-0.01, 1e8)):
        numbers = {"prefactor": 1.0 / AREA, "barrier_factor": 0.0}
        frozen = Frozen(field_of(ISOLATED, every(ISOLATED, 7), pressure=pressure, **numbers), potential)
        before = frozen.state["nucleation_clock"].copy()
        assert frozen.run(1e6, 3) == []
        np.testing.assert_array_equal(frozen.state["nucleation_clock"], before)


def test_clocks_of_sites_too_near_to_metal_stand_still() -> None:
    metal = np.zeros(ISOLATED)
    metal[:20] = CONDUCTING_THRESHOLD
    frozen = Frozen(poisson(), -0.02, metal)
    before = frozen.state["nucleation_clock"].copy()
    nuclei = frozen.run(200.0, 3)
    sites = every(ISOLATED, 7)
    near = sites & (np.arange(ISOLATED[0]) < 20 + 2 * round(RADIUS / SPACING))[:, None]
    stands = frozen.state["nucleation_clock"] == before
    assert near.sum() == 3 * 14 and stands[near].all() and not stands[sites & ~near].any()
    assert nuclei and not any(near[nucleus.cell] for nucleus in nuclei)


def deterministic(shape: tuple[int, ...], sites: np.ndarray | None = None, **numbers: Any) -> Problem:
    return field_of(shape, np.ones(shape, dtype=bool) if sites is None else sites, "deterministic", **numbers)


def test_the_most_driven_site_is_first_and_there_is_one_per_step() -> None:
    """The drive is what U is below -eta_nuc - (V_m / F) p; a place with a lower U and more pressure is less driven."""
    shape = (60, 40)
    x, y = np.indices(shape)
    pressure = np.where(y < 20, 1e8, 0.0)  # 13.5 mV
    potential = -0.010 - 1e-4 * x - np.where(y < 20, 10e-3, 0.0)  # driven by 5 to 11 mV, below y = 20 by 1.5 to 7.4
    frozen = Frozen(deterministic(shape, pressure=pressure), potential)
    drives = []
    for number in range(1, 13):
        (event,) = frozen.step(1.0)
        nucleus = event.nucleus
        assert (event.kind, nucleus.number, nucleus.step, nucleus.site) == ("nucleus", number, number, "grain_boundary")
        assert event.potential == nucleus.potential == potential[nucleus.cell]
        assert nucleus.threshold == pytest.approx(-5e-3 - LITHIUM_VOLUME / FARADAY * pressure[nucleus.cell])
        drives.append(nucleus.threshold - nucleus.potential)
    first = frozen.state.book.nuclei[0].cell
    assert first[0] == 59 and first[1] >= 20
    assert np.all(np.diff(drives) <= 1e-15) and drives[0] == pytest.approx(10.9e-3)


def test_nothing_appears_where_no_site_is_or_u_is_above_the_threshold() -> None:
    shape = (30, 20)
    sites = np.zeros(shape, dtype=bool)
    sites[12, 7] = True
    frozen = Frozen(deterministic(shape, sites), -5e-3 + 1e-9)
    assert frozen.run(10.0, 3) == []
    frozen.state["electronic_potential"] -= 2e-9
    assert [nucleus.cell for nucleus in frozen.run(10.0, 3)] == [(12, 7)]


@pytest.mark.parametrize("law", ["deterministic", "poisson"])
@pytest.mark.parametrize("lateral", ["periodic", "mirror"])
@pytest.mark.parametrize("shape", [(50, 1), (40, 31), (24, 15, 16)], ids=str)
def test_none_is_within_the_clearance_of_metal_or_of_another(
    shape: tuple[int, ...], lateral: Lateral, law: str
) -> None:
    """Between the ball of a new nucleus and all that is there already lie two radii, periodic sides included."""
    grid = Grid(shape, (SPACING,) * len(shape), lateral)
    metal = np.zeros(shape)
    metal[(0, *(0 for _ in shape[1:]))] = 1.0  # in a corner: a neighbour of cells on the other sides
    ones = np.ones(shape, dtype=bool)
    problem = field_of(shape, ones, law, lateral, prefactor=0.1 / AREA, barrier_factor=0.0)
    frozen = Frozen(problem, -0.02, metal)
    ball = [*zip(*np.nonzero(metal), strict=True)]
    number = 0
    for _ in range(150):
        for event in frozen.step(1.0):
            number += 1
            middle = np.array(event.nucleus.cell)
            apart = np.abs(np.array(ball) - middle)
            if lateral == "periodic":
                apart[:, 1:] = np.minimum(apart[:, 1:], np.array(shape[1:]) - apart[:, 1:])
            assert np.linalg.norm(apart, axis=1).min() * SPACING > 2.0 * RADIUS * (1.0 - 1e-9)
            away = np.abs(np.indices(shape) - middle.reshape(-1, *(1 for _ in shape)))
            if lateral == "periodic":
                for axis in range(1, len(shape)):
                    away[axis] = np.minimum(away[axis], shape[axis] - away[axis])
            mine = np.linalg.norm(away, axis=0) * SPACING <= RADIUS * (1.0 + 1e-9)
            ball += [*zip(*np.nonzero(mine), strict=True)]
    assert number > 3
    np.testing.assert_array_equal(np.argwhere(frozen.state["nucleus"]), sorted(set(ball[1:])))
    taken = frozen.nucleator._taken(frozen.state)
    assert taken.all() or law == "poisson"  # the box is as full as can be
    corner = (1, *(n - 1 for n in shape[1:]))
    assert grid.size == taken.size and taken[corner] or lateral == "mirror"


@pytest.mark.parametrize("lateral", ["periodic", "mirror"])
def test_a_periodic_side_is_no_side(lateral: Lateral) -> None:
    """What lies near one side is near the other one, and a ball goes on there; with mirror sides neither is so."""
    shape = (20, 24)
    sites = np.zeros(shape, dtype=bool)
    sites[10, [0, 11, 22]] = True
    potential = np.full(shape, -0.02)
    potential[10, 0] = -0.03  # the first; the last lies 2 cells away, over the seam
    frozen = Frozen(deterministic(shape, sites, lateral=lateral), potential)
    frozen.step(1.0)
    assert frozen.state["nucleus"][10, [0, 1, 2]].all()
    assert frozen.state["nucleus"][10, [22, 23]].all() == (lateral == "periodic")
    nuclei = [nucleus.cell for nucleus in frozen.run(5.0, 5)]
    assert nuclei == [(10, 0), (10, 11)] + [(10, 22)] * (lateral == "mirror")


def test_a_ball_stays_where_metal_is_resisted_no_more_than_in_its_middle() -> None:
    """In a boundary's band and not in the grain beside it."""
    shape = (20, 16)
    pressure = np.full(shape, 1e9)
    pressure[:, 7:9] = 2e7
    sites = np.zeros(shape, dtype=bool)
    sites[10, 8] = True
    frozen = Frozen(deterministic(shape, sites, pressure=pressure), -0.02)
    frozen.step(1.0)
    expected = np.zeros(shape, dtype=bool)
    expected[8:13, 8] = True
    expected[9:12, 7] = True
    np.testing.assert_array_equal(frozen.state["nucleus"], expected)


def test_the_electrode_is_no_site_and_no_part_of_a_ball() -> None:
    shape, plane = (20, 16), 4
    problem = replace(deterministic(shape), electrode_plane=plane * SPACING)
    frozen = Frozen(problem, -0.02 + 1e-4 * np.indices(shape)[0])  # most driven at x = 0
    (event,) = frozen.step(1.0)
    assert event.nucleus.cell[0] == plane
    assert set(np.argwhere(frozen.state["nucleus"])[:, 0]) == {plane, plane + 1, plane + 2}


@pytest.mark.parametrize("cells", [1, 2, 3, 7])
def test_a_ball_reaches_as_far_as_its_radius(cells: int) -> None:
    """Whatever round-off makes of radius / spacing: 120 nm / 40 nm is less than 3."""
    for nanometres in range(20, 500, 10):
        spacing, radius = float(f"{nanometres}e-9"), float(f"{cells * nanometres}e-9")
        offsets = np.array(ball_offsets(Grid((40, 40), (spacing, spacing)), radius))
        assert offsets.max() == cells and offsets.min() == -cells
        assert np.linalg.norm(offsets, axis=0).max() <= cells * (1.0 + 1e-9)


def test_listed_nuclei_come_in_addition_each_once_and_keep_their_distance_to_those_of_a_law() -> None:
    shape = (40, 30)
    listed = ((1.5, (2.1 * UM, 3.2 * UM)), (1.5, (15.0 * UM, 8.0 * UM)), (7.0, (20.0 * UM, 15.0 * UM)))
    potential = np.full(shape, -0.01)
    potential[5, 5] = -0.02  # beside the first one
    frozen = Frozen(deterministic(shape, listed=listed), potential)
    kinds = [[(event.nucleus.site, event.nucleus.cell) for event in frozen.step(2.0)] for _ in range(5)]
    assert kinds[0][:2] == [("listed", (4, 6)), ("listed", (30, 16))] and len(kinds[0]) == 3
    assert [site for step in kinds for site, _ in step].count("listed") == 3
    assert kinds[3][0] == ("listed", (39, 29))
    assert (5, 5) not in [cell for step in kinds for _, cell in step]


# --- the same run -------------------------------------------------------------------------------------------


def same_bits(one: State, other: State) -> bool:
    return one.arrays.keys() == other.arrays.keys() and all(
        one[name].tobytes() == other[name].tobytes() for name in one.arrays
    )


@pytest.mark.parametrize("law", ["deterministic", "poisson"])
def test_any_number_of_threads_gives_the_same_nuclei_and_bits(law: str) -> None:
    """On a grid that threads share: a leaky layer, nuclei at its end within a few steps, metal that fills them."""
    grid = Grid((320, 160), (0.4 * UM, 0.4 * UM))
    assert grid.size >= PARALLEL_CELLS
    x, y = grid.meshgrid()
    sigma = np.where(x < 80.0 * UM + 2.0 * UM * np.cos(2.0 * np.pi * y / grid.lengths[1]), 1e-3, 1e-5)
    ceramic = replace(uniform_ceramic(grid), bulk_electronic_conductivity=sigma)
    problem = plain_problem(
        grid, planar_profile(4.0 * UM - x, 0.6 * UM), ceramic=ceramic, width=0.6 * UM, plane=4.0 * UM, energy=0.46,
        counter_electrons="contact",
    )  # fmt: skip
    nucleation = Nucleation(
        law=law,  # type: ignore[arg-type]
        site=np.ones(grid.shape, dtype=np.int8),
        site_area=np.full(grid.shape, AREA),
        radius=1.2 * UM,
        overpotential=5e-3,
        prefactor=2e-3 / AREA,
        barrier_factor=1e-5,
    )
    problem = replace(problem, nucleation=nucleation)
    states = []
    for threads in (1, 2):
        backend = get_backend("numba", problem, Tolerances(), threads)
        run = simulate(problem, backend, Protocol(current_density=30.0), StepLimits(first=0.2))
        states.append(next(state for state, report in run if report.step == 6))
    one, two = states
    assert len(one.book.nuclei) >= 3 and one["metal_fraction"][one["nucleus"]].max() > 1e-4
    assert repr(one.book) == repr(two.book)
    assert same_bits(one, two)


class Stop(Exception):
    """What stops a run."""


class StopAt:
    """Stop a run after a step, in the middle of it."""

    def __init__(self, step: int) -> None:
        self.step = step

    def __call__(self, state: State, report: StepReport) -> None:
        if report.step == self.step:
            raise Stop

    def close(self, outcome: str) -> None:
        """Do nothing."""


LAWS = {
    "deterministic": {"nucleation.law": "deterministic", "nucleation.overpotential": "18 mV"},
    "poisson": {
        "nucleation.law": "poisson",
        "nucleation.rate_prefactor": "1e11 m^-2 s^-1",
        "nucleation.barrier_factor": "1e-5",
    },
}


@pytest.mark.parametrize("law", LAWS)
def test_a_run_that_was_stopped_has_the_same_nuclei_and_events(tmp_path: Path, law: str) -> None:
    """Stopped before the first one, while one forms, and later; a listed one comes in addition."""
    case = pf.load_case(
        "bicrystal",
        BOUNDARY
        | LAWS[law]
        | {
            "nucleation.nuclei": '[{ time = "0.5 s", place = ["10.2 um", "2.2 um"] }]',
            "output.preview": "false",
            "protocol.capacity": "0.025 mAh/cm^2",
            "solver.threads": "1",
        },
    )
    whole = pf.run(case, out=tmp_path / "whole")
    events = whole.results.events
    assert {"nucleus", "contact"} == set(events["event"])
    assert {"listed", "grain_boundary"} == set(events["site"])
    steps = sorted({int(step) for step in events["step"]})
    stops = [steps[0] - 1, steps[0] + 2, steps[len(steps) // 2]]
    with pytest.raises(Stop):
        pf.run(case, out=tmp_path / "run", observers=[StopAt(stops[0])])
    for stop in stops[1:]:
        with pytest.raises(Stop):
            pf.resume(tmp_path / "run", observers=[StopAt(stop)])
    pf.resume(tmp_path / "run")
    for name in ("events.csv", "history.csv"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    one, other = (newest_checkpoint(tmp_path / name)[1].state for name in ("run", "whole"))
    assert repr(one.book) == repr(other.book)
    assert same_bits(one, other)
