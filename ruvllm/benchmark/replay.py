"""Run a checkpoint's own run again: a hash shows that a file is intact, a replay that its numbers are true."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ruvllm.benchmark.cell import Cell
from ruvllm.benchmark.checkpointing import checkpoint_content
from ruvllm.benchmark.rebuild import CannotReplayError, languages_of, needed_input, setting_difference
from ruvllm.benchmark.run import measure_cell
from ruvllm.checkpoints.differences import MISSING, Difference, first_difference
from ruvllm.checkpoints.hashes import UNHASHED_KEYS
from ruvllm.checkpoints.writing import checkpoint_document
from ruvllm.encoders.base import Encoder
from ruvllm.encoders.registry import DEFAULT_ENCODER, named_encoder
from ruvllm.files.json_fields import JsonFields
from ruvllm.files.json_reading import json_type, shown
from ruvllm.files.json_writing import stringify
from ruvllm.learning.training import Progress
from ruvllm.version import __version__
from ruvllm.workloads.inputs import NO_FIELDS, Note, RealInput, Watch, ignore, read_input
from ruvllm.workloads.registry import WORKLOADS
from ruvllm.workloads.spec import WorkloadSpec, parse_spec
from ruvllm.workloads.workload import Workload

__all__ = ["DIFFERENT", "OTHER_INPUT", "OTHER_VERSION", "SAME", "Replay", "ReplayInputs", "cost_line", "replay"]

SAME, DIFFERENT, OTHER_INPUT, OTHER_VERSION = "same", "different", "other input", "other version"
INPUT = {
    f"run.workloadDetails.{name}"
    for name in ("inputDigest", "transferDigest", "generator", "encoder", "kind", "language", "grammar")
}
"""Settings that say what the tasks were made from, and not how."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of it."""

    outcome: str
    """SAME; DIFFERENT: a number of the file is not what its run gives; OTHER_INPUT: the tasks are not those of the
    file, so that nothing can be said; OTHER_VERSION: another version made the file, and its numbers are others here."""
    field: str | None = None
    """The first field that differs, and below what it is in the file and here."""
    stored: str | None = None
    computed: str | None = None
    epochs: int = 0
    """Epochs that were run again, controls aside."""


def cost_line(document: Mapping[str, object], cell: Cell) -> str:
    """What a replay will take, before it begins."""
    size = cell.plan.size
    controls = ", once more under each of 3 controls" if cell.controls else ""
    line = f"replaying {cell.label}: {size.epochs} epochs of {size.tasks_per_epoch} tasks{controls}"
    unhashed = document.get("unhashed")
    seconds = unhashed.get("seconds") if isinstance(unhashed, Mapping) else None
    if isinstance(seconds, float) and 0 < seconds < 1e7:
        line += f"; learning alone took {seconds:.1f} s when the file was made"
    return line


