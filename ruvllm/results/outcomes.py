"""Single tasks of a benchmark: which of them learning won and which it lost, counted over the runs that tested them.

Everything that is shown of a task comes from here: the terminal's list, the page's, CSV and JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from msgspec import structs

from ruvllm.results.records import Record
from ruvllm.results.run_records import Answers, BenchmarkRun
from ruvllm.results.subjects import SIMULATED
from ruvllm.results.summary_records import BenchmarkDocument
from ruvllm.results.task_records import TaskEntry
from ruvllm.workloads.workload import CATEGORIES, TASK_TYPES

__all__ = [
    "MEASURES",
    "OUTCOMES",
    "RESOLVE",
    "RETRIEVAL",
    "AnsweredTasks",
    "Attempt",
    "Choice",
    "SingleTask",
    "answered_tasks",
    "outcome_counts",
]  # fmt: skip

OUTCOMES = ("won", "lost", "never", "kept")
"""Right only after learning, only before it, neither before nor after, both. What is worth a look comes first."""
RESOLVE, RETRIEVAL = MEASURES = ("resolve", "retrieval")
"""What is right: the right one of a task's candidates was chosen; it stood first among all solutions."""
MOST_RANKS = 2.0**53
"""So that a file of strangers with the smallest number there is gives no infinite rank."""


class Choice(Record):
    """A solution that was chosen; `text` is how it begins, None if the file does not have it."""

    solution: int
    text: str | None = None


class Attempt(Record, kw_only=True):
    """What one run answered to a task. None: the file does not have it."""

    seed: int
    fold: int | None = None
    resolved_initially: bool
    resolved: bool
    confidence_initially: float | None = None
    confidence: float
    chosen_initially: Choice | None = None
    chosen: Choice | None = None
    rank_initially: int | None = None
    """Of the right solution among all solutions, from 1."""
    rank: int | None = None
    first_initially: Choice | None = None
    """What stood first among all solutions."""
    first: Choice | None = None

    def right(self, measure: str) -> tuple[bool, bool]:
        """Whether the task was right before and after learning."""
        if measure == RETRIEVAL:
            return self.rank_initially == 1, self.rank == 1
        return self.resolved_initially, self.resolved


class SingleTask(Record, kw_only=True):
    """A task and all attempts at it by one model under one protocol."""

    task: int
    """Its number in the input. Simulated tasks have the same numbers under each seed, and are others."""
    seed: int | None = None
    """Of simulated tasks only."""
    id: str = ""
    place: str = ""
    type: str = ""
    category: str = ""
    """Of simulated tasks only, as is the difficulty."""
    difficulty: float | None = None
    prompt: str | None = None
    right: str | None = None
    """How the right solution begins."""
    attempts: list[Attempt]

    @property
    def name(self) -> str:
        """What to call it: its id, else its place, else its number."""
        number = f"task {self.task}" if self.seed is None else f"task {self.task} of seed {self.seed}"
        return self.id or self.place or number

    def times_right(self, measure: str) -> tuple[int, int]:
        """In how many attempts it was right before and after learning."""
        right = [attempt.right(measure) for attempt in self.attempts]
        return sum(before for before, _ in right), sum(after for _, after in right)

    def outcome_by(self, measure: str) -> str:
        """One of OUTCOMES. What counts as right was right in more than half of the attempts."""
        before, after = (2 * times > len(self.attempts) for times in self.times_right(measure))
        if before == after:
            return "kept" if before else "never"
        return "won" if after else "lost"

    @property
    def confidence(self) -> float:
        """Mean confidence after learning."""
        return fmean(attempt.confidence for attempt in self.attempts)

    @property
    def confidence_initially(self) -> float | None:
        known = [each.confidence_initially for each in self.attempts if each.confidence_initially is not None]
        return fmean(known) if known else None


class AnsweredTasks(Record, kw_only=True):
    """The tested tasks of one model and protocol of a results file."""

    input: str
    """What to call the input, the workload's name if nothing is known."""
    workload: str
    protocol: str
    model: str
    seeds: list[int]
    folds: int | None = None
    tasks: list[SingleTask]

    @property
    def has_retrieval(self) -> bool:
        return any(attempt.rank is not None for task in self.tasks for attempt in task.attempts)

    @property
    def has_texts(self) -> bool:
        return any(task.prompt is not None for task in self.tasks)

    @property
    def is_simulated(self) -> bool:
        return self.workload == SIMULATED

    def counts(self, measure: str) -> dict[str, int]:
        """How many tasks had each outcome."""
        return outcome_counts(self.tasks, measure)

    def most_telling_first(self, measure: str) -> list[SingleTask]:
        """The tasks by outcome, and the surest answers first."""
        return sorted(self.tasks, key=lambda task: (OUTCOMES.index(task.outcome_by(measure)), -task.confidence))

    def under(self, seeds: Sequence[int]) -> AnsweredTasks:
        """The tasks with their attempts under these seeds only; tasks without any are left out."""
        tasks = []
        for task in self.tasks:
            kept = [attempt for attempt in task.attempts if attempt.seed in seeds]
            tasks += [structs.replace(task, attempts=kept)] if kept else []
        return structs.replace(self, seeds=[seed for seed in self.seeds if seed in seeds], tasks=tasks)

    def having(self, tasks: Iterable[SingleTask]) -> AnsweredTasks:
        """These of its tasks."""
        return structs.replace(self, tasks=list(tasks))


