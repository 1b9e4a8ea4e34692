"""``phasefield export`` hands mesh tools what the field files hold, bit for bit."""

from __future__ import annotations

import shutil
from pathlib import Path

import meshio
import numpy as np
import pytest
from typer.testing import CliRunner, Result

import postprocess
from phasefield.cli.app import app
from phasefield.grid import Grid
from postprocess.export import mesh_of

CELLS = {1: "line", 2: "quad", 3: "hexahedron"}


def export(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["export", *map(str, arguments)])


def check_cells(points: np.ndarray, blocks: list[meshio.CellBlock], results: postprocess.Results) -> None:
    """Check that cell n of the mesh is cell n of the field files, the right way round, with its corners in um."""
    (block,) = blocks
    grid = results.grid
    assert block.type == CELLS[grid.dimension]
    corners = points[block.data]
    axes = range(grid.dimension)
    centres = np.stack([axis.ravel(order="F") for axis in grid.meshgrid()], axis=-1) * 1e6
    assert corners.mean(axis=1)[:, axes] == pytest.approx(centres[:, axes])
    spacing = np.array(grid.spacing)[axes] * 1e6
    assert np.ptp(corners, axis=1)[:, axes] == pytest.approx(np.broadcast_to(spacing, (grid.size, len(spacing))))
    assert (corners[:, 1] - corners[:, 0])[:, 0] == pytest.approx(spacing[0])  # the first edge along x
    if grid.dimension > 1:
        around = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 1])
        assert around[:, 2] == pytest.approx(spacing[0] * spacing[1])  # anticlockwise
        assert (corners[:, 2] - corners[:, 0])[:, :2] == pytest.approx(np.broadcast_to(spacing[:2], (grid.size, 2)))
    if grid.dimension == 3:
        assert (corners[:, 4:] - corners[:, :4])[..., 2] == pytest.approx(spacing[2])  # the second face above the first


def check_arrays(found: dict[str, list[np.ndarray]], results: postprocess.Results, index: int) -> None:
    frame = results.frame(index)
    assert set(found) == set(frame)
    for name, values in frame.items():
        assert found[name][0].dtype == values.dtype, name
        assert np.array_equal(found[name][0], values.ravel(order="F")), name


def test_xdmf_is_one_series_with_every_bit(results: postprocess.Results, folder: Path, tmp_path: Path) -> None:
    ended = export(folder, "--format", "xdmf", "-o", tmp_path / "out")
    assert ended.exit_code == 0, ended.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"fields.xdmf", "fields.h5"}
    assert ended.stdout.strip() == str(tmp_path / "out" / "fields.xdmf")
    with meshio.xdmf.TimeSeriesReader(tmp_path / "out" / "fields.xdmf") as reader:
        points, blocks = reader.read_points_cells()
        check_cells(points, blocks, results)
        assert reader.num_steps == len(results.times) == 3
        for index, expected in enumerate(results.times):
            time, _, arrays = reader.read_data(index)
            assert time == expected
            check_arrays(arrays, results, index)


def test_vtu_is_a_file_per_time_with_every_bit(results: postprocess.Results, folder: Path, tmp_path: Path) -> None:
    ended = export(folder, "--format", "vtu", "-o", tmp_path / "out")
    assert ended.exit_code == 0, ended.output
    assert ended.stdout.strip() == str(tmp_path / "out" / "fields.pvd")
    times, files = postprocess.results.read_collection(tmp_path / "out" / "fields.pvd")
    assert times == results.times.tolist()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"fields.pvd", *(path.name for path in files)}
    for index, file in enumerate(files):
        mesh = meshio.read(file)
        check_cells(mesh.points, mesh.cells, results)
        check_arrays(mesh.cell_data, results, index)


def test_grains_are_stored_once_in_a_series(folders: dict[str, Path], tmp_path: Path) -> None:
    import h5py

    export(folders["2-D"], "--format", "xdmf", "-o", tmp_path)
    text = (tmp_path / "fields.xdmf").read_text(encoding="utf-8")
    with h5py.File(tmp_path / "fields.h5") as file:
        assert len(file) < text.count("fields.h5:") - 6  # four arrays of the microstructure, three times


def test_an_export_never_overwrites_without_being_told(folders: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "fields.h5").write_text("precious")
    refused = export(folders["1-D"], "--format", "xdmf", "-o", tmp_path)
    assert refused.exit_code == 2
    assert f"{tmp_path / 'fields.h5'} exists already; use --force" in refused.stderr
    assert (tmp_path / "fields.h5").read_text() == "precious"
    assert export(folders["1-D"], "--format", "xdmf", "-o", tmp_path, "--force").exit_code == 0
    assert (tmp_path / "fields.h5").read_bytes()[1:4] == b"HDF"


def test_a_failed_export_leaves_nothing(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(meshio, "write", full)
    ended = export(folders["2-D"], "--format", "vtu", "-o", tmp_path)
    assert ended.exit_code == 1
    assert "No space left" in ended.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("file_format", ["xdmf", "vtu"])
def test_files_stand_in_the_folder_of_the_run_unless_told(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file_format: str
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(folders["1-D"], tmp_path / "run")
    assert export("run", "--format", file_format).exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"run"}  # meshio leaves nothing beside it
    assert (tmp_path / "run" / "export").is_dir()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "--format", "vtu"], "nowhere holds no run"),
        ([".", "--format", "vtu"], "holds no run: summary.json is missing; give the folder of a run"),
        (["RUN", "--format", "vtu", "-o", "notes.txt"], "notes.txt is a file; give a folder"),
        (["RUN", "--format", "stl"], "'stl'"),
        (["RUN"], "--format"),
    ],
)
def test_bad_input_is_named(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    ended = export(*(str(folders["1-D"]) if word == "RUN" else word for word in arguments))
    assert ended.exit_code == 2
    assert message in ended.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"notes.txt"}


def test_a_run_without_fields_is_refused(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text('{"format": 1, "outcome": "running"}')
    ended = export(tmp_path, "--format", "vtu")
    assert ended.exit_code == 2
    assert "saved no fields" in ended.stderr


def test_a_damaged_field_file_is_named(folders: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(folders["2-D"], tmp_path / "run")
    last = max((tmp_path / "run" / "fields").iterdir())
    for size in (last.stat().st_size // 2, 2000, 100):
        last.write_bytes(last.read_bytes()[:size])
        ended = export(tmp_path / "run", "--format", "xdmf", "-o", tmp_path / "out")
        assert ended.exit_code == 1
        assert f"{last} cannot be read" in ended.stderr
        assert not list((tmp_path / "out").iterdir())


def test_the_mesh_of_a_box_uses_every_corner() -> None:
    points, kind, cells = mesh_of(Grid((64, 64, 64), (1e-6, 1e-6, 1e-6)))
    assert (points.shape, kind, cells.shape) == ((65**3, 3), "hexahedron", (64**3, 8))
    assert np.array_equal(np.unique(cells), np.arange(65**3))
