"""Faults between keys that are each right by themselves."""

from __future__ import annotations

import math
from collections.abc import Iterator

from phasefield.case.microstructure import FROM_FILE, RANDOM_GRAINS, PoresSection
from phasefield.case.model import Case
from phasefield.case.protocol import protocol_faults
from phasefield.errors import Fault
from phasefield.materials import Electrolyte, Interface, Metal, list_materials, load_material
from phasefield.schema import EXTREME
from phasefield.units import from_si

LARGEST_CELL = 0.1  # what follows from a cell, widths and radii, stays a length that a case may give [m]
MOST_ELONGATED = 20  # windows around a boundary reach over so many times more cells
MOST_FRAMES = 100_000  # files of saved fields
SLACK = 1.0 + 1e-9  # lengths that are equal in decimals differ by round-off


def consistency_faults(case: Case) -> list[Fault]:
    """Return every fault between the keys of a resolved case."""
    checks = (
        _cells,
        _materials,
        _microstructure,
        _bands,
        _metal,
        _electrodes,
        _reaction,
        _transport,
        _nucleation,
        _protocol,
        _output,
    )
    return [fault for check in checks for fault in check(case)]


def _um(length: float) -> str:
    return f"{from_si(length, 'um'):.6g} um"


def _cells(case: Case) -> Iterator[Fault]:
    grid = case.grid
    for axis, (length, step) in enumerate(zip(grid.size, grid.cell, strict=True)):
        cells = length / step
        fitting = _um(max(1, round(cells)) * step)
        if round(cells) < 1 or abs(cells - round(cells)) > 1e-6 * max(cells, 1.0):
            problem = f"{_um(length)} is {cells:.6g} cells of {_um(step)}"
            yield Fault(f"grid.size[{axis}]", problem, f"take a whole number of cells, for example {fitting}")
    if max(grid.cell) > LARGEST_CELL:
        yield Fault("grid.spacing", f"cells of {_um(max(grid.cell))}", f"take at most {_um(LARGEST_CELL)}")
    if max(grid.cell) > MOST_ELONGATED * min(grid.cell) * SLACK:
        problem = f"cells of {' x '.join(map(_um, grid.cell))} are {max(grid.cell) / min(grid.cell):.3g} times as long as wide"
        yield Fault("grid.spacing", problem, f"at most {MOST_ELONGATED} times")
    if math.prod(grid.shape) > 1e9:
        yield Fault("grid.spacing", f"{math.prod(grid.shape):.2g} cells fit no machine", "take larger cells")
    if grid.shape[0] < 4:
        yield Fault("grid.spacing", f"{grid.shape[0]} cells along the current", "take at least 4")


def _materials(case: Case) -> Iterator[Fault]:
    metal, electrolyte, interface = case.materials.metal, case.materials.electrolyte, case.materials.interface
    extreme = [fault for material in (metal, electrolyte, interface) for fault in _extreme(material, case)]
    if extreme:
        yield from extreme
        return
    shipped = list_materials()
    if metal.ion != electrolyte.ion:
        metals = [m.name for m in shipped if m.kind == "metal" and m.ion == electrolyte.ion]
        ceramics = [m.name for m in shipped if m.kind == "electrolyte" and m.ion == metal.ion]
        problem = f"{electrolyte.name} conducts {electrolyte.ion}+, {metal.name} gives {metal.ion}+"
        right = f"take metal = {' or '.join(metals)}, or one of the electrolytes {', '.join(ceramics)}"
        yield Fault("materials.electrolyte", problem, right)
    if interface.ion != electrolyte.ion or electrolyte.family not in interface.families:
        problem = f"{interface.name} is {interface.title}, not a contact with {electrolyte.name} ({electrolyte.family})"
        fitting = [
            i.name for i in shipped if i.kind == "interface" and _fits(i.name, electrolyte.ion, electrolyte.family)
        ]
        yield Fault("materials.interface", problem, f"take {' or '.join(fitting) or 'a file of your own'}")
    melting_point = case.materials.metal_properties.melting_point
    if case.materials.temperature >= melting_point:
        problem = f"{case.materials.temperature:g} K, but {metal.name} melts at {melting_point:g} K"
        yield Fault("materials.temperature", problem, "the model knows solid metal only")
    if case.materials.electrolyte_properties.boundary_sheet_resistance < 0.0:
        problem = "its grain boundaries would conduct ions better than its grains"
        yield Fault("materials.electrolyte", problem, "boundary_conductivity must not exceed ionic_conductivity")


