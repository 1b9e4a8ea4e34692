"""[electrodes]: the metal on both sides."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from phasefield.case.quantities import Length, SheetResistance, Thickness, UnlimitedThickness
from phasefield.schema import Number, Section, preset


class RoughnessSection(Section):
    """A random rough surface of the working electrode; its mean stays where a flat one would be."""

    rms: Length = Field(description="root mean square of the height", examples=["0.5 um"])
    correlation_length: Length = Field(description="lateral size of hills and valleys", examples=["8 um"])
    hurst: Annotated[Number, Field(gt=0.0, le=1.0)] | None = Field(
        None,
        description="exponent of a self-affine surface; default: a Gaussian spectrum, smooth below the correlation length",
    )


class ProtrusionSection(Section):
    """A smooth hill of metal on the working electrode."""

    place: tuple[Thickness, ...] = Field(
        description="where across the current: y, in 3-D y and z", examples=[["24 um"]]
    )
    height: Length = Field(description="height above the electrode's plane", examples=["3 um"])
    width: Length = Field(description="full width at its foot", examples=["6 um"])


class MetalSeedSection(Section):
    """A ball of metal inside the ceramic, in a pore of its own."""

    place: tuple[Thickness, ...] = Field(
        description="where, one length per axis of the grid", examples=[["30 um", "24 um"]]
    )
    radius: Length = Field(description="radius of the ball", examples=["1.5 um"])


class ElectrodesSection(Section):
    """Working electrode at x = 0, where metal plates; counter electrode at the far end."""

    working_thickness: Thickness = Field(
        description='metal inside the box at the start; "0 um": the working electrode is a face of the box',
        examples=["4.8 um"],
    )
    reservoir_thickness: UnlimitedThickness = preset(
        "inf um", description="metal behind the electrode's plane that may be stripped before it is exhausted"
    )
    counter_electrons: Literal["contact", "blocking"] = Field(
        "contact",
        description="contact: electrons may leak to the counter electrode; blocking: an interlayer stops them",
    )
    counter_interface_resistance: SheetResistance = preset(
        None,
        description="charge-transfer resistance of the counter electrode; default: that of the interface material",
        validate_default=False,
        examples=["5 ohm cm^2"],
    )
    roughness: RoughnessSection | None = Field(None, description="leave the table out for a flat electrode")
    protrusions: tuple[ProtrusionSection, ...] = Field((), description="hills of metal on the electrode")
    seeds: tuple[MetalSeedSection, ...] = Field((), description="metal inside the ceramic from the start")
