"""Standard output and standard error that cannot end a run: closed, full, not blocking, or without a reader.

Whoever prints (click, rich, warnings, a package that an encoder brings along) writes as usual. What the system does not
take is dropped, and remembered.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["CLOSED", "guarded_output", "lost_output", "optional_output"]

MOST_COLUMNS = 10_000
"""No terminal is wider, nor has more lines: other values of COLUMNS and LINES are mistakes."""
CLOSED = "it is closed"


class _Guarded(io.FileIO):
    """Writes to a descriptor of someone else's, and keeps the first error instead of raising it."""

    lost: str | None = None
    """Why something was dropped. A reader who has gone, as `| head` does, is no reason."""

    def __init__(self, descriptor: int, *, closed: bool, once: bool) -> None:
        """`closed`: there was no stream. With `once` nothing is written after an error, lest the output has a hole."""
        super().__init__(descriptor, "w", closefd=False)
        self._over, self._was_closed, self._once = closed, closed, once

    def write(self, data: ReadableBuffer, /) -> int:
        size = memoryview(data).nbytes
        if self._over:
            self.lost = CLOSED if self._was_closed else self.lost
            return size
        try:
            while (written := super().write(data)) is None:
                select.select([], [self.fileno()], [])  # it does not block, and its reader is slow
            return written
        except OSError as error:
            self._over = self._once
            if error.errno != errno.EPIPE:
                self.lost = self.lost or error.strerror or str(error)
            return size


@contextlib.contextmanager
def guarded_output() -> Iterator[None]:
    """Within it no print() raises OSError, and a COLUMNS or LINES that no terminal has counts as unset.

    A stream that a program has put in the place of the process's own is left alone.
    """
    _open_closed_descriptors()
    before = sys.stdout, sys.stderr
    wrong = {name: os.environ.pop(name) for name in ("COLUMNS", "LINES") if not _is_size(os.environ.get(name, "1"))}
    sys.stdout, sys.stderr = _guard(before[0], 1), _guard(before[1], 2)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        sys.stdout, sys.stderr = before
        os.environ.update(wrong)


def lost_output() -> str | None:
    """Returns why standard output could not be written, or None if it was, or its reader wanted no more."""
    raw = _raw_output()
    return None if raw is None else raw.lost


@contextlib.contextmanager
def optional_output(program: str, instead: str) -> Iterator[None]:
    """What is printed within it only repeats what files hold; `instead` says so.

    If it cannot be written, a line on standard error tells why, and the command does not fail for that.
    """
    before = lost_output()
    yield
    raw = _raw_output()
    if raw is not None and raw.lost is not None and before is None:
        print(f"{program}: cannot write to standard output: {raw.lost}; {instead}", file=sys.stderr)
        raw.lost = None


def _raw_output() -> _Guarded | None:
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw if isinstance(raw, _Guarded) else None


def _open_closed_descriptors() -> None:
    """Opens the null device for closed standard streams. Otherwise a results file could get the number of one."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one


def _is_size(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= MOST_COLUMNS


def _guard(stream: TextIO | None, descriptor: int) -> TextIO:
    """Returns the stream with a guard; one that is closed, None in Python, as a stream that takes everything."""
    once = descriptor == 1
    if stream is None:
        return io.TextIOWrapper(io.BufferedWriter(_Guarded(descriptor, closed=True, once=once)), encoding="utf-8")
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    try:
        raw = _Guarded(stream.fileno(), closed=False, once=once)
    except (OSError, ValueError):  # no file of the system is behind it
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors="backslashreplace",  # "×" or a folder's name on a terminal with only ASCII
        line_buffering=stream.line_buffering or stream.write_through,
    )
