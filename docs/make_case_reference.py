"""Write ``cases.md`` and ``sweeps.md``, the references of case and sweep files, from the schemas that check them.

Run it after a change of a schema: ``python docs/make_case_reference.py``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from phasefield.campaigns.sweep_file import SweepFile
from phasefield.case import case_schema

HERE = Path(__file__).parent
LARGE = 1e9  # a bound that nobody meets
INTRODUCTION = """\
# Case files

<!-- written by docs/make_case_reference.py: change that script, or the schema, and run it -->

A case is one TOML file: one question, one simulation. `phasefield cases` lists those that come with the package,
`phasefield new mine` copies one with its comments to `mine.toml`, `phasefield check mine.toml` tells what it amounts to,
`phasefield run mine.toml` runs it. Where a command wants a case, it takes a name of that list or the path of a `.toml`
file; the result is called after the file.

- **Quantities are texts with their unit**: `"0.5 mA/cm^2"`, `"9 um"`, `"25 degC"`, `"5 ohm cm^2"`. Any unit of the right
  dimension will do; the tables name the usual one. Plain numbers stand only where there is no dimension.
- **Only what is marked required must be there.** A table without required keys may be left out. `[grain_boundaries]` is
  required unless `microstructure.kind` is `"single_crystal"`, and so is one of `protocol.current_density`,
  `protocol.voltage` and `protocol.steps`; without steps `protocol.duration`, `protocol.capacity` or both, too.
- **Faults** (unknown or missing keys, wrong units, values out of range) are reported all at once, each with its path and
  what would be right; then all faults between keys. The exit code is 2, and nothing is computed. A grid that the
  machine's memory cannot hold is refused before anything is made.
- **A case file is data**: it runs no code, and a run writes to its own folder only. It may name files to be read anywhere,
  but only plain ones; what it reads is copied into the folder of the results.
- **From the command line or from Python** any entry can be changed: `--set "grid.spacing=0.3 um"`, or
  `pf.load_case(name, {"grid.spacing": "0.3 um"})`.
- **Materials** are names that `phasefield materials` lists, or paths of own files, relative to the case file. Single
  numbers are replaced by `materials.set`:

```toml
[materials.set]
"electrolyte.electronic_conductivity" = "1e-6 S/m"
"interface.interface_resistance" = "2 ohm cm^2"
```

- **Steps of a protocol** are done one after the other; each ends at the first of its ends. A group of steps is repeated.
  Entries of a list are numbered from 0: `--set "protocol.steps[0].steps[1].duration=5 min"`. A run whose steps are
  through is `completed`; the ends that stand in `[protocol]` itself end it in any step. This plates for 10 min, rests,
  strips the same charge, with 0.2, then 0.3, then 0.4 mA/cm², and raises the voltage at last:

```toml
[protocol]
voltage_limit = "1 V"

[[protocol.steps]]
repeat = 3
current_density_increment = "0.1 mA/cm^2"
steps = [
    { current_density = "0.2 mA/cm^2", duration = "10 min" },
    { rest = true, duration = "5 min" },
    { current_density = "-0.2 mA/cm^2", duration = "10 min" },
]

[[protocol.steps]]
voltage = "0 mV"
ramp_to = "50 mV"
duration = "20 min"
```

`phasefield check --schema` prints the JSON schema that this page is made from; editors can check case files with it.
The `case.toml` of a results folder has every default filled in. What the keys mean in the equations:
[model.md](model.md).
"""


SWEEPS = """\
# Sweeps and critical currents

<!-- written by docs/make_case_reference.py: change that script, or the schema, and run it -->

A sweep is one TOML file: a base case, what is varied, in which ceramics, and where the runs are computed.

```toml
format = 1
question = "How far does lithium come at which current, and how much does that differ between ceramics?"
case = "llzo_grain_boundary" # or the path of a case, from this file
seeds = [1, 2, 3]            # ceramics in which every point is repeated

[set] # differs from the case in every run
grid.size = ["36.8 um", "24 um"]
protocol.capacity = "0.05 mAh/cm^2"

[[axes]] # every combination of all axes is run
key = "protocol.current_density"
from = "0.2 mA/cm^2"
to = "5 mA/cm^2"
number = 5
spacing = "log"

[[axes]]
key = "microstructure.grain_size"
values = ["6 um", "9 um"]
```

