"""The files that ``phasefield microstructure`` leaves: report, picture, maps for ParaView, tables."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from microstructures import boundary_normals
from microstructures.measure import LARGEST_ANGLE, log_width, lognormal_density, mackenzie_density
from phasefield.case.model import Case
from phasefield.case.writing import case_to_toml
from phasefield.ceramic_pages import PERCENTILES, page_text, percentiles
from phasefield.ceramic_report import CeramicReport, asked_porosity, size_target
from phasefield.effective import AXES
from phasefield.output import image_bytes, microstructure_arrays
from phasefield.results_folder import FORMAT, open_results, replacing, write_json_atomic, write_text_atomic
from phasefield.run import copy_inputs
from phasefield.summary import source_revision, versions
from postprocess.ceramic import Conductor, Sheet, save_sheet

log = logging.getLogger("phasefield")
PAGE = "microstructure.md"
FILES = (PAGE, "microstructure.png", "microstructure.vti", "grains.csv", "boundaries.csv")
MEASURED = "measured"  # outcome of a folder that is whole


def open_folder(case: Case, out: Path | None, force: bool = False) -> Path:
    """Return an empty folder, ``results/NAME-microstructure`` or the next free one unless ``out`` is given.

    As for runs: what is there already is replaced with ``force`` only, and what no command made never.
    """
    folder = open_results(f"{case.name}-microstructure", out, force)
    (folder / "fields").rmdir()  # of states in time, which a run has
    for name in FILES:
        (folder / name).unlink(missing_ok=True)
    return folder


def write_ceramic(report: CeramicReport, folder: Path, command: str = "") -> Path:
    """Write everything to an existing folder and return the page; a picture that cannot be drawn is left out."""
    case = report.case
    write_text_atomic(folder / "case.toml", case_to_toml(case, copy_inputs(case, folder)))
    write_text_atomic(folder / "grains.csv", grain_table(report))
    write_text_atomic(folder / "boundaries.csv", boundary_table(report))
    with replacing(folder / "microstructure.vti") as temporary:
        temporary.write_bytes(vti_bytes(report))
    drawn = _draw(report, folder / "microstructure.png")
    page = folder / PAGE
    write_text_atomic(page, page_text(report, command, drawn))
    write_json_atomic(folder / "summary.json", summary(report))
    return page


def _draw(report: CeramicReport, file: Path) -> bool:
    """Draw the sheet; a failed picture never fails the command."""
    try:
        with replacing(file) as temporary:
            save_sheet(sheet_of(report), temporary)
    except Exception as error:  # noqa: BLE001 - whatever a picture fails on
        log.warning("no %s: %s: %s", file.name, type(error).__name__, error)
        return False
    return True


# --- tables for other programs ------------------------------------------------------------------------------


def _csv(header: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([f"{n:.7g}" if isinstance(n, float) else n for n in row] for row in rows)
    return text.getvalue()


def grain_table(report: CeramicReport) -> str:
    """Return one line per grain: its size, place and orientation, a quaternion whose scalar comes first."""
    grains, dimension = report.measured.grains, report.measured.dimension
    volume = {1: "length_um", 2: "area_um2", 3: "volume_um3"}[dimension]
    axes = [f"{axis}_um" for axis in AXES[: grains.centroid.shape[1]]]
    turns = report.orientations.as_quat(canonical=True)[:, [3, 0, 1, 2]]
    columns = (
        np.arange(len(grains.volume)) + 1,
        grains.volume * 1e6**dimension,
        grains.diameter * 1e6,
        grains.neighbours,
        *(grains.centroid * 1e6).T,
        *turns.T,
    )
    header = ["grain", volume, "equivalent_diameter_um", "neighbours", *axes, "q_w", "q_x", "q_y", "q_z"]
    return _csv(header, zip(*(column.tolist() for column in columns), strict=True))


def boundary_table(report: CeramicReport) -> str:
    """Return one line per boundary: its grains, its area and what it is like."""
    pairs, numbers, dimension = report.structure.boundary_pairs, report.boundaries, report.measured.dimension
    columns = (
        pairs[:, 0],
        pairs[:, 1],
        report.boundary_area * 1e6 ** (dimension - 1),
        np.degrees(report.misorientation),
        numbers.pressure * 1e-6,
        numbers.resistance * 1e4,
        numbers.conductance,
        numbers.special.astype(int),
        numbers.coated.astype(int),
    )
    header = (
        "grain_1",
        "grain_2",
        {1: "number", 2: "length_um", 3: "area_um2"}[dimension],
        "misorientation_deg",
        "accommodation_pressure_MPa",
        "ionic_resistance_ohm_cm2",
        "electronic_conductance_S",
        "special",
        "coated",
    )
    return _csv(header, zip(*(column.tolist() for column in columns), strict=True))


def vti_bytes(report: CeramicReport) -> bytes:
    """Return all maps as a file for ParaView."""
    structure, ceramic = report.structure, report.ceramic
    arrays = microstructure_arrays(structure, ceramic.accommodation_pressure)
    floats = {
        "ionic_conductivity_S_m": ceramic.ionic_conductivity,
        "electronic_conductivity_S_m": ceramic.bulk_electronic_conductivity + ceramic.boundary_electronic_conductivity,
        "metal_signed_distance_um": 1e6 * structure.metal_distance,
    }
    if len(structure.boundary_pairs):
        arrays["boundary_id"] = structure.boundary_id
        floats["boundary_signed_distance_um"] = 1e6 * structure.signed_distance
        normals = boundary_normals(structure)
        floats |= {f"boundary_normal_{axis}": normals[..., a] for a, axis in enumerate(AXES[: normals.shape[-1]])}
        for name, chosen in (("special", report.boundaries.special), ("coated", report.boundaries.coated)):
            if chosen.any():
                of_cell = np.append(chosen, False)[structure.boundary_id]
                floats[f"{name}_boundary_fraction"] = structure.grain_boundary_fraction * of_cell
    # what lies infinitely far away is left out: programs stumble over it
    arrays |= {name: values.astype(np.float32) for name, values in floats.items() if np.all(np.isfinite(values))}
    numbers = {"electrode_plane_um": structure.electrode_plane * 1e6, "format": FORMAT}
    return image_bytes(arrays, tuple(d * 1e6 for d in structure.grid.spacing), numbers)


def summary(report: CeramicReport) -> dict[str, Any]:
    """Return the numbers of the page for programs, in the units that their names end in."""
    measured = report.measured
    grains, network, voids = measured.grains, measured.network, measured.voids
    return {
        "format": FORMAT,
        "name": report.case.name,
        "question": report.case.question,
        "outcome": MEASURED,
        "versions": versions("numpy", "scipy", "numba", "vtk"),
        "source_revision": source_revision(),
        "seed": report.case.microstructure.seed,
        "targets": [vars(target) | {"met": target.met} for target in report.targets],
        "grains": {
            "number": len(grains.volume),
            "exact": grains.exact,
            "mean_diameter_um": 1e6 * float(grains.diameter.mean()),
            "log_width": log_width(grains.diameter),
            "percentiles_um": dict(zip(map(str, PERCENTILES), percentiles(grains.diameter), strict=True)),
        },
        "boundaries": {
            "number": len(report.boundary_area),
            "intercept_um": {axis: 1e6 * length for axis, length in network.intercept.items()},
            "per_volume_1_um": 1e-6 * network.per_volume,
            "per_volume_of_faces_1_um": 1e-6 * network.per_volume_of_faces,
            "per_volume_of_intercepts_1_um": 1e-6 * network.per_volume_of_intercepts,
            "band_share": network.band_share,
        },
        "pores": {
            "porosity": voids.porosity,
            "number": len(voids.diameter),
            "span": voids.spans,
            "connected_to_electrode": voids.at_electrode,
            "electrode_covered": voids.contact,
            "filled_with_metal": voids.filled,
        },
        "second_phase": measured.second_phase,
        "largest_connected_solid": measured.largest_solid,
        "conductivity_S_m": _conductivities(report),
    }


def _conductivities(report: CeramicReport) -> dict[str, Any]:
    found = report.conductivity
    if found is None:
        return {"trouble": report.trouble}
    expected = {"ionic_expected": vars(found.ionic), "electronic_expected": vars(found.electronic)}
    return {along.axis: vars(along) for along in found.along} | expected


# --- the sheet --------------------------------------------------------------------------------------------------


def sheet_of(report: CeramicReport) -> Sheet:
    """Return what ``postprocess.ceramic`` draws."""
    structure, measured = report.structure, report.measured
    angles = np.linspace(0.0, LARGEST_ANGLE, 400)
    return Sheet(
        title=f"{report.case.name}: {'section' if measured.dimension == 2 else 'ceramic'} of "
        f"{' × '.join(f'{1e6 * n:.4g}' for n in structure.grid.lengths)} µm",
        grid=structure.grid,
        grain_id=structure.grain_id,
        pore_fraction=structure.pore_fraction,
        second_phase_fraction=structure.second_phase_fraction,
        metal_distance=structure.metal_distance,
        diameter=measured.grains.diameter,
        size_curve=_size_curve(report),
        size_note=_size_note(report),
        porosity=measured.voids.profile,
        porosity_asked=asked_porosity(report.case, structure),
        intercept=measured.network.intercept,
        misorientation=report.misorientation,
        boundary_area=report.boundary_area,
        random_curve=(angles, mackenzie_density(angles)),
        conductors=tuple(_conductors(report)),
    )


def _conductors(report: CeramicReport) -> Iterator[Conductor]:
    found = report.conductivity
    if found is None:
        return
    kinds = (("Ions", "ionic", "brick layers"), ("Electrons", "electronic", "boundary network"))
    for title, kind, law in kinds:
        values, expected = {along.axis: getattr(along, kind) for along in found.along}, getattr(found, kind)
        yield Conductor(title, values, expected.wiener, expected.hashin_shtrikman, expected.estimate, law)


def _size_curve(report: CeramicReport) -> tuple[np.ndarray, np.ndarray, str] | None:
    """Return the distribution that was asked for, else the log-normal one of the same mean and width."""
    diameter, wanted = report.measured.grains.diameter, size_target(report.case)
    mean, width = wanted or (float(diameter.mean()), log_width(diameter))
    if width < 1e-3:  # all alike
        return None
    x = np.linspace(0.5 * diameter.min(), 1.2 * diameter.max(), 300)
    name = "asked for" if wanted else "log-normal, same mean and width"
    return x, lognormal_density(x, mean, width), name


def _size_note(report: CeramicReport) -> str:
    distances = [t.measured for t in report.targets if t.what.startswith("Kolmogorov-Smirnov")]
    return f"Kolmogorov-Smirnov distance {distances[0]:.2g}" if distances else ""
