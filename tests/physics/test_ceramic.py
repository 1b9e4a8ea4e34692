"""Maps of a ceramic from its microstructure and numbers, and problems from cases (MODEL 5 and 7)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from microstructures import Microstructure, pore_surface_density
from phasefield.boundaries import boundaries_of
from phasefield.case import load_case
from phasefield.ceramic import CeramicNumbers, ceramic_maps
from phasefield.grid import Grid
from phasefield.physics.constants import FARADAY, GAS_CONSTANT
from phasefield.setup import build_problem, build_structure, ceramic_numbers, initial_metal

UM = 1e-6
GRID = Grid((6, 4), (1.0 * UM, 0.5 * UM))
PLANE = 2.0 * UM
NUMBERS = CeramicNumbers(
    ionic_conductivity=0.05,
    bulk_electronic_conductivity=1e-8,
    boundary_resistance=np.array([2e-5, 3e-5]),
    boundary_conductance=np.array([1e-11, 4e-11]),
    boundary_electrons=np.array([0.0, 3e-7]),
    band_width=1.0 * UM,
    opening=30e-9,
    collecting_length=1.5 * UM,
    boundary_pressure=np.array([40e6, 90e6]),
    grain_pressure=1e9,
    electrons_at_metal=2.0,
    ion_concentration=4e4,
    pore_ratio=1e-6,
)


def structure() -> Microstructure:
    """Return grains with a boundary (row 0 of the pairs) along y cell 1, one (row 1) at x cell 4, and a pore cell.

    The faces of row 0 are as those of a tilted boundary.
    """
    shape = GRID.shape
    distance, row = np.full(shape, 2.0 * UM), np.zeros(shape, dtype=np.int32)
    fraction, pores = np.zeros(shape), np.zeros(shape)
    distance[:, 1], fraction[2:, 1] = 0.1 * UM, 0.8
    distance[4, 2:], row[4, 2:], fraction[4, 2:] = 0.2 * UM, 1, 0.5
    pores[5, 3], pores[3, 3] = 1.0, 0.4
    weight_x = np.zeros(GRID.face_shape(0))
    weight_x[4, 2:] = 1.0
    weight_y = np.zeros(GRID.face_shape(1))
    weight_y[2:, 1] = 1.25
    return Microstructure(
        grid=GRID,
        grain_id=np.ones(shape, dtype=np.int32),
        boundary_pairs=np.array([[1, 2], [2, 3]], dtype=np.int32),
        boundary_id=row,
        boundary_distance=distance,
        grain_boundary_fraction=fraction,
        pore_fraction=pores,
        second_phase_fraction=np.zeros(shape),
        metal_distance=PLANE - GRID.meshgrid()[0],
        sheet_weight=(weight_x, weight_y),
        sheet_boundary=(np.where(weight_x > 0.0, 1, -1), np.where(weight_y > 0.0, 0, -1)),
        boundary_per_volume=1e5,
        electrode_plane=PLANE,
        electrode_surface=np.full(shape[1:], PLANE),
    )


def test_each_place_has_the_pressure_of_its_boundary_its_grain_or_none_in_pores() -> None:
    pressure = ceramic_maps(structure(), NUMBERS).accommodation_pressure
    assert (pressure[2:, 1] == 40e6).all()
    assert pressure[4, 2] == pressure[4, 3] == 90e6
    assert pressure[5, 3] == 0.0, "a pore"
    assert pressure[3, 3] == 1e9, "less than half a pore"
    assert set(np.unique(pressure)) == {0.0, 40e6, 90e6, 1e9}, "never blended"


def test_no_boundary_resists_more_than_the_grains() -> None:
    strong = replace(NUMBERS, boundary_pressure=np.array([40e6, 3e9]))
    assert ceramic_maps(structure(), strong).accommodation_pressure[4, 2] == 1e9


def test_electrode_takes_the_pressure_of_the_nearest_ceramic_along_x() -> None:
    made = structure()
    made.boundary_distance[0, 3] = 0.0  # what the electrode's cells say themselves does not count
    made.boundary_distance[2, 0], made.boundary_id[2, 0] = 0.0, 1
    pressure = ceramic_maps(made, NUMBERS).accommodation_pressure
    np.testing.assert_array_equal(pressure[:2], np.broadcast_to([90e6, 40e6, 1e9, 1e9], (2, 4)))


def test_metal_fills_the_opening_in_ceramic_and_all_of_electrode_and_pores() -> None:
    maps = ceramic_maps(structure(), NUMBERS)
    for values, solid in ((maps.accessible_fraction, 0.03), (maps.collecting_factor, 1.5)):
        assert (values[:2] == 1.0).all()
        assert values[2, 0] == values[4, 2] == pytest.approx(solid), "grains take the band's value"
        assert values[5, 3] == 1.0
        assert values[3, 3] == pytest.approx(0.4 + 0.6 * solid)


def test_conductivities_of_band_bulk_and_pore() -> None:
    maps = ceramic_maps(structure(), NUMBERS)
    along = maps.boundary_electronic_conductivity
    assert along[2, 1] == pytest.approx(0.8 * 1e-11 / 1e-6) and along[4, 2] == pytest.approx(0.5 * 4e-11 / 1e-6)
    assert along[2, 0] == along[1, 1] == 0.0, "outside of bands, and in the electrode"
    assert maps.bulk_electronic_conductivity[2, 1] == 1e-8 and maps.bulk_electronic_conductivity[5, 3] == 0.0
    assert maps.ionic_conductivity[2, 1] == pytest.approx(0.05)
    assert maps.ionic_conductivity[5, 3] == pytest.approx(5e-8)
    assert maps.ionic_conductivity[3, 3] == pytest.approx(0.03, rel=1e-5)


def test_each_face_has_the_resistance_of_its_own_boundary() -> None:
    across_x, across_y = ceramic_maps(structure(), NUMBERS).sheet_resistance
    expected_x, expected_y = np.zeros(GRID.face_shape(0)), np.zeros(GRID.face_shape(1))
    expected_x[4, 2:], expected_y[2:, 1] = 3e-5, 1.25 * 2e-5
    np.testing.assert_allclose(across_x, expected_x)
    np.testing.assert_allclose(across_y, expected_y)


def test_electrons_are_stored_in_ceramic_only() -> None:
    maps = ceramic_maps(structure(), NUMBERS)
    assert (maps.electrons_at_metal[:2] == 0.0).all() and maps.electrons_at_metal[5, 3] == 0.0
    assert maps.electrons_at_metal[2, 0] == 2.0 and maps.electrons_at_metal[3, 3] == pytest.approx(1.2)
    assert maps.ion_concentration[2, 0] == 4e4 and maps.ion_concentration[5, 3] == 0.0


def test_traps_of_a_boundary_are_spread_over_its_band() -> None:
    held = ceramic_maps(structure(), NUMBERS).electrons_at_metal
    assert held[4, 2] == held[4, 3] == pytest.approx(2.0 + 0.5 * 3e-7 / 1e-6)
    assert held[2, 1] == 2.0, "a boundary without traps"
    porous = structure()
    porous.pore_fraction[4, 2] = 0.3
    assert ceramic_maps(porous, NUMBERS).electrons_at_metal[4, 2] == pytest.approx(0.7 * held[4, 2])


def test_the_surface_of_pores_conducts_and_holds_electrons_of_its_own() -> None:
    coated = replace(NUMBERS, pore_conductance=6e-11, pore_electrons=8e-7)
    bare, made = (ceramic_maps(structure(), numbers) for numbers in (NUMBERS, coated))
    surface = pore_surface_density(structure().pore_fraction, GRID)
    assert surface[4, 3] == pytest.approx(0.6 / (2.0 * UM)) and surface[2, 1] == 0.0
    along = made.boundary_electronic_conductivity - bare.boundary_electronic_conductivity
    np.testing.assert_allclose(along, 6e-11 * surface, rtol=1e-12, atol=1e-20)
    held = made.electrons_at_metal - bare.electrons_at_metal
    np.testing.assert_allclose(held, 8e-7 * surface, rtol=1e-9, atol=1e-12)
    assert (bare.bulk_electronic_conductivity == made.bulk_electronic_conductivity).all()


def test_flat_electrode_has_its_surface_at_the_plane_and_a_tail_that_ends() -> None:
    grid = Grid((40, 2), (0.25 * UM, 1.0 * UM))
    xi = initial_metal(4.0 * UM - grid.meshgrid()[0], 0.6 * UM)
    x = grid.centres(0)
    assert xi[0, 0] > 0.99 and xi[15, 1] + xi[16, 1] == pytest.approx(1.0)
    inside = x < 4.0 * UM + 4.0 * 0.6 * UM
    np.testing.assert_allclose(xi[inside, 0], 0.5 * (1.0 - np.tanh((x[inside] - 4.0 * UM) / (1.2 * UM))))
    assert (xi[~inside] == 0.0).all()
    assert (initial_metal(np.full(grid.shape, -np.inf), 0.6 * UM) == 0.0).all()


@pytest.fixture(scope="module")
def bicrystal():
    case = load_case("bicrystal")
    made = build_structure(case)
    return case, made, build_problem(case, made)


def test_problem_of_a_case_holds_its_numbers(bicrystal) -> None:
    case, made, problem = bicrystal
    resistance = case.materials.interface_properties.interface_resistance
    i0 = GAS_CONSTANT * case.materials.temperature / FARADAY / resistance
    assert problem.reaction.exchange_current_density == pytest.approx(i0)
    assert problem.working_electrode.exchange_current_density == pytest.approx(i0)
    sigma = case.materials.electrolyte_properties.ionic_conductivity
    assert problem.metal.electronic_conductivity == pytest.approx(case.transport.metal_conductivity_ratio * sigma)
    assert problem.metal.interface_width == case.metal.interface_width
    assert problem.electrode_plane == made.electrode_plane == case.electrodes.working_thickness > 0.0
    bands = case.grain_boundaries
    in_ceramic = problem.ceramic.accessible_fraction[-1]
    np.testing.assert_allclose(in_ceramic, bands.opening / bands.band_width)
    np.testing.assert_allclose(problem.ceramic.collecting_factor[-1], bands.collecting_length / bands.band_width)


def test_the_boundary_network_conducts_what_was_measured(bicrystal) -> None:
    """Summed over a plane across the current: the band carries the measured conductivity (2-D: delta S_V sigma / 2)."""
    case, _, problem = bicrystal
    measured = case.materials.electrolyte_properties.electronic_conductivity
    mean = problem.ceramic.boundary_electronic_conductivity[-1].mean()
    straight_through = 2.0 * measured  # all of its boundary lies along the current, not half of it
    assert mean == pytest.approx(straight_through, rel=0.1)


DEEP = {"grid.size": '["16 um", "9.6 um", "3.2 um"]'}


def test_a_3d_bicrystal_has_the_numbers_of_the_flat_one(bicrystal) -> None:
    _, _, flat = bicrystal
    case = load_case("bicrystal", DEEP)
    problem = build_problem(case, build_structure(case))
    assert problem.grid.shape == (*flat.grid.shape, 8)
    for name in (
        "ionic_conductivity",
        "boundary_electronic_conductivity",
        "accommodation_pressure",
        "accessible_fraction",
    ):
        deep, layer = (getattr(p.ceramic, name) for p in (problem, flat))
        np.testing.assert_allclose(deep, np.repeat(layer[..., None], 8, axis=2), rtol=1e-11)
    for axis in range(2):
        deep, layer = problem.ceramic.sheet_resistance[axis], flat.ceramic.sheet_resistance[axis]
        np.testing.assert_allclose(deep, np.repeat(layer[..., None], 8, axis=2), rtol=1e-12)
    assert (problem.ceramic.sheet_resistance[2] == 0.0).all() and problem.ceramic.sheet_resistance[1].any()
    np.testing.assert_array_equal(problem.initial_metal_fraction, flat.initial_metal_fraction[..., None].repeat(8, 2))


def test_two_thirds_of_a_network_in_space_carry_the_measured_conductivity() -> None:
    keys = {"grid.size": '["14.4 um", "12 um", "9.6 um"]', "microstructure.grain_size": '"6 um"'}
    case = load_case("llzo_grain_boundary", keys)
    structure = build_structure(case)
    numbers = ceramic_numbers(case, structure)
    electrolyte = case.materials.electrolyte_properties
    sheets = structure.boundary_per_volume * electrolyte.boundary_thickness
    network = 2.0 / 3.0 * sheets * numbers.boundary_conductance / electrolyte.boundary_thickness
    np.testing.assert_allclose(network, electrolyte.electronic_conductivity)
    assert numbers.pore_conductance == 0.0
    ceramic = build_problem(case, structure).ceramic
    assert ceramic.boundary_electronic_conductivity.shape == structure.grid.shape == (36, 30, 24)
    assert len(np.unique(ceramic.accommodation_pressure)) > 30
    first = int(np.argmax(structure.grid.centres(0) > structure.electrode_plane))
    assert (ceramic.accessible_fraction[:first] == 1.0).all() and (ceramic.accessible_fraction[first] < 1.0).all()


COATED = {
    "grain_boundaries.coating.thickness": "5 nm",
    "grain_boundaries.coating.coverage": "0.5",
    "grain_boundaries.coating.ionic_conductivity": "1e-4 S/m",
    "grain_boundaries.coating.electronic_conductivity": "2e-4 S/m",
    "grain_boundaries.electrons.distribution": "log_normal",
    "grain_boundaries.electrons.trapped_ratio": "7",
}


@pytest.fixture(scope="module")
def coated():
    """Return the main case without pores, half of its boundaries coated, the others leaky and full of traps."""
    case = load_case("llzo_grain_boundary", COATED | {"microstructure.pores.porosity": "0"})
    made = build_structure(case)
    return case, made, build_problem(case, made).ceramic, boundaries_of(case, made)


def test_faces_between_two_grains_have_the_resistance_of_what_lies_between_them(coated) -> None:
    _, made, ceramic, boundaries = coated
    of_pair = {tuple(pair): r for pair, r in zip(made.boundary_pairs.tolist(), boundaries.resistance, strict=True)}
    assert len(set(of_pair.values())) == 2
    for axis, (resistance, weight) in enumerate(zip(ceramic.sheet_resistance, made.sheet_weight, strict=True)):
        cells, faces, weights = (np.moveaxis(a, axis, 0) for a in (made.grain_id, resistance, weight))
        low, high = np.minimum(cells[:-1], cells[1:]), np.maximum(cells[:-1], cells[1:])
        between = (low != high) & (low > 0)
        found = faces[1:-1][between] / weights[1:-1][between]
        pairs = zip(low[between].tolist(), high[between].tolist(), strict=True)
        expected = np.array([of_pair.get(pair, np.nan) for pair in pairs])
        known = np.isfinite(expected)
        assert known.mean() > 0.97  # the rest touch at a junction only
        np.testing.assert_allclose(found[known], expected[known], rtol=1e-12)
        assert (faces[1:-1][~between] == 0.0).all()


def test_the_bands_of_a_case_hold_what_its_boundaries_trap_and_conduct_as_they_do(coated) -> None:
    """Summed over the ceramic: the area of each boundary's band over w times what it holds and conducts."""
    case, made, ceramic, boundaries = coated
    fraction, row, grid = made.grain_boundary_fraction, made.boundary_id, made.grid
    area = np.bincount(row.ravel(), fraction.ravel(), minlength=len(made.boundary_pairs))
    area *= grid.cell_volume / case.grain_boundaries.band_width
    n_metal = case.materials.electrolyte_properties.electron_concentration_at_metal
    held = (ceramic.electrons_at_metal - np.where(made.grain_id > 0, n_metal, 0.0)).sum() * grid.cell_volume
    assert held == pytest.approx(area @ boundaries.electrons, rel=1e-9, abs=0.0) and held > 0.0
    conducts = ceramic.boundary_electronic_conductivity.sum() * grid.cell_volume
    assert conducts == pytest.approx(area @ boundaries.conductance, rel=1e-12, abs=0.0)
    on = boundaries.coated[row] & (fraction == 1.0)
    np.testing.assert_allclose(ceramic.electrons_at_metal[on], n_metal, rtol=1e-12)
    along = 5e-9 * 2e-4 / case.grain_boundaries.band_width
    np.testing.assert_allclose(ceramic.boundary_electronic_conductivity[on], along, rtol=1e-12)


