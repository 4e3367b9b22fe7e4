"""The tested tasks of a benchmark as the results file shows them: names, places, and how their texts begin."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from statistics import fmean

from ruvllm.results.run_records import Answers, BenchmarkRun
from ruvllm.results.task_records import MOST_CHARACTERS, MOST_SOLUTIONS, MOST_TASKS, SolutionEntry, TaskEntry, TaskTable
from ruvllm.workloads.tasks import TextTask
from ruvllm.workloads.workload import TASK_TYPES

__all__ = ["beginning", "make_task_table"]

RULE = f"the first {MOST_CHARACTERS} characters of each text, white space folded"
ALIKE = 60
"""Characters that a task's own wrong answer has in common with the right one before the place is looked for in which
they differ: so many are seen on a narrow terminal."""
AROUND, EXCERPT = 25, 84
"""Characters before and after that place, and in all."""
NO_TEXTS = "no texts, as --no-texts asks"


def make_task_table(runs: Sequence[BenchmarkRun], tasks: Sequence[TextTask], *, texts: bool = True) -> TaskTable:
    """Tells what each task of the input is that a run was tested on; `texts` False leaves prompts and solutions out.

    Of more than MOST_TASKS tasks those keep their texts that a run won or lost, then those that no run resolved, the
    surest answers first.
    """
    answers = [run.answers for run in runs if run.answers is not None]
    tested = sorted({number for each in answers for number in each.tasks})
    with_texts = set(_telling(answers)[:MOST_TASKS]) if texts else set()
    entries = [_entry(number, tasks[number], number in with_texts) for number in tested]
    rule = RULE if texts else NO_TEXTS
    if texts and len(tested) > MOST_TASKS:
        rule += (
            f", of {MOST_TASKS} of {len(tested)} tasks: first those that a run won or lost, then those that no run "
            f"resolved, the surest answers first; of {MOST_SOLUTIONS} solutions at most"
        )
    return TaskTable(
        input_tasks=len(tasks),
        rule=rule,
        tasks=[entry for entry in entries if entry.id or entry.place or entry.prompt is not None],
        solutions=list(_solutions(answers, tasks, with_texts)),
    )


def _telling(answers: Sequence[Answers]) -> list[int]:
    """The tested tasks in the order in which they are worth a look, as lists of them show them."""
    changed: set[int] = set()
    resolved: set[int] = set()
    sure: dict[int, list[float]] = {}
    for each in answers:
        rows = zip(each.tasks, each.resolved_initially, each.resolved, each.confidence, strict=True)
        for number, before, after, confidence in rows:
            if before != after:
                changed.add(number)
            if before or after:
                resolved.add(number)
            sure.setdefault(number, []).append(confidence)
    return sorted(sure, key=lambda number: (number not in changed, number in resolved, -fmean(sure[number]), number))


def _entry(number: int, task: TextTask, with_text: bool) -> TaskEntry:
    return TaskEntry(
        task=number,
        type=TASK_TYPES[task.type],
        id=_cut(task.id),
        place=_cut(task.place),
        prompt=beginning(task.prompt) if with_text else None,
    )


def _solutions(answers: Sequence[Answers], tasks: Sequence[TextTask], numbers: set[int]) -> Iterable[SolutionEntry]:
    """The right solutions of these tasks, and those that a run chose or ranked first for one of them."""
    wanted = dict.fromkeys(numbers)
    for each in answers:
        for found in (each.chosen_initially, each.chosen, each.first_initially, each.first):
            for task, solution in zip(each.tasks, found or (), strict=found is not None):
                if task in numbers and solution is not None and len(wanted) < MOST_SOLUTIONS:
                    wanted[solution] = None
    ends = list(accumulate((len(task.wrong) for task in tasks), initial=len(tasks)))
    for number in sorted(wanted):
        if number < len(tasks):
            text = beginning(tasks[number].label or tasks[number].solution)
        else:
            owner = bisect_right(ends, number) - 1
            text = _beside(tasks[owner].solution, tasks[owner].wrong[number - ends[owner]])
        yield SolutionEntry(number, text)


def _beside(right: str, wrong: str) -> str:
    """How a wrong answer begins; where it begins as the right one does, the place in which the two differ."""
    a, b = (" ".join(text.split()) for text in (right, wrong))
    same = _common(a, b)
    if same < ALIKE:
        return beginning(wrong)
    end = _common(a[same:][::-1], b[same:][::-1])
    return " where the right one has ".join(_excerpt(text, same - AROUND, len(text) - end + AROUND) for text in (b, a))


def _excerpt(text: str, begin: int, end: int) -> str:
    end = min(end, begin + EXCERPT)
    return _cut(f"…{text[begin:end].strip()}{'…' if end < len(text) else ''}")


def beginning(text: str) -> str:
    """How a text begins, in one line with single spaces."""
    text = text.strip()
    head = " ".join(text[: 4 * MOST_CHARACTERS].split())
    return _cut(head if len(text) <= 4 * MOST_CHARACTERS else f"{head[: MOST_CHARACTERS - 1]}…")


def _common(a: str, b: str) -> int:
    """Number of characters that both begin with."""
    pairs = enumerate(zip(a, b, strict=False))
    return next((place for place, (x, y) in pairs if x != y), min(len(a), len(b)))


def _cut(text: str) -> str:
    """The text as a file can hold it: not too long, and without halves of characters."""
    short = text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"
    return short.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
