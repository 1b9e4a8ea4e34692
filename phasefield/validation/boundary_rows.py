"""Row V14a of the validation table: ions and electrons at grain boundaries that lie across the grid."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, cast

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve
from scipy.special import digamma

from microstructures import Microstructure, build
from phasefield.backends import Control
from phasefield.grid import Grid
from phasefield.problem import Problem
from phasefield.validation.common import (
    LLZO_IONIC,
    Check,
    Row,
    allowed,
    backend_for,
    box_grid,
    electrons_only,
    level,
    plain_problem,
    shares,
    uniform_ceramic,
)
from postprocess.curves import Line, Panel

if TYPE_CHECKING:
    from phasefield.backends.numba_cpu import NumbaBackend

SIDE = 20e-6  # of the bicrystal [m]
CELLS = 128  # along it, for ions
TILTS = (0.0, 15.0, 30.0, 45.0)  # of the boundary against x [deg]
BAND_CELLS = 6
SHEET = 10e-9 / 5.97e-4 - 10e-9 / LLZO_IONIC  # R_gb of LLZO, MODEL 7 and 8 [ohm m^2]
SHEETS = {"R_gb": 1.0, "20 R_gb": 20.0}
BAND_ELECTRONIC = 1e-2  # (delta / w) sigma_gb [S/m]
BULK_ELECTRONIC = 1e-9  # [S/m]
BRICK = 8e-6  # [m]


def _solve_network(
    first: np.ndarray, second: np.ndarray, conductance: np.ndarray, potential: np.ndarray, free: np.ndarray
) -> np.ndarray:
    """Return the potentials of all nodes of a resistor network, those numbered ``free`` solved for, the others held.

    ``first``, ``second``, ``conductance``: the nodes at both ends of each resistor, and its conductance.
    """
    rows, columns = np.concatenate([first, second] * 2), np.concatenate([first, second, second, first])
    entries = np.concatenate([conductance, conductance, -conductance, -conductance])
    matrix = sparse.coo_array((entries, (rows, columns)), shape=(potential.size,) * 2).tocsr()
    held = np.setdiff1d(np.arange(potential.size), free)
    solution = potential.copy()
    solution[free] = spsolve(matrix[free][:, free].tocsc(), -(matrix[free][:, held] @ potential[held]))
    return solution


# --- ions ---------------------------------------------------------------------------------------------------


def bicrystal_problem(cells: int, tilt: float, sheet_resistance: float) -> tuple[Problem, Microstructure]:
    """Return a square bicrystal, its boundary tilted by ``tilt`` [rad]; ``sheet_resistance`` R_gb [ohm m^2]."""
    grid = box_grid((SIDE, SIDE), (cells, cells), "mirror")
    structure = build(grid, "bicrystal", 0.0, BAND_CELLS * grid.spacing[0], angle=tilt)
    ceramic = dataclasses.replace(
        uniform_ceramic(grid), sheet_resistance=tuple(sheet_resistance * weight for weight in structure.sheet_weight)
    )
    return plain_problem(grid, np.zeros(grid.shape), ceramic=ceramic, width=1.5 * grid.spacing[0]), structure


def ionic_conductances(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Return the backend's ionic conductances of all inner faces [S/m], shapes (nx - 1, ny) and (nx, ny - 1)."""
    backend = cast("NumbaBackend", backend_for(problem))
    backend.solve(backend.initial_state(), 1.0, Control("voltage", 0.0))
    along_x, _, across = backend.faces
    return along_x[0, 1:-1, 0, 1:-1].copy(), across[0, 1:-1, 0, 1:-1].copy()


def dissipation(gx: np.ndarray, gy: np.ndarray, potential: np.ndarray) -> float:
    """Hold the outermost cells at ``potential`` [V] and return the power dissipated between their centres [W/m].

    Faces between two outermost cells lie half outside of that box and count half.
    """
    shape = potential.shape
    number = np.arange(potential.size).reshape(shape)
    first = np.concatenate([number[:-1].ravel(), number[:, :-1].ravel()])
    second = np.concatenate([number[1:].ravel(), number[:, 1:].ravel()])
    conductance = np.concatenate([gx.ravel(), gy.ravel()])
    free = np.zeros(shape, dtype=bool)
    free[1:-1, 1:-1] = True
    solution = _solve_network(first, second, conductance, potential.ravel(), np.flatnonzero(free))
    half_x, half_y = np.ones_like(gx), np.ones_like(gy)
    half_x[:, [0, -1]] = half_y[[0, -1]] = 0.5
    weight = np.concatenate([half_x.ravel(), half_y.ravel()])
    return float((weight * conductance * (solution[first] - solution[second]) ** 2).sum())


