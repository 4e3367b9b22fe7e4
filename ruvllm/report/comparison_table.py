"""A comparison of two runs on the screen."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from ruvllm.files.json_reading import shown
from ruvllm.report.parts import Table
from ruvllm.report.screen import print_table
from ruvllm.report.wording import points_with, seed_range
from ruvllm.results.compare import ComparisonDocument, ComparisonRow, DifferenceRecord
from ruvllm.results.subjects import SIMULATED

__all__ = ["print_comparison"]

EXPLAINED = (
    "Test tasks that both runs answered, paired. B - A in points, 95% interval by bootstrap over seeds and tasks. "
    "only A, only B: tasks that this run alone resolved. McNemar: exact, two-sided; Holm: adjusted for the number of "
    "rows. "
    "Smallest detectable: the least difference, in points, that so many tasks could have shown."
)


def print_comparison(console: Console, document: ComparisonDocument) -> None:
    """For each pair of protocols: resolve rates and their tests, then confidence and MRR; notes; the verdict last.

    Names come from files of strangers: they are printed without mark-up and control characters.
    """
    for side, name in (("A", document.a), ("B", document.b)):
        console.print(f"{side}: {name}", markup=False, highlight=False, soft_wrap=True)
    console.print()
    for a, b in dict.fromkeys((row.protocol_a, row.protocol_b) for row in document.rows):
        rows = [row for row in document.rows if (row.protocol_a, row.protocol_b) == (a, b)]
        versions = shown(a) if a == b else f"{shown(b)} against {shown(a)}"
        title = f"{versions}, {shown(document.workload)} workload, {_seeds(rows)}"
        what = "Model" if document.workload == SIMULATED else "Encoder"
        print_table(console, _rates(f"{title}: resolve rate", what, rows))
        print_table(console, _others(title, what, rows))
    for note in (EXPLAINED, *(f"Note: {note}." for note in document.notes)):
        console.print(note, style="dim", markup=False, highlight=False)
    console.print(f"Verdict: {document.verdict.text}.", markup=False, highlight=False, soft_wrap=True)


def _rates(title: str, what: str, rows: Sequence[ComparisonRow]) -> Table:
    columns = (what, "Pairs", "Resolve A", "B", "B - A [95%]", "only A", "only B", "McNemar p", "Holm p",
               "Smallest detectable")  # fmt: skip
    cells = tuple(
        (
            _model(row), str(row.pairs), *_means(row.resolve_rate, "%"), str(row.only_a), str(row.only_b),
            _p_value(row.mcnemar_p), _p_value(row.holm_p), _smallest(row.smallest_detectable),
        )
        for row in rows
    )  # fmt: skip
    return Table(title, columns, cells, groups=(6, 3))


def _others(title: str, what: str, rows: Sequence[ComparisonRow]) -> Table:
    has_mrr = rows[0].mrr is not None
    columns = (what, "Confidence A", "B", "B - A [95%]", *(("100 MRR A", "B", "B - A [95%]") if has_mrr else ()))
    cells = tuple(
        (_model(row), *_means(row.confidence, "%"), *(() if row.mrr is None else _means(row.mrr, ""))) for row in rows
    )
    title = f"{title}: confidence{' and MRR' if has_mrr else ''}"
    return Table(title, columns, cells, groups=(3, 3) if has_mrr else (3,))


def _model(row: ComparisonRow) -> str:
    return shown(row.model, 30)


def _means(found: DifferenceRecord, sign: str) -> tuple[str, str, str]:
    difference = points_with(found.difference, found.difference_ci95)
    return f"{100 * found.a:.1f}{sign}", f"{100 * found.b:.1f}{sign}", difference


def _p_value(p: float) -> str:
    return "<0.0001" if p < 0.0001 else f"{p:.4f}"


def _smallest(share: float | None) -> str:
    return "none" if share is None else f"{100 * share:.1f}"


def _seeds(rows: Sequence[ComparisonRow]) -> str:
    return seed_range(sorted({seed for row in rows for seed in row.seeds}))
