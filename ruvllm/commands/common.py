"""What the commands have in common: how a click command ends, whatever a user, a file or the output does.

Imports click only, so that --help and usage errors answer at once.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Sequence

import click

__all__ = ["discard_output", "run"]

FAILED, INTERRUPTED = 1, 130


def run(command: click.Command, program: str, words: Sequence[str], *, when_interrupted: str = "") -> int:
    """Runs the command with these words, which it finds in its context's `obj`; returns its exit code.

    Wrong usage, a failed output and an interrupt end in one line at most, never in a traceback.
    """
    # No command multiplies matrices with NumPy: the threads that it would start for that only wait, and busily.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # "×", or a folder's name, where there is only ASCII
    try:
        code = command.main(list(words), prog_name=program, standalone_mode=False, obj=list(words))
        sys.stdout.flush()
    except click.UsageError as error:
        click.echo(f"{program}: {error.format_message()} (see {program} --help)", err=True)
        return error.exit_code
    except click.ClickException as error:
        click.echo(f"{program}: {error.format_message()}", err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        if when_interrupted:
            click.echo(f"{program}: {when_interrupted}", err=True)
        return INTERRUPTED
    except OSError as error:  # of our own output: those of the files have become failures
        discard_output()
        with contextlib.suppress(OSError):
            click.echo(f"{program}: cannot write the output: {error.strerror or error}", err=True)
        return FAILED
    return int(code or 0)


def discard_output() -> None:
    """Sends standard output nowhere, or the interpreter would flush it again when it ends, and complain."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
