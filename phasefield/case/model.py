"""The case: all its sections, in SI."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, PrivateAttr

from phasefield.case.assumed import AssumedNumber, assumed_numbers
from phasefield.case.boundaries import GrainBoundariesSection, GrainsSection
from phasefield.case.electrodes import ElectrodesSection
from phasefield.case.grid import GridSection
from phasefield.case.materials import MaterialsSection
from phasefield.case.metal import MetalSection
from phasefield.case.microstructure import MicrostructureSection
from phasefield.case.nucleation import NucleationSection
from phasefield.case.output import OutputSection
from phasefield.case.protocol import ProtocolSection
from phasefield.case.reaction import ReactionSection
from phasefield.case.solver import SolverSection
from phasefield.case.transport import TransportSection
from phasefield.schema import FormatOne, Section, Text, subtable


class Case(Section):
    """One simulation, frozen, every number in SI and every default filled in.

    Two cases are equal if all their keys are, wherever they were read from. ``grain_boundaries`` is None
    only where there are none (single crystal).
    """

    format: FormatOne = Field(description="version of the case format", examples=[1])
    question: Text = Field("", description="the question that this case answers, one sentence")
    grid: GridSection = Field(description="the box and its cells")
    materials: MaterialsSection = Field(description="metal, electrolyte and interface")
    microstructure: MicrostructureSection = Field(description="grains and pores")
    grain_boundaries: GrainBoundariesSection | None = Field(
        None, description="grain boundaries; needed unless the ceramic is a single crystal"
    )
    grains: GrainsSection = subtable(GrainsSection, "inside of the grains")
    electrodes: ElectrodesSection = Field(description="metal on both sides")
    transport: TransportSection = subtable(TransportSection, "ions and electrons")
    reaction: ReactionSection = subtable(ReactionSection, "charge transfer")
    nucleation: NucleationSection = subtable(NucleationSection, "metal that appears inside the ceramic")
    metal: MetalSection = subtable(MetalSection, "numerics of the metal's surface")
    protocol: ProtocolSection = Field(description="what is done to the cell")
    output: OutputSection = subtable(OutputSection, "what is written")
    solver: SolverSection = subtable(SolverSection, "how it is solved")

    _source: Path = PrivateAttr(default_factory=Path)
    _source_text: str = PrivateAttr("")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Case) and all(getattr(self, key) == getattr(other, key) for key in Case.model_fields)

    @property
    def name(self) -> str:
        """Return the name of the case: the stem of its file."""
        return self._source.stem

    @property
    def source(self) -> Path:
        """Return the file that the case was read from."""
        return self._source

    @property
    def source_text(self) -> str:
        """Return the text of that file."""
        return self._source_text

    @property
    def assumed(self) -> list[AssumedNumber]:
        """Return every assumed number that the run uses, those of the materials included."""
        return assumed_numbers(self)
