"""``import phasefield`` is quick and offers what the documentation says."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import phasefield as pf


def test_import_takes_nothing_else_along() -> None:
    heavy = ["numpy", "numba", "pydantic", "pint", "phasefield.case", "typer"]
    program = f"import sys, phasefield; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", pf.__all__)
def test_public_names_are_functions(name: str) -> None:
    assert name in dir(pf)
    assert callable(getattr(pf, name))


@pytest.mark.parametrize("name", ["run", "simulate"])
def test_a_module_does_not_hide_the_function_of_its_name(name: str) -> None:
    importlib.import_module(f"phasefield.{name}")  # importing it would set the package's attribute to the module
    assert getattr(pf, name) is getattr(importlib.import_module("phasefield.run"), name)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        _ = pf.runn
