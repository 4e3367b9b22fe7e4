"""What the tests of encoders share: tiny models of other packages, and whether those packages are there."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

WIDTH = 24


def missing(*packages: str) -> str | None:
    """What to say where an optional package is not installed."""
    found = [name for name in packages if importlib.util.find_spec(name) is None]
    if not found:
        return None
    return f"{', '.join(found)} not installed: pip install '.[transformers,sentence-transformers]'"


def save_tiny_model(shape: str, folder: Path) -> Path:
    """A causal model of few weights with a tokenizer of few words."""
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    some = ["[UNK]", "[PAD]", "def", "f", "g", "a", "b", "x", "return", "(", ")", ":", "+", "1"]
    words = {word: i for i, word in enumerate(some)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation()])
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]"
    ).save_pretrained(folder)
    sizes: dict[str, Any] = {
        "vocab_size": len(words), "hidden_size": WIDTH, "intermediate_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64, "pad_token_id": 1,
        "bos_token_id": 0, "eos_token_id": 0,
    }  # fmt: skip
    transformers.set_seed(7)
    config = getattr(transformers, f"{shape}Config")(**sizes)
    getattr(transformers, f"{shape}Model")(config).save_pretrained(folder)
    return folder
