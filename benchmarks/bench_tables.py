"""The tables that ``bench.py`` prints, as Markdown; ``python benchmarks/bench_tables.py PATH.json`` prints them again."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import roofline

LEGEND = """\
Per cell and step, medians of interleaved runs of the same steps. solve: of it, the potentials. bandwidth: of the triad
a = b + s c in the same sitting. floor: what the bytes of `benchmarks/roofline.py` take at that bandwidth. GB/s: those
bytes over the measured time. (!): a bandwidth below 35 GB/s with all threads; somebody else was at the machine."""
QUIET = 35.0  # [GB/s]


def grid_name(point: dict[str, Any]) -> str:
    """Return 512² or 128³."""
    return f"{point['cells_along']}{'²' if point['dimension'] == 2 else '³'}"


def one_line(point: dict[str, Any]) -> str:
    """Return what matters of one point."""
    times = ", ".join(f"{n}: {t['step_ns']:.0f} ns" for n, t in point["threads"].items())
    return f"{grid_name(point)} {point['state']}: threads {times} per cell and step"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose columns are as wide as their entries."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = [c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))]
        return "| " + " | ".join(padded) + " |"

    ruler = ["-" * widths[0], *("-" * (w - 1) + ":" for w in widths[1:])]
    return "\n".join([line(head), line(ruler), *(line(row) for row in rows)])


def steps_table(points: Sequence[dict[str, Any]]) -> str:
    """Return the table of steps."""
    head = ("grid, state", "threads", "step ns", "range", "solve ns", "Newton", "CG", "bandwidth GB/s", "floor ns",
            "step / floor", "GB/s", "speed-up")  # fmt: skip
    rows = []
    for point in points:
        base = next(iter(point["threads"].values()))["step_ns"]
        disturbed = point["threads"][max(point["threads"], key=int)]["triad_gb_s"] < QUIET
        for threads, t in point["threads"].items():
            rows.append((
                f"{grid_name(point)} {point['state']}", threads, f"{t['step_ns']:.0f}",
                f"{t['fastest_ns']:.0f}-{t['slowest_ns']:.0f}", f"{t['solve_ns']:.0f}", f"{t['newton']:.1f}",
                f"{t['cg']:.1f}", f"{t['triad_gb_s']:.1f}{' (!)' * disturbed}", f"{t['floor_ns']:.0f}", f"{t['step_ns'] / t['floor_ns']:.1f}",
                f"{t['gb_s']:.1f}", f"{base / t['step_ns']:.2f}",
            ))  # fmt: skip
    return table(head, rows)


def memory_table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the table of peak memory."""
    head = ("grid", "B/cell, whole run", "B/cell, microstructure only", "GB in all")
    return table(head, [
        (grid_name(r), f"{r['whole_bytes_per_cell']:.0f}", f"{r['built_bytes_per_cell']:.0f}", f"{r['whole_gb']:.2f}")
        for r in rows
    ])  # fmt: skip


def profile_table(point: dict[str, Any]) -> str:
    """Return where the time of a step goes: parts of parts indented, the rest of each behind its parts."""
    timings = point["threads"]
    most = max(timings, key=int)
    head = (
        "part",
        "calls",
        *(f"ns, {n} threads" if n != "1" else "ns, 1 thread" for n in timings),
        "%",
        "GB/s",
        "of triad",
    )
    to_ns = 1e9 / point["cells"]
    whole = {n: t["profile"]["seconds"] for n, t in timings.items()}
    rows = [("step", "1", *(f"{s * to_ns:.1f}" for s in whole.values()), "100", "", "")]
    for path, calls, seconds in _tree({n: t["profile"]["parts"] for n, t in timings.items()}, whole):
        spent = seconds[most]
        moved = roofline.bytes_of_part(path, point["dimension"], calls)
        rate = moved / (spent * to_ns) if moved and spent > 0.0 else None
        rows.append((
            "\u00a0\u00a0" * (path.count("/") + 1) + path.rpartition("/")[2], f"{calls:.1f}" if calls else "",
            *(f"{s * to_ns:.1f}" for s in seconds.values()), f"{100 * spent / whole[most]:.1f}",
            f"{rate:.1f}" if rate else "", f"{rate / timings[most]['triad_gb_s']:.2f}" if rate else "",
        ))  # fmt: skip
    return table(head, rows)


def _tree(
    parts: dict[str, dict[str, list[float]]], whole: dict[str, float], above: str = ""
) -> Iterator[tuple[str, float, dict[str, float]]]:
    """Yield (path, calls, seconds by threads) depth first, the dearest first."""
    most = max(parts, key=int)
    inside = [path for path in parts[most] if path.rpartition("/")[0] == above]
    rest = dict(whole)
    for path in sorted(inside, key=lambda p: -parts[most][p][1]):
        seconds = {n: found.get(path, [0.0, 0.0])[1] for n, found in parts.items()}
        rest = {n: rest[n] - seconds[n] for n in rest}
        yield path, parts[most][path][0], seconds
        if any(other.startswith(path + "/") for other in parts[most]):
            yield from _tree(parts, seconds, path)
    yield (f"{above}/rest" if above else "rest: the time loop, measures"), 0.0, rest


def warnings(points: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield where the roofline's table and what was seen disagree."""
    for point in points:
        most = max(point["threads"], key=int)
        t = point["threads"][most]
        work = roofline.Work(t["newton"], t["cg"], t["sub_steps"], point["front_share"])
        for text in roofline.disagreements(t["profile"]["parts"], work):
            yield f"{grid_name(point)} {point['state']}: {text}"


def page(found: dict[str, Any]) -> str:
    """Return all tables."""
    m = found["machine"]
    releases = ", ".join(f"{name} {version}" for name, version in m["versions"].items())
    parts = [f"{m['cpu']}, {m['cpus']} cores, {m['system']}; {releases}; revision {m['revision']}; {m['date']}"]
    parts += ["## Steps", LEGEND, steps_table(found["points"])]
    if found["memory"]:
        parts += ["## Peak memory", "Beyond what a small grid takes.", memory_table(found["memory"])]
    if "case" in found:
        c = found["case"]
        parts += ["## Main case", f"{c['wall_s']:.1f} s: {c['outcome']} after {c['time_s']:.0f} s, {c['step']} steps."]
    for point in found["points"]:
        parts += [f"## Where a step's time goes: {grid_name(point)}, {point['state']}", profile_table(point)]
    if notes := list(warnings(found["points"])):
        parts += ["## Rows of roofline.py that the profile contradicts", "\n".join(f"- {note}" for note in notes)]
    return "\n\n".join(parts)


if __name__ == "__main__":
    print(page(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
