"""When and where nuclei appear, form and meet other metal (MODEL M13): array work between two steps, for any backend.

Random numbers are keyed on (seed, cell) and (seed, cell, step), so that threads, restarts and the order in which cells
are looked at do not matter. The Poisson law runs a clock per site, set to an exponential random number and lowered by
the integral of the rate over time: when nuclei appear does not depend on how time is cut into steps.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from microstructures.draws import uniform, uniform_at
from phasefield.fields import Nucleus, State
from phasefield.grid import Grid
from phasefield.measures import CONDUCTING_THRESHOLD
from phasefield.physics.constants import FARADAY
from phasefield.physics.nucleation import nucleation_potential, nucleation_rate
from phasefield.problem import SITES, Nucleation, Problem

log = logging.getLogger("phasefield")

CLOCK_STREAM, AGAIN_STREAM = 101, 102  # of random numbers: the first nucleus of a site, later ones
FORMED = 0.5  # mean metal fraction of its ball from which a nucleus is metal like any other
CLEARANCE = 2.0  # radii around a new nucleus that hold neither metal nor a nucleus that forms


@dataclass(frozen=True)
class Event:
    """Something that happened to a nucleus at the end of a step: ``"nucleus"`` appeared, or ``"contact"`` with the electrode.

    ``potential``: U of its middle cell [V].
    """

    kind: str
    step: int
    time: float
    nucleus: Nucleus
    potential: float


class Nucleator:
    """Follow the nuclei of a run; what is known of them is in the state, so that a restart knows it, too."""

    def __init__(self, problem: Problem, nucleation: Nucleation) -> None:
        grid = problem.grid
        self.problem, self.law = problem, nucleation
        self.pressure = problem.ceramic.accommodation_pressure
        self.threshold = nucleation_potential(self.pressure, nucleation.overpotential, problem.metal.molar_volume)
        self.beyond = grid.meshgrid()[0] > problem.electrode_plane
        self.sites = np.flatnonzero((nucleation.site.ravel() > 0) & self.beyond.ravel())
        self.offsets = ball_offsets(grid, nucleation.radius)

    def start(self, state: State) -> None:
        """Give the first state what nuclei need."""
        state["nucleus"] = np.zeros(state.grid.shape, dtype=np.bool_)
        if self.law.law == "poisson":
            drawn = uniform(self.law.seed, CLOCK_STREAM, state.grid.size)
            state["nucleation_clock"] = -np.log(drawn).reshape(state.grid.shape)

    def update(self, state: State, time_step: float, conducting: np.ndarray) -> tuple[Event, ...]:
        """Follow the nuclei over a step that has just been made, and let new ones appear; returns what happened.

        ``conducting``: of ``measures.conducting_region``, at the end of the step.
        """
        potential = state["electronic_potential"] - state["ionic_potential"]
        events = self._follow(state, conducting, potential)
        for cell in self._listed(state):
            events.append(self._appear(state, cell, "listed", potential))
        for cell in self._new_cells(state, time_step, potential):
            events.append(self._appear(state, cell, SITES[self.law.site.flat[cell]], potential))
        return tuple(events)

    def largest_drive(self, state: State) -> float:
        """Return how far the potential of the most driven free site is below its threshold [V]; -inf without a site."""
        potential = state["electronic_potential"] - state["ionic_potential"]
        excess = (self.threshold - potential).ravel()[self.sites]
        free = ~self._taken(state).ravel()[self.sites]
        return float(excess[free].max(initial=-np.inf))

    # --- nuclei that there are ----------------------------------------------------------------------------

    def _follow(self, state: State, conducting: np.ndarray, potential: np.ndarray) -> list[Event]:
        """Let go of nuclei that have formed, and tell which ones the electrode's metal has reached."""
        events, nuclei = [], state.book.nuclei
        before = [nucleus.forming for nucleus in nuclei]
        for index, nucleus in enumerate(nuclei):
            if nucleus.forming and state["metal_fraction"][self._ball(nucleus.cell)].mean() > FORMED:
                nucleus = replace(nucleus, forming=False)
            if not nucleus.connected and conducting[nucleus.cell]:
                nucleus = replace(nucleus, connected=True)
                events.append(Event("contact", state.step, state.time, nucleus, float(potential[nucleus.cell])))
            nuclei[index] = nucleus
        if [nucleus.forming for nucleus in nuclei] != before:
            self._mark(state)
        return events

    def _mark(self, state: State) -> None:
        state["nucleus"] = self._balls([nucleus.cell for nucleus in state.book.nuclei if nucleus.forming])

    def _balls(self, cells: Sequence[tuple[int, ...]]) -> np.ndarray:
        """Return the map of the balls around cells."""
        balls = np.zeros(self.problem.grid.shape, dtype=np.bool_)
        for cell in cells:
            balls[self._ball(cell)] = True
        return balls

    def _ball(self, cell: tuple[int, ...]) -> tuple[np.ndarray, ...]:
        """Return the cells of the ball around ``cell`` that resist no more than it does, as an index of arrays."""
        grid = self.problem.grid
        index = [np.asarray(cell[a]) + self.offsets[a] for a in range(len(cell))]
        inside = np.ones(index[0].shape, dtype=np.bool_)
        for axis, n in enumerate(grid.shape):
            if axis > 0 and grid.lateral == "periodic":
                index[axis] = index[axis] % n
            inside &= (index[axis] >= 0) & (index[axis] < n)
        index = [i[inside] for i in index]
        near = tuple(index)
        weak = (self.pressure[near] <= self.pressure[cell] * (1.0 + 1e-9)) & self.beyond[near]
        return tuple(i[weak] for i in near)

    # --- nuclei to come -----------------------------------------------------------------------------------

    def _new_cells(self, state: State, time_step: float, potential: np.ndarray) -> list[int]:
        """Return the cells (flat index) at which nuclei appear now by the law."""
        if self.law.law == "deterministic":
            return self._most_driven(state, potential)
        return self._rung(state, time_step, potential) if self.law.law == "poisson" else []

    def _listed(self, state: State) -> list[int]:
        grid = self.problem.grid
        known = sum(nucleus.site == "listed" for nucleus in state.book.nuclei)
        due = [place for time, place in self.law.listed[known:] if time <= state.time]
        cells = [[min(int(p / d), n - 1) for p, d, n in zip(at, grid.spacing, grid.shape, strict=True)] for at in due]
        return [int(np.ravel_multi_index(cell, grid.shape)) for cell in cells]

    def _most_driven(self, state: State, potential: np.ndarray) -> list[int]:
        """Return the site furthest below its threshold, if any is.

        One per step: its plating lifts U around it before the next one is looked for.
        """
        excess = (self.threshold - potential).ravel()[self.sites]
        driven = np.flatnonzero(excess > 0.0)
        if driven.size:
            driven = driven[~self._taken(state).ravel()[self.sites[driven]]]
        return [int(self.sites[driven[np.argmax(excess[driven])]])] if driven.size else []

    def _rung(self, state: State, time_step: float, potential: np.ndarray) -> list[int]:
        """Let the clocks of all free sites run for a step and return those that rang and do not overlap."""
        law, metal, clock = self.law, self.problem.metal, state["nucleation_clock"]
        eta = (potential + metal.molar_volume / FARADAY * self.pressure).ravel()[self.sites]
        rate = nucleation_rate(
            eta, law.prefactor, law.barrier_factor, metal.interface_energy, metal.molar_volume, self.problem.temperature
        )
        elapsed = rate * law.site_area.ravel()[self.sites] * time_step
        if not elapsed.any():
            return []
        taken = self._taken(state)
        clock.flat[self.sites] -= np.where(taken.flat[self.sites], 0.0, elapsed)
        rung = np.flatnonzero(clock.flat[self.sites] <= 0.0)
        late = clock.flat[self.sites[rung]] / elapsed[rung]  # minus the share of the step that was left
        chosen: list[int] = []
        for cell in self.sites[rung[np.argsort(late, kind="stable")]]:
            clock.flat[cell] = -np.log(uniform_at(law.seed, AGAIN_STREAM, (int(cell), state.step)))
            if not taken.flat[cell]:
                chosen.append(int(cell))
                # as if this nucleus had been there in a step before
                taken |= self._near(self._balls([self._index(cell)]))
        return chosen

    def _taken(self, state: State) -> np.ndarray:
        """Return the cells too near to metal, its tail included, or to a nucleus that forms."""
        return self._near((state["metal_fraction"] >= CONDUCTING_THRESHOLD) | state["nucleus"])

    def _near(self, occupied: np.ndarray) -> np.ndarray:
        """Return the cells within ``CLEARANCE`` radii of occupied ones."""
        grid, reach = self.problem.grid, CLEARANCE * self.law.radius * (1.0 + 1e-9)
        # EDT knows no periodic sides: what lies beyond them is copied on.
        pad = [(0, 0)] + [
            (min(n, int(reach / d) + 1),) * 2 for n, d in zip(grid.shape[1:], grid.spacing[1:], strict=True)
        ]
        padded = np.pad(occupied, pad, mode="wrap") if grid.lateral == "periodic" else occupied
        near: np.ndarray = ndimage.distance_transform_edt(~padded, sampling=grid.spacing) <= reach
        if not padded.any():
            near = np.zeros(padded.shape, dtype=np.bool_)
        if grid.lateral == "periodic":
            near = near[tuple(slice(low, low + n) for (low, _), n in zip(pad, grid.shape, strict=True))]
        return near

    def _index(self, cell: int) -> tuple[int, ...]:
        return tuple(int(i) for i in np.unravel_index(cell, self.problem.grid.shape))

    def _appear(self, state: State, cell: int, site: str, potential: np.ndarray) -> Event:
        """Add a nucleus to the state."""
        grid, book = self.problem.grid, state.book
        index = self._index(cell)
        nucleus = Nucleus(
            number=len(book.nuclei) + 1,
            step=state.step,
            time=state.time,
            cell=index,
            place=tuple((i + 0.5) * d for i, d in zip(index, grid.spacing, strict=True)),
            site=site,
            potential=float(potential[index]),
            threshold=float(self.threshold[index]),
            radius=self.law.radius,
        )
        book.nuclei.append(nucleus)
        self._mark(state)
        where = ", ".join(f"{1e6 * p:.4g}" for p in nucleus.place)
        log.info("t = %.6g s: nucleus %d at (%s) um, U = %.4g V", state.time, nucleus.number, where, nucleus.potential)
        return Event("nucleus", state.step, state.time, nucleus, nucleus.potential)


def ball_offsets(grid: Grid, radius: float) -> tuple[np.ndarray, ...]:
    """Return the cells within ``radius`` [m] of a cell's middle, as offsets along each axis; always that cell."""
    ranges = [
        range(-int(radius / d + 1e-9), int(radius / d + 1e-9) + 1) if n > 1 else range(1)
        for n, d in zip(grid.shape, grid.spacing, strict=True)
    ]
    offsets = np.array(list(itertools.product(*ranges)))
    inside = np.linalg.norm(offsets * np.array(grid.spacing), axis=1) <= radius * (1.0 + 1e-9)
    return tuple(offsets[inside].T)
