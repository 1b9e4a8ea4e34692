"""The metal's interface on FiPy's grids: normals, curvature and the flux that keeps its profile (M9, M12)."""

from __future__ import annotations

from typing import Any

import numpy as np
from fipy import FaceVariable

from phasefield.backends.fipy_mesh import Faces
from phasefield.numerics.interface import FLATTEST, REGULARISATION, stable_sub_step
from phasefield.numerics.normals import CLIP, FARTHEST
from phasefield.problem import Problem


def _profile_coordinate(xi: np.ndarray) -> np.ndarray:
    """Return psi = ln(xi / (1 - xi))."""
    clipped = np.clip(xi, CLIP, 1.0 - CLIP)
    return np.log(clipped / (1.0 - clipped))


class Interface:
    """Know the shape of the metal in a ceramic whose p_acc holds it back."""

    def __init__(self, problem: Problem, mesh: Any, faces: Faces) -> None:
        grid, c = problem.grid, problem.ceramic
        self.spacing, self.width, self.faces = grid.spacing, problem.metal.interface_width, faces
        self.pressure, self.theta = faces.flat(c.accommodation_pressure), faces.flat(c.accessible_fraction)
        self.wall = self.pressure.max() if self.pressure.max() > 0.0 else np.inf
        self.sub_step = stable_sub_step(grid.spacing, self.width, c.accessible_fraction, grid.lateral == "periodic")
        self.flux = FaceVariable(mesh=mesh, rank=1, value=0.0)
        self.outflow = self.flux.divergence

    def _normals(self, psi: np.ndarray, obstacle: np.ndarray, flattest: float) -> np.ndarray:
        """Return n = grad psi / max(|grad psi|, flattest / l) on every face, along its axis.

        A cell does not see a neighbour whose ``obstacle`` exceeds its own barrier: it takes its own psi for it.
        """
        f = self.faces
        here, there = f.sides(psi)
        rise = there - here
        (barrier, other), (obstacle_here, obstacle_there) = f.sides(self.pressure), f.sides(obstacle)
        seen_here = np.where(obstacle_there > barrier, 0.0, rise)
        seen_there = np.where(obstacle_here > other, 0.0, rise)
        square = (rise / f.distance) ** 2
        for axis, d in enumerate(self.spacing):
            # Over both neighbours along this axis, as the cell sees them; then the mean of a face's two cells.
            across = f.gather(np.where(f.axis == axis, seen_here, 0.0), np.where(f.axis == axis, seen_there, 0.0))
            first, second = f.sides(across)
            square += np.where(f.axis == axis, 0.0, ((first + second) / (4.0 * d)) ** 2)
        return rise / f.distance / np.sqrt(np.maximum(square, (flattest / self.width) ** 2))

    def _divergence(self, values: np.ndarray) -> np.ndarray:
        """Return the divergence of a flux on faces, > 0 from the first to the second cell."""
        self.flux.setValue(self.faces.vector(values))
        return self.outflow.value

    def curvature(self, xi: np.ndarray) -> np.ndarray:
        """Return K = -div n [1/m]; normals do not cross a step of p_acc."""
        psi = _profile_coordinate(xi)
        here, there = self.faces.sides(self.pressure)
        normals = np.where(here == there, self._normals(psi, self.pressure, REGULARISATION), 0.0)
        return np.where(np.abs(psi) < FARTHEST, -self._divergence(normals), 0.0)

    def restored(self, xi: np.ndarray, travel: float, inert: np.ndarray, forming: np.ndarray) -> np.ndarray:
        """(M12) Return xi after M dt = ``travel`` [m] of the profile flux.

        ``inert``: nothing drives plating there. ``forming``: nuclei form there, without flux between two such cells.
        """
        f, theta, width = self.faces, self.theta, self.width
        steps = int(np.ceil(travel / self.sub_step))
        obstacle = np.where(inert, self.pressure, 0.0)
        (p_here, p_there), (still_here, still_there) = f.sides(self.pressure), f.sides(inert)
        forming_here, forming_there = f.sides(forming)
        closed_here = still_here & ((p_here > p_there) | (p_here >= self.wall))
        closed_there = still_there & ((p_there > p_here) | (p_there >= self.wall))
        theta_here, theta_there = f.sides(theta)
        theta_face = 2.0 * theta_here * theta_there / (theta_here + theta_there)
        for _ in range(steps):
            normal = self._normals(_profile_coordinate(xi), obstacle, FLATTEST)
            (here, there), (q_here, q_there) = f.sides(xi), f.sides(xi * (1.0 - xi))
            bend = 2.0 * np.sinh(f.distance * normal / (2.0 * width)) * np.sqrt(np.maximum(q_here * q_there, 0.0))
            flux = theta_face * width / f.distance * (there - here - bend)  # > 0 fills the first cell
            # Metal is not carried to where the reaction could not put it.
            blocked = np.where(here < there, (flux > 0.0) & closed_here, (flux < 0.0) & closed_there)
            blocked |= forming_here & forming_there
            xi = xi + travel / steps * self._divergence(np.where(blocked, 0.0, flux)) / theta
        return xi
