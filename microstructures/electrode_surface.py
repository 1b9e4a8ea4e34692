"""The working electrode's surface: flat, rough or with protrusions, and seeds of metal inside the ceramic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from microstructures.coverage import Bodies, balls
from microstructures.draws import uniform_at
from microstructures.tessellation import axes_with_grains, ceramic_box
from phasefield.grid import Grid

SURFACE_STREAM = 3000
LAST_BITS = 2.0**30  # rounding hides the last bits, in which machines differ
# shortest waves in correlation lengths: of a Gaussian spectrum, of which 5e-5 is left there, and of a self-affine one
GAUSSIAN_SHORTEST, SELF_AFFINE_SHORTEST = 1.0, 0.25
LEAST_CELLS = 2.0  # that a hill or a valley is wide


@dataclass(frozen=True)
class Protrusion:
    """A smooth hill of metal, height cos²(π r / width).

    ``place`` : across the current, ``(y,)`` or ``(y, z)`` [m]; ``height`` above the plane [m]; ``width`` at its foot [m].
    """

    place: tuple[float, ...]
    height: float
    width: float


@dataclass(frozen=True)
class MetalSeed:
    """A ball of metal inside the ceramic: ``place``, one length per axis of the grid, and ``radius`` [m]."""

    place: tuple[float, ...]
    radius: float


@dataclass(frozen=True)
class Surface:
    """The height of the electrode above its plane on columns of cells; surfaces can be added.

    ``height`` : ``grid.shape[1:]`` [m]; ``gradient`` : its slope along each lateral axis, ``(axes - 1, *grid.shape[1:])``.
    """

    height: np.ndarray
    gradient: np.ndarray

    def __add__(self, other: Surface) -> Surface:
        return Surface(self.height + other.height, self.gradient + other.gradient)


def rough_surface(grid: Grid, rms: float, correlation_length: float, seed: int, hurst: float | None = None) -> Surface:
    """Draw a random rough surface; it depends on the box and the seed, not on the grid's resolution.

    It is a sum of the box's own waves with random phases keyed on their numbers: periodic as the box is, or even about
    its mirror sides. Its mean, 0, and its root mean square are met exactly.

    Parameters
    ----------
    rms : root mean square of the height [m].
    correlation_length : ξ, over which heights forget each other [m].
    hurst : H of a self-affine surface, whose spectrum is (1 + (k ξ)²)^-(H + n/2) for n lateral axes (Persson et al. 2005) down
        to waves of ξ/4; None for a Gaussian spectrum exp(-(k ξ/2)²), of which heights correlate as exp(-(r/ξ)²).

    Raises
    ------
    ValueError : if hills are thinner than 2 cells, or wider than the box.
    """
    shortest = _shortest_wave(grid, rms, correlation_length, hurst)
    waves = [_wave_numbers(grid, axis, shortest) for axis in range(1, len(grid.shape))]
    (first, base_first), (second, base_second) = [*waves, (np.zeros(1, dtype=int), 0.0)][:2]
    square = (first[:, None] * base_first) ** 2 + (second * base_second) ** 2
    amplitude = _amplitudes(grid, first, second, square, shortest, seed)
    relative = square * correlation_length**2
    if hurst is None:
        amplitude *= np.exp(-0.125 * relative)
    else:
        amplitude *= (1.0 + relative) ** (-0.5 * (hurst + 0.5 * np.count_nonzero(axes_with_grains(grid)[1:])))
    mirror = grid.lateral == "mirror"
    # the mean square of a wave is 1/2, of a product of cosines along both axes 1/4
    halves = (first[:, None] != 0).astype(int) + (second != 0) if mirror else np.ones(square.shape)
    amplitude *= rms / np.sqrt(np.sum(np.abs(amplitude) ** 2 * 0.5**halves))
    along, along_slope = _waves(grid, 1, first * base_first)
    across, across_slope = _waves(grid, 2, second * base_second)
    shape = grid.shape[1:]
    slopes = (along_slope @ amplitude @ across.T, along @ amplitude @ across_slope.T)[: len(shape)]
    height = _rounded((along @ amplitude @ across.T).real.reshape(shape), grid)
    return Surface(height, np.stack([slope.real.reshape(shape) for slope in slopes]))


def protrusions(grid: Grid, hills: Sequence[Protrusion]) -> Surface:
    """Return a flat surface with hills; where they overlap their heights add up. Refuse hills thinner than 2 cells."""
    made = Surface(np.zeros(grid.shape[1:]), np.zeros((len(grid.shape) - 1, *grid.shape[1:])))
    for hill in hills:
        made = made + _hill(hill, grid)
    return made


def check_surface(surface: Surface, grid: Grid, electrode_plane: float) -> None:
    """Refuse a surface that comes nearer than 2 cells to the ends of the box."""
    ceramic_box(grid, electrode_plane)
    low, high = electrode_plane + float(surface.height.min()), electrode_plane + float(surface.height.max())
    room = LEAST_CELLS * grid.spacing[0] * (1.0 - 1e-9)
    if low < room or high > grid.lengths[0] - room:
        raise ValueError(
            f"the electrode's surface reaches from {low * 1e6:.3g} to {high * 1e6:.3g} um along x, and must stay 2 cells inside "
            f"the box of {grid.lengths[0] * 1e6:g} um: take a thicker electrode, or less height"
        )


def electrode_distance(grid: Grid, electrode_plane: float, surface: Surface) -> np.ndarray:
    """Return the signed distance from the electrode's surface [m], ``grid.shape``, > 0 in the metal.

    (h - x) / sqrt(1 + |grad h|²): exact on the surface to first order, and of the right sign everywhere.
    """
    steepness = np.sqrt(1.0 + np.sum(surface.gradient**2, axis=0))
    x = grid.centres(0).reshape((-1,) + (1,) * surface.height.ndim)
    return (electrode_plane + surface.height - x) / steepness


def seed_bodies(seeds: Sequence[MetalSeed], grid: Grid, electrode_plane: float, surface: Surface | None) -> Bodies:
    """Return the balls of metal seeds.

    Raises
    ------
    ValueError : for seeds that are not wholly inside the ceramic, that touch, or thinner than 2 cells.
    """
    front = electrode_plane + (np.zeros(grid.shape[1:]) if surface is None else surface.height)
    for seed in seeds:
        _check_seed(seed, grid, front)
    centres = np.array([seed.place for seed in seeds]).reshape(-1, len(grid.shape))
    radii = np.array([seed.radius for seed in seeds])
    for n in range(1, len(seeds)):
        apart = np.linalg.norm(_nearest_image(centres[:n] - centres[n], grid), axis=1)
        if np.any(apart <= radii[:n] + radii[n]):
            raise ValueError(f"the metal seed at {_um(centres[n])} um touches another one: move it, or make them one")
    return balls(centres, radii)


def _rounded(height: np.ndarray, grid: Grid) -> np.ndarray:
    scale = grid.lengths[0] / LAST_BITS
    return np.round(height / scale) * scale


def _nearest_image(steps: np.ndarray, grid: Grid) -> np.ndarray:
    """Return steps ``(n, axes)`` to the nearest periodic images [m]; 0 along axes of one cell."""
    steps = np.where(axes_with_grains(grid), steps, 0.0)
    if grid.lateral == "periodic":
        lengths = np.array(grid.lengths[1:])
        steps[:, 1:] -= np.round(steps[:, 1:] / lengths) * lengths
    return steps


def _columns(grid: Grid) -> np.ndarray:
    """Return the places of the columns of cells, ``(columns, axes)`` [m], at x = 0."""
    lateral = np.meshgrid(*(grid.centres(axis) for axis in range(1, len(grid.shape))), indexing="ij")
    return np.stack([np.zeros(lateral[0].size), *(c.ravel() for c in lateral)], axis=1)


def _um(place: np.ndarray) -> str:
    return "(" + ", ".join(f"{1e6 * p:.4g}" for p in place) + ")"


def _check_place(place: tuple[float, ...], first: int, grid: Grid, what: str) -> np.ndarray:
    """Return a place as an array; refuse one with another number of coordinates, or outside of the box."""
    lengths = np.array(grid.lengths[first:])
    if len(place) != lengths.size:
        raise ValueError(f"{what} needs {lengths.size} coordinates for its place, not {len(place)}")
    here = np.array(place, dtype=float)
    if np.any(here < 0.0) or np.any(here > lengths):
        raise ValueError(f"{what} at {_um(here)} um lies outside of the box of {_um(lengths)} um")
    return here


def _check_seed(seed: MetalSeed, grid: Grid, surface: np.ndarray) -> None:
    place = _check_place(seed.place, 0, grid, "a metal seed")
    active = axes_with_grains(grid)
    if 2.0 * seed.radius < LEAST_CELLS * max(np.array(grid.spacing)[active]):
        raise ValueError(
            f"a metal seed of radius {seed.radius * 1e6:g} um is thinner than 2 cells: take a larger seed or smaller cells"
        )
    beside = _nearest_image(_columns(grid) - np.concatenate([[0.0], place[1:]]), grid)
    square = seed.radius**2 - np.sum(beside**2, axis=1)
    bottom = place[0] - np.sqrt(np.maximum(square, 0.0))
    touches = (square >= 0.0) & (bottom <= surface.ravel())
    if touches.any() or place[0] + seed.radius >= grid.lengths[0]:
        raise ValueError(
            f"the metal seed of radius {seed.radius * 1e6:g} um at {_um(place)} um is not wholly inside the ceramic: move it "
            "away from the electrode"
        )


def _hill(hill: Protrusion, grid: Grid) -> Surface:
    """Return height cos²(π r / width) within half a width of a place."""
    place = _check_place(hill.place, 1, grid, "a protrusion")
    active = axes_with_grains(grid)
    if hill.height <= 0.0 or hill.width <= 0.0:
        raise ValueError(f"a protrusion needs a positive height and width, not {hill.height:g} and {hill.width:g} m")
    if active[1:].any() and 0.5 * hill.width < LEAST_CELLS * max(np.array(grid.spacing)[active][1:]):
        raise ValueError(
            f"a protrusion {hill.width * 1e6:g} um wide at its foot is thinner than 2 cells at half its height: take a wider one "
            "or smaller cells"
        )
    steps = _nearest_image(_columns(grid) - np.concatenate([[0.0], place]), grid)[:, 1:]
    distance = np.linalg.norm(steps, axis=1)
    angle = np.pi * np.minimum(distance / hill.width, 0.5)
    slope = -hill.height * np.pi / hill.width * np.sin(2.0 * angle)
    direction = steps / np.maximum(distance, 1e-12 * hill.width)[:, None]
    shape = grid.shape[1:]
    height = np.where(angle < 0.5 * np.pi, hill.height * np.cos(angle) ** 2, 0.0)
    return Surface(_rounded(height.reshape(shape), grid), (slope * direction.T).reshape(-1, *shape))


def _shortest_wave(grid: Grid, rms: float, correlation_length: float, hurst: float | None) -> float:
    """Return the shortest wavelength of a rough surface [m]; refuse what the box or the cells cannot hold."""
    active = axes_with_grains(grid)[1:]
    if not active.any():
        raise ValueError("a rough electrode needs a box of two or three dimensions")
    if rms <= 0.0 or correlation_length <= 0.0:
        raise ValueError(
            "a rough electrode needs a positive rms height and correlation length, not "
            f"{rms * 1e6:g} and {correlation_length * 1e6:g} um"
        )
    if hurst is not None and not 0.0 < hurst <= 1.0:
        raise ValueError(f"the Hurst exponent must lie between 0 and 1, not {hurst:g}")
    widest = max(np.array(grid.lengths[1:])[active])
    if correlation_length > 0.5 * widest:
        raise ValueError(
            f"a correlation length of {correlation_length * 1e6:g} um is more than half of the box's width of "
            f"{widest * 1e6:g} um: take a wider box or a shorter one"
        )
    relative = GAUSSIAN_SHORTEST if hurst is None else SELF_AFFINE_SHORTEST
    shortest = relative * correlation_length
    cell = max(np.array(grid.spacing[1:])[active])
    if 0.5 * shortest < LEAST_CELLS * cell * (1.0 - 1e-9):
        least = 2.0 * LEAST_CELLS / relative
        raise ValueError(
            f"hills of a rough electrode with a correlation length of {correlation_length * 1e6:g} um are thinner than 2 "
            f"cells of {cell * 1e6:g} um: take {least * cell * 1e6:.3g} um or more ({least:g} cells), or smaller cells"
        )
    return shortest


def _wave_numbers(grid: Grid, axis: int, shortest: float) -> tuple[np.ndarray, float]:
    """Return the numbers of the box's waves along a lateral axis, and k of the first [1/m]."""
    mirror = grid.lateral == "mirror"
    base = (np.pi if mirror else 2.0 * np.pi) / grid.lengths[axis]
    most = int(2.0 * np.pi / shortest / base) if grid.shape[axis] > 1 else 0
    return np.arange(0 if mirror else -most, most + 1), base


