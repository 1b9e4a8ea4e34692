"""A protocol of several stages under the time loop: ends hit, ramps resolved, a state that goes on to the bit."""

from __future__ import annotations

import copy
import logging
from itertools import pairwise

import numpy as np
import pytest

from phasefield.backends import Backend, NotConverged
from phasefield.case import load_case
from phasefield.fields import State
from phasefield.protocol import RAMP_STEPS, Protocol, Stage
from phasefield.run import simulate as simulate_case
from phasefield.simulate import StepLimits, StepReport, simulate
from phasefield.validation.common import backend_for, line_grid, plain_problem, planar_profile, uniform_ceramic

LIMITS = StepLimits(first=0.25, largest=3.0)
PLATE, REST, STRIP = (
    Stage("current", 10.0, duration=17.3),
    Stage("current", 0.0, duration=5.1),
    Stage("current", -10.0, capacity=173.0),
)


def run(problem, backend, protocol: Protocol, limits: StepLimits = LIMITS) -> list[StepReport]:
    return [report for _, report in simulate(problem, backend, protocol, limits)]


def stage_ends(reports: list[StepReport]) -> list[StepReport]:
    """Return the last report of each stage."""
    pairs = pairwise([*reports, None])
    return [a for a, b in pairs if b is None or b.protocol_step != a.protocol_step]  # type: ignore[union-attr]


def test_every_stage_ends_at_its_time_or_charge(problem, scripted) -> None:
    backend = scripted()
    reports = run(problem, backend, Protocol(steps=(PLATE, REST, STRIP)))
    ends = stage_ends(reports)
    assert [r.protocol_step for r in ends] == [1, 2, 3]
    assert [r.time for r in ends] == pytest.approx([17.3, 22.4, 39.7], rel=1e-13)
    assert [r.throughput for r in ends] == pytest.approx([173.0, 173.0, 346.0], rel=1e-13)
    assert all(r.fields_due for r in ends) and backend.updates == 4
    assert [r.outcome for r in reports if r.outcome] == ["completed"] and reports[-1].outcome == "completed"
    assert reports[0].share_done == 0.0 and reports[-1].share_done == 1.0
    assert all(b.share_done > a.share_done for a, b in pairwise(reports))


def test_reversal_brings_the_charge_back_and_the_metal(problem, scripted) -> None:
    cycle = (Stage("current", 1000.0, duration=3.0), REST, Stage("current", -1000.0, duration=3.0))
    reports = run(problem, scripted(), Protocol(steps=cycle * 3), StepLimits(first=0.1, largest=0.1))
    assert abs(reports[-1].capacity) < 1e-9 * reports[-1].throughput
    assert reports[-1].throughput == pytest.approx(18000.0)
    assert max(r.metal_volume_connected for r in reports) > 3e-7
    assert reports[-1].metal_volume_connected == pytest.approx(0.0, abs=1e-12)
    assert reports[-1].charge_balance_error < 1e-12


def test_each_stage_begins_with_a_small_step(problem, scripted) -> None:
    reports = run(problem, scripted(), Protocol(steps=(PLATE, REST, STRIP)))
    first = [b.time_step for a, b in pairwise(reports) if b.step == 1 or b.protocol_step != a.protocol_step]
    assert first == [LIMITS.first] * 3
    assert max(r.time_step for r in reports) > 4.0 * LIMITS.first


def test_a_ramp_is_resolved_and_its_charge_is_the_integral(problem, scripted) -> None:
    ramp = Stage("current", 2.0, 10.0, duration=40.0)
    reports = run(problem, scripted(), Protocol(steps=(REST, ramp, STRIP)))
    own = [r for r in reports if r.protocol_step == 2]
    assert max(r.time_step for r in own) <= 40.0 / RAMP_STEPS * (1.0 + 1e-12)
    middles = [r.time - 0.5 * r.time_step - 5.1 for r in own]
    assert [r.current_density for r in own] == pytest.approx([2.0 + 0.2 * t for t in middles], rel=1e-12)
    assert own[-1].throughput == pytest.approx(240.0, rel=1e-12)
    assert own[-1].throughput == pytest.approx(sum(r.current_density * r.time_step for r in own), rel=1e-12)


