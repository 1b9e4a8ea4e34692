"""Lines and maps of tables show the means of what was repeated; runs are compared as they are."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from phasefield.cli.app import app
from phasefield.errors import CaseError
from phasefield.grid import Grid
from phasefield.results_folder import open_results
from postprocess import table_figures
from postprocess.table_figures import label, lines_of, read_table, save_map, setting, varied_columns

DEPTH = "penetration_depth_connected_um"
TABLE = """\
run,protocol.current_density_mA_cm2,kind,microstructure.seed,standing,short,penetration_depth_connected_um,reason
a,1,old,1,done,false,10,
b,1,old,2,done,true,20,
c,10,old,1,done,true,30,
d,1,new,1,done,false,5,
e,10,new,1,failed,,,"no, it did not"
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(TABLE, encoding="utf-8")
    return path


def test_a_table_is_read_as_numbers_flags_texts_and_gaps(table: Path) -> None:
    first, *_, last = read_table(table)
    assert (first[DEPTH], first["short"], first["kind"], first["reason"]) == (10.0, 0.0, "old", None)
    assert (last[DEPTH], last["short"], last["reason"]) == (None, None, "no, it did not")


@pytest.mark.parametrize("text", ["", "a,b\n", "a,b\n1\n", "a,b\n1,2,3\n", b"\xff\xfe"])
def test_what_is_no_table_is_refused(text: str | bytes, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(CaseError, match=r"table\.csv"):
        read_table(path)


def test_what_varies_stands_before_the_standing_seeds_aside(table: Path) -> None:
    assert varied_columns(read_table(table)) == ["protocol.current_density_mA_cm2", "kind"]


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("protocol.current_density_mA_cm2", "current density, mA/cm²"),
        (DEPTH, "penetration depth connected, µm"),
        ("boundary_per_volume_1_um", "boundary per volume, 1/µm"),
        ("grain_boundaries.coating.coverage", "coverage"),
        ("time_s", "time, s"),
    ],
)
def test_labels_name_quantity_and_unit(column: str, words: str) -> None:
    assert label(column) == words


def test_a_setting_has_its_unit_behind() -> None:
    assert setting("microstructure.grain_size_um", "6") == "grain size = 6 µm"
    assert setting("coverage", "0.5") == "coverage = 0.5"


def test_lines_go_through_means_and_every_run_is_a_marker(table: Path) -> None:
    panel = lines_of(read_table(table), "protocol.current_density_mA_cm2", DEPTH, "kind")
    new, old, mean = panel.lines
    assert (new.name, old.name, mean.name) == ("kind = new", "kind = old", "kind = old")
    assert np.array_equal(new.x, [1.0])
    assert np.array_equal(np.column_stack([old.x, old.y]), [[1, 10], [1, 20], [10, 30]])
    assert np.array_equal(np.column_stack([mean.x, mean.y]), [[1, 15], [10, 30]])
    assert (new.joined, old.joined, mean.bare) == (True, False, True)
    assert panel.log == "x"


def test_a_line_goes_along_x_whatever_the_order_of_the_rows() -> None:
    (line,) = lines_of([{"x": x, "y": 2.0 * x} for x in (3.0, 1.0, 2.0)], "x", "y", None).lines
    assert np.array_equal(np.column_stack([line.x, line.y]), [[1, 2], [2, 4], [3, 6]])


def test_texts_stand_side_by_side(table: Path) -> None:
    panel = lines_of(read_table(table), "kind", DEPTH, None)
    assert panel.names == ("old", "new")
    runs, mean = panel.lines
    assert np.array_equal(runs.x, [1, 1, 1, 2])
    assert np.array_equal(mean.y, [20, 5])
    assert panel.log == ""


def test_a_map_has_tiles_of_means_where_every_pair_is_there(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: dict[str, Any] = {}
    monkeypatch.setattr(table_figures, "save_png", lambda figure, path: drawn.update(figure=figure))
    rows = [{"a": a, "b": b, "c": c} for a, b, c in [(1, 1, 1), (1, 1, 3), (1, 2, 5), (3, 1, 7), (3, 2, 9)]]
    save_map(rows, "a", "b", "c", tmp_path / "map.png")
    (mesh,) = drawn["figure"].axes[0].collections
    assert np.array_equal(mesh.get_array(), [[2, 7], [5, 9]])
    assert np.array_equal(mesh.get_coordinates()[0, :, 0], [0, 2, 4])
    save_map(rows[:-1], "a", "b", "c", tmp_path / "map.png")
    (dots,) = drawn["figure"].axes[0].collections
    assert np.array_equal(dots.get_array(), [2, 5, 7])


# --- the command ------------------------------------------------------------------------------------------


def plot(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["plot", *map(str, arguments)])


@pytest.mark.parametrize("options", [(), ("--colour", "short", "--y", DEPTH), ("--x", "kind", "--y", "short")])
def test_a_table_is_drawn_beside_itself(options: tuple[str, ...], table: Path) -> None:
    ended = plot(table, *options)
    assert ended.exit_code == 0, ended.output
    assert table.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--y", "depth"], "--y: the table has no column 'depth'"),
        (["--y", "kind"], "--y: kind holds texts"),
        (["--x", "nothing"], "--x: the table has no column 'nothing'"),
        (["--colour", "short"], "--y: kind holds texts"),
        (["--colour", "short", "--y", DEPTH, "--by", "kind"], "--by: a map has no lines"),
        (["--time", "1 s"], "--time: a table has no saved times"),
        (["-o", "film.gif"], "--out: a .gif shows one run"),
    ],
)
def test_bad_choices_are_named(options: list[str], message: str, table: Path) -> None:
    ended = plot(table, *options)
    assert ended.exit_code == 2
    assert message in ended.stderr
    assert not table.with_suffix(".png").exists()


def test_runs_are_compared(grid: Grid, made_up: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [open_results("made_up", tmp_path / name) for name in ("one", "two")]
    for folder in folders:
        made_up.write_run(folder, grid)
    monkeypatch.chdir(tmp_path)
    ended = plot("one", "two")
    assert ended.exit_code == 0, ended.output
    assert Path("compared.png").read_bytes().startswith(b"\x89PNG")
    assert "a run is no table" in plot("one", "--x", "time_s").stderr
    assert "several runs are compared as they are" in plot("one", "two", "--y", "time_s").stderr
