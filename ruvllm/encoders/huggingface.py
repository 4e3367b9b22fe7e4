"""Encoders of downloaded models: hidden states of a causal language model, and sentence embeddings."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SentenceEncoder", "TransformersEncoder"]

MAX_TOKENS = 512
"""Longer texts are cut."""
BATCH = 16
SENTENCE_BATCH = 32


class TransformersEncoder:
    """`transformers:MODEL`: the mean of the last layer's hidden states over a text's tokens.

    MODEL is a folder as `save_pretrained` writes it, or a name that transformers knows. Any width will do.
    """

    def __init__(self, model: str) -> None:
        """Raises ValueError if transformers or torch is missing, or if the model cannot be loaded."""
        with _loading(f"transformers:{model}", "transformers", "torch"):
            import torch
            from transformers import AutoModel, AutoTokenizer

            self._torch: Any = torch
            self._tokenizer: Any = AutoTokenizer.from_pretrained(model)
            self._model: Any = AutoModel.from_pretrained(model, torch_dtype=torch.float32).eval()
            if self._tokenizer.pad_token is None:
                self._tokenizer.pad_token = self._tokenizer.eos_token or self._tokenizer.unk_token
            self._tokenizer.padding_side = "right"  # so that no token of a causal model sees the padding
        self.name = f"transformers:{model}"
        self.dim = int(self._model.config.hidden_size)
        self.parameters = _n_parameters(self._model)
        vocabulary = sorted(self._tokenizer.get_vocab().items())
        self.digest = _weights_digest(self._model.state_dict(), f"mean of {MAX_TOKENS} tokens; {vocabulary}")
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Returns vectors (n, dim) float32. A text without tokens gives zeros."""
        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # texts of one length need little padding
        with self._lock, self._torch.inference_mode():
            for begin in range(0, len(order), BATCH):
                some = order[begin : begin + BATCH]
                rows[some] = self._means([_whole(texts[i]) for i in some])
        return rows

    def _means(self, texts: list[str]) -> NDArray[np.float32]:
        tokens = self._tokenizer(texts, return_tensors="pt", padding=True, truncation=True, max_length=MAX_TOKENS)
        mask = tokens["attention_mask"]
        if mask.shape[1] == 0:
            return np.zeros((len(texts), self.dim), dtype=np.float32)
        states = self._model(input_ids=tokens["input_ids"], attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).to(states.dtype)
        means = (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
        found: NDArray[np.float32] = means.to(self._torch.float32).numpy()
        return found


class SentenceEncoder:
    """`sentence-transformers:MODEL`: what the library's `encode` gives. MODEL is a folder, or a name that it knows."""

    def __init__(self, model: str) -> None:
        """Raises ValueError if the package is missing, or if the model cannot be loaded."""
        with _loading(f"sentence-transformers:{model}", "sentence-transformers", "torch", "transformers"):
            from sentence_transformers import SentenceTransformer

            self._model: Any = SentenceTransformer(model, device="cpu")
        self.name = f"sentence-transformers:{model}"
        self._lock = threading.Lock()
        self.dim = int(self.encode(["def f():\n    return 1"]).shape[1])
        self.parameters = _n_parameters(self._model)
        vocabulary = sorted(self._model.tokenizer.get_vocab().items())
        self.digest = _weights_digest(self._model.state_dict(), f"{self._model}; {vocabulary}")

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Returns vectors (n, dim) float32."""
        prepared = [_whole(text) for text in texts]
        with self._lock:
            rows = self._model.encode(
                prepared, batch_size=SENTENCE_BATCH, convert_to_numpy=True, show_progress_bar=False
            )
        return np.ascontiguousarray(rows, dtype=np.float32)


def _whole(text: str) -> str:
    """Returns the text without lone surrogates, which tokenizers refuse."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _n_parameters(model: Any) -> int:
    return int(sum(p.numel() for p in model.parameters()))


@contextlib.contextmanager
def _loading(encoder: str, extra: str, *packages: str) -> Iterator[None]:
    """Turns whatever goes wrong while a model is loaded into a ValueError of one line."""
    try:
        yield
    except ImportError as error:
        missing = error.name if error.name in packages or error.name == extra.replace("-", "_") else None
        if missing is None:
            raise ValueError(f"encoder {encoder!r} cannot be loaded: {error}") from error
        raise ValueError(
            f"encoder {encoder!r} needs the package {missing}: pip install 'ruvllm[{extra}]'"
        ) from error
    except Exception as error:  # a folder without a model, a broken file, no network: many types, from several packages
        reason = " ".join(str(error).split())[:300]
        raise ValueError(f"encoder {encoder!r} cannot be loaded: {reason}") from error


def _weights_digest(weights: Mapping[str, Any], rest: str) -> str:
    """Returns the SHA-256 (hex) of all weights by name, and of whatever else decides a vector."""
    import torch

    digest = hashlib.sha256(rest.encode("utf-8", "surrogatepass"))
    for name, tensor in sorted(weights.items()):
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        plain = values.flatten().view(torch.uint8 if values.numel() else values.dtype)
        digest.update(plain.numpy().tobytes())
    return digest.hexdigest()
