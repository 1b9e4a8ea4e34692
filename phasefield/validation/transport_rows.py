"""Rows of the validation table about transport: V2, V7, V8, V10, V14a (in ``boundary_rows``) and V17.

Currents i and i_e flow toward x = 0, as they do when the working electrode is plated. References are formulas of the
numbers named here, never of the maps that the solver was given.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from phasefield.backends import Control, SolveReport, Tolerances, get_backend
from phasefield.case import load_case
from phasefield.fields import State
from phasefield.grid import Grid
from phasefield.physics.constants import thermal_voltage
from phasefield.physics.transport import IONIC_FLOOR
from phasefield.problem import Problem
from phasefield.protocol import Protocol
from phasefield.setup import build_setup
from phasefield.simulate import StepLimits, simulate
from phasefield.validation.boundary_rows import v14a
from phasefield.validation.common import (
    CURRENT,
    FRONT_SPEED,
    LLZO_ELECTRONIC,
    LLZO_INTERFACE,
    LLZO_IONIC,
    TEMPERATURE,
    Check,
    Row,
    allowed,
    backend_for,
    box_grid,
    electrons_only,
    level,
    line_grid,
    plain_problem,
    planar_profile,
    shares,
    uniform_ceramic,
)
from postprocess.curves import ALLOWED, Line, Panel

__all__ = ["v2", "v7", "v8", "v10", "v14a", "v17"]

LENGTH = 100e-6  # [m]
CERAMIC_IONIC = LLZO_IONIC * (1.0 + IONIC_FLOOR)  # M7 at xi = 0 [S/m]: the floor shows where 1e-9 is asked for

PLATED_AT = 15e-6  # where the metal of V2 begins [m]
STEP_SHARE = 0.15  # of l that its front moves in one step
MOBILITY_RATIO = 3.0  # the upper end of M12: what the reaction bends the profile by falls with it

M_LOW, M_HIGH = 5e-3, -100e-3  # m at both ends of V7 [V]

FIRST, LAST = 20, 30  # cells of the leaky layer of V8, of 100
LEAKY = 3.0  # times more electrons there
RESISTIVE = 0.5  # of the ionic conductivity there

LAYERS = (0.1, 0.002, 0.03, 0.001, 0.05, 0.01, 0.07, 0.004)  # of the laminates of V10 [S/m]
LAMINATE = 40e-6  # [m]
NO_RESISTANCE = 1e-20  # of an electrode that holds phi_i in front of it [ohm m^2]


# --- V2 -----------------------------------------------------------------------------------------------------


def _plate(width: float, duration: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Plate a flat front of ``width`` [m], two cells per width.

    Returns times [s], the voltage over J (L / sigma + 2 Z) minus 1 at each step, and metal gained over metal lost. The
    front lies where all the metal before it would end if it were sharp: the level xi = 0.5 of a symmetric profile.
    """
    grid = line_grid(LENGTH, round(2.0 * LENGTH / width))
    problem = plain_problem(
        grid,
        planar_profile(PLATED_AT - grid.meshgrid()[0], width),
        ceramic=uniform_ceramic(grid, electronic=LLZO_ELECTRONIC),
        width=width,
        interface_resistance=LLZO_INTERFACE,
        kinetics="linear",
        plane=PLATED_AT,
    )
    problem = dataclasses.replace(problem, metal=dataclasses.replace(problem.metal, mobility_ratio=MOBILITY_RATIO))
    limits = StepLimits(largest=STEP_SHARE * width / FRONT_SPEED)
    times: list[float] = []
    errors: list[float] = []
    fronts: list[float] = []
    for state, report in simulate(
        problem, backend_for(problem), Protocol(current_density=CURRENT, duration=duration), limits
    ):
        if fronts:  # the potentials are those of the metal's place before the step
            exact = CURRENT * ((LENGTH - fronts[-1]) / LLZO_IONIC + 2.0 * LLZO_INTERFACE)
            times.append(report.time)
            errors.append(report.cell_voltage / exact - 1.0)
        fronts.append(float(state["metal_fraction"].sum()) * grid.spacing[0])
    return np.array(times), np.array(errors), (fronts[-1] - fronts[0]) / (FRONT_SPEED * duration)


