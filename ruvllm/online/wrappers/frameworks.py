"""Embeddings of LangChain, LlamaIndex and mteb whose queries are adapted. Documents are embedded as before.

Classes are made when they are asked for, from the library's own base class, so that nothing is loaded without need.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ruvllm.online.encoding import matrix_of

__all__ = ["langchain_embeddings", "llama_index_embedding", "mteb_encoder"]



def _adapted(adapter: Any, vectors: Any) -> list[list[float]]:
    """`adapter` is an AdaptiveRanker, whose served state is used, or has transform()."""
    rows = matrix_of(vectors, "the query's vectors", None)
    if hasattr(adapter, "transform"):
        return [[float(x) for x in row] for row in adapter.transform(rows)]
    state = adapter.state
    return [[float(x) for x in state.adapt(row)] for row in rows]


def langchain_embeddings(embeddings: Any, adapter: Any) -> Any:
    """Returns LangChain Embeddings: `embed_query` adapted, `embed_documents` as `embeddings` do it.

    `adapter` is an AdaptiveRanker or a QueryAdapter. Raises ImportError without langchain-core.
    """
    try:
        from langchain_core.embeddings import Embeddings
    except ImportError as error:
        error.add_note("LangChain's wrapper needs the extra: pip install 'ruvllm[langchain]'")
        raise

    class AdaptedEmbeddings(Embeddings):  # type: ignore[misc, unused-ignore]
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            documents: list[list[float]] = embeddings.embed_documents(texts)
            return documents

        def embed_query(self, text: str) -> list[float]:
            return _adapted(adapter, [embeddings.embed_query(text)])[0]

    return AdaptedEmbeddings()


def llama_index_embedding(embed_model: Any, adapter: Any) -> Any:
    """Returns a LlamaIndex embedding: queries adapted, texts as `embed_model` embeds them.

    `adapter` is an AdaptiveRanker or a QueryAdapter. Raises ImportError without llama-index-core.
    """
    try:
        from llama_index.core.base.embeddings.base import BaseEmbedding
    except ImportError as error:
        error.add_note("LlamaIndex's wrapper needs the extra: pip install 'ruvllm[llama-index]'")
        raise

    class AdaptedEmbedding(BaseEmbedding):  # type: ignore[misc, unused-ignore]
        def _get_query_embedding(self, query: str) -> list[float]:
            return _adapted(adapter, [embed_model.get_query_embedding(query)])[0]

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return _adapted(adapter, [await embed_model.aget_query_embedding(query)])[0]

        def _get_text_embedding(self, text: str) -> list[float]:
            vector: list[float] = embed_model.get_text_embedding(text)
            return vector

    return AdaptedEmbedding(model_name=f"adapted {getattr(embed_model, 'model_name', 'model')}")


def mteb_encoder(encoder: Any, adapter: Any) -> Any:
    """Returns an encoder for mteb: what it encodes as queries (`prompt_type`) is adapted, everything else is not.

    It needs no import of mteb: all other attributes are the encoder's.
    """

    class AdaptedEncoder:
        def encode(self, inputs: Any, *arguments: Any, prompt_type: Any = None, **options: Any) -> Any:
            rows = encoder.encode(inputs, *arguments, prompt_type=prompt_type, **options)
            kind = getattr(prompt_type, "value", prompt_type)
            return np.asarray(_adapted(adapter, rows), dtype=np.float32) if kind == "query" else rows

        def __getattr__(self, name: str) -> Any:
            return getattr(encoder, name)

    return AdaptedEncoder()
