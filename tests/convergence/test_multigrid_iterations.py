"""Conjugate gradients need as many iterations on fine grids as on coarse ones (MODEL 3)."""

from __future__ import annotations

import numpy as np
import pytest

from phasefield.backends import numba_faces
from phasefield.numerics import krylov, multigrid

LENGTH = 40e-6
SIGMA = 0.046  # of the ceramic [S/m]
LLZO, NASICON = 0.76e-6, 20e-6  # what ceramic has the resistance of a grain boundary [m]
MOST = 16  # declared: 8 to 15 for a gain of 1e8


def middle(n: int) -> np.ndarray:
    return (np.arange(n) + 0.5) / n


def fingers(n: int) -> np.ndarray:
    """Return metal that fills the first quarter of the box and grows three fingers, profile 1.5 cells wide."""
    x, y = np.meshgrid(middle(n), middle(n), indexing="ij")
    reach = 0.25 + 0.4 * np.clip(np.cos(6 * np.pi * y), 0.0, None) ** 4
    return 1.0 / (1.0 + np.exp(np.clip((x - reach) * n / 1.5, -500, 500)))[:, None]


def pillar(n: int) -> np.ndarray:
    """Return metal that fills the first quarter of the cube and grows one round finger, profile 1.5 cells wide."""
    x, y, z = np.meshgrid(*3 * [middle(n)], indexing="ij")
    reach = 0.25 + 0.4 * np.exp(-((y - 0.47) ** 2 + (z - 0.53) ** 2) / 0.12**2)
    return 1.0 / (1.0 + np.exp(np.clip((x - reach) * n / 1.5, -500, 500)))


def iterations(xi: np.ndarray, free_node: bool, sheet: float) -> int:
    """Return how many iterations gain 1e8 with reaction, ten decades of electronic and six of ionic conductivity.

    A grain boundary as resistive as ``sheet`` [m] of ceramic crosses the box at three quarters of its last axis.
    """
    n, layers, _ = xi.shape
    d = LENGTH / n
    spacing = (d, d if layers > 1 else 1.0, d)
    face = spacing[1] * d
    sigma = np.full(xi.shape, SIGMA)
    h = multigrid.Hierarchy(xi.shape, spacing, SIGMA * face / d)
    gx, gy, gz, coupling = h.finest()
    sheets = [np.zeros([m + (a == axis) for a, m in enumerate(xi.shape)]) for axis in range(3)]
    sheets[2][:, :, 3 * n // 4 + 1] = sheet / SIGMA  # within a coarse cell on every level
    numba_faces.ionic_faces(xi, sigma, *sheets, *spacing, True, gx, gy, gz)
    u = np.zeros((2, n + 2, layers, n + 2))
    numba_faces.electronic_faces(
        xi, 1.2e-4 * sigma, 0 * xi, 460.0, 5e-14, u, False, 1.0, 0.0257, *spacing, True, gx, gy, gz
    )  # fmt: skip
    gx[1, 0, :, 1:-1] = 2.0 * 460.0 * face / d
    gx[0, -1, :, 1:-1] = face / d / (0.5 / SIGMA + 5e-4 / d)
    gx[1, -1, :, 1:-1] = 2.0 * 5.5e-6 * face / d
    coupling[1:-1, :, 1:-1] = xi * (1.0 - xi) / (1.5 * d) / 5e-4 * face * d
    multigrid.set_faces(gx, gy, gz, h.unit, h.coarse)
    multigrid.set_finest(gx, coupling, h.unit, h.coarse)
    multigrid.set_up(h.coarse, free_node)
    r = np.zeros_like(u)
    r[:, 1:-1, :, 1:-1] = np.random.default_rng(1).normal(size=(2, *xi.shape))
    weight = np.pad(np.ones(xi.shape, dtype=np.float32), ((1, 1), (0, 0), (1, 1)))
    aim = 1e-8 * np.array(krylov.residual_norms(r, weight))
    left = np.zeros_like(r)
    return krylov.solve(u, r, left, h.finest(), h.unit, h.coarse, h.work, free_node, weight, aim, 200)


@pytest.mark.parametrize("free_node", [True, False], ids=["current given", "voltage given"])
@pytest.mark.parametrize("sheet", [0.0, LLZO], ids=["no sheet", "sheet of LLZO"])
@pytest.mark.parametrize(("metal", "sizes"), [(fingers, (32, 64, 128)), (pillar, (16, 32, 48))], ids=["2-D", "3-D"])
def test_iterations_do_not_depend_on_size(metal, sizes, sheet: float, free_node: bool) -> None:
    counts = [iterations(metal(n), free_node, sheet) for n in sizes]
    assert max(counts) <= MOST, counts
    assert abs(counts[-1] - counts[-2]) <= 3, counts  # the smallest box is a network


@pytest.mark.parametrize(("metal", "n"), [(fingers, 128), (pillar, 48)], ids=["2-D", "3-D"])
def test_a_sheet_of_nasicon_costs_more_where_coarse_cells_span_it(metal, n: int) -> None:
    """No coarse grid sees a jump within its cells: counts grow with the sheet's resistance over that of a cell."""
    assert iterations(metal(n), True, NASICON) <= 38
