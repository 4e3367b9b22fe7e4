"""Hidden states of a causal language model as vectors, and what encoders of downloaded models have in common."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["TransformersEncoder", "loading", "weights_digest", "whole"]

MAX_TOKENS = 512
"""Longer texts are cut."""
BATCH = 16


class TransformersEncoder:
    """`transformers:MODEL`: the mean of the last layer's hidden states over a text's tokens.

    MODEL is a folder as `save_pretrained` writes it, or a name that transformers knows. Any width will do.
    """

    def __init__(self, model: str) -> None:
        """Raises ValueError where transformers or torch is missing, or the model cannot be loaded."""
        with loading(f"transformers:{model}", "transformers", "torch"):
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
        self.parameters = int(sum(p.numel() for p in self._model.parameters()))
        vocabulary = sorted(self._tokenizer.get_vocab().items())
        self.digest = weights_digest(self._model.state_dict(), f"mean of {MAX_TOKENS} tokens; {vocabulary}")
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, dim) float32; a text without tokens gives zeros."""
        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # texts of one length need little padding
        with self._lock, self._torch.inference_mode():
            for begin in range(0, len(order), BATCH):
                some = order[begin : begin + BATCH]
                rows[some] = self._means([whole(texts[i]) for i in some])
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


def whole(text: str) -> str:
    """Without lone surrogates, which tokenizers refuse."""
    return text.encode("utf-8", "replace").decode("utf-8")


@contextlib.contextmanager
def loading(encoder: str, extra: str, *packages: str) -> Iterator[None]:
    """Turns what goes wrong while a model is loaded into one line."""
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


def weights_digest(weights: dict[str, Any], rest: str) -> str:
    """SHA-256 (hex) over all weights by name, and over whatever else decides a vector."""
    digest = hashlib.sha256(rest.encode("utf-8", "surrogatepass"))
    for name, tensor in sorted(weights.items()):
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        digest.update(values.flatten().view(_bytes_of(values)).numpy().tobytes())
    return digest.hexdigest()


def _bytes_of(tensor: Any) -> Any:
    import torch

    return torch.uint8 if tensor.numel() else tensor.dtype
