"""Which encoder a name stands for, and which model profiles fit it."""

from __future__ import annotations

from collections.abc import Sequence

from ruvllm.encoders.base import Encoder
from ruvllm.encoders.models import MODELS, ModelProfile

__all__ = ["UnknownEncoderError", "make_encoder", "models_for"]

FORMS = "hash, sentence-transformers:MODEL, transformers:MODEL or python:MODULE.FUNCTION"


class UnknownEncoderError(ValueError):
    """A name that is no encoder's."""


def make_encoder(name: str) -> Encoder:
    """The encoder of a user's that `name` stands for, its vectors cached on disk where its content has a digest.

    Raises UnknownEncoderError, and ValueError (one line) where a package is missing or the model cannot be loaded.
    """
    kind, _, what = name.partition(":")
    if not what:
        raise UnknownEncoderError(f"must be {FORMS}, not {name!r}")
    from ruvllm.encoders.cache import cached

    if kind == "transformers":
        from ruvllm.encoders.huggingface import TransformersEncoder

        return cached(TransformersEncoder(what))
    if kind == "sentence-transformers":
        from ruvllm.encoders.huggingface import SentenceEncoder

        return cached(SentenceEncoder(what))
    if kind == "python":
        from ruvllm.encoders.function import FunctionEncoder

        return cached(FunctionEncoder(what))
    raise UnknownEncoderError(f"must be {FORMS}, not {name!r}")


def models_for(encoder: Encoder, named: Sequence[ModelProfile] | None) -> tuple[ModelProfile, ...]:
    """The named profiles, whose embedding dimension must be the encoder's; without one, a profile of the encoder's own.

    Raises ValueError for a dimension that is not the encoder's.
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


def _profile_of(encoder: Encoder) -> ModelProfile:
    """What is known of a model that is none of ours: its width and, of some, its size."""
    name = encoder.name.partition(":")[2].rstrip("/").rpartition("/")[2] or encoder.name
    parameters = getattr(encoder, "parameters", 0)
    return ModelProfile(name, encoder.dim, round(parameters / 1e9, 3))
