"""The tables of a benchmark: ours beside the published figures, controls, calibration, held-out tasks, ranking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import convert, to_builtins

from ruvllm.evaluation.statistics import mean
from ruvllm.report.parts import Block, Section, Table
from ruvllm.report.sections.learning_figures import (
    confusion_figure,
    learning_figures,
    reliability_figure,
    schedule_figure,
)
from ruvllm.report.sections.retrieval import retrieval_blocks
from ruvllm.report.settings import Measured, Setting
from ruvllm.report.wording import efficiency, listed, model_size, percent, percent_with, points_with, words
from ruvllm.results.published import PUBLISHED, PublishedFigures
from ruvllm.results.summaries import beside_published, rankings, recommendations
from ruvllm.results.summary_records import Summary

__all__ = ["USES", "benchmark_section", "headline_table"]

USES = {
    "bestOverall": "best overall",
    "bestEfficiency": "most per parameter",
    "edge": "for the edge (below 2B)",
    "midRange": "mid-range (2B to 5B)",
}
INTERVALS = "In brackets: 95% intervals by bootstrap over runs (seeds and folds) and test tasks, 10,000 resamples."
PUBLISHED_EXPLAINED = "Columns headed published: the figures of the report that this project implements."
SIMULATED = (
    "The models are simulated stand-ins: their frozen start and their final v3 confidence were calibrated to the "
    "published figures (scripts/calibrate.py); everything else is an outcome. Their confidence is too low by design: "
    "the published confidence is far below the published resolve rate."
)
ENCODER = (
    "Real input. The frozen encoder is hashed character n-grams unless the run's command names another one: of the "
    "models only the size and the embedding dimension enter."
)
CONTROLS = (
    "The same tasks and seeds under three controls. Frozen: learning is off, and the change must be exactly 0. Random "
    "gradient: a random gradient of the same norm replaces each gradient, and memories are off. Shuffled answers: a "
    "random candidate is passed off as the right one."
)
CALIBRATION = (
    "Expected calibration error (ECE, 10 bins) and Brier score of confidence on the test split; 0 is best. Scaled: "
    "after temperature scaling fitted on the validation split (Guo et al. 2017)."
)
HELD_OUT = (
    "Final resolve rate on tasks it learned from, on the test split, and on the holdout, which is read once; and the "
    "number of patterns that the bank holds at the end."
)


def benchmark_section(setting: Setting) -> Section:
    """All blocks of a setting."""
    last = setting.protocols[-1]
    blocks: list[Block] = [headline_table(setting, last)]
    if setting.workload == "simulated":
        blocks.insert(0, SIMULATED)
        blocks += _evolution(setting)
    elif setting.workload == "code":
        blocks.insert(0, ENCODER)
    blocks += learning_figures(setting)
    blocks += [_final_table(setting, protocol) for protocol in setting.protocols if protocol != last]
    blocks += retrieval_blocks(setting)
    blocks += _controls(setting)
    blocks.append(_rankings(setting, last))
    blocks += confusion_figure(setting)
    blocks += _transitions(setting, last)
    blocks += reliability_figure(setting)
    blocks += _calibration(setting)
    blocks += schedule_figure(setting)
    blocks += _held_out(setting, last)
    return Section(setting.title, tuple(blocks))


def headline_table(setting: Setting, protocol: str) -> Table:
    """Our final figures, beside the published ones if there are some for this protocol."""
    rows = setting.rows(protocol)
    beside = setting.workload == "simulated" and protocol == "v3" and all(_report(row) for row in rows)
    if not beside:
        return _final_table(setting, protocol, headline=True)
    columns = ("Model", "Resolve rate", "published", "Confidence", "published", "Efficiency", "published",
               "Frozen start", "Gain, points", "LoRA rank", "Params")  # fmt: skip
    cells = []
    for row in rows:
        s, report = row.summary, _report(row)
        assert report is not None
        cells.append((
            s["model"], percent_with(s["resolveRate"], s["resolveRateCI95"]), f"{100 * report.v3_final:.0f}%",
            percent_with(s["confidence"], s["confidenceCI95"]), f"{100 * report.v3_confidence:.0f}%",
            efficiency(s["efficiency"], s["paramsB"]), f"{percent(report.v3_final / s['paramsB'])}/B",
            percent(s["initialResolveRate"]), points_with(s["gain"], s["gainCI95"]), f"{s['loraRank']:g}",
            model_size(s["paramsB"]),
        ))  # fmt: skip
    title = f"Final results of {protocol} beside the published ones, {setting.seeds(protocol)}"
    return Table(title, columns, tuple(cells), f"{INTERVALS} {PUBLISHED_EXPLAINED}", headline=True,
                 groups=(2, 2, 2, 1, 1, 1, 1))  # fmt: skip


def _report(row: Measured) -> PublishedFigures | None:
    return PUBLISHED.get(row.summary["model"])


def _final_table(setting: Setting, protocol: str, headline: bool = False) -> Table:
    columns = ("Model", "Resolve rate", "Confidence", "Efficiency", "Frozen start", "Gain, points", "LoRA rank",
               "Patterns", "Params")  # fmt: skip
    rows = tuple(
        (
            s["model"], percent_with(s["resolveRate"], s["resolveRateCI95"]),
            percent_with(s["confidence"], s["confidenceCI95"]), efficiency(s["efficiency"], s["paramsB"]),
            percent(s["initialResolveRate"]), points_with(s["gain"], s["gainCI95"]), f"{s['loraRank']:g}",
            f"{s['patterns']:g}", model_size(s["paramsB"]),
        )
        for s in (row.summary for row in setting.rows(protocol))
    )  # fmt: skip
    return Table(f"Final results of {protocol}, {setting.seeds(protocol)}", columns, rows, INTERVALS,
                 folded=not headline, headline=headline)  # fmt: skip


def _evolution(setting: Setting) -> list[Block]:
    """Self-improvement over training, where several protocols ran."""
    if len(setting.protocols) < 2:
        return []
    rows = to_builtins(beside_published([convert(m.summary, Summary) for m in setting.measured.values()]))
    found = {row["model"]: row for row in rows}
    keys = {"v1Initial": "v1 initial", "v1Final": "v1 final", "v2Final": "v2 final", "v3Final": "v3 final",
            "v3Confidence": "v3 confidence"}  # fmt: skip
    keys = {key: name for key, name in keys.items() if any(key in row for row in rows)}
    columns = ["Model", *(name for key in keys.values() for name in (key, "published"))]
    cells = [
        (model, *(text for key in keys for text in _beside(found[model].get(key))))
        for model in setting.models
        if model in found
    ]
    return [Table("Self-improvement over training, ours beside the published figures", tuple(columns), tuple(cells),
                  f"{INTERVALS} {PUBLISHED_EXPLAINED}", headline=True, groups=(2,) * len(keys))]  # fmt: skip


def _beside(cell: dict[str, Any] | None) -> tuple[str, str]:
    if cell is None:
        return "", ""
    return percent_with(cell["ours"], cell["ci95"]), percent(cell["report"])


def _controls(setting: Setting) -> list[Block]:
    tables: list[Block] = []
    for protocol in setting.protocols:
        rows = [row for row in setting.rows(protocol) if row.summary.get("controls")]
        if not rows:
            continue
        names = list(rows[0].summary["controls"])
        cells = tuple(
            (
                row.summary["model"],
                percent(row.summary["initialResolveRate"]),
                percent(row.summary["resolveRate"]),
                points_with(row.summary["gain"], row.summary["gainCI95"]),
                *(percent(row.summary["controls"][name]) if name in row.summary["controls"] else "" for name in names),
            )
            for row in rows
        )
        columns = ("Model", "Start", "Learned", "Gain, points", *(f"Control: {words(name)}" for name in names))
        title = "Controls" if len(setting.protocols) == 1 else f"Controls of {protocol}"
        tables.append(Table(title, columns, cells, CONTROLS, folded=protocol != setting.protocols[-1]))
    return tables


def _calibration(setting: Setting) -> list[Block]:
    tables: list[Block] = []
    for protocol in setting.protocols:
        cells = tuple(
            (
                row.summary["model"],
                *(f"{calibration[when][key]:.3f}" for when in ("initial", "final")
                  for key in ("ece", "scaledEce", "brier")),
                percent(calibration["final"]["scaledConfidence"]),
            )
            for row in setting.rows(protocol)
            if (calibration := row.summary.get("calibration"))
        )  # fmt: skip
        columns = ("Model", "Start: ECE", "scaled", "Brier", "Final: ECE", "scaled", "Brier", "Confidence scaled")
        if cells:
            tables.append(Table(f"Calibration of {protocol}", columns, cells, CALIBRATION,
                                folded=protocol != setting.protocols[-1], groups=(3, 4)))  # fmt: skip
    return tables


def _rankings(setting: Setting, protocol: str) -> Table:
    summaries = [convert(row.summary, Summary) for row in setting.rows(protocol)]
    ranked = to_builtins(rankings(summaries))
    best = to_builtins(recommendations(summaries))
    rows = tuple((str(place + 1), *names) for place, names in enumerate(zip(*ranked.values(), strict=True)))
    chosen = "; ".join(f"{use}: {best[key]}" for key, use in USES.items() if best[key] is not None)
    return Table(f"Ranking after {protocol}", ("Place", "By resolve rate", "By improvement", "By efficiency"), rows,
                 f"Confidence decides between equals. {chosen[0].upper()}{chosen[1:]}.", headline=True)  # fmt: skip


def _transitions(setting: Setting, protocol: str) -> list[Block]:
    """What became of the test tasks of each type, all models and runs together."""
    totals: dict[str, dict[str, float]] = {}
    for row in setting.rows(protocol):
        for entry in row.entries:
            for kind, counts in entry.get("transitions", {}).items():
                total = totals.setdefault(kind, dict.fromkeys(counts, 0.0))
                for name, count in counts.items():
                    total[name] = total.get(name, 0.0) + count
    if not totals:
        return []
    rows = []
    for kind, t in totals.items():
        tasks = sum(t.values())
        rows.append((words(kind), f"{tasks:.0f}", *(f"{t[name]:.0f} ({t[name] / tasks:.1%})"
                                                    for name in ("kept", "gained", "lost", "never"))))  # fmt: skip
    columns = ("Task type", "Test tasks", "Right before and after", "Gained", "Lost", "Wrong before and after")
    return [Table(f"What became of the test tasks in {protocol}", columns, tuple(rows),
                  "All models and runs together.")]  # fmt: skip


def _held_out(setting: Setting, protocol: str) -> list[Block]:
    rows = []
    for row in setting.rows(protocol):
        parts = [[entry[part]["resolveRate"] for entry in row.entries if part in entry]
                 for part in ("train", "final", "holdout")]  # fmt: skip
        if all(parts):
            patterns = f"{row.summary['patterns']:g}"
            rows.append((row.summary["model"], *(percent(mean(part)) for part in parts), patterns))
    if not rows:
        return []
    columns = ("Model", "Train", "Test", "Holdout", "Patterns")
    return [Table(f"Seen and unseen tasks in {protocol}", columns, tuple(rows), HELD_OUT)]


def lead_of(setting: Setting) -> str:
    """What a setting says, in one sentence."""
    protocol = setting.protocols[-1]
    rows: Sequence[Measured] = setting.rows(protocol)
    start = sorted(row.summary["initialResolveRate"] for row in rows)
    end = sorted(row.summary["resolveRate"] for row in rows)
    sure = [row.summary["model"] for row in rows if row.summary["gainCI95"][0] > 0]
    split = f", tasks {setting.tasks}, split by {setting.split}" if setting.split else ""
    models = "1 model" if len(rows) == 1 else f"{len(rows)} models"
    if not sure:
        beyond = "no gain is beyond chance"
    elif len(sure) == len(rows):
        beyond = "each gain is beyond chance" if len(rows) > 1 else "the gain is beyond chance"
    else:
        beyond = f"the gain is beyond chance for {listed(sure)}"
    return (
        f"{setting.workload.capitalize()} workload{split}, {protocol}, {models}: from {_range(start)} of the test "
        f"tasks resolved to {_range(end)}; {beyond}."
    )


def _range(values: Sequence[float]) -> str:
    low, high = percent(values[0]), percent(values[-1])
    return high if low == high else f"{low.removesuffix('%')} to {high}"
