"""Laws of the charge-transfer formulas (MODEL M8-M11), over the whole range that a run can meet."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasefield.physics import reaction
from phasefield.physics.constants import FARADAY, GAS_CONSTANT, thermal_voltage

THERMAL = thermal_voltage(298.15)
I0 = 51.4
OVERPOTENTIALS = st.floats(-0.9, 0.9)
ALPHAS = st.floats(0.05, 0.95)
few = settings(max_examples=60, deadline=None, derandomize=True)


def current(eta: float, alpha: float = 0.5, linear: bool = False) -> float:
    return reaction.deposition_current(eta, I0, alpha, THERMAL, linear)[0]


def slope(eta: float, alpha: float = 0.5, linear: bool = False) -> float:
    return reaction.deposition_current(eta, I0, alpha, THERMAL, linear)[1]


def test_thermal_voltage_is_that_of_the_textbook() -> None:
    assert thermal_voltage(298.15) == pytest.approx(25.693e-3, rel=1e-4)
    assert thermal_voltage(600.0) == pytest.approx(2 * thermal_voltage(300.0))


def test_no_current_at_equilibrium() -> None:
    assert current(0.0, 0.3) == 0.0 and current(0.0, linear=True) == 0.0


@few
@given(OVERPOTENTIALS, ALPHAS)
def test_negative_overpotential_plates(eta: float, alpha: float) -> None:
    for linear in (False, True):
        assert current(eta, alpha, linear) * eta <= 0.0
        assert slope(eta, alpha, linear) < 0.0
    assert current(-abs(eta) - 1e-6, alpha) > 0.0


@few
@given(OVERPOTENTIALS, ALPHAS, st.booleans())
def test_slope_is_the_derivative(eta: float, alpha: float, linear: bool) -> None:
    step = 1e-6
    difference = (current(eta + step, alpha, linear) - current(eta - step, alpha, linear)) / (2 * step)
    assert slope(eta, alpha, linear) == pytest.approx(
        difference, rel=1e-4
    )  # 1e-4: beside the kink of the slope's slope


@few
@given(OVERPOTENTIALS)
def test_equal_shares_make_it_odd(eta: float) -> None:
    assert current(-eta) == pytest.approx(-current(eta), rel=1e-13, abs=0.0)


@few
@given(OVERPOTENTIALS, ALPHAS)
def test_exchanging_the_shares_exchanges_plating_and_stripping(eta: float, alpha: float) -> None:
    assert current(-eta, 1.0 - alpha) == pytest.approx(-current(eta, alpha), rel=1e-11, abs=1e-300)


@pytest.mark.parametrize("alpha", [0.2, 0.5, 0.8])
def test_current_is_butler_volmers_and_its_tangent_the_linear_one(alpha: float) -> None:
    for eta in (-0.2, -0.03, 0.004, 0.1):
        x = eta / THERMAL
        assert current(eta, alpha) == pytest.approx(I0 * (math.exp(-alpha * x) - math.exp((1 - alpha) * x)), rel=1e-13)
    assert current(1e-7, alpha) == pytest.approx(current(1e-7, alpha, linear=True), rel=1e-5)
    assert current(0.37, alpha, linear=True) == pytest.approx(-I0 * 0.37 / THERMAL)


def test_tafel_slope_tells_the_transfer_coefficient() -> None:
    """Plating follows alpha: a decade of current per ln(10) RT / (alpha F)."""
    decade = math.log(10.0) * THERMAL / 0.3
    assert current(-0.25 - decade, 0.3) / current(-0.25, 0.3) == pytest.approx(10.0, rel=1e-3)


def test_slope_at_equilibrium_is_the_inverse_interface_resistance() -> None:
    resistance = 5e-4
    i0 = reaction.exchange_current_density(resistance, 298.15)
    assert i0 * resistance == pytest.approx(GAS_CONSTANT * 298.15 / FARADAY, rel=1e-14)
    assert reaction.deposition_current(0.0, i0, 0.3, THERMAL, False)[1] == pytest.approx(-1.0 / resistance, rel=1e-13)


def test_limited_exponential_goes_on_as_its_tangent() -> None:
    limit = reaction.EXPONENT_LIMIT
    for x in (-700.0, -1.0, 0.0, limit - 1e-9, limit):
        assert reaction.limited_exp(x) == math.exp(x) and reaction.limited_exp_slope(x) == math.exp(x)
    assert reaction.limited_exp(limit + 1e-9) == pytest.approx(math.exp(limit), rel=2e-9)
    assert reaction.limited_exp(limit + 5.0) == pytest.approx(6.0 * math.exp(limit))
    assert reaction.limited_exp_slope(limit + 5.0) == math.exp(limit)
    assert math.isfinite(current(-1e6)) and math.isfinite(slope(1e6))


@pytest.mark.parametrize("linear", [False, True])
def test_nothing_happens_between_plating_and_stripping(linear: bool) -> None:
    def law(potential: float) -> tuple[float, float]:
        return reaction.deposition_with_hysteresis(potential, -0.02, 0.003, I0, 0.4, THERMAL, linear)

    for potential in (-0.0199, 0.0, 0.0029):
        assert law(potential) == (0.0, 0.0)
    assert law(-0.02)[0] == law(0.003)[0] == 0.0, "continuous at both ends"
    assert law(-0.05)[0] == pytest.approx(current(-0.03, 0.4, linear), rel=1e-12) and law(-0.05)[0] > 0.0
    assert law(0.03)[0] == pytest.approx(current(0.027, 0.4, linear), rel=1e-12) and law(0.03)[0] < 0.0
    assert law(-0.05)[1] == pytest.approx(slope(-0.03, 0.4, linear), rel=1e-12)


@few
@given(st.floats(-0.3, 0.3), st.floats(-0.1, 0.1))
def test_without_a_dead_band_it_is_plain_kinetics(potential: float, equilibrium: float) -> None:
    both = reaction.deposition_with_hysteresis(potential, equilibrium, equilibrium, I0, 0.5, THERMAL, False)
    assert both == reaction.deposition_current(potential - equilibrium, I0, 0.5, THERMAL, False)


def test_pressure_and_convex_metal_need_a_more_negative_potential() -> None:
    """10 mV for lithium are 74 MPa (MODEL M9); a sphere of radius R has the pressure 2 gamma / R."""
    assert reaction.equilibrium_potential(74.2e6, 0.5, 0.0, 1.30e-5) == pytest.approx(-10e-3, rel=1e-3)
    sphere = reaction.equilibrium_potential(0.0, 0.5, 2.0 / 1e-7, 1.30e-5)
    assert sphere < 0.0 and sphere == pytest.approx(reaction.equilibrium_potential(2 * 0.5 / 1e-7, 0.5, 0.0, 1.30e-5))
    assert reaction.equilibrium_potential(0.0, 0.5, -1e6, 1.30e-5) > 0.0


@pytest.mark.parametrize(
    ("pressure", "resistance", "volume", "expected"),
    [(20e6, 5e-4, 1.30e-5, 5.39), (20e6, 4.1e-4, 2.37e-5, 12.0)],
    ids=["lithium", "sodium"],
)
def test_critical_entry_current_is_the_models(
    pressure: float, resistance: float, volume: float, expected: float
) -> None:
    """Li, 20 MPa, 5 ohm cm2: 0.54 mA/cm2; Na, 4.1 ohm cm2: 1.20 mA/cm2 (MODEL M9)."""
    critical = reaction.critical_entry_current(pressure, resistance, volume)
    assert critical == pytest.approx(expected, rel=3e-3)
    drop = reaction.equilibrium_potential(pressure, 0.0, 0.0, volume)
    assert critical * resistance == pytest.approx(-drop), "J* Z is what must drop over a flat interface"


def test_diffuse_tail_lowers_the_entry_current() -> None:
    sharp = reaction.critical_entry_current(60e6, 5e-4, 1.30e-5)
    assert reaction.smeared_entry_current(60e6, 5e-4, 1.30e-5, 1e-15, 0.046) == pytest.approx(sharp, rel=1e-8)
    smeared = reaction.smeared_entry_current(60e6, 5e-4, 1.30e-5, 0.6e-6, 0.046)
    assert sharp / smeared == pytest.approx(1.0 + 9 * 0.6e-6 / 0.046 / 5e-4)
