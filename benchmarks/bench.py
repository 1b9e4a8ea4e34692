"""Time the solver: kernels, solve, step and case, in 2-D and 3-D, against the memory's bandwidth.

    python benchmarks/bench.py [--quick] [--sizes 256 512] [--cubes 64 128] [--threads 1 2] [--case] [--json PATH]

Every (grid, state, threads) has a process of its own. All of a grid and state take turns, with the bandwidth measured in
between; medians are reported, and what each number means stands below the tables. See ``bench_states.py`` for the states
and ``roofline.py`` for what the floor is. The first run takes some minutes more: it computes the states.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bench_states
import bench_tables
import roofline

from phasefield.summary import source_revision, versions

HERE = Path(__file__).parent
SIZES, CUBES = (256, 512, 1024, 2048), (64, 128)  # cells along an edge
ROUNDS = 9
MEMORY_BASE = 128  # an edge of the square whose memory is that of the libraries


class Process:
    """A worker that answers one line to one line."""

    def __init__(self, *order: object) -> None:
        command = [sys.executable, str(HERE / "bench_worker.py"), *(str(word) for word in order)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.facts = self._read()

    def _read(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"a worker ended with code {self.process.wait()}")
        return json.loads(line)

    def ask(self, **order: Any) -> Any:
        """Return the answer to an order."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return self._read()

    def close(self) -> None:
        """End the process."""
        self.process.communicate()


def time_point(
    triad: Process, dimension: int, cells: int, state: str, threads: Sequence[int], rounds: int, scratch: Path
) -> dict[str, Any]:
    """Return everything about one grid and state: one entry per number of threads, and the profiles."""
    order = ("time", "--dimension", dimension, "--cells", cells, "--state", state, "--scratch", scratch)
    # The first one makes the state that all start from.
    workers = {n: Process(*order, "--threads", n) for n in sorted(threads, reverse=True)}
    facts = next(iter(workers.values())).facts
    count = max(1, min(3, 2_000_000 // facts["cells"]))
    runs: dict[int, list[dict[str, Any]]] = {n: [] for n in sorted(threads)}
    bandwidths: dict[int, list[float]] = {n: [] for n in sorted(threads)}
    for turn in range(rounds + 1):  # the first one warms up
        for n in sorted(threads):
            bandwidth, run = triad.ask(threads=n), workers[n].ask(what="steps", count=count)
            if turn > 0:
                bandwidths[n].append(bandwidth)
                runs[n].append(run)
    point = {"dimension": dimension, "cells_along": cells, "state": state, "steps": count, "rounds": rounds, **facts}
    point["threads"] = {
        str(n): _timing(dimension, facts, count, runs[n], statistics.median(bandwidths[n])) for n in sorted(threads)
    }
    for n, worker in workers.items():
        point["threads"][str(n)]["profile"] = worker.ask(what="profile", count=count)
        worker.close()
    return point


def _timing(
    dimension: int, facts: dict[str, Any], count: int, runs: list[dict[str, Any]], triad: float
) -> dict[str, Any]:
    """Return medians per cell and step [ns], and what the bandwidth [GB/s] would allow."""
    per_step = 1e9 / (facts["cells"] * count)
    steps = [run["seconds"] * per_step for run in runs]
    first = runs[0]  # all did the same
    work = roofline.Work(first["newton_iterations"], first["cg_iterations"], first["sub_steps"], facts["front_share"])
    moved = roofline.bytes_per_cell(dimension, work)
    step = statistics.median(steps)
    return {
        "step_ns": step,
        "fastest_ns": min(steps),
        "slowest_ns": max(steps),
        "solve_ns": statistics.median(run["solving"] * per_step for run in runs),
        "newton": work.newton,
        "cg": work.cg,
        "sub_steps": work.sub_steps,
        "triad_gb_s": triad,
        "bytes_per_cell": moved,
        "gb_s": moved / step,
        "floor_ns": moved / triad,
    }


def measure_memory(sizes: Sequence[int], cubes: Sequence[int]) -> list[dict[str, Any]]:
    """Return the bytes per cell of fresh processes beyond those of a small grid."""

    def peak(dimension: int, cells: int) -> dict[str, float]:
        process = Process("memory", "--dimension", dimension, "--cells", cells)
        process.close()
        return process.facts

    base = peak(2, MEMORY_BASE)
    rows = []
    for dimension, cells in [*((2, n) for n in sizes if n > MEMORY_BASE), *((3, n) for n in cubes)]:
        found, more = peak(dimension, cells), cells**dimension - MEMORY_BASE**2
        row = {f"{name}_bytes_per_cell": (found[name] - base[name]) / more for name in ("built", "whole")}
        rows.append({"dimension": dimension, "cells_along": cells, "whole_gb": found["whole"] / 1e9, **row})
    return rows


def time_case(scratch: Path) -> dict[str, Any]:
    """Return the wall time of the main case, with everything that it writes."""
    out = scratch / "case"
    command = [sys.executable, "-c", "from phasefield.cli import main; main()", "run", "llzo_grain_boundary", "-o", out]
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall = time.perf_counter() - started
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    return {"wall_s": wall, "outcome": summary["outcome"], **{k: summary["final"][k] for k in ("time_s", "step")}}


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    model = platform.processor() or platform.machine()
    with_models = Path("/proc/cpuinfo")
    if with_models.exists():
        names = [line for line in with_models.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "cpu": model,
        "cpus": os.cpu_count(),
        "system": platform.system(),
        "revision": source_revision(),
        "versions": versions("numpy", "scipy", "numba"),
    }


def main() -> None:
    """Measure, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="256 x 256 only, under two minutes")
    parser.add_argument("--sizes", type=int, nargs="*", help="cells along the edge of squares, at least 128")
    parser.add_argument("--cubes", type=int, nargs="*", help="cells along the edge of cubes, at least 64")
    parser.add_argument("--states", nargs="+", choices=list(bench_states.SHARES), default=list(bench_states.SHARES))
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--no-memory", action="store_true", help="leave out the peak memory")
    parser.add_argument("--case", action="store_true", help="and the main case as a whole")
    parser.add_argument("--json", type=Path, default=HERE / "results" / "bench.json")
    asked = parser.parse_args()
    sizes = asked.sizes if asked.sizes is not None else ([256] if asked.quick else SIZES)
    cubes = asked.cubes if asked.cubes is not None else (() if asked.quick else CUBES)
    found: dict[str, Any] = {"machine": machine(), "points": [], "memory": []}
    for dimension in [d for d, some in ((2, sizes), (3, cubes)) if some]:
        Process("states", "--dimension", dimension).close()  # here Numba is not loaded
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        triad = Process("triad")
        for dimension, cells in [*((2, n) for n in sizes), *((3, n) for n in cubes)]:
            for state in asked.states:
                point = time_point(triad, dimension, cells, state, asked.threads, asked.rounds, scratch)
                found["points"].append(point)
                print(bench_tables.one_line(point), file=sys.stderr, flush=True)
                for settled in scratch.glob("*.pickle"):
                    settled.unlink()
        triad.close()
        if not asked.no_memory:
            found["memory"] = measure_memory(sizes, cubes)
        if asked.case:
            found["case"] = time_case(scratch)
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(bench_tables.page(found))


if __name__ == "__main__":
    main()
