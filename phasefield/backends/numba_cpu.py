"""The default backend: Newton's method on the block system, multigrid and conjugate gradients, compiled by Numba."""

from __future__ import annotations

from dataclasses import fields

import numba
import numpy as np

from phasefield.backends import Control, NotConverged, NotFinite, SolveReport, Tolerances, common, numba_faces
from phasefield.backends import numba_kernels as kernels
from phasefield.fields import State
from phasefield.numerics import krylov, multigrid
from phasefield.numerics.anderson import Anderson
from phasefield.numerics.interface import Interface
from phasefield.physics.constants import FARADAY, thermal_voltage
from phasefield.physics.reaction import TAIL
from phasefield.problem import Ceramic, Problem

CG_LIMIT = 400
LINEAR_SHARE = 0.3  # of the tolerance that the linear solver may use up
SHORTEST = 1e-9  # step of a line search, of Newton's
FORCING = 1e-3  # a linear solve gains this much, until the tolerance is near
JUMP = 0.2  # of RT/F: a change of a potential in one step that says nothing about the next one
INNER = (slice(1, -1), slice(None), slice(1, -1))  # a padded box without its ghosts


class NumbaBackend:
    """Solve the coupled model on one machine, in 1-D, 2-D and 3-D.

    The grid's arrays are seen as boxes with three axes (``Grid.box_shape``); attributes hold boxes throughout.
    """

    def __init__(self, problem: Problem, tolerances: Tolerances, threads: int = 0) -> None:
        self.problem = problem
        self.tolerances = tolerances
        grid, metal = problem.grid, problem.metal
        self.shape = grid.box_shape
        self.spacing = grid.box_spacing
        self.periodic = grid.lateral == "periodic"
        most = numba.config.NUMBA_NUM_THREADS
        self.threads = min(threads or most, most) if grid.size >= multigrid.PARALLEL_CELLS else 1
        self.thermal = thermal_voltage(problem.temperature)
        self.volume = grid.cell_volume
        self.ceramic = self._boxed_ceramic()
        self.capacitive = common.is_capacitive(problem)
        self.floor = common.electronic_floor(problem)
        self.interface = Interface(
            self.spacing, metal.interface_width, self.ceramic.accessible_fraction, self.ceramic.accommodation_pressure,
            self.periodic,
        )  # fmt: skip

        padded = (self.shape[0] + 2, self.shape[1], self.shape[2] + 2)
        self.u = np.zeros((2, *padded))
        self.r = np.zeros((2, *padded))
        self.delta = np.zeros((2, *padded))
        self.start = np.zeros((2, *padded))  # of a line search; before it what a linear solve leaves
        self.weight = np.zeros(padded, dtype=np.float32)
        maps = ("curvature", "area", "plating", "stripping", "source", "reservoir", "stored")
        self.maps = {name: np.zeros(self.shape) for name in maps}
        self.nucleus = np.zeros(self.shape, dtype=np.bool_)  # where nuclei form
        self.bias_factor = 1.0  # of the ceramic's sigma_e
        self.low = np.zeros((2, *self.shape[1:]))
        self.high = np.zeros((2, *self.shape[1:]))
        unit = float(self.ceramic.ionic_conductivity.max()) * self.volume / min(self.spacing) ** 2
        self.hierarchy = multigrid.Hierarchy(self.shape, self.spacing, unit)
        *self.faces, self.coupling = self.hierarchy.finest()
        self.solved = (
            0.0  # time step that the state's potentials are already solved for, when a step is tried again [s]
        )
        self.reservoir_area = self._box(common.reservoir_area(problem))
        self.scales = common.Scales(problem)

    def _box(self, values: np.ndarray) -> np.ndarray:
        """Return an array of the grid as a box, a view of it."""
        return np.ascontiguousarray(values).reshape(self.shape)

    def _boxed_ceramic(self) -> Ceramic:
        ceramic, sheets = self.problem.ceramic, self.problem.grid.box_faces(self.problem.ceramic.sheet_resistance)
        maps = {f.name: getattr(ceramic, f.name) for f in fields(ceramic) if f.name != "sheet_resistance"}
        return Ceramic(sheet_resistance=sheets, **{name: self._box(values) for name, values in maps.items()})

    # --- the seam -----------------------------------------------------------------------------------------

    def initial_state(self) -> State:
        """See ``Backend``."""
        return common.initial_state(self.problem)

    def solve(self, state: State, time_step: float, control: Control) -> SolveReport:
        """Solve the potentials at the end of the step, with the metal where it is; see ``Backend``."""
        numba.set_num_threads(self.threads)
        self._load(state, time_step - self.solved)
        self._freeze_metal(state)
        held = control.kind == "voltage"
        voltage = control.value if held else state.cell_voltage + (time_step - self.solved) * state.cell_voltage_rate
        target = 0.0 if held else control.value * self.problem.grid.cross_section
        voltage, newton, cg = self._newton(state, voltage, target, not held, time_step)
        change = self._store(state, voltage, time_step)
        return self._report(state, newton, cg, change)

    def advance(self, state: State, time_step: float) -> None:
        """Deposit the metal of the step, then restore the interface's profile; see ``Backend``."""
        metal, c = self.problem.metal, self.ceramic
        xi = self._box(state["metal_fraction"])
        source, reservoir = self.maps["source"], self.maps["reservoir"]
        kernels.obstacles(self.u, self.maps["plating"], self.interface.barrier, self.interface.obstacle)
        speed = self._front_speed(xi)
        kernels.deposit(xi, source, reservoir, c.accessible_fraction, metal.molar_volume / FARADAY * time_step)
        self.restore_profile(xi, metal.mobility_ratio * speed * time_step)
        if self.capacitive:
            np.copyto(self._box(state["stored_electrons"]), self.maps["stored"])
        plated = (
            reservoir.sum(axis=0).reshape(state.reservoir_thickness.shape)
            * self.spacing[0]
            * metal.molar_volume
            / FARADAY
            * time_step
        )
        state.reservoir_thickness = state.reservoir_thickness + plated
        state.time += time_step
        self.solved = 0.0
        state.step += 1
        self._check_finite(state, "metal_fraction")

    def restore_profile(self, xi: np.ndarray, travel: float) -> None:
        """Let the profile flux act for M dt = ``travel`` [m], in place."""
        if travel <= 0.0:
            return
        self.interface.restore(xi.reshape(self.shape), self.nucleus, travel, self.threads)

    def update_fields(self, state: State) -> None:
        """See ``Backend``."""
        common.derive_fields(self.problem, state, self.maps["source"])

    def stored_charge(self, state: State) -> float:
        """See ``Backend``."""
        return common.stored_charge(self.problem, state)

    # --- one solve ----------------------------------------------------------------------------------------

    def _potentials(self, state: State) -> tuple[np.ndarray, ...]:
        """Return boxes of both potentials and of their rates."""
        return tuple(self._box(state[name]) for name in ("ionic_potential", "electronic_potential", *common.RATES))

    def _load(self, state: State, ahead: float) -> None:
        if "nucleus" in state.arrays:
            self.nucleus = self._box(state["nucleus"])
        if common.RATES[0] not in state.arrays:  # a checkpoint of an earlier version
            state.arrays |= common.no_rates(self.problem.grid)
        kernels.load(*self._potentials(state), ahead, self.u)
        multigrid.fill_ghosts(self.u, 0.0)

    def _store(self, state: State, voltage: float, time_step: float) -> float:
        """Put what was solved into the state; returns the largest change of U in ceramic that no front has reached [V]."""
        xi = self._box(state["metal_fraction"])
        change, largest = kernels.store(self.u, xi, *self._potentials(state), self.solved, time_step)
        gone = voltage - state.cell_voltage + self.solved * state.cell_voltage_rate
        state.cell_voltage_rate, self.solved = gone / time_step, time_step
        state.cell_voltage = voltage
        if largest > JUMP * self.thermal:
            state.cell_voltage_rate = 0.0
            for name in common.RATES:
                state[name][:] = 0.0
        return float(change)

    def _freeze_metal(self, state: State) -> None:
        """Make what follows from the metal alone: reactive area, equilibrium potentials, conductances."""
        p, c, m = self.problem, self.ceramic, self.maps
        xi = self._box(state["metal_fraction"])
        self.interface.curvature(xi, TAIL, m["curvature"], self.threads)
        kernels.interface_maps(
            xi, m["curvature"], c.accommodation_pressure, c.collecting_factor, self.interface.width, p.metal.interface_energy,
            p.metal.molar_volume, p.reaction.hysteresis, m["area"], m["plating"], m["stripping"],
        )  # fmt: skip
        numba_faces.ionic_faces(
            xi, c.ionic_conductivity, *c.sheet_resistance, *self.spacing, self.periodic, *self.faces
        )  # fmt: skip
        self._electronic_faces(xi)
        h = self.hierarchy
        multigrid.set_faces(*self.faces, h.unit, h.coarse)
        self.weight[INNER] = xi < 0.5

    def _electronic_faces(self, xi: np.ndarray) -> None:
        p, c = self.problem, self.ceramic
        numba_faces.electronic_faces(
            xi, c.bulk_electronic_conductivity, c.boundary_electronic_conductivity, p.metal.electronic_conductivity,
            self.floor, self.u, p.electronic_law == "n_type", self.bias_factor, self.thermal, *self.spacing, self.periodic,
            *self.faces,
        )  # fmt: skip

    def _electrode(self, xi: np.ndarray, side: str, value: float) -> None:
        """Make conductances and currents of the box's face at low or high x."""
        p, c = self.problem, self.ceramic
        low = side == "low"
        electrode = p.working_electrode if low else p.counter_electrode
        ions = p.electrode_plane == 0.0 if low else True
        numba_faces.planar_electrode(
            xi, c.ionic_conductivity, c.bulk_electronic_conductivity, c.boundary_electronic_conductivity,
            p.metal.electronic_conductivity, self.floor, self.u, 0 if low else self.shape[0] - 1, 0 if low else self.shape[0],
            value, electrode.exchange_current_density if ions else 0.0, p.reaction.transfer_coefficient,
            p.reaction.kinetics == "linear", electrode.electrons == "contact", p.electronic_law == "n_type",
            self.bias_factor, self.thermal, self.spacing[0], self.spacing[1] * self.spacing[2], self.faces[0], self.low if low else self.high,
        )  # fmt: skip

    def _evaluate(self, state: State, voltage: float, time_step: float) -> None:
        """Make matrix and residual (minus it, in ``r``) at the potentials ``u``."""
        p, c, m = self.problem, self.ceramic, self.maps
        xi = self._box(state["metal_fraction"])
        multigrid.fill_ghosts(self.u, 0.0)
        self.bias_factor = common.bias_factor(p, voltage)
        if p.electronic_law != "constant":
            self._electronic_faces(xi)
            multigrid.set_faces(*self.faces, self.hierarchy.unit, self.hierarchy.coarse)
        self._electrode(xi, "low", 0.0)
        self._electrode(xi, "high", voltage)
        rate = 1.0 / time_step if self.capacitive else 0.0
        available = np.clip(state.reservoir_thickness / common.AVAILABLE_BELOW, 0.0, 1.0).reshape(self.shape[1:])
        kernels.reaction_and_storage(
            xi, self.u, m["area"], self.nucleus, c.collecting_factor, self.interface.width, m["plating"], m["stripping"],
            self.reservoir_area, available, c.electrons_at_metal,
            p.reaction.exchange_current_density, p.reaction.transfer_coefficient, self.thermal, p.reaction.kinetics == "linear",
            rate, self.volume, c.accessible_fraction, p.metal.molar_volume / FARADAY * time_step,
            m["source"], m["reservoir"], m["stored"], self.coupling,
        )  # fmt: skip
        kernels.residual(
            self.u, *self.faces, m["source"], m["stored"], self._box(state["stored_electrons"]), rate, self.volume,
            self.low, self.high, self.r,
        )  # fmt: skip

    def _scales(self, target: float) -> tuple[float, float]:
        """Return what residuals are compared with: the total and the leakage current [A]."""
        turnover = float(np.abs(self.maps["source"]).sum()) * self.volume
        return self.scales.of(target, float(self.high.sum()), float(self.high[1].sum()), turnover)

    def _newton(self, state, voltage: float, target: float, free: bool, time_step: float) -> tuple[float, int, int]:
        """Iterate until the three criteria hold; returns the cell voltage and the iterations of both kinds."""
        tol = self.tolerances
        change, total_cg = np.inf, 0
        # sigma_e is lagged in the matrix: with the n-type law Newton's method is only a fixed-point iteration
        mixer = Anderson(np.stack([self.weight, self.weight])) if self.problem.electronic_law == "n_type" else None
        self._evaluate(state, voltage, time_step)
        for iteration in range(common.NEWTON_LIMIT + 1):
            node = target - float(self.high.sum()) if free else 0.0
            scale_i, scale_e = self._scales(target)
            first, second = krylov.residual_norms(self.r, self.weight)
            size = max(first / scale_i / tol.ionic, second / scale_e / tol.electronic, abs(node) / scale_i / tol.ionic)
            if not np.isfinite([first, second, node]).all():
                self._complain(state, "is not finite")
            if size <= 1.0 and change <= tol.potential:
                return voltage, iteration, total_cg
            if iteration == common.NEWTON_LIMIT:
                break
            aim = np.array(
                [
                    max(LINEAR_SHARE * tol.ionic * scale_i, FORCING * min(max(first, abs(node)), scale_i)),
                    max(LINEAR_SHARE * tol.electronic * scale_e, FORCING * min(second, scale_i)),
                ]
            )
            total_cg += self._linear_solve(node, free, aim, iteration == 0 or mixer is not None)
            change = kernels.potential_change(self.delta, self._box(state["metal_fraction"]))
            if mixer is not None:
                start = self.u.copy()
                start[0, -1, 0, 0] = voltage
            voltage, shortened = self._line_search(state, voltage, target, free, time_step)
            if mixer is not None and shortened:
                mixer.forget()  # a kink lies between
            elif mixer is not None:
                image = self.u.copy()
                image[0, -1, 0, 0] = voltage
                self.u[:] = mixer.next(start, image)
                voltage = float(self.u[0, -1, 0, 0])
                self._evaluate(state, voltage, time_step)
        self._complain(
            state, f"did not converge in {common.NEWTON_LIMIT} Newton iterations (last change of U {change:.3g} V)"
        )
        raise AssertionError

    def _linear_solve(self, node: float, free: bool, aim: np.ndarray, anew: bool) -> int:
        """Solve for the Newton correction ``delta`` (its ghost row holds the voltage's); returns CG iterations.

        anew : make the preconditioner's coarse levels, too; else they stay those of an earlier step of Newton's.
        """
        h = self.hierarchy
        self.r[0, -1, 0, 0] = node
        multigrid.set_finest(self.faces[0], self.coupling, h.unit, h.coarse)
        if anew:
            multigrid.set_up(h.coarse, free)
        system = h.finest(), h.unit, h.coarse, h.work
        iterations = krylov.solve(self.delta, self.r, self.start, *system, free, self.weight, aim, CG_LIMIT)
        return abs(iterations)

    def _line_search(self, state, voltage: float, target: float, free: bool, time_step: float) -> tuple[float, bool]:
        """Go along ``delta`` as far as the slope of the (convex) energy allows; returns the new voltage, and if less far.

        The slope at step length t is -delta . r(t): it rises with t, and a full step that lands beyond the minimum by
        more than half of where it started is shortened to the minimum, just beyond it rather than before: where
        cells begin to plate the slope jumps, and the next step must know the steep side.
        """
        step_v = float(self.delta[0, -1, 0, 0]) if free else 0.0
        np.copyto(self.start, self.u)

        def slope(length: float) -> float:
            kernels.go_along(self.start, self.delta, length, self.u)
            self._evaluate(state, voltage + length * step_v, time_step)
            node = target - float(self.high.sum()) if free else 0.0
            return -krylov.dot(self.delta, self.r) - step_v * node

        before = -krylov.dot(self.delta, self.r) - step_v * (target - float(self.high.sum()) if free else 0.0)
        tried = {0.0: before, 1.0: slope(1.0)}
        if not tried[1.0] > 0.5 * abs(before):
            return voltage + step_v, False
        if before > 0.0:
            self._complain(state, "found no direction in which the residual falls")

        def remembered(length: float) -> float:
            if length not in tried:
                tried[length] = slope(length)
            if not np.isfinite(tried[length]):
                self._complain(state, "is not finite")
            return tried[length]

        from scipy.optimize import brentq  # rarely needed, and slow to import

        brentq(remembered, 0.0, 1.0, xtol=SHORTEST, rtol=0.3, maxiter=30, disp=False)
        length = min(t for t, s in tried.items() if s > 0.0)
        slope(length)
        return voltage + length * step_v, True

    # --- reports ------------------------------------------------------------------------------------------

    def _report(self, state: State, newton: int, cg: int, change: float) -> SolveReport:
        p, m = self.problem, self.maps
        area = p.grid.cross_section
        total = float(self.high.sum())
        plated = float(m["source"].sum()) * self.volume / area
        reservoir = float(m["reservoir"].sum()) * self.volume / area
        worst = kernels.plane_current_error(self.u, self.faces[0], self.low, total)
        return SolveReport(
            current_density=total / area,
            leakage_current_density=float(self.high[1].sum()) / area,
            reservoir_current_density=reservoir,
            metal_current_density=plated - reservoir,
            front_speed=self._front_speed(self._box(state["metal_fraction"])),
            potential_change=change,
            plane_current_error=worst / max(abs(total), self.scales.least_current),
            newton_iterations=newton,
            cg_iterations=cg,
        )  # fmt: skip

    def _front_speed(self, xi: np.ndarray) -> float:
        """Return the speed of the fastest interface [m/s]."""
        m, theta, volume = self.maps, self.ceramic.accessible_fraction, self.problem.metal.molar_volume
        return kernels.fastest_front(xi, m["source"], m["reservoir"], self.nucleus, theta, self.interface.width, volume)

    def _complain(self, state: State, what: str) -> None:
        """Raise with the largest residual of each field and its place."""
        grid, parts = self.problem.grid, []
        for component, name in enumerate(("ionic_potential", "electronic_potential")):
            residual = self.r[component][INNER].reshape(grid.shape)
            if where := common.place_not_finite(grid, residual):
                raise NotFinite(f"{name} is not finite at {where}, t = {state.time:.6g} s")
            parts.append(f"{name}: {common.worst_place(grid, residual, self._scales(0.0)[component])}")
        raise NotConverged(f"the potentials' solve {what}; " + "; ".join(parts))

    def _check_finite(self, state: State, name: str) -> None:
        if np.isfinite(state[name].sum()):
            return
        if where := common.place_not_finite(self.problem.grid, state[name]):
            raise NotFinite(f"{name} is not finite at {where}, t = {state.time:.6g} s")
