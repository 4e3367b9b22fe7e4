"""Candidates of tasks over texts: similar ones in proportion to difficulty, and none that length or place gives away.

A task's own wrong answers come first. Others are drawn from a window of solutions of similar length, in which the right
one lies anywhere: neither the longest, nor the shortest, nor the middle one is more often right than another.

Hard ones are the most similar to the right *solution* in that window, not to the query. Chosen by the query they would
be the frozen model's own mistakes and not those of the model it is compared with: a change that makes other mistakes
would look better than it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import CorpusSource, Purpose, RandomStream, hardest
from ruvllm.workloads.encoding import EncodedTasks
from ruvllm.workloads.splits import Numbers
from ruvllm.workloads.tasks import TextTask

__all__ = ["CANDIDATES", "FEWEST", "CandidateTable", "Room", "TooFewSolutionsError", "difficulties"]

CANDIDATES, FEWEST = 8, 2
"""Number of candidates of each task if there is room, and the smallest with which there is a choice."""
WINDOW = 32
"""Solutions of similar length that distractors are drawn from."""
BLOCK = 1 << 15
"""Tasks whose solutions are copied at once."""

Drawn = NDArray[np.int32]

NONE: Mapping[int, Sequence[int]] = MappingProxyType({})


class TooFewSolutionsError(ValueError):
    """A task has too few candidates."""


@dataclass(frozen=True, slots=True)
class Room:
    """How many candidates the tasks of one part can have."""

    part: str
    different: int
    """Number of different solutions in it that are wrong for the task that has the fewest of them, and one."""
    own: int
    """Fewest own wrong answers of a task; -1 without tasks."""

    @property
    def most(self) -> int:
        """Returns the largest number of candidates that every task can have."""
        return max(self.different, self.own + 1)


def difficulties(tasks: Sequence[TextTask], seed: int) -> NDArray[np.float64]:
    """Returns the difficulty (n,) of each task: its own, or one drawn from the seed."""
    drawn = RandomStream(seed, Purpose.DATASET).uniform(len(tasks)).tolist()
    return np.array([d if t.difficulty is None else t.difficulty for t, d in zip(tasks, drawn, strict=True)])


class CandidateTable:
    """Candidates (n, M) of n tasks as rows of their solutions, and the place (n,) of the right one among them."""

    def __init__(
        self,
        encoded: EncodedTasks,
        difficulty: NDArray[np.float64],
        *,
        n_candidates: int,
        seed: int,
        other_answers: Mapping[int, Sequence[int]] = NONE,
    ) -> None:
        """`other_answers` has the tasks whose solutions are right for a task's prompt too: they are no candidates."""
        self.rows = np.empty((len(encoded.tasks), n_candidates), dtype=np.int32)
        self.right = np.empty(len(encoded.tasks), dtype=np.int32)
        self._tasks, self._solutions, self._bodies = encoded.tasks, encoded.solutions, encoded.bodies
        self._own_rows = encoded.own_rows
        self._lengths = np.array([len(task.solution) for task in encoded.tasks])
        self._difficulty, self._m, self._seed = difficulty, n_candidates, seed
        self._other_answers = other_answers

    def source(self, encoded: EncodedTasks, types: NDArray[np.uint8]) -> CorpusSource:
        """Returns what an engine learns from: these vectors of tasks of these types (n,), these candidates."""
        return CorpusSource(
            queries=encoded.queries, solutions=encoded.solutions, candidates=self.rows, right=self.right, types=types
        )

    def fill(self, members: Numbers) -> None:
        """Draws candidates for the tasks of one part (k,), ascending, from the part.

        What is drawn for a task depends on the seed, the task and the part. If its pool has too few different
        solutions, others of the type fill up, then others of the part. Raises TooFewSolutionsError if the part has too
        few.
        """
        by_type: dict[int, dict[str, list[int]]] = {}
        for i in members.tolist():
            by_type.setdefault(self._tasks[i].type, {}).setdefault(self._tasks[i].pool, []).append(i)
        for pools in by_type.values():
            of_type = np.array(sorted(i for pool in pools.values() for i in pool), dtype=np.uint32)
            for pool in pools.values():
                self._fill_pool(np.array(pool, dtype=np.uint32), (of_type, members))

    def _fill_pool(self, members: Numbers, others: Sequence[Numbers]) -> None:
        """Draws for the tasks of a pool. If it is too small, each of `others` in turn fills up."""
        wanted = np.array([i for i in members.tolist() if len(self._own_rows[i]) < self._m - 1], dtype=np.uint32)
        groups = [_Different(group, self._bodies, self._lengths) for group in (members, *others)] if len(wanted) else []
        several = np.isin(wanted, list(self._other_answers))
        alone = [wanted[i : i + 1] for i in np.flatnonzero(several).tolist()]  # each draws from a pool of its own
        drawn = self._hardest_first([(some, self._windows(some, groups)) for some in (wanted[~several], *alone)])
        for i in members.tolist():
            hard_first, order = self._own(i), RandomStream(self._seed, Purpose.DATASET, i + 1, 1)
            missing = self._m - 1 - len(hard_first)
            wrong = [*hard_first, *self._mixed(i, drawn[i], missing)] if missing else hard_first
            places = order.permutation(self._m)
            self.rows[i] = np.array([i, *wrong])[places]
            self.right[i] = int(np.flatnonzero(places == 0)[0])

    def _own(self, i: int) -> list[int]:
        """Returns the task's own wrong answers; if too many, hard and random ones by its difficulty."""
        rows = np.array(self._own_rows[i], dtype=np.int32)
        if len(rows) <= self._m - 1:
            return [int(row) for row in rows]
        shuffled = rows[RandomStream(self._seed, Purpose.DATASET, i + 1, 2).permutation(len(rows))]
        right = np.ascontiguousarray(self._solutions[i : i + 1])
        places = np.arange(len(rows), dtype=np.int32)[None, :]
        ordered = hardest(right, np.ascontiguousarray(self._solutions[shuffled]), places)[0]
        return self._mixed(i, (shuffled, shuffled[ordered]), self._m - 1)

    def _mixed(self, i: int, drawn: tuple[NDArray[np.int32], NDArray[np.int32]], n: int) -> list[int]:
        """Returns n of the drawn ones (in random order, hardest first): the difficulty decides how many hard ones."""
        pool, ordered = drawn
        n_hard = int(self._difficulty[i] * n + 0.5)
        hard = ordered[:n_hard]
        easy = pool[~np.isin(pool, hard)][: n - n_hard]
        return [int(row) for row in (*hard, *easy)]

    def _windows(self, wanted: Numbers, groups: Sequence[_Different]) -> Drawn:
        """Returns other solutions (k, size) of similar length for each of k wanted tasks, in random order.

        They come from the first of the groups; if that is too small, the others in turn fill up. What is right for the
        first task's prompt too is none of them.
        """
        if not len(wanted):
            return np.empty((0, 0), dtype=np.int32)
        right_too = self._bodies[list(self._other_answers.get(int(wanted[0]), ()))]
        pool, *rest = (_Pool(group, group.places(right_too)) for group in groups)
        size = min(WINDOW, len(pool)) - 1
        fill = max(0, self._m - 1 - size)
        if size + fill > len(rest[-1]) - 1:
            raise TooFewSolutionsError(
                f"{self._m} candidates need as many different solutions in each part, not {len(rest[-1])}"
            )
        fill_from = [each.cut(0, len(each)) for each in rest] if fill else []
        pools = np.empty((len(wanted), size + fill), dtype=np.int32)
        places = pool.places(self._bodies[wanted]).tolist()
        for row, (i, at) in enumerate(zip(wanted.tolist(), places, strict=True)):
            stream = RandomStream(self._seed, Purpose.DATASET, i + 1)
            low, high = max(0, at - size), min(at, len(pool) - size - 1)
            begin = low + stream.below(high - low + 1)
            window = np.delete(pool.cut(begin, size + 1), at - begin)
            fillers = self._fillers((*window.tolist(), i), fill_from, fill, stream) if fill else []
            pools[row] = [*window[stream.permutation(size)], *fillers]
        return pools

    def _hardest_first(self, windows: Sequence[tuple[Numbers, Drawn]]) -> dict[int, tuple[Drawn, Drawn]]:
        """Returns what was drawn for each task, as it is and hardest first.

        Together, as each call of the core goes through all solutions.
        """
        by_size: dict[int, list[tuple[Numbers, Drawn]]] = {}
        for tasks, pools in windows:
            by_size.setdefault(pools.shape[1], []).append((tasks, pools))
        found: dict[int, tuple[Drawn, Drawn]] = {}
        for same in by_size.values():
            wanted, drawn = (np.concatenate(parts) for parts in zip(*same, strict=True))
            ordered = np.empty_like(drawn)
            for begin in range(0, len(wanted), BLOCK):
                block = slice(begin, begin + BLOCK)
                right = np.ascontiguousarray(self._solutions[wanted[block]])
                ordered[block] = hardest(right, self._solutions, drawn[block])
            found |= dict(zip(wanted.tolist(), zip(drawn, ordered, strict=True), strict=True))
        return found

    def _fillers(
        self, taken: Sequence[int], groups: Sequence[Numbers], n: int, stream: RandomStream
    ) -> list[int]:
        """Returns n tasks with solutions unlike those of `taken`: random ones of the first group that has some left."""
        used = {int(self._bodies[j]) for j in taken}
        found: list[int] = []
        for group in groups:
            for j in group[stream.permutation(len(group))].tolist():
                if len(found) < n and int(self._bodies[j]) not in used:
                    used.add(int(self._bodies[j]))
                    found.append(j)
        return found


