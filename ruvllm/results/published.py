"""The published figures that this project reproduces: of each model as fractions, and of each instruction set.

"Self-Improvement Over Training", "Final Results" and "Vector Ops/Second". Results are shown beside them, and
scripts/calibrate.py fits two columns; nothing else reads them.
"""

from __future__ import annotations

from msgspec import Struct

from ruvllm.results.experiment_records import Speed

__all__ = ["PUBLISHED", "PUBLISHED_SPEED", "PublishedFigures"]


class PublishedFigures(Struct, frozen=True):
    v1_initial: float
    v1_final: float
    v2_final: float
    v3_final: float
    v3_confidence: float


PUBLISHED = {
    "Qwen2.5-Coder-1.5B": PublishedFigures(0.182, 0.264, 0.74, 1.0, 0.67),
    "DeepSeek-Coder-1.3B": PublishedFigures(0.158, 0.226, 0.66, 1.0, 0.65),
    "StarCoder2-3B": PublishedFigures(0.246, 0.338, 1.0, 1.0, 0.82),
    "Phi-3-mini-4k": PublishedFigures(0.284, 0.391, 1.0, 1.0, 0.90),
    "Qwen2.5-Coder-7B": PublishedFigures(0.352, 0.486, 1.0, 1.0, 0.95),
    "CodeLlama-7B": PublishedFigures(0.338, 0.452, 1.0, 1.0, 0.95),
}
PUBLISHED_SPEED = {
    "plain loop": Speed(28e6, 1.0),
    "sse4.1": Speed(82e6, 2.9),
    "avx2": Speed(145e6, 5.2),
    "neon": Speed(98e6, 3.5),
}
"""Dot products per second and speed-ups under our names. Number of elements and machine are not published."""
