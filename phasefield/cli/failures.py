"""Turn failures into messages and exit codes: a user's mistake shows no traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from phasefield.errors import WANTS_MORE, CaseError, RunError, Stopped

FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130


def complain(message: str) -> None:
    """Print ``message`` on stderr, marked as an error."""
    typer.echo(f"{typer.style('error:', fg='red', bold=True)} {message}", err=True)


@contextmanager
def exit_codes() -> Iterator[None]:
    """Exit with 2 on bad input, 1 on a failed run, 130 on Ctrl-C, 75 when stopped to be continued; bugs pass.

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
    except Stopped as stopped:
        typer.echo(str(stopped), err=True)
        raise typer.Exit(WANTS_MORE) from None
    except KeyboardInterrupt as interrupt:
        where = [
            f": everything so far is in {folder}; `phasefield resume {folder}` goes on" for folder in interrupt.args
        ]
        typer.echo("".join(["interrupted", *where]), err=True)
        raise typer.Exit(INTERRUPTED) from None
