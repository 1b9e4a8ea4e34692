"""Files that a case names beside its materials: images, meshes, lists of centres."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, ValidationInfo, WithJsonSchema

from phasefield.schema import invalid, shown


@dataclass(frozen=True)
class InputFile:
    """A file as it was when the case was read: two are equal if their contents are.

    ``reference``: what the case calls it. ``path``: where it is. ``digest``: of its content, SHA-256.
    """

    reference: str = field(compare=False)
    path: Path = field(compare=False)
    digest: str

    @property
    def text(self) -> str:
        """Return what stands for the content where cases are compared: one line of TOML."""
        return f'sha256 = "{self.digest}"\n'


def _read(value: Any, info: ValidationInfo) -> InputFile | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise invalid(f"{shown(value)} is not a path", "write the path of a file, relative to the case file")
    path = Path((info.context or {}).get("base_dir") or ".", value)
    try:
        return InputFile(value, path.absolute(), hashlib.sha256(path.read_bytes()).hexdigest())
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or fault
        raise invalid(
            f"{path} cannot be read: {reason}", "give the path of a file, relative to the case file"
        ) from None


File = Annotated[
    InputFile | None,
    PlainValidator(_read),
    PlainSerializer(lambda file: file.reference if file else None, when_used="json"),
    WithJsonSchema({"type": "string"}),
]
