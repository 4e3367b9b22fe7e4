"""The tables of a benchmark: ours beside the published figures, controls, calibration, held-out tasks, ranking."""

from __future__ import annotations

from collections.abc import Sequence

from ruvllm.evaluation.statistics import mean
from ruvllm.report.parts import Block, Section, Table
from ruvllm.report.sections.learning_figures import (
    learning_figures,
    reliability_figure,
    schedule_figure,
    task_type_figure,
)
from ruvllm.report.sections.retrieval import retrieval_blocks
from ruvllm.report.settings import Measured, Setting
from ruvllm.report.wording import (
    STAND_INS,
    THE_REPORT,
    counted,
    efficiency,
    listed,
    model_size,
    percent,
    percent_with,
    points_with,
    words,
)
from ruvllm.results.published import PUBLISHED, PublishedFigures
from ruvllm.results.summaries import beside_published, rankings, recommendations
from ruvllm.results.summary_records import BesidePublished
from ruvllm.results.verdict import BETTER, judge_row

__all__ = ["benchmark_section", "headline_table"]

INTERVALS = "In brackets: 95% intervals by bootstrap over runs (seeds and folds) and test tasks, 10,000 resamples."
PUBLISHED_EXPLAINED = "Columns headed published: figures of the report, whose models were simulated too."
SIMULATED = (
    f"{STAND_INS} {THE_REPORT} Their frozen start and their final v3 confidence were calibrated to the "
    "published figures (scripts/calibrate.py); everything else is an outcome. Their confidence is too low by design: "
    "the published confidence is far below the published resolve rate."
)
ENCODER = (
    "Real input: the tasks were read from files. A row is a frozen encoder, called by its name. Hashed n-grams are the "
    "default one: character n-grams hashed into d numbers, without any model."
)
CHOSEN = (
    "Confidence decides between equals. Best overall and mid-range: of the models within 2 points of the best resolve "
    "rate the one with the highest confidence, wherever it stands above."
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


def benchmark_section(setting: Setting, title: str = "") -> Section:
    """All blocks of a setting."""
    last = setting.protocols[-1]
    blocks: list[Block] = [headline_table(setting, last)]
    if setting.is_simulated:
        blocks.insert(0, SIMULATED)
        blocks += _evolution(setting)
    else:
        blocks.insert(0, ENCODER)
    blocks += learning_figures(setting)
    blocks += [_final_table(setting, protocol) for protocol in setting.protocols if protocol != last]
    blocks += retrieval_blocks(setting)
    blocks += _controls(setting)
    blocks += _rankings(setting, last)
    blocks += task_type_figure(setting)
    blocks += _transitions(setting, last)
    blocks += reliability_figure(setting)
    blocks += _calibration(setting)
    blocks += schedule_figure(setting)
    blocks += _held_out(setting, last)
    return Section(title or setting.title, tuple(blocks))


def headline_table(setting: Setting, protocol: str) -> Table:
    """Our final figures, beside the published ones if there are some for this protocol."""
    rows = setting.rows(protocol)
    beside = setting.is_simulated and protocol == "v3" and all(_report(row) for row in rows)
    if not beside:
        return _final_table(setting, protocol, headline=True)
    columns = ("Model", "Gain, points", "Frozen start", "Resolve rate", "published", "Confidence", "published",
               "Efficiency", "published", "LoRA rank", "Params")  # fmt: skip
    cells = []
    for row in rows:
        s, report = row.summary, _report(row)
        assert report is not None
        cells.append((
            s.model, points_with(s.gain, s.gain_ci95), percent(s.initial_resolve_rate),
            percent_with(s.resolve_rate, s.resolve_rate_ci95), f"{100 * report.v3_final:.0f}%",
            percent_with(s.confidence, s.confidence_ci95), f"{100 * report.v3_confidence:.0f}%",
            efficiency(s.efficiency), f"{percent(report.v3_final / s.params_b)}/B",
            str(s.lora_rank), model_size(s.params_b),
        ))  # fmt: skip
    title = f"Final results of {protocol} beside the published ones, {setting.seeds(protocol)}"
    return Table(title, columns, tuple(cells), f"{INTERVALS} {PUBLISHED_EXPLAINED}", headline=True,
                 groups=(2, 2, 2, 2, 2))  # fmt: skip


def _report(row: Measured) -> PublishedFigures | None:
    return PUBLISHED.get(row.summary.model)


def _final_table(setting: Setting, protocol: str, headline: bool = False) -> Table:
    """Efficiency and size are a simulated model's: on real input no model of that size runs."""
    sized = setting.is_simulated
    columns = (setting.what, "Gain, points", "Frozen start", "Resolve rate", "Confidence",
               *(("Efficiency",) if sized else ()), "LoRA rank", "Patterns",
               *(("Params",) if sized else ()))  # fmt: skip
    rows = tuple(
        (
            s.model, points_with(s.gain, s.gain_ci95), percent(s.initial_resolve_rate),
            percent_with(s.resolve_rate, s.resolve_rate_ci95), percent_with(s.confidence, s.confidence_ci95),
            *((efficiency(s.efficiency),) if sized else ()), str(s.lora_rank), f"{s.patterns:g}",
            *((model_size(s.params_b),) if sized else ()),
        )
        for s in (row.summary for row in setting.rows(protocol))
    )  # fmt: skip
    return Table(f"Final results of {protocol}, {setting.seeds(protocol)}", columns, rows, INTERVALS,
                 folded=not headline, headline=headline, groups=(3, *(1,) * (len(columns) - 4)))  # fmt: skip


def _evolution(setting: Setting) -> list[Block]:
    """Self-improvement over training, where several protocols ran."""
    if len(setting.protocols) < 2:
        return []
    found = {row.model: row for row in beside_published([m.summary for m in setting.measured.values()])}
    every = ("v1_initial", "v1_final", "v2_final", "v3_final", "v3_confidence")
    keys = [key for key in every if any(getattr(row, key) is not None for row in found.values())]
    columns = ["Model", *(name for key in keys for name in (words(key), "published"))]
    cells = [
        (model, *(text for key in keys for text in _beside(getattr(found[model], key))))
        for model in setting.models
        if model in found
    ]
    return [Table("Self-improvement over training, ours beside the published figures", tuple(columns), tuple(cells),
                  f"{INTERVALS} {PUBLISHED_EXPLAINED}", headline=True, groups=(2,) * len(keys))]  # fmt: skip


def _beside(cell: BesidePublished | None) -> tuple[str, str]:
    if cell is None:
        return "", ""
    return percent_with(cell.ours, cell.ci95), percent(cell.published)


def _controls(setting: Setting) -> list[Block]:
    tables: list[Block] = []
    for protocol in setting.protocols:
        rows = [row.summary for row in setting.rows(protocol) if row.summary.controls]
        if not rows:
            continue
        names = list(rows[0].controls)
        cells = tuple(
            (
                s.model,
                points_with(s.gain, s.gain_ci95),
                percent(s.initial_resolve_rate),
                percent(s.resolve_rate),
                *(percent(s.controls[name]) if name in s.controls else "" for name in names),
            )
            for s in rows
        )
        controls = [f"Control: {words(name)}" for name in names]
        columns = (setting.what, "Gain, points", "Frozen start", "Learned", *controls)
        title = "Controls" if len(setting.protocols) == 1 else f"Controls of {protocol}"
        last = protocol == setting.protocols[-1]
        tables.append(Table(title, columns, cells, CONTROLS, folded=not last, brief=last and bool(names),
                            groups=(3, len(names))))  # fmt: skip
    return tables


def _calibration(setting: Setting) -> list[Block]:
    tables: list[Block] = []
    for protocol in setting.protocols:
        cells = tuple(
            (
                row.summary.model,
                *(f"{value:.3f}" for found in (calibration.initial, calibration.final)
                  for value in (found.ece, found.scaled_ece, found.brier)),
                percent(calibration.final.scaled_confidence),
            )
            for row in setting.rows(protocol)
            for calibration in [row.summary.calibration]
        )  # fmt: skip
        columns = (setting.what, "Start ECE", "Start ECE scaled", "Start Brier",
                   "Final ECE", "Final ECE scaled", "Final Brier", "Final confidence scaled")  # fmt: skip
        tables.append(Table(f"Calibration of {protocol}", columns, cells, CALIBRATION,
                            folded=protocol != setting.protocols[-1], groups=(3, 4)))  # fmt: skip
    return tables


def _rankings(setting: Setting, protocol: str) -> list[Block]:
    summaries = [row.summary for row in setting.rows(protocol)]
    ranked, best = rankings(summaries), recommendations(summaries)
    if ranked is None or best is None:
        return []
    places = zip(ranked.by_resolve_rate, ranked.by_improvement, ranked.by_efficiency, strict=True)
    rows = tuple((str(place + 1), *names) for place, names in enumerate(places))
    uses = {
        "best overall": best.best_overall,
        "most per parameter": best.best_efficiency,
        "for the edge (below 2B)": best.edge,
        "mid-range (2B to 5B)": best.mid_range,
    }
    chosen = "; ".join(f"{use}: {model}" for use, model in uses.items() if model is not None)
    return [Table(f"Ranking after {protocol}", ("Place", "By resolve rate", "By improvement", "By efficiency"), rows,
                  f"Simulated models. {CHOSEN} {chosen[0].upper()}{chosen[1:]}.", headline=True)]  # fmt: skip


def _transitions(setting: Setting, protocol: str) -> list[Block]:
    """What became of the test tasks of each type, all models and runs together."""
    totals: dict[str, list[int]] = {}
    for row in setting.rows(protocol):
        for run in row.runs:
            for kind, found in run.transitions.items():
                counts = (found.kept, found.gained, found.lost, found.never)
                totals[kind] = [a + b for a, b in zip(totals.get(kind, [0] * 4), counts, strict=True)]
    if not totals:
        return []
    rows = tuple(
        (words(kind), str(tasks), *(f"{n} ({n / tasks:.1%})" for n in counts))
        for kind, counts in totals.items()
        for tasks in [sum(counts)]
    )
    columns = ("Task type", "Test tasks", "Right before and after", "Gained", "Lost", "Wrong before and after")
    return [Table(f"What became of the test tasks in {protocol}", columns, rows, "All models and runs together.")]


def _held_out(setting: Setting, protocol: str) -> list[Block]:
    rows = tuple(
        (
            row.summary.model,
            *(percent(mean([scores.resolve_rate for scores in part]))
              for part in zip(*((run.train, run.final, run.holdout) for run in row.runs), strict=True)),
            f"{row.summary.patterns:g}",
        )
        for row in setting.rows(protocol)
    )  # fmt: skip
    columns = (setting.what, "Train", "Test", "Holdout", "Patterns")
    return [Table(f"Seen and unseen tasks in {protocol}", columns, rows, HELD_OUT)]


def lead_of(setting: Setting) -> str:
    """What a setting says, in one sentence."""
    protocol = setting.protocols[-1]
    rows: Sequence[Measured] = setting.rows(protocol)
    start = sorted(row.summary.initial_resolve_rate for row in rows)
    end = sorted(row.summary.resolve_rate for row in rows)
    verdicts = [judge_row(row.summary, row.runs, len(rows)) for row in rows]
    sure = [row.summary.model for row, found in zip(rows, verdicts, strict=True) if found.main.outcome == BETTER]
    seeds = " One seed is an anecdote." if all(len(row.runs) == 1 for row in rows) else ""
    models = counted(len(rows), "model")
    if not sure:
        beyond = "no gain is beyond chance"
    elif len(sure) == len(rows):
        beyond = "each gain is beyond chance" if len(rows) > 1 else "the gain is beyond chance"
    else:
        beyond = f"the gain is beyond chance for {listed(sure)}"
    return (
        f"{setting.subject.title}, {protocol}, {models}: from {_range(start)} of the test "
        f"tasks resolved to {_range(end)}; {beyond}.{seeds} {STAND_INS}"
    )


def _range(values: Sequence[float]) -> str:
    low, high = percent(values[0]), percent(values[-1])
    return high if low == high else f"{low.removesuffix('%')} to {high}"
