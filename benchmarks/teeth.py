"""Count teeth of the metal fraction along y in the last frame of 2-D runs: what backward diffusion leaves behind.

    python benchmarks/teeth.py RESULTS ...

A tooth is a cell that differs by more than 0.05 from both neighbours along y, to the same side. Fronts that run along y
and meet, and corners, are counted, too: compare runs of one case.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import postprocess


def main(folders: list[Path]) -> None:
    """Print the counts near the electrode's plane, where filaments have their roots, and elsewhere."""
    for folder in folders:
        results = postprocess.load(folder)
        rise = np.diff(results.frame(-1)["metal_fraction"].astype(float), axis=1)
        before, after = rise[:, :-1], rise[:, 1:]
        teeth = (before * after < 0.0) & (np.minimum(abs(before), abs(after)) > 0.05)
        near = abs(results.grid.centres(0) - results.electrode_plane) < 1.6e-6
        print(f"{folder}: {teeth[near].sum()} within 1.6 um of the electrode's plane, {teeth[~near].sum()} elsewhere")


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
