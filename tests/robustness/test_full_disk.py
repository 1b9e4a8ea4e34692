"""A disk without space ends a run with a clear message; the last good state is there, and the run can go on."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import phasefield as pf
from phasefield.checkpoint import newest_checkpoint

# No file may grow beyond $1 bytes, once the history has $2 lines.
LIMITED = """
import resource, sys, threading, time
from pathlib import Path
size, lines = (int(word) for word in sys.argv[1:3])
del sys.argv[1:3]
history = Path(sys.argv[sys.argv.index("-o") + 1], "history.csv")

def limit():
    while lines and not (history.exists() and history.read_bytes().count(b"\\n") >= lines):
        time.sleep(0.001)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

later = threading.Thread(target=limit, daemon=True)
later.start()
if not lines:
    later.join()
from phasefield.cli import main
main()
"""
# A file system of its own, as large as $1, in a namespace of its own: no other process sees it.
SMALL_DISK = """
set -e
mount -t tmpfs -o size=$1 none "$2"
code=0
"$3" -c "from phasefield.cli import main; main()" run "$4" -o "$2/run" -q "${@:5}" || code=$?
cp -r "$2/run" "$2.copy"
exit $code
"""


def options(small: ModuleType) -> tuple[str, list[str]]:
    name, overrides = small.GRIDS["1d"]
    return name, [word for key, value in overrides.items() for word in ("--set", f"{key}={value}")]


def assert_clear(done: subprocess.CompletedProcess[str], reason: str) -> str:
    """Fail unless a run said in one line why it ended; return the file that it could not write."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr, done.stderr
    assert "Logging error" not in done.stderr, done.stderr
    assert done.stdout == ""
    match = re.fullmatch(rf"error: cannot write (\S+): {reason}(; everything so far is in .*)?\n", done.stderr)
    assert match, done.stderr
    return match[1]


def assert_goes_on(folder: Path, done: subprocess.CompletedProcess[str], small: ModuleType, reference: Path) -> None:
    """Fail unless the folder can be read, holds no half file, and its run goes on from where the message says."""
    assert not list(folder.rglob("*.tmp"))
    results = pf.load(folder)
    assert results.summary["outcome"] in ("running", "failed")
    assert all("metal_fraction" in results.frame(index) for index in range(len(results.times)))
    whole = (folder / "history.csv").read_bytes()
    assert whole.endswith(b"\n")
    assert whole == (reference / "history.csv").read_bytes()[: len(whole)]
    state = newest_checkpoint(folder)[1].state
    assert f"goes on from step {state.step}, t = {state.time:.6g} s\n" in done.stderr
    pf.resume(folder)
    small.assert_identical(folder, reference)


def run_limited(folder: Path, size: int, lines: int, small: ModuleType) -> subprocess.CompletedProcess[str]:
    name, changes = options(small)
    command = [sys.executable, "-c", LIMITED, str(size), str(lines), "run", name, "-o", str(folder), "-q", *changes]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("size", "file"),
    [
        (50, "summary.json"),
        pytest.param(500, "inputs/metal_lithium.toml", marks=pytest.mark.ci),
        pytest.param(4_000, "fields/000000.vti", marks=pytest.mark.ci),
        (10_000, "checkpoints/000000.h5"),
    ],
)
def test_no_room_at_the_start(tmp_path: Path, size: int, file: str, small: ModuleType) -> None:
    folder = tmp_path / "run"
    done = run_limited(folder, size, 0, small)
    assert assert_clear(done, "the limit on the size of files is reached") == str(folder / file)
    assert not list(folder.rglob("*.tmp"))
    assert done.stderr.endswith("; there is no checkpoint yet\n") == file.startswith(("fields", "checkpoints"))


def test_no_room_later(tmp_path: Path, small: ModuleType, uninterrupted: Callable[[str], Path]) -> None:
    folder = tmp_path / "run"
    done = run_limited(folder, 2_000, 30, small)
    assert_clear(done, "the limit on the size of files is reached")
    assert_goes_on(folder, done, small, uninterrupted("1d"))


def small_disks() -> bool:
    if shutil.which("unshare") is None:
        return False
    probe = ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("size", [20, 164, *(pytest.param(size, marks=pytest.mark.ci) for size in (4, 44, 68, 304))])
def test_a_full_disk(tmp_path: Path, size: int, small: ModuleType, uninterrupted: Callable[[str], Path]) -> None:
    if not small_disks():
        pytest.skip("this system does not let its users mount a small disk")
    name, changes = options(small)
    disk = tmp_path / "disk"
    disk.mkdir()
    arguments = [f"{size}k", str(disk), sys.executable, name, *changes]
    command = ["unshare", "--user", "--map-root-user", "--mount", "bash", "-c", SMALL_DISK, "bash", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert_clear(done, "the disk is full")
    folder = tmp_path / "disk.copy"
    assert not list(folder.rglob("*.tmp"))
    if "goes on from" in done.stderr:
        assert_goes_on(folder, done, small, uninterrupted("1d"))
    else:
        assert size < 68
