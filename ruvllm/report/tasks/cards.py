"""A single task for people: what was asked, what was right, what was chosen before and after learning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from ruvllm.files.json_reading import shown
from ruvllm.report.parts import Card, CardList, Table
from ruvllm.report.wording import counted, seed_range, words
from ruvllm.results.outcomes import (
    OUTCOMES,
    RESOLVE,
    RETRIEVAL,
    AnsweredTasks,
    Attempt,
    Choice,
    SingleTask,
    outcome_counts,
)

__all__ = ["LINE", "RIGHT", "card_list", "card_of", "counts_table", "most_chosen", "numbers_table", "of_outcome"]

LINE = 200
"""Letters of a text or a name that comes from a file, which may hold longer ones."""
RIGHT = "the right one"
SHORT = 5
"""Tasks of an outcome in a short table."""
MOST_NUMBERS = 6
"""Ranks of single runs that are written out."""
EXPLAINED = (
    "Won: right after learning and not before, in more than half of the runs that tested the task; lost: the other way "
    "round; never: right neither before nor after; kept: both."
)
COUNTED = {
    RESOLVE: "that the right one of a task's candidates was chosen, as the resolve rate counts",
    RETRIEVAL: "that the right solution stood first among all solutions, as recall@1 counts",
}
AMONG = {RESOLVE: "chosen among the candidates", RETRIEVAL: "first among all solutions"}
NOT_A_VERDICT = (
    "Single tasks show what changed, not whether it got better: chance alone wins some and loses some, and only the "
    "intervals of the gain tell them apart."
)


def _title_of(tested: AnsweredTasks, file: str = "") -> str:
    """What a list of tasks is of; the file is named where there are several."""
    parts = [shown(tested.model), shown(tested.protocol), _seeds_of(tested), *([file] if file else [])]
    return f"{shown(tested.input)}: {', '.join(parts)}"


def _seeds_of(tested: AnsweredTasks) -> str:
    return f"{seed_range(tested.seeds)}{f', {tested.folds} folds' if tested.folds else ''}"


def counts_table(tested: AnsweredTasks, measure: str, file: str = "") -> Table:
    """How many tasks of each type had which outcome."""
    kinds = list(dict.fromkeys(task.type for task in tested.tasks if task.type))
    groups = [[task for task in tested.tasks if task.type == kind] for kind in sorted(kinds)] if len(kinds) > 1 else []
    counts = [outcome_counts(tasks, measure) for tasks in (tested.tasks, *groups)]
    other = RESOLVE if measure == RETRIEVAL else RETRIEVAL
    others = [outcome_counts(tested.tasks, other)] if tested.has_retrieval else []
    rows = [(outcome, *(str(count[outcome]) for count in counts + others)) for outcome in OUTCOMES]
    totals = [str(len(tasks)) for tasks in (tested.tasks, *groups, *(tested.tasks for _ in others))]
    columns = ("Outcome", "Tasks", *(words(shown(kind)) for kind in sorted(kinds)[: len(groups)]),
               *(f"by {other}" for _ in others))  # fmt: skip
    rows.append(("tested", *totals))
    right = COUNTED[measure] + (f", and by {other} {COUNTED[other]}" if others else "")
    note = f"{EXPLAINED} Right means {right}. {NOT_A_VERDICT}"
    return Table(f"Tasks of {_title_of(tested, file)}", columns, tuple(rows), note)


def of_outcome(tasks: Sequence[SingleTask], measure: str) -> dict[str, list[SingleTask]]:
    """The tasks by outcome, for outcomes that occur."""
    found = {outcome: [task for task in tasks if task.outcome_by(measure) == outcome] for outcome in OUTCOMES}
    return {outcome: group for outcome, group in found.items() if group}


def card_of(task: SingleTask, measure: str) -> Card:
    """The card of a task. Texts of the file are made fit for a terminal."""
    category = task.category + (f", difficulty {task.difficulty:.2f}" if task.difficulty is not None else "")
    facts = (task.place if task.id else "", words(task.type) if task.type else "", category)
    return Card(
        name=shown(task.name, LINE),
        facts=", ".join(shown(fact, LINE) for fact in facts if fact),
        score=_score(task, measure),
        texts=tuple(_texts(task, measure)),
        outcome=task.outcome_by(measure),
        kind=shown(task.type),
    )


def _score(task: SingleTask, measure: str) -> str:
    before, after = task.times_right(measure)
    n = len(task.attempts)
    parts = [f"right in {before} of {counted(n, 'run')} before, in {after} after" if n > 1 else ""]
    parts.append(f"sure {_arrow(task.confidence_initially, task.confidence)}")
    ranks = [(each.rank_initially, each.rank) for each in task.attempts if each.rank is not None]
    if ranks:
        before_and_after = (_numbers([rank[place] for rank in ranks]) for place in (0, 1))
        parts.append(f"rank {' → '.join(before_and_after)} among all solutions")
    return "; ".join(filter(None, parts))


def _arrow(before: float | None, after: float) -> str:
    return f"{'' if before is None else f'{100 * before:.0f}% → '}{100 * after:.0f}%"


def _numbers(ranks: Sequence[int | None]) -> str:
    texts = ["?" if rank is None else str(rank) for rank in ranks]
    return ", ".join(texts if len(texts) <= MOST_NUMBERS else [*texts[: MOST_NUMBERS - 1], "..."])


def _texts(task: SingleTask, measure: str) -> list[tuple[str, str]]:
    """Nothing for a task without texts: of numbers alone there is nothing to read."""
    if task.prompt is None:
        return []
    verb = "first" if measure == RETRIEVAL else "chosen"
    found: list[tuple[str, Callable[[Attempt], Choice | None]]] = [
        (f"{verb} before", lambda each: each.first_initially if measure == RETRIEVAL else each.chosen_initially),
        (f"{verb} after", lambda each: each.first if measure == RETRIEVAL else each.chosen),
    ]
    lines = [("asked", shown(task.prompt, LINE)), ("right", shown(task.right or "?", LINE))]
    for (heading, choice), times in zip(found, task.times_right(measure), strict=True):
        if text := _in_words(task, [choice(each) for each in task.attempts], times):
            lines.append((heading, text))
    return lines


def most_chosen(task: SingleTask, choices: Sequence[Choice | None], times_right: int) -> tuple[Choice | None, int]:
    """What a task was answered with, and in how many attempts: the right solution where most were right, else the
    wrong one that most chose. None if the file does not say.
    """
    right = 2 * times_right > len(task.attempts)
    known = Counter(each for each in choices if each is not None and (each.solution == task.task) == right)
    return known.most_common(1)[0] if known else (None, 0)


def _in_words(task: SingleTask, choices: Sequence[Choice | None], times_right: int) -> str:
    choice, times = most_chosen(task, choices, times_right)
    if choice is None:
        return ""
    text = RIGHT if choice.solution == task.task else shown(choice.text or f"solution {choice.solution}", LINE)
    return text if times == len(choices) else f"{text}  ({times} of {len(choices)} runs)"


def numbers_table(title: str, tasks: Sequence[SingleTask], measure: str) -> Table:
    """Tasks without texts, one to a row."""
    simulated = any(task.difficulty is not None for task in tasks)
    ranked = any(task.attempts[0].rank is not None for task in tasks)
    more = ["Category", "Difficulty"] if simulated else []
    columns = ["Task", "Type", *more, "Runs", "Right before", "Right after", "Sure", *(["Rank"] if ranked else [])]
    rows = []
    for task in tasks:
        before, after = task.times_right(measure)
        ranks = [f"{_numbers([each.rank_initially for each in task.attempts])} → "
                 f"{_numbers([each.rank for each in task.attempts])}"] if ranked else []  # fmt: skip
        facts = [shown(task.category), f"{task.difficulty or 0:.2f}"] if simulated else []
        sure = _arrow(task.confidence_initially, task.confidence)
        rows.append((shown(task.name, LINE), words(shown(task.type)), *facts, str(len(task.attempts)), str(before),
                     str(after), sure, *ranks))  # fmt: skip
    return Table(title, tuple(columns), tuple(rows))


def card_list(
    tested: AnsweredTasks, measure: str, most: dict[str, int], *, file: str = "", note: str = "", folded: bool = False
) -> CardList:
    """The list of a page: at most so many cards of each outcome."""
    groups = of_outcome(tested.most_telling_first(measure), measure)
    cards = [card_of(task, measure) for outcome, tasks in groups.items() for task in tasks[: most[outcome]]]
    short = [card for outcome in ("won", "lost") for card in [c for c in cards if c.outcome == outcome][:SHORT]]
    rows = tuple((card.outcome, card.name, dict(card.texts).get("asked", ""), card.score) for card in short)
    return CardList(
        title=f"{_title_of(tested, file)}: {AMONG[measure]}",
        cards=tuple(cards),
        total=len(tested.tasks),
        short=Table(f"Won and lost, the surest {SHORT} of each", ("Outcome", "Task", "Asked", "How"), rows),
        note=note,
        folded=folded,
    )
