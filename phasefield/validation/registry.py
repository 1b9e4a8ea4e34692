"""Every row of the validation table, in its order: what computes it, or what it waits for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from phasefield.errors import CaseError
from phasefield.schema import suggestion
from phasefield.validation.boundary_rows import v14a
from phasefield.validation.common import Row
from phasefield.validation.conservation_rows import v16, v20
from phasefield.validation.front_rows import v1, v3, v5, v14c
from phasefield.validation.manufactured_rows import v15
from phasefield.validation.round_rows import v4, v6
from phasefield.validation.storage_rows import v9
from phasefield.validation.transport_rows import v2, v7, v8, v10, v17


@dataclass(frozen=True)
class Entry:
    """One row: ``compute(quick)``, or, if the package cannot compute it, its target and what it waits for."""

    name: str
    compute: Callable[[bool], Row] | None = None
    target: str = ""
    waits_for: str = ""


ENTRIES = (
    Entry("V1", v1),
    Entry("V2", v2),
    Entry("V3", v3),
    Entry("V4", v4),
    Entry("V5", v5),
    Entry("V6", v6),
    Entry("V7", v7),
    Entry("V8", v8),
    Entry("V9", v9),
    Entry("V10", v10),
    Entry("V11", None, "bricks: effective conductivity", "effective conductivities"),
    Entry("V12", None, "square array of insulating discs", "effective conductivities"),
    Entry("V13", None, "polycrystal with resistive boundaries: law and bounds", "effective conductivities"),
    Entry("V14a", v14a),
    Entry("V14b", None, "a boundary's filling does not depend on the band's width", "the study of band widths"),
    Entry("V14c", v14c),
    Entry("V15", v15),
    Entry("V16", v16),
    Entry("V17", v17),
    Entry("V18", None, "the first nucleus sits where U first passes the threshold", "nucleation (M13)"),
    Entry("V19", None, "depth at given charge on three grids", "a study by `phasefield converge`, not a row"),
    Entry("V20", v20),
    Entry("V21", None, "trends of experiments", "sweeps, and nucleation (M13)"),
)


def computed_rows() -> dict[str, Callable[[bool], Row]]:
    """Return what computes each row that the package can compute."""
    return {entry.name: entry.compute for entry in ENTRIES if entry.compute is not None}


def chosen(names: Sequence[str]) -> list[Entry]:
    """Return the rows of these names, upper or lower case, in the table's order; all that are computed for no names.

    Raises ``CaseError`` for a name that is no row, and for a row that cannot be computed yet.
    """
    if not names:
        return [entry for entry in ENTRIES if entry.compute is not None]
    known = {entry.name.lower(): entry for entry in ENTRIES}
    for name in names:
        if name.lower() not in known:
            raise CaseError(f"no row is called {name!r}; {suggestion(name, [entry.name for entry in ENTRIES])}")
        entry = known[name.lower()]
        if entry.compute is None:
            raise CaseError(f"{entry.name} is not computed yet ({entry.target}): it waits for {entry.waits_for}")
    wanted = {name.lower() for name in names}
    return [entry for key, entry in known.items() if key in wanted]
