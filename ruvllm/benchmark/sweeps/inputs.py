"""Real input in a worker: read once where a job says that it is, and compared with what the plan was made for."""

from __future__ import annotations

import os
from functools import lru_cache
from threading import Lock

import msgspec
from msgspec import structs

from ruvllm.benchmark.sweeps.jobs import InputSpec
from ruvllm.encoders.base import Encoder
from ruvllm.encoders.registry import DEFAULT_ENCODER, named_encoder
from ruvllm.workloads.inputs import RealInput, read_input
from ruvllm.workloads.tasks import texts_digest
from ruvllm.workloads.text import TextInput

__all__ = ["load_input", "with_digests"]

_SPECS = msgspec.json.Decoder(InputSpec)
_LOCK = Lock()
"""Threads of one worker want the same input at the same time: it is read once."""


def with_digests(spec: InputSpec, task_input: RealInput) -> InputSpec:
    """The spec with the digests and the number of candidates of what was read.

    Raises ValueError for other input than tasks as texts.
    """
    if not isinstance(task_input, TextInput):
        raise ValueError(f"tasks of the {task_input.name} workload cannot be planned: their runs share what they read")
    options, encoder = task_input.options, task_input.encoder
    return structs.replace(
        spec,
        candidates=options.candidates,
        digest=task_input.digest,
        encoder_digest=None if encoder is None else getattr(encoder, "digest", None),
        transfer_digest=texts_digest(options.transfer) if options.transfer else None,
    )


def load_input(spec: InputSpec | None, *, encoder: bool = True) -> RealInput | None:
    """Reads the input of a job, or finds it in memory; without `encoder` for its texts alone. None for no input.

    Raises ValueError if it is not what the plan was made for, or cannot be read.
    """
    if spec is None:
        return None
    wanted = spec if encoder else structs.replace(spec, encoder=DEFAULT_ENCODER, encoder_digest=None)
    with _LOCK:
        return _load(msgspec.json.encode(wanted))


@lru_cache(maxsize=1)
def _load(encoded: bytes) -> RealInput:
    spec = _SPECS.decode(encoded)
    found = read_input(
        spec.workload,
        kind=spec.tasks,
        encoder=_encoder_of(spec),
        transfer=spec.transfer,
        candidates=spec.candidates,
        fields=spec.fields,
        test=spec.test,
        hints=spec.hints,
        languages=spec.languages,
        folder=spec.folder if os.path.isdir(spec.folder) else "",
    )
    for what, planned, here in zip(
        (f"the input {spec.workload}", f"the transfer input {spec.transfer}", f"the encoder {spec.encoder}"),
        _digests(spec), _digests(with_digests(spec, found)), strict=True,
    ):  # fmt: skip
        if planned != here:
            raise ValueError(f"{what} is not the one of the plan: its digest here is {here}, planned was {planned}")
    return found


def _digests(spec: InputSpec) -> tuple[str | None, ...]:
    return spec.digest, spec.transfer_digest, spec.encoder_digest


def _encoder_of(spec: InputSpec) -> Encoder | None:
    encoder = named_encoder(spec.encoder)
    if encoder is not None and spec.encoder_title is not None:
        setattr(encoder, "title", spec.encoder_title)  # noqa: B010 -- Encoder does not demand it
    return encoder