def outcome_counts(tasks: Iterable[SingleTask], measure: str) -> dict[str, int]:
    """How many tasks had each outcome."""
    found = [task.outcome_by(measure) for task in tasks]
    return {outcome: found.count(outcome) for outcome in OUTCOMES}


def answered_tasks(document: BenchmarkDocument) -> list[AnsweredTasks]:
    """The tasks of each protocol and model, in the order of the file; empty if it has no single answers."""
    runs: dict[tuple[str, str], list[BenchmarkRun]] = {}
    for run in document.results:
        if run.answers is not None:
            runs.setdefault((run.protocol, run.model), []).append(run)
    table = document.tasks
    entries = {} if table is None else {entry.task: entry for entry in table.tasks}
    choices = {} if table is None else {each.solution: Choice(each.solution, each.text) for each in table.solutions}
    return [_together(of_model, entries, choices) for of_model in runs.values()]


def _together(runs: Sequence[BenchmarkRun], entries: dict[int, TaskEntry], choices: dict[int, Choice]) -> AnsweredTasks:
    tasks: dict[tuple[int, int | None], SingleTask] = {}
    known: set[tuple[int, int | None]] = set()
    for run in runs:
        if run.answers is None or (run.seed, run.fold) in known:  # a run that stands twice counts once
            continue
        known.add((run.seed, run.fold))
        for place, number in enumerate(run.answers.tasks):
            seed = run.seed if run.workload == SIMULATED else None
            if (number, seed) not in tasks:
                tasks[number, seed] = _task(run.answers, place, seed, entries.get(number), choices)
            tasks[number, seed].attempts.append(_attempt(run, run.answers, place, choices))
    first = runs[0]
    return AnsweredTasks(
        input=first.workload if first.input is None else first.input.name,
        workload=first.workload,
        protocol=first.protocol,
        model=first.model,
        seeds=sorted({run.seed for run in runs}),
        folds=first.folds,
        tasks=[tasks[key] for key in sorted(tasks, key=lambda key: (key[1] or 0, key[0]))],
    )


def _task(
    answers: Answers, place: int, seed: int | None, entry: TaskEntry | None, choices: dict[int, Choice]
) -> SingleTask:
    number = answers.tasks[place]
    right = choices.get(number)
    return SingleTask(
        task=number,
        seed=seed,
        id="" if entry is None else entry.id,
        place="" if entry is None else entry.place,
        type=_named(TASK_TYPES, answers.types, place) if entry is None else entry.type,
        category=_named(CATEGORIES, answers.categories, place),
        difficulty=None if answers.difficulty is None else answers.difficulty[place],
        prompt=None if entry is None else entry.prompt,
        right=None if right is None else right.text,
        attempts=[],
    )


def _attempt(run: BenchmarkRun, answers: Answers, place: int, choices: dict[int, Choice]) -> Attempt:
    def choice(found: Sequence[int | None] | None) -> Choice | None:
        number = None if found is None else found[place]
        return None if number is None else choices.get(number) or Choice(number)

    def rank(found: Sequence[float] | None) -> int | None:
        return None if found is None else round(min(1 / found[place], MOST_RANKS))

    sure = answers.confidence_initially
    return Attempt(
        seed=run.seed,
        fold=run.fold,
        resolved_initially=bool(answers.resolved_initially[place]),
        resolved=bool(answers.resolved[place]),
        confidence_initially=None if sure is None else sure[place],
        confidence=answers.confidence[place],
        chosen_initially=choice(answers.chosen_initially),
        chosen=choice(answers.chosen),
        rank_initially=rank(answers.reciprocal_rank_initially),
        rank=rank(answers.reciprocal_rank),
        first_initially=choice(answers.first_initially),
        first=choice(answers.first),
    )


def _named(names: Sequence[str], found: Sequence[int] | None, place: int) -> str:
    """The name of a number, which a file of strangers may have wrong; empty if the file has none."""
    if found is None:
        return ""
    return names[found[place]] if found[place] < len(names) else f"number {found[place]}"
