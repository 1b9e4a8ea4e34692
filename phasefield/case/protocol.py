"""[protocol]: what is done to the cell, and when it ends."""

from __future__ import annotations

from pydantic import Field

from phasefield.case.quantities import ChargePerArea, CurrentDensity, PositiveVoltage, Time, Voltage
from phasefield.schema import Flag, Section


class ProtocolSection(Section):
    """One step at constant current or constant voltage."""

    current_density: CurrentDensity | None = Field(
        None, description="constant current, > 0 plates the working electrode", examples=["1 mA/cm^2"]
    )
    voltage: Voltage | None = Field(
        None,
        description="constant voltage of the counter against the working electrode, > 0 plates",
        examples=["50 mV"],
    )
    duration: Time | None = Field(None, description="ends after this time", examples=["30 min"])
    capacity: ChargePerArea | None = Field(
        None, description="ends after this charge per area has passed", examples=["0.3 mAh/cm^2"]
    )
    stop_at_short: Flag = Field(True, description="ends when metal connects the electrodes")
    voltage_limit: PositiveVoltage | None = Field(
        None, description="ends when the magnitude of the cell voltage exceeds this", examples=["500 mV"]
    )
