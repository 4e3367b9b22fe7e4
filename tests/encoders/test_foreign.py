"""The wall around code that is not ours: whatever it does comes out as a result or as one line."""

from __future__ import annotations

import contextlib
import locale
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ruvllm.encoders.foreign import ForeignError, foreign_code


class SilentError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def raise_(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("two\nlines"), "mine: ValueError: two lines"),
        (SystemExit(0), "mine: it would end the program (SystemExit: 0)"),
        (SystemExit("bye"), "mine: it would end the program (SystemExit: bye)"),
        (SystemExit(), "mine: it would end the program (SystemExit: 0)"),
        (KeyboardInterrupt(), "mine: KeyboardInterrupt"),
        (GeneratorExit(), "mine: GeneratorExit"),
        (StopIteration(), "mine: StopIteration"),
        (MemoryError(), "mine: MemoryError"),
        (SilentError(), "mine: SilentError"),
        (ValueError("x" * 10_000), "mine: ValueError: " + "x" * 300),
    ],
)
def test_whatever_is_raised_is_one_line_that_names_the_code(error: BaseException, message: str) -> None:
    with pytest.raises(ForeignError) as caught, foreign_code("mine"):
        raise_(error)
    text = str(caught.value)
    assert text.startswith(message) and text.removeprefix(message).startswith(" (test_foreign.py, line ")
    assert "\n" not in text


def test_one_wall_inside_another_says_it_once() -> None:
    with pytest.raises(ForeignError, match=r"^inner: ValueError"), foreign_code("outer"), foreign_code("inner"):
        raise ValueError


def test_ctrl_c_of_the_user_stays_what_it_is() -> None:
    with pytest.raises(KeyboardInterrupt), foreign_code("mine"):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("made_of_it", [None, RuntimeError("cancelled"), SystemExit(0)])
def test_ctrl_c_that_the_code_swallows_or_turns_into_something_else_is_kept(made_of_it: BaseException | None) -> None:
    with pytest.raises(KeyboardInterrupt), foreign_code("mine"):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            if made_of_it is not None:
                raise made_of_it from None


def test_nothing_reaches_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    print("before")
    with foreign_code("mine"):
        print("a print")
        os.write(1, b"a descriptor\n")
        sys.stdout.buffer.write(b"a buffer\n")
        os.system("echo a child")
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        assert (sys.stdout.fileno(), sys.stdout.writable()) == (1, True)
        print("half a line", end="")
    print("after")
    out, err = capfd.readouterr()
    assert out == "before\nafter\n"
    assert set(err.splitlines()) == {"a print", "a descriptor", "a buffer", "a child", "half a line"}
    assert err.endswith("half a line\n")


def close_all() -> None:
    sys.stdout.close()
    os.close(1)


@pytest.mark.parametrize("close", [close_all, lambda: os.close(2), lambda: sys.stderr.close()])
def test_streams_that_are_closed_are_open_again(close: Callable[[], None]) -> None:
    streams = sys.stdout, sys.stderr
    with open(os.devnull, "w") as stdout, open(os.devnull, "w") as stderr:
        try:
            sys.stdout, sys.stderr = stdout, stderr
            with foreign_code("mine"):
                close()
            print("out", flush=True)
            print("err", file=sys.stderr, flush=True)
            assert sys.stdout is stdout
            os.fstat(1), os.fstat(2)
        finally:
            sys.stdout, sys.stderr = streams


def test_what_belongs_to_the_process_is_as_before(tmp_path: Path) -> None:
    before = (
        os.getcwd(), signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), list(warnings.filters),
        np.geterr(), locale.setlocale(locale.LC_ALL), sys.stdout, sys.stderr,
    )  # fmt: skip
    with foreign_code("mine"):
        os.chdir(tmp_path)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: None)
        warnings.simplefilter("error")
        np.seterr(all="raise")
        with contextlib.suppress(locale.Error):
            locale.setlocale(locale.LC_ALL, "C")
        sys.stdout = sys.stderr = None  # type: ignore[assignment]
    after = (
        os.getcwd(), signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), list(warnings.filters),
        np.geterr(), locale.setlocale(locale.LC_ALL), sys.stdout, sys.stderr,
    )  # fmt: skip
    assert after == before


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity")
def test_the_thread_keeps_its_processors() -> None:
    before = os.sched_getaffinity(0)
    with foreign_code("mine"):
        os.sched_setaffinity(0, {min(before)})
    assert os.sched_getaffinity(0) == before


def test_one_thread_at_a_time_is_outside() -> None:
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(20):
            with foreign_code("mine"):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1


def test_noise_is_not_made_to_look_the_same() -> None:
    def noise() -> Any:
        with foreign_code("mine"):
            return np.random.default_rng().random(), np.random.random()

    assert noise() != noise()
