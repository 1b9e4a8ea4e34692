"""What of a case may change before its run goes on, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType

import pytest

import phasefield as pf
from phasefield.case.changes import Change, refused
from phasefield.errors import CaseError, Stopped


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory, small: ModuleType) -> Path:
    """Return the folder of a run that was stopped at step 8."""
    folder = tmp_path_factory.mktemp("begun") / "run"
    with pytest.raises(Stopped):
        pf.run(small.case_of("2d", protocol__duration="100 s"), out=folder, observers=[small.StopAt(8)])
    return folder


@pytest.fixture
def folder(begun: Path, tmp_path: Path) -> Path:
    """Return a copy of that folder, elsewhere."""
    return Path(shutil.copytree(begun, tmp_path / "elsewhere"))


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def begun_with(old: str) -> str:
    return f", but the run was begun with {old}; set it back, or start a new run"


def refusals(folder: Path, overrides: dict[str, str] | None = None) -> list[str]:
    """Return the faults that resume tells; the folder stays as it was."""
    before = contents(folder)
    with pytest.raises(CaseError) as refused:
        pf.resume(folder, overrides)
    assert refused.value.source == str(folder / "case.toml")
    assert contents(folder) == before
    return [str(fault) for fault in refused.value.faults]


def test_every_key_that_may_not_change_is_named_with_both_values(folder: Path) -> None:
    changed = {
        "protocol.current_density": "2 mA/cm^2",
        "solver.ionic_tolerance": "1e-7",
        "grain_boundaries.accommodation_pressure.median": "21 MPa",
        "microstructure.seed": "4",
        "protocol.duration": "50 s",  # may
    }
    faults = refusals(folder, changed)
    assert len(faults) == 4
    for key, old, new in (
        ("protocol.current_density", '"1 mA/cm^2"', '"2 mA/cm^2"'),
        ("solver.ionic_tolerance", "1e-08", "1e-07"),
        ("grain_boundaries.accommodation_pressure.median", '"20 MPa"', '"21 MPa"'),
        ("microstructure.seed", "1", "4"),
    ):
        assert f"{key}: {new}, but the run was begun with {old}; set it back, or start a new run" in faults


def test_an_edit_of_the_file_counts_like_an_option(folder: Path) -> None:
    path = folder / "case.toml"
    path.write_text(path.read_text().replace("hysteresis = true", "hysteresis = false"))
    assert refusals(folder) == [
        "reaction.hysteresis: false, but the run was begun with true; set it back, or start a new run"
    ]


def test_a_default_that_is_left_out_or_written_otherwise_is_no_change(folder: Path, small: ModuleType) -> None:
    path = folder / "case.toml"
    text = path.read_text()
    assert 'duration = "100 s"' in text and "hysteresis = true\n" in text
    edited = text.replace("hysteresis = true\n", "").replace('duration = "100 s"', 'duration = "1e5 ms" # comment')
    path.write_text(edited)
    with pytest.raises(Stopped):
        pf.resume(folder, observers=[small.StopAt(10)])
    assert path.read_text() == edited, "a person's file is left as it is"


def test_an_added_key_and_a_removed_one_are_changes(folder: Path) -> None:
    path = folder / "case.toml"
    text = path.read_text()
    path.write_text(text.replace('voltage_limit = "1000 mV"\n', ""))
    faults = refusals(folder, {"materials.set.electrolyte.ionic_conductivity": "0.01 S/m"})
    assert faults == [f'materials.set.electrolyte.ionic_conductivity: "0.01 S/m"{begun_with("none")}']


def test_a_changed_material_file_is_named_with_its_number(folder: Path) -> None:
    [path] = (folder / "inputs").glob("electrolyte_*.toml")
    text = path.read_text()
    path.write_text("# a comment is no change\n" + text)
    lines = text.splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("[ionic_conductivity]")) + 1
    number = next(i for i in range(place, len(lines)) if lines[i].startswith("value"))
    old = lines[number].partition("=")[2].strip()
    lines[number] = 'value = "0.123 S/m"'
    path.write_text("\n".join(lines))
    faults = refusals(folder)
    assert faults == [f'inputs/{path.name}: ionic_conductivity.value: "0.123 S/m"{begun_with(old)}']


def test_another_material_is_refused(folder: Path) -> None:
    faults = refusals(folder, {"materials.electrolyte": "llzo_single_crystal"})
    assert faults == ['materials.electrolyte: "llzo_single_crystal"' + begun_with('"inputs/electrolyte_llzo_al.toml"')]


def test_what_may_change_is_taken_and_written_down(folder: Path, small: ModuleType) -> None:
    changed = {
        "question": "And then?",
        "output.fields": '["metal_fraction"]',
        "output.every": "1 s",
        "output.checkpoint_every": "20 s",
        "solver.threads": "2",
        "solver.time_step_max": "0.5 s",
        "protocol.duration": "9 s",
        "protocol.stop_at_short": "false",
        "protocol.voltage_limit": "900 mV",
    }
    overrides = {key: value for key, value in changed.items() if key != "question"}
    path = folder / "case.toml"
    path.write_text(
        'question = "And then?"\n' + "\n".join(x for x in path.read_text().splitlines() if "question" not in x)
    )
    run = pf.resume(folder, overrides)
    assert (run.summary["outcome"], run.summary["question"]) == ("duration", "And then?")
    assert set(run.summary["resumed"][0]["changed"]) == set(changed)
    assert pf.load_case(path) == pf.load_case(path, changed), "case.toml holds them"
    assert "protocol.duration was" in (folder / "run.log").read_text(encoding="utf-8")
    with pytest.raises(CaseError, match="has ended"):
        pf.resume(folder)


def test_a_key_that_begins_like_one_that_may_change_may_not() -> None:
    assert refused([Change("output.every", "1", "2"), Change("protocol.duration", "1", "2")]) == []
    assert [fault.path for fault in refused([Change("outputs.every", "1", "2")])] == ["outputs.every"]


def test_faults_of_the_changed_case_itself_come_first(folder: Path) -> None:
    assert refusals(folder, {"protocol.duration": "9 V"})[0].startswith("protocol.duration: '9 V' is not a time")
