"""[microstructure]: grains, pores, second phases; generated or read from a file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from phasefield.case.files import File
from phasefield.case.grid import Lengths
from phasefield.case.quantities import (
    Angle,
    Conductivity,
    CoordinateLength,
    Count,
    Length,
    NotNegative,
    Pressure,
    Thickness,
)
from phasefield.schema import Flag, Integer, Number, Section, Text, preset, subtable

Kind = Literal["voronoi", "laguerre", "bricks", "bicrystal", "single_crystal", "centres", "image", "mesh"]
RANDOM_GRAINS = ("voronoi", "laguerre")
FROM_FILE = ("centres", "image", "mesh")
Layer = tuple[Thickness, Thickness]


def _as_tables(value: Any) -> Any:
    """Take one table for a list of one."""
    return [value] if isinstance(value, dict) else value


class PoresSection(Section):
    """Pores of one kind: balls in 3-D, discs in 2-D, or connected channels. Several tables are placed one after another."""

    porosity: Annotated[Number, Field(ge=0.0, le=0.6)] | None = Field(
        None,
        description="share of the ceramic's volume (of its layer's, if one is given); needed unless covered_fraction is",
    )
    covered_fraction: Annotated[Number, Field(gt=0.0, lt=1.0)] | None = Field(
        None, description="electrode_contact: share of the electrode's surface that voids cover", examples=[0.2]
    )
    radius: Length = Field(description="radius of a pore, median if they differ", examples=["1 um"])
    log_width: NotNegative = Field(0.0, description="standard deviation of the radii's logarithm; 0: one size", le=1.0)
    location: Literal["triple_junctions", "grain_boundaries", "grain_interiors", "electrode_contact", "channels"] = (
        Field(
            "triple_junctions",
            description="where the pores sit: where grains meet (in 3-D three or four), on boundaries, inside grains, on the working "
            "electrode's surface; channels: connected along boundaries, from one end of the layer to the other",
        )
    )
    layer: Layer | None = Field(
        None, description="only between these two x; default: all of the ceramic", examples=[["4.8 um", "24.8 um"]]
    )
    filled: Flag = Field(False, description="with metal from the start: an electrode that was infiltrated")


class SecondPhaseSection(Section):
    """Particles of another phase: their σ's, and where they sit unless an image shows them."""

    fraction: Annotated[Number, Field(ge=0.0, le=0.5)] = Field(0.0, description="share of the ceramic's volume")
    radius: Length = preset("1 um", description="radius of a particle, median if they differ")
    log_width: NotNegative = Field(0.0, description="standard deviation of the radii's logarithm; 0: one size", le=1.0)
    location: Literal["triple_junctions", "grain_boundaries", "grain_interiors"] = Field(
        "triple_junctions", description="where the particles sit"
    )
    layer: Layer | None = Field(
        None, description="only between these two x; default: all of the ceramic", examples=[["40 um", "60 um"]]
    )
    ionic_conductivity: Conductivity = Field(description="σ_i of the particles", examples=["1e-4 S/m"])
    electronic_conductivity: Conductivity = Field(description="σ_e of the particles", examples=["1e-7 S/m"])
    accommodation_pressure: Pressure = preset(
        "1 GPa", description="pressure that metal must build up to enter a particle (assumed: that of a grain)"
    )


class LabelsSection(Section):
    """What the numbers of an image or a mesh mean; each that occurs must have one meaning."""

    grains: Literal["rest"] | tuple[tuple[Integer, Integer], ...] = Field(
        "rest",
        description="rest: all that are not named below; or ranges, first and last number. If only one number means grain, its "
        "connected regions are the grains",
        examples=[[[1, 40]]],
    )
    pore: tuple[Integer, ...] = Field((), description="numbers that are pores")
    grain_boundary: tuple[Integer, ...] = Field(
        (), description="numbers of boundaries that are drawn as lines: given to the nearest grain"
    )
    second_phase: tuple[Integer, ...] = Field((), description="numbers that are particles of a second phase")
    metal: tuple[Integer, ...] = Field((), description="numbers that are metal inside the ceramic")


