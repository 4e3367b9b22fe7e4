"""Go on learning from a checkpoint."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ruvllm._core import LearningEngine
from ruvllm.benchmark.cell import Cell
from ruvllm.benchmark.checkpointing import LEXICAL
from ruvllm.benchmark.rebuild import cell_of, setting_difference
from ruvllm.checkpoints.verifying import VerifiedCheckpoint, verify_document
from ruvllm.files.arrays import StateArrays, read_arrays, resume_path, state_digest
from ruvllm.files.json_fields import JsonFields
from ruvllm.files.json_reading import DEFAULT_LIMITS, InvalidFileError, JsonLimits, load_json_object
from ruvllm.learning.snapshots import Epoch
from ruvllm.learning.training_run import TrainingRun
from ruvllm.notebook import html_table
from ruvllm.workloads.code.functions import Corpus
from ruvllm.workloads.inputs import RealInput
from ruvllm.workloads.workload import Workload

__all__ = ["Learner", "LearningHistory", "load_checkpoint"]


class LearningHistory(list[Epoch]):
    """One record per epoch, as a checkpoint has them: a list, which a notebook shows as a table."""

    def _repr_html_(self) -> str:
        rows = [
            (epoch["epoch"], f"{epoch['test']['resolveRate']:.1%}", f"{epoch['test']['confidence']:.1%}")
            for epoch in self
        ]
        return html_table("Test tasks after each epoch", ("Epoch", "Resolved", "Confidence"), rows)


@dataclass(frozen=True, slots=True, eq=False)
class Learner:
    """A run where its checkpoint left it."""

    checkpoint: VerifiedCheckpoint
    """What the file says of itself."""
    run: TrainingRun
    lexical: TrainingRun | None = None
    """What goes on learning from the lexical view beside it; None where the run has none."""

    @property
    def engine(self) -> LearningEngine:
        """The engine, for steps of one's own: `engine.train(tasks, learning_rate=..., temperature=...)`."""
        return self.run.engine

    @property
    def workload(self) -> Workload:
        """The tasks, and which part of the data each belongs to."""
        return self.run.workload

    @property
    def history(self) -> LearningHistory:
        """One record per epoch, those of the checkpoint first."""
        return LearningHistory(self.run.history)

    def learn(self, epochs: int = 1) -> LearningHistory:
        """More epochs like the plan's last, each with patterns, replay and schedulers; returns their records.

        Raises ValueError for fewer than 0.
        """
        if epochs < 0:
            raise ValueError(f"the number of epochs must be at least 0, not {epochs}")
        before = len(self.run.history)
        for _ in range(epochs):
            self.run.epoch()
            if self.lexical is not None:
                self.lexical.epoch()
        return LearningHistory(self.run.history[before:])


def load_checkpoint(
    path: str | os.PathLike[str],
    *,
    corpus: Corpus | RealInput | None = None,
    isa: str = "auto",
    limits: JsonLimits = DEFAULT_LIMITS,
) -> Learner:
    """The run of a checkpoint of ruvllm-bench, to go on from: it makes the same next draws as if never saved.

    The file and the `….resume.safetensors` beside it are verified first. The simulated tasks are made again; those of
    the code workload need the same `corpus`, from ruvllm.workloads.code.functions.read_corpus(), those of a file the
    same input, from ruvllm.workloads.inputs.read_input().

    Raises InvalidFileError (a ValueError) for a file that does not verify or has no resume file, CannotReplayError (a
    ValueError) for one of the original system, an unknown model or without its corpus, ValueError where the tasks are
    not those of the file.
    """
    path = Path(path)
    document = load_json_object(path, limits)
    checkpoint = verify_document(document)
    beside = _resume_file(path, checkpoint)
    cell = cell_of(document, corpus, isa)
    state = read_arrays(beside)
    if state_digest(state) != checkpoint.resume_hash:
        raise InvalidFileError("the resume file beside it: its content is not what resumeHash says")
    workload = cell.build()
    difference = setting_difference(document, cell, workload)
    if difference is not None:
        name, stored, here = difference
        raise ValueError(f"cannot go on from {path}: {name} is {stored!r} in the file and {here!r} here")
    run = TrainingRun(cell.plan, workload)
    of_view = {name.removeprefix(LEXICAL): state.pop(name) for name in [*state] if name.startswith(LEXICAL)}
    run.restore(state, JsonFields(document).elements("improvementHistory"))
    return Learner(checkpoint, run, _lexical(cell, workload, of_view))


def _lexical(cell: Cell, workload: Workload, state: StateArrays) -> TrainingRun | None:
    """Restores what was learned from the lexical view, if the run has one."""
    view = workload.lexical(cell.protocol.lexical.dim) if state and workload.lexical is not None else None
    if view is None or view.hashed is None:
        return None
    run = TrainingRun(cell.plan, view.hashed, measured=False)
    run.restore(state, [])
    return run


def _resume_file(path: Path, checkpoint: VerifiedCheckpoint) -> Path:
    beside = resume_path(path)
    if checkpoint.run_hash is not None and checkpoint.resume_hash is None:
        raise InvalidFileError("has no resumeHash: it was saved without what going on needs")
    if checkpoint.run_hash is not None and not os.path.lexists(beside):
        raise InvalidFileError(f"needs {beside.name!r} beside it to go on learning")
    return beside
