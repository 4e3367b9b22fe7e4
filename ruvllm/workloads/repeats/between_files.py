"""A train file and a test file: what is in both may not be learned from."""

from __future__ import annotations

from collections.abc import Sequence

from ruvllm.workloads.repeats.finding import find_repeats
from ruvllm.workloads.repeats.normal_form import number_texts
from ruvllm.workloads.tasks import LeftOut, TextTask

__all__ = ["without_copies"]


def without_copies(
    train: Sequence[TextTask], test: Sequence[TextTask], *, closed_pools: bool = False
) -> tuple[tuple[TextTask, ...], LeftOut | None]:
    """Returns the train tasks that are no copies of test tasks, exact or near, and what was left out of them.

    What makes a copy is what keeps tasks in one part of a split (see find_repeats()), a group of the user's too.
    """
    kept = _without_equals(train, test)
    while True:
        _, found = find_repeats((*test, *kept), closed_pools=closed_pools)
        tested = {group for group, i in zip(found.groups.tolist(), found.kept, strict=True) if i < len(test)}
        copies = {
            i - len(test) for group, i in zip(found.groups.tolist(), found.kept, strict=True)
            if i >= len(test) and group in tested
        }  # fmt: skip
        if not copies:
            break
        kept = tuple(task for i, task in enumerate(kept) if i not in copies)
    lost = len(train) - len(kept)
    return kept, LeftOut("train tasks", lost, len(train), "copies of test tasks") if lost else None


def _without_equals(train: Sequence[TextTask], test: Sequence[TextTask]) -> tuple[TextTask, ...]:
    """Returns the train tasks that no test task equals in prompt and solution."""
    both = (*test, *train)
    prompts, solutions = (
        number_texts(getattr(task, name) for task in both).numbers.tolist() for name in ("prompt", "solution")
    )
    pairs = list(zip(prompts, solutions, strict=True))
    tested = set(pairs[: len(test)])
    return tuple(task for task, pair in zip(train, pairs[len(test) :], strict=True) if pair not in tested)
