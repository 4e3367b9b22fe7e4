"""Repeats among tasks: exact ones, which are left out, and copies, which belong to one part.

A learner that has seen a task gains on its copy: it remembers, and learns nothing. So

- of tasks that are equal in everything that counts, the first is kept: they say no more than one of them;
- tasks with an equal prompt, an equal solution or the user's own `group` are one group, and so are near copies, whose
  prompts and solutions are similar to 1/2 on average (near_copies.hpp). A split keeps every group in one part.

Solutions decide nothing where they are known in advance: the files of a repository, or a few labels for many prompts.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import TaskCopies
from ruvllm.workloads.repeats.normal_form import NumberedTexts, number_texts
from ruvllm.workloads.tasks import TextTask

__all__ = ["THRESHOLD", "Pairs", "Repeats", "copies_of", "find_repeats", "joined", "without_other_answers"]

THRESHOLD = 0.5
"""Least similarity of near copies; TaskCopies joins them."""
LABELLED = 8
"""Prompts for each different solution, on average, from which solutions count as labels."""
SHOWN = 3
"""Number of repeats that messages name."""

Pairs = Sequence[tuple[str, str]]
"""A prompt and a solution each."""
Numbers = NDArray[np.uint32]


@dataclass(frozen=True, eq=False)
class Repeats:
    """What comes again among n tasks, of which k were kept."""

    kept: tuple[int, ...]
    """Numbers of the tasks that were kept, among all."""
    exact: int
    """Number of exact repeats that were left out."""
    first: tuple[tuple[str, str], ...]
    """Where the first exact repeats stand, and what each repeats."""
    groups: Numbers
    """(k,): the smallest member of each task's group, by number among the kept ones."""
    copies: TaskCopies
    """The k tasks, to be compared."""
    by_prompt: bool
    """True if solutions decide nothing."""
    labels: bool
    """True if that is because there are few solutions for many prompts."""
    prompts: Numbers
    """(k,): equal where prompts are the same."""
    solutions: Numbers
    """(k,): equal where solutions are the same."""

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """Returns the sizes of all groups of at least two, the largest first."""
        counts = np.bincount(self.groups)
        sizes: NDArray[np.int64] = np.sort(counts[counts > 1])[::-1]
        return sizes

    @property
    def n_grouped(self) -> int:
        """Returns the number of kept tasks that have a copy."""
        return int(self.sizes.sum())

    @property
    def sentences(self) -> list[str]:
        """Returns what a user should know of it, a line each; nothing if no task comes again."""
        lines: list[str] = []
        if self.exact:
            named = "; ".join(f"{again} repeats {first}" for again, first in self.first if again and first)
            lines.append(
                f"{self.exact} of {self.exact + len(self.kept)} tasks are exact repeats of others and left out"
                + (f" ({named})" if named else "")
            )
        if len(self.sizes):
            groups = f"{len(self.sizes)} group{'s' * (len(self.sizes) > 1)}"
            lines.append(
                f"{self.n_grouped} of {len(self.kept)} tasks are copies of one another or share a group: "
                f"{groups}, each in one part (similar to {THRESHOLD:g} or more; the largest has "
                f"{self.sizes[0]})"
            )
            if self.sizes[0] > len(self.kept) / 2:
                lines.append(self._one_group())
        if self.labels:
            lines.append("solutions are few and taken as labels: tasks with an equal one are no copies")
        return lines

    def _one_group(self) -> str:
        return (
            f"one group holds {self.sizes[0]} of {len(self.kept)} tasks, more than half of them: parts cannot have "
            "their usual sizes, and there is little to learn from and to test on"
        )

    @property
    def changes_tasks(self) -> bool:
        """Returns True if the split or the candidates are others than without groups."""
        return len(self.sizes) > 0

    @cached_property
    def other_answers(self) -> dict[int, list[int]]:
        """Returns, for each task whose prompt has several right solutions, the tasks with the other ones."""
        by_prompt: dict[int, list[int]] = {}
        repeated = np.bincount(self.prompts)[self.prompts] > 1
        for i in np.flatnonzero(repeated).tolist():
            by_prompt.setdefault(int(self.prompts[i]), []).append(i)
        others = {
            i: [j for j in members if self.solutions[j] != self.solutions[i]]
            for members in by_prompt.values()
            for i in members
        }
        return {i: found for i, found in others.items() if found}


