"""What the runs of a benchmark say together: means with intervals, rankings, recommendations."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

from ruvllm.evaluation.bootstrap import SharedDraws
from ruvllm.evaluation.statistics import mean
from ruvllm.results.gains import AllGains, gains_of_answers, gains_of_transfer, shared_draws
from ruvllm.results.published import PUBLISHED
from ruvllm.results.records import StartAndEnd
from ruvllm.results.run_records import Answers, BenchmarkRun, CalibratedScores, Scores, TransferAnswers
from ruvllm.results.summary_records import (
    BesidePublished,
    Gains,
    MeanCalibration,
    MethodRow,
    PublishedRow,
    Rankings,
    Recommendations,
    Summary,
)

__all__ = ["beside_published", "rankings", "recommendations", "summarise"]


def summarise(runs: Sequence[BenchmarkRun]) -> list[Summary]:
    """One summary for each protocol and model, in the order of the runs, which must have their answers."""
    groups: dict[tuple[str, str], list[BenchmarkRun]] = {}
    for run in runs:
        groups.setdefault((run.protocol, run.model), []).append(run)
    draws = shared_draws()
    gains = [_gains(group, draws) for group in groups.values()]
    return [_summary(group, *each) for group, each in zip(groups.values(), gains, strict=True)]


def _gains(
    runs: Sequence[BenchmarkRun], draws: SharedDraws
) -> tuple[Callable[[], AllGains], Callable[[], tuple[Gains, list[MethodRow]]] | None]:
    """What gives the gains on the test part, and on transfer input if there is any."""
    first = runs[0]
    one_test_file = first.input is not None and first.input.test_tasks is not None
    recur = first.input is not None and not one_test_file  # simulated tasks are other ones under another seed
    gains = gains_of_answers([_answers(run) for run in runs], draws, same_tasks=one_test_file, tasks_recur=recur)
    answered = _transfer(runs)
    return gains, gains_of_transfer(answered, draws) if answered else None


def _summary(
    runs: Sequence[BenchmarkRun],
    gains: Callable[[], AllGains],
    on_transfer: Callable[[], tuple[Gains, list[MethodRow]]] | None,
) -> Summary:
    def average(value: Callable[[BenchmarkRun], float | None]) -> float:
        return mean([float(found) for run in runs if (found := value(run)) is not None])

    first = runs[0]
    found = gains()
    transfer, transfer_rows = (None, []) if on_transfer is None else on_transfer()
    gain = found.overall.resolve_rate
    assert gain is not None
    return Summary(
        protocol=first.protocol,
        workload=first.workload,
        model=first.model,
        params_b=first.params_b,
        lora_rank=first.lora_rank,
        seeds=list(dict.fromkeys(run.seed for run in runs)),
        folds=first.folds,
        initial_resolve_rate=average(lambda run: run.initial.resolve_rate),
        initial_resolve_rate_ci95=found.intervals["initial"],
        resolve_rate=average(lambda run: run.final.resolve_rate),
        resolve_rate_ci95=found.intervals["final"],
        confidence=average(lambda run: run.final.confidence),
        confidence_ci95=found.intervals["confidence"],
        gain=average(lambda run: run.final.resolve_rate) - average(lambda run: run.initial.resolve_rate),
        gain_ci95=gain.gain_ci95,
        calibration=StartAndEnd(
            _calibration([(run.initial, run.calibrated.initial) for run in runs]),
            _calibration([(run.final, run.calibrated.final) for run in runs]),
        ),
        efficiency=None if first.efficiency is None else average(lambda run: run.efficiency),
        patterns=average(lambda run: run.patterns),
        controls={
            name: average(lambda run, name=name: run.controls[name].final.resolve_rate)  # type: ignore[misc]
            for name in first.controls
        },
        seconds=average(lambda run: run.seconds),
        retrieval=Gains(recall_at_1=found.overall.recall_at_1, mrr=found.overall.mrr) if first.retrieval else None,
        by_type=found.by_type if first.retrieval else None,
        by_language=(found.by_language if first.retrieval else None) or None,
        comparison=[*found.comparison, *transfer_rows] or None,
        microseconds_per_task=average(lambda run: run.microseconds_per_task) if found.comparison else None,
        transfer=transfer,
        selected=_selected(runs),
    )


def _selected(runs: Sequence[BenchmarkRun]) -> dict[str, dict[str, int]] | None:
    """How often each method was chosen, by task type; None where nothing was."""
    chosen: dict[str, Counter[str]] = {}
    for run in runs:
        for kind, selection in (run.selection or {}).items():
            if selection.retrieval is not None:
                chosen.setdefault(kind, Counter())[selection.retrieval.method] += 1
            if selection.transfer is not None:
                chosen.setdefault("transfer", Counter())[selection.transfer] += 1
    return {kind: dict(counts) for kind, counts in chosen.items()} or None


def _answers(run: BenchmarkRun) -> Answers:
    if run.answers is None:
        raise ValueError("a trimmed run has no answers to be summarised")
    return run.answers


def _transfer(runs: Sequence[BenchmarkRun]) -> list[TransferAnswers]:
    return [run.transfer_answers for run in runs if run.transfer_answers is not None]


def _calibration(scores: Sequence[tuple[Scores, CalibratedScores]]) -> MeanCalibration:
    return MeanCalibration(
        ece=mean([raw.ece for raw, _ in scores]),
        brier=mean([raw.brier for raw, _ in scores]),
        scaled_confidence=mean([scaled.confidence for _, scaled in scores]),
        scaled_ece=mean([scaled.ece for _, scaled in scores]),
        scaled_brier=mean([scaled.brier for _, scaled in scores]),
    )


def beside_published(summaries: Sequence[Summary]) -> list[PublishedRow]:
    """The two published tables, a row per model: ours with its interval beside the published figure.

    For the simulated workload only. The start is that of every protocol: they are measured on the same tasks.
    """
    found = {(s.model, s.protocol): s for s in summaries if s.workload == "simulated"}
    rows = []
    for name in dict.fromkeys(model for model, _ in found if model in PUBLISHED):
        published = PUBLISHED[name]
        start = next(s for (model, _), s in found.items() if model == name)
        last = found.get((name, "v3"))
        finals = {
            f"{protocol}_final": BesidePublished(s.resolve_rate, s.resolve_rate_ci95, figure)
            for protocol, figure in (("v1", published.v1_final), ("v2", published.v2_final), ("v3", published.v3_final))
            if (s := found.get((name, protocol))) is not None
        }
        initial = BesidePublished(start.initial_resolve_rate, start.initial_resolve_rate_ci95, published.v1_initial)
        if last is not None:
            finals["v3_confidence"] = BesidePublished(last.confidence, last.confidence_ci95, published.v3_confidence)
        rows.append(PublishedRow(name, initial, **finals))
    return rows


def rankings(summaries: Sequence[Summary]) -> Rankings | None:
    """Names of the models, best first; confidence decides between equals. None where no simulated models ran."""
    if any(summary.efficiency is None for summary in summaries):
        return None

    def ranked(value: Callable[[Summary], float]) -> list[str]:
        order = sorted(summaries, key=lambda s: (-value(s), -s.confidence))
        return list(dict.fromkeys(s.model for s in order))

    return Rankings(
        by_resolve_rate=ranked(lambda s: s.resolve_rate),
        by_improvement=ranked(lambda s: s.gain),
        by_efficiency=ranked(_efficiency),
    )


def _efficiency(summary: Summary) -> float:
    return summary.efficiency or 0.0


def recommendations(summaries: Sequence[Summary]) -> Recommendations | None:
    """The published four: the surest model, the most per parameter, the same below 2B, the surest of 2B to 5B.

    The surest has the highest confidence among those within 2 points of the best resolve rate. None where no simulated
    models ran.
    """
    if any(summary.efficiency is None for summary in summaries):
        return None

    def surest(low: float = 0.0, high: float = math.inf) -> str | None:
        within = [s for s in summaries if low <= s.params_b < high]
        top = max((s.resolve_rate for s in within), default=0.0)
        return _best([s for s in within if s.resolve_rate >= top - 0.02], lambda s: s.confidence)

    return Recommendations(
        best_overall=surest(),
        best_efficiency=_best(summaries, _efficiency),
        edge=_best([s for s in summaries if s.params_b < 2], _efficiency),
        mid_range=surest(2.0, 5.0),
    )


def _best(summaries: Sequence[Summary], value: Callable[[Summary], float]) -> str | None:
    return max(summaries, key=value).model if summaries else None
