"""The records of one run of a benchmark: what was measured, epoch by epoch and task by task."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from ruvllm.results.audit_records import LeakCheck, LeftOut, Pools, Repeats
from ruvllm.results.records import (
    Count,
    HexDigest,
    Interval,
    Name,
    Record,
    Seed,
    Selection,
    StartAndEnd,
    camel_case,
)  # fmt: skip

Outcome = Annotated[int, Meta(ge=0, le=1)]
"""1 if a task was resolved, else 0."""
Probability = Annotated[float, Meta(ge=0, le=1)]
ReciprocalRank = Annotated[float, Meta(gt=0, le=1)]
TaskNumber = Annotated[int, Meta(ge=0, lt=2**32)]
SolutionNumber = Annotated[int, Meta(ge=0, lt=2**32)]
"""In the input of n tasks: i < n is the right solution of task i; own wrong ones of one task after another follow."""


class Scores(Record):
    """Resolve rate, mean confidence, calibration error and Brier score of a part, each in [0, 1]."""

    resolve_rate: float
    confidence: float
    ece: float
    brier: float


class FinalScores(Scores):
    """Scores with the 95% Wilson interval of the resolve rate."""

    resolve_rate_ci95: Interval


class EpochScores(Record):
    """The same scores after an epoch. Trimmed files have the first two only."""

    resolve_rate: float
    confidence: float
    ece: float | None = None
    brier: float | None = None


class CalibratedScores(Record):
    """Scores after temperature scaling that was fitted on the validation part; it leaves the resolve rate as it is."""

    temperature: float
    confidence: float
    ece: float
    brier: float


class ReliabilityBin(Record, kw_only=True):
    """Answers with a confidence in (low, high]: their number, mean confidence and share right, None for no answers."""

    low: float | None = None  # trimmed files do not have the bounds
    high: float | None = None
    count: Count
    confidence: float | None
    accuracy: float | None


class FrozenAndLearned(Record):
    """A retrieval metric by the frozen vectors, and by what was learned."""

    frozen: float
    learned: float


class RunRetrieval(Record):
    """Retrieval of one run; by task type, the share of the crowding taken from cosines, or of a hybrid the weights."""

    queries: Count
    recall_at_1: FrozenAndLearned
    recall_at_5: FrozenAndLearned
    mrr: FrozenAndLearned
    crowding_share: dict[str, float] | None = None
    weights: dict[str, dict[str, float]] | None = None
    frozen_weights: dict[str, dict[str, float]] | None = None
    pools: Pools | None = None


class Transitions(Record):
    """Number of tasks that were resolved before and after, only after, only before, and never."""

    kept: Count
    gained: Count
    lost: Count
    never: Count


class EpochRecord(Record, kw_only=True):
    """One epoch. Trimmed files have the required fields only."""

    epoch: Count
    test: EpochScores
    prequential: Scores | None = None
    train_test_gap: float | None = None
    task_type_accuracy: dict[str, float] | None = None
    patterns_learned: Count | None = None
    lora_norm: float | None = None
    per_beta: float | None = None
    contrastive_loss: float | None = None
    replay_loss: float | None = None
    curriculum_level: str | UnsetType | None = UNSET
    """None without a curriculum."""
    dynamic_difficulty: float
    learning_rate: float
    temperature: float | None = None
    trajectory_count: Count | None = None
    ewc_task_count: Count | None = None
    ewc_penalty: float | None = None


class AntiOverfitting(Record):
    """The published measures against overfitting as they were in this run; None where the protocol has no such measure.

    The epoch-by-epoch values of all but the first three are in the run's history.
    """

    stratified_split: dict[str, int]
    folds: dict[str, int] | None
    holdout: dict[str, float]
    curriculum: list[str] | None
    temperature: dict[str, float]
    difficulty_adjustment: dict[str, float] | None
    ewc: dict[str, int | float]
    train_test_gap: dict[str, float]


class Answers(Record, kw_only=True):
    """What a run answered on its n test tasks; element i of each list belongs to task `tasks[i]`."""

    tasks: Annotated[list[TaskNumber], Meta(min_length=1)]
    """No two alike."""
    resolved_initially: list[Outcome]
    resolved: list[Outcome]
    confidence: list[Probability]
    confidence_initially: list[Probability] | None = None
    """Six digits; files of version 0.2.0 and before do not have it, nor what is chosen."""
    groups: list[TaskNumber] | None = None
    """The smallest task of each task's group: intervals draw copies of one another together. None if there are none."""
    types: list[Count] | None = None
    """Indices into TASK_TYPES. Files of version 0.2.0 and before have them on real input only."""
    categories: list[Count] | None = None
    """Indices into CATEGORIES; on real input only if a task is of another language than Python."""
    difficulty: list[float] | None = None  # on the simulated workload only
    chosen_initially: list[SolutionNumber] | None = None
    """Which solution of the input was chosen; the texts are in the document's task table. Like the ranks and what
    follows on real input only."""
    chosen: list[SolutionNumber] | None = None
    first_initially: list[SolutionNumber | None] | None = None
    """Which solution stood first in retrieval; null for later tasks where there are many to search among many."""
    first: list[SolutionNumber | None] | None = None
    reciprocal_rank_initially: list[ReciprocalRank] | None = None
    reciprocal_rank: list[ReciprocalRank] | None = None
    closed_forms: dict[str, list[ReciprocalRank]] | None = None
    """Reciprocal ranks under each method that needs no learning loop."""
    reciprocal_rank_alone: list[ReciprocalRank] | None = None
    """By what was learned, whether it was selected or not. Like the transfer's in files of version 0.3.0 on."""
    hybrid: list[ReciprocalRank] | None = None  # the same for what was learned from the lexical view as well
    ensemble: list[ReciprocalRank] | None = None  # the same for all scores that there are, weighed together

    @property
    def n(self) -> int:
        return len(self.tasks)

    def __post_init__(self) -> None:
        _check_lengths(self)
        if len(set(self.tasks)) != len(self.tasks):
            twice = next(task for task, following in pairwise(sorted(self.tasks)) if task == following)
            raise ValueError(f"tasks must name each task once, not {twice} twice")


