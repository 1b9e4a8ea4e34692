"""Where compiled kernels are kept, and how a stale one is never used.

Numba notices an edit of the file a kernel is in, not of the files it calls. So the folder's name holds a
hash of every source that kernels are made of and of the versions that compile them.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parent
SOURCES = ("physics", "numerics", "backends")


def fingerprint() -> str:
    """Return a short hash of the kernels' sources, of Numba, llvmlite, NumPy and Python."""
    digest = hashlib.sha256()
    for name in ("numba", "llvmlite", "numpy"):
        digest.update(f"{name} {version(name)}\n".encode())
    digest.update(f"{platform.python_version()} {platform.machine()}\n".encode())
    for folder in (*(PACKAGE / name for name in SOURCES), PACKAGE.parent / "microstructures"):
        for path in sorted(folder.glob("*kernels.py" if folder.name == "microstructures" else "*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def folder() -> Path:
    """Return the cache folder of this source: ``$PHASEFIELD_CACHE_DIR``, else the user's cache folder."""
    chosen = os.environ.get("PHASEFIELD_CACHE_DIR")
    if chosen:
        base = Path(chosen)
    elif platform.system() == "Darwin":
        base = Path.home() / "Library" / "Caches" / "alkali-dendrites"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "alkali-dendrites"
    return base / f"kernels-{fingerprint()}"


def configure() -> Path:
    """Point Numba to the cache folder, which is returned, and make waiting threads sleep soon; call before importing Numba.

    A folder that cannot be written to is replaced by a temporary one of this user. Any number of processes may share one.
    """
    path = folder()
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError:
        path = Path(tempfile.gettempdir()) / f"alkali-dendrites-{os.getuid()}" / path.name
        path.mkdir(parents=True, exist_ok=True)
    os.environ["NUMBA_CACHE_DIR"] = str(path)
    # Threads that wait spinning take the cores that others compute on: two runs on two cores were 30 to 50 times slower.
    # Threads that sleep at once take long to wake. Some microseconds of spinning make 256 x 256 cells in two threads 1.4
    # times as fast, and two such runs on two cores 1.2 times slower than threads that sleep; 10,000 rounds, 2.5 times.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    with suppress(ImportError):  # `phasefield doctor` tells that Numba is missing
        from numba.core.caching import IndexDataCacheFile

        if not hasattr(IndexDataCacheFile.save, "__wrapped__"):
            IndexDataCacheFile.save = _one_at_a_time(IndexDataCacheFile.save)
    return path


def _one_at_a_time(save: Callable[[Any, Any, Any], None]) -> Callable[[Any, Any, Any], None]:
    """Let one process at a time add to the compiled versions of kernels.

    Numba (0.68) reads a kernel's index, picks the next free file and writes both: of two processes that add different
    signatures at the same moment both pick the same file, and one of the two is later given the machine code of the other,
    and computes nonsense.
    """

    @wraps(save)
    def alone(cache: Any, key: Any, data: Any) -> None:
        with open(Path(os.environ["NUMBA_CACHE_DIR"]) / "lock", "a") as lock:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(lock, fcntl.LOCK_EX)
            save(cache, key, data)

    return alone


def is_warm() -> bool:
    """Tell whether compiled kernels of this source are already there."""
    return any(folder().rglob("*.nbc"))
