"""[microstructure]: grains and pores."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from phasefield.case.quantities import Angle, Count, Length
from phasefield.schema import Integer, Number, Section, preset


class PoresSection(Section):
    """Round pores: balls in 3-D, discs in 2-D."""

    porosity: Annotated[Number, Field(ge=0.0, le=0.3)] = Field(
        description="share of the ceramic's volume, 0 to 0.3", examples=[0.01]
    )
    radius: Length = Field(description="radius of a pore", examples=["1 um"])
    location: Literal["triple_junctions"] = Field(
        "triple_junctions", description="where the pores sit: where three grains meet, in 3-D three or four"
    )


class MicrostructureSection(Section):
    """How the ceramic is built."""

    kind: Literal["voronoi", "single_crystal", "bicrystal", "bricks"] = Field(
        description="voronoi: random grains; bricks: running bond; bicrystal: two grains; single_crystal: one",
        examples=["voronoi"],
    )
    grain_size: Length | None = Field(
        None, description="mean diameter of the grains (voronoi, bricks)", examples=["9 um"]
    )
    relaxation: Annotated[Integer, Field(ge=0, le=100)] = Field(
        2, description="Lloyd steps that make voronoi grains more equal"
    )
    seed: Count = Field(
        1, description="seed of all that is random in the ceramic: grains, pores, and what each boundary is like"
    )
    angle: Angle = preset(
        "0 deg", description="tilt of a bicrystal's boundary against the current (0: along it), about z"
    )
    pores: PoresSection | None = Field(None, description="leave the table out for a dense ceramic")

    @property
    def has_boundaries(self) -> bool:
        """Return whether there is more than one grain."""
        return self.kind != "single_crystal"
