"""What learning brought: on all tasks, on each task type, on transfer input, and beside what needs no learning loop.

Differences are paired by task. All measures of the same tasks share the draws of one bootstrap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal

from msgspec import Struct

from ruvllm.evaluation.bootstrap import SharedDraws
from ruvllm.evaluation.retrieval import OF_RECIPROCAL_RANK
from ruvllm.evaluation.statistics import mean
from ruvllm.results.records import Interval, MeanWithInterval, camel_case
from ruvllm.results.run_records import Answers, TransferAnswers
from ruvllm.results.summary_records import Gain, Gains, MethodRow
from ruvllm.workloads.workload import CATEGORIES, TASK_TYPES

__all__ = ["BOOTSTRAP_SEED", "METRICS", "AllGains", "gains_of_answers", "gains_of_transfer", "shared_draws"]

BOOTSTRAP_SEED = 0
METRICS = ("recall_at_1", "recall_at_5", "mrr")
"""What methods are compared by."""
FROZEN, LEARNED, ALONE, HYBRID, ENSEMBLE = "frozen", "learned", "learningAlone", "hybrid", "ensemble"

Values = list[list[float]]
"""One value per run and task."""
Levels = dict[str, dict[str, Values]]
"""By measure and method."""
Kind = tuple[Literal["types", "categories"], int]
"""Which tasks: those of one type, or of one language."""


class AllGains(Struct, frozen=True):
    """What the answers of all runs of one protocol and model say."""

    overall: Gains
    """On all tasks."""
    intervals: dict[str, Interval]
    """95% intervals of the resolve rate before and after, and of confidence: "initial", "final", "confidence"."""
    by_type: dict[str, Gains]
    """On each task type that every run has; empty without retrieval."""
    by_language: dict[str, Gains]
    """On the tasks of each language that every run has; empty without retrieval, and for a single language."""
    comparison: list[MethodRow]
    """A row per task type ("all" first, where there are several) and method; empty without closed forms."""


def shared_draws() -> SharedDraws:
    """The bootstrap of one document: all gains in it share the draws that they can."""
    return SharedDraws(BOOTSTRAP_SEED)


def gains_of_answers(
    answers: Sequence[Answers],
    draws: SharedDraws | None = None,
    *,
    same_tasks: bool = False,
    tasks_recur: bool = False,
) -> Callable[[], AllGains]:
    """Returns what gives the gains of one or more runs, which all have retrieval or closed forms, or none has.

    To answer a task again under another seed is no further evidence about tasks. `same_tasks` says that all runs were
    tested on the same tasks in the same order: then a task counts once, as its mean over the runs. `tasks_recur` says
    that equal numbers mean the same task, which several runs may have been tested on: then an interval holds for tasks
    drawn across runs too, all answers to a task together (cluster bootstrap), if that makes it wider.
    """
    confidence = [list(each.confidence) for each in answers]
    resolved = _levels(answers, None)["resolve_rate"]
    more = {"initial": resolved[FROZEN], "final": resolved[LEARNED], "confidence": confidence}
    names = _names_of_tasks(answers) if tasks_recur and len(answers) > 1 else None
    of = partial(_Group, answers, draws=draws or shared_draws(), same_tasks=same_tasks, names=names)
    everything = of(None, more)
    with_types = [each.types or () for each in answers if each.reciprocal_rank or each.closed_forms]
    kinds = sorted({kind for types in with_types for kind in types})
    common = [kind for kind in kinds if all(kind in (each.types or ()) for each in answers)]
    groups = {TASK_TYPES[kind]: everything if len(kinds) == 1 else of(("types", kind)) for kind in common}
    spoken = sorted({kind for each in answers for kind in each.categories or ()}) if with_types else []
    everywhere = [kind for kind in spoken if all(kind in (each.categories or ()) for each in answers)]
    languages = {CATEGORIES[kind]: of(("categories", kind)) for kind in everywhere} if len(spoken) > 1 else {}

    def found() -> AllGains:
        rows: list[MethodRow] = []
        if all(each.closed_forms is not None for each in answers):
            rows += everything.rows("all") if len(kinds) > 1 else []
            rows += [row for kind in sorted(groups) for row in groups[kind].rows(kind)]
        return AllGains(
            everything.gains(),
            {name: everything.intervals[name] for name in more},
            {kind: group.gains() for kind, group in groups.items()},
            {language: group.gains() for language, group in languages.items()},
            rows,
        )

    return found


def gains_of_transfer(
    answers: Sequence[TransferAnswers], draws: SharedDraws | None = None
) -> Callable[[], tuple[Gains, list[MethodRow]]]:
    """Returns what gives the gains on transfer input, of all task types, and rows of methods if there are closed forms.

    It is the same input for all runs, so that a task counts once, as its mean over them.
    """
    group = _Group(answers, None, draws=draws or shared_draws(), same_tasks=len({each.n for each in answers}) == 1)
    with_rows = all(each.closed_forms for each in answers)
    return lambda: (group.gains(), group.rows("transfer") if with_rows else [])


class _Group:
    """The answers to tasks of one type, or of all: means, differences, and their intervals from shared draws."""

    def __init__(
        self,
        answers: Sequence[Answers | TransferAnswers],
        kind: Kind | None,
        more: Mapping[str, Values] | None = None,
        *,
        draws: SharedDraws,
        same_tasks: bool,
        names: Sequence[Sequence[int]] | None = None,
    ) -> None:
        self.levels = _levels(answers, kind)
        self.tasks = [len(run) for run in next(iter(self.levels.values()))[FROZEN]]
        self.differences = {
            f"{measure}: {a} - {b}": _minus(methods[a], methods[b])
            for measure, methods in self.levels.items()
            for a, b in dict.fromkeys([(name, FROZEN) for name in methods] + [(LEARNED, name) for name in methods])
            if a != b
        }
        values, copies = {**(more or {}), **self.differences}, _copies(answers, kind)
        if same_tasks:
            values, copies = {name: [_over_runs(runs)] for name, runs in values.items()}, copies[:1]
        self._wanted = [draws.ask(values, copies)]
        if names is not None:
            tasks = [of_run[i] for each, of_run in zip(answers, names, strict=True) for i in _places(each, kind)]
            pooled = {name: [[x for run in runs for x in run]] for name, runs in values.items()}
            self._wanted.append(draws.ask(pooled, [tasks]))

    @property
    def intervals(self) -> dict[str, Interval]:
        """Of each value; the wider one where runs are drawn and where tasks are drawn across runs."""
        within, *across = (wanted() for wanted in self._wanted)
        return {name: _both(found, across[0][name]) if across else found for name, found in within.items()}

    def gains(self) -> Gains:
        found = {
            measure: Gain(
                frozen := _mean(methods[FROZEN]),
                learned := _mean(methods[LEARNED]),
                learned - frozen,
                self.intervals[f"{measure}: {LEARNED} - {FROZEN}"],
            )
            for measure, methods in self.levels.items()
        }
        return Gains(tasks=sum(self.tasks), **found)

    def rows(self, kind: str) -> list[MethodRow]:
        return [
            MethodRow(
                type=kind,
                method=name,
                queries=mean([float(n) for n in self.tasks]),
                gain={camel_case(metric): self._difference(metric, name, FROZEN) for metric in METRICS},
                learned_ahead={camel_case(metric): self._difference(metric, LEARNED, name) for metric in METRICS},
                **{metric: _mean(self.levels[metric][name]) for metric in METRICS},
            )
            for name in self.levels[METRICS[0]]
        ]

    def _difference(self, metric: str, a: str, b: str) -> MeanWithInterval:
        if a == b:
            return MeanWithInterval(0.0, (0.0, 0.0))
        key = f"{metric}: {a} - {b}"
        return MeanWithInterval(_mean(self.differences[key]), self.intervals[key])


def _places(answers: Answers | TransferAnswers, kind: Kind | None) -> Sequence[int]:
    """Where the tasks of a kind stand; None stands for all of them."""
    if kind is None:
        return range(answers.n)
    return [i for i, own in enumerate(getattr(answers, kind[0], None) or ()) if own == kind[1]]


def _names_of_tasks(answers: Sequence[Answers]) -> list[list[int]]:
    """A number for each task of each run, the same for copies of one another and for the same task in all runs."""
    group = {
        task: of_task
        for each in answers
        if each.groups is not None
        for task, of_task in zip(each.tasks, each.groups, strict=True)
    }
    return [[group.get(task, task) for task in each.tasks] for each in answers]


def _both(a: Interval, b: Interval) -> Interval:
    return min(a[0], b[0]), max(a[1], b[1])


def _copies(answers: Sequence[Answers | TransferAnswers], kind: Kind | None) -> list[list[int] | None]:
    """The group of each task of a type, per run; None for a run without copies."""
    groups = [each.groups if isinstance(each, Answers) else None for each in answers]
    return [
        None if of_run is None else [of_run[i] for i in _places(each, kind)]
        for each, of_run in zip(answers, groups, strict=True)
    ]


def _levels(answers: Sequence[Answers | TransferAnswers], kind: Kind | None) -> Levels:
    """What each task of a type counts for in each measure, under each method; None stands for all types."""
    places = [_places(each, kind) for each in answers]

    def take(runs: Sequence[Sequence[float] | None], value: Callable[[float], float] = float) -> Values:
        return [[value(run[i]) for i in own] for run, own in zip(runs, places, strict=True) if run is not None]

    levels: Levels = {}
    closed: dict[str, list[list[float] | None]] = {}
    if all(each.closed_forms is not None for each in answers):
        names = answers[0].closed_forms or {}
        closed = {name: [(each.closed_forms or {})[name] for each in answers] for name in names}
    if all(each.reciprocal_rank_alone is not None for each in answers):
        closed[ALONE] = [each.reciprocal_rank_alone for each in answers]
    if all(each.hybrid is not None for each in answers):
        closed[HYBRID] = [each.hybrid for each in answers]
    if all(each.ensemble is not None for each in answers):
        closed[ENSEMBLE] = [each.ensemble for each in answers]
    of_tasks = [each for each in answers if isinstance(each, Answers)]
    if of_tasks:
        levels["resolve_rate"] = {
            FROZEN: take([each.resolved_initially for each in of_tasks]),
            LEARNED: take([each.resolved for each in of_tasks]),
        }
    ranks: dict[str, list[list[float] | None]] = {
        FROZEN: [each.reciprocal_rank_initially for each in answers],
        **closed,
        LEARNED: [each.reciprocal_rank for each in answers],
    }
    if answers[0].reciprocal_rank is not None:
        for measure, value in OF_RECIPROCAL_RANK.items():
            levels[measure] = {name: take(runs, value) for name, runs in ranks.items()}
    return levels


def _minus(a: Values, b: Values) -> Values:
    return [[x - y for x, y in zip(*runs, strict=True)] for runs in zip(a, b, strict=True)]


def _over_runs(values: Values) -> list[float]:
    """The mean of each task over runs that have the same tasks."""
    return [mean(of_task) for of_task in zip(*values, strict=True)]


def _mean(values: Values) -> float:
    return mean([mean(run) for run in values])
