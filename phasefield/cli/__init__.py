"""The command line: parses, imports what a command needs inside that command, delegates."""

from phasefield.cli.app import main

__all__ = ["main"]
