"""From a checkpoint's own `run` block to the cell that made it.

Nothing that a file names is opened or imported: a model, a protocol and a profile are looked up by name, so that a file
can ask for no more work than the command ruvllm-bench could; a corpus comes from the caller.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import structs

from ruvllm.benchmark.cell import Cell
from ruvllm.benchmark.checkpointing import run_arguments
from ruvllm.benchmark.plan import Options, make_cell, protocol_of
from ruvllm.checkpoints.differences import Difference, first_difference
from ruvllm.checkpoints.schema import is_ours
from ruvllm.encoders.base import Encoder
from ruvllm.encoders.models import MODELS, ModelProfile, find_models, is_hashed, profile_of_width
from ruvllm.encoders.registry import ENCODERS, models_for
from ruvllm.files.json_fields import JsonFields
from ruvllm.files.json_reading import InvalidFileError, shown
from ruvllm.learning.protocols import PROTOCOLS
from ruvllm.learning.stream import STREAMS
from ruvllm.workloads.candidates import CANDIDATES, FEWEST
from ruvllm.workloads.code.functions import Corpus
from ruvllm.workloads.code.reading import code_input
from ruvllm.workloads.inputs import InputOptions, RealInput
from ruvllm.workloads.registry import LANGUAGES, WORKLOADS, WorkloadEntry
from ruvllm.workloads.splits import Fold
from ruvllm.workloads.text import TextInput
from ruvllm.workloads.workload import Workload

__all__ = ["CannotReplayError", "cell_of", "languages_of", "needed_input", "setting_difference"]

MOST_RANK = 256
PROFILES = ("quick", "standard", "full")


class CannotReplayError(ValueError):
    """A run that cannot be made again here; the message is one line."""


def needed_input(document: Mapping[str, object], encoder: Encoder | None = None) -> tuple[str, str] | None:
    """Returns the workload and the kind of tasks that a run's input must have, or None if the run needs no input.

    `encoder` is the one that the input will be read with. Raises as cell_of() does, because reading a tree takes
    seconds.
    """
    if not is_ours(document):
        return None
    run = JsonFields(document).fields("run")
    workload = run.values.get("workload")
    if not isinstance(workload, str) or workload not in WORKLOADS or not WORKLOADS[workload].reader:
        return None
    kind = _kind_of(run, WORKLOADS[workload])
    cell_of(document, TextInput(workload, kind, (), InputOptions(encoder=encoder)))
    return workload, kind


def languages_of(document: Mapping[str, object]) -> tuple[str, ...]:
    """Returns the languages of a run's source tree; empty for Python. Raises CannotReplayError for what is none."""
    named = JsonFields(document).fields("run").fields("workloadDetails").values.get("language", "")
    languages = tuple(named.split(",")) if isinstance(named, str) and named else ()
    if not isinstance(named, str) or not all(name in LANGUAGES for name in languages):
        known = ", ".join(LANGUAGES)
        raise CannotReplayError(f"run.workloadDetails.language must be of {known}, not {shown(str(named))}")
    return languages


def _kind_of(run: JsonFields, entry: WorkloadEntry) -> str:
    return _choice(run.fields("workloadDetails"), "kind", entry.tasks) if entry.tasks else "all"


def cell_of(document: Mapping[str, object], task_input: Corpus | RealInput | None = None, isa: str = "auto") -> Cell:
    """Returns the cell of a verified checkpoint; `task_input` is the input of a run on real input, or its source tree.

    Raises CannotReplayError, InvalidFileError if the block is wrong.
    """
    if not is_ours(document):
        raise CannotReplayError(
            "has no run block, as the files of the original system: what made its numbers is not known"
        )
    run = JsonFields(document).fields("run")
    entry = WORKLOADS[_choice(run, "workload", tuple(WORKLOADS))]
    made_from = _input_of(run, entry, task_input)
    _check_encoder(run, entry, None if made_from is None else made_from.encoder)
    model, fold = _model_and_fold(run, made_from)
    options = _options(run, entry, model, isa)
    protocol = protocol_of(_choice(run, "protocol", tuple(PROTOCOLS)), made_from)
    return make_cell(options, protocol, model, run.count("seed"), made_from, fold)


