"""Results of which it is known whether learning helped: planted gains, losses, ceilings, and what is free."""

from __future__ import annotations

from typing import Any

import msgspec
from bench_samples import hand_made
from json_samples import Entry

from ruvllm.results.document import make_document
from ruvllm.results.run_records import BenchmarkRun
from ruvllm.results.summaries import summarise
from ruvllm.results.summary_records import BenchmarkDocument, Summary

PARTS = {"train": 300, "valid": 100, "test": 100, "holdout": 50}
COMMAND = ["ruvllm-bench", "--workload", "jsonl:data/mine.jsonl"]
NAME = "hashed n-grams, d = 1536"


def ranks(right: int, of: int = 100, shift: int = 0) -> list[float]:
    """Reciprocal ranks of `of` queries; from number `shift` on, `right` of them have the right answer first."""
    return [1.0 if (i - shift) % of < right else 0.5 for i in range(of)]


def run(
    before: int = 50,
    after: int = 50,
    *,
    of: int = 100,
    shift: int = 0,
    seed: int = 0,
    train: float | None = None,
    free: dict[str, int] | None = None,
    resolved: tuple[int, int] | None = None,
    **changes: Any,
) -> Entry:
    """A run on real input; `before` and `after` of its test queries have the right answer first, and by default are
    resolved. `shift` moves those of the end, so that learning wins some and loses others. `free` has the same counts by
    closed form.
    """
    start, end = resolved or (before, after)
    entry = hand_made(
        NAME,
        params=1.0,
        seed=seed,
        before=[int(i < start) for i in range(of)],
        after=[int((i - shift) % of < end) for i in range(of)],
        ranks=(ranks(before, of), ranks(after, of, shift)),
        workload="jsonl",
        antiOverfitting={
            "stratifiedSplit": {**PARTS, "test": of}, "folds": None, "holdout": {}, "curriculum": None,
            "temperature": {}, "difficultyAdjustment": None, "ewc": {}, "trainTestGap": {},
        },
        input={
            "source": "jsonl:data/mine.jsonl", "name": "mine.jsonl", "textsDigest": "a" * 64, "tasks": 550,
            "encoder": "hashed-ngram-logtf-idf", "candidates": 8,
        },
        paramsB=0.0,
    )  # fmt: skip
    del entry["efficiency"]
    if train is not None:
        entry["train"] = {**entry["train"], "resolveRate": train}
    entry["answers"]["closedForms"] = {name: ranks(right, of) for name, right in (free or {"ridge": before}).items()}
    return {**entry, **changes}


def judged(*entries: Entry) -> tuple[Summary, list[BenchmarkRun]]:
    """The summary of the runs of one protocol and encoder, and the runs."""
    runs = msgspec.convert(list(entries), list[BenchmarkRun])
    (summary,) = summarise(runs)
    return summary, runs


def document(*entries: Entry, **changes: Any) -> dict[str, Any]:
    """A results file of these runs."""
    made: BenchmarkDocument = make_document(msgspec.convert(list(entries), list[BenchmarkRun]), None, COMMAND)
    written: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(made))
    return {**written, "created": "2026-01-01T00:00:00Z", **changes}
