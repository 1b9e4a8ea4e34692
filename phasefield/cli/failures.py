"""Turn failures into messages and exit codes: a user's mistake shows no traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from phasefield.errors import CaseError, RunError

FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130


def complain(message: str) -> None:
    """Print ``message`` on stderr, marked as an error."""
    typer.echo(f"{typer.style('error:', fg='red', bold=True)} {message}", err=True)


@contextmanager
def exit_codes() -> Iterator[None]:
    """Exit with 2 on bad input, 1 on a failed run, 130 on Ctrl-C; other exceptions are bugs and pass.

    ``KeyboardInterrupt(folder)`` tells where everything so far was saved.
    """
    try:
        yield
    except CaseError as error:
        complain(str(error))
        raise typer.Exit(BAD_INPUT) from None
    except BrokenPipeError:
        raise  # the reader of a pipe has left, as `| head` does: not a failure to talk about
    except (RunError, OSError) as error:
        complain(str(error))
        raise typer.Exit(FAILED) from None
    except KeyboardInterrupt as interrupt:
        saved = f": everything so far is in {interrupt.args[0]}" if interrupt.args else ""
        typer.echo(f"interrupted{saved}", err=True)
        raise typer.Exit(INTERRUPTED) from None
