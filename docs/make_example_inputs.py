"""Write the small synthetic images and the mesh in ``cases/inputs``: one of each kind that can become a ceramic.

Run it after a change of what they should show: ``python docs/make_example_inputs.py``. The same labels come out
everywhere.
"""

from __future__ import annotations

from pathlib import Path

import meshio
import numpy as np
from PIL import Image

from microstructures import build
from phasefield.grid import Grid

FOLDER = Path(__file__).parents[1] / "cases" / "inputs"
UM = 1e-6
PORE, SECOND_PHASE = 0, 255  # labels of the image; its grains are 1 … 254


def main() -> None:
    """Write all files."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_image(FOLDER / "grains_2d.png")
    write_stack(FOLDER / "grains_3d.tif")
    write_array(FOLDER / "phases_2d.npy")
    write_mesh(FOLDER / "grains_2d.vtu")


def write_image(file: Path) -> None:
    """Write a section of 160 x 120 pixels: grains as grey levels, pores black, a particle of a second phase white."""
    grid = Grid((160, 120), (0.25 * UM, 0.25 * UM), "periodic")
    labels = build(grid, "voronoi", 0.0, UM, grain_size=6.0 * UM, seed=11).grain_id
    x, y = grid.meshgrid()
    for centre, radius in (((9.5, 8.0), 1.6), ((17.0, 22.5), 2.2), ((25.0, 6.5), 1.3), ((31.5, 25.0), 1.8)):
        labels[np.hypot(x / UM - centre[0], y / UM - centre[1]) < radius] = PORE
    labels[((x / UM - 22.0) / 2.6) ** 2 + ((y / UM - 14.0) / 1.5) ** 2 < 1.0] = SECOND_PHASE
    # columns run along x, the first row is at the top
    Image.fromarray(labels.T[::-1].astype(np.uint8)).save(file, optimize=True)


def write_stack(file: Path) -> None:
    """Write a stack of 32 pages of 32 x 32 voxels: grains as grey levels, one pore black."""
    grid = Grid((32, 32, 32), (0.5 * UM,) * 3, "periodic")
    labels = build(grid, "voronoi", 0.0, 3.0 * UM, grain_size=7.0 * UM, seed=5).grain_id
    x, y, z = grid.meshgrid()
    labels[(x / UM - 8.0) ** 2 + (y / UM - 7.0) ** 2 + (z / UM - 9.0) ** 2 < 2.5**2] = PORE
    pages = [Image.fromarray(labels[:, ::-1, k].T.astype(np.uint8)) for k in range(grid.shape[2])]
    pages[0].save(file, save_all=True, append_images=pages[1:], compression="tiff_adobe_deflate")


def write_array(file: Path) -> None:
    """Write an array of 120 x 90 cells with phases instead of grain numbers: 1 is grain, 2 a line between grains."""
    grid = Grid((120, 90), (0.25 * UM, 0.25 * UM), "mirror")
    made = build(grid, "bricks", 0.0, 0.75 * UM, grain_size=7.5 * UM)
    np.save(file, np.where(made.boundary_distance <= 0.375 * UM, 2, 1).astype(np.uint8))


def write_mesh(file: Path) -> None:
    """Write 30 um x 22.5 um of triangles [um]: six grains with straight boundaries, their numbers on the elements."""
    nodes = np.array([[0, 0], [14, 0], [30, 0], [0, 12], [9, 10], [19, 13], [30, 9], [0, 22.5], [12, 22.5], [30, 22.5]])
    triangles = np.array(
        [[0, 1, 4], [0, 4, 3], [1, 5, 4], [1, 2, 6], [1, 6, 5], [3, 4, 8], [3, 8, 7], [4, 5, 8], [5, 6, 9], [5, 9, 8]]
    )
    grain = np.array([1, 1, 2, 3, 3, 4, 4, 5, 6, 6], dtype=np.int32)
    meshio.write(
        file, meshio.Mesh(np.pad(nodes, ((0, 0), (0, 1))), {"triangle": triangles}, cell_data={"grain": [grain]})
    )


if __name__ == "__main__":
    main()
