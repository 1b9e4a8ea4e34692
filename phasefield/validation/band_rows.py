"""Row V14b of the validation table: the width of the band that stands for a grain boundary must not matter.

It does a little: behind the tip metal blocks ions in the whole band, not in the nanometres of a real filament (MODEL 10),
so that ions leave more voltage for the tip of a wider one. Beyond 5 um the straight boundary's tip is 9 % faster in a
band of 12 cells than in one of 6; in a ceramic that conducts ten times as well, where that voltage is next to nothing,
the three are the same within 0.3 %. The charge of the metal knows nothing of the width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from phasefield import measures
from phasefield.backends import Tolerances, get_backend
from phasefield.case import Case, load_case
from phasefield.physics.constants import FARADAY
from phasefield.setup import build_setup
from phasefield.simulate import simulate
from phasefield.validation.common import LITHIUM_VOLUME, Check, Row, allowed, level
from postprocess.curves import Line, Panel

BAND_CELLS = (6, 9, 12)  # the narrowest first
SAME = 0.05  # straight boundary: largest difference of any width from the narrowest
CLOSE = 0.15  # whole case: largest difference between the two narrowest

STRAIGHT_SPACING = 0.4  # [um]
STRAIGHT_CELLS = 96  # across: in a box of a fourth of that, bands up to half as wide, ions are blocked too much
OPENING = 30e-9  # h [m]

# In the main case's own cells of 0.4 um the widest band would be more than half a grain.
WHOLE_SPACING = 0.8 / 3.0  # [um]
WHOLE_CHARGE = 0.1  # [mAh/cm^2]
SAMPLES = 200  # charges at which depths are compared


@dataclass(frozen=True)
class Growth:
    """How metal grew: time [s], charge passed [C/m^2], depth [m], charge of the metal in the ceramic [C/m]."""

    time: np.ndarray
    passed: np.ndarray
    depth: np.ndarray
    metal: np.ndarray

    def at(self, depth: float) -> tuple[float, float]:
        """Return when the tip was at a depth [s] and the charge of the metal then [C/m]; NaN if it never was."""
        time, metal = (float(np.interp(depth, self.depth, v, right=math.nan)) for v in (self.time, self.metal))
        return time, metal


def growth(case: Case, depth: float = math.inf) -> Growth:
    """Run a case in the plane to its end, or until the tip is beyond ``depth`` [m].

    Metal in the ceramic is all that came after the start, however little of a cell it fills; per metre of the depth
    of the picture.
    """
    setup = build_setup(case)
    problem, grid = setup.problem, setup.problem.grid
    beyond = measures.share_beyond(grid, problem.electrode_plane)
    worth = FARADAY / problem.metal.molar_volume * grid.cell_volume * beyond * problem.ceramic.accessible_fraction
    backend = get_backend("numba", problem, Tolerances())
    rows = []
    for state, report in simulate(problem, backend, setup.protocol, setup.limits):
        metal = float((worth * (state["metal_fraction"] - problem.initial_metal_fraction)).sum())
        rows.append((report.time, report.throughput, report.penetration_depth_connected, metal))
        if report.penetration_depth_connected > depth:
            break
    return Growth(*np.array(rows).T)


def straight_boundary(band_cells: int) -> Case:
    """Return the bicrystal in a larger box, its boundary where a band of so many cells covers whole ones."""
    across = STRAIGHT_CELLS + band_cells % 2  # an even band about a face, an odd one about the middle of a cell
    return load_case(
        "bicrystal",
        {
            "grid.size": f'["24 um", "{across * STRAIGHT_SPACING:.10g} um"]',
            "grid.spacing": f"{STRAIGHT_SPACING} um",
            "grain_boundaries.band_width": f"{band_cells * STRAIGHT_SPACING:.10g} um",
            "grain_boundaries.opening": f"{1e9 * OPENING:.10g} nm",
            "protocol.capacity": "0.1 mAh/cm^2",
        },
    )


def whole_case(band_cells: int) -> Case:
    """Return the main case with a band of so many cells of 0.267 um; interface and microstructure are its own."""
    return load_case(
        "llzo_grain_boundary",
        {
            "grid.spacing": f"{WHOLE_SPACING:.17g} um",
            "grain_boundaries.band_width": f"{band_cells * WHOLE_SPACING:.10g} um",
            "protocol.capacity": f"{WHOLE_CHARGE} mAh/cm^2",
        },
    )


def v14b(quick: bool = False) -> Row:
    """Metal follows a grain boundary as fast and with as much charge, whatever the width of its band."""
    depths = (3e-6, 5e-6) if quick else (5e-6, 10e-6)
    straight = [growth(straight_boundary(cells), depths[-1]) for cells in BAND_CELLS]
    checks, panels = straight_checks(straight, depths), straight_panels(straight, depths)
    if not quick:
        whole = [growth(whole_case(cells)) for cells in BAND_CELLS]
        checks += whole_checks(whole)
        panels += (whole_panel(whole),)
    return Row("V14b", "metal along a grain boundary at three widths of its band", checks, panels)


def straight_checks(found: list[Growth], depths: tuple[float, float]) -> tuple[Check, ...]:
    """Return what is asked of a straight boundary: times are those of the narrowest band, charge is F h / V_m.

    ``found``: one per ``BAND_CELLS``. ``depths``: of the tip, where times are compared; charge is compared between
    them [m], where the ends of the metal play no part.
    """
    checks = []
    for depth in depths:
        first, *others = (growth.at(depth)[0] for growth in found)
        checks += [
            Check(f"{_straight(cells)}: time to {1e6 * depth:g} um [s]", first, time, SAME)
            for cells, time in zip(BAND_CELLS[1:], others, strict=True)
        ]
    here, there = depths
    between = f"from {1e6 * here:g} to {1e6 * there:g} um"
    for cells, growth in zip(BAND_CELLS, found, strict=True):
        charge = (growth.at(there)[1] - growth.at(here)[1]) / (there - here)
        what = f"{_straight(cells)}: charge per area {between} [C/m2]"
        checks.append(Check(what, FARADAY * OPENING / LITHIUM_VOLUME, charge, SAME))
    return tuple(checks)


def straight_panels(found: list[Growth], depths: tuple[float, float]) -> tuple[Panel, ...]:
    """Return the time over that of the narrowest band, and the charge in the boundary, by depth."""
    depth = np.linspace(1e-6, depths[-1], 25)
    times = np.array([[growth.at(d)[0] for d in depth] for growth in found])
    lines = [
        Line(_straight(cells), 1e6 * depth, time / times[0])
        for cells, time in zip(BAND_CELLS[1:], times[1:], strict=True)
    ]
    ratio = (level("narrowest band", 1e6 * depth, 1.0), *allowed(1e6 * depth, 1.0, SAME), *lines)
    per_length = FARADAY * OPENING / LITHIUM_VOLUME
    since = [np.array([growth.at(d)[1] for d in depth]) - growth.at(depth[0])[1] for growth in found]
    charge = [
        Line("formula", 1e6 * depth, 1e6 * per_length * (depth - depth[0]), exact=True),
        *(Line(_straight(cells), 1e6 * depth, 1e6 * q) for cells, q in zip(BAND_CELLS, since, strict=True)),
    ]
    label = r"depth of the tip [$\mu$m]"
    return (
        Panel(label, "time / that of the narrowest band", ratio),
        Panel(label, r"charge of metal since 1 $\mu$m [$\mu$C/m]", tuple(charge)),
    )


def whole_checks(found: list[Growth]) -> tuple[Check, ...]:
    """Return what is asked of a whole case: depths at the same charge that differ less, the narrower the bands."""
    depths = depths_at_charges(found)[1]
    finer, coarser = (_rms(depths[i + 1] - depths[i]) for i in (0, 1))
    pair = f"whole case, {BAND_CELLS[0]} and {BAND_CELLS[1]} cells"
    return (
        Check(f"{pair}: depth at {WHOLE_CHARGE:g} mAh/cm2 [m]", float(depths[0, -1]), float(depths[1, -1]), CLOSE),
        Check(f"{pair}: rms difference / rms depth", 0.0, finer / _rms(depths[0]), CLOSE, False),
        Check("whole case: rms difference / that of the two widest", 0.0, finer / coarser, 1.0, False),
    )


def whole_panel(found: list[Growth]) -> Panel:
    """Return the depth by the charge, and how far from that of the narrowest band it may be."""
    charge, depths = depths_at_charges(found)
    charge, depths = charge / 36.0, 1e6 * depths  # mAh/cm2 are 36000 C/m2
    names = [f"{cells * WHOLE_SPACING:.1f} um" for cells in BAND_CELLS]
    lines = [Line(name, charge, depth, joined=True) for name, depth in zip(names, depths, strict=True)]
    limits = [Line(line.name, charge, line.y * depths[0], exact=True) for line in allowed(charge, 1.0, CLOSE)]
    return Panel(r"charge [$\mu$Ah/cm$^2$]", r"depth of the tip [$\mu$m]", (*limits, *lines))


def depths_at_charges(found: list[Growth]) -> tuple[np.ndarray, np.ndarray]:
    """Return charges that all runs reach [C/m^2], ``(n,)``, and the depths there [m], ``(runs, n)``."""
    charge = np.linspace(0.0, min(growth.passed[-1] for growth in found), SAMPLES + 1)[1:]
    return charge, np.array([np.interp(charge, growth.passed, growth.depth) for growth in found])


def _straight(cells: int) -> str:
    return f"straight, {cells} cells"


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))
