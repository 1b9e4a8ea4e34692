"""Row V15 of the validation table: a manufactured solution of the coupled system, all terms of M1-M12 on.

Fields are chosen, and what the equations leave of them is fed back as sources: the solver must then return the fields.
The sources come from the strong form of the equations, differentiated by SymPy: nothing of the discretisation is in
them. SI units; the numbers are made up so that every term weighs.

The front is a wave on a plane between metal at x = 0 and ceramic at x = L. What its fields keep to, and why:

- psi has a gradient everywhere, else n would be singular, and the gradient is 1 / l or steeper: where it is less, M12's
  flux is diffusion backward in time along the front, in the equations themselves. It is not the slope of a distance.
- On both faces across x psi is plane with the slope 1 / l: there the bracket of M12, and with it the flux, is 0. The
  mirrored ghosts of psi let the cells next to a face see half of that slope, so that in them a front parallel to the
  face is not stable. Hence the front is so far away that xi (1 - xi) < 1e-4 there.
- The reaction fades out (l_a / w goes to 0) before its area is cut off, at xi (1 - xi) = 1e-4. The kink of the metal's
  sigma_e at xi = 1e-3 is in the strong form as it is in M7.
- One pressure in all the ceramic (normals do not cross a step of it), U below the plating potential (the gate is open),
  arguments of exponentials far from 12, n-type factors from 1e3.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from phasefield.backends import Control, Tolerances, get_backend
from phasefield.fields import State
from phasefield.grid import Grid, Lateral
from phasefield.physics.constants import FARADAY, thermal_voltage
from phasefield.problem import Ceramic, ElectronicLaw, Metal, PlanarElectrode, Problem, Reaction
from phasefield.validation.common import LITHIUM_VOLUME, TEMPERATURE, Check, Row
from postprocess.curves import Line, Panel

if TYPE_CHECKING:
    from phasefield.backends.numba_cpu import NumbaBackend

LENGTHS = (0.9e-6, 0.6e-6, 0.7e-6)  # of the box [m]
WIDTH = 0.05e-6  # l [m]
DURATION = 1e-2  # [s]
FREQUENCY = 120.0  # of everything that changes [1/s]
MOBILITY = 1e-5  # M [m/s]
EXCHANGE = 3e3  # i0 of the reaction [A/m^2]
TRANSFER = 0.4  # alpha
PRESSURE = 37e6  # p_acc [Pa]
ENERGY = 4.0  # gamma [J/m^2]
METAL = 0.1  # sigma_e of metal [S/m]
COUNTER = 480.0  # i0 of the face x = L [A/m^2]
COUNTER_OVERPOTENTIAL = -40e-3  # [V]
METAL_POTENTIAL = 60e-3  # phi_i in the metal [V]
FADING = 0.27  # L: beyond this distance from 0.56 L there is no reaction
IONIC_REST, CONDUCTING = 1e-6, 1e-3  # of M7: sigma_i of metal over the ceramic's; xi above which metal conducts
THERMAL = thermal_voltage(TEMPERATURE)
SOLVER = Tolerances(1e-10, 1e-9, 1e-11)

SCALES = {  # what differences are compared with
    "metal_fraction": 1.0,
    "ionic_potential": THERMAL,
    "electronic_potential": THERMAL,
    "electron_concentration": 2e3,
    "ion_concentration": 4e4,
}
SYMBOLS = dict(zip(SCALES, ("ξ", "φ_i", "φ_e", "n", "c"), strict=True))
MAPS = (
    "ionic_conductivity",
    "bulk_electronic_conductivity",
    "boundary_electronic_conductivity",
    "accessible_fraction",
    "collecting_factor",
    "electrons_at_metal",
    "ion_concentration",
)


@dataclasses.dataclass(frozen=True)
class Chosen:
    """Expressions of what is chosen: coordinates, ``MAPS``, psi, potentials and the cell voltage."""

    space: tuple[Any, ...]
    time: Any
    maps: dict[str, Any]
    psi: Any
    ionic_potential: Any
    electronic_potential: Any
    voltage: Any


@dataclasses.dataclass(frozen=True)
class Solution:
    """Functions of (x, y, z, t): fields in the order of ``SCALES``, maps in that of ``MAPS``, and the sources.

    ``sources``: of ions and electrons [A/m^3] and of xi [1/s]. ``voltage``: of t only [V].
    """

    law: ElectronicLaw
    lateral: Lateral
    fields: Callable[..., Any]
    maps: Callable[..., Any]
    sources: Callable[..., Any]
    voltage: Callable[[float], float]


# --- what is chosen -----------------------------------------------------------------------------------------


def _deposition(eta: Any) -> Any:
    """Return i_dep / i0 (M8) as an expression; eta [V]."""
    from sympy import exp

    return exp(-TRANSFER * eta / THERMAL) - exp((1 - TRANSFER) * eta / THERMAL)


def _maps(share: Any, inside: Any, wave: Callable[[float], Any]) -> dict[str, Any]:
    """Return ``MAPS``, all of which vary; ``share`` = x / L, ``inside`` is 0 on both faces, with its slope."""
    import sympy as sp

    fading = sp.Max(0, 1 - ((share - 0.56) / FADING) ** 2) ** 4
    maps = (
        0.046 * (1 + 0.2 * sp.cos(sp.pi * share) + 0.3 * inside * wave(0.5)),
        0.008 * (1 + 0.3 * sp.sin(3 * share) + 0.3 * wave(1.0)),
        0.004 * (1 + 0.4 * sp.cos(2 * share) * wave(2.0)),
        0.55 * (1 + 0.3 * sp.sin(2 * sp.pi * share) + 0.3 * wave(1.5)),
        1.6 * fading * (1 + 0.3 * wave(0.3)),
        12e3 * sp.sin(sp.pi * share / 2) ** 6 * (1 + 0.2 * wave(0.8)),
        4e4 * (1 + 0.1 * wave(0.2) + 0.1 * share),
    )
    return dict(zip(MAPS, maps, strict=True))


def chosen(dimension: int, lateral: Lateral) -> Chosen:
    """Choose the fields: a wavy front, potentials that vary everywhere, and the electrodes' conditions met exactly.

    At x = 0 there is metal: phi_e = 0, no ions pass. At x = L, of uniform conductivity, the voltage is phi_e and ions
    pass at a given overpotential: sigma_i dphi_i/dx = -i_dep.
    """
    import sympy as sp

    *space, t = sp.symbols("x y z t", real=True)
    sides = list(zip(space, LENGTHS, strict=True))[1:dimension]
    share = space[0] / LENGTHS[0]
    inside = sp.sin(sp.pi * share) ** 2

    def wave(phase: float) -> Any:
        """Return a wave along the lateral axes; even about the sides if they are mirrors."""
        moved = phase if lateral == "periodic" else 0
        return sp.prod([sp.cos(2 * sp.pi * s / w + (i + 1) * moved) for i, (s, w) in enumerate(sides)])

    def swing(phase: float) -> Any:
        return 1 + 0.4 * sp.sin(FREQUENCY * t + phase)

    maps = _maps(share, inside, wave)
    steeper = 0.45 * LENGTHS[0] * (0.25 - share / 2 + sp.sin(2 * sp.pi * share) / (4 * sp.pi))  # by up to 0.45
    plane = (LENGTHS[0] / 2 - space[0] + steeper) / WIDTH + 0.75 * swing(0.0)
    psi = plane + 0.9 * inside**2 * wave(0.0) * swing(1.0)
    voltage = 10e-3 * swing(0.4)
    conductivity = ((1 - 1 / (1 + sp.exp(-plane)) + IONIC_REST) * maps["ionic_conductivity"]).subs(space[0], LENGTHS[0])
    slope = -COUNTER * _deposition(COUNTER_OVERPOTENTIAL) / conductivity * LENGTHS[0]
    rise = voltage - COUNTER_OVERPOTENTIAL - METAL_POTENTIAL
    ionic = METAL_POTENTIAL + rise * (3 * share**2 - 2 * share**3) + slope * (share**3 - share**2)
    ionic += 40e-3 * inside * share**4 * wave(0.7) * swing(2.0)
    electronic = voltage * share + 6e-3 * inside * (1 + wave(1.2)) * swing(1.4)
    return Chosen(tuple(space[:dimension]), t, maps, psi, ionic, electronic, voltage)


# --- what the equations leave of it -------------------------------------------------------------------------


def strong_form(c: Chosen, law: ElectronicLaw) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return expressions of the fields, in the order of ``SCALES``, and of the sources that M1-M12 need.

    Sources enter as F dN/dt = div(sigma_i grad phi_i) - s + q_i, 0 = div(sigma_e grad phi_e) + s + F dN/dt + q_e and
    dxi/dt = ... + q_xi, with N = (1 - xi) n.
    """
    import sympy as sp

    def gradient(f: Any) -> list[Any]:
        return [sp.diff(f, s) for s in c.space]

    def divergence(vector: list[Any]) -> Any:
        return sum(sp.diff(v, s) for v, s in zip(vector, c.space, strict=True))

    sigma, bulk, band, theta, collecting, n_metal, c_0 = c.maps.values()
    xi = 1 / (1 + sp.exp(-c.psi))
    q = xi * (1 - xi)
    potential = c.electronic_potential - c.ionic_potential
    factor = sp.exp(-potential / THERMAL)
    slope = gradient(c.psi)
    normal = [component / sp.sqrt(sum(s**2 for s in slope)) for component in slope]
    equilibrium = -LITHIUM_VOLUME / FARADAY * (PRESSURE - ENERGY * divergence(normal))
    deposition = collecting * q / WIDTH * EXCHANGE * _deposition(potential - equilibrium)
    sigma_i = (1 - xi + IONIC_REST) * sigma
    sigma_e = sp.Max(xi - CONDUCTING, 0) / (1 - CONDUCTING) * METAL
    sigma_e += (1 - xi) * (bulk + band) * (factor if law == "n_type" else 1)
    stored = (1 - xi) * n_metal * factor
    gained = FARADAY * sp.diff(stored, c.time)
    ions = gained + deposition - divergence([sigma_i * g for g in gradient(c.ionic_potential)])
    electrons = -gained - deposition - divergence([sigma_e * g for g in gradient(c.electronic_potential)])
    flux = [theta * MOBILITY * (WIDTH * g - q * n) for g, n in zip(gradient(xi), normal, strict=True)]
    growth = sp.diff(xi, c.time) - (LITHIUM_VOLUME / FARADAY * deposition + divergence(flux)) / theta
    fields = (xi, c.ionic_potential, c.electronic_potential, stored, (1 - xi) * c_0 + stored)
    return fields, (ions, electrons, growth)


