"""A study of convergence: what its families change, and small studies of known order."""

from __future__ import annotations

import csv
import math
import tomllib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phasefield.case import Case, case_to_toml, load_case
from phasefield.converge import Quantity, Study, converge, families, write_pages
from phasefield.converge.families import distinct_levels
from phasefield.converge.orders import DEPTH_AT_CHARGE
from phasefield.errors import CaseError, RunError
from phasefield.setup import build_setup


def by_name(quantities: tuple[Quantity, ...]) -> dict[str, Quantity]:
    return {q.name: q for q in quantities}


# --- families -----------------------------------------------------------------------------------------------


def keys(case: Case) -> dict[str, Any]:
    def entries(path: str, value: Any):
        if isinstance(value, dict):
            for key, entry in value.items():
                yield from entries(f"{path}.{key}".removeprefix("."), entry)
        else:
            yield path, value

    return dict(entries("", tomllib.loads(case_to_toml(case))))


def changed(before: Case, after: Case) -> set[str]:
    a, b = keys(before), keys(after)
    return {key for key in {*a, *b} if a.get(key) != b.get(key)}


ALL = {"grid.spacing", "metal.interface_width", "solver.step_refinement"}


@pytest.mark.parametrize("ratio", [1.5, math.sqrt(2.0), 2.0])
@pytest.mark.parametrize("name", ["llzo_grain_boundary", "bicrystal", "llzo_3d", "flat_plating"])
def test_a_family_changes_what_it_says_and_nothing_else(name: str, ratio: float) -> None:
    case = load_case(name)
    found = families(case, 3, ratio)
    expected = {"grid": {"grid.spacing"}, "interface": {"metal.interface_width"}, "step": {"solver.step_refinement"}}
    for family in found:
        sizes = [level.size for level in family.levels]
        assert all(fine < coarse for coarse, fine in pairwise(sizes))
        for before, after in pairwise(level.case for level in family.levels):
            assert changed(before, after) == expected.get(family.name, ALL)
    base = found[0].levels[0].case
    assert changed(case, base) <= {"solver.front_travel", "output.every_capacity", "output.every"}
    # the travel that was the default is written out, since the default would follow the cells
    assert base.solver.front_travel == pytest.approx(0.15 * min(case.grid.cell))
    assert len(distinct_levels(found)) == 9
    for family, first in zip(found, ("base", "grid-2", "base", "base"), strict=True):
        assert family.levels[0].name == first
    same = {level.name: level.case for family in found for level in family.levels}
    assert all(level.case == same[level.name] for family in found for level in family.levels)


@pytest.mark.parametrize("ratio", [1.5, 1.37])
def test_cells_are_whole_and_scale_interface_and_step_with_them(ratio: float) -> None:
    case = load_case("llzo_grain_boundary")
    grid, interface, _, together = families(case, 3, ratio)
    for k, level in enumerate(together.levels):
        shape = tuple(round(n * ratio**k) for n in (172, 120))
        assert level.case.grid.shape == grid.levels[k].case.grid.shape == shape
        assert level.case.grid.size == case.grid.size
        scale = max(172 / shape[0], 120 / shape[1])
        assert level.size == grid.levels[k].size == pytest.approx(0.4e-6 * scale)
        assert level.case.metal.interface_width == pytest.approx(0.4e-6 * scale)
        assert level.case.solver.step_refinement == pytest.approx(1.0 / scale)
        assert level.case.metal.interface_width >= max(level.case.grid.cell) * (1.0 - 1e-12)
        assert interface.levels[k].case.grid.shape == together.levels[-1].case.grid.shape
        assert interface.levels[k].case.metal.interface_width == level.case.metal.interface_width
    assert case.grain_boundaries is not None
    assert all(level.case.grain_boundaries == case.grain_boundaries for level in together.levels)


def test_a_step_that_was_refined_or_a_travel_that_was_given_is_refined_further() -> None:
    case = load_case("bicrystal", {"solver.step_refinement": "2.0", "solver.front_travel": "0.1 um"})
    step = families(case, 3, 1.5)[2]
    assert [level.case.solver.step_refinement for level in step.levels] == pytest.approx([2.0, 3.0, 4.5])
    assert [level.case.solver.front_travel for level in step.levels] == pytest.approx([1e-7] * 3)


