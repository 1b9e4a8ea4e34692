"""From the tables of a case to its ceramic: every kind of grains, pores, second phase and electrode surface."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import postprocess
from phasefield.backends.common import reservoir_area
from phasefield.case import load_case
from phasefield.case.changes import case_texts, input_names
from phasefield.cli.cases import new
from phasefield.errors import CaseError
from phasefield.grid_labels import label_connected
from phasefield.run import resume, run
from phasefield.setup import Setup, build_setup

UM = 1e-6
SMALL = {"grid.size": '["44.8 um", "24 um"]', "microstructure.pores.porosity": "0"}


def setup_of(overrides: dict[str, str], name: str = "llzo_grain_boundary") -> Setup:
    return build_setup(load_case(name, SMALL | overrides))


def case_file(folder: Path, change: dict[str, str], name: str = "llzo_grain_boundary") -> Path:
    """Write a small case with parts of its text replaced."""
    text = load_case(name).source_text.replace('size = ["68.8 um", "48 um"]', 'size = ["44.8 um", "24 um"]')
    for old, put in change.items():
        assert old in text, old
        text = text.replace(old, put)
    path = folder / "made.toml"
    path.write_text(text, encoding="utf-8")
    return path


PORES = '[microstructure.pores]\nporosity = 0.01 # 1 % of the volume\nradius = "1 um"\nlocation = "triple_junctions"\n'


def test_pores_of_several_kinds_do_not_touch_and_each_has_its_share(tmp_path: Path) -> None:
    several = (
        '[[microstructure.pores]]\nporosity = 0.03\nradius = "1 um"\nlocation = "grain_interiors"\n'
        '[[microstructure.pores]]\nporosity = 0.04\nradius = "0.8 um"\nlog_width = 0.2\nlocation = "grain_boundaries"\n'
        '[microstructure.second_phase]\nfraction = 0.05\nradius = "1 um"\nlocation = "triple_junctions"\n'
        'ionic_conductivity = "1e-4 S/m"\nelectronic_conductivity = "1e-8 S/m"\naccommodation_pressure = "200 MPa"\n'
    )
    setup = build_setup(load_case(case_file(tmp_path, {PORES: several})))
    structure, ceramic = setup.structure, setup.problem.ceramic
    inside = ~structure.in_electrode
    assert structure.pore_fraction[inside].mean() == pytest.approx(0.07, abs=0.002)
    assert structure.second_phase_fraction[inside].mean() == pytest.approx(0.05, abs=0.002)
    assert np.all(structure.pore_fraction + structure.second_phase_fraction <= 1.0)
    second = structure.second_phase_fraction == 1.0
    assert ceramic.ionic_conductivity[second] == pytest.approx(1e-4)
    assert ceramic.bulk_electronic_conductivity[second] == pytest.approx(1e-8)
    assert not ceramic.boundary_electronic_conductivity[second].any()
    assert np.all(ceramic.accommodation_pressure[second & inside] == 200e6)
    assert np.all(ceramic.accommodation_pressure[structure.pore_fraction == 1.0] == 0.0)
    # no boundary resists inside a particle
    assert not ceramic.sheet_resistance[0][1:-1][second[1:] & second[:-1]].any()
    names = {number.name: number.value for number in setup.case.assumed}
    assert names["microstructure.second_phase.accommodation_pressure"] == 200.0


def test_a_rough_electrode_is_metal_up_to_its_surface() -> None:
    setup = setup_of({"electrodes.roughness.rms": "0.6 um", "electrodes.roughness.correlation_length": "6 um"})
    structure, xi = setup.structure, setup.problem.initial_metal_fraction
    height = structure.electrode_surface - 4.8 * UM
    assert height.mean() == pytest.approx(0.0, abs=1e-3 * UM)
    assert np.sqrt(np.mean(height**2)) == pytest.approx(0.6 * UM, rel=1e-3)
    x = setup.problem.grid.meshgrid()[0]
    assert np.array_equal(xi > 0.5, x < structure.electrode_surface)
    assert np.array_equal(structure.grain_id == 0, x < structure.electrode_surface)
    # what metal is there stands in free space, whatever the column
    assert np.all(setup.problem.ceramic.accessible_fraction[structure.in_electrode] == 1.0)
    first = structure.in_electrode.sum(axis=0)
    pressure = setup.problem.ceramic.accommodation_pressure
    assert len(np.unique(pressure[first, np.arange(60)])) > 1
    for column in range(60):
        assert np.all(pressure[: first[column] + 1, column] == pressure[first[column], column])


def test_protrusions_and_seeds_are_where_they_are_asked_for(tmp_path: Path) -> None:
    metal = (
        'working_thickness = "4.8 um"\nseeds = [{place = ["30 um", "9 um"], radius = "1.6 um"}]\n'
        'protrusions = [{place = ["16 um"], height = "3 um", width = "6 um"}]\n'
    )
    setup = build_setup(load_case(case_file(tmp_path, {'working_thickness = "4.8 um"': metal, PORES: ""})))
    structure, xi, grid = setup.structure, setup.problem.initial_metal_fraction, setup.problem.grid
    x, y = grid.meshgrid()
    assert structure.electrode_surface.max() == pytest.approx(7.8 * UM, abs=0.05 * UM)
    assert abs(grid.centres(1)[structure.electrode_surface.argmax()] - 16.0 * UM) < 0.4 * UM
    ball = np.hypot(x - 30.0 * UM, y - 9.0 * UM) < 1.6 * UM
    assert np.array_equal((xi > 0.5) & (x > 10.0 * UM), ball)
    assert structure.pore_fraction[np.hypot(x - 30.0 * UM, y - 9.0 * UM) < 1.3 * UM].min() == 1.0
    # only the electrode is pushed back by what it plates: floating metal has no reservoir
    area = reservoir_area(setup.problem)
    assert area[(x < 10.0 * UM)].sum() > 0.0 and not area[x > 20.0 * UM].any()


def test_filled_channels_are_metal_of_the_electrode(tmp_path: Path) -> None:
    channels = (
        '[microstructure.pores]\nporosity = 0.2\nradius = "1 um"\nlocation = "channels"\n'
        'layer = ["4.8 um", "20.8 um"]\nfilled = true\n'
    )
    setup = build_setup(load_case(case_file(tmp_path, {PORES: channels, '"24 um"]': '"48 um"]'})))
    structure, xi = setup.structure, setup.problem.initial_metal_fraction
    x = setup.problem.grid.meshgrid()[0]
    layer = (x > 4.8 * UM) & (x < 20.8 * UM)
    assert structure.pore_fraction[layer].mean() == pytest.approx(0.2, abs=0.002)
    assert not structure.pore_fraction[~layer].any()
    full = structure.pore_fraction == 1.0
    assert np.mean(xi[full] > 0.5) > 0.97
    _, count = label_connected(xi > 0.5, "periodic")
    assert count == 1
    assert reservoir_area(setup.problem)[layer].sum() > 0.0


def test_an_image_is_read_from_beside_the_case_and_goes_with_it(tmp_path: Path) -> None:
    case = load_case("llzo_from_image")
    setup = build_setup(case)
    assert setup.structure.tessellation is None
    assert len(setup.structure.boundary_pairs) > 50
    assert setup.structure.second_phase_fraction.max() == 1.0
    assert input_names(case, case.source.parent)["microstructure"] == "inputs/grains_2d.png"
    texts = case_texts(case, {"microstructure": "inputs/mine.png"})
    assert 'file = "inputs/mine.png"' in texts["case"]
    assert texts["microstructure"].startswith('sha256 = "')


def test_a_list_of_centres_becomes_grains(tmp_path: Path) -> None:
    rows = ["x_um, y_um, radius_um", "10, 5, 6", "12, 17, 5", "26, 11, 8", "38, 20, 4", "38, 5, 5"]
    (tmp_path / "centres.csv").write_text("\n".join(rows), encoding="utf-8")
    change = {
        'kind = "voronoi"     # random grains\ngrain_size = "9 um"  # mean diameter': 'kind = "centres"\nfile = "centres.csv"'
    }
    structure = build_setup(load_case(case_file(tmp_path, change | {PORES: ""}))).structure
    assert set(np.unique(structure.grain_id)) == {0, 1, 2, 3, 4, 5}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x_um, y_mm\n1, 2", "no column y_um"),
        ("x_um, y_um\n10, five", "not numbers"),
        ("x_um, y_um\n10, nan", "not finite"),
        ("x_um, y_um\n1, 5", "outside of the ceramic"),
        ("", "no column x_um, y_um"),
    ],
)
def test_lists_of_centres_that_cannot_be_read_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "centres.csv").write_text(text, encoding="utf-8")
    change = {
        'kind = "voronoi"     # random grains\ngrain_size = "9 um"  # mean diameter': 'kind = "centres"\nfile = "centres.csv"'
    }
    case = load_case(case_file(tmp_path, change | {PORES: ""}))
    with pytest.raises(CaseError, match=problem):
        build_setup(case)


REFUSED: list[tuple[dict[str, str], str, str]] = [
    ({"microstructure.kind": "image"}, "microstructure.file", "missing for image"),
    ({"microstructure.file": '"nowhere.png"'}, "microstructure.file", "cannot be read"),
    ({"microstructure.kind": "laguerre", "microstructure.elongation": "6.0"}, "microstructure.grain_size", "3.67"),
    ({"microstructure.kind": "bricks", "microstructure.elongation": "2.0"}, "microstructure.elongation", "has none"),
    ({"microstructure.elongation": "2.0", "microstructure.elongation_axis": "z"}, "elongation_axis", "no axis z"),
    ({"microstructure.pores.porosity": "0.95"}, "microstructure.pores[0].porosity", "out of range"),
    ({"microstructure.pores.location": "electrode_contact"}, "pores.covered_fraction", "leave out porosity"),
    ({"microstructure.image.voxel": '"1 um"'}, "microstructure.image", "a voronoi has none"),
    ({"microstructure.labels.second_phase": "[3]"}, "microstructure.second_phase", "table is missing"),
    ({"electrodes.roughness.rms": '"1 um"', "electrodes.roughness.correlation_length": '"6 um"',
      "electrodes.working_thickness": '"0 um"'}, "electrodes.roughness", "face of the box"),
    ({"electrodes.seeds": '[{place = ["30 um"], radius = "2 um"}]'}, "electrodes.seeds[0].place", "give 2"),
    ({"electrodes.seeds": '[{place = ["30 um", "9 um"], radius = "0.5 um"}]'}, "electrodes.seeds[0].radius", "0.8 um"),
    ({"electrodes.protrusions": '[{place = ["99 um"], height = "2 um", width = "4 um"}]'}, "protrusions[0].place", "outside"),
]  # fmt: skip


@pytest.mark.parametrize(("overrides", "path", "words"), REFUSED)
def test_what_does_not_fit_together_is_refused_with_its_key(overrides: dict[str, str], path: str, words: str) -> None:
    with pytest.raises(CaseError) as caught:
        load_case("llzo_grain_boundary", overrides)
    told = [f"{fault.path}: {fault.problem}; {fault.right}" for fault in caught.value.faults]
    assert any(path in line and words in line for line in told), told


IMPOSSIBLE: list[tuple[dict[str, Any], str]] = [
    ({"microstructure.pores.porosity": "0.6"}, "only 22 of 25 junctions have room"),
    ({"microstructure.pores.porosity": "0.5", "microstructure.pores.location": '"channels"'}, "channel"),
    ({"electrodes.roughness.rms": '"3 um"', "electrodes.roughness.correlation_length": '"6 um"'}, "inside the box"),
    ({"electrodes.roughness.rms": '"0.5 um"', "electrodes.roughness.correlation_length": '"1 um"'}, "thinner than 2"),
]


@pytest.mark.parametrize(("overrides", "words"), IMPOSSIBLE)
def test_what_cannot_be_made_is_refused_with_a_sentence(overrides: dict[str, str], words: str) -> None:
    with pytest.raises(CaseError, match=words):
        setup_of(overrides)


SHORT_RUN = {"protocol.capacity": "0.0004 mAh/cm^2", "output.fields": '["metal_fraction"]'}


def test_a_result_holds_its_image_and_runs_again_from_itself(tmp_path: Path) -> None:
    case = load_case("llzo_from_image", SHORT_RUN)
    run(case, tmp_path / "one")
    kept = tmp_path / "one" / "inputs" / "grains_2d.png"
    assert kept.read_bytes() == (case.source.parent / "inputs" / "grains_2d.png").read_bytes()
    assert any(name == "second_phase_fraction" for name in postprocess.load(tmp_path / "one").frame(-1))
    again = load_case(tmp_path / "one" / "case.toml")
    assert again.microstructure.file == case.microstructure.file
    more = {"protocol.capacity": "0.0006 mAh/cm^2"}
    assert resume(tmp_path / "one", more).summary["outcome"] == "capacity"
    Image.open(kept).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(kept)
    with pytest.raises(CaseError, match="grains_2d.png: sha256"):
        resume(tmp_path / "one", {"protocol.capacity": "0.0008 mAh/cm^2"})


def test_a_new_case_takes_the_file_along_that_it_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    new("mine", "llzo_from_image")
    assert load_case("mine.toml").microstructure.file == load_case("llzo_from_image").microstructure.file
