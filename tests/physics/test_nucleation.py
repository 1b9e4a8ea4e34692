"""Laws of metal that appears inside the ceramic (MODEL M13)."""

from __future__ import annotations

import numpy as np
import pytest

from phasefield.physics.constants import AVOGADRO, FARADAY, GAS_CONSTANT
from phasefield.physics.nucleation import critical_radius, nucleation_barrier, nucleation_potential, nucleation_rate

LITHIUM = 1.3e-5  # V_m [m^3/mol]
ENERGY = 0.5  # gamma [J/m^2]
THERMAL_ENERGY = GAS_CONSTANT * 298.15 / AVOGADRO  # k_B T [J]
DRIVES = [-0.005, -0.05, -0.2]


def work(radius: np.ndarray, overpotential: float, energy: float, molar_volume: float) -> np.ndarray:
    """Return surface minus what the volume gains, 4 pi r^2 gamma - (4/3) pi r^3 F |eta| / V_m [J]."""
    gained = FARADAY * abs(overpotential) / molar_volume
    return 4.0 * np.pi * radius**2 * energy - 4.0 / 3.0 * np.pi * radius**3 * gained


@pytest.mark.parametrize("overpotential", DRIVES)
@pytest.mark.parametrize(("energy", "molar_volume"), [(0.5, 1.3e-5), (0.3, 2.368e-5)])
def test_the_barrier_is_the_largest_work_and_the_critical_radius_where_it_is(
    overpotential: float, energy: float, molar_volume: float
) -> None:
    expected = critical_radius(overpotential, energy, molar_volume)
    radius = np.linspace(0.0, 3.0 * expected, 30001)
    values = work(radius, overpotential, energy, molar_volume)
    assert radius[values.argmax()] == pytest.approx(expected, rel=2e-4, abs=0.0)
    assert values.max() == pytest.approx(nucleation_barrier(overpotential, energy, molar_volume), rel=1e-7, abs=0.0)
    assert values[-1] < 0.0 == values[0], "a rise from nothing, and a fall beyond"


def test_a_free_ball_needs_231_kt_at_200_mv() -> None:
    barrier = nucleation_barrier(-0.2, ENERGY, LITHIUM)
    assert barrier / THERMAL_ENERGY == pytest.approx(231.0, rel=0.005)
    assert nucleation_barrier(-0.1, ENERGY, LITHIUM) == pytest.approx(4.0 * barrier)
    assert nucleation_barrier(-0.2, 2.0 * ENERGY, LITHIUM) == pytest.approx(8.0 * barrier)
    assert critical_radius(-0.2, ENERGY, LITHIUM) == pytest.approx(0.674e-9, rel=1e-3)


def test_10_mv_make_room_against_74_mpa() -> None:
    """U = -(V_m / F) p_acc - eta_nuc."""
    assert nucleation_potential(74e6, 0.0, LITHIUM) == pytest.approx(-0.010, rel=0.005)
    assert nucleation_potential(74e6, 5e-3, LITHIUM) == pytest.approx(-0.015, rel=0.005)
    assert nucleation_potential(0.0, 5e-3, LITHIUM) == -5e-3, "a pore resists with nothing"


def rate(overpotential: np.ndarray | float, factor: float = 5e-4, temperature: float = 298.15) -> np.ndarray:
    return nucleation_rate(np.asarray(overpotential), 1e20, factor, ENERGY, LITHIUM, temperature)


def test_the_rate_is_that_of_classical_nucleation() -> None:
    share = 0.01
    expected = 1e20 * np.exp(-share * nucleation_barrier(-0.2, ENERGY, LITHIUM) / THERMAL_ENERGY)
    assert rate(-0.2, share) == pytest.approx(expected, rel=1e-12)
    assert expected == pytest.approx(1e20 * np.exp(-2.31), rel=0.01)
    assert rate(-0.2, share, 400.0) > 1.5 * expected, "heat helps over the barrier"
    assert rate(-1e-3, 0.0) == 1e20, "without a barrier all tries succeed"


def test_nothing_appears_where_metal_would_dissolve() -> None:
    overpotential = np.array([0.0, 1e-15, 1e-6, 0.05, 10.0])
    for factor in (5e-4, 0.0):
        np.testing.assert_array_equal(rate(overpotential, factor), np.zeros(5))


def test_the_rate_rises_with_the_drive_up_to_the_prefactor() -> None:
    overpotential = -np.geomspace(3e-3, 10.0, 60)
    values = rate(overpotential)
    assert (np.diff(values) > 0.0).all()
    assert values[0] < 1e-150
    assert values[-1] == pytest.approx(1e20, rel=1e-3)
    smallest = rate(-np.geomspace(1e-300, 1e-3, 60))
    assert (smallest == 0.0).all(), "no overflow of the barrier on the way to a drive of zero"


def test_formulas_take_maps_and_give_maps() -> None:
    drive, pressure = np.array(DRIVES).reshape(3, 1), np.array([0.0, 60e6, 1e9])
    for formula in (critical_radius, nucleation_barrier):
        one_by_one = [[formula(float(eta), ENERGY, LITHIUM)] for eta in drive.ravel()]
        np.testing.assert_allclose(formula(drive, ENERGY, LITHIUM), one_by_one, rtol=1e-15)
        assert isinstance(formula(-0.05, ENERGY, LITHIUM), float)
    one_by_one = [nucleation_potential(float(p), 5e-3, LITHIUM) for p in pressure]
    np.testing.assert_array_equal(nucleation_potential(pressure, 5e-3, LITHIUM), one_by_one)
    np.testing.assert_array_equal(rate(drive), [[float(rate(eta))] for eta in drive.ravel()])
