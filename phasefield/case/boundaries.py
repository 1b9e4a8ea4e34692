"""[grain_boundaries] and [grains]: what metal finds there."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from phasefield.case.quantities import (
    Angle,
    Conductivity,
    Length,
    NotNegative,
    Opening,
    PositivePressure,
    Pressure,
    Share,
)
from phasefield.schema import Flag, Number, Quantity, Section, preset, subtable

Misorientation = Annotated[float, Quantity("rad", "deg", "0 deg", "90 deg", inclusive=True)]
Ratio = Annotated[Number, Field(gt=0.0, le=1e6)]


class AccommodationPressureSection(Section):
    """Log-normal distribution from which each grain boundary draws its accommodation pressure."""

    median: PositivePressure = preset("60 MPa", description="median over all boundaries (assumed: 10-400 MPa)")
    log_width: NotNegative = Field(1.0, description="standard deviation of the logarithm; 0: one value for all", le=5.0)


class BoundaryElectronsSection(Section):
    """How electrons are spread over the boundaries; the mean over their area stays what an even network is given.

    An uneven network as a whole then leaks less than was measured: its tight boundaries are in the way.
    """

    distribution: Literal["uniform", "log_normal", "leaky_fraction", "misorientation"] = Field(
        "uniform",
        description="σ_e of each boundary: all alike; log-normal; some leaky, others tight; leaky where the crystals of "
        "both sides differ by more than an angle",
    )
    log_width: NotNegative = Field(1.0, description="log_normal: standard deviation of the logarithm", le=5.0)
    leaky_fraction: Share = Field(0.5, description="leaky_fraction: chance of a boundary to be leaky")
    leaky_angle: Angle = preset(
        "15 deg", description="misorientation: boundaries of randomly turned cubic grains leak above this angle"
    )
    contrast: Annotated[Number, Field(gt=0.0, le=1.0)] = Field(
        1e-3, description="σ_e of a tight boundary over that of a leaky one (assumed)"
    )
    trapped_ratio: Annotated[Number, Field(ge=1.0, le=1e6)] = Field(
        1.0, description="excess electrons n_M in a boundary over those in the grains: traps hold them (assumed)"
    )


class SpecialBoundariesSection(Section):
    """Boundaries whose crystals fit together, grains being cubes turned at random, and how they differ from others.

    Special is what turns by less than an angle, and what lies within 15° / √Σ (Brandon) of a coincidence boundary.
    """

    low_angle: Misorientation = preset("15 deg", description="boundaries of a smaller misorientation are special")
    coincidences: tuple[Literal[3, 5, 7, 9, 11], ...] = Field(
        (3,), description="Σ of coincidence boundaries that are special, too"
    )
    resistance_ratio: Annotated[Number, Field(ge=0.0, le=1e6)] = Field(
        0.1,
        description="resistance to ions across over that of a general boundary, which has the electrolyte's (assumed)",
    )
    pressure_ratio: Ratio = Field(
        2.0, description="accommodation pressure over what a general boundary in its place would have (assumed)"
    )
    conductance_ratio: Ratio = Field(
        0.1, description="σ_e over that of a general boundary in its place (assumed); the mean over the area stays"
    )


class CoatingSection(Section):
    """A layer around the grains, such as LiAlO2: ions cross it, electrons run along it instead of the boundary."""

    thickness: Opening = Field(description="thickness of the layer in a boundary", examples=["5 nm"])
    coverage: Share = Field(1.0, description="chance of a boundary to be coated")
    ionic_conductivity: Conductivity = Field(description="σ_i of the layer", examples=["6e-4 S/m"])
    electronic_conductivity: Conductivity = Field(description="σ_e of the layer", examples=["1e-4 S/m"])


class GrainBoundariesSection(Section):
    """Bands that stand for grain boundaries too thin for a cell. Their thickness δ belongs to the electrolyte."""

    band_width: Length = Field(
        description="width w of the band; at least 4 interface widths and 6 cells", examples=["2.4 um"]
    )
    opening: Opening = preset("30 nm", description="opening h: volume of metal per area of boundary")
    collecting_length: Length = preset("1.5 um", description="length l_a of filament that feeds its tip")
    accommodation_pressure: AccommodationPressureSection = subtable(
        AccommodationPressureSection, "pressure that metal must build up to enter a boundary"
    )
    electrons: BoundaryElectronsSection = subtable(
        BoundaryElectronsSection, "how leaky each boundary is, and what it traps"
    )
    special: SpecialBoundariesSection | None = Field(
        None, description="leave the table out if all boundaries are general; it may be empty"
    )
    coating: CoatingSection | None = Field(None, description="leave the table out for bare grains")
    allow_coarse: Flag = Field(False, description="run although the band is too narrow for its front")


class GrainsSection(Section):
    """The inside of the grains."""

    accommodation_pressure: Pressure = preset("1 GPa", description="pressure that metal must build up to enter a grain")
