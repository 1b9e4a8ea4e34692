"""One peer, in its own process and with its own interpreter: takes the same steps whenever it is told to.

    python peers_worker.py {numba,lu,petsc,petsc-plain} WORK [--threads N]

Started by ``peers.py``. Every line that comes in is answered by one with seconds, iterations, and how far off the result
is. With several MPI ranks the first one talks.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import resource
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from peers_work import Work

from phasefield.backends import Backend, get_backend

SUSTAINED = 1.0  # who is faster takes the steps again: a core that slept takes long to be fast [s]
POLL = 0.01  # a rank that waits for the next order looks so often, and leaves the core to the others [s]


class Ranks:
    """The ranks of a peer; without MPI there is one."""

    def __init__(self, parallel: bool) -> None:
        self.comm: Any = None
        self.rank, self.size = 0, 1
        if parallel:
            from mpi4py import MPI

            self.comm = MPI.COMM_WORLD
            self.rank, self.size = self.comm.rank, self.comm.size

    def orders(self) -> Any:
        """Yield once per order, on every rank; only the first rank reads them."""
        if self.rank == 0:
            for _ in sys.stdin:
                self._tell(True)
                yield
            self._tell(False)
            return
        while True:
            while not self.comm.Iprobe(source=0, tag=1):
                time.sleep(POLL)
            if not self.comm.recv(source=0, tag=1):
                return
            yield

    def _tell(self, going_on: bool) -> None:
        for other in range(1, self.size):
            self.comm.send(going_on, dest=other, tag=1)

    def largest(self, value: float) -> float:
        """Return the largest value of all ranks."""
        if self.comm is None:
            return value
        from mpi4py import MPI

        return self.comm.allreduce(value, op=MPI.MAX)

    def total(self, value: float) -> float:
        """Return the sum over ranks."""
        return value if self.comm is None else self.comm.allreduce(value)


def make_backend(kind: str, work: Work, threads: int) -> Backend:
    """Return what takes the steps."""
    if kind == "numba":
        return get_backend("numba", work.problem, work.tolerances, threads)
    from peers_fipy import FipyPeer
    from peers_linear import DirectLU, PetscHypre, PetscPlain

    solver = {"lu": DirectLU, "petsc": PetscHypre, "petsc-plain": PetscPlain}[kind]
    return FipyPeer(work.problem, work.tolerances, solver, plain=kind == "petsc-plain")


def releases(kind: str) -> dict[str, str]:
    """Return the versions that matter."""
    found = {name: metadata.version(name) for name in ("numpy", "scipy", "numba" if kind == "numba" else "fipy")}
    if kind.startswith("petsc"):
        from petsc4py import PETSc

        found["petsc"] = ".".join(str(part) for part in PETSc.Sys.getVersion())
    return found


def timed(work: Work, backend: Any, ranks: Ranks) -> dict[str, Any]:
    """Take the steps; returns seconds per step, what they are made of, iterations, deviation and peak memory [B]."""
    seconds, turns, count = 0.0, 0, len(work.steps)
    while seconds < SUSTAINED:
        if hasattr(backend, "reset"):
            backend.reset()
        started = time.perf_counter()
        state, newton, linear = work.replay(backend)
        seconds += time.perf_counter() - started
        turns += 1
        seconds = ranks.largest(seconds)  # all do the same number of turns
    found = {"seconds": seconds / (turns * count), "newton": newton / count, "linear": linear / count}
    for name, spent in getattr(backend, "seconds", {}).items():
        found[name] = spent / count
    deviation = work.deviation(state)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {**found, "deviation": deviation, "right": work.is_right(deviation), "memory": ranks.total(memory)}


def main() -> None:
    """Answer orders until there are no more."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("numba", "lu", "petsc", "petsc-plain"))
    parser.add_argument("work", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever else is printed does not mix with the answers
    ranks = Ranks(parallel=asked.kind.startswith("petsc"))
    work: Work = pickle.loads(asked.work.read_bytes())
    backend = make_backend(asked.kind, work, asked.threads)

    def answer(what: Any) -> None:
        if ranks.rank == 0:
            print(json.dumps(what), file=answers)

    answer({"versions": releases(asked.kind)})
    for _ in ranks.orders():
        answer(timed(work, backend, ranks))


if __name__ == "__main__":
    main()
