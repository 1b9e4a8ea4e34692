"""[protocol]: what is done to the cell, and when it ends."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_serializer, field_validator

from phasefield.case.quantities import (
    ChargePerArea,
    CurrentDensity,
    PositiveCurrentDensity,
    PositiveVoltage,
    Time,
    Voltage,
)
from phasefield.errors import Fault
from phasefield.protocol import Protocol, Stage
from phasefield.schema import Flag, Integer, Quantity, Section

MOST_STAGES = 10_000
_CURRENT, _VOLTAGE = Quantity("A/m^2", "mA/cm^2"), Quantity("V", "V", "-10 V", "10 V", inclusive=True)


class ProtocolStep(Section):
    """A current density, a voltage or a rest; it ends at the first of its ends, and the next step begins."""

    current_density: CurrentDensity | None = Field(
        None, description="current, > 0 plates the working electrode", examples=["1 mA/cm^2"]
    )
    voltage: Voltage | None = Field(
        None, description="voltage of the counter against the working electrode, > 0 plates", examples=["50 mV"]
    )
    rest: Flag | None = Field(None, description="no current")
    ramp_to: float | None = Field(
        None,
        description="what current_density or voltage has become after duration, changing linearly; default: it stays",
    )
    duration: Time | None = Field(None, description="the step ends after this time", examples=["30 min"])
    capacity: ChargePerArea | None = Field(
        None, description="the step ends after this charge per area, whatever its sign", examples=["0.1 mAh/cm^2"]
    )
    voltage_limit: PositiveVoltage | None = Field(
        None, description="the step ends when the magnitude of the cell voltage exceeds this", examples=["500 mV"]
    )

    @field_validator("ramp_to", mode="plain", json_schema_input_type=CurrentDensity | None)
    @classmethod
    def _read_ramp(cls, value: Any, info: ValidationInfo) -> float | None:
        """Read it in the unit of what the step imposes."""
        if value is None or "voltage" not in info.data:  # a voltage that is none is a fault already
            return None
        return _imposed(info.data["voltage"]).read(value)

    @field_serializer("ramp_to", when_used="json-unless-none")
    def _write_ramp(self, value: float) -> str:
        return _imposed(self.voltage).write(value)

    @property
    def drives(self) -> list[str]:
        """Return which of the keys that say what is imposed are given; a current of 0 is one."""
        values = {"current_density": self.current_density, "voltage": self.voltage, "rest": self.rest or None}
        return [key for key, value in values.items() if value is not None]

    def to_stage(self, increment: float = 0.0) -> Stage:
        """Return the stage; ``increment`` is added to the magnitude of its currents [A/m^2]."""
        ends = (_or_never(self.duration), _or_never(self.capacity), _or_never(self.voltage_limit))
        if self.voltage is not None:
            return Stage("voltage", self.voltage, self.ramp_to, *ends)
        ramp_to = None if self.ramp_to is None else _grown(self.ramp_to, increment)
        return Stage("current", _grown(self.current_density or 0.0, increment), ramp_to, *ends)


class ProtocolEntry(ProtocolStep):
    """A step, or a group of steps that is repeated."""

    repeat: Annotated[Integer, Field(ge=1, le=MOST_STAGES)] | None = Field(
        None, description="how often the steps of this group are done", examples=[3]
    )
    current_density_increment: PositiveCurrentDensity | None = Field(
        None,
        description="what each repetition adds to the magnitude of every current of the group; 0 stays 0",
        examples=["0.1 mA/cm^2"],
    )
    steps: tuple[ProtocolStep, ...] | None = Field(
        None, description="steps of a group, one after the other; then only repeat and the increment stand beside it"
    )


class ProtocolSection(Section):
    """One current or voltage for the whole run, or steps; and what ends the run."""

    current_density: CurrentDensity | None = Field(
        None, description="constant current, > 0 plates the working electrode", examples=["1 mA/cm^2"]
    )
    voltage: Voltage | None = Field(
        None,
        description="constant voltage of the counter against the working electrode, > 0 plates",
        examples=["50 mV"],
    )
    steps: tuple[ProtocolEntry, ...] | None = Field(
        None, description="steps and groups of steps, one after the other, instead of one current or voltage"
    )
    duration: Time | None = Field(None, description="the run ends after this time", examples=["30 min"])
    capacity: ChargePerArea | None = Field(
        None, description="the run ends after this charge per area, whatever its sign", examples=["0.3 mAh/cm^2"]
    )
    stop_at_short: Flag = Field(True, description="the run ends when metal connects the electrodes")
    voltage_limit: PositiveVoltage | None = Field(
        None, description="the run ends when the magnitude of the cell voltage exceeds this", examples=["500 mV"]
    )
    stall_capacity: ChargePerArea | None = Field(
        None,
        description="the run ends when this charge has passed without metal getting 0.1 um deeper",
        examples=["0.1 mAh/cm^2"],
    )

    def to_protocol(self) -> Protocol:
        """Return the protocol, groups written out; when fields are saved is not its own business."""
        return Protocol(
            current_density=self.current_density,
            voltage=self.voltage,
            steps=tuple(stage for entry in self.steps or () for stage in _stages(entry)),
            duration=_or_never(self.duration),
            capacity=_or_never(self.capacity),
            stop_at_short=self.stop_at_short,
            voltage_limit=_or_never(self.voltage_limit),
            stall_capacity=_or_never(self.stall_capacity),
        )


def _stages(entry: ProtocolEntry) -> Iterator[Stage]:
    if entry.steps is None:
        yield entry.to_stage()
        return
    for repetition in range(entry.repeat or 1):
        for step in entry.steps:
            yield step.to_stage(repetition * (entry.current_density_increment or 0.0))


def _imposed(voltage: float | None) -> Quantity:
    return _CURRENT if voltage is None else _VOLTAGE


def _grown(current_density: float, increment: float) -> float:
    """Return a current density whose magnitude is larger by ``increment``; 0 stays 0."""
    return current_density + math.copysign(increment, current_density) if current_density else 0.0


def _or_never(value: float | None) -> float:
    return math.inf if value is None else value


# --- faults between keys ----------------------------------------------------------------------------------


def protocol_faults(protocol: ProtocolSection) -> Iterator[Fault]:
    """Yield every fault between the keys of a protocol."""
    given = [key for key in ("current_density", "voltage", "steps") if getattr(protocol, key) is not None]
    if len(given) != 1:
        problem = f"gives {' and '.join(given) or 'none'} of current_density, voltage and steps"
        yield Fault("protocol", problem, 'give exactly one, for example current_density = "1 mA/cm^2"')
    if protocol.steps is not None:
        yield from _steps_faults(protocol.steps)
        return
    if protocol.duration is None and protocol.capacity is None:
        right = 'give duration = "30 min", capacity = "0.3 mAh/cm^2", or both'
        yield Fault("protocol", "gives no end of the run", right)
    if protocol.current_density == 0.0 and protocol.duration is None:
        yield Fault("protocol.current_density", "no current never reaches a capacity", "give a duration")


def _steps_faults(entries: tuple[ProtocolEntry, ...]) -> Iterator[Fault]:
    if not entries:
        yield Fault("protocol.steps", "the list is empty", 'give for example [{ rest = true, duration = "10 min" }]')
    for index, entry in enumerate(entries):
        path = f"protocol.steps[{index}]"
        yield from _group_faults(entry, path) if entry.steps is not None else _entry_faults(entry, path)
    number = sum((entry.repeat or 1) * len(entry.steps or (entry,)) for entry in entries)
    if number > MOST_STAGES:
        yield Fault("protocol.steps", f"{number} steps, repetitions counted", f"take at most {MOST_STAGES}")


def _group_faults(group: ProtocolEntry, path: str) -> Iterator[Fault]:
    own = [key for key in ProtocolStep.model_fields if getattr(group, key) is not None]
    if own:
        yield Fault(path, f"gives steps and {', '.join(own)}", "put what is imposed and its ends into the steps")
    if not group.steps:
        yield Fault(f"{path}.steps", "the list is empty", "give at least one step")
    if group.repeat is None:
        yield Fault(f"{path}.repeat", "missing", "say how often the steps are done, for example repeat = 3")
    increment, steps = group.current_density_increment, group.steps or ()
    currents = (step.to_stage().largest_imposed for step in steps if step.voltage is None)
    if increment is not None and not any(currents):
        yield Fault(f"{path}.current_density_increment", "the group has no current to grow", "leave it out")
    for index, step in enumerate(steps):
        yield from _step_faults(step, f"{path}.steps[{index}]")


def _entry_faults(entry: ProtocolEntry, path: str) -> Iterator[Fault]:
    for key in ("repeat", "current_density_increment"):
        if getattr(entry, key) is not None:
            yield Fault(f"{path}.{key}", "belongs to a group", "put what is repeated into steps = [{ ... }]")
    yield from _step_faults(entry, path)


def _step_faults(step: ProtocolStep, path: str) -> Iterator[Fault]:
    if len(step.drives) != 1:
        problem = f"gives {' and '.join(step.drives) or 'none'} of current_density, voltage and rest"
        yield Fault(path, problem, 'give exactly one, for example current_density = "1 mA/cm^2"')
    elif "rest" in step.drives:
        yield from _rest_faults(step, path)
    else:
        yield from _end_faults(step, path)


def _rest_faults(step: ProtocolStep, path: str) -> Iterator[Fault]:
    for key in ("ramp_to", "capacity", "voltage_limit"):
        if getattr(step, key) is not None:
            yield Fault(f"{path}.{key}", "a rest has a duration only", "leave it out")
    if step.duration is None:
        yield Fault(f"{path}.duration", "missing", 'a rest needs it, for example duration = "10 min"')


def _end_faults(step: ProtocolStep, path: str) -> Iterator[Fault]:
    if step.voltage is not None and step.voltage_limit is not None:
        yield Fault(f"{path}.voltage_limit", "the step imposes the voltage itself", "leave it out")
    if step.ramp_to is not None and step.duration is None:
        yield Fault(f"{path}.duration", "missing", 'a ramp needs it, for example duration = "10 min"')
    elif step.duration is None and step.capacity is None:
        right = 'give duration = "30 min", capacity = "0.1 mAh/cm^2", or both'
        yield Fault(path, "gives neither duration nor capacity", right)
    elif step.current_density == 0.0 and step.ramp_to is None and step.duration is None:
        yield Fault(f"{path}.current_density", "no current never reaches a capacity", "give a duration")
