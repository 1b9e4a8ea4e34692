"""Phase-field simulation of metal dendrites in ceramic solid-state batteries.

``import phasefield as pf; case = pf.load_case("llzo_grain_boundary"); run = pf.run(case)``.
Public names are handed on when first used, so that the import itself takes no time.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from phasefield.case import list_cases, load_case
    from phasefield.run import resume, run, simulate
    from postprocess import load

__version__ = "0.1.0"
__all__ = ["list_cases", "load", "load_case", "resume", "run", "simulate"]

_HOMES = {
    "list_cases": "phasefield.case",
    "load": "postprocess",
    "load_case": "phasefield.case",
    "resume": "phasefield.run",
    "run": "phasefield.run",
    "simulate": "phasefield.run",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """Keep a public function visible when the module of the same name (``run``, ``simulate``) is imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
