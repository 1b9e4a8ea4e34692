"""From a TOML file to a frozen case in SI; the only place that knows the keys of a case."""

from phasefield.case.assumed import AssumedNumber
from phasefield.case.loading import CaseEntry, case_folder, list_cases, load_case
from phasefield.case.model import Case
from phasefield.case.writing import case_schema, case_to_toml

__all__ = [
    "AssumedNumber",
    "Case",
    "CaseEntry",
    "case_folder",
    "case_schema",
    "case_to_toml",
    "list_cases",
    "load_case",
]
