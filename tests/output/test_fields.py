"""Field files: what is written is what pyvista, VTK and postprocess.load read."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import postprocess
from phasefield import output
from phasefield.errors import RunError
from phasefield.fields import FIELDS
from phasefield.grid import Grid
from phasefield.results_folder import open_results

STRUCTURE = {"grain_id", "grain_boundary_fraction", "pore_fraction", "accommodation_pressure_Pa"}


def test_pyvista_reads_the_series_as_paraview_does(tmp_path: Path, grid: Grid, made_up: ModuleType) -> None:
    import pyvista

    folder = open_results("made_up", tmp_path / "run")
    states = made_up.write_run(folder, grid)
    reader = pyvista.get_reader(str(folder / "fields.pvd"))
    assert reader.time_values == [0.0, 20.0, 30.0]  # step 1 was not due
    reader.set_active_time_value(30.0)
    image = reader.read()[0]
    assert isinstance(image, pyvista.ImageData)
    assert image.dimensions == (41, 30, 1)
    assert image.spacing[:2] == pytest.approx((0.8, 1.0))
    assert set(image.cell_data.keys()) == {f.vtk_name for f in FIELDS.values() if f.saved} | STRUCTURE
    assert image.field_data["TimeValue"] == [30.0]
    assert image.field_data["format"] == [1]
    # x runs fastest: the cell at a place holds the value of that place
    values = states[3]["ionic_potential"]
    for i, j in ((0, 0), (39, 0), (7, 28), (20, 11)):
        cell = image.find_containing_cell(((i + 0.5) * 0.8, (j + 0.5) * 1.0, 0.0))
        assert image.cell_data["ionic_potential_V"][cell] == np.float32(values[i, j])


def test_a_file_is_raw_appended_lz4_with_small_types(tmp_path: Path, grid: Grid, made_up: ModuleType) -> None:
    folder = open_results("made_up", tmp_path / "run")
    made_up.write_run(folder, grid)
    head = (folder / "fields/000003.vti").read_bytes().split(b"<AppendedData")[0].decode()
    tail = (folder / "fields/000003.vti").read_bytes().split(b"<AppendedData")[1][:40]
    assert 'compressor="vtkLZ4DataCompressor"' in head
    assert 'header_type="UInt64"' in head
    assert b'encoding="raw"' in tail
    assert 'type="UInt16" Name="grain_id"' in head
    assert 'type="Float32" Name="metal_fraction"' in head
    assert "<!-- format = 1 -->" in (folder / "fields.pvd").read_text(encoding="utf-8")
    assert not list(folder.rglob("*.tmp"))


def test_labels_beyond_sixteen_bits_keep_their_value(grid: Grid, made_up: ModuleType) -> None:
    structure, pressure = made_up.make_microstructure(grid)
    structure.grain_id[3, 4] = 70_000
    labels = output.microstructure_arrays(structure, pressure)["grain_id"]
    assert labels.dtype == np.uint32
    assert labels[3, 4] == 70_000


@pytest.mark.parametrize("shape", [(40, 29), (17, 1), (1, 13)])
def test_load_gives_the_arrays_back(tmp_path: Path, shape: tuple[int, int], made_up: ModuleType) -> None:
    grid = Grid(shape, (0.8 * made_up.UM, 0.6 * made_up.UM), "mirror")
    folder = open_results("made_up", tmp_path / "run")
    states = made_up.write_run(folder, grid)
    results = postprocess.load(folder)
    assert results.grid.shape == shape
    assert results.grid.spacing == pytest.approx(grid.spacing)
    assert results.grid.lateral == "mirror"
    assert results.electrode_plane == pytest.approx(made_up.PLANE)
    assert list(results.times) == [0.0, 20.0, 30.0]
    frame = results.frame()
    for name, info in FIELDS.items():
        if info.saved:
            np.testing.assert_array_equal(frame[info.vtk_name], states[3][name].astype(np.float32))
    np.testing.assert_array_equal(results.frame(19.0)["metal_fraction"], states[2]["metal_fraction"].astype(np.float32))
    np.testing.assert_array_equal(results.frame(0)["metal_fraction"], states[0]["metal_fraction"].astype(np.float32))
    with pytest.raises(IndexError):
        results.frame(3)


def test_to_pyvista_equals_the_file(tmp_path: Path, grid: Grid, made_up: ModuleType) -> None:
    import pyvista

    folder = open_results("made_up", tmp_path / "run")
    made_up.write_run(folder, grid)
    made = postprocess.load(folder).to_pyvista(1)
    read = pyvista.read(str(folder / "fields/000002.vti"))
    assert made.dimensions == read.dimensions
    assert made.bounds == pytest.approx(read.bounds)
    for name in read.cell_data:
        np.testing.assert_array_equal(made.cell_data[name], read.cell_data[name])


def test_three_dimensions_keep_their_order(tmp_path: Path) -> None:
    from postprocess.results import read_image

    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    (tmp_path / "a.vti").write_bytes(output.image_bytes({"v": values}, (1.0, 2.0, 3.0), {"TimeValue": 0.25}))
    arrays, spacing, shape, numbers = read_image(tmp_path / "a.vti")
    np.testing.assert_array_equal(arrays["v"], values)
    assert (spacing, shape, numbers) == ((1.0, 2.0, 3.0), (2, 3, 4), {"TimeValue": 0.25})


def test_only_the_fields_asked_for_and_no_step_twice(tmp_path: Path, grid: Grid, made_up: ModuleType) -> None:
    structure, pressure = made_up.make_microstructure(grid)
    folder = open_results("made_up", tmp_path / "run")
    constant = output.microstructure_arrays(structure, pressure)
    writer = output.FieldWriter(folder, constant, made_up.PLANE, ["metal_fraction"])
    state = made_up.make_state(grid, structure, 5, 0.0)
    writer(state, made_up.make_report(5, 0.0))
    before = (folder / "fields.pvd").stat().st_ino
    writer.write(state)
    assert (folder / "fields.pvd").stat().st_ino == before
    (folder / "summary.json").write_text('{"format": 1}', encoding="utf-8")
    assert set(postprocess.load(folder).frame()) == {"metal_fraction"} | STRUCTURE


def test_memory_recorder_holds_what_the_files_hold(tmp_path: Path, grid: Grid, made_up: ModuleType) -> None:
    structure, pressure = made_up.make_microstructure(grid)
    folder = open_results("made_up", tmp_path / "run")
    made_up.write_run(folder, grid)
    recorder = output.MemoryRecorder(output.microstructure_arrays(structure, pressure))
    for step in range(4):
        depth = 5.0 * made_up.UM * step
        outcome = "short" if step == 3 else None
        recorder(
            made_up.make_state(grid, structure, step, depth),
            made_up.make_report(step, depth, fields_due=step != 1, outcome=outcome),
        )
    read = postprocess.load(folder)
    held = postprocess.Results(
        grid=grid, times=recorder.times, read_frame=recorder.frames.__getitem__, history=recorder.history
    )
    assert list(held.times) == list(read.times)
    for index in range(3):
        for name, values in read.frame(index).items():
            np.testing.assert_array_equal(held.frame(index)[name], values)
    assert list(held.history) == list(read.history)
    for column, values in read.history.items():
        np.testing.assert_allclose(held.history[column], values, rtol=1e-9)


def test_a_field_file_that_cannot_be_written_leaves_the_old_ones(
    tmp_path: Path, grid: Grid, made_up: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    structure, pressure = made_up.make_microstructure(grid)
    folder = open_results("made_up", tmp_path / "run")
    states = made_up.write_run(folder, grid)
    constant = output.microstructure_arrays(structure, pressure)
    writer = output.FieldWriter(folder, constant, made_up.PLANE, written={"fields/000003.vti": 30.0})
    states[3].step = 4

    def full(path: Path, content: bytes) -> None:
        with open(path, "wb") as file:
            file.write(content[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(RunError, match=r"cannot write .*/fields/000004.vti: the disk is full"):
        writer.write(states[3])
    assert [path.name for path in (folder / "fields").iterdir()] == ["000003.vti"]
    assert "metal_fraction" in postprocess.load(folder).frame()


def test_a_run_that_goes_on_keeps_what_counts_and_lists_it(
    tmp_path: Path, grid: Grid, made_up: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    structure, pressure = made_up.make_microstructure(grid)
    folder = open_results("made_up", tmp_path / "run")
    states = made_up.write_run(folder, grid)
    written = {"fields/000000.vti": 0.0, "fields/000001.vti": 10.0, "fields/000002.vti": 20.0}
    constant = output.microstructure_arrays(structure, pressure)
    writer = output.FieldWriter(folder, constant, made_up.PLANE, written=written)
    assert f"{folder}/fields/000001.vti is missing" in caplog.text  # step 1 was not due
    assert list(postprocess.load(folder).times) == [0.0, 20.0]
    assert sorted(path.name for path in (folder / "fields").iterdir()) == ["000000.vti", "000002.vti"]
    writer(states[3], made_up.make_report(3, 1e-5))
    assert list(postprocess.load(folder).times) == [0.0, 20.0, 30.0]
    assert writer.written == {"fields/000000.vti": 0.0, "fields/000002.vti": 20.0, "fields/000003.vti": 30.0}
