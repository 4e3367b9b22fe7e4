"""The section of single tasks: for each model of real input the tasks won and lost, as cards that can be filtered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ruvllm.report.parts import Block, CardList, Section
from ruvllm.report.tasks.cards import card_list, counts_table
from ruvllm.report.wording import counted
from ruvllm.results.outcomes import OUTCOMES, RESOLVE, RETRIEVAL, AnsweredTasks, answered_tasks
from ruvllm.results.reading import Source
from ruvllm.results.summary_records import BenchmarkDocument

__all__ = ["MOST_CARDS", "tasks_section"]

MOST_CARDS = {"won": 50, "lost": 50, "never": 25, "kept": 25}
"""Of a model on the page, by outcome."""
WHERE = (
    "Each task that a run was tested on, with what was chosen before and after learning. "
    "`ruvllm-report tasks FILE` lists all of them, and writes them as CSV or JSON."
)


def tasks_section(sources: Sequence[Source[BenchmarkDocument]]) -> list[Section]:
    """The section, or nothing if no file knows its tasks by name: numbers alone are nothing to look at."""
    blocks: list[Block] = []
    with_names = [(source, table) for source in sources if (table := source.document.tasks) is not None and table.tasks]
    for source, table in with_names:
        sets = answered_tasks(source.document)
        last = max((each.protocol for each in sets), default="")
        for each in sets:
            if each.protocol == last:  # the earlier ones have the same tasks
                file = source.run_name or (Path(source.name).name if len(with_names) > 1 else "")
                measures = [RETRIEVAL, RESOLVE] if each.has_retrieval else [RESOLVE]  # as the verdict has them
                blocks.append(counts_table(each, measures[0], file))
                for measure in measures:
                    note = f"{_left_out(each, measure)}Of the texts the results file has {table.rule}."
                    folded = any(isinstance(block, CardList) for block in blocks)
                    blocks.append(card_list(each, measure, MOST_CARDS, file=file, note=note, folded=folded))
    return [Section("Single tasks", (WHERE, *blocks), on_screen=False)] if blocks else []


def _left_out(tested: AnsweredTasks, measure: str) -> str:
    """Says how many cards there are if not all tasks have one."""
    counts = tested.counts(measure)
    left_out = [f"{counts[outcome] - MOST_CARDS[outcome]} of {counts[outcome]} {outcome}" for outcome in OUTCOMES
                if counts[outcome] > MOST_CARDS[outcome]]  # fmt: skip
    if not left_out:
        return ""
    shown = sum(min(counts[outcome], MOST_CARDS[outcome]) for outcome in OUTCOMES)
    return f"{counted(shown, 'task')}, the surest of each outcome; not shown: {', '.join(left_out)}. "