@functools.cache
def solution(dimension: int, law: ElectronicLaw, lateral: Lateral) -> Solution:
    """Return the manufactured solution in 2-D or 3-D as functions of arrays."""
    import sympy as sp

    c = chosen(dimension, lateral)
    fields, sources = strong_form(c, law)
    arguments = sp.symbols("x y z t", real=True)

    def compiled(expressions: tuple[Any, ...]) -> Callable[..., Any]:
        return sp.lambdify(arguments, list(expressions), "numpy", cse=True)

    maps = compiled(tuple(c.maps.values()))
    return Solution(law, lateral, compiled(fields), maps, compiled(sources), sp.lambdify(c.time, c.voltage))


def evaluated(function: Callable[..., Any], grid: Grid, time: float) -> list[np.ndarray]:
    """Return what a function of (x, y, z, t) gives at the centres of all cells."""
    position = [*grid.meshgrid(), np.zeros(grid.shape)][:3]
    return [np.array(np.broadcast_to(value, grid.shape), dtype=float) for value in function(*position, time)]


# --- runs ---------------------------------------------------------------------------------------------------


def manufactured_problem(exact: Solution, grid: Grid) -> Problem:
    """Return the problem that a solution is made for; M is not in it."""
    maps = dict(zip(MAPS, evaluated(exact.maps, grid, 0.0), strict=True))
    return Problem(
        grid=grid,
        temperature=TEMPERATURE,
        metal=Metal(LITHIUM_VOLUME, ENERGY, WIDTH, METAL, mobility_ratio=0.0),
        ceramic=Ceramic(
            sheet_resistance=tuple(np.zeros(grid.face_shape(a)) for a in range(len(grid.shape))),
            accommodation_pressure=np.full(grid.shape, PRESSURE),
            **maps,
        ),
        reaction=Reaction(EXCHANGE, TRANSFER, hysteresis=False, reservoir=False),
        working_electrode=PlanarElectrode(0.0, "contact"),
        counter_electrode=PlanarElectrode(COUNTER, "contact"),
        initial_metal_fraction=evaluated(exact.fields, grid, 0.0)[0],
        electrode_plane=0.0,
        electronic_law=exact.law,
    )


