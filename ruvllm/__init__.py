"""RuvLLM: does a small model get better from use, and is that true?

Hands out the names of the C++ core, and what one needs for a workload or an encoder of one's own. Each is loaded at its
first use, so that `import ruvllm` and the commands start at once.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

from ruvllm.lazy import lazy_names
from ruvllm.version import __version__

if TYPE_CHECKING:
    from ruvllm._core import (
        BettingEvidence,
        ContrastiveMemory,
        Control,
        CorpusSource,
        ElasticWeightConsolidation,
        EngineConfig,
        FeedbackAdapter,
        LearnFrom,
        LearningEngine,
        MicroLoRA,
        MultiHeadLoRA,
        NgramEncoder,
        PatternBank,
        PrioritizedReplay,
        PublishedAdapter,
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
    from ruvllm.benchmark.sweeps.dispatch import run_plan
    from ruvllm.encoders import Encoder
    from ruvllm.evaluation.retrieval import crowding
    from ruvllm.files.objects import load, save
    from ruvllm.online import AdaptiveRanker
    from ruvllm.workloads import read_corpus, read_input

_MODULES = {
    "AdaptiveRanker": "ruvllm.online.ranker",
    "Encoder": "ruvllm.encoders",
    "crowding": "ruvllm.evaluation.retrieval",
    "load": "ruvllm.files.objects",
    "load_checkpoint": "ruvllm.benchmark.learner",
    "read_corpus": "ruvllm.workloads",
    "read_input": "ruvllm.workloads",
    "run_plan": "ruvllm.benchmark.sweeps.dispatch",
    "save": "ruvllm.files.objects",
}
"""Names that are not of the core."""

__all__ = [
    "AdaptiveRanker", "BettingEvidence", "ContrastiveMemory", "Control", "CorpusSource", "ElasticWeightConsolidation",
    "Encoder", "EngineConfig", "FeedbackAdapter", "LearnFrom", "LearningEngine", "MicroLoRA", "MultiHeadLoRA",
    "NgramEncoder", "PatternBank", "PrioritizedReplay", "PublishedAdapter", "Purpose", "RandomStream", "ReplayPolicy",
    "SimulatedWorld", "SumTree", "TaskSource", "VectorBank", "__version__", "active_isa", "available_isas",
    "build_info", "cosine", "cosine_similarity", "crowding", "dot", "info_nce", "load", "load_checkpoint",
    "read_corpus", "read_input", "run_plan", "save", "spherical_kmeans",
]  # fmt: skip

_get, __dir__ = lazy_names(__name__, {name: _MODULES.get(name, "ruvllm._core") for name in __all__})


def __getattr__(name: str) -> Any:
    if name in __all__:
        _load_core()  # first: its error says what to do
    return _get(name)


def _load_core() -> None:
    try:
        importlib.import_module("ruvllm._core")
    except ImportError as error:
        error.add_note(
            "The C++ extension ruvllm._core could not be loaded. Build it with `pip install .`; to work in the source "
            "folder, where Python finds the sources first, with `pip install -e . --no-build-isolation`."
        )
        raise


if importlib.util.find_spec("ruvllm._core") is None:
    _load_core()  # raises: better here than at the first use
