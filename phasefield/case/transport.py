"""[transport]: ions and electrons in the ceramic."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from phasefield.schema import Flag, Number, Section


class TransportSection(Section):
    """How charge moves."""

    electronic_law: Literal["constant", "n_type"] = Field(
        "constant",
        description="electronic conductivity: constant, or n_type, growing as the potential nears the metal's",
    )
    capacitance: Flag = Field(True, description="store electrons in the ceramic (relaxes on the Hebb-Wagner time)")
    leakage: Flag = Field(True, description="false: ceramic without electronic conductivity (1e-12 of the ionic one)")
    metal_conductivity_ratio: Annotated[Number, Field(ge=1e2, le=1e6)] = Field(
        1e4, description="cap of the metal's conductivity over the ceramic's ionic one"
    )
    pore_conductivity_ratio: Annotated[Number, Field(gt=0.0, le=1.0)] = Field(
        1e-6, description="ionic conductivity of a pore over that of the ceramic"
    )
