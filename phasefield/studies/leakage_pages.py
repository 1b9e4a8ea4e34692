"""The pages of the leakage study: tables, figures, and a tidy table of all runs."""

from __future__ import annotations

import csv
import datetime
import io
import math
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from pathlib import Path

import numpy as np

from phasefield.markdown import table
from phasefield.results_folder import replacing, write_text_atomic
from phasefield.studies.leakage import (
    CASE,
    CHARGE,
    CONDUCTIVITIES,
    COVERAGES,
    FRACTIONS,
    MAIN,
    OVERPOTENTIALS,
    SEEDS,
    SHARES,
    STORAGES,
    THRESHOLDS,
    LeakageStudy,
    Onset,
    Point,
    Storage,
)
from postprocess.curves import Line, Panel, save_panels

PAGE = "leakage.md"
MEASURES: tuple[tuple[str, Callable[[Point], float]], ...] = (
    ("depth of connected metal, µm", lambda p: p.depth),
    ("depth of isolated metal, µm", lambda p: p.isolated_depth),
    ("depth of the deepest nucleus, µm", lambda p: p.deepest),
    ("nuclei", lambda p: p.nuclei),
    ("of them met by the electrode's metal", lambda p: p.met),
    ("isolated metal, µAh/cm²", lambda p: 1e3 * p.isolated),
)


def write_pages(study: LeakageStudy, command: str = "") -> Path:
    """Write ``leakage.md``, ``runs.csv`` and the figures to the study's folder; return the page."""
    figures = {
        "penetration.png": (penetration_panels(study.points), f"Metal after {CHARGE}, three microstructures"),
        "jumps.png": (jump_panels(study.thresholds), f"The front's way with nuclei ahead of it, seed {SEEDS[0]}"),
        "onset.png": (onset_panels(study.onsets), "Current from which nuclei appear"),
        "storage.png": (
            storage_panels(study.storages),
            f"Leakage while the ceramic takes up electrons, seed {SEEDS[0]}",
        ),
    }
    for name, (panels, title) in figures.items():
        with replacing(study.folder / name) as temporary:
            save_panels(panels, title, temporary)
    write_text_atomic(study.folder / "runs.csv", tidy_table([*study.points, *study.thresholds]))
    page = study.folder / PAGE
    write_text_atomic(page, page_text(study, command))
    return page


