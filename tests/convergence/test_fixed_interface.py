"""At a given interface width the grid does not matter: metal in a boundary is as deep on cells half as large."""

from __future__ import annotations

import numpy as np
import pytest

import phasefield as pf

CHARGE = 0.05  # [mAh/cm^2]


def depth(cell: float) -> float:
    """Return how deep metal is in the boundary of a bicrystal [um], on cells of ``cell`` [um]."""
    overrides = {
        "grid.size": '["24 um", "12 um"]',
        "grid.spacing": f"{cell} um",
        "metal.interface_width": "0.4 um",
        "solver.front_travel": "0.06 um",
        "electrodes.working_thickness": "4.8 um",
        "protocol.capacity": f"{CHARGE} mAh/cm^2",
        "output.fields": '["metal_fraction"]',
    }
    history = pf.run(pf.load_case("bicrystal", overrides), out=None).history
    return float(np.interp(CHARGE, history["capacity_mAh_cm2"], history["penetration_depth_connected_um"]))


@pytest.mark.ci
def test_depth_in_a_boundary_on_two_grids() -> None:
    coarse, fine = depth(0.4), depth(0.2)
    assert coarse > 4.0
    assert fine == pytest.approx(coarse, rel=0.02)  # 4.5 % with a profile flux that is backward diffusion, and growing
