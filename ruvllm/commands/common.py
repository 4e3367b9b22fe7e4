"""What the commands share: how a command ends, and the checks of options that several of them have.

Imports only what loads at once, so that --help and usage errors answer at once.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence

import click

from ruvllm.workloads.registry import WORKLOADS
from ruvllm.workloads.spec import WorkloadSpec, parse_spec

__all__ = [
    "FAILED", "NOT_MEASURED", "WORSE", "Failure", "check_isas", "failures", "parse_workload", "printing", "run",
]  # fmt: skip

FAILED, WORSE, NOT_MEASURED, INTERRUPTED = 1, 3, 4, 130
"""Exit codes beside 0 for success and 2 for wrong usage."""


class Failure(click.ClickException):
    """Ends a command with one line for the user and exit code 1."""

    exit_code = FAILED


def parse_workload(*names: str) -> Callable[[click.Context, click.Parameter, str | None], WorkloadSpec | None]:
    """Returns the callback of an option such as `code:PATH`, for the named workloads or for all of them."""

    def parse(_: click.Context, __: click.Parameter, text: str | None) -> WorkloadSpec | None:
        try:
            return None if text is None else parse_spec(text, names or WORKLOADS)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error

    return parse


def run(command: click.Command, program: str, words: Sequence[str], *, when_interrupted: str = "") -> int:
    """Runs the command with these words, which it finds in the `obj` of its context. Returns its exit code.

    Wrong usage, a failed output and an interrupt end in one line at most, never in a traceback.
    """
    # No command multiplies matrices with NumPy. The threads that OpenBLAS would start for that wait, and use the CPU.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # "×" or a folder's name on a terminal with only ASCII
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
    except OSError as error:  # from our own output: errors of files have become failures before
        _discard_output()
        with contextlib.suppress(OSError):
            click.echo(f"{program}: cannot write the output: {error.strerror or error}", err=True)
        return FAILED
    return int(code or 0)


@contextlib.contextmanager
def failures(*kinds: type[Exception]) -> Iterator[None]:
    """Turns errors of these kinds, whose message is one line for the user, into failures."""
    try:
        yield
    except kinds as error:
        raise Failure(str(error)) from error


@contextlib.contextmanager
def printing() -> Iterator[None]:
    """Lets whoever reads standard output go away, as `| head` does, without an error: the files are written."""
    try:
        yield
    except (BrokenPipeError, SystemExit):  # rich turns the first into the second
        _discard_output()


def _discard_output() -> None:
    """Sends standard output nowhere; otherwise the interpreter flushes it once more at its end, and complains."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def check_isas(names: Sequence[str], others: Sequence[str] = ()) -> None:
    """Raises UsageError if this CPU lacks an instruction set of `names` or the one that RUVLLM_ISA asks for.

    `names` may hold the words `others` too, such as "auto".
    """
    from ruvllm._core import active_isa, available_isas

    try:
        active_isa()
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    known = [*others, *available_isas()]
    for name in names:
        if name not in known:
            raise click.BadParameter(
                f"{name!r} is not available on this CPU; there is {', '.join(known)}", param_hint="'--isa'"
            )
