"""Every row of the validation table, in its order: what computes it, or what it waits for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from phasefield.errors import CaseError
from phasefield.schema import suggestion
from phasefield.validation.band_rows import v14b
from phasefield.validation.boundary_rows import v14a
from phasefield.validation.common import Row
from phasefield.validation.conservation_rows import v16, v20
from phasefield.validation.effective_rows import v11, v12, v13
from phasefield.validation.front_rows import v1, v3, v5, v14c
from phasefield.validation.manufactured_rows import v15
from phasefield.validation.nucleation_rows import v18
from phasefield.validation.round_rows import v4, v6
from phasefield.validation.storage_rows import v9
from phasefield.validation.transport_rows import v2, v7, v8, v10, v17


@dataclass(frozen=True)
class Entry:
    """One row: ``compute(quick)``, or, if there is none, what it waits for or the command that tells instead."""

    name: str
    target: str
    compute: Callable[[bool], Row] | None = None
    waits_for: str = ""
    instead: str = ""


ENTRIES = (
    Entry("V1", "flat front in 1-D at fixed overpotential: v = i V_m / F", v1),
    Entry("V2", "galvanostatic cell metal, ceramic, metal: voltage and charge", v2),
    Entry("V3", "a disc and a flat front at zero current stay as they are", v3),
    Entry("V4", "Gibbs-Thomson: equilibrium potential of a disc and a sphere", v4),
    Entry("V5", "stability of a flat front: growth of waves", v5),
    Entry("V6", "drift of floating metal in a uniform current", v6),
    Entry("V7", "n-type mixed conductor between two electrodes", v7),
    Entry("V8", "constant conductivities and a leaky layer: linear potentials", v8),
    Entry("V9", "Hebb-Wagner transient: U relaxes as the diffusion series", v9),
    Entry("V10", "laminates: conductivity in series and parallel", v10),
    Entry("V11", "brick walls: effective conductivity", v11),
    Entry("V12", "square array of insulating discs: effective conductivity", v12),
    Entry("V13", "polycrystal with resistive boundaries: law and bounds", v13),
    Entry("V14a", "grain boundaries tilted against the grid: ions and electrons", v14a),
    Entry("V14b", "metal along a grain boundary at three widths of its band", v14b),
    Entry("V14c", "flank of a filled grain boundary stays where it is", v14c),
    Entry("V15", "manufactured solution: orders in space and time", v15),
    Entry("V16", "conservation of charge and metal, every case that ships", v16),
    Entry("V17", "total current the same through every plane", v17),
    Entry("V18", "first nucleus where U first passes the threshold", v18),
    Entry("V19", "entry current and depth on three grids", instead="phasefield converge llzo_grain_boundary"),
    Entry("V20", "what must not matter: threads, conductivity cap, tolerances", v20),
    Entry("V21", "trends of experiments", waits_for="sweeps"),
)


def computed_rows() -> dict[str, Callable[[bool], Row]]:
    """Return what computes each row that the package can compute."""
    return {entry.name: entry.compute for entry in ENTRIES if entry.compute is not None}


def chosen(names: Sequence[str]) -> list[Entry]:
    """Return the rows of these names, upper or lower case, in the table's order; all that are computed for no names.

    Raises ``CaseError`` for a name that is no row, and for a row that is not computed here.
    """
    if not names:
        return [entry for entry in ENTRIES if entry.compute is not None]
    wanted = {name.lower() for name in names}
    known = {entry.name.lower(): entry for entry in ENTRIES}
    for name in names:
        if name.lower() not in known:
            raise CaseError(f"no row is called {name!r}; {suggestion(name.upper(), [e.name for e in ENTRIES])}")
        entry = known[name.lower()]
        if entry.instead:
            raise CaseError(f"{entry.name} ({entry.target}) is no row to pass or fail; `{entry.instead}` tells")
        if entry.compute is None:
            raise CaseError(f"{entry.name} ({entry.target}) is not computed yet: it waits for {entry.waits_for}")
    return [entry for key, entry in known.items() if key in wanted]
