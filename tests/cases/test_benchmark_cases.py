"""The benchmark cases: the physics of the main cases, and grids that refine one another."""

from __future__ import annotations

import numpy as np
import pytest

from phasefield.case import load_case
from phasefield.case.model import Case
from phasefield.setup import build_setup


@pytest.mark.parametrize(
    ("name", "model", "size", "cells"),
    [
        ("benchmark_square", "llzo_grain_boundary", "51.2 um", (128, 128)),
        ("benchmark_cube", "llzo_3d", "25.6 um", (64, 64, 64)),
    ],
)
def test_the_physics_is_that_of_a_main_case(name: str, model: str, size: str, cells: tuple[int, ...]) -> None:
    case, other = load_case(name), load_case(model, {"grid.size": str([size] * len(cells)).replace("'", '"')})
    assert case.grid.shape == cells

    def sections(of: Case) -> dict[str, object]:
        left_out = {"question", "output", "name", "source", "source_text"}
        return {key: value for key, value in of.model_dump().items() if key not in left_out}

    assert sections(case) == sections(other)


def test_a_finer_square_refines_the_same_ceramic() -> None:
    coarse, fine = (
        build_setup(load_case("benchmark_square", {"grid.spacing": spacing})) for spacing in ("0.4 um", "0.2 um")
    )
    assert fine.problem.grid.shape == (256, 256)
    assert fine.problem.metal == coarse.problem.metal

    def halved(values: np.ndarray) -> np.ndarray:
        return values.reshape(128, 2, 128, 2).mean(axis=(1, 3))

    for name, bound in (("grain_boundary_fraction", 0.02), ("pore_fraction", 0.005)):
        difference = np.abs(halved(getattr(fine.structure, name)) - getattr(coarse.structure, name))
        assert difference.mean() < bound, name
    shared = halved(fine.problem.initial_metal_fraction) - coarse.problem.initial_metal_fraction
    assert np.abs(shared).max() < 0.02
