"""Bootstrap intervals of means that were measured over several runs and, in each, many tasks."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from ruvllm._core import Purpose, RandomStream, resampled_totals

__all__ = ["LEVEL", "RESAMPLES", "SharedDraws", "bootstrap_interval", "bootstrap_intervals", "describe"]

RESAMPLES = 10_000
"""Resamples of every interval that is reported."""

LEVEL = 0.95
"""Share of the resampled means that an interval covers."""

METHOD = (
    "percentile interval of a hierarchical bootstrap: runs are drawn with replacement, then tasks within each drawn "
    "run (copies of one another together), the same ones for all metrics; the statistic is the mean of the runs' "
    "means. Runs on real input test the same tasks again: there an interval covers that of tasks drawn across runs"
)


def describe(seed: int) -> dict[str, str | float]:
    """How intervals with this seed and the defaults are made, for a results file: method, resamples, seed, level."""
    return {"method": METHOD, "resamples": RESAMPLES, "seed": seed, "level": LEVEL}


Groups = Sequence[Sequence[int] | None]
"""For each run the number of each task's group; None if every task is by itself."""
Metrics = Mapping[str, Sequence[Sequence[float]]]
"""By name: for each run one value per task."""
Intervals = dict[str, tuple[float, float]]


def bootstrap_interval(
    values_per_run: Sequence[Sequence[float]],
    seed: int,
    n_resamples: int = RESAMPLES,
    level: float = LEVEL,
    groups: Groups | None = None,
) -> tuple[float, float]:
    """(low, high): percentile interval of the mean of the runs' means.

    `values_per_run` has one value per task for each run (one seed, or one seed and fold), for instance paired gains:
    after minus before. Runs are drawn with replacement, then tasks within each drawn run, with replacement as well
    (hierarchical bootstrap: Davison & Hinkley 1997, sec. 3.8; of their two strategies the one with the wider result).
    With k runs the spread between runs is understated by about (k - 1) / k, as any bootstrap of k values does.

    Tasks of one group are drawn together, because copies of a task are no independent evidence: as many groups as there
    are, and the mean is their total over their number of tasks (cluster bootstrap: Field & Welsh 2007, J. R. Stat. Soc.
    B 69). Groups of one task each give the bits that no groups give.

    Values become fixed-point numbers of 64 bits, so that sums are exact whatever their order; each is off by at
    most 2^-40 of the largest, for fewer than 2^22 tasks. The same arguments give the same bits on every CPU.

    Raises ValueError for no runs, a run without values, values that are not finite, n_resamples < 1, a level outside
    (0, 1), or groups of other runs and tasks.
    """
    return bootstrap_intervals({"values": values_per_run}, seed, n_resamples, level, groups)["values"]


