"""Steps of a protocol: what a case may say, what it amounts to, and what is wrong with it."""

from __future__ import annotations

import math
import tomllib

import pytest

from phasefield.case import Case, case_to_toml, load_case
from phasefield.errors import CaseError, Fault
from phasefield.protocol import Stage
from phasefield.setup import build_protocol

MA, MAH = 10.0, 36000.0


@pytest.fixture
def own(tmp_path):
    """Return a function that loads a case with a protocol of its own."""
    text = load_case("bicrystal").source_text.partition("[protocol]")[0]

    def write(protocol: str, overrides: dict[str, str] | None = None) -> Case:
        path = tmp_path / "own.toml"
        path.write_text(f"{text}\n[protocol]\n{protocol}", encoding="utf-8")
        return load_case(path, overrides)

    return write


@pytest.fixture
def faults(own):
    """Return a function that tells the faults of a protocol by their path."""

    def find(protocol: str, overrides: dict[str, str] | None = None) -> dict[str, Fault]:
        with pytest.raises(CaseError) as caught:
            own(protocol, overrides)
        return {fault.path: fault for fault in caught.value.faults}

    return find


EVERYTHING = """
duration = "10 h"
stop_at_short = false
[[steps]]
current_density = "1 mA/cm^2"
duration = "30 min"
capacity = "0.2 mAh/cm^2"
voltage_limit = "300 mV"
[[steps]]
voltage = "-50 mV"
ramp_to = "0.05 V"
duration = "10 min"
[[steps]]
repeat = 2
current_density_increment = "0.1 mA/cm^2"
steps = [
    { current_density = "0 mA/cm^2", ramp_to = "-0.5 mA/cm^2", duration = "1 min" },
    { rest = true, duration = "2 min" },
    { voltage = "10 mV", capacity = "0.01 mAh/cm^2" },
]
""".replace("[[steps]]", "[[protocol.steps]]")


def test_steps_groups_ramps_and_increments_become_stages_in_si(own) -> None:
    protocol = build_protocol(own(EVERYTHING))
    rest, driven = Stage("current", 0.0, duration=120.0), Stage("voltage", 0.01, capacity=0.01 * MAH)
    assert protocol.stages == (
        Stage("current", 1.0 * MA, duration=1800.0, capacity=pytest.approx(0.2 * MAH), voltage_limit=0.3),
        Stage("voltage", -0.05, 0.05, duration=600.0),
        Stage("current", 0.0, -0.5 * MA, duration=60.0),
        rest,
        driven,
        Stage("current", 0.0, pytest.approx(-0.6 * MA), duration=60.0),
        rest,
        driven,
    )
    assert (protocol.duration, protocol.capacity, protocol.voltage_limit) == (36000.0, math.inf, math.inf)
    assert not protocol.stop_at_short


def test_a_rising_current_keeps_its_signs(own) -> None:
    steps = '{current_density = "0.2 mA/cm^2", duration = "1 h"}, {current_density = "-0.2 mA/cm^2", duration = "1 h"}'
    case = own(f'steps = [{{repeat = 3, current_density_increment = "0.1 mA/cm^2", steps = [{steps}]}}]')
    values = [stage.value / MA for stage in case.protocol.to_protocol().stages]
    assert values == pytest.approx([0.2, -0.2, 0.3, -0.3, 0.4, -0.4])


def test_the_short_form_is_one_stage_that_the_run_ends(own) -> None:
    protocol = build_protocol(own('voltage = "20 mV"\nduration = "1 min"'))
    assert protocol.stages == (Stage("voltage", 0.02),)
    assert protocol.duration == 60.0


def test_steps_survive_the_way_back(own) -> None:
    case = own(EVERYTHING)
    text = case_to_toml(case)
    again = own(text.partition("[protocol]\n")[2])
    assert again == case and case_to_toml(again) == text
    assert tomllib.loads(text)["protocol"]["steps"][1]["ramp_to"] == "0.05 V"


def test_fields_are_saved_forty_times_over_all_steps(own) -> None:
    rest, plate = '{rest = true, duration = "10 min"}', '{current_density = "-1 mA/cm^2", capacity = "0.1 mAh/cm^2"}'
    driven = '{voltage = "10 mV", capacity = "0.3 mAh/cm^2"}'
    assert own(f"steps = [{rest}, {plate}]").output.every == pytest.approx((600.0 + 360.0) / 40)
    assert own(f'duration = "8 min"\nsteps = [{rest}, {plate}]').output.every == pytest.approx(12.0)
    charged = own(f"steps = [{plate}, {driven}]").output
    assert charged.every is None and charged.every_capacity == pytest.approx(0.4 * MAH / 40)
    unknown = own(f"steps = [{rest}, {driven}]").output
    assert unknown.every is None and unknown.every_capacity == pytest.approx(0.3 * MAH / 40)
    dark = own('steps = [{voltage = "10 mV", duration = "10 min"}, {voltage = "1 mV", capacity = "1 mAh/cm^2"}]')
    assert dark.output.every is None and dark.output.every_capacity is None


def test_single_entries_are_changed_by_their_place(own) -> None:
    changes = {
        "protocol.steps[0].current_density": "2 mA/cm^2",
        "protocol.steps[2].repeat": "1",
        "protocol.steps[2].steps[1].duration": "7 min",
    }
    stages = build_protocol(own(EVERYTHING, changes)).stages
    assert len(stages) == 5 and stages[0].value == 2.0 * MA and stages[3].duration == 420.0


