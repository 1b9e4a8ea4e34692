"""The referee: the same discrete equations on FiPy's grids, plain and slow, to be read beside docs/model.md.

Nothing is shared with the default backend that could hide a mistake in its kernels: faces, reaction, curvature and profile
flux are written out again for whole arrays, FiPy's terms make the matrix, and a direct solver solves it. Both backends
take their formulas' constants from ``physics``, their first state and the end of an iteration from ``common``.

Arrays run over FiPy's cells (x fastest) or faces; FiPy calls a face's cells first and second, along an axis.
"""

from __future__ import annotations

import numpy as np
from fipy import CellVariable, DiffusionTerm, FaceVariable, ImplicitSourceTerm
from fipy.solvers import solver_suite
from scipy.optimize import brentq
from scipy.sparse.linalg import splu

from phasefield.backends import Control, NotConverged, NotFinite, SolveReport, Tolerances, common
from phasefield.backends import fipy_laws as laws
from phasefield.backends.fipy_interface import Interface
from phasefield.backends.fipy_mesh import Faces, make_mesh
from phasefield.errors import CaseError, Fault, RunError
from phasefield.fields import State
from phasefield.numerics.anderson import Anderson
from phasefield.physics.constants import FARADAY, thermal_voltage
from phasefield.physics.reaction import LONGEST_SHIFT, TAIL
from phasefield.physics.transport import FITTED_CEILING
from phasefield.problem import Problem

MOST_CELLS = {2: 400_000, 3: 20_000}  # the direct solver then needs some gigabytes
FIELDS = ("ionic_potential", "electronic_potential")


