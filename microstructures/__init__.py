"""Ceramic microstructures: grains, grain boundaries and pores on a grid."""

from microstructures.assemble import Kind, assemble, build
from microstructures.draws import lognormal_per_boundary, uniform_per_boundary
from microstructures.orientations import misorientation_angles, random_orientations
from microstructures.paths import bottleneck_pressure
from microstructures.plain_grains import bicrystal, bricks, single_crystal
from microstructures.pores import Pores, place_pores, pore_coverage, pore_surface_density
from microstructures.random_grains import grains_of_centres, laguerre, voronoi
from microstructures.structure import Microstructure
from microstructures.tessellation import Tessellation

__all__ = [
    "Kind",
    "Microstructure",
    "Pores",
    "Tessellation",
    "assemble",
    "bicrystal",
    "bottleneck_pressure",
    "bricks",
    "build",
    "grains_of_centres",
    "laguerre",
    "lognormal_per_boundary",
    "misorientation_angles",
    "place_pores",
    "pore_coverage",
    "pore_surface_density",
    "random_orientations",
    "single_crystal",
    "uniform_per_boundary",
    "voronoi",
]
