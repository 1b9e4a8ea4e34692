"""The study of leakage: its onsets against formulas, its page, its command."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from phasefield.cli.app import app
from phasefield.studies import leakage
from phasefield.studies.leakage_pages import write_pages
from phasefield.validation import nucleation_rows as rows


@pytest.mark.parametrize("rising", [False, True], ids=rows.PRESSURES.values())
@pytest.mark.parametrize("name", ["20 µm", "70 µm"])
def test_the_onset_is_the_current_at_which_exact_potentials_pass_the_threshold(name: str, rising: bool) -> None:
    layers = rows.VARIANTS[name]
    problem = rows.layered_cell(layers, rising, "constant", 200)
    assert problem.nucleation is not None
    problem = replace(problem, nucleation=replace(problem.nucleation, overpotential=0.0))
    backend = rows.get_backend("numba", problem, rows.TIGHT_SOLVER)
    _, current = layers.first_nucleus(rising)
    assert leakage.onset_current(problem, backend, rows.OVERPOTENTIAL) == pytest.approx(current, rel=0.01)


def test_an_onset_above_all_currents_is_infinite() -> None:
    problem = rows.layered_cell(rows.VARIANTS["20 µm"], False, "constant", 50)
    backend = rows.get_backend("numba", problem, rows.TIGHT_SOLVER)
    assert leakage.onset_current(problem, backend, 10.0) == math.inf


def made_up(folder: Path) -> leakage.LeakageStudy:
    """Return a study whose numbers say what they belong to."""
    time = np.geomspace(1.0, 100.0, 20)

    def point(s: float, f: float, n: int, eta: float = 10.0) -> leakage.Point:
        first = math.nan if f == 1.0 else 0.01
        return leakage.Point(s, f, n, 10.0 * f, 20.0, 30.0, 3, 1, 1e4 * s, first, 0.1, "capacity", (time, time), eta)

    points = [point(*keys) for keys in product(leakage.CONDUCTIVITIES, leakage.FRACTIONS, leakage.SEEDS)]
    varied = product(leakage.THRESHOLDS, leakage.SHARES, leakage.SEEDS)
    thresholds = tuple(point(5.5e-4, f, n, eta) for eta, f, n in varied)
    stored = [(leakage.CASE, name, seed) for name, seed in product(leakage.STORAGES, leakage.SEEDS)]
    storages = [leakage.Storage(*keys, math.nan, 7.0, 0, 12.0, 0.0, time, 1e-3 / time) for keys in stored]
    onsets = [
        leakage.Onset(c, eta, seed, math.inf if eta == 50.0 else eta * (1.0 + c))
        for c, eta, seed in product(leakage.COVERAGES, leakage.OVERPOTENTIALS, leakage.SEEDS)
    ]
    return leakage.LeakageStudy(folder, tuple(points), thresholds, tuple(storages), tuple(onsets), ("abc",))


def test_the_page_holds_every_number_under_its_header(tmp_path: Path) -> None:
    page = write_pages(made_up(tmp_path), "phasefield study leakage").read_text(encoding="utf-8")
    lines = page.splitlines()
    header = "| σ_e S/m | leaky 0.25 | leaky 0.5 | leaky 0.75 | leaky 1 |"
    assert lines.count(header) == 6
    assert lines[lines.index(header) + 2] == "| 5.5e-07 | 2.5 | 5 | 7.5 | 10 |"
    assert "| 10 | 10 | 15 | 18 | 19.5 | 20 |" in lines, "onsets"
    assert "| 50 | none | none | none | none | none |" in lines
    assert any(line.startswith("| `llzo_electronic_leakage` | 0.05 | none | 7 | 0 | 12 | 0 |") for line in lines)
    with open(tmp_path / "runs.csv", newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert len(table) == len(leakage.SEEDS) * (
        len(leakage.CONDUCTIVITIES) * len(leakage.FRACTIONS) + len(leakage.THRESHOLDS) * len(leakage.SHARES)
    )
    assert "| 0.5 | 20 | 5 | 20 | 30 | 3 | 1 | 5.5e+03 |" in lines, "thresholds"
    assert {float(row["depth_connected_um"]) for row in table if row["leaky_fraction"] == "0.5"} == {5.0}
    for name in ("penetration", "jumps", "onset", "storage"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert f"({name}.png)" in page


def test_every_run_of_the_study_is_a_case() -> None:
    for keys in leakage.STORAGES.values():
        case = leakage.load_case(leakage.MAIN, keys | leakage.MEASURED | leakage._seed(3))
        assert case.materials.electrolyte_properties.electronic_conductivity == pytest.approx(5.5e-6)
        assert case.microstructure.seed == 3
    even, uneven = (leakage.load_case(leakage.CASE, leakage._map_keys(5.5e-3, share, 18)) for share in (1.0, 0.25))
    assert even.grain_boundaries is not None and uneven.grain_boundaries is not None
    assert even.grain_boundaries.electrons.distribution == "uniform"
    assert uneven.grain_boundaries.electrons.leaky_fraction == 0.25
    assert uneven.protocol.capacity == pytest.approx(0.1 * 36000.0)


def test_an_unknown_study_is_refused() -> None:
    result = CliRunner().invoke(app, ["study", "weather"])
    assert result.exit_code == 2 and "leakage" in result.output
