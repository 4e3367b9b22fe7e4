"""Sentence embeddings as vectors."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ruvllm.encoders.huggingface import loading, weights_digest, whole

__all__ = ["SentenceEncoder"]

BATCH = 32


class SentenceEncoder:
    """`sentence-transformers:MODEL`: what the library's `encode` gives. MODEL is a folder, or a name that it knows."""

    def __init__(self, model: str) -> None:
        """Raises ValueError where the package is missing, or the model cannot be loaded."""
        with loading(f"sentence-transformers:{model}", "sentence-transformers", "torch", "transformers"):
            from sentence_transformers import SentenceTransformer

            self._model: Any = SentenceTransformer(model, device="cpu")
        self.name = f"sentence-transformers:{model}"
        self._lock = threading.Lock()
        self.dim = int(self._encode(["def f():\n    return 1"]).shape[1])
        self.parameters = int(sum(p.numel() for p in self._model.parameters()))
        vocabulary = sorted(self._model.tokenizer.get_vocab().items())
        self.digest = weights_digest(self._model.state_dict(), f"{self._model}; {vocabulary}")

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, dim) float32."""
        return self._encode([whole(text) for text in texts])

    def _encode(self, texts: list[str]) -> NDArray[np.float32]:
        with self._lock:
            rows = self._model.encode(texts, batch_size=BATCH, convert_to_numpy=True, show_progress_bar=False)
        return np.ascontiguousarray(rows, dtype=np.float32)
