"""The six model profiles: public facts of each architecture and the frozen encoder that stands for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["MODELS", "ModelProfile", "find_models"]


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """A small code model. The last two fields decide how its frozen encoder behaves in the simulated workload."""

    name: str
    params_b: float
    """Parameters, in billions; 0 where nobody has said (an encoder of a user's)."""
    context: int
    """Context window, in tokens."""
    embedding_dim: int
    """d: the dimension of queries and solutions."""
    hidden_dim: int
    layers: int
    heads: int
    vocab: int
    quantization: str
    provider: str
    habit: float
    """g: how strongly the frozen encoder prefers the opposite of the convention; sets the frozen start."""
    visibility: float
    """v: how far the surface feature shows in the candidates; sets the final confidence."""

    @property
    def number(self) -> int:
        """Position in MODELS, which names the model's random streams."""
        return [model.name for model in MODELS].index(self.name)

    def efficiency(self, resolve_rate: float) -> float:
        """Resolve rate per billion parameters; 0 where their number is not known."""
        return resolve_rate / self.params_b if self.params_b else 0.0


# habit and visibility: found by scripts/calibrate.py on seeds 100 to 102, before the present v1 and v2;
# scripts/calibrate.py --check prints how well they fit today, on ten seeds
MODELS = (
    ModelProfile("Qwen2.5-Coder-1.5B", 1.5, 32768, 1536, 8960, 28, 12, 151936, "int4", "alibaba", 1.836, 0.0398),
    ModelProfile("DeepSeek-Coder-1.3B", 1.3, 16384, 2048, 5504, 24, 16, 32256, "int4", "deepseek", 2.038, 0.0377),
    ModelProfile("StarCoder2-3B", 3.0, 16384, 2560, 10240, 30, 20, 49152, "int8", "bigcode", 1.757, 0.0357),
    ModelProfile("Phi-3-mini-4k", 3.8, 4096, 3072, 8192, 32, 32, 32064, "int4", "microsoft", 1.180, 0.0614),
    ModelProfile("Qwen2.5-Coder-7B", 7.0, 32768, 3584, 18944, 28, 28, 151936, "int4", "alibaba", 0.696, 0.1114),
    ModelProfile("CodeLlama-7B", 7.0, 16384, 4096, 11008, 32, 32, 32016, "int4", "meta", 0.742, 0.1055),
)


def find_models(names: Sequence[str]) -> tuple[ModelProfile, ...]:
    """The profiles of these names, letter case aside, in the order given, each once. Raises ValueError for others."""
    known = {model.name.lower(): model for model in MODELS}
    found: dict[str, ModelProfile] = {}
    for name in names:
        model = known.get(name.lower())
        if model is None:
            raise ValueError(f"no model is called {name!r}; there are {', '.join(m.name for m in MODELS)}")
        found[model.name] = model
    return tuple(found.values())
