"""Look at a body in a box: parallel rays, soft light, no graphics library. Knows no plot and no results folder.

It needs NumPy and SciPy alone: no display, no OpenGL, which a node of a cluster often lacks. Points and lengths in
micrometres, arrays ``[x, y, z]`` of cells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.floating]
# Gives the colours (n, 3) of points (n, 3).
Paint = Callable[[Floats], Floats]

LEVEL = 0.5


@dataclass(frozen=True)
class View:
    """Say from where a box is seen: from the front, above and the end of x, so that x points to the right.

    Parameters
    ----------
    azimuth : how far the eye has walked from the front, y = 0, towards the end of x [degrees], between 0 and 90.
    elevation : how high it stands [degrees], between 0 and 90.
    """

    azimuth: float = 32.0
    elevation: float = 25.0

    @property
    def axes(self) -> tuple[Floats, Floats, Floats]:
        """Return the directions to the right, upwards, and towards the eye, unit vectors."""
        a, e = np.deg2rad([self.azimuth, self.elevation])
        right = np.array([np.cos(a), np.sin(a), 0.0])
        towards = np.array([np.sin(a) * np.cos(e), -np.cos(a) * np.cos(e), np.sin(e)])
        return right, np.cross(towards, right), towards

    def project(self, points: Floats) -> Floats:
        """Return the places ``(…, 2)`` in the picture, right and up, of points ``(…, 3)``."""
        right, up, _ = self.axes
        return np.stack([points @ right, points @ up], axis=-1)


class Body:
    """Hold the body where ``values`` >= 0.5, ready to be met by rays.

    Parameters
    ----------
    values : ``[x, y, z]`` of cells, such as the metal fraction.
    spacing : cell sizes [um].
    """

    def __init__(self, values: Floats, spacing: tuple[float, ...]) -> None:
        self.values = np.asarray(values, dtype=np.float32)
        self.spacing = np.array(spacing)
        self.lengths = self.spacing * values.shape
        solid = self.values >= LEVEL
        # From a cell's centre the nearest cell of the body is this far; how much of its surroundings is body.
        self._free = (
            ndimage.distance_transform_edt(~solid, sampling=spacing)
            if solid.any()
            else np.full(solid.shape, np.linalg.norm(self.lengths))
        )
        self._near = ndimage.gaussian_filter(solid.astype(np.float32), 1.2 / self.spacing, mode="nearest")

    def sample(self, array: Floats, points: Floats) -> Floats:
        """Return a cell array's values at points ``(n, 3)``, linear between centres, constant beyond the last ones."""
        return ndimage.map_coordinates(array, (points / self.spacing - 0.5).T, order=1, mode="nearest")

    def leave(self, start: Floats, direction: Floats) -> Floats:
        """Return how far it is from points of the box ``(n, 3)`` to its sides, along ``direction`` [um]."""
        side = np.where(direction > 0.0, self.lengths, 0.0)
        return np.min((side - start) / direction, axis=-1)

    def meet(self, start: Floats, direction: Floats) -> Floats:
        """Return how far rays from points of the box ``(n, 3)`` go before they meet the body; infinite without.

        Parameters
        ----------
        direction : a unit vector without zeros.
        """
        cell = float(self.spacing.max())
        step = 0.4 * float(self.spacing.min())
        distance = np.full(len(start), np.inf)
        going = np.arange(len(start))
        travelled = np.zeros(len(start))
        end = self.leave(start, direction)
        place, last = start / self.spacing, np.array(self.values.shape) - 1
        while len(going):
            at = place + travelled[:, None] * (direction / self.spacing)
            index = np.clip(at.astype(np.intp), 0, last)
            free = self._free[index[:, 0], index[:, 1], index[:, 2]]
            near = np.flatnonzero(free < 2.0 * cell)
            inside = np.zeros(len(going), dtype=bool)
            inside[near] = ndimage.map_coordinates(self.values, at[near].T - 0.5, order=1, mode="nearest") >= LEVEL
            distance[going[inside]] = travelled[inside]
            # Within this much of a cell's centre and of the level between cells nothing is met.
            travelled += np.maximum(free - 1.8 * cell, step)
            left = ~inside & (travelled < end)
            going, travelled, end, place = going[left], travelled[left], end[left], place[left]
        met = np.isfinite(distance) & (distance > 0.0)
        distance[met] = self._refine(start[met], direction, distance[met], step)
        return distance

    def _refine(self, start: Floats, direction: Floats, distance: Floats, step: float) -> Floats:
        """Halve the last step until the level lies within a hundredth of it."""
        low, high = np.maximum(distance - step, 0.0), distance.copy()
        for _ in range(6):
            middle = 0.5 * (low + high)
            inside = self.sample(self.values, start + middle[:, None] * direction) >= LEVEL
            high[inside], low[~inside] = middle[inside], middle[~inside]
        return high

    def normals(self, points: Floats) -> Floats:
        """Return unit vectors out of the body at points of its surface ``(n, 3)``."""
        gradient = np.empty_like(points)
        for axis, offset in enumerate(np.diag(0.7 * self.spacing)):
            rise = self.sample(self.values, points + offset) - self.sample(self.values, points - offset)
            gradient[:, axis] = rise / offset[axis]
        return -gradient / np.maximum(np.linalg.norm(gradient, axis=-1, keepdims=True), 1e-12)

    def openness(self, points: Floats) -> Floats:
        """Return how much of the surroundings of points ``(n, 3)`` is free of the body, 0 to 1."""
        return 1.0 - np.clip(self.sample(self._near, points), 0.0, 1.0)

    def light(self, lamp: Floats) -> Floats:
        """Return how much of a far lamp's light each cell gets, 0 to 1, the edges of shadows softer with distance.

        Light is handed from layer to layer of cells, away from the lamp.
        """
        axis = int(np.argmax(np.abs(lamp) / self.spacing))
        others = [k for k in range(3) if k != axis]
        drift = (lamp / self.spacing)[others] / (abs(lamp[axis]) / self.spacing[axis])
        clear = np.moveaxis(np.clip(2.0 - 2.0 * self.values, 0.0, 1.0), axis, 0)
        layers = range(len(clear))[:: -1 if lamp[axis] > 0.0 else 1]
        light = np.ones_like(clear)
        passed = light[0]
        for layer in layers:
            light[layer] = ndimage.shift(passed, -drift, order=1, mode="constant", cval=1.0)
            light[layer] = ndimage.gaussian_filter(light[layer], 0.35, mode="nearest")
            passed = light[layer] * clear[layer]
        return np.moveaxis(light, 0, axis)


