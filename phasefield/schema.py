"""Tools that turn TOML tables into frozen models and gather every fault; knows no key of any file."""

from __future__ import annotations

import difflib
import errno
import json
import re
import stat
import tomllib
import typing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AllowInfNan,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    Strict,
    ValidationError,
)
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import ErrorDetails, PydanticCustomError, core_schema

from phasefield.errors import CaseError, Fault
from phasefield.units import example, text_of, to_si

EXTREME = 1e30  # no quantity is larger in SI, or smaller than its inverse: products of several stay numbers
LARGEST_FILE = 2_000_000  # bytes of TOML
DEEPEST = 32  # tables and lists inside each other
MOST_FAULTS = 50  # that are told at once
_LONG_KEY = re.compile(
    rf"(?<![^.,\n])(?:[^.,\n]++\.){{{DEEPEST}}}"
)  # of which tomllib looks at every part again for each


class Section(BaseModel):
    """One table of a TOML file: frozen, no unknown keys, every default checked like a given value."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, populate_by_name=False, arbitrary_types_allowed=True
    )


def preset(default: Any, description: str, **details: Any) -> Any:
    """Return a pydantic field whose default is written as in TOML ("30 nm") or filled in later (None).

    Only because pydantic's own ``Field`` wants the default in the type of the attribute.
    """
    return Field(default, description=description, **details)


def subtable(model: type[BaseModel], description: str) -> Any:
    """Return a pydantic field for a table that may be left out: then every key of it has its default."""
    return Field(default_factory=model, description=description)


def shown(value: object) -> str:
    """Return a value as Python writes it, cut to the length of a line."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # integers of thousands of digits, tables nested a thousand deep
        return "this"
    return text if len(text) <= 60 else f"{text[:57]}..."


def invalid(problem: str, right: str = "") -> PydanticCustomError:
    """Return the error that a validator raises: what is wrong and what would be right."""
    return PydanticCustomError("fault", "{problem}", {"problem": problem, "right": right})


@dataclass(frozen=True)
class Quantity:
    """Annotate a float as a quantity: a text with its unit in TOML, a number in ``unit`` (SI) in Python.

    Parameters
    ----------
    unit : SI unit of the float.
    shown : unit in which people read it; ``unit`` if empty.
    minimum, maximum : allowed range, as text with unit; empty: no bound.
    inclusive : the bounds themselves are allowed.
    infinite : ``"inf um"`` is allowed.
    """

    unit: str
    shown: str = ""
    minimum: str = ""
    maximum: str = ""
    inclusive: bool = False
    infinite: bool = False

    def read(self, value: object) -> float:
        """Return the text as a number in SI."""
        sample = example(self.unit)
        if not isinstance(value, str):
            bare = isinstance(value, int | float) and not isinstance(value, bool)
            raise invalid(
                f"{shown(value)} is {'a bare number' if bare else 'not a text'}",
                f'write it with its unit, for example "{sample}"',
            )
        try:
            number = to_si(value, self.unit)
        except ValueError as fault:
            problem, _, right = str(fault).partition("; ")
            raise invalid(problem, right) from None
        if number in (float("inf"), -float("inf")):
            if not (self.infinite and number > 0):
                raise invalid(f"{shown(value)} is not finite", f'write for example "{sample}"')
            return number
        if number and not 1.0 / EXTREME <= abs(number) <= EXTREME:
            right = f"its magnitude must lie between {1.0 / EXTREME:g} and {EXTREME:g} {self.unit}"
            raise invalid(f"{value!r} is out of range", right)
        self._check_range(number, value)
        return number

    def _check_range(self, number: float, text: str) -> None:
        below, above = ("at least", "at most") if self.inclusive else ("more than", "less than")
        for bound, sign, words in ((self.minimum, 1, below), (self.maximum, -1, above)):
            if not bound:
                continue
            margin = sign * (number - to_si(bound, self.unit))
            if margin < 0 or (margin == 0 and not self.inclusive):
                raise invalid(f"{text!r} is out of range", f"it must be {words} {bound}")

    def write(self, value: float) -> str:
        """Return a number in SI as text that ``read`` turns into the same number."""
        return text_of(value, self.shown or self.unit, self.unit)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.read, serialization=core_schema.plain_serializer_function_ser_schema(self.write, when_used="json")
        )

    def __get_pydantic_json_schema__(self, schema: core_schema.CoreSchema, handler: Any) -> JsonSchemaValue:
        return {"type": "string", "examples": [example(self.unit)], "pattern": r"^\s*([+-]?(\d|\.\d)|[+-]?inf)"}


def _integer(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(f"{shown(value)} is not a whole number", "write a whole number without quotes and unit")
    return value


def _flag(value: object) -> object:
    if not isinstance(value, bool):
        raise invalid(f"{shown(value)} is neither true nor false", "write true or false without quotes")
    return value


def _words(value: object) -> object:
    if not isinstance(value, str):
        raise invalid(f"{shown(value)} is not a text", "put it in quotes")
    return value


# Strict, not a validator of our own in front: pydantic then knows a number, and writes its bounds into the JSON schema.
Number = Annotated[float, Strict(), AllowInfNan(False)]  # NaN would pass every bound
Integer = Annotated[int, Strict()]
Flag = Annotated[bool, BeforeValidator(_flag)]
Text = Annotated[str, BeforeValidator(_words)]
FormatOne = Annotated[Literal[1], BeforeValidator(_integer)]


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return "did you mean …?" if a known word is close, else the list of known words."""
    names = [str(name) for name in known]
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.7)
    return f"did you mean {close[0]}?" if close else f"known here: {', '.join(names) or 'nothing'}"


def check_plain_file(path: Path, largest: float = float("inf")) -> None:
    """Raise ``OSError`` unless ``path`` is a plain file of at most ``largest`` bytes: a device may never end."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is not a plain file")
    if found.st_size > largest:
        raise OSError(errno.EFBIG, f"it has {found.st_size} bytes, and more than {largest:.0f} are refused")


