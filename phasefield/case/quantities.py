"""The quantities of a case: their SI unit, the unit in which people read them, and their physical range."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from phasefield.schema import Integer, Number, Quantity

Length = Annotated[float, Quantity("m", "um", "1e-6 um", "1 m", inclusive=True)]
Thickness = Annotated[float, Quantity("m", "um", "0 um", "1 m", inclusive=True)]
CoordinateLength = Annotated[float, Quantity("m", "um", "-1 m", "1 m", inclusive=True)]
UnlimitedThickness = Annotated[float, Quantity("m", "um", "0 um", infinite=True, inclusive=True)]
Opening = Annotated[float, Quantity("m", "nm", "0 nm", "1 m")]
Time = Annotated[float, Quantity("s", minimum="1e-12 s", maximum="1e15 s", inclusive=True)]
Interval = Annotated[float, Quantity("s", minimum="0 s")]
NotNegativeTime = Annotated[float, Quantity("s", minimum="0 s", inclusive=True)]
Temperature = Annotated[float, Quantity("K", minimum="100 K", maximum="1000 K", inclusive=True)]
Angle = Annotated[float, Quantity("rad", "deg", "-90 deg", "90 deg", inclusive=True)]
Pressure = Annotated[float, Quantity("Pa", "MPa", "0 MPa", inclusive=True)]
PositivePressure = Annotated[float, Quantity("Pa", "MPa", "0 MPa")]
CurrentDensity = Annotated[float, Quantity("A/m^2", "mA/cm^2")]
PositiveCurrentDensity = Annotated[float, Quantity("A/m^2", "mA/cm^2", "0 mA/cm^2")]
ChargePerArea = Annotated[float, Quantity("C/m^2", "mAh/cm^2", "1e-15 mAh/cm^2", "1e15 mAh/cm^2", inclusive=True)]
ChargeInterval = Annotated[float, Quantity("C/m^2", "mAh/cm^2", "0 mAh/cm^2")]
Voltage = Annotated[float, Quantity("V", "V", "-10 V", "10 V", inclusive=True)]
PositiveVoltage = Annotated[float, Quantity("V", "mV", "0 V", "10 V")]
SheetResistance = Annotated[float, Quantity("ohm m^2", "ohm cm^2", "0 ohm cm^2")]

Conductivity = Annotated[float, Quantity("S/m", minimum="0 S/m")]
NucleationRate = Annotated[float, Quantity("m^-2 s^-1", minimum="0 m^-2 s^-1")]
PerVolt = Annotated[float, Quantity("V^-1", "V^-1", "-50 V^-1", "50 V^-1", inclusive=True)]

Positive = Annotated[Number, Field(gt=0.0)]
NotNegative = Annotated[Number, Field(ge=0.0)]
Count = Annotated[Integer, Field(ge=0, le=2**31 - 1)]
Share = Annotated[Number, Field(ge=0.0, le=1.0)]