class Sourced:
    """Step the default backend with sources: of the potentials in the residual, of xi after the metal has moved."""

    def __init__(self, exact: Solution, grid: Grid) -> None:
        """Start at the exact state of time 0."""
        self.exact, self.grid = exact, grid
        problem = manufactured_problem(exact, grid)
        self.backend = cast("NumbaBackend", get_backend("numba", problem, SOLVER))
        self.state = self.backend.initial_state()
        for name, values in zip(SCALES, evaluated(exact.fields, grid, 0.0), strict=True):
            self.state[name] = values
        self.state["stored_electrons"] = self.state["electron_concentration"].copy()
        self.sources = np.zeros((2, *grid.shape))
        self.evaluate = self.backend._evaluate
        self.backend._evaluate = self._evaluate  # type: ignore[method-assign]

    def _evaluate(self, state: State, voltage: float, time_step: float) -> None:
        self.evaluate(state, voltage, time_step)
        self.backend.r[:, 1:-1, :, 1:-1] += (self.grid.cell_volume * self.sources).reshape(2, *self.grid.box_shape)

    def step(self, time_step: float) -> None:
        """Take a step with the sources of its end and with M constant."""
        time = self.state.time + time_step
        *self.sources[:], growth = evaluated(self.exact.sources, self.grid, time)
        self.backend.solve(self.state, time_step, Control("voltage", self.exact.voltage(time)))
        self.backend.advance(self.state, time_step)  # restores nothing: mobility_ratio is 0
        self.backend.restore_profile(self.state["metal_fraction"], MOBILITY * time_step)
        self.state["metal_fraction"] = self.state["metal_fraction"] + time_step * growth


