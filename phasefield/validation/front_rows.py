"""Rows of the validation table about metal fronts: V1, V3, V5, V14c. Every reference is a formula."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import numpy as np
from scipy import ndimage

from phasefield.grid import Grid
from phasefield.physics.constants import FARADAY, thermal_voltage
from phasefield.problem import Ceramic, Problem
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
    allowed,
    backend_for,
    box_grid,
    centroid,
    follow,
    level,
    line_grid,
    plain_problem,
    planar_profile,
    shares,
    uniform_ceramic,
)
from postprocess.curves import Line, Panel

if TYPE_CHECKING:
    from phasefield.backends.numba_cpu import NumbaBackend

LINEAR_TRAVEL = 0.12  # of a front whose waves are to stay linear, in wavelengths


def front_position(metal_fraction: np.ndarray, grid: Grid) -> np.ndarray:
    """Return x of the level xi = 0.5 in every column [m]: the last one along x, linear in ln(xi / (1 - xi))."""
    xi = np.clip(metal_fraction, 1e-300, 1.0 - 1e-16)
    psi = np.log(xi) - np.log1p(-xi)
    index = grid.shape[0] - 1 - np.argmax(psi[::-1] >= 0.0, axis=0)
    column = np.arange(grid.shape[1])
    here, after = psi[index, column], psi[np.minimum(index + 1, grid.shape[0] - 1), column]
    return grid.centres(0)[index] + grid.spacing[0] * here / (here - after)


def profile_flux(problem: Problem) -> Callable[[np.ndarray], None]:
    """Return what lets the profile flux alone act on xi, in place, as in the longest step of a front that moves."""
    restore = cast("NumbaBackend", backend_for(problem)).restore_profile
    travel = problem.metal.mobility_ratio * COURANT * problem.grid.spacing[0]
    return lambda xi: restore(xi, travel)


# --- V1 ---------------------------------------------------------------------------------------------------


def butler_volmer(overpotential: float, exchange_current: float) -> float:
    """Return i = i0 (exp(-F eta / 2RT) - exp(F eta / 2RT)) [A/m^2], alpha = 1/2; written out again on purpose."""
    return -2.0 * exchange_current * math.sinh(0.5 * overpotential / thermal_voltage(TEMPERATURE))


def v1(quick: bool = False) -> Row:
    """A flat front in 1-D at fixed overpotential moves at i V_m / F."""
    exchange, spacing, cells = 10.0, 1e-7, 64
    travelled = (12.0 if quick else 24.0) * spacing
    grid = line_grid(cells * spacing, cells)
    checks, speeds = [], []
    overpotentials = (-0.005, -0.020, -0.050, -0.100, -0.200)
    for eta in overpotentials:
        current = butler_volmer(eta, exchange)
        speed = current * LITHIUM_VOLUME / FARADAY
        # So conductive that all but some microvolts of the voltage drop where the metal plates.
        ceramic = uniform_ceramic(grid, ionic=4.0 * current, electronic=4e-4 * current)
        width = 1.5 * spacing
        metal = planar_profile(2.03e-6 - grid.meshgrid()[0], width)
        problem = plain_problem(
            grid, metal, ceramic=ceramic, width=width, plane=1e-6, exchange_current=exchange, counter_resistance=1e-9
        )
        times, place = follow(
            problem,
            backend_for(problem, ionic=1e-6),
            Protocol(voltage=-eta, duration=travelled / speed),
            COURANT * spacing / speed,
            lambda xi: float(front_position(xi, grid)[0]),
        )
        speeds.append(float(np.polyfit(times, place, 1)[0]))
        checks.append(Check(f"speed at eta = {1e3 * eta:g} mV [m/s]", speed, speeds[-1], 5e-3))
    line = np.linspace(-0.2, -0.005, 79)
    exact = np.array([butler_volmer(e, exchange) * LITHIUM_VOLUME / FARADAY for e in line])
    at = 1e3 * np.array(overpotentials)
    ratio = np.array(speeds) / np.array([check.reference for check in checks])
    panels = (
        Panel(
            r"overpotential $\eta$ [mV]",
            "speed of the front [nm/s]",
            (Line("formula", 1e3 * line, 1e9 * exact, exact=True), Line("computed", at, 1e9 * np.array(speeds))),
            "y",
        ),
        Panel(
            r"overpotential $\eta$ [mV]",
            "speed computed / formula",
            (level("formula", at, 1.0), *allowed(at, 1.0, 5e-3), Line("computed", at, ratio)),
        ),
    )
    return Row("V1", "plain plating in 1-D at fixed overpotential: v = i V_m / F", tuple(checks), panels)


# --- V3 ---------------------------------------------------------------------------------------------------


def radii(metal_fraction: np.ndarray, grid: Grid, centre: tuple[float, ...], near: float) -> np.ndarray:
    """Return the distance of the level xi = 0.5 from ``centre`` in 48 directions [m]; ``near``: about how far."""
    distance = np.linspace(0.5 * near, 1.5 * near, 4001)
    found = []
    for angle in np.linspace(0.0, 2.0 * math.pi, 48, endpoint=False):
        x = (centre[0] + distance * math.cos(angle)) / grid.spacing[0] - 0.5
        y = (centre[1] + distance * math.sin(angle)) / grid.spacing[1] - 0.5
        values = ndimage.map_coordinates(metal_fraction, [x, y], order=3, mode="nearest")
        found.append(np.interp(-0.5, -values, distance))
    return np.array(found)


def v3(quick: bool = False) -> Row:
    """A disc and a flat front stay what and where they are while only the profile flux acts."""
    steps, cells, radius = (500 if quick else 10_000), 96, 2e-6
    grid = box_grid((8e-6, 8e-6), (cells, cells))
    spacing = grid.spacing[0]
    width = 1.5 * spacing
    x, y = grid.meshgrid()
    shapes = {
        "disc": radius - np.hypot(x - 4.013e-6, y - 3.979e-6),
        "flat front": 3.021e-6 - x,
    }
    checks, panels = [], []
    for name, distance in shapes.items():
        start = planar_profile(distance, width)
        xi = start.copy()
        restore = profile_flux(plain_problem(grid, start, width=width))
        for _ in range(steps):
            restore(xi)
        checks.append(Check(f"{name}: volume", 1.0, float(xi.sum() / start.sum()), 1e-12))
        if name == "disc":
            before, after = centroid(start, grid), centroid(xi, grid)
            moved = math.hypot(after[0] - before[0], after[1] - before[1])
            found = radii(xi, grid, after, radius)
            checks.append(
                Check("disc: largest minus smallest radius [cells]", 0.0, float(np.ptp(found)) / spacing, 0.15, False)
            )
            panels.append(_roundness(found / spacing))
        else:
            moved = float(np.abs(front_position(xi, grid) - front_position(start, grid)).max())
        checks.append(Check(f"{name}: displacement [cells]", 0.0, moved / spacing, 0.02, False))
    panels.append(shares(checks))
    return Row("V3", f"a disc and a flat front at zero current, {steps} steps", tuple(checks), tuple(panels))


def _roundness(found: np.ndarray) -> Panel:
    angle = np.linspace(0.0, 360.0, len(found), endpoint=False)
    lines = (level("formula", angle, 0.0), *allowed(angle, 0.0, 0.075), Line("computed", angle, found - found.mean()))
    return Panel("direction [degrees]", "radius of the disc - mean [cells]", lines)


# --- V5 ---------------------------------------------------------------------------------------------------


def flat_front_growth(wavelength: float) -> float:
    """Return s(k) = (V_m / F) sigma k (J / sigma - Gamma k^2) / (1 + sigma Z k) [1/s], Gamma = gamma V_m / F."""
    k = 2.0 * math.pi / wavelength
    drive = CURRENT / LLZO_IONIC - ENERGY * LITHIUM_VOLUME / FARADAY * k**2
    return LITHIUM_VOLUME / FARADAY * LLZO_IONIC * k * drive / (1.0 + LLZO_IONIC * LLZO_INTERFACE * k)


def wavy_front(wavelength: float, cells: int, width_cells: float = 1.0) -> tuple[Problem, float]:
    """Return a front with one wave of amplitude 0.01 lambda, counter electrode far away, and the spacing [m].

    cells : per wavelength, which is the width of the box.
    """
    spacing = wavelength / cells
    nx = 2 * cells
    grid = Grid((nx, cells), (spacing, spacing))
    x, y = grid.meshgrid()
    k, amplitude, place = 2.0 * math.pi / wavelength, 0.01 * wavelength, 0.3 * wavelength
    height = place + amplitude * np.cos(k * y) - x
    # |grad| = 1 to second order in the slope: psi is the signed distance over the width.
    distance = height / np.sqrt(1.0 + (amplitude * k * np.sin(k * y)) ** 2)
    width = width_cells * spacing
    problem = plain_problem(
        grid,
        planar_profile(distance, width),
        ceramic=uniform_ceramic(grid, electronic=ELECTRONIC_SHARE * LLZO_IONIC),
        width=width,
        interface_resistance=LLZO_INTERFACE,
        counter_resistance=1.0,  # so large that its flux is uniform
        energy=ENERGY,
        kinetics="linear",
        plane=0.1 * wavelength,
    )
    return problem, spacing


def first_mode(metal_fraction: np.ndarray, grid: Grid) -> float:
    """Return the amplitude of the longest wave of the level xi = 0.5 [m]."""
    return float(2.0 / grid.shape[1] * np.abs(np.fft.rfft(front_position(metal_fraction, grid))[1]))


def measured_growth(wavelength: float, cells: int, width_cells: float = 1.0) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the growth rate of a wave at 1 mA/cm^2 [1/s], with times [s] and amplitudes [m]."""
    problem, spacing = wavy_front(wavelength, cells, width_cells)
    # Amplitude +20 %, unless the front has moved that far: it advances along its normal, which costs a wave of 0.01
    # lambda 0.4 % of its amplitude per wavelength travelled, later more. The linear formula does not know that.
    growth = abs(flat_front_growth(wavelength))
    duration = min(math.log(1.2) / growth, LINEAR_TRAVEL * wavelength / FRONT_SPEED)
    backend = backend_for(problem, electronic=ELECTRONIC_TOLERANCE)
    protocol = Protocol(current_density=CURRENT, duration=duration)
    times, amplitudes = follow(
        problem, backend, protocol, COURANT * spacing / FRONT_SPEED, lambda xi: first_mode(xi, problem.grid)
    )
    return float(np.polyfit(times, np.log(amplitudes), 1)[0]), times, amplitudes


