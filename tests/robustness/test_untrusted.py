"""A case file or a sweep file is data: it runs no code, and nothing is written outside of the folder of its results."""

from __future__ import annotations

import os
import pickle
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import phasefield as pf
from microstructures.images import READERS
from phasefield.campaigns import slurm
from phasefield.campaigns.design import points
from phasefield.campaigns.folder import SweepFolder, make_plan
from phasefield.campaigns.sweep_file import load_sweep
from phasefield.case import case_folder, load_case
from phasefield.cli.app import app
from phasefield.errors import CaseError
from phasefield.generate import build_structure

SHORT = {"protocol.capacity": "1e-5 mAh/cm^2", "output.preview": "false", "solver.threads": "1"}
TEXT = (case_folder() / "validation" / "bicrystal.toml").read_text(encoding="utf-8")
IMAGE = case_folder() / "inputs" / "grains_2d.png"
EVIL = "__import__('pathlib').Path('evil').touch()"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the folder in which commands work, and look afterwards whether anything was made beside it or called evil."""
    place = tmp_path / "outside" / "desk"
    place.mkdir(parents=True)
    (tmp_path / "outside" / "precious.txt").write_text("precious", encoding="utf-8")
    monkeypatch.chdir(place)
    yield place
    assert [path.name for path in tmp_path.iterdir()] == ["outside"]
    assert sorted(path.name for path in place.parent.iterdir()) == ["desk", "precious.txt"]
    assert (place.parent / "precious.txt").read_text(encoding="utf-8") == "precious"
    assert not list(tmp_path.rglob("evil*"))


@pytest.fixture
def at_once() -> Iterator[None]:
    """Fail if a test takes more than half a minute: what never ends must be refused, not read."""

    def too_long(*_: object) -> None:
        pytest.fail("took too long")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def made_of(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# ---------------------------------------------------------------- names


@pytest.mark.parametrize("name", ["...toml", "....toml", "a\nb.toml", "[red]x[[.toml", "$(touch evil).toml", "-x.toml"])
def test_results_stay_in_results_whatever_the_file_is_called(desk: Path, name: str) -> None:
    (desk / name).write_text(TEXT, encoding="utf-8")
    case = load_case(desk / name, SHORT)
    first, second = pf.run(case), pf.run(case)
    for run in (first, second):
        assert run.folder is not None
        assert run.folder.resolve().parent == desk / "results"
        assert run.summary["outcome"] == "capacity"
    assert made_of(desk) == {name, "results"}
    checked = call("check", f"./{name}")
    assert checked.exit_code == 0, checked.output


def test_a_link_in_the_place_of_results_is_not_followed(desk: Path) -> None:
    (desk / "results").mkdir()
    (desk / "results" / "bicrystal").symlink_to(desk.parent / "new")
    (desk / "results" / "bicrystal-2").symlink_to(desk.parent)
    run = pf.run(load_case("bicrystal", SHORT))
    assert run.folder == Path("results/bicrystal-3")


def test_links_in_the_place_of_files_are_replaced_not_followed(desk: Path) -> None:
    folder = desk / "run"
    case = load_case("bicrystal", SHORT)
    pf.run(case, out=folder)
    for name in (
        "summary.json",
        "history.csv",
        "run.log",
        "case.toml",
        "fields.pvd",
        ".history.csv.tmp",
        ".case.toml.tmp",
    ):
        (folder / name).unlink(missing_ok=True)
        if name != "summary.json":
            (folder / name).symlink_to(desk.parent / "precious.txt")
    (folder / "summary.json").write_text('{"outcome": "capacity"}', encoding="utf-8")
    pf.run(case, out=folder, force=True)
    assert not [path for path in folder.rglob("*") if path.is_symlink()]


@pytest.mark.parametrize("kind", ["metal", "electrolyte", "interface"])
@pytest.mark.parametrize("name", ["../precious", "../precious.txt", "/etc/passwd", "..", "", "lithium/../lithium"])
def test_the_name_of_a_material_is_no_path(desk: Path, kind: str, name: str) -> None:
    with pytest.raises(CaseError, match=f"materials.{kind}: no {kind} is called"):
        load_case("bicrystal", {f"materials.{kind}": f'"{name}"'})


def test_materials_from_elsewhere_are_copied_into_the_folder(desk: Path) -> None:
    electrolyte = load_case("bicrystal").materials.electrolyte.source_text
    (desk / "mine").mkdir()
    (desk / "mine" / "..toml").write_text(electrolyte, encoding="utf-8")
    (desk / "mine" / "a.toml").symlink_to(desk / "mine" / "..toml")
    for name in ("mine/..toml", "mine/../mine/a.toml", str(desk / "mine" / "a.toml")):
        (desk / "case.toml").write_text(TEXT.replace('"llzo_al"', f'"{name}"'), encoding="utf-8")
        run = pf.run(load_case(desk / "case.toml", SHORT), out=desk / "out", force=True)
        assert run.folder is not None
        inputs = run.folder / "inputs"
        assert len(made_of(inputs)) == 3
        assert all(path.is_file() and not path.is_symlink() for path in inputs.iterdir())
        assert "../" not in (run.folder / "case.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["../metal_fraction", "/etc/passwd", "metal_fraction/../x", "", ".."])
def test_the_name_of_a_field_is_no_path(desk: Path, name: str) -> None:
    with pytest.raises(CaseError, match=r"output\.fields\[0\]: .* is not a field"):
        load_case("bicrystal", {"output.fields": f'["{name}"]'})


# ---------------------------------------------------------------- input files


def image_case(file: object) -> dict[str, str]:
    return SHORT | {"microstructure.file": f'"{file}"'}


def test_an_image_from_elsewhere_is_copied_not_linked(desk: Path) -> None:
    (desk / "link.png").symlink_to(IMAGE)
    for file in (IMAGE, desk / "link.png", "../desk/link.png"):
        text = (case_folder() / "llzo_from_image.toml").read_text(encoding="utf-8")
        (desk / "case.toml").write_text(text, encoding="utf-8")
        run = pf.run(load_case(desk / "case.toml", image_case(file)), out=desk / "out", force=True)
        assert run.folder is not None
        [copy] = (run.folder / "inputs").glob("*.png")
        assert not copy.is_symlink() and copy.read_bytes() == IMAGE.read_bytes()
        assert f'file = "inputs/{copy.name}"' in (run.folder / "case.toml").read_text(encoding="utf-8")


def test_new_copies_no_file_to_a_place_outside(desk: Path) -> None:
    (desk / "given").mkdir()
    (desk / "evil.png").write_bytes(IMAGE.read_bytes())
    text = (case_folder() / "llzo_from_image.toml").read_text(encoding="utf-8")
    (desk / "given" / "case.toml").write_text(text.replace("inputs/grains_2d.png", "../evil.png"), encoding="utf-8")
    (desk / "work").mkdir()
    os.chdir(desk / "work")
    ended = call("new", "mine", "--from", "../given/case.toml")
    (desk / "evil.png").unlink()
    assert ended.exit_code == 0
    assert "copy that, too" in ended.output
    assert made_of(desk) == {"given", "work"} and made_of(desk / "work") == {"mine.toml"}


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/tty", "pipe", "."])
def test_what_never_ends_is_no_input(desk: Path, device: str, at_once: None) -> None:
    os.mkfifo(desk / "pipe")
    (desk / "m.toml").symlink_to(desk / device)
    (desk / "case.toml").write_text(TEXT, encoding="utf-8")
    with pytest.raises(CaseError, match=r"microstructure\.file: .* cannot be read"):
        load_case("llzo_from_image", image_case(desk / device))
    with pytest.raises(CaseError, match="cannot be read"):
        load_case(desk / "m.toml")
    with pytest.raises(CaseError, match=r"materials\.electrolyte: .* cannot be read"):
        load_case(desk / "case.toml", {"materials.electrolyte": "m.toml"})


def test_a_file_that_changes_after_it_was_read_is_refused(desk: Path) -> None:
    (desk / "mine.png").write_bytes(IMAGE.read_bytes())
    case = load_case("llzo_from_image", image_case(desk / "mine.png"))
    (desk / "mine.png").write_bytes(IMAGE.read_bytes() + b"\0")
    with pytest.raises(CaseError, match="has changed since"):
        pf.run(case, out=desk / "out")
    assert pf.load(desk / "out").summary["outcome"] == "failed"
    assert "has changed since" in pf.load(desk / "out").summary["reason"]
    (desk / "mine.png").unlink()
    with pytest.raises(CaseError, match=r"there is no image .*mine\.png"):
        pf.run(case, out=desk / "out2")
    assert not (desk / "out2").exists()


# ---------------------------------------------------------------- code


class Payload:
    """Make a file called evil wherever this is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return exec, (EVIL,)