def replay(
    document: Mapping[str, object],
    cell: Cell,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Replay:
    """Compare every hashed field of a verified checkpoint with a new run of its cell, from rebuild.cell_of().

    The settings come first: where one of them is another here, nothing is run.
    """
    workload = cell.build()
    other_version = JsonFields(document).fields("run").values.get("packageVersion") != __version__
    difference = setting_difference(document, cell, workload)
    if difference is not None:
        return _replay_of(difference, _unlike(difference[0], other_version), 0)
    return _compared(document, cell, workload, other_version, progress, cancelled)


def _compared(
    document: Mapping[str, object],
    cell: Cell,
    workload: Workload,
    other_version: bool,
    progress: Progress | None,
    cancelled: Callable[[], bool],
) -> Replay:
    measured = measure_cell(cell, workload, progress, cancelled)
    computed: dict[str, Any] = json.loads(
        stringify(checkpoint_document(**checkpoint_content(cell, measured))), parse_int=float
    )
    ignored = {*UNHASHED_KEYS, *(() if "resumeHash" in document else ("resumeHash",))}
    stored = {key: value for key, value in document.items() if key not in ignored}
    computed = {key: value for key, value in computed.items() if key not in ignored}
    difference = first_difference(_without_version(stored), _without_version(computed))
    epochs = cell.plan.size.epochs
    if difference is None:
        return Replay(SAME, epochs=epochs)
    return _replay_of(difference, OTHER_VERSION if other_version else DIFFERENT, epochs)


def _without_version(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "run": {key: value for key, value in document["run"].items() if key != "packageVersion"}}


def _unlike(field: str, other_version: bool) -> str:
    if field in INPUT or field.startswith("run.workloadDetails.tasks"):
        return OTHER_INPUT
    return OTHER_VERSION if other_version else DIFFERENT


def _replay_of(difference: Difference, outcome: str, epochs: int) -> Replay:
    field, stored, computed = difference
    return Replay(outcome, field, _text(stored), _text(computed), epochs)


def _text(value: object) -> str:
    if value is MISSING:
        return "nothing"
    if isinstance(value, dict | list):
        return json_type(value)
    return shown(stringify(value))


class ReplayInputs:
    """What a user names. Each input is read when a checkpoint first needs it, and once for each kind of tasks."""

    def __init__(
        self,
        path: str | None,
        encoder: str | None,
        transfer: str | None,
        fields: Mapping[str, str] = NO_FIELDS,
        test: str | None = None,
        hints: bool = False,
    ) -> None:
        """`path` is a source tree (default: the standard library) or a workload's form such as `jsonl:FILE`.

        The others are as `ruvllm-bench` takes them.
        """
        self._spec = _spec_of(path)
        self._encoder_name = encoder
        self._encoder: Encoder | None = None
        self._transfer = transfer
        self._fields, self._test, self._hints = fields, test, hints
        self._read: dict[tuple[str, tuple[str, ...]], RealInput] = {}

    def of(self, document: Mapping[str, object], watch: Watch = ignore, note: Note = ignore) -> RealInput | None:
        """Returns the input of a checkpoint's run, or None if it needs none. Raises ValueError.

        `watch` hears how far reading and encoding are, `note` of a cache that cannot be written.
        """
        if self._encoder_name not in (None, DEFAULT_ENCODER) and self._encoder is None:
            label = f"loading encoder {self._encoder_name}"
            watch(label, 0, 1)
            self._encoder = named_encoder(str(self._encoder_name), note)
            watch(label, 1, 1)
        needed = needed_input(document, self._encoder)
        if needed is None:
            return None
        workload, kind = needed
        if self._spec.name != workload:
            entry = WORKLOADS[workload]
            meant = self._spec.path if workload == "jsonl" and os.path.isfile(self._spec.path or "") else None
            form = entry.form if meant is None else f"jsonl:{meant}"
            raise CannotReplayError(f"is of the {workload} workload: its input is {entry.needs}: --corpus {form}")
        self._check_files(document)
        languages = languages_of(document)
        if (kind, languages) not in self._read:
            self._read[kind, languages] = read_input(
                self._spec.text,
                kind=kind,
                encoder=self._encoder,
                transfer=self._transfer,
                fields=self._fields,
                test=self._test,
                hints=self._hints,
                languages=languages,
                watch=watch,
            )
        return self._read[kind, languages]


    def _check_files(self, document: Mapping[str, object]) -> None:
        """Raises CannotReplayError where the run had a test file or hints and this has none, or the other way round."""
        details = JsonFields(document).fields("run").fields("workloadDetails").values
        for key, option, named in (
            ("testTasks", "--test FILE", self._test is not None), ("hints", "--hints", self._hints)
        ):
            if (key in details) != named:
                how = f"was made with {option}" if key in details else f"was made without {option.split()[0]}"
                raise CannotReplayError(f"{how}: replay it so")


def _spec_of(path: str | None) -> WorkloadSpec:
    """Returns the workload that --corpus names: a plain path is a source tree."""
    if path is not None and path.partition(":")[0] in WORKLOADS and ":" in path:
        return parse_spec(path)
    return WorkloadSpec("code", path)
