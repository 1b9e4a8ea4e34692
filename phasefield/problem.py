"""What a backend needs to know of a run: maps and numbers in SI, no case keys, no units, no files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from phasefield.grid import Grid

Kinetics = Literal["butler_volmer", "linear"]
ElectronicLaw = Literal["constant", "n_type", "fitted"]
NucleationLaw = Literal["listed", "deterministic", "poisson"]

SITES = ("none", "grain_boundary", "pore_surface")
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
class Nucleation:
    """Where, when and how metal appears inside the ceramic (MODEL M13).

    A nucleus is a ball in which bare ceramic plates, too, until metal fills half of it.

    ``law``: ``"deterministic"``: where U is more than ``overpotential`` below what the place resists with, the most
    driven site first, one per step; ``"poisson"``: at random, with the rate of ``nucleation_rate``; ``"listed"``: never
    by itself. ``listed`` nuclei, (time [s], place [m]), sorted by time, come in addition.
    """

    law: NucleationLaw
    site: np.ndarray  # ``grid.shape``: 0 where no nucleus may appear, else a place in ``SITES``
    site_area: np.ndarray  # of grain boundary or pore surface in a cell [m^2], ``grid.shape``
    radius: float  # of the ball [m]
    overpotential: float = 0.0  # eta_nuc [V]
    prefactor: float = 0.0  # J_0 [1/(m^2 s)]
    barrier_factor: float = 1.0  # f_het
    seed: int = 1
    listed: tuple[tuple[float, tuple[float, ...]], ...] = ()


@dataclass(frozen=True)
class Problem:
    """One run without its protocol.

    ``initial_metal_fraction`` is the working electrode (and seeds). ``electrode_plane`` is its original
    surface [m]; 0 means that the working electrode is itself a face of the box (no metal inside).
    ``reservoir_thickness``: metal behind the plane that may be stripped before the electrode is exhausted [m].
    ``bias_slope`` b and ``bias_reference`` V_ref belong to the law ``"fitted"``: the ceramic's sigma_e times
    exp(b (|V| - V_ref)), V the cell voltage.
    ``nucleation``: None if metal grows from the electrode alone.
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
    bias_slope: float = 0.0  # [1/V]
    bias_reference: float = 0.0  # [V]
    reservoir_thickness: float = np.inf  # [m]
    nucleation: Nucleation | None = None
