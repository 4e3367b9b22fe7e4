"""What the commands share: how a command ends, and the checks of options that several of them have.

Imports only what loads at once, so that --help and usage errors answer at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click

from ruvllm.commands.limits import FIELDS
from ruvllm.commands.streams import CLOSED, guarded_output, lost_output
from ruvllm.files.near_names import did_you_mean
from ruvllm.workloads.registry import ALL_LANGUAGES, LANGUAGES, WORKLOADS
from ruvllm.workloads.spec import WorkloadSpec, parse_spec

__all__ = [
    "FAILED", "NOT_MEASURED", "WORSE", "Failure", "check_isas", "failures", "parse_fields", "parse_languages",
    "parse_workload", "run", "save_text",
]  # fmt: skip

FAILED, WORSE, NOT_MEASURED = 1, 3, 4
"""Exit codes beside 0 for success, 2 for wrong usage, and 128 + its number for a signal."""


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


def parse_fields(_: click.Context, __: click.Parameter, text: str | None) -> dict[str, str]:
    """The callback of --fields: `prompt=question,solution=target` as names by key."""
    found: dict[str, str] = {}
    for pair in text.split(",") if text is not None else ():
        key, _equals, name = (part.strip() for part in pair.partition("="))
        if key not in FIELDS or not name or key in found:
            raise click.BadParameter(f"must be KEY=NAME, where KEY is once one of {', '.join(FIELDS)}; not {pair!r}")
        found[key] = name
    return found


def parse_languages(_: click.Context, __: click.Parameter, text: str) -> tuple[str, ...]:
    """The callback of --language: names with commas, each once, in the order of LANGUAGES; or "all" alone."""
    names = [name.strip() for name in text.split(",")]
    known = (*LANGUAGES, ALL_LANGUAGES)
    for name in names:
        if name not in known:
            raise click.BadParameter(f"must be {', '.join(LANGUAGES)} or all, not {name!r}{did_you_mean(name, known)}")
    return (ALL_LANGUAGES,) if ALL_LANGUAGES in names else tuple(name for name in LANGUAGES if name in names)


def run(command: click.Command, program: str, words: Sequence[str], *, when_interrupted: str = "interrupted") -> int:
    """Runs the command with these words, which it finds in the `obj` of its context. Returns its exit code.

    Wrong usage, a failed output and an interrupt end in one line, never in a traceback.
    """
    # Threads of OpenBLAS wait for most of a command and use the CPU meanwhile. Cells run side by side instead (--jobs).
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with guarded_output():
        code = _run(command, program, words, when_interrupted)
        reason = lost_output()
        if reason is not None:
            click.echo(f"{program}: cannot write the output: {reason}", err=True)
            code = code if reason == CLOSED else FAILED  # whoever closes it wants none
        return code


def _run(command: click.Command, program: str, words: Sequence[str], when_interrupted: str) -> int:
    try:
        with _signals_interrupt():
            return int(command.main(list(words), prog_name=program, standalone_mode=False, obj=list(words)) or 0)
    except click.UsageError as error:
        click.echo(f"{program}: {error.format_message()} (see {program} --help)", err=True)
        return error.exit_code
    except click.ClickException as error:
        click.echo(f"{program}: {error.format_message()}", err=True)
        return error.exit_code
    except OSError as error:
        click.echo(f"{program}: {_line_of(error)}", err=True)
        return FAILED
    except (KeyboardInterrupt, click.Abort) as error:
        cause = error.__cause__ if isinstance(error, click.Abort) else error
        number = cause.number if isinstance(cause, _Stopped) else signal.SIGINT
        by = "" if number == signal.SIGINT else f" by {number.name}"
        head, semicolon, rest = when_interrupted.partition(";")
        click.echo(f"{program}: {head}{by}{semicolon}{rest}", err=True)
        return 128 + number


class _Stopped(KeyboardInterrupt):
    """A signal asks the command to end."""

    def __init__(self, number: signal.Signals) -> None:
        self.number = number


@contextlib.contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Lets SIGTERM (of `docker stop` and CI) and SIGHUP end a command as Ctrl-C does, unless they are ignored."""

    def stop(number: int, _: object) -> None:
        raise _Stopped(signal.Signals(number))

    names = ("SIGTERM", "SIGHUP") if threading.current_thread() is threading.main_thread() else ()
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    ours = [number for number, handler in before.items() if handler == signal.SIG_DFL]
    for number in ours:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])


@contextlib.contextmanager
def failures(*kinds: type[Exception]) -> Iterator[None]:
    """Turns errors of these kinds, whose message is one line for the user, into failures."""
    try:
        yield
    except kinds as error:
        raise Failure(_line_of(error)) from error


def _line_of(error: Exception) -> str:
    """Returns the error in a line: of the system's errors the file and the reason, without numbers."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename is None else f"cannot write {error.filename}: {error.strerror}"
    return str(error)


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


def save_text(text: str, kind: str, created: str, out: Path) -> Path:
    """Writes a results file under a name of its own: kind, time and a random part. Raises Failure."""
    from ruvllm.files.atomic import write_in_folder  # not for --help

    path = out / f"{kind}-{created.replace('-', '').replace(':', '')}-{os.urandom(4).hex()}.json"
    try:
        write_in_folder(path, text.encode())
    except OSError as error:
        raise Failure(f"cannot write {path}: {error.strerror}") from error
    return path