def test_a_rejected_step_of_a_ramp_is_solved_with_what_is_due_at_its_new_middle(problem, scripted) -> None:
    backend = scripted(fault=lambda state, step: NotConverged("no") if step > 0.3 else None)
    ramp = Stage("current", 0.0, 10.0, duration=40.0)
    for report in run(problem, backend, Protocol(steps=(ramp,)))[1:]:
        assert report.current_density == pytest.approx((report.time - 0.5 * report.time_step) / 4.0, rel=1e-12)


def test_a_ramp_can_end_by_its_charge(problem, scripted) -> None:
    ramp = Stage("current", 10.0, -10.0, duration=40.0, capacity=120.0)
    last = run(problem, scripted(), Protocol(steps=(ramp,)))[-1]
    assert last.outcome == "completed" and last.time < 40.0
    assert last.throughput == pytest.approx(120.0, rel=1e-12)


def test_a_fading_current_ends_a_voltage_stage_at_its_charge(problem, scripted) -> None:
    backend = scripted(current=lambda state, step: 20.0 / (1.0 + state.time / 20.0) if state.time < 60.0 else None)
    steps = (Stage("voltage", 0.05, capacity=333.0), Stage("voltage", 0.0, duration=2.0))
    ends = stage_ends(run(problem, backend, Protocol(steps=steps)))
    assert ends[0].throughput == pytest.approx(333.0, rel=1e-9)
    assert ends[1].time == pytest.approx(ends[0].time + 2.0, rel=1e-14)


def test_a_voltage_limit_ends_the_stage_and_says_so(problem, scripted, caplog) -> None:
    """The voltage grows with time, and falls at rest."""
    backend = scripted(voltage=lambda state, step: 0.1 * state.time if state.time < 8.0 else 0.0)
    steps = (Stage("current", 10.0, duration=100.0, voltage_limit=0.5), REST)
    with caplog.at_level(logging.INFO, logger="phasefield"):
        reports = run(problem, backend, Protocol(steps=steps))
    ends = stage_ends(reports)
    assert 5.0 < ends[0].time < 9.0 and ends[0].cell_voltage > 0.5
    assert all(abs(r.cell_voltage) <= 0.5 for r in reports if r.protocol_step == 1 and r is not ends[0])
    assert reports[-1].outcome == "completed" and reports[-1].time == pytest.approx(ends[0].time + 5.1)
    assert "step 1 of the protocol ended by its voltage limit" in caplog.text


def test_ends_of_the_run_end_any_stage(problem, scripted) -> None:
    for ends, outcome in (({"duration": 20.0}, "duration"), ({"capacity": 200.0}, "capacity")):
        last = run(problem, scripted(), Protocol(steps=(PLATE, REST, STRIP), **ends))[-1]
        assert last.outcome == outcome
        assert (last.time, last.throughput)[outcome == "capacity"] == pytest.approx(ends[outcome], rel=1e-13)


def test_outputs_go_on_over_the_stages(problem, scripted) -> None:
    due = [r for r in run(problem, scripted(), Protocol(steps=(PLATE, REST, STRIP), output_every=8.0)) if r.fields_due]
    assert [r.time for r in due] == pytest.approx([0.0, 8.0, 16.0, 17.3, 22.4, 24.0, 32.0, 39.7], rel=1e-13)


def test_an_output_at_the_end_of_a_stage_is_one_output(problem, scripted) -> None:
    steps = (Stage("current", 3.0, duration=0.7), REST) * 5
    reports = run(problem, scripted(), Protocol(steps=steps, output_every=5.8 / 3.0, output_every_capacity=2.1))
    assert min(r.time_step for r in reports[1:]) > 0.05, "no sliver"


def test_a_metal_that_floats_counts_as_charge(problem, scripted) -> None:
    backend = scripted()
    states = simulate(problem, backend, Protocol(steps=(REST,)), LIMITS)
    _, first = next(states)
    assert first.dead_charge == 0.0
    backend.advance = lambda state, step: state["metal_fraction"].__setitem__(12, 1.0)  # type: ignore[method-assign]
    _, floating = next(states)
    layer = problem.grid.spacing[0] / problem.metal.molar_volume * 96485.33212
    assert floating.dead_charge == pytest.approx(layer)


