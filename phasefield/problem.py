"""What a backend needs to know of a run: maps and numbers in SI, no case keys, no units, no files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from phasefield.grid import Grid

Kinetics = Literal["butler_volmer", "linear"]
ElectronicLaw = Literal["constant", "n_type"]
Contact = Literal["contact", "blocking"]


@dataclass(frozen=True)
class Reaction:
    """Charge transfer between ceramic and metal (MODEL M8-M11).

    ``hysteresis``: plating pays the accommodation pressure, stripping does not get it back.
    ``reservoir``: the electrode's original interface also plates and strips, and moves no metal fraction.
    """

    exchange_current_density: float  # i0 [A/m^2]
    transfer_coefficient: float = 0.5
    kinetics: Kinetics = "butler_volmer"
    hysteresis: bool = True
    reservoir: bool = True


@dataclass(frozen=True)
class PlanarElectrode:
    """A metal electrode that is a face of the box: charge transfer for ions, contact for electrons."""

    exchange_current_density: float  # i0 [A/m^2]
    electrons: Contact = "contact"


@dataclass(frozen=True)
class Metal:
    """The alkali metal and the numerics of its interface (MODEL M9, M12)."""

    molar_volume: float  # V_m [m^3/mol]
    interface_energy: float  # gamma [J/m^2]
    interface_width: float  # l of xi = (1 - tanh(x / 2 l)) / 2 [m]
    electronic_conductivity: float  # of the metal, capped [S/m]
    mobility_ratio: float = 3.0  # profile velocity M over the largest front speed


@dataclass(frozen=True)
class Ceramic:
    """Maps of the ceramic, each of ``grid.shape`` unless said otherwise; constant in time.

    ``sheet_resistance``: per axis, on faces (``grid.face_shape(axis)``), the ionic resistance of a grain
    boundary crossed by this face times |n|_1 [ohm m^2]; 0 where there is none.
    """

    ionic_conductivity: np.ndarray  # sigma_i of the ceramic [S/m]
    bulk_electronic_conductivity: np.ndarray  # sigma_e without grain boundaries [S/m]
    boundary_electronic_conductivity: np.ndarray  # f (delta/w) sigma_gb [S/m]
    sheet_resistance: tuple[np.ndarray, ...]
    accommodation_pressure: np.ndarray  # p_acc [Pa]
    accessible_fraction: np.ndarray  # theta, volume of metal per volume of cell
    collecting_factor: np.ndarray  # l_a / w, multiplies the reactive area
    electrons_at_metal: np.ndarray  # n_M [mol/m^3]; all zero: no capacitance
    ion_concentration: np.ndarray  # c_0 [mol/m^3]


@dataclass(frozen=True)
class Problem:
    """One run without its protocol.

    ``initial_metal_fraction`` is the working electrode (and seeds). ``electrode_plane`` is its original
    surface [m]; 0 means that the working electrode is itself a face of the box (no metal inside).
    ``reservoir_thickness``: metal behind the plane that may be stripped before the electrode is exhausted [m].
    """

    grid: Grid
    temperature: float  # [K]
    metal: Metal
    ceramic: Ceramic
    reaction: Reaction
    working_electrode: PlanarElectrode
    counter_electrode: PlanarElectrode
    initial_metal_fraction: np.ndarray
    electrode_plane: float  # [m]
    electronic_law: ElectronicLaw = "constant"
    reservoir_thickness: float = np.inf  # [m]
