"""A sweep file: a base case, what is varied, which ceramics, and where the runs are computed."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PrivateAttr, ValidationError

from phasefield.case import case_folder, load_case
from phasefield.case.quantities import ChargePerArea, Count, PositiveCurrentDensity, Time
from phasefield.errors import CaseError, Fault
from phasefield.schema import (
    FormatOne,
    Integer,
    Number,
    Section,
    Text,
    faults_of,
    invalid,
    read_toml,
    shown,
    subtable,
    suggestion,
)
from phasefield.units import text_of

MOST_RUNS = 100_000
MOST_AXES = 20
SEED = "microstructure.seed"


class AxisSection(Section):
    """One key of the case, or several that change together, and the values they take."""

    key: Text | None = Field(None, description="key of the case", examples=["protocol.current_density"])
    keys: tuple[Text, ...] | None = Field(None, description="keys that change together, instead of key")
    values: tuple[Any, ...] | None = Field(
        None, description="what the key becomes, as in a case file; with keys: one list per point"
    )
    start: Any = Field(None, alias="from", description="first value of a range", examples=["0.1 mA/cm^2"])
    stop: Any = Field(None, alias="to", description="last value of a range, in the same unit", examples=["2 mA/cm^2"])
    number: Annotated[Integer, Field(ge=2, le=MOST_RUNS)] | None = Field(
        None, description="how many values a range has, both ends included", examples=[5]
    )
    spacing: Literal["linear", "log"] = Field("linear", description="steps of a range: equal, or in equal ratios")

    @property
    def names(self) -> tuple[str, ...]:
        """Return the keys that this axis sets."""
        return self.keys if self.keys is not None else (self.key or "",)


class SobolSection(Section):
    """Points spread over the ranges of all axes at once instead of every combination."""

    points: Annotated[Integer, Field(ge=1, le=MOST_RUNS)] = Field(
        description="number of points, best a power of two", examples=[32]
    )
    seed: Count = Field(0, description="of the scrambling")


_WORD = re.compile(r"[\w.,:@%+*\[\]-]+")  # a name that cannot be a command


def _word(text: str) -> str:
    if not _WORD.fullmatch(text):
        raise invalid(f"{shown(text)} is not a name", "write letters and digits")
    return text


class SlurmSection(Section):
    """What ``sbatch`` is told; whatever has no key goes into lines, the only place where a sweep file holds commands."""

    partition: Annotated[Text, AfterValidator(_word)] | None = Field(None, description="queue")
    time: Time | None = Field(None, description="wall time of one task; a run that needs more is queued again")
    memory: Annotated[str, Field(pattern=r"^\d+[KMGT]?$")] | None = Field(
        None, description="memory of one task, as sbatch --mem reads it", examples=["4G"]
    )
    lines: tuple[Text, ...] = Field(
        (), description="further lines of the script, options or commands", examples=[["#SBATCH --account=x"]]
    )


class ExecutorSection(Section):
    """Where runs are computed, how many at a time, and how often a run that was killed is tried again."""

    kind: Literal["local", "slurm", "print"] = Field(
        "local", description="this machine, an array of Slurm's, or a script for another scheduler"
    )
    threads: Annotated[Integer, Field(ge=1, le=1024)] | None = Field(
        None, description="of each run; default: local, as many as fill the machine, else 1"
    )
    at_once: Annotated[Integer, Field(ge=1, le=MOST_RUNS)] | None = Field(
        None, description="runs at a time; default: local, as many as fill the machine, else no limit"
    )
    retries: Annotated[Integer, Field(ge=0, le=100)] = Field(
        1, description="how often a run that was killed or lost goes on from its checkpoint"
    )
    slurm: SlurmSection = subtable(SlurmSection, "what sbatch is told")


class CcdSection(Section):
    """How a critical current density is looked for; see ``phasefield ccd``."""

    capacity: ChargePerArea = Field(
        description="charge within which a short counts; with ramp_step, that of every half of its steps",
        examples=["0.2 mAh/cm^2"],
    )
    lowest: PositiveCurrentDensity = Field(description="no lower current is tried", examples=["0.05 mA/cm^2"])
    highest: PositiveCurrentDensity = Field(description="no higher current is tried", examples=["10 mA/cm^2"])
    tolerance: Annotated[Number, Field(ge=1e-4, le=1.0)] = Field(
        0.05, description="width of the bracket over its lower end, at most"
    )
    ramp_step: PositiveCurrentDensity | None = Field(
        None,
        description="plate and strip at a current that rises by this, from lowest, until a short, instead of a search",
        examples=["0.2 mA/cm^2"],
    )


class SweepFile(Section):
    """A sweep as it was asked for, every default filled in."""

    format: FormatOne = Field(description="version of the sweep format", examples=[1])
    question: Text = Field("", description="the question that the sweep answers, one sentence")
    case: Text = Field(description="name of a case, or its path from this file", examples=["llzo_grain_boundary"])
    set: dict[str, Any] = Field({}, description="keys of the case that differ in every run")
    axes: tuple[AxisSection, ...] = Field(
        (), description="what is varied; every combination of all axes is run", max_length=MOST_AXES
    )
    seeds: tuple[Count, ...] = Field(
        (), description="of the ceramics in which every point is repeated; default: that of the case", examples=[[1, 2]]
    )
    sobol: SobolSection | None = Field(None, description="points spread over the ranges instead of a grid")
    executor: ExecutorSection = subtable(ExecutorSection, "where the runs are computed")
    ccd: CcdSection | None = Field(None, description="find the critical current density of every point")

    _source: Path = PrivateAttr(default_factory=Path)
    _overrides: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the name of the sweep: the stem of its file; never one that means another folder."""
        return self._source.stem.strip(".") or "sweep"

    @property
    def source(self) -> Path:
        """Return the file that the sweep was read from."""
        return self._source

    @property
    def base(self) -> str:
        """Return the base case as ``load_case`` takes it: a name, or a path from the folder of this file."""
        return str(self._source.parent / self.case) if self.case.endswith(".toml") else self.case

    @property
    def overrides(self) -> dict[str, str]:
        """Return what ``[set]`` and the command line change, key to value as written in TOML."""
        return {key: as_toml(value) for key, value in _flat(self.set)} | self._overrides