class ImageSection(Section):
    """A segmented image (PNG, TIFF), a stack of them (TIFF), or a NumPy array (.npy)."""

    voxel: Lengths = Field(
        description="edge length of a pixel or voxel along x, y and z of the box; one entry: the same along all",
        examples=[["0.4 um"]],
    )
    axes: tuple[Literal["x", "-x", "y", "-y", "z", "-z"], ...] | None = Field(
        None,
        description="where the columns, rows (downwards) and pages of an image run, or the indices of an array; default: x, -y, z "
        "for images, x, y, z for arrays",
        examples=[["y", "x"]],
    )
    origin: tuple[Thickness, ...] | None = Field(
        None,
        description="corner of the part that is used, from the image's own; default: all of it",
        examples=[["0 um", "4 um"]],
    )
    repeats: Flag = Field(
        False, description="whether the image goes on across periodic sides; if not, no boundary is put there"
    )


class MeshSection(Section):
    """A mesh with a number in every element, in any format that meshio reads."""

    array: Text | None = Field(None, description="name of the numbers; may be left out if there is one array only")
    unit: Length = preset("1 um", description="length of 1 in the mesh")
    origin: tuple[CoordinateLength, ...] | None = Field(
        None,
        description="corner of the part that is used, in the mesh's coordinates; default: its lowest",
        examples=[["0 um", "0 um"]],
    )
    repeats: Flag = Field(False, description="whether the mesh goes on across periodic sides")


class MicrostructureSection(Section):
    """How the ceramic is built."""

    kind: Kind = Field(
        description="voronoi: random grains; laguerre: random grains whose sizes follow a log-normal distribution; bricks: running "
        "bond; bicrystal: two grains; single_crystal: one; centres, image, mesh: read from file",
        examples=["voronoi"],
    )
    grain_size: Length | None = Field(
        None, description="mean diameter of the grains (voronoi, laguerre, bricks)", examples=["9 um"]
    )
    size_log_width: NotNegative = Field(
        0.3, description="laguerre: standard deviation of the logarithm of the grains' diameters", le=1.0
    )
    elongation: Annotated[Number, Field(ge=0.05, le=20.0)] = Field(
        1.0,
        description="voronoi, laguerre: length of the grains along elongation_axis over their width; columnar grains have 3 or more",
    )
    elongation_axis: Literal["x", "y", "z"] = Field(
        "x", description="along which the grains are long; x is along the current"
    )
    relaxation: Annotated[Integer, Field(ge=0, le=100)] = Field(
        2, description="Lloyd steps that make voronoi grains more equal, and laguerre grains rounder"
    )
    seed: Count = Field(
        1, description="seed of all that is random in the ceramic: grains, pores, and what each boundary is like"
    )
    angle: Angle = preset(
        "0 deg", description="tilt of a bicrystal's boundary against the current (0: along it), about z"
    )
    file: File = preset(
        None,
        description="path of the image, the mesh, or the list of centres (CSV with columns x_um, y_um, in 3-D z_um, and radius_um "
        "for a power diagram), relative to the case file",
        examples=["grains.png"],
    )
    image: ImageSection | None = Field(None, description="how an image is read")
    mesh: MeshSection | None = Field(None, description="how a mesh is read; leave the table out for the defaults")
    labels: LabelsSection = subtable(LabelsSection, "what the numbers of an image or a mesh mean")
    pores: Annotated[
        tuple[PoresSection, ...],
        BeforeValidator(_as_tables, json_schema_input_type=PoresSection | list[PoresSection]),
    ] = Field(
        (), description="leave the table out for a dense ceramic; [[microstructure.pores]] for pores of several kinds"
    )
    second_phase: SecondPhaseSection | None = Field(None, description="leave the table out if there is none")

    @property
    def has_boundaries(self) -> bool:
        """Return whether there may be more than one grain."""
        return self.kind != "single_crystal"
