"""The wheel holds all that a user needs: it is built, installed and used in an empty folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from importlib.metadata import Distribution
from pathlib import Path

import pytest

import phasefield as pf

pytestmark = pytest.mark.ci

ROOT = Path(__file__).parents[2]
COARSE = ["--set", 'grid.size=["24 um", "16 um"]', "--set", "protocol.duration=1 s"]
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=300)
    (built,) = folder.glob("alkali_dendrites-*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the programs' folder of an environment with the wheel; third-party libraries come from this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    programs = folder / "bin"
    install = [sys.executable, "-m", "pip", "--python", str(programs / "python"), "install", "--quiet"]
    subprocess.run([*install, "--no-deps", "--no-index", str(wheel)], check=True, timeout=300)
    (site_packages,) = folder.glob("lib/python*/site-packages")
    libraries = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site_packages / "libraries.pth").write_text("\n".join(libraries), encoding="utf-8")
    return programs


@pytest.fixture
def command(environment: Path, tmp_path: Path) -> Command:
    """Return a function that runs a program of the environment in an empty folder, away from the sources."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

    def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        whole = [str(environment / program), *arguments]
        options = {"cwd": tmp_path, "env": variables, "stdin": subprocess.DEVNULL, "timeout": 300}
        return subprocess.run(whole, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]

    return run


@pytest.mark.parametrize("package", ["phasefield", "microstructures", "postprocess"])
def test_packages_come_from_the_wheel(command: Command, environment: Path, package: str) -> None:
    found = command("python", "-c", f"import {package}; print({package}.__file__)")
    assert found.stdout.startswith(str(environment.parent)), found.stderr


def test_holds_every_data_file(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    cases = {f"phasefield/_cases/{file.relative_to(ROOT / 'cases')}" for file in (ROOT / "cases").rglob("*.*")}
    materials = {str(file.relative_to(ROOT)) for file in (ROOT / "phasefield" / "materials").rglob("*.toml")}
    assert cases
    assert materials
    assert (cases | materials | {"phasefield/py.typed"}) - inside == set()
    assert any(name.endswith("licenses/LICENSE") for name in inside)
    assert not any(name.startswith(("tests/", "benchmarks/", "cases/")) for name in inside)


def test_version_is_that_of_the_package(wheel: Path, environment: Path, command: Command) -> None:
    (metadata,) = environment.parent.glob("lib/python*/site-packages/alkali_dendrites-*.dist-info")
    assert Distribution.at(metadata).version == pf.__version__
    assert command("phasefield", "--version").stdout.split()[1] == pf.__version__


def test_lists_cases_and_materials(command: Command) -> None:
    assert "llzo_grain_boundary" in command("phasefield", "cases").stdout
    assert "llzo_al" in command("phasefield", "materials").stdout


def test_checks_the_main_case(command: Command) -> None:
    ended = command("phasefield", "check", "llzo_grain_boundary")
    assert ended.returncode == 0, ended.stderr


def test_copies_a_case(command: Command, tmp_path: Path) -> None:
    ended = command("phasefield", "new", "mine", "--from", "llzo_grain_boundary")
    assert ended.returncode == 0, ended.stderr
    source = (ROOT / "cases" / "llzo_grain_boundary.toml").read_text(encoding="utf-8")
    assert (tmp_path / "mine.toml").read_text(encoding="utf-8") == source


def test_runs_some_steps_of_the_main_case_and_hands_them_on(command: Command, tmp_path: Path) -> None:
    ended = command("phasefield", "run", "llzo_grain_boundary", *COARSE)
    assert ended.returncode == 0, ended.stderr
    results = tmp_path / "results" / "llzo_grain_boundary"
    assert json.loads((results / "summary.json").read_text(encoding="utf-8"))["outcome"] == "duration"
    assert (results / "fields.pvd").exists()
    assert str(results.relative_to(tmp_path)) in ended.stdout
    for arguments in (
        ["export", results, "--format", "xdmf"],
        ["export", results, "--format", "vtu"],
        ["plot", results],
    ):
        ended = command("phasefield", *map(str, arguments))
        assert ended.returncode == 0, ended.stderr
        assert Path(ended.stdout.strip()).stat().st_size > 0
