"""The six model profiles: public facts of each architecture, and how its frozen encoder is simulated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["MODELS", "ModelProfile", "Simulation", "find_models"]


@dataclass(frozen=True, slots=True)
class Simulation:
    """How a model's frozen encoder behaves in the simulated workload."""

    habit: float
    """g: how strongly it prefers the opposite of the convention; sets the frozen start."""
    visibility: float
    """v: how far the surface feature shows in the candidates; sets the final confidence."""


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """A small code model. Unknown facts are None or empty: a user's own encoder has a name and a width alone."""

    name: str
    embedding_dim: int
    """d: the dimension of queries and solutions."""
    params_b: float = 0.0
    """Number of parameters in billions; 0 if unknown."""
    context: int | None = None
    """Context window, in tokens."""
    hidden_dim: int | None = None
    layers: int | None = None
    heads: int | None = None
    vocab: int | None = None
    quantization: str = ""
    provider: str = ""
    simulation: Simulation | None = None
    """None for a model that the simulated workload does not have."""

    @property
    def number(self) -> int:
        """Position in MODELS, which selects the model's random streams. Raises ValueError for another model."""
        return [model.name for model in MODELS].index(self.name)

    def efficiency(self, resolve_rate: float) -> float:
        """Returns the resolve rate per billion parameters; 0 if their number is unknown."""
        return resolve_rate / self.params_b if self.params_b else 0.0


# The simulation's constants were found by scripts/calibrate.py on seeds 100 to 102, before v1 and v2 were as they are
# today. `scripts/calibrate.py --check` prints how well they fit now, on ten seeds.
MODELS = (
    ModelProfile("Qwen2.5-Coder-1.5B", 1536, 1.5, 32768, 8960, 28, 12, 151936, "int4", "alibaba",
                 simulation=Simulation(habit=1.836, visibility=0.0398)),
    ModelProfile("DeepSeek-Coder-1.3B", 2048, 1.3, 16384, 5504, 24, 16, 32256, "int4", "deepseek",
                 simulation=Simulation(habit=2.038, visibility=0.0377)),
    ModelProfile("StarCoder2-3B", 2560, 3.0, 16384, 10240, 30, 20, 49152, "int8", "bigcode",
                 simulation=Simulation(habit=1.757, visibility=0.0357)),
    ModelProfile("Phi-3-mini-4k", 3072, 3.8, 4096, 8192, 32, 32, 32064, "int4", "microsoft",
                 simulation=Simulation(habit=1.180, visibility=0.0614)),
    ModelProfile("Qwen2.5-Coder-7B", 3584, 7.0, 32768, 18944, 28, 28, 151936, "int4", "alibaba",
                 simulation=Simulation(habit=0.696, visibility=0.1114)),
    ModelProfile("CodeLlama-7B", 4096, 7.0, 16384, 11008, 32, 32, 32016, "int4", "meta",
                 simulation=Simulation(habit=0.742, visibility=0.1055)),
)  # fmt: skip


def find_models(names: Sequence[str]) -> tuple[ModelProfile, ...]:
    """Returns the profiles of these names in their order, each once. Letter case does not matter.

    Raises ValueError for an unknown name.
    """
    known = {model.name.lower(): model for model in MODELS}
    found: dict[str, ModelProfile] = {}
    for name in names:
        model = known.get(name.lower())
        if model is None:
            raise ValueError(f"no model is called {name!r}; there are {', '.join(m.name for m in MODELS)}")
        found[model.name] = model
    return tuple(found.values())