def _extreme(material: Metal | Electrolyte | Interface, case: Case) -> Iterator[Fault]:
    """Check that the numbers of a material are numbers still at the temperature of the cell."""
    for key, number in material.numbers.items():
        value = number.at(case.materials.temperature)
        if value and not 1.0 / EXTREME <= abs(value) <= EXTREME or (number.si and not value):
            problem = f"its {key} is {value:g} {material.quantities()[key].unit} at {case.materials.temperature:g} K"
            yield Fault(f"materials.{material.kind}", problem, "check its activation energy")


def _fits(name: str, ion: str, family: str) -> bool:
    interface = load_material("interface", name)
    return interface.ion == ion and family in getattr(interface, "families", ())


def _microstructure(case: Case) -> Iterator[Fault]:
    structure, bands = case.microstructure, case.grain_boundaries
    if structure.has_boundaries and bands is None:
        right = 'add it, with for example band_width = "2.4 um"'
        yield Fault("grain_boundaries", f"the table is missing, and a {structure.kind} has grain boundaries", right)
    if structure.kind in ("voronoi", "laguerre", "bricks"):
        if structure.grain_size is None:
            yield Fault(
                "microstructure.grain_size", f"missing for {structure.kind}", 'add for example grain_size = "9 um"'
            )
        elif bands is not None and _width(case) * SLACK < 2.0 * bands.band_width:
            least = 2.0 * bands.band_width * structure.grain_size / _width(case)
            wide = "" if structure.elongation == 1.0 else f", {_um(_width(case))} wide,"
            problem = f"{_um(structure.grain_size)}{wide} is less than two band widths of {_um(bands.band_width)}"
            right = f"take at least {_um(least)}, or narrower bands on smaller cells"
            yield Fault("microstructure.grain_size", problem, right)
    if structure.elongation != 1.0 and structure.kind not in RANDOM_GRAINS:
        yield Fault("microstructure.elongation", f"a {structure.kind} has none", "leave it out, or take random grains")
    axis = "xyz".index(structure.elongation_axis)
    if structure.elongation != 1.0 and axis >= len(case.grid.size):
        yield Fault(
            "microstructure.elongation_axis", f"the grid has no axis {structure.elongation_axis}", "take x or y"
        )
    yield from _imported(case)
    for number, pores in enumerate(structure.pores):
        yield from _pores(case, pores, f"microstructure.pores[{number}]" if number else "microstructure.pores")
    second = structure.second_phase
    if second is not None and second.fraction > 0.0:
        if structure.kind in ("image", "mesh"):
            problem = f"particles cannot be placed in a ceramic of kind {structure.kind}"
            yield Fault("microstructure.second_phase.fraction", problem, "leave it out: the image shows where they are")
        yield from _round(
            "microstructure.second_phase", "particles", structure.kind, second.location, second.radius, case
        )


def _width(case: Case) -> float:
    """Return the mean size of the grains along their shortest axis [m]."""
    structure, axes = case.microstructure, sum(n > 1 for n in case.grid.shape)
    assert structure.grain_size is not None
    if structure.kind not in RANDOM_GRAINS or axes < 2:
        return structure.grain_size
    across = structure.grain_size * structure.elongation ** (-1.0 / axes)
    return min(across, across * structure.elongation)


