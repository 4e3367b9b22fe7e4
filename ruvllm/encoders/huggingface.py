"""Encoders of downloaded models: hidden states of a causal language model, and sentence embeddings."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ruvllm.encoders.foreign import ForeignError, foreign_code, one_line
from ruvllm.encoders.remembered import ModelFacts, facts_of, key_of_folder, remember
from ruvllm.encoders.titles import title_of_model

__all__ = ["SentenceEncoder", "TransformersEncoder"]

MAX_TOKENS = 512
"""Longer texts are cut."""
BATCH = 16
SENTENCE_BATCH = 32
PROBE = "def f():\n    return 1"
PACKAGES = ("torch", "transformers", "tokenizers", "sentence-transformers")
"""Other versions of these give other bits, or other vectors."""
UNSAID = ("_name_or_path", "transformers_version", "__version__")
"""Of a configuration, what decides no vector. The versions that do run are asked for."""


class _FolderEncoder(ABC):
    """An encoder of a model that is loaded when the first text is encoded, or at once if nothing is known of it."""

    extra: ClassVar[str]
    """Of this package's installation, which brings the model's packages."""
    packages: ClassVar[tuple[str, ...]]

    def __init__(self, model: str) -> None:
        """Raises ValueError if a package is missing, or if the model cannot be loaded."""
        self.name = f"{self.extra}:{model}"
        self._who = f"encoder {self.name!r}"
        self._source = model
        self._lock = threading.Lock()
        self._is_loaded = False
        readers = {"class": type(self).__name__, "tokens": MAX_TOKENS, "versions": _versions()}
        key = key_of_folder(model, readers)
        found = None if key is None else facts_of(key)
        if found is None:
            found = self._load()
            if key is not None and key == key_of_folder(model, readers):  # else somebody writes into the folder
                remember(key, found)
        self.digest, self.dim, self.parameters = found.digest, found.dim, found.parameters
        self._facts = found
        self.title = title_of_model(model)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Returns vectors (n, dim) float32. Raises ValueError if the model cannot be loaded, or is another one now."""
        with self._lock:
            if not self._is_loaded and self._load() != self._facts:
                raise ForeignError(f"{self._who}: its files changed after they were read")
            with foreign_code(self._who):
                return self._rows(texts)

    def _load(self) -> ModelFacts:
        with _loading(self._who, self.extra, *self.packages):
            found = self._loaded(self._source)
        self._is_loaded = True
        return found

    @abstractmethod
    def _loaded(self, model: str) -> ModelFacts:
        """Loads the model; raises whatever its packages raise."""

    @abstractmethod
    def _rows(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of texts by the loaded model, (n, its dimension)."""


class TransformersEncoder(_FolderEncoder):
    """`transformers:MODEL`: the mean of the last layer's hidden states over a text's tokens.

    MODEL is a folder as `save_pretrained` writes it, or a name that transformers knows. Any width will do. A text
    without tokens gives zeros.
    """

    extra = "transformers"
    packages = ("transformers", "torch")

    def _loaded(self, model: str) -> ModelFacts:
        import torch
        from transformers import AutoModel, AutoTokenizer

        self._torch: Any = torch
        self._tokenizer: Any = AutoTokenizer.from_pretrained(model)
        self._model: Any = AutoModel.from_pretrained(model, **{_dtype_option(): torch.float32}).eval()
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token or self._tokenizer.unk_token
        self._tokenizer.padding_side = "right"  # so that no token of a causal model sees the padding
        self._most_tokens = _most_tokens(self._tokenizer, self._model.config)
        self._width = int(self._model.config.hidden_size)
        settings = {
            "mean of tokens": self._most_tokens,
            "config": _plain(self._model.config.to_dict()),
            "tokenizer": _tokenizer_settings(self._tokenizer),
        }
        digest = _weights_digest(self._model.state_dict(), settings)
        return ModelFacts(digest, self._width, _n_parameters(self._model))

    def _rows(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.zeros((len(texts), self._width), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # texts of one length need little padding
        with self._torch.inference_mode():
            for begin in range(0, len(order), BATCH):
                some = order[begin : begin + BATCH]
                rows[some] = self._means([_whole(texts[i]) for i in some])
        return rows

    def _means(self, texts: list[str]) -> NDArray[np.float32]:
        tokens = self._tokenizer(
            texts, return_tensors="pt", padding=True, truncation=True, max_length=self._most_tokens
        )
        mask = tokens["attention_mask"]
        if mask.shape[1] == 0:
            return np.zeros((len(texts), self._width), dtype=np.float32)
        states = self._model(input_ids=tokens["input_ids"], attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).to(states.dtype)
        means = (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
        found: NDArray[np.float32] = means.to(self._torch.float32).numpy()
        return found


class SentenceEncoder(_FolderEncoder):
    """`sentence-transformers:MODEL`: what the library's `encode` gives. MODEL is a folder, or a name that it knows."""

    extra = "sentence-transformers"
    packages = ("sentence-transformers", "torch", "transformers")

    def _loaded(self, model: str) -> ModelFacts:
        from sentence_transformers import SentenceTransformer

        self._model: Any = SentenceTransformer(model, device="cpu")
        width = int(self._rows([PROBE]).shape[1])
        digest = _weights_digest(self._model.state_dict(), _sentence_settings(self._model))
        return ModelFacts(digest, width, _n_parameters(self._model))

    def _rows(self, texts: Sequence[str]) -> NDArray[np.float32]:
        prepared = [_whole(text) for text in texts]
        rows = self._model.encode(prepared, batch_size=SENTENCE_BATCH, convert_to_numpy=True, show_progress_bar=False)
        return np.array(rows, dtype=np.float32, order="C")


def _whole(text: str) -> str:
    """Returns the text without lone surrogates, which tokenizers refuse."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _n_parameters(model: Any) -> int:
    return int(sum(p.numel() for p in model.parameters()))


def _dtype_option() -> str:
    """What from_pretrained() calls the dtype: version 5 of transformers renamed it."""
    return "torch_dtype" if metadata.version("transformers").startswith("4.") else "dtype"


def _most_tokens(tokenizer: Any, config: Any) -> int:
    """Returns how many tokens of a text are read: no more than the model has places for."""
    places = (getattr(config, "max_position_embeddings", None), getattr(tokenizer, "model_max_length", None))
    return min([MAX_TOKENS, *(n for n in places if isinstance(n, int) and n > 0)])


@contextlib.contextmanager
def _loading(who: str, extra: str, *packages: str) -> Iterator[None]:
    """Turns whatever goes wrong while a model is loaded into a ValueError of one line."""
    with foreign_code(who):
        try:
            yield
        except ForeignError:
            raise
        except ImportError as error:
            missing = error.name if error.name in packages or error.name == extra.replace("-", "_") else None
            if missing is None:
                raise ForeignError(f"{who} cannot be loaded: {one_line(error)}") from error
            raise ForeignError(f"{who} needs the package {missing}: pip install 'ruvllm[{extra}]'") from error
        except Exception as error:  # a folder without a model, a broken file, no network: many types of many packages
            raise ForeignError(f"{who} cannot be loaded: {one_line(error)}") from error


def _sentence_settings(model: Any) -> dict[str, object]:
    """Returns all that decides the vectors of a sentence-transformers model, beside its weights."""
    modules = {}
    for name, module in model.named_modules():
        found: dict[str, object] = {"class": type(module).__name__, "text": module.extra_repr()}
        for key in ("config_keys", "model_args", "do_lower_case", "max_seq_length", "similarity_fn_name"):
            found[key] = getattr(module, key, None)
        config: Any = getattr(module, "config", None)
        if hasattr(config, "to_dict"):
            found["config"] = _plain(config.to_dict())
        if hasattr(module, "get_config_dict"):
            found["settings"] = module.get_config_dict()
        tokenizer = getattr(module, "tokenizer", None)
        if hasattr(tokenizer, "get_vocab"):
            found["tokenizer"] = _tokenizer_settings(tokenizer)
        modules[name] = found
    keys = ("prompts", "default_prompt_name", "truncate_dim", "max_seq_length")
    return {"modules": modules, **{key: getattr(model, key, None) for key in keys}}


def _tokenizer_settings(tokenizer: Any) -> dict[str, object]:
    """Returns all that decides the tokens of a text."""
    fast = getattr(tokenizer, "backend_tokenizer", None)
    steps = {} if fast is None else json.loads(fast.to_str())
    for name in ("truncation", "padding"):  # of the last call
        steps.pop(name, None)
    keys = ("model_max_length", "padding_side", "truncation_side", "special_tokens_map", "do_lower_case")
    return {
        "class": type(tokenizer).__name__,
        "steps": steps,
        "vocabulary": sorted(tokenizer.get_vocab().items()),
        **{key: getattr(tokenizer, key, None) for key in keys},
    }


def _plain(config: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in config.items() if key not in UNSAID}


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def _weights_digest(weights: Mapping[str, Any], settings: Mapping[str, object]) -> str:
    """Returns the SHA-256 (hex) of all weights by name, of whatever else decides a vector, and of what computes it."""
    import torch

    text = json.dumps({**settings, "versions": _versions()}, sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode("ascii"))
    for name, tensor in sorted(weights.items()):
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        plain = values.flatten().view(torch.uint8 if values.numel() else values.dtype)
        digest.update(plain.numpy().tobytes())
    return digest.hexdigest()
