"""What the records of all results files share: how they become JSON, the header, intervals.

msgspec makes JSON of records and checks JSON against them. The attribute `gain_ci95` is the key `gainCI95`; what is
None by default is left out; keys that are not known are ignored, so that the files of newer versions can be read.
"""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar, dataclass_transform

from msgspec import Meta, Struct, field
from msgspec.json import Decoder

MAX_SEED = 2**53 - 1
SCHEMA = 1
"""Version of the format of results files: the only one that this package writes and reads."""

T = TypeVar("T")
Name = Annotated[str, Meta(min_length=1)]
Count = Annotated[int, Meta(ge=0)]
Seed = Annotated[int, Meta(ge=0, le=MAX_SEED)]
Seeds = Annotated[list[Seed], Meta(min_length=1)]
HexDigest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", max_length=64)]
"""SHA-256."""
Interval = tuple[float, float]
"""The low and the high end of a 95% interval."""


def camel_case(name: str) -> str:
    """The key of an attribute: "gain_ci95" has the key "gainCI95"."""
    first, *others = name.split("_")
    return first + "".join("CI95" if word == "ci95" else word.capitalize() for word in others)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Record(Struct, frozen=True, omit_defaults=True, rename=camel_case):
    """An object of a results file."""


def look_up(kind: type[Record]) -> None:
    """Has msgspec look up what a kind of records is made of: it does at the first reading or conversion, and crashes if
    two threads do at the same time. So one thread does, before others begin."""
    Decoder(kind)


class StartAndEnd(Record, Generic[T]):
    """One thing before any learning and at the end."""

    initial: T
    final: T


class MeanWithInterval(Record):
    """A mean and its 95% interval."""

    mean: float
    ci95: Interval


class Difference(Record):
    """A mean difference and its 95% interval."""

    difference: float
    ci95: Interval

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of 0."""
        return self.ci95[0] > 0 or self.ci95[1] < 0


class Host(Record):
    """The machine that made a file, and the build of the core."""

    system: str = ""
    machine: str = ""
    python: str = ""
    cpus: Count | None = None
    isa: str = ""
    compiler: str = ""


class RunOptions(Record, kw_only=True):
    """Everything that decides the results, but for what files hold. The instruction set does not: the host has it."""

    profile: Name
    protocols: list[Name]
    models: list[Name]
    workload: Name
    tasks: str | None = None
    """Kind of tasks made from a source tree; None for other input."""
    split: str | None = None
    """How a source tree is split; None for other input."""
    language: str | None = None
    """Languages of a source tree with commas, or "all"; None for Python and for other input."""
    encoder: str | None = None
    """None for the simulated workload, which has no texts."""
    seeds: Seeds
    folds: Count | None = None
    """Number of folds of a cross-validation."""
    stream: Name
    controls: bool
    lexical: bool | None = None
    """Whether words could count beside the encoder's vectors; None for the simulated workload and before 0.3.0."""
    rank: Count | None = None
    """Rank of the adapter, if it is not the protocol's own."""


class Header(Record, kw_only=True, tag_field="kind"):
    """What every results file begins with. Time, host and command are all that differs from run to run."""

    schema_version: Annotated[int, Meta(ge=SCHEMA, le=SCHEMA)] = field(name="schema")
    version: str
    """Of the package that wrote the file."""
    created: str
    """Universal time, as 2026-01-02T03:04:05Z."""
    command: list[str]
    """Words of the command line; empty if the library was called."""
    name: str = ""
    """What the user calls the run."""
    host: Host = Host()
    options: RunOptions | None = None
    """None in files of version 0.1.0, and where there was nothing to choose."""

    @property
    def kind(self) -> str:
        return str(type(self).__struct_config__.tag)

    @property
    def settings(self) -> dict[str, str]:
        """What was asked for, by its name in words; protocols, models and seeds are named by the runs themselves."""
        found = {"version": self.version}
        if self.options is not None:
            names = [name for name in self.options.__struct_fields__ if name not in ("protocols", "models", "seeds")]
            values = {name: getattr(self.options, name) for name in names}
            found |= {name: "default" if value is None else str(value) for name, value in values.items()}
        return found


class Choice(Record):
    """What the validation part chose to answer: `frozen`, `learned` or a closed form, and why."""

    method: str
    queries: Count
    """On which the choice was made."""
    figures: dict[str, float]
    """Mean reciprocal rank on them by method; empty for fewer than 2 queries."""
    best: str
    """What would answer in place of the frozen vectors."""
    gain: float
    """Its figure minus the frozen vectors'; the frozen ones stay where it is less than a standard error."""
    standard_error: float


class Selection(Record, kw_only=True):
    """What answers the tasks of one type."""

    retrieval: Choice | None = None
    """Among all solutions; the figures are those of validation queries."""
    candidates: Choice | None = None
    """Among the candidates of each task, for the resolve rate."""
    transfer: str | None = None
    """What answers transfer input: `frozen` or `hybridFrozen` where it is far from what was learned from."""
    ensemble: dict[str, float] | None = None
    """How much each score counts in the ensemble; the shares add up to 1."""
