"""Charge transfer M+ + e- <-> M at a metal surface (MODEL M8-M11).

Sign: the overpotential eta = U - U_eq is negative where metal plates, and i_dep > 0 plates. Written with ``math``
and plain branches, so that a backend may compile them.
"""

from __future__ import annotations

import math

from phasefield.physics.constants import FARADAY, thermal_voltage

TAIL = 1e-4  # no reaction where xi (1 - xi) is smaller
LONGEST_SHIFT = 40.0  # of psi in a step by the reaction; only Newton's wilder iterates come there
EXPONENT_LIMIT = 12.0  # |F eta / RT| from which exponentials go on as straight lines (keeps Newton finite)


def exchange_current_density(interface_resistance: float, temperature: float) -> float:
    """Return i0 = RT / (F Z) [A/m^2], Z [ohm m^2]: the slope of i_dep at equilibrium is then -1/Z."""
    return thermal_voltage(temperature) / interface_resistance


def limited_exp(x: float) -> float:
    """Return exp(x), continued by its tangent beyond the limit."""
    if x > EXPONENT_LIMIT:
        return math.exp(EXPONENT_LIMIT) * (1.0 + x - EXPONENT_LIMIT)
    return math.exp(x)


def limited_exp_slope(x: float) -> float:
    """Return the derivative of ``limited_exp``."""
    return math.exp(min(x, EXPONENT_LIMIT))


def deposition_current(
    overpotential: float, exchange_current: float, transfer_coefficient: float, thermal: float, linear: bool
) -> tuple[float, float]:
    """Return (i_dep, d i_dep / d eta): i0 [exp(-alpha F eta/RT) - exp((1-alpha) F eta/RT)], or its tangent at 0.

    overpotential eta [V], exchange_current i0 [A/m^2], transfer_coefficient alpha, thermal RT/F [V]; ``linear``
    keeps the first order only, i_dep = -i0 F eta / RT. Returns [A/m^2] and [A/m^2/V], the slope never positive.
    """
    x = overpotential / thermal
    if linear:
        return -exchange_current * x, -exchange_current / thermal
    a, b = transfer_coefficient, 1.0 - transfer_coefficient
    current = exchange_current * (limited_exp(-a * x) - limited_exp(b * x))
    slope = -exchange_current / thermal * (a * limited_exp_slope(-a * x) + b * limited_exp_slope(b * x))
    return current, slope


def equilibrium_potential(pressure: float, interface_energy: float, curvature: float, molar_volume: float) -> float:
    """Return U_eq = -(V_m / F)(p_acc + gamma K) [V] (M9): metal under pressure or convex needs a more negative U.

    pressure p_acc [Pa], interface_energy gamma [J/m^2], curvature K [1/m] (> 0 convex), molar_volume V_m [m^3/mol].
    """
    return -(molar_volume / FARADAY) * (pressure + interface_energy * curvature)


def deposition_with_hysteresis(
    potential: float,
    plating_equilibrium: float,
    stripping_equilibrium: float,
    exchange_current: float,
    transfer_coefficient: float,
    thermal: float,
    linear: bool,
) -> tuple[float, float]:
    """Return (i_dep, slope) with a dead band (M10): plating below one potential, stripping above the other.

    potential U [V]; plating_equilibrium <= stripping_equilibrium [V]; equal ones give plain kinetics.
    """
    if potential <= plating_equilibrium:
        eta = potential - plating_equilibrium
    elif potential >= stripping_equilibrium:
        eta = potential - stripping_equilibrium
    else:
        return 0.0, 0.0
    return deposition_current(eta, exchange_current, transfer_coefficient, thermal, linear)


def critical_entry_current(pressure: float, interface_resistance: float, molar_volume: float) -> float:
    """Return J* = p_acc V_m / (F Z) [A/m^2]: above it the drop over a flat interface opens this boundary (M9)."""
    return pressure * molar_volume / (FARADAY * interface_resistance)


def smeared_entry_current(
    pressure: float, interface_resistance: float, molar_volume: float, width: float, ionic_conductivity: float
) -> float:
    """Return J* lowered by the diffuse tail: about p_acc (V_m / F) / (Z + 9 l / sigma_i) [A/m^2] (M9)."""
    return pressure * molar_volume / FARADAY / (interface_resistance + 9.0 * width / ionic_conductivity)
