"""Localization runs: issues with the files of their repositories, as records of the results file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ruvllm.benchmark.sweep import Reporter
from ruvllm.encoders.base import unit_rows
from ruvllm.encoders.models import hashed_profile
from ruvllm.encoders.registry import DEFAULT_ENCODER, title_of
from ruvllm.learning.localization import FROZEN, LEARNED, Localized, Question, localize
from ruvllm.results.audit_records import LeftOut
from ruvllm.results.run_records import InputIdentity
from ruvllm.results.streams.localization_records import Localization, Weight
from ruvllm.results.streams.records import PrequentialRun
from ruvllm.workloads.inputs import Watch
from ruvllm.workloads.localization.contents import Contents
from ruvllm.workloads.localization.evidence import CONTENTS, EVIDENCE, PATH, START, VECTORS, WIDTH, evidence_of
from ruvllm.workloads.localization.reading import LocalizationInput, PlacedIssue
from ruvllm.workloads.splits import Numbers
from ruvllm.workloads.swebench import path_text

__all__ = ["PROTOCOL", "run_localization"]

PROTOCOL = "weights of evidence"
ALONE = {"bm25": CONTENTS, "hashedPath": PATH, "encodedPath": VECTORS}
"""Methods that are one kind of evidence alone."""
TOGETHER = 512
"""Texts that are encoded at once."""
KNOWN = (
    "Frozen: each kind of evidence weighs the same, before anything is learned. Of later issues nothing is known, and "
    "of a repository what was there before the fix."
)

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Vectors:
    """What an encoder makes of issues and paths."""

    issues: Rows
    paths: Rows
    places: dict[str, int]
    digest: str

    def cosines(self, number: int, paths: Sequence[str]) -> Rows:
        """Returns (n,) of issue `number` and n paths."""
        rows = self.paths[[self.places[path] for path in paths]]
        cosines: Rows = (rows.astype(np.float64) @ self.issues[number].astype(np.float64)).astype(np.float32)
        return cosines


def run_localization(
    task_input: LocalizationInput,
    seeds: Sequence[int],
    reporter: Reporter,
    *,
    controls: bool = True,
) -> list[PrequentialRun]:
    """One record per seed; seeds draw the wrong answers of the control alone. Raises ValueError."""
    watch = reporter.work
    groups = task_input.groups()
    placed, groups = _without_copies_of_test(task_input.issues, groups)
    vectors = _encode(task_input, placed, watch)
    questions = _questions(placed, groups, vectors, watch)
    used = [name for name in EVIDENCE if name != VECTORS or vectors is not None]
    columns = [EVIDENCE.index(name) for name in used]
    questions = [replace(question, evidence=question.evidence[:, columns]) for question in questions]
    alone = {method: used.index(name) for method, name in ALONE.items() if name in used}
    labels = [f"{task_input.title} seed {seed}" for seed in seeds]
    reporter.start(labels)
    runs = []
    for seed, label in zip(seeds, labels, strict=True):
        found = localize(
            questions,
            [START] * len(used),
            alone,
            seed=seed,
            stream=not any(each.train for each in placed),
            controls=controls,
            progress=partial(_tell, reporter, label),
        )
        runs.append(_record(task_input, placed, questions, vectors, used, seed, found))
        reporter.finish(label, f"{label}: {_line(runs[-1])}")
    return runs


def _tell(reporter: Reporter, label: str, done: int, total: int, right: float | None) -> None:
    reporter.epoch(label, done, total, right, None)


def _line(run: PrequentialRun) -> str:
    shares = (
        sum(rank == 1 for rank in run.reciprocal_ranks[name]) / len(run.tasks) for name in ("bm25", FROZEN, LEARNED)
    )
    return "{:.1%} BM25, {:.1%} equal weights, {:.1%} learned, first of all files".format(*shares)


def _without_copies_of_test(issues: Sequence[PlacedIssue], groups: Numbers) -> tuple[list[PlacedIssue], Numbers]:
    """Leaves train issues out that have a copy among the test issues."""
    tested = {group for each, group in zip(issues, groups.tolist(), strict=True) if not each.train}
    kept = [i for i, each in enumerate(issues) if not each.train or int(groups[i]) not in tested]
    return [issues[i] for i in kept], groups[kept]


def _encode(task_input: LocalizationInput, placed: Sequence[PlacedIssue], watch: Watch) -> _Vectors | None:
    """Returns the vectors of a user's encoder, None for the default one, whose weights are those of each tree."""
    encoder = task_input.encoder
    if encoder is None:
        return None
    paths = list(dict.fromkeys(path for each in placed for path in each.tree.paths))
    texts = [each.issue.text for each in placed] + [path_text(path) for path in paths]
    rows = np.empty((len(texts), encoder.dim), np.float32)
    for first in range(0, len(texts), TOGETHER):
        watch("encoding issues and paths", first, len(texts))
        part = texts[first : first + TOGETHER]
        rows[first : first + len(part)] = unit_rows(encoder, part, encoder.dim)
    watch("encoding issues and paths", len(texts), len(texts))
    digest = hashlib.sha256(rows.astype("<f4").tobytes()).hexdigest()
    return _Vectors(rows[: len(placed)], rows[len(placed) :], {path: i for i, path in enumerate(paths)}, digest)


