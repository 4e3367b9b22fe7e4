"""Results files made small enough to be kept: without what no table and no figure of a report shows."""

from __future__ import annotations

from msgspec import structs

from ruvllm.results.experiment_records import AblationDocument
from ruvllm.results.reading import Document
from ruvllm.results.run_records import BenchmarkRun, EpochRecord, EpochScores
from ruvllm.results.summary_records import BenchmarkDocument

__all__ = ["trimmed"]


def trimmed(document: Document) -> Document:
    """A copy without single answers and without most of the history.

    A report from it has the same tables and figures, but no single tasks.

    It says so under `trimmed`. `ruvllm-report compare` needs the answers and refuses such a file.
    """
    if isinstance(document, BenchmarkDocument):
        summaries = [structs.replace(summary, seconds=None) for summary in document.summaries]
        results = [_run(run) for run in document.results]
        return structs.replace(document, trimmed=True, results=results, summaries=summaries, tasks=None)
    if isinstance(document, AblationDocument):
        components = [structs.replace(component, models=None) for component in document.components]
        return structs.replace(document, trimmed=True, runs=None, components=components)
    return structs.replace(document, trimmed=True)


def _run(run: BenchmarkRun) -> BenchmarkRun:
    kept = {
        when: [structs.replace(each, low=None, high=None) for each in getattr(run.reliability, when)]
        for when in ("initial", "final")
    }
    return structs.replace(
        run,
        answers=None,
        transfer_answers=None,
        checkpoint=None,
        seconds=None,
        history=[_epoch(epoch) for epoch in run.history],
        reliability=structs.replace(run.reliability, **kept),
    )


def _epoch(epoch: EpochRecord) -> EpochRecord:
    return EpochRecord(
        epoch=epoch.epoch,
        test=EpochScores(epoch.test.resolve_rate, epoch.test.confidence),
        dynamic_difficulty=epoch.dynamic_difficulty,
        learning_rate=epoch.learning_rate,
    )