def ions_at_boundary(cells: int, tilt: float, sheet_resistance: float) -> tuple[float, float]:
    """Return the resistance across a tilted boundary and the conductance along it, both over the exact ones.

    The cells' outermost layer is held at the exact potentials of a uniform current, or field, of 1 in the direction
    asked for, so that corners play no part. Between its centres lies a square of edge l; across, the exact power is
    l^2 / sigma + R l / cos(tilt), along it is sigma l^2.
    """
    problem, structure = bicrystal_problem(cells, tilt, sheet_resistance)
    gx, gy = ionic_conductances(problem)
    x, y = (c - 0.5 * SIDE for c in problem.grid.meshgrid())
    edge = SIDE - problem.grid.spacing[0]
    beyond = structure.grain_id == structure.grain_id[0, -1]
    normal = -np.sin(tilt) * x + np.cos(tilt) * y
    across = dissipation(gx, gy, normal / LLZO_IONIC + sheet_resistance * beyond)
    along = dissipation(gx, gy, np.cos(tilt) * x + np.sin(tilt) * y)
    exact = edge**2 / LLZO_IONIC + sheet_resistance * edge / np.cos(tilt)
    return across / exact, along / (LLZO_IONIC * edge**2)


# --- electrons ----------------------------------------------------------------------------------------------


def electronic_conductance(structure: Microstructure) -> float:
    """Return the electronic conductance between the box's faces across x, per metre of depth [S/m]."""
    grid = structure.grid
    ceramic = dataclasses.replace(
        uniform_ceramic(grid, electronic=BULK_ELECTRONIC),
        boundary_electronic_conductivity=BAND_ELECTRONIC * structure.grain_boundary_fraction,
    )
    problem = electrons_only(plain_problem(grid, np.zeros(grid.shape), ceramic=ceramic, width=1.5 * grid.spacing[0]))
    backend = backend_for(problem)
    report = backend.solve(backend.initial_state(), 1.0, Control("voltage", 1e-2))
    return report.leakage_current_density * grid.cross_section / 1e-2


def band_conductance(length: float, width: float, tilt: float) -> float:
    """Return the exact conductance of a straight band cut obliquely by two electrodes, over its conductivity.

    Seen from afar, an end cut at ``tilt`` [rad] from square shortens the band by (w / pi) (psi(1/2) - (psi(1/2 + tilt /
    pi) + psi(1/2 - tilt / pi)) / 2), psi the digamma function: from the Schwarz-Christoffel map of the half strip,
    dz/dt ~ (t - 1)^(-1/2 - tilt/pi) (t + 1)^(-1/2 + tilt/pi). At 45 degrees that is w ln 2 / pi.
    """
    angle = tilt / np.pi
    end = (digamma(0.5) - 0.5 * (digamma(0.5 + angle) + digamma(0.5 - angle))) * width / np.pi
    return float(width / (length / np.cos(tilt) - 2.0 * end))


def tilted_band(cells: int, tilt: float) -> float:
    """Return the electronic conductance of a tilted band from electrode to electrode over the exact one."""
    grid = box_grid((SIDE, 2.0 * SIDE), (cells, 2 * cells), "mirror")
    width = BAND_CELLS * grid.spacing[0]
    structure = build(grid, "bicrystal", 0.0, width, angle=tilt)
    return electronic_conductance(structure) / (BAND_ELECTRONIC * band_conductance(SIDE, width, tilt))


