"""What the benchmark measures is what runs do: carried states, clocks that change nothing, a table that names real kernels."""

from __future__ import annotations

import copy
import importlib
import types
from pathlib import Path

import numpy as np
import pytest

from phasefield.backends import numba_cpu
from phasefield.case import load_case
from phasefield.setup import Setup, build_setup
from phasefield.simulate import simulate

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """Return the benchmark's modules, which are no package."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    names = ("bench_profile", "bench_states", "bench_tables", "roofline")
    return types.SimpleNamespace(**{name: importlib.import_module(name) for name in names})


@pytest.fixture(scope="module")
def setup() -> Setup:
    return build_setup(load_case("bicrystal"))


def test_a_state_is_carried_to_a_finer_grid(bench: types.SimpleNamespace, setup: Setup) -> None:
    """A flat profile and linear potentials stay what they are; a wave across the periodic sides is met to second order."""
    fine = build_setup(load_case("bicrystal", {"grid.spacing": "0.1 um"}))
    coarse_x, coarse_y = setup.problem.grid.meshgrid()
    x, y = fine.problem.grid.meshgrid()
    height, width = fine.problem.grid.lengths[1], setup.problem.metal.interface_width

    def profile(at: np.ndarray) -> np.ndarray:
        return 1.0 / (1.0 + np.exp((at - 4.1e-6) / width))

    kept = {
        "metal_fraction": profile(coarse_x),
        "ionic_potential": 1e3 * coarse_x,
        "electronic_potential": np.cos(2.0 * np.pi * coarse_y / height),
        "reservoir_thickness": np.where(np.arange(coarse_x.shape[1]) < 6, np.inf, 2e-6),
        "numbers": np.array([3.0, 0.02, 0.4, 1e-8, 30.0]),
    }
    state = bench.bench_states._carried(kept, fine, bench.bench_states.backend_of(fine, 1))
    inner = (coarse_x[0, 0] < x) & (x < coarse_x[-1, 0])
    assert state["metal_fraction"][inner] == pytest.approx(profile(x)[inner], abs=1e-11)
    assert state["ionic_potential"][inner] == pytest.approx(1e3 * x[inner])
    wave = np.cos(2.0 * np.pi * y / height)
    assert np.abs(state["electronic_potential"] - wave).max() == pytest.approx((2.0 * np.pi / 24) ** 2 / 8.0, rel=0.1)
    assert np.all(np.isinf(state.reservoir_thickness[:24])) and np.all(state.reservoir_thickness[24:] == 2e-6)
    assert (state.time, state.cell_voltage, state.book.next_step) == (3.0, 0.02, 0.1)


def test_clocks_change_nothing_and_see_all_of_a_step(bench: types.SimpleNamespace, setup: Setup) -> None:
    backend = bench.bench_states.backend_of(setup, 1)
    march = simulate(setup.problem, backend, setup.protocol, setup.limits)
    start = next(state for state, report in march if report.step == 3)
    results, before = [], dict(vars(numba_cpu))
    for depth in (None, 2):
        going = simulate(setup.problem, backend, setup.protocol, setup.limits, copy.deepcopy(start))
        if depth is None:
            results.append(next(going))
            continue
        with bench.bench_profile.clocks(backend, depth) as clock:
            results.append(next(going))
    (plain, report), (clocked, _) = results
    assert all(np.array_equal(plain[name], clocked[name]) for name in plain.arrays)
    assert vars(numba_cpu) == before
    assert "solve" not in vars(backend) and "advance" not in vars(backend)
    parts = bench.bench_profile.merged([clock])
    assert parts["solve/krylov.solve"][0] == report.newton_iterations
    assert parts["solve/krylov.solve/krylov._round/multigrid.v_cycle"][0] == report.cg_iterations
    inside = sum(seconds for path, (_, seconds) in parts.items() if path.count("/") == 1 and path.startswith("solve/"))
    assert 0.5 * parts["solve"][1] < inside <= parts["solve"][1]


def test_the_roofline_counts_bytes_of_kernels_that_exist(bench: types.SimpleNamespace) -> None:
    roofline = bench.roofline
    for row in (row for row in roofline.PASSES if "interface." not in row.part):  # methods
        *_, module, kernel = f"x.{row.part}".replace("/", ".").split(".")
        if row.part:
            package = "backends" if module.startswith("numba") else "numerics"
            assert hasattr(importlib.import_module(f"phasefield.{package}.{module}"), kernel), row.part
    operator = roofline.CG + "krylov.apply_operator"
    assert roofline.bytes_of_part(operator, 2, 3.0) == 3.0 * 4.0 * (2 + 2 + 1 + 4)  # p, q, coupling, faces
    assert roofline.bytes_of_part(operator, 3, 1.0) == 4.0 * (2 + 2 + 1 + 6)
    assert roofline.bytes_of_part("no such part", 2, 1.0) is None
    once, twice = (roofline.bytes_per_cell(2, roofline.Work(0.0, cg, 0.0, 0.0)) for cg in (1.0, 2.0))
    levels = [row for row in roofline.PASSES if row.per == "cg"]
    expected = sum(row.size(2) * row.times * (4.0 / 3.0 if row.all_levels else 1.0) for row in levels)
    assert twice - once == pytest.approx(expected)


def test_a_row_of_the_roofline_that_is_out_of_date_is_named(bench: types.SimpleNamespace) -> None:
    work = bench.roofline.Work(newton=2.0, cg=10.0, sub_steps=3.0, front=0.1)
    parts = {row.part: [row.times * work.count(row.per), 1e-3] for row in bench.roofline.PASSES if row.part}
    assert list(bench.roofline.disagreements(parts, work)) == []
    parts["solve/numba_kernels.residual"][0] = 7.0
    (found,) = bench.roofline.disagreements(parts, work)
    assert found == "solve/numba_kernels.residual: 7 calls per step, the table says 3"
