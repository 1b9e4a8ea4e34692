"""Row V18 of the validation table: where and when the first nucleus appears (MODEL M13, M14).

Ceramic in 1-D between two faces of metal that conduct electrons ("contact"); sigma_e is constant in each of one or two
layers, nothing is stored. A current that rises slowly drives it, so that it is in its steady state all the time.
Ions and electrons are two branches in parallel, each of resistances in series: exact potentials follow from the numbers
named here, never from the maps that the solver was given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq

from phasefield.backends import Tolerances, get_backend
from phasefield.nucleation import Event
from phasefield.physics.constants import FARADAY, thermal_voltage
from phasefield.problem import SITES, ElectronicLaw, Nucleation, Problem
from phasefield.protocol import Protocol, Stage
from phasefield.simulate import StepLimits, simulate
from phasefield.validation.common import (
    LITHIUM_VOLUME,
    LLZO_ELECTRONIC,
    LLZO_INTERFACE,
    LLZO_IONIC,
    TEMPERATURE,
    Check,
    Row,
    line_grid,
    plain_problem,
    shares,
    uniform_ceramic,
)
from phasefield.validation.transport_rows import CERAMIC_IONIC
from postprocess.curves import Line, Panel

LENGTH = 100e-6  # [m]
OVERPOTENTIAL = 5e-3  # eta_nuc [V]
PRESSURE = 100e6  # p_acc at the far end, where it rises: p = PRESSURE (x / L)^2 [Pa]
PER_PASCAL = LITHIUM_VOLUME / FARADAY  # V_m / F [V/Pa]
LOWEST, HIGHEST = 4.0, 12.0  # current density at both ends of the ramp [A/m^2]
SPARED = 9.5  # up to here J Z < eta_nuc: it is 5 % less [A/m^2]
TIGHT_SOLVER = Tolerances(1e-10, 1e-9, 1e-10)
PRESSURES = {False: "no pressure", True: "pressure rising as x²"}
SHOWN = 80e-6  # of x, in figures [m]
LAWS: tuple[ElectronicLaw, ...] = ("constant", "n_type")


@dataclass(frozen=True)
class Layers:
    """A leaky layer at the working electrode and a tight one beyond: its thickness [m], their sigma_e [S/m].

    Everything is per total current density, since all is linear. (M7) at xi = 0 makes sigma_i 1 + 1e-6 times that of
    the ceramic.
    """

    leaky_thickness: float
    leaky: float = LLZO_ELECTRONIC
    tight: float = LLZO_ELECTRONIC / 5.0

    @property
    def shares(self) -> tuple[float, float]:
        """Return which shares of the current ions and electrons carry: branches in parallel."""
        ionic = 2.0 * LLZO_INTERFACE + LENGTH / CERAMIC_IONIC
        electronic = self.leaky_thickness / self.leaky + (LENGTH - self.leaky_thickness) / self.tight
        return electronic / (ionic + electronic), ionic / (ionic + electronic)

    def drive(self, x: np.ndarray) -> np.ndarray:
        """Return -U / J at ``x`` [ohm m^2]: linear in both layers, highest where they meet."""
        ions, electrons = self.shares
        within = np.minimum(x, self.leaky_thickness)
        electronic = within / self.leaky + (x - within) / self.tight
        return ions * (LLZO_INTERFACE + x / CERAMIC_IONIC) - electrons * electronic

    def first_nucleus(self, rising: bool) -> tuple[float, float]:
        """Return where U first touches its threshold as J rises [m], and at which J [A/m^2].

        It does where (eta_nuc + (V_m / F) p) / (-U / J) is least. Without pressure: where the layers meet. With p ~
        x^2: where 2 q x (d_0 + d_1 x) = d_1 (eta_nuc + q x^2), for -U / J = d_0 + d_1 x and (V_m / F) p = q x^2, in
        the leaky layer.
        """
        ions, electrons = self.shares
        start, slope = ions * LLZO_INTERFACE, ions / CERAMIC_IONIC - electrons / self.leaky
        place = self.leaky_thickness
        if rising:
            q = PER_PASCAL * PRESSURE / LENGTH**2
            place = min(place, (math.sqrt(start**2 + slope**2 * OVERPOTENTIAL / q) - start) / slope)
        threshold = float(potential_threshold(np.array(place), rising))
        return place, -threshold / (start + slope * place)


# The last one leaks so much that electrons carry a tenth of the current: their conductivities count by themselves,
# not only their ratio.
VARIANTS = {
    "20 µm": Layers(20e-6),
    "45 µm": Layers(45e-6),
    "70 µm": Layers(70e-6),
    "50 µm, i_e = J/10": Layers(50e-6, 1e-2, 2e-3),
}


@dataclass(frozen=True)
class Ramp:
    """What a rising current did: the first nucleus, J of its step [A/m^2], and U at its end [V].

    spared_current, spared_potential : J and U of the last step in which J was at most ``SPARED``.
    """

    event: Event | None
    current: float
    potential: np.ndarray
    spared_current: float
    spared_potential: np.ndarray

    @property
    def place(self) -> float:
        """Return where the nucleus is [m]; NaN if there is none."""
        return self.event.nucleus.place[0] if self.event else math.nan


# --- formulas -----------------------------------------------------------------------------------------------


def potential_threshold(x: np.ndarray, rising: bool) -> np.ndarray:
    """Return the U [V] below which a nucleus appears at ``x``: -eta_nuc - (V_m / F) p."""
    return -OVERPOTENTIAL - PER_PASCAL * PRESSURE * (x / LENGTH) ** 2 * rising


def uniform_potential(x: np.ndarray, current: float, law: ElectronicLaw) -> np.ndarray:
    """Return U [V] at ``x`` in one layer at a total current density [A/m^2].

    -i Z at x = 0, i Z at x = L, i of the ions. Constant sigma_e: linear. n-type (see V7): z = exp(-F U / RT) = z_inf + (z_0 - z_inf) exp(x / lambda), z_inf =
    i_e sigma_i / (sigma_e,M i), lambda = RT sigma_i / (F i).
    """
    if law == "constant":
        return -current * Layers(LENGTH).drive(x)
    thermal = thermal_voltage(TEMPERATURE)

    def deep(ions: float) -> tuple[float, float, float]:
        low, growth = math.exp(ions * LLZO_INTERFACE / thermal), math.exp(LENGTH * ions / (thermal * CERAMIC_IONIC))
        return low, thermal * CERAMIC_IONIC / ions, (1.0 / low - low * growth) / (1.0 - growth)

    def surplus(ions: float) -> float:
        return ions * (1.0 + deep(ions)[2] * LLZO_ELECTRONIC / CERAMIC_IONIC) - current

    low, decay, infinity = deep(brentq(surplus, 0.5 * current, current, xtol=1e-14 * current))
    return -thermal * np.log(infinity + (low - infinity) * np.exp(x / decay))


# --- runs ---------------------------------------------------------------------------------------------------


def layered_cell(layers: Layers, rising: bool, law: ElectronicLaw, cells: int) -> Problem:
    """Return a cell in which every place is a site and the deterministic law holds."""
    grid = line_grid(LENGTH, cells)
    x = grid.meshgrid()[0]
    ceramic = replace(
        uniform_ceramic(grid, LLZO_IONIC),
        bulk_electronic_conductivity=np.where(x < layers.leaky_thickness, layers.leaky, layers.tight),
        accommodation_pressure=PRESSURE * (x / LENGTH) ** 2 * rising,
    )
    problem = plain_problem(
        grid,
        np.zeros(grid.shape),
        ceramic=ceramic,
        width=1.5 * grid.spacing[0],
        interface_resistance=LLZO_INTERFACE,
        kinetics="linear",
        counter_electrons="contact",
        law=law,
    )
    nucleation = Nucleation(
        law="deterministic",
        site=np.full(grid.shape, SITES.index("grain_boundary"), dtype=np.int8),
        site_area=np.zeros(grid.shape),
        radius=3.0 * grid.spacing[0],
        overpotential=OVERPOTENTIAL,
    )
    return replace(problem, nucleation=nucleation)


def ramp(problem: Problem, steps: int) -> Ramp:
    """Let the current rise from ``LOWEST`` to ``HIGHEST`` in ``steps`` steps, up to the first nucleus."""
    protocol = Protocol(steps=(Stage("current", LOWEST, ramp_to=HIGHEST, duration=float(steps)),))
    backend = get_backend("numba", problem, TIGHT_SOLVER)
    spared = LOWEST, np.full(problem.grid.shape[0], math.nan)
    for state, report in simulate(problem, backend, protocol, StepLimits(first=1.0, largest=1.0)):
        potential = (state["electronic_potential"] - state["ionic_potential"])[:, 0]
        if report.events:
            return Ramp(report.events[0], report.current_density, potential, *spared)
        if report.current_density <= SPARED:
            spared = report.current_density, potential
    return Ramp(None, math.nan, potential, *spared)


# --- the row ------------------------------------------------------------------------------------------------


def _layered_checks(what: str, layers: Layers, rising: bool, found: Ramp, spacing: float) -> list[Check]:
    place, current = layers.first_nucleus(rising)
    threshold = float(potential_threshold(np.array(found.place), rising))
    potential = found.event.potential if found.event else math.nan
    return [
        Check(f"{what}: x of the first nucleus [µm]", 1e6 * place, 1e6 * found.place, 1e6 * spacing, False),
        Check(f"{what}: J at which it appears [A/m^2]", current, found.current, 0.01),
        Check(f"{what}: its U against the threshold there [mV]", 1e3 * threshold, 1e3 * potential, 0.01),
    ]


def _layered_panel(rising: bool, found: dict[str, Ramp], x: np.ndarray) -> Panel:
    """Return U and threshold, or, where the threshold falls with x, how far U is above it, as nuclei appear."""
    corners = [layers.leaky_thickness for layers in VARIANTS.values()]
    fine = np.unique(np.append(np.linspace(0.0, SHOWN, 101), corners))
    some = x[x < SHOWN][::8]
    base = -1e3 * OVERPOTENTIAL * (not rising)
    lines = [Line("threshold", 1e6 * fine, np.full(fine.shape, base), exact=True)]
    for name, layers in VARIANTS.items():
        exact = -layers.first_nucleus(rising)[1] * layers.drive(fine) - rising * potential_threshold(fine, rising)
        computed = found[name].potential[x < SHOWN][::8] - rising * potential_threshold(some, rising)
        lines += [
            Line("U, formula", 1e6 * fine, 1e3 * exact, exact=True),
            Line(f"U, {name}", 1e6 * some, 1e3 * computed),
        ]
    events = [one.event for one in found.values() if one.event]
    place = np.array([event.nucleus.place[0] for event in events])
    above = np.array([event.potential - rising * event.nucleus.threshold for event in events])
    lines.append(Line("first nucleus", 1e6 * place, 1e3 * above))
    label = "U - threshold [mV] as the nucleus appears" if rising else "U [mV] as the nucleus appears"
    return Panel(f"x [µm], {PRESSURES[rising]}", label, tuple(lines))


def _uniform_checks(law: ElectronicLaw, found: Ramp, x: np.ndarray) -> list[Check]:
    exact = uniform_potential(x, found.spared_current, law)
    off = float(np.abs(found.spared_potential - exact).max()) / (SPARED * LLZO_INTERFACE)
    what = f"uniform, {law}"
    return [
        Check(f"{what}: nuclei up to {SPARED} A/m^2", 0.0, float(found.current <= SPARED), 0.0, False),
        Check(f"{what}: U off the formula at {SPARED} A/m^2, over J Z", 0.0, off, 1e-6, False),
        # but for the electrons' share of J, less than a thousandth
        Check(f"{what}: J at which a nucleus appears [A/m^2]", OVERPOTENTIAL / LLZO_INTERFACE, found.current, 0.01),
        Check(f"{what}: x of it, next to the electrode [µm]", 0.0, 1e6 * found.place, 1e6 * (x[1] - x[0]), False),
    ]


def v18(quick: bool = False) -> Row:
    """Return V18: the first nucleus in 1-D sits where exact U first passes the threshold as J rises, and when it does.

    A leaky layer at the working electrode and a tight one beyond, in four variants: U is lowest where they meet.
    Without accommodation pressure the nucleus sits there; with one that rises as x^2, inside all leaky layers but the thinnest
    (one that rises as x would only move it to an end of the layer: threshold and U are both linear in it then). In a
    uniform ceramic with ``contact`` at both ends U is nowhere below -J Z, its value at the working electrode: nothing
    appears at currents beyond those of all others, as long as J Z < eta_nuc, and beyond it next to the electrode.
    A nucleus appears at the end of the step in which a cell's middle is driven, so J and U are off by what the current
    rises in a step and U changes in half a cell.
    """
    cells, steps = (200, 400) if quick else (400, 800)
    spacing = LENGTH / cells
    x = spacing * (np.arange(cells) + 0.5)
    fine = np.linspace(0.0, LENGTH, 101)
    checks: list[Check] = []
    panels: list[Panel] = []
    for rising, pressure in PRESSURES.items():
        found = {n: ramp(layered_cell(layers, rising, "constant", cells), steps) for n, layers in VARIANTS.items()}
        for name, layers in VARIANTS.items():
            checks += _layered_checks(f"layer of {name}, {pressure}", layers, rising, found[name], spacing)
        panels.append(_layered_panel(rising, found, x))
    lines = [Line("threshold", 1e6 * fine, np.full(fine.shape, -1e3 * OVERPOTENTIAL), exact=True)]
    for law in LAWS:
        alone = ramp(layered_cell(Layers(LENGTH), False, law, cells), steps)
        checks += _uniform_checks(law, alone, x)
        lines.append(Line(f"U, {law}, formula", 1e6 * fine, 1e3 * uniform_potential(fine, SPARED, law), exact=True))
        lines.append(Line(f"U, {law}, computed", 1e6 * x[::8], 1e3 * alone.spared_potential[::8]))
    panels += [Panel("x [µm], uniform leakage", f"U [mV] at {SPARED} A/m²", tuple(lines)), shares(checks)]
    return Row("V18", "first nucleus in 1-D, and none under uniform leakage", tuple(checks), tuple(panels))
