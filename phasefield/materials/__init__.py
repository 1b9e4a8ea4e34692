"""Materials: one TOML file each, every number with its unit, its source and, where it matters, its temperature."""

from phasefield.materials.library import MaterialEntry, list_materials, load_material, with_number
from phasefield.materials.models import (
    KINDS,
    Electrolyte,
    ElectrolyteProperties,
    Interface,
    InterfaceProperties,
    Material,
    MaterialNumber,
    Metal,
    MetalProperties,
)

__all__ = [
    "KINDS",
    "Electrolyte",
    "ElectrolyteProperties",
    "Interface",
    "InterfaceProperties",
    "Material",
    "MaterialEntry",
    "MaterialNumber",
    "Metal",
    "MetalProperties",
    "list_materials",
    "load_material",
    "with_number",
]
