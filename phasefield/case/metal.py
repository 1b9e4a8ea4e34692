"""[metal]: numerics of the metal's diffuse surface."""

from __future__ import annotations

from pydantic import Field

from phasefield.case.quantities import Length, Positive
from phasefield.schema import Section, preset


class MetalSection(Section):
    """The diffuse surface of the metal."""

    interface_width: Length = preset(
        None,
        description="ℓ of the profile ½[1 - tanh(x/2ℓ)]; default: 1.5 cells of the largest spacing",
        validate_default=False,
        examples=["0.6 um"],
    )
    mobility_ratio: Positive = Field(3.0, description="profile velocity over the largest front speed, 1 to 3", le=10.0)