def _amplitudes(
    grid: Grid, first: np.ndarray, second: np.ndarray, square: np.ndarray, shortest: float, seed: int
) -> np.ndarray:
    """Return complex amplitudes of size 1 and random phase, ``square.shape``; 0 of waves that are not taken.

    Of the waves k and -k, which are the same, one is taken; the mean, k = 0, is not. Even waves have no phase: their
    amplitude is the cosine of it.
    """
    mirror = grid.lateral == "mirror"
    taken = (square > 0.0) & (square <= (2.0 * np.pi / shortest) ** 2)
    if not mirror:
        taken &= (second > 0) | ((second == 0) & (first[:, None] > 0))
    amplitude = np.zeros(square.shape, dtype=complex)
    for row, column in zip(*np.nonzero(taken), strict=True):
        phase = 2.0 * np.pi * uniform_at(seed, SURFACE_STREAM, (_name(first[row]), _name(second[column])))
        amplitude[row, column] = np.cos(phase) if mirror else np.exp(1j * phase)
    return amplitude


def _name(number: int) -> int:
    """Return a counter for a wave's number, which may be negative."""
    return 2 * int(number) if number >= 0 else -2 * int(number) - 1


def _waves(grid: Grid, axis: int, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return waves along a lateral axis and their slopes, ``(cells, waves)``; 1 and 0 along an axis that is not there."""
    if axis >= len(grid.shape):
        return np.ones((1, 1)), np.zeros((1, 1))
    angle = np.outer(grid.centres(axis), k)
    if grid.lateral == "mirror":
        return np.cos(angle), -k * np.sin(angle)
    wave = np.exp(1j * angle)
    return wave, 1j * k * wave