```sh
phasefield sweep run study.toml                 # computes what is missing; results/study unless -o names another folder
phasefield sweep status results/study
phasefield sweep cancel results/study           # runs write checkpoints; `sweep run` goes on from them
phasefield sweep collect results/study          # table.csv: a row per run; -o table.parquet with pip install '.[parquet]'
phasefield plot results/study                   # depth over the first axis, a line per value of the second
phasefield plot results/study -o map.png --colour short   # a map over both: share of the ceramics that short
phasefield plot results/study/table.csv --x protocol.current_density_mA_cm2 --y cell_voltage_V
```

- **A run is named by a hash** of its case and of the files that the case reads. More values, seeds or axes in the file:
  only what is new is computed; what was computed before stays, and comes back if its values do.
- **One failing run stops no other**: it is listed with its reason, the command ends with 1, and a second `sweep run`
  tries it again. How far a run is stands in its own folder (`runs/NAME/summary.json`) and nowhere else.
- **Values that change together** are zipped: `keys = ["a.b", "c.d"]`, `values = [["1 um", 2], ["3 um", 4]]`. With
  `sobol = { points = 64 }` the ranges of all axes are filled by a scrambled Sobol sequence instead of a grid.
- **The table** has a column per key that varies, with its unit in the name, the last line of each run's history, and
  what `summary.json` tells (docs/results.md).

## On a cluster

```toml
[executor]
kind = "slurm"
threads = 4
at_once = 50
retries = 3

[executor.slurm]
partition = "short"
time = "4 h"
memory = "4G"
lines = ["#SBATCH --account=batteries", "module load python"]
```

`sweep run` compiles the kernels once, then submits one array of tasks (several where it is larger than Slurm allows) and
returns; `--wait` stays, and submits again what was lost. Two minutes before its time is over, or sooner where that is
short, a task gets a signal, writes a checkpoint and is queued again, as often as it needs. A task that was killed or lost
with its node goes on from its checkpoint at the next `sweep run`, or at once with `--wait`, at most `retries` times.
Nothing asks Slurm's accounting. The folder must be on a disk that all nodes share. Compiled kernels are kept in the user's cache folder, or in
that of `PHASEFIELD_CACHE_DIR`; tasks that start at once may share it, and the package itself may be read-only.

`--executor print` writes the script instead, for PBS or LSF: an array whose tasks call `phasefield sweep task DIR RUN`.
That command computes one run, resumes it or finds it done, and is all that another scheduler needs. With dask:

```python
from dask.distributed import Client, LocalCluster  # or a cluster of dask-jobqueue

import subprocess
from pathlib import Path

from phasefield.campaigns.folder import SweepFolder
from phasefield.campaigns.sweep import missing, plan, status
from phasefield.campaigns.sweep_file import load_sweep

folder = SweepFolder(Path("results/study"))
runs = plan(load_sweep("study.toml"), folder)


def compute(name):
    command = ["phasefield", "sweep", "task", str(folder.path.absolute()), name, "--threads", "1"]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        left = [run.name for run in missing(status(folder, runs))]
        print(client.gather(client.map(compute, left, pure=False)))
```

With Snakemake, after `phasefield sweep run study.toml --dry-run`; this is the `Snakefile`:

```snakemake
import json
from pathlib import Path

SWEEP = "results/study"
RUNS = [run["run"] for run in json.loads(Path(SWEEP, "plan.json").read_text())["runs"]]

rule all:
    input: expand(SWEEP + "/runs/{run}/history.csv", run=RUNS)

rule one:
    output: SWEEP + "/runs/{run}/history.csv"
    threads: 1
    shell: "phasefield sweep task " + SWEEP + " {wildcards.run} --threads {threads}"
```

## Critical current densities

```sh
phasefield ccd llzo_grain_boundary --capacity "0.2 mAh/cm^2" --seed 1 --seed 2 --seed 3
phasefield ccd ccd_grain_size -j 2              # a sweep that ships: every point, every ceramic
```