def growth_without_current(wavelength: float, cells: int) -> float:
    """Return the growth rate that the profile flux alone gives, as mobile as at 1 mA/cm^2 [1/s]."""
    problem, spacing = wavy_front(wavelength, cells)
    restore = profile_flux(problem)
    xi = problem.initial_metal_fraction.copy()
    steps = round(LINEAR_TRAVEL * cells / COURANT)
    before = first_mode(xi, problem.grid)
    for _ in range(steps):
        restore(xi)
    return math.log(first_mode(xi, problem.grid) / before) / (steps * COURANT * spacing / FRONT_SPEED)


def critical_wavelength(cells: int) -> float:
    """Return the wavelength that neither grows nor decays [m], from a run on either side of it."""
    sides = (3.3e-6, 3.7e-6)
    square, reduced = [], []
    for wavelength in sides:
        k = 2.0 * math.pi / wavelength
        growth, _, _ = measured_growth(wavelength, cells)
        square.append(k**2)
        reduced.append(growth * (1.0 + LLZO_IONIC * LLZO_INTERFACE * k) / k)  # linear in k^2
    root = square[0] - reduced[0] * (square[1] - square[0]) / (reduced[1] - reduced[0])
    return 2.0 * math.pi / math.sqrt(root)


def v5(quick: bool = False) -> Row:
    """A wave on a flat front grows as linear stability says."""
    cells = 96 if quick else 128
    checks, growths, waves = [], [], []
    wavelengths = (20e-6,) if quick else (5e-6, 10e-6, 20e-6, 50e-6)
    for wavelength in wavelengths:
        growth, times, amplitudes = measured_growth(wavelength, cells)
        growths.append(growth)
        what = f"growth at lambda = {1e6 * wavelength:g} um [1/s]"
        checks.append(Check(what, flat_front_growth(wavelength), growth, 0.06 if wavelength < 9e-6 else 0.03))
        name = rf"$\lambda$ = {1e6 * wavelength:g} µm"
        waves.append(Line(name, times * flat_front_growth(wavelength), amplitudes / amplitudes[0]))
        still = growth_without_current(wavelength, cells) / flat_front_growth(wavelength)
        what = f"growth at {1e6 * wavelength:g} um without current, over that with"
        checks.append(Check(what, 0.0, still, 0.01, False))
    if not quick:
        exact = 2.0 * math.pi * math.sqrt(ENERGY * LITHIUM_VOLUME / FARADAY * LLZO_IONIC / CURRENT)
        checks.append(Check("wavelength without growth [m]", exact, critical_wavelength(cells), 0.03))
    line = np.geomspace(3e-6, 60e-6, 100)
    formula = np.array([flat_front_growth(w) for w in line])
    grown = np.linspace(0.0, max(wave.x[-1] for wave in waves), 50)
    panels = (
        Panel(
            r"wavelength $\lambda$ [µm]",
            r"growth rate $s$ [$10^{-5}$ 1/s]",
            (
                Line("formula", 1e6 * line, 1e5 * formula, exact=True),
                Line("computed", 1e6 * np.array(wavelengths), 1e5 * np.array(growths)),
            ),
            "x",
        ),
        Panel(
            r"time $\times$ $s(\lambda)$ of the formula [1]",
            "amplitude / first amplitude",
            (Line("formula", grown, np.exp(grown), exact=True), *waves),
        ),
    )
    return Row("V5", "stability of a flat front, 1 mA/cm2, gamma = 0.5 J/m2", tuple(checks), panels)


