"""What a ceramic conducts between two plates, along each axis, and what simple laws say it should."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from phasefield import cache
from phasefield.errors import RunError
from phasefield.grid import Grid
from phasefield.grid_labels import label_connected
from phasefield.physics.transport import ELECTRONIC_FLOOR, ionic_conductivity
from phasefield.problem import Ceramic

if TYPE_CHECKING:
    from phasefield.backends.conduction import Conduction

AXES = "xyz"
INSULATING = 1e-6  # what stands for the phase that does not conduct, over the one that does


@dataclass(frozen=True)
class Along:
    """What a ceramic conducts along one axis, between plates that cover both ends.

    Parameters
    ----------
    axis : ``"x"``, ``"y"`` or ``"z"``.
    ionic, electronic : effective conductivities [S/m].
    plate_difference : largest relative difference between the currents through both plates.
    iterations : of conjugate gradients.
    solid_tortuosity, pore_tortuosity : factors tau of all that is not pore, and of the pores, see `tortuosity_factor`; of
        the geometry alone, without the resistance of grain boundaries. Pores that do not span have infinity.
    """

    axis: str
    ionic: float
    electronic: float
    plate_difference: float
    iterations: int
    solid_tortuosity: float
    pore_tortuosity: float


@dataclass(frozen=True)
class Expected:
    """What simple laws say about one conductivity of a ceramic that is alike in all directions [S/m].

    ``wiener`` and ``hashin_shtrikman``: lower and upper bound. ``estimate``: brick layers of grains.
    """

    wiener: tuple[float, float]
    hashin_shtrikman: tuple[float, float]
    estimate: float


@dataclass(frozen=True)
class EffectiveConductivity:
    """Effective conductivities of a ceramic, and what to compare them with.

    Parameters
    ----------
    along : one for each axis of more than one cell; x is always one of them.
    ionic, electronic : bounds and estimates.
    porosity : share of the volume.
    pores_span : the axes along which pores connect both ends, e.g. ``"xz"``.
    """

    along: tuple[Along, ...]
    ionic: Expected
    electronic: Expected
    porosity: float
    pores_span: str


def effective_conductivity(
    ceramic: Ceramic,
    grid: Grid,
    first_layer: int = 0,
    *,
    pore_fraction: np.ndarray | None = None,
    boundary_resistivity: float = 0.0,
    threads: int = 0,
) -> EffectiveConductivity:
    """Measure a ceramic along every axis of more than one cell, and put bounds and estimates beside it.

    Parameters
    ----------
    ceramic, grid : the maps of a run and their grid. Metal plays no part.
    first_layer : index along x of the first layer that is ceramic all over; layers before it are left out.
    pore_fraction : share of each cell inside pores, ``grid.shape``; None for none.
    boundary_resistivity : sum of R_gb S_V over all boundaries [ohm m]: what they would add if all lay across the current.
    threads : 0 is as many as there are cores.

    Raises
    ------
    ValueError : for a first layer outside of the box, and where ions do not conduct at all.
    RunError : if the potentials cannot be solved.
    """
    sample, maps, sheets = _cut(ceramic, grid, first_layer)
    porous = pore_fraction is not None and bool(np.any(pore_fraction[first_layer:] > 0.0))
    pores = pore_fraction[first_layer:] if porous and pore_fraction is not None else None
    axes = [axis for axis, cells in enumerate(sample.shape) if cells > 1 or axis == 0]
    ionic, bulk, band = maps
    cells = ionic_conductivity(np.zeros(1), ionic)
    return EffectiveConductivity(
        along=tuple(_along(axis, sample, maps, sheets, pores, threads) for axis in axes),
        ionic=_expected_of_ions(cells, sample.dimension, boundary_resistivity),
        electronic=_expected_of_electrons(bulk, band, sample.dimension, ELECTRONIC_FLOOR * float(ionic.max())),
        porosity=0.0 if pores is None else float(pores.mean()),
        pores_span="".join(AXES[axis] for axis in axes if pores is not None and spans(pores >= 0.5, axis, sample)),
    )


def conductivity_along(
    ceramic: Ceramic, grid: Grid, axis: int = 0, first_layer: int = 0, *, threads: int = 0
) -> tuple[float, float]:
    """Return the effective ionic and electronic conductivity along one axis [S/m], see `effective_conductivity`."""
    sample, maps, sheets = _cut(ceramic, grid, first_layer)
    found = _along(axis, sample, maps, sheets, None, threads)
    return found.ionic, found.electronic


# --- measured -----------------------------------------------------------------------------------------------

Maps = tuple[np.ndarray, np.ndarray, np.ndarray]


def _cut(ceramic: Ceramic, grid: Grid, first_layer: int) -> tuple[Grid, Maps, tuple[np.ndarray, ...]]:
    """Return the ceramic from a layer on: its grid, sigma_i and both parts of sigma_e [S/m], and its sheets."""
    if not 0 <= first_layer < grid.shape[0]:
        raise ValueError(f"the ceramic must begin at a layer from 0 to {grid.shape[0] - 1}, not at {first_layer}")
    sample = Grid((grid.shape[0] - first_layer, *grid.shape[1:]), grid.spacing, grid.lateral)
    ionic, bulk, band = (
        values[first_layer:]
        for values in (
            ceramic.ionic_conductivity,
            ceramic.bulk_electronic_conductivity,
            ceramic.boundary_electronic_conductivity,
        )
    )
    if not ionic.min() > 0.0:
        raise ValueError(
            "every cell must conduct some ions: give phases that do not a conductivity far below the others'"
        )
    return sample, (ionic, bulk, band), tuple(sheet[first_layer:] for sheet in ceramic.sheet_resistance)


def _along(
    axis: int, grid: Grid, maps: Maps, sheets: tuple[np.ndarray, ...], pores: np.ndarray | None, threads: int
) -> Along:
    current = _driven_along(axis, grid, maps, sheets, threads)
    solid_tortuosity, pore_tortuosity = 1.0, np.inf
    if pores is not None:
        solid_tortuosity, pore_tortuosity = _tortuosities(axis, grid, pores, threads)
    return Along(
        axis=AXES[axis],
        ionic=float(current.conductivity[0]),
        electronic=float(current.conductivity[1]),
        plate_difference=float(np.abs(current.high / current.low - 1.0).max()),
        iterations=current.iterations,
        solid_tortuosity=solid_tortuosity,
        pore_tortuosity=pore_tortuosity,
    )


def _driven_along(axis: int, grid: Grid, maps: Maps, sheets: tuple[np.ndarray, ...], threads: int) -> Conduction:
    """Solve with the plates across ``axis``, which comes first; the sides of x are then closed."""
    cache.configure()
    # compiled kernels and their libraries are imported when something is measured, as in ``backends.get_backend``
    from phasefield.backends import NotConverged
    from phasefield.backends.conduction import between_plates

    order = (axis, *(a for a in range(len(grid.shape)) if a != axis))
    turned = Grid(tuple(grid.shape[a] for a in order), tuple(grid.spacing[a] for a in order), grid.lateral)
    ionic, bulk, band = (np.ascontiguousarray(values.transpose(order)) for values in maps)
    across = tuple(np.ascontiguousarray(sheets[a].transpose(order)) for a in order)
    try:
        return between_plates(turned, ionic, bulk, band, across, axis > 0, threads)
    except NotConverged as failure:
        raise RunError(f"effective conductivity along {AXES[axis]}: {failure}") from None


def _tortuosities(axis: int, grid: Grid, pores: np.ndarray, threads: int) -> tuple[float, float]:
    """Return tau of the solid and of the pores: solved at once, the one as ions, the other as electrons."""
    sheets = tuple(np.zeros(grid.face_shape(a)) for a in range(len(grid.shape)))
    spanning, porosity = spans(pores >= 0.5, axis, grid), float(pores.mean())
    solid = (1.0 - pores) + INSULATING * pores
    void = pores + INSULATING * (1.0 - pores) if spanning else np.ones(grid.shape)
    found = _driven_along(axis, grid, (solid, void, np.zeros(grid.shape)), sheets, threads).conductivity
    of_solid = tortuosity_factor(ionic_conductivity(0.0, 1.0), 1.0 - porosity, float(found[0]))
    return of_solid, tortuosity_factor(1.0, porosity, float(found[1])) if spanning else np.inf


def spans(mask: np.ndarray, axis: int, grid: Grid) -> bool:
    """Tell whether a face-connected region of a mask reaches both ends of an axis.

    Periodic sides connect, except those of the axis itself; the ends of x never do.
    """
    ends_of_x = np.zeros((1, *mask.shape[1:]), dtype=bool)
    labels, _ = label_connected(np.moveaxis(np.concatenate([mask, ends_of_x]), axis, 0), grid.lateral)
    last = -2 if axis == 0 else -1
    return bool(np.intersect1d(labels[0][labels[0] > 0], labels[last]).size)


# --- expected -----------------------------------------------------------------------------------------------


def wiener_bounds(
    conductivity: np.ndarray, fraction: np.ndarray | None = None, boundary_resistivity: float = 0.0
) -> tuple[float, float]:
    """Return the conductivities of phases in series, 1 / <1 / sigma>, and in parallel, <sigma> [S/m].

    No arrangement of the phases lies outside (Wiener 1912).

    Parameters
    ----------
    conductivity : of the phases [S/m], or the map of a ceramic, whose cells are phases alike in volume.
    fraction : of the volume, shape of ``conductivity``; None for cells.
    boundary_resistivity : sum of R_gb S_V over thin resistive sheets [ohm m]; in series all lie across the current.
    """
    low = _mean_resistivity(conductivity, fraction) + boundary_resistivity
    return 1.0 / low, float(np.average(conductivity, weights=fraction))


def hashin_shtrikman_bounds(
    conductivity: np.ndarray, dimension: int, fraction: np.ndarray | None = None, boundary_resistivity: float = 0.0
) -> tuple[float, float]:
    """Return the bounds of Hashin and Shtrikman (1962) for phases mixed alike in all directions [S/m].

    1 / <1 / (sigma + (D - 1) s)> - (D - 1) s, with s the least and the largest conductivity, in D dimensions; for discs
    or spheres of insulators the upper one is Maxwell's formula. Thin resistive sheets are a phase whose conductivity and
    volume vanish together: what is left of it is <1 / sigma> + R_gb S_V / D, the lower bound of the resistivity's inverse.
    Other arguments as for `wiener_bounds`.
    """
    if dimension not in (1, 2, 3):
        raise ValueError(f"there are bounds in 1, 2 and 3 dimensions, not in {dimension}")
    least, most = (0.0 if boundary_resistivity > 0.0 else float(np.min(conductivity))), float(np.max(conductivity))
    low, high = (
        1.0 / _mean_resistivity(conductivity + (dimension - 1) * s, fraction) - (dimension - 1) * s
        for s in (least, most)
    )
    if boundary_resistivity > 0.0:
        low = 1.0 / (1.0 / low + boundary_resistivity / dimension) if low > 0.0 else 0.0
    return low, high


def _mean_resistivity(conductivity: np.ndarray, fraction: np.ndarray | None) -> float:
    """Return <1 / sigma> [ohm m]; infinite if a phase does not conduct."""
    with np.errstate(divide="ignore"):
        return float(np.average(1.0 / np.asarray(conductivity, dtype=float), weights=fraction))


def brick_layer_conductivity(bulk: float, boundary_resistivity: float, dimension: int) -> float:
    """Return 1 / (1 / sigma_b + R_gb S_V / D) [S/m]: grains in D dimensions with thin resistive boundaries.

    Of boundaries in random directions one in D lies across the current (brick layer model: Beekmans and Heyne 1976,
    van Dijk and Burggraaf 1981). Exact for resistances that are small against the grains'; else grains conduct up to
    a tenth better in their own directions.

    Parameters
    ----------
    bulk : sigma_b [S/m].
    boundary_resistivity : R_gb S_V [ohm m], S_V area of boundary per volume.
    """
    return 1.0 / (1.0 / bulk + boundary_resistivity / dimension)


def network_conductivity(bulk: float, band: float, dimension: int) -> float:
    """Return sigma_b + (D - 1) / D of what boundaries would carry if all lay along the current [S/m].

    Of boundaries in random directions D - 1 in D lie along it. ``band``: delta sigma_gb S_V [S/m], for electrons the mean of
    ``Ceramic.boundary_electronic_conductivity``.
    """
    return bulk + (dimension - 1) / dimension * band


def tortuosity_factor(conductivity: float, fraction: float, effective: float) -> float:
    """Return tau = sigma_0 f / sigma_eff of a phase that fills the share f of the volume: 1 for straight channels."""
    return conductivity * fraction / effective


def _expected_of_ions(cells: np.ndarray, dimension: int, boundary_resistivity: float) -> Expected:
    """Compare with cells as phases and with grains, of what pores leave at best, in brick layers."""
    bounds = hashin_shtrikman_bounds(cells, dimension, boundary_resistivity=boundary_resistivity)
    return Expected(
        wiener=wiener_bounds(cells, boundary_resistivity=boundary_resistivity),
        hashin_shtrikman=bounds,
        estimate=brick_layer_conductivity(bounds[1], boundary_resistivity, dimension),
    )


def _expected_of_electrons(bulk: np.ndarray, band: np.ndarray, dimension: int, floor: float) -> Expected:
    """Compare with cells as phases and with a network of boundaries; ``floor``: the least conductivity of a face."""
    cells = np.maximum(bulk + band, floor)
    return Expected(
        wiener=wiener_bounds(cells),
        hashin_shtrikman=hashin_shtrikman_bounds(cells, dimension),
        estimate=max(network_conductivity(float(bulk.mean()), float(band.mean()), dimension), floor),
    )
