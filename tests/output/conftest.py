"""A made-up run: Voronoi grains, a finger of metal along their boundaries, smooth potentials, a growing history."""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.spatial import cKDTree

from microstructures import Microstructure
from phasefield import output, tables
from phasefield.fields import FIELDS, State
from phasefield.grid import Grid
from phasefield.nucleation import Event
from phasefield.summary import SummaryWriter, run_facts

UM = 1e-6
PLANE = 4.0 * UM


@dataclass(frozen=True)
class Report:
    """Stand in for the report of a step, in SI."""

    step: int
    time: float
    fields_due: bool = True
    outcome: str | None = None
    protocol_step: int = 1
    time_step: float = 2.0
    current_density: float = 10.0
    cell_voltage: float = 0.025
    capacity: float = 0.0
    throughput: float = 0.0
    penetration_depth_connected: float = 0.0
    penetration_depth_isolated: float = 0.0
    metal_volume_connected: float = 0.0
    metal_volume_isolated: float = 0.0
    dead_charge: float = 0.0
    tip_speed: float = 3e-9
    reservoir_share: float = 0.4
    leakage_current_density: float = 0.02
    charge_balance_error: float = 1e-12
    plane_current_error: float = 1e-9
    newton_iterations: int = 3
    cg_iterations: int = 40
    nuclei: int = 0
    events: tuple[Event, ...] = ()


def make_microstructure(grid: Grid, grains: int = 12) -> tuple[Microstructure, np.ndarray]:
    """Return Voronoi grains behind an electrode, with a pore, and a p_acc per cell [Pa]."""
    rng = np.random.default_rng(5)
    points = np.stack(grid.meshgrid(), axis=-1)
    x, axes = points[..., 0], len(grid.shape)
    seeds = rng.random((grains, axes)) * grid.lengths
    shifts = [np.array((0, *shift)) * grid.lengths for shift in itertools.product((-1, 0, 1), repeat=axes - 1)]
    distance, nearest = cKDTree(np.concatenate([seeds + shift for shift in shifts])).query(points, k=2)
    grain_id = np.where(x < PLANE, 0, nearest[..., 0] % grains + 1).astype(np.int32)
    boundary_distance = 0.5 * (distance[..., 1] - distance[..., 0])
    fraction = np.clip((1.2 * UM - boundary_distance) / (0.4 * UM), 0.0, 1.0) * (grain_id > 0)
    from_pore = np.linalg.norm(points - np.array((0.6, 0.4, 0.3))[:axes] * grid.lengths, axis=-1)
    pore = np.clip((2.0 * UM - from_pore) / (0.4 * UM), 0.0, 1.0)
    structure = Microstructure(
        grid=grid,
        grain_id=grain_id,
        boundary_pairs=np.zeros((0, 2), dtype=np.int32),
        boundary_id=np.full(grid.shape, -1, dtype=np.int32),
        boundary_distance=boundary_distance,
        grain_boundary_fraction=fraction,
        pore_fraction=pore,
        second_phase_fraction=np.zeros(grid.shape),
        metal_distance=PLANE - x,
        sheet_weight=tuple(np.zeros(grid.face_shape(axis)) for axis in range(axes)),
        sheet_boundary=tuple(np.full(grid.face_shape(axis), -1) for axis in range(axes)),
        boundary_per_volume=2e5,
        electrode_plane=PLANE,
        electrode_surface=np.full(grid.shape[1:], PLANE),
    )
    return structure, np.where(fraction > 0.5, 60e6, 1e9)


def make_state(grid: Grid, structure: Microstructure, step: int, depth: float) -> State:
    """Return a state whose metal follows the boundaries down to ``depth`` beyond the plane [m]."""
    x = grid.meshgrid()[0]
    edge = np.maximum(structure.boundary_distance - 0.9 * UM, x - PLANE - depth)
    xi = 0.5 * (1.0 - np.tanh(np.minimum(x - PLANE, edge) / (1.2 * UM)))
    state = State(grid, time=10.0 * step, step=step)
    for name in FIELDS:
        state[name] = np.zeros(grid.shape)
    state["metal_fraction"] = xi
    state["ionic_potential"] = -0.005 - 0.02 * x / grid.lengths[0] * (1.0 - xi)
    state["electronic_potential"] = -0.04 * (x / grid.lengths[0]) ** 2 * (1.0 - xi)
    state["potential_vs_metal"] = state["electronic_potential"] - state["ionic_potential"]
    return state


def make_report(step: int, depth: float, **changes: object) -> Report:
    """Return the report of a step of 10 s at 1 mA/cm^2."""
    charge = 100.0 * step
    values = {"capacity": charge, "throughput": charge, "penetration_depth_connected": depth} | changes
    return Report(step=step, time=10.0 * step, **values)  # type: ignore[arg-type]


@pytest.fixture
def made_up() -> ModuleType:
    """Return this module: test files of one folder cannot import each other."""
    return sys.modules[__name__]


@pytest.fixture
def grid() -> Grid:
    """Return a small 2-D grid with unequal numbers and spacings."""
    return Grid((40, 29), (0.8 * UM, 1.0 * UM))


def write_run(folder: Path, grid: Grid, steps: int = 4) -> list[State]:
    """Write a whole made-up run to ``folder`` through the observers, and return its states."""
    structure, pressure = make_microstructure(grid)
    constant = output.microstructure_arrays(structure, pressure)
    (folder / "case.toml").write_text(f'format = 1\n[grid]\nlateral = "{grid.lateral}"\n', encoding="utf-8")
    facts = run_facts("made_up", "What for?", "format = 1", seed=7, threads=2)
    observers: list[output.Observer] = [
        output.FieldWriter(folder, constant, PLANE),
        tables.HistoryWriter(folder),
        SummaryWriter(folder, facts, started=0.0),
        output.RunLog(folder),
    ]
    states = []
    for step in range(steps):
        depth = 5.0 * UM * step
        states.append(make_state(grid, structure, step, depth))
        report = make_report(step, depth, fields_due=step != 1, outcome="short" if step == steps - 1 else None)
        for observe in observers:
            observe(states[-1], report)
    for observe in observers:
        observe.close("short")
    return states