def v2(quick: bool = False) -> Row:
    """Return V2: a 1-D cell metal | ceramic | metal at 1 mA/cm^2, plain, quasi-steady, no leakage (blocking contact).

    V = J (L / sigma + 2 Z), L from the moving front to the end of the box, and what the counter electrode loses is
    found as metal. The diffuse front is off by an error of first order in its width l: the overpotential varies over
    the front by l / (sigma Z) of its mean, and the reaction bends the profile that M restores.
    """
    widths = (0.125e-6,) if quick else (0.5e-6, 0.25e-6, 0.125e-6)
    duration = 100.0 if quick else 600.0
    runs = {width: _plate(width, duration) for width in widths}
    _, errors, gained = runs[widths[-1]]
    worst = 1.0 + errors[np.argmax(np.abs(errors))]
    lines = [Line(rf"$\ell$ = {1e6 * w:g} µm", t, 1e3 * e, joined=True) for w, (t, e, _) in runs.items()]
    over_time = (*allowed(lines[0].x, 0.0, 1.0), *lines)
    largest = np.array([np.abs(runs[w][1]).max() for w in widths])
    order = Line("first order", 1e6 * np.array(widths), 1e3 * largest[-1] * np.array(widths) / widths[-1], exact=True)
    over_width = (order, Line("largest of all steps", order.x, 1e3 * largest))
    panels = (
        Panel("time [s]", r"relative error of the voltage [$10^{-3}$]", over_time),
        Panel(r"interface width $\ell$ [µm]", r"relative error of the voltage [$10^{-3}$]", over_width, "xy"),
    )
    checks = (
        Check("V / J (L / sigma + 2 Z), worst of all steps", 1.0, float(worst), 1e-3),
        Check("metal gained / metal lost", 1.0, gained, 10.0 * Tolerances().ionic),
    )
    return Row("V2", "1-D galvanostatic cell: voltage and charge", checks, panels[:1] if quick else panels)


# --- V7 -----------------------------------------------------------------------------------------------------


def mixed_conductor(x: np.ndarray) -> tuple[np.ndarray, float]:
    """Return m = -U [V] at ``x`` [m] in an n-type mixed conductor between m = 5 and -100 mV, and i_e [A/m^2]."""
    thermal = thermal_voltage(TEMPERATURE)
    decay = thermal * LLZO_IONIC / CURRENT
    low, high = math.exp(M_LOW / thermal), math.exp(M_HIGH / thermal)
    growth = math.exp(LENGTH / decay)
    deep = (high - low * growth) / (1.0 - growth)
    return thermal * np.log(deep + (low - deep) * np.exp(x / decay)), deep * LLZO_ELECTRONIC * CURRENT / LLZO_IONIC


def v7(quick: bool = False) -> Row:
    """Return V7: z = exp(F m / RT) = z_inf + (z_0 - z_inf) exp(x / lambda) in an n-type mixed conductor, 100 cells.

    Only the total current is imposed; the electrodes' resistances make m at both ends at an ionic current of 10 A/m^2.
    """
    del quick  # a tenth of a second as it is
    grid = line_grid(LENGTH, 100)
    x = grid.centres(0)
    exact, electronic = mixed_conductor(x)
    problem = plain_problem(
        grid,
        np.zeros(grid.shape),
        ceramic=uniform_ceramic(grid, electronic=LLZO_ELECTRONIC),
        width=2e-6,
        interface_resistance=M_LOW / CURRENT,
        counter_resistance=-M_HIGH / CURRENT,
        kinetics="linear",
        counter_electrons="contact",
        law="n_type",
    )
    state, report = _solved(problem, Control("current", CURRENT + electronic), Tolerances(1e-10, 1e-10, 1e-12))
    measured = -_difference(state)[:, 0]
    worst = int(np.argmax(np.abs(measured - exact)))
    thermal = thermal_voltage(TEMPERATURE)
    checks = (
        Check("i_e [A/m^2]", electronic, report.leakage_current_density, 1e-6),
        Check(
            f"F m / RT at x = {1e6 * x[worst]:.1f} um, the worst cell",
            exact[worst] / thermal,
            measured[worst] / thermal,
            1e-6,
            False,
        ),
    )
    place, error = 1e6 * x, np.abs(measured - exact) / thermal
    panels = (
        Panel(
            "x [µm]",
            r"$m = -U$ [mV]",
            (Line("formula", place, 1e3 * exact, exact=True), Line("computed", place, 1e3 * measured)),
        ),
        Panel("x [µm]", r"error of $F m / RT$ [1]", (level(ALLOWED, place, 1e-6), Line("computed", place, error)), "y"),
    )
    return Row("V7", "n-type mixed conductor in 1-D", checks, panels)


# --- V8 -----------------------------------------------------------------------------------------------------


def _branches(electronic_resistance: float, ionic_resistance: float) -> tuple[float, float]:
    """Return i and i_e [A/m^2] of two parallel resistances [ohm m^2] that carry 1 mA/cm^2 together."""
    share = electronic_resistance / (ionic_resistance + electronic_resistance)
    return CURRENT * share, CURRENT * (1.0 - share)