@pytest.mark.parametrize("ending", sorted(READERS))
def test_pickles_are_not_read(desk: Path, ending: str) -> None:
    path = desk / f"array{ending}"
    np.save(desk / "objects.npy", np.array([[Payload()]], dtype=object), allow_pickle=True)
    np.savez(desk / "several.npz", array=np.array([[Payload()]], dtype=object))
    contents = [pickle.dumps(Payload()), (desk / "objects.npy").read_bytes(), (desk / "several.npz").read_bytes()]
    for content in contents:
        path.write_bytes(content)
        case = load_case("llzo_from_image", image_case(path))
        with pytest.raises(CaseError, match=r"microstructure: array\S* "):
            build_structure(case)


def test_a_header_that_promises_more_than_there_is_takes_no_memory(desk: Path, at_once: None) -> None:
    path = desk / "large.npy"
    np.save(path, np.zeros((4, 4), dtype=np.uint8))
    path.write_bytes(path.read_bytes().replace(b"(4, 4), }" + b" " * 12, b"(4000000, 4000000), }"))
    assert b"4000000" in path.read_bytes()
    with pytest.raises(CaseError, match="shorter than its header says"):
        build_structure(load_case("llzo_from_image", image_case(path)))


@pytest.mark.parametrize(
    "value",
    [EVIL, f'"{EVIL}"', f'"1 {EVIL}"', '"1 um; touch evil"', '"$(touch evil) um"', "`touch evil`", '"9**9**9**9 m"'],
)
def test_values_are_not_evaluated(desk: Path, value: str, at_once: None) -> None:
    for key in ("grid.spacing", "grid.size", "materials.temperature", "materials.metal", "microstructure.seed"):
        with pytest.raises(CaseError):
            load_case("bicrystal", {key: value})


