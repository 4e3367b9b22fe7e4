"""RuvLLM: does a small model get better from use, and is that true?

The names of the C++ core are loaded at their first use, so that `import ruvllm` and the commands start at once.
"""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ruvllm.version import __version__

if TYPE_CHECKING:
    from ruvllm._core import (
        ContrastiveMemory,
        Control,
        CorpusSource,
        ElasticWeightConsolidation,
        EngineConfig,
        LearnFrom,
        LearningEngine,
        MicroLoRA,
        MultiHeadLoRA,
        NgramEncoder,
        PatternBank,
        PrioritizedReplay,
        Purpose,
        RandomStream,
        ReplayPolicy,
        SimulatedWorld,
        SumTree,
        TaskSource,
        VectorBank,
        active_isa,
        available_isas,
        build_info,
        cosine,
        cosine_similarity,
        dot,
        info_nce,
        spherical_kmeans,
    )
    from ruvllm.benchmark.learner import load_checkpoint

__all__ = [
    "ContrastiveMemory",
    "Control",
    "CorpusSource",
    "ElasticWeightConsolidation",
    "EngineConfig",
    "LearnFrom",
    "LearningEngine",
    "MicroLoRA",
    "MultiHeadLoRA",
    "NgramEncoder",
    "PatternBank",
    "PrioritizedReplay",
    "Purpose",
    "RandomStream",
    "ReplayPolicy",
    "SimulatedWorld",
    "SumTree",
    "TaskSource",
    "VectorBank",
    "__version__",
    "active_isa",
    "available_isas",
    "build_info",
    "cosine",
    "cosine_similarity",
    "dot",
    "info_nce",
    "load_checkpoint",
    "spherical_kmeans",
]

_ELSEWHERE = {"load_checkpoint": "ruvllm.benchmark.learner"}

_NOT_BUILT = (
    "The C++ extension ruvllm._core could not be loaded. Build it with `pip install .`; to work in the source folder, "
    "where Python finds the sources first, with `pip install -e . --no-build-isolation`."
)


def _load_core() -> ModuleType:
    try:
        return importlib.import_module("ruvllm._core")
    except ImportError as error:
        error.add_note(_NOT_BUILT)
        raise


def __getattr__(name: str) -> Any:  # PEP 562
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    core = _load_core()
    module = importlib.import_module(_ELSEWHERE[name]) if name in _ELSEWHERE else core
    value = globals()[name] = getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if importlib.util.find_spec("ruvllm._core") is None:
    _load_core()  # raises: better here than at the first use
