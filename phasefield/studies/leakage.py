"""How electronic leakage makes metal inside the ceramic: runs, and potentials without growth.

Runs: conductivity of the boundaries over four decades, share of them that leaks, seed of the microstructure, all to the
same charge. Without growth: the smallest current at which the steady potential of bare ceramic passes the threshold of
a nucleus somewhere, for coatings and thresholds; no step in time is needed for it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from scipy.optimize import brentq

from phasefield.backends import Backend, Control, Tolerances, get_backend
from phasefield.case import load_case
from phasefield.kept_runs import KeptRun, kept_run
from phasefield.nucleation import Nucleator
from phasefield.problem import Problem
from phasefield.setup import build_setup

CASE, MAIN = "llzo_electronic_leakage", "llzo_grain_boundary"
CONDUCTIVITIES = (5.5e-7, 5.5e-6, 5.5e-5, 5.5e-4, 5.5e-3)  # of the whole ceramic [S/m]
FRACTIONS = (0.25, 0.5, 0.75, 1.0)
SEEDS = (98, 3, 18)
CHARGE = "0.1 mAh/cm^2"

USUAL = 10.0  # eta_nuc of the map and of the case [mV]
THRESHOLDS = (5.0, USUAL, 20.0)  # of runs [mV]
SHARES = (0.5, 1.0)  # of leaky boundaries, in these runs

COVERAGES = (0.0, 0.5, 0.8, 0.95, 1.0)
OVERPOTENTIALS = (2.0, 5.0, 10.0, 20.0, 50.0)  # eta_nuc [mV]
CURRENTS = (0.1, 1000.0)  # between which nucleation currents are looked for [A/m^2]

# What stores electrons, and how many: n_M of the grains [mol/m^3], over it that of the boundaries.
STORAGES: Mapping[str, dict[str, str]] = {
    "none": {"transport.capacitance": "false"},
    "0.05": {},
    "1": {"materials.set.electrolyte.electron_concentration_at_metal": "1 mol/m^3"},
    "0.05, traps 1000": {"grain_boundaries.electrons.trapped_ratio": "1000"},
}


MEASURED = {"materials.set.electrolyte.electronic_conductivity": "5.5e-6 S/m"}


@dataclass(frozen=True)
class Point:
    """One run at its end.

    Parameters
    ----------
    conductivity : that an even network would give the whole ceramic [S/m]. fraction : of the boundaries that leaks.
    seed : of the microstructure. overpotential : eta_nuc [mV].
    depth, isolated_depth : of connected and of isolated metal (xi >= 0.5); deepest : of the deepest nucleus, however little
        metal it has; 0 without any; all beyond the electrode's plane [um].
    nuclei : that appeared. met : of those, met by the electrode's metal.
    isolated : charge in metal that electrons do not reach [mAh/cm^2].
    first : charge at which the first nucleus appeared [mAh/cm^2]; NaN without one.
    path : charge passed [mAh/cm^2] and depth of connected metal [um] after every step.
    """

    conductivity: float
    fraction: float
    seed: int
    depth: float
    isolated_depth: float
    deepest: float
    nuclei: int
    met: int
    isolated: float
    first: float
    charge: float
    outcome: str
    path: tuple[np.ndarray, np.ndarray]
    overpotential: float = USUAL


@dataclass(frozen=True)
class Storage:
    """One run at the measured conductivity with other stored electrons, at its end.

    Parameters
    ----------
    case : ``CASE`` or ``MAIN``. name : of ``STORAGES``.
    first_time : of the first nucleus; settling_time : from which the leakage is within a factor of two of its last value [s].
    """

    case: str
    name: str
    seed: int
    first_time: float
    settling_time: float
    nuclei: int
    depth: float
    isolated: float
    time: np.ndarray
    leakage: np.ndarray  # [mA/cm^2]


@dataclass(frozen=True)
class Onset:
    """The current from which nuclei appear in bare ceramic at rest [mA/cm^2]; inf above 100."""

    coverage: float
    overpotential: float  # eta_nuc [mV]
    seed: int
    current: float


@dataclass(frozen=True)
class LeakageStudy:
    """All that the pages show."""

    folder: Path
    points: tuple[Point, ...]
    thresholds: tuple[Point, ...]
    storages: tuple[Storage, ...]
    onsets: tuple[Onset, ...]
    revisions: tuple[str, ...]


def leakage_study(out: Path, *, jobs: int | None = None, announce: Callable[[str], None] = print) -> LeakageStudy:
    """Make every run that ``out/runs`` lacks, and solve for the onsets.

    Parameters
    ----------
    jobs : runs at a time, one thread each; as many as there are cores unless given.
    announce : is told of every run that is done.

    Raises
    ------
    CaseError : a folder in ``out/runs`` holds another run. RunError : a run failed; the others are kept.
    """
    usual = load_case(CASE)
    conductivity = usual.materials.electrolyte_properties.electronic_conductivity
    plane = usual.electrodes.working_thickness
    varied = {
        keys: _map_name(conductivity, *keys[1:])
        if keys[0] == USUAL
        else f"eta{keys[0]:g}-leaky{keys[1]:g}-seed{keys[2]}"
        for keys in product(THRESHOLDS, SHARES, SEEDS)
    }
    stored = [(CASE, name, seed) for name, seed in product(STORAGES, SEEDS)]
    stored += [(MAIN, name, SEEDS[0]) for name in STORAGES]
    mapped = {keys: _map_name(*keys) for keys in product(CONDUCTIVITIES, FRACTIONS, SEEDS)}
    tasks = {name: (CASE, _map_keys(*keys)) for keys, name in mapped.items()}
    tasks |= {
        name: (CASE, _map_keys(conductivity, *keys[1:]) | {"nucleation.overpotential": f"{keys[0]:g} mV"})
        for keys, name in varied.items()
        if keys[0] != USUAL
    }
    tasks |= {_stored_name(*keys): (keys[0], STORAGES[keys[1]] | MEASURED | _seed(keys[2])) for keys in stored}
    made: dict[str, KeptRun] = {}
    with ProcessPoolExecutor(jobs or os.cpu_count() or 1, mp_context=get_context("spawn")) as pool:
        started = {name: pool.submit(_make, out / "runs" / name, *task) for name, task in tasks.items()}
        for number, (name, future) in enumerate(started.items(), start=1):
            made[name] = future.result()
            announce(f"run {number} of {len(tasks)}: {name}, {made[name].summary['outcome']}")
        asked = list(product(COVERAGES, SEEDS))
        announce("currents at which nuclei appear")
        found = list(pool.map(_onsets, *zip(*asked, strict=True)))
    return LeakageStudy(
        out,
        tuple(_point(made[name], plane, *keys) for keys, name in mapped.items()),
        tuple(_point(made[name], plane, conductivity, f, n, eta) for (eta, f, n), name in varied.items()),
        tuple(_storage(*keys, made[_stored_name(*keys)]) for keys in stored),
        tuple(onset for onsets in found for onset in onsets),
        tuple(sorted({run.summary["source_revision"] for run in made.values()})),
    )


def _map_name(conductivity: float, fraction: float, seed: int) -> str:
    return f"sigma{conductivity:g}-leaky{fraction:g}-seed{seed}"


def _stored_name(case: str, name: str, seed: int) -> str:
    return f"{case}-n{name.replace(', ', '-').replace(' ', '')}-seed{seed}"


def _seed(seed: int) -> dict[str, str]:
    return {"microstructure.seed": str(seed), "protocol.capacity": CHARGE, "output.preview": "false"}


def _map_keys(conductivity: float, fraction: float, seed: int) -> dict[str, str]:
    """Return what a run of the map changes; all boundaries leaky is the uniform network."""
    return _seed(seed) | {
        "materials.set.electrolyte.electronic_conductivity": f"{conductivity:g} S/m",
        "grain_boundaries.electrons.distribution": "uniform" if fraction == 1.0 else "leaky_fraction",
        "grain_boundaries.electrons.leaky_fraction": f"{fraction}",
    }


def _make(folder: Path, case: str, keys: Mapping[str, str]) -> KeptRun:
    return kept_run(folder, load_case(case, keys), folder.name, threads=1)


# --- runs -------------------------------------------------------------------------------------------------------


def _first(run: KeptRun, column: str) -> float:
    born = [value for kind, value in zip(run.events["event"], run.events[column], strict=True) if kind == "nucleus"]
    return float(born[0]) if born else math.nan


def _deepest(run: KeptRun, plane: float) -> float:
    born = [x for kind, x in zip(run.events["event"], run.events["x_um"], strict=True) if kind == "nucleus"]
    return max((x - 1e6 * plane for x in born), default=0.0)


def _point(
    run: KeptRun, plane: float, conductivity: float, fraction: float, seed: int, overpotential: float = USUAL
) -> Point:
    """Return what a run came to; plane : x of the electrode's original surface [m]."""
    last = run.summary["final"]
    return Point(
        conductivity,
        fraction,
        seed,
        depth=last["penetration_depth_connected_um"],
        isolated_depth=last["penetration_depth_isolated_um"],
        deepest=_deepest(run, plane),
        nuclei=int(last["nuclei"]),
        met=run.events["event"].count("contact"),
        isolated=last["isolated_metal_mAh_cm2"],
        first=_first(run, "capacity_mAh_cm2"),
        charge=last["capacity_mAh_cm2"],
        outcome=run.summary["outcome"],
        path=(run.history["capacity_mAh_cm2"], run.history["penetration_depth_connected_um"]),
        overpotential=overpotential,
    )