def load_sweep(name_or_path: str | Path) -> SweepFile:
    """Return a sweep by the name under which it ships, or from a file; raise ``CaseError`` with all its faults."""
    path = _find(name_or_path)
    return _checked(read_toml(path)[0], path)


def _checked(tables: dict[str, Any], path: Path) -> SweepFile:
    try:
        sweep = SweepFile.model_validate(tables)
    except ValidationError as error:
        raise CaseError(faults_of(error, SweepFile), str(path)) from None
    faults = [*_axes_faults(sweep), *_ccd_faults(sweep)]
    if faults:
        raise CaseError(faults, str(path))
    sweep._source = path
    return sweep


def is_sweep(name_or_path: str) -> bool:
    """Return whether a name or path is that of a sweep rather than of a case."""
    if name_or_path in list_sweeps():
        return True
    path = Path(name_or_path)
    return path.suffix == ".toml" and path.is_file() and isinstance(read_toml(path)[0].get("case"), str)


def sweep_of_case(
    name_or_path: str, overrides: Mapping[str, str], seeds: Sequence[int], search: Mapping[str, Any]
) -> SweepFile:
    """Return the sweep that looks for the critical current density of a case; see ``CcdSection`` for ``search``.

    Without a capacity in ``search`` it is that of the case.
    """
    case = load_case(name_or_path, overrides)
    given = {key: value for key, value in search.items() if value is not None}
    if "capacity" not in given:
        if case.protocol.capacity is None:
            raise CaseError([Fault("--capacity", "missing, and the case has none", 'such as "0.2 mAh/cm^2"')])
        given["capacity"] = text_of(case.protocol.capacity, "mAh/cm^2", "C/m^2")
    tables = {"format": 1, "question": case.question, "case": str(case.source.absolute()), "seeds": seeds, "ccd": given}
    sweep = _checked(tables, Path(f"{case.name}.toml"))
    sweep._overrides = dict(overrides)
    return sweep


