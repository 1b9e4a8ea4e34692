"""The time loop under a scripted backend: events, steps that are rejected or shortened, failures, accounts."""

from __future__ import annotations

import logging
from itertools import pairwise

import pytest

from phasefield import measures
from phasefield.backends import NotConverged, NotFinite
from phasefield.errors import RunError
from phasefield.problem import Problem
from phasefield.protocol import Protocol, Stage
from phasefield.simulate import COURANT, GROWTH, OVERSHOOT, StepLimits, StepReport, simulate

EVEN = StepLimits(first=2.0, largest=2.0)


def run(problem: Problem, backend, protocol: Protocol, limits: StepLimits = EVEN) -> list[StepReport]:
    reports = []
    for state, report in simulate(problem, backend, protocol, limits):
        assert report.time == state.time and report.step == state.step
        reports.append(report)
        assert len(reports) < 1000
    return reports


def plate(current: float = 10.0, **ends: float) -> Protocol:
    return Protocol(current_density=current, **ends)  # type: ignore[arg-type]


def test_first_report_is_the_initial_state(problem, scripted) -> None:
    backend = scripted()
    first = next(simulate(problem, backend, plate(duration=5.0), EVEN))[1]
    assert (first.time, first.step, first.time_step, first.throughput, first.outcome) == (0.0, 0, 0.0, 0.0, None)
    assert first.fields_due and backend.updates == 1 and backend.tried == []


def test_run_ends_at_its_duration_exactly(problem, scripted) -> None:
    reports = run(problem, scripted(), plate(duration=17.3))
    assert reports[-1].time == pytest.approx(17.3, rel=1e-14)
    assert [r.outcome for r in reports] == [None] * (len(reports) - 1) + ["duration"]
    assert reports[-1].fields_due


@pytest.mark.parametrize("current", [10.0, -10.0])
def test_run_ends_at_its_capacity_whatever_the_sign(problem, scripted, current: float) -> None:
    reports = run(problem, scripted(), plate(current, capacity=333.0))
    assert reports[-1].outcome == "capacity"
    assert reports[-1].throughput == pytest.approx(333.0, rel=1e-12)
    assert reports[-1].capacity == pytest.approx(333.0 * current / 10.0, rel=1e-12)


def test_capacity_is_hit_when_the_current_fades(problem, scripted) -> None:
    backend = scripted(current=lambda state, step: 20.0 / (1.0 + state.time / 20.0))
    reports = run(problem, backend, Protocol(voltage=0.05, capacity=333.0, duration=1e4))
    assert reports[-1].outcome == "capacity"
    assert reports[-1].throughput == pytest.approx(333.0, rel=0.01)


@pytest.mark.parametrize("every", [7.3, 2.5, 10.0, 0.7])
def test_every_output_time_is_hit_once_and_leaves_no_sliver(problem, scripted, every: float) -> None:
    backend = scripted()
    reports = run(problem, backend, plate(duration=50.0, output_every=every))
    expected = [every * k for k in range(int(50.0 / every + 1e-9) + 1)]
    expected += [50.0] if expected[-1] < 50.0 - 1e-9 else []
    assert [r.time for r in reports if r.fields_due] == pytest.approx(expected, rel=1e-12)
    assert backend.updates == len(expected)
    steps = [r.time_step for r in reports[1:-1]]
    assert min(steps) >= 0.5 * min(2.0, every) - 1e-9


def test_every_output_capacity_is_hit_once(problem, scripted) -> None:
    reports = run(problem, scripted(), plate(-10.0, capacity=200.0, output_every_capacity=33.0))
    assert [r.throughput for r in reports if r.fields_due] == pytest.approx([0, 33, 66, 99, 132, 165, 198, 200])


def test_output_capacities_are_hit_once_when_the_current_fades(problem, scripted) -> None:
    backend = scripted(current=lambda state, step: 20.0 / (1.0 + state.time / 20.0))
    protocol = Protocol(voltage=0.05, duration=40.0, output_every_capacity=100.0)
    due = [r.throughput for r in run(problem, backend, protocol, StepLimits(first=0.5, largest=0.5)) if r.fields_due]
    assert due[:-1] == pytest.approx([0.0, 100.0, 200.0, 300.0, 400.0], rel=0.01)


