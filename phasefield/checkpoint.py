"""Checkpoints: all that a run needs to go on, each file whole or not there, and read only if undamaged.

A file is HDF5 behind a header of 512 bytes, which readers of HDF5 skip: format number and SHA-256 of all the rest.
It is made in memory and written at once, and checked before HDF5 sees it. The state of random draws is the number
of steps: a draw during a run is keyed on (seed, step, cell).
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import re
import time as clock
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phasefield import __version__
from phasefield.errors import CaseError
from phasefield.fields import FIELDS, Book, State
from phasefield.grid import Grid
from phasefield.results_folder import FORMAT, replacing, writing

if TYPE_CHECKING:
    from phasefield.simulate import StepReport

KEPT = 2
HEADER = 512
_HEADER = re.compile(rb"(phasefield checkpoint, format (\d+), sha256 )([0-9a-f]{64})\n\0*")


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """Hold an accepted step of a run.

    Parameters
    ----------
    state : with the arrays that a restart needs, no others.
    outcome : why the run ended with this step; None if it goes on.
    texts : the case with every default (``"case"``), and the material files that it used, by kind.
    memory : what the run's observers knew, plain values.
    version : of the package that wrote it.
    """

    state: State
    outcome: str | None
    texts: Mapping[str, str]
    memory: Mapping[str, Any]
    version: str = __version__


class DamagedCheckpoint(Exception):
    """Raised when a file is not what was written; the message says how that shows."""


def snapshot(state: State) -> State:
    """Return a copy of all that a restart needs; the time loop changes the state itself in the next step."""
    values = ((f.name, getattr(state.book, f.name)) for f in dataclasses.fields(Book))
    book: dict[str, Any] = {name: list(value) if isinstance(value, list) else value for name, value in values}
    return State(
        grid=state.grid,
        time=state.time,
        step=state.step,
        arrays={name: state[name].copy() for name, field in FIELDS.items() if field.restart and name in state.arrays},
        cell_voltage=state.cell_voltage,
        cell_voltage_rate=state.cell_voltage_rate,
        reservoir_thickness=state.reservoir_thickness.copy(),
        book=Book(**book),
    )


# ---------------------------------------------------------------- one file


def encode(checkpoint: Checkpoint) -> memoryview:
    """Return the content of a checkpoint's file."""
    import h5py  # only those who write or read one need it

    state, buffer = checkpoint.state, io.BytesIO()
    numbers = {f.name: getattr(state, f.name) for f in dataclasses.fields(State)}
    arrays = {"reservoir_thickness": numbers.pop("reservoir_thickness")}
    arrays |= {f"fields/{name}": values for name, values in numbers.pop("arrays").items()}
    numbers |= {"grid": dataclasses.asdict(state.grid), "book": dataclasses.asdict(state.book)}
    with h5py.File(buffer, "w", userblock_size=HEADER) as file:
        file.attrs["version"] = checkpoint.version
        for name, values in arrays.items():
            file[name] = values
        for name, text in checkpoint.texts.items():
            file[f"texts/{name}"] = text
        file["state"] = json.dumps(numbers, default=_plain)  # Python writes the shortest text that reads back the same
        file["run"] = json.dumps({"outcome": checkpoint.outcome, "memory": checkpoint.memory}, default=_plain)
    content = buffer.getbuffer()
    content[:HEADER] = _header(FORMAT, content[HEADER:])
    return content


def decode(content: bytes) -> Checkpoint:
    """Return the checkpoint that ``encode`` made a file of.

    Raises
    ------
    DamagedCheckpoint : any byte is not as written, or the file was cut.
    CaseError : it has a format, or a state, that this version of the package does not know.
    """
    import h5py

    head = _HEADER.fullmatch(content, 0, HEADER)
    if head is None or _header(int(head[2]), memoryview(content)[HEADER:]) != content[:HEADER]:
        raise DamagedCheckpoint("its checksum does not fit")
    if int(head[2]) != FORMAT:
        raise CaseError(f"the checkpoint has format {int(head[2])}; this version reads {FORMAT}")
    with h5py.File(io.BytesIO(content), "r") as file:
        version = file.attrs["version"]
        numbers, run = (json.loads(file[name].asstr()[()]) for name in ("state", "run"))
        arrays = {name: values[()] for name, values in file["fields"].items()}
        texts = {name: text.asstr()[()] for name, text in file["texts"].items()}
        thickness = file["reservoir_thickness"][()]
    if numbers["book"].keys() != {f.name for f in dataclasses.fields(Book)}:
        raise CaseError(f"version {__version__} of the package cannot go on with a checkpoint of version {version}")
    numbers |= {"grid": _typed(Grid, numbers["grid"]), "book": _typed(Book, numbers["book"])}
    state = State(**numbers, arrays=arrays, reservoir_thickness=thickness)
    return Checkpoint(state, run["outcome"], texts, run["memory"], version)


