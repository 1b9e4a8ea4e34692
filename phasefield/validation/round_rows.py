"""Rows of the validation table about a round piece of metal, a disc in 2-D and a sphere in 3-D: V4 and V6."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from phasefield.grid import Grid
from phasefield.physics.constants import FARADAY
from phasefield.physics.reaction import exchange_current_density
from phasefield.problem import PlanarElectrode, Problem
from phasefield.protocol import Protocol
from phasefield.simulate import COURANT
from phasefield.validation.common import (
    CURRENT,
    ELECTRONIC_SHARE,
    ELECTRONIC_TOLERANCE,
    ENERGY,
    FRONT_SPEED,
    LITHIUM_VOLUME,
    LLZO_INTERFACE,
    LLZO_IONIC,
    TEMPERATURE,
    Check,
    Row,
    backend_for,
    centroid,
    follow,
    level,
    plain_problem,
    planar_profile,
    uniform_ceramic,
)
from postprocess.curves import Line, Panel

RADIUS = 1e-6  # [m]
SHAPES = {2: "disc", 3: "sphere"}


def round_metal(
    dimension: int,
    cells: int,
    box: int,
    working: PlanarElectrode,
    counter: PlanarElectrode,
    electronic: float = LLZO_IONIC,
    interface_resistance: float = LLZO_INTERFACE,
    energy: float = 0.0,
) -> Problem:
    """Return a disc or a sphere of metal in uniform ceramic, between two electrodes that are faces of the box.

    It lies in the middle along x and at the edge of the lateral sides, which are mirrors: half of a disc, a quarter of
    a sphere. Kinetics are linear.

    Parameters
    ----------
    cells : in the radius, R / l as the width is one cell. box : edge over R.
    electronic : conductivity of the ceramic [S/m]. interface_resistance : [ohm m^2]. energy : [J/m^2].
    """
    spacing, half = RADIUS / cells, box * cells // 2
    grid = Grid((2 * half, *[half] * (dimension - 1)), (spacing,) * dimension, "mirror")
    along, *across = grid.meshgrid()
    distance = np.sqrt((along - half * spacing) ** 2 + sum(c**2 for c in across))
    problem = plain_problem(
        grid,
        planar_profile(RADIUS - distance, spacing),
        ceramic=uniform_ceramic(grid, electronic=electronic),
        width=spacing,
        interface_resistance=interface_resistance,
        energy=energy,
        kinetics="linear",
    )
    return replace(problem, working_electrode=working, counter_electrode=counter)


# --- V4 ---------------------------------------------------------------------------------------------------


def equilibrium_potential(dimension: int) -> float:
    """Return U_eq = -gamma V_m K / F of a disc (K = 1 / R) or a sphere (2 / R) [V]; written out again on purpose."""
    return -ENERGY * LITHIUM_VOLUME * (dimension - 1) / RADIUS / FARADAY


def growth_speed(dimension: int, cells: int, potential: float, travel: float) -> float:
    """Hold U at ``potential`` [V] around a disc or sphere, and return how fast its radius grows [m/s].

    One electrode lets only electrons in, the other only ions: without growth no current flows, and U is minus the
    voltage in the whole ceramic, which conducts both equally well. Growth is that of the volume, so that the profile
    flux, which moves none, has no part in it.

    Parameters
    ----------
    cells : see ``round_metal``. travel : of the radius, about, if U_eq is 10 % off [cells].
    """
    electrons, ions = PlanarElectrode(0.0, "contact"), PlanarElectrode(1e6, "blocking")
    problem = round_metal(dimension, cells, 4, electrons, ions, energy=ENERGY)
    speed = 0.1 * abs(equilibrium_potential(dimension)) / LLZO_INTERFACE * LITHIUM_VOLUME / FARADAY
    duration = travel * problem.grid.spacing[0] / speed
    # U_eq is smaller than the voltages for which the usual tolerances are made.
    backend = backend_for(problem, electronic=1e-7, potential=1e-11)
    protocol = Protocol(voltage=-potential, duration=duration)
    times, volumes = follow(problem, backend, protocol, 0.2 * duration, lambda xi: float(xi.sum()))
    return RADIUS / dimension * float(np.polyfit(times, volumes / volumes[0], 1)[0])


def v4(quick: bool = False) -> Row:
    """A disc and a sphere neither grow nor shrink at their equilibrium potential; U beyond it decides which."""
    travel = 0.02 if quick else 0.2
    checks, lines = [], []
    for dimension, cells in ((2, 20), (3, 15)) if quick else ((2, 40), (3, 24)):
        shape, exact = SHAPES[dimension], equilibrium_potential(dimension)
        potentials = np.array([0.9 * exact, 1.1 * exact])
        speeds = np.array([growth_speed(dimension, cells, float(u), travel) for u in potentials])
        found = potentials[0] - speeds[0] * np.diff(potentials)[0] / np.diff(speeds)[0]
        around = float(speeds[0] < 0.0 < speeds[1])
        checks += [
            Check(f"{shape}, R / l = {cells}: U without growth [V]", exact, float(found), 0.02),
            Check(f"{shape}: shrinks at 0.9 U_eq and grows at 1.1 U_eq", 1.0, around, 0.0, False),
        ]
        lines.append(Line(f"{shape}, R / l = {cells}", potentials / exact, 1e9 * speeds, joined=True))
    highest = max(float(np.abs(line.y).max()) for line in lines)
    formula = Line("formula", np.ones(2), np.array([-highest, highest]), exact=True)
    still = level("no growth", np.array([0.9, 1.1]), 0.0)
    panel = Panel(r"$U$ / $U_\mathrm{eq}$ [1]", "growth of the radius [nm/s]", (formula, still, *lines))
    target = f"Gibbs-Thomson at R = {1e6 * RADIUS:g} um, gamma = {ENERGY:g} J/m2: U_eq = -gamma V_m K / F"
    return Row("V4", target, tuple(checks), (panel,))


# --- V6 ---------------------------------------------------------------------------------------------------


def drift_speed(ratio: float, dimension: int) -> float:
    """Return the speed of floating metal over V_m J / F, toward the counter electrode; ``ratio``: sigma_i Z / R.

    A disc: 2 / (1 + sigma_i Z / R), a sphere: 3 / (1 + 2 sigma_i Z / R).
    """
    return dimension / (1.0 + (dimension - 1) * ratio)


def measured_drift(
    dimension: int, ratio: float, cells: int, box: int, travel: float
) -> tuple[float, float, np.ndarray, np.ndarray]:
    """Let a floating disc or sphere of metal drift in a uniform current.

    Parameters
    ----------
    ratio : sigma_i Z / R. cells, box : see ``round_metal``. travel : how far to go [cells].

    Returns the speed over V_m J / F, the largest relative change of volume, times [s] and centroids [m]. The speed is
    that of the centroid over the run; one step's sources, int x s dV, gave the same within 0.1 %.

    The mirrors make neighbours, a row of dipoles or a square lattice of them (sums pi^2/3 and 9.03, Topping 1927): at
    sigma_i Z / R = 10 they speed up a disc in a box of 16 R by 1.0 % and a sphere in one of 8 R by 0.8 %, at 1, where
    there is no dipole, not at all.
    """
    ions = exchange_current_density(10.0 * LLZO_INTERFACE, TEMPERATURE)  # sigma_i Z = 230 R: uniform flux
    electrode = PlanarElectrode(ions, "blocking")
    resistance = ratio * RADIUS / LLZO_IONIC
    problem = round_metal(
        dimension, cells, box, electrode, electrode, ELECTRONIC_SHARE * LLZO_IONIC, resistance
    )  # fmt: skip
    spacing, speed = problem.grid.spacing[0], drift_speed(ratio, dimension) * FRONT_SPEED
    protocol = Protocol(current_density=CURRENT, duration=travel * spacing / speed)
    volumes: list[float] = []

    def measure(xi: np.ndarray) -> float:
        volumes.append(float(xi.sum()))
        return centroid(xi, problem.grid)[0]

    backend = backend_for(problem, electronic=ELECTRONIC_TOLERANCE)
    times, place = follow(problem, backend, protocol, COURANT * spacing / speed, measure)
    change = max(abs(v / volumes[0] - 1.0) for v in volumes)
    return float(np.polyfit(times, place, 1)[0]) / FRONT_SPEED, change, times, place


def v6(quick: bool = False) -> Row:
    """A floating disc and a floating sphere drift toward the counter electrode."""
    full = ((2, 21, 16, 5.0), (3, 24, 8, 1.0))
    checks, drifts, speeds = [], [], []
    for dimension, cells, box, travel in ((2, 21, 8, 0.6), (3, 20, 4, 0.3)) if quick else full:
        for ratio in (1.0,) if quick else (1.0, 10.0):
            speed, change, times, place = measured_drift(dimension, ratio, cells, box, travel)
            what = f"{SHAPES[dimension]}, R / l = {cells}, box {box} R, sigma Z / R = {ratio:g}"
            checks += [
                Check(f"{what}: speed over V_m J / F", drift_speed(ratio, dimension), speed, 0.02),
                Check(f"{what}: change of volume", 0.0, change, 1e-6, False),
            ]
            exact = drift_speed(ratio, dimension)
            name = rf"{SHAPES[dimension]}, $\sigma_\mathrm{{i}} Z / R$ = {ratio:g}"
            drifts.append(Line(name, 1e3 * times * exact * FRONT_SPEED / RADIUS, 1e3 * (place - place[0]) / RADIUS))
            speeds.append((dimension, ratio, speed))
    target = "drift of floating metal in a uniform current"
    return Row("V6", target, tuple(checks), (_speed_panel(speeds), _drift_panel(drifts)))


def _speed_panel(speeds: list[tuple[int, float, float]]) -> Panel:
    ratios = np.geomspace(0.1, 100.0, 60)
    lines = [
        Line(f"formula, {shape}", ratios, np.array([drift_speed(r, dimension) for r in ratios]), exact=True)
        for dimension, shape in SHAPES.items()
    ]
    for dimension, shape in SHAPES.items():
        found = np.array([(ratio, speed) for of, ratio, speed in speeds if of == dimension])
        lines.append(Line(f"computed, {shape}", found[:, 0], found[:, 1]))
    return Panel(r"$\sigma_\mathrm{i} Z / R$ [1]", r"speed / ($V_\mathrm{m} J / F$) [1]", tuple(lines), "x")


def _drift_panel(drifts: list[Line]) -> Panel:
    ends = np.array([0.0, max(line.x[-1] for line in drifts)])
    lines = (Line("formula", ends, ends, exact=True), *drifts)
    return Panel(r"drift by the formula / $R$ [$10^{-3}$]", r"drift computed / $R$ [$10^{-3}$]", lines)
