"""Figures of the report that this project implements: what it says of each model, as fractions.

"Self-Improvement Over Training" and "Final Results". Results are shown beside them, and scripts/calibrate.py fits two
columns; nothing else reads them.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["REPORT", "ReportFigures"]


@dataclass(frozen=True, slots=True)
class ReportFigures:
    v1_initial: float
    v1_final: float
    v2_final: float
    v3_final: float
    v3_confidence: float


REPORT = {
    "Qwen2.5-Coder-1.5B": ReportFigures(0.182, 0.264, 0.74, 1.0, 0.67),
    "DeepSeek-Coder-1.3B": ReportFigures(0.158, 0.226, 0.66, 1.0, 0.65),
    "StarCoder2-3B": ReportFigures(0.246, 0.338, 1.0, 1.0, 0.82),
    "Phi-3-mini-4k": ReportFigures(0.284, 0.391, 1.0, 1.0, 0.90),
    "Qwen2.5-Coder-7B": ReportFigures(0.352, 0.486, 1.0, 1.0, 0.95),
    "CodeLlama-7B": ReportFigures(0.338, 0.452, 1.0, 1.0, 0.95),
}