def bootstrap_intervals(
    metrics: Metrics,
    seed: int,
    n_resamples: int = RESAMPLES,
    level: float = LEVEL,
    groups: Groups | None = None,
) -> Intervals:
    """The `bootstrap_interval` of several metrics of the same tasks, by name, with the same digits as alone.

    All share the draws, so that one resample is one imagined repetition of the whole experiment, and it costs little
    more than one metric. All need the same runs and numbers of tasks. Raises ValueError as `bootstrap_interval` does,
    for no metrics, and naming the metric whose runs are not those of the first.
    """
    if n_resamples < 1 or not 0 < level < 1:
        raise ValueError(f"a bootstrap needs n_resamples >= 1 and 0 < level < 1, not {n_resamples} and {level}")
    numbers = _numbered(groups, [len(run) for run in next(iter(metrics.values()), [])])
    runs, exponents = _fixed_point(metrics, max((_most_drawn(of_run) for of_run in numbers), default=0))
    totals = [_in_groups(*run) for run in zip(runs, numbers, strict=True)]
    means = _resampled_means(totals, len(metrics), seed, n_resamples)
    # the k-th smallest and the k-th largest, k = (R + 1) (1 - level) / 2
    k = min(max(1, round((n_resamples + 1) * (1 - level) / 2)), (n_resamples + 1) // 2)
    intervals = {}
    for name, exponent, column in zip(metrics, exponents, means.T, strict=True):
        ordered = np.ldexp(np.sort(column), -exponent)
        intervals[name] = (float(ordered[k - 1]), float(ordered[n_resamples - k]))
    return intervals


class SharedDraws(Struct, eq=False):
    """Bootstraps of many sets of metrics: those of equal runs, numbers of tasks and groups share their draws.

    Everything is asked for first, and drawn when the first result is wanted. The digits are those that
    bootstrap_intervals() gives for each set alone.
    """

    seed: int
    _wanted: list[tuple[Metrics, Groups]] = field(default_factory=list)
    _found: list[Intervals] = field(default_factory=list)

    def ask(self, metrics: Metrics, groups: Groups) -> Callable[[], Intervals]:
        """Returns what gives the intervals. Raises ValueError, then, as bootstrap_intervals() does."""
        number = len(self._wanted)
        self._wanted.append((metrics, groups))
        return lambda: self._intervals(number)

    def _intervals(self, number: int) -> Intervals:
        if number >= len(self._found):
            self._draw()
        return self._found[number]

    def _draw(self) -> None:
        """Draws for all sets that have no intervals yet."""
        begin, alike = len(self._found), dict[str, list[int]]()
        for number, (metrics, groups) in enumerate(self._wanted[begin:], begin):
            sizes = [[len(run) for run in runs] for runs in metrics.values()]
            alike.setdefault(repr((sizes[:1], all(each == sizes[0] for each in sizes), groups)), []).append(number)
        found: dict[int, Intervals] = {}
        for numbers in alike.values():
            together = {f"{i} {name}": runs for i in numbers for name, runs in self._wanted[i][0].items()}
            intervals = bootstrap_intervals(together, self.seed, groups=self._wanted[numbers[0]][1])
            for i in numbers:
                found[i] = {name: intervals[f"{i} {name}"] for name in self._wanted[i][0]}
        self._found += [found[i] for i in range(begin, len(self._wanted))]


def _numbered(groups: Groups | None, n_tasks: Sequence[int]) -> list[NDArray[np.intp]]:
    """Per run the number of each task's group, from 0: each task's own without groups. Raises ValueError."""
    if groups is None:
        return [np.arange(n) for n in n_tasks]
    if len(groups) != len(n_tasks) or any(g is not None and len(g) != n for g, n in zip(groups, n_tasks, strict=True)):
        raise ValueError(f"groups must number the tasks of {len(n_tasks)} runs of {', '.join(map(str, n_tasks))}")
    return [
        np.arange(n) if of_run is None else np.unique(np.asarray(of_run), return_inverse=True)[1]
        for of_run, n in zip(groups, n_tasks, strict=True)
    ]


def _most_drawn(numbers: NDArray[np.intp]) -> int:
    """Most tasks that a resample may have: as many groups as there are, each of them the largest."""
    sizes = np.bincount(numbers)
    return len(sizes) * int(sizes.max(initial=0))


def _in_groups(values: NDArray[np.int64], numbers: NDArray[np.intp]) -> NDArray[np.int64]:
    """Totals (n_metrics + 1, n_groups) of values (n_metrics, n_tasks): the last row has the groups' sizes.

    (n_metrics, n_groups) without that row where each group is one task.
    """
    n_groups = int(numbers.max()) + 1
    rows = values if n_groups == len(numbers) else [*values, np.ones_like(values[0])]
    totals = np.zeros((len(rows), n_groups), dtype=np.int64)
    for row, of_metric in zip(totals, rows, strict=True):
        np.add.at(row, numbers, of_metric)
    return totals


def _fixed_point(
    metrics: Metrics, most_drawn: int
) -> tuple[list[NDArray[np.int64]], list[int]]:
    """One array (n_metrics, n_tasks) of integers per run, and per metric the exponent: integer = value * 2^exponent.

    No total of `most_drawn` of the integers is above 2^62 in magnitude.
    """
    if len(metrics) == 0:
        raise ValueError("a bootstrap needs at least 1 metric, not 0")
    columns: list[list[NDArray[np.int64]]] = []
    exponents = []
    for name, values_per_run in metrics.items():
        arrays = _checked(name, values_per_run)
        largest = max(float(np.abs(array).max()) for array in arrays)
        exponents.append(62 - math.frexp(largest)[1] - most_drawn.bit_length())
        columns.append([np.rint(np.ldexp(array, exponents[-1])).astype(np.int64) for array in arrays])
        if [len(array) for array in arrays] != [len(column) for column in columns[0]]:
            raise ValueError(
                f"metrics drawn together need the same runs and tasks: {name} has {_sizes(columns[-1])}, "
                f"{next(iter(metrics))} has {_sizes(columns[0])}"
            )
    return [np.stack(of_run) for of_run in zip(*columns, strict=True)], exponents


def _checked(name: str, values_per_run: Sequence[Sequence[float]]) -> list[NDArray[np.float64]]:
    if len(values_per_run) == 0:
        raise ValueError(f"a bootstrap of {name} needs at least 1 run, not 0")
    arrays = [np.asarray(values, dtype=np.float64) for values in values_per_run]
    for array in arrays:
        if array.ndim != 1 or len(array) == 0:
            raise ValueError(
                f"a bootstrap of {name} needs at least 1 value in each run, not an array of shape {array.shape}"
            )
        if not np.isfinite(array).all():
            raise ValueError(f"a bootstrap of {name} needs finite values, not NaN or infinity")
    return arrays


def _sizes(runs: Sequence[NDArray[np.int64]]) -> str:
    return f"{len(runs)} runs of {', '.join(str(len(run)) for run in runs)}"


def _resampled_means(
    runs: Sequence[NDArray[np.int64]], n_metrics: int, seed: int, n_resamples: int
) -> NDArray[np.float64]:
    """Means (n_resamples, n_metrics) over as many drawn runs as there are runs of the drawn tasks' means.

    Each run has totals of groups, as _in_groups() makes them.
    """
    chosen = RandomStream(seed, Purpose.BOOTSTRAP).integers(len(runs), n_resamples * len(runs))
    chosen = chosen.reshape(n_resamples, len(runs))
    sums = np.zeros((n_resamples, n_metrics))
    for slot in range(len(runs)):
        for number, totals in enumerate(runs):
            rows = np.flatnonzero(chosen[:, slot] == number)
            stream = RandomStream(seed, Purpose.BOOTSTRAP, 1 + slot, number)
            drawn = resampled_totals(totals, stream, len(rows))
            sizes = drawn[:, n_metrics:] if len(totals) > n_metrics else totals.shape[1]
            sums[rows] += drawn[:, :n_metrics] / sizes
    return sums / len(runs)
