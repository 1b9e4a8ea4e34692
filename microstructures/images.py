"""Microstructures from segmented images and arrays of labels.

An image lies in the ceramic as it does on the screen when the simulation is drawn: its columns run along x, from the
electrode on the left to the right; its first row is at the top, where y is largest; the pages of a stack run along z.
NumPy arrays are indexed ``[x, y]`` or ``[x, y, z]``, as everywhere here. ``axes`` tells if a file is different.

What reads a file returns whole numbers, one per voxel, and along which axes they run (`Labels`). Whatever else comes to
hold labels, a map of orientations or a grey micrograph, needs a reader in `READERS` that returns the same.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Literal

import numpy as np
from scipy import ndimage

from microstructures.labels import from_labels
from microstructures.structure import Microstructure
from microstructures.tessellation import ceramic_box
from phasefield.grid import Grid, Lateral
from phasefield.grid_labels import label_connected

SHOWN = 12  # labels that a message lists
TIE = 1e-9  # of a voxel: a cell centre on the edge between two voxels takes the second one on every machine
UM = 1e-6
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
# What NumPy and Pillow let through of files that are broken.
BROKEN = (
    ValueError, OSError, EOFError, SyntaxError, TypeError, LookupError, ArithmeticError, struct.error, TokenError,
)  # fmt: skip


@dataclass(frozen=True)
class Phases:
    """Say what labels mean. A label may have one meaning only, and each that occurs must have one.

    Parameters
    ----------
    grains : ranges of labels, first and last; a single label is (7, 7). ``"rest"``: all labels not named elsewhere.
    pore, grain_boundary, metal, second_phase : labels. Grain boundaries are lines that were drawn between grains:
        they are given to the nearest grain, so that the boundary runs in the middle of the line.

    If only one of the labels that occur means grain, it is a phase, not a number: its connected regions are the grains.
    """

    grains: tuple[tuple[int, int], ...] | Literal["rest"] = "rest"
    pore: tuple[int, ...] = ()
    grain_boundary: tuple[int, ...] = ()
    metal: tuple[int, ...] = ()
    second_phase: tuple[int, ...] = ()

    def meaning(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """Return which of ``values`` are grains, pores, …, bool arrays; refuse values without one meaning."""
        named = {
            "grains": np.zeros(values.shape, dtype=bool),
            "pore": np.isin(values, self.pore),
            "grain_boundary": np.isin(values, self.grain_boundary),
            "metal": np.isin(values, self.metal),
            "second_phase": np.isin(values, self.second_phase),
        }
        if self.grains == "rest":
            named["grains"] = ~np.any(list(named.values()), axis=0)
        else:
            for first, last in self.grains:
                named["grains"] |= (values >= first) & (values <= last)
        count = np.sum(list(named.values()), axis=0)
        if np.any(count == 0):
            raise ValueError(
                f"labels {_listed(values[count == 0])} have no meaning: name each label as grains, pore, "
                "grain_boundary, metal or second_phase (JPEG files and resized images contain shades that nobody drew)"
            )
        if np.any(count > 1):
            twice = [name for name, which in named.items() if np.any(which & (count > 1))]
            raise ValueError(f"labels {_listed(values[count > 1])} have more than one meaning: {', '.join(twice)}")
        if not named["grains"].any():
            raise ValueError(f"there are no grains: none of the labels {_listed(values)} means one")
        return named


@dataclass(frozen=True)
class Labels:
    """Hold the labels of a file.

    Parameters
    ----------
    values : whole numbers, one axis per entry of ``axes``.
    axes : along which axis of the simulation each axis of ``values`` runs, ``"x"``; ``"-x"`` if against it.
    """

    values: np.ndarray
    axes: tuple[str, ...]


@dataclass(frozen=True)
class ImageSource:
    """Describe an image and which part of it becomes the ceramic.

    Parameters
    ----------
    file : a PNG, TIFF (a stack has several pages), BMP or JPEG image, or a NumPy ``.npy`` array.
    voxel_size : along x, y (and z) of the simulation [m].
    phases : what the labels mean.
    axes : along which axes the columns, rows (downwards) and pages of an image run, or the axes of an array:
        ``("y", "x")`` puts the electrode at the top of an image. None: ``("x", "-y", "z")`` for images,
        ``("x", "y", "z")`` for arrays.
    origin : corner of the part that is used, along x, y (and z) of the simulation from the image's corner where they
        are smallest [m]; None: that corner. It comes to lie on the electrode plane.
    size : of the part that is used [m]; None: all the rest. Where it is larger than the ceramic, its beginning is used.
    repeats : whether the part goes on across periodic sides; if not, no boundary is put there.
    """

    file: Path
    voxel_size: tuple[float, ...]
    phases: Phases
    axes: tuple[str, ...] | None = None
    origin: tuple[float, ...] | None = None
    size: tuple[float, ...] | None = None
    repeats: bool = False


@dataclass(frozen=True)
class Separated:
    """Hold what labelled voxels are: a grain each, >= 1, and whether there is something else in the grain's place."""

    grain: np.ndarray
    pore: np.ndarray
    second_phase: np.ndarray
    metal: np.ndarray