def _input_of(run: JsonFields, entry: WorkloadEntry, task_input: Corpus | RealInput | None) -> RealInput | None:
    """Returns the input as the run's workload takes it, or None if the workload takes none."""
    workload, kind = run.text("workload"), _kind_of(run, entry)
    if not entry.reader:
        return None
    if task_input is None:
        raise CannotReplayError(f"is of the {workload} workload: it needs {entry.needs}")
    n_candidates = run.fields("workloadDetails").count("candidates", least=FEWEST)
    if n_candidates > CANDIDATES:
        raise CannotReplayError(f"run.workloadDetails.candidates must be at most {CANDIDATES}, not {n_candidates}")
    if not isinstance(task_input, Corpus):
        return task_input.with_candidates(n_candidates) if isinstance(task_input, TextInput) else task_input
    if workload != "code":
        raise CannotReplayError(f"is of the {workload} workload: a source tree is not its input")
    return code_input(task_input, InputOptions(kind, candidates=n_candidates))


def _check_encoder(run: JsonFields, entry: WorkloadEntry, encoder: Encoder | None) -> None:
    """Raises CannotReplayError if the run's vectors came from an encoder of the user's and none is given, or if a
    user's encoder is given for those of the default one.
    """
    name = run.fields("workloadDetails").values.get("encoder") if entry.reader else None
    if encoder is not None and isinstance(name, str) and is_hashed(name):
        raise CannotReplayError("its vectors came from the default encoder: replay it without --encoder")
    if encoder is not None or not isinstance(name, str) or name.partition(":")[0] not in ENCODERS:
        return
    named = shown(name, 200)
    corpus = "" if run.text("workload") == "code" else f" (and its tasks with --corpus {entry.form})"
    raise CannotReplayError(f"its vectors came from encoder {named}: name it with --encoder {named}{corpus}")


def _model_and_fold(run: JsonFields, made_from: RealInput | None) -> tuple[ModelProfile, Fold | None]:
    try:
        fold = Fold(run.count("fold"), run.count("folds")) if "fold" in run.values else None
        name = run.text("model")
        hashed = profile_of_width(name) if made_from is not None and made_from.encoder is None else None
        return hashed or _model(name, None if made_from is None else made_from.encoder), fold
    except InvalidFileError:
        raise
    except ValueError as error:
        raise CannotReplayError(shown(str(error), 200)) from error


def _options(run: JsonFields, entry: WorkloadEntry, model: ModelProfile, isa: str) -> Options:
    """Returns the options of a run, within the bounds of the command."""
    rank = run.count("loraRank", least=1)
    if rank > min(MOST_RANK, model.embedding_dim) or run.count("seed") >= 2**53:
        raise CannotReplayError("run.loraRank must be at most 256, and run.seed below 2^53")
    return Options(
        profile=_choice(run, "profile", PROFILES),
        workload=run.text("workload"),
        split=_choice(run.fields("workloadDetails"), "split", entry.splits) if entry.splits else "file",
        stream=_choice(run, "stream", STREAMS),
        controls=run.values.get("controls") is not False,
        lexical=run.values.get("lexical") is not False,
        rank=rank,
        isa=isa,
    )


def _model(name: str, encoder: Encoder | None) -> ModelProfile:
    """Returns one of the six, or the encoder's own profile under the name that the run has for it. Raises ValueError.

    A name says nothing of the vectors, and may be the user's: their digest is compared later.
    Up to version 0.2.0 the default encoder bore the name of one of the six too, and its files are still run again.
    """
    if encoder is not None and name not in {model.name for model in MODELS}:
        (own,) = models_for(encoder, None)
        return structs.replace(own, name=name)
    (model,) = find_models([name])
    return model


def setting_difference(document: Mapping[str, object], cell: Cell, workload: Workload) -> Difference | None:
    """Returns the first setting of the run block that differs here, the package's version aside."""
    stored = {k: v for k, v in JsonFields(document).fields("run").values.items() if k != "packageVersion"}
    ours = {k: v for k, v in run_arguments(cell, workload).items() if k != "packageVersion"}
    return first_difference(stored, ours, "run")


def _choice(fields: JsonFields, key: str, names: tuple[str, ...]) -> str:
    name = fields.text(key)
    if name not in names:
        raise CannotReplayError(f"{fields.path(key)} must be {', '.join(names)}, not {shown(name)!r}")
    return name
