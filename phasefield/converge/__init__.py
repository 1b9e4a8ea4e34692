"""How results change as grid, interface and step are refined: runs, comparison, pages.

``study = converge(load_case("bicrystal"))`` runs, ``write_pages(study)`` writes.
"""

from phasefield.converge.families import FAMILIES, Family, Level, families
from phasefield.converge.orders import Quantity, observed_order
from phasefield.converge.pages import write_pages
from phasefield.converge.study import FamilyResult, RunFacts, Study, converge

__all__ = [
    "FAMILIES",
    "Family",
    "FamilyResult",
    "Level",
    "Quantity",
    "RunFacts",
    "Study",
    "converge",
    "families",
    "observed_order",
    "write_pages",
]
