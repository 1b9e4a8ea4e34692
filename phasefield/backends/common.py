"""What backends share: the first state, the derived fields, and what residuals are compared with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from phasefield.fields import State
from phasefield.grid import Grid
from phasefield.grid_labels import label_connected
from phasefield.physics import transport
from phasefield.physics.constants import FARADAY, thermal_voltage
from phasefield.physics.reaction import TAIL
from phasefield.problem import Problem

NEWTON_LIMIT = 40
LEAST_CURRENT = 1e-6  # of what RT/F drives through contact and ceramic: what a rest is compared with
LEAST_LEAKAGE = 1e-6  # of the total current: less is not told from round-off in the metal's tail
RATES = ("ionic_potential_rate", "electronic_potential_rate")
AVAILABLE_BELOW = 1e-8  # stripping of the reservoir fades out in its last 10 nm [m]


def initial_state(problem: Problem) -> State:
    """Return the state at time 0: metal in place, all potentials 0, electrons in equilibrium with them."""
    state = State(problem.grid)
    state["metal_fraction"] = problem.initial_metal_fraction.copy()
    for name in ("ionic_potential", "electronic_potential"):
        state[name] = np.zeros(problem.grid.shape)
    state.arrays |= no_rates(problem.grid)
    state["stored_electrons"] = (1.0 - problem.initial_metal_fraction) * problem.ceramic.electrons_at_metal
    state.reservoir_thickness = np.full(problem.grid.shape[1:], problem.reservoir_thickness)
    return state


def no_rates(grid: Grid) -> dict[str, np.ndarray]:
    """Return rates of both potentials that predict no change."""
    return {name: np.zeros(grid.shape, dtype=np.float32) for name in RATES}


def electronic_floor(problem: Problem) -> float:
    """Return the least electronic conductivity of a face [S/m]."""
    return transport.ELECTRONIC_FLOOR * float(problem.ceramic.ionic_conductivity.max())


def bias_factor(problem: Problem, voltage: float) -> float:
    """Return what the law "fitted" multiplies sigma_e of the ceramic with at a cell voltage [V]; 1 for other laws."""
    if problem.electronic_law != "fitted":
        return 1.0
    return transport.fitted_factor(voltage, problem.bias_slope, problem.bias_reference)


def is_capacitive(problem: Problem) -> bool:
    """Tell whether the ceramic stores electrons (M4)."""
    return bool(np.any(problem.ceramic.electrons_at_metal > 0.0))


def reservoir_area(problem: Problem) -> np.ndarray:
    """Return a0 (M11), the reactive area of the electrode's original interface [1/m]; 0 without reservoir."""
    xi = problem.initial_metal_fraction
    q = xi * (1.0 - xi)
    if not (problem.reaction.reservoir and problem.electrode_plane > 0.0):
        return np.zeros(q.shape)
    area = np.where(q >= TAIL, q / problem.metal.interface_width, 0.0)
    return np.where(_is_near_electrode(xi > 0.5, problem.grid), area, 0.0)


def _is_near_electrode(metal: np.ndarray, grid: Grid) -> np.ndarray | bool:
    """Tell which cells are nearer to metal of the electrode than to metal that floats: only the electrode can be pushed back."""
    pieces, count = label_connected(metal, grid.lateral)
    attached = np.unique(pieces[0])
    floating = (pieces > 0) & ~np.isin(pieces, attached)
    if count < 2 or not floating.any():
        return True
    where = ndimage.distance_transform_edt(~metal, sampling=grid.spacing, return_distances=False, return_indices=True)
    return np.asarray(~floating[tuple(where)])


def stored_charge(problem: Problem, state: State) -> float:
    """Return the charge of the stored electrons over the cross-section [C/m^2]."""
    if not is_capacitive(problem):
        return 0.0
    return FARADAY * float(state["stored_electrons"].sum()) * problem.grid.cell_volume / problem.grid.cross_section


def derive_fields(problem: Problem, state: State, source: np.ndarray) -> None:
    """Fill every derived field of a state; ``source`` is s, the deposition rate [A/m^3]."""
    c, xi = problem.ceramic, state["metal_fraction"]
    potential = state["electronic_potential"] - state["ionic_potential"]
    ceiling = np.log(transport.N_TYPE_CEILING)
    factor = np.exp(np.minimum(-potential / thermal_voltage(problem.temperature), ceiling))
    electrons = (1.0 - xi) * c.electrons_at_metal * factor
    ceramic = (c.bulk_electronic_conductivity + c.boundary_electronic_conductivity) * (
        factor if problem.electronic_law == "n_type" else bias_factor(problem, state.cell_voltage)
    )
    metal = transport.metal_electronic_conductivity(xi, problem.metal.electronic_conductivity)
    state["potential_vs_metal"] = potential
    state["electron_concentration"] = electrons
    state["ion_concentration"] = (1.0 - xi) * c.ion_concentration + electrons
    state["ionic_conductivity"] = transport.ionic_conductivity(xi, c.ionic_conductivity)
    state["electronic_conductivity"] = np.maximum(metal + (1.0 - xi) * ceramic, electronic_floor(problem))
    state["deposition_rate"] = source.reshape(state.grid.shape).copy()


class Scales:
    """Say what the residuals of ions and electrons are compared with [A]."""

    def __init__(self, problem: Problem) -> None:
        c, area, length = problem.ceramic, problem.grid.cross_section, problem.grid.lengths[0]
        thermal = thermal_voltage(problem.temperature)
        leaky = float(np.mean(c.bulk_electronic_conductivity + c.boundary_electronic_conductivity))
        # 1 % of what RT/F would drive through the mean ceramic.
        self.least_leakage = 0.01 * max(leaky, electronic_floor(problem)) * thermal / length * area
        resistance = thermal / problem.reaction.exchange_current_density + length / float(c.ionic_conductivity.mean())
        self.least_current = max(self.least_leakage, LEAST_CURRENT * thermal / resistance * area)

    def of(self, target: float, total: float, leakage: float, turnover: float) -> tuple[float, float]:
        """Return the total and the leakage current [A].

        target : imposed current. total, leakage : through the counter electrode, of ions and electrons, of electrons.
        turnover : sum of |s| over all cells. All [A].
        """
        largest = max(abs(target), abs(total), turnover, self.least_current)
        return largest, max(abs(leakage), self.least_leakage, LEAST_LEAKAGE * largest)


def place(grid: Grid, index: Sequence[int]) -> str:
    """Return where a cell lies, for a message."""
    places = ((i + 0.5) * d * 1e6 for i, d in zip(index, grid.spacing, strict=True))
    return ", ".join(f"{axis} = {value:.3g} um" for axis, value in zip("xyz", places, strict=False))


def place_not_finite(grid: Grid, values: np.ndarray) -> str | None:
    """Return where a field is not finite, or None."""
    where = np.argwhere(~np.isfinite(values))
    return place(grid, tuple(where[0])) if len(where) else None


def worst_place(grid: Grid, residual: np.ndarray, scale: float) -> str:
    """Return the largest residual over ``scale`` and where it is, for a message; all [A]."""
    worst = tuple(int(i) for i in np.unravel_index(int(np.abs(residual).argmax()), residual.shape))
    return f"largest residual {abs(residual[worst]) / scale:.3g} of its current at {place(grid, worst)}"
