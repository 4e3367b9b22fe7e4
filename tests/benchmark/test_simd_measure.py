"""Timing of the kernels: shapes, refusals, and a wrong answer that ends it. Nothing here depends on how fast it is."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

from ruvllm import _core
from ruvllm.benchmark.simd import DIMENSIONS, PLAIN_LOOP, WORKS

ISAS = _core.available_isas()
EFFORT: dict[str, Any] = {"repetitions": 2, "least_seconds": 1e-6}
SMALL: list[tuple[Callable[..., list[list[float]]], dict[str, int]]] = [
    (_core.measure_dot, {"n": 1}),
    (_core.measure_dot, {"n": 33}),
    (_core.measure_cosine, {"rows": 3, "dim": 33}),
    (_core.measure_lora_step, {"dim": 64, "rank": 1, "candidates": 2}),
    (_core.measure_fisher_ema, {"n": 33}),
    (_core.measure_kmeans, {"n": 30, "dim": 64, "n_clusters": 3, "max_iterations": 10}),
]


@pytest.mark.parametrize(("measure", "sizes"), SMALL)
def test_each_instruction_set_gets_its_repetitions(
    measure: Callable[..., list[list[float]]], sizes: dict[str, int]
) -> None:
    seconds = measure([*ISAS, "auto"], **sizes, **EFFORT)
    assert [len(own) for own in seconds] == [2] * (len(ISAS) + 1)
    assert all(value > 0 for own in seconds for value in own)


def test_the_plain_loop_is_timed_beside_them() -> None:
    assert len(_core.measure_dot([PLAIN_LOOP, "scalar"], n=100, **EFFORT)) == 2
    with pytest.raises(ValueError, match="not 'plain loop'"):
        _core.measure_cosine([PLAIN_LOOP], rows=1, dim=8, **EFFORT)


def test_no_instruction_set_is_no_measurement() -> None:
    assert _core.measure_dot([], n=8, **EFFORT) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n": 0}, "n must lie in 1 ... "),
        ({"n": 1 << 40}, "n must lie in 1 ... "),
        ({"repetitions": 0}, "repetitions must lie in 1 ... "),
        ({"least_seconds": 0.0}, r"least_seconds must lie in \(0, 10\], not 0.0"),
        ({"least_seconds": float("nan")}, "least_seconds must lie in"),
        ({"isas": ["mmx"]}, "not 'mmx'"),
    ],
)
def test_what_cannot_be_measured_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        _core.measure_dot(**{"isas": ["scalar"], "n": 8, **EFFORT, **changes})


def test_more_clusters_than_rows_are_refused() -> None:
    with pytest.raises(ValueError, match=r"n_clusters must lie in 1 \.\.\. 3, not 4"):
        _core.measure_kmeans(["scalar"], n=3, dim=8, n_clusters=4, max_iterations=1, **EFFORT)


def test_the_answers_are_right_at_the_sizes_that_are_reported() -> None:
    assert tuple(work.sizes["n"] for work in WORKS if work.name == "dot") == DIMENSIONS
    for work in WORKS:
        work.measure(ISAS, **work.sizes, repetitions=1, least_seconds=1e-9)  # raises where one is wrong


def test_other_threads_go_on_and_ctrl_c_ends_a_measurement() -> None:
    done = threading.Event()

    def interrupt() -> None:
        done.wait(0.05)
        signal.pthread_kill(main, signal.SIGINT)

    main = threading.main_thread().ident
    assert main is not None
    other = threading.Thread(target=interrupt)
    other.start()  # gets to run only if the measurement lets go of the interpreter
    with pytest.raises(KeyboardInterrupt):
        _core.measure_dot(["scalar"], n=1536, repetitions=10_000, least_seconds=0.01)
    other.join()