# --- V14c -------------------------------------------------------------------------------------------------


def filled_band(band_cells: int = 6) -> tuple[Problem, float]:
    """Return a grain boundary along x, its band full of metal, in contact with the working electrode; and y of its edge.

    The ceramic is so conductive that U is minus the cell's voltage everywhere.
    """
    spacing, cells = 0.4e-6, 40
    grid = Grid((4, cells), (spacing, spacing), "mirror")
    width, edge = spacing, 0.5 * band_cells * spacing
    y = grid.meshgrid()[1]
    plain = uniform_ceramic(grid, ionic=10.0, electronic=1e-3)
    ceramic: Ceramic = dataclasses.replace(
        plain,
        accommodation_pressure=np.where(y < edge, 20e6, 1e9),
        accessible_fraction=np.full(grid.shape, 0.0125),
        collecting_factor=np.full(grid.shape, 0.6),
    )
    problem = plain_problem(
        grid, planar_profile(edge - y, width), ceramic=ceramic, width=width, plane=spacing, counter_resistance=1e-8,
        hysteresis=True,
    )  # fmt: skip
    return problem, edge


def v14c(quick: bool = False) -> Row:
    """Metal in a grain boundary does not creep into the grain beside it."""
    problem, edge = filled_band()
    duration = 100.0 if quick else 2000.0
    grid = problem.grid
    flipped = Grid(grid.shape[::-1], grid.spacing[::-1])

    def beyond(xi: np.ndarray) -> float:
        return float(front_position(xi.T, flipped).max()) - edge

    protocol = Protocol(voltage=0.040, duration=duration, stop_at_short=False)
    times, creep = follow(problem, backend_for(problem, ionic=1e-6), protocol, 1e-2, beyond)
    worst = float(np.abs(creep).max()) / grid.spacing[1]
    checks = (Check("largest displacement of the flank [cells]", 0.0, worst, 1.0, False),)
    lines = (*allowed(times, 0.0, 1.0), Line("computed", times, creep / grid.spacing[1], joined=True))
    panel = Panel("time [s]", "displacement of the flank [cells]", lines, "x")
    return Row("V14c", f"flank of a filled grain boundary at U = -40 mV for {duration:g} s", checks, (panel,))
