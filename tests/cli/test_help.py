"""Help and version come at once and tell what there is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from typer.testing import Result

import phasefield as pf

HEAVY = ["numpy", "scipy", "numba", "pint", "h5py", "matplotlib", "pyvista", "vtkmodules", "fipy", "meshio", "sympy"]
COMMANDS = ["run", "resume", "check", "cases", "new", "materials", "plot", "export", "converge"]
COMMANDS += ["crosscheck", "microstructure", "study", "validate", "doctor"]
PROGRAM = f"""
import sys
from phasefield.cli import main
try:
    main()
finally:
    print([m for m in {HEAVY} if m in sys.modules])
"""


def run(*arguments: str) -> str:
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["run", "--help"], ["crosscheck", "--help"], ["plot", "--help"], ["doctor", "--help"]],
)
def test_imports_nothing_heavy(arguments: list[str]) -> None:
    assert run(*arguments).splitlines()[-1] == "[]"


def test_version_is_that_of_the_package(phasefield: Callable[..., Result]) -> None:
    shown = phasefield("--version")
    assert shown.exit_code == 0
    assert shown.stdout == f"phasefield {pf.__version__} (alkali-dendrites)\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_lists_every_command(phasefield: Callable[..., Result], command: str) -> None:
    assert f" {command} " in phasefield("--help").stdout
    assert phasefield(command, "--help").exit_code == 0


@pytest.mark.parametrize("arguments", [["swim"], ["run"], ["run", "x", "--treads", "2"], ["check"], ["--verbose"]])
def test_wrong_words_are_bad_input(phasefield: Callable[..., Result], arguments: list[str]) -> None:
    assert phasefield(*arguments).exit_code == 2
