"""Rows of the validation table about fronts and conservation notice broken physics."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from phasefield.backends import Backend, Tolerances, get_backend, numba_cpu, numba_kernels
from phasefield.case import load_case
from phasefield.numerics import normals
from phasefield.numerics.interface import Interface
from phasefield.numerics.multigrid import PARALLEL_CELLS
from phasefield.problem import Problem
from phasefield.setup import build_setup
from phasefield.validation import common, conservation_rows, front_rows, round_rows
from phasefield.validation.common import Row


def off(row: Row) -> list[str]:
    """Return what the checks that do not hold are about."""
    return [check.what for check in row.checks if not check.passed]


def test_references_are_those_of_the_table() -> None:
    # VALIDATION V1, V4, V5, V6, with the digits given there
    currents = [front_rows.butler_volmer(eta, 10.0) for eta in (-0.005, -0.02, -0.05, -0.1, -0.2)]
    assert currents == pytest.approx([1.949160, 7.982385, 22.680546, 68.584078, 489.969556], rel=1e-6)
    assert round_rows.equilibrium_potential(2) == pytest.approx(-0.0674e-3, rel=1e-3)
    assert round_rows.equilibrium_potential(3) == 2.0 * round_rows.equilibrium_potential(2)
    growths = [front_rows.flat_front_growth(w) for w in (5e-6, 10e-6, 20e-6, 50e-6)]
    assert growths == pytest.approx([2.8913e-5, 4.8086e-5, 4.9885e-5, 4.3309e-5], rel=2e-5)
    assert front_rows.flat_front_growth(3.498e-6) == pytest.approx(0.0, abs=1e-8)
    drift = [round_rows.drift_speed(23e-6 / r, 2) * common.FRONT_SPEED for r in (1e-6, 10e-6)]
    assert drift == pytest.approx([0.112e-9, 0.816e-9], rel=5e-3)
    assert [round_rows.drift_speed(z, 3) for z in (0.0, 1.0, 10.0)] == pytest.approx([3.0, 1.0, 1.0 / 7.0])


def test_the_front_is_found_between_cells() -> None:
    grid = common.box_grid((32e-7, 4e-7), (32, 4))
    x, y = grid.meshgrid()
    place = 1.234e-6 + 0.1 * y
    found = front_rows.front_position(common.planar_profile(place - x, 1.5e-7), grid)
    assert found == pytest.approx(place[0], abs=1e-15)


@pytest.fixture
def wrong_molar_volume(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the backend deposit 2 % too little metal for its charge."""
    monkeypatch.setattr(numba_cpu, "FARADAY", 1.02 * numba_cpu.FARADAY)