class FipyBackend:
    """Solve the coupled model with FiPy; see ``Backend``."""

    def __init__(self, problem: Problem, tolerances: Tolerances) -> None:
        grid, c = problem.grid, problem.ceramic
        if grid.size > MOST_CELLS[len(grid.shape)]:
            shape = " x ".join(str(n) for n in grid.shape)
            right = f"make grid.size smaller: at most {MOST_CELLS[len(grid.shape)]} cells in {len(grid.shape)}-D"
            raise CaseError([Fault("grid", f"{shape} cells are too many for the backend fipy, a direct solver", right)])
        if solver_suite != "scipy":
            raise RunError(f"FiPy was imported before, with {solver_suite}: set FIPY_SOLVERS=scipy in the environment")
        self.problem, self.tolerances = problem, tolerances
        self.thermal = thermal_voltage(problem.temperature)
        self.width, self.volume = problem.metal.interface_width, grid.cell_volume
        self.floor, self.scales = common.electronic_floor(problem), common.Scales(problem)
        self.capacitive = common.is_capacitive(problem)

        # --- the ceramic, in FiPy's order
        mesh = make_mesh(grid)
        self.faces = Faces(grid, mesh)
        flat = self.faces.flat
        self.ionic, self.bulk = flat(c.ionic_conductivity), flat(c.bulk_electronic_conductivity)
        self.band = flat(c.boundary_electronic_conductivity)
        self.pressure, self.theta = flat(c.accommodation_pressure), flat(c.accessible_fraction)
        self.collecting, self.electrons = flat(c.collecting_factor), flat(c.electrons_at_metal)
        self.sheet = self.faces.of_axes(c.sheet_resistance)
        self.source = np.zeros(grid.size)  # s, of the last solve
        self.reservoir_area = flat(common.reservoir_area(problem))
        self.nucleus = np.zeros(grid.size, dtype=bool)  # where nuclei form
        self.interface = Interface(problem, mesh, self.faces)

        # --- the equations (M1, M2), linearised: what a change of both potentials adds to the balance of a cell
        def cells(name: str) -> CellVariable:
            return CellVariable(mesh=mesh, name=name, value=0.0)

        self.phi_i, self.phi_e = cells("phi_i"), cells("phi_e")
        self.sigma_i, self.sigma_e = FaceVariable(mesh=mesh, value=0.0), FaceVariable(mesh=mesh, value=0.0)
        self.flow_i = (self.sigma_i * self.phi_i.faceGrad).divergence  # div(sigma_i grad phi_i)
        self.flow_e = (self.sigma_e * self.phi_e.faceGrad).divergence
        self.delta_i, self.delta_e = cells("change of phi_i"), cells("change of phi_e")
        self.balance_i, self.balance_e = cells("ions"), cells("electrons")
        self.coupling = cells("K")  # a |d i_dep / dU| + F^2 N / (RT dt)
        self.electrode_i, self.electrode_e = cells("ions, electrodes"), cells("electrons, electrodes")
        # A source with the sign of the term's own diagonal enters the matrix, another FiPy would take as explicit.
        ions = (
            DiffusionTerm(coeff=self.sigma_i, var=self.delta_i)
            - ImplicitSourceTerm(coeff=self.coupling + self.electrode_i, var=self.delta_i)
            + ImplicitSourceTerm(coeff=self.coupling, var=self.delta_e)
            + self.balance_i
        )
        electrons = (
            DiffusionTerm(coeff=self.sigma_e, var=self.delta_e)
            - ImplicitSourceTerm(coeff=self.coupling + self.electrode_e, var=self.delta_e)
            + ImplicitSourceTerm(coeff=self.coupling, var=self.delta_i)
            + self.balance_e
        )
        self.system = ions & electrons
        self.system.cacheMatrix()
        self.system.cacheRHSvector()

    # --- the seam -----------------------------------------------------------------------------------------

    def initial_state(self) -> State:
        """See ``Backend``."""
        return common.initial_state(self.problem)

    def update_fields(self, state: State) -> None:
        """See ``Backend``."""
        common.derive_fields(self.problem, state, self.faces.shaped(self.source))

    def stored_charge(self, state: State) -> float:
        """See ``Backend``."""
        return common.stored_charge(self.problem, state)

    def solve(self, state: State, time_step: float, control: Control) -> SolveReport:
        """See ``Backend``."""
        self.load(state)
        held = control.kind == "voltage"
        target = None if held else control.value * self.problem.grid.cross_section
        voltage = control.value if held else state.cell_voltage
        voltage, newton = self._newton(state, voltage, target, time_step)
        before = state["electronic_potential"] - state["ionic_potential"]
        for name, variable in zip(FIELDS, (self.phi_i, self.phi_e), strict=True):
            state[name] = self.faces.shaped(variable.value)
        change = np.abs(state["electronic_potential"] - state["ionic_potential"] - before)
        state.cell_voltage = voltage
        return self._report(newton, float(change[state["metal_fraction"] < TAIL].max(initial=0.0)))

    def advance(self, state: State, time_step: float) -> None:
        """See ``Backend``. (M12)"""
        metal = self.problem.metal
        per_charge = metal.molar_volume / FARADAY
        speed = self._front_speed()
        plated = per_charge * (self.source - self.reservoir) * time_step / self.theta
        inert = self.phi_e.value - self.phi_i.value >= self.plating
        xi = self.interface.restored(self.xi + plated, metal.mobility_ratio * speed * time_step, inert, self.nucleus)
        state["metal_fraction"] = self.faces.shaped(xi)
        if self.capacitive:
            state["stored_electrons"] = self.faces.shaped(self.stored)
        pushed = self.faces.shaped(self.reservoir).sum(axis=0) * self.problem.grid.spacing[0] * per_charge * time_step
        state.reservoir_thickness = state.reservoir_thickness + pushed
        state.time += time_step
        state.step += 1
        if where := common.place_not_finite(state.grid, state["metal_fraction"]):
            raise NotFinite(f"metal_fraction is not finite at {where}, t = {state.time:.6g} s")

    # --- geometry of the metal ----------------------------------------------------------------------------

    def load(self, state: State) -> None:
        """Take over a state, and make what follows from its metal alone."""
        self.phi_i.setValue(self.faces.flat(state["ionic_potential"]))
        self.phi_e.setValue(self.faces.flat(state["electronic_potential"]))
        self.xi = xi = self.faces.flat(state["metal_fraction"])
        self.stored_old = self.faces.flat(state["stored_electrons"])
        if "nucleus" in state.arrays:
            self.nucleus = self.faces.flat(state["nucleus"])
        available = np.clip(state.reservoir_thickness / common.AVAILABLE_BELOW, 0.0, 1.0)
        self.available = self.faces.flat(np.broadcast_to(available, state.grid.shape))
        p, per_charge = self.problem, self.problem.metal.molar_volume / FARADAY
        at_interface = xi * (1.0 - xi) >= TAIL
        # (M3) reactive area a = xi (1 - xi) / l, times l_a / w
        self.area = np.where(at_interface, self.collecting * xi * (1.0 - xi) / self.width, 0.0)
        # (M9, M10) U_eq = -(V_m / F)(p_acc + gamma K); stripping gets the pressure not back
        capillary = p.metal.interface_energy * np.where(at_interface, self.interface.curvature(xi), 0.0)
        self.plating = -per_charge * (self.pressure + capillary)
        self.stripping = -per_charge * capillary if p.reaction.hysteresis else self.plating
        # (M7, section 7) sigma_i: half cells and the sheet of a grain boundary in series
        here, there = self.faces.sides(laws.ionic_conductivity(xi, self.ionic))
        xi_here, xi_there = self.faces.sides(xi)
        d = self.faces.distance
        resistance = 0.5 * d / here + 0.5 * d / there + self.sheet * (1.0 - 0.5 * (xi_here + xi_there))
        self.sigma_i.setValue(d / resistance)
        self._set_electronic_faces(state.cell_voltage)

    # --- transport and reaction ---------------------------------------------------------------------------

    def _electronic_parts(self, xi, bulk, band, factor):
        """(M6, M7) Return sigma_e of metal and bulk, and of the band of the grain boundaries [S/m]."""
        metal = laws.metal_conductivity(xi, self.problem.metal.electronic_conductivity)
        return metal + (1.0 - xi) * bulk * factor, (1.0 - xi) * band * factor

    def _set_electronic_faces(self, voltage: float) -> None:
        """Metal and bulk of two cells lie in series, the band goes past them with arithmetic faces (section 7)."""
        sides, factor = self.faces.sides, np.array(self._bias_factor(voltage))
        if self.problem.electronic_law == "n_type":
            factor = laws.n_type_face(sides(self.phi_i.value), sides(self.phi_e.value), self.thermal)
        here, there = zip(sides(self.xi), sides(self.bulk), sides(self.band), strict=True)
        a, band_a = self._electronic_parts(*here, factor)
        b, band_b = self._electronic_parts(*there, factor)
        series = 2.0 * a * b / np.where(a + b > 0.0, a + b, 1.0)
        self.sigma_e.setValue(np.maximum(series + 0.5 * (band_a + band_b), self.floor))

    def _bias_factor(self, voltage: float) -> float:
        """(M6) Return exp(b (|V| - V_ref)), cut off above, for the fitted law, else 1."""
        p = self.problem
        if p.electronic_law != "fitted":
            return 1.0
        return float(np.exp(min(p.bias_slope * (np.abs(voltage) - p.bias_reference), np.log(FITTED_CEILING))))

    def _charge_transfer(self, eta: np.ndarray, i0: float) -> tuple[np.ndarray, np.ndarray]:
        return laws.charge_transfer(eta, i0, self.problem.reaction, self.thermal)

    def _react(self, potential: np.ndarray, time_step: float) -> np.ndarray:
        """(M3, M8-M11) Set s and the reservoir's part of it [A/m^3]; return -ds/dU [S/m^3]."""
        i0, xi = self.problem.reaction.exchange_current_density, self.xi
        plates, strips = potential <= self.plating, potential >= self.stripping
        current, slope = self._charge_transfer(potential - np.where(plates, self.plating, self.stripping), i0)
        current, slope = np.where(plates | strips, (current, slope), 0.0)
        held_back = np.where(current < 0.0, self.reservoir_area * self.available, 0.0)
        area = np.maximum(self.area - held_back, 0.0)
        # Over the step the area moves with the metal: psi shifts by c, which takes xi (1 - xi) along.
        travel = self.problem.metal.molar_volume / FARADAY * time_step
        q = np.where(self.area > 0.0, xi * (1.0 - xi), 1.0)
        c = np.clip(travel * current * area / (q * self.theta), -LONGEST_SHIFT, LONGEST_SHIFT)
        filled = 1.0 + xi * np.expm1(c)
        mean = area * np.where(np.abs(c) < 1e-8, 1.0, np.expm1(c) / np.where(c == 0.0, 1.0, c)) / filled
        gain = area * np.exp(c) / filled**2
        # (M13) A nucleus that forms plates on (1 - xi) / (4 l), times l_a / w, until its interface has more.
        fresh = np.where(self.nucleus & (current > 0.0), self.collecting * (1.0 - xi) / 4.0 / self.width, 0.0)
        forms = fresh > area
        c = np.where(forms, np.minimum(travel * current * fresh / ((1.0 - xi) * self.theta), LONGEST_SHIFT), 0.0)
        lasting = np.where(c < 1e-8, 1.0, -np.expm1(-c) / np.where(c == 0.0, 1.0, c))
        mean, gain = np.where(forms, fresh * lasting, mean), np.where(forms, fresh * np.exp(-c), gain)
        current_r, slope_r = self._charge_transfer(potential - self.stripping, i0)
        share = self.reservoir_area * np.where(current_r > 0.0, 1.0, self.available)
        self.reservoir = share * current_r
        self.source = mean * current + self.reservoir
        return -gain * slope - share * slope_r

    def _electrode(self, side: str, value: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return a planar electrode's currents into its cells (ionic, electronic) and their conductances.

        ``value``: its potential [V]. Arrays run over all cells, in A/m^3 and S/m^3; 0 away from the face.
        """
        p, low = self.problem, side == "low"
        electrode = p.working_electrode if low else p.counter_electrode
        at = self.faces.layer(0 if low else p.grid.shape[0] - 1)
        per_volume = p.grid.face_area(0) / self.volume
        xi, cell_i, cell_e = self.xi[at], self.phi_i.value[at], self.phi_e.value[at]
        current = np.zeros((4, p.grid.size))
        half = 0.5 * p.grid.spacing[0]
        eta, ions = (
            np.zeros(len(at)),
            electrode.exchange_current_density > 0.0 and not (low and p.electrode_plane > 0.0),
        )
        if ions:
            i0, conductance = electrode.exchange_current_density, laws.ionic_conductivity(xi, self.ionic[at]) / half
            eta = laws.overpotential_in_series(value - cell_i, conductance, i0, p.reaction, self.thermal)
            plated, slope = self._charge_transfer(eta, i0)
            current[0, at] = -plated * per_volume
            current[2, at] = per_volume / (1.0 / conductance - 1.0 / slope)
        if electrode.electrons == "contact":
            factor = np.array(self._bias_factor(self.voltage))
            if ions and p.electronic_law == "n_type":
                factor = laws.n_type_face((cell_i, value - eta), (cell_e, np.full_like(cell_e, value)), self.thermal)
            sigma = sum(self._electronic_parts(xi, self.bulk[at], self.band[at], factor))
            current[3, at] = np.maximum(sigma, self.floor) / half * per_volume
            current[1, at] = current[3, at] * (value - cell_e)
        return current[0], current[1], current[2], current[3]

    def evaluate(self, voltage: float, time_step: float) -> None:
        """Set the balance of ions (M1) and of electrons (M2) in every cell [A/m^3], and all of the matrix."""
        potential = self.phi_e.value - self.phi_i.value
        self.voltage = voltage
        if self.problem.electronic_law != "constant":
            self._set_electronic_faces(voltage)
        steepness = self._react(potential, time_step)
        gained = np.zeros_like(potential)
        self.stored = self.stored_old
        if self.capacitive:  # (M4)
            self.stored = (1.0 - self.xi) * self.electrons * laws.boltzmann(potential, self.thermal)
            gained = FARADAY * (self.stored - self.stored_old) / time_step
            steepness = steepness + FARADAY * self.stored / self.thermal / time_step
        self.coupling.setValue(steepness)
        self.low, self.high = self._electrode("low", 0.0), self._electrode("high", voltage)
        self.electrode_i.setValue(self.low[2] + self.high[2])
        self.electrode_e.setValue(self.low[3] + self.high[3])
        self.balance_i.setValue(self.flow_i.value + self.low[0] + self.high[0] - self.source - gained)
        self.balance_e.setValue(self.flow_e.value + self.low[1] + self.high[1] + self.source + gained)

    # --- Newton's method ----------------------------------------------------------------------------------

    def _current(self) -> float:
        """Return the total current through the counter electrode [A]."""
        return float(self.high[0].sum() + self.high[1].sum()) * self.volume

    def _scales(self, target: float) -> tuple[float, float]:
        turnover = float(np.abs(self.source).sum()) * self.volume
        return self.scales.of(target, self._current(), float(self.high[1].sum()) * self.volume, turnover)

    def _newton(self, state: State, voltage: float, target: float | None, time_step: float) -> tuple[float, int]:
        """Iterate until residuals and last change are small; ``target``: the current [A], None at given voltage."""
        tol, change = self.tolerances, np.inf
        outside = (self.xi < 0.5).astype(float)
        mixer = Anderson(np.concatenate([outside, outside, [0.0]])) if self.problem.electronic_law == "n_type" else None
        self.evaluate(voltage, time_step)
        for iteration in range(common.NEWTON_LIMIT + 1):
            node = 0.0 if target is None else target - self._current()
            scale_i, scale_e = self._scales(target or 0.0)
            rest_i = float(np.abs(self.balance_i.value).sum()) * self.volume
            rest_e = float(np.abs(self.balance_e.value * outside).sum()) * self.volume
            size = max(max(rest_i, abs(node)) / scale_i / tol.ionic, rest_e / scale_e / tol.electronic)
            if not np.isfinite([rest_i, rest_e, node]).all():
                self._complain(state, "is not finite")
            if size <= 1.0 and change <= tol.potential:
                return voltage, iteration
            change_i, change_e, change_v = self._correction(node, free=target is not None)
            change = float(np.abs((change_e - change_i)[outside > 0.0]).max(initial=0.0))
            start = np.concatenate([self.phi_i.value, self.phi_e.value, [voltage]])
            step = np.concatenate([change_i, change_e, [change_v]])
            found, shortened = self._line_search(start, step, target, time_step)
            if mixer is not None and shortened:
                mixer.forget()
            elif mixer is not None:
                found = self._move(mixer.next(start, found), time_step)
            voltage = float(found[-1])
        self._complain(
            state, f"did not converge in {common.NEWTON_LIMIT} Newton iterations (change of U {change:.3g} V)"
        )
        raise AssertionError

    def _correction(self, node: float, free: bool) -> tuple[np.ndarray, np.ndarray, float]:
        """Return the changes of both potentials and of the voltage that make every balance zero to first order."""
        self.system.justResidualVector()  # assembles; what FiPy would solve is solved here, for two right-hand sides
        factors = splu(self.system.matrix.matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
        found = factors.solve(np.asarray(self.system.RHSvector))
        change_v = 0.0
        if free:
            counter = np.concatenate(self.high[2:]) * self.volume
            response = factors.solve(-counter)  # to one volt more
            change_v = float((node + counter @ found) / (counter.sum() - counter @ response))
            found = found + change_v * response
        return found[: self.xi.size], found[self.xi.size :], change_v

    def _move(self, potentials: np.ndarray, time_step: float) -> np.ndarray:
        """Go to (phi_i, phi_e, V), evaluate there, and return it."""
        n = self.xi.size
        self.phi_i.setValue(potentials[:n])
        self.phi_e.setValue(potentials[n : 2 * n])
        self.evaluate(float(potentials[-1]), time_step)
        return potentials

    def _slope(self, step: np.ndarray, target: float | None) -> float:
        """Return the slope along ``step`` of the energy whose gradient are the balances."""
        balances = np.concatenate([self.balance_i.value, self.balance_e.value]) * self.volume
        node = 0.0 if target is None else target - self._current()
        return -float(step[:-1] @ balances) - float(step[-1]) * node

    def _line_search(
        self, start: np.ndarray, step: np.ndarray, target: float | None, time_step: float
    ) -> tuple[np.ndarray, bool]:
        """Return where to go along ``step``, all of it or just beyond the energy's minimum, and whether it is the latter."""
        before = self._slope(step, target)
        found = self._move(start + step, time_step)
        tried = {0.0: before, 1.0: self._slope(step, target)}
        if not tried[1.0] > 0.5 * abs(before):
            return found, False
        if before > 0.0:
            raise NotConverged("the potentials' solve found no direction in which the residual falls")

        def slope(length: float) -> float:
            if length not in tried:
                self._move(start + length * step, time_step)
                tried[length] = self._slope(step, target)
            if not np.isfinite(tried[length]):
                raise NotConverged("the potentials' solve is not finite")
            return tried[length]

        brentq(slope, 0.0, 1.0, xtol=1e-9, rtol=0.3, maxiter=30, disp=False)
        return self._move(start + min(t for t, s in tried.items() if s > 0.0) * step, time_step), True

    # --- reports ------------------------------------------------------------------------------------------

    def _front_speed(self) -> float:
        """Return the largest speed of an interface, (V_m / F)|s - s_res| l / (theta xi (1 - xi)) [m/s]."""
        q = np.maximum(self.xi * (1.0 - self.xi), TAIL)  # below it nothing reacts
        q = np.where(self.nucleus, np.maximum(q, (1.0 - self.xi) / 4.0), q)
        rate = np.abs(self.source - self.reservoir) * self.problem.metal.molar_volume / FARADAY
        return float((rate * self.width / (self.theta * q)).max())

    def _report(self, newton: int, change: float) -> SolveReport:
        area, total = self.problem.grid.cross_section, self._current()
        through = self.faces.through_planes(self.sigma_i.value * self.faces.rise(self.phi_i.value))
        through += self.faces.through_planes(self.sigma_e.value * self.faces.rise(self.phi_e.value))
        through[0] = -float(self.low[0].sum() + self.low[1].sum()) * self.volume

        def per_area(density: np.ndarray) -> float:
            return float(density.sum()) * self.volume / area

        return SolveReport(
            current_density=total / area,
            leakage_current_density=per_area(self.high[1]),
            reservoir_current_density=per_area(self.reservoir),
            metal_current_density=per_area(self.source - self.reservoir),
            front_speed=self._front_speed(),
            potential_change=change,
            plane_current_error=float(np.abs(through - total).max()) / max(abs(total), self.scales.least_current),
            newton_iterations=newton,
            cg_iterations=0,
        )

    def _complain(self, state: State, what: str) -> None:
        """Raise with the largest residual of each field and its place."""
        parts = []
        for name, balance, scale in zip(FIELDS, (self.balance_i, self.balance_e), self._scales(0.0), strict=True):
            residual = self.faces.shaped(balance.value) * self.volume
            if where := common.place_not_finite(state.grid, residual):
                raise NotFinite(f"{name} is not finite at {where}, t = {state.time:.6g} s")
            parts.append(f"{name}: {common.worst_place(state.grid, residual, scale)}")
        raise NotConverged(f"the potentials' solve {what}; " + "; ".join(parts))
