"""What drives the cell over time, and when a run ends."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from phasefield.fields import Book

Outcome = Literal["short", "capacity", "duration", "voltage_limit", "stalled", "completed"]
StageEnd = Literal["capacity", "duration", "voltage_limit"]

STALL_GROWTH = 0.1e-6  # depth that metal must gain for a run to go on, if it may stall [m]
RAMP_STEPS = 50  # time steps that resolve a ramp, at least


@dataclass(frozen=True)
class Stage:
    """Hold a current density or a voltage, or ramp it linearly, until the first of several ends; a rest is no current.

    Parameters
    ----------
    kind : what is imposed.
    value : current density [A/m^2], > 0 plates the working electrode; or the counter electrode's voltage against the
        working electrode [V].
    ramp_to : what ``value`` has become after ``duration``, which is finite then; None: it stays.
    duration : [s]. capacity : charge passed in this stage, whatever its sign [C/m^2]. Either may be infinite.
    voltage_limit : the stage ends when |cell voltage| exceeds it [V].
    """

    kind: Literal["current", "voltage"]
    value: float
    ramp_to: float | None = None
    duration: float = math.inf
    capacity: float = math.inf
    voltage_limit: float = math.inf

    @property
    def slope(self) -> float:
        """Return how fast the imposed value changes [its unit per s]."""
        return 0.0 if self.ramp_to is None else (self.ramp_to - self.value) / self.duration

    @property
    def largest_step(self) -> float:
        """Return the longest time step that resolves the stage [s]."""
        return self.duration / RAMP_STEPS if self.ramp_to is not None else math.inf

    @property
    def largest_imposed(self) -> float:
        """Return the largest magnitude of what is imposed [A/m^2 or V]."""
        return max(abs(self.value), abs(self.ramp_to or 0.0))

    def applied(self, elapsed: float) -> float:
        """Return the value that is due ``elapsed`` seconds after the stage began; a time step has that of its middle."""
        return self.value + self.slope * elapsed

    def time_to(self, charge: float, elapsed: float, current_density: float) -> float:
        """Return how long one time step must be to pass ``charge`` [C/m^2], whatever its sign; inf if it never does.

        The step begins ``elapsed`` seconds after the stage did. An imposed current is that of the step's
        middle; under an imposed voltage ``current_density`` [A/m^2], that of the step before, is taken to go on.
        """
        if not math.isfinite(charge):
            return math.inf
        if self.kind == "voltage":
            return _ratio(charge, abs(current_density))
        now, slope = self.applied(elapsed), self.slope
        if slope == 0.0:
            return _ratio(charge, abs(now))
        roots = (root for signed in (charge, -charge) for root in _step_lengths(0.5 * slope, now, signed))
        return min((root for root in roots if root > 0.0), default=math.inf)

    def end(self, time: float, book: Book, cell_voltage: float) -> StageEnd | None:
        """Return why the stage, the one that ``book`` stands at, ends now; or None."""
        if _reached(book.throughput, book.stage_throughput, self.capacity):
            return "capacity"
        if _reached(time, book.stage_time, self.duration):
            return "duration"
        return "voltage_limit" if abs(cell_voltage) > self.voltage_limit else None

    def share_done(self, elapsed: float, passed: float) -> float:
        """Return how much of the stage is done after ``elapsed`` seconds and ``passed`` C/m^2 [1]."""
        return min(1.0, max(elapsed / self.duration, passed / self.capacity))

    def expected_duration(self, under_voltage: float | None = None) -> float:
        """Return how long the stage takes at most [s]; inf if that is not known.

        ``under_voltage``: |current density| that an imposed voltage is expected to drive [A/m^2], if that is known.
        """
        if self.kind == "current" and self.slope:
            return self.duration
        current = under_voltage or 0.0 if self.kind == "voltage" else abs(self.value)
        return min(self.duration, _ratio(self.capacity, current))

    def expected_charge(self, under_voltage: float | None = None) -> float:
        """Return the charge that passes at most, whatever its sign [C/m^2]; inf if that is not known. See above."""
        if self.kind == "voltage":
            mean = math.inf if under_voltage is None else under_voltage
        else:
            mean = _mean_magnitude(self.value, self.value if self.ramp_to is None else self.ramp_to)
        return min(self.capacity, mean * self.duration if mean else 0.0)


@dataclass(frozen=True)
class Protocol:
    """Do one stage after the other until they are through, or until the first end of the run.

    One of the first three is given; a single current density or voltage is held until the run ends. Where a run stands
    in its protocol is in the ``Book`` of its state.

    Parameters
    ----------
    current_density : [A/m^2], > 0 plates the working electrode. voltage : of the counter electrode against the
        working electrode [V]. steps : stages, one after the other.
    duration : of the run [s]. capacity : charge passed in the run, whatever its sign [C/m^2]. Either may be infinite.
    stop_at_short : the run ends when metal connects the electrodes.
    voltage_limit : the run ends when |cell voltage| exceeds it [V].
    stall_capacity : the run ends when this charge has passed without ``STALL_GROWTH`` of depth gained [C/m^2].
    output_every : time between saved fields [s]; output_every_capacity : charge between them [C/m^2]. They are also
        saved at the end of every stage.
    """

    current_density: float | None = None
    voltage: float | None = None
    steps: tuple[Stage, ...] = ()
    duration: float = math.inf
    capacity: float = math.inf
    stop_at_short: bool = True
    voltage_limit: float = math.inf
    stall_capacity: float = math.inf
    output_every: float = math.inf
    output_every_capacity: float = math.inf

    def __post_init__(self) -> None:
        if (self.current_density is not None) + (self.voltage is not None) + bool(self.steps) != 1:
            raise ValueError("a protocol needs either a current density or a voltage or steps")

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Return the stages, at least one."""
        if self.current_density is not None:
            return (Stage("current", self.current_density),)
        return (Stage("voltage", self.voltage),) if self.voltage is not None else self.steps

    def next_event(self, time: float, book: Book) -> float:
        """Return when the next saved field, the end of the stage or of the run is due, as far as is known now [s]."""
        stage = self.stages[book.stage]
        times = [self.duration, book.stage_time + stage.duration]
        charges = [self.capacity - book.throughput, book.grown_throughput + self.stall_capacity - book.throughput]
        charges += [book.stage_throughput + stage.capacity - book.throughput]
        if math.isfinite(self.output_every):
            times.append((_count(self.output_every, time) + 1) * self.output_every)
        if math.isfinite(self.output_every_capacity):
            due = (_count(self.output_every_capacity, book.throughput) + 1) * self.output_every_capacity
            charges.append(due - book.throughput)
        return min(*times, time + stage.time_to(min(charges), time - book.stage_time, book.current_density))

    def output_due(self, time: float, throughput: float, later: float, larger: float) -> bool:
        """Return whether a saved field is due between two moments: after the first, not after the second."""
        return _passed(self.output_every, time, later) or _passed(self.output_every_capacity, throughput, larger)

    def outcome(self, time: float, book: Book, cell_voltage: float, short: bool) -> Outcome | None:
        """Return why the run ends now, or None."""
        if short and self.stop_at_short:
            return "short"
        if _reached(book.throughput, 0.0, self.capacity):
            return "capacity"
        if _reached(time, 0.0, self.duration):
            return "duration"
        if abs(cell_voltage) > self.voltage_limit:
            return "voltage_limit"
        if _reached(book.throughput, book.grown_throughput, self.stall_capacity):
            return "stalled"
        return "completed" if book.stage >= len(self.stages) else None

    def share_done(self, time: float, book: Book) -> float:
        """Return how much of the run is done, by its own ends or by its stages, whichever is more [1]."""
        if book.stage >= len(self.stages):
            return 1.0
        elapsed, passed = time - book.stage_time, book.throughput - book.stage_throughput
        inside = self._weights[book.stage] * self.stages[book.stage].share_done(elapsed, passed)
        by_stages = (sum(self._weights[: book.stage]) + inside) / sum(self._weights)
        return min(1.0, max(time / self.duration, book.throughput / self.capacity, by_stages))

    def expected_duration(self, under_voltage: float | None = None) -> float:
        """Return how long the run takes at most [s]; see ``Stage``."""
        return min(self.duration, sum(stage.expected_duration(under_voltage) for stage in self._bounded))

    def expected_charge(self, under_voltage: float | None = None) -> float:
        """Return the charge that passes at most, whatever its sign [C/m^2]; see ``Stage``."""
        return min(self.capacity, sum(stage.expected_charge(under_voltage) for stage in self._bounded))

    @property
    def _bounded(self) -> tuple[Stage, ...]:
        """Return the stages; one that only the run ends has the ends of the run."""
        return self.steps or (replace(self.stages[0], duration=self.duration, capacity=self.capacity),)

    @cached_property
    def _weights(self) -> list[float]:
        """Return the share of the run that each stage counts for: its duration, or 1 where not all are known."""
        durations = [stage.expected_duration() for stage in self.stages]
        return durations if all(map(math.isfinite, durations)) else [1.0] * len(durations)