def find_repeats(
    tasks: Sequence[TextTask], origins: Pairs | None = None, *, closed_pools: bool = False
) -> tuple[tuple[TextTask, ...], Repeats]:
    """Returns the tasks that are kept, in their order, and what was found.

    `origins` are what tasks were made from, if that tells copies better than the tasks do: two halves of a function
    are cut elsewhere in its copy. With `closed_pools` solutions decide nothing.
    """
    own = _numbered([(task.prompt, task.solution) for task in tasks])
    prompts, solutions = (each.numbers for each in own)
    repeats = _exact_repeats(tasks, list(zip(prompts.tolist(), solutions.tolist(), strict=True)))
    kept = [i for i in range(len(tasks)) if i not in repeats]
    prompts, solutions = prompts[kept], solutions[kept]
    texts = own if origins is None else _numbered([origins[i] for i in kept])
    if origins is None:
        texts = (NumberedTexts(prompts, own[0].forms), NumberedTexts(solutions, own[1].forms))
    labels = not closed_pools and _are_labels(*texts)
    by_prompt = closed_pools or labels
    start = joined(len(kept), _belonging(tasks, kept, repeats, texts, by_prompt))
    copies = _copies(texts, by_prompt)
    places = tuple((tasks[i].place, tasks[first].place) for i, first in list(repeats.items())[:SHOWN])
    groups = copies.groups(start)
    found = Repeats(tuple(kept), len(repeats), places, groups, copies, by_prompt, labels, prompts, solutions)
    return tuple(tasks[i] for i in kept), found


def without_other_answers(tasks: Sequence[TextTask], repeats: Repeats) -> tuple[TextTask, ...]:
    """Returns the tasks without own wrong answers that are right for an equal prompt elsewhere."""
    found = list(tasks)
    for i, others in repeats.other_answers.items():
        right = {tasks[j].solution for j in others}
        if not right.isdisjoint(tasks[i].wrong):
            found[i] = replace(tasks[i], wrong=tuple(text for text in tasks[i].wrong if text not in right))
    return tuple(found)


def copies_of(pairs: Pairs, *, by_prompt: bool = False) -> TaskCopies:
    """Prepares tasks, a prompt and a solution each, to be compared with one another."""
    return _copies(_numbered(pairs), by_prompt)


def _copies(texts: tuple[NumberedTexts, NumberedTexts], by_prompt: bool) -> TaskCopies:
    prompts, solutions = texts
    return TaskCopies(prompts.forms, solutions.forms, prompts.numbers, solutions.numbers, by_prompt=by_prompt)


def _numbered(pairs: Pairs) -> tuple[NumberedTexts, NumberedTexts]:
    return number_texts(prompt for prompt, _ in pairs), number_texts(solution for _, solution in pairs)


def _exact_repeats(tasks: Sequence[TextTask], texts: Sequence[tuple[int, int]]) -> dict[int, int]:
    """Returns the tasks that say what an earlier one says, each with the earlier one.

    Of own wrong answers the texts themselves count: letter case may be all that makes one wrong.
    """
    alike: dict[tuple[int, int], list[int]] = {}
    repeats: dict[int, int] = {}
    for i, (task, key) in enumerate(zip(tasks, texts, strict=True)):
        others = alike.setdefault(key, [])
        first = next((j for j in others if _rest(tasks[j]) == _rest(task)), None)
        if first is None:
            others.append(i)
        else:
            repeats[i] = first
    return repeats


def _rest(task: TextTask) -> tuple[object, ...]:
    """Returns what counts besides the prompt and the solution."""
    return task.type, task.category, task.difficulty, task.pool, frozenset(task.wrong)


def _are_labels(prompts: NumberedTexts, solutions: NumberedTexts) -> bool:
    return 0 < LABELLED * len(solutions.forms) <= len(prompts.forms)


def _belonging(
    tasks: Sequence[TextTask],
    kept: Sequence[int],
    repeats: dict[int, int],
    texts: tuple[NumberedTexts, NumberedTexts],
    by_prompt: bool,
) -> Iterator[tuple[int, Hashable]]:
    """Yields each kept task, by its number among them, with everything that it shares with those of its group."""
    place = {i: k for k, i in enumerate(kept)}
    prompts, solutions = (t.numbers.tolist() for t in texts)
    for k in range(len(kept)):
        yield k, ("prompt", prompts[k])
        if not by_prompt:
            yield k, ("solution", solutions[k])
    for i, task in enumerate(tasks):
        if task.group:
            yield place[repeats.get(i, i)], ("group", task.group)


def joined(n: int, belonging: Iterable[tuple[int, Hashable]]) -> Numbers:
    """Returns the smallest member (n,) of each group: those that share anything are in one."""
    root = list(range(n))

    def of(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    first: dict[Hashable, int] = {}
    for i, key in belonging:
        a, b = of(first.setdefault(key, i)), of(i)
        root[max(a, b)] = min(a, b)
    return np.array([of(i) for i in range(n)], dtype=np.uint32)
