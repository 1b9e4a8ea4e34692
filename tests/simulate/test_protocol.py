"""When the next event of a protocol is due, and why a run ends."""

from __future__ import annotations

import math

import pytest

from phasefield.protocol import Protocol


def test_either_a_current_or_a_voltage() -> None:
    for both in ({}, {"current_density": 1.0, "voltage": 0.1}):
        with pytest.raises(ValueError, match="either a current density or a voltage"):
            Protocol(**both)


def test_the_nearest_event_comes_first() -> None:
    protocol = Protocol(
        current_density=2.0, duration=100.0, capacity=120.0, output_every=25.0, output_every_capacity=60.0
    )
    assert protocol.next_event(0.0, 0.0, 2.0) == 25.0
    assert protocol.next_event(26.0, 52.0, 2.0) == pytest.approx(30.0), "60 C/m^2 after 30 s"
    assert protocol.next_event(55.0, 110.0, 2.0) == pytest.approx(60.0), "the end: 120 C/m^2"
    assert protocol.next_event(55.0, 110.0, -5.0) == pytest.approx(57.0), "the sign does not matter"
    assert protocol.next_event(99.0, 0.0, 0.0) == 100.0


def test_nothing_asked_for_is_never_due() -> None:
    assert Protocol(voltage=0.1).next_event(3.0, 5.0, 1.0) == math.inf


@pytest.mark.parametrize("every", [0.1, 1.0 / 3.0, 7.0, 1234.5])
def test_after_an_output_the_next_one_is_due(every: float) -> None:
    """Also when the time of the last one was summed up with round-off."""
    protocol = Protocol(current_density=1.0, output_every=every)
    time = 0.0
    for k in range(1, 500):
        for off in (1.0 - 1e-13, 1.0, 1.0 + 1e-13):
            assert protocol.next_event(time * off, 0.0, 1.0) == pytest.approx(k * every, rel=1e-12)
        time = protocol.next_event(time, 0.0, 1.0)


def test_reasons_to_end_and_their_order() -> None:
    protocol = Protocol(current_density=1.0, duration=10.0, capacity=20.0, voltage_limit=0.3)
    assert protocol.outcome(9.0, 19.0, 0.3, False) is None
    assert protocol.outcome(9.0, 19.0, -0.31, False) == "voltage_limit"
    assert protocol.outcome(10.0, 19.0, 1.0, False) == "duration"
    assert protocol.outcome(10.0 * (1.0 - 1e-12), 0.0, 0.0, False) == "duration", "round-off does not miss the end"
    assert protocol.outcome(10.0, 20.0, 1.0, False) == "capacity"
    assert protocol.outcome(10.0, 20.0, 1.0, True) == "short"
    assert Protocol(current_density=1.0, stop_at_short=False).outcome(1.0, 1.0, 0.0, True) is None
