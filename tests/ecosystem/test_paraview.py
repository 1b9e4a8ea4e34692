"""ParaView itself opens a run, contours it and draws it; PyVista reads the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import postprocess
from postprocess.export import export

SCRIPT = Path(__file__).with_name("look.py")
PICTURES = Path(__file__).parents[2] / "build" / "ecosystem"  # kept; git ignores it
FIELD = "metal_fraction"
NAMES = [f"{dimensions} {kind}" for kind in ("vti", "xdmf", "vtu") for dimensions in ("1-D", "2-D", "3-D")]


def clean_environment(home: Path) -> dict[str, str]:
    """Return an environment without this Python's: ParaView brings its own."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    ours = {str(Path(sys.executable).parent), str(Path(sys.prefix) / "bin")}
    path = os.pathsep.join(folder for folder in folders if folder not in ours)
    return {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8"}


@contextmanager
def screen(environment: dict[str, str]) -> Iterator[str]:
    """Yield the name of a virtual screen that is ready; ``xvfb-run`` sometimes goes on before it is."""
    reading, writing = os.pipe()
    server = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x1024x24", "-nolisten", "tcp"]
    with subprocess.Popen(server, env=environment, pass_fds=[writing], stderr=subprocess.DEVNULL) as xvfb:
        os.close(writing)
        try:
            with os.fdopen(reading) as ready:
                yield f":{ready.readline().strip()}"
        finally:
            xvfb.terminate()


@pytest.fixture(scope="session")
def answers(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what ParaView finds in runs and in their exports."""
    place = tmp_path_factory.mktemp("paraview")
    environment = clean_environment(place)
    for program, package in (("pvbatch", "paraview python3-paraview"), ("Xvfb", "xvfb")):
        if shutil.which(program, path=environment["PATH"]) is None:
            pytest.skip(f"{program} is not installed; on Debian: apt-get install {package}")
    files = {f"{name} vti": folder / "fields.pvd" for name, folder in folders.items()}
    for name, folder in folders.items():
        results = postprocess.load(folder)
        files[f"{name} xdmf"] = export(results, place / name / "xdmf", "xdmf")
        files[f"{name} vtu"] = export(results, place / name / "vtu", "vtu")
    PICTURES.mkdir(parents=True, exist_ok=True)
    pictures = {name: str(PICTURES / f"paraview_{name.lower().replace(' ', '_')}.png") for name in NAMES}
    for picture in pictures.values():
        Path(picture).unlink(missing_ok=True)
    job = {"files": {n: str(files[n]) for n in NAMES}, "pictures": pictures, "answer": str(place / "answer.json")}
    (place / "job.json").write_text(json.dumps(job), encoding="utf-8")
    command = ["pvbatch", str(SCRIPT), str(place / "job.json")]
    with screen(environment) as display:
        options: dict[str, Any] = {"env": environment | {"DISPLAY": display}, "cwd": place, "timeout": 300}
        ended = subprocess.run(command, check=False, capture_output=True, text=True, **options)
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]
    found = json.loads((place / "answer.json").read_text(encoding="utf-8"))
    return {name: found[name] | {"picture": pictures[name]} for name in NAMES}


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """Return each pair of a run and the kind of its files."""
    return request.param


@pytest.mark.ci
def test_paraview_lists_times_and_arrays(name: str, answers: dict[str, Any], folders: dict[str, Path]) -> None:
    answer, results = answers[name], postprocess.load(folders[name[:3]])
    assert answer["times"] == results.times.tolist()
    assert answer["cells"] == results.grid.size
    frame = results.frame()
    assert set(answer["arrays"]) == set(frame)
    for array, values in frame.items():
        assert answer["arrays"][array] == pytest.approx([values.min(), values.max()], rel=1e-6), array
    axes = results.grid.dimension
    assert answer["bounds"][1 : 2 * axes : 2] == pytest.approx(np.array(results.grid.lengths[:axes]) * 1e6)


@pytest.mark.ci
def test_the_calculator_takes_names_that_end_in_units(
    name: str, answers: dict[str, Any], folders: dict[str, Path]
) -> None:
    potential = postprocess.load(folders[name[:3]]).frame()["ionic_potential_V"]
    expected = [1000.0 * potential.min(), 1000.0 * potential.max()]
    assert answers[name]["calculated"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.ci
@pytest.mark.parametrize("kind", ["vti", "xdmf", "vtu"])
@pytest.mark.parametrize("dimensions", ["2-D", "3-D"])
def test_paraview_contours_the_metal_as_pyvista_does(
    dimensions: str, kind: str, answers: dict[str, Any], folders: dict[str, Path]
) -> None:
    image = postprocess.load(folders[dimensions]).to_pyvista()
    contour = image.cell_data_to_point_data().contour([0.5], scalars=FIELD)
    answer = answers[f"{dimensions} {kind}"]
    assert answer["contour_points"] == pytest.approx(contour.n_points, rel=0.01)
    assert answer["contour_points"] > 100
    assert answer["contour_bounds"] == pytest.approx(list(contour.bounds), abs=1e-4)
    assert contour.bounds[1] > 15.0  # 15 um beyond the plane at 4 um, in boundaries


@pytest.mark.ci
@pytest.mark.parametrize("kind", ["vti", "xdmf", "vtu"])
@pytest.mark.parametrize("dimensions", ["2-D", "3-D"])
def test_the_picture_is_kept_and_shows_something(dimensions: str, kind: str, answers: dict[str, Any]) -> None:
    from matplotlib.image import imread

    picture = imread(answers[f"{dimensions} {kind}"]["picture"])
    assert picture.shape[:2] == (700, 900)
    colours = np.unique((picture[..., :3] * 15).astype(int) @ (1, 16, 256))
    assert len(colours) > 20
    background = np.all(np.abs(picture[..., :3] - picture[0, 0, :3]) < 0.02, axis=-1)
    assert 0.1 < np.mean(~background) < 0.9


def test_pyvista_reads_the_series(folder: Path, results: postprocess.Results) -> None:
    import pyvista

    reader = pyvista.get_reader(folder / "fields.pvd")
    assert reader.time_values == results.times.tolist()
    for index, time in enumerate(reader.time_values):
        reader.set_active_time_value(time)
        image = reader.read()[0]
        frame = results.frame(index)
        assert set(image.cell_data.keys()) == set(frame)
        for array, values in frame.items():
            assert np.array_equal(image.cell_data[array], values.ravel(order="F")), array
        assert image.field_data["TimeValue"] == time


def test_results_give_pyvista_the_image_that_the_file_holds(folder: Path, results: postprocess.Results) -> None:
    import pyvista

    image = results.to_pyvista()
    read = pyvista.read(folder / "fields" / "000003.vti")
    assert image.dimensions == read.dimensions
    assert image.spacing == pytest.approx(read.spacing)
    assert image.bounds == pytest.approx(read.bounds)
    assert set(image.cell_data.keys()) == set(read.cell_data.keys())
    for array in image.cell_data:
        assert np.array_equal(image.cell_data[array], read.cell_data[array]), array


def test_the_surface_in_pyvista_lies_where_the_metal_ends(folders: dict[str, Path]) -> None:
    results = postprocess.load(folders["3-D"])
    surface = results.to_pyvista().cell_data_to_point_data().contour([0.5], scalars=FIELD)
    metal = results.frame()[FIELD] >= 0.5
    for axis in (1, 2):  # fingers reach the periodic sides
        assert surface.bounds[2 * axis] == pytest.approx(0.0, abs=1e-6)
    deepest = results.grid.centres(0)[metal.any(axis=(1, 2))].max() * 1e6
    assert surface.bounds[1] == pytest.approx(deepest, abs=2.0)
    assert surface.area > 0.5 * results.grid.cross_section * 1e12