@pytest.fixture
def wrong_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every interface conduct half as well as asked."""
    exact = common.exchange_current_density
    monkeypatch.setattr(common, "exchange_current_density", lambda z, t: exact(2.0 * z, t))


@pytest.mark.usefixtures("wrong_molar_volume")
def test_v1_notices_a_wrong_molar_volume() -> None:
    assert len(off(front_rows.v1(quick=True))) == 5


def test_v3_notices_curvature_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    def allen_cahn(backend: numba_cpu.NumbaBackend, xi: np.ndarray, travel: float) -> None:
        # Its profile is the same, but its interface shrinks.
        spacing, width = backend.spacing[0], backend.interface.width
        for _ in range(steps := int(np.ceil(travel / backend.interface.sub_step))):
            around = sum(np.roll(xi, shift, axis) for shift in (1, -1) for axis in (0, 1))
            laplacian = (around - 4.0 * xi) / spacing**2
            xi += travel / steps * (width * laplacian - xi * (1.0 - xi) * (1.0 - 2.0 * xi) / width)

    monkeypatch.setattr(numba_cpu.NumbaBackend, "restore_profile", allen_cahn)
    assert "disc: volume" in off(front_rows.v3(quick=True))


def plain_flux(backend: numba_cpu.NumbaBackend, xi: np.ndarray, travel: float) -> None:
    """Restore the profile with the flux that is not well balanced: arithmetic means of xi (1 - xi) n; in 2-D."""
    xi = xi.reshape(backend.problem.grid.shape)
    psi = np.empty((xi.shape[0] + 2, 1, xi.shape[1] + 2))
    dx, dy = backend.problem.grid.spacing
    steps = int(np.ceil(travel / backend.interface.sub_step))
    width = backend.interface.width
    for _ in range(steps):
        normals.profile_coordinate(xi[:, None, :], True, psi)
        along = (psi[2:, 0, 1:-1] - psi[:-2, 0, 1:-1]) / (2.0 * dx)
        across = (psi[1:-1, 0, 2:] - psi[1:-1, 0, :-2]) / (2.0 * dy)
        size = np.sqrt(along**2 + across**2 + (1e-3 / width) ** 2)
        q = xi * (1.0 - xi)
        qx, qy = q * along / size, q * across / size
        fx = width * np.diff(xi, axis=0) / dx - 0.5 * (qx[1:] + qx[:-1])
        fy = width * (np.roll(xi, -1, 1) - xi) / dy - 0.5 * (qy + np.roll(qy, -1, 1))
        xi[:-1] += travel / steps * fx / dx
        xi[1:] -= travel / steps * fx / dx
        xi += travel / steps * (fy - np.roll(fy, 1, 1)) / dy


def test_v5_notices_a_plain_flux(monkeypatch: pytest.MonkeyPatch) -> None:
    # Three times as mobile as usual, which the balanced flux bears, the plain one makes waves decay by itself.
    balanced = numba_cpu.NumbaBackend.restore_profile
    for flux, missed in ((balanced, []), (plain_flux, ["growth at 20 um without current, over that with"])):
        monkeypatch.setattr(
            numba_cpu.NumbaBackend,
            "restore_profile",
            lambda backend, xi, travel, flux=flux: flux(backend, xi, 3.0 * travel),
        )
        assert off(front_rows.v5(quick=True)) == missed


@pytest.mark.usefixtures("wrong_interface")
def test_v5_notices_a_wrong_interface_resistance() -> None:
    assert "growth at lambda = 20 um [1/s]" in off(front_rows.v5(quick=True))


def test_v4_notices_a_wrong_curvature(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = Interface.curvature

    def flatter(interface: Interface, xi: np.ndarray, least: float, out: np.ndarray, threads: int = 1) -> None:
        exact(interface, xi, least, out, threads)
        out *= 0.97

    monkeypatch.setattr(Interface, "curvature", flatter)
    assert off(round_rows.v4(quick=True)) == [
        "disc, R / l = 20: U without growth [V]",
        "sphere, R / l = 15: U without growth [V]",
    ]


def test_v4_notices_a_pull_of_the_wrong_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(round_rows, "ENERGY", -round_rows.ENERGY)
    monkeypatch.setattr(round_rows, "equilibrium_potential", lambda dimension: -0.0674e-3 * (dimension - 1))
    assert len(off(round_rows.v4(quick=True))) == 4


@pytest.mark.usefixtures("wrong_interface")
def test_v6_notices_a_wrong_interface_resistance() -> None:
    assert off(round_rows.v6(quick=True)) == [
        "disc, R / l = 21, box 8 R, sigma Z / R = 1: speed over V_m J / F",
        "sphere, R / l = 20, box 4 R, sigma Z / R = 1: speed over V_m J / F",
    ]


def test_v14c_notices_a_profile_flux_that_fills_what_nothing_drives(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_is_inert(u: np.ndarray, plating: np.ndarray, barrier: np.ndarray, out: np.ndarray) -> None:
        out.fill(0.0)

    monkeypatch.setattr(numba_kernels, "obstacles", none_is_inert)
    assert not front_rows.v14c(quick=True).passed


@pytest.mark.usefixtures("wrong_molar_volume")
def test_v16_notices_lost_metal() -> None:
    missed = off(conservation_rows.v16(quick=True))
    assert any("metal against sources" in what for what in missed)
    assert any("whole run" in what for what in missed)


def test_v16_notices_a_loose_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    def loose(name: str, problem: Problem, tolerances: Tolerances) -> Backend:
        return get_backend(name, problem, Tolerances(ionic=1e-4, electronic=1e-1, potential=1e-3))

    monkeypatch.setattr(conservation_rows, "get_backend", loose)
    assert any("charge, each step" in what for what in off(conservation_rows.v16(quick=True)))


def spoiled(what: Callable[[int, Tolerances], Tolerances]) -> Callable[..., Backend]:
    """Return a ``get_backend`` that is given other tolerances than asked."""

    def make(name: str, problem: Problem, tolerances: Tolerances, threads: int = 0) -> Backend:
        return get_backend(name, problem, what(threads, tolerances), threads)

    return make


def test_v20_notices_results_that_depend_on_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def other(threads: int, usual: Tolerances) -> Tolerances:
        return usual if threads == 1 else Tolerances(ionic=1e-9)

    monkeypatch.setattr(conservation_rows, "get_backend", spoiled(other))
    assert off(conservation_rows.v20(quick=True)) == [
        f"{case}: fields and report the same bits with 1 and 2 threads" for case in ("llzo_grain_boundary", "llzo_3d")
    ]


def test_v20_threads_share_the_finest_grid_of_the_cube() -> None:
    setup = build_setup(load_case("llzo_3d", conservation_rows.CUBE))
    assert setup.problem.grid.size >= PARALLEL_CELLS
