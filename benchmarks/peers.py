"""Time a step of the default backend against peers that solve the same equations to the same tolerances.

    python benchmarks/peers.py [--sizes 256 512] [--rounds 9] [--petsc-python PATH] [--json PATH]

All start from one running state of the square benchmark and take the same steps; a result that is not ours to within the
tolerances has no time. Every peer has a process of its own, with its own interpreter; they take turns, with the memory's
bandwidth measured in between. FiPy with SciPy's LU always runs; FiPy with PETSc needs Debian's PETSc (see --help), and is
left out, with a word, where it is missing. What FiPy is given beyond its manual: ``peers_fipy.py``.
"""

from __future__ import annotations

import argparse
import glob
import json
import os
import pickle
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import HERE, Process, machine
from bench_tables import table
from peers_states import carried, grown_metal, make_work, square

SIZES, STEPS, ROUNDS = (256, 512), 2, 9
BUDGET = 50.0  # of one peer at one size: a slow one takes fewer turns [s]
OURS = "numba, 2 threads"
HOW = """\
not installed. On Debian 12: apt-get install --no-install-recommends python3-petsc4py python3-mpi4py openmpi-bin
  /usr/bin/python3 -m venv --system-site-packages .venv-petsc
  .venv-petsc/bin/pip install 'numpy<2' fipy numba          # Debian's petsc4py wants NumPy 1"""


