"""Frozen encoders, which turn texts into vectors, and the profiles of the models that are compared.

Imports `files`. A new encoder is one file here and one line in `registry`; `check_encoder` says whether it keeps the
contract.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ruvllm.lazy import lazy_names

if TYPE_CHECKING:
    from ruvllm.encoders.base import Encoder
    from ruvllm.encoders.checks import check_encoder

__all__ = ["Encoder", "check_encoder"]

__getattr__, __dir__ = lazy_names(
    __name__, {"Encoder": "ruvllm.encoders.base", "check_encoder": "ruvllm.encoders.checks"}
)
