"""Show what the profile flux alone makes of a 1-D profile that is too wide: M dt, largest rise of xi along x, width.

python benchmarks/flat_profile.py    # interface width and cells of 0.4 um; the metal is at low x, so xi should fall
"""

from __future__ import annotations

import numpy as np

from phasefield.validation.common import backend_for, line_grid, plain_problem, planar_profile

WIDTH = 0.4e-6  # [m]


def main() -> None:
    """Print the table."""
    grid = line_grid(80 * WIDTH, 80)
    x = grid.meshgrid()[0]
    print("times too wide  M dt [um]  largest rise of xi  width 5 % to 95 % / l (5.9 is right)")
    for factor in (1.2, 1.5, 2.0, 3.0):
        start = planar_profile(40.3 * WIDTH - x, factor * WIDTH)
        backend = backend_for(plain_problem(grid, start, width=WIDTH))
        xi, done = start.copy(), 0.0
        for travel in (1e-6, 5e-6, 10e-6, 50e-6):
            backend.restore_profile(xi, travel - done)  # type: ignore[attr-defined]
            done = travel
            ends = np.interp([-0.05, -0.95], -xi[:, 0], x[:, 0])
            rise = max(0.0, float(np.diff(xi[:, 0]).max()))
            print(f"{factor:14.1f} {1e6 * travel:10.0f} {rise:19.1e} {(ends[0] - ends[1]) / WIDTH:10.2f}")


if __name__ == "__main__":
    main()
