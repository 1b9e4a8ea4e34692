"""The FiPy side of `make bench-peers`: it solves what the default backend solves, and a wrong result is told."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from phasefield.case import load_case
from phasefield.setup import build_setup

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def peers(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Return the modules of the benchmark, which lie outside the package."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    names = ("peers", "peers_fipy", "peers_linear", "peers_states", "peers_work")
    before = set(sys.modules)
    found = SimpleNamespace(**{name: importlib.import_module(name) for name in names})
    yield found
    for name in set(sys.modules) - before:
        if (
            not name.startswith("phasefield")
            and Path(getattr(sys.modules[name], "__file__", "") or "/").parent == BENCHMARKS
        ):
            del sys.modules[name]


def test_fipy_with_lu_takes_our_steps(peers: SimpleNamespace) -> None:
    setup = build_setup(load_case("bicrystal", {"grid.lateral": "mirror"}))
    work = peers.peers_states.make_work(setup, None, 2)
    backend = peers.peers_fipy.FipyPeer(work.problem, work.tolerances, peers.peers_linear.DirectLU)
    state, newton, _ = work.replay(backend)
    assert newton >= 2
    moved = np.abs(state["ionic_potential"] - work.before["ionic_potential"]).max()
    deviation = work.deviation(state)
    assert work.is_right(deviation) and max(deviation.values()) < 0.1 * moved
    assert backend.seconds["assembly"] > 0.0 and backend.seconds["linear solver"] > 0.0
    state["ionic_potential"] += 1e-3
    assert not work.is_right(work.deviation(state))


def test_a_wrong_result_has_no_time(peers: SimpleNamespace) -> None:
    run = {
        "seconds": 1.0,
        "newton": 2.0,
        "linear": 0.0,
        "memory": 1e9,
        "deviation": dict.fromkeys(peers.peers_work.COMPARED, 1e-9),
    }
    rows = [
        peers.peers.summary({"runs": [{**run, "right": right}, {**run, "right": right}], "ranks": 1})
        for right in (True, False)
    ]
    times = [peers.peers.table_row("peer", row, 100, 0.5)[1:5] for row in rows]
    assert times[0] == ("1.000", "1.000-1.000", "100000", "2.0")
    assert times[1] == ("wrong", "", "", "")
