"""Fill in the defaults that depend on other sections."""

from __future__ import annotations

import math
from typing import Any

from phasefield.case.model import Case
from phasefield.case.output import OutputSection
from phasefield.case.protocol import ProtocolSection, protocol_faults

FRAMES = 40  # saved fields per run, unless the case says otherwise


def resolve(case: Case) -> Case:
    """Return the case with the defaults filled in that follow from its other keys."""
    updates: dict[str, Any] = {"output": _output(case.output, case.protocol)}
    if case.metal.interface_width is None:
        width = float(f"{1.5 * max(case.grid.cell):.12g}")
        updates["metal"] = case.metal.model_copy(update={"interface_width": width})
    if case.nucleation.radius is None:
        width = updates["metal"].interface_width if "metal" in updates else case.metal.interface_width
        updates["nucleation"] = case.nucleation.model_copy(update={"radius": float(f"{2.0 * width:.12g}")})
    if case.electrodes.counter_interface_resistance is None:
        resistance = case.materials.interface_properties.interface_resistance
        updates["electrodes"] = case.electrodes.model_copy(update={"counter_interface_resistance": resistance})
    if case.reaction.plain:
        off = {key: False for key in ("hysteresis", "reservoir") if key not in case.reaction.model_fields_set}
        updates["reaction"] = case.reaction.model_copy(update=off)
    return case.model_copy(update=updates)


def _output(output: OutputSection, section: ProtocolSection) -> OutputSection:
    given = output.every is not None or output.every_capacity is not None
    if given or any(protocol_faults(section)):  # faults are reported later
        return output
    protocol = section.to_protocol()
    duration, charge = protocol.expected_duration(), protocol.expected_charge()
    if math.isfinite(charge) and (charge == protocol.capacity or not math.isfinite(duration)):
        return output.model_copy(update={"every_capacity": charge / FRAMES})
    return output.model_copy(update={"every": duration / FRAMES}) if math.isfinite(duration) else output