@pytest.mark.parametrize(
    ("key", "problem", "right"),
    [
        ("protocol.steps[3].rest", "there is no steps[3]", "3 entries"),
        ("grid.lateral[0].x", "there is no lateral[0]", "not a list"),
        ("protocol.steps.rest", "steps is not a table", "section.key=value"),
        ("grid.size[0].x", "size[0] is not a table", "section.key=value"),
    ],
)
def test_places_that_do_not_exist_are_refused(faults, key, problem, right) -> None:
    found = faults(EVERYTHING, {key: "1"})
    assert found[key].problem == problem and right in found[key].right


FIELDS = """
steps = [
    { voltge = "1 V" },
    { voltage = "1 A", ramp_to = "50 mV" },
    { current_density = "1 mA/cm^2", ramp_to = "3 V" },
    { repeat = 0, steps = [{ rest = 1, repeat = 2 }], current_density_increment = "-1 mA/cm^2" },
    3,
    { voltage = "1 V", ramp_to = "11 V" },
]
"""
FIELD_FAULTS = [
    ("protocol.steps[0].voltge", "unknown key", "did you mean voltage?"),
    ("protocol.steps[1].voltage", "'1 A' is not a voltage", '"50 mV"'),
    ("protocol.steps[2].ramp_to", "'3 V' is not a current density", '"0.5 mA/cm^2"'),
    ("protocol.steps[3].repeat", "0 is out of range", "greater than or equal to 1"),
    ("protocol.steps[3].steps[0].rest", "1 is neither true nor false", "without quotes"),
    ("protocol.steps[3].steps[0].repeat", "unknown key", "known here: current_density, voltage, rest, ramp_to"),
    ("protocol.steps[3].current_density_increment", "'-1 mA/cm^2' is out of range", "more than 0"),
    ("protocol.steps[4]", "3 is not a table", "[[protocol.steps]]"),
    ("protocol.steps[5].ramp_to", "'11 V' is out of range", "at most 10 V"),
]


def test_each_fault_of_a_key_has_its_path(faults) -> None:
    found = faults(FIELDS)
    assert set(found) == {path for path, _, _ in FIELD_FAULTS}
    for path, problem, right in FIELD_FAULTS:
        assert problem in found[path].problem and right in found[path].right, path


STEP, GROUP = "protocol.steps[0]", '{repeat = 2, steps = [{voltage = "1 V", duration = "1 s"}]'
BETWEEN = [
    ('current_density = "1 mA/cm^2"\nsteps = [{rest = true, duration = "1 s"}]', "protocol", "exactly one"),
    ('voltage = "1 V"\ncurrent_density = "1 mA/cm^2"\nduration = "1 s"', "protocol", "exactly one"),
    ('duration = "1 s"', "protocol", "exactly one"),
    ("steps = []", "protocol.steps", "rest = true"),
    ("steps = [{}]", STEP, "exactly one"),
    ('steps = [{voltage = "0 V", rest = true, duration = "1 s"}]', STEP, "exactly one"),
    ('steps = [{rest = false, duration = "1 s"}]', STEP, "exactly one"),
    ("steps = [{rest = true}]", f"{STEP}.duration", "a rest needs it"),
    ('steps = [{rest = true, duration = "1 s", capacity = "1 mAh/cm^2"}]', f"{STEP}.capacity", "leave it out"),
    ('steps = [{rest = true, duration = "1 s", ramp_to = "1 mA/cm^2"}]', f"{STEP}.ramp_to", "leave it out"),
    ('steps = [{rest = true, duration = "1 s", voltage_limit = "1 V"}]', f"{STEP}.voltage_limit", "leave it out"),
    ('steps = [{voltage = "1 V"}]', STEP, 'capacity = "0.1 mAh/cm^2"'),
    ('steps = [{voltage = "1 V", duration = "1 s", voltage_limit = "1 V"}]', f"{STEP}.voltage_limit", "leave it out"),
    ('steps = [{voltage = "1 V", ramp_to = "2 V", capacity = "1 mAh/cm^2"}]', f"{STEP}.duration", "a ramp needs it"),
    ('steps = [{current_density = "0 mA/cm^2", capacity = "1 mAh/cm^2"}]', f"{STEP}.current_density", "a duration"),
    ('steps = [{voltage = "1 V", duration = "1 s", repeat = 3}]', f"{STEP}.repeat", "steps = [{ ... }]"),
    (f'steps = [{GROUP}, voltage = "1 V"}}]', STEP, "into the steps"),
    (f'steps = [{GROUP}, current_density_increment = "1 mA/cm^2"}}]', f"{STEP}.current_density_increment", "leave"),
    ("steps = [{repeat = 2, steps = []}]", f"{STEP}.steps", "at least one"),
    ("steps = [{repeat = 2, steps = [{}]}]", f"{STEP}.steps[0]", "exactly one"),
    ('steps = [{steps = [{voltage = "1 V", duration = "1 s"}]}]', f"{STEP}.repeat", "repeat = 3"),
    (f"steps = [{', '.join([GROUP.replace('2', '6000') + '}'] * 2)}]", "protocol.steps", "at most 10000"),
]


@pytest.mark.parametrize(("protocol", "path", "right"), BETWEEN)
def test_keys_of_a_protocol_that_do_not_fit_together_are_refused(faults, protocol, path, right) -> None:
    assert right in faults(protocol)[path].right
