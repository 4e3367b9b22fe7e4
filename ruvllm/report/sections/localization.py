"""What streams of issues say beside others: where the candidates come from, each repository, the weights."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, median

from ruvllm.report.parts import Block, Table
from ruvllm.report.wording import counted, words
from ruvllm.results.streams.localization_records import Localization
from ruvllm.results.streams.records import FROZEN, LEARNED, PrequentialRun

__all__ = ["how_learned", "localization_blocks", "where_from"]

COLUMNS = ("Repository", "issues", "files", "BM25", "equal", "learned", "top 3", "top 5", "MRR")
BM25 = "bm25"
MOST_ISSUES = 500
"""In the table of issues; the results file has all."""
EVIDENCE = {
    "path": "path, hashed n-grams", "vectors": "path, encoder", "contents": "BM25, contents",
    "contentsTitle": "BM25, contents, by title", "outlineTitle": "BM25, names and docstring, by title",
    "definition": "BM25, best definition",
    "definitionTitle": "BM25, best definition, by title", "symbols": "defines what the issue calls",
    "fullPath": "named: full path", "module": "named: module", "baseName": "named: file name",
    "lastTwo": "named: folder and file", "stem": "named: file name without ending",
}  # fmt: skip


def localization_blocks(run: PrequentialRun, found: Localization) -> list[Block]:
    """Tables of one run; learned weights are the same under each seed."""
    left_out = [f"{each.sentence}." for each in found.left_out]
    said = [" ".join(left_out)] if left_out else []
    return [_by_repository(run, found), _weights(found), *said, _issues(run, found)]


def how_learned(found: Localization) -> str:
    """What was learned from, in words."""
    if found.fitted_before is None:
        return "each answered before it was learned from"
    return f"none of them learned from: weights are of {counted(found.fitted_before, 'train issue')}"


def where_from(found: Localization) -> str:
    """Where the candidates come from, in words."""
    releases = [origin.removeprefix("release ") for origin in found.origins if origin.startswith("release ")]
    said = ["Candidates: all source files but tests, documentation, examples and benchmarks"]
    if len(releases) < len(found.origins):
        n = len(found.origins) - len(releases)
        said.append(f"at the commit that the fix was made upon ({counted(n, 'issue')})")
    if releases:
        names = ", ".join(sorted(set(releases)))
        said.append(f"of the release before, {names} ({counted(len(releases), 'issue')})")
    return ", ".join(said) + "."


def _by_repository(run: PrequentialRun, found: Localization) -> Table:
    names = sorted(set(found.repositories))
    places = {name: [i for i, own in enumerate(found.repositories) if own == name] for name in names}
    rows = [_row(run, name, places[name]) for name in names]
    if len(names) > 1:
        rows.append(_row(run, "all", list(range(len(found.repositories)))))
    note = (
        "Files: median number of candidates. In percent: the right file comes first by BM25 over contents, by equal "
        "weights and by learned ones; among the first 3 and 5 by learned ones, and their mean reciprocal rank."
    )
    return Table("By repository", COLUMNS, tuple(rows), note, brief=True, groups=(2, 3, 3))


def _row(run: PrequentialRun, name: str, places: Sequence[int]) -> tuple[str, ...]:
    ranks = {method: [run.reciprocal_ranks[method][i] for i in places] for method in (BM25, FROZEN, LEARNED)}
    shares = [*(_share(ranks[method], 1) for method in ranks), *(_share(ranks[LEARNED], k) for k in (3, 5))]
    figures = [f"{100 * value:.1f}" for value in (*shares, mean(ranks[LEARNED]))]
    return (name, str(len(places)), f"{median(run.pools[i] for i in places):g}", *figures)


def _issues(run: PrequentialRun, found: Localization) -> Table:
    methods = (BM25, FROZEN, LEARNED)
    rows = tuple(
        (name, found.right[i], str(run.pools[i]), *(f"{1 / run.reciprocal_ranks[method][i]:.0f}" for method in methods))
        for i, name in enumerate(run.tasks[:MOST_ISSUES])
    )
    more = "" if len(run.tasks) <= MOST_ISSUES else f" The first {MOST_ISSUES} of {len(run.tasks)} issues."
    note = f"Place of the right file among all candidates, from 1. In the order in which issues came.{more}"
    return Table("Issues", ("Issue", "right file", "files", "BM25", "equal", "learned"), rows, note, folded=True)


def _share(reciprocal_ranks: Sequence[float], k: int) -> float:
    return sum(value * (k + 0.5) > 1 for value in reciprocal_ranks) / len(reciprocal_ranks)


def _weights(found: Localization) -> Table:
    rows = tuple(
        (EVIDENCE.get(name, words(name)), f"{weight.start:.2f}", f"{weight.learned:.2f}")
        for name, weight in found.weights.items()
    )
    note = (
        "Of evidence that is standardised for each issue to a standard deviation of 1/2, or is in [0, 1] where a file "
        "is named. None is below 0."
    )
    return Table("Weights of evidence", ("Evidence", "start", "learned"), rows, note)
