"""The input of runs that are to be replayed: a source tree or a file of tasks, an encoder, tasks for transfer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from ruvllm.benchmark.rebuild import CannotReplayError, code_kind, needed_input
from ruvllm.encoders.base import Encoder
from ruvllm.encoders.registry import make_encoder
from ruvllm.workloads.code.functions import Corpus, read_corpus
from ruvllm.workloads.registry import RealInput, code_input, read_input, read_transfer
from ruvllm.workloads.tasks import TextTask

__all__ = ["ReplayInputs"]


class ReplayInputs:
    """What a user names: each is read when a checkpoint first needs it, and once."""

    def __init__(self, path: str | None, encoder: str | None, transfer: str | None) -> None:
        """A tree or `jsonl:FILE`, None for the standard library; the other two as `ruvllm-bench` takes them."""
        self._path = path
        self._encoder_name = encoder
        self._transfer_file = transfer

    def of(self, document: Mapping[str, object]) -> RealInput | None:
        """The input of a checkpoint's run; None where it needs none. Raises ValueError."""
        needed = needed_input(document, self._encoder)
        if needed is None:
            return None
        if (self._file is not None) != (needed == "jsonl"):
            wanted = "a file of tasks: --corpus jsonl:FILE" if needed == "jsonl" else "a source tree"
            raise CannotReplayError(f"is of the {needed} workload: its input is {wanted}")
        if self._file is not None:
            return self._tasks
        return code_input(self._corpus, code_kind(document), self._encoder, self._transfer)

    @property
    def _file(self) -> str | None:
        return self._path if self._path is not None and self._path.startswith("jsonl:") else None

    @cached_property
    def _encoder(self) -> Encoder | None:
        return None if self._encoder_name in (None, "hash") else make_encoder(str(self._encoder_name))

    @cached_property
    def _tasks(self) -> RealInput:
        return read_input(str(self._file), encoder=self._encoder, transfer=self._transfer_file)

    @cached_property
    def _corpus(self) -> Corpus:
        return read_corpus(self._path)

    @cached_property
    def _transfer(self) -> Sequence[TextTask]:
        return () if self._transfer_file is None else read_transfer(self._transfer_file)
