"""Which single tasks are asked for, and what of some results files that is."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from ruvllm.files.json_reading import listed
from ruvllm.results.outcomes import OUTCOMES, RESOLVE, RETRIEVAL, AnsweredTasks, SingleTask, answered_tasks
from ruvllm.results.reading import Document, Source
from ruvllm.results.summary_records import BenchmarkDocument

__all__ = ["Found", "Selection", "UnknownNameError", "find_tasks"]

NAMES = ("id", "place", "task")
"""What a task can be called by."""
NEAR = 3
"""Names that are offered for one that is unknown."""


class UnknownNameError(ValueError):
    """No run or task is called like that; the message is one line and says which there are."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What is asked for; empty: all."""

    measure: str = RESOLVE
    outcomes: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    name: str = ""
    """Id, place or number of one task."""
    models: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()

    def takes(self, task: SingleTask, named: str = "id") -> bool:
        """Whether the task is wanted; `named` is what the name is compared with, one of NAMES."""
        if self.name and self.name != str(getattr(task, named)):
            return False
        outcomes = self.outcomes or OUTCOMES
        return (not self.types or task.type in self.types) and task.outcome_by(self.measure) in outcomes


@dataclass(frozen=True, slots=True)
class Found:
    """The tasks of one model and protocol of a file."""

    file: str
    """Fit for a terminal, as is the name."""
    run_name: str
    """What the user calls the run; empty if it has no name."""
    everything: AnsweredTasks
    selected: AnsweredTasks
    """What was asked for, the most telling first."""
    rule: str
    """Which texts the file holds, in words; empty if it holds none."""


def find_tasks(sources: Sequence[Source[Document]], selection: Selection) -> tuple[list[Found], list[str]]:
    """Returns the tasks by file, protocol and model, and a line for each thing that was left out.

    Raises UnknownNameError for a model, a protocol, a seed or a task that no file has.
    """
    sets: list[tuple[Source[Document], AnsweredTasks]] = []
    left_out: list[str] = []
    for source in sources:
        document = source.document
        if not isinstance(document, BenchmarkDocument):
            left_out.append(f"{source.name}: results of kind {document.kind} have no single tasks: left out")
            continue
        tested = answered_tasks(document)
        if not tested:
            why = "it was trimmed" if document.trimmed else "it was written before ruvllm-bench kept them"
            left_out.append(f"{source.name}: has no answers to single tasks, for {why}: left out")
        sets += [(source, each) for each in tested]
    _check_names(sets, selection)
    named = _named_by([each for _, each in sets], selection.name)
    found = []
    for source, each in sets:
        if not _is_wanted(each, selection):
            continue
        if selection.seeds:
            each = each.under(selection.seeds)
        if selection.measure == RETRIEVAL and not each.has_retrieval:
            left_out.append(f"{source.name}: {each.model}, {each.protocol}, has no retrieval: left out")
            continue
        table = source.document.tasks if isinstance(source.document, BenchmarkDocument) else None
        ordered = each.most_telling_first(selection.measure)
        chosen = each.having(task for task in ordered if selection.takes(task, named))
        found.append(Found(source.name, source.run_name, each, chosen, "" if table is None else table.rule))
    return found, left_out


def _is_wanted(tested: AnsweredTasks, selection: Selection) -> bool:
    return (
        (not selection.models or tested.model in selection.models)
        and (not selection.protocols or tested.protocol in selection.protocols)
        and (not selection.seeds or not set(selection.seeds).isdisjoint(tested.seeds))
    )


def _check_names(sets: Sequence[tuple[Source[Document], AnsweredTasks]], selection: Selection) -> None:
    tested = [each for _, each in sets]
    if not tested:
        return
    for what, wanted, known in (
        ("model", selection.models, [each.model for each in tested]),
        ("protocol", selection.protocols, [each.protocol for each in tested]),
        ("seed", selection.seeds, [seed for each in tested for seed in each.seeds]),
    ):
        names = list(dict.fromkeys(map(str, known)))
        for name in map(str, wanted):
            if name not in names:
                raise UnknownNameError(f"no run has the {what} {name[:80]!r}; there is {listed(names)}")


def _named_by(tested: Sequence[AnsweredTasks], name: str) -> str:
    """What a name stands for: an id if any task has it, else a place, else a number. Raises UnknownNameError."""
    for named in NAMES:
        if not name or not tested or any(str(getattr(task, named)) == name for each in tested for task in each.tasks):
            return named
    raise UnknownNameError(_unknown_task(tested, name))


def _unknown_task(tested: Sequence[AnsweredTasks], name: str) -> str:
    names = list(dict.fromkeys(task.name for each in tested for task in each.tasks))
    near = difflib.get_close_matches(name, names[:10_000], n=NEAR)
    hint = f"; near it: {listed(near)}" if near else ""
    return (
        f"no tested task has the id, place or number {name[:80]!r}{hint} ({len(names)} tasks were tested; those of "
        "other parts are not in the file)"
    )
