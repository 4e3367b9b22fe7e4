"""The figures of README and docs, as Markdown, from the results that are kept in docs/results/."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from real_blocks import free_methods, real_blocks

from ruvllm.encoders.models import profile_of_width
from ruvllm.learning.protocols import protocol_rows
from ruvllm.report.markdown import markdown_table
from ruvllm.report.parts import Table
from ruvllm.report.sections.ablation import ablation_table
from ruvllm.report.sections.benchmark import benchmark_section
from ruvllm.report.sections.provenance import command_of
from ruvllm.report.sections.retrieval import retrieval_blocks
from ruvllm.report.sections.stream import forgetting_table
from ruvllm.report.settings import Setting, find_settings
from ruvllm.report.wording import listed, percent, words
from ruvllm.results.experiment_records import AblationDocument, StreamDocument
from ruvllm.results.reading import Source
from ruvllm.results.summaries import beside_published
from ruvllm.results.summary_records import BenchmarkDocument
from ruvllm.results.verdict import WORDS

__all__ = ["PICTURE", "drawn_from", "make_blocks"]

PICTURE = "simulated-full-resolve-rate"
"""The figure of README."""
BESIDE = {"v1_initial": "start", "v1_final": "v1", "v2_final": "v2", "v3_final": "v3", "v3_confidence": "v3 confidence"}

Kept = Mapping[str, Source[Any]]


def make_blocks(kept: Kept) -> dict[str, str]:
    """The text of every block by its name."""
    (setting,) = find_settings([kept["protocols"]]).shown
    blocks: dict[str, Callable[[], str]] = {
        "beside-the-report": lambda: _beside_the_report(setting),
        "controls-in-words": lambda: _controls_in_words(setting),
        "controls": lambda: _tables(setting, "Controls of v3"),
        "calibration": lambda: _tables(setting, "Calibration of v3"),
        "calibration-in-words": lambda: _calibration_in_words(setting),
        "ranking": lambda: _tables(setting, "Ranking after v3"),
        "task-types": lambda: _tables(setting, "What became of the test tasks in v3"),
        "seen-and-unseen": lambda: _tables(setting, "Seen and unseen tasks in v3"),
        "ablation": lambda: _ablation(kept["ablation"]),
        "ablation-in-words": lambda: _ablation_in_words(kept["ablation"].document),
        "ablation-v2-in-words": lambda: _temperature_in_v2(kept["ablation-v2"].document),
        "forgetting": lambda: _forgetting(kept["blocked"]),
        "forgetting-in-words": lambda: _forgetting_in_words(kept["blocked"].document),
        "code": lambda: "\n\n".join(_code(kept[name]) for name in ("code-function", "code-file", "code-types")),
        "code-in-words": lambda: _code_in_words(kept),
        **real_blocks(kept),
        "constants": _constants,
        "where-from": lambda: _where_from(kept),
    }
    return {name: make() for name, make in blocks.items()}


def drawn_from(source: Source[Any]) -> str:
    """What a picture says of its origin."""
    return f"{source.name}, SHA-256 {source.digest}"


def _table(table: Table, columns: Sequence[int] | None = None) -> str:
    chosen = range(len(table.columns)) if columns is None else columns
    return markdown_table([table.columns[i] for i in chosen], [[row[i] for i in chosen] for row in table.rows])


def _tables(setting: Setting, title: str) -> str:
    tables = [block for block in benchmark_section(setting).blocks if isinstance(block, Table)]
    (table,) = [table for table in tables if table.title == title]
    return f"{_table(table)}\n\n{table.note}"


def _beside_the_report(setting: Setting) -> str:
    found = {row.model: row for row in beside_published([m.summary for m in setting.measured.values()])}
    rows = []
    for model in setting.models:
        cells = [model]
        for key in BESIDE:
            cell = getattr(found[model], key)
            low, high = (100 * end for end in cell.ci95)
            cells.append(f"**{100 * cell.ours:.1f}** [{low:.1f}, {high:.1f}] / {100 * cell.published:.1f}")
        rows.append(cells)
    return markdown_table(["Model", *BESIDE.values()], rows) + (
        f"\n\nPercent of the test tasks resolved, and confidence: **ours** [95% interval] / published. "
        f"`{command_of(next(iter(setting.measured.values())).source)}`"
    )


def _span(values: Sequence[float]) -> str:
    low, high = percent(min(values)), percent(max(values))
    return low if low == high else f"{low.removesuffix('%')} to {high}"


def _controls_in_words(setting: Setting) -> str:
    rows = [row.summary for row in setting.rows("v3")]
    start = [s.initial_resolve_rate for s in rows]
    changes = {name: [100 * (s.controls[name] - s.initial_resolve_rate) for s in rows] for name in rows[0].controls}
    exact = all(change == 0 for change in changes["frozen"])
    highest = max(rows, key=lambda s: s.controls["shuffled"])
    return (
        f"After v3 the six models resolve {_span([s.resolve_rate for s in rows])} of the test tasks, from "
        f"{_span(start)} before. Beside each run stand three controls on the same tasks and seeds. *Frozen*, learning "
        f"off: the change is {'exactly 0' if exact else 'NOT 0'}. *Random gradient*, each gradient replaced by a "
        f"random one of the same norm: at most {max(map(abs, changes['randomGradient'])):.1f} points of change. "
        f"*Shuffled answers*, a random candidate passed off as the right one: from {min(changes['shuffled']):+.1f} "
        f"to {max(changes['shuffled']):+.1f} points, up to {percent(highest.controls['shuffled'])} "
        f"({highest.model}), because flattening a harmful habit helps a little even without true feedback."
    )


def _calibration_in_words(setting: Setting) -> str:
    rows = [row.summary for row in setting.rows("v3")]
    raw = [s.calibration.final.ece for s in rows]
    scaled = [s.calibration.final.scaled_ece for s in rows]
    return (
        f"The published confidence is far below the resolve rate, so raw confidence is too low by design: its "
        f"calibration error (ECE) after v3 is {min(raw):.3f} to {max(raw):.3f}. After temperature scaling fitted "
        f"on the validation split it is at most {max(scaled):.3f}."
    )


def _ablation(source: Source[AblationDocument]) -> str:
    table = ablation_table(source.document)
    return f"{_table(table)}\n\n{table.note} `{command_of(source)}`"


def _ablation_in_words(document: AblationDocument) -> str:
    effects = {c.name: c.overall.resolve_rate for c in document.components}
    carry = sorted((name for name, e in effects.items() if e.ci95[1] < 0), key=lambda n: effects[n].difference)
    said = [f"{name} ({100 * effects[name].difference:+.1f} points)" for name in carry]
    rest = [name for name in effects if name not in carry]
    return (
        f"Taken off one at a time, these cost resolve rate: {listed(said) if said else 'none'}. For the other "
        f"{len(rest)} components ({listed(rest)}) no loss is shown here; the table says what they change instead, if "
        "anything."
    )


def _temperature_in_v2(document: AblationDocument) -> str:
    (found,) = [c for c in document.components if c.name == "temperature"]
    effect = found.overall.resolve_rate
    low, high = (100 * end for end in effect.ci95)
    return (
        f"In v2, where what is learned depends on what was tried, a temperature that stays at 1 changes the resolve "
        f"rate by {100 * effect.difference:+.1f} points [{low:+.1f}, {high:+.1f}]."
    )


def _forgetting(source: Source[StreamDocument]) -> str:
    parts = []
    for summary in source.document.summaries:
        table = forgetting_table(summary)
        parts.append(f"{table.title}:\n\n{_table(table)}\n\n{table.note}")
    return "\n\n".join([*parts, f"`{command_of(source)}`"])


def _forgetting_in_words(document: StreamDocument) -> str:
    heads = next(s for s in document.summaries if s.adapter == "heads")
    parts = []
    for model, measures in heads.models.items():
        found = measures.forgetting
        if found.difference.ci95[1] < 0:
            on, off = 100 * found.ewc_on.mean, 100 * found.ewc_off.mean
            parts.append((found.difference.mean, f"{model} {off:+.1f} without, {on:+.1f} with"))
    parts.sort()
    said = listed([text for _, text in parts[:2]]) if parts else "no model beyond chance"
    return (
        f"With the four task types one after another, EWC reduces forgetting most for: {said} (points; below 0 the "
        "earlier types went on getting better)."
    )


def _code(source: Source[BenchmarkDocument]) -> str:
    (setting,) = find_settings([source]).shown
    tables = [f"{block.title}:\n\n{_table(block)}" for block in retrieval_blocks(setting) if isinstance(block, Table)]
    return "\n\n".join([f"`{command_of(source)}`, {setting.seeds('v3')}:", *tables])


def _code_in_words(kept: Kept) -> str:
    parts = []
    for name, where in (("code-function", "in files that it knows"), ("code-file", "in files it has never seen")):
        said = []
        for summary in kept[name].document.summaries:
            found = summary.retrieval.recall_at_1
            low, high = (100 * end for end in found.gain_ci95)
            free = free_methods(summary)
            best = max(free, key=lambda row: row.recall_at_1)
            alone = next((row for row in free if row.method == WORDS), None)
            of_words = "" if alone is None else f"words alone {100 * alone.gain['recallAt1'].mean:+.1f}; "
            said.append(
                f"{100 * found.gain:+.1f} [{low:+.1f}, {high:+.1f}] at d = {_dimension(summary.model)} ({of_words}the "
                f"best closed form, {words(best.method)}, {100 * best.gain['recallAt1'].mean:+.1f})"
            )
        parts.append(f"{where} {listed(said)}")
    return (
        "On real input (which function of the running interpreter's standard library does a docstring describe?) what "
        f"words and learning add to recall@1 of hashed n-grams, in points with 95% intervals: {'; '.join(parts)}."
    )


def _dimension(model: str) -> int:
    profile = profile_of_width(model)
    assert profile is not None, f"{model} is not the default encoder"
    return profile.embedding_dim


def _constants() -> str:
    columns, rows = protocol_rows()
    return markdown_table(columns, rows)


def _where_from(kept: Kept) -> str:
    rows = [
        [f"[{name}.json](results/{name}.json)", source.document.version, source.document.created[:10],
         source.document.host.isa, f"`{command_of(source)}`"]
        for name, source in kept.items()
    ]  # fmt: skip
    return markdown_table(["File", "Version", "Date", "ISA", "Command"], rows)

