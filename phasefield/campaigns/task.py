"""One run of a sweep, in a process of its own."""

from __future__ import annotations

import traceback
from pathlib import Path

from phasefield.campaigns.folder import SweepFolder
from phasefield.case import load_case
from phasefield.errors import CaseError, RunError
from phasefield.kept_runs import KeptRun, kept_run
from phasefield.results_folder import is_claimed, note_failure


def do_task(folder: SweepFolder, name: str, threads: int | None) -> KeptRun:
    """Run, resume or read run ``name`` of a sweep, and return what it left.

    Whatever it fails with is told in its ``summary.json``, and raised.
    """
    where = folder.run(name)
    try:
        return kept_run(where, load_case(folder.case(name)), name, threads=threads)
    except (CaseError, RunError) as error:
        _note(where, str(error))
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the sweep must know
        traceback.print_exc()  # a defect of the program: all of it goes to the log
        _note(where, f"{type(error).__name__}: {error}")
        raise RunError(f"{name}: {type(error).__name__}: {error}") from None


def _note(where: Path, reason: str) -> None:
    if is_claimed(where):  # not this run's failure: one that a queue took for dead is still at it
        return
    note_failure(where, reason)
