"""Sweep files: what is wrong with them is said with its place, and what they ask for is planned."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from phasefield.campaigns.design import points
from phasefield.campaigns.folder import Planned, SweepFolder, make_plan, name_of, read_plan
from phasefield.campaigns.sweep import plan
from phasefield.campaigns.sweep_file import SweepFile, load_sweep
from phasefield.campaigns.table import in_a_name, varied
from phasefield.case import load_case
from phasefield.errors import CaseError

HEAD = 'format = 1\ncase = "bicrystal"\n'
CURRENT, SPACING = "protocol.current_density", "grid.spacing"


def sweep_of(tmp_path: Path, text: str) -> SweepFile:
    path = tmp_path / "my_sweep.toml"
    path.write_text(HEAD + text, encoding="utf-8")
    return load_sweep(path)


def axis(**keys: object) -> str:
    lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    return "[[axes]]\n" + "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("seed = 3", "seed: unknown key; did you mean seeds?"),
        ("[[axes]]\nvalues = [1]", "axes[0]: gives no key"),
        (axis(key="a.b", keys=["c.d"], values=[1]), "axes[0]: gives both key and keys"),
        (axis(key="a.b"), "axes[0]: gives neither values nor from and to and number"),
        (axis(key="a.b", values=[]), "axes[0].values: the list is empty"),
        (axis(key="a.b", values=[1]) + "from = 1", "axes[0]: gives values and from"),
        (axis(keys=["a.b", "c.d"], values=[[1, 2], [3]]), "axes[0].values[1]: is not a list of 2"),
        (axis(key="a.b", values=[1]) + axis(key="a.b", values=[2]), "axes[1]: a.b is set by axes[0], too"),
        ("seeds = [1, 2]\n" + axis(key="microstructure.seed", values=[1]), "is set by seeds, too"),
        ("[sobol]\npoints = 4", "sobol: there are no axes"),
        (axis(key="a.b", values=[1]) + "[sobol]\npoints = 4", "axes[0].values: Sobol points need a range"),
        ('[executor]\nkind = "pbs"', "executor.kind: 'pbs' is not allowed"),
        ('[executor.slurm]\ntime = "2"', "executor.slurm.time: '2' has no unit"),
        (
            '[ccd]\ncapacity = "1 mAh/cm^2"\nlowest = "2 A/m^2"\nhighest = "1 A/m^2"',
            "ccd.highest: is not above ccd.lowest",
        ),
        (
            axis(key=CURRENT, values=["1 A/m^2"])
            + '[ccd]\ncapacity = "1 mAh/cm^2"\nlowest = "1 A/m^2"\nhighest = "2 A/m^2"',
            f"axes: {CURRENT} is what the search",
        ),
    ],
)
def test_a_fault_is_told_with_its_place(tmp_path, text, told):
    with pytest.raises(CaseError) as caught:
        sweep_of(tmp_path, text)
    assert told in str(caught.value)
    assert "my_sweep.toml" in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"from": "1 um", "to": "2 nm"}, "differ in unit"),
        ({"from": "wide", "to": "2 um"}, "axes[0].from: 'wide' is not a number"),
        ({"from": 0, "to": 2, "spacing": "log"}, "equal ratios need positive ends"),
        ({"from": True, "to": 2}, "axes[0].from: True is not a number"),
    ],
)
def test_a_range_that_is_none_is_told(tmp_path, keys, told):
    with pytest.raises(CaseError) as caught:
        points(sweep_of(tmp_path, axis(key="a.b", number=3, **keys)))
    assert told in str(caught.value)


def test_a_sweep_of_too_many_runs_is_told_before_they_are_made(tmp_path):
    axes = "".join(axis(key=f"a.b{i}", number=1000, **{"from": 1, "to": 2}) for i in range(3))
    with pytest.raises(CaseError, match="1000000000 runs; take at most 100000"):
        points(sweep_of(tmp_path, axes))


def test_lists_are_combined_and_zipped_keys_go_together(tmp_path):
    text = axis(key="a.x", values=[1, 2]) + axis(keys=["b.y", "b.z"], values=[["1 um", True], ["2 um", False]])
    found = points(sweep_of(tmp_path, "seeds = [7, 8]\n" + text))
    assert len(found) == 8
    assert found[0] == {"a.x": "1", "b.y": '"1 um"', "b.z": "true", "microstructure.seed": "7"}
    assert {(p["b.y"], p["b.z"]) for p in found} == {('"1 um"', "true"), ('"2 um"', "false")}


def test_ranges_have_both_ends_and_even_steps(tmp_path):
    def values(**keys):
        return [p["a.b"] for p in points(sweep_of(tmp_path, axis(key="a.b", **keys)))]

    assert values(**{"from": "1 mA/cm^2", "to": "2 mA/cm^2", "number": 3}) == [
        '"1 mA/cm^2"', '"1.5 mA/cm^2"', '"2 mA/cm^2"',
    ]  # fmt: skip
    assert values(**{"from": "0.1 um", "to": "10 um", "number": 3, "spacing": "log"})[1] == '"1 um"'
    assert values(**{"from": 1, "to": 9, "number": 3}) == ["1", "5", "9"]
    assert values(**{"from": 0.5, "to": 1.0, "number": 2}) == ["0.5", "1.0"]


def test_sobol_points_are_spread_inside_the_ranges_and_the_same_each_time(tmp_path):
    text = axis(key="a.x", **{"from": "1 um", "to": "3 um"})
    text += axis(key="b.y", spacing="log", **{"from": "0.01 mA/cm^2", "to": "1 mA/cm^2"}) + "[sobol]\npoints = 64\n"
    found = points(sweep_of(tmp_path, text))
    assert found == points(sweep_of(tmp_path, text))
    assert found != points(sweep_of(tmp_path, text + "seed = 1"))
    rows = varied(found)
    x = (np.array([row["a.x_um"] for row in rows]) - 1.0) / 2.0
    y = np.log10([row["b.y_mA_cm2"] for row in rows]) / 2.0 + 1.0
    for shares in (x, y):
        assert (
            np.histogram(shares, 8, (0.0, 1.0))[0].tolist() == [8] * 8
        )  # a (t, s) sequence: every eighth has its share
    assert np.histogram2d(x, y, 4, ((0, 1), (0, 1)))[0].min() >= 3


def test_one_question_has_one_name_and_another_has_another(tmp_path):
    base = load_case("bicrystal")
    names = {
        key: name_of(load_case("bicrystal", {key: value}))
        for key, value in {
            "solver.threads": "1",
            "question": '"Why?"',
            CURRENT: "2 mA/cm^2",
            "microstructure.seed": "77",
            "materials.set.electrolyte.ionic_conductivity": "0.1 S/m",
        }.items()
    }
    same = {key for key, name in names.items() if name == name_of(base)}
    assert same == {"solver.threads", "question"}
    assert len(set(names.values())) == 4


def test_a_number_in_a_material_file_makes_another_name(tmp_path):
    material = load_case("bicrystal").materials.electrolyte.source_text
    (tmp_path / "mine.toml").write_text(material)
    first = name_of(load_case("bicrystal", {"materials.electrolyte": str(tmp_path / "mine.toml")}))
    (tmp_path / "mine.toml").write_text(material + "\n# a note\n")
    assert name_of(load_case("bicrystal", {"materials.electrolyte": str(tmp_path / "mine.toml")})) != first


def test_frozen_cases_are_the_same_cases_wherever_they_lie(tmp_path):
    folder = SweepFolder(tmp_path / "there")
    (run,) = plan(sweep_of(tmp_path, axis(key=CURRENT, values=["2 mA/cm^2"])), folder)
    frozen = load_case(folder.case(run.name))
    assert frozen.protocol.current_density == pytest.approx(20.0)
    assert name_of(frozen) == run.name
    folder.path.rename(tmp_path / "elsewhere")
    assert name_of(load_case(tmp_path / "elsewhere" / "cases" / f"{run.name}.toml")) == run.name


def test_a_sweep_that_grows_keeps_the_names_of_its_runs(tmp_path):
    folder = SweepFolder(tmp_path)
    before = plan(sweep_of(tmp_path, axis(key=CURRENT, values=["1 mA/cm^2", "2 mA/cm^2"])), folder)
    after = plan(sweep_of(tmp_path, axis(key=CURRENT, values=["3 mA/cm^2", "20 A/m^2", "1 mA/cm^2"])), folder)
    assert after[1].name == before[1].name and after[2].name == before[0].name  # 20 A/m^2 are 2 mA/cm^2
    assert read_plan(folder) == after


def test_a_case_that_cannot_be_is_planned_as_refused_and_stops_no_other(tmp_path):
    folder = SweepFolder(tmp_path)
    runs = plan(sweep_of(tmp_path, axis(key=SPACING, values=["0.4 um", "0.4 kg"])), folder)
    assert [bool(run.refused) for run in runs] == [False, True]
    assert "0.4 kg" in runs[1].refused
    assert folder.standing(runs[1]) == ("failed", runs[1].refused)
    with pytest.raises(CaseError, match="0.4 kg"):
        plan(sweep_of(tmp_path, axis(key=SPACING, values=["0.4 kg"])), folder)


def test_a_key_that_no_case_has_is_refused_at_once(tmp_path):
    with pytest.raises(CaseError, match=r"protocol\.curent_density: unknown key; did you mean current_density"):
        make_plan(SweepFolder(tmp_path), "bicrystal", {}, [{"protocol.curent_density": '"1 mA/cm^2"'}])


def test_columns_have_one_unit_each_in_their_names():
    rows = varied([{"a.b": '"1 mA/cm^2"', "c.d": "true"}, {"a.b": '"20 A/m^2"', "c.d": '"none"'}, {"c.d": "[1, 2]"}])
    assert rows[0] == {"a.b_mA_cm2": 1.0, "c.d": True}
    assert rows[1] == {"a.b_mA_cm2": 2.0, "c.d": "none"}
    assert rows[2] == {"a.b_mA_cm2": None, "c.d": "[1, 2]"}
    assert in_a_name("ohm cm^2") == "ohm_cm2" and in_a_name("S/m") == "S_m"


def test_a_folder_without_a_sweep_is_told(tmp_path):
    with pytest.raises(CaseError, match="holds no sweep"):
        read_plan(SweepFolder(tmp_path))
    assert SweepFolder(tmp_path).standing(Planned("x", {})) == ("waiting", "")