def _constant_conductor(layered: bool) -> tuple[Grid, State]:
    """Solve 100 um of ceramic of constant conductivities, with a leaky layer or without."""
    grid = line_grid(LENGTH, 100)
    ceramic = uniform_ceramic(grid, electronic=LLZO_ELECTRONIC)
    if layered:
        ceramic.bulk_electronic_conductivity[FIRST:LAST] *= LEAKY
        ceramic.ionic_conductivity[FIRST:LAST] *= RESISTIVE
    problem = plain_problem(
        grid,
        np.zeros(grid.shape),
        ceramic=ceramic,
        width=2e-6,
        interface_resistance=LLZO_INTERFACE,
        kinetics="linear",
        counter_electrons="contact",
    )
    state, _ = _solved(problem, Control("current", CURRENT), Tolerances(1e-11, 1e-10, 1e-12))
    return grid, state


def v8(quick: bool = False) -> Row:
    """Return V8: constant sigma_e makes both potentials linear; a leaky layer changes U by i_e d/sigma_e - i d/sigma_i.

    sigma_i is that of (M7) at xi = 0, 1 + 1e-6 times the ceramic's. Potentials on the layer's faces are extrapolated
    from its two outermost cells.
    """
    del quick  # a tenth of a second as it is
    grid, state = _constant_conductor(layered=False)
    x = grid.centres(0)
    ions, electrons = _branches(LENGTH / LLZO_ELECTRONIC, 2.0 * LLZO_INTERFACE + LENGTH / CERAMIC_IONIC)
    ionic = ions * (LLZO_INTERFACE + x / CERAMIC_IONIC)
    electronic = electrons * x / LLZO_ELECTRONIC
    potential = _difference(state)[:, 0]
    turns = int(np.count_nonzero(np.diff(np.sign(np.diff(potential)))))
    checks = [
        Check(
            "largest deviation of phi_i from a line / V", 0.0, _deviation(state["ionic_potential"], ionic), 1e-9, False
        ),
        Check(
            "largest deviation of phi_e from a line / V",
            0.0,
            _deviation(state["electronic_potential"], electronic),
            1e-9,
            False,
        ),
        Check("interior extrema of U", 0, turns, 0.0, False),
    ]
    panels = [_potential_panel("uniform", x, potential, x, electronic - ionic)]

    grid, state = _constant_conductor(layered=True)
    potential = _difference(state)[:, 0]
    thick = (LAST - FIRST) * grid.spacing[0]
    leaky, resistive = LEAKY * LLZO_ELECTRONIC, RESISTIVE * CERAMIC_IONIC
    rest = LENGTH - thick
    ions, electrons = _branches(
        rest / LLZO_ELECTRONIC + thick / leaky, 2.0 * LLZO_INTERFACE + rest / CERAMIC_IONIC + thick / resistive
    )
    begins = 1.5 * potential[FIRST] - 0.5 * potential[FIRST + 1]
    ends = 1.5 * potential[LAST - 1] - 0.5 * potential[LAST - 2]
    jump = electrons * thick / leaky - ions * thick / resistive
    checks.append(Check("change of U over a leaky layer [V]", jump, float(ends - begins), 1e-9))
    thickness = np.array([FIRST * grid.spacing[0], thick, (grid.shape[0] - LAST) * grid.spacing[0]])
    slopes = electrons / (LLZO_ELECTRONIC * np.array([1.0, LEAKY, 1.0])) - ions / (
        CERAMIC_IONIC * np.array([1.0, RESISTIVE, 1.0])
    )
    corners = np.concatenate([[0.0], np.cumsum(thickness)])
    exact = np.concatenate([[0.0], np.cumsum(slopes * thickness)]) - ions * LLZO_INTERFACE
    panels.append(_potential_panel("leaky layer", x, potential, corners, exact))
    return Row("V8", "constant conductivities, and a leaky layer", tuple(checks), tuple(panels))


def _potential_panel(what: str, x: np.ndarray, potential: np.ndarray, at: np.ndarray, exact: np.ndarray) -> Panel:
    lines = (Line("formula", 1e6 * at, 1e3 * exact, exact=True), Line(f"computed, {what}", 1e6 * x, 1e3 * potential))
    return Panel("x [µm]", r"$U = \varphi_\mathrm{e} - \varphi_\mathrm{i}$ [mV]", lines)


def _deviation(field: np.ndarray, exact: np.ndarray) -> float:
    """Return the largest deviation of a 1-D field from ``exact``, over the largest exact value."""
    return float(np.abs(field[:, 0] - exact).max() / np.abs(exact).max())


# --- V10 ----------------------------------------------------------------------------------------------------


