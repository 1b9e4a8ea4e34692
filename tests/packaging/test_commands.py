"""The README's two commands are what `make` and CI run, and names and versions agree everywhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import phasefield as pf

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RUN = "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/phasefield run llzo_grain_boundary"
TEST = "python3 -m venv .venv && .venv/bin/pip install '.[test]' && .venv/bin/python -m pytest"


@pytest.mark.parametrize(("target", "command"), [("run", RUN), ("test", TEST)])
def test_make_runs_the_commands_of_the_readme(target: str, command: str) -> None:
    assert README.splitlines().count(command) == 1
    rules = re.split(r"^(?=\S)", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert [rule for rule in rules if rule.startswith(f"{target}:")] == [f"{target}:\n\t{command}\n\n"]


def test_ci_takes_the_test_command_from_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    search = next(line for line in script.splitlines() if line.startswith("test_command="))
    program = f'{search}; echo "$test_command"'
    found = subprocess.run(["bash", "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    assert found.stdout.strip() == TEST


def test_the_readme_names_every_command() -> None:
    for command in ("run", "check", "cases", "new", "materials", "doctor"):
        assert f"phasefield {command}" in README


def test_nobody_is_sent_to_another_package_of_the_same_name() -> None:
    wrong = re.compile(r"pip install\s+['\"]?(phasefield|postprocess)\b")
    texts = [path for pattern in ("*.md", "docs/**/*.md", "phasefield/**/*.py") for path in ROOT.glob(pattern)]
    assert len(texts) > 10
    assert [path for path in texts if wrong.search(path.read_text(encoding="utf-8"))] == []


def test_the_citation_has_this_version() -> None:
    assert f"\nversion: {pf.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