The critical current density is where the cell shorts within a given charge. Constant currents, each a run, narrow a
bracket to 5 % by bisection in equal ratios, starting at the entry current of the weakest path, J\\*_path
([MODEL M9](model.md#4-reaction)). A run ends at a short, at that charge, or when metal got no deeper than 0.1 µm over a
third of it. With `ramp_step` the current rises step by step instead, plating and stripping, as experimenters do it.
The result is a page with the brackets, mean, spread and Weibull modulus over the ceramics beside J\\*_path, a figure and
tables; runs are kept, so a second call computes only what is new. The sweeps that ship, computed: [ccd](ccd/ccd.md).
"""


def case_reference() -> str:
    """Return the page about case files."""
    schema = case_schema()
    return "\n".join([INTRODUCTION, *_sections(schema, schema, "")])


def sweep_reference() -> str:
    """Return the page about sweep files."""
    schema = SweepFile.model_json_schema()
    return "\n".join([SWEEPS, *_sections(schema, schema, "")])


PAGES = {"cases.md": case_reference, "sweeps.md": sweep_reference}


def _sections(schema: dict[str, Any], table: dict[str, Any], path: str, about: str = "") -> Iterator[str]:
    """Yield a heading and a table of keys for ``table``, then the same for the tables in it."""
    inner = {}
    rows = []
    for key, entry in table["properties"].items():
        target = _table_of(schema, entry)
        several = any("items" in choice for choice in _alternatives(entry))
        nested = several and target is not None and target["properties"].keys() <= table["properties"].keys()
        if target is None or nested:  # nested steps have keys of the table that they stand in
            rows.append(_row(key, entry, required=key in table.get("required", ())))
        else:
            inner[f"[{key}]" if several else key] = (
                target,
                entry.get("description", ""),
                key in table.get("required", ()),
            )
    if rows:
        yield f"## `{_heading(path)}`\n" if path else "## At the top of the file\n"
        if about:
            yield f"{about}\n"
        yield "\n".join(["| key | value | default | meaning |", "|---|---|---|---|", *rows, ""])
    for key, (target, description, required) in inner.items():
        sentence = f"{description[:1].upper()}{description[1:]}{': required.' if required else '.'}"
        yield from _sections(schema, target, f"{path}.{key}".removeprefix("."), sentence)


def _alternatives(entry: dict[str, Any]) -> list[dict[str, Any]]:
    return [choice for choice in entry.get("anyOf", [entry]) if choice.get("type") != "null"]


def _heading(path: str) -> str:
    """Return how TOML opens the table: ``[a.b]``, or ``[[a.b]]`` for an entry of a list, here written ``a.[b]``."""
    return f"[[{path.replace('[', '').replace(']', '')}]]" if path.endswith("]") else f"[{path}]"


def _table_of(schema: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any] | None:
    """Return the table that an entry is, or that the entries of a list are, or None if it is a value."""
    for choice in (choice.get("items", choice) for choice in _alternatives(entry)):
        if "$ref" in choice:
            return schema["$defs"][choice["$ref"].rpartition("/")[2]]
    return None


def _row(key: str, entry: dict[str, Any], required: bool) -> str:
    default = "**required**" if required else _default(entry)
    cells = (f"`{key}`", _value(entry), default, entry.get("description", ""))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(entry: dict[str, Any]) -> str:
    default = entry.get("default")
    if default is None:
        return "see there" if "default:" in entry.get("description", "") else "none"
    if isinstance(default, list):
        return "all" if len(default) > 3 else f"`{json.dumps(default)}`"
    if default == "":
        return "empty"
    return f"`{json.dumps(default, ensure_ascii=False)}`"


def _value(entry: dict[str, Any]) -> str:
    """Return what to write: the unit of a quantity, the choices, or the kind of value."""
    choices = _alternatives(entry)
    kinds = {choice.get("type", "") for choice in choices}
    if "const" in entry or "enum" in entry:
        return ", ".join(f"`{json.dumps(word)}`" for word in entry.get("enum", [entry.get("const")]))
    samples = [sample for place in (entry, *choices) for sample in place.get("examples", [])]
    sample = samples[0] if samples else entry.get("default")
    if any("pattern" in choice for choice in choices) and " " in str(entry.get("default") or sample):
        return f"quantity, `{_unit(entry.get('default') or sample)}`"
    if any("$ref" in choice.get("items", {}) for choice in choices):
        return "list of tables"
    if "array" in kinds:
        if sample is None or sample == []:
            return "list"
        written = json.dumps(sample)
        return f"list, `{written}`" if isinstance(sample, list) else f"quantity or list of them, `{_unit(sample)}`"
    names = {"number": "number", "integer": "whole number", "boolean": "`true` or `false`", "string": "text"}
    names |= {"object": "table", "": "value, as in a case"}
    return names[kinds.pop()] + _range(choices[0])


def _unit(sample: str) -> str:
    return re.sub(r"^(inf|[-+\d.e]+) ", "", sample)


def _range(entry: dict[str, Any]) -> str:
    words = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {entry[word]:g}" for word, sign in words.items() if abs(entry.get(word, LARGE)) < LARGE]
    return f", {', '.join(bounds)}" if bounds else ""


if __name__ == "__main__":
    for name, reference in PAGES.items():
        (HERE / name).write_text(reference(), encoding="utf-8")
