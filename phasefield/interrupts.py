"""Signals that end a run between two steps instead of in the middle of one."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any, Self

from phasefield.errors import Stopped

HINT = b"stopping after this step; press Ctrl-C again to stop at once\n"


class StopRequest:
    """Turn SIGINT, SIGTERM and SIGUSR1 into a request that is looked at after every step.

    Only in the main thread, and only handlers that nobody has changed; leaving puts them back. SIGINT outside of
    ``deferring``, and a second one anywhere, raises ``KeyboardInterrupt`` at once.
    """

    def __init__(self) -> None:
        self.deferring = False
        self._asked: int | None = None
        self._replaced: list[int] = []

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number, usual in _USUAL.items():
                if signal.getsignal(number) == usual:
                    signal.signal(number, self._note)
                    self._replaced.append(number)
        return self

    def __exit__(self, *_: object) -> None:
        for number in self._replaced:
            signal.signal(number, _USUAL[number])

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            if self._asked is not None or not self.deferring:
                raise KeyboardInterrupt
            os.write(2, HINT)  # what writes to stderr may just have been interrupted
        self._asked = number

    def check(self) -> None:
        """Raise ``KeyboardInterrupt`` after a SIGINT, ``Stopped`` after one of the others."""
        if self._asked == signal.SIGINT:
            raise KeyboardInterrupt
        if self._asked is not None:
            raise Stopped(f"stopped by {signal.Signals(self._asked).name}")


_USUAL: dict[int, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGUSR1: signal.SIG_DFL,
}
