"""Ceramic microstructures: grains, grain boundaries, pores, second phases and the electrode's surface on a grid."""

from microstructures.assemble import Kind, assemble, build
from microstructures.coverage import pore_surface_density
from microstructures.draws import lognormal_per_boundary, uniform_per_boundary
from microstructures.electrode_surface import MetalSeed, Protrusion, Surface, protrusions, rough_surface
from microstructures.images import ImageSource, Labels, Phases, from_image
from microstructures.inclusions import Inclusions, place_inclusions
from microstructures.labels import from_labels
from microstructures.measure import Measured, measure
from microstructures.meshes import MeshSource, from_mesh
from microstructures.normals import boundary_normals
from microstructures.orientations import misorientation_angles, random_orientations, special_boundaries
from microstructures.paths import bottleneck_pressure
from microstructures.plain_grains import bicrystal, bricks, single_crystal
from microstructures.pores import Particles, Pores
from microstructures.random_grains import grains_of_centres, laguerre, voronoi
from microstructures.structure import Microstructure
from microstructures.tessellation import Tessellation

__all__ = [
    "ImageSource",
    "Inclusions",
    "Kind",
    "Labels",
    "Measured",
    "MeshSource",
    "MetalSeed",
    "Microstructure",
    "Particles",
    "Phases",
    "Pores",
    "Protrusion",
    "Surface",
    "Tessellation",
    "assemble",
    "bicrystal",
    "bottleneck_pressure",
    "boundary_normals",
    "bricks",
    "build",
    "from_image",
    "from_labels",
    "from_mesh",
    "grains_of_centres",
    "laguerre",
    "lognormal_per_boundary",
    "measure",
    "misorientation_angles",
    "place_inclusions",
    "pore_surface_density",
    "protrusions",
    "random_orientations",
    "rough_surface",
    "single_crystal",
    "special_boundaries",
    "uniform_per_boundary",
    "voronoi",
]
