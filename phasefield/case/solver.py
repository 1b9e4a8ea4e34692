"""[solver]: how the equations are solved."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from phasefield.case.quantities import Count, Length, PositiveVoltage, Time
from phasefield.schema import Number, Section, preset

Tolerance = Annotated[Number, Field(gt=0.0, lt=1.0)]


class SolverSection(Section):
    """Backend, tolerances and bounds of the time step."""

    backend: Literal["numba", "fipy"] = Field(
        "numba", description="what computes; fipy: the same equations, plain and slow, to check the first one with"
    )
    threads: Count = Field(0, description="threads to use, 0: all cores; results do not depend on it; fipy: one")
    ionic_tolerance: Tolerance = Field(1e-8, description="ionic residual over the total current")
    electronic_tolerance: Tolerance = Field(1e-4, description="electronic residual outside metal over the leakage")
    potential_tolerance: PositiveVoltage = preset(
        "1e-3 mV", description="change of the potentials in the last iteration"
    )
    time_step_min: Time = preset("1e-6 s", description="the run fails when a step must be shorter")
    time_step_max: Time | None = Field(None, description="no step is longer", examples=["10 s"])
    front_travel: Length | None = Field(
        None,
        description="how far a front of metal may move in one step; default: 0.15 cells of the smallest spacing, at "
        "most the interface width",
        examples=["0.06 um"],
    )
    step_refinement: Annotated[Number, Field(ge=0.01, le=1e3)] = Field(
        1.0, description="every step is that many times shorter: what bounds it, its growth, the first one"
    )
