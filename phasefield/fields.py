"""The table of fields and the state that a simulation carries."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from phasefield.grid import Grid


@dataclass(frozen=True)
class FieldInfo:
    """Describe one field: what people and files call it.

    ``saved``: written to the field files; ``restart``: part of a checkpoint.
    """

    name: str
    symbol: str
    unit: str
    meaning: str
    saved: bool = True
    restart: bool = False

    @property
    def vtk_name(self) -> str:
        """Return the array name in VTK files: the name, then the unit in letters and digits."""
        suffix = {"1": "", "V": "_V", "S/m": "_S_m", "mol/m^3": "_mol_m3", "A/m^3": "_A_m3", "Pa": "_Pa"}
        return self.name + suffix[self.unit]


FIELDS: dict[str, FieldInfo] = {
    f.name: f
    for f in (
        FieldInfo("metal_fraction", "ξ", "1", "1 metal, 0 not metal", restart=True),
        FieldInfo("ionic_potential", "φ_i", "V", "electrochemical potential of M+ over F", restart=True),
        FieldInfo("electronic_potential", "φ_e", "V", "minus electrochemical potential of e- over F", restart=True),
        FieldInfo("potential_vs_metal", "U", "V", "φ_e - φ_i; metal is stable where U < 0"),
        FieldInfo("ion_concentration", "c", "mol/m^3", "mobile M+"),
        FieldInfo("electron_concentration", "n", "mol/m^3", "excess electrons"),
        FieldInfo("ionic_conductivity", "σ_i", "S/m", "of this place, metal included"),
        FieldInfo("electronic_conductivity", "σ_e", "S/m", "of this place, metal included"),
        FieldInfo("deposition_rate", "s", "A/m^3", "charge turned into metal per volume and time, > 0 plates"),
        FieldInfo("ionic_potential_rate", "", "V/s", "of the last step: where the next solve starts from", False, True),
        FieldInfo("electronic_potential_rate", "", "V/s", "of the last step, as the ionic one", False, True),
        FieldInfo("stored_electrons", "N", "mol/m^3", "electrons held by the ceramic of a cell", False, True),
        FieldInfo("nucleus", "", "1", "1 in the balls of nuclei that still form", False, True),
        FieldInfo(
            "nucleation_clock", "", "1", "what is left of the integral of J until a nucleus appears", False, True
        ),
    )
}


@dataclass(frozen=True)
class Nucleus:
    """Metal that appeared inside the ceramic (MODEL M13).

    Parameters
    ----------
    number : from 1, in the order of appearance.
    step, time : at whose end it appeared [s].
    cell, place : index of the ball's middle cell, and the middle of this cell [m].
    site : ``"grain_boundary"``, ``"pore_surface"`` or ``"listed"``.
    potential : U there and then [V]. threshold : U below which the site is driven at all, -(V_m / F) p_acc - eta_nuc [V].
    radius : of the ball [m].
    forming : whether bare ceramic plates in its ball. connected : whether electrons have reached it through metal since.
    """

    number: int
    step: int
    time: float
    cell: tuple[int, ...]
    place: tuple[float, ...]
    site: str
    potential: float
    threshold: float
    radius: float
    forming: bool = True
    connected: bool = False


@dataclass
class Book:
    """What the time loop remembers from step to step, plain numbers: with the state's arrays, all that a restart needs.

    Charges are per cross-section [C/m^2], since the start.

    Parameters
    ----------
    capacity : charge passed, signed; ``throughput`` : not signed.
    leaked : electrons through the counter electrode. reservoir : plated by the electrode's original interface.
    moved : turned over between ions and metal, not signed.
    initial_metal, initial_stored : charge in metal and in stored electrons at the start.
    stage : index of the protocol's stage that comes next; stage_time [s], stage_throughput : when it began.
    next_step : proposed time step [s]. current_density [A/m^2], front_speed [m/s] : of the last step.
    grown_depth [m], grown_throughput : of metal when it last was ``protocol.STALL_GROWTH`` deeper than the last time.
    tip_path : (time [s], penetration depth [m]) of the past, for the tip's speed.
    nuclei : all that ever appeared.
    """

    capacity: float = 0.0
    throughput: float = 0.0
    leaked: float = 0.0
    reservoir: float = 0.0
    moved: float = 0.0
    initial_metal: float = 0.0
    initial_stored: float = 0.0
    stage: int = 0
    stage_time: float = 0.0
    stage_throughput: float = 0.0
    next_step: float = 0.0
    current_density: float = 0.0
    front_speed: float = 0.0
    grown_depth: float = 0.0
    grown_throughput: float = 0.0
    tip_path: list[tuple[float, float]] = field(default_factory=list)
    nuclei: list[Nucleus] = field(default_factory=list)


@dataclass
class State:
    """Hold everything that changes in a simulation, as plain NumPy arrays and numbers.

    Parameters
    ----------
    grid : the grid of every array.
    time : simulated time [s].
    step : number of accepted steps.
    arrays : name (of ``FIELDS``) to array of ``grid.shape``.
    cell_voltage : potential of the counter electrode's metal against the working electrode's [V].
    cell_voltage_rate : of the last step [V/s].
    reservoir_thickness : metal behind the electrode's plane, per column, shape ``grid.shape[1:]`` [m].
    book : what the time loop remembers.
    """

    grid: Grid
    time: float = 0.0
    step: int = 0
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    cell_voltage: float = 0.0
    cell_voltage_rate: float = 0.0
    reservoir_thickness: np.ndarray = field(default_factory=lambda: np.zeros(0))
    book: Book = field(default_factory=Book)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]

    def __setitem__(self, name: str, values: np.ndarray) -> None:
        if values.shape != self.grid.shape:
            raise ValueError(f"{name} has shape {values.shape}, the grid {self.grid.shape}")
        self.arrays[name] = values