def from_image(image: ImageSource, grid: Grid, electrode_plane: float, band_width: float) -> Microstructure:
    """Read an image into the ceramic of a grid.

    Voxels finer than the cells give shares of pores, second phase and metal; coarser ones are what they are in every
    cell. A cell is of the grain at its centre. The electrode, x < ``electrode_plane`` [m], is put before the image.

    Raises
    ------
    ValueError : with a sentence for the user if the file, its labels or its size are not what is needed.
    """
    lower, upper = ceramic_box(grid, electrode_plane)
    values, start = _part(image, grid, upper - lower)
    found = separate(values, image.phases, image.voxel_size, grid.lateral if image.repeats else "mirror")
    first = int(np.searchsorted(grid.centres(0), electrode_plane))
    places = [np.arange(n + 1) * d for n, d in zip(grid.shape, grid.spacing, strict=True)]
    places[0] = places[0][first:] - electrode_plane
    edges = [(place + s) / v for place, s, v in zip(places, start, image.voxel_size, strict=True)]  # in voxels
    nearest = [_nearest_voxel(edge, n) for edge, n in zip(edges, values.shape, strict=True)]
    return from_labels(
        _behind_electrode(found.grain[np.ix_(*nearest)], grid),
        grid,
        electrode_plane,
        band_width,
        pore_fraction=_behind_electrode(_coverage(found.pore, edges), grid),
        second_phase_fraction=_behind_electrode(_coverage(found.second_phase, edges), grid),
        metal_fraction=_behind_electrode(_coverage(found.metal, edges), grid),
        repeats=image.repeats,
    )


def separate(labels: np.ndarray, phases: Phases, voxel_size: tuple[float, ...], lateral: Lateral) -> Separated:
    """Tell grains from other phases and give every voxel without a grain to the nearest one.

    ``labels`` : whole numbers, x along axis 0. ``lateral`` : whether regions go on across the sides.
    """
    values, index = np.unique(labels, return_inverse=True)
    index = index.reshape(labels.shape)
    meaning = phases.meaning(values)
    if np.count_nonzero(meaning["grains"]) == 1:
        grain, _ = label_connected(meaning["grains"][index], lateral)
    else:
        grain = np.where(meaning["grains"], np.cumsum(meaning["grains"]), 0).astype(np.int32)[index]
    if not grain.all():
        place = ndimage.distance_transform_edt(
            grain == 0, sampling=voxel_size, return_distances=False, return_indices=True
        )
        grain = grain[tuple(place)]
    return Separated(grain, meaning["pore"][index], meaning["second_phase"][index], meaning["metal"][index])


def read_labels(file: Path) -> Labels:
    """Read the labels of a file; refuse what holds none."""
    reader = READERS.get(file.suffix.lower())
    if reader is None:
        raise ValueError(f"{file.name} is no image that can be read: take {', '.join(READERS)}")
    if not file.is_file():
        raise ValueError(f"there is no image {file}")
    labels = reader(file)
    if labels.values.dtype.kind == "f" and not np.all(np.isfinite(labels.values)):
        raise ValueError(f"{file.name} holds values that are not finite, not labels: save whole numbers")
    if labels.values.dtype.kind == "f" and np.all(labels.values == np.round(labels.values)):
        labels = Labels(labels.values.astype(np.int64), labels.axes)
    if labels.values.dtype.kind == "b":
        labels = Labels(labels.values.astype(np.uint8), labels.axes)
    if labels.values.dtype.kind not in "iu":
        raise ValueError(f"{file.name} holds {labels.values.dtype} values, not labels: save whole numbers")
    return labels


