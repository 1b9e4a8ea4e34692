"""What the documentation shows runs, and what it lists is what there is."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import tomli_w
import typer
from typer.testing import CliRunner

import phasefield as pf
from phasefield.campaigns.design import points
from phasefield.campaigns.folder import SweepFolder, read_plan
from phasefield.campaigns.sweep import status
from phasefield.campaigns.sweep_file import is_sweep, load_sweep
from phasefield.case import load_case
from phasefield.cli.app import app
from phasefield.cli.options import parse_overrides
from phasefield.fields import FIELDS
from phasefield.materials import list_materials, load_material
from phasefield.tables import HISTORY_COLUMNS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MAIN_CASE = "llzo_grain_boundary"
# Seconds instead of minutes: the same case, a small piece for a moment.
REDUCED = {"grid.size": '["24 um", "16 um"]', "protocol.duration": "1 s"}
CHEAP = {"cases", "check", "doctor", "materials", "new"}
GROUPS = {"sweep"}
# A sweep of two short runs, for the pages that assume one.
TWO_RUNS = """\
format = 1
case = "llzo_grain_boundary"
seeds = [1]

[set]
grid.size = ["24 um", "16 um"]
protocol = { current_density = "1 mA/cm^2", duration = "0.02 s" }

[[axes]]
key = "grain_boundaries.accommodation_pressure.median"
values = ["30 MPa", "60 MPa"]
"""


def blocks(language: str) -> list[Any]:
    """Return the code blocks of a language in all pages, named after page and line."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in re.finditer(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, match.start()) + 1
            found.append(pytest.param(match[1], id=f"{page.name}:{line}"))
    return found


