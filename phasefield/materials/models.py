"""What the file of a metal, an electrolyte or an interface holds, and its numbers at a temperature."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, PrivateAttr, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import core_schema

from phasefield.schema import Flag, FormatOne, Quantity, Section, Text, invalid

BOLTZMANN = 1.380649e-23  # [J/K]

Ion = Literal["Li", "Na"]


def _not_empty(text: str) -> str:
    if not text.strip():
        raise invalid("is empty", "say where the number comes from")
    return text


class MaterialNumber(Section):
    """One number of a material: a value with its unit, where it was read, and whether it is assumed.

    With an ``activation_energy`` E_a the number follows v(T) = v_ref exp(-E_a/k_B (1/T - 1/T_ref)), T_ref being
    its ``temperature``: the form without T in front, as conductivities are tabulated. Without one it is constant.
    """

    value: Text = Field(description="the number with its unit", examples=["0.046 S/m"])
    source: Annotated[Text, AfterValidator(_not_empty)] = Field(
        description="where it was read or how it was derived", examples=["Sharafi et al., Chem. Mater. 29, 7961 (2017)"]
    )
    temperature: Annotated[float, Quantity("K", minimum="100 K", inclusive=True)] | None = Field(
        None, description="temperature of the measurement"
    )
    activation_energy: Annotated[float, Quantity("J", "eV", "0 eV", "5 eV", inclusive=True)] | None = Field(
        None, description="Arrhenius energy", examples=["0.34 eV"]
    )
    assumed: Flag = Field(False, description="true: nobody measured it; repeated in the summary of every run")
    note: Text = Field("", description="what a reader should know about it")

    _si: float = PrivateAttr(0.0)

    @model_validator(mode="after")
    def _needs_a_reference(self) -> Self:
        if self.activation_energy is not None and self.temperature is None:
            raise invalid("has an activation energy but no temperature", 'add for example temperature = "298.15 K"')
        return self

    def in_unit(self, quantity: Quantity) -> MaterialNumber:
        """Return the number with ``si`` filled in, read as ``quantity``."""
        number = self.model_copy()
        number._si = quantity.read(self.value)
        return number

    @property
    def si(self) -> float:
        """Return the value at its own temperature, in SI."""
        return self._si

    def at(self, temperature: float) -> float:
        """Return the value at ``temperature`` [K], in SI."""
        if self.activation_energy is None or self.temperature is None:
            return self._si
        return self._si * math.exp(-self.activation_energy / BOLTZMANN * (1.0 / temperature - 1.0 / self.temperature))


@dataclass(frozen=True)
class InUnit:
    """Annotate a material number with the quantity that its value must be."""

    quantity: Quantity

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._read, handler(source))

    def _read(self, number: MaterialNumber) -> MaterialNumber:
        return number.in_unit(self.quantity)


def _measured(unit: str, shown: str = "", minimum: str = "", inclusive: bool = False) -> InUnit:
    return InUnit(Quantity(unit, shown, minimum=minimum, inclusive=inclusive))


def _quantity_of(field: FieldInfo) -> Quantity | None:
    """Return the quantity of a number's field, also where the number may be absent (``Annotated[...] | None``)."""
    inner = [m for choice in get_args(field.annotation) for m in getattr(choice, "__metadata__", ())]
    return next((m.quantity for m in [*field.metadata, *inner] if isinstance(m, InUnit)), None)


Conductivity = Annotated[MaterialNumber, _measured("S/m", minimum="0 S/m")]
Concentration = Annotated[MaterialNumber, _measured("mol/m^3", minimum="0 mol/m^3")]
SheetResistance = Annotated[MaterialNumber, _measured("ohm m^2", "ohm cm^2", "0 ohm m^2", inclusive=True)]
Resistance = Annotated[MaterialNumber, _measured("ohm m^2", "ohm cm^2", "0 ohm m^2")]
Length = Annotated[MaterialNumber, _measured("m", "nm", "0 nm")]


@dataclass(frozen=True)
class MetalProperties:
    """Numbers of a metal, in SI."""

    molar_volume: float  # V_m [m^3/mol]
    interface_energy: float  # gamma [J/m^2]
    melting_point: float  # [K]
    molar_mass: float  # [kg/mol]


@dataclass(frozen=True)
class ElectrolyteProperties:
    """Numbers of an electrolyte at one temperature, in SI.

    ``boundary_sheet_resistance`` is R_gb = delta/sigma_gb - delta/sigma_b (MODEL section 7).
    ``electronic_conductivity`` is the measured one, carried by the network of grain boundaries;
    ``bulk_electronic_conductivity`` is what remains without boundaries.
    """

    ionic_conductivity: float  # sigma_b [S/m]
    boundary_sheet_resistance: float  # R_gb [ohm m^2]
    boundary_thickness: float  # delta [m]
    electronic_conductivity: float  # [S/m]
    bulk_electronic_conductivity: float  # [S/m]
    ion_concentration: float  # c_0 [mol/m^3]
    electron_concentration_at_metal: float  # n_M [mol/m^3]


@dataclass(frozen=True)
class InterfaceProperties:
    """Numbers of the contact of a metal with an electrolyte, in SI."""

    interface_resistance: float  # Z [ohm m^2]


