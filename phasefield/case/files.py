"""Files that a case names beside its materials: images, meshes, lists of centres."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, ValidationInfo, WithJsonSchema

from phasefield.errors import CaseError
from phasefield.schema import check_plain_file, invalid, shown


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

    def content(self) -> bytes:
        """Return what the file holds; raise ``CaseError`` if that is no longer what it was when the case was read."""
        try:
            check_plain_file(self.path)
            content = self.path.read_bytes()
        except OSError as fault:
            raise CaseError(f"{self.path} cannot be read: {fault.strerror}") from None
        if hashlib.sha256(content).hexdigest() != self.digest:
            raise CaseError(f"{self.path} has changed since the case was read; start again")
        return content


def _read(value: Any, info: ValidationInfo) -> InputFile | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise invalid(f"{shown(value)} is not a path", "write the path of a file, relative to the case file")
    path = Path((info.context or {}).get("base_dir") or ".", value)
    try:
        check_plain_file(path)
        with path.open("rb") as file:
            return InputFile(value, path.absolute(), hashlib.file_digest(file, "sha256").hexdigest())
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