def render(
    body: Body, view: View, paint: Paint, walls: tuple[Paint, Paint, Paint], pixels: int
) -> tuple[Floats, tuple[float, float, float, float]]:
    """Return a picture of the body in its box and its extent (left, right, bottom, top) in the view's plane [um].

    Parameters
    ----------
    paint : colours of points of the body.
    walls : colours of points of the box's sides that lie behind: x = 0, the end of y, z = 0.
    pixels : number of pixels across.

    Returns
    -------
    picture : ``(height, width, 4)``: red, green, blue, opacity; the first row is the lowest.
    """
    right, up, towards = view.axes
    corners = view.project(np.array(np.meshgrid(*((0.0, length) for length in body.lengths))).reshape(3, -1).T)
    (left, low), (end, high) = corners.min(axis=0), corners.max(axis=0)
    size = (end - left) / pixels
    rows = int(np.ceil((high - low) / size))
    u, v = np.meshgrid(left + (np.arange(pixels) + 0.5) * size, low + (np.arange(rows) + 0.5) * size)
    plane = u.reshape(-1, 1) * right + v.reshape(-1, 1) * up
    # A ray is in the box from the last of the near sides that it crosses to the first of the far ones.
    near_sides = np.where(towards > 0.0, body.lengths, 0.0)
    crossing = (near_sides - plane) / towards
    front = crossing.argmin(axis=1)
    start = plane + crossing.min(axis=1)[:, None] * towards
    seen = np.all((start > -1e-9 * body.lengths) & (start < (1.0 + 1e-9) * body.lengths), axis=1)
    picture = np.zeros((len(plane), 4))
    picture[seen, :3] = _look(body, view, paint, walls, np.clip(start[seen], 0.0, body.lengths), front[seen])
    picture[seen, 3] = 1.0
    return picture.reshape(rows, pixels, 4), (left, end, low, low + rows * size)


def _look(
    body: Body,
    view: View,
    paint: Paint,
    walls: tuple[Paint, Paint, Paint],
    start: Floats,
    front: NDArray[np.intp],
) -> Floats:
    """Return the colours that rays from points ``start`` of the box's near sides see; ``front`` is each side's axis."""
    right, up, towards = view.axes
    lamp = 0.45 * right + 0.75 * up + 0.85 * towards
    lamp /= np.linalg.norm(lamp)
    distance = body.meet(start, -towards)
    met, cut = np.isfinite(distance), distance == 0.0
    reach = np.where(met, distance, body.leave(start, -towards))
    points = np.clip(start - reach[:, None] * towards, 0.0, body.lengths)
    normals, colours = np.zeros_like(points), np.zeros_like(points)
    normals[met] = body.normals(points[met])
    normals[cut] = np.eye(3)[front[cut]] * np.sign(towards)
    colours[met] = paint(points[met])
    wall = np.where(towards > 0.0, points, body.lengths - points).argmin(axis=1)
    for axis in range(3):
        here = ~met & (wall == axis)
        colours[here] = walls[axis](points[here])
        normals[here, axis] = np.sign(towards[axis])
    outside = points + 1.6 * body.spacing.max() * normals
    light = np.where(cut, 1.0, body.sample(body.light(lamp), outside))
    openness = np.where(cut, 1.0, body.openness(points + 0.8 * normals))
    facing = np.clip(normals @ lamp, 0.0, 1.0)
    half = (lamp + towards) / np.linalg.norm(lamp + towards)
    gloss = 0.25 * light * np.clip(normals @ half, 0.0, 1.0) ** 20 * (met & ~cut)
    on_body = np.where(cut, 0.75 + 0.3 * facing, 0.42 * openness + 0.85 * facing * (0.15 + 0.85 * light))
    on_wall = np.array([0.97, 0.94, 1.0])[wall] * (0.70 + 0.30 * openness) * (0.78 + 0.22 * light)
    return np.clip(colours * np.where(met, on_body, on_wall)[:, None] + gloss[:, None], 0.0, 1.0)
