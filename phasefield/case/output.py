"""[output]: what is written, and how often."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from phasefield.case.quantities import ChargeInterval, Interval, Time
from phasefield.fields import FIELDS
from phasefield.schema import Flag, Section, Text, invalid, preset, suggestion

SAVED = tuple(name for name, field in FIELDS.items() if field.saved)


def _known_field(name: str) -> str:
    if name not in FIELDS:
        raise invalid(f"{name!r} is not a field", suggestion(name, FIELDS))
    return name


class OutputSection(Section):
    """Field files for ParaView, the preview picture, checkpoints; the history is always written."""

    every: Interval | None = Field(None, description="time between saved fields", examples=["10 s"])
    every_capacity: ChargeInterval | None = Field(
        None, description="charge per area between saved fields; default: 1/40 of the run", examples=["0.01 mAh/cm^2"]
    )
    fields: tuple[Annotated[Text, AfterValidator(_known_field)], ...] = Field(
        SAVED, description="fields to save", examples=[["metal_fraction", "potential_vs_metal"]]
    )
    preview: Flag = Field(True, description="draw preview.png at the end")
    checkpoint_every: Time = preset(
        "10 min", description="wall time between checkpoints, from which `phasefield resume` goes on"
    )
