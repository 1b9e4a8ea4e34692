"""Results for other programs to open: the made-up runs of ``tests/output``, in 1-D, 2-D and 3-D."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

import postprocess
from phasefield.grid import Grid
from phasefield.results_folder import open_results

MADE_UP = Path(__file__).parents[1] / "output" / "conftest.py"
# Unequal numbers and spacings, so that axes in a wrong order are seen.
GRIDS = {
    "1-D": Grid((50, 1), (0.8e-6, 0.8e-6)),
    "2-D": Grid((40, 29), (0.8e-6, 1.0e-6)),
    "3-D": Grid((40, 33, 29), (0.6e-6, 0.7e-6, 0.8e-6)),
}


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the folder of a made-up run for each number of dimensions."""
    write_run: Any = runpy.run_path(str(MADE_UP))["write_run"]
    found = {}
    for name, grid in GRIDS.items():
        found[name] = open_results("made_up", tmp_path_factory.mktemp("runs") / name)
        write_run(found[name], grid)
    return found


@pytest.fixture(params=list(GRIDS))
def folder(request: pytest.FixtureRequest, folders: dict[str, Path]) -> Path:
    """Return each of the folders."""
    return folders[request.param]


@pytest.fixture
def results(folder: Path) -> postprocess.Results:
    """Return what each of the folders holds."""
    return postprocess.load(folder)
