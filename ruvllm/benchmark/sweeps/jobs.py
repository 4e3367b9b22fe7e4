"""A cell of a sweep as data: what any worker needs to make it, and the key that names it."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

import msgspec
from msgspec import Meta, field, structs

from ruvllm.encoders.models import ModelProfile
from ruvllm.encoders.registry import DEFAULT_ENCODER
from ruvllm.learning.snapshots import key_of
from ruvllm.results.records import Count, HexDigest, Name, Record, Seed
from ruvllm.version import __version__
from ruvllm.workloads.splits import Fold

__all__ = ["InputSpec", "Job", "label_of"]

BENCHMARK = "benchmark"
Key = Annotated[str, Meta(pattern="^[0-9a-f]{32}$", max_length=32)]


class InputSpec(Record, kw_only=True, omit_defaults=False):
    """Where real input is read from, and the digest of what is found there."""

    workload: Name
    """As the user wrote it: `code`, `code:PATH` or `jsonl:FILE`."""
    folder: str = ""
    """In which relative paths are meant. Not part of a job's key: another machine has other folders."""
    tasks: Name = "all"
    encoder: Name = DEFAULT_ENCODER
    encoder_title: str | None = None
    encoder_digest: str | None = None
    """Of the encoder's content, if it says one."""
    transfer: str | None = None
    transfer_digest: HexDigest | None = None
    candidates: Count | None = None
    """Of each task: as many as every run of the plan has room for."""
    fields: dict[str, str] = field(default_factory=dict)
    test: str | None = None
    hints: bool = False
    languages: tuple[str, ...] = ()
    """Of a source tree; empty for Python."""
    digest: str = ""
    """SHA-256 (hex) of the tasks; empty until they were read."""


class Job(Record, kw_only=True, dict=True, omit_defaults=False):
    """One run of a sweep. Equal jobs have equal results, whoever runs them.

    Fields are never left out: msgspec leaves out a default by identity, which pickle does not keep, and keys must.
    """

    kind: Name = BENCHMARK
    """Of record that comes out: a key of KINDS."""
    label: Name
    """Tells the sweep's runs apart."""
    protocol: Name
    changes: dict[str, str] = field(default_factory=dict)
    """Of the protocol, by names: `{"without": "replay"}`."""
    model: ModelProfile
    seed: Seed
    fold: Count | None = None
    folds: Count | None = None
    """Of a cross-validation, with `fold`."""
    profile: Name
    workload: Name = "simulated"
    split: Name = "file"
    stream: Name = "mixed"
    controls: bool = True
    lexical: bool = True
    rank: Count | None = None
    keep: bool = False
    """Whether the checkpoint is kept."""
    input: InputSpec | None = None
    """None for the simulated workload."""
    version: Name = __version__
    """Of the package that is to run it."""

    @cached_property
    def key(self) -> str:
        """32 hex digits over everything that the job says, but for the folder in which paths are meant."""
        place = None if self.input is None else structs.replace(self.input, folder="")
        return key_of({"job": msgspec.to_builtins(structs.replace(self, input=place))})

    @property
    def part(self) -> Fold | None:
        """The fold of a cross-validation. Raises ValueError for numbers that make no fold."""
        return None if self.fold is None or self.folds is None else Fold(self.fold, self.folds)


def label_of(model: str, protocol: str, seed: int, fold: Fold | None) -> str:
    """What a run is called while it is made."""
    part = "" if fold is None else f" fold {fold.number}/{fold.of}"
    return f"{model}{',' if ' ' in model else ''} {protocol} seed {seed}{part}"