def commands() -> list[Any]:
    """Return every line of the shell blocks, named after its page."""
    lines = [(block.id, line) for block in blocks("sh") for line in block.values[0].splitlines()]
    return [pytest.param(line, id=f"{name}:{line.partition('#')[0].strip()[:50]}") for name, line in lines]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the main case, reduced, was run, as the pages assume."""
    place = tmp_path_factory.mktemp("reader")
    pf.run(load_case(MAIN_CASE, REDUCED), out=place / "results" / MAIN_CASE)
    (place / "mine.toml").write_text(load_case(MAIN_CASE).source_text, encoding="utf-8")
    (place / "study.toml").write_text(TWO_RUNS, encoding="utf-8")
    return place


@pytest.mark.parametrize("snippet", [block for block in blocks("python") if "LocalCluster" not in block.values[0]])
def test_python_runs(snippet: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib

    def reduced(name: str, overrides: Mapping[str, str] | None = None) -> Any:
        return load_case(name, {**(overrides or {}), **(REDUCED if name == MAIN_CASE else {})})

    matplotlib.use("Agg")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(pf, "load_case", reduced)
    exec(compile(snippet, "snippet", "exec"), {})  # noqa: S102 - our own code, the one that readers copy


@pytest.mark.parametrize("line", commands())
def test_commands_are_understood(line: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = shlex.split(line, comments=True)
    if words[:1] == ["make"]:
        assert f"\n{words[1]}:" in (ROOT / "Makefile").read_text(encoding="utf-8")
    elif words[:1] == ["phasefield"]:
        group = typer.main.get_command(app)
        command = group.get_command(group.make_context("phasefield", words[1:]), words[1])  # type: ignore[attr-defined]
        assert command is not None, words[1]
        if words[1] in GROUPS:
            command = command.get_command(command.make_context(words[1], words[2:]), words[2])
            assert command is not None, words[2]
        context = command.make_context(words[1], words[3 if words[1] in GROUPS else 2 :])
        monkeypatch.chdir(folder)
        if "case" in context.params and not is_sweep(context.params["case"]):
            load_case(context.params["case"], parse_overrides(context.params["set_"]))
        if words[1] == "new":
            monkeypatch.chdir(tmp_path)
        if words[1] in CHEAP:
            result = CliRunner().invoke(app, words[1:])
            assert result.exit_code == 0, result.output
    else:  # the commands for installing are tests of their own
        assert line.startswith("python3 -m venv .venv && ")


def of_sweep(block: Any) -> bool:
    return block.id.startswith("sweeps.md")


@pytest.mark.parametrize("snippet", [block for block in blocks("toml") if of_sweep(block)])
def test_toml_fits_into_a_sweep(snippet: str, tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text(tomli_w.dumps({**tomllib.loads(TWO_RUNS), **tomllib.loads(snippet)}), encoding="utf-8")
    sweep = load_sweep(path)
    assert sweep != load_sweep_of(TWO_RUNS, tmp_path)
    for point in points(sweep):
        load_case(sweep.base, {**sweep.overrides, **point})


def load_sweep_of(text: str, folder: Path) -> Any:
    (folder / "other.toml").write_text(text, encoding="utf-8")
    return load_sweep(folder / "other.toml")


@pytest.mark.ci
def test_dask_computes_a_sweep(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("dask.distributed", reason="dask is not installed")
    (snippet,) = [block.values[0] for block in blocks("python") if "LocalCluster" in block.values[0]]
    (tmp_path / "compute.py").write_text(snippet, encoding="utf-8")
    shutil.copy(folder / "study.toml", tmp_path)
    ended = outside([sys.executable, "compute.py"], tmp_path)
    assert ended.stdout.strip().endswith("[0, 0]"), ended.stdout + ended.stderr
    assert_done(tmp_path)


@pytest.mark.ci
def test_snakemake_computes_a_sweep(folder: Path, tmp_path: Path) -> None:
    snakemake = shutil.which("snakemake", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if snakemake is None:
        pytest.skip("Snakemake is not installed")
    (snippet,) = [block.values[0] for block in blocks("snakemake")]
    (tmp_path / "Snakefile").write_text(snippet, encoding="utf-8")
    shutil.copy(folder / "study.toml", tmp_path)
    command = ["phasefield", "sweep", "run", "study.toml", "--dry-run"]
    assert outside(command, tmp_path).returncode == 0
    ended = outside([snakemake, "--cores", "2"], tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert_done(tmp_path)


def outside(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in ``folder`` as a reader does, who has the programs of this environment on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def assert_done(folder: Path) -> None:
    where = SweepFolder(folder / "results" / "study")
    assert [entry.standing for entry in status(where, read_plan(where), queue={})] == ["done", "done"]


@pytest.mark.parametrize("snippet", [block for block in blocks("toml") if not of_sweep(block)])
def test_toml_fits_into_a_case(snippet: str, tmp_path: Path) -> None:
    case = tomllib.loads(load_case(MAIN_CASE).source_text)
    for section, entries in tomllib.loads(snippet).items():
        whole = not isinstance(entries, dict) or "steps" in entries  # steps stand instead of the case's own current
        case[section] = entries if whole else {**case.get(section, {}), **entries}
    path = tmp_path / "case.toml"
    path.write_text(tomli_w.dumps(case), encoding="utf-8")
    assert load_case(path) != load_case(MAIN_CASE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        file, _, heading = target.partition("#")
        linked = page.parent / file if file else page
        assert linked.is_file(), target
        if heading:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert heading in [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings], target


def test_no_page_has_a_place_to_be_filled() -> None:
    assert [
        page.name for page in PAGES if re.search(r"TABLE_[A-Z]+|TODO|FIXME", page.read_text(encoding="utf-8"))
    ] == []


@pytest.mark.parametrize(
    ("name", "reference"), runpy.run_path(str(ROOT / "docs/make_case_reference.py"))["PAGES"].items()
)
def test_the_references_are_up_to_date(name: str, reference: Callable[[], str]) -> None:
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert reference() == page, "run: python docs/make_case_reference.py"


def rows(page: str, column: int = 0) -> set[str]:
    """Return the names in backquotes in a column of all tables of a page."""
    lines = (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines()
    cells = [line.strip("| ").split(" | ")[column] for line in lines if line.startswith("| ")]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_every_result_is_explained(folder: Path) -> None:
    results = pf.load(folder / "results" / MAIN_CASE)
    explained = rows("results.md")
    assert set(HISTORY_COLUMNS) <= explained
    assert set(results.summary) <= explained
    assert set(results.frame()) <= explained
    files = {path.name + "/" * path.is_dir() for path in (folder / "results" / MAIN_CASE).iterdir()}
    assert files - {"fields/"} <= explained


def test_every_field_is_in_the_model() -> None:
    assert {name for name, field in FIELDS.items() if field.saved} <= rows("model.md")


@pytest.mark.parametrize("entry", list_materials(), ids=lambda entry: entry.name)
def test_the_model_has_the_numbers_of_the_materials(entry: Any) -> None:
    text = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
    line = next(part for part in re.split(r"\n(?=[|\n])", text) if f"`{entry.name}`" in part)
    left_out = {"melting_point", "molar_mass", "boundary_thickness", "bulk_electronic_conductivity"}
    left_out.add("electron_concentration_at_metal")
    for key, number in load_material(entry.kind, entry.name).numbers.items():
        if key not in left_out:
            assert number.value in line, key


def test_numbers_that_code_cites_are_in_the_model() -> None:
    text = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
    equations = {int(number) for number in re.findall(r"\(M(\d+)\)", text)}
    sections = {int(number) for number in re.findall(r"^## (\d+)\.", text, flags=re.MULTILINE)}
    assert equations == set(range(1, 15))
    patterns = ("phasefield/**/*.py", "phasefield/**/*.toml", "microstructures/**/*.py", "cases/**/*.toml", "docs/*.md")
    files = [path for pattern in patterns for path in ROOT.glob(pattern)]
    cited = [path.read_text(encoding="utf-8") for path in files]
    equation_numbers = {int(n) for code in cited for n in re.findall(r"MODEL M(\d+)", code)}
    section_numbers = {int(n) for code in cited for n in re.findall(r"MODEL (?:section )?(\d+)", code)}
    assert equation_numbers and equation_numbers <= equations
    assert section_numbers and section_numbers <= sections
