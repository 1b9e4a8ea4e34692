"""The folder of a run: who may write where, and files that are whole at any moment."""

from __future__ import annotations

import errno
import fcntl
import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from phasefield.errors import CaseError, RunError

FORMAT = 1
RUNNING, INTERRUPTED, FAILED = UNFINISHED = ("running", "interrupted", "failed")
_MADE_BY_A_RUN = ("case.toml", "history.csv", "events.csv", "fields.pvd", "run.log", "preview.png")
_FOLDERS_OF_A_RUN = ("fields", "inputs")
_FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the limit on the size of files is reached",
}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a failure to write ``path`` into a ``RunError`` that names it, and says so if there is no space."""
    try:
        yield
    except OSError as error:
        reason = _FULL.get(error.errno or 0, error.strerror or str(error))
        raise RunError(f"cannot write {path}: {reason}") from None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on leaving, flush it to disk and rename it to ``path``.

    Raises ``RunError`` when it cannot be written; ``path`` is then as before.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    with writing(path):
        try:
            temporary.unlink(missing_ok=True)  # what a kill left there; a link would be followed
            yield temporary
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def write_text_atomic(path: Path, text: str) -> None:
    """Write ``text`` (UTF-8) so that ``path`` holds the old or the new text at any moment, whole."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json_atomic(path: Path, content: Mapping[str, Any]) -> None:
    """Write ``content`` as JSON, whole or not at all; NaN and infinities, which JSON lacks, become null."""
    write_text_atomic(path, json.dumps(_plain(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def open_results(name: str, out: Path | None, force: bool = False) -> Path:
    """Make an empty results folder and return it; it holds a ``summary.json`` with the outcome "running".

    Without ``out``: ``results/NAME``, or the first free one of ``results/NAME-2``, ``-3``, …
    With ``out``: that folder, new or empty; one that holds a run is emptied of it with ``force`` only.

    Raises
    ------
    CaseError : ``out`` holds a run and ``force`` is not set, or one that goes on, or files that no run made.
    RunError : nothing can be written there.
    """
    with writing(out or Path("results")):
        folder = _next_free(Path("results"), name) if out is None else _given(out, force)
        # Whoever is killed from here on leaves a folder that is known as a run's.
        write_json_atomic(folder / "summary.json", {"format": FORMAT, "name": name, "outcome": RUNNING})
        for file in _MADE_BY_A_RUN:
            (folder / file).unlink(missing_ok=True)
        for sub in _FOLDERS_OF_A_RUN:
            if (folder / sub).exists():
                shutil.rmtree(folder / sub)
        (folder / "fields").mkdir()
    return folder


def _next_free(parent: Path, name: str) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()  # fails if a run that starts at the same moment took it
            return folder
        except FileExistsError:
            number += 1


def _given(folder: Path, force: bool) -> Path:
    if folder.exists() and not folder.is_dir():
        raise CaseError(f"{folder} is a file; give a folder")
    folder.mkdir(parents=True, exist_ok=True)
    if {path.name for path in folder.iterdir()} <= {".summary.json.tmp"}:  # empty, but for a run killed at its start
        return folder
    outcome = outcome_of(folder)
    if outcome is None:
        raise CaseError(f"{folder} is not empty and holds no run; give another folder")
    with claimed(folder):
        if not force:
            go_on = f"go on with `phasefield resume {folder}`, " if any(folder.glob("checkpoints/*.h5")) else ""
            unfinished = f"an unfinished run; {go_on}"
            what = unfinished if outcome in UNFINISHED else f"a finished run (outcome: {outcome}); "
            raise CaseError(f"{folder} holds {what}use --force to replace it, or give another folder")
        # Only what a run makes is removed: other files may be a person's notes. Checkpoints first: resume needs the rest.
        if (folder / "checkpoints").exists():
            shutil.rmtree(folder / "checkpoints")
    return folder


def outcome_of(folder: Path) -> str | None:
    """Return the outcome that a folder's ``summary.json`` tells; None if it holds no run."""
    try:
        return str(json.loads((folder / "summary.json").read_text(encoding="utf-8"))["outcome"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def note_failure(folder: Path, reason: str) -> None:
    """Make ``summary.json`` of a folder tell that its run failed, and why; what else it tells stays."""
    try:
        content = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = {"format": FORMAT, "name": folder.name}
    with suppress(RunError, OSError):  # a full disk, most likely the reason itself
        folder.mkdir(parents=True, exist_ok=True)
        write_json_atomic(folder / "summary.json", {**content, "outcome": FAILED, "reason": reason})


def is_claimed(folder: Path) -> bool:
    """Return whether a run that goes on holds ``folder``."""
    try:
        with claimed(folder):
            return False
    except CaseError:
        return True
    except OSError:
        return False


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep every other run out of ``folder``; a run that is killed lets go of it.

    Raises ``CaseError`` if one that goes on holds it. On file systems without locks nobody is kept out.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CaseError(f"a run that goes on writes to {folder}; wait for its end, or stop it") from None
        except OSError:
            pass
        yield
    finally:
        os.close(handle)


def remove_leftovers(folder: Path) -> None:
    """Remove the half-written files that a kill left in a results folder."""
    for pattern in (".*.tmp", "fields/.*.tmp", "checkpoints/.*.tmp", "inputs/.*.tmp"):
        for file in folder.glob(pattern):
            file.unlink()


def write_inputs(folder: Path, contents: Mapping[Path, str | bytes]) -> dict[Path, str]:
    """Write the ``contents`` of input files to ``inputs/`` and return, by file, the copy's path relative to ``folder``."""
    copies: dict[Path, str] = {}
    for file, content in contents.items():
        (folder / "inputs").mkdir(exist_ok=True)
        name, number = file.name, 2
        while f"inputs/{name}" in copies.values():
            name, number = f"{file.stem}-{number}{file.suffix}", number + 1
        with replacing(folder / "inputs" / name) as temporary:
            temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        copies[file] = f"inputs/{name}"
    return copies
