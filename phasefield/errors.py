"""Errors that are meant for users: bad input and failed runs. Everything else that is raised is a bug."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """Say what is wrong at one place of an input file, and what would be right."""

    path: str  # dotted key, "grain_boundaries.band_width"; empty: the file as a whole
    problem: str
    right: str = ""

    def __str__(self) -> str:
        text = f"{self.path}: {self.problem}" if self.path else self.problem
        return f"{text}; {self.right}" if self.right else text


class CaseError(Exception):
    """Report every fault of an input file in one message (exit code 2).

    Parameters
    ----------
    faults : what is wrong, or a sentence if it concerns no key.
    source : name of the file, shown first; may be empty.
    """

    def __init__(self, faults: str | Iterable[Fault], source: str = "") -> None:
        self.faults = (Fault("", faults),) if isinstance(faults, str) else tuple(faults)
        self.source = source
        super().__init__(self.faults, source)  # the arguments that pickle hands to __init__ again

    def __str__(self) -> str:
        prefix = f"{self.source}: " if self.source else ""
        if len(self.faults) == 1:
            return f"{prefix}{self.faults[0]}"
        return "\n  ".join([f"{prefix}{len(self.faults)} faults", *map(str, self.faults)])


WANTS_MORE = 75  # exit code of a run that wrote a checkpoint and wants to be continued (EX_TEMPFAIL)


class RunError(Exception):
    """Report that a run failed for a reason that its user should read (exit code 1)."""


class Stopped(SystemExit):
    """Report that a signal to end stopped a run which wrote a checkpoint (exit code 75: it wants to be continued).

    Like any request to end it passes ``except Exception``, and a program that does not catch it exits with its code.
    """

    def __init__(self, message: str) -> None:
        super().__init__(WANTS_MORE)
        self.message = message

    def __str__(self) -> str:
        return self.message