def list_sweeps() -> dict[str, Path]:
    """Return the sweeps that ship, by name."""
    return {path.stem: path for path in sorted((case_folder() / "sweeps").glob("*.toml"))}


def _find(name_or_path: str | Path) -> Path:
    name, known = str(name_or_path), list_sweeps()
    if name in known:
        return known[name]
    if name.endswith(".toml"):
        return Path(name)
    raise CaseError([Fault("", f"no sweep is called {name!r}", f"{suggestion(name, known)} (or the path of a .toml)")])


def as_toml(value: Any) -> str:
    """Return a value that TOML was read into as TOML; texts in quotes."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {as_toml(entry)}" for key, entry in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def _flat(tables: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tables.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


# --- faults between keys ----------------------------------------------------------------------------------


def _axes_faults(sweep: SweepFile) -> Iterator[Fault]:
    if sweep.sobol is not None and not sweep.axes:
        yield Fault("sobol", "there are no axes to spread points over", "add [[axes]] with from and to")
    used: dict[str, str] = {SEED: "seeds"} if sweep.seeds else {}
    for index, axis in enumerate(sweep.axes):
        path = f"axes[{index}]"
        yield from _axis_faults(axis, path, sweep.sobol is not None)
        for key in axis.names:
            if key in used:
                yield Fault(path, f"{key} is set by {used[key]}, too", "give each key once")
            used[key] = path


def _axis_faults(axis: AxisSection, path: str, sobol: bool) -> Iterator[Fault]:
    if (axis.key is None) == (axis.keys is None):
        yield Fault(path, "gives both key and keys" if axis.key else "gives no key", 'give key = "section.key"')
    ranged = [name for name in ("from", "to", "number") if getattr(axis, _ATTRIBUTES.get(name, name)) is not None]
    if axis.values is not None:
        if ranged:
            yield Fault(path, f"gives values and {', '.join(ranged)}", "give either")
        elif sobol:
            yield Fault(f"{path}.values", "Sobol points need a range", "give from and to instead")
        elif not axis.values:
            yield Fault(f"{path}.values", "the list is empty", "give at least one value")
        elif axis.keys is not None:
            for place, value in enumerate(axis.values):
                if not isinstance(value, list | tuple) or len(value) != len(axis.keys):
                    yield Fault(f"{path}.values[{place}]", f"is not a list of {len(axis.keys)}", "one value per key")
        return
    if axis.keys is not None:
        yield Fault(path, "keys that change together need values", "give one list of values per point")
    needed = ("from", "to") if sobol else ("from", "to", "number")
    missing = [name for name in needed if name not in ranged]
    if missing:
        yield Fault(path, f"gives neither values nor {' and '.join(missing)}", 'such as values = ["1 um", "2 um"]')
    elif sobol and axis.number is not None:
        yield Fault(f"{path}.number", "Sobol points have a number of their own", "leave it out")


_ATTRIBUTES = {"from": "start", "to": "stop"}


def _ccd_faults(sweep: SweepFile) -> Iterator[Fault]:
    ccd = sweep.ccd
    if ccd is None:
        return
    if ccd.highest <= ccd.lowest:
        yield Fault("ccd.highest", "is not above ccd.lowest", "give the range in which currents are tried")
    driven = [key for axis in sweep.axes for key in axis.names if key.startswith("protocol.")]
    for key in driven:
        yield Fault("axes", f"{key} is what the search for a critical current sets", "leave it out")
