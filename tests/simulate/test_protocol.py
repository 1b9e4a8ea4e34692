"""When the next event of a protocol is due, why a stage or a run ends, and how long it takes."""

from __future__ import annotations

import math

import pytest

from phasefield.fields import Book
from phasefield.protocol import Protocol, Stage


def passed(throughput: float, current_density: float = 0.0, **position: float) -> Book:
    return Book(throughput=throughput, current_density=current_density, **position)  # type: ignore[arg-type]


def test_a_current_or_a_voltage_or_steps() -> None:
    steps = (Stage("current", 1.0),)
    for wrong in ({}, {"current_density": 1.0, "voltage": 0.1}, {"voltage": 0.0, "steps": steps}):
        with pytest.raises(ValueError, match="either a current density or a voltage or steps"):
            Protocol(**wrong)


def test_the_nearest_event_comes_first() -> None:
    ends = {"duration": 100.0, "capacity": 120.0, "output_every": 25.0, "output_every_capacity": 60.0}
    for sign in (1.0, -1.0):
        held = Protocol(current_density=sign * 2.0, **ends)  # type: ignore[arg-type]
        assert held.next_event(0.0, passed(0.0)) == 25.0
        assert held.next_event(26.0, passed(52.0)) == pytest.approx(30.0), "60 C/m^2 after 30 s"
        assert held.next_event(55.0, passed(110.0)) == pytest.approx(60.0), "the end: 120 C/m^2"
    driven = Protocol(voltage=0.1, **ends)  # type: ignore[arg-type]
    assert driven.next_event(55.0, passed(110.0, -5.0)) == pytest.approx(57.0), "at the current of the step before"
    assert driven.next_event(99.0, passed(0.0, 0.0)) == 100.0


def test_ends_of_a_stage_count_from_its_beginning() -> None:
    steps = (Stage("current", 0.0, duration=10.0), Stage("current", -2.0, duration=100.0, capacity=60.0))
    protocol = Protocol(steps=steps, duration=500.0)
    assert protocol.next_event(3.0, passed(7.0)) == 10.0
    here = passed(7.0, stage=1, stage_time=10.0, stage_throughput=7.0)
    assert protocol.next_event(10.0, here) == pytest.approx(40.0)
    assert protocol.next_event(30.0, passed(7.0, stage=1, stage_time=10.0, stage_throughput=7.0)) == pytest.approx(60.0)


def test_nothing_asked_for_is_never_due() -> None:
    assert Protocol(voltage=0.1).next_event(3.0, passed(5.0, 1.0)) == math.inf


@pytest.mark.parametrize("every", [0.1, 1.0 / 3.0, 7.0, 1234.5])
def test_after_an_output_the_next_one_is_due(every: float) -> None:
    """Also when the time of the last one was summed up with round-off."""
    protocol = Protocol(current_density=1.0, output_every=every)
    time = 0.0
    for k in range(1, 500):
        for off in (1.0 - 1e-13, 1.0, 1.0 + 1e-13):
            assert protocol.next_event(time * off, Book()) == pytest.approx(k * every, rel=1e-12)
        time = protocol.next_event(time, Book())


def test_reasons_to_end_and_their_order() -> None:
    protocol = Protocol(current_density=1.0, duration=10.0, capacity=20.0, voltage_limit=0.3)
    assert protocol.outcome(9.0, passed(19.0), 0.3, False) is None
    assert protocol.outcome(9.0, passed(19.0), -0.31, False) == "voltage_limit"
    assert protocol.outcome(10.0, passed(19.0), 1.0, False) == "duration"
    assert protocol.outcome(10.0 * (1.0 - 1e-12), passed(0.0), 0.0, False) == "duration", "round-off does not miss it"
    assert protocol.outcome(10.0, passed(20.0), 1.0, False) == "capacity"
    assert protocol.outcome(10.0, passed(20.0), 1.0, True) == "short"
    assert Protocol(current_density=1.0, stop_at_short=False).outcome(1.0, passed(1.0), 0.0, True) is None


def test_a_run_stalls_when_charge_has_passed_since_metal_last_grew() -> None:
    protocol = Protocol(current_density=2.0, capacity=100.0, stall_capacity=30.0)
    here = {"grown_depth": 1e-6, "grown_throughput": 40.0}
    assert protocol.outcome(0.0, passed(69.0, **here), 0.0, False) is None
    assert protocol.outcome(0.0, passed(70.0, **here), 0.0, False) == "stalled"
    assert protocol.outcome(0.0, passed(100.0, grown_depth=1e-6, grown_throughput=70.0), 0.0, False) == "capacity"
    assert protocol.next_event(30.0, passed(60.0, **here)) == pytest.approx(35.0), "10 C/m^2 later"


def test_a_run_is_completed_when_its_stages_are_through() -> None:
    protocol = Protocol(steps=(Stage("voltage", 0.1, duration=5.0),), duration=10.0)
    assert protocol.outcome(5.0, passed(1.0), 0.1, False) is None
    assert protocol.outcome(5.0, passed(1.0, stage=1), 0.1, False) == "completed"
    assert protocol.outcome(10.0, passed(1.0, stage=1), 0.1, False) == "duration"


