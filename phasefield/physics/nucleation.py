"""Metal that appears inside the ceramic, away from other metal (MODEL M13): scalars or arrays in, the same out.

``overpotential`` eta = U + (V_m / F) p_acc is what is left of the potential after metal has made room; it is negative
where metal may appear.
"""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np

from phasefield.physics.constants import AVOGADRO, FARADAY, GAS_CONSTANT

Number = TypeVar("Number", float, np.ndarray)


def nucleation_potential(pressure: Number, overpotential: float, molar_volume: float) -> Number:
    """Return U = -(V_m / F) p_acc - eta_nuc [V], below which a nucleus appears at once.

    pressure p_acc [Pa], overpotential eta_nuc >= 0 [V], molar_volume V_m [m^3/mol].
    """
    return -(molar_volume / FARADAY) * pressure - overpotential


def critical_radius(overpotential: Number, interface_energy: float, molar_volume: float) -> Number:
    """Return r* = 2 gamma V_m / (F |eta|) [m] of a ball that neither grows nor shrinks at eta [V]."""
    return 2.0 * interface_energy * molar_volume / (FARADAY * abs(overpotential))


def nucleation_barrier(overpotential: Number, interface_energy: float, molar_volume: float) -> Number:
    """Return Delta G* = (16 pi gamma^3 / 3) (V_m / (F eta))^2 [J]: the work to make a ball of the critical radius.

    The largest value over r of 4 pi r^2 gamma - (4/3) pi r^3 F |eta| / V_m. overpotential eta [V], gamma [J/m^2].
    """
    return 16.0 * math.pi * interface_energy**3 / 3.0 * (molar_volume / (FARADAY * overpotential)) ** 2


def nucleation_rate(
    overpotential: np.ndarray,
    prefactor: float,
    barrier_factor: float,
    interface_energy: float,
    molar_volume: float,
    temperature: float,
) -> np.ndarray:
    """Return J = J_0 exp(-f_het Delta G* / (k_B T)), 0 where eta >= 0, in the unit of ``prefactor`` J_0 [1/(m^2 s)].

    barrier_factor f_het: what a boundary or a pore's wall leaves of the barrier, 0 to 1. temperature [K].
    """
    driven = np.minimum(overpotential, -1e-12)  # a picovolt: the barrier is finite, the rate 0
    barrier = barrier_factor * nucleation_barrier(driven, interface_energy, molar_volume)
    return np.where(overpotential < 0.0, prefactor * np.exp(-barrier * AVOGADRO / (GAS_CONSTANT * temperature)), 0.0)
