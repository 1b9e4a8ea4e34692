"""``phasefield plot`` draws what it is asked for, or says why not."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner, Result

from phasefield.cli.app import app
from phasefield.grid import Grid
from phasefield.results_folder import open_results


def plot(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["plot", *map(str, arguments)])


@pytest.fixture
def run(tmp_path: Path, grid: Grid, made_up: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a made-up run, of 0, 20 and 30 s, below the working directory."""
    folder = open_results("made_up", tmp_path / "run")
    made_up.write_run(folder, grid)
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.mark.parametrize(("name", "start"), [("a.png", b"\x89PNG"), ("a.gif", b"GIF89a")])
def test_the_ending_says_what_is_drawn(run: Path, name: str, start: bytes) -> None:
    ended = plot(run, "-o", name)
    assert ended.exit_code == 0, ended.output
    assert ended.stdout.strip() == name
    assert Path(name).read_bytes().startswith(start)
    assert not (run / "preview.png").exists()


def test_the_folder_s_own_picture_is_drawn_unless_told(run: Path) -> None:
    (run / "preview.png").write_text("an older picture")
    assert plot(run).exit_code == 0
    assert (run / "preview.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("time", "frame"), [(None, -1), ("0 s", 0), ("0.3 min", 1), ("1 h", 2)])
def test_the_saved_time_nearest_to_the_given_one_is_drawn(
    run: Path, time: str | None, frame: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from postprocess import Results, figures

    drawn = []
    monkeypatch.setattr(figures, "preview", lambda results, path, when: drawn.append((results, path, when)))
    assert plot(run, *([] if time is None else ["--time", time])).exit_code == 0
    ((results, path, when),) = drawn
    assert isinstance(results, Results)
    assert path == run / "preview.png"
    assert results.index(when) == results.index(frame)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere holds no run: summary.json is missing; give the folder of a run"),
        (["run", "-o", "a.jpg"], "--out: a.jpg is neither a .png nor a .gif"),
        (["run", "-o", "none/a.png"], "--out: the folder none does not exist"),
        (["run", "-o", "a.gif", "--time", "20 s"], "--time: a .gif shows all times"),
        (["run", "--time", "20"], "--time: '20' has no unit"),
        (["run", "--time", "20 V"], "--time: '20 V' is not a time"),
    ],
)
def test_bad_input_is_named(run: Path, arguments: list[str], message: str) -> None:
    ended = plot(*arguments)
    assert ended.exit_code == 2
    assert message in ended.stderr
    assert {path.name for path in Path().iterdir()} == {"run"}
    assert not (run / "preview.png").exists()


def test_all_faults_are_told_at_once(run: Path) -> None:
    ended = plot(run, "-o", "none/a.jpg")
    assert "2 faults" in ended.stderr
