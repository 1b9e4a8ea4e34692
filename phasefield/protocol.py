"""What drives the cell over time, and when a run ends."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["short", "capacity", "duration", "voltage_limit"]


@dataclass(frozen=True)
class Protocol:
    """Hold one constant current density or voltage until the first of several ends.

    Parameters
    ----------
    current_density : [A/m^2], > 0 plates the working electrode; or None.
    voltage : of the counter electrode against the working electrode [V]; or None. One of the two is given.
    duration : [s]. capacity : charge passed, whatever its sign [C/m^2]. Either may be infinite.
    voltage_limit : the run ends when |cell voltage| exceeds it [V].
    output_every : time between saved fields [s]; output_every_capacity : charge between them [C/m^2].
    """

    current_density: float | None = None
    voltage: float | None = None
    duration: float = math.inf
    capacity: float = math.inf
    stop_at_short: bool = True
    voltage_limit: float = math.inf
    output_every: float = math.inf
    output_every_capacity: float = math.inf

    def __post_init__(self) -> None:
        if (self.current_density is None) == (self.voltage is None):
            raise ValueError("a protocol needs either a current density or a voltage")

    def time_to(self, capacity: float, current_density: float) -> float:
        """Return how long ``current_density`` [A/m^2] takes to pass ``capacity`` [C/m^2]; inf at rest."""
        return capacity / abs(current_density) if current_density != 0.0 else math.inf

    def next_event(self, time: float, throughput: float, current_density: float) -> float:
        """Return when the next saved field or the end is due, at the present current [s]."""
        events = [self.duration, time + self.time_to(self.capacity - throughput, current_density)]
        if math.isfinite(self.output_every):
            events.append((_count(self.output_every, time) + 1) * self.output_every)
        if math.isfinite(self.output_every_capacity):
            due = (_count(self.output_every_capacity, throughput) + 1) * self.output_every_capacity
            events.append(time + self.time_to(due - throughput, current_density))
        return min(events)

    def output_due(self, time: float, throughput: float, later: float, larger: float) -> bool:
        """Return whether a saved field is due between two moments: after the first, not after the second."""
        return _passed(self.output_every, time, later) or _passed(self.output_every_capacity, throughput, larger)

    def outcome(self, time: float, throughput: float, cell_voltage: float, short: bool) -> Outcome | None:
        """Return why the run ends now, or None."""
        if short and self.stop_at_short:
            return "short"
        if throughput >= self.capacity * (1.0 - 1e-9):
            return "capacity"
        if time >= self.duration * (1.0 - 1e-9):
            return "duration"
        if abs(cell_voltage) > self.voltage_limit:
            return "voltage_limit"
        return None


def _count(interval: float, value: float) -> int:
    """Return how many intervals ``value`` completes, within round-off."""
    return math.floor(value / interval + 1e-9)


def _passed(interval: float, before: float, after: float) -> bool:
    return math.isfinite(interval) and _count(interval, after) > _count(interval, before)