def tidy_table(points: Sequence[Point]) -> str:
    """Return every run of the map as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [
            "conductivity_S_m",
            "leaky_fraction",
            "threshold_mV",
            "seed",
            "depth_connected_um",
            "depth_isolated_um",
            "deepest_nucleus_um",
            "nuclei",
            "met_by_the_front",
            "isolated_metal_mAh_cm2",
            "first_nucleus_mAh_cm2",
            "capacity_mAh_cm2",
            "outcome",
        ]
    )
    for p in points:
        numbers = (p.depth, p.isolated_depth, p.deepest, p.nuclei, p.met, p.isolated, p.first, p.charge)
        keys = (f"{n:g}" for n in (p.conductivity, p.fraction, p.overpotential, p.seed))
        writer.writerow([*keys, *(f"{n:.6g}" for n in numbers), p.outcome])
    return text.getvalue()


def page_text(study: LeakageStudy, command: str) -> str:
    """Return the page."""
    lines = [
        "# Metal inside the ceramic: electronic leakage and nuclei",
        "",
        f"    {command}",
        "",
        f"{datetime.date.today().isoformat()}, revision of the runs: {', '.join(study.revisions)}.",
        "",
        (
            f"Three microstructures (seeds {', '.join(map(str, SEEDS))}), all runs to {CHARGE} at 1 mA/cm². σ_e is what an "
            "even network would give the whole ceramic; the mean over its boundaries is kept while the share that leaks "
            "changes, 1 is the even network. Cells: mean of the seeds (smallest to largest). Depths are beyond the "
            "electrode's plane, of metal where ξ ≥ 0.5; a nucleus counts from when it appears, however little metal it has."
        ),
        *_map_section(study.points),
        *_threshold_section(study.thresholds),
        *_onset_section(study.onsets),
        *_storage_section(study.storages),
    ]
    return "\n".join(lines) + "\n"


def _map_section(points: Sequence[Point]) -> Iterable[str]:
    yield from ("", "## Conductivity of the network, and share of its boundaries that leaks", "")
    for title, measure in MEASURES:
        yield from (f"**{title}**", "")
        yield from table(("σ_e S/m", *(f"leaky {f:g}" for f in FRACTIONS)), _map_rows(points, measure))
        yield ""
    yield "![penetration](penetration.png)"


def _threshold_section(points: Sequence[Point]) -> Iterable[str]:
    yield from ("", f"## Threshold of a nucleus, at {points[0].conductivity:.2g} S/m", "")
    header = ("leaky", "η_nuc mV", *(title for title, _ in MEASURES))
    yield from table(header, _threshold_rows(points))
    yield from ("", "![jumps](jumps.png)")


def _onset_section(onsets: Sequence[Onset]) -> Iterable[str]:
    yield from ("", "## Coating and threshold: the current from which nuclei appear", "")
    yield (
        "Half of the boundaries leaky, no metal in the ceramic yet, potentials at rest; mA/cm². The coating is that of "
        "`llzo_lao_coated`, on a share of the boundaries."
    )
    yield ""
    yield from table(("η_nuc mV", *(f"coated {c:g}" for c in COVERAGES)), _onset_rows(onsets))
    yield from ("", "![onset](onset.png)")


def _storage_section(storages: Sequence[Storage]) -> Iterable[str]:
    yield from ("", "## Stored electrons: does the concentration field matter?", "")
    yield (
        "n_M in mol/m³; traps: n_M in the boundaries over that in grains. At the measured 5.5e-6 S/m: the leaky ceramic, "
        f"and the main case, seed {SEEDS[0]}."
    )
    yield ""
    header = (
        "case",
        "n_M",
        "first nucleus s",
        "leakage within a factor 2 from s",
        "nuclei",
        "depth µm",
        "isolated µAh/cm²",
    )
    yield from table(header, _storage_rows(storages))
    yield from ("", "![storage](storage.png)")


def _spread(values: Iterable[float]) -> str:
    """Return mean and range; values that are not there (NaN) are counted."""
    all_ = np.array(list(values), dtype=float)
    there = all_[np.isfinite(all_)]
    if not len(there):
        return "none"
    text = (
        f"{there.mean():.3g}"
        if np.ptp(there) == 0.0
        else f"{there.mean():.3g} ({there.min():.3g} to {there.max():.3g})"
    )
    return text if len(there) == len(all_) else f"{text}, none in {len(all_) - len(there)}"


def _map_rows(points: Sequence[Point], measure: Callable[[Point], float]) -> Iterable[Sequence[str]]:
    for s in CONDUCTIVITIES:
        cells = ([measure(p) for p in points if (p.conductivity, p.fraction) == (s, f)] for f in FRACTIONS)
        yield [f"{s:.2g}", *map(_spread, cells)]


def _threshold_rows(points: Sequence[Point]) -> Iterable[Sequence[str]]:
    for f, eta in product(SHARES, THRESHOLDS):
        some = [p for p in points if (p.fraction, p.overpotential) == (f, eta)]
        yield [f"{f:g}", f"{eta:g}", *(_spread(measure(p) for p in some) for _, measure in MEASURES)]


def _onset_rows(onsets: Sequence[Onset]) -> Iterable[Sequence[str]]:
    for eta in OVERPOTENTIALS:
        cells = ([o.current for o in onsets if (o.coverage, o.overpotential) == (c, eta)] for c in COVERAGES)
        yield [f"{eta:g}", *map(_spread, cells)]


def _storage_rows(storages: Sequence[Storage]) -> Iterable[Sequence[str]]:
    for case, name in product((CASE, MAIN), STORAGES):
        some = [s for s in storages if (s.case, s.name) == (case, name)]
        measures = ("first_time", "settling_time", "nuclei", "depth")
        numbers = (_spread(getattr(s, measure) for s in some) for measure in measures)
        yield [f"`{case}`", name, *numbers, _spread(1e3 * s.isolated for s in some)]


# --- figures ----------------------------------------------------------------------------------------------------


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return float(np.mean(found)) if found else math.nan


def penetration_panels(points: Sequence[Point]) -> tuple[Panel, ...]:
    """Return depths, nuclei and isolated metal over the conductivity, a line per leaky share."""
    x = np.array(CONDUCTIVITIES)

    def lines(measure: Callable[[Point], float]) -> tuple[Line, ...]:
        return tuple(
            Line(
                f"leaky {f:g}" if f < 1.0 else "uniform",
                x,
                np.array([_mean(measure(p) for p in points if (p.conductivity, p.fraction) == (s, f)) for s in x]),
                joined=True,
            )
            for f in FRACTIONS
        )

    label = "σ_e of the ceramic, S/m"
    return (
        Panel(label, "depth of connected metal, µm", lines(lambda p: p.depth), "x"),
        Panel(label, "depth of the deepest nucleus, µm", lines(lambda p: p.deepest), "x"),
        Panel(label, "nuclei", lines(lambda p: p.nuclei), "x"),
        Panel(label, "isolated metal, µAh/cm²", lines(lambda p: 1e3 * p.isolated), "x"),
    )


def jump_panels(points: Sequence[Point]) -> tuple[Panel, ...]:
    """Return the depth of connected metal over the charge for every threshold, first seed, one panel per leaky share."""
    return tuple(
        Panel(
            f"charge, mAh/cm², {'half of the boundaries leaky' if f < 1.0 else 'even network'}",
            "depth of connected metal, µm",
            tuple(
                Line(f"η_nuc {p.overpotential:g} mV", *p.path, joined=True)
                for p in points
                if (p.fraction, p.seed) == (f, SEEDS[0])
            ),
        )
        for f in SHARES
    )


def onset_panels(onsets: Sequence[Onset]) -> tuple[Panel, ...]:
    """Return the onset over the coverage at every threshold, and over the threshold at every coverage."""

    def mean(coverage: float, eta: float) -> float:
        return _mean(o.current for o in onsets if (o.coverage, o.overpotential) == (coverage, eta))

    x, y = np.array(COVERAGES), np.array(OVERPOTENTIALS)
    by_coverage = tuple(Line(f"η_nuc {e:g} mV", x, np.array([mean(c, e) for c in x]), joined=True) for e in y)
    by_threshold = tuple(Line(f"coated {c:g}", y, np.array([mean(c, e) for e in y]), joined=True) for c in x)
    return (
        Panel("share of boundaries that is coated", "onset, mA/cm²", by_coverage, "y"),
        Panel("η_nuc, mV", "onset, mA/cm²", by_threshold, "xy"),
    )


def storage_panels(storages: Sequence[Storage]) -> tuple[Panel, ...]:
    """Return the leakage over time for every n_M, first seed."""
    lines = tuple(
        Line(f"n_M {s.name}", s.time, 1e3 * s.leakage, joined=True)
        for s in storages
        if (s.case, s.seed) == (CASE, SEEDS[0])
    )
    return (Panel("time, s", "leakage, µA/cm²", lines, "xy"),)
