"""What rows of the validation table share: their result, and problems made without a case file."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from phasefield.backends import Backend, Tolerances, get_backend
from phasefield.grid import Grid, Lateral
from phasefield.physics.constants import FARADAY
from phasefield.physics.reaction import exchange_current_density
from phasefield.problem import Ceramic, Contact, Kinetics, Metal, PlanarElectrode, Problem, Reaction
from phasefield.protocol import Protocol
from phasefield.simulate import StepLimits, simulate
from postprocess.curves import ALLOWED, Line, Panel

TEMPERATURE = 298.15  # [K]
LITHIUM_VOLUME = 1.30e-5  # [m^3/mol], MODEL 8
LLZO_IONIC = 0.046  # [S/m], MODEL 8
LLZO_ELECTRONIC = 5.5e-6  # [S/m], MODEL 8
LLZO_INTERFACE = 5e-4  # 5 ohm cm^2 [ohm m^2]
ENERGY = 0.5  # [J/m^2]
CURRENT = 10.0  # 1 mA/cm^2 [A/m^2]
FRONT_SPEED = CURRENT * LITHIUM_VOLUME / FARADAY  # of a flat front [m/s]

# "No electronic conduction": with blocking electrodes nothing leaves, and this little moves nothing inside either.
ELECTRONIC_SHARE = 1e-5  # of the ionic conductivity
ELECTRONIC_TOLERANCE = 0.3  # of a leakage current that is next to nothing; tighter ones end in round-off


@dataclass(frozen=True)
class Check:
    """One number of a row: what it should be, what it is, and how far off it may be.

    ``relative``: the error is |measured / reference - 1|, else |measured - reference|.
    """

    what: str
    reference: float
    measured: float
    tolerance: float
    relative: bool = True

    @property
    def error(self) -> float:
        """Return the error as this check counts it."""
        if self.relative:
            return abs(self.measured / self.reference - 1.0)
        return abs(self.measured - self.reference)

    @property
    def passed(self) -> bool:
        """Tell whether the error is a number within the tolerance."""
        return bool(self.error <= self.tolerance)

    @property
    def share(self) -> float:
        """Return the error over the tolerance; infinite if nothing is allowed, or if the error is no number."""
        if self.error == 0.0:
            return 0.0
        return self.error / self.tolerance if self.tolerance > 0.0 and math.isfinite(self.error) else math.inf


@dataclass(frozen=True)
class Row:
    """One row of the validation table, and the panels of its figure: what was computed against the formula."""

    name: str
    target: str
    checks: tuple[Check, ...]
    panels: tuple[Panel, ...] = ()

    @property
    def passed(self) -> bool:
        """Tell whether every check holds."""
        return all(c.passed for c in self.checks)

    def __str__(self) -> str:
        lines = [f"{self.name} {'passed' if self.passed else 'FAILED'}: {self.target}"]
        lines += [
            f"  {'ok ' if c.passed else 'OFF'} {c.what}: reference {c.reference:.7g}, measured {c.measured:.7g}, "
            f"error {c.error:.3g} (allowed {c.tolerance:.3g})"
            for c in self.checks
        ]
        return "\n".join(lines)


def level(name: str, x: np.ndarray, value: float) -> Line:
    """Return a horizontal reference line over the range of ``x``."""
    return Line(name, np.array([np.min(x), np.max(x)]), np.full(2, value), exact=True)


def allowed(x: np.ndarray, middle: float, tolerance: float | np.ndarray) -> tuple[Line, Line]:
    """Return the reference lines that computed values stay between, ``tolerance`` on either side of ``middle``."""
    off = np.broadcast_to(tolerance, x.shape)
    return Line(ALLOWED, x, middle - off, exact=True), Line(ALLOWED, x, middle + off, exact=True)


def shares(checks: Sequence[Check]) -> Panel:
    """Return a panel of errors over tolerances by the number of the check; infinite ones are left out."""
    number = np.arange(1.0, len(checks) + 1.0)
    lines = (level(ALLOWED, number, 1.0), Line("computed", number, np.array([c.share for c in checks])))
    return Panel("number of the check in the table", "error / allowed error", lines)


def planar_profile(distance: np.ndarray, width: float) -> np.ndarray:
    """Return xi = 1 / (1 + exp(-distance / width)), ``distance`` > 0 inside the metal [m]."""
    return 1.0 / (1.0 + np.exp(-np.clip(distance / width, -600.0, 600.0)))


def uniform_ceramic(
    grid: Grid, ionic: float = LLZO_IONIC, electronic: float = 0.0, electrons: float = 0.0, pressure: float = 0.0
) -> Ceramic:
    """Return a single crystal: conductivities [S/m], n_M [mol/m^3], p_acc [Pa], the same everywhere."""
    return Ceramic(
        ionic_conductivity=np.full(grid.shape, ionic),
        bulk_electronic_conductivity=np.full(grid.shape, electronic),
        boundary_electronic_conductivity=np.zeros(grid.shape),
        sheet_resistance=tuple(np.zeros(grid.face_shape(a)) for a in range(len(grid.shape))),
        accommodation_pressure=np.full(grid.shape, pressure),
        accessible_fraction=np.ones(grid.shape),
        collecting_factor=np.ones(grid.shape),
        electrons_at_metal=np.full(grid.shape, electrons),
        ion_concentration=np.full(grid.shape, 4.0e4),
    )


def plain_problem(
    grid: Grid,
    metal_fraction: np.ndarray,
    *,
    ceramic: Ceramic | None = None,
    width: float,
    interface_resistance: float = 5e-4,
    counter_resistance: float | None = None,
    energy: float = 0.0,
    kinetics: Kinetics = "butler_volmer",
    counter_electrons: Contact = "blocking",
    plane: float = 0.0,
    temperature: float = TEMPERATURE,
    metal_ratio: float = 1e4,
    law: str = "constant",
    exchange_current: float | None = None,
    hysteresis: bool = False,
) -> Problem:
    """Return plain electrodeposition (VALIDATION: hysteresis, p_acc and reservoir off, theta = 1)."""
    ceramic = ceramic or uniform_ceramic(grid)
    i0 = exchange_current or exchange_current_density(interface_resistance, temperature)
    i0_counter = i0 if counter_resistance is None else exchange_current_density(counter_resistance, temperature)
    return Problem(
        grid=grid,
        temperature=temperature,
        metal=Metal(LITHIUM_VOLUME, energy, width, metal_ratio * float(ceramic.ionic_conductivity.max())),
        ceramic=ceramic,
        reaction=Reaction(i0, 0.5, kinetics, hysteresis=hysteresis, reservoir=False),
        working_electrode=PlanarElectrode(i0, "contact"),
        counter_electrode=PlanarElectrode(i0_counter, counter_electrons),
        initial_metal_fraction=metal_fraction,
        electrode_plane=plane,
        electronic_law=law,  # type: ignore[arg-type]
    )


def backend_for(problem: Problem, **tolerances: float) -> Backend:
    """Return the default backend with the default tolerances but for those named."""
    return get_backend("numba", problem, Tolerances(**tolerances))


def line_grid(length: float, cells: int) -> Grid:
    """Return a 1-D grid; its one lateral cell is as wide as it is long."""
    return Grid((cells, 1), (length / cells, length / cells))


def box_grid(lengths: tuple[float, float], cells: tuple[int, int], lateral: Lateral = "periodic") -> Grid:
    """Return a 2-D grid of given lengths [m]."""
    return Grid(cells, (lengths[0] / cells[0], lengths[1] / cells[1]), lateral)


def electrons_only(problem: Problem) -> Problem:
    """Return the problem with a counter electrode that takes electrons and blocks ions."""
    return replace(problem, counter_electrode=PlanarElectrode(0.0, "contact"))


def centroid(metal_fraction: np.ndarray, grid: Grid) -> tuple[float, ...]:
    """Return the centre of all metal [m]."""
    total = metal_fraction.sum()
    return tuple(float((metal_fraction * m).sum() / total) for m in grid.meshgrid())


def follow(
    problem: Problem, backend: Backend, protocol: Protocol, first_step: float, measure: Callable[[np.ndarray], float]
) -> tuple[np.ndarray, np.ndarray]:
    """Run to the protocol's end; return times [s] and ``measure(xi)`` after every step."""
    times, values = [], []
    for state, _ in simulate(problem, backend, protocol, StepLimits(first=first_step, smallest=1e-6 * first_step)):
        times.append(state.time)
        values.append(measure(state["metal_fraction"]))
    return np.array(times), np.array(values)