def _storage(case: str, name: str, seed: int, run: KeptRun) -> Storage:
    time, leakage = run.history["time_s"][1:], run.history["leakage_current_density_mA_cm2"][1:]
    unsettled = np.flatnonzero(np.abs(leakage - leakage[-1]) > abs(leakage[-1]))
    last = run.summary["final"]
    return Storage(
        case,
        name,
        seed,
        first_time=_first(run, "time_s"),
        settling_time=float(time[unsettled[-1] + 1]) if len(unsettled) else 0.0,
        nuclei=int(last["nuclei"]),
        depth=last["penetration_depth_connected_um"],
        isolated=last["isolated_metal_mAh_cm2"],
        time=time,
        leakage=leakage,
    )


# --- without growth ---------------------------------------------------------------------------------------------


def onset_current(problem: Problem, backend: Backend, overpotential: float) -> float:
    """Return the smallest current at which a nucleus appears in ceramic without metal, at steady potentials [A/m^2].

    overpotential : eta_nuc [V]. inf if none appears up to the largest of ``CURRENTS``.
    """
    assert problem.nucleation is not None
    nucleator = Nucleator(problem, problem.nucleation)

    def spare(logarithm: float) -> float:
        """Return how far the most driven site is from its threshold [V]."""
        state = backend.initial_state()
        nucleator.start(state)
        backend.solve(state, 1e-6, Control("current", math.exp(logarithm)))  # so short that no metal moves
        return overpotential - nucleator.largest_drive(state)

    low, high = (math.log(current) for current in CURRENTS)
    if spare(high) > 0.0:
        return math.inf
    return math.exp(float(brentq(spare, low, high, xtol=0.005))) if spare(low) > 0.0 else CURRENTS[0]


def _onsets(coverage: float, seed: int) -> list[Onset]:
    """Return the onsets of one ceramic for every threshold."""
    keys = {"microstructure.seed": str(seed), "transport.capacitance": "false", "nucleation.overpotential": "0 mV"}
    if coverage > 0.0:
        coating = load_case("llzo_lao_coated").grain_boundaries.coating  # type: ignore[union-attr]
        assert coating is not None
        for name, unit in (("thickness", "m"), ("ionic_conductivity", "S/m"), ("electronic_conductivity", "S/m")):
            keys[f"grain_boundaries.coating.{name}"] = f"{getattr(coating, name)!r} {unit}"
        keys["grain_boundaries.coating.coverage"] = f"{coverage}"
    problem = build_setup(load_case(CASE, keys)).problem
    backend = get_backend("numba", problem, Tolerances(electronic=1e-5), 1)
    return [Onset(coverage, eta, seed, 0.1 * onset_current(problem, backend, 1e-3 * eta)) for eta in OVERPOTENTIALS]