def computed(exact: Solution, cells: tuple[int, ...], steps: int) -> State:
    """Follow a solution to ``DURATION`` on a grid in equal steps."""
    spacing = tuple(length / n for length, n in zip(LENGTHS, cells, strict=False))
    stepper = Sourced(exact, Grid(cells, spacing, exact.lateral))
    for _ in range(steps):
        stepper.step(DURATION / steps)
    stepper.backend.update_fields(stepper.state)
    return stepper.state


# --- the row ------------------------------------------------------------------------------------------------

Errors = dict[str, np.ndarray]  # of each field, for each of several runs


def distance(first: State, second: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the root mean square of what each field differs by, over its scale."""
    return {f: float(np.sqrt(np.mean((first[f] - second[f]) ** 2))) / scale for f, scale in SCALES.items()}


def _stacked(distances: list[dict[str, float]]) -> Errors:
    return {f: np.array([d[f] for d in distances]) for f in SCALES}


def errors_in_space(exact: Solution, base: tuple[int, ...], factors: tuple[float, ...], steps: int) -> Errors:
    """Return the errors at the end on grids of ``factors`` times ``base`` cells, with steps ~ h^2.

    steps : on the base grid.
    """
    found = []
    for factor in factors:
        state = computed(exact, tuple(round(factor * n) for n in base), round(steps * factor**2))
        truth = dict(zip(SCALES, evaluated(exact.fields, state.grid, state.time), strict=True))
        found.append(distance(state, truth))
    return _stacked(found)


def differences_in_time(exact: Solution, cells: tuple[int, ...], steps: tuple[int, ...]) -> Errors:
    """Return what fields differ by at the end between runs of each number of steps and of the next, on one grid."""
    states = [computed(exact, cells, n) for n in steps]
    return _stacked([distance(a, b.arrays) for a, b in pairwise(states)])


def order(errors: np.ndarray, sizes: np.ndarray) -> float:
    """Return the order at which errors fall with sizes, between the last two."""
    return math.log(errors[-1] / errors[-2]) / math.log(sizes[-1] / sizes[-2])


def _panel(label: str, what: str, sizes: np.ndarray, errors: Errors, expected: int) -> Panel:
    """Return errors over sizes, with a line of the expected order along the largest of the last errors."""
    largest = max(e[-1] for e in errors.values())
    slope = Line(f"order {expected}", sizes, largest * (sizes / sizes[-1]) ** expected, True)
    return Panel(label, what, (slope, *(Line(SYMBOLS[f], sizes, e) for f, e in errors.items())), "xy")


@dataclasses.dataclass(frozen=True)
class Series:
    """What is run of one solution: grids of ``factors`` times ``cells``, ``per_grid`` steps on ``cells``.

    ``steps``: numbers of steps of the runs in time, on ``still`` cells.
    """

    dimension: int
    law: ElectronicLaw
    lateral: Lateral
    cells: tuple[int, ...]
    factors: tuple[float, ...]
    per_grid: int
    still: tuple[int, ...]
    steps: tuple[int, ...]


LAWS: tuple[tuple[ElectronicLaw, Lateral], ...] = (("n_type", "periodic"), ("constant", "mirror"))
QUICK = tuple(Series(2, *law, (24, 20), (1.0, 1.5, 2.0), 24, (16, 14), (32, 64, 128)) for law in LAWS)
FULL = (
    *(Series(2, *law, (24, 20), (1.0, 2.0, 3.0, 4.0), 24, (24, 20), (64, 128, 256, 512)) for law in LAWS),
    Series(3, "n_type", "periodic", (24, 14, 16), (1.0, 1.5, 2.0), 16, (16, 10, 12), (32, 64, 128)),
)


def v15(quick: bool = False) -> Row:
    """Return V15: the order at which each field of a manufactured solution converges in space and in time.

    In space with steps ~ h^2, the errors against the solution at the two finest grids; in time on one grid, from runs
    that each take twice the steps of the one before, against each other, with as many steps that the profile's flux
    needs no smaller ones of its own. Root mean squares over all cells.
    """
    checks: list[Check] = []
    panels: list[Panel] = []
    for series in QUICK if quick else FULL:
        exact = solution(series.dimension, series.law, series.lateral)
        what = f"{series.dimension}-D, {series.law}, {series.lateral}"
        spacing = 1e6 * LENGTHS[0] / series.cells[0] / np.array(series.factors)
        space = errors_in_space(exact, series.cells, series.factors, series.per_grid)
        steps = 1e3 * DURATION / np.array(series.steps[:-1])
        time = differences_in_time(exact, series.still, series.steps)
        checks += [
            Check(f"order in space of {SYMBOLS[f]}, {what}", 2.0, order(space[f], spacing), 0.15, False) for f in SCALES
        ]
        checks += [
            Check(f"order in time of {SYMBOLS[f]}, {what}", 1.0, order(time[f], steps), 0.15, False) for f in SCALES
        ]
        panels.append(_panel("Δx [µm], Δt ~ Δx²", f"error, {what}", spacing, space, 2))
        panels.append(_panel("Δt [ms]", f"difference to Δt / 2, {what}", steps, time, 1))
    return Row("V15", "manufactured solution: order 2 in space, 1 in time", tuple(checks), panels=tuple(panels))
