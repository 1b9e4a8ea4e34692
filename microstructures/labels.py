"""From labelled voxels to maps on a grid, without their staircase.

Around each face between two grains a plane is fitted to the faces of the same two grains nearby. Normals, distances and
areas are those of the planes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microstructures.structure import Microstructure
from microstructures.tessellation import ceramic_box
from phasefield.grid import Grid

# How far around a face those faces lie that its plane is fitted to, in cells, by the dimension: wider is smoother on
# planes, and flattens what is curved within it.
REACH = {1: 5.5, 2: 5.5, 3: 4.0}
TRUST = 0.25  # the say of the steps' mean direction in the normal, in cells squared
BEND = 5.0  # what holds the curvature back that noise would bring, in cells to the fourth power
HINT = 0.6  # the same in a narrower window tells on which side of a thin grain a face is, times the reach


@dataclass(frozen=True)
class _Faces:
    """Hold the faces between labels and the planes fitted to them, in units of the largest spacing.

    Parameters
    ----------
    before, axis : ``(n,)``: flat number of the cell before a face, and its normal's axis.
    normal, point : float32, ``(n, 3)``: of the plane at each face.
    """

    before: np.ndarray
    axis: np.ndarray
    normal: np.ndarray
    point: np.ndarray

    def chosen(self, which: np.ndarray) -> _Faces:
        """Return the faces that a mask or index chooses."""
        return _Faces(self.before[which], self.axis[which], self.normal[which], self.point[which])


@dataclass(frozen=True)
class _Box:
    """Hold a grid as the kernels see it: three axes, the largest spacing as the unit of length.

    Parameters
    ----------
    unit : the largest spacing [m].
    wraps : per axis, whether grains go on across its sides.
    reach : how far around a face its plane is fitted, in units.
    """

    shape: tuple[int, int, int]
    spacing: np.ndarray
    unit: float
    wraps: np.ndarray
    reach: float

    @property
    def lengths(self) -> np.ndarray:
        return self.spacing * self.shape

    def after(self, faces: _Faces) -> np.ndarray:
        """Return the flat number of the cell behind each face."""
        index = np.array(np.unravel_index(faces.before, self.shape))
        index[faces.axis, np.arange(faces.axis.size)] += 1
        return np.ravel_multi_index(tuple(index), self.shape, mode="wrap")


def from_labels(
    labels: np.ndarray,
    grid: Grid,
    electrode_plane: float,
    band_width: float,
    *,
    pore_fraction: np.ndarray | None = None,
    second_phase_fraction: np.ndarray | None = None,
    metal_fraction: np.ndarray | None = None,
    repeats: bool = True,
) -> Microstructure:
    """Return the microstructure of labelled cells.

    Parameters
    ----------
    labels : int, ``grid.shape``: the grain of each cell, >= 1 in all of the ceramic, also where there are pores, second
        phase or metal; what they are in the electrode does not matter. Numbers may have gaps, which are closed.
    electrode_plane : where the ceramic begins along x [m].
    band_width : w, width of the band that stands for a grain boundary [m].
    pore_fraction, second_phase_fraction, metal_fraction : shares of each cell, ``grid.shape``; None for none. Metal
        sits in space of its own, which counts as pore.
    repeats : whether grains go on across periodic sides; if not, no boundary is put there.

    Boundaries inside pores and second phases are where the labels are, but they do not count as area.

    Raises
    ------
    ValueError : with a sentence for the user if labels or fractions are not what they should be.
    """
    lower, upper = ceramic_box(grid, electrode_plane)
    if band_width <= 0.0:
        raise ValueError(f"band_width must be positive, not {band_width:g} m")
    ceramic = grid.centres(0) >= electrode_plane
    grain_id = _numbered(labels, grid, ceramic)
    pores, second, metal = _shares(grid, ceramic, pore_fraction, second_phase_fraction, metal_fraction)
    box = _box(grid, repeats)
    faces = _planes(grain_id, box)
    pairs, row = _pairs(grain_id, faces, box)
    nearest = _nearest(_continued(grain_id, ceramic), faces, box)
    distance, covered = _measured(nearest, faces, box, grid, band_width)
    covered[~ceramic] = 0.0
    solid = 1.0 - np.minimum(pores + second + metal, 1.0)
    weights, rows = _sheets(faces, row, box, grid)
    return Microstructure(
        grid=grid,
        grain_id=grain_id,
        boundary_pairs=pairs,
        boundary_id=np.append(row, np.int32(-1))[nearest],
        boundary_distance=distance,
        grain_boundary_fraction=covered,
        pore_fraction=np.minimum(pores + metal, 1.0),
        second_phase_fraction=second,
        metal_distance=_metal_distance(metal >= 0.5, grid, electrode_plane, box),
        sheet_weight=weights,
        sheet_boundary=rows,
        boundary_per_volume=_area(faces, solid, box, grid) / float(np.prod(upper - lower)),
        electrode_plane=electrode_plane,
        electrode_surface=np.full(grid.shape[1:], electrode_plane),
    )


def boundary_normals(structure: Microstructure, repeats: bool = True) -> np.ndarray:
    """Return the unit normals of the boundary nearest to each cell, float32 ``(*grid.shape, axes)``; 0 if there is none.

    They lead from the grain with the smaller number to that with the larger. ``repeats`` : as in `from_labels`.
    """
    box = _box(structure.grid, repeats)
    faces = _planes(structure.grain_id, box)
    ceramic = structure.grid.centres(0) >= structure.electrode_plane
    nearest = _nearest(_continued(structure.grain_id, ceramic), faces, box)
    axes = len(structure.grid.shape)
    return np.concatenate([faces.normal[:, :axes], np.zeros((1, axes), dtype=np.float32)])[nearest]


def _numbered(labels: np.ndarray, grid: Grid, ceramic: np.ndarray) -> np.ndarray:
    """Return grains 1, 2, … in the order of their labels, int32 ``grid.shape``; 0 in the electrode."""
    if labels.shape != grid.shape:
        raise ValueError(f"labels of {labels.shape} cells do not fit a grid of {grid.shape}")
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels of grains are whole numbers, not {labels.dtype}")
    inside = labels[ceramic]
    least = int(inside.min())
    if least < 1:
        raise ValueError(f"labels of grains begin with 1, and there is a cell of ceramic labelled {least}")
    known = np.unique(inside)
    grain_id = np.zeros(grid.shape, dtype=np.int32)
    grain_id[ceramic] = np.searchsorted(known, inside) + 1
    return grain_id


def _shares(grid: Grid, ceramic: np.ndarray, *given: np.ndarray | None) -> list[np.ndarray]:
    """Return the shares of each cell that pores, second phase and metal fill, ``grid.shape``; 0 in the electrode."""
    shares = []
    for name, values in zip(("pores", "second phase", "metal"), given, strict=True):
        share = np.zeros(grid.shape)
        if values is not None:
            if values.shape != grid.shape:
                raise ValueError(f"{name}: {values.shape} cells do not fit a grid of {grid.shape}")
            share[ceramic] = values[ceramic]
        if not np.all((share >= 0.0) & (share <= 1.0)):
            raise ValueError(f"{name}: shares of cells lie between 0 and 1")
        shares.append(share)
    if np.any(sum(shares) > 1.0 + 1e-6):
        raise ValueError("pores, second phase and metal together fill more than some cells have room for")
    return shares


def _box(grid: Grid, repeats: bool) -> _Box:
    """Return a grid as the kernels see it."""
    unit = max(grid.spacing)
    shape = (*grid.shape, 1)[:3]
    spacing = np.array((*grid.spacing, unit)[:3]) / unit
    wraps = [repeats and grid.lateral == "periodic" and n > 1 for n in shape]
    return _Box((shape[0], shape[1], shape[2]), spacing, unit, np.array([False, *wraps[1:]]), REACH[grid.dimension])


def _continued(grain_id: np.ndarray, ceramic: np.ndarray) -> np.ndarray:
    """Return grains with those of the first plane of ceramic continued straight into the electrode."""
    first = int(np.argmax(ceramic))
    continued = grain_id.copy()
    continued[:first] = grain_id[first]
    return continued


def _planes(label: np.ndarray, box: _Box) -> _Faces:
    """Find the faces between labels other than 0 and fit a plane to the surroundings of each."""
    # Numba is imported where labels are read
    from microstructures.label_kernels import find_faces, fit_planes

    label = label.reshape(box.shape)
    before, axis = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int8)
    found = find_faces(label, box.wraps, before, axis)
    before, axis = np.empty(found, dtype=np.int64), np.empty(found, dtype=np.int8)
    find_faces(label, box.wraps, before, axis)
    faces = _Faces(before, axis, np.empty((found, 3), dtype=np.float32), np.empty((found, 3), dtype=np.float32))
    # one cell more than the window for the cells behind its last faces
    halo = np.where(np.array(box.shape) > 1, np.ceil(box.reach / box.spacing).astype(int) + 1, 1)
    padded = label
    for a, cells in enumerate(halo):
        pad = [(cells, cells) if b == a else (0, 0) for b in range(3)]
        padded = np.pad(padded, pad, mode="wrap") if box.wraps[a] else np.pad(padded, pad)
    for a in range(3):
        own = np.flatnonzero(axis == a)
        normal, point = np.empty((own.size, 3), dtype=np.float32), np.empty((own.size, 3), dtype=np.float32)
        window = _window(box, halo, padded.shape, a)
        fit_planes(padded, halo, box.spacing, TRUST, BEND, a, before[own], window, normal, point)
        faces.normal[own], faces.point[own] = normal, point
    return faces


def _window(box: _Box, halo: np.ndarray, shape: tuple[int, ...], axis: int) -> tuple[np.ndarray, ...]:
    """Return the faces around a face along ``axis``, as `label_kernels.fit_planes` takes them.

    A face weighs its area times 1 - (r / reach)². ``shape`` : of the padded cells.
    """
    offset = np.stack([o.ravel() for o in np.mgrid[tuple(slice(1 - h, h) for h in halo)]], axis=1)
    parts = []
    for along in range(3):
        place = (offset + 0.5 * (np.eye(3)[along] - np.eye(3)[axis])) * box.spacing
        square = np.sum(place**2, axis=1) / box.reach**2
        inside = square < 1.0
        area = np.prod(box.spacing) / box.spacing[along]
        step = offset[inside] @ np.array([shape[1] * shape[2], shape[2], 1])
        weight, near = (area * (1.0 - square[inside] / width**2) for width in (1.0, HINT))
        parts.append((step, np.full(step.size, along), place[inside], weight, near))
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))


def _pairs(grain_id: np.ndarray, faces: _Faces, box: _Box) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of grains that share faces, sorted, ``(n, 2)``, and the row of each face, both int32."""
    flat = grain_id.ravel()
    one, other = flat[faces.before].astype(np.int64), flat[box.after(faces)]
    base = int(flat.max()) + 1
    key, row = np.unique(np.minimum(one, other) * base + np.maximum(one, other), return_inverse=True)
    return np.stack([key // base, key % base], axis=1).astype(np.int32), row.astype(np.int32)


def _nearest(region: np.ndarray, faces: _Faces, box: _Box) -> np.ndarray:
    """Return the nearest face on the boundary of each cell's own region, int32, shape of ``region``; -1 for none."""
    from microstructures.label_kernels import seed_cells, sweep

    nearest = np.full(box.shape, -1, dtype=np.int32)
    square = np.full(box.shape, np.inf, dtype=np.float32)
    geometry = (box.spacing, box.lengths, box.wraps, faces.point, nearest, square)
    if faces.axis.size:
        seed_cells(faces.before, faces.axis, *geometry)
        cells = region.reshape(box.shape)
        while sweep(cells, 1, *geometry) + sweep(cells, -1, *geometry):
            pass
    return nearest.reshape(region.shape)


def _measured(
    nearest: np.ndarray, faces: _Faces, box: _Box, grid: Grid, band_width: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return distances from the planes [m], inf for none, and the share of each cell in the band, ``grid.shape``."""
    from microstructures.label_kernels import measure_cells

    distance, covered = np.full(box.shape, np.inf), np.zeros(box.shape)
    cells = nearest.reshape(box.shape)
    geometry = (box.spacing, box.lengths, box.wraps, faces.normal, faces.point)
    measure_cells(cells, *geometry, band_width / box.unit, distance, covered)
    distance *= box.unit
    return distance.reshape(grid.shape), covered.reshape(grid.shape)


def _sheets(
    faces: _Faces, row: np.ndarray, box: _Box, grid: Grid
) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Return per axis |n|_1 and the row of the boundary on every face of the grid; 0 and -1 where there is none."""
    weights, rows = [], []
    for axis in range(len(grid.shape)):
        own = np.flatnonzero(faces.axis == axis)
        index = list(np.unravel_index(faces.before[own], box.shape)[: len(grid.shape)])
        weight, number = np.zeros(grid.face_shape(axis)), np.full(grid.face_shape(axis), -1, dtype=np.int32)
        size = np.abs(faces.normal[own]).sum(axis=1)
        index[axis] = index[axis] + 1
        weight[tuple(index)], number[tuple(index)] = size, row[own]
        if box.wraps[axis]:  # the first and the last face are the same
            for values in (weight, number):
                face = np.moveaxis(values, axis, 0)
                face[0] = face[-1]
        weights.append(weight)
        rows.append(number)
    return tuple(weights), tuple(rows)


def _area(faces: _Faces, solid: np.ndarray, box: _Box, grid: Grid) -> float:
    """Return the area of boundary in the solid [m^2]; in 2-D length [m].

    A face stands for the share |n_axis| of its own area.
    """
    flat = solid.ravel()
    share = np.abs(faces.normal[np.arange(faces.axis.size), faces.axis]).astype(float)
    share *= 0.5 * (flat[faces.before] + flat[box.after(faces)])
    total = np.bincount(faces.axis, share, minlength=3)
    return float(sum(total[axis] * grid.face_area(axis) for axis in range(len(grid.shape))))


def _metal_distance(metal: np.ndarray, grid: Grid, electrode_plane: float, box: _Box) -> np.ndarray:
    """Return the signed distance from the surface of electrode and metal [m], > 0 inside; -inf if there is neither."""
    x = grid.centres(0).reshape((-1,) + (1,) * (metal.ndim - 1))
    if not metal.any():
        return np.broadcast_to(electrode_plane - x if electrode_plane > 0.0 else -np.inf, grid.shape)
    ceramic, seed, electrode = 1, 2, 3
    phase = np.where(x < electrode_plane, electrode, np.where(metal, seed, ceramic)).astype(np.int32)
    faces = _planes(phase, box)
    flat = phase.ravel()
    kinds = flat[faces.before] * flat[box.after(faces)]
    plane = kinds == ceramic * electrode
    faces.normal[plane] = (-1.0, 0.0, 0.0)
    faces.point[plane, 0] = electrode_plane / box.unit
    faces = faces.chosen(kinds != seed * electrode)
    inside = phase != ceramic
    nearest = _nearest(inside, faces, box)
    distance, _ = _measured(nearest, faces, box, grid, box.unit)
    return np.where(inside, distance, -distance)
