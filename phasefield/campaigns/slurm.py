"""Compute runs as arrays of Slurm's: written here, submitted with ``sbatch``, watched with ``squeue``.

Which task computes which run stands in a file beside the script. The accounting of a cluster (``sacct``) is often off: how
far a run is stands in its own folder. Shortly before its time is up a task gets SIGUSR1, writes a checkpoint, ends with
code 75 and is queued again; one whose run was killed goes on at once, from the last checkpoint.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from phasefield import cache
from phasefield.campaigns.folder import Planned, SweepFolder
from phasefield.campaigns.sweep_file import ExecutorSection
from phasefield.errors import RunError

NOTICE = 120.0  # between the signal and the end of a task's time, at most [s]
USUAL_ARRAY = 1001  # tasks in an array, where Slurm does not tell how many it takes
_PATIENCE = 120.0  # for an answer of Slurm's [s]

# What a task does: the variable {index} is its place in the array, from 0. Signals are handed on to the run.
_TASK = """\
export PHASEFIELD_CACHE_DIR={cache}
run=$(sed -n "$(({index} + 1))p" {names})
[ -n "$run" ] || {{ echo "there is no run number {index}" >&2; exit 2; }}
log={logs}/$run.log
echo "run $run prints to $log"
child= soon=no ending=no
hand_on() {{ [ -z "$child" ] || kill -"$1" "$child" 2>/dev/null; }}
trap 'soon=yes; hand_on USR1' USR1
trap 'ending=yes; hand_on TERM' TERM
for attempt in $(seq 0 {retries}); do
    {python} -m phasefield sweep task {folder} "$run" --threads {threads} >>"$log" 2>&1 &
    child=$!
    [ "$soon" = no ] || hand_on USR1
    [ "$ending" = no ] || hand_on TERM
    wait "$child"
    # A trapped signal ends the wait, not the run.
    while kill -0 "$child" 2>/dev/null; do wait "$child"; done
    wait "$child"
    code=$?
    child=
    # What was killed goes on, but not when all of the task is to end.
    [ "$code" -gt 128 ] && [ "$soon$ending" = nono ] || break
    echo "run $run was killed (code $code)"
