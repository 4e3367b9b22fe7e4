"""The six model profiles against the table of the design, and finding them by name."""

import re

import pytest

from ruvllm.encoders.models import MODELS, find_models

# name, parameters in billions, context, embedding, hidden, layers, heads, vocabulary, quantization, provider
PUBLIC_FACTS = """
    Qwen2.5-Coder-1.5B  1.5  32768  1536  8960  28  12  151936  int4  alibaba
    DeepSeek-Coder-1.3B 1.3  16384  2048  5504  24  16   32256  int4  deepseek
    StarCoder2-3B       3.0  16384  2560 10240  30  20   49152  int8  bigcode
    Phi-3-mini-4k       3.8   4096  3072  8192  32  32   32064  int4  microsoft
    Qwen2.5-Coder-7B    7.0  32768  3584 18944  28  28  151936  int4  alibaba
    CodeLlama-7B        7.0  16384  4096 11008  32  32   32016  int4  meta
"""


def test_the_profiles_are_the_public_facts() -> None:
    rows = [
        [
            *(m.name, str(m.params_b), str(m.context), str(m.embedding_dim), str(m.hidden_dim)),
            *(str(m.layers), str(m.heads), str(m.vocab), m.quantization, m.provider),
        ]
        for m in MODELS
    ]
    assert rows == [line.split() for line in PUBLIC_FACTS.strip().splitlines()]


def test_a_profile_does_not_change() -> None:
    with pytest.raises(AttributeError):
        MODELS[0].params_b = 0.0  # type: ignore[misc]


def test_each_model_has_its_own_random_streams() -> None:
    assert [model.number for model in MODELS] == list(range(6))


def test_models_are_found_in_any_letter_case_in_the_order_asked_for_and_once() -> None:
    found = find_models(["PHI-3-mini-4k", "codellama-7b", "Phi-3-Mini-4K"])
    assert [model.name for model in found] == ["Phi-3-mini-4k", "CodeLlama-7B"]
    assert all(model in MODELS for model in found)


def test_no_name_is_no_model() -> None:
    assert find_models([]) == ()


@pytest.mark.parametrize("name", ["gpt", "", "Phi-3-mini-4k ", "CodeLlama"])
def test_an_unknown_name_is_an_error_that_lists_the_known_ones(name: str) -> None:
    with pytest.raises(ValueError, match=f"no model is called {re.escape(repr(name))}; .*StarCoder2-3B"):
        find_models(["Phi-3-mini-4k", name])
