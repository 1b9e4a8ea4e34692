"""``phasefield doctor``: what is installed, what is missing and how to get it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from typer.testing import Result

from phasefield import cache
from phasefield.cli import doctor

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PHASEFIELD_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")  # so that it is as before after the test


def test_knows_every_dependency() -> None:
    needed = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["dependencies"]
    assert {re.split(r"[^\w-]", entry)[0] for entry in needed} == set(doctor.LIBRARIES)


def test_shows_versions_and_the_cache(phasefield: Callable[..., Result]) -> None:
    shown = phasefield("doctor")
    assert shown.exit_code == 0
    assert version("numba") in shown.stdout
    assert cache.folder().name in re.sub(r"[\s│┃]", "", shown.stdout), "wrapped where the folder's path is long"
    assert "none yet" in shown.stdout


def test_says_how_to_get_what_is_missing(phasefield: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    def without_h5py(name: str) -> str:
        if name == "h5py":
            raise PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(doctor, "version", without_h5py)
    shown = phasefield("doctor")
    assert shown.exit_code == 1
    assert "python -m pip install h5py" in shown.stdout


@pytest.mark.parametrize("program", ["paraview", "pvbatch", "xvfb-run", "sbatch"])
def test_says_whether_paraview_is_there_and_where_from(
    phasefield: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    def rows() -> str:
        lines = phasefield("doctor").stdout.split("Programs")[1].splitlines()
        return next(line for line in lines if program in line)

    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/there/{name}")
    assert f"/there/{program}" in rows()
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    assert "not found" in rows()
    assert "get it from" in rows()


def test_warm_runs_the_main_case_coarse_and_writes_nothing(
    phasefield: Callable[..., Result], stand_in: Callable[..., None]
) -> None:
    seen = []
    stand_in("phasefield.run", run=lambda case, **options: seen.append((case, options)))
    assert phasefield("doctor", "--warm").exit_code == 0
    ((case, options),) = seen
    assert case.name == "llzo_grain_boundary"
    assert case.protocol.duration == pytest.approx(1.0)
    assert options == {"out": None}
