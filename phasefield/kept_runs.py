"""Runs of a study, kept in folders: finished ones are read, unfinished ones go on, missing ones are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from phasefield.case import Case, load_case
from phasefield.case.changes import case_texts, input_names
from phasefield.errors import CaseError, RunError
from phasefield.results_folder import UNFINISHED, outcome_of
from phasefield.run import resume, run
from postprocess.results import load


@dataclass(frozen=True)
class KeptRun:
    """What a run left: ``summary.json``, and ``history.csv`` and ``events.csv`` by column."""

    summary: dict[str, Any]
    history: Mapping[str, np.ndarray]
    events: Mapping[str, list[Any]]


def kept_run(
    folder: Path, case: Case, what: str, announce: Callable[[str], None] | None = None, threads: int | None = None
) -> KeptRun:
    """Return what the run of ``case`` in ``folder`` left, after running or resuming it if it is not finished.

    Parameters
    ----------
    what : names the run for people. announce : is told of it before it starts; then it shows its progress, too.

    Raises
    ------
    CaseError : the folder holds a run of another case. RunError : it failed.
    """
    outcome = outcome_of(folder)
    if outcome in UNFINISHED and not (folder / "case.toml").is_file():
        outcome = None  # killed before its first step
    if outcome is not None and not _is_of(folder, case):
        raise CaseError(f"{folder} holds a run of another case; take another folder with -o, or remove this one")
    if outcome is not None and outcome not in UNFINISHED:
        found = load(folder)
        return KeptRun(found.summary, found.history, found.events)
    go_on = outcome is not None and any(folder.glob("checkpoints/*.h5"))
    if announce is not None:
        announce(f"{what}{', goes on' if go_on else ''}")
    try:
        shown = announce is not None
        if go_on:
            done = resume(folder, progress=shown, threads=threads)
        else:
            done = run(case, folder, progress=shown, threads=threads, force=True)
    except RunError as error:
        raise RunError(f"{what}: {error}") from None
    return KeptRun(done.summary, done.history, done.results.events)


def _is_of(folder: Path, case: Case) -> bool:
    """Return whether the run in a folder was made from this case, with these materials."""
    try:
        there = load_case(folder / "case.toml")
    except CaseError:
        return False
    names = input_names(there, folder)
    return case_texts(there, names) == case_texts(case, names)
