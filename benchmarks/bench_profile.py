"""Where the time of a step goes: clocks around the functions that the backend and its linear solver call.

Nothing is replaced inside compiled code. The backend's modules are seen through ``_Clocked``, which times what is called
through it; ``krylov.solve`` and ``multigrid.v_cycle`` run as the plain Python functions that they are, calling the same
compiled kernels with a clock around each. Python's own share of that is some 10 us per call: a part is timed as far
outside as it is seen, and what the coarser levels cost is what the finest one leaves of a cycle. The rest of a step is the time loop's own.
"""

from __future__ import annotations

import contextlib
import time
import types
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from phasefield.backends import numba_cpu

MODULES = ("kernels", "numba_faces", "krylov", "multigrid")  # of phasefield.backends.numba_cpu
PLAIN = (
    "krylov.solve",
    "krylov._round",
    "multigrid.v_cycle",
)  # compiled functions that only call others, outermost first
COARSER = "coarser levels"  # of the V-cycle, all its kernels together


class Clock:
    """Add up the time of nested calls; ``parts``: path of names -> (calls, seconds)."""

    def __init__(self, finest: int, plain: tuple[str, ...]) -> None:
        self.finest = finest  # entries of the smallest array that only the finest level has
        self.plain = plain  # functions to see into
        self.path: tuple[str, ...] = ()
        self.parts: dict[tuple[str, ...], list[float]] = defaultdict(lambda: [0, 0.0])

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with a clock around it."""

        def clocked(*values: Any, **named: Any) -> Any:
            outer = self.path
            self.path = (*outer, self._name(name, values))
            started = time.perf_counter()
            try:
                return function(*values, **named)
            finally:
                part = self.parts[self.path]
                part[0] += 1
                part[1] += time.perf_counter() - started
                self.path = outer

        return clocked

    def _name(self, name: str, values: tuple[Any, ...]) -> str:
        """Return the part's name; inside the V-cycle all coarser levels are one part."""
        if self.path[-1:] == ("multigrid.v_cycle",):
            arrays = [value.size for value in values if isinstance(value, np.ndarray)]
            finest = max(arrays) >= self.finest if arrays else values[1] == 0  # or (levels, level, ...)
            return name if finest else COARSER
        return name


class _Clocked:
    """A module seen through a clock: its functions are timed, all else is handed on."""

    def __init__(self, module: types.ModuleType, clock: Clock) -> None:
        self._module, self._clock = module, clock

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name)
        return value if isinstance(value, type) or not callable(value) else _seen(value, self._clock)


def _seen(function: Any, clock: Clock) -> Callable[..., Any]:
    """Return a function with a clock around it, and as plain Python with clocks inside if the clock sees into it."""
    body = getattr(function, "py_func", function)
    name = f"{body.__module__.rpartition('.')[2]}.{body.__name__}"
    if name not in clock.plain:
        return clock.around(name, function)
    scope = dict(body.__globals__)
    for used in body.__code__.co_names:
        value = scope.get(used)
        if hasattr(value, "py_func") and not used.endswith("_view"):
            scope[used] = _seen(value, clock)
        elif isinstance(value, types.ModuleType) and value.__name__.startswith("phasefield."):
            scope[used] = _Clocked(value, clock)
    plain = types.FunctionType(body.__code__, scope, body.__name__, body.__defaults__, body.__closure__)
    return clock.around(name, plain)


@contextlib.contextmanager
def clocks(backend: numba_cpu.NumbaBackend, depth: int) -> Iterator[Clock]:
    """Time everything below the time loop while this is open, seeing into ``depth`` functions of ``PLAIN``."""
    clock = Clock(2 * int(np.prod(backend.shape)), PLAIN[:depth])
    kept = {name: getattr(numba_cpu, name) for name in MODULES}
    try:
        for name, module in kept.items():
            setattr(numba_cpu, name, _Clocked(module, clock))
        metal = backend.interface
        metal.curvature = clock.around("interface.curvature", metal.curvature)
        metal.restore = clock.around("interface.restore", metal.restore)
        backend.solve = clock.around("solve", backend.solve)
        backend.advance = clock.around("advance", backend.advance)
        yield clock
    finally:
        for name, module in kept.items():
            setattr(numba_cpu, name, module)
        del backend.solve, backend.advance, metal.curvature, metal.restore


def merged(clocks_by_depth: list[Clock]) -> dict[str, list[float]]:
    """Return calls and seconds of all parts, each from the smallest depth that sees it."""
    parts: dict[str, list[float]] = {}
    for clock in reversed(clocks_by_depth):
        parts.update({"/".join(path): part for path, part in clock.parts.items()})
    return parts


def with_rest(parts: dict[str, list[float]]) -> dict[str, list[float]]:
    """Return parts in which the coarser levels of a cycle cost what its finest level leaves, without Python's share."""
    for path in [path for path in parts if path.endswith(COARSER)]:
        cycle = path.removesuffix("/" + COARSER)
        finest = [spent for name, (_, spent) in parts.items() if name.rpartition("/")[0] == cycle and name != path]
        parts[path][1] = parts[cycle][1] - sum(finest)
    return parts
