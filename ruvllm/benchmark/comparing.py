"""What was learned beside what needs no learning loop, and which of them the validation part selects.

Closed forms pass through BLAS and LAPACK, whose last bits differ between machines: nothing of this is hashed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ruvllm.benchmark.cell import Cell
from ruvllm.evaluation.closed_forms import closed_form_ranks, fit_closed_forms
from ruvllm.evaluation.learned_retrieval import LearnedRetrieval
from ruvllm.evaluation.retrieval import Ranked, Ranks, reciprocal_ranks
from ruvllm.evaluation.selection import Choice, SelectedRetrieval
from ruvllm.results.task_records import MOST_TASKS
from ruvllm.workloads.workload import TASK_TYPES, Retrieval, Workload

__all__ = ["Compared", "Others", "compare_methods", "selection_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Others:
    """Other answers to the n queries of a question than those of what was learned."""

    closed_forms: dict[str, Ranks]
    selected: Ranked
    """Each type answered by its method."""
    methods: dict[int, str]
    """The method of each type."""

    def reciprocal(self) -> dict[str, list[float]]:
        """Reciprocal ranks (n,) by closed form."""
        return {name: reciprocal_ranks(ranks).tolist() for name, ranks in self.closed_forms.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """The retrieval question of a run, answered by other methods too."""

    test: Others
    transfer: Others | None
    choices: Mapping[int, Choice]
    """What the validation part chose for each type; empty where the protocol does not ask it."""


def compare_methods(
    cell: Cell, workload: Workload, learned: LearnedRetrieval, progress: Callable[[int, int], None]
) -> Compared | None:
    """Returns None without a retrieval question. `progress` hears of (fits done, fits in all)."""
    if workload.question is None:
        return None
    forms = fit_closed_forms(workload.question, workload.types, workload.parts.train, cell.plan.isa, progress)
    selecting = SelectedRetrieval(learned, forms, {}, {})
    if cell.protocol.select:
        selecting = SelectedRetrieval.on_validation(learned, forms, workload.question)

    def others(question: Retrieval, *, other_input: bool) -> Others:
        methods = selecting.methods(question, other_input=other_input)
        selected = selecting.ranked(question, methods, 0 if other_input else MOST_TASKS)
        return Others(closed_form_ranks(question, forms, cell.plan.isa), selected, methods)

    test, transfer = workload.question.test, workload.question.transfer
    beside = None if transfer is None else others(transfer, other_input=True)
    return Compared(others(test, other_input=False), beside, selecting.choices)


def selection_of(candidates: Mapping[int, Choice], compared: Compared | None) -> dict[str, Any] | None:
    """The choices as a results file has them; None where there are none."""
    retrieval = {} if compared is None else compared.choices
    transfer = {} if compared is None or compared.transfer is None else compared.transfer.methods
    kinds = sorted({*candidates, *retrieval})
    return {
        TASK_TYPES[kind]: {
            "retrieval": _as_json(retrieval.get(kind)),
            "candidates": _as_json(candidates.get(kind)),
            "transfer": transfer.get(kind) if retrieval else None,
        }
        for kind in kinds
    } or None


def _as_json(choice: Choice | None) -> dict[str, Any] | None:
    if choice is None:
        return None
    fields = asdict(choice)
    return {**fields, "standardError": fields.pop("standard_error")}