def _header(number: int, body: memoryview) -> bytes:
    start = f"phasefield checkpoint, format {number}, sha256 ".encode()
    digest = hashlib.sha256(start)
    digest.update(body)
    return (start + digest.hexdigest().encode() + b"\n").ljust(HEADER, b"\0")


def _plain(value: Any) -> Any:
    return value.item()  # of NumPy


def _typed(kind: Any, value: Any) -> Any:
    """Return what JSON gave in its type: dataclasses of tables, tuples of lists."""
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return kind(**{name: _typed(hints[name], entry) for name, entry in value.items()})  # type: ignore[operator]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is list:
        return [_typed(arguments[0], entry) for entry in value]
    if origin is tuple:
        kinds = arguments[:1] * len(value) if arguments[-1] is ... else arguments
        return tuple(_typed(k, entry) for k, entry in zip(kinds, value, strict=True))
    return value


# ---------------------------------------------------------------- the folder


def checkpoint_files(folder: Path) -> list[Path]:
    """Return the checkpoints of a results folder, newest first."""
    return sorted(folder.glob("checkpoints/[0-9]*.h5"), key=lambda path: int(path.stem), reverse=True)


def newest_checkpoint(folder: Path) -> tuple[Path, Checkpoint, list[str]]:
    """Return the newest undamaged checkpoint, its file, and what is wrong with those that were passed over.

    Raises ``CaseError`` if there is none.
    """
    again = f"start again with `phasefield run {folder / 'case.toml'} -o {folder} --force`"
    files = checkpoint_files(folder)
    if not files:
        raise CaseError(f"{folder} holds no checkpoint; {again}")
    faults: list[str] = []
    for path in files:
        try:
            return path, decode(path.read_bytes()), faults
        except (DamagedCheckpoint, OSError) as error:
            faults.append(f"{path} cannot be used: {error}")
    raise CaseError(f"no checkpoint is left: {'; '.join(faults)}; {again}")


class Checkpointer:
    """Write ``checkpoints/STEP.h5`` every so often, and the last accepted step at the end; keep the last two.

    Parameters
    ----------
    folder : the results folder.
    interval : wall time between two checkpoints [s].
    texts : of ``Checkpoint``.
    memory : called after every step for what the other observers know; this one must come after them.
    flush : called before a checkpoint counts: what it builds upon must be on disk.
    written : the checkpoint that the run goes on from.
    keep : returns a copy of the state; another observer may have made one already.
    """

    def __init__(
        self,
        folder: Path,
        interval: float,
        texts: Mapping[str, str],
        memory: Callable[[], Mapping[str, Any]],
        flush: Callable[[], None],
        written: Path | None = None,
        keep: Callable[[State], State] = snapshot,
    ) -> None:
        self._folder = folder / "checkpoints"
        self._interval = interval
        self._texts = texts
        self._memory = memory
        self._flush = flush
        self._keep = keep
        self._kept = [] if written is None else [written]
        self._accepted: Checkpoint | None = None
        self._time = clock.monotonic()

    def __call__(self, state: State, report: StepReport) -> None:
        self._accepted = Checkpoint(self._keep(state), report.outcome, self._texts, self._memory())
        if report.outcome is not None or clock.monotonic() - self._time >= self._interval:
            self._write()

    def close(self, outcome: str) -> None:
        """Write the last accepted step, unless it is written."""
        if self._accepted is not None:
            self._write()

    def _write(self) -> None:
        checkpoint, self._accepted = self._accepted, None  # one that cannot be written is not tried again
        assert checkpoint is not None
        path = self._folder / f"{checkpoint.state.step:06d}.h5"
        with writing(path):
            self._folder.mkdir(exist_ok=True)
            self._flush()
            with replacing(path) as temporary:
                temporary.write_bytes(encode(checkpoint))
            self._kept = [*self._kept[1 - KEPT :], path]
            for file in checkpoint_files(self._folder.parent):
                if file not in self._kept:
                    file.unlink()
        self._time = clock.monotonic()
