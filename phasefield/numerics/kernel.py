"""How the compiled functions of the solver that only read and write arrays are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def kernel(function: Callable[..., Any] | None = None, *, inline: bool = False) -> Any:
    """Compile a function that allocates no array; use as a decorator, with ``inline`` for bodies of inner loops.

    Without Numba's runtime views of arrays are not counted: a view of a row costs nothing, where two atomic counts per
    view took half of the time of a sweep over rows of 100 cells. Divisions are not checked for zero (they give inf or
    nan), or loops with one would not become vector instructions.
    """

    def compiled(function: Callable[..., Any]) -> Any:
        return njit(cache=True, error_model="numpy", _nrt=False, forceinline=inline)(function)

    return compiled(function) if function is not None else compiled