def test_the_surface_of_pores_follows_the_boundaries_of_the_case() -> None:
    keys = {"transport.pore_surface_ratio": "3", "grain_boundaries.electrons.trapped_ratio": "7"}
    case = load_case("llzo_grain_boundary", keys)
    made = build_structure(case)
    numbers = ceramic_numbers(case, made)
    electrolyte = case.materials.electrolyte_properties
    assert numbers.pore_conductance == pytest.approx(3.0 * numbers.boundary_conductance[0], abs=0.0)
    layer = electrolyte.boundary_thickness * electrolyte.electron_concentration_at_metal
    assert numbers.pore_electrons == pytest.approx(3.0 * 6.0 * layer, abs=0.0)
    grounded = load_case("llzo_grain_boundary", keys | {"transport.leakage": "false"})
    assert ceramic_numbers(grounded, made).pore_conductance == 0.0
    unstored = load_case("llzo_grain_boundary", keys | {"transport.capacitance": "false"})
    assert ceramic_numbers(unstored, made).pore_electrons == 0.0
    plain = load_case("llzo_grain_boundary", COATED | keys)
    assert ceramic_numbers(plain, made).pore_conductance == numbers.pore_conductance, "a coating lies around grains"


def test_pressure_of_the_case_reaches_the_electrode(bicrystal) -> None:
    case, made, problem = bicrystal
    pressure = problem.ceramic.accommodation_pressure
    first = int(np.argmax(problem.grid.centres(0) > made.electrode_plane))
    assert first > 3
    np.testing.assert_array_equal(pressure[:first], np.broadcast_to(pressure[first], pressure[:first].shape))
    assert pressure.max() == case.grains.accommodation_pressure and len(np.unique(pressure)) >= 2


