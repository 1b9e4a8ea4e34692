"""Pores and particles of a second phase: round bodies that do not overlap, with the share of the volume asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import ndtri

from microstructures.channels import channels
from microstructures.coverage import Bodies, balls
from microstructures.sites import (
    LAST_BITS,
    MOST_POINTS,
    NEAR_BOUNDARY,
    TRIES,
    Region,
    choose_sites,
    on_boundaries,
    on_junctions,
    room_in_grains,
)
from microstructures.tessellation import Tessellation, axes_with_grains, ceramic_box
from phasefield.grid import Grid

PORE_STREAM = 1  # of the first population of pores; others follow after these:
MORE_PORES, PARTICLES = 1000, 2000
UNIT_BALL = {1: 2.0, 2: np.pi, 3: 4.0 / 3.0 * np.pi}  # volume of a ball of radius 1, by the number of axes
# Balls of one size put down at random one after the other come to rest at shares of 0.75, 0.55 and 0.38.
MOST = {1: 0.75, 2: 0.6, 3: 0.5}
ParticleLocation = Literal["triple_junctions", "grain_boundaries", "grain_interiors"]
PoreLocation = Literal["triple_junctions", "grain_boundaries", "grain_interiors", "electrode_contact", "channels"]


@dataclass(frozen=True)
class Pores:
    """Ask for one population of pores: balls in 3-D, discs in 2-D; or connected channels.

    Parameters
    ----------
    porosity : pore volume per volume of the layer (2-D: area per area); None for voids at the contact.
    radius : median radius [m]: wanted; all radii are scaled by at most 30 % to meet the porosity.
    log_width : standard deviation of the radii's logarithm; 0 for one size. The radii are its quantiles.
    location : ``"triple_junctions"`` (3-D: also on lines where three grains meet), ``"grain_boundaries"`` (evenly over
        their area), ``"grain_interiors"`` (apart from boundaries), ``"electrode_contact"`` (half balls of void at the
        electrode), ``"channels"`` (capsules along the network of boundaries, which connect both ends of the layer).
    layer : from and to along x [m], inside which pores lie; None for the whole ceramic, where pores on triple junctions
        keep their centres 3 radii away from the electrodes.
    covered_fraction : with ``"electrode_contact"``: share of the contact's area, instead of the porosity.
    filled : whether there is metal in them from the start.
    """

    porosity: float | None
    radius: float
    log_width: float = 0.0
    location: PoreLocation = "triple_junctions"
    layer: tuple[float, float] | None = None
    covered_fraction: float | None = None
    filled: bool = False


@dataclass(frozen=True)
class Particles:
    """Ask for round particles of a second phase; ``fraction`` is their volume per volume of the layer, else as `Pores`."""

    fraction: float
    radius: float
    log_width: float = 0.0
    location: ParticleLocation = "triple_junctions"
    layer: tuple[float, float] | None = None


@dataclass(frozen=True)
class _Request:
    """What is asked for in common: ``share`` of ``amount``, a volume or an area that is measured along ``axes`` axes."""

    words: str
    what: str
    share: float
    amount: float
    axes: int
    bodies: Pores | Particles

    @property
    def asked(self) -> str:
        return f"{self.words} of {100 * self.share:g} %"

    @property
    def of_radius(self) -> str:
        return f"{self.what} of radius {self.bodies.radius * 1e6:g} um"

    @property
    def volume(self) -> float:
        return self.share * self.amount

    def radii(self, count: int) -> tuple[np.ndarray, float]:
        """Return the radii of so many balls, largest first, that fill the volume exactly, and their median [m]."""
        quantiles = np.exp(self.bodies.log_width * ndtri((np.arange(count)[::-1] + 0.5) / count))
        relative = np.round(quantiles * LAST_BITS) / LAST_BITS
        median = (self.volume / (UNIT_BALL[self.axes] * float(np.sum(relative**self.axes)))) ** (1.0 / self.axes)
        return relative * median, float(median)


def pore_bodies(
    tessellation: Tessellation,
    grid: Grid,
    electrode_plane: float,
    pores: Pores,
    seed: int,
    population: int = 0,
    obstacles: Bodies | None = None,
    contact_height: np.ndarray | None = None,
) -> Bodies:
    """Choose where one population of pores is; balls fill exactly the porosity, channels do so as drawn on the grid.

    Parameters
    ----------
    electrode_plane : where the ceramic begins [m].
    population : its number in the list of populations: each draws numbers of its own.
    obstacles : bodies placed before, which the new ones do not touch.
    contact_height : height of a rough electrode above its plane, ``grid.shape[1:]`` [m], for voids at the contact.

    Raises
    ------
    ValueError : with what would fit, if the request cannot be met.
    """
    stream = PORE_STREAM if population == 0 else MORE_PORES + population
    if pores.location == "electrode_contact":
        return _contact_voids(grid, electrode_plane, pores, seed, stream, obstacles, contact_height)
    region = _region(grid, electrode_plane, pores)
    porosity = _checked("porosity", pores.porosity, pores)
    if pores.location == "channels":
        if pores.log_width > 0.0:
            raise ValueError("channels are of one radius: leave log_width out")
        ends = float(region.lower[0]), float(region.upper[0])
        return channels(tessellation, grid, electrode_plane, porosity, pores.radius, ends, seed, stream, obstacles)
    request = _Request("a porosity", "pores", porosity, region.volume, region.axes, pores)
    return _balls(tessellation, region, request, seed, stream, obstacles)


def particle_bodies(
    tessellation: Tessellation,
    grid: Grid,
    electrode_plane: float,
    particles: Particles,
    seed: int,
    population: int = 0,
    obstacles: Bodies | None = None,
) -> Bodies:
    """Choose where one population of particles of a second phase is; arguments as in `pore_bodies`."""
    region = _region(grid, electrode_plane, particles)
    fraction = _checked("fraction", particles.fraction, particles)
    request = _Request("a share of particles", "particles", fraction, region.volume, region.axes, particles)
    return _balls(tessellation, region, request, seed, PARTICLES + population, obstacles)


def _checked(name: str, share: float | None, asked: Pores | Particles) -> float:
    """Return the share that is asked for; refuse numbers without sense."""
    if share is None or not 0.0 < share < 1.0 or asked.radius <= 0.0:
        what = "no value" if share is None else f"{share:g}"
        raise ValueError(
            f"{name} must lie between 0 and 1 and the radius be positive, not {what} and {asked.radius * 1e6:g} um"
        )
    if not 0.0 <= asked.log_width <= 1.0:
        raise ValueError(f"the log_width of the radii must lie between 0 and 1, not {asked.log_width:g}")
    return share


def _region(grid: Grid, electrode_plane: float, asked: Pores | Particles) -> Region:
    """Return where bodies may lie: the ceramic, or their layer of it."""
    lower, upper = ceramic_box(grid, electrode_plane)
    if not axes_with_grains(grid)[1:].any():
        raise ValueError("pores and particles are round: they need a box of two or three dimensions")
    margin = np.where(axes_with_grains(grid), 0.0 if grid.lateral == "periodic" else 1.0, 0.0)
    layer = asked.layer
    margin[0] = 3.0 if layer is None and asked.location == "triple_junctions" else 1.0
    if layer is not None:
        slack = 1e-9 * upper[0]
        if not lower[0] - slack <= layer[0] < layer[1] <= upper[0] + slack:
            raise ValueError(
                f"a layer must lie inside the ceramic, from {lower[0] * 1e6:g} to {upper[0] * 1e6:g} um along x, "
                f"not from {layer[0] * 1e6:g} to {layer[1] * 1e6:g} um"
            )
        lower[0], upper[0] = max(layer[0], lower[0]), min(layer[1], upper[0])
    return Region(grid, lower, upper, margin)


def _balls(
    tessellation: Tessellation, region: Region, request: _Request, seed: int, stream: int, obstacles: Bodies | None
) -> Bodies:
    """Place balls where the request says."""
    count = _wanted_count(request, region)
    if request.bodies.location == "triple_junctions":
        return _on_junctions(tessellation, region, request, count, seed, stream, obstacles)
    radii, _ = request.radii(count)
    location = request.bodies.location
    many = 0.5 / NEAR_BOUNDARY if location == "grain_boundaries" else 1.0  # points drawn for one that is used
    sites, chosen = np.zeros((0, region.lower.size)), np.zeros((0, region.lower.size))
    for tries in TRIES:
        points = region.random_points(seed, stream, int(min(count * tries * many, MOST_POINTS)))
        room = None
        if location == "grain_interiors":
            sites, room = points, room_in_grains(tessellation, region, points)
        else:
            sites = on_boundaries(tessellation, region, points)
        chosen = choose_sites(region, sites, radii, obstacles, room)
        if len(chosen) == count:
            return balls(chosen, radii)
        if len(points) == MOST_POINTS or len(sites) == 0:
            break
    fits = request.share * float(np.sum(radii[: len(chosen)] ** request.axes) / np.sum(radii**request.axes))
    place = "grain boundaries" if location == "grain_boundaries" else "grain interiors apart from the boundaries"
    raise ValueError(
        f"{request.asked} needs {count} {request.of_radius} that do not touch, and "
        f"{place} have room for about {100 * fits:.2g} %: ask for less, another radius or another location"
    )


def _wanted_count(request: _Request, region: Region) -> int:
    """Return how many balls of the wanted size make up the volume; refuse what can be seen to be impossible."""
    axes = request.axes
    if request.share > MOST[axes]:
        remedy = 'channels ("channels") hold more' if request.what == "pores" else "ask for less"
        raise ValueError(
            f"{request.asked} does not fit: round {request.what} that do not overlap and lie at random fill at most about "
            f"{100 * MOST[axes]:g} %, and less if they are of one size; {remedy}"
        )
    mean = math.exp(0.5 * (axes * request.bodies.log_width) ** 2)  # of radius^axes over that of the median
    count = max(1, round(request.volume / (UNIT_BALL[axes] * request.bodies.radius**axes * mean)))
    radii, median = request.radii(count)
    if not 0.7 <= median / request.bodies.radius <= 1.3:
        raise ValueError(
            f"{request.asked} is less than one of the {request.of_radius} "
            f"in this box: take a smaller radius, about {request.radii(1)[1] * 1e6:.2g} um"
        )
    sides = (region.upper - region.lower)[1:][region.active[1:]]
    if 2.0 * radii[0] > sides.min():
        raise ValueError(
            f"{request.what} of radius {radii[0] * 1e6:.3g} um do not fit into a box {sides.min() * 1e6:g} um wide"
        )
    return count


def _on_junctions(
    tessellation: Tessellation,
    region: Region,
    request: _Request,
    wanted: int,
    seed: int,
    stream: int,
    obstacles: Bodies | None,
) -> Bodies:
    """Place balls on junctions; fewer, larger ones if there are not enough junctions."""
    candidates = on_junctions(tessellation, seed, stream)
    most, count = 0, wanted
    while count > 0:
        radii, median = request.radii(count)
        if median > 1.3 * request.bodies.radius:
            break
        chosen = choose_sites(region, candidates, radii, obstacles, again=True)
        if len(chosen) == count:
            return balls(chosen, radii)
        most = max(most, len(chosen))
        # the largest of several sizes are placed first: where they found no room, larger ones do not
        count = count - 1 if request.bodies.log_width == 0.0 else min(count - 1, len(chosen))
    where = "at least 3 radii from the electrodes" if region.margin[0] > 1.0 else "in their layer"
    raise ValueError(
        f"{request.asked} needs {wanted} {request.of_radius} on triple junctions "
        f"{where}, and only {most} of {len(candidates)} junctions have room: "
        "ask for less, smaller grains, another radius or another location"
    )


def _contact_voids(
    grid: Grid,
    electrode_plane: float,
    pores: Pores,
    seed: int,
    stream: int,
    obstacles: Bodies | None,
    contact_height: np.ndarray | None,
) -> Bodies:
    """Place balls with their centres in the electrode's surface; their halves in the ceramic are voids."""
    ceramic = _region(grid, electrode_plane, pores)
    covered = _checked("covered_fraction", pores.covered_fraction, pores)
    sides = np.arange(ceramic.lower.size) > 0
    plane = np.where(sides, ceramic.upper, ceramic.lower)
    region = Region(grid, ceramic.lower, plane, np.where(sides, ceramic.margin, 0.0))
    axes, area = region.axes - 1, float(np.prod((region.upper - region.lower)[region.active & sides]))
    request = _Request("a covered fraction", "voids", covered, area, axes, pores)
    count = _wanted_count(request, region)
    radii, _ = request.radii(count)
    thickness = float(ceramic.upper[0] - electrode_plane)
    if radii[0] >= thickness:
        raise ValueError(f"voids of radius {radii[0] * 1e6:.3g} um are larger than the ceramic, {thickness * 1e6:g} um")
    points = region.random_points(seed, stream, int(min(count * TRIES[-1], MOST_POINTS)))
    if contact_height is not None:
        column = tuple((points[:, 1:] / np.array(grid.spacing[1:])).astype(int).T)
        points[:, 0] += contact_height[column]
        region = replace(region, lower=np.zeros(sides.size), upper=ceramic.upper)
    chosen = choose_sites(region, points, radii, obstacles)
    if len(chosen) < count:
        fits = request.share * float(np.sum(radii[: len(chosen)] ** axes) / np.sum(radii**axes))
        raise ValueError(
            f"{request.asked} of the contact needs {count} {request.of_radius} that do not touch, "
            f"and there is room for about {100 * fits:.2g} %: ask for less or another radius"
        )
    return balls(chosen, radii)