def _imported(case: Case) -> Iterator[Fault]:
    """Check what a ceramic from a file needs, and that nothing is asked for which it does not use."""
    structure, axes = case.microstructure, len(case.grid.size)
    reads = structure.kind in FROM_FILE
    if reads and structure.file is None:
        yield Fault("microstructure.file", f"missing for {structure.kind}", 'add for example file = "grains.png"')
    if not reads and structure.file is not None:
        yield Fault("microstructure.file", f"a {structure.kind} reads none", 'leave it out, or set kind = "image"')
    if structure.kind == "image" and structure.image is None:
        yield Fault("microstructure.image", "the table is missing", 'add it, with for example voxel = "0.4 um"')
    for kind, table in (("image", structure.image), ("mesh", structure.mesh)):
        if table is None:
            continue
        if structure.kind != kind:
            yield Fault(
                f"microstructure.{kind}", f"a {structure.kind} has none", f'leave it out, or set kind = "{kind}"'
            )
        if table.origin is not None and len(table.origin) != axes:
            problem = f"the number of lengths is {len(table.origin)}, that of the axes {axes}"
            yield Fault(f"microstructure.{kind}.origin", problem, "give one length per axis of grid.size")
    image = structure.image
    if image is not None and len(image.voxel) not in (1, axes):
        problem = f"the number of lengths is {len(image.voxel)}, that of the axes {axes}"
        yield Fault("microstructure.image.voxel", problem, "give one length, or one per axis of grid.size")
    if image is not None and image.axes is not None:
        wanted = list("xyz"[:axes])
        if sorted(axis.removeprefix("-") for axis in image.axes) != wanted:
            problem = f"{list(image.axes)} does not name {', '.join(wanted)} once each"
            yield Fault("microstructure.image.axes", problem, f"write for example {wanted}")
    if structure.labels.second_phase and structure.second_phase is None:
        problem = "the table is missing, and labels.second_phase names numbers"
        yield Fault("microstructure.second_phase", problem, "add it, with the conductivities of the particles")
    if axes == 1 and structure.kind in ("image", "mesh"):
        yield Fault(
            "microstructure.kind", f"a {structure.kind} needs two axes or three", "give grid.size two or three lengths"
        )


def _pores(case: Case, pores: PoresSection, key: str) -> Iterator[Fault]:
    contact = pores.location == "electrode_contact"
    if contact != (pores.covered_fraction is not None) or contact == (pores.porosity is not None):
        needed, other = ("covered_fraction", "porosity") if contact else ("porosity", "covered_fraction")
        yield Fault(f"{key}.{needed}", f'belongs to location = "{pores.location}"', f"give {needed}, leave out {other}")
        return
    if pores.porosity == 0.0:
        return
    if case.microstructure.kind in ("image", "mesh"):
        problem = f"pores cannot be placed in a ceramic of kind {case.microstructure.kind}"
        yield Fault(key, problem, "leave the table out: the image shows where they are")
        return
    yield from _round(key, "pores", case.microstructure.kind, pores.location, pores.radius, case)


def _round(key: str, what: str, kind: str, location: str, radius: float, case: Case) -> Iterator[Fault]:
    """Check bodies that are placed at random: whether there is such a place, and cells to draw them with."""
    if kind in ("single_crystal", "bicrystal") and location in ("triple_junctions", "channels"):
        places = "triple junctions" if location == "triple_junctions" else "a network of boundaries"
        problem = f"{what} would sit at {places}, and a {kind} has none"
        yield Fault(key, problem, 'leave the table out, set porosity = 0, or take location = "grain_interiors"')
    if kind == "single_crystal" and location == "grain_boundaries":
        yield Fault(key, "a single_crystal has no grain boundaries", 'take location = "grain_interiors"')
    if radius * SLACK < max(case.grid.cell):
        problem = f"{_um(radius)} is less than a cell of {_um(max(case.grid.cell))}"
        yield Fault(f"{key}.radius", problem, f"take larger {what} or smaller cells")


