"""Rows of the validation table about effective conductivities: V11, V12 and V13."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from microstructures import build
from phasefield.effective import brick_layer_conductivity, conductivity_along
from phasefield.validation.common import LLZO_IONIC, Check, Row, box_grid, level, shares, uniform_ceramic
from postprocess.curves import ALLOWED, Line, Panel

CELLS = 256  # per period
PERIOD = 1e-6  # of bricks and discs [m]

WALL_CONDUCTIVITY = 0.0129783  # of that of a brick
BRICKS = {16: (0.16937, 0.163763, 0.171973), 32: (0.29147, 0.287305, 0.293475)}  # period over wall: value and bounds

DISCS = {0.1: 0.818177, 0.2: 0.666531, 0.3: 0.537580, 0.4: 0.425351}  # share of the area: Perrins et al. (1979)
SUBSAMPLES = 16  # of a cell that is drawn, along each axis
INSULATOR = 1e-6  # of the conductivity around it

GRAIN = 10e-6  # d [m]
SMALL = (0.01, 0.03, 0.1)  # R_gb sigma_b / d up to which phi = 1
LARGE = (1.0, 10.0)
DOMINATING = 100.0
LIMITS = {0: (0.87, 0.91), 2: (0.94, 0.99), 5: (0.94, 0.99)}  # of phi there, by the relaxation of the grains
KINDS = {0: "Poisson-Voronoi", 2: "2 Lloyd steps", 5: "5 Lloyd steps"}
GRID_BLOCKS = 0.5  # cells of ceramic per area of boundary that the grid closes to current along it (V14a)


# --- V11 ----------------------------------------------------------------------------------------------------


def brick_wall(cells: int, share: int, axis: int = 0) -> float:
    """Return the conductivity of square bricks of conductivity 1, walls a ``share``-th of the period, which is ``cells`` wide.

    The plates stand in the middle of a wall, where a current through endless bricks has equipotentials, too.
    """
    grid = box_grid((PERIOD, PERIOD), (cells, cells))
    ceramic = uniform_ceramic(grid, ionic=1.0)
    half = cells // share // 2
    wall = np.zeros(cells, dtype=bool)
    wall[:half] = wall[cells - half :] = True
    ceramic.ionic_conductivity[wall[:, None] | wall] = WALL_CONDUCTIVITY
    return conductivity_along(ceramic, grid, axis)[0]


def v11(quick: bool = False) -> Row:
    """Return V11: square bricks in resistive walls, along both axes: 0.2 % of what was computed before, inside bounds.

    The bounds are those of columns that exchange no current and of layers that are equipotentials at their faces.
    """
    del quick  # a second as it is
    checks, measured = [], []
    for share, (reference, low, high) in BRICKS.items():
        for axis in (0, 1):
            found = brick_wall(CELLS, share, axis)
            what = f"walls of 1/{share}, along {'xy'[axis]}"
            checks.append(Check(what, reference, found, 2e-3))
            checks.append(Check(f"{what}, between bounds", 0.5 * (low + high), found, 0.5 * (high - low), False))
        measured.append(found)
    width = 1.0 / np.array(list(BRICKS))
    references, lows, highs = (np.array(values) for values in zip(*BRICKS.values(), strict=True))
    lines = (
        Line("computed before", width, references, exact=True),
        Line(ALLOWED, width, lows, exact=True),
        Line(ALLOWED, width, highs, exact=True),
        Line("computed", width, np.array(measured)),
    )
    panel = Panel("wall / period", "conductivity / that of a brick", lines)
    return Row("V11", "bricks in resistive walls", tuple(checks), (panel, shares(checks)))


# --- V12 ----------------------------------------------------------------------------------------------------


def disc_array(cells: int, share: float, axis: int = 0) -> float:
    """Return the conductivity of a square array of insulating discs in a medium of conductivity 1.

    Cells conduct by what the disc leaves of them.
    """
    grid = box_grid((PERIOD, PERIOD), (cells, cells))
    place = (np.arange(cells * SUBSAMPLES) + 0.5) / (cells * SUBSAMPLES) - 0.5
    inside = place[:, None] ** 2 + place**2 < share / np.pi
    covered = inside.reshape(cells, SUBSAMPLES, cells, SUBSAMPLES).mean(axis=(1, 3))
    ceramic = uniform_ceramic(grid, ionic=1.0)
    ceramic.ionic_conductivity[:] = 1.0 - (1.0 - INSULATOR) * covered
    return conductivity_along(ceramic, grid, axis)[0]


def v12(quick: bool = False) -> Row:
    """Return V12: a square array of insulating discs against the series of Perrins, McKenzie and McPhedran (1979)."""
    del quick  # two seconds as it is
    found = np.array([disc_array(CELLS, share) for share in DISCS])
    checks = tuple(
        Check(f"discs on {share:g} of the area", reference, float(value), 0.01)
        for (share, reference), value in zip(DISCS.items(), found, strict=True)
    )
    share, series = np.array(list(DISCS)), np.array(list(DISCS.values()))
    lines = (Line("series", share, series, exact=True), Line("computed", share, found))
    panel = Panel("share of the discs [1]", "conductivity / that around the discs", lines)
    return Row("V12", "square array of insulating discs", checks, (panel, shares(checks)))


# --- V13 ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Polycrystal:
    """Resistivities of some samples times sigma_b, ``(seeds, resistances, axes)``, and d S_V of each, ``(seeds,)``.

    ``resistance``: R_gb sigma_b / d, ``(resistances,)``. ``cell``: edge of a cell over d.
    """

    resistance: np.ndarray
    resistivity: np.ndarray
    area: np.ndarray
    cell: float

    @property
    def law(self) -> np.ndarray:
        """Return what boundaries add by the law with phi = 1, ``(seeds, resistances)``."""
        return 0.5 * self.resistance * self.area[:, None]

    @property
    def phi(self) -> np.ndarray:
        """Return what boundaries add over what the law says, mean of the axes, ``(seeds, resistances)``."""
        return (self.resistivity.mean(axis=2) - 1.0) / self.law


def polycrystal(relaxation: int, grains: int, cells: int, resistances: tuple[float, ...], seeds: int) -> Polycrystal:
    """Measure square samples of ``grains`` x ``grains`` Voronoi grains, ``cells`` per grain diameter, along both axes.

    ``relaxation``: Lloyd steps. ``resistances``: R_gb sigma_b / d of the sheets.
    """
    grid = box_grid((grains * GRAIN, grains * GRAIN), (grains * cells, grains * cells))
    found = np.empty((seeds, len(resistances), 2))
    area = np.empty(seeds)
    for seed in range(seeds):
        structure = build(
            grid, "voronoi", 0.0, 2.0 * grid.spacing[0], grain_size=GRAIN, seed=seed + 1, relaxation=relaxation
        )
        area[seed] = GRAIN * structure.boundary_per_volume
        for row, resistance in enumerate(resistances):
            sheet = resistance * GRAIN / LLZO_IONIC
            ceramic = dataclasses.replace(
                uniform_ceramic(grid), sheet_resistance=tuple(sheet * weight for weight in structure.sheet_weight)
            )
            found[seed, row] = [LLZO_IONIC / conductivity_along(ceramic, grid, axis)[0] for axis in (0, 1)]
    return Polycrystal(np.array(resistances), found, area, 1.0 / cells)


def v13(quick: bool = False) -> Row:
    """Return V13: a polycrystal with resistive boundaries against 1 / sigma = 1 / sigma_b + phi R_gb S_V / D, in 2-D.

    S_V is that of the geometry; means over both axes and some seeds. Up to R_gb sigma_b = 0.1 d the resistivity is that
    of phi = 1 within 3 %; for boundaries that dominate phi is 0.89 (Poisson-Voronoi) or 0.94 to 0.99 (relaxed grains),
    less where plates cut the outermost grains, so samples are large; between, it lies between both. Sheets that resist
    less than a cell count as often as the voxel staircase crosses them: this adds up to half a cell of ceramic per area
    of boundary, which the upper limit allows for and which fades as cells become small: phi itself is 1 within 3 %
    extrapolated from two grids.
    """
    grains, cells, seeds = (16, 16, 1) if quick else (24, 16, 4)
    kinds = {2: KINDS[2]} if quick else KINDS
    resistances = (0.1, 1.0, DOMINATING) if quick else (*SMALL, *LARGE, DOMINATING)
    checks: list[Check] = []
    measured = []
    for relaxation, name in kinds.items():
        samples = polycrystal(relaxation, grains, cells, resistances, seeds)
        checks += _polycrystal_checks(samples, name, LIMITS[relaxation])
        measured.append(Line(name, samples.resistance, samples.phi.mean(axis=0), joined=True))
    if not quick:
        coarse, fine = (polycrystal(2, 8, n, (0.1,), 2).phi for n in (32, 64))
        checks.append(Check("phi at 0.1 d, from two grids", 1.0, float((2.0 * fine - coarse).mean()), 0.03))
    limits = [
        Line(ALLOWED, np.array([10.0, DOMINATING]), np.full(2, limit), exact=True)
        for limit in sorted({limit for relaxation in kinds for limit in LIMITS[relaxation]})
    ]
    axis = r"$R_\mathrm{gb} \sigma_\mathrm{b} / d$"
    lines = (level("law", np.array(resistances), 1.0), *limits, *measured)
    panels = (Panel(axis, r"$\varphi$", lines, "x"), shares(checks))
    return Row("V13", "polycrystals with resistive boundaries", tuple(checks), panels)


def _polycrystal_checks(samples: Polycrystal, name: str, limits: tuple[float, float]) -> list[Check]:
    """Compare the samples of one kind of grains, resistance by resistance."""
    checks = []
    resistivity, law, phi = samples.resistivity.mean(axis=(0, 2)), samples.law.mean(axis=0), samples.phi
    for row, resistance in enumerate(samples.resistance):
        what = f"{name}, R_gb sigma_b = {resistance:g} d"
        if resistance <= max(SMALL):
            reference = 1.0 / brick_layer_conductivity(1.0, 2.0 * float(law[row]), 2)
            checks.append(Check(f"resistivity x sigma_b, {what}", reference, float(resistivity[row]), 0.03))
        elif resistance < DOMINATING:
            blocked = 0.5 * GRID_BLOCKS * samples.cell * float(samples.area.mean())
            least, most = 1.0 + limits[0] * float(law[row]), 1.0 + float(law[row]) + blocked
            middle, half = 0.5 * (least + most), 0.5 * (most - least)
            checks.append(Check(f"resistivity x sigma_b, {what}", middle, float(resistivity[row]), half, False))
        else:
            spread = f"seeds differ by {phi[:, row].std():.3f}" if len(phi) > 1 else "one seed"
            middle, half = 0.5 * sum(limits), 0.5 * (limits[1] - limits[0])
            checks.append(Check(f"phi, {what}, {spread}", middle, float(phi[:, row].mean()), half, False))
    return checks