def _read_picture(file: Path) -> Labels:
    """Read an image or a stack with Pillow, indexed by columns, rows and pages."""
    from PIL import Image

    read = []
    try:
        with Image.open(file) as image:
            for page in range(getattr(image, "n_frames", 1)):
                image.seek(page)
                read.append((np.asarray(image), image.getpalette("RGB")))
    except (*BROKEN, Image.DecompressionBombError) as error:
        raise ValueError(f"{file.name} cannot be read as an image: {error}") from None
    pages = [_one_channel(pixels, palette, file).T for pixels, palette in read]
    if len({page.shape for page in pages}) > 1:
        raise ValueError(f"the pages of {file.name} are not of one size")
    if len(pages) == 1:
        return Labels(pages[0], ("x", "-y"))
    return Labels(np.stack(pages, axis=2), ("x", "-y", "z"))


def _one_channel(pixels: np.ndarray, palette: list[int] | None, file: Path) -> np.ndarray:
    """Return the labels of a page, ``(rows, columns)``: its only channel, three equal ones, or indices of a palette."""
    if palette is not None:
        colours = np.array(palette).reshape(-1, 3)
        if pixels.max(initial=0) >= len(colours):
            raise ValueError(f"{file.name} is damaged: it has pixels beyond the {len(colours)} entries of its palette")
        grey = np.all(colours == colours[:, :1], axis=1).all()
        return colours[:, 0][pixels] if grey else pixels  # programs that save greys may number them anew
    if pixels.ndim == 2:
        return pixels
    colours = pixels[..., :3] if pixels.shape[2] > 2 else pixels[..., :1]  # what is left is transparency
    if np.any(colours != colours[..., :1]):
        raise ValueError(
            f"{file.name} is in colour, and labels are whole numbers, not colours: save the segmentation as grey "
            "levels or indexed, one value per grain or phase"
        )
    return colours[..., 0]


def _read_array(file: Path) -> Labels:
    """Read a NumPy array, indexed by x, y and z; one with Python objects, which could run code, is refused."""
    try:
        with file.open("rb") as stream:
            version = np.lib.format.read_magic(stream)
            if version not in HEADERS:
                raise ValueError("its format is none for plain numbers")
            shape, _, kind = HEADERS[version](stream)
            if math.prod(shape) * kind.itemsize > file.stat().st_size:
                raise ValueError("it is shorter than its header says")
            stream.seek(0)
            values = np.lib.format.read_array(stream, allow_pickle=False)
    except BROKEN as error:
        raise ValueError(f"{file.name} cannot be read as a NumPy array: {error}") from None
    return Labels(values, ("x", "y", "z")[: values.ndim])


READERS: dict[str, Callable[[Path], Labels]] = {
    ".png": _read_picture,
    ".tif": _read_picture,
    ".tiff": _read_picture,
    ".bmp": _read_picture,
    ".jpg": _read_picture,
    ".jpeg": _read_picture,
    ".npy": _read_array,
}


