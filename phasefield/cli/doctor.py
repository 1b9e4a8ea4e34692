"""The command that tells what is installed, what is missing and how to get it."""

from __future__ import annotations

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from phasefield.cli.failures import FAILED, exit_codes

LIBRARIES = {
    "numpy": "arrays",
    "scipy": "sparse solvers, grains",
    "numba": "compiled kernels",
    "fipy": "the referee of the solver",
    "sympy": "sources of the manufactured solution",
    "meshio": "meshes in and out",
    "pillow": "images in",
    "vtk": "field files",
    "pyvista": "fields in Python",
    "matplotlib": "pictures, also of 3-D runs",
    "h5py": "checkpoints",
    "pydantic": "case files",
    "tomli-w": "case files",
    "pint": "units",
    "typer": "command line",
    "rich": "command line",
}
OPTIONAL = {"pyarrow": "tables of sweeps as .parquet"}
PARAVIEW = "https://www.paraview.org/download, or your system's packages (Debian: paraview, python3-paraview)"
PROGRAMS = {
    "paraview": ("opens the results", PARAVIEW),
    "pvbatch": ("ParaView's scripts", PARAVIEW),
    "xvfb-run": ("a screen for pvbatch where there is none", "your system's packages (Debian: xvfb, xauth)"),
    "sbatch": ("sweeps on a cluster", "who runs the cluster; sweeps on this machine need nothing"),
}


def doctor(
    warm: Annotated[
        bool, typer.Option("--warm", help="Compile the kernels now, so that the next run starts at once.")
    ] = False,
) -> None:
    """Tell what is installed, what is missing and how to get it."""
    with exit_codes():
        from phasefield import cache
        from phasefield.cli.show import print_table

        rows = [_library(name, purpose) for name, purpose in LIBRARIES.items()]
        missing = [row for row in rows if row[1] == "missing"]
        optional = [_library(name, f"{purpose}, if wanted") for name, purpose in OPTIONAL.items()]
        print_table("Libraries", ("library", "version", "for"), [*rows, *optional])
        print_table("Programs", ("program", "found", "for"), [_program(name) for name in PROGRAMS])
        folder = cache.configure()
        if warm and not missing:
            _compile()
        machine = [
            ("phasefield", version_here()),
            ("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
            ("cores", str(_cores())),
            ("cache folder", str(folder)),
            (
                "compiled kernels",
                "ready" if cache.is_warm() else "none yet: the first run compiles, or `doctor --warm`",
            ),
        ]
        print_table("This machine", ("", ""), machine)
        if missing:
            raise typer.Exit(FAILED)


def version_here() -> str:
    """Return the version of this package and the folder it is imported from."""
    import phasefield

    return f"{phasefield.__version__} in {Path(phasefield.__file__).parent}"


def _library(name: str, purpose: str) -> tuple[str, str, str]:
    try:
        return name, version(name), purpose
    except PackageNotFoundError:
        return name, "missing", f"{purpose}; get it with: python -m pip install {name}"


def _program(name: str) -> tuple[str, str, str]:
    purpose, source = PROGRAMS[name]
    path = shutil.which(name)
    return name, path or "not found", purpose if path else f"{purpose}; get it from {source}"


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _compile() -> None:
    """Run some steps of the main case, coarse, without writing anything: this compiles what runs need."""
    from phasefield.case import load_case
    from phasefield.run import run

    coarse = {"grid.size": '["24 um", "16 um"]', "protocol.duration": "1 s"}
    typer.echo("compiling the kernels ...", err=True)
    run(load_case("llzo_grain_boundary", coarse), out=None)