# ---------------------------------------------------------------- sweeps

SWEEP = """
format = 1
question = "$(touch evil)\\n touch evil"
case = "bicrystal"
[set]
"protocol.capacity" = "1e-5 mAh/cm^2"
[[axes]]
key = "question"
values = ["../../evil", "/evil", "$(touch evil)", "a\\nb"]
[[axes]]
key = "microstructure.seed"
values = [1, 2]
[[axes]]
key = "../../../evil"
values = ["../../../evil"]
"""


def test_runs_of_a_sweep_are_called_by_hashes(desk: Path) -> None:
    (desk / "sweep.toml").write_text(SWEEP.rpartition("[[axes]]")[0], encoding="utf-8")
    sweep = load_sweep(desk / "sweep.toml")
    runs = make_plan(SweepFolder(desk / "out"), sweep.base, sweep.overrides, points(sweep))
    assert len(runs) == 2, "a question changes nothing that is computed"
    assert all(re.fullmatch("[0-9a-f]{12}", run.name) for run in runs)
    assert made_of(desk / "out") == {"plan.json", "cases"}
    (desk / "sweep.toml").write_text(SWEEP, encoding="utf-8")
    with pytest.raises(CaseError, match="is not a key"):
        sweep = load_sweep(desk / "sweep.toml")
        make_plan(SweepFolder(desk / "out"), sweep.base, sweep.overrides, points(sweep))


@pytest.mark.parametrize("name", ["...toml", "....toml"])
def test_a_sweep_stays_in_results_whatever_its_file_is_called(desk: Path, name: str) -> None:
    (desk / name).write_text(SWEEP.rpartition("[[axes]]")[0], encoding="utf-8")
    ended = call("sweep", "run", f"./{name}", "--dry-run")
    assert ended.exit_code == 0, ended.output
    assert made_of(desk) == {name, "results"}
    assert not {"plan.json", "cases"} & made_of(desk / "results")


@pytest.mark.parametrize("partition", ["x\ntouch evil", "x y", '"', "$(touch evil)", ""])
def test_the_partition_is_a_name(desk: Path, partition: str) -> None:
    import tomli_w

    tables = {"format": 1, "case": "bicrystal", "executor": {"slurm": {"partition": partition}}}
    (desk / "sweep.toml").write_text(tomli_w.dumps(tables), encoding="utf-8")
    with pytest.raises(CaseError, match=r"executor\.slurm\.partition: .* is not a name"):
        load_sweep(desk / "sweep.toml")


def test_no_name_of_a_folder_is_a_command_in_a_script(desk: Path) -> None:
    folder = SweepFolder(desk / "a\ntouch evil\n$(touch evil)`touch evil`")
    (desk / "sweep.toml").write_text(SWEEP.rpartition("[[axes]]")[0], encoding="utf-8")
    text = slurm.script(folder, folder.path / "1.txt", load_sweep(desk / "sweep.toml").executor, 1)
    head = text[: text.index("export")].splitlines()
    assert all(line.startswith("#") or not line for line in head), head
