"""The command `microstructure`: its files agree with each other and with the case, and nothing is lost by accident."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from typer.testing import Result

from microstructures import Microstructure, misorientation_angles
from microstructures.measure import measure
from phasefield.boundaries import boundaries_of
from phasefield.case import load_case
from phasefield.ceramic_files import vti_bytes, write_ceramic
from phasefield.ceramic_pages import target_row
from phasefield.ceramic_report import CeramicReport, Target, ceramic_report, targets
from phasefield.errors import RunError
from phasefield.generate import build_structure

Command = Callable[..., Result]
SMALL = {
    "grid.size": ["34.8 um", "24 um"],
    "microstructure.kind": "laguerre",
    "microstructure.grain_size": "6 um",
    "microstructure.size_log_width": 0.25,
    "microstructure.seed": 3,
}
OPTIONS = [word for key, value in SMALL.items() for word in ("--set", f"{key}={json.dumps(value)}")]
FILES = ("microstructure.md", "microstructure.png", "microstructure.vti", "grains.csv", "boundaries.csv", "case.toml")
COATED = {
    "grain_boundaries.coating.thickness": "5 nm",
    "grain_boundaries.coating.coverage": 0.4,
    "grain_boundaries.coating.ionic_conductivity": "6e-4 S/m",
    "grain_boundaries.coating.electronic_conductivity": "1e-4 S/m",
}


def rows(file: Path) -> dict[str, np.ndarray]:
    with file.open(newline="", encoding="utf-8") as lines:
        table = list(csv.DictReader(lines))
    return {name: np.array([float(row[name]) for row in table]) for name in table[0]}


@pytest.fixture
def report() -> CeramicReport:
    case = load_case("llzo_pores_isolated", SMALL | COATED)
    return ceramic_report(case, build_structure(case))


def test_every_file_tells_the_same(phasefield: Command, tmp_path: Path) -> None:
    result = phasefield("microstructure", "llzo_pores_isolated", "-o", "made", *OPTIONS)
    assert result.exit_code == 0, result.output
    folder = tmp_path / "made"
    assert {path.name for path in folder.iterdir()} == {*FILES, "inputs", "summary.json"}
    assert "mean diameter of the grains" in result.stdout and "made/microstructure.md" in result.stdout
    assert "measuring" in result.stderr and "measuring" not in result.stdout

    case = load_case("llzo_pores_isolated", SMALL)
    kept, structure = load_case(str(folder / "case.toml")), build_structure(case)
    assert np.array_equal(build_structure(kept).grain_id, structure.grain_id)
    grains, boundaries = rows(folder / "grains.csv"), rows(folder / "boundaries.csv")
    assert structure.tessellation is not None
    assert grains["area_um2"] == pytest.approx(structure.tessellation.grain_volume * 1e12, rel=1e-6)
    assert grains["area_um2"].sum() == pytest.approx(30.0 * 24.0, rel=1e-5)
    quaternions = np.array([grains[f"q_{axis}"] for axis in "wxyz"])
    assert np.linalg.norm(quaternions, axis=0) == pytest.approx(np.ones(grains["grain"].size), abs=1e-6)
    pairs = np.stack([boundaries["grain_1"], boundaries["grain_2"]], axis=1).astype(int)
    turns = misorientation_angles(pairs, Rotation.from_quat(quaternions[[1, 2, 3, 0]].T))
    assert boundaries["misorientation_deg"] == pytest.approx(np.degrees(turns), abs=1e-3)
    assert boundaries["length_um"].sum() / (30.0 * 24.0) == pytest.approx(structure.boundary_per_volume * 1e-6)

    summary = json.loads((folder / "summary.json").read_text())
    assert summary["outcome"] == "measured"
    assert summary["pores"]["porosity"] == pytest.approx(0.06, abs=0.002)
    page = (folder / "microstructure.md").read_text()
    assert f"| number of grains | {grains['grain'].size} |" in page
    assert "| porosity | 6 % | 6.0" in page and "± 0.2 %: met |" in page
    assert f"{summary['conductivity_S_m']['x']['ionic']:.4g}" in page
    assert "This is a plane" in page and "![microstructure](microstructure.png)" in page


def test_paraview_gets_every_map(report: CeramicReport, tmp_path: Path) -> None:
    import pyvista

    (tmp_path / "made.vti").write_bytes(vti_bytes(report))
    image = pyvista.read(tmp_path / "made.vti")
    structure, ceramic = report.structure, report.ceramic
    assert image.bounds[1] == pytest.approx(structure.grid.lengths[0] * 1e6)

    def cells(name: str) -> np.ndarray:
        return np.asarray(image.cell_data[name]).reshape(structure.grid.shape, order="F")

    assert np.array_equal(cells("grain_id"), structure.grain_id)
    assert np.array_equal(cells("boundary_id"), structure.boundary_id)
    assert cells("boundary_signed_distance_um") == pytest.approx(1e6 * structure.signed_distance, rel=1e-5)
    assert np.hypot(cells("boundary_normal_x"), cells("boundary_normal_y")) == pytest.approx(1.0, abs=1e-5)
    sigma = ceramic.bulk_electronic_conductivity + ceramic.boundary_electronic_conductivity
    assert cells("electronic_conductivity_S_m") == pytest.approx(sigma, rel=1e-5)
    assert cells("ionic_conductivity_S_m") == pytest.approx(ceramic.ionic_conductivity, rel=1e-5)
    assert cells("accommodation_pressure_Pa") == pytest.approx(ceramic.accommodation_pressure, rel=1e-5)
    assert cells("metal_signed_distance_um").max() > 0.0
    coated = cells("coated_boundary_fraction")
    assert 0.0 < coated.sum() < structure.grain_boundary_fraction.sum()
    assert np.all(report.boundaries.coated[structure.boundary_id[coated > 0.0]])


def test_targets_are_judged(report: CeramicReport) -> None:
    found = {target.what: target for target in report.targets}
    assert found["porosity"].met is True
    assert found["coated boundaries"].measured == pytest.approx(100.0 * report.boundaries.coated.mean())
    assert found["mean diameter of the grains"].measured == pytest.approx(6.0, rel=0.03)
    off = Target("porosity", "%", 6.0, 6.3, 0.2)
    assert off.met is False and "**missed**" in target_row(off)[-1]
    assert Target("porosity", "%", 6.0, 5.7, 0.2).met is False
    assert Target("distance", "", 0.05, 0.06, 0.0, limit=True).met is False
    assert Target("distance", "", 0.05, 0.04, 0.0, limit=True).met is True
    assert Target("size", "µm", 9.0, 1.0).met is None


def test_many_grains_of_the_distribution_asked_for_are_promised() -> None:
    size = {"grid.size": ["104.8 um", "100 um"], "microstructure.grain_size": "4.8 um"}
    case = load_case("llzo_pores_isolated", SMALL | size)
    structure = build_structure(case)
    measured = measure(structure)
    found = list(targets(case, structure, measured, boundaries_of(case, structure)))
    assert measured.grains.diameter.size >= 500
    (distance,) = (target for target in found if target.limit)
    assert distance.met is True and distance.measured < 0.01


def test_what_is_there_is_replaced_by_force_only(phasefield: Command, tmp_path: Path) -> None:
    command = ["microstructure", "llzo_single_crystal", "--quiet", "--set", 'grid.size=["12.8 um", "4 um"]']
    assert phasefield(*command).stdout == "results/llzo_single_crystal-microstructure\n"
    assert phasefield(*command).stdout == "results/llzo_single_crystal-microstructure-2\n"
    taken = ["-o", "results/llzo_single_crystal-microstructure"]
    page = tmp_path / taken[1] / "microstructure.md"
    page.write_text("mine")
    refused = phasefield(*command, *taken)
    assert refused.exit_code == 2 and "--force" in refused.stderr and page.read_text() == "mine"
    assert phasefield(*command, *taken, "--force").exit_code == 0 and page.read_text() != "mine"
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "thesis.txt").write_text("mine")
    assert phasefield(*command, "-o", "notes", "--force").exit_code == 2


def test_a_failed_picture_fails_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report: CeramicReport) -> None:
    def fail(*_: object) -> None:
        raise MemoryError("no paint")

    monkeypatch.setattr("phasefield.ceramic_files.save_sheet", fail)
    page = write_ceramic(report, tmp_path)
    assert not (tmp_path / "microstructure.png").exists()
    assert "microstructure.png" not in page.read_text()


def test_conductivities_that_are_not_found_are_told_after_all_else_is_written(
    phasefield: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RunError("no convergence here")

    monkeypatch.setattr("phasefield.ceramic_report.effective_conductivity", fail)
    result = phasefield("microstructure", "llzo_pores_isolated", "-o", "made", *OPTIONS)
    assert result.exit_code == 1 and "no convergence here" in result.stderr
    assert {path.name for path in (tmp_path / "made").iterdir()} == {*FILES, "inputs", "summary.json"}
    assert "**Not found**: no convergence here." in (tmp_path / "made" / "microstructure.md").read_text()


def test_bad_input_is_told_before_anything_is_made(phasefield: Command, tmp_path: Path) -> None:
    result = phasefield("microstructure", "llzo_pores_isolated", "--set", "microstructure.pores.porosity=0.55")
    assert result.exit_code == 2 and "porosity of 55 %" in result.stderr
    assert not (tmp_path / "results").exists()


def test_only_layers_with_pores_of_one_kind_are_compared() -> None:
    layer = {"porosity": 0.2, "radius": "1 um", "location": "grain_interiors", "layer": ["16.8 um", "26.8 um"]}
    voids = {"covered_fraction": 0.3, "radius": "1 um", "location": "electrode_contact"}

    def named(*pores: dict[str, object]) -> list[str]:
        case = load_case("llzo_pores_isolated", SMALL | {"microstructure.pores": list(pores)})
        structure: Microstructure = build_structure(case)
        measured = measure(structure)
        found = list(targets(case, structure, measured, boundaries_of(case, structure)))
        assert all(target.met is not False for target in found)
        return [target.what for target in found if "porosity" in target.what or "voids" in target.what]

    everywhere = {"porosity": 0.01, "radius": "0.8 um", "location": "triple_junctions"}
    assert named(layer) == ["porosity", "porosity from 16.8 to 26.8 µm"]
    assert named(layer, everywhere) == ["porosity"]
    assert named(layer, voids) == ["porosity from 16.8 to 26.8 µm", "electrode covered by voids, first layer of cells"]
