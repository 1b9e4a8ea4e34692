"""[materials]: which metal, electrolyte and interface, at which temperature."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    create_model,
)

from phasefield.case.quantities import Temperature
from phasefield.errors import CaseError
from phasefield.materials import (
    KINDS,
    Electrolyte,
    ElectrolyteProperties,
    Interface,
    InterfaceProperties,
    Metal,
    MetalProperties,
    load_material,
    with_number,
)
from phasefield.schema import Section, invalid, preset, shown, subtable


def _override_model(kind: str) -> type[Section]:
    fields: dict[str, Any] = {
        key: (Annotated[float, quantity] | None, Field(None, description=f"instead of the {kind}'s own"))
        for key, quantity in KINDS[kind].quantities().items()
    }
    return create_model(f"{kind.title()}Numbers", __base__=Section, __module__=__name__, **fields)


# Names of the module, because pickle looks the classes up there.
MetalNumbers, ElectrolyteNumbers, InterfaceNumbers = (_override_model(kind) for kind in KINDS)

if TYPE_CHECKING:
    MaterialOverrides = Section
else:
    MaterialOverrides = create_model(
        "MaterialOverrides",
        __base__=Section,
        __module__=__name__,
        metal=(MetalNumbers, subtable(MetalNumbers, "numbers of the metal to replace")),
        electrolyte=(ElectrolyteNumbers, subtable(ElectrolyteNumbers, "numbers of the electrolyte to replace")),
        interface=(InterfaceNumbers, subtable(InterfaceNumbers, "numbers of the interface to replace")),
    )


def _split_keys(value: Any) -> Any:
    """Turn a quoted key "electrolyte.ionic_conductivity" into the table that it means without quotes."""
    if not isinstance(value, dict):
        return value
    tables: dict[str, Any] = {}
    for key, entry in value.items():
        kind, _, number = key.partition(".")
        if number and isinstance(tables.setdefault(kind, {}), dict):
            tables[kind] = tables[kind] | {number: entry}
        elif isinstance(entry, dict) and isinstance(tables.get(kind), dict):
            tables[kind] = tables[kind] | entry
        else:
            tables[kind] = entry
    return tables


def _loader(kind: str, named_by: tuple[str, str] | None = None) -> PlainValidator:
    """Return what reads a material of a kind; one that the case does not name is ``named_by`` (kind, key) another."""

    def load(value: Any, info: ValidationInfo) -> Any:
        if value is None and named_by is not None:
            if info.data.get(named_by[0]) is None:
                return None  # its own fault is told
            value = getattr(info.data[named_by[0]], named_by[1])
            if not value:
                raise invalid("missing", f"add for example {kind} = {_SAMPLES[kind]}; the {named_by[0]} suggests none")
        if not isinstance(value, str):
            raise invalid(f"{shown(value)} is not a name", f"write the name of a shipped {kind} or the path of a file")
        base_dir: Path | None = (info.context or {}).get("base_dir")
        try:
            material = load_material(kind, value, base_dir)
        except CaseError as error:
            problem = "; ".join(f"{fault.path}: {fault.problem}".removeprefix(": ") for fault in error.faults)
            prefix = f"{error.source}: " if error.source else ""
            raise invalid(prefix + problem, error.faults[0].right if len(error.faults) == 1 else "") from None
        return _with_overrides(material, getattr(info.data.get("set"), kind, None))

    return PlainValidator(load)


_SAMPLES = {"interface": '"li_llzo"', "metal": '"lithium"'}


def _with_overrides(material: Any, overrides: Section | None) -> Any:
    given = overrides.model_dump(mode="json", exclude_none=True) if overrides else {}
    both = material.alternatives & given.keys()
    if len(both) > 1:
        raise invalid(f"[materials.set] gives {' and '.join(sorted(both))}", "give one of them")
    for key, text in given.items():
        material = with_number(material, key, text)
    return material


_as_name = PlainSerializer(lambda material: material.reference, when_used="json")
_name_schema = WithJsonSchema({"type": "string"})


class MaterialsSection(Section):
    """Names that ``phasefield materials`` lists, or paths of own files, relative to the case file."""

    temperature: Temperature = preset("298.15 K", description="temperature of the cell")
    set: Annotated[MaterialOverrides, BeforeValidator(_split_keys)] = Field(
        default_factory=MaterialOverrides,
        description="single numbers that replace those of the material files, at the temperature of the cell",
        examples=[{"electrolyte": {"electronic_conductivity": "1e-6 S/m"}}],
    )
    electrolyte: Annotated[Electrolyte, _loader("electrolyte"), _as_name, _name_schema] = Field(
        description="ceramic electrolyte", examples=["llzo_al"]
    )
    interface: Annotated[
        Interface, _loader("interface", ("electrolyte", "usual_interface")), _as_name, _name_schema
    ] = preset(
        None,
        description="contact of the metal with the electrolyte; default: the one usual with the electrolyte",
        examples=["li_llzo"],
    )
    metal: Annotated[Metal, _loader("metal", ("interface", "metal")), _as_name, _name_schema] = preset(
        None, description="alkali metal of both electrodes; default: that of the interface", examples=["lithium"]
    )

    @property
    def metal_properties(self) -> MetalProperties:
        """Return the metal's numbers at the temperature of the cell, in SI."""
        return self.metal.at(self.temperature)

    @property
    def electrolyte_properties(self) -> ElectrolyteProperties:
        """Return the electrolyte's numbers at the temperature of the cell, in SI."""
        return self.electrolyte.at(self.temperature)

    @property
    def interface_properties(self) -> InterfaceProperties:
        """Return the interface's numbers at the temperature of the cell, in SI."""
        return self.interface.at(self.temperature)