def _laminate(kind: str, stacked: str) -> float:
    """Return the conductivity of a laminate for ions or electrons, layers in series or parallel to x [S/m]."""
    cells = 4 * len(LAYERS)
    layers = np.repeat(LAYERS, 4)
    grid = line_grid(LAMINATE, cells) if stacked == "series" else box_grid((LAMINATE, LAMINATE), (cells, cells))
    field = np.broadcast_to(layers[:, None] if stacked == "series" else layers, grid.shape)
    ceramic = uniform_ceramic(grid, ionic=max(LAYERS))
    (ceramic.ionic_conductivity if kind == "ions" else ceramic.bulk_electronic_conductivity)[:] = field
    problem = plain_problem(
        grid,
        np.zeros(grid.shape),
        ceramic=ceramic,
        width=2e-6,
        interface_resistance=NO_RESISTANCE,
        kinetics="linear",
    )
    problem = problem if kind == "ions" else electrons_only(problem)
    _, report = _solved(problem, Control("voltage", 1e-3), Tolerances(1e-12, 1e-12, 1e-12))
    return report.current_density * LAMINATE / 1e-3


def v10(quick: bool = False) -> Row:
    """Return V10: a laminate conducts as the harmonic (series) or arithmetic (parallel) mean of its layers.

    The electrodes have no resistance. For ions (M7) at xi = 0 gives 1 + 1e-6 times the ceramic's conductivity.
    """
    del quick  # a tenth of a second as it is
    layers = np.array(LAYERS)
    exact = {"series": 1.0 / float(np.mean(1.0 / layers)), "parallel": float(np.mean(layers))}
    factors: dict[str, float] = {"ions": 1.0 + IONIC_FLOOR, "electrons": 1.0}
    checks = tuple(
        Check(f"{kind} in {stacked} [S/m]", factor * value, _laminate(kind, stacked), 1e-12)
        for kind, factor in factors.items()
        for stacked, value in exact.items()
    )
    ends = np.array(list(exact.values()))
    computed = [
        Line(kind, ends, np.array([check.measured for check in checks if check.what.startswith(kind)]))
        for kind in factors
    ]
    agreement = (Line("formula", ends, ends, exact=True), *computed)
    panel = Panel("conductivity by the formula [S/m]", "conductivity computed [S/m]", agreement, "xy")
    return Row("V10", "laminates", checks, (panel, shares(checks)))


# --- V17 ----------------------------------------------------------------------------------------------------

SMALL_CASE = {
    "grid.size": '["24.8 um", "20 um"]',
    "grain_boundaries.accommodation_pressure.median": "5 MPa",  # metal enters early
}


def v17(quick: bool = False) -> Row:
    """Return V17: the same total current through every plane x = const, at every step of a small polycrystal.

    Grain boundaries, pores, leakage and metal that moves; n-type conduction and capacitance on and off.
    """
    steps = 20 if quick else 100
    checks: list[Check] = []
    lines: list[Line] = []
    for law in ("constant", "n_type"):
        for capacitance in ("true", "false"):
            what = f"{law}, capacitance {'on' if capacitance == 'true' else 'off'}"
            case = load_case(
                "llzo_grain_boundary",
                SMALL_CASE | {"transport.electronic_law": law, "transport.capacitance": capacitance},
            )
            setup, solver = build_setup(case), case.solver
            tolerances = Tolerances(solver.ionic_tolerance, solver.electronic_tolerance, solver.potential_tolerance)
            backend = get_backend("numba", setup.problem, tolerances)
            errors: list[float] = []
            for _, report in simulate(setup.problem, backend, setup.protocol, setup.limits):
                errors.append(report.plane_current_error)
                if report.step == steps:
                    break
            checks.append(Check(f"deviation between planes, {what}", 0.0, max(errors), 1e-6, False))
            lines.append(Line(what, np.arange(float(len(errors))), np.array(errors), joined=True))
    limit = level(ALLOWED, np.array([0.0, steps]), 1e-6)
    panel = Panel("step", "deviation between planes [1]", (limit, *lines), "y")
    return Row("V17", "total current through every plane, at every step", tuple(checks), (panel,))


# --- shared -------------------------------------------------------------------------------------------------


def _solved(problem: Problem, control: Control, tolerances: Tolerances) -> tuple[State, SolveReport]:
    """Solve the potentials of a problem at rest."""
    backend = get_backend("numba", problem, tolerances)
    state = backend.initial_state()
    return state, backend.solve(state, 1.0, control)


def _difference(state: State) -> np.ndarray:
    """Return U = phi_e - phi_i [V]."""
    return state["electronic_potential"] - state["ionic_potential"]
