"""Limits of the conductivities and of what follows from them (MODEL M4-M7)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from phasefield.physics import transport
from phasefield.physics.constants import FARADAY, thermal_voltage

THERMAL = thermal_voltage(298.15)


def test_ionic_conductivity_goes_from_ceramic_to_the_floor() -> None:
    assert transport.ionic_conductivity(0.0, 0.046) == pytest.approx(0.046, rel=2e-6)
    assert transport.ionic_conductivity(1.0, 0.046) == pytest.approx(transport.IONIC_FLOOR * 0.046, rel=1e-9)
    assert transport.ionic_conductivity(0.25, 0.046) == pytest.approx(0.75 * 0.046, rel=1e-5)


def test_the_tail_of_metal_does_not_conduct() -> None:
    """Below a cut-off of 1e-3 whatever the cap; above it linear."""
    assert transport.metal_electronic_conductivity(0.0, 460.0) == 0.0
    assert transport.metal_electronic_conductivity(1.0, 460.0) == 460.0
    assert transport.metal_electronic_conductivity(1e-3, 460.0) == 0.0
    assert transport.metal_electronic_conductivity(0.5005, 460.0) == pytest.approx(230.0)


def test_formulas_take_maps_too() -> None:
    xi, ceramic = np.array([0.0, 0.3, 1.0]), np.array([0.05, 0.04, 0.03])
    ions = [transport.ionic_conductivity(float(a), float(b)) for a, b in zip(xi, ceramic, strict=True)]
    np.testing.assert_array_equal(transport.ionic_conductivity(xi, ceramic), ions)
    electrons = [transport.metal_electronic_conductivity(float(a), 460.0) for a in xi]
    np.testing.assert_array_equal(transport.metal_electronic_conductivity(xi, 460.0), electrons)


def test_electrons_follow_boltzmann_up_to_the_ceiling() -> None:
    assert transport.n_type_factor(0.0, THERMAL) == 1.0
    assert transport.n_type_factor(THERMAL * math.log(10.0), THERMAL) == pytest.approx(0.1)
    assert transport.n_type_factor(-THERMAL * math.log(10.0), THERMAL) == pytest.approx(10.0)
    assert transport.n_type_factor(-3.0, THERMAL) == pytest.approx(transport.N_TYPE_CEILING)
    assert transport.n_type_factor(4.0, THERMAL) < 1e-60


def test_a_fit_against_the_bias_of_the_cell_gives_back_what_was_measured() -> None:
    """LLCZN: 1.25e-6 S/m at 0.3 V and 3.59e-6 S/m at 1 V lie on a slope of 1.507 per volt."""
    assert 1.25e-6 * transport.fitted_factor(1.0, 1.507, 0.3) == pytest.approx(3.59e-6, rel=1e-3, abs=0.0)
    assert transport.fitted_factor(0.3, 1.507, 0.3) == 1.0
    assert transport.fitted_factor(0.0, 1.507, 0.3) == pytest.approx(math.exp(-1.507 * 0.3))
    for voltage in (0.02, 0.3, 1.7):
        assert transport.fitted_factor(-voltage, 1.507, 0.3) == transport.fitted_factor(voltage, 1.507, 0.3)
    assert transport.fitted_factor(0.8, 0.0, 0.3) == 1.0, "without a slope it is constant"


def test_diffusivity_is_nernst_einsteins() -> None:
    """sigma_i = F^2 D c / RT, turned around (M5)."""
    diffusivity = transport.ion_diffusivity(0.046, 4.0e4, 298.15)
    assert FARADAY / THERMAL * diffusivity * 4.0e4 == pytest.approx(0.046, rel=1e-12)


def test_relaxation_time_is_the_models() -> None:
    """6.8e3 s x n_M / (mol m^-3) for 100 um at 5.5e-6 S/m (M4)."""
    assert transport.hebb_wagner_time(100e-6, 5.5e-6, 1.0, 298.15) == pytest.approx(6.8e3, rel=0.01)
    quarter = transport.hebb_wagner_time(50e-6, 5.5e-6, 1.0, 298.15)
    assert transport.hebb_wagner_time(100e-6, 5.5e-6, 1.0, 298.15) == pytest.approx(4.0 * quarter)


@pytest.mark.parametrize("dimension", [2, 3])
def test_cubes_of_conducting_walls_give_back_what_was_measured(dimension: int) -> None:
    """Per cell of edge L, D - 1 of D sets of walls (thickness delta) lie along the current."""
    edge, delta, measured = 10e-6, 5e-9, 5.5e-6
    wall = transport.boundary_network_conductivity(measured, dimension, delta, dimension / edge)
    assert wall * (dimension - 1) * delta / edge == pytest.approx(measured)