class TransferAnswers(Record):
    """Retrieval of one run on transfer input; element i of each list belongs to query i."""

    types: list[Count]
    reciprocal_rank_initially: list[ReciprocalRank]
    reciprocal_rank: list[ReciprocalRank]
    closed_forms: dict[str, list[ReciprocalRank]] | None = None
    reciprocal_rank_alone: list[ReciprocalRank] | None = None
    hybrid: list[ReciprocalRank] | None = None
    ensemble: list[ReciprocalRank] | None = None

    @property
    def n(self) -> int:
        return len(self.types)

    def __post_init__(self) -> None:
        _check_lengths(self)


def _check_lengths(answers: Answers | TransferAnswers) -> None:
    """Raises ValueError for a list that has not n elements."""
    for name in answers.__struct_fields__:
        value = getattr(answers, name)
        for key, numbers in value.items() if isinstance(value, dict) else [(camel_case(name), value)]:
            if numbers is not None and len(numbers) != answers.n:
                raise ValueError(f"{key} must have {answers.n} numbers, not {len(numbers)}")


class RunIdentity(Record, kw_only=True):
    """Which run it is."""

    protocol: Name
    workload: Name
    model: Name
    params_b: float
    """Billions of parameters; 0 if nobody has said how many."""
    lora_rank: Count
    seed: Seed
    epochs: Count
    tasks_per_epoch: Count
    fold: Annotated[int, Meta(ge=1)] | None = None
    folds: Annotated[int, Meta(ge=2)] | None = None

    def __post_init__(self) -> None:
        if (self.fold is None) != (self.folds is None):
            raise ValueError(f"{'fold' if self.fold is None else 'folds'} is missing")
        if self.fold is not None and self.folds is not None and self.fold > self.folds:
            raise ValueError(f"fold must be at most folds, {self.folds}, not {self.fold}")


class InputIdentity(Record, kw_only=True):
    """What the tasks of real input were made of: runs with equal digests may stand in one table."""

    source: Name
    """As the user wrote it, `jsonl:FILE` for one."""
    name: Name
    """What to call the input: its file, its folder."""
    texts_digest: HexDigest
    """Of all tasks as texts."""
    encoder: Name
    encoder_digest: HexDigest | None = None
    """Of the vectors that a user's encoder gave; None for the default one, which each run fits anew."""
    tasks: Count
    """In all parts; `candidates` are each task's."""
    candidates: Count
    generator: Count = 1
    split: str | None = None  # how the tasks were split; None if at random
    test_tasks: Count | None = None  # of a test file of its own; None if a part was tested on
    hints: bool | None = None  # True if the hints of SWE-bench's issues belong to their text
    language: str | None = None
    grammar: str | None = None
    """Languages of a source tree with commas, and what parsed them; None for Python and for other input."""


class BenchmarkRun(RunIdentity, kw_only=True):
    """One model, protocol, seed and fold: an element of `results`. Trimmed files have neither answers nor times."""

    task_set: HexDigest | None = None
    """Equal if the tasks of two runs have the same numbers and vectors."""
    input: InputIdentity | None = None
    """None for the simulated workload, and in files of before version 0.3.0, as the next three."""
    repeats: Repeats | None = None
    leak_check: LeakCheck | None = None
    left_out: list[LeftOut] | None = None
    initial: Scores
    final: FinalScores
    calibrated: StartAndEnd[CalibratedScores]
    reliability: StartAndEnd[list[ReliabilityBin]]
    task_type_accuracy: dict[str, float]
    train: Scores
    """On as many train tasks as there are test tasks."""
    holdout: Scores
    controls: dict[str, StartAndEnd[Scores]]
    retrieval: RunRetrieval | None = None
    transfer: RunRetrieval | None = None
    hybrid: RunRetrieval | None = None
    selection: dict[str, Selection] | None = None
    """By task type; None where nothing is selected, and in files of before version 0.3.0."""
    anti_overfitting: AntiOverfitting | None = None
    patterns: Count
    efficiency: float | None = None
    """Final resolve rate per billion parameters; None on real input, where no model of that size is run."""
    seconds: float | None = None
    microseconds_per_task: float
    """Processor time of learning from one example."""
    transitions: dict[str, Transitions]
    """By task type."""
    history: list[EpochRecord]
    answers: Answers | None = None
    transfer_answers: TransferAnswers | None = None
    state_hash: HexDigest
    run_hash: HexDigest
    checkpoint: str | None = None