class Material(Section):
    """What every material file holds.

    ``name`` is the stem of the file, ``reference`` how a case names it (a name, or the path of its file),
    ``source_text`` the text of the file.
    """

    kind: ClassVar[str]
    alternatives: ClassVar[frozenset[str]] = frozenset()  # numbers of which a file gives exactly one
    format: FormatOne = Field(description="version of this file format", examples=[1])
    title: Text = Field(description="what it is, in a few words", examples=["garnet LLZO, Al-doped"])

    _name: str = PrivateAttr("")
    _reference: str = PrivateAttr("")
    _source_text: str = PrivateAttr("")

    @property
    def name(self) -> str:
        """Return the name of the material: the stem of its file."""
        return self._name

    @property
    def reference(self) -> str:
        """Return what a case writes to mean this material: its name, or the absolute path of its own file."""
        return self._reference

    @property
    def source_text(self) -> str:
        """Return the text of the file."""
        return self._source_text

    @property
    def numbers(self) -> dict[str, MaterialNumber]:
        """Return every number that the file gives, by key."""
        values: dict[str, Any] = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: value for name, value in values.items() if isinstance(value, MaterialNumber)}

    @classmethod
    def quantities(cls) -> dict[str, Quantity]:
        """Return the quantity of every number that a file of this kind may give, by key."""
        found = {name: _quantity_of(field) for name, field in cls.model_fields.items()}
        return {name: quantity for name, quantity in found.items() if quantity is not None}


class Metal(Material):
    """An alkali metal."""

    kind = "metal"
    ion: Ion = Field(description="the ion that it gives", examples=["Li"])
    molar_volume: Annotated[MaterialNumber, _measured("m^3/mol", minimum="0 m^3/mol")] = Field(description="V_m")
    interface_energy: Annotated[MaterialNumber, _measured("J/m^2", minimum="0 J/m^2", inclusive=True)] = Field(
        description="energy γ of its interface with the electrolyte"
    )
    melting_point: Annotated[MaterialNumber, _measured("K", minimum="0 K")] = Field(description="it is solid below")
    molar_mass: Annotated[MaterialNumber, _measured("kg/mol", "g/mol", "0 g/mol")] = Field(description="molar mass")

    def at(self, temperature: float) -> MetalProperties:
        """Return the numbers at ``temperature`` [K]."""
        return MetalProperties(**{name: number.at(temperature) for name, number in self.numbers.items()})


class Electrolyte(Material):
    """A ceramic or glassy electrolyte.

    Its grain boundaries are given by their local conductivity (``boundary_conductivity``) or by what one of them
    adds to the resistance per area (``boundary_resistance``).
    """

    kind = "electrolyte"
    alternatives = frozenset({"boundary_conductivity", "boundary_resistance"})
    ion: Ion = Field(description="the ion that it conducts", examples=["Li"])
    family: Text = Field(description="family, which interfaces refer to", examples=["garnet"])
    usual_interface: Text = Field("", description="interface of a case that names none", examples=["li_llzo"])
    formula: Text = Field(description="composition", examples=["Li6.25Al0.25La3Zr2O12"])
    ionic_conductivity: Conductivity = Field(description="σ_i inside the grains")
    boundary_conductivity: Conductivity | None = Field(None, description="local σ_i of a boundary δ thick")
    boundary_resistance: SheetResistance | None = Field(None, description="R_gb that one boundary adds")
    boundary_thickness: Length = Field(description="thickness δ of a grain boundary")
    electronic_conductivity: Conductivity = Field(description="σ_e as measured on the whole ceramic")
    bulk_electronic_conductivity: Conductivity = Field(description="σ_e inside the grains")
    ion_concentration: Concentration = Field(description="mobile ions c₀")
    electron_concentration_at_metal: Concentration = Field(description="excess electrons n_M in contact with metal")

    @model_validator(mode="after")
    def _one_way_to_give_boundaries(self) -> Self:
        if (self.boundary_conductivity is None) == (self.boundary_resistance is None):
            found = "neither" if self.boundary_resistance is None else "both"
            raise invalid(f"gives {found} of boundary_conductivity and boundary_resistance", "give exactly one of them")
        return self

    def at(self, temperature: float) -> ElectrolyteProperties:
        """Return the numbers at ``temperature`` [K], the boundary as a sheet resistance."""
        values = {name: number.at(temperature) for name, number in self.numbers.items()}
        local = values.pop("boundary_conductivity", None)
        sheet = values.pop("boundary_resistance", 0.0)
        if local is not None:
            sheet = values["boundary_thickness"] * (1.0 / local - 1.0 / values["ionic_conductivity"])
        return ElectrolyteProperties(boundary_sheet_resistance=sheet, **values)


class Interface(Material):
    """The contact of a metal with a family of electrolytes."""

    kind = "interface"
    ion: Ion = Field(description="the ion that crosses it", examples=["Li"])
    metal: Text = Field("", description="metal of a case that names none", examples=["lithium"])
    families: tuple[Text, ...] = Field(description="families of electrolytes that it fits", examples=[["garnet"]])
    interface_resistance: Resistance = Field(description="charge-transfer resistance times area Z")

    def at(self, temperature: float) -> InterfaceProperties:
        """Return the numbers at ``temperature`` [K]."""
        return InterfaceProperties(self.interface_resistance.at(temperature))


KINDS: dict[str, type[Metal | Electrolyte | Interface]] = {kind.kind: kind for kind in (Metal, Electrolyte, Interface)}
