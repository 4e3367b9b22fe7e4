"""What a run over issues and the files of their repositories says beside its ranks."""

from __future__ import annotations

from ruvllm.results.audit_records import LeftOut
from ruvllm.results.records import Count, Record

__all__ = ["Localization", "Weight"]


class Weight(Record):
    """How much one kind of evidence counts: before anything is learned, and at the end."""

    start: float
    learned: float


class Localization(Record, kw_only=True):
    """Element i of each list belongs to the i-th measured issue."""

    repositories: list[str]
    origins: list[str]
    """Where the candidates come from: `commit 1a2b3c4d5e6f` or `release 3.0`."""
    right: list[str]
    """Path of the right file: the one that the fix changes most."""
    weights: dict[str, Weight]
    """By kind of evidence."""
    fitted_before: Count | None = None
    """Number of train issues that the weights were fitted to before the first answer, and never again; None where each
    issue was learned from once it was answered."""
    hints: bool = False
    """Whether what was said below an issue belonged to its text."""
    left_out: list[LeftOut]
    """Issues that could not be asked, and why."""
