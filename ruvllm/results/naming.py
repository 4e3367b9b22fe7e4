"""Rows of real input called by what they are, in files of any version.

Up to version 0.2.0 a run on real input bore the name of one of the six models, which never saw a task: the encoder was
hashed n-grams as wide as the model's embeddings, or a user's of that width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from msgspec import structs

from ruvllm.encoders.models import called
from ruvllm.results.experiment_records import AblationComponent, AblationDocument
from ruvllm.results.records import RunOptions
from ruvllm.results.run_records import BenchmarkRun
from ruvllm.results.summary_records import BenchmarkDocument, Summary

__all__ = ["DEFAULT_ENCODER", "SIMULATED", "ablation_named_by_what_it_is", "encoder_of", "named_by_what_they_are",
           "option_of"]  # fmt: skip

SIMULATED = "simulated"
"""The workload whose models are simulated."""
DEFAULT_ENCODER = "hash"
"""What options and command lines call it."""

Row = TypeVar("Row", BenchmarkRun, Summary)
Renamed = Callable[[str], str]


def named_by_what_they_are(document: BenchmarkDocument) -> BenchmarkDocument:
    """Returns the document as it is if it is of the simulated workload, else with honest names.

    Sizes of models that did not run, efficiency, ranking and recommendations are left out there.
    """
    if document.results[0].workload == SIMULATED:
        return document
    name = partial(called, encoder=encoder_of(document))
    return structs.replace(
        document,
        options=_options(document.options, name),
        results=[_row(run, name) for run in document.results],
        summaries=[_row(summary, name) for summary in document.summaries],
        rankings=None,
        recommendations=None,
    )


def ablation_named_by_what_it_is(document: AblationDocument) -> AblationDocument:
    """Does for an ablation what named_by_what_they_are() does for a benchmark."""
    if document.workload == SIMULATED:
        return document
    name = partial(called, encoder=encoder_of(document))
    return structs.replace(
        document,
        options=_options(document.options, name),
        models=[name(model) for model in document.models],
        components=[_component(each, name) for each in document.components],
        runs=None if document.runs is None else [structs.replace(run, model=name(run.model)) for run in document.runs],
    )


def encoder_of(document: BenchmarkDocument | AblationDocument) -> str | None:
    """Returns the name of a user's encoder, or None for the default one."""
    options = document.options
    if options is not None:
        named = options.encoder or DEFAULT_ENCODER
    else:  # of version 0.1.0
        named = option_of(document.command, "--encoder", DEFAULT_ENCODER)
    return None if named == DEFAULT_ENCODER else named


def option_of(command: Sequence[str], name: str, default: str) -> str:
    """Returns the value that a command line gives to an option."""
    value = default
    for place, word in enumerate(command):
        if word == name and place + 1 < len(command):
            value = command[place + 1]
        elif word.startswith(f"{name}="):
            value = word.partition("=")[2]
    return value


def _row(row: Row, name: Renamed) -> Row:
    honest = name(row.model)
    params = row.params_b if honest == row.model else 0.0
    return structs.replace(row, model=honest, params_b=params, efficiency=None)


def _options(options: RunOptions | None, name: Renamed) -> RunOptions | None:
    return None if options is None else structs.replace(options, models=[name(model) for model in options.models])


def _component(component: AblationComponent, name: Renamed) -> AblationComponent:
    if component.models is None:
        return component
    return structs.replace(component, models={name(model): found for model, found in component.models.items()})