def test_a_porosity_of_zero_is_a_dense_ceramic() -> None:
    case = load_case("llzo_grain_boundary", {"microstructure.pores.porosity": "0"})
    assert case.microstructure.pores is not None
    assert (build_structure(case).pore_fraction == 0.0).all()


def test_a_plain_case_is_plain_electrodeposition() -> None:
    case = load_case("bicrystal", {"reaction.plain": "true"})
    ceramic = build_problem(case, build_structure(case)).ceramic
    assert (ceramic.accommodation_pressure == 0.0).all()
    np.testing.assert_allclose(ceramic.accessible_fraction, 1.0)
    np.testing.assert_allclose(ceramic.collecting_factor, 1.0)


def test_without_leakage_and_capacitance_nothing_of_them_is_left() -> None:
    case = load_case("bicrystal", {"transport.leakage": "false", "transport.capacitance": "false"})
    ceramic = build_problem(case, build_structure(case)).ceramic
    assert (ceramic.boundary_electronic_conductivity == 0.0).all() and (ceramic.electrons_at_metal == 0.0).all()
    assert ceramic.bulk_electronic_conductivity.max() == pytest.approx(1e-12 * ceramic.ionic_conductivity.max())


def test_one_dimension_has_the_ceramic_as_measured() -> None:
    case = load_case("flat_plating")
    ceramic = build_problem(case, build_structure(case)).ceramic
    measured = case.materials.electrolyte_properties.electronic_conductivity
    if case.transport.leakage:
        np.testing.assert_allclose(ceramic.bulk_electronic_conductivity, measured)
    assert (ceramic.boundary_electronic_conductivity == 0.0).all()