done
"""

# Time is up: 75 tells of a checkpoint that is further than the last one. A run that was still starting when the signal came
# was killed by it; if that happens again and again its time is too short. Not after a SIGTERM, which cancels.
_AGAIN = """\
again=no
[ "$code" -ne 75 ] || again=$soon
[ "$code" -ne $((128 + $(kill -l USR1))) ] || [ "${{SLURM_RESTART_COUNT:-0}}" -ge {retries} ] || again=$soon
[ "$ending" = no ] || again=no
if [ "$again" = yes ]; then scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"; fi
exit "$code"
"""


def script(folder: SweepFolder, names: Path, executor: ExecutorSection, number: int, after: str | None = None) -> str:
    """Return the batch script of an array of ``number`` tasks; the runs' names are lines of the file ``names``.

    ``after``: the array that has to end before.
    """
    slurm, where = executor.slurm, folder.path.absolute()
    limit = f"%{executor.at_once}" if executor.at_once else ""
    notice = NOTICE if slurm.time is None else min(NOTICE, 0.5 * slurm.time)
    options = {
        "job-name": f"sweep-{where.name}",
        "array": f"0-{number - 1}{limit}",
        "cpus-per-task": executor.threads or 1,
        "output": str(where / "logs").replace("%", "%%") + "/slurm-%A-%a.log",
        "open-mode": "append",
        "partition": slurm.partition,
        "mem": slurm.memory,
        "time": None if slurm.time is None else _clock(slurm.time),
        "signal": f"B:USR1@{int(notice)}",
        "dependency": None if after is None else f"afterany:{after}",
    }
    lines = [f"#SBATCH --{key}={_quoted(value)}" for key, value in options.items() if value is not None]
    lines += ["#SBATCH --requeue", *slurm.lines, ""]
    task = task_text(folder, names, executor, "SLURM_ARRAY_TASK_ID")
    return "\n".join(["#!/bin/bash", *lines, task + _AGAIN.format(retries=executor.retries)])


def _quoted(value: object) -> str:
    """Return a value of an option as sbatch reads it; it splits lines at spaces, as a shell does."""
    text = re.sub(r"\s", " ", str(value))  # a new line would be a command
    return text if re.fullmatch(r"[\w:@%./-]+", text) else '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def task_text(folder: SweepFolder, names: Path, executor: ExecutorSection, index: str) -> str:
    """Return the lines of bash that compute the run whose place in ``names``, from 0, the variable ``index`` holds."""
    return _TASK.format(
        cache=shlex.quote(str(cache.folder().parent.absolute())),
        index=index,
        names=shlex.quote(str(names.absolute())),
        logs=shlex.quote(str(folder.path.absolute() / "logs")),
        python=shlex.quote(sys.executable),
        folder=shlex.quote(str(folder.path.absolute())),
        threads=executor.threads or 1,
        retries=executor.retries,
    )


def write_script(folder: SweepFolder, runs: Sequence[Planned], executor: ExecutorSection) -> str:
    """Write a script for another scheduler, and return how to use it."""
    names = write_names(folder, runs)
    path = names.with_suffix(".sh")
    head = "#!/bin/bash\n# One run of a sweep: the number of the run, from 1, is the argument or the array's index.\n"
    number = "number=${1:-${PBS_ARRAY_INDEX:-${LSB_JOBINDEX:-$SLURM_ARRAY_TASK_ID}}}\nplace=$((number - 1))\n"
    path.write_text(f'{head}{number}{task_text(folder, names, executor, "place")}exit "$code"\n', encoding="utf-8")
    path.chmod(0o755)
    call = shlex.quote(str(path))
    return (
        f"{path} computes run number $1 of {len(runs)}; code 75: it wrote a checkpoint and wants to be called again.\n"
        f"PBS:    qsub -J 1-{len(runs)} -l ncpus={executor.threads or 1} {call}\n"
        f'LSF:    bsub -J "sweep[1-{len(runs)}]" -n {executor.threads or 1} {call}\n'
        f"here:   seq {len(runs)} | xargs -P 4 -n 1 {call}"
    )


def write_names(folder: SweepFolder, runs: Sequence[Planned]) -> Path:
    """Write the names of runs, a line each, to a new file ``tasks/NUMBER.txt`` and return it."""
    tasks = folder.path / "tasks"
    tasks.mkdir(exist_ok=True)
    (folder.path / "logs").mkdir(exist_ok=True)
    number = 1 + max((int(path.stem) for path in tasks.glob("*.txt") if path.stem.isdigit()), default=0)
    names = tasks / f"{number}.txt"
    names.write_text("".join(f"{run.name}\n" for run in runs), encoding="utf-8")
    return names


def submit(folder: SweepFolder, runs: Sequence[Planned], executor: ExecutorSection) -> list[str]:
    """Submit arrays that compute ``runs``, remember their numbers beside the names, and return them.

    More runs than an array takes are several arrays, one after another if only so many runs may go on at once.
    """
    size, submitted = largest_array(), list[str]()
    for start in range(0, len(runs), size):
        part = runs[start : start + size]
        names = write_names(folder, part)
        batch = names.with_suffix(".sh")
        after = submitted[-1] if submitted and executor.at_once else None
        batch.write_text(script(folder, names, executor, len(part), after), encoding="utf-8")
        job = _call("sbatch", "--parsable", str(batch)).split(";")[0].strip()
        names.with_suffix(".job").write_text(job + "\n", encoding="utf-8")
        submitted.append(job)
    return submitted


def largest_array() -> int:
    """Return how many tasks an array may have, as Slurm tells."""
    told = re.search(r"^MaxArraySize\s*=\s*(\d+)", _call("scontrol", "show", "config"), re.MULTILINE)
    return max(int(told[1]), 1) if told else USUAL_ARRAY


def require() -> None:
    """Raise ``RunError`` where there is no Slurm."""
    _found("sbatch")


def jobs(folder: SweepFolder) -> dict[str, list[str]]:
    """Return the arrays that were submitted for a sweep: number of the job to the names of its runs, by place."""
    found = sorted((folder.path / "tasks").glob("*.job"), key=lambda path: int(path.stem))
    return {path.read_text().strip(): path.with_suffix(".txt").read_text().split() for path in found}


class Queued(NamedTuple):
    """A task that the queue knows: number of its array, name of its run, and its state, such as "PENDING"."""

    job: str
    run: str
    state: str


def queued(folder: SweepFolder) -> dict[str, str]:
    """Return the state that ``squeue`` tells of every run that it knows: name to "pending (Resources)", "running", ..."""
    return {task.run: task.state for task in _queue(folder)}


def _queue(folder: SweepFolder) -> Iterator[Queued]:
    known = jobs(folder)
    if not known or shutil.which("squeue") is None:
        return
    # --me, not --jobs: a job that has left the queue for good would be an error.
    for line in _call("squeue", "--me", "--array", "--noheader", "--format=%F %K %T %r").splitlines():
        job, place, state, reason = [*line.split(maxsplit=3), "", "", "", ""][:4]
        names = known.get(job, [])
        if place.isdigit() and int(place) < len(names):
            why = f" ({reason})" if state == "PENDING" and reason != "None" else ""
            yield Queued(job, names[int(place)], state.lower() + why)


def cancel(folder: SweepFolder) -> int:
    """Cancel every task that is in the queue, tell so whoever waits for the sweep, and return how many there are."""
    tasks = list(_queue(folder))
    if tasks:
        _mark(folder).touch()
        try:
            _call("scancel", *sorted({task.job for task in tasks}))
        except RunError:
            if queued(folder):  # they have not just ended by themselves
                raise
    return len(tasks)


def is_cancelled(folder: SweepFolder) -> bool:
    """Return whether the sweep was cancelled after ``forget_cancel``."""
    return _mark(folder).exists()


def forget_cancel(folder: SweepFolder) -> None:
    """Begin to wait for a sweep that may have been cancelled before."""
    _mark(folder).unlink(missing_ok=True)


def _mark(folder: SweepFolder) -> Path:
    return folder.path / "tasks" / "cancelled"


def _found(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise RunError(
            f"there is no {program} here: run this where Slurm is installed, or take --executor local or print"
        )
    return path


def _call(program: str, *arguments: str) -> str:
    command = [_found(program), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        raise RunError(f"{program} did not answer for {_PATIENCE:.0f} s") from None
    if done.returncode != 0:
        raise RunError(f"{program}: {done.stderr.strip() or f'ended with code {done.returncode}'}")
    return done.stdout


def _clock(seconds: float) -> str:
    """Return a time as Slurm reads it, minutes rounded up: ``"1-02:30:00"`` for 26.5 hours."""
    minutes = -(-int(seconds) // 60)
    return f"{minutes // 1440}-{minutes // 60 % 24:02d}:{minutes % 60:02d}:00"
