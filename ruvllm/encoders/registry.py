"""The encoders by name, and which model profiles fit an encoder.

Imports nothing heavy, so that the help of a command can read it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from msgspec import Struct

from ruvllm.encoders.models import DEFAULT_ENCODER, MODELS, ModelProfile, profile_of_width, short_name
from ruvllm.files.ignoring import ignore
from ruvllm.files.near_names import did_you_mean

if TYPE_CHECKING:
    from ruvllm.encoders.base import Encoder

__all__ = [
    "DEFAULT_ENCODER", "ENCODERS", "EncoderEntry", "UnknownEncoderError", "make_encoder", "models_for", "named_encoder",
    "title_of",
]  # fmt: skip


class UnknownEncoderError(ValueError):
    """A name that no encoder has."""


class EncoderEntry(Struct, frozen=True):
    """One encoder."""

    form: str
    """How to write it."""
    maker: str = ""
    """`module:class`, called with what follows the colon. Empty: the default one, fitted on each run's train part."""


ENCODERS: dict[str, EncoderEntry] = {
    DEFAULT_ENCODER: EncoderEntry(DEFAULT_ENCODER),
    "sentence-transformers": EncoderEntry(
        "sentence-transformers:MODEL", "ruvllm.encoders.huggingface:SentenceEncoder"
    ),
    "transformers": EncoderEntry("transformers:MODEL", "ruvllm.encoders.huggingface:TransformersEncoder"),
    "python": EncoderEntry("python:MODULE.FUNCTION", "ruvllm.encoders.function:FunctionEncoder"),
}


def make_encoder(name: str, note: Callable[[str], None] = ignore) -> Encoder:
    """Makes the encoder that `name` stands for, other than the default one.

    Its vectors are cached on disk if it has a digest of its content; `note` hears if that cannot be. Raises
    UnknownEncoderError, and ValueError (one line) if a package is missing or the model cannot be loaded.
    """
    kind, _, what = name.partition(":")
    entry = ENCODERS.get(kind)
    if entry is None or not entry.maker or not what:
        forms = [each.form for each in ENCODERS.values()]
        raise UnknownEncoderError(f"must be {', '.join(forms[:-1])} or {forms[-1]}, not {name!r}{_meant(name)}")
    from ruvllm.encoders.cache import cached

    return cached(resolve_name(entry.maker)(os.path.expanduser(what)), note)


def _meant(name: str) -> str:
    """Returns what the user may have meant: a folder or function without its kind, or a kind that is mistyped."""
    kind, colon, what = name.partition(":")
    if kind in ENCODERS:
        return ""
    if os.path.isdir(os.path.expanduser(name)):
        return f" (did you mean sentence-transformers:{name}?)"
    if not colon and re.fullmatch(r"\w+(\.\w+)+", name):
        return f" (did you mean python:{name}?)"
    return did_you_mean(kind, ENCODERS, colon + what)


def named_encoder(name: str, note: Callable[[str], None] = ignore) -> Encoder | None:
    """Returns None for the default encoder, which each run fits for itself, else what make_encoder() does."""
    return None if name == DEFAULT_ENCODER else make_encoder(name, note)


def models_for(encoder: Encoder, named: Sequence[ModelProfile] | None) -> tuple[ModelProfile, ...]:
    """Returns the named profiles, whose embedding dimension must be the encoder's, or a profile of the encoder's own.

    Raises ValueError for another dimension.
    """
    if named is None:
        return (_profile_of(encoder),)
    for model in named:
        if model.embedding_dim != encoder.dim:
            fitting = [m.name for m in MODELS if m.embedding_dim == encoder.dim]
            raise ValueError(
                f"{model.name} has embeddings of {model.embedding_dim}, encoder {encoder.name!r} of {encoder.dim}"
                + (f"; {', '.join(fitting)} would fit" if fitting else "; without --models any width does")
            )
    return tuple(named)


def title_of(encoder: Encoder) -> str:
    """What reports call an encoder: its own title, or the end of its name."""
    return getattr(encoder, "title", "") or short_name(encoder.name)


def _profile_of(encoder: Encoder) -> ModelProfile:
    """Returns what is known of a model that is not in MODELS: name, width and perhaps size."""
    name, parameters = title_of(encoder), getattr(encoder, "parameters", 0)
    if name.lower() in {model.name.lower() for model in MODELS} or profile_of_width(name):  # this is another one
        name = f"{name} ({encoder.name.partition(':')[0]})"
    return ModelProfile(name, encoder.dim, round(parameters / 1e9, 3))
