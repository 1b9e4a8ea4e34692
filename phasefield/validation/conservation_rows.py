"""Rows of the validation table about conservation and about what must not matter: V16 and V20."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from phasefield.backends import Backend, Control, SolveReport, Tolerances, get_backend
from phasefield.case import list_cases, load_case
from phasefield.fields import State
from phasefield.physics.constants import FARADAY
from phasefield.problem import Problem
from phasefield.protocol import Protocol
from phasefield.setup import build_setup
from phasefield.simulate import StepLimits, StepReport, simulate
from phasefield.validation.common import Check, Row, level, shares
from postprocess.curves import ALLOWED, Line, Panel

# A small piece of the main case with weak boundaries, which metal enters within seconds.
GROWING = {
    "grid.size": '["20.8 um", "16 um"]',
    "microstructure.grain_size": "6 um",
    "grain_boundaries.accommodation_pressure.median": "15 MPa",
    "grain_boundaries.accommodation_pressure.log_width": "0.3",
}
# A larger one, in which a channel finds a way.
PIECE = GROWING | {"grid.size": '["24.8 um", "24 um"]'}
# The small one, in which nuclei appear within a few steps where boundaries leak unevenly.
FORMING = GROWING | {"nucleation.overpotential": "1 mV"}

# Smaller pieces of the cases that ship; a case that is not named here runs as it is, for a few steps.
REDUCED: dict[str, dict[str, str]] = {
    "llzo_grain_boundary": GROWING,
    "nasicon_grain_boundary": GROWING | {"grain_boundaries.accommodation_pressure.median": "3 MPa"},
    "llzo_3d": GROWING | {"grid.size": '["12.8 um", "8 um", "8 um"]'},
    "llzo_cycling": GROWING
    | {
        "protocol.steps": """[
            { current_density = "1 mA/cm^2", capacity = "0.002 mAh/cm^2" },
            { rest = true, duration = "5 s" },
            { current_density = "-1 mA/cm^2", capacity = "0.002 mAh/cm^2" },
        ]"""
    },
    **{name: FORMING for name in ("llzo_electronic_leakage", "llzo_uniform_leakage", "llzo_lao_coated", "lipon_like")},
    "llzo_pores_connected": PIECE | {"microstructure.pores.porosity": "0.12"},
    "llzo_pores_isolated": PIECE,
    "llzo_columnar": PIECE | {"microstructure.grain_size": "9 um", "microstructure.pores.porosity": "0"},
    "llzo_single_crystal": {"grid.size": '["20.8 um", "16 um"]'},
    "llzo_from_image": {"grid.size": '["16 um", "15 um"]', "grain_boundaries.accommodation_pressure.median": "15 MPa"},
    "nasicon_dense_trilayer": GROWING,
    "nasicon_porous_trilayer": PIECE
    | {"microstructure.pores.layer": '["4.8 um", "14.8 um"]', "microstructure.pores.porosity": "0.15"},
    "bicrystal": {"grid.size": '["12 um", "9.6 um"]'},
    "benchmark_square": GROWING,
    "benchmark_cube": GROWING | {"grid.size": '["12.8 um", "8 um", "8 um"]'},
    "flat_plating": {"grid.size": '["20 um"]', "protocol.capacity": "0.4 mAh/cm^2"},
}


# --- V16 --------------------------------------------------------------------------------------------------


class Witness:
    """A backend that keeps books of every accepted step of the one it wraps, per cross-section [C/m^2].

    ``metal_error``: F/V_m d(int theta xi) - int (s - s_res) dt. ``charge_error``: I t - int s dt - F d(int N) - leaked.
    ``turnover``: plated or stripped, metal and reservoir.
    """

    def __init__(self, backend: Backend, problem: Problem) -> None:
        self._backend = backend
        self._theta = problem.ceramic.accessible_fraction
        self._charge = FARADAY / problem.metal.molar_volume * problem.grid.cell_volume / problem.grid.cross_section
        self._solved: SolveReport | None = None
        self.metal_error: list[float] = []
        self.charge_error: list[float] = []
        self.turnover: list[float] = []

    def initial_state(self) -> State:
        """See ``Backend``."""
        return self._backend.initial_state()

    def solve(self, state: State, time_step: float, control: Control) -> SolveReport:
        """See ``Backend``."""
        self._solved = self._backend.solve(state, time_step, control)
        return self._solved

    def advance(self, state: State, time_step: float) -> None:
        """Let the metal move and compare with what the solve said."""
        solved = self._solved
        if solved is None:
            raise RuntimeError("advance was called before solve")
        xi, stored = state["metal_fraction"].copy(), self._backend.stored_charge(state)
        self._backend.advance(state, time_step)
        # Differences first: the sum of all metal is far larger than a step's.
        metal = float((self._theta * (state["metal_fraction"] - xi)).sum()) * self._charge
        self.metal_error.append(metal - solved.metal_current_density * time_step)
        plated = solved.metal_current_density + solved.reservoir_current_density
        found = (plated + solved.leakage_current_density) * time_step + self._backend.stored_charge(state) - stored
        self.charge_error.append(solved.current_density * time_step - found)
        self.turnover.append((abs(solved.metal_current_density) + abs(solved.reservoir_current_density)) * time_step)

    def update_fields(self, state: State) -> None:
        """See ``Backend``."""
        self._backend.update_fields(state)

    def stored_charge(self, state: State) -> float:
        """See ``Backend``."""
        return self._backend.stored_charge(state)


def run_steps(problem: Problem, backend: Backend, protocol: Protocol, limits: StepLimits, steps: int) -> StepReport:
    """Run until the protocol ends, or for ``steps`` accepted steps; return the last report."""
    run = simulate(problem, backend, protocol, limits)
    _, report = next(run)
    while report.step < steps and report.outcome is None:
        _, report = next(run)
    return report


def _shares(witness: Witness) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    turnover = np.array(witness.turnover)
    # xi is rounded to 1e-16 whatever the step's length, so metal is compared with the largest step's turnover.
    metal = np.abs(witness.metal_error) / turnover.max()
    return metal, np.abs(witness.charge_error) / turnover, turnover


def v16(quick: bool = False) -> Row:
    """No charge is lost: in the metal, in a step, in a whole run of every case that ships."""
    steps = 25 if quick else 150
    checks: list[Check] = []
    metal_lines: list[Line] = []
    charge_lines: list[Line] = []
    for entry in list_cases():
        setup = build_setup(load_case(entry.name, REDUCED.get(entry.name)))
        witness = Witness(get_backend("numba", setup.problem, Tolerances()), setup.problem)
        last = run_steps(setup.problem, witness, setup.protocol, setup.limits, steps)
        metal, charge, turnover = _shares(witness)
        number = np.arange(1.0, len(turnover) + 1.0)
        metal_lines.append(Line(entry.name, number, metal, joined=True))
        charge_lines.append(Line(entry.name, number, charge, joined=True))
        checks += [
            Check(f"{entry.name}: metal against sources, each step", 0.0, float(metal.max()), 1e-12, False),
            Check(f"{entry.name}: charge, each step", 0.0, float(charge.max()), 1e-7, False),
            Check(f"{entry.name}: charge, whole run", 0.0, last.charge_balance_error, 1e-5, False),
        ]
    number = np.array([1.0, steps])
    panels = (
        Panel("step", "charge lost / charge turned over [1]", (level(ALLOWED, number, 1e-7), *charge_lines), "y"),
        Panel("step", "metal lost / largest turnover [1]", (level(ALLOWED, number, 1e-12), *metal_lines), "y"),
    )
    return Row("V16", f"conservation of charge, every case that ships, up to {steps} steps", tuple(checks), panels)


# --- V20 --------------------------------------------------------------------------------------------------

# Large enough for threads to share its finest grid (PARALLEL_CELLS of the multigrid).
CUBE = GROWING | {"grid.size": '["16 um", "16 um", "16 um"]'}


def _final(
    name: str, overrides: Mapping[str, str], duration: float, threads: int = 1, tolerances: Tolerances | None = None
) -> tuple[StepReport, dict[str, np.ndarray]]:
    """Return the last report and the last fields of a growing case at ``duration`` [s]."""
    setup = build_setup(load_case(name, overrides))
    backend = get_backend("numba", setup.problem, tolerances or Tolerances(), threads=threads)
    protocol = dataclasses.replace(setup.protocol, duration=duration)
    *_, (state, report) = simulate(setup.problem, backend, protocol, setup.limits)
    if report.outcome != "duration":
        raise RuntimeError(f"the growing case ended by {report.outcome}, not by duration")
    return report, state.arrays


def _independence(name: str, overrides: Mapping[str, str], duration: float, threads_only: bool) -> list[Check]:
    base, fields = _final(name, overrides, duration)
    threaded, other = _final(name, overrides, duration, threads=2)
    same = all(np.array_equal(fields[f], other[f]) for f in fields) and threaded == base
    checks = [Check(f"{name}: fields and report the same bits with 1 and 2 threads", 1.0, float(same), 0.0, False)]
    if threads_only:
        return checks
    conductive, _ = _final(name, {**overrides, "transport.metal_conductivity_ratio": "1e5"}, duration)
    usual = Tolerances()
    tight = Tolerances(0.1 * usual.ionic, 0.1 * usual.electronic, 0.1 * usual.potential)
    strict, _ = _final(name, overrides, duration, tolerances=tight)
    depth, voltage = base.penetration_depth_connected, base.cell_voltage
    for what, report, tolerance in (("cap x 10", conductive, 1e-2), ("tolerances / 10", strict, 5e-3)):
        checks += [
            Check(f"{name}: depth [m], {what}", depth, report.penetration_depth_connected, tolerance),
            Check(f"{name}: voltage [V], {what}", voltage, report.cell_voltage, tolerance),
        ]
    return checks


def v20(quick: bool = False) -> Row:
    """Depth, voltage and fields do not depend on threads, on the metal's conductivity cap, on solver tolerances."""
    duration, short = (120.0, 0.5) if quick else (200.0, 60.0)
    checks = _independence("llzo_grain_boundary", GROWING, duration, threads_only=False)
    checks += _independence("llzo_3d", CUBE, short, threads_only=quick)
    target = f"what must not matter, growing dendrites after {duration:g} s in 2-D, {short:g} s in 3-D"
    return Row("V20", target, tuple(checks), (shares(checks),))
