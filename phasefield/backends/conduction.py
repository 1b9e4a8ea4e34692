"""Steady conduction between two plates: ions and electrons at once, each by itself, on the faces of the simulation."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from phasefield.backends import NotConverged, numba_faces
from phasefield.backends.numba_cpu import INNER
from phasefield.grid import Grid
from phasefield.numerics import krylov, multigrid
from phasefield.physics import transport

ACCURACY = 1e-9  # of the currents through the plates; the error of the dissipated power is about the square of it
ROUND_OFF = 3e-5  # where rounding keeps residuals above that, at huge contrasts, the power is still good to 1e-9
FORCING = 1e-6  # a round of conjugate gradients gains this much
ROUNDS = 8
CG_LIMIT = 1000  # iterations of a round


@dataclass(frozen=True)
class Conduction:
    """What flows between plates held at 0 and 1 V, first ions, then electrons, each ``(2,)``.

    ``conductivity``: dissipated power times length over cross-section [S/m]. ``low``, ``high``: the same from the current
    through each plate.
    """

    conductivity: np.ndarray
    low: np.ndarray
    high: np.ndarray
    iterations: int


def between_plates(
    grid: Grid,
    ionic: np.ndarray,
    bulk: np.ndarray,
    band: np.ndarray,
    sheets: tuple[np.ndarray, ...],
    closed: bool = False,
    threads: int = 0,
) -> Conduction:
    """Hold both faces of the box across x at a potential and solve for what flows.

    Conductances of inner faces are those of the simulation without metal (MODEL 7). A plate is in perfect contact with
    the outermost cells, half a cell away; of a sheet on the plate's face, which a periodic side has, each of the two
    plates carries one half.

    Parameters
    ----------
    ionic, bulk, band : sigma_i and both parts of sigma_e of the cells [S/m], ``grid.shape``, as in ``Ceramic``.
    sheets : resistances of grain boundaries on faces, as in ``Ceramic`` [ohm m^2].
    closed : nothing passes the sides of axis 1 even if ``grid`` is periodic.
    threads : 0 is as many as there are cores.

    Raises ``NotConverged`` when the currents are not found to ``ACCURACY``.
    """
    most = numba.config.NUMBA_NUM_THREADS
    numba.set_num_threads(min(threads or most, most) if grid.size >= multigrid.PARALLEL_CELLS else 1)
    hierarchy = multigrid.Hierarchy(grid.box_shape, grid.box_spacing)
    scale = _fill_faces(hierarchy, grid, ionic, bulk, band, sheets, closed)
    low, high, power, iterations = _solve(hierarchy)
    scale *= grid.lengths[0] / grid.cross_section
    return Conduction(scale * power, scale * low, scale * high, iterations)


def _fill_faces(hierarchy, grid, ionic, bulk, band, sheets, closed) -> np.ndarray:
    """Write all conductances, each component's over a conductance [S] that is returned: they compete in one residual."""
    shape, (dx, dy, dz), periodic = grid.box_shape, grid.box_spacing, grid.lateral == "periodic"
    ionic, bulk, band = (np.ascontiguousarray(values).reshape(shape) for values in (ionic, bulk, band))
    across, *aside = grid.box_faces(sheets)
    *faces, _ = hierarchy.finest()
    no_metal = np.zeros(shape)
    no_potential = np.zeros((2, shape[0] + 2, shape[1], shape[2] + 2))
    floor = transport.ELECTRONIC_FLOOR * float(ionic.max())
    numba_faces.ionic_faces(no_metal, ionic, across, *aside, dx, dy, dz, periodic, *faces)
    numba_faces.electronic_faces(
        no_metal, bulk, band, 0.0, floor, no_potential, False, 1.0, 1.0, dx, dy, dz, periodic, *faces
    )  # fmt: skip
    gx, gy, gz = faces
    if closed:
        sides = gy[:, :, :1] if len(grid.shape) == 3 else gz[..., :: shape[2]]
        sides[:] = 0.0
    for row, face in ((0, 0), (-1, -1)):
        cell = 0.5 * dx / transport.ionic_conductivity(0.0, ionic[row])
        gx[0, face, :, 1:-1] = dy * dz / (cell + 0.5 * across[face])
        gx[1, face, :, 1:-1] = dy * dz / (0.5 * dx) * np.maximum(bulk[row] + band[row], floor)
    scale = np.array([ionic.mean(), max(float(bulk.mean() + band.mean()), floor)])
    scale *= grid.cross_section / grid.lengths[0]
    for conductance in faces:
        conductance /= scale[:, None, None, None]
    return scale


def _solve(hierarchy) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return currents through both plates and the dissipated power of both components, and CG iterations.

    The current through a plate is off by at most the sum of |residuals|: the error times the plate's conductances is the
    residual times the solution, which lies between 0 and 1.
    """
    gx, gy, gz, coupling = hierarchy.finest()
    multigrid.set_faces(gx, gy, gz, hierarchy.unit, hierarchy.coarse)
    multigrid.set_finest(gx, coupling, hierarchy.unit, hierarchy.coarse)
    multigrid.set_up(hierarchy.coarse, False)
    nx = gx.shape[1] - 1
    u = np.zeros((2, nx + 2, *gx.shape[2:]))
    u[:, 1:-1] = ((np.arange(nx) + 0.5) / nx)[:, None, None]
    residual, change, left, ones = (
        np.zeros_like(u),
        np.zeros_like(u),
        np.zeros_like(u),
        np.ones(u.shape[1:], np.float32),
    )
    total, before = 0, np.inf
    for _ in range(ROUNDS):
        multigrid.fill_ghosts(u, 1.0)
        krylov.apply_operator(u, gx, gy, gz, coupling, False, residual)
        low = np.einsum("cjk,cjk->c", gx[:, 0, :, 1:-1], u[:, 1, :, 1:-1])
        high = np.einsum("cjk,cjk->c", gx[:, -1, :, 1:-1], 1.0 - u[:, -2, :, 1:-1])
        power = high + np.einsum("cijk,cijk->c", u[(slice(None), *INNER)], residual[(slice(None), *INNER)])
        np.negative(residual, out=residual)
        size = np.array(krylov.residual_norms(residual, ones))
        off = float((size / power).max())
        if off <= ACCURACY or 0.1 * before < off <= ROUND_OFF:
            return low, high, power, total
        before = off
        aim = np.maximum(0.3 * ACCURACY * power, FORCING * size)
        system = hierarchy.finest(), hierarchy.unit, hierarchy.coarse, hierarchy.work
        total += abs(krylov.solve(change, residual, left, *system, False, ones, aim, CG_LIMIT))
        u += change
    raise NotConverged(
        f"the currents between two plates were not found in {total} iterations: off by {size[0] / power[0]:.1e} of the "
        f"ionic and {size[1] / power[1]:.1e} of the electronic current, not by {ACCURACY:.0e}"
    )
