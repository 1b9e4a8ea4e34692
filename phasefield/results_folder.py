"""The folder of a run: who may write where, and files that are whole at any moment."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from phasefield.errors import CaseError

FORMAT = 1
RUNNING = "running"
_MADE_BY_A_RUN = ("summary.json", "case.toml", "history.csv", "events.csv", "fields.pvd", "run.log", "preview.png")
_FOLDERS_OF_A_RUN = ("fields", "inputs", "checkpoints")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on leaving, flush it to disk and rename it to ``path``."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
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
    CaseError : ``out`` holds a run and ``force`` is not set, or files that no run made.
    """
    folder = _next_free(Path("results"), name) if out is None else _given(out, force)
    write_json_atomic(folder / "summary.json", {"format": FORMAT, "name": name, "outcome": RUNNING})
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
    if not any(folder.iterdir()):
        return folder
    try:
        outcome = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["outcome"]
    except (OSError, ValueError, KeyError, TypeError):
        raise CaseError(f"{folder} is not empty and holds no run; give another folder") from None
    if not force:
        what = "an unfinished run" if outcome == RUNNING else f"a finished run (outcome: {outcome})"
        raise CaseError(f"{folder} holds {what}; use --force to replace it, or give another folder")
    # Only what a run makes is removed: other files may be a person's notes.
    for file in _MADE_BY_A_RUN:
        (folder / file).unlink(missing_ok=True)
    for sub in _FOLDERS_OF_A_RUN:
        if (folder / sub).exists():
            shutil.rmtree(folder / sub)
    return folder


def copy_inputs(folder: Path, files: Iterable[Path]) -> dict[Path, str]:
    """Copy ``files`` to ``inputs/`` and return, by file, the copy's path relative to the results folder."""
    copies: dict[Path, str] = {}
    for file in dict.fromkeys(files):
        (folder / "inputs").mkdir(exist_ok=True)
        name, number = file.name, 2
        while f"inputs/{name}" in copies.values():
            name, number = f"{file.stem}-{number}{file.suffix}", number + 1
        shutil.copyfile(file, folder / "inputs" / name)
        copies[file] = f"inputs/{name}"
    return copies
