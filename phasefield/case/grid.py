"""[grid]: the box and its cells."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from phasefield.case.quantities import Length
from phasefield.grid import Grid, Lateral
from phasefield.schema import Section, invalid


def _as_list(value: Any) -> Any:
    if isinstance(value, list | tuple):
        if not value:
            raise invalid("the list is empty", "give one length per axis")
        return value
    return [value]


Lengths = Annotated[tuple[Length, ...], BeforeValidator(_as_list, json_schema_input_type=list[str] | str)]


class GridSection(Section):
    """The box that is simulated. The current flows along the first axis, from the working electrode at 0."""

    size: Lengths = Field(
        description="edge lengths of the box, electrode included; one entry: 1-D, two: 2-D, three: 3-D",
        examples=[["64 um", "48 um"]],
    )
    cell: Lengths = Field(
        alias="spacing", description="edge length of a cell, one for all axes or one per axis", examples=["0.4 um"]
    )
    lateral: Lateral = Field("periodic", description="what lies beyond the sides: periodic, or mirror (no flux)")

    @field_validator("size")
    @classmethod
    def _at_most_three_axes(cls, size: tuple[float, ...]) -> tuple[float, ...]:
        if len(size) > 3:
            raise invalid(f"{len(size)} axes are too many", "give one to three lengths")
        return size

    @field_validator("cell")
    @classmethod
    def _one_per_axis(cls, cell: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        axes = len(info.data.get("size", cell))
        if len(cell) not in (1, axes):
            raise invalid(f"{len(cell)} entries for {axes} axes", "give one length, or one per axis of size")
        return cell * axes if len(cell) == 1 else cell

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the number of cells along each axis; a 1-D box is ``n x 1``."""
        cells = tuple(round(length / step) for length, step in zip(self.size, self.cell, strict=True))
        return cells if len(cells) > 1 else (*cells, 1)

    @property
    def spacing(self) -> tuple[float, ...]:
        """Return the edge lengths of a cell [m], as many as ``shape`` has entries."""
        return self.cell if len(self.cell) > 1 else self.cell * 2

    def to_grid(self) -> Grid:
        """Return the grid."""
        return Grid(self.shape, self.spacing, self.lateral)
