"""What results are of, and what their rows are called: runs of equal subjects may stand in one table, and no others.

Up to version 0.2.0 a run on real input bore the name of one of the six models, which never saw a task: the encoder was
hashed n-grams as wide as the model's embeddings, or a user's of that width. Files of any version get honest names here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath, PureWindowsPath
from typing import TypeVar

from msgspec import structs

from ruvllm.encoders.models import DEFAULT_ENCODER, HASHED, called, is_hashed
from ruvllm.results.experiment_records import AblationComponent, AblationDocument
from ruvllm.results.records import RunOptions
from ruvllm.results.run_records import BenchmarkRun, InputIdentity
from ruvllm.results.summary_records import BenchmarkDocument, Summary

__all__ = [
    "SIMULATED", "Subject", "ablation_named_by_what_it_is", "encoder_of",
    "named_by_what_they_are", "option_of", "subject_of_ablation", "subject_of_runs",
]  # fmt: skip

SIMULATED = "simulated"
"""The workload whose models are simulated."""

Row = TypeVar("Row", BenchmarkRun, Summary)
Renamed = Callable[[str], str]
STANDARD_LIBRARY = "the standard library"
KINDS = {"docstring": "docstring tasks", "issues": "issues"}


@dataclass(frozen=True, slots=True)
class Subject:
    """The tasks and the encoder. Files of before version 0.3.0 have no digests: there the names must do."""

    workload: str
    name: str = ""
    """Of the input: its file, its folder. Empty for the simulated workload."""
    encoder: str = ""
    """Empty for the simulated workload."""
    source: str = ""
    """The input as the user wrote it, if there are no digests."""
    language: str = ""
    """Of a source tree, if it is not Python; several with commas."""
    tasks: str = ""
    """Kind of tasks made from a source tree, else empty."""
    split: str = ""
    """How a source tree was split, else empty."""
    n: int | None = None
    """Number of tasks in all parts; None if a file does not say."""
    texts: str = ""
    vectors: str = ""
    """Digests of the texts, and of the vectors of a user's encoder."""
    candidates: int | None = None
    generator: int | None = None

    @property
    def is_simulated(self) -> bool:
        return self.workload == SIMULATED

    @property
    def input(self) -> tuple[str, ...]:
        """What tells one input from another, whatever encodes it."""
        return self.workload, self.texts or self.source, self.tasks, self.split

    @property
    def title(self) -> str:
        """What to call it in a heading."""
        if self.is_simulated:
            return "Simulated workload"
        kind = KINDS.get(self.tasks, "tasks")
        tasks = kind if self.n is None else f"{self.n} {kind}"
        more = f" of type {self.tasks.replace('_', ' ')}" if self.tasks not in ("", "all", *KINDS) else ""
        name = f"{self.name} ({self.language.replace(',', ', ')})" if self.language else self.name
        return f"{name}: {tasks}{more}, {self.encoder}{f', split by {self.split}' if self.split else ''}"


def subject_of_runs(document: BenchmarkDocument, runs: Sequence[BenchmarkRun]) -> Subject:
    """Returns the subject of the runs of one protocol and model."""
    first = runs[0]
    if first.workload == SIMULATED:
        return Subject(SIMULATED)
    tasks, split = _kind_and_split(document, first.workload)
    if first.input is not None:
        return _of_input(first.workload, first.input, first.model, tasks, split)
    sizes = first.anti_overfitting.stratified_split if first.anti_overfitting is not None else None
    n = None if sizes is None else sum(sizes.values())
    return _of_command(document, first.workload, first.model, tasks, split, n)


def subject_of_ablation(document: AblationDocument) -> Subject:
    """Returns the subject of an ablation."""
    if document.workload == SIMULATED:
        return Subject(SIMULATED)
    tasks, split = _kind_and_split(document, document.workload)
    if document.input is not None:
        return _of_input(document.workload, document.input, document.models[0], tasks, split)
    return _of_command(document, document.workload, document.models[0], tasks, split, None)


def _of_input(workload: str, found: InputIdentity, model: str, tasks: str, split: str) -> Subject:
    return Subject(
        workload=workload,
        name=found.name,
        encoder=HASHED if is_hashed(found.encoder) else model,
        language=found.language or "",
        tasks=tasks,
        split=split,
        n=found.tasks,
        texts=found.texts_digest,
        vectors=found.encoder_digest or "",
        candidates=found.candidates,
        generator=found.generator,
    )


def _of_command(
    document: BenchmarkDocument | AblationDocument, workload: str, model: str, tasks: str, split: str, n: int | None
) -> Subject:
    """What older files say on their command line, if they were written by a command."""
    source = option_of(document.command, "--workload", workload)
    path = source.partition(":")[2]
    name = (PureWindowsPath(path) if "\\" in path else PurePath(path)).name
    return Subject(
        workload=workload,
        name=name or (STANDARD_LIBRARY if workload == "code" else f"{workload} input"),
        encoder=HASHED if encoder_of(document) is None else model,
        source=source,
        tasks=tasks,
        split=split,
        n=n,
    )


def _kind_and_split(document: BenchmarkDocument | AblationDocument, workload: str) -> tuple[str, str]:
    """Kind of tasks and split, empty where there is no choice. Files of version 0.1.0 have no options but a command."""
    options = document.options
    if options is not None:
        return "" if options.tasks == "tasks" else options.tasks or "", options.split or ""
    if workload != "code":
        return "", ""
    return option_of(document.command, "--tasks", "all"), option_of(document.command, "--split", "file")


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
