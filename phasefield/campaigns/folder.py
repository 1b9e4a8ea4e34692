"""The folder of a sweep: which runs it plans, their cases frozen, and how far each run is.

    SWEEP/plan.json          the runs of the sweep as it is now, by name
    SWEEP/cases/NAME.toml    their cases with every default, and inputs/ beside them
    SWEEP/runs/NAME/         their results
    SWEEP/logs/NAME.log      what they printed

A run is named by a hash of its case and of the files that the case reads: the same question has the same folder, and is
not computed twice. How far a run is stands in its own ``summary.json`` and nowhere else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from phasefield.case import Case, case_to_toml, load_case
from phasefield.case.changes import case_texts
from phasefield.errors import CaseError
from phasefield.materials import KINDS
from phasefield.results_folder import (
    FORMAT,
    UNFINISHED,
    is_claimed,
    outcome_of,
    replacing,
    write_json_atomic,
    write_text_atomic,
)

Standing = Literal["done", "failed", "running", "unfinished", "waiting"]


@dataclass(frozen=True)
class Planned:
    """One run of a sweep: its name, and what it sets in the base case, key to value as in TOML.

    ``refused``: why the case cannot be run at all; empty if it can.
    """

    name: str
    sets: Mapping[str, str]
    refused: str = ""


@dataclass(frozen=True)
class SweepFolder:
    """Where a sweep keeps everything."""

    path: Path

    @property
    def plan(self) -> Path:
        """Return the file that says which runs the sweep has."""
        return self.path / "plan.json"

    def run(self, name: str) -> Path:
        """Return the folder of a run's results."""
        return self.path / "runs" / name

    def case(self, name: str) -> Path:
        """Return the file of a run's frozen case."""
        return self.path / "cases" / f"{name}.toml"

    def log(self, name: str) -> Path:
        """Return the file that holds what a run printed."""
        return self.path / "logs" / f"{name}.log"

    def standing(self, planned: Planned) -> tuple[Standing, str]:
        """Return how far a run is, and its outcome or why it failed."""
        folder = self.run(planned.name)
        if planned.refused:
            return "failed", planned.refused
        outcome = outcome_of(folder)
        if outcome is None:
            return "waiting", ""
        if outcome not in UNFINISHED:
            return "done", outcome
        if is_claimed(folder):
            return "running", ""
        return ("failed", failure_of(folder)) if outcome == "failed" else ("unfinished", "")


def failure_of(folder: Path) -> str:
    """Return why the run in a folder failed, as its summary tells."""
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return str(summary.get("reason", "for a reason that run.log tells"))


def make_plan(
    folder: SweepFolder, base: str, common: Mapping[str, str], points: Sequence[Mapping[str, str]]
) -> list[Planned]:
    """Freeze the case of every point and write which runs the sweep has now; return them.

    A point whose case has faults is planned as refused; raises ``CaseError`` if all have, or none is left.
    """
    planned: dict[str, Planned] = {}
    first: CaseError | None = None
    for point in points:
        try:
            case = load_case(base, {**common, **point})
        except CaseError as error:
            first = first or error
            digest = hashlib.sha256(json.dumps([base, dict(common), dict(point)]).encode()).hexdigest()
            planned[digest[:12]] = Planned(digest[:12], point, str(error))
            continue
        name = freeze(folder, case)
        planned[name] = Planned(name, point)
    if first is not None and all(run.refused for run in planned.values()):
        raise first
    runs = list(planned.values())
    content = [{"run": run.name, "sets": dict(run.sets), "refused": run.refused} for run in runs]
    write_json_atomic(folder.plan, {"format": FORMAT, "base": base, "runs": content})
    return runs


def read_plan(folder: SweepFolder) -> list[Planned]:
    """Return the runs that were last planned in a folder; raise ``CaseError`` if it holds no sweep."""
    try:
        content = json.loads(folder.plan.read_text(encoding="utf-8"))
        return [Planned(run["run"], run["sets"], run["refused"]) for run in content["runs"]]
    except (OSError, ValueError, KeyError, TypeError):
        raise CaseError(f"{folder.path} holds no sweep; give its folder, such as results/NAME") from None


def freeze(folder: SweepFolder, case: Case) -> str:
    """Keep a case, with every default filled in and the files it reads, in the sweep's folder; return its name."""
    name = name_of(case)
    path = folder.case(name)
    if not path.is_file():
        (path.parent / "inputs").mkdir(parents=True, exist_ok=True)
        names = {kind: _keep(path.parent, *content) for kind, content in _files(case).items()}
        write_text_atomic(path, case_to_toml(case, names))
    return name


def name_of(case: Case) -> str:
    """Return the first 12 digits of the SHA-256 of all that a run's results depend on; threads are not among it."""
    plain = case.model_copy(update={"question": "", "solver": case.solver.model_copy(update={"threads": 0})})
    texts = case_texts(plain, {kind: kind for kind in _files(case)})
    return hashlib.sha256(json.dumps(texts, sort_keys=True).encode()).hexdigest()[:12]


def _files(case: Case) -> dict[str, tuple[str, bytes]]:
    """Return name and content of every file that a case reads, by kind."""
    chosen = {kind: getattr(case.materials, kind) for kind in KINDS}
    files = {kind: (f"{kind}_{m.name}.toml", m.source_text.encode()) for kind, m in chosen.items()}
    if case.microstructure.file is not None:
        file = case.microstructure.file
        files["microstructure"] = (file.path.name, file.content())
    return files


def _keep(folder: Path, name: str, content: bytes) -> str:
    """Write ``content`` to a file whose name begins with its digest, unless it is there; return its relative path."""
    relative = f"inputs/{hashlib.sha256(content).hexdigest()[:8]}-{name}"
    if not (folder / relative).is_file():
        with replacing(folder / relative) as temporary:
            temporary.write_bytes(content)
    return relative