def blocks(field: np.ndarray, factor: int) -> np.ndarray:
    """Return the means of ``field`` over blocks of ``factor`` x ``factor`` cells."""
    nx, ny = (n // factor for n in field.shape)
    return field.reshape(nx, factor, ny, factor).mean(axis=(1, 3))


@pytest.mark.parametrize("ratio", [2.0, 1.5])
def test_grains_boundaries_pores_and_pressures_are_the_same_on_every_grid(ratio: float) -> None:
    case = load_case("llzo_grain_boundary", {"grid.size": '["40.8 um", "36 um"]'})
    setups = [build_setup(level.case) for level in families(case, 3, ratio)[0].levels]
    base = setups[0].structure
    pressures = set(np.round(setups[0].problem.ceramic.accommodation_pressure.ravel(), 6))
    for setup in setups[1:]:
        other = setup.structure
        assert np.array_equal(other.boundary_pairs, base.boundary_pairs)
        assert other.boundary_per_volume == pytest.approx(base.boundary_per_volume, rel=1e-12)
        for what in ("pore_fraction", "grain_boundary_fraction"):
            means = [float(getattr(s, what).mean()) for s in (base, other)]
            assert means[1] == pytest.approx(means[0], rel=2e-3)
        assert set(np.round(setup.problem.ceramic.accommodation_pressure.ravel(), 6)) >= pressures
        if ratio == 2.0:
            factor = other.grid.shape[0] // base.grid.shape[0]
            np.testing.assert_allclose(blocks(other.pore_fraction, factor), base.pore_fraction, atol=0.02)
            bands = np.abs(blocks(other.grain_boundary_fraction, factor) - base.grain_boundary_fraction)
            assert bands.mean() < 1e-3 and bands.max() < 0.2


# --- faults -------------------------------------------------------------------------------------------------

COARSE = {"grid.spacing": "0.8 um", "metal.interface_width": "0.8 um", "electrodes.working_thickness": "4.8 um"}
COARSE["grain_boundaries.allow_coarse"] = "true"


@pytest.mark.parametrize(
    ("overrides", "levels", "ratio", "message"),
    [
        ({}, 2, 1.5, "--levels: 2 give no order; take at least 3"),
        ({}, 3, 1.0, "--ratio: 1 makes nothing smaller; take more than 1"),
        ({}, 3, math.nan, "--ratio: nan makes nothing smaller"),
        ({}, 3, 1.001, "--ratio: 1.001 leaves levels with the same 24 cells"),
        ({}, 30, 2.0, "cells fit no machine; take fewer"),
        (COARSE, 3, 1.5, r"run base .*band_width: 3 cells make no band that can converge; take at least 4.8 um"),
        ({"solver.front_travel": "0.5 um"}, 3, 1.5, r"run interface-1 .*front_travel: 0.5 um is more than the interface"),
    ],
)  # fmt: skip
def test_a_study_that_would_say_nothing_is_refused(
    overrides: dict[str, str], levels: int, ratio: float, message: str
) -> None:
    with pytest.raises(CaseError, match=message):
        families(load_case("bicrystal", overrides), levels, ratio)


def test_a_level_must_pass_the_checks_of_a_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """No refinement of a sound case breaks them today; if one ever does, its run is named."""
    case = load_case("bicrystal")
    narrow = case.metal.model_copy(update={"interface_width": 0.2e-6})
    with pytest.raises(CaseError, match="run base of the study: metal.interface_width: 0.2 um is less than a cell"):
        families(case.model_copy(update={"metal": narrow}), 3, 1.5)


# --- studies ------------------------------------------------------------------------------------------------

# Electrons that enter a blank ceramic, one dimension: nothing moves, and the order of the scheme shows.
RELAXATION = {
    "materials.electrolyte": "llzo_al",
    "grid.size": '["20 um"]',
    "grid.spacing": "1 um",
    "metal.interface_width": "1 um",
    "electrodes.working_thickness": "0 um",
    "transport.leakage": "true",
    "transport.capacitance": "true",
    "protocol.duration": "60 s",
    "solver.time_step_max": "3 s",
    "solver.potential_tolerance": "1e-6 mV",
    "output.preview": "false",
}


@pytest.fixture(scope="module")
def relaxation(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return converge(load_case("flat_plating", RELAXATION), tmp_path_factory.mktemp("study"))


def test_relaxation_is_first_order_in_the_step_and_second_in_the_cell(relaxation: Study) -> None:
    found = {family.name: by_name(family.quantities) for family in relaxation.families}
    for name in ("leakage_current_density_mA_cm2", "cell_voltage_V"):
        assert found["step"][name].order == pytest.approx(1.0, abs=0.25)
        assert found["grid"][name].order == pytest.approx(2.0, abs=0.5)
        assert found["together"][name].verdict == "converging"
        assert found["interface"][name].verdict == "-", "there is no metal"
    assert found["step"][DEPTH_AT_CHARGE].verdict == "-"
    assert all(family.depth_target_met is None for family in relaxation.families)
    steps = {run.name: run.steps for run in relaxation.runs}
    assert steps["grid-2"] == steps["base"], "the step does not follow the cells"
    assert steps["step-2"] == pytest.approx(2.25 * steps["base"], rel=0.05)


def test_the_pages_tell_all_of_it(relaxation: Study) -> None:
    page = write_pages(relaxation, "phasefield converge flat_plating")
    text = page.read_text(encoding="utf-8")
    assert "    phasefield converge flat_plating\n" in text
    assert relaxation.runs[0].revision in text
    with open(page.with_name("convergence.csv"), encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * 3 * len(relaxation.families[0].quantities)
    for family in relaxation.families:
        assert page.with_name(f"{family.name}.png").read_bytes().startswith(b"\x89PNG")
        section = text.partition(f"## {family.name}: ")[2].partition("## ")[0]
        for q in family.quantities:
            row = next(line for line in rows if (line["family"], line["quantity"]) == (family.name, q.name))
            assert float(row["value"]) == q.values[0] and float(row["size_um"]) == pytest.approx(1e6 * family.sizes[0])
            assert (f"| {q.name} |" in section) == (q.verdict != "-")
            if q.order is not None:
                assert f"{q.order:.2f}, converging" in section


TINY = {
    "grid.size": '["14.4 um", "4.8 um"]',
    "electrodes.working_thickness": "4.8 um",
    "protocol.capacity": "0.003 mAh/cm^2",
    "output.preview": "false",
}


@pytest.fixture(scope="module")
def bicrystal(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, list[str]]:
    told: list[str] = []
    return converge(load_case("bicrystal", TINY), tmp_path_factory.mktemp("study") / "new", announce=told.append), told


def test_each_distinct_run_is_made_once_and_announced(bicrystal: tuple[Study, list[str]]) -> None:
    study, told = bicrystal
    assert len(told) == len(study.runs) == 9
    assert told[0].startswith("run 1 of 9: base, 36 x 12 cells, interface 0.6 um, travel 0.06 um")
    assert sorted(path.name for path in (study.folder / "runs").iterdir()) == sorted(run.name for run in study.runs)
    for family in study.families:
        assert by_name(family.quantities)["cell_voltage_V"].values[0] > 0.0
        assert family.end_charge == pytest.approx(0.003)
    assert study.remarks == ()


def changed_files(folder: Path, action: Callable[[], object]) -> set[str]:
    def stamps() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}

    before = stamps()
    action()
    return {path.relative_to(folder).parts[0] for path, stamp in stamps().items() if before.get(path) != stamp}


def test_finished_runs_are_read_and_unfinished_ones_go_on(
    bicrystal: tuple[Study, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A study that is killed in its sixth run, after a checkpoint of it."""
    from phasefield import kept_runs as module

    study, _ = bicrystal
    runs = study.folder / "runs"
    cut = runs / "step-1"
    summary = cut / "summary.json"
    summary.write_text(summary.read_text(encoding="utf-8").replace('"outcome": "capacity"', '"outcome": "running"'))
    (runs / "step-2" / "case.toml").unlink()  # killed when it had just begun
    (runs / "step-2" / "summary.json").write_text('{"outcome": "running"}')
    done: list[str] = []
    for name in ("run", "resume"):
        real = getattr(module, name)

        def watched(first: Any, *rest: Any, _name: str = name, _real: Any = real, **options: Any) -> Any:
            done.append(_name)
            return _real(first, *rest, **options)

        monkeypatch.setattr(module, name, watched)
    again: list[Study] = []
    touched = changed_files(runs, lambda: again.append(converge(load_case("bicrystal", TINY), study.folder)))
    assert done == ["resume", "run"]
    assert touched == {"step-1", "step-2"}
    assert [f.quantities for f in again[0].families] == [f.quantities for f in study.families]


def test_runs_of_another_case_are_not_taken(bicrystal: tuple[Study, list[str]]) -> None:
    study, _ = bicrystal
    with pytest.raises(CaseError, match=r"runs/base holds a run of another case; take another folder with -o"):
        converge(load_case("bicrystal", TINY | {"materials.temperature": "310 K"}), study.folder)


def test_a_run_that_fails_is_named(tmp_path: Path) -> None:
    stubborn = TINY | {"solver.ionic_tolerance": "1e-30", "solver.time_step_min": "0.9e-3 s"}
    with pytest.raises(
        RunError, match=r"run 1 of 9: base, .*: the time step fell below .* everything so far is in .*runs/base"
    ):
        converge(load_case("bicrystal", stubborn), tmp_path)


def test_a_plane_inside_a_cell_is_remarked(bicrystal: tuple[Study, list[str]]) -> None:
    from phasefield.converge.study import _remarks

    levels = distinct_levels(families(load_case("bicrystal"), 3, 1.5))  # 10, 15 and 22.5 cells of electrode
    (remark,) = _remarks(levels, bicrystal[0].runs)
    assert "inside a cell in grid-2, interface-1, interface-2, together-2:" in remark


def test_the_target_for_the_depth_asks_for_both_change_and_shrinking(bicrystal: tuple[Study, list[str]]) -> None:
    from dataclasses import replace

    family = bicrystal[0].families[0]
    good = Quantity(DEPTH_AT_CHARGE, (1.0, 1.1, 1.15), (0.1, 0.05), 1.0, 0.04, 0.05, "converging")

    def met(**changes: Any) -> bool | None:
        return replace(family, quantities=(replace(good, **changes),)).depth_target_met

    assert met() is True
    assert met(change=0.16) is False and met(mean_change=0.16) is False
    assert met(order=None, verdict="not shrinking") is False
    assert met(order=None, verdict="-") is True
    assert met(values=(0.0, 0.0, 0.0)) is None