def _bands(case: Case) -> Iterator[Fault]:
    bands, width = case.grain_boundaries, case.metal.interface_width
    if bands is None or not case.microstructure.has_boundaries:
        return
    cell = max(case.grid.cell)
    least = max(4.0 * width, 6.0 * cell)
    if bands.band_width * SLACK < least and not bands.allow_coarse:
        problem = f"{_um(bands.band_width)} is too narrow for a front of width {_um(width)} on cells of {_um(cell)}"
        right = f"take at least {_um(least)} (4 interface widths and 6 cells), smaller cells, or allow_coarse = true"
        yield Fault("grain_boundaries.band_width", problem, right)
    if bands.opening > bands.band_width * SLACK:
        problem = f"{_um(bands.opening)} is more than the band width {_um(bands.band_width)}"
        yield Fault("grain_boundaries.opening", problem, "the metal must fit into the band")


def _metal(case: Case) -> Iterator[Fault]:
    width, cell, thickness = case.metal.interface_width, max(case.grid.cell), case.electrodes.working_thickness
    if width * SLACK < cell:
        problem = f"{_um(width)} is less than a cell of {_um(cell)}"
        yield Fault("metal.interface_width", problem, f"take at least {_um(cell)}, better {_um(1.5 * cell)}")
    if 0.0 < thickness * SLACK < 6.0 * width:
        problem = f"{_um(thickness)} is less than 6 interface widths of {_um(width)}"
        right = f'take at least {_um(6.0 * width)}, or "0 um" for an electrode outside the box'
        yield Fault("electrodes.working_thickness", problem, right)
    if (case.grid.size[0] - thickness) * SLACK < case.grid.cell[0]:
        problem = f"{_um(thickness)} leaves no cell of ceramic in a box of {_um(case.grid.size[0])}"
        yield Fault("electrodes.working_thickness", problem, "take a thinner electrode or a longer box")


def _electrodes(case: Case) -> Iterator[Fault]:
    electrodes, axes = case.electrodes, len(case.grid.size)
    shaped = electrodes.roughness is not None or electrodes.protrusions
    if shaped and electrodes.working_thickness == 0.0:
        key = "roughness" if electrodes.roughness is not None else "protrusions"
        problem = "the working electrode is a face of the box, which is flat"
        yield Fault(f"electrodes.{key}", problem, 'set for example working_thickness = "4.8 um"')
    if (shaped or electrodes.seeds) and case.microstructure.kind in ("image", "mesh"):
        problem = f"roughness, protrusions and seeds cannot be added to a ceramic of kind {case.microstructure.kind}"
        yield Fault("electrodes", problem, "leave them out: the image may show metal (microstructure.labels.metal)")
    if shaped and axes == 1:
        yield Fault("electrodes", "roughness and protrusions need two axes or three", "leave them out")
        return
    sizes = case.grid.size
    for number, hill in enumerate(electrodes.protrusions):
        yield from _place(f"electrodes.protrusions[{number}].place", hill.place, sizes[1:])
    for number, seed in enumerate(electrodes.seeds):
        key = f"electrodes.seeds[{number}]"
        yield from _place(f"{key}.place", seed.place, sizes)
        if seed.radius * SLACK < 2.0 * (case.metal.interface_width or 0.0):
            problem = f"{_um(seed.radius)} is too small for a front of width {_um(case.metal.interface_width or 0.0)}"
            yield Fault(f"{key}.radius", problem, f"take at least {_um(2.0 * (case.metal.interface_width or 0.0))}")
        elif len(seed.place) == axes and seed.place[0] - seed.radius < electrodes.working_thickness:
            problem = "reaches into the working electrode"
            yield Fault(f"{key}.place", problem, f"x is at least {_um(electrodes.working_thickness + seed.radius)}")