def wall_network(layers: int, columns: int) -> float:
    """Return the conductance of a running-bond wall of thin joints, square bricks, over that of one brick's edge.

    Nodes are the ends of all joints, half a brick apart along y (periodic); resistors are the joints: one brick's edge
    long within a layer, half an edge between two layers. Electrodes are the first and the last row of nodes.
    """
    halves = 2 * columns
    node = np.arange((layers + 1) * halves).reshape(layers + 1, halves)
    beds = node[1:-1]
    heads = [node[k : k + 2, k % 2 :: 2] for k in range(layers)]
    first = np.concatenate([beds.ravel(), *(h[0] for h in heads)])
    second = np.concatenate([np.roll(beds, -1, axis=1).ravel(), *(h[1] for h in heads)])
    conductance = np.where(np.arange(first.size) < beds.size, 2.0, 1.0)
    potential = np.zeros(node.size)
    potential[node[-1]] = 1.0
    potential = _solve_network(first, second, conductance, potential, beds.ravel())
    return float((conductance * (potential[first] - potential[second]) ** 2).sum())


def brick_wall(cells_per_brick: int, layers: int = 4, columns: int = 2) -> float:
    """Return the electronic conductance of a running-bond wall, w = d / 8, over that of its thin network."""
    shape = (layers * cells_per_brick, columns * cells_per_brick)
    grid = Grid(shape, (BRICK / cells_per_brick,) * 2)
    structure = build(grid, "bricks", 0.0, BRICK / 8.0, grain_size=BRICK)
    joint = BAND_ELECTRONIC * (BRICK / 8.0) / BRICK
    return electronic_conductance(structure) / (joint * wall_network(layers, columns))


# --- the row ------------------------------------------------------------------------------------------------


def v14a(quick: bool = False) -> Row:
    """Return V14a: transport across and along grain boundaries at 0, 15, 30 and 45 degrees to the grid.

    Ions see a sheet: across 0.5 %, along 0.5 dx / d + 0.5 %, d = ceramic area per length of boundary, for R_gb of LLZO
    and 20 times that (then half of the resistance of the box). Electrons see a band: 3 % of a straight band between two
    electrodes; a running-bond wall with w = d / 8 against its network of thin joints, N layers of square bricks:
    (N + (N - 1) / 4) edges in series per column, 10 %. Joints that have a width overlap where they meet and conduct
    better.
    """
    sheets = {"20 R_gb": 20.0} if quick else SHEETS
    checks = []
    ions: dict[str, list[Line]] = {"resistance across": [], "conductance along": []}
    for name, factor in sheets.items():
        ratios = np.array([ions_at_boundary(CELLS, np.radians(t), factor * SHEET) for t in TILTS])
        for tilt, (across, along) in zip(TILTS, ratios, strict=True):
            what = f"{name}, {tilt:g} deg"
            checks.append(Check(f"ionic resistance across, {what}", 1.0, float(across), 5e-3))
            checks.append(Check(f"ionic conductance along, {what}", 1.0, float(along), float(_along_allowed(tilt))))
        for lines, found in zip(ions.values(), ratios.T, strict=True):
            lines.append(Line(f"{factor:g} x R of LLZO", np.array(TILTS), found))
    bands = [tilted_band(64, np.radians(tilt)) for tilt in TILTS]
    checks += [
        Check(f"electronic conductance along, {tilt:g} deg", 1.0, band, 0.03)
        for tilt, band in zip(TILTS, bands, strict=True)
    ]
    checks.append(Check("electronic conductance of a brick wall / network", 1.0, brick_wall(48), 0.1))
    panels = (
        _tilt_panel("ionic resistance across / exact [1]", ions["resistance across"], 5e-3),
        _tilt_panel("ionic conductance along / exact [1]", ions["conductance along"], _along_allowed(np.array(TILTS))),
        _tilt_panel("electronic conductance along / exact [1]", [Line("band", np.array(TILTS), np.array(bands))], 0.03),
        shares(checks),
    )
    return Row("V14a", "grain boundaries tilted against the grid", tuple(checks), panels)


def _along_allowed(tilt: float | np.ndarray) -> float | np.ndarray:
    """Return 0.5 dx / d + 0.5 %, by which the conductance along a boundary may be off; ``tilt`` in degrees."""
    return 0.5 / (CELLS * np.cos(np.radians(tilt))) + 5e-3


def _tilt_panel(quantity: str, lines: list[Line], tolerance: float | np.ndarray) -> Panel:
    tilts = np.array(TILTS)
    references = (level("exact", tilts, 1.0), *allowed(tilts, 1.0, tolerance))
    return Panel("tilt against the grid [degrees]", quantity, (*references, *lines))
