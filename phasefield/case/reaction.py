"""[reaction]: charge transfer between ceramic and metal."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from phasefield.schema import Flag, Number, Section


class ReactionSection(Section):
    """How ions become metal."""

    kinetics: Literal["butler_volmer", "linear"] = Field("butler_volmer", description="current against overpotential")
    transfer_coefficient: Annotated[Number, Field(gt=0.0, lt=1.0)] = Field(0.5, description="symmetry factor α")
    hysteresis: Flag = Field(
        True, description="plating pays the accommodation pressure, stripping does not get it back"
    )
    reservoir: Flag = Field(
        True, description="the electrode's original surface also plates, pushing the electrode back"
    )
    plain: Flag = Field(
        False,
        description="plain electrodeposition: no hysteresis, accommodation pressure or reservoir; metal fills cells",
    )
