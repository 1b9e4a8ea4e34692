"""[grain_boundaries] and [grains]: what metal finds there."""

from __future__ import annotations

from pydantic import Field

from phasefield.case.quantities import Length, NotNegative, Opening, PositivePressure, Pressure
from phasefield.schema import Flag, Section, preset, subtable


class AccommodationPressureSection(Section):
    """Log-normal distribution from which each grain boundary draws its accommodation pressure."""

    median: PositivePressure = preset("60 MPa", description="median over all boundaries (assumed: 10-400 MPa)")
    log_width: NotNegative = Field(1.0, description="standard deviation of the logarithm; 0: one value for all", le=5.0)


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
    allow_coarse: Flag = Field(False, description="run although the band is too narrow for its front")


class GrainsSection(Section):
    """The inside of the grains."""

    accommodation_pressure: Pressure = preset("1 GPa", description="pressure that metal must build up to enter a grain")
