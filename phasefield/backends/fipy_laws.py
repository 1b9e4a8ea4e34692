"""The local laws of the model (M4, M6-M8) for whole arrays: written out again, so that the referee does not copy mistakes."""

from __future__ import annotations

import numpy as np

from phasefield.physics.reaction import EXPONENT_LIMIT
from phasefield.physics.transport import CONDUCTING_FRACTION, IONIC_FLOOR, N_TYPE_CEILING
from phasefield.problem import Reaction

LARGEST_SPREAD = 20.0  # of a potential over one n-type face, in RT/F


def ionic_conductivity(xi: np.ndarray, ceramic: np.ndarray) -> np.ndarray:
    """(M7) Return sigma_i = (1 - xi + 1e-6) sigma_i,SE [S/m]."""
    return (1.0 - xi + IONIC_FLOOR) * ceramic


def metal_conductivity(xi: np.ndarray, metal: float) -> np.ndarray:
    """(M7) Return the metal's share of sigma_e [S/m], linear above xi = 1e-3."""
    return np.maximum(xi - CONDUCTING_FRACTION, 0.0) / (1.0 - CONDUCTING_FRACTION) * metal


def boltzmann(potential: np.ndarray, thermal: float) -> np.ndarray:
    """(M4, M6) Return exp(-F U/RT), cut off above; ``potential`` U and ``thermal`` RT/F [V]."""
    return np.exp(np.minimum(-potential / thermal, np.log(N_TYPE_CEILING)))


def _mean_of_exponential(first: np.ndarray, second: np.ndarray, thermal: float) -> np.ndarray:
    """Return the mean of exp over a line between two potentials, over exp of the middle: sinh(x) / x."""
    x = np.clip((second - first) / thermal, -LARGEST_SPREAD, LARGEST_SPREAD) / 2.0
    return np.where(np.abs(x) > 1e-3, np.sinh(x) / np.where(x == 0.0, 1.0, x), 1.0 + x * x / 6.0)


def n_type_face(
    ionic: tuple[np.ndarray, np.ndarray], electronic: tuple[np.ndarray, np.ndarray], thermal: float
) -> np.ndarray:
    """(M6) Return what multiplies sigma_e,M between two places so that the current is that of Scharfetter and Gummel.

    ionic, electronic : phi_i and phi_e at both places [V].
    """
    middle = 0.5 * (electronic[0] + electronic[1] - ionic[0] - ionic[1])
    return (
        boltzmann(middle, thermal) * _mean_of_exponential(*electronic, thermal) / _mean_of_exponential(*ionic, thermal)
    )


def charge_transfer(eta: np.ndarray, i0: float, law: Reaction, thermal: float) -> tuple[np.ndarray, np.ndarray]:
    """(M8) Return i_dep [A/m^2] and d i_dep / d eta; exponentials go on as straight lines beyond 12."""
    alpha, x = law.transfer_coefficient, eta / thermal
    if law.kinetics == "linear":
        return -i0 * x, np.full_like(x, -i0 / thermal)

    def exponential(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        slope = np.exp(np.minimum(y, EXPONENT_LIMIT))
        return slope * (1.0 + np.maximum(y - EXPONENT_LIMIT, 0.0)), slope

    (plate, up), (strip, down) = exponential(-alpha * x), exponential((1.0 - alpha) * x)
    return i0 * (plate - strip), -i0 / thermal * (alpha * up + (1.0 - alpha) * down)


def overpotential_in_series(
    drop: np.ndarray, conductance: np.ndarray, i0: float, law: Reaction, thermal: float
) -> np.ndarray:
    """Solve -i_dep(eta) = conductance (drop - eta) for eta [V], by Newton's method from eta = drop.

    Charge transfer in series with half a cell of ceramic, ``conductance`` [S/m^2]; ``drop`` falls over both [V].
    """
    eta = drop.copy()
    for _ in range(60):
        current, slope = charge_transfer(eta, i0, law, thermal)
        change = (-current - conductance * (drop - eta)) / (conductance - slope)
        eta = eta - change
        if np.all(np.abs(change) <= 1e-15 * (np.abs(drop) + thermal)):
            break
    return eta
