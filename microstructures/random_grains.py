"""Random grains: Voronoi cells, cells of given sizes (Laguerre), and cells of given centres; equiaxed or elongated."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.linalg import spsolve
from scipy.spatial import cKDTree
from scipy.special import ndtri

from microstructures.draws import uniform
from microstructures.power_diagram import PowerDiagram, power_diagram
from microstructures.tessellation import Facets, Tessellation, axes_with_grains, ceramic_box, from_facets
from phasefield.grid import Grid

SEED_STREAM, SIZE_STREAM = 0, 4
UNIT_GRAIN = {1: 1.0, 2: 0.25 * np.pi, 3: np.pi / 6.0}  # a ball of diameter 1, by the number of axes
VOLUME_ERROR = 1e-4  # of a cell, of what was asked for
ROUGH_ERROR = 0.01  # before a Lloyd step
FIT_STEPS = 60
LAST_BITS = 2.0**30  # rounding hides the last bits, in which machines differ
LARGEST_GRAIN = 10.0  # of the box, which is one grain then; in units of a much larger one rounding would hide it
NEAREST = 1e-6  # of the grain size: a centre nearer to a mirror coincides with its image
AXES = "xyz"


def voronoi(
    grid: Grid,
    electrode_plane: float,
    grain_size: float,
    seed: int = 1,
    relaxation: int = 2,
    *,
    elongation: float = 1.0,
    elongation_axis: str = "x",
) -> Tessellation:
    """Return Voronoi grains; they depend on the box, the grain size and the seed, not on the grid's resolution.

    Parameters
    ----------
    grain_size : mean grain diameter [m]: that of the ball (2-D: circle) with the mean grain's volume; the mean
        length in 1-D.
    seed : of the random positions, >= 0.
    relaxation : Lloyd steps (each seed moves to its cell's centroid): 0 is Poisson-Voronoi, more is more even.
    elongation : of columnar grains, length along ``elongation_axis`` over width, at equal volume.

    Laterally the grains are periodic or end at the sides (``grid.lateral``); along x they end at the ceramic.
    Along a lateral axis of one cell nothing changes.
    """
    box = _Box(grid, electrode_plane, grain_size, elongation, elongation_axis)
    if relaxation < 0:
        raise ValueError(f"relaxation must be >= 0, not {relaxation}")
    count = max(1, round(box.volume / UNIT_GRAIN[box.axes]))
    positions, weights = box.draw(count, seed), np.zeros(count)
    for _ in range(relaxation):
        positions = _rounded(power_diagram(positions, weights, box.low, box.high, box.periodic).centroid)
    return box.tessellation(positions, weights)


def laguerre(
    grid: Grid,
    electrode_plane: float,
    grain_size: float,
    log_width: float,
    seed: int = 1,
    relaxation: int = 2,
    *,
    elongation: float = 1.0,
    elongation_axis: str = "x",
) -> Tessellation:
    """Return grains whose diameters follow a log-normal distribution; other arguments as in `voronoi`.

    The diameter of a grain is that of the ball (2-D: circle) with its volume. ``grain_size`` is the mean diameter and
    ``log_width`` the standard deviation of its logarithm. Every grain is given a quantile of the distribution and has its
    volume to ``VOLUME_ERROR``: the weights of the power diagram are found by Newton's method (Kitagawa, Merigot and
    Thibert 2019), and a Lloyd step moves seeds to the centroids of cells that keep their volumes (Bourne et al. 2020).
    """
    if not 0.0 <= log_width <= 1.0 or relaxation < 0:
        raise ValueError(
            f"the diameters' log_width must lie between 0 and 1, and relaxation be >= 0, not {log_width:g}, {relaxation}"
        )
    box = _Box(grid, electrode_plane, grain_size, elongation, elongation_axis)
    axes = box.axes
    mean_volume = UNIT_GRAIN[axes] * math.exp(0.5 * axes * (axes - 1) * log_width**2)  # of diameters of mean 1
    count = max(1, round(box.volume / mean_volume))
    volumes = np.exp(axes * log_width * ndtri((np.arange(count) + 0.5) / count))
    volumes = volumes[np.argsort(uniform(seed, SIZE_STREAM, count), kind="stable")]
    volumes *= box.volume / volumes.sum()
    positions = box.draw(count, seed)
    # two steps with equal sizes take seeds apart that lie close together, which Newton's method would have to
    for _ in range(2):
        positions = _rounded(power_diagram(positions, np.zeros(count), box.low, box.high, box.periodic).centroid)
    for step in range(relaxation + 1):
        weights, diagram = _fit(positions, volumes, box, VOLUME_ERROR if step == relaxation else ROUGH_ERROR)
        if step < relaxation:
            positions = _rounded(diagram.centroid)
    return box.tessellation(positions, _rounded(weights))


def grains_of_centres(
    grid: Grid, electrode_plane: float, centres: np.ndarray, radii: np.ndarray | None = None
) -> Tessellation:
    """Return the Voronoi grains of given centres ``(n, axes)`` [m], or with ``radii`` ``(n,)`` [m] the power diagram.

    Raises
    ------
    ValueError : for centres outside of the ceramic, on its sides, on top of each other, or so much smaller than a neighbour that they get
        no grain.
    """
    lower, upper = ceramic_box(grid, electrode_plane)
    centres = np.asarray(centres, dtype=float)
    if centres.ndim != 2 or centres.shape[1] != lower.size or len(centres) == 0:
        raise ValueError(f"centres of grains need {lower.size} coordinates each, not an array of shape {centres.shape}")
    outside = np.flatnonzero(~np.all((centres >= lower) & (centres <= upper), axis=1))
    if outside.size:
        where = ", ".join(f"{1e6 * c:.4g}" for c in centres[outside[0]])
        raise ValueError(
            f"{outside.size} of {len(centres)} centres lie outside of the ceramic, the first at {where} um"
        )
    if radii is not None and not np.all((np.asarray(radii) >= 0.0) & (np.asarray(radii) <= np.linalg.norm(upper))):
        raise ValueError("radii of grains must not be negative, or larger than the box")
    if len(np.unique(np.round(centres / upper.max(), 9), axis=0)) < len(centres):
        raise ValueError("two grains have the same centre")
    size = float((np.prod((upper - lower)[axes_with_grains(grid)]) / len(centres)) ** (1.0 / lower.size))
    box = _Box(grid, electrode_plane, size, 1.0, "x")
    _refuse_on_mirrors(np.minimum(centres - lower, upper - centres) / size, box)
    positions = centres[:, box.active] / size
    weights = np.zeros(len(centres)) if radii is None else (np.asarray(radii) / size) ** 2
    volume = power_diagram(positions, weights, box.low, box.high, box.periodic).volume
    if np.any(volume <= 0.0):
        raise ValueError(f"grain {int(np.argmin(volume)) + 1} of the list gets no room beside its larger neighbours")
    return box.tessellation(positions, weights)


def _refuse_on_mirrors(gaps: np.ndarray, box: _Box) -> None:
    """Refuse centres that coincide with their mirror image; ``gaps``: to the nearer side, in grain sizes."""
    mirrors = box.active.copy()
    mirrors[1:] &= not box.periodic
    on = np.flatnonzero(np.any(gaps[:, mirrors] < NEAREST, axis=1))
    if on.size:
        raise ValueError(f"the centre of grain {on[0] + 1} lies on a side of the ceramic: move it inside")


class _Box:
    """The ceramic in units of the grain size, stretched so that grains are equiaxed.

    ``scale`` : stretched units per metre, per axis with grains.
    """

    def __init__(self, grid: Grid, electrode_plane: float, grain_size: float, elongation: float, along: str) -> None:
        lower, upper = ceramic_box(grid, electrode_plane)
        self.grid, self.active = grid, axes_with_grains(grid)
        self.axes = int(self.active.sum())
        self.periodic = grid.lateral == "periodic"
        self.middle = 0.5 * (lower + upper)
        if grain_size <= 0.0 or elongation <= 0.0:
            raise ValueError(f"grain_size and elongation must be positive, not {grain_size:g} and {elongation:g}")
        if along not in AXES[: lower.size]:
            raise ValueError(f"there is no axis {along} in {lower.size} dimensions along which grains could be long")
        grain_size = min(grain_size, LARGEST_GRAIN * float((upper - lower).max()))
        stretch = np.full(lower.size, elongation ** (1.0 / max(self.axes, 1)))
        stretch[AXES.index(along)] /= elongation
        self.scale = stretch[self.active] / grain_size if elongation != 1.0 else np.full(self.axes, 1.0 / grain_size)
        self.low, self.high = lower[self.active] * self.scale, upper[self.active] * self.scale
        self.volume = float(np.prod(self.high - self.low))

    def draw(self, count: int, seed: int) -> np.ndarray:
        """Draw seeds evenly over the box, ``(count, axes)``."""
        numbers = max(2, self.axes)
        drawn = uniform(seed, SEED_STREAM, numbers * count).reshape(count, numbers)
        return np.asarray(self.low + (self.high - self.low) * drawn[:, : self.axes])

    def tessellation(self, positions: np.ndarray, weights: np.ndarray) -> Tessellation:
        """Return the grains of seeds in metres, with the axes of the grid."""
        diagram = power_diagram(positions, weights, self.low, self.high, self.periodic)
        grid, active, scale = self.grid, self.active, self.scale
        stretched = diagram.normal * scale  # of a plane seen in metres, and its length
        length = np.linalg.norm(stretched, axis=1)
        normal = np.zeros((length.size, active.size))
        normal[:, active] = stretched / length[:, None]
        thickness = float(np.prod(np.array(grid.lengths)[~active]))
        facets = Facets(
            cell=diagram.seed,
            neighbour=diagram.other + 1,
            normal=normal,
            offset=diagram.offset / length,
            area=diagram.measure * length / np.prod(scale) * thickness,
        )
        # the nearest seed in power distance: lift seeds by what they are lighter than the heaviest
        periods = (self.high - self.low)[1:]
        shifts = [(0.0,), *((0.0, -n, n) if self.periodic else (0.0,) for n in periods)]
        images = np.concatenate([positions + np.array(shift) for shift in product(*shifts)])
        lifted = np.tile(np.sqrt(weights.max() - weights), len(images) // len(positions))
        tree = cKDTree(np.concatenate([images, lifted[:, None]], axis=1))
        centres = self._in_metres(images)

        def locate(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            flat = np.concatenate([points[:, active] * scale, np.zeros((len(points), 1))], axis=1)
            _, nearest = tree.query(flat)
            return nearest % len(positions), points - centres[nearest]

        return from_facets(
            np.arange(len(positions)) + 1,
            facets,
            self._in_metres(diagram.junctions),
            self._in_metres(diagram.edges),
            diagram.volume / np.prod(scale) * thickness,
            locate,
        )

    def _in_metres(self, places: np.ndarray) -> np.ndarray:
        """Return places ``(…, axes with grains)`` with the axes of the grid, in the middle of the others [m]."""
        whole = np.broadcast_to(self.middle, (*places.shape[:-1], self.middle.size)).copy()
        whole[..., self.active] = places / self.scale
        return whole


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.round(values * LAST_BITS) / LAST_BITS


def _fit(positions: np.ndarray, volumes: np.ndarray, box: _Box, allowed: float) -> tuple[np.ndarray, PowerDiagram]:
    """Return the weights with which the cells have the given volumes, and their diagram: damped Newton steps.

    They begin with equal weights, where every seed has a cell. dV_i / dw_j = -A_ij / (2 d_ij): symmetric, one weight is free. Steps are halved until every cell keeps half of the
    least volume, so that none vanishes, and the error falls.
    """
    weights = np.zeros(len(positions))
    diagram = power_diagram(positions, weights, box.low, box.high, box.periodic)
    least = 0.5 * min(float(diagram.volume.min()), float(volumes.min()))
    count = len(positions)
    for _ in range(FIT_STEPS):
        error = diagram.volume - volumes
        if np.all(np.abs(error) <= allowed * volumes):
            return weights, diagram
        slope = diagram.measure / (2.0 * diagram.distance)
        diagonal = np.bincount(diagram.seed, slope, count)
        rows = np.concatenate([diagram.seed, np.arange(count)])
        columns = np.concatenate([diagram.other, np.arange(count)])
        matrix = coo_array((np.concatenate([-slope, diagonal]), (rows, columns)), shape=(count, count)).tocsc()
        change = np.zeros(count)
        change[1:] = spsolve(matrix[1:, 1:], -error[1:])
        share = 1.0
        while True:
            trial = weights + share * change
            trial -= trial.max()
            found = power_diagram(positions, trial, box.low, box.high, box.periodic)
            better = np.linalg.norm(found.volume - volumes) <= (1.0 - 0.5 * share) * np.linalg.norm(error)
            if found.volume.min() >= least and better:
                break
            share *= 0.5
            if share < 1e-6:
                raise ValueError(
                    "no cells of the sizes asked for fit into the box: take a smaller log_width or more grains"
                )
        weights, diagram = trial, found
    raise ValueError(
        f"the sizes of the grains were not met in {FIT_STEPS} steps: take a smaller log_width or more grains"
    )
