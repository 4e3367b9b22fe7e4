"""A wall around code that is not ours: a user's encoder and the packages that it brings along.

It may print, exit, raise whatever it likes, change what belongs to the whole process, and close what it finds open. Out
of it comes a result or one line, and nothing of it stands on our standard output.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import io
import locale
import os
import signal
import sys
import sysconfig
import threading
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np

__all__ = ["ForeignError", "foreign_code", "keep_output_clean", "one_line", "quieten"]

_ONE_AT_A_TIME = threading.RLock()
"""What the wall protects belongs to the process, so that one thread at a time may be outside."""
_OURS = str(Path(__file__).resolve().parents[1])
_OTHERS = tuple({sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib")})
_MESSAGE = 300
"""Most characters that are shown of an error of others."""
_QUIET = {
    "TQDM_DISABLE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "TRANSFORMERS_VERBOSITY": "error",
    "DATASETS_VERBOSITY": "error", "TOKENIZERS_PARALLELISM": "false",
}  # fmt: skip
"""What tells packages of encoders to show no bars and warnings."""
_is_quiet = _is_kept_clean = False


class ForeignError(ValueError):
    """Code of others failed. The message is one line, which names the code."""


def quieten() -> None:
    """From now on nothing is seen of what foreign code prints, and packages are told to show no bars."""
    global _is_quiet
    _is_quiet = True
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)


def keep_output_clean() -> None:
    """From now on what foreign code prints at the end of the process, behind our own output, goes to standard error."""
    global _is_kept_clean
    _is_kept_clean = True


def _leave_output() -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY) if _is_quiet else 2, 1)


def _be_last() -> None:
    """Sees to it that output is left before what foreign code registered for the end runs: the last one runs first."""
    if _is_kept_clean:
        atexit.unregister(_leave_output)
        atexit.register(_leave_output)


@contextlib.contextmanager
def foreign_code(who: str) -> Iterator[None]:
    """Runs code of others within it; `who` begins the line of an error.

    Standard output goes to standard error, that of C libraries too. Working folder, signal handlers, warning filters,
    floating-point warnings, locale and the processors of the thread are afterwards as before. The states of `random`
    and `numpy.random` are left alone: put back, they would make noise look the same in every call.

    Raises ForeignError for whatever is raised, SystemExit and a KeyboardInterrupt of its own too. That of the user who
    pressed Ctrl-C stays what it is.
    """
    with _ONE_AT_A_TIME, _signals() as raised, _settings(), _output():
        try:
            yield
        except BaseException as error:
            if not raised and not isinstance(error, ForeignError):
                raise ForeignError(f"{who}: {one_line(error)}") from error
            raise raised[0] if raised else error  # noqa: B904 -- Ctrl-C, whatever was made of it
        finally:
            _be_last()
        if raised:
            raise raised[0]


def one_line(error: BaseException) -> str:
    """Returns an error's type, message and place, in one line."""
    kind = type(error).__name__
    try:
        text = " ".join(str(error).split())[:_MESSAGE]
    except Exception:
        text = ""  # it cannot even say what it is
    if isinstance(error, SystemExit):
        return f"it would end the program (SystemExit: {text or 0}){_place(error)}"
    return f"{kind}: {text}{_place(error)}" if text else f"{kind}{_place(error)}"


def _place(error: BaseException) -> str:
    """Returns the last line of the user's own files on the way to the error."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        is_file = not frame.filename.startswith("<")
        if is_file and not frame.filename.startswith((_OURS, *_OTHERS)) and "site-packages" not in frame.filename:
            return f" ({Path(frame.filename).name}, line {frame.lineno})"
    return ""


@contextlib.contextmanager
def _signals() -> Iterator[list[BaseException]]:
    """Yields what handlers of signals raise, and puts the handlers back. Only the main thread can have any."""
    raised: list[BaseException] = []
    if threading.current_thread() is not threading.main_thread():
        yield raised
        return
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}

    def heard(handler: Callable[..., Any]) -> Callable[[int, Any], Any]:
        def hear(number: int, frame: Any) -> Any:
            try:
                return handler(number, frame)
            except BaseException as error:
                raised.append(error)
                raise

        return hear

    for number, handler in before.items():
        if callable(handler):
            signal.signal(number, heard(handler))
    try:
        yield raised
    finally:
        for number, handler in before.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)


@contextlib.contextmanager
def _settings() -> Iterator[None]:
    """Puts back what code changes for the whole process."""
    folder, numbers, errors = _folder(), locale.setlocale(locale.LC_ALL), np.geterr()
    processors = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    with warnings.catch_warnings():
        if _is_quiet:
            warnings.simplefilter("ignore")
        try:
            yield
        finally:
            np.seterr(**errors)
            _all_of(
                lambda: locale.setlocale(locale.LC_ALL, numbers),
                lambda: None if folder in (None, _folder()) else os.chdir(str(folder)),
                lambda: None if processors is None else os.sched_setaffinity(0, processors),
            )


def _folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None


def _all_of(*actions: Callable[[], object]) -> None:
    for action in actions:
        with contextlib.suppress(OSError, ValueError, locale.Error):
            action()


@contextlib.contextmanager
def _output() -> Iterator[None]:
    """Sends descriptor 1 and sys.stdout away, then puts both standard streams back, open as they were."""
    streams = sys.stdout, sys.stderr
    _flush(streams)
    kept = [_duplicate(1), _duplicate(2)]
    target = os.open(os.devnull, os.O_WRONLY) if _is_quiet or kept[1] is None else os.dup(2)
    os.dup2(target, 1)
    os.close(target)
    sys.stdout = instead = _Elsewhere()
    try:
        yield
    finally:
        instead.end_line()
        _flush(streams)
        for descriptor, copy in enumerate(kept, start=1):
            if copy is None:
                os.close(descriptor)
            else:
                os.dup2(copy, descriptor)
                os.close(copy)
        sys.stdout, sys.stderr = _opened(streams[0], 1), _opened(streams[1], 2)


def _flush(streams: Iterable[TextIO | None]) -> None:
    """Writes out what streams hold back, those of C libraries too."""
    for stream in streams:
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).fflush(None)


def _duplicate(descriptor: int) -> int | None:
    try:
        return os.dup(descriptor)
    except OSError:
        return None


def _opened(stream: TextIO, descriptor: int) -> TextIO:
    """Returns the stream, or another one if foreign code has closed it."""
    if stream is None or not stream.closed:
        return stream
    return io.TextIOWrapper(io.FileIO(descriptor, "w", closefd=False), "utf-8", "backslashreplace", write_through=True)


class _Elsewhere(io.TextIOBase):
    """What foreign code finds as sys.stdout: standard error, which it cannot close."""

    encoding = "utf-8"
    errors = "backslashreplace"
    _is_line_open = False

    def write(self, text: str, /) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if text and not _is_quiet and sys.stderr is not None:
            sys.stderr.write(text)
            self._is_line_open = not text.endswith("\n")
        return len(text)

    def end_line(self) -> None:
        if self._is_line_open:
            with contextlib.suppress(OSError, ValueError):
                self.write("\n")

    @property
    def buffer(self) -> io.FileIO:
        return io.FileIO(1, "w", closefd=False)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1

    def isatty(self) -> bool:
        return os.isatty(1)

    def flush(self) -> None:
        if sys.stderr is not None:
            sys.stderr.flush()

    def reconfigure(self, **_: object) -> None:
        """Takes what programs ask of a text stream, and changes nothing."""

    def close(self) -> None:
        """Does nothing: it is not for foreign code to close."""