class _Different:
    """One task (k,) of a group for each different solution, ordered by its length."""

    def __init__(self, members: Numbers, bodies: NDArray[np.int64], lengths: NDArray[np.int64]) -> None:
        self._bodies, of_each = np.unique(bodies[members], return_index=True)
        first = members[of_each]
        order = np.lexsort((first, lengths[first]))
        self.tasks: Numbers = first[order]
        self._places = np.empty(len(order), dtype=np.int64)
        self._places[order] = np.arange(len(order))

    def places(self, bodies: NDArray[np.int64]) -> NDArray[np.int64]:
        """Returns the place of each of these solutions that is one of the group's."""
        at = np.minimum(np.searchsorted(self._bodies, bodies), len(self._bodies) - 1)
        found: NDArray[np.int64] = self._places[at[self._bodies[at] == bodies]]
        return found


class _Pool:
    """The tasks of a group without some of them: nothing of the group is copied, for one task's pool may be large."""

    def __init__(self, group: _Different, gone: NDArray[np.int64]) -> None:
        self._group, self._gone = group, np.unique(gone)

    def __len__(self) -> int:
        return len(self._group.tasks) - len(self._gone)

    def places(self, bodies: NDArray[np.int64]) -> NDArray[np.int64]:
        """Returns the places (n,) of these solutions (n,), which are all among them."""
        places = self._group.places(bodies)
        return places - np.searchsorted(self._gone, places)

    def cut(self, begin: int, n: int) -> Numbers:
        """Returns n tasks from a place on."""
        if not len(self._gone):
            return self._group.tasks[begin : begin + n]
        for place in self._gone.tolist():
            begin += place <= begin
        near = slice(begin, begin + n + len(self._gone))
        gone = self._gone[(self._gone >= near.start) & (self._gone < near.stop)]
        return np.delete(self._group.tasks[near], gone - near.start)[:n]
