"""Read result folders and draw figures. Everything that is shown to people is made here."""

from postprocess.results import Results, load

__all__ = ["Results", "load"]