def _place(key: str, place: tuple[float, ...], sizes: tuple[float, ...]) -> Iterator[Fault]:
    if len(place) != len(sizes):
        yield Fault(key, f"the number of lengths is {len(place)}", f"give {len(sizes)}")
    elif any(p > size * SLACK for p, size in zip(place, sizes, strict=True)):
        yield Fault(key, "lies outside of the box", f"at most {', '.join(_um(size) for size in sizes)}")


def _reaction(case: Case) -> Iterator[Fault]:
    if case.reaction.plain:
        for key in ("hysteresis", "reservoir"):
            if getattr(case.reaction, key):
                yield Fault(f"reaction.{key}", "true, but plain = true switches it off", "leave one of them out")


def _transport(case: Case) -> Iterator[Fault]:
    law, slope = case.transport.electronic_law, case.transport.bias_slope
    if (law == "fitted") != (slope != 0.0):
        problem = f"{slope:g} V^-1 with electronic_law = {law}"
        yield Fault("transport.bias_slope", problem, 'it belongs to electronic_law = "fitted", and is not 0 there')


def _nucleation(case: Case) -> Iterator[Fault]:
    asked, grid = case.nucleation, case.grid
    assert asked.radius is not None and case.metal.interface_width is not None
    if asked.radius * SLACK < 2.0 * case.metal.interface_width:
        problem = f"{_um(asked.radius)} is too small for a front of width {_um(case.metal.interface_width)}"
        yield Fault("nucleation.radius", problem, f"take at least {_um(2.0 * case.metal.interface_width)}")
    shortest = min(grid.size)
    if (asked.law != "none" or asked.nuclei) and asked.radius > 0.25 * shortest * SLACK:
        problem = f"{_um(asked.radius)} is more than a quarter of the box's shortest side"
        yield Fault("nucleation.radius", problem, f"take at most {_um(0.25 * shortest)}")
    if asked.overpotential < 0.0:
        yield Fault("nucleation.overpotential", f"{asked.overpotential:g} V is negative", 'write for example "5 mV"')
    if asked.law != "none" and not asked.sites:
        yield Fault("nucleation.sites", "is empty", 'name "grain_boundaries", "pore_surfaces" or both')
    for number, nucleus in enumerate(asked.nuclei):
        key = f"nucleation.nuclei[{number}].place"
        axes = len(grid.size)
        if len(nucleus.place) != axes:
            yield Fault(
                key,
                f"the number of lengths is {len(nucleus.place)}, that of the grid's axes {axes}",
                "give one length per axis of grid.size",
            )
        elif any(p > size * SLACK for p, size in zip(nucleus.place, grid.size, strict=True)):
            yield Fault(key, "lies outside of the box", f"at most {', '.join(_um(size) for size in grid.size)}")
        elif nucleus.place[0] < case.electrodes.working_thickness:
            right = f"x is at least {_um(case.electrodes.working_thickness)}"
            yield Fault(key, "lies in the working electrode", right)


def _protocol(case: Case) -> Iterator[Fault]:
    yield from protocol_faults(case.protocol)


def _output(case: Case) -> Iterator[Fault]:
    if case.output.every is not None and case.output.every_capacity is not None:
        yield Fault("output", "gives both every and every_capacity", "give one of them")
    if not any(protocol_faults(case.protocol)):
        protocol = case.protocol.to_protocol()
        expected = {"every": protocol.expected_duration(), "every_capacity": protocol.expected_charge()}
        for key, whole in expected.items():
            interval = getattr(case.output, key)
            if interval is not None and math.isfinite(whole) and whole / interval > MOST_FRAMES:
                problem = f"{whole / interval:.3g} saved fields"
                yield Fault(f"output.{key}", problem, f"at most {MOST_FRAMES}: save less often")
    if case.solver.time_step_max is not None and case.solver.time_step_max <= case.solver.time_step_min:
        yield Fault("solver.time_step_max", "is not larger than time_step_min", "take a larger one")
