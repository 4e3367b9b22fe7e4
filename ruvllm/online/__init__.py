"""A ranking that gets better from use on top of a frozen encoder, with proof: AdaptiveRanker and what belongs to it.

Imports `evaluation.statistics`, `encoders.base` and `files`, never the benchmark. Names are loaded at their first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ruvllm.lazy import lazy_names

if TYPE_CHECKING:
    from ruvllm.online.adapter import QueryAdapter
    from ruvllm.online.ranker import AdaptiveRanker
    from ruvllm.online.records import (
        Decision,
        EncoderMismatchError,
        FeedbackResult,
        Gain,
        Guard,
        History,
        Learning,
        Ranking,
        StoreError,
    )
    from ruvllm.online.state import State
    from ruvllm.online.verifying import verify
    from ruvllm.online.wrappers.search_index import SearchIndex

_MODULES = {
    "AdaptiveRanker": "ruvllm.online.ranker",
    "QueryAdapter": "ruvllm.online.adapter",
    "SearchIndex": "ruvllm.online.wrappers.search_index",
    "State": "ruvllm.online.state",
    "verify": "ruvllm.online.verifying",
}
"""Names that are not of `records`."""

__all__ = [
    "AdaptiveRanker", "Decision", "EncoderMismatchError", "FeedbackResult", "Gain", "Guard", "History",
    "Learning", "QueryAdapter", "Ranking", "SearchIndex", "State", "StoreError", "verify",
]  # fmt: skip

__getattr__, __dir__ = lazy_names(__name__, {name: _MODULES.get(name, "ruvllm.online.records") for name in __all__})
