"""Compare two results files, paired by task: what differs, is it beyond chance, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ruvllm.evaluation.paired_tests import PairedDifference, PairedTests, describe_tests, paired_tests
from ruvllm.files.json_reading import listed, shown
from ruvllm.notebook import html_table, with_interval
from ruvllm.results.pairing import AnsweredRuns, pair_runs
from ruvllm.results.records import SCHEMA, Interval, Record
from ruvllm.version import __version__

__all__ = ["Comparison", "ComparisonDocument", "ComparisonRow", "DifferenceRecord", "Row", "Verdict", "compare",
           "judge", "make_comparison_document"]  # fmt: skip

WORSE, CANNOT_TELL = 3, 4


@dataclass(frozen=True, slots=True)
class Row:
    """One model, or one protocol and model."""

    model: str
    protocols: tuple[str, str]
    """Of A and of B."""
    seeds: tuple[int, ...]
    tests: PairedTests


@dataclass(frozen=True, slots=True)
class Comparison:
    """`notes` say what was left out and what to mind, each in a line fit for a terminal."""

    workload: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    def _repr_html_(self) -> str:
        rows = []
        for row in self.rows:
            rate = row.tests.resolve_rate
            low, high = (100 * end for end in rate.interval)
            difference = with_interval(100 * rate.difference, (low, high), digits=1)
            rows.append((row.model, row.tests.pairs, f"{rate.a:.1%}", f"{rate.b:.1%}", difference))
        columns = ("Model", "Pairs", "A", "B", "B - A in points, 95% interval")
        return html_table(f"{shown(self.workload)}: resolved test tasks", columns, rows, "; ".join(self.notes))


@dataclass(frozen=True, slots=True)
class Verdict:
    """`outcomes` belong to the rows; `text` says the same in one line."""

    exit_code: int
    outcomes: tuple[str, ...]
    text: str


def compare(a: AnsweredRuns, b: AnsweredRuns) -> Comparison:
    """Pairs the tasks of two files and tests the difference for each model. Raises CannotCompareError."""
    models, notes = pair_runs(a, b)
    tests = paired_tests([list(found.pairs.values()) for found in models])
    rows = tuple(
        Row(found.model, found.protocols, tuple(found.pairs), of_row)
        for found, of_row in zip(models, tests, strict=True)
    )
    return Comparison(a.workload, rows, (*notes, *_other_settings(a, b), *_cautions(rows)))


def _other_settings(a: AnsweredRuns, b: AnsweredRuns) -> list[str]:
    """A note on what A and B were run with, if it was not the same; older files do not know all of it."""
    both = [(name, value, b.settings[name]) for name, value in a.settings.items() if name in b.settings]
    differing = [f"{name} {shown(of_a)} in A, {shown(of_b)} in B" for name, of_a, of_b in both if of_a != of_b]
    return [f"run with other settings: {'; '.join(differing)}"] if differing else []


def _cautions(rows: Sequence[Row]) -> list[str]:
    """What a reader may overlook."""
    concerned: dict[str, list[str]] = {}
    for row, label in zip(rows, _labels(rows), strict=True):
        if note := _caution(row.tests):
            concerned.setdefault(note, []).append(label)
    notes = [note if len(labels) == len(rows) else f"{listed(labels)}: {note}" for note, labels in concerned.items()]
    if all(len(row.seeds) == 1 for row in rows):
        notes.append("one seed only: how much results differ from seed to seed is not in the intervals")
    return notes


def _caution(tests: PairedTests) -> str:
    if tests.smallest is None:
        return f"{tests.pairs} pairs are too few: no difference at all could have been shown"
    if tests.only_a == tests.only_b == 0:
        # an interval that was made of equal values has no width, which says too much
        return f"A and B agree on all {tests.pairs} pairs; {300 / tests.pairs:.1f} points could hide (rule of three)"
    if tests.significant and not tests.resolve_rate.excludes_zero:
        return "beyond chance by McNemar's test, but the interval over seeds and tasks holds 0"
    return ""


def judge(comparison: Comparison, margin: float | None = None) -> Verdict:
    """Is B worse than A?

    Without a margin a row is "worse" if the resolve rate is lower with Holm p <= 0.05, or the whole interval of MRR
    lies below 0. With a margin, in points of resolve rate, it is "worse" if the whole interval of the difference lies
    below -margin, "not worse" if its lower end is >= -margin, else "could not tell". So it is, either way, where there
    are too few pairs to show any difference. Exit code 3 if any is worse, else 4 if any could not be told, else 0.
    """
    outcomes = tuple(
        _beyond_chance(row.tests) if margin is None else _within_margin(row.tests, margin) for row in comparison.rows
    )
    groups: dict[str, list[str]] = {}
    for outcome, label in zip(outcomes, _labels(comparison.rows), strict=True):
        groups.setdefault(outcome, []).append(label)
    code = WORSE if "worse" in groups else CANNOT_TELL if "could not tell" in groups else 0
    rule = "beyond chance" if margin is None else f"margin {margin:g} points"
    text = "; ".join(f"{outcome} for {', '.join(groups[outcome])}" for outcome in sorted(groups, key=_ORDER.index))
    return Verdict(code, outcomes, f"B against A, {rule}: {text}")


_ORDER = ("worse", "could not tell", "not worse", "no difference shown", "better")


def _beyond_chance(tests: PairedTests) -> str:
    low, high = tests.mrr.interval if tests.mrr is not None else (0.0, 0.0)
    if (tests.significant and tests.only_a > tests.only_b) or high < 0:
        return "worse"
    if tests.smallest is None:
        return "could not tell"
    return "better" if tests.significant or low > 0 else "no difference shown"


def _within_margin(tests: PairedTests, margin: float) -> str:
    # rounded, so that the last bits of an interval do not decide at the margin itself
    low, high = (round(100 * end, 9) for end in tests.resolve_rate.interval)
    if high < -margin:
        return "worse"
    return "not worse" if low >= -margin and tests.smallest is not None else "could not tell"


def _labels(rows: Sequence[Row]) -> list[str]:
    """Names of the rows in a sentence: the model, with its protocol where there are several."""
    several = len({row.protocols for row in rows}) > 1
    return [shown(f"{row.protocols[0]} {row.model}" if several else row.model) for row in rows]


class DifferenceRecord(Record):
    """Means of A and B over the same tasks, and B - A with its 95% interval."""

    a: float
    b: float
    difference: float
    difference_ci95: Interval
    excludes_zero: bool

    @classmethod
    def of(cls, found: PairedDifference) -> DifferenceRecord:
        return cls(found.a, found.b, found.difference, found.interval, found.excludes_zero)


class ComparisonRow(Record, kw_only=True):
    """One model. `smallest_detectable` is None if no difference could have been shown."""

    model: str
    protocol_a: str
    protocol_b: str
    seeds: list[int]
    pairs: int
    resolve_rate: DifferenceRecord
    only_a: int
    only_b: int
    mcnemar_p: float
    holm_p: float
    smallest_detectable: float | None
    confidence: DifferenceRecord
    mrr: DifferenceRecord | None = None
    outcome: str


class VerdictRecord(Record):
    """The verdict on all rows."""

    exit_code: int
    text: str


class ComparisonDocument(Record, kw_only=True, tag_field="kind", tag="comparison"):
    """A whole comparison, as --json prints it. Rates are fractions in [0, 1], the margin is in points."""

    schema: int
    version: str
    a: str
    b: str
    workload: str
    margin_points: float | None
    method: dict[str, object]
    rows: list[ComparisonRow]
    notes: list[str]
    verdict: VerdictRecord


def make_comparison_document(
    names: tuple[str, str], comparison: Comparison, margin: float | None, verdict: Verdict
) -> ComparisonDocument:
    """The comparison of the files of these names."""
    return ComparisonDocument(
        schema=SCHEMA,
        version=__version__,
        a=names[0],
        b=names[1],
        workload=comparison.workload,
        margin_points=margin,
        method=describe_tests(),
        rows=[_row_record(row, outcome) for row, outcome in zip(comparison.rows, verdict.outcomes, strict=True)],
        notes=list(comparison.notes),
        verdict=VerdictRecord(verdict.exit_code, verdict.text),
    )


def _row_record(row: Row, outcome: str) -> ComparisonRow:
    tests = row.tests
    return ComparisonRow(
        model=row.model,
        protocol_a=row.protocols[0],
        protocol_b=row.protocols[1],
        seeds=list(row.seeds),
        pairs=tests.pairs,
        resolve_rate=DifferenceRecord.of(tests.resolve_rate),
        only_a=tests.only_a,
        only_b=tests.only_b,
        mcnemar_p=tests.p,
        holm_p=tests.holm_p,
        smallest_detectable=tests.smallest,
        confidence=DifferenceRecord.of(tests.confidence),
        mrr=None if tests.mrr is None else DifferenceRecord.of(tests.mrr),
        outcome=outcome,
    )
