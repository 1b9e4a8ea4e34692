"""Compiled kernels: many processes share one cold cache, and the package may lie where nobody can write."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from numba.core.caching import IndexDataCacheFile

from phasefield import cache

ROOT = Path(__file__).parents[2]
PACKAGES = ("phasefield", "microstructures", "postprocess")

# Two signatures of four kernels, in an order of its own, and how many of them were found in the cache.
PROGRAM = """
import sys
from pathlib import Path

from phasefield import cache
print(cache.configure())
import numpy as np
from phasefield.numerics.krylov import dot

kinds = [np.float32, np.float64]
for kind in kinds if int(sys.argv[1]) % 2 else kinds[::-1]:
    a = np.full((2, 6, 3, 10), 3, dtype=kind)
    assert dot(a, a) == 2 * 4 * 3 * 8 * 9, dot(a, a)
print(Path(dot.py_func.__code__.co_filename).parents[2])
print(sum(dot.stats.cache_hits.values()), sum(dot.stats.cache_misses.values()))
"""


def command(number: int) -> list[str]:
    return [sys.executable, "-B", "-c", PROGRAM, str(number)]


def kernels(environment: dict[str, str], place: Path) -> list[str]:
    """Compute with the kernels; return the folders of the cache and of the package, and the counts of hits and misses."""
    done = subprocess.run(
        command(0), check=False, env=environment, cwd=place, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:3]


@pytest.mark.parametrize("processes", [pytest.param(8, marks=pytest.mark.ci), pytest.param(50, marks=pytest.mark.slow)])
def test_processes_that_start_at_once_share_a_cold_cache(tmp_path: Path, processes: int) -> None:
    environment = os.environ | {"PHASEFIELD_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    started = [
        subprocess.Popen(command(number), env=environment, stdout=pipe, stderr=pipe, text=True)
        for number in range(processes)
    ]
    for process in started:
        said = process.communicate(timeout=1800)[1]
        assert process.returncode == 0, said
    assert not list(tmp_path.rglob("*.tmp.*"))
    assert kernels(environment, tmp_path)[2] == "2 0"


def test_two_signatures_that_are_kept_at_once_do_not_take_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHASEFIELD_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")  # so that it is as before after the test
    cache.configure()
    read, other_is_through = IndexDataCacheFile._load_index, threading.Event()

    def slow(file: IndexDataCacheFile) -> dict[str, str]:
        found = read(file)
        if threading.current_thread().name.endswith("_0"):
            other_is_through.wait(1.0)
        return found

    def keep(signature: str) -> None:
        IndexDataCacheFile(str(tmp_path), "kernel", "stamp").save(signature, f"code of {signature}")
        other_is_through.set()

    monkeypatch.setattr(IndexDataCacheFile, "_load_index", slow)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(keep, ["one", "other"]))
    file = IndexDataCacheFile(str(tmp_path), "kernel", "stamp")
    assert [file.load(signature) for signature in ("one", "other")] == ["code of one", "code of other"]


@pytest.mark.ci
def test_a_package_that_cannot_be_written_to_keeps_its_kernels_elsewhere(tmp_path: Path) -> None:
    package, home, temporary = (tmp_path / name for name in ("site-packages", "home", "temporary"))
    for name in PACKAGES:
        shutil.copytree(ROOT / name, package / name, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in (home, temporary):
        folder.mkdir()
    folders = [package, *(path for path in package.rglob("*") if path.is_dir())]
    before = sorted(package.rglob("*"))
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("PHASEFIELD", "NUMBA", "XDG"))}
    environment = keep | {"PYTHONPATH": str(package), "HOME": str(home), "TMPDIR": str(temporary)}
    for folder in folders:
        folder.chmod(0o555)
    try:
        cold, warm = kernels(environment, home), kernels(environment, home)
        # Nowhere else either, but in the folder for temporary files.
        without = kernels(environment | {"PHASEFIELD_CACHE_DIR": "/dev/null/cache"}, home)
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert [said[1] for said in (cold, warm, without)] == 3 * [str(package)]
    assert [said[2] for said in (cold, warm, without)] == ["0 2", "2 0", "0 2"]
    assert Path(warm[0]).is_relative_to(home)
    assert Path(without[0]).is_relative_to(temporary)
    assert sorted(package.rglob("*")) == before  # root may write anywhere: it did not
