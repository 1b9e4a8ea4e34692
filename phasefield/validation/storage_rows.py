"""Row V9 of the validation table: how electrons that the ceramic stores let U relax (MODEL M4).

After a step of voltage that changes n next to nothing, F n dU/dt = (RT / F) div(sigma_e grad phi_e), with sigma_i so
large that grad phi_i is that of the total current: U diffuses with D = sigma_e RT / (F^2 n). References are series of
the numbers named here, never of the maps that the solver was given.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from phasefield.backends import Control, Tolerances, get_backend
from phasefield.physics.constants import FARADAY, GAS_CONSTANT, thermal_voltage
from phasefield.problem import ElectronicLaw, PlanarElectrode, Problem
from phasefield.validation.common import (
    LLZO_IONIC,
    TEMPERATURE,
    Check,
    Row,
    line_grid,
    plain_problem,
    uniform_ceramic,
)
from phasefield.validation.transport_rows import NO_RESISTANCE
from postprocess.curves import Line, Panel

Blocked = Literal["ions", "electrons"]

LENGTH = 20e-6  # [m]
ELECTRONIC = 1e-6  # sigma_e, 46000 times less than sigma_i [S/m]
ELECTRONS = 0.05  # n_M [mol/m^3]
SMALL = 5e-6  # n changes by 0.02 %, and with it D in the course of a run [V]
LARGE = 25e-3  # n falls to 0.38 n_M [V]
DIFFUSIVITY = ELECTRONIC * GAS_CONSTANT * TEMPERATURE / (FARADAY**2 * ELECTRONS)  # [m^2/s]
FOURIER = (0.05, 0.1, 0.2, 0.5)  # D t / L^2 at which profiles are compared
DECAY = (1, 3)  # of those, between which the slowest mode is timed
TERMS = 100  # of the series: the next is less than round-off at the first Fourier number
NEXT_TO_BLOCKING = PlanarElectrode(1e-20, "contact")  # at i0 = 0 sigma_e at the face would be that next to metal
LAWS: tuple[ElectronicLaw, ...] = ("constant", "n_type")


@dataclass(frozen=True)
class Relaxation:
    """A run: centres x / L, U / V at each of ``FOURIER``, and D t / L^2 and i L / (sigma_e V) of every step."""

    place: np.ndarray
    profiles: tuple[np.ndarray, ...]
    fourier: np.ndarray
    current: np.ndarray


# --- formulas -----------------------------------------------------------------------------------------------


def wave_numbers(blocked: Blocked) -> np.ndarray:
    """Return k L of the modes sin(k x): U = 0 at x = 0, and at L U = 0 (ions blocked) or no slope (electrons blocked)."""
    return np.pi * (np.arange(TERMS) + (1.0 if blocked == "ions" else 0.5))


def relaxing_potential(blocked: Blocked, place: np.ndarray, fourier: float) -> np.ndarray:
    """Return U / V at ``place`` = x / L and ``fourier`` = D t / L^2 after a step from 0 to V, as diffusion series.

    Ions pass freely at x = 0, so that U = 0 there, and U = 0 everywhere when V steps up. Blocked at x = L are
    ``ions``: phi_i = 0 throughout, so U(L) = V: U / V = x / L - sum over k L = pi, 2 pi, ...;
    ``electrons``: phi_i = V x / L, no slope of phi_e at L, so dU/dx = -V / L there: U / V = -x / L + sum over k L = pi / 2,
    3 pi / 2, ... Both sums are the sine series of what is added, term by term times exp(-k^2 D t).
    """
    k = wave_numbers(blocked)[:, None]
    sign = (-1.0) ** np.arange(TERMS)[:, None]
    if blocked == "ions":
        return place - (2.0 * sign / k * np.sin(k * place) * np.exp(-(k**2) * fourier)).sum(axis=0)
    return -place + (2.0 * sign / k**2 * np.sin(k * place) * np.exp(-(k**2) * fourier)).sum(axis=0)


def relaxing_current(fourier: np.ndarray) -> np.ndarray:
    """Return the current over sigma_e V / L while ions are blocked at x = L: dU/dx there, 1 + 2 sum exp(-k^2 D t)."""
    k = wave_numbers("ions")[:, None]
    return 1.0 + 2.0 * np.exp(-(k**2) * fourier).sum(axis=0)


# --- runs ---------------------------------------------------------------------------------------------------


def stored_cell(blocked: Blocked, law: ElectronicLaw, cells: int) -> Problem:
    """Return 20 um of ceramic that stores electrons between two faces of metal without resistance."""
    grid = line_grid(LENGTH, cells)
    problem = plain_problem(
        grid,
        np.zeros(grid.shape),
        ceramic=uniform_ceramic(grid, electronic=ELECTRONIC, electrons=ELECTRONS),
        width=1.5 * grid.spacing[0],
        interface_resistance=NO_RESISTANCE,
        kinetics="linear",
        law=law,
    )
    return replace(problem, counter_electrode=NEXT_TO_BLOCKING) if blocked == "ions" else problem


def relax(blocked: Blocked, law: ElectronicLaw, cells: int, step: float, voltage: float = SMALL) -> Relaxation:
    """Follow a step of ``voltage`` [V] up to the last of ``FOURIER``; ``step``: D dt / L^2, the same throughout."""
    problem = stored_cell(blocked, law, cells)
    backend = get_backend("numba", problem, Tolerances(1e-10, 1e-9, 1e-8 * voltage))
    state = backend.initial_state()
    time_step = step * LENGTH**2 / DIFFUSIVITY
    shown = [round(fourier / step) for fourier in FOURIER]
    profiles: list[np.ndarray] = []
    current: list[float] = []
    for number in range(1, shown[-1] + 1):
        current.append(backend.solve(state, time_step, Control("voltage", voltage)).current_density)
        backend.advance(state, time_step)
        if number in shown:
            profiles.append((state["electronic_potential"] - state["ionic_potential"])[:, 0] / voltage)
    fourier = step * np.arange(1, shown[-1] + 1)
    scaled = np.array(current) * LENGTH / (ELECTRONIC * voltage)
    return Relaxation(problem.grid.centres(0) / LENGTH, tuple(profiles), fourier, scaled)


# --- measures -----------------------------------------------------------------------------------------------


def profile_errors(blocked: Blocked, run: Relaxation) -> list[float]:
    """Return the largest deviation of U / V from its series at each of ``FOURIER``."""
    exact = [relaxing_potential(blocked, run.place, fourier) for fourier in FOURIER]
    return [float(np.abs(u - e).max()) for u, e in zip(run.profiles, exact, strict=True)]


def measured_diffusivity(blocked: Blocked, run: Relaxation) -> float:
    """Return D [m^2/s] from how fast the slowest mode of U dies out between two of ``FOURIER``."""
    k = wave_numbers(blocked)[0]
    final = run.place if blocked == "ions" else -run.place
    early, late = ((run.profiles[i] - final) @ np.sin(k * run.place) for i in DECAY)
    elapsed = (FOURIER[DECAY[1]] - FOURIER[DECAY[0]]) * LENGTH**2 / DIFFUSIVITY
    return float(np.log(early / late) * LENGTH**2 / (k**2 * elapsed))


def filling_error(run: Relaxation, voltage: float) -> float:
    """Return the largest deviation of n, n-type and ions blocked, from its series, over the change at x = L.

    With sigma_e and n both proportional to exp(-F U / RT) it is n that obeys the diffusion equation, at any voltage.
    """
    ratio = voltage / thermal_voltage(TEMPERATURE)
    return max(
        float(np.abs(np.expm1(-ratio * u) / np.expm1(-ratio) - relaxing_potential("ions", run.place, fourier)).max())
        for u, fourier in zip(run.profiles, FOURIER, strict=True)
    )


# --- the row ------------------------------------------------------------------------------------------------


def _checks_of(blocked: Blocked, law: ElectronicLaw, run: Relaxation) -> list[Check]:
    what = f"{law}, {blocked} blocked"
    errors = zip(FOURIER, profile_errors(blocked, run), strict=True)
    checks = [Check(f"{what}: U / V off the series at D t / L^2 = {fo:g}", 0.0, e, 0.01, False) for fo, e in errors]
    if blocked == "ions":
        exact = relaxing_current(np.array(FOURIER))
        index = [int(np.argmin(np.abs(run.fourier - fourier))) for fourier in FOURIER]
        found = zip(FOURIER, exact, run.current[index], strict=True)
        checks += [Check(f"{what}: i L / (sigma_e V) at D t / L^2 = {f:g}", e, i, 0.01) for f, e, i in found]
    measured = measured_diffusivity(blocked, run)
    return [*checks, Check(f"{what}: D of the slowest mode [m^2/s]", DIFFUSIVITY, measured, 0.01)]


def _profile_panel(blocked: Blocked, runs: dict[ElectronicLaw, Relaxation]) -> Panel:
    place = np.linspace(0.0, 1.0, 201)
    lines = [Line("series", place, relaxing_potential(blocked, place, fo), True) for fo in FOURIER]
    for law, run in runs.items():
        some = slice(None, None, len(run.place) // 20)
        lines += [Line(law, run.place[some], u[some]) for u in run.profiles]
    times = ", ".join(f"{fo:g}" for fo in FOURIER)
    return Panel(f"x / L, {blocked} blocked at x = L", f"U / V at D t / L² = {times}", tuple(lines))


def _current_panel(runs: dict[ElectronicLaw, Relaxation], step: float) -> Panel:
    fourier = np.geomspace(0.01, FOURIER[-1], 100)
    lines = [Line("series", fourier, relaxing_current(fourier), True)]
    for law, run in runs.items():
        some = np.unique(np.round(np.geomspace(0.01, FOURIER[-1], 15) / step).astype(int)) - 1
        lines.append(Line(law, run.fourier[some], run.current[some]))
    return Panel("D t / L²", "i L / (σ_e V), ions blocked at x = L", tuple(lines), "xy")


def refined(variable: Literal["step", "cells"], points: int) -> tuple[np.ndarray, np.ndarray]:
    """Return refined steps D dt / L^2 at 40 cells, or spacings / L with steps ~ h^2, and the largest errors of U / V."""
    if variable == "step":
        steps = 0.01 / 2.0 ** np.arange(points)
        runs = [(40, float(step)) for step in steps]
    else:
        runs = [(5 * 2**i, 0.01 / 4.0**i) for i in range(points)]
    errors = [max(profile_errors("ions", relax("ions", "constant", *run))) for run in runs]
    return np.array([step if variable == "step" else 1.0 / cells for cells, step in runs]), np.array(errors)


def _error_panel(variable: Literal["step", "cells"], points: int) -> Panel:
    x, errors = refined(variable, points)
    order = 1 if variable == "step" else 2
    slope = Line(f"order {order}", x, errors[-1] * (x / x[-1]) ** order, True)
    label = "D Δt / L², 40 cells" if variable == "step" else "Δx / L, with D Δt = Δx²/4"
    return Panel(label, "largest |U - series| / V", (slope, Line("ions blocked, constant", x, errors)), "xy")


def v9(quick: bool = False) -> Row:
    """Return V9: a Hebb-Wagner transient in 1-D follows the diffusion series with D = sigma_e RT / (F^2 n).

    Two cells, both electronic laws, a step of 5 uV (linear to 0.02 %): ions blocked at x = L, where U follows the voltage
    and the electrons' current is what relaxes, and electrons blocked there, where U has a given slope. At 1 mV n changes
    by 4 %, and with it D or sigma_e: U would depart from the series by 0.5 % of V, the n-type current by 1.9 %. With
    the n-type law n itself obeys the diffusion equation, at any voltage: that is checked at 25 mV.
    """
    cells, step = (40, 5e-4) if quick else (80, 2.5e-4)
    checks: list[Check] = []
    panels: list[Panel] = []
    blocks: tuple[Blocked, ...] = ("ions", "electrons")
    for blocked in blocks:
        runs = {law: relax(blocked, law, cells, step) for law in LAWS}
        for law, run in runs.items():
            checks += _checks_of(blocked, law, run)
        panels.append(_profile_panel(blocked, runs))
        if blocked == "ions":
            panels.append(_current_panel(runs, step))
    large = filling_error(relax("ions", "n_type", cells, step, LARGE), LARGE)
    checks.append(
        Check("n_type, ions blocked, 25 mV: n off the series, over its change at x = L", 0.0, large, 0.01, False)
    )
    panels += [_error_panel("step", 3 if quick else 5), _error_panel("cells", 3 if quick else 4)]
    target = f"Hebb-Wagner transient, sigma_i / sigma_e = {LLZO_IONIC / ELECTRONIC:.0f}"
    return Row("V9", target, tuple(checks), panels=tuple(panels))