def test_steps_start_small_and_grow_gently(problem, scripted) -> None:
    reports = run(problem, scripted(), plate(duration=100.0), StepLimits(first=1e-3, largest=5.0))
    steps = [r.time_step for r in reports[1:]]
    assert steps[0] == 1e-3
    assert all(after <= GROWTH * before * (1 + 1e-12) for before, after in pairwise(steps))
    assert max(steps) == 5.0


def test_a_step_cut_by_an_event_does_not_slow_what_follows(problem, scripted) -> None:
    reports = run(problem, scripted(), plate(duration=50.0, output_every=8.05))
    after_output = [b.time_step for a, b in pairwise(reports[1:-2]) if a.fields_due]
    assert min(after_output) == 2.0


def test_potentials_that_change_fast_shorten_the_next_step(problem, scripted) -> None:
    backend = scripted(change=lambda state, step: 1.0 if state.time < 1.0 else 0.0)
    reports = run(problem, backend, plate(duration=9.0), StepLimits(first=1.0, largest=2.0))
    assert reports[2].time_step == pytest.approx(0.3)
    assert reports[3].time_step == pytest.approx(0.45)


def test_a_rejected_step_is_halved_until_it_converges(problem, scripted, caplog) -> None:
    backend = scripted(fault=lambda state, step: NotConverged("no") if step > 0.3 else None)
    with caplog.at_level(logging.WARNING, "phasefield"):
        reports = run(problem, backend, plate(duration=2.0))
    assert [step for _, step in backend.tried[:4]] == pytest.approx([2.0, 1.0, 0.5, 0.25])
    assert all(time == 0.0 for time, _ in backend.tried[:4])
    assert reports[1].time_step == 0.25 and not reports[1].fields_due
    assert len(caplog.records) == len(backend.tried) - len(reports) + 1
    assert reports[-1].time == pytest.approx(2.0) and reports[-1].capacity == pytest.approx(20.0)


def test_a_step_that_never_converges_ends_the_run_with_field_and_place(problem, scripted) -> None:
    text = "ionic_potential: largest residual 0.3 of its current at x = 3 um, y = 1 um"
    backend = scripted(fault=lambda state, step: NotConverged(text) if state.time > 3.0 else None)
    with pytest.raises(RunError) as failure:
        run(problem, backend, plate(duration=50.0), StepLimits(smallest=0.01, first=2.0, largest=2.0))
    assert text in str(failure.value) and "0.01 s" in str(failure.value) and "t = 4 s" in str(failure.value)
    assert 0.01 <= min(step for _, step in backend.tried) < 0.02


@pytest.mark.parametrize("while_moving", [False, True], ids=["solve", "advance"])
def test_a_field_that_is_not_finite_ends_the_run_at_once(problem, scripted, while_moving: bool) -> None:
    error = NotFinite("metal_fraction is not finite at x = 3 um, y = 1 um, t = 0 s")
    script = {"fault_when_moving": error} if while_moving else {"fault": lambda state, step: error}
    backend = scripted(**script)
    with pytest.raises(RunError, match="metal_fraction is not finite at x = 3 um, y = 1 um, t = 0 s"):
        run(problem, backend, plate(duration=50.0))
    assert len(backend.tried) == 1


def courant(problem: Problem, speed: float) -> float:
    return COURANT * problem.grid.spacing[0] / speed


def test_a_front_travels_at_most_a_part_of_a_cell_per_step(problem, scripted) -> None:
    reports = run(problem, scripted(speed=lambda state, step: 1e-7), plate(duration=20.0), StepLimits(first=0.1))
    assert max(r.time_step for r in reports) == pytest.approx(courant(problem, 1e-7))


