"""What a run says of itself in ``summary.json``: from what, how far, what came out."""

from __future__ import annotations

import datetime
import hashlib
import os
import platform
import subprocess
import time as clock
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phasefield import __version__, measures
from phasefield.checkpoint import snapshot
from phasefield.fields import State
from phasefield.results_folder import FORMAT, RUNNING, write_json_atomic
from phasefield.setup import Setup, weakest_path
from phasefield.tables import history_row

if TYPE_CHECKING:
    from phasefield.simulate import StepReport


def run_facts(
    name: str,
    question: str,
    case_text: str,
    seed: int,
    threads: int,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what ``summary.json`` says of a run before it starts.

    Parameters
    ----------
    case_text : the case with every default filled in; its SHA-256 identifies the case.
    extra : further entries, such as assumed parameters.
    """
    return {
        "format": FORMAT,
        "name": name,
        "question": question,
        "outcome": RUNNING,
        "case_sha256": hashlib.sha256(case_text.encode()).hexdigest(),
        "versions": versions("numpy", "scipy", "numba", "vtk"),
        "source_revision": source_revision(),
        "seed": seed,
        "machine": {"platform": platform.platform(), "cpus": os.cpu_count(), "threads": threads},
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **(extra or {}),
    }


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of this package, of Python and of ``packages``."""
    return {
        "phasefield": __version__,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in packages},
    }


def source_revision() -> str:
    """Return the git revision of the source tree, with ``-dirty`` after changes; outside one, the version."""
    root = Path(__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return __version__
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return __version__


def setup_facts(setup: Setup) -> dict[str, Any]:
    """Return what the summary says of the microstructure and of what was assumed."""
    extra: dict[str, Any] = {"assumed": [a._asdict() for a in setup.case.assumed]}
    if len(setup.structure.boundary_pairs):
        pressure, current = weakest_path(setup)
        extra["bottleneck_pressure_MPa"] = pressure * 1e-6
        extra["entry_current_density_path_mA_cm2"] = current * 0.1
        extra["boundary_per_volume_1_um"] = setup.structure.boundary_per_volume * 1e-6
    return extra


def end_measures(setup: Setup, state: State) -> dict[str, Any]:
    """Return what the summary says of the metal at the end."""
    p, s = setup.problem, setup.structure
    xi, theta = state["metal_fraction"], p.ceramic.accessible_fraction
    conducting = measures.conducting_region(xi, p.grid.lateral)
    connected, isolated = measures.split_metal(xi, conducting)
    depth = measures.penetration_depth(xi, connected, p.grid, p.electrode_plane)
    weak = measures.boundary_or_pore(s.grain_boundary_fraction, s.pore_fraction)
    filled = measures.filled_boundary_share(xi, s.grain_boundary_fraction, p.grid, p.electrode_plane, depth)
    return {
        "short": measures.is_short(conducting),
        "metal_share_in_boundaries_and_pores": measures.share_inside(
            weak, connected | isolated, theta, p.grid, p.electrode_plane
        ),
        "filled_boundary_share": filled,
        "empty_boundary_share": 1.0 - filled,
    }


class SummaryWriter:
    """Keep ``summary.json``: at the start, with every saved field file, and at the end.

    Parameters
    ----------
    folder : of the results; None keeps ``content`` in memory only.
    facts : of ``run_facts``.
    started : ``time.perf_counter()`` when the command began; ``wall_time_s`` and ``startup_s``, the time to the
        end of the first step, count from it.
    measure : called at the end, with the last state; its entries join the summary.
    before, state : of a run that goes on, ``memory`` and state at the step it goes on from; totals count on.
    """

    def __init__(
        self,
        folder: Path | None,
        facts: Mapping[str, Any],
        started: float,
        measure: Callable[[State], Mapping[str, Any]] | None = None,
        before: Mapping[str, Any] | None = None,
        state: State | None = None,
    ) -> None:
        self._path = None if folder is None else folder / "summary.json"
        nothing = {"steps": 0, "newton_iterations": 0, "cg_iterations": 0, "wall_time_s": 0.0}
        self.content: dict[str, Any] = {**facts, **(before or nothing), **facts}
        self._started = started - self.content["wall_time_s"]
        self._measure = measure
        self._kept = state
        self._write()

    def __call__(self, state: State, report: StepReport) -> None:
        self._kept = snapshot(state)
        if report.step > 0:
            self.content.setdefault("startup_s", round(clock.perf_counter() - self._started, 3))
        self.content["steps"] = report.step
        self.content["newton_iterations"] += report.newton_iterations
        self.content["cg_iterations"] += report.cg_iterations
        self.content["nuclei"] = report.nuclei
        self.content["final"] = history_row(report)
        if report.fields_due:
            self._write()

    def kept(self, state: State) -> State:
        """Return the copy that this observer made of a state in its last call, for one that comes after it."""
        assert self._kept is not None and self._kept.step == state.step
        return self._kept

    def memory(self) -> dict[str, Any]:
        """Return the content as it is now."""
        return self.content | {"wall_time_s": round(clock.perf_counter() - self._started, 3)}

    def _write(self) -> None:
        self.content = self.memory()
        if self._path is not None:
            write_json_atomic(self._path, self.content)

    def close(self, outcome: str) -> None:
        """Write the final summary."""
        self.content["outcome"] = outcome
        if self._measure is not None and self._kept is not None:
            self.content.update(self._measure(self._kept))
        self._write()
