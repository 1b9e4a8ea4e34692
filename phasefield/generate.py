"""From the tables of a case to its microstructure."""

from __future__ import annotations

import csv
import math
import os
from pathlib import Path

import numpy as np

from microstructures import (
    ImageSource,
    MeshSource,
    MetalSeed,
    Microstructure,
    Particles,
    Phases,
    Pores,
    Protrusion,
    Surface,
    build,
    from_image,
    from_mesh,
    protrusions,
    rough_surface,
)
from phasefield.case.electrodes import ElectrodesSection
from phasefield.case.microstructure import MeshSection, MicrostructureSection, PoresSection
from phasefield.case.model import Case
from phasefield.errors import CaseError, Fault
from phasefield.grid import Grid

# Of a run's arrays, from the peaks at 172 x 120, 64 x 64 x 64 and 96 x 96 x 96 cells; in 2-D less, about 600.
BYTES_PER_CELL = 800
BYTES_AT_REST = 300e6  # of Python, its libraries and the compiled kernels


def memory_needed(case: Case) -> float:
    """Return the memory that a run needs [byte]."""
    return BYTES_AT_REST + BYTES_PER_CELL * math.prod(case.grid.shape)


def _refuse_too_large(case: Case) -> None:
    """Refuse a case that this machine's memory cannot hold, before anything is generated."""
    needed, present = memory_needed(case), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > present:
        cells = f"{math.prod(case.grid.shape):.3g} cells need about {needed * 1e-9:.3g} GB of memory"
        right = "take larger cells, or a smaller box (grid.size)"
        fault = Fault("grid.spacing", f"{cells}, and this machine has {present * 1e-9:.3g} GB", right)
        raise CaseError([fault], str(case.source))


def build_structure(case: Case) -> Microstructure:
    """Return the microstructure of a case; raises ``CaseError`` if it cannot be made as asked."""
    _refuse_too_large(case)
    bands, grid = case.grain_boundaries, case.grid.to_grid()
    width = bands.band_width if bands is not None else max(grid.spacing)  # no boundary: any width will do
    try:
        return _built(case, grid, width)
    except OSError as error:  # the file was there when the case was read
        fault = Fault("microstructure.file", f"cannot be read: {error.strerror or error}")
        raise CaseError([fault], str(case.source)) from None
    except ValueError as error:
        raise CaseError([Fault("microstructure", str(error))], str(case.source)) from None


def _built(case: Case, grid: Grid, width: float) -> Microstructure:
    asked, plane = case.microstructure, case.electrodes.working_thickness
    if asked.kind == "image":
        return from_image(_image(asked, len(grid.shape)), grid, plane, width)
    if asked.kind == "mesh":
        return from_mesh(_mesh(asked), grid, plane, width)
    centres, radii = None, None
    if asked.file is not None:
        centres, radii = read_centres(asked.file.path, len(case.grid.size))
    second = asked.second_phase
    particles = None
    if second is not None and second.fraction > 0.0:
        particles = Particles(second.fraction, second.radius, second.log_width, second.location, second.layer)
    return build(
        grid,
        asked.kind,
        plane,
        width,
        grain_size=asked.grain_size,
        size_log_width=asked.size_log_width,
        elongation=asked.elongation,
        elongation_axis=asked.elongation_axis,
        seed=asked.seed,
        relaxation=asked.relaxation,
        angle=asked.angle,
        centres=centres,
        radii=radii,
        pores=[_pores(section) for section in asked.pores if section.porosity != 0.0],
        particles=particles,
        surface=_surface(case.electrodes, grid, asked.seed),
        metal_seeds=[MetalSeed(seed.place, seed.radius) for seed in case.electrodes.seeds],
    )


def _phases(asked: MicrostructureSection) -> Phases:
    labels = asked.labels
    return Phases(labels.grains, labels.pore, labels.grain_boundary, labels.metal, labels.second_phase)


def _image(asked: MicrostructureSection, axes: int) -> ImageSource:
    section, file = asked.image, asked.file
    assert section is not None and file is not None
    voxel = section.voxel if len(section.voxel) > 1 else section.voxel * axes
    return ImageSource(file.path, voxel, _phases(asked), section.axes, section.origin, repeats=section.repeats)


def _mesh(asked: MicrostructureSection) -> MeshSource:
    section, file = asked.mesh or MeshSection.model_validate({}), asked.file
    assert file is not None
    return MeshSource(file.path, section.unit, _phases(asked), section.array, section.origin, section.repeats)


def _pores(section: PoresSection) -> Pores:
    return Pores(
        porosity=section.porosity or 0.0,
        radius=section.radius,
        log_width=section.log_width,
        location=section.location,
        layer=section.layer,
        covered_fraction=section.covered_fraction or 0.0,
        filled=section.filled,
    )


def _surface(electrodes: ElectrodesSection, grid: Grid, seed: int) -> Surface | None:
    """Return the working electrode's surface; None if it is flat."""
    rough, hills = electrodes.roughness, electrodes.protrusions
    if rough is None and not hills:
        return None
    surface = protrusions(grid, [Protrusion(hill.place, hill.height, hill.width) for hill in hills])
    if rough is not None:
        surface = surface + rough_surface(grid, rough.rms, rough.correlation_length, seed, rough.hurst)
    return surface


def read_centres(path: Path, axes: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the centres ``(n, axes)`` [m] of a list of grains, and their radii ``(n,)`` [m] if it has them.

    The file has columns ``x_um``, ``y_um``, in 3-D ``z_um``, and perhaps ``radius_um``.
    """
    names = [f"{axis}_um" for axis in "xyz"[:axes]]
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file, skipinitialspace=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} cannot be read as a table: {error}") from None
    there = list(rows[0]) if rows else []
    missing = [name for name in names if name not in there]
    if missing:
        raise ValueError(
            f"{path.name} has no column {', '.join(missing)}: it needs {', '.join(names)}, and perhaps radius_um"
        )
    if "radius_um" in there:
        names.append("radius_um")
    try:
        values = np.array([[float(row[name]) for name in names] for row in rows])
    except (TypeError, ValueError):
        raise ValueError(f"{path.name} has entries in {', '.join(names)} that are not numbers") from None
    if not np.all(np.isfinite(values)):
        raise ValueError(f"{path.name} has entries in {', '.join(names)} that are not finite")
    values *= 1e-6
    return values[:, :axes], values[:, axes] if len(names) > axes else None
