"""The records of what came again in an input, of what was left out of it, and of the check that nothing leaked."""

from __future__ import annotations

from collections.abc import Sequence

from ruvllm.results.records import Count, Record

__all__ = ["LeakCheck", "LeftOut", "Repeats", "audit_sentences"]


class LeftOut(Record):
    """What was there to be read and is in no task: `count` of `of`, and the first of them by name or place."""

    what: str
    count: Count
    of: Count
    why: str
    first: list[str]
    sentence: str
    """The same in words."""


class Pools(Record):
    """Number of candidates of the retrieval queries, and what guessing among them comes to."""

    smallest: Count
    median: float
    largest: Count
    chance: float
    """Expected recall@1 of a guess."""


class Repeats(Record, kw_only=True):
    """What came again among the tasks of an input. Copies of one another are never in two parts."""

    tasks: Count
    """That were kept."""
    exact: Count
    """Exact repeats, which were left out."""
    grouped: Count
    """Tasks with a copy, or with a group of the user's."""
    groups: Count
    """Of them."""
    largest: Count
    """Tasks of the largest group; 0 if there is none."""
    threshold: float
    """Similarity from which tasks are copies."""
    by_prompt: bool
    """Whether solutions decided nothing, because they are files or labels."""
    sentences: list[str]
    """The same in words, a line each."""


class LeakCheck(Record):
    """The train task that is nearest to each test task."""

    threshold: float
    tasks: Count
    """Of the test part."""
    leaked: Count
    """Test tasks with a copy in the train part: 0, or the run says nothing about unseen tasks."""
    largest: float
    """Similarity of the nearest pair, in [0, 1]."""
    pair: tuple[str, str]
    """Where its test task and its train task stand."""

    @property
    def sentence(self) -> str:
        """Returns what it says, in words."""
        nearest = f"the nearest pair is similar to {self.largest:.2f}"
        if self.leaked:
            return f"LEAK: {self.leaked} of {self.tasks} test tasks have a copy in the train part; {nearest}"
        return f"no leak: none of {self.tasks} test tasks has a copy in the train part; {nearest}"


def audit_sentences(
    repeats: Repeats | None, leak_checks: Sequence[LeakCheck], left_out: Sequence[LeftOut]
) -> list[str]:
    """Returns a line each for what was left out, what came again, and what the leak checks of all runs came to."""
    lines = [each.sentence for each in left_out]
    lines += [] if repeats is None else repeats.sentences
    if leak_checks:
        lines.append(max(leak_checks, key=lambda check: (check.leaked, check.largest)).sentence)
    return lines
