"""Conductivities and concentrations of ceramic and metal in one cell (MODEL M4-M7)."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np

from phasefield.physics.constants import FARADAY, GAS_CONSTANT

IONIC_FLOOR = 1e-6  # of the ceramic's ionic conductivity, left inside metal: keeps the system definite
ELECTRONIC_FLOOR = 1e-12  # of the ionic conductivity, the least electronic conductivity of ceramic
CONDUCTING_FRACTION = 1e-3  # xi above which metal conducts electrons
FITTED_CEILING = 1e6  # of sigma_e as measured: where a fit to the bias of a cell is cut off
N_TYPE_CEILING = 1e3  # of sigma_e in contact with metal: where n-type conduction is cut off

Number = TypeVar("Number", float, np.ndarray)


def ionic_conductivity(metal_fraction: Number, ceramic: Number) -> Number:
    """Return sigma_i of a cell [S/m] (M7): linear in xi, with the floor."""
    return (1.0 - metal_fraction + IONIC_FLOOR) * ceramic


def metal_electronic_conductivity(metal_fraction: Number, metal: float) -> Number:
    """Return the metal's share of sigma_e of a cell [S/m] (M7): linear in xi above a cut-off.

    The cut-off, not the metal's capped conductivity, says how far into the diffuse tail electrons reach: results do not
    depend on the cap (3e-4 for a factor 100; with xi^3 a factor 10 moved a dendrite's depth by 3.6 %). A cut-off
    at 3e-3 already damps short waves (V5 at 5 um: -7.5 %).
    """
    above = metal_fraction - CONDUCTING_FRACTION
    return 0.5 * (above + abs(above)) / (1.0 - CONDUCTING_FRACTION) * metal


def ion_diffusivity(conductivity: float, concentration: float, temperature: float) -> float:
    """Return D_i = sigma_i RT / (F^2 c) [m^2/s] (M5, Nernst-Einstein)."""
    return conductivity * GAS_CONSTANT * temperature / (FARADAY**2 * concentration)


def n_type_factor(potential: float, thermal: float) -> float:
    """Return exp(-F U/RT), what multiplies n_M (M4) and sigma_e,M (M6), cut off above."""
    return math.exp(min(-potential / thermal, math.log(N_TYPE_CEILING)))


def fitted_factor(voltage: float, slope: float, reference: float) -> float:
    """Return exp(b (|V| - V_ref)): sigma_e at the cell voltage V over that measured at V_ref (M6, ``fitted``), cut off above.

    A fit to what was measured against the bias of a whole cell, slope b [1/V]; it says nothing of a place.
    """
    return math.exp(min(slope * (abs(voltage) - reference), math.log(FITTED_CEILING)))


def hebb_wagner_time(
    length: float, electronic_conductivity: float, electron_concentration: float, temperature: float
) -> float:
    """Return L^2 / D [s], D = sigma_e RT / (F^2 n): how long U takes to relax over ``length`` (M4)."""
    diffusivity = electronic_conductivity * GAS_CONSTANT * temperature / (FARADAY**2 * electron_concentration)
    return length**2 / diffusivity


def boundary_network_conductivity(
    measured: float, dimension: int, thickness: float, boundary_per_volume: float
) -> float:
    """Return sigma_e,gb = sigma_meas D / ((D - 1) delta S_V) [S/m] that gives a sample the measured value (MODEL 7).

    dimension D of the grid (2 or 3), thickness delta [m], boundary_per_volume S_V [1/m].
    """
    return measured * dimension / ((dimension - 1) * thickness * boundary_per_volume)
