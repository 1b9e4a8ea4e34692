"""Power diagrams: exact cells, facets, edges and corners for seeds of any weight."""

from __future__ import annotations

import numpy as np
import pytest

from microstructures.power_diagram import power_diagram

LOW, HIGH = np.array([0.5, 0.0, 0.0]), np.array([2.5, 3.0, 1.7])


def seeds(count: int, axes: int, spread: float, number: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return positions and weights as different as a share ``spread`` of the distance between seeds allows."""
    rng = np.random.default_rng(count + 10 * axes + number)
    positions = LOW[:axes] + (HIGH - LOW)[:axes] * rng.random((count, axes))
    size = (np.prod((HIGH - LOW)[:axes]) / count) ** (1.0 / axes)
    return positions, spread * size**2 * rng.random(count)


def nearest(points: np.ndarray, positions: np.ndarray, weights: np.ndarray, periodic: bool) -> np.ndarray:
    """Return the seed of least power distance, over 5 images along each periodic axis, by brute force."""
    best, owner = np.full(len(points), np.inf), np.zeros(len(points), dtype=int)
    axes = positions.shape[1]
    steps = [
        np.zeros(1),
        *([np.arange(-2, 3) * n for n in (HIGH - LOW)[1:axes]] if periodic else [np.zeros(1)] * (axes - 1)),
    ]
    for shift in np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, axes):
        power = np.sum((points[:, None] - positions - shift) ** 2, axis=2) - weights
        mine = power.argmin(axis=1)
        least = power[np.arange(len(points)), mine]
        owner[least < best], best = mine[least < best], np.minimum(best, least)
    return owner


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("spread", [0.0, 0.5])
@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_cells_have_the_volumes_that_points_count(count: int, spread: float, axes: int, periodic: bool) -> None:
    positions, weights = seeds(count, axes, spread)
    low, high = LOW[:axes], HIGH[:axes]
    diagram = power_diagram(positions, weights, low, high, periodic)
    whole = float(np.prod(high - low))
    assert diagram.volume.sum() == pytest.approx(whole, rel=1e-12)
    n = 60 if axes == 2 else 26
    cells = np.stack(np.meshgrid(*[(np.arange(n) + 0.5) / n] * axes, indexing="ij"), axis=-1).reshape(-1, axes)
    owner = nearest(low + (high - low) * cells, positions, weights, periodic)
    counted = np.bincount(owner, minlength=count) * whole / len(cells)
    # a sum over cells is off by about the square root of the number of cells that boundaries cut
    assert counted == pytest.approx(diagram.volume, abs=2.0 * whole * n ** (-0.5 * (axes + 1)))


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("axes", [2, 3])
def test_volumes_change_with_weights_as_the_facets_say(axes: int, periodic: bool) -> None:
    positions, weights = seeds(30, axes, 0.3)
    low, high = LOW[:axes], HIGH[:axes]
    diagram = power_diagram(positions, weights, low, high, periodic)
    slope = np.zeros((30, 30))
    np.add.at(slope, (diagram.seed, diagram.other), -diagram.measure / (2.0 * diagram.distance))
    np.fill_diagonal(slope, 0.0)
    np.fill_diagonal(slope, -slope.sum(axis=1))
    for one in (0, 11, 29):
        step = np.zeros(30)
        step[one] = 1e-5
        change = power_diagram(positions, weights + step, low, high, periodic).volume
        change -= power_diagram(positions, weights - step, low, high, periodic).volume
        assert change / 2e-5 == pytest.approx(slope[one], abs=1e-4 * slope[one, one])


@pytest.mark.parametrize("axes", [2, 3])
def test_centroids_of_a_lattice_are_its_points(axes: int) -> None:
    grid = np.stack(np.meshgrid(*[(np.arange(4) + 0.5) / 4.0] * axes, indexing="ij"), axis=-1).reshape(-1, axes)
    positions = LOW[:axes] + (HIGH - LOW)[:axes] * grid
    diagram = power_diagram(positions, np.full(len(grid), 0.1), LOW[:axes], HIGH[:axes], True)
    assert diagram.centroid == pytest.approx(positions, abs=1e-12)
    assert diagram.volume == pytest.approx(np.prod((HIGH - LOW)[:axes]) / 4**axes)


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_edges_of_a_flat_diagram_are_its_boundaries(periodic: bool, spread: float) -> None:
    positions, weights = seeds(40, 2, spread)
    diagram = power_diagram(positions, weights, LOW[:2], HIGH[:2], periodic)
    length = np.linalg.norm(diagram.edges[:, 1] - diagram.edges[:, 0], axis=1).sum()
    assert length == pytest.approx(0.5 * diagram.measure[diagram.seed != diagram.other].sum(), rel=1e-9)
    if periodic:  # Euler: three edges end in each junction, those at the two ends of the box in one only
        at_ends = np.count_nonzero(
            np.isclose(diagram.edges[..., 0], LOW[0]) | np.isclose(diagram.edges[..., 0], HIGH[0])
        )
        assert 2 * len(diagram.edges) == 3 * len(diagram.junctions) + at_ends


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_along_triple_lines_three_cells_are_equally_near(periodic: bool, spread: float) -> None:
    positions, weights = seeds(40, 3, spread)
    diagram = power_diagram(positions, weights, LOW, HIGH, periodic)
    assert len(diagram.edges) > 100
    for share in (0.1, 0.6):
        points = diagram.edges[:, 0] + share * (diagram.edges[:, 1] - diagram.edges[:, 0])
        steps = [np.arange(-1, 2) * n if periodic else np.zeros(1) for n in (HIGH - LOW)[1:]]
        shifts = [np.array([0.0, a, b]) for a in steps[0] for b in steps[1]]
        power = [np.sum((points[:, None] - positions - shift) ** 2, axis=2) - weights for shift in shifts]
        least = np.sort(np.concatenate(power, axis=1), axis=1)
        assert least[:, 2] == pytest.approx(least[:, 0], abs=1e-9)
        assert np.all(least[:, 3] > least[:, 0] + 1e-12)


def test_a_seed_too_light_for_a_cell_has_none() -> None:
    positions = np.array([[1.0, 1.0], [1.1, 1.0], [2.0, 2.0]])
    diagram = power_diagram(positions, np.array([1.0, 0.0, 1.0]), LOW[:2], HIGH[:2], True)
    assert diagram.volume[1] == 0.0 and not np.any(diagram.seed == 1)
    assert diagram.volume.sum() == pytest.approx(np.prod((HIGH - LOW)[:2]))


def test_weights_shift_the_ends_of_cells_along_a_line() -> None:
    diagram = power_diagram(np.array([[0.2], [0.8]]), np.array([0.0, 0.06]), np.zeros(1), np.ones(1), False)
    assert diagram.volume == pytest.approx([0.45, 0.55])
    assert diagram.centroid[:, 0] == pytest.approx([0.225, 0.725])
    assert diagram.offset == pytest.approx([0.25, 0.35])
