"""The figures of real input with a real encoder and with the hashed one, as Markdown, from the kept results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ruvllm.report.markdown import markdown_table
from ruvllm.report.sections.provenance import command_of
from ruvllm.report.wording import points_with, words
from ruvllm.results.reading import Source
from ruvllm.results.records import Difference
from ruvllm.results.summary_records import MethodRow, Summary
from ruvllm.results.verdict import NOT_FREE, WORDS

__all__ = ["HASHED_1536", "MINILM", "REAL", "free_methods", "real_blocks", "words_alone"]

REAL = {
    "Docstrings, unseen files": ("code-file", "minilm-file"),
    "Docstrings, known files": ("code-function", "minilm-function"),
    "Four types, unseen files": ("code-types", "minilm-types"),
    "Docstrings, pairs of a file": ("pairs", "minilm-pairs"),
}
"""Questions on real input, and the kept results of both encoders."""
MINILM = "all-MiniLM-L6-v2"
HASHED_1536 = "Hashed n-grams, d = 1536"
ABLATIONS = {
    "Docstrings": {MINILM: "minilm-ablation-code", HASHED_1536: "ablation-code"},
    "Four types": {MINILM: "minilm-ablation-types", HASHED_1536: "ablation-types"},
}
WORDS_ABLATIONS = {
    "Unseen files": {MINILM: "minilm-ablation-words", HASHED_1536: "ablation-words"},
    "Known files": {MINILM: "minilm-ablation-words-known", HASHED_1536: "ablation-words-known"},
    "Pairs of a file": {MINILM: "minilm-ablation-words-pairs", HASHED_1536: "ablation-words-pairs"},
}
"""Of words, and of the ensemble, on docstrings."""
HYBRID_RIDGE = "hybridRidgeCsls"
Kept = Mapping[str, Source[Any]]


def real_blocks(kept: Kept) -> dict[str, Callable[[], str]]:
    """What makes each block, by its name."""
    makers = {"real-encoders": _real_encoders, "real-controls": _real_controls, "what-learns": _what_learns,
              "what-answers": _what_answers}  # fmt: skip
    return {name: partial(make, kept) for name, make in makers.items()}


def free_methods(summary: Summary) -> list[MethodRow]:
    """Rows of what needs no learning loop, on all types."""
    rows = [row for row in summary.comparison or () if row.method not in NOT_FREE]
    return [row for row in rows if row.type == "all"] or rows


def words_alone(free: Sequence[MethodRow]) -> float | None:
    """Recall@1 of the words beside the frozen vectors, as a share."""
    return next((row.recall_at_1 for row in free if row.method == WORDS), None)


def _real_encoders(kept: Kept) -> str:
    """One table: each question, each encoder, what learning adds and what is free."""
    rows, commands = [], []
    for question, names in REAL.items():
        for name, encoder in zip(reversed(names), (MINILM, HASHED_1536), strict=True):
            if name not in kept:
                continue
            (summary, *_) = kept[name].document.summaries
            found = summary.retrieval.recall_at_1
            free = free_methods(summary)
            best = max(free, key=lambda row: row.recall_at_1)
            ridge = next((row for row in free if row.method == HYBRID_RIDGE), None)
            rows.append([
                question, encoder, _percent(found.frozen), _percent(words_alone(free)),
                f"**{_percent(found.learned)}**", points_with(found.gain, found.gain_ci95),
                f"{_percent(best.recall_at_1)}, {words(best.method)}", _ahead_of(best), _ahead_of(ridge),
            ])  # fmt: skip
            commands.append(f"`{command_of(kept[name])}`")
    columns = [
        *("Question", "Encoder", "Frozen", "And words", "Learned", "Gain", "Best without learning", "Learned ahead"),
        "Ahead of ridge and CSLS",
    ]
    return (
        f"{markdown_table(columns, rows)}\n\nRecall@1 in percent, differences in points, 95% intervals, five seeds. "
        "*And words*: n-grams and BM25 beside the frozen vectors, nothing learned. *Learned*: what the validation part "
        "chose for each task type. *Best without learning*: of all that needs no learning loop, the ensemble of it "
        "among them; *ridge and CSLS* are of both views. "
        f"The rows' commands, in their order: {'; '.join(dict.fromkeys(commands))}."
    )


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"


def _ahead_of(row: MethodRow | None) -> str:
    if row is None:
        return ""
    ahead = row.learned_ahead["recallAt1"]
    return points_with(ahead.mean, ahead.ci95)


def _real_controls(kept: Kept) -> str:
    """What the controls come to on real input, of both encoders."""
    parts = []
    for name, encoder in (("minilm-file", MINILM), ("code-file", "hashed n-grams")):
        if name not in kept:
            continue
        (summary, *_) = kept[name].document.summaries
        start = summary.initial_resolve_rate
        changes = {control: 100 * (summary.controls[control] - start) for control in summary.controls}
        parts.append(
            f"{encoder} {changes['frozen']:+.1f} (frozen), {changes['randomGradient']:+.1f} (random gradient) and "
            f"{changes['shuffled']:+.1f} (shuffled answers), where learning gains "
            f"{points_with(summary.gain, summary.gain_ci95)}"
        )
    return f"The resolve rate on docstrings of unseen files changes under the controls, in points: {'; '.join(parts)}."


def _what_learns(kept: Kept) -> str:
    """Which parts of the stack show something on real input: off where they are on, on where they are off."""
    found = {
        (where, encoder): {(part.name, bool(part.added)): part.overall.recall_at_1
                           for part in kept[name].document.components}
        for where, each in ABLATIONS.items()
        for encoder, name in each.items()
        if name in kept
    }  # fmt: skip
    names = list(dict.fromkeys(name for parts in found.values() for name in parts))
    rows = [
        [f"{'with' if added else 'without'} {name}", *(_cell(parts.get((name, added))) for parts in found.values())]
        for name, added in sorted(names, key=lambda each: each[1])
    ]
    columns = ["Recall@1, points", *(f"{where}, {encoder}" for where, encoder in found)]
    return markdown_table(columns, rows)


def _what_answers(kept: Kept) -> str:
    """What words bring to learning, and each kind of members to the ensemble, on docstrings."""
    columns = {
        f"{where}, {encoder}": name
        for where, each in WORDS_ABLATIONS.items()
        for encoder, name in each.items()
        if name in kept
    }
    parts = {
        column: {
            **{f"learning, without {part.name}": part.overall.recall_at_1 for part in document.components},
            **{f"ensemble, without {kind.name}": kind.recall_at_1 for kind in document.ensemble.kinds},
        }
        for column, document in ((column, kept[name].document) for column, name in columns.items())
    }
    names = list(dict.fromkeys(name for found in parts.values() for name in found))
    rows = [[name, *(_cell(found.get(name)) for found in parts.values())] for name in names]
    commands = [f"`{command_of(kept[name])}`" for name in columns.values()]
    return (
        f"{markdown_table(['Recall@1, points', *parts], rows)}\n\nDocstrings, five seeds, and ten of the pairs, 95% "
        f"intervals by Student's t over seeds. {'; '.join(commands)}."
    )


def _cell(effect: Difference | None) -> str:
    if effect is None:
        return ""
    text = points_with(effect.difference, effect.ci95)
    return f"**{text}**" if effect.excludes_zero else text
