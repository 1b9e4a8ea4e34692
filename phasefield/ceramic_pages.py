"""The page about a case's ceramic: what was asked for, and what came out."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator

import numpy as np

from microstructures.measure import log_width
from phasefield.ceramic_report import CeramicReport, Target
from phasefield.effective import Expected
from phasefield.markdown import table
from phasefield.summary import source_revision

PERCENTILES = (5, 25, 50, 75, 95)
TARGET_COLUMNS = ("what", "asked", "measured", "difference", "promised")


def page_text(report: CeramicReport, command: str = "", drawn: bool = True) -> str:
    """Return the report for people."""
    case, grid, dimension = report.case, report.structure.grid, report.measured.dimension
    size = " × ".join(f"{1e6 * length:.4g}" for length in grid.lengths)
    cells = " × ".join(map(str, grid.shape))
    lines = [f"# Microstructure of {case.name}", "", case.question, ""]
    if command:
        lines += [f"    {command}", ""]
    lines += [
        (
            f"{datetime.date.today().isoformat()}, revision {source_revision()}, seed {case.microstructure.seed}. "
            f"Box of {size} µm, {cells} cells, {grid.lateral} sides; the ceramic begins at x = "
            f"{1e6 * report.structure.electrode_plane:.4g} µm. Nothing was simulated."
        ),
        "",
    ]
    if dimension == 2:
        lines += [
            (
                "This is a plane: sizes are those of areas, boundaries are lines, pores are cylinders without end. A "
                "section through grains of space has smaller, more uneven grains than there are, pores that touch in "
                "space may lie apart in it: compare with sections, not with volumes."
            ),
            "",
        ]
    if drawn:
        lines += ["![microstructure](microstructure.png)", ""]
    for section in (_target_section, _grain_section, _boundary_section, _pore_section, _conductivity_section):
        lines += [*section(report), ""]
    return "\n".join([*lines, *_file_section(report)]) + "\n"


def target_row(target: Target) -> tuple[str, ...]:
    """Return a target as words, one for each of ``TARGET_COLUMNS``."""
    unit = f" {target.unit}" if target.unit else ""
    promised = "" if target.allowed is None else "limit" if target.limit else f"± {target.allowed:g}{unit}"
    verdict = {None: "", True: ": met", False: ": **missed**"}[target.met]
    return (
        target.what,
        f"{'< ' if target.limit else ''}{target.asked:.4g}{unit}",
        f"{target.measured:#.4g}{unit}",
        "" if target.limit else f"{target.measured - target.asked:+.2g}{unit}",
        promised + verdict,
    )


def figures(report: CeramicReport) -> Iterator[tuple[str, str]]:
    """Yield label and value of what a ceramist asks first."""
    measured, found = report.measured, report.conductivity
    diameter = 1e6 * measured.grains.diameter
    yield (
        "grains, mean diameter, width of ln D",
        f"{diameter.size}, {diameter.mean():.4g} µm, {np.log(diameter).std():.3g}",
    )
    if len(report.boundary_area):
        lengths = ", ".join(f"{axis} {1e6 * length:.3g}" for axis, length in measured.network.intercept.items())
        yield "boundary per volume S_V, mean intercepts", f"{1e-6 * measured.network.per_volume:.4g} /µm, {lengths} µm"
    if measured.voids.porosity > 0.0:
        spans = "reach through along x" if measured.voids.spans else "do not reach through along x"
        yield "porosity", f"{100 * measured.voids.porosity:.4g} %, {measured.voids.diameter.size} pores, which {spans}"
    if found is None:
        return
    for kind, words in (("ionic", "ions"), ("electronic", "electrons")):
        values = ", ".join(f"{along.axis} {getattr(along, kind):.4g}" for along in found.along)
        yield f"effective conductivity, {words}", f"{values} S/m (estimate {getattr(found, kind).estimate:.4g})"


def _target_section(report: CeramicReport) -> Iterator[str]:
    yield from ("## Asked for and measured", "")
    if report.targets:
        yield from table(TARGET_COLUMNS, map(target_row, report.targets))
    else:
        yield "The case asks for nothing that can be compared with a number."


def _grain_section(report: CeramicReport) -> Iterator[str]:
    measured = report.measured
    grains, plane = measured.grains, measured.dimension == 2
    ball = {1: "length", 2: "diameter of the disc of its area", 3: "diameter of the ball of its volume"}
    how = "of the geometry" if grains.exact else "counted in cells"
    rows = [
        ("number of grains", f"{len(grains.volume)}"),
        (f"mean size, {ball[measured.dimension]}", f"{1e6 * grains.diameter.mean():.4g} µm"),
        ("standard deviation of its logarithm", f"{log_width(grains.diameter):.3g}"),
        (
            f"percentiles {', '.join(map(str, PERCENTILES))}",
            f"{', '.join(f'{d:.3g}' for d in percentiles(grains.diameter))} µm",
        ),
        ("neighbours of a grain", f"{grains.neighbours.mean():.3g}"),
    ]
    if grains.exact:
        missed = int(np.count_nonzero(grains.cell_volume == 0.0))
        off = float(np.sqrt(np.mean((grains.cell_volume / grains.volume - 1.0) ** 2)))
        rows.append((f"{'areas' if plane else 'volumes'} of cells against these, rms", f"{100.0 * off:.2g} %"))
        if missed:
            rows.append(("grains without a cell of their own", f"{missed}"))
    yield from ("## Grains", "", f"Sizes {how}; pores and particles belong to the grains that they sit in.", "")
    yield from table(("", ""), rows)


def _boundary_section(report: CeramicReport) -> Iterator[str]:
    network, dimension = report.measured.network, report.measured.dimension
    yield from ("## Grain boundaries", "")
    if not len(report.boundary_area):
        yield "There are none."
        return
    how = "of the geometry" if report.measured.grains.exact else "of planes fitted to the labels"
    amount = "length per area" if dimension == 2 else "area per volume"
    rows = [("number", f"{len(report.boundary_area)}")]
    rows += [(f"mean intercept along {axis}", f"{1e6 * length:.4g} µm") for axis, length in network.intercept.items()]
    rows += [
        (f"{amount} S_V, {how}", f"{1e-6 * network.per_volume:.4g} /µm"),
        (f"{amount} from the faces of cells, each with its share", f"{1e-6 * network.per_volume_of_faces:.4g} /µm"),
        (
            f"{amount} from the intercepts, as if alike in all directions",
            f"{1e-6 * network.per_volume_of_intercepts:.4g} /µm",
        ),
    ]
    if network.triple_lines is not None:
        rows.append(("length of triple lines per volume", f"{1e-12 * network.triple_lines:.4g} /µm²"))
    if network.junctions is not None:
        words = "quadruple points per volume" if dimension == 3 else "triple points per area"
        rows.append((words, f"{1e-6**dimension * network.junctions:.4g} /µm{'³' if dimension == 3 else '²'}"))
    rows.append(
        ("share of the ceramic inside the bands that stand for boundaries", f"{100 * network.band_share:.3g} %")
    )
    rows.append(("mean misorientation, by area (cubes turned at random: 40.7°)", f"{_mean_turn(report):.1f}°"))
    for name in ("special", "coated"):
        chosen = getattr(report.boundaries, name)
        if chosen.any():
            share = float(chosen @ report.boundary_area / report.boundary_area.sum())
            rows.append((f"{name} boundaries, of the number, of the area", f"{chosen.mean():.1%}, {share:.1%}"))
    yield from table(("", ""), rows)
    yield from (
        "",
        (
            "Faces and intercepts miss boundaries that cut a corner off between two cells: they are lower by about "
            "the size of a cell over that of a grain. Boundaries conduct and resist by S_V of the "
            "first line."
        ),
    )


def _mean_turn(report: CeramicReport) -> float:
    return float(np.degrees(np.average(report.misorientation, weights=report.boundary_area)))


def _pore_section(report: CeramicReport) -> Iterator[str]:
    measured = report.measured
    voids = measured.voids
    yield from ("## Pores and second phase", "")
    if voids.porosity == 0.0 and measured.second_phase == 0.0:
        yield "There are none."
        return
    rows = [("porosity", f"{100 * voids.porosity:.4g} %")]
    if voids.diameter.size:
        size = voids.diameter * 1e6
        what = "disc of its area" if measured.dimension == 2 else "ball of its volume"
        rows += [
            ("connected pores, of cells at least half of which are pore", f"{size.size}"),
            (f"their diameters ({what}): median, largest", f"{np.median(size):.3g} µm, {size[0]:.3g} µm"),
            ("connected to the working electrode", f"{100 * voids.at_electrode:.3g} % of the pores' volume"),
            ("pores reach from the working electrode to the far end", "yes" if voids.spans else "no"),
            ("electrode surface covered by voids", f"{100 * voids.contact:.3g} %"),
        ]
    if voids.filled:
        rows.append(("pores that metal fills from the start", f"{100 * voids.filled:.3g} % of their volume"))
    rows += [
        ("second phase", f"{100 * measured.second_phase:.4g} %"),
        ("largest connected part of all that is not pore", f"{100 * measured.largest_solid:.4g} %"),
    ]
    yield from table(("", ""), rows)


def _conductivity_section(report: CeramicReport) -> Iterator[str]:
    yield from ("## Effective conductivities, S/m", "")
    found = report.conductivity
    if found is None:
        yield f"**Not found**: {report.trouble}."
        return
    names = [along.axis for along in found.along]
    metal = " Metal that fills pores counts as pore." if report.measured.voids.filled else ""
    yield f"Measured between plates on the maps of a run, from the first layer on that is ceramic all over.{metal}"
    yield ""
    header = ("", *(f"along {axis}" for axis in names), "Wiener", "Hashin-Shtrikman", "estimate")
    ions, electrons = ([f"{getattr(a, kind):.4g}" for a in found.along] for kind in ("ionic", "electronic"))
    rows = [("ions", *ions, *_expected(found.ionic)), ("electrons", *electrons, *_expected(found.electronic))]
    if found.porosity > 0.0:
        solid, pores = (
            [_number(getattr(a, kind)) for a in found.along] for kind in ("solid_tortuosity", "pore_tortuosity")
        )
        rows += [("tortuosity τ of the solid", *solid, "", "", ""), ("tortuosity τ of the pores", *pores, "", "", "")]
    yield from table(header, rows)
    yield from (
        "",
        (
            "Bounds hold for any arrangement of these phases (Wiener), or one alike in all ways (Hashin-Shtrikman). "
            "The estimate is the brick layer model for ions, a network of boundaries in all directions for electrons. "
            "τ is σ₀ f / σ of the phase alone, f its share of the volume, without boundaries."
        ),
    )


def _expected(expected: Expected) -> tuple[str, str, str]:
    wiener, hashin_shtrikman = (f"{a:.3g} to {b:.4g}" for a, b in (expected.wiener, expected.hashin_shtrikman))
    return wiener, hashin_shtrikman, f"{expected.estimate:.4g}"


def _number(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "do not span"


def _file_section(report: CeramicReport) -> Iterator[str]:
    yield from ("## Files", "")
    yield "- `microstructure.vti`: all maps, for ParaView; coordinates in µm."
    yield "- `grains.csv`, `boundaries.csv`: one line each; orientations turn the crystal's axes into the box's."
    yield "- `summary.json`: the numbers of this page. `case.toml`: the case with every default; it can be run."


def percentiles(diameter: np.ndarray) -> list[float]:
    """Return the ``PERCENTILES`` of diameters [um]."""
    return (1e6 * np.percentile(diameter, PERCENTILES)).tolist()