def test_a_front_that_jumps_ahead_is_solved_again_with_a_shorter_step(problem, scripted) -> None:
    """At t = 4 s it runs ten times as fast: the step made for the slow front must not be taken."""
    fast = 5e-7
    backend = scripted(speed=lambda state, step: fast if state.time >= 4.0 else 0.1 * fast)
    reports = run(problem, backend, plate(duration=8.0), StepLimits(first=1.5))
    taken = [r.time_step for a, r in pairwise(reports) if a.time >= 4.0]
    assert max(taken) <= OVERSHOOT * courant(problem, fast)
    again = [times for times in pairwise(backend.tried) if times[0][0] == times[1][0]]
    assert len(again) == 1 and again[0][1][1] == pytest.approx(courant(problem, fast))
    assert reports[-1].time == pytest.approx(8.0, rel=1e-12)


def test_a_slightly_faster_front_is_let_pass(problem, scripted) -> None:
    backend = scripted(speed=lambda state, step: 1.8 * COURANT * 0.5e-6 / step if step == 2.0 else 0.0)
    reports = run(problem, backend, plate(duration=20.0))
    assert len(backend.tried) == len(reports) - 1


def test_no_step_is_shortened_below_the_smallest(problem, scripted) -> None:
    limits = StepLimits(smallest=0.5, first=2.0, largest=2.0)
    backend = scripted(speed=lambda state, step: 1.0 if state.time == 0.0 else 0.0)
    reports = run(problem, backend, plate(duration=4.0), limits)
    assert reports[1].time_step == 0.5


def test_voltage_limit_ends_the_run(problem, scripted) -> None:
    reports = run(
        problem, scripted(voltage=lambda state, step: -0.05 * state.time), plate(duration=50.0, voltage_limit=0.5)
    )
    assert reports[-1].outcome == "voltage_limit" and reports[-1].fields_due
    assert abs(reports[-1].cell_voltage) > 0.5 >= abs(reports[-2].cell_voltage)


def test_a_short_ends_the_run_unless_told_not_to(problem, scripted) -> None:
    """5000 A/m^2 fill 0.67 um/s: metal is in the last cell after 11 to 12 s."""
    for stop, outcome in ((True, "short"), (False, "duration")):
        protocol = plate(5000.0, duration=13.0, stop_at_short=stop)
        last = run(problem, scripted(), protocol, StepLimits(first=0.1, largest=0.1))[-1]
        assert last.outcome == outcome and last.fields_due
        assert 11.0 < last.time < 12.0 or not stop


def test_accounts_of_an_honest_backend_balance(problem, scripted) -> None:
    reports = run(problem, scripted(leaking=0.1, to_reservoir=0.3), plate(1000.0, duration=6.0))
    last = reports[-1]
    assert last.charge_balance_error < 1e-12
    assert last.reservoir_share == pytest.approx(0.3 / 0.9)
    assert last.leakage_current_density == pytest.approx(100.0)
    assert last.capacity == last.throughput == pytest.approx(6000.0)
    assert (last.newton_iterations, last.cg_iterations, last.plane_current_error) == (4, 17, 3e-9)


def test_charge_that_is_lost_shows(problem, scripted) -> None:
    reports = run(problem, scripted(lost=0.02), plate(1000.0, duration=6.0))
    assert reports[-1].charge_balance_error == pytest.approx(0.02, rel=1e-6)


def test_at_rest_only_time_passes(problem, scripted) -> None:
    reports = run(problem, scripted(), plate(0.0, duration=10.0, capacity=100.0, output_every_capacity=5.0))
    assert reports[-1].outcome == "duration" and reports[-1].throughput == 0.0
    assert reports[-1].charge_balance_error == 0.0 and reports[-1].reservoir_share == 0.0


def test_depth_and_volume_of_the_reports_follow_the_metal(problem, scripted) -> None:
    last = run(problem, scripted(), plate(1000.0, duration=8.0))[-1]
    grown = 8000.0 * problem.metal.molar_volume / 96485.33212
    assert last.penetration_depth_connected == pytest.approx(grown, abs=0.6 * problem.grid.spacing[0])
    assert last.metal_volume_connected == pytest.approx(grown, abs=0.6 * problem.grid.spacing[0])
    assert last.penetration_depth_isolated == last.metal_volume_isolated == 0.0


