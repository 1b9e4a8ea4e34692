"""TIER decides which tests run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
TESTS = """
import pytest
def test_fast(): ...
@pytest.mark.ci
def test_ci(): ...
@pytest.mark.slow
def test_slow(): ...
@pytest.mark.slow
@pytest.mark.ci
def test_both(): ...
"""


def run(folder: Path, tier: str | None) -> subprocess.CompletedProcess[str]:
    shutil.copy(CONFTEST, folder / "conftest.py")
    (folder / "test_some.py").write_text(TESTS, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    ci\n    slow\n", encoding="utf-8")
    variables = {name: value for name, value in os.environ.items() if name not in ("TIER", "PYTEST_ADDOPTS")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only", str(folder)]
    tier_set = variables | ({} if tier is None else {"TIER": tier})
    return subprocess.run(command, cwd=folder, env=tier_set, check=False, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("tier", "names"),
    [
        (None, {"fast"}),
        ("fast", {"fast"}),
        ("ci", {"fast", "ci"}),
        ("full", {"fast", "ci", "slow", "both"}),
    ],
)
def test_tier_chooses(tmp_path: Path, tier: str | None, names: set[str]) -> None:
    listed = run(tmp_path, tier).stdout.splitlines()
    assert {line.split("::test_")[1] for line in listed if "::test_" in line} == names


def test_an_unknown_tier_is_refused(tmp_path: Path) -> None:
    ended = run(tmp_path, "quick")
    assert ended.returncode == pytest.ExitCode.USAGE_ERROR
    assert "TIER=quick is none of fast, ci, full" in ended.stdout + ended.stderr
