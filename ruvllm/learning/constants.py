"""Which constants a protocol has; their groups are those of the core's configuration (docs/protocols.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct, structs

from ruvllm._core import LearnFrom, ReplayPolicy

__all__ = ["Ewc", "Lexical", "Protocol", "Size", "changed", "constants"]


class Size(Struct, frozen=True):
    epochs: int
    tasks_per_epoch: int

    @property
    def attempts(self) -> int:
        """Number of training attempts in all epochs."""
        return self.epochs * self.tasks_per_epoch


class Lora(Struct, frozen=True):
    """The adapter; its sizes depend on the run."""

    head_weight: float = 0.5


class Replay(Struct, frozen=True):
    """Prioritized replay."""

    capacity: int = 10_000
    alpha: float = 0.6
    """Priority exponent."""
    beta: float = 0.4
    """Importance-sampling exponent at the start."""
    beta_increment: float = 0.001
    """Per draw."""
    epsilon: float = 0.01
    """Added to each |TD error|."""


class Ewc(Struct, frozen=True):
    """The penalty and the Fisher information."""

    lambda_: float
    decay: float = 0.92
    """Of the Fisher EMA; not used where it is a running sum."""
    running_sum: bool = False


class Patterns(Struct, frozen=True):
    """The pattern bank."""

    capacity: int = 150
    top: int = 5
    """Patterns that speak on a query."""
    threshold: float = 0.5
    """Least cosine of a pattern that speaks."""
    same_type_factor: float = 1.2
    strength: float = 0.2 / 0.07
    """In units of a logit; so is the contrastive memory's."""


class Contrastive(Struct, frozen=True):
    """The memory of past solutions."""

    positives: int = 500
    negatives: int = 500
    sampled_negatives: int = 8
    """Per learning step."""
    threshold: float = 0.7
    """Cosine above which a remembered solution speaks for a candidate."""
    strength: float = 0.1 / 0.07


class Episodes(Struct, frozen=True):
    """The memory of past queries and the solutions that were told right."""

    capacity: int = 0
    """Kept per task type; 0: none."""
    neighbours: int = 8
    """So many speak on a query."""
    strength: float = 0.5
    """Sum of their weights where a query is as near as past ones are to each other."""


class Associations(Struct, frozen=True):
    """The block-diagonal adapter, learned in batches beside the low-rank one, and the episodes; only on real input."""

    block_size: int = 0
    """0: none."""
    batch: int = 32
    batch_negatives: int = 32
    """Further solutions that it is told apart from, beside those of the batch."""
    block_rate: float = 0.01
    """Learning rate on the sum of a batch's losses, over the scale of the batch's queries."""
    episodes: Episodes = Episodes()


class Lexical(Struct, frozen=True):
    """The words of texts beside the encoder's vectors, in retrieval; only on real input."""

    dim: int = 1536
    """Hashed n-grams of the second view."""
    weights: tuple[float, ...] = (0.0,)
    """Of its cosines, from which the validation part chooses."""
    bm25_weights: tuple[float, ...] = (0.0,)
    """Of BM25, in the same way."""

    @property
    def on(self) -> bool:
        """Whether words can count at all."""
        return any(self.weights) or any(self.bm25_weights)


class Protocol(Struct, frozen=True):
    """One version of the benchmark: all its constants, none of which depends on the model but the adaptive rank."""

    name: str
    version: str
    """Version in the checkpoint."""
    quick: Size
    standard: Size
    full: Size

    fixed_rank: int | None
    """None: by the model's size."""
    multi_head: bool
    """A head per task type beside the shared adapter."""

    learn_from: LearnFrom
    accumulate: bool
    """Gradients are summed and applied once, as one step of length rate x attempts, when a stage or the run ends."""
    momentum: float
    gradient_clip: float
    """Longest gradient of one example."""
    learning_rate: str
    """"fixed", "momentum" or "meta": see schedulers.py."""
    base_rate: float
    lowest_rate: float
    highest_rate: float
    """Both as multiples of the base."""

    replay_policy: ReplayPolicy
    replays_per_epoch: int | None
    """None: as many as tasks per epoch."""
    replay_patterns: int
    """Policy BEST_PATTERNS: from so many patterns."""
    ewc: Ewc

    pattern_quality: float
    """Least quality of a trajectory that patterns are made of."""
    pattern_minimum: int
    """Trajectories needed before there are patterns."""
    pattern_clusters: int
    failure_quality: float
    """Quality of a failure, as a share of its confidence."""
    use_contrastive: bool

    stages: int
    """Equal parts of a mixed run; EWC consolidates between them."""
    curriculum: bool
    """Whether the tasks get harder from stage to stage."""
    adaptive_difficulty: bool
    final_temperature: float
    """Of the answers while training; it starts at 1."""
    cooling: float
    """Share of the run over which the temperature falls; then it stays."""

    # The same in all versions, as far as they have the part.
    use_lora: bool = True
    """Whether the adapter learns."""
    lora_types: tuple[int, ...] | None = None
    """Indices into TASK_TYPES of those that it is for; None: all."""
    lora: Lora = Lora()
    lora_scale: float = 16.0
    """Scaling of the adapter's output is lora_scale / sqrt(rank), so that ranks start with steps of one size."""
    tau: float = 0.07
    """Temperature of the cosines, in the score and in InfoNCE."""
    confident: float = 0.5
    """A failure of higher confidence is a confident one."""
    quality_memory: float = 0.05
    """Weight of a new quality in its type's running mean, from which the TD error is measured."""
    replay: Replay = Replay()
    centre: bool = False
    """Whether the means of the train part's queries and solutions are taken away before anything is learned."""
    intercept: float = 0.0
    """Length of what is constant in a centred query, through which a linear map learns an intercept."""
    select: bool = False
    """Whether the validation part chooses between what was learned, closed forms and the frozen vectors."""
    use_patterns: bool = True
    pattern_trajectories: int = 256
    """The latest so many are clustered."""
    patterns: Patterns = Patterns()
    contrastive: Contrastive = Contrastive()
    associations: Associations = Associations()
    lexical: Lexical = Lexical()
    rehearsals: int = 1
    """Passes of the block adapters over all episodes so far, after each epoch."""
    crowding_neighbours: int = 10
    """Among so many of the past queries the crowding of a solution is found, see retrieval.crowding()."""
    crowding_shares: tuple[float, ...] = (0.0,)
    """So much of it is taken from the solution's cosines in retrieval; of several, the best on the validation part."""

    def size(self, profile: str) -> Size:
        """Epochs and tasks per epoch of profile quick, standard or full."""
        return {"quick": self.quick, "standard": self.standard, "full": self.full}[profile]


def constants(group: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yields (name, value) of all constants of a protocol; those of a group as "replay.alpha"."""
    for name in group.__struct_fields__:
        value = getattr(group, name)
        if isinstance(value, Struct) and not isinstance(value, Size):
            yield from constants(value, f"{path}{name}.")
        else:
            yield path + name, value


def changed(protocol: Protocol, changes: Mapping[str, Any]) -> Protocol:
    """Returns a protocol with other constants, by their names as in constants(); TypeError for an unknown one."""
    for name, value in changes.items():
        protocol = _with(protocol, name.split("."), value)
    return protocol


def _with(group: Any, path: list[str], value: Any) -> Any:
    first, *rest = path
    if rest and not isinstance(getattr(group, first, None), Struct):
        raise TypeError(f"{type(group).__name__} has no group {first!r}")
    return structs.replace(group, **{first: _with(getattr(group, first), rest, value) if rest else value})
