"""[nucleation]: metal that appears inside the ceramic."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from phasefield.case.quantities import Count, Length, NotNegativeTime, NucleationRate, Share, Thickness, Voltage
from phasefield.schema import Section, preset


class ListedNucleusSection(Section):
    """A nucleus at a given time and place."""

    time: NotNegativeTime = preset("0 s", description="when it appears: at the end of the step that reaches this time")
    place: tuple[Thickness, ...] = Field(
        description="where, one length per axis of the grid, x from the low side of the box",
        examples=[["40 um", "24 um"]],
    )


class NucleationSection(Section):
    """When, where and how metal appears away from other metal."""

    law: Literal["none", "deterministic", "poisson"] = Field(
        "none",
        description="none: only listed nuclei; deterministic: as soon as the potential is low enough; poisson: at random, "
        "with the rate of classical nucleation",
    )
    overpotential: Voltage = preset(
        "5 mV", description="deterministic: η_nuc beyond what the place itself resists with (assumed: 2-50 mV)"
    )
    rate_prefactor: NucleationRate = preset(
        "1e20 m^-2 s^-1", description="poisson: J₀ per area of boundary or pore surface (assumed)"
    )
    barrier_factor: Share = Field(
        5e-4,
        description="poisson: f_het, what a boundary or a pore's wall leaves of the barrier of a free ball (assumed)",
    )
    sites: tuple[Literal["grain_boundaries", "pore_surfaces"], ...] = Field(
        ("grain_boundaries", "pore_surfaces"), description="where nuclei may appear"
    )
    radius: Length | None = Field(
        None, description="radius of a nucleus, at least 2 interface widths; default: 2 of them", examples=["0.8 um"]
    )
    seed: Count = Field(1, description="seed of the poisson law")
    nuclei: tuple[ListedNucleusSection, ...] = Field(
        (), description="given nuclei; they come in addition to those of the law"
    )
