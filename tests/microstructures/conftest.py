"""What a microstructure on a grid stands for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from microstructures import Microstructure


@pytest.fixture
def sheet_area() -> Callable[[Microstructure], float]:
    """Return a function for the area of all boundaries that the faces stand for: Σ face area / |n|_1 [m^2] (2-D: [m])."""

    def area(made: Microstructure) -> float:
        total = 0.0
        for axis, weight in enumerate(made.sheet_weight):
            inner = np.moveaxis(weight, axis, 0)[:-1]  # the last face is the first again, or closed
            total += made.grid.face_area(axis) * np.sum(1.0 / inner[inner > 0.0])
        return total

    return area