# --- going on from a state --------------------------------------------------------------------------------

STAGES = (
    Stage("current", 500.0, duration=2.1),
    Stage("current", 500.0, -700.0, duration=3.0),
    Stage("current", 0.0, duration=1.3),
    Stage("voltage", 0.02, duration=0.9),
    Stage("voltage", 0.03, -0.02, duration=2.0),
    Stage("current", -400.0, capacity=300.0),
    Stage("current", 300.0, duration=9.0, voltage_limit=0.01),
)


def same(one: State, other: State) -> bool:
    alike = all(np.array_equal(values, other.arrays[name]) for name, values in one.arrays.items())
    numbers = (one.time, one.step, one.cell_voltage, one.book) == (
        other.time,
        other.step,
        other.cell_voltage,
        other.book,
    )
    return alike and numbers and np.array_equal(one.reservoir_thickness, other.reservoir_thickness)


def assert_goes_on(problem, make_backend, protocol: Protocol, limits: StepLimits) -> None:
    """Go on from a copy of the state in the middle and at the end of every stage; compare to the bit."""
    whole = [(copy.deepcopy(s), r) for s, r in simulate(problem, make_backend(), protocol, limits)]
    numbers = [report.protocol_step for _, report in whole]
    assert sorted(set(numbers)) == list(range(1, len(protocol.stages) + 1))
    cuts = {k for n in set(numbers) for k in (numbers.index(n), numbers.index(n) + numbers.count(n) // 2)}
    cuts |= {len(numbers) - 1 - numbers[::-1].index(n) for n in set(numbers)}
    for cut in sorted(cuts):
        backend = make_backend()
        backend.initial_state()
        resumed = simulate(problem, backend, protocol, limits, copy.deepcopy(whole[cut][0]))
        number = cut
        for number, (state, report) in enumerate(resumed, start=cut + 1):
            assert report == whole[number][1] and same(state, whole[number][0]), (cut, number)
        assert number == len(whole) - 1


def test_a_scripted_run_goes_on_from_any_stage_to_the_bit(problem, scripted) -> None:
    def make() -> Backend:
        return scripted(
            current=lambda state, step: 200.0 / (1.0 + state.time) if 6.4 <= state.time + 1e-9 < 9.3 else None,
            voltage=lambda state, step: 0.02 if state.time > 14.0 else 0.005,
            change=lambda state, step: 2e-3 * abs(np.sin(state.time)),
            speed=lambda state, step: 1e-7 * abs(np.sin(3.0 * state.time)),
        )

    class Placed:
        """Let the scripted backend find its metal in the state that it is given."""

        def __init__(self) -> None:
            self.inner = make()

        def __getattr__(self, name: str):
            return getattr(self.inner, name)

        def advance(self, state: State, step: float) -> None:
            line = state["metal_fraction"][:, 0]
            self.inner.thickness = float(line.sum()) * problem.grid.spacing[0]
            self.inner.advance(state, step)

    assert_goes_on(problem, Placed, Protocol(steps=STAGES, output_every=1.7), StepLimits(first=1e-2))


def test_a_real_run_goes_on_from_any_stage_to_the_bit() -> None:
    grid = line_grid(12e-6, 24)
    problem = plain_problem(
        grid,
        planar_profile(4e-6 - grid.meshgrid()[0], 0.75e-6),
        width=0.75e-6,
        plane=4e-6,
        ceramic=uniform_ceramic(grid, electronic=5.5e-6, electrons=1.0),
        counter_electrons="contact",
    )
    assert_goes_on(
        problem,
        lambda: backend_for(problem),
        Protocol(steps=STAGES, output_every=1.7),
        StepLimits(first=2e-2),
    )


def test_a_rest_without_leakage_converges():
    overrides = {
        "reaction.plain": "false",
        "transport.leakage": "true",
        "transport.capacitance": "true",
        "protocol": '{ steps = [{current_density = "2 mA/cm^2", duration = "6 s"}, {rest = true, duration = "4 s"}] }',
    }
    *_, (state, report) = simulate_case(load_case("flat_plating", overrides), threads=1)
    assert report.outcome == "completed"
    assert abs(state.cell_voltage) < 1e-6  # nothing flows any more
