"""One process that holds one state on one grid with one number of threads, and times steps of it when told to.

Started by ``bench.py``; orders come in and answers go out as lines: ``steps``, ``profile``. Every order starts from the
same copy of the state, so that all times are of the same work.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import pickle
import resource
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from phasefield import cache

cache.configure()  # before anything imports numba

from bench_profile import PLAIN, clocks, merged, with_rest
from bench_states import backend_of, keep_states, setup_of, state_for

from phasefield.fields import State
from phasefield.simulate import StepReport, simulate

SUSTAINED = 1.0  # of one answer to ``steps`` [s]
PROFILES = 3  # rounds, of which medians are taken


class Worker:
    """A state, and the backend that carries it on."""

    def __init__(self, dimension: int, cells: int, name: str, threads: int, scratch: Path) -> None:
        started = time.perf_counter()
        self.setup = setup_of(dimension, cells)
        self.building = time.perf_counter() - started
        self.backend = backend_of(self.setup, threads)
        settled = scratch / f"{dimension}-{cells}-{name}.pickle"
        if not settled.exists():
            settled.write_bytes(pickle.dumps(state_for(name, self.setup, self.backend)))
        self.state: State = pickle.loads(settled.read_bytes())

    def facts(self) -> dict[str, Any]:
        """Return what is known before anything was timed."""
        xi = self.state["metal_fraction"]
        return {
            "cells": self.setup.problem.grid.size,
            "building_s": self.building,
            "metal_share": float((xi >= 0.5).mean()),
            "front_share": float(((xi > 1e-6) & (xi < 1.0 - 1e-6)).mean()),
        }

    def steps(self, count: int) -> dict[str, Any]:
        """Take the steps from the kept state, again and again for a second: a core that slept takes long to be fast.

        Returns the seconds that they take once, those within the solve, and how much work they are.
        """
        spent: list[tuple[float, float]] = []
        while not spent or sum(seconds for seconds, _ in spent) < SUSTAINED:
            begun, solving = self._begin(), 0.0
            solve = self.backend.solve

            def timed(*values: Any, solve: Any = solve) -> Any:
                nonlocal solving
                started = time.perf_counter()
                solved = solve(*values)
                solving += time.perf_counter() - started
                return solved

            self.backend.solve = timed  # type: ignore[method-assign]
            try:
                seconds, reports, sub_steps = self._march(count, *begun)
            finally:
                del self.backend.solve
            spent.append((seconds, solving))
        mean = {name: sum(getattr(r, name) for r in reports) / count for name in ("newton_iterations", "cg_iterations")}
        seconds, solving = (statistics.mean(part) for part in zip(*spent, strict=True))
        return {"seconds": seconds, "solving": solving, "sub_steps": sub_steps / count, **mean}

    def _begin(self) -> tuple[Iterator[tuple[State, StepReport]], State]:
        """Return the march on from the kept state, after a first step: the predictor has to see one."""
        setup, state = self.setup, copy.deepcopy(self.state)
        march = simulate(setup.problem, self.backend, setup.protocol, setup.limits, state)
        next(march)
        return march, state

    def _march(
        self, count: int, march: Iterator[tuple[State, StepReport]], state: State
    ) -> tuple[float, list[StepReport], float]:
        """Take steps; return seconds, what was reported, and the sub-steps of the profile flux."""
        reports, sub_steps = [], 0.0
        started = time.perf_counter()
        for _ in range(count):
            _, report = next(march)
            reports.append(report)
            travel = self.setup.problem.metal.mobility_ratio * state.book.front_speed * report.time_step
            sub_steps += math.ceil(travel / self.backend.interface.sub_step)  # type: ignore[attr-defined]
        return time.perf_counter() - started, reports, sub_steps

    def profile(self, count: int) -> dict[str, Any]:
        """Return calls and seconds per step of every part; the first round compiles what is never called from Python."""
        rounds, seconds = [], []
        for turn in range(PROFILES + 1):
            seen = []
            for depth in range(len(PLAIN) + 1):
                begun = self._begin()
                with clocks(self.backend, depth) as clock:  # type: ignore[arg-type]
                    spent, *_ = self._march(count, *begun)
                seen.append((spent, clock))
            if turn > 0:
                seconds.append(seen[0][0] / count)
                rounds.append(merged([clock for _, clock in seen]))
        median = {part: [statistics.median(r[part][i] for r in rounds) / count for i in (0, 1)] for part in rounds[0]}
        return {"seconds": statistics.median(seconds), "parts": with_rest(median)}


def peak_memory(dimension: int, cells: int, steps: int) -> dict[str, float]:
    """Run a case from its start for some steps; returns the largest memory after building and at the end [B]."""
    scale = 1 if sys.platform == "darwin" else 1024
    setup = setup_of(dimension, cells)
    built = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
    march = simulate(setup.problem, backend_of(setup, 0), setup.protocol, setup.limits)
    for _ in range(steps + 1):
        next(march)
    return {"built": built, "whole": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale}


def main() -> None:
    """Answer orders until there are no more."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("order", choices=("time", "states", "memory", "triad"))
    parser.add_argument("--dimension", type=int, default=2)
    parser.add_argument("--cells", type=int, default=128)
    parser.add_argument("--state", default="start")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--scratch", type=Path, default=Path("."))
    asked = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever else is printed does not mix with the answers

    def answer(what: Any) -> None:
        print(json.dumps(what), file=answers)

    if asked.order == "states":
        answer(keep_states(asked.dimension))
        return
    if asked.order == "memory":
        answer(peak_memory(asked.dimension, asked.cells, 3))
        return
    if asked.order == "triad":
        from triad import Triad

        triad = Triad()
        answer({})
        for line in sys.stdin:
            answer(triad.measure(json.loads(line)["threads"]))
        return
    worker = Worker(asked.dimension, asked.cells, asked.state, asked.threads, asked.scratch)
    answer(worker.facts())
    for line in sys.stdin:
        order = json.loads(line)
        answer(getattr(worker, order["what"])(order["count"]))


if __name__ == "__main__":
    main()
