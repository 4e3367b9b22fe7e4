"""Measures us beside other libraries: one process, one thread, turns.

A module of bench/ named ``peers_<topic>.py`` offers ``sections() -> list[Section]``; a section checks the answers
against a naive twin in double precision (``require_near``) before it times anything.
"""

import importlib
import importlib.util
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from types import ModuleType
from typing import Any

# Read once by each library when it is imported, so set before the first of them.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
    os.environ[variable] = "1"

SHORTEST_LOOP_SECONDS = 0.005  # far above the clock's resolution, short enough that the turns change often


class WrongAnswerError(AssertionError):
    """A result differs from the naive twin's: nothing that follows from it may be timed."""


@dataclass(frozen=True)
class Row:
    """One line of the table: a task, our median and theirs, all in the same unit."""

    label: str
    unit: str
    """Of all medians, such as "ns per vector"; smaller is better."""
    ours: float
    peers: dict[str, float]
    """Median by library; at least one."""

    @property
    def best_peer(self) -> str:
        return min(self.peers, key=self.peers.__getitem__)

    @property
    def ratio(self) -> float:
        """Ours over the best peer's: below 1 we are faster."""
        return self.ours / self.peers[self.best_peer]


@dataclass(frozen=True)
class Section:
    """A group of rows that one question belongs to."""

    name: str
    """What ``--section`` takes."""
    compared: str
    """What is compared with what, in one or two sentences: printed above the rows."""
    packages: tuple[str, ...]
    """Modules to compare with. One that is not installed is left out; with none of them the section is skipped."""
    run: Callable[[int], list[Row]]
    """Checks, then measures with that many repetitions."""

    def missing(self) -> list[str]:
        return [name for name in self.packages if not installed(name)]


def installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # of a.b, where there is no a
        return False


def peer(name: str) -> Any:
    """The module, told to use one thread; None where it is not installed."""
    if not installed(name):
        return None
    module: ModuleType = importlib.import_module(name)
    if name == "torch":
        module.set_num_threads(1)
    if name == "faiss":
        module.omp_set_num_threads(1)
    return module


def require_near(label: str, got: Any, expected: Any, tolerance: float) -> None:
    """Raises WrongAnswerError unless the arrays have one shape and differ by ``tolerance`` at most."""
    import numpy as np  # not before the variables above are set

    got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
    if got.shape != expected.shape:
        raise WrongAnswerError(f"{label}: shape {got.shape}, the naive twin has {expected.shape}")
    difference = float(np.max(np.abs(got - expected), initial=0.0))
    if not difference <= tolerance:
        raise WrongAnswerError(f"{label}: {difference:.3g} away from the naive twin, allowed is {tolerance:.3g}")


def measure_side_by_side(
    calls: Mapping[str, Callable[[], object]],
    repetitions: int,
    shortest_loop_seconds: float = SHORTEST_LOOP_SECONDS,
) -> dict[str, float]:
    """Median seconds per call, by name.

    Each call is looped as often as fills ``shortest_loop_seconds``. The loops take turns, one repetition each, so
    that what disturbs the machine for a while disturbs all of them. Time is the processor's, of all threads of this
    process: with one thread at work that is the wall clock less the time that others held the processor.
    """
    if repetitions < 1 or not calls:
        raise ValueError(f"needs repetitions >= 1 and something to call, not {repetitions} and {len(calls)} calls")
    lengths = {name: _loop_length(call, shortest_loop_seconds) for name, call in calls.items()}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repetitions):
        for name, call in calls.items():
            if lengths[name] > 1:
                call()  # brings back its data after the others' turns
            seconds[name].append(_seconds(call, lengths[name]) / lengths[name])
    return {name: median(values) for name, values in seconds.items()}


def _loop_length(call: Callable[[], object], shortest_loop_seconds: float) -> int:
    """Calls per loop; finding it out also warms the caches."""
    length = 1
    while (seconds := _seconds(call, length)) < shortest_loop_seconds:
        length = max(2 * length, int(length * shortest_loop_seconds / max(seconds, 1e-7)))
    return length


def _seconds(call: Callable[[], object], times: int) -> float:
    turns = range(times)
    begin = time.process_time()
    for _ in turns:
        call()
    return time.process_time() - begin
