"""Critical current densities: the search finds a known one, statistics are right, real runs agree with J*."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from phasefield.campaigns import ccd as module
from phasefield.campaigns import ccd_pages
from phasefield.campaigns.ccd import Finder, Search, Trial, next_current
from phasefield.campaigns.design import points
from phasefield.campaigns.folder import SweepFolder
from phasefield.campaigns.local import LocalExecutor
from phasefield.campaigns.sweep_file import CcdSection, load_sweep, sweep_of_case
from phasefield.cli.app import app
from phasefield.errors import CaseError

SEARCH = CcdSection(capacity="0.2 mAh/cm^2", lowest="0.1 mA/cm^2", highest="10 mA/cm^2")  # 1 to 100 A/m^2


def trial(current: float, short: bool) -> Trial:
    return Trial(current, "short" if short else "stalled", 0.1, 5.0, 1.0, "run")


def search_for(critical: float, start: float) -> Search:
    """Search for a known critical current as ``Finder`` does, without runs."""
    search = Search({}, "", start)
    current: float | None = min(max(start, SEARCH.lowest), SEARCH.highest)
    while current is not None:
        search.trials.append(trial(current, current >= critical))
        current = next_current(search.lower, search.upper, SEARCH)
    return search


@given(critical=st.floats(1.001, 99.9), start=st.floats(0.01, 1000.0))
def test_bracket_holds_the_critical_current_and_is_as_narrow_as_asked_for(critical, start):
    search = search_for(critical, start)
    assert search.lower < critical <= search.upper
    assert search.upper <= search.lower * 1.05
    assert search.lower <= search.critical <= search.upper
    assert len({t.current for t in search.trials}) == len(search.trials)  # nothing twice
    assert len(search.trials) < 20


def test_a_good_start_saves_runs():
    assert len(search_for(20.0, 19.0).trials) < len(search_for(20.0, 1.0).trials)
    assert len(search_for(20.0, 19.0).trials) <= 6


def test_range_that_always_or_never_shorts_leaves_the_bracket_open():
    always, never = search_for(0.5, 20.0), search_for(math.inf, 20.0)
    assert (always.lower, always.upper) == (0.0, SEARCH.lowest)
    assert (never.lower, never.upper) == (SEARCH.highest, math.inf)
    assert math.isnan(always.critical) and math.isnan(never.critical)


def test_larger_current_without_a_short_is_told():
    search = Search({}, "", 1.0, [trial(1.0, False), trial(2.0, True), trial(3.0, False)])
    assert search.out_of_order
    assert (search.lower, search.upper) == (1.0, 2.0)
    assert not Search({}, "", 1.0, [trial(1.0, False), trial(2.0, True)]).out_of_order


def test_weibull_modulus_is_that_of_the_numbers():
    drawn = 3.0 * np.random.default_rng(1).weibull(5.0, 4000)
    assert ccd_pages.weibull_modulus(drawn) == pytest.approx(5.0, rel=0.04)
    assert math.isnan(ccd_pages.weibull_modulus([1.0, 2.0]))


def test_statistics_are_those_of_closed_brackets():
    def found(point, currents, path):
        trials = [trial(c, False) for c in currents[:1]] + [trial(c, True) for c in currents[1:]]
        return Search({"a.b": point}, "1", path, trials)

    searches = [
        found('"1 um"', [4.0, 4.0 * 1.05], 8.0),
        found('"1 um"', [9.0], 16.0),
        found('"2 um"', [1.0, 1.02], 3.0),
    ]
    one, two = ccd_pages.statistics(searches)
    assert one.point == {"a.b_um": 1.0} and two.point == {"a.b_um": 2.0}
    assert (len(one.values), one.open_) == (1, 1)
    assert one.mean == pytest.approx(4.0 * math.sqrt(1.05))
    assert one.path_mean == 12.0
    rows = ccd_pages.search_rows(searches)
    assert rows[0]["ccd_mA_cm2"] == pytest.approx(0.4 * math.sqrt(1.05))
    assert rows[1]["ccd_mA_cm2"] is None and rows[1]["largest_without_short_mA_cm2"] == pytest.approx(0.9)


def test_pages_show_every_ceramic_and_run(tmp_path):
    sweep = load_sweep("ccd_grain_size")
    searches = [
        replace(search_for(critical, 20.0), point={"microstructure.grain_size": size}, seed=seed)
        for size, critical in (('"6 um"', 12.0), ('"9 um"', 23.0))
        for seed in ("1", "2")
    ]
    searches[3].failed = "run x failed: no room"
    page = ccd_pages.write_pages(sweep, searches, tmp_path, "phasefield ccd x", 60.0).read_text()
    assert "no room" in page and page.count("| grain size = 9 µm |") == 3
    assert len((tmp_path / "trials.csv").read_text().splitlines()) == 1 + sum(len(s.trials) for s in searches)
    assert (tmp_path / "ccd.png").stat().st_size > 5000


def finder(tmp_path: Path, sweep, jobs: int = 2) -> Finder:
    folder = SweepFolder(tmp_path)
    return Finder(sweep, sweep.ccd, folder, LocalExecutor(folder, 1, jobs, 0))


def test_options_of_a_case_become_a_sweep():
    given = {"capacity": None, "lowest": "0.1 mA/cm^2", "highest": "1 mA/cm^2", "tolerance": 0.1, "ramp_step": None}
    sweep = sweep_of_case("llzo_grain_boundary", {"solver.threads": "1"}, [3], given)
    assert sweep.ccd.capacity == pytest.approx(0.3 * 36000.0)  # that of the case
    assert sweep.overrides == {"solver.threads": "1"} and sweep.seeds == (3,)
    with pytest.raises(CaseError, match="ccd.highest: is not above ccd.lowest"):
        sweep_of_case("llzo_grain_boundary", {}, [], given | {"highest": "0.01 mA/cm^2"})


def test_ramp_is_the_protocol_of_rising_halves(tmp_path):
    sweep = load_sweep("ccd_ramp")
    case = finder(tmp_path, sweep)._case(Search({}, "1"), finder(tmp_path, sweep)._rising())
    stages = case.protocol.to_protocol().stages
    assert [stage.value for stage in stages[:4]] == pytest.approx([2.0, -2.0, 4.0, -4.0])
    assert [stage.value for stage in stages[-2:]] == pytest.approx([40.0, -40.0])
    assert {stage.capacity for stage in stages} == {sweep.ccd.capacity}


def test_steps_of_a_ramp_bracket_its_short(tmp_path, monkeypatch):
    sweep = load_sweep("ccd_ramp")
    final = {"throughput_mAh_cm2": 0.45, "penetration_depth_connected_um": 9.0, "penetration_depth_isolated_um": 0.0}
    told = {"final": final | {"protocol_step": 5}, "outcome": "short", "wall_time_s": 1.0, "run": "x"}
    monkeypatch.setattr(Finder, "_told", lambda *_: told)
    search = Search({}, "1")
    finder(tmp_path, sweep)._ramp(search)
    assert (search.lower, search.upper) == pytest.approx((4.0, 6.0))  # the third step plates 0.6 mA/cm^2
    assert search.walls == {"x": 1.0}, "three steps of one run"


def test_run_that_fails_ends_its_search_only(tmp_path, monkeypatch):
    sweep = load_sweep("ccd_grain_size")
    monkeypatch.setattr(module, "compile_for", lambda case: None)
    monkeypatch.setattr(LocalExecutor, "one", lambda self, run: ("failed", "no room on the disk"))
    found = finder(tmp_path, sweep).all(lambda search: None)
    assert len(found) == len(points(sweep)) == 9
    assert all("no room on the disk" in search.failed and not search.trials for search in found)


@pytest.mark.ci
def test_a_critical_current_from_the_shell_and_once_more_from_its_folder(tmp_path):
    """Below it the cell does not short within the charge, above it does; called again, nothing is computed."""
    options = ["--capacity", "0.05 mAh/cm^2", "--lowest", "1 mA/cm^2", "--highest", "20 mA/cm^2", "--tolerance", "0.5"]
    size = ["--set", 'grid.size=["12 um", "4.8 um"]', "-o", str(tmp_path)]
    command = ["ccd", "bicrystal", *options, *size]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    with (tmp_path / "ccd.csv").open() as file:
        (row,) = csv.DictReader(file)
    lower, upper = float(row["largest_without_short_mA_cm2"]), float(row["smallest_with_short_mA_cm2"])
    assert 1.0 <= lower < upper <= min(20.0, 1.5 * lower)
    with (tmp_path / "trials.csv").open() as file:
        trials = list(csv.DictReader(file))
    assert {trial["outcome"] for trial in trials if float(trial["current_density_mA_cm2"]) >= upper} == {"short"}
    assert {trial["outcome"] for trial in trials if float(trial["current_density_mA_cm2"]) <= lower} <= {
        "capacity",
        "stalled",
    }
    logs = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/run.log")}
    assert CliRunner().invoke(app, command).exit_code == 0
    assert logs == {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/run.log")}
