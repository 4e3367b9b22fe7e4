"""BM25 over the pool of each task: what words alone say, without any learning."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import Bm25
from ruvllm.encoders.lexical import for_bm25
from ruvllm.workloads.streams.moments import TaskStream
from ruvllm.workloads.workload import Retrieval

__all__ = ["bm25_ranks"]

AT_ONCE = 256
"""Prompts that are scored together: memory for all at once is not bounded by anything."""


def bm25_ranks(stream: TaskStream, question: Retrieval) -> NDArray[np.int64]:
    """Rank (n,) of the right solution of each task by number; a wrong one with the same score counts against it.

    `question` has every task by number, as TaskStream.moment() makes it. How rare a word is follows from the pool,
    which is known beforehand.
    """
    assert question.numbers is not None
    texts, prompts = stream.solution_texts, [task.prompt for task in stream.input.tasks]
    index = Bm25()
    first = index.add(for_bm25([texts[number] for number in question.numbers.tolist()]))
    ranks = np.zeros(len(prompts), dtype=np.int64)
    for block in question.blocks():
        for begin in range(0, len(block.members), AT_ONCE):
            some = slice(begin, begin + AT_ONCE)
            members = block.members[some]
            scores = index.scores(for_bm25([prompts[i] for i in members.tolist()]), first + block.candidates)
            of_right = scores[np.arange(len(members)), block.right[some]]
            ranks[members] = np.count_nonzero(scores >= of_right[:, None], axis=1)
            _leave_out(question, members, block.candidates, scores, of_right, ranks)
    return ranks


def _leave_out(
    question: Retrieval,
    members: NDArray[np.int64],
    candidates: NDArray[np.int64],
    scores: NDArray[np.float32],
    of_right: NDArray[np.float32],
    ranks: NDArray[np.int64],
) -> None:
    """Takes others that are right too out of the ranks in which they were counted."""
    pairs = question.right_too if question.right_too is not None else np.empty((0, 2), dtype=np.int32)
    place = {int(member): row for row, member in enumerate(members.tolist())}
    for query, solution in pairs[np.isin(pairs[:, 0], members)].tolist():
        row, column = place[query], int(np.searchsorted(candidates, solution))
        ranks[query] -= int(scores[row, column] >= of_right[row])