def _ratio(charge: float, current_density: float) -> float:
    return charge / current_density if current_density != 0.0 else math.inf


def _step_lengths(slope: float, now: float, charge: float) -> tuple[float, ...]:
    """Return the real solutions t of (now + slope t) t = charge."""
    discriminant = now * now + 4.0 * slope * charge
    if discriminant < 0.0:
        return ()
    q = -0.5 * (now + math.copysign(math.sqrt(discriminant), now))  # the sum that does not cancel
    return (q / slope, -charge / q) if q != 0.0 else (0.0,)


def _mean_magnitude(first: float, last: float) -> float:
    """Return the mean of |x| while x goes linearly from ``first`` to ``last``."""
    if first * last >= 0.0:
        return 0.5 * abs(first + last)
    return 0.5 * (first * first + last * last) / abs(last - first)


def _reached(value: float, start: float, length: float) -> bool:
    """Return whether ``value`` has come ``length`` from ``start``, within round-off of both."""
    end = start + length
    return math.isfinite(end) and value >= end - max(1e-9 * length, 4.0 * math.ulp(end))


def _count(interval: float, value: float) -> int:
    """Return how many intervals ``value`` completes, within round-off."""
    return math.floor(value / interval + 1e-9)


def _passed(interval: float, before: float, after: float) -> bool:
    return math.isfinite(interval) and _count(interval, after) > _count(interval, before)