def _part(image: ImageSource, grid: Grid, needed: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Return the voxels that are used, indexed ``[x, y]``, and where in them the ceramic begins [m]."""
    labels = read_labels(image.file)
    values = _turned(labels.values, image.axes or labels.axes, image.file.name, len(grid.shape))
    axes = values.ndim
    for name, given in (("voxel_size", image.voxel_size), ("origin", image.origin), ("size", image.size)):
        if given is not None and (len(given) != axes or min(given) < 0.0 or (name != "origin" and min(given) == 0.0)):
            raise ValueError(f"{name} needs a positive length along each of {axes} axes, not {given}")
    voxel = np.array(image.voxel_size)
    whole = np.array(values.shape) * voxel
    origin = np.zeros(axes) if image.origin is None else np.array(image.origin)
    size = whole - origin if image.size is None else np.array(image.size)
    if np.any(origin + size > whole + 1e-6 * voxel):
        raise ValueError(
            f"the part of {image.file.name} from {_um(origin)} on, {_um(size)}, "
            f"reaches beyond the image of {_um(whole)}"
        )
    if np.any(size < needed - 1e-6 * voxel):
        what = "is" if image.origin is None and image.size is None else f"is {_um(whole)}, the part of it that is used"
        raise ValueError(
            f"the image {image.file.name} {what} {_um(size)}, smaller than the ceramic of {_um(needed)}: "
            "take a smaller box, a larger part or another voxel_size"
        )
    first = np.floor(origin / voxel + 1e-6).astype(int)
    last = np.minimum(np.ceil((origin + size) / voxel - 1e-6).astype(int), values.shape)
    part = values[tuple(slice(a, b) for a, b in zip(first, last, strict=True))]
    return part, list(origin - first * voxel)


def _turned(values: np.ndarray, axes: tuple[str, ...], name: str, dimension: int) -> np.ndarray:
    """Return voxels indexed ``[x, y]`` (``[x, y, z]``), each axis from its smallest to its largest coordinate."""
    if values.ndim != dimension:
        raise ValueError(f"{name} has {values.ndim} axes, and the box has {dimension}: take an image of as many")
    plain = [axis.removeprefix("-") for axis in axes]
    wanted = ["x", "y", "z"][:dimension]
    if sorted(plain) != wanted:
        raise ValueError(f"axes must name each of {', '.join(wanted)} once, not {', '.join(axes)}")
    backward = tuple(a for a, axis in enumerate(axes) if axis.startswith("-"))
    return np.transpose(np.flip(values, backward), [plain.index(axis) for axis in wanted])


def _nearest_voxel(edges: np.ndarray, count: int) -> np.ndarray:
    """Return the voxel in which the centre of each cell lies; ``edges`` of the cells in voxels."""
    centres = 0.5 * (edges[1:] + edges[:-1])
    return np.clip(np.floor(centres + TIE).astype(int), 0, count - 1)


def _coverage(mask: np.ndarray, edges: list[np.ndarray]) -> np.ndarray:
    """Return the share of each cell that a mask covers; along axes with coarser voxels that of the nearest one."""
    if not mask.any():
        return np.zeros([len(edge) - 1 for edge in edges])
    share = mask.astype(np.float32)
    for axis, edge in enumerate(edges):
        count = mask.shape[axis]
        if edge[1] - edge[0] <= 1.0 + 1e-6:
            share = share.take(_nearest_voxel(edge, count), axis)
            continue
        # what reaches out of the image, less than a cell at the electrode, counts as the rest of the cell
        inside = np.clip(edge, 0.0, count)
        voxel = np.arange(count)
        overlap = np.minimum(inside[1:, None], voxel + 1.0) - np.maximum(inside[:-1, None], voxel)
        overlap = np.maximum(overlap, 0.0)
        overlap /= overlap.sum(axis=1, keepdims=True)
        share = np.moveaxis(np.tensordot(overlap.astype(np.float32), share, axes=(1, axis)), 0, axis)
    return np.clip(np.round(share.astype(float), 6), 0.0, 1.0)  # single precision: full cells are full


def _behind_electrode(values: np.ndarray, grid: Grid) -> np.ndarray:
    """Return values of the ceramic's cells with zeros in the electrode before them, ``grid.shape``."""
    whole = np.zeros(grid.shape, dtype=values.dtype)
    whole[grid.shape[0] - values.shape[0] :] = values
    return whole


def _listed(values: np.ndarray) -> str:
    """Return labels as a text: the first ones, and how many more there are."""
    text = ", ".join(str(value) for value in values[:SHOWN])
    return f"{text} and {values.size - SHOWN} more" if values.size > SHOWN else text


def _um(lengths: np.ndarray) -> str:
    """Return lengths [m] as a text in um."""
    return " x ".join(f"{length / UM:.4g}" for length in lengths) + " um"
