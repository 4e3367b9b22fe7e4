"""Stub of the C++ extension: sections in the order of bindings/module.cpp.

Arrays must have exactly the type written here and be C-contiguous: nothing is converted, so that an in-place function
never changes a hidden copy. Another type or layout raises TypeError, a wrong shape ValueError.
`isa` is "auto", "scalar", "sse4.1", "avx2", "avx512" or "neon"; the result is the same bits for each.
"""

from typing import ClassVar, Never, TypeAlias

import numpy as np
import numpy.typing as npt

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

# register_json

def number_to_string(x: float) -> str: ...
def format_float32(array: npt.NDArray[np.float32]) -> str: ...
def format_float64(array: npt.NDArray[np.float64]) -> str: ...
def scan_json(data: bytes, *, max_depth: int, max_nodes: int) -> tuple[int, int]: ...

# register_kernels

def dot(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32], *, isa: str = "auto") -> float: ...
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

def exp(x: float) -> float: ...
def log(x: float) -> float: ...

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
    isa: str = "auto",
) -> npt.NDArray[np.int32]: ...
def hardest(
    queries: npt.NDArray[np.float32],
    solutions: npt.NDArray[np.float32],
    pool: npt.NDArray[np.int32],
    *,
    isa: str = "auto",
) -> npt.NDArray[np.int32]: ...

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
    ) -> None: ...

# register_engine

class LearnFrom(_Enum):
    SUCCESSES: ClassVar[LearnFrom]
    SUCCESSES_AND_CONFIDENT_FAILURES: ClassVar[LearnFrom]
    EVERYTHING: ClassVar[LearnFrom]
    __members__: ClassVar[dict[str, LearnFrom]]

class ReplayPolicy(_Enum):
    UNIFORM: ClassVar[ReplayPolicy]
    BEST_QUALITY: ClassVar[ReplayPolicy]
    PRIORITIZED: ClassVar[ReplayPolicy]
    __members__: ClassVar[dict[str, ReplayPolicy]]

class Control(_Enum):
    NONE: ClassVar[Control]
    FROZEN: ClassVar[Control]
    RANDOM_GRADIENT: ClassVar[Control]
    SHUFFLED: ClassVar[Control]
    __members__: ClassVar[dict[str, Control]]

class EngineConfig:
    learn_from: LearnFrom
    replay_policy: ReplayPolicy
    control: Control
    use_patterns: bool
    use_contrastive: bool
    pattern_quality: float
    pattern_minimum: int
    pattern_clusters: int
    pattern_trajectories: int
    tau: float
    momentum: float
    gradient_clip: float
    failure_quality: float
    seed: int
    ewc_lambda: float
    fisher_decay: float
    head_weight: float
    def __init__(self, *, dim: int, rank: int, heads: int, scaling: float) -> None: ...

_Outcomes: TypeAlias = tuple[
    npt.NDArray[np.uint32], npt.NDArray[np.bool_], npt.NDArray[np.float64], npt.NDArray[np.float64]
]

class LearningEngine:
    def __init__(self, source: TaskSource, config: EngineConfig, *, isa: str = "auto") -> None: ...
    def train(self, tasks: npt.NDArray[np.uint32], *, learning_rate: float, temperature: float) -> _Outcomes: ...
    def evaluate(self, tasks: npt.NDArray[np.uint32]) -> _Outcomes: ...
    def replay(self, n: int, *, learning_rate: float) -> float: ...
    def learn_patterns(self) -> None: ...
    def end_epoch(self) -> None: ...
    def consolidate(self) -> None: ...
    def adapt(self, queries: npt.NDArray[np.float32], types: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]: ...
    def lora_matrices(self, adapter: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]: ...
    @property
    def heads(self) -> int: ...
    @property
    def scaling(self) -> float: ...
    @property
    def ewc_lambda(self) -> float: ...
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
