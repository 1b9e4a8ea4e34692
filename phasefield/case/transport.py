"""[transport]: ions and electrons in the ceramic."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from phasefield.case.quantities import NotNegative, PerVolt, Voltage
from phasefield.schema import Flag, Number, Section, preset


class TransportSection(Section):
    """How charge moves."""

    electronic_law: Literal["constant", "n_type", "fitted"] = Field(
        "constant",
        description="electronic conductivity: constant; n_type, growing as the potential nears the metal's; or fitted to "
        "a measurement against the bias of the cell",
    )
    bias_slope: PerVolt = preset(
        "0 V^-1", description="fitted: σ_e is multiplied by exp(bias_slope (|cell voltage| - bias_reference))"
    )
    bias_reference: Voltage = preset("0 V", description="fitted: bias of the cell at which σ_e was measured")
    capacitance: Flag = Field(True, description="store electrons in the ceramic (relaxes on the Hebb-Wagner time)")
    leakage: Flag = Field(True, description="false: ceramic without electronic conductivity (1e-12 of the ionic one)")
    metal_conductivity_ratio: Annotated[Number, Field(ge=1e2, le=1e6)] = Field(
        1e4, description="cap of the metal's conductivity over the ceramic's ionic one"
    )
    pore_surface_ratio: NotNegative = Field(
        0.0,
        description="electronic conductance along a pore's surface over that along a grain boundary, and trapped "
        "electrons likewise",
        le=1e6,
    )
    pore_conductivity_ratio: Annotated[Number, Field(gt=0.0, le=1.0)] = Field(
        1e-6, description="ionic conductivity of a pore over that of the ceramic"
    )