@pytest.mark.parametrize("until", [0.0, 3.0], ids=["never grows", "grows for 3 s"])
def test_a_run_ends_when_metal_gets_no_deeper(problem, scripted, until: float) -> None:
    """Metal grows by 1.35 um/s for a while, then everything is lost; the charge of 2 s is waited for."""
    backend = scripted()
    grow = backend.advance

    def advance(state, step: float) -> None:
        backend.lost = float(state.time >= until)
        grow(state, step)

    backend.advance = advance
    protocol = plate(10_000.0, duration=60.0, stall_capacity=20_000.0)
    last = run(problem, backend, protocol, StepLimits(first=0.05, largest=0.05))[-1]
    assert last.outcome == "stalled"
    when = last.throughput / 10_000.0 - 2.0  # metal last was 0.1 um deeper, which takes 0.074 s and ends with a step
    assert until - 0.074 - 0.05 <= when <= until + 0.05 + 1e-9


def test_the_travel_of_a_front_is_what_was_asked_for(problem, scripted) -> None:
    """More than the default of 0.15 cells, too, and whatever the interface width."""
    for travel in (2e-8, 3e-7):
        limits = StepLimits(first=0.1, travel=travel)
        reports = run(problem, scripted(speed=lambda state, step: 1e-7), plate(duration=40.0), limits)
        assert max(r.time_step for r in reports) == pytest.approx(travel / 1e-7)


@pytest.mark.parametrize("travel", [None, 5e-8])
def test_a_refined_run_takes_every_step_in_as_many(problem, scripted, travel: float | None) -> None:
    """Bounded in turn by growth, change of U, travel and the longest step: a third of it after each time."""

    def steps(refinement: float) -> list[tuple[float, float]]:
        backend = scripted(
            speed=lambda state, step: 2e-8 if state.time > 20.0 else 0.0,
            change=lambda state, step: 1.5e-3 * step if 10.0 < state.time < 20.0 else 0.0,  # 2 mV in 1.3 s
        )
        limits = StepLimits(first=0.03, largest=5.0, travel=travel, refinement=refinement)
        return [(r.time - r.time_step, r.time_step) for r in run(problem, backend, plate(duration=100.0), limits)[1:-3]]

    plain, fine = steps(1.0), steps(3.0)
    assert fine[0][1] == pytest.approx(0.01)
    assert max(step for _, step in fine) == pytest.approx(max(step for _, step in plain) / 3.0)
    assert len(fine) == pytest.approx(3.0 * len(plain), rel=0.12)
    for start, end in ((0.5, 8.0), (14.0, 20.0), (24.0, 90.0)):
        mean = [
            sum(s for t, s in taken if start < t < end) / sum(start < t < end for t, _ in taken)
            for taken in (plain, fine)
        ]
        assert mean[1] == pytest.approx(mean[0] / 3.0, rel=0.25), (start, end)


def test_a_refined_ramp_has_more_steps(problem, scripted) -> None:
    ramp = Protocol(steps=(Stage("current", 0.0, 10.0, duration=100.0),))
    limits = StepLimits(first=2.0, refinement=4.0)
    assert max(r.time_step for r in run(problem, scripted(), ramp, limits)) == pytest.approx(0.5)
    assert max(r.time_step for r in run(problem, scripted(), ramp, StepLimits(first=2.0))) == pytest.approx(2.0)


def test_what_conducts_is_looked_for_once_per_report(problem, scripted, monkeypatch) -> None:
    """It costs far more than all that is measured on it."""
    calls = []
    real = measures.conducting_region
    monkeypatch.setattr(measures, "conducting_region", lambda *arguments: calls.append(1) or real(*arguments))
    reports = run(problem, scripted(), plate(duration=10.0))
    assert len(calls) == len(reports)
