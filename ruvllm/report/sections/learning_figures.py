"""Figures of how models learn: improvement over training, reliability, task types, schedules."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ruvllm.evaluation.statistics import mean, student_t_interval, wilson_interval
from ruvllm.report.drawing import Line, draw_lines, draw_matrix, draw_reliability
from ruvllm.report.parts import Block, Figure, Panel, Series
from ruvllm.report.settings import Measured, Setting
from ruvllm.report.wording import percent, short, words
from ruvllm.results.published import PUBLISHED
from ruvllm.results.run_records import BenchmarkRun, ReliabilityBin

__all__ = ["learning_figures", "reliability_figure", "schedule_figure", "task_type_figure"]

FEWEST = 10
"""Test tasks of a bin that a reliability diagram shows: the share right among fewer says little."""
Interval = tuple[float, float]


def learning_figures(setting: Setting) -> list[Block]:
    """Test resolve rate and confidence over training: a panel per model, a line per protocol, with intervals."""
    return [
        *_learning(setting, "resolve_rate", "Improvement: test resolve rate over training"),
        *_learning(setting, "confidence", "Confidence over training"),
    ]


def _learning(setting: Setting, measure: str, title: str) -> list[Block]:
    panels = []
    for model in setting.models:
        lines, said = [], []
        for number, protocol in enumerate(setting.protocols):
            measured = setting.measured.get((protocol, model))
            line = None if measured is None else _line(measured, measure, number)
            if line is not None:
                lines.append(line)
                said.append(f"{protocol} from {percent(line.y[0])} to {percent(line.y[-1])}")
        if lines:
            target = None
            if measure == "confidence" and setting.workload == "simulated" and "v3" in setting.protocols:
                target = PUBLISHED[model].v3_confidence if model in PUBLISHED else None
            panels.append(Panel(model, f"{words(measure).capitalize()}: {'; '.join(said)}.",
                                partial(draw_lines, lines=lines, target=target)))  # fmt: skip
    if not panels:
        return []
    several = any(len(line.runs) > 1 for line in setting.measured.values())
    band = "95% interval over runs (Student's t)" if several else "95% interval over test tasks (Wilson)"
    note = f"On the test split, engine frozen, temperature 1. Shaded: {band}."
    if measure == "confidence":
        note = "Mean probability given to the chosen answer, on the test split."
        if setting.workload == "simulated" and "v3" in setting.protocols:
            note += " Dotted: the published final v3 confidence, to which the models are calibrated."
    series = tuple(Series(protocol, number) for number, protocol in enumerate(setting.protocols))
    return [Figure(setting.figure_name(words(measure)), title, tuple(panels), series, note)]


def _line(measured: Measured, measure: str, style: int) -> Line | None:
    """Means over runs at the start and after each epoch; None where the file keeps no history."""
    runs = [run for run in measured.runs if run.history]
    if not runs:
        return None
    epochs = min(len(run.history) for run in runs)
    curves: list[list[float]] = [
        [getattr(scores, measure) for scores in (run.initial, *(epoch.test for epoch in run.history[:epochs]))]
        for run in runs
    ]
    points = list(zip(*curves, strict=True))
    tasks = runs[0].tasks_per_epoch
    band: list[Interval] | None = None
    if len(curves) > 1:
        band = [_clipped(student_t_interval(point)) for point in points]
    elif measure == "resolve_rate" and (n := _test_tasks(runs[0])):
        band = [wilson_interval(round(point[0] * n), n) for point in points]
    return Line([tasks * i for i in range(epochs + 1)], [mean(point) for point in points], band, style)


def _clipped(interval: Interval) -> Interval:
    return max(0.0, interval[0]), min(1.0, interval[1])


def _test_tasks(run: BenchmarkRun) -> int:
    return sum(each.count for each in run.reliability.final)


def reliability_figure(setting: Setting) -> list[Block]:
    """Confidence against the share that is right: the frozen start and the end of each protocol."""
    panels = []
    for model in setting.models:
        found = [setting.measured[p, model] for p in setting.protocols if (p, model) in setting.measured]
        start = _bins([run.reliability.initial for run in found[0].runs])
        points = [(0, start)] + [(1 + setting.protocols.index(m.summary.protocol),
                                  _bins([run.reliability.final for run in m.runs])) for m in found]  # fmt: skip
        if any(bins for _, bins in points):
            panels.append(Panel(model, _reliability_words(setting, points),
                                partial(draw_reliability, points=points)))  # fmt: skip
    if not panels:
        return []
    series = (Series("frozen start", 0), *(Series(f"after {p}", 1 + i) for i, p in enumerate(setting.protocols)))
    note = (
        f"Test tasks in ten bins of confidence, those with at least {FEWEST}; the larger a mark, the more tasks. On "
        "the dotted line confidence is what it says; above it the model is more often right than it claims."
    )
    return [Figure(setting.figure_name("reliability"), "Reliability: can confidence be trusted?", tuple(panels), series,
                   note, height=3.0)]  # fmt: skip


def _bins(runs: Sequence[Sequence[ReliabilityBin]]) -> list[tuple[float, float, float]]:
    """(confidence, share right, count) of the bins that have tasks, all runs together."""
    sums: dict[int, list[float]] = {}
    for bins in runs:
        for place, each in enumerate(bins):
            if each.count and each.confidence is not None and each.accuracy is not None:
                total = sums.setdefault(place, [0.0, 0.0, 0.0])
                total[0] += each.confidence * each.count
                total[1] += each.accuracy * each.count
                total[2] += each.count
    return [(c / n, a / n, n) for _, (c, a, n) in sorted(sums.items()) if n >= FEWEST]


def _reliability_words(setting: Setting, points: Sequence[tuple[int, list[tuple[float, float, float]]]]) -> str:
    said = []
    for number, bins in points:
        total = sum(n for _, _, n in bins)
        if total:
            confidence = sum(c * n for c, _, n in bins) / total
            right = sum(a * n for _, a, n in bins) / total
            name = "frozen start" if number == 0 else f"after {setting.protocols[number - 1]}"
            said.append(f"{name}: confidence {percent(confidence)}, right {percent(right)}")
    return f"Reliability diagram. {'; '.join(said)}."


def task_type_figure(setting: Setting) -> list[Block]:
    """Resolve rate of each task type after each protocol."""
    kinds = list(dict.fromkeys(kind for m in setting.measured.values() for run in m.runs
                               for kind in run.task_type_accuracy))  # fmt: skip
    if len(kinds) < 2:
        return []
    panels = []
    for protocol in setting.protocols:
        rows = setting.rows(protocol)
        values = [[_type_rate(row, kind) for kind in kinds] for row in rows]
        known = [(value, row.summary.model, kind) for row, own in zip(rows, values, strict=True)
                 for value, kind in zip(own, kinds, strict=True) if value is not None]  # fmt: skip
        if known:
            low = min(known)
            panels.append(Panel(f"After {protocol}", f"Resolve rate by model and task type; the lowest is "
                                f"{percent(low[0])}, {low[1]} on {words(low[2])}.",
                                partial(draw_matrix, rows=[row.summary.model for row in rows],
                                        columns=[short(kind) for kind in kinds],
                                        values=values)))  # fmt: skip
    note = "Test resolve rate in percent, mean over runs, at the end."
    height = 0.75 + 0.32 * max(len(setting.rows(protocol)) for protocol in setting.protocols)
    return [Figure(setting.figure_name("task types"), "Resolve rate by task type", tuple(panels), (), note,
                   height=max(1.7, height))] if panels else []  # fmt: skip


def _type_rate(row: Measured, kind: str) -> float | None:
    rates = [run.task_type_accuracy[kind] for run in row.runs if kind in run.task_type_accuracy]
    return mean(rates) if rates else None


def schedule_figure(setting: Setting) -> list[Block]:
    """What the schedulers did: difficulty (DDA) and learning rate, mean over models and runs with their range."""
    panels = []
    measures = (
        ("dynamic_difficulty", "Difficulty that DDA asks for", 1.0),
        ("learning_rate", "Learning rate, thousandths", 1000.0),
    )
    for key, title, factor in measures:
        lines, said = [], []
        for number, protocol in enumerate(setting.protocols):
            line = _range_line(setting.rows(protocol), key, factor, number)
            if line is not None and not (key == "dynamic_difficulty" and protocol != "v3"):
                lines.append(line)
                said.append(f"{protocol} from {line.y[0]:.2f} to {line.y[-1]:.2f}")
        if lines:
            panels.append(Panel(title, f"{'; '.join(said)}.", partial(draw_lines, lines=lines, percent=False)))
    if not panels:
        return []
    note = (
        "After each epoch, mean over models and runs; shaded: their whole range. DDA (dynamic difficulty adjustment) "
        "is part of v3."
    )
    series = tuple(Series(protocol, number) for number, protocol in enumerate(setting.protocols))
    return [Figure(setting.figure_name("schedules"), "Difficulty and learning rate", tuple(panels), series, note)]


def _range_line(rows: Sequence[Measured], key: str, factor: float, style: int) -> Line | None:
    runs = [run for row in rows for run in row.runs if run.history]
    curves: list[list[float]] = [[factor * getattr(epoch, key) for epoch in run.history] for run in runs]
    if not curves:
        return None
    points = list(zip(*curves, strict=False))
    tasks = runs[0].tasks_per_epoch
    return Line([tasks * (i + 1) for i in range(len(points))], [mean(point) for point in points],
                [(min(point), max(point)) for point in points], style)  # fmt: skip