def test_reasons_to_end_a_stage() -> None:
    stage = Stage("current", 1.0, duration=10.0, capacity=20.0, voltage_limit=0.3)
    begun = {"stage_time": 1e6, "stage_throughput": 1e7}
    assert stage.end(1e6 + 9.9, passed(1e7 + 19.9, **begun), -0.3) is None
    assert stage.end(1e6 + 9.9, passed(1e7 + 19.9, **begun), -0.31) == "voltage_limit"
    assert stage.end(1e6 + 10.0, passed(1e7, **begun), 0.4) == "duration"
    assert stage.end(1e6 + 10.0, passed(1e7 + 20.0, **begun), 0.4) == "capacity"
    brief = Stage("current", 1.0, duration=1e-3)
    late = math.nextafter(1e6 + 1e-3, 0.0)
    assert brief.end(late, passed(1e7, **begun), 0.0) == "duration", "the last digit of a late time does not miss it"


@pytest.mark.parametrize(
    ("first", "last"), [(0.0, 8.0), (8.0, 0.0), (6.0, -2.0), (-6.0, 2.0), (-1.0, -9.0), (5.0, 5.0)]
)
def test_a_ramp_says_how_long_the_step_to_a_charge_is(first: float, last: float) -> None:
    """The current of a step is that at its end; the charge of the shortest such step is the one asked for."""
    ramp = Stage("current", first, last, duration=40.0)
    assert (ramp.applied(0.0), ramp.applied(40.0), ramp.applied(10.0)) == (first, last, 0.75 * first + 0.25 * last)
    assert ramp.largest_step == 0.8 and ramp.largest_imposed == max(abs(first), abs(last))
    for elapsed in (0.0, 13.0):
        for charge in (1e-3, 4.0, 30.0):
            step = ramp.time_to(charge, elapsed, 99.0)
            assert abs(ramp.applied(elapsed + 0.5 * step)) * step == pytest.approx(charge, rel=1e-9)
            shorter = [step * k / 1000.0 for k in range(1, 1000)]
            assert all(abs(ramp.applied(elapsed + 0.5 * s)) * s < charge for s in shorter)


def test_times_and_charges_that_are_known_beforehand() -> None:
    hour = 3600.0
    held = Stage("current", -10.0, capacity=7200.0)
    crossing = Stage("current", 10.0, -30.0, duration=hour)
    assert (held.expected_duration(), held.expected_charge()) == (720.0, 7200.0)
    assert crossing.expected_duration() == hour
    steps = 100_000
    summed = sum(abs(crossing.applied((k + 0.5) / steps * hour)) for k in range(steps)) * hour / steps
    assert crossing.expected_charge() == pytest.approx(summed, rel=1e-6)
    assert Stage("current", 0.0, duration=hour).expected_charge() == 0.0
    driven = Stage("voltage", 0.1, capacity=720.0)
    assert (driven.expected_duration(), driven.expected_charge()) == (math.inf, 720.0)
    assert driven.expected_duration(2.0) == 360.0
    assert Stage("voltage", 0.1, duration=10.0).expected_charge() == math.inf
    assert Stage("voltage", 0.1, duration=10.0).expected_charge(2.0) == 20.0


def test_a_run_is_as_long_as_its_stages_or_its_own_end() -> None:
    steps = (Stage("current", 10.0, duration=100.0), Stage("current", 0.0, duration=50.0))
    assert Protocol(steps=steps).expected_duration() == 150.0
    assert Protocol(steps=steps, duration=120.0).expected_duration() == 120.0
    assert Protocol(steps=steps).expected_charge() == 1000.0
    assert Protocol(steps=steps, capacity=400.0).expected_charge() == 400.0
    held = Protocol(current_density=-10.0, duration=100.0, capacity=500.0)
    assert (held.expected_duration(), held.expected_charge()) == (50.0, 500.0)


def test_the_share_that_is_done() -> None:
    steps = (Stage("current", 10.0, duration=100.0), Stage("current", 0.0, duration=300.0))
    protocol = Protocol(steps=steps)
    assert protocol.share_done(0.0, Book()) == 0.0
    assert protocol.share_done(50.0, Book()) == 0.125
    assert protocol.share_done(90.0, passed(0.0, stage=1, stage_time=60.0)) == pytest.approx(0.325), "ended early"
    assert protocol.share_done(400.0, passed(0.0, stage=2, stage_time=400.0)) == 1.0
    unknown = Protocol(steps=(Stage("voltage", 0.1, capacity=50.0), *steps))
    assert unknown.share_done(7.0, passed(25.0)) == pytest.approx(1.0 / 6.0), "stages count alike"
    held = Protocol(current_density=10.0, duration=100.0, capacity=500.0)
    assert held.share_done(20.0, passed(200.0)) == 0.4
