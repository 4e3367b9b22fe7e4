"""What a blocked stream forgets: the matrix of rates after each stage, and what EWC changes."""

from __future__ import annotations

from functools import partial

from ruvllm.evaluation.statistics import mean
from ruvllm.report.drawing import draw_matrix
from ruvllm.report.parts import Block, Figure, Panel, Section, Table, slug
from ruvllm.report.wording import STAND_INS, percent, points_with, short, words
from ruvllm.results.experiment_records import EwcEffect, StreamDocument, StreamMeasures, StreamSummary

__all__ = ["forgetting_table", "stream_section"]

ADAPTERS = {"heads": "shared adapter and heads", "single": "a single adapter"}
MEASURES = ("Final accuracy", "Backward transfer", "Forgetting")
INTRODUCTION = (
    "The four task types come one after another. Final accuracy: test resolve rate at the end, mean over types. "
    "Backward transfer: at the end minus after the type's own stage (Lopez-Paz & Ranzato 2017). Forgetting: best after "
    "an earlier stage minus at the end (Chaudhry et al. 2018); below 0 the early types went on getting better."
)
EXPLAINED = "In points. EWC's effect: on minus off, same tasks and seeds; 95% interval by Student's t over seeds."


def stream_section(document: StreamDocument) -> Section:
    """A matrix and a table for each protocol and kind of adapter."""
    blocks: list[Block] = [STAND_INS, INTRODUCTION]
    for summary in document.summaries:
        blocks.append(_figure(document, summary))
        blocks += [forgetting_table(summary), _types(summary)]
    return Section("Forgetting in a blocked stream", tuple(blocks))


def _called(summary: StreamSummary) -> str:
    return f"{summary.protocol}, {ADAPTERS.get(summary.adapter, summary.adapter)}"


def forgetting_table(summary: StreamSummary) -> Table:
    columns = ["Model"]
    for name in MEASURES:
        columns += [f"{name}, EWC on", "off", "EWC's effect"]
    rows = [(model, *_cells(measures)) for model, measures in summary.models.items()]
    rows.append(("all models", *_cells(summary.overall)))
    return Table(f"Forgetting: {_called(summary)}", tuple(columns), tuple(rows), EXPLAINED, groups=(3, 3, 3))


def _types(summary: StreamSummary) -> str:
    found = summary.final_accuracy_of_types.items()
    on = ", ".join(f"{words(kind)} {percent(rates.ewc_on)}" for kind, rates in found)
    off = ", ".join(f"{words(kind)} {percent(rates.ewc_off)}" for kind, rates in found)
    return f"Final accuracy with EWC: {on}; without: {off}."


def _cells(measures: StreamMeasures[EwcEffect]) -> list[str]:
    cells = []
    for sign, found in (("", measures.final_accuracy), ("+", measures.backward_transfer), ("+", measures.forgetting)):
        cells += [f"{100 * when.mean:{sign}.1f}" for when in (found.ewc_on, found.ewc_off)]
        cells.append(points_with(found.difference.mean, found.difference.ci95))
    return cells


def _figure(document: StreamDocument, summary: StreamSummary) -> Figure:
    panels = []
    for ewc in (True, False):
        which = (summary.protocol, summary.adapter, ewc)
        runs = [run for run in document.runs if (run.protocol, run.adapter, run.ewc) == which]
        if not runs:
            continue
        kinds = [words(kind) for kind in runs[0].types]
        columns = [short(kind) for kind in runs[0].types]
        stages = [[run.before, *run.rates] for run in runs]
        matrix = [[mean(rates) for rates in zip(*rows, strict=True)] for rows in zip(*stages, strict=True)]
        end = ", ".join(f"{kind} {100 * rate:.0f}" for kind, rate in zip(kinds, matrix[-1], strict=True))
        panels.append(Panel(f"EWC {'on' if ewc else 'off'}", f"Test resolve rate in percent of each type after each "
                            f"stage; at the end {end}.",
                            partial(draw_matrix, rows=["before", *kinds], columns=columns, values=matrix)))  # fmt: skip
    note = (
        "A row is a moment: before learning, then after the stage of the type that it names. A column is a type on "
        "the test split: percent resolved, mean over models and seeds."
    )
    return Figure(slug(f"forgetting {summary.protocol} {summary.adapter}"),
                  f"Rates after each stage: {_called(summary)}", tuple(panels), (), note, height=2.3)  # fmt: skip