@dataclass(frozen=True)
class Peer:
    """Say who takes part: what the worker is told, its interpreter, and how many ranks or threads it has."""

    name: str
    kind: str
    python: str
    ranks: int = 1
    threads: int = 1

    def command(self, work: Path) -> list[str]:
        """Return what starts its process."""
        launcher = ["mpirun", "--bind-to", "none", "-n", str(self.ranks)] if self.ranks > 1 else []
        worker = [self.python, str(HERE / "peers_worker.py"), self.kind, str(work), "--threads", str(self.threads)]
        return launcher + worker

    def environment(self) -> dict[str, str]:
        """Return its environment: FiPy takes any solver suite that it finds unless told, and BLAS every core."""
        added = {}
        if self.kind != "numba":
            added = {"FIPY_SOLVERS": "scipy" if self.kind == "lu" else "petsc", "OMP_NUM_THREADS": "1"}
            added |= {"OPENBLAS_NUM_THREADS": "1"}
        if self.kind.startswith("petsc"):
            added |= {"PYTHONPATH": str(HERE.parent), "OMPI_ALLOW_RUN_AS_ROOT": "1"}
            added |= {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
            if debian := sorted(glob.glob("/usr/lib/petscdir/petsc*/*-real")):
                added["PETSC_DIR"] = os.environ.get("PETSC_DIR", debian[-1])
        return os.environ | added


class Failed(Exception):
    """Raised when a peer's process ended; the message is the last that it said."""


class PeerProcess(Process):
    """A peer at work, who answers one line to one line."""

    def __init__(self, peer: Peer, work: Path, log: Path) -> None:
        self.log = log
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                peer.command(work), env=peer.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                text=True,
            )  # fmt: skip
        self.facts = self._read()

    def _read(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            code, said = self.process.wait(), self.log.read_text().strip().splitlines()
            raise Failed(f"failed with code {code}: {said[-1] if said else 'no word'}")
        return json.loads(line)


def petsc_python(asked: str | None) -> str | None:
    """Return an interpreter that has FiPy, petsc4py and mpi4py; None if there is none."""
    for python in [asked] if asked else [str(HERE.parent / ".venv-petsc" / "bin" / "python"), "/usr/bin/python3"]:
        probe = Peer("", "petsc", python)
        try:
            command = [python, "-c", "import petsc4py.PETSc, mpi4py.MPI, numba, fipy"]
            found = subprocess.run(command, env=probe.environment(), capture_output=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if found.returncode == 0:
            return python
    return None


def peers_here(petsc: str | None) -> list[Peer]:
    """Return who can take part on this machine."""
    found = [
        Peer("numba, 1 thread", "numba", sys.executable),
        Peer(OURS, "numba", sys.executable, threads=2),
        Peer("FiPy, SciPy LU", "lu", sys.executable),
    ]
    if petsc is not None:
        found += [Peer("FiPy, PETSc CG + hypre, 1 rank", "petsc", petsc)]
        if shutil.which("mpirun"):
            found += [Peer("FiPy, PETSc CG + hypre, 2 ranks", "petsc", petsc, ranks=2)]
        found += [Peer("FiPy, PETSc CG + hypre, 1 rank, plain", "petsc-plain", petsc)]
    return found


def compare(peers: Sequence[Peer], triad: Process, work: Path, rounds: int) -> dict[str, Any]:
    """Let all take turns; returns what each gave, by name, and the bandwidth [GB/s]."""
    processes: dict[str, PeerProcess] = {}
    rows: dict[str, Any] = {peer.name: {"runs": [], "ranks": peer.ranks} for peer in peers}
    bandwidths = []
    for peer in peers:
        log = work.with_suffix(f".{len(processes)}.log")
        try:
            processes[peer.name] = PeerProcess(peer, work, log)
            rows[peer.name] |= processes[peer.name].facts
        except Failed as error:
            rows[peer.name]["error"] = str(error)
    spent = dict.fromkeys(processes, 0.0)
    for _ in range(rounds + 1):
        bandwidths.append(triad.ask(threads=2))
        for name in [n for n, seconds in spent.items() if seconds < BUDGET and "error" not in rows[n]]:
            try:
                run = processes[name].ask(what="steps")
            except (Failed, BrokenPipeError) as error:
                rows[name]["error"] = str(error)
                continue
            spent[name] += run["seconds"] * STEPS
            rows[name]["runs"].append(run)
    for name, process in processes.items():
        if "error" not in rows[name]:
            process.close()
        rows[name] = summary(rows[name])
    return {"triad_gb_s": statistics.median(bandwidths), "peers": rows}


def summary(row: dict[str, Any]) -> dict[str, Any]:
    """Return medians of a peer's runs without the first, which warms up, unless there was one only.

    credited : seconds, as if ranks parted also what they all do themselves.
    """
    runs = row["runs"][1:] or row["runs"]
    if not runs:
        return row
    for run in runs:
        rest = run["seconds"] - run.get("assembly", run["seconds"]) - run.get("linear solver", 0.0)
        run["rest"] = rest
        run["credited"] = run["seconds"] - rest * (1.0 - 1.0 / row["ranks"])
    names = ("seconds", "credited", "assembly", "linear solver", "rest", "newton", "linear", "memory")
    medians = {name: statistics.median(run[name] for run in runs) for name in names if name in runs[0]}
    deviation = {name: max(run["deviation"][name] for run in runs) for name in runs[0]["deviation"]}
    spread = {"fastest": min(run["credited"] for run in runs), "slowest": max(run["credited"] for run in runs)}
    right = all(run["right"] for run in runs)
    return {**row, **medians, **spread, "deviation": deviation, "right": right, "count": len(runs)}


def page(found: dict[str, Any]) -> str:
    """Return the tables."""
    m, parts = found["machine"], []
    releases = ", ".join(f"{name} {version}" for name, version in m["versions"].items())
    parts.append(f"{m['cpu']}, {m['cpus']} cores, {m['system']}; {releases}; revision {m['revision']}; {m['date']}")
    head = ("peer", "s per step", "range", "ns per cell and step", "of our time", "assembly s", "linear solver s", "rest s",
            "Newton", "CG", "off by V", "peak GB", "runs")  # fmt: skip
    for size, point in found["sizes"].items():
        ours = point["peers"].get(OURS, {}).get("credited")
        rows = [table_row(name, row, int(size), ours) for name, row in point["peers"].items()]
        parts += [f"## {size} x {size}, triad {point['triad_gb_s']:.1f} GB/s", table(head, rows)]
    return "\n\n".join(parts + found["notes"])


def table_row(name: str, row: dict[str, Any], size: int, ours: float | None) -> tuple[str, ...]:
    """Return a line of the table; one that is wrong has no time."""
    if "error" in row or "credited" not in row:
        return (name, row.get("error", "no result"), *11 * ("",))
    off = max(row["deviation"]["ionic_potential"], row["deviation"]["electronic_potential"])
    if not row["right"]:
        return (name, "wrong", *8 * ("",), f"{off:.1e}", "", str(row["count"]))
    return (
        name, f"{row['credited']:.3f}", f"{row['fastest']:.3f}-{row['slowest']:.3f}",
        f"{row['credited'] / size**2 * 1e9:.0f}", f"{row['credited'] / ours:.1f}" if ours else "",
        *(f"{row[part]:.3f}" if "assembly" in row else "" for part in ("assembly", "linear solver", "rest")),
        f"{row['newton']:.1f}", f"{row['linear']:.1f}" if row["linear"] else "", f"{off:.1e}",
        f"{row['memory'] / 1e9:.2f}", str(row["count"]),
    )  # fmt: skip


def main() -> None:
    """Measure, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=f"FiPy with PETSc, where it is {HOW}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="cells along an edge: 128, 256, 512")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--petsc-python", help="an interpreter with FiPy, petsc4py, mpi4py and Numba")
    parser.add_argument("--json", type=Path, default=HERE / "results" / "peers.json")
    asked = parser.parse_args()
    petsc = petsc_python(asked.petsc_python)
    notes = [] if petsc else [f"FiPy with PETSc: {HOW}"]
    peers = peers_here(petsc)
    found: dict[str, Any] = {"machine": machine(), "sizes": {}, "notes": notes}
    coarse = grown_metal()
    with tempfile.TemporaryDirectory() as folder:
        triad = Process("triad")
        for size in asked.sizes:
            setup = square(size)
            work = Path(folder) / f"{size}.pickle"
            work.write_bytes(pickle.dumps(make_work(setup, carried(coarse, setup), STEPS)))
            found["sizes"][str(size)] = compare(peers, triad, work, asked.rounds)
        triad.close()
    print(page(found))
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
