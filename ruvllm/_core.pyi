"""Stub of the C++ extension: sections in the order of bindings/module.cpp.

Arrays must have exactly the type written here and be C-contiguous: nothing is converted, so that an in-place function
never changes a hidden copy. Another type or layout raises TypeError, a wrong shape ValueError.
`isa` is "auto", "scalar", "sse4.1", "avx2", "avx512" or "neon"; the result is the same bits for each.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Never, TypeAlias

import numpy as np
import numpy.typing as npt

from ruvllm.build_types import BuildInfo

__version__: str

class _Enum:  # what pybind11 gives each enumeration
    def __init__(self, value: int) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...
    def __int__(self) -> int: ...
    def __index__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __eq__(self, other: object) -> bool: ...
    def __ne__(self, other: object) -> bool: ...

# register_isa

def available_isas() -> list[str]: ...
def active_isa() -> str: ...
def build_info() -> BuildInfo: ...

# register_json

def number_to_string(x: float) -> str: ...
def format_float32(array: npt.NDArray[np.float32]) -> str: ...
def format_float64(array: npt.NDArray[np.float64]) -> str: ...
def scan_json(data: bytes, *, max_depth: int, max_nodes: int) -> tuple[int, int, bool]: ...

# register_kernels

def squared_norm(a: npt.NDArray[np.float32], *, isa: str = "auto") -> float: ...
def squared_distance(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32], *, isa: str = "auto") -> float: ...
def cosine_similarity(
    query: npt.NDArray[np.float32], rows: npt.NDArray[np.float32], *, isa: str = "auto"
) -> npt.NDArray[np.float32]: ...
def gemv(
    rows: npt.NDArray[np.float32], x: npt.NDArray[np.float32], *, isa: str = "auto"
) -> npt.NDArray[np.float32]: ...
def axpy(a: float, x: npt.NDArray[np.float32], y: npt.NDArray[np.float32], *, isa: str = "auto") -> None: ...
def ema_of_squares(
    decay: float, weight: float, x: npt.NDArray[np.float32], f: npt.NDArray[np.float32], *, isa: str = "auto"
) -> None: ...

# fast_pairs

def dot(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32], /, *, isa: str = "auto") -> float: ...
def cosine(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32], /, *, isa: str = "auto") -> float: ...

# register_bank

class VectorBank:
    def __init__(self, rows: npt.NDArray[np.float32], *, isa: str = "auto") -> None: ...
    def add(self, rows: npt.NDArray[np.float32]) -> None: ...
    def dot(
        self, query: npt.NDArray[np.float32], out: npt.NDArray[np.float32] | None = None
    ) -> npt.NDArray[np.float32]: ...
    def cosine(
        self, query: npt.NDArray[np.float32], out: npt.NDArray[np.float32] | None = None
    ) -> npt.NDArray[np.float32]: ...
    @property
    def size(self) -> int: ...
    @property
    def dim(self) -> int: ...
    def __len__(self) -> int: ...

# register_random

class Purpose(_Enum):
    USER: ClassVar[Purpose]
    DATASET: ClassVar[Purpose]
    SPLIT: ClassVar[Purpose]
    SCHEDULE: ClassVar[Purpose]
    BOOTSTRAP: ClassVar[Purpose]
    ENCODER: ClassVar[Purpose]
    __members__: ClassVar[dict[str, Purpose]]

class RandomStream:
    def __init__(self, seed: int, purpose: Purpose = Purpose.USER, index: int = 0, subindex: int = 0) -> None: ...
    def next_u64(self) -> int: ...
    def below(self, n: int) -> int: ...
    def uniform(self, n: int) -> npt.NDArray[np.float64]: ...
    def normal(self, n: int) -> npt.NDArray[np.float64]: ...
    def integers(self, below: int, n: int) -> npt.NDArray[np.int64]: ...
    def permutation(self, n: int) -> npt.NDArray[np.int64]: ...

def resampled_totals(values: npt.NDArray[np.int64], stream: RandomStream, n_rows: int) -> npt.NDArray[np.int64]: ...
def exp(x: float) -> float: ...
def log(x: float) -> float: ...
def softmax(logits: npt.NDArray[np.float64], temperature: float) -> npt.NDArray[np.float64]: ...

# register_encoder

def murmur3_32(data: bytes, seed: int = 0) -> int: ...

class NgramEncoder:
    def __init__(self, dim: int, *, sublinear_tf: bool = False) -> None: ...
    @property
    def dim(self) -> int: ...
    def fit(self, texts: list[bytes]) -> None: ...
    def encode(self, texts: list[bytes]) -> npt.NDArray[np.float32]: ...
    def document_frequencies(self) -> npt.NDArray[np.uint32]: ...

# register_retrieval

def retrieval_ranks(
    queries: npt.NDArray[np.float32],
    solutions: npt.NDArray[np.float32],
    right: npt.NDArray[np.int32],
    *,
    discount: npt.NDArray[np.float32] | None = None,
    isa: str = "auto",
) -> npt.NDArray[np.int32]: ...
def crowding(
    solutions: npt.NDArray[np.float32],
    queries: npt.NDArray[np.float32],
    *,
    neighbours: int = 10,
    isa: str = "auto",
) -> npt.NDArray[np.float32]: ...
def hardest(
    queries: npt.NDArray[np.float32],
    solutions: npt.NDArray[np.float32],
    pool: npt.NDArray[np.int32],
    *,
    isa: str = "auto",
) -> npt.NDArray[np.int32]: ...

# register_replay

class SumTree:
    def __init__(self, capacity: int) -> None: ...
    @property
    def capacity(self) -> int: ...
    @property
    def total(self) -> float: ...
    def get(self, leaf: int) -> float: ...
    def set(self, leaf: int, weight: float) -> None: ...
    def find(self, target: float) -> int: ...
    def check_valid(self) -> None: ...

class PrioritizedReplay:
    def __init__(
        self,
        capacity: int = 10_000,
        *,
        alpha: float = 0.6,
        beta: float = 0.4,
        beta_increment: float = 0.001,
        epsilon: float = 0.01,
    ) -> None: ...
    def add(self, td_error: float) -> int: ...
    def update_priority(self, item: int, td_error: float) -> None: ...
    def update_priorities(self, items: npt.NDArray[np.int64], td_errors: npt.NDArray[np.float64]) -> None: ...
    def reset(self, td_errors: npt.NDArray[np.float64]) -> None: ...
    def sample(
        self, n: int, stream: RandomStream
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.float64]]: ...
    def priority(self, item: int) -> float: ...
    def probability(self, item: int) -> float: ...
    @property
    def beta(self) -> float: ...
    def __len__(self) -> int: ...

# register_ewc

class ElasticWeightConsolidation:
    def __init__(self, parameters: int, *, ewc_lambda: float = 400.0, fisher_decay: float = 0.92) -> None: ...
    def add_example(self, gradient: npt.NDArray[np.float32]) -> None: ...
    def update_fisher(self) -> None: ...
    def consolidate(self, parameters: npt.NDArray[np.float32]) -> None: ...
    def penalty(self, parameters: npt.NDArray[np.float32]) -> float: ...
    @property
    def fisher(self) -> npt.NDArray[np.float32]: ...
    @property
    def reference(self) -> npt.NDArray[np.float32]: ...
    @property
    def task_count(self) -> int: ...
    @property
    def active_lambda(self) -> float: ...

# register_lora

class MicroLoRA:
    def __init__(self, dim: int, rank: int, *, scaling: float = 1.0, seed: int = 0, isa: str = "auto") -> None: ...
    def forward(self, h: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]: ...
    def gradient(
        self, h: npt.NDArray[np.float32], g: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]: ...
    def step(
        self,
        h: npt.NDArray[np.float32],
        g: npt.NDArray[np.float32],
        *,
        learning_rate: float,
        momentum: float = 0.9,
        ewc: ElasticWeightConsolidation | None = None,
    ) -> None: ...
    def learn(
        self,
        h: npt.NDArray[np.float32],
        candidates: npt.NDArray[np.float32],
        right: int,
        *,
        tau: float = 0.07,
        learning_rate: float,
        momentum: float = 0.9,
        ewc: ElasticWeightConsolidation | None = None,
    ) -> float: ...
    def accumulate_fisher(
        self, ewc: ElasticWeightConsolidation, h: npt.NDArray[np.float32], g: npt.NDArray[np.float32]
    ) -> None: ...
    @property
    def dim(self) -> int: ...
    @property
    def rank(self) -> int: ...
    @property
    def scaling(self) -> float: ...
    @property
    def a(self) -> npt.NDArray[np.float32]: ...
    @property
    def b(self) -> npt.NDArray[np.float32]: ...
    @property
    def parameters(self) -> npt.NDArray[np.float32]: ...
    def load_parameters(self, parameters: npt.NDArray[np.float32]) -> None: ...

class MultiHeadLoRA:
    def __init__(
        self,
        dim: int,
        rank: int,
        heads: int,
        *,
        head_weight: float = 0.5,
        scaling: float = 1.0,
        seed: int = 0,
        isa: str = "auto",
    ) -> None: ...
    def forward(self, h: npt.NDArray[np.float32], type: int) -> npt.NDArray[np.float32]: ...
    def gradient(
        self, h: npt.NDArray[np.float32], g: npt.NDArray[np.float32], type: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]: ...
    def step(
        self,
        h: npt.NDArray[np.float32],
        g: npt.NDArray[np.float32],
        type: int,
        *,
        learning_rate: float,
        momentum: float = 0.9,
        ewc: ElasticWeightConsolidation | None = None,
    ) -> None: ...
    def learn(
        self,
        h: npt.NDArray[np.float32],
        candidates: npt.NDArray[np.float32],
        right: int,
        type: int,
        *,
        tau: float = 0.07,
        learning_rate: float,
        momentum: float = 0.9,
        ewc: ElasticWeightConsolidation | None = None,
    ) -> float: ...
    def accumulate_fisher(
        self, ewc: ElasticWeightConsolidation, h: npt.NDArray[np.float32], g: npt.NDArray[np.float32], type: int
    ) -> None: ...
    def lora_matrices(self, adapter: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]: ...
    @property
    def dim(self) -> int: ...
    @property
    def rank(self) -> int: ...
    @property
    def heads(self) -> int: ...
    @property
    def head_weight(self) -> float: ...
    @property
    def scaling(self) -> float: ...
    @property
    def parameters(self) -> npt.NDArray[np.float32]: ...
    def load_parameters(self, parameters: npt.NDArray[np.float32]) -> None: ...

# register_clusters

def spherical_kmeans(
    rows: npt.NDArray[np.float32],
    weights: npt.NDArray[np.float64] | None,
    n_clusters: int,
    *,
    seed: int = 0,
    max_iterations: int = 5,
    diversity: float = 0.5,
    isa: str = "auto",
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint32], npt.NDArray[np.float64]]: ...

class PatternBank:
    def __init__(
        self,
        dim: int,
        *,
        capacity: int = 150,
        top: int = 5,
        threshold: float = 0.5,
        same_type_factor: float = 1.2,
        strength: float = ...,
        isa: str = "auto",
    ) -> None: ...
    def add(
        self, query: npt.NDArray[np.float32], solution: npt.NDArray[np.float32], *, quality: float, type: int
    ) -> None: ...
    def clear(self) -> None: ...
    def match(
        self, query: npt.NDArray[np.float32], type: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], npt.NDArray[np.float32]]: ...
    def evidence(
        self, query: npt.NDArray[np.float32], candidates: npt.NDArray[np.float32], type: int
    ) -> npt.NDArray[np.float64]: ...
    @property
    def dim(self) -> int: ...
    @property
    def queries(self) -> npt.NDArray[np.float32]: ...
    @property
    def solutions(self) -> npt.NDArray[np.float32]: ...
    @property
    def qualities(self) -> npt.NDArray[np.float64]: ...
    @property
    def types(self) -> npt.NDArray[np.uint8]: ...
    def __len__(self) -> int: ...

# register_memory

def info_nce(
    z: npt.NDArray[np.float32],
    candidates: npt.NDArray[np.float32],
    right: int,
    *,
    negatives: npt.NDArray[np.float32] | None = None,
    tau: float = 0.07,
    isa: str = "auto",
) -> tuple[float, npt.NDArray[np.float32]]: ...

class ContrastiveMemory:
    def __init__(
        self,
        dim: int,
        *,
        positives: int = 500,
        negatives: int = 500,
        types: int = 4,
        sampled_negatives: int = 8,
        threshold: float = 0.7,
        strength: float = ...,
        isa: str = "auto",
    ) -> None: ...
    def add_positive(self, solution: npt.NDArray[np.float32], type: int) -> None: ...
    def add_negative(self, solution: npt.NDArray[np.float32], type: int) -> None: ...
    def sample_negatives(self, type: int, stream: RandomStream) -> npt.NDArray[np.float32]: ...
    def boost(self, candidates: npt.NDArray[np.float32], type: int) -> npt.NDArray[np.float64]: ...
    @property
    def dim(self) -> int: ...
    @property
    def positive_count(self) -> int: ...
    @property
    def negative_count(self) -> int: ...

# register_workload

class TaskSource:
    def __init__(self, *args: Never, **kwargs: Never) -> None: ...  # only its subclasses can be made
    def __len__(self) -> int: ...
    @property
    def dim(self) -> int: ...
    @property
    def n_candidates(self) -> int: ...
    def load(self, index: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], int, int]: ...

class SimulatedWorld(TaskSource):
    def __init__(
        self,
        *,
        dim: int,
        model: int,
        habit: float,
        visibility: float,
        seed: int,
        keys: npt.NDArray[np.uint64],
        difficulty: npt.NDArray[np.float32],
        types: npt.NDArray[np.uint8],
        families: npt.NDArray[np.uint8],
        n_candidates: int = 8,
        families_per_type: int = 5,
        family_share: float = 0.5,
        isa: str = "auto",
    ) -> None: ...

class CorpusSource(TaskSource):
    def __init__(
        self,
        *,
        queries: npt.NDArray[np.float32],
        solutions: npt.NDArray[np.float32],
        candidates: npt.NDArray[np.int32],
        right: npt.NDArray[np.int32],
        types: npt.NDArray[np.uint8],
        isa: str = "auto",
    ) -> None: ...

# register_engine

class LearnFrom(_Enum):
    SUCCESSES: ClassVar[LearnFrom]
    SUCCESSES_AND_CONFIDENT_FAILURES: ClassVar[LearnFrom]
    EVERYTHING: ClassVar[LearnFrom]
    __members__: ClassVar[dict[str, LearnFrom]]

class ReplayPolicy(_Enum):
    UNIFORM: ClassVar[ReplayPolicy]
    BEST_PATTERNS: ClassVar[ReplayPolicy]
    PRIORITIZED: ClassVar[ReplayPolicy]
    __members__: ClassVar[dict[str, ReplayPolicy]]

class Control(_Enum):
    NONE: ClassVar[Control]
    FROZEN: ClassVar[Control]
    RANDOM_GRADIENT: ClassVar[Control]
    SHUFFLED: ClassVar[Control]
    __members__: ClassVar[dict[str, Control]]

class LoraConfig:
    def __init__(self, *args: Never, **kwargs: Never) -> None: ...  # part of an EngineConfig
    @property
    def dim(self) -> int: ...
    @property
    def rank(self) -> int: ...
    @property
    def heads(self) -> int: ...
    head_weight: float
    scaling: float

class ReplayConfig:
    def __init__(self, *args: Never, **kwargs: Never) -> None: ...  # part of an EngineConfig
    capacity: int
    alpha: float
    beta: float
    beta_increment: float
    epsilon: float

class EwcConfig:
    def __init__(self, *args: Never, **kwargs: Never) -> None: ...  # part of an EngineConfig
    lambda_: float
    decay: float
    running_sum: bool

class PatternConfig:
    def __init__(self, *args: Never, **kwargs: Never) -> None: ...  # part of an EngineConfig
    capacity: int
    top: int
    threshold: float
    same_type_factor: float
    strength: float

class ContrastiveConfig:
    def __init__(self, *args: Never, **kwargs: Never) -> None: ...  # part of an EngineConfig
    positives: int
    negatives: int
    @property
    def types(self) -> int: ...
    sampled_negatives: int
    threshold: float
    strength: float

class EpisodicConfig:
    def __init__(self, *args: Never, **kwargs: Never) -> None: ...  # part of an EngineConfig
    capacity: int
    neighbours: int
    strength: float

class AssociationConfig:
    def __init__(self, *args: Never, **kwargs: Never) -> None: ...  # part of an EngineConfig
    block_size: int
    batch: int
    batch_negatives: int
    block_rate: float
    episodes: EpisodicConfig

class EngineConfig:
    lora: LoraConfig
    learn_from: LearnFrom
    replay_policy: ReplayPolicy
    control: Control
    replay: ReplayConfig
    ewc: EwcConfig
    patterns: PatternConfig
    contrastive: ContrastiveConfig
    associations: AssociationConfig
    use_patterns: bool
    use_contrastive: bool
    pattern_quality: float
    pattern_minimum: int
    pattern_clusters: int
    pattern_trajectories: int
    replay_patterns: int
    tau: float
    accumulate: bool
    momentum: float
    gradient_clip: float
    confident: float
    failure_quality: float
    quality_memory: float
    seed: int
    def __init__(self, *, dim: int, rank: int, heads: int, scaling: float) -> None: ...

_Outcomes: TypeAlias = tuple[
    npt.NDArray[np.uint32], npt.NDArray[np.bool_], npt.NDArray[np.float64], npt.NDArray[np.float64]
]

class LearningEngine:
    def __init__(self, source: TaskSource, config: EngineConfig, *, isa: str = "auto") -> None: ...
    def train(self, tasks: npt.NDArray[np.uint32], *, learning_rate: float, temperature: float) -> _Outcomes: ...
    def choose(self, task: int, *, temperature: float) -> tuple[int, float]:
        """Draws an answer to a task as train() does, and changes nothing.

        The draw depends on the seed, the epoch and the task's number alone. Returns the number of the chosen candidate
        and its probability. ValueError unless temperature > 0, IndexError for a task that is none.
        """
    def told(
        self, task: int, *, chosen: int, right: int, learning_rate: float, temperature: float
    ) -> tuple[int, bool, float, float]:
        """Learns from an answer to a task, whoever gave it: candidate `chosen`, while `right` is right.

        Returns (chosen, resolved, confidence, loss): the confidence is the probability of `chosen` at `temperature`,
        the loss 0 where nothing was learned. choose() and told() of its choice do what train() does with one task.
        Replays and patterns ask the tasks, not this call, for the right candidate. ValueError unless temperature > 0,
        IndexError for a task or candidate that is none; then nothing is learned.
        """
    def evaluate(self, tasks: npt.NDArray[np.uint32]) -> _Outcomes: ...
    def logits(self, tasks: npt.NDArray[np.uint32]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint32]]: ...
    def replay(self, n: int, *, learning_rate: float) -> float: ...
    def rehearse(self) -> int: ...
    def step_along_sum(self, *, length: float) -> None: ...
    def learn_patterns(self) -> None: ...
    def end_epoch(self) -> None: ...
    def consolidate(self) -> None: ...
    def adapt(self, queries: npt.NDArray[np.float32], types: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]: ...
    def crowding(
        self, solutions: npt.NDArray[np.float32], type: int, *, neighbours: int = 10
    ) -> npt.NDArray[np.float32]: ...
    def lora_matrices(self, adapter: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]: ...
    @property
    def heads(self) -> int: ...
    @property
    def scaling(self) -> float: ...
    @property
    def ewc_lambda(self) -> float: ...
    @property
    def ewc_penalty(self) -> float: ...
    @property
    def parameters(self) -> npt.NDArray[np.float32]: ...
    @property
    def fisher(self) -> npt.NDArray[np.float32]: ...
    @property
    def reference(self) -> npt.NDArray[np.float32]: ...
    @property
    def ewc_task_count(self) -> int: ...
    @property
    def pattern_count(self) -> int: ...
    @property
    def pattern_queries(self) -> npt.NDArray[np.float32]: ...
    @property
    def pattern_solutions(self) -> npt.NDArray[np.float32]: ...
    @property
    def pattern_qualities(self) -> npt.NDArray[np.float64]: ...
    @property
    def pattern_types(self) -> npt.NDArray[np.uint8]: ...
    @property
    def replay_beta(self) -> float: ...
    @property
    def trajectory_count(self) -> int: ...
    @property
    def trajectories(
        self,
    ) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.bool_], npt.NDArray[np.float64], npt.NDArray[np.float64]]: ...
    @property
    def memory_size(self) -> tuple[int, int]: ...
    @property
    def blocks(self) -> dict[int, npt.NDArray[np.float32]]: ...
    @property
    def episodes(self) -> dict[int, npt.NDArray[np.uint32]]: ...
    def state(self) -> dict[str, npt.NDArray[Any]]: ...
    def restore(self, state: dict[str, npt.NDArray[Any]]) -> None: ...

# register_measure

def measure_dot(isas: Sequence[str], *, n: int, repetitions: int, least_seconds: float) -> list[list[float]]: ...
def measure_cosine(
    isas: Sequence[str], *, rows: int, dim: int, repetitions: int, least_seconds: float
) -> list[list[float]]: ...
def measure_lora_step(
    isas: Sequence[str], *, dim: int, rank: int, candidates: int, repetitions: int, least_seconds: float
) -> list[list[float]]: ...
def measure_fisher_ema(isas: Sequence[str], *, n: int, repetitions: int, least_seconds: float) -> list[list[float]]: ...
def measure_kmeans(
    isas: Sequence[str],
    *,
    n: int,
    dim: int,
    n_clusters: int,
    max_iterations: int,
    repetitions: int,
    least_seconds: float,
) -> list[list[float]]: ...
