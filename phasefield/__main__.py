"""``python -m phasefield``: the command line, whatever folder its script is in."""

from phasefield.cli import main

main()