def _questions(
    placed: Sequence[PlacedIssue], groups: Numbers, vectors: _Vectors | None, watch: Watch
) -> list[Question]:
    contents, seen, questions = Contents(), set[int](), []
    for number, (each, group) in enumerate(zip(placed, groups.tolist(), strict=True)):
        watch("reading files and weighing evidence", number, len(placed))
        files = contents.of(each.repository, each.tree)
        cosines = None if vectors is None else vectors.cosines(number, each.tree.paths)
        evidence = evidence_of(each.issue.text, each.tree, files, contents, cosines)
        questions.append(Question(evidence, each.right, not each.train and group not in seen))
        seen.add(group)
    watch("reading files and weighing evidence", len(placed), len(placed))
    return questions


def _record(
    task_input: LocalizationInput,
    placed: Sequence[PlacedIssue],
    questions: Sequence[Question],
    vectors: _Vectors | None,
    used: Sequence[str],
    seed: int,
    found: Localized,
) -> PrequentialRun:
    measured = [each for each, question in zip(placed, questions, strict=True) if question.measured]
    n_train = sum(each.train for each in placed)
    pools = [len(each.tree.paths) for each in measured]
    return PrequentialRun(
        protocol=PROTOCOL,
        workload=task_input.name,
        model=hashed_profile(WIDTH).name if task_input.encoder is None else title_of(task_input.encoder),
        seed=seed,
        input=_identity(task_input, vectors, len(measured), max(pools)),
        order=task_input.order.words,
        tasks=[each.issue.id or each.issue.place for each in measured],
        dates=[each.task.date for each in measured] if task_input.order.by_date else None,
        pools=pools,
        reciprocal_ranks=found.reciprocal_ranks,
        answered_by=found.answered_by,
        learned_from=n_train or len(placed),
        copies=0 if n_train else len(placed) - len(measured),
        refits=found.refits,
        known_beforehand=KNOWN,
        state_hash=found.state_hash,
        localization=Localization(
            repositories=[each.issue.repo for each in measured],
            origins=[each.tree.origin for each in measured],
            right=[each.issue.path for each in measured],
            weights={name: Weight(START, weight) for name, weight in zip(used, found.weights, strict=True)},
            fitted_before=n_train or None,
            hints=task_input.options.hints,
            left_out=[
                LeftOut(each.what, each.count, each.of, each.why, list(each.first), each.sentence)
                for each in task_input.left_out
            ],
        ),
        seconds=found.seconds,
    )


def _identity(task_input: LocalizationInput, vectors: _Vectors | None, n: int, largest: int) -> InputIdentity:
    encoder = task_input.encoder
    return InputIdentity(
        source=task_input.options.source,
        name=task_input.title,
        texts_digest=task_input.digest,
        encoder=DEFAULT_ENCODER if encoder is None else encoder.name,
        encoder_digest=None if vectors is None else vectors.digest,
        tasks=n,
        candidates=largest,
        split="time" if task_input.options.test is None else "by user",
    )
