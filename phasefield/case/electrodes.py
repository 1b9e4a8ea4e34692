"""[electrodes]: the metal on both sides."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from phasefield.case.quantities import SheetResistance, Thickness, UnlimitedThickness
from phasefield.schema import Section, preset


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
