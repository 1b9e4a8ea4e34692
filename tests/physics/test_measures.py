"""Measures of synthetic metal whose depth, volume and connection are known beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from phasefield import measures
from phasefield.grid import Grid

UM = 1e-6
WIDTH = 0.6 * UM


def tanh_profile(distance: np.ndarray) -> np.ndarray:
    """Return ξ of metal where ``distance`` < 0 [m]."""
    return 0.5 * (1.0 - np.tanh(distance / (2.0 * WIDTH)))


def grid_2d(lateral: str = "periodic") -> Grid:
    return Grid((80, 60), (0.4 * UM, 0.3 * UM), lateral)  # type: ignore[arg-type]


def electrode(grid: Grid, plane: float) -> np.ndarray:
    return tanh_profile(grid.meshgrid()[0] - plane)


def split(metal_fraction: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    return measures.split_metal(metal_fraction, measures.conducting_region(metal_fraction, grid.lateral))


def dead(metal_fraction: np.ndarray, theta: np.ndarray, grid: Grid) -> float:
    conducting = measures.conducting_region(metal_fraction, grid.lateral)
    return measures.dead_volume(metal_fraction, conducting, theta, grid, 4.0 * UM)


def test_depth_of_a_planar_front_does_not_feel_the_cells() -> None:
    grid = grid_2d()
    for position in np.linspace(5.0, 9.0, 37) * UM:
        metal_fraction = electrode(grid, position)
        connected, isolated = split(metal_fraction, grid)
        depth = measures.penetration_depth(metal_fraction, connected, grid, 4.0 * UM)
        assert depth == pytest.approx(position - 4.0 * UM, abs=0.01 * grid.spacing[0])
        assert not isolated.any()


def test_an_isolated_disc_is_told_from_the_electrode() -> None:
    grid = grid_2d()
    x, y = grid.meshgrid()
    disc = tanh_profile(np.hypot(x - 20.0 * UM, y - 9.0 * UM) - 3.0 * UM)
    metal_fraction = np.maximum(electrode(grid, 4.0 * UM), disc)
    connected, isolated = split(metal_fraction, grid)
    assert measures.penetration_depth(metal_fraction, connected, grid, 4.0 * UM) == pytest.approx(0.0, abs=0.02 * UM)
    assert measures.penetration_depth(metal_fraction, isolated, grid, 4.0 * UM) == pytest.approx(
        19.0 * UM, abs=0.1 * UM
    )
    theta = np.full(grid.shape, 0.25)
    volume = measures.metal_volume(isolated, theta, grid, 4.0 * UM)
    assert volume == pytest.approx(0.25 * np.pi * (3.0 * UM) ** 2 / (18.0 * UM), rel=0.02)
    assert measures.metal_volume(connected, theta, grid, 4.0 * UM) == 0.0


def test_dead_metal_counts_with_its_fraction_wherever_electrons_do_not_reach_it() -> None:
    grid = grid_2d()
    x, y = grid.meshgrid()
    disc = tanh_profile(np.hypot(x - 20.0 * UM, y - 9.0 * UM) - 3.0 * UM)
    theta, front = np.full(grid.shape, 0.25), electrode(grid, 4.0 * UM)
    area = np.pi * ((3.0 * UM) ** 2 + (np.pi * WIDTH) ** 2 / 3.0)  # of the tanh profile, its tail included
    for share in (1.0, 0.1):  # a tenth of it is metal nowhere, and still there
        metal_fraction = np.maximum(front, share * disc)
        volume = dead(metal_fraction, theta, grid)
        assert volume == pytest.approx(0.25 * share * area / (18.0 * UM), rel=0.03)
    assert dead(front, theta, grid) == 0.0
    bridged = np.maximum(metal_fraction, 0.0012 * (np.abs(y - 9.0 * UM) < 0.5 * UM))
    assert dead(bridged, theta, grid) == 0.0


@pytest.mark.parametrize("lateral", ["periodic", "mirror"])
def test_a_finger_across_the_periodic_side_is_connected_through_it(lateral: str) -> None:
    """Its root is on one side of the box, its tip on the other: connected only where the sides are one."""
    grid = grid_2d(lateral)
    metal_fraction = electrode(grid, 4.0 * UM)
    metal_fraction[:40, -2:] = 1.0
    metal_fraction[38:60, :2] = 1.0
    connected, isolated = split(metal_fraction, grid)
    depths = [measures.penetration_depth(metal_fraction, m, grid, 4.0 * UM) for m in (connected, isolated)]
    root, tip = 40 * 0.4 * UM - 4.0 * UM, 60 * 0.4 * UM - 4.0 * UM
    if lateral == "periodic":
        assert depths == pytest.approx([tip, 0.0], abs=0.01 * UM)
    else:
        assert depths == pytest.approx([root, tip], abs=0.01 * UM)


def test_cells_that_touch_at_a_corner_are_apart() -> None:
    grid = Grid((6, 6), (UM, UM), "mirror")
    metal_fraction = np.zeros(grid.shape)
    metal_fraction[0:2, 2] = 1.0
    metal_fraction[2:4, 3] = 1.0
    connected, isolated = split(metal_fraction, grid)
    assert connected.sum() == 2
    assert isolated.sum() == 2


def test_depth_is_zero_without_metal_and_behind_the_plane() -> None:
    grid = grid_2d()
    none = np.zeros(grid.shape)
    connected, isolated = split(none, grid)
    assert measures.penetration_depth(none, connected, grid, 0.0) == 0.0
    stripped = electrode(grid, 2.0 * UM)
    connected, isolated = split(stripped, grid)
    assert measures.penetration_depth(stripped, connected, grid, 4.0 * UM) == 0.0
    assert measures.penetration_depth(stripped, isolated, grid, 4.0 * UM) == 0.0


def test_overhang_counts_with_its_own_end() -> None:
    """A body whose column is interrupted: the farther end is the depth."""
    grid = Grid((20, 3), (UM, UM), "mirror")
    metal_fraction = np.zeros(grid.shape)
    metal_fraction[:3] = 1.0
    metal_fraction[:15, 0] = 1.0
    metal_fraction[12:15, 1] = 1.0
    metal_fraction[15, 1] = 0.25
    connected, _ = split(metal_fraction, grid)
    expected = 14.5 * UM + UM * 0.5 / 0.75
    assert measures.penetration_depth(metal_fraction, connected, grid, 0.0) == pytest.approx(expected)


def test_short_needs_connected_metal_in_the_last_layer() -> None:
    grid = Grid((10, 5), (UM, UM))
    metal_fraction = np.zeros(grid.shape)
    metal_fraction[0] = 1.0
    metal_fraction[5:, 2] = 1.0
    _, isolated = split(metal_fraction, grid)
    assert not measures.is_short(measures.conducting_region(metal_fraction, grid.lateral))
    assert measures.penetration_depth(metal_fraction, isolated, grid, 1.0 * UM) == pytest.approx(9.0 * UM)
    metal_fraction[1:9, 4] = 1.0
    connected, _ = split(metal_fraction, grid)
    assert connected[8].any()
    assert not measures.is_short(measures.conducting_region(metal_fraction, grid.lateral))
    metal_fraction[9, 4] = 0.01  # its tail conducts, though it is not metal
    assert measures.is_short(measures.conducting_region(metal_fraction, grid.lateral))
    metal_fraction[9, 4] = 1e-3
    assert not measures.is_short(measures.conducting_region(metal_fraction, grid.lateral))


def test_a_neck_with_a_dip_connects() -> None:
    grid = Grid((10, 5), (UM, UM))
    metal_fraction = np.zeros(grid.shape)
    metal_fraction[:6, 2] = 1.0
    metal_fraction[3, 2] = 0.3
    connected, isolated = split(metal_fraction, grid)
    assert connected[5, 2]
    assert not connected[3, 2]
    assert not isolated.any()


def test_volume_beyond_a_plane_inside_a_cell_counts_the_part_beyond() -> None:
    grid = Grid((10, 4), (UM, 2.0 * UM))
    metal = np.zeros(grid.shape, dtype=bool)
    metal[:5, :2] = True
    theta = np.where(np.arange(10)[:, None] < 4, 1.0, 0.5) * np.ones(grid.shape)
    # columns 0 and 1 of 4 hold 3.25 to 4 um in full and 1 um at theta = 0.5
    assert measures.metal_volume(metal, theta, grid, 3.25 * UM) == pytest.approx(0.5 * (0.75 + 0.5) * UM)
    assert measures.metal_volume(metal, theta, grid, 0.0) == pytest.approx(0.5 * (4.0 + 0.5) * UM)


def test_share_inside_boundaries_and_pores_is_weighted_with_theta() -> None:
    grid = Grid((10, 4), (UM, UM))
    metal = np.zeros(grid.shape, dtype=bool)
    metal[:, 0] = True
    metal[5:, 1] = True
    theta = np.full(grid.shape, 0.2)
    theta[:, 1] = 0.1
    boundary = np.zeros(grid.shape)
    boundary[:, 0] = 0.6
    pore = np.zeros(grid.shape)
    pore[9, 1] = 0.5
    region = measures.boundary_or_pore(boundary, pore)
    # beyond 2 um: 8 boundary cells at 0.2, 1 pore cell and 4 others at 0.1
    assert measures.share_inside(region, metal, theta, grid, 2.0 * UM) == pytest.approx((1.6 + 0.1) / (1.6 + 0.5))
    assert np.isnan(measures.share_inside(region, np.zeros_like(metal), theta, grid, 2.0 * UM))


def test_filled_share_of_the_boundaries_looks_behind_the_tip_only() -> None:
    grid = Grid((20, 6), (UM, UM))
    boundary = np.zeros(grid.shape)
    boundary[:, 1] = 1.0
    boundary[:, 4] = 1.0
    metal_fraction = np.zeros(grid.shape)
    metal_fraction[:2] = 1.0
    metal_fraction[:12, 1] = 1.0
    assert measures.filled_boundary_share(metal_fraction, boundary, grid, 2.0 * UM, 10.0 * UM) == pytest.approx(0.5)
    assert measures.filled_boundary_share(metal_fraction, boundary, grid, 2.0 * UM, 12.0 * UM) == pytest.approx(10 / 24)
    assert measures.filled_boundary_share(metal_fraction, boundary, grid, 2.0 * UM, 20.0 * UM) == pytest.approx(10 / 36)
    assert np.isnan(measures.filled_boundary_share(metal_fraction, boundary, grid, 2.0 * UM, 0.0))


def test_tip_speed_is_that_of_the_last_micrometre() -> None:
    path: list[tuple[float, float]] = []
    assert measures.tip_speed(path, 0.0, 0.0) == 0.0
    for time in np.arange(1.0, 101.0):  # 0.1 um/s for 10 um
        speed = measures.tip_speed(path, time, 0.1 * UM * time)
    assert speed == pytest.approx(0.1 * UM)
    for time in np.arange(101.0, 106.0):  # then 0.3 um/s: after 1.5 um only this is left
        speed = measures.tip_speed(path, time, 10.0 * UM + 0.3 * UM * (time - 100.0))
    assert speed == pytest.approx(0.3 * UM)
    speed = measures.tip_speed(path, 1105.0, 11.5 * UM)  # at rest for 1000 s
    assert speed == pytest.approx(UM / (1000.0 + 1.0 / 0.3))


def test_tip_speed_before_the_first_micrometre_and_on_retreat() -> None:
    path: list[tuple[float, float]] = []
    measures.tip_speed(path, 10.0, 2.0 * UM)
    assert measures.tip_speed(path, 12.0, 2.5 * UM) == pytest.approx(0.25 * UM)
    for time in np.arange(13.0, 33.0):
        speed = measures.tip_speed(path, time, 2.5 * UM - 0.1 * UM * (time - 12.0))
    assert speed == pytest.approx(-0.1 * UM)


def test_one_dimension() -> None:
    grid = Grid((50, 1), (0.4 * UM, UM))
    metal_fraction = electrode(grid, 6.1 * UM)
    connected, _ = split(metal_fraction, grid)
    assert measures.penetration_depth(metal_fraction, connected, grid, 4.0 * UM) == pytest.approx(2.1 * UM, abs=5e-9)
