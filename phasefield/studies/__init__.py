"""Studies that ship: many runs of one case, their tables and figures, made by one command."""
