"""The input of runs that are to be replayed: a source tree or a file of tasks, an encoder, tasks for transfer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from ruvllm.benchmark.rebuild import CannotReplayError, needed_input
from ruvllm.encoders.base import Encoder
from ruvllm.encoders.registry import make_encoder
from ruvllm.workloads.inputs import RealInput, read_input
from ruvllm.workloads.registry import WORKLOADS
from ruvllm.workloads.spec import WorkloadSpec, parse_spec

__all__ = ["ReplayInputs"]


class ReplayInputs:
    """What a user names. Each input is read when a checkpoint first needs it, and once for each kind of tasks."""

    def __init__(self, path: str | None, encoder: str | None, transfer: str | None) -> None:
        """`path` is a source tree (default: the standard library) or a workload's form such as `jsonl:FILE`.

        The other two are as `ruvllm-bench` takes them.
        """
        self._spec = _spec_of(path)
        self._encoder_name = encoder
        self._transfer = transfer
        self._read: dict[str, RealInput] = {}

    def of(self, document: Mapping[str, object]) -> RealInput | None:
        """Returns the input of a checkpoint's run, or None if it needs none. Raises ValueError."""
        needed = needed_input(document, self._encoder)
        if needed is None:
            return None
        workload, kind = needed
        if self._spec.name != workload:
            entry = WORKLOADS[workload]
            raise CannotReplayError(f"is of the {workload} workload: its input is {entry.needs}: --corpus {entry.form}")
        if kind not in self._read:
            self._read[kind] = read_input(
                self._spec.text, kind=kind, encoder=self._encoder, transfer=self._transfer
            )
        return self._read[kind]

    @cached_property
    def _encoder(self) -> Encoder | None:
        return None if self._encoder_name in (None, "hash") else make_encoder(str(self._encoder_name))


def _spec_of(path: str | None) -> WorkloadSpec:
    """Returns the workload that --corpus names: a plain path is a source tree."""
    if path is not None and path.partition(":")[0] in WORKLOADS and ":" in path:
        return parse_spec(path)
    return WorkloadSpec("code", path)