def parse_toml(text: str) -> dict[str, Any]:
    """Return the tables of a text in TOML.

    Raises ``ValueError`` if it is not TOML, or holds whole numbers beyond 64 bits or tables nested beyond all sense.
    """
    if _LONG_KEY.search(text):
        raise ValueError(f"a key has more than {DEEPEST} parts")
    try:
        tables = tomllib.loads(text)
    except RecursionError:
        raise ValueError("lists or tables are nested too deeply") from None
    inside: list[Any] = [tables]
    for _ in range(DEEPEST):
        outside = (entry.values() if isinstance(entry, dict) else entry for entry in inside)
        inside = [value for values in outside for value in values]
        if any(isinstance(value, int) and not -(2**63) <= value < 2**63 for value in inside):
            raise ValueError("a whole number is beyond 64 bits")
        inside = [value for value in inside if isinstance(value, dict | list)]
    if inside:
        raise ValueError("lists or tables are nested too deeply")
    return tables


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    """Return the tables of a TOML file and its text.

    Raises
    ------
    CaseError : the file cannot be read, or is not TOML; names file, line and reason.
    """
    try:
        check_plain_file(path, LARGEST_FILE)
        text = path.read_text(encoding="utf-8")
    except OSError as fault:
        raise CaseError(f"cannot be read: {fault.strerror}", str(path)) from None
    except UnicodeDecodeError:
        raise CaseError("is not a text file in UTF-8", str(path)) from None
    except ValueError as fault:  # a null byte in the name
        raise CaseError(f"cannot be read: {fault}", str(path)) from None
    try:
        return parse_toml(text), text
    except tomllib.TOMLDecodeError as fault:
        reason, _, place = str(fault).removesuffix(")").rpartition(" (at ")
        raise CaseError(f"not valid TOML: {reason or place}", f"{path}, {place}" if reason else str(path)) from None
    except ValueError as fault:
        raise CaseError(f"not valid TOML: {fault}", str(path)) from None


def faults_of(error: ValidationError, model: type[BaseModel]) -> list[Fault]:
    """Return one fault per error that pydantic found, with the path as people write it; of very many the first ones."""
    details = error.errors(include_url=False)
    faults = [_fault(detail, model) for detail in details[:MOST_FAULTS]]
    return [*faults, Fault("", f"and {len(details) - MOST_FAULTS} more")] if len(details) > MOST_FAULTS else faults


def _fault(detail: ErrorDetails, model: type[BaseModel]) -> Fault:
    keys = detail["loc"]
    path = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).removeprefix(".")
    kind, context, given = detail["type"], detail.get("ctx", {}), detail["input"]
    if kind == "fault":
        return Fault(path, context["problem"], context["right"])
    if kind == "extra_forbidden":
        return Fault(path, "unknown key", suggestion(str(keys[-1]), _keys_at(model, keys[:-1])))
    if kind == "missing":
        return Fault(path, "missing", _how_to_write(model, keys))
    if kind == "literal_error":
        allowed = [word.strip(" '") for word in context["expected"].replace(" or ", ", ").split(", ")]
        hint = suggestion(given, allowed) if isinstance(given, str) else ""
        choice = f"use one of {', '.join(allowed)}" if len(allowed) > 1 else f"use {allowed[0]}"
        return Fault(path, f"{shown(given)} is not allowed", f"{hint} ({choice})" if hint.startswith("did") else choice)
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        table = f"[{path.rpartition('[')[0]}]" if path.endswith("]") else path
        return Fault(path, f"{shown(given)} is not a table", f"write it as [{table}]")
    if kind == "float_type":
        return Fault(path, f"{shown(given)} is not a number", "write a plain number without quotes and unit")
    if kind == "int_type":
        return Fault(path, f"{shown(given)} is not a whole number", "write a whole number without quotes and unit")
    if kind in ("tuple_type", "list_type"):
        return Fault(path, f"{shown(given)} is not a list", "write it in brackets")
    text = detail["msg"]
    return Fault(path, f"{shown(given)} is out of range", text.replace("Input should", "it must", 1))


def _field_at(model: type[BaseModel], keys: Sequence[int | str]) -> FieldInfo | None:
    field = None
    owner: type[BaseModel] | None = model
    for key in keys:
        if isinstance(key, int):  # a place in a list of tables: all of them have the same keys
            continue
        field = next((f for name, f in owner.model_fields.items() if (f.alias or name) == key), None) if owner else None
        owner = _model_in(field.annotation) if field else None
    return field


def _keys_at(model: type[BaseModel], keys: Sequence[int | str]) -> list[str]:
    field = _field_at(model, keys)
    owner = model if not keys else _model_in(field.annotation) if field else None
    return [f.alias or name for name, f in owner.model_fields.items()] if owner else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for choice in typing.get_args(annotation) if (model := _model_in(choice))), None)


def _how_to_write(model: type[BaseModel], keys: Sequence[int | str]) -> str:
    field = _field_at(model, keys)
    if field is None:
        return ""
    if _model_in(field.annotation) and not field.examples:
        return f"add the table [{'.'.join(map(str, keys))}]"
    quantity = next((m for m in field.metadata if isinstance(m, Quantity)), None)
    sample = field.examples[0] if field.examples else example(quantity.unit) if quantity else None
    written = json.dumps(sample) if sample is not None else "..."
    return f"{field.description}; write for example {keys[-1]} = {written}"
