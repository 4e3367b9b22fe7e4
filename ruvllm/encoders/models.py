"""What rows of results are called: the six simulated models with public facts of each architecture, the default encoder
by its width, a user's encoder by its name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from ruvllm.files.near_names import did_you_mean

__all__ = [
    "DEFAULT_DIM", "DEFAULT_ENCODER", "HASHED", "LARGEST_DIM", "MODELS", "ModelProfile", "Simulation", "called",
    "find_models", "former_name", "hashed_profile", "is_hashed", "profile_of_width", "short_name",
]  # fmt: skip

DEFAULT_DIM, LARGEST_DIM = 1536, 16_384
"""Widths of the default encoder."""
DEFAULT_ENCODER = "hash"
"""Name of the encoder that is fitted on each run's train part, on command lines and in options."""
HASHED = "hashed n-grams"
"""What reports call it."""


class Simulation(Struct, frozen=True):
    """How a model's frozen encoder behaves in the simulated workload."""

    habit: float
    """g: how strongly it prefers the opposite of the convention; sets the frozen start."""
    visibility: float
    """v: how far the surface feature shows in the candidates; sets the final confidence."""


class ModelProfile(Struct, frozen=True):
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

    def efficiency(self, resolve_rate: float) -> float | None:
        """Returns the resolve rate per billion parameters; None for what is no simulated model."""
        return resolve_rate / self.params_b if self.simulation is not None else None


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
            names = [each.name for each in MODELS]
            raise ValueError(f"no model is called {name!r}; there are {', '.join(names)}{did_you_mean(name, names)}")
        found[model.name] = model
    return tuple(found.values())


def hashed_profile(dim: int) -> ModelProfile:
    """Returns the default encoder at width d, called by what it is: no model has seen a task of real input."""
    return ModelProfile(f"{HASHED}, d = {dim}", dim)


def profile_of_width(name: str) -> ModelProfile | None:
    """Returns the default encoder's profile of that name, or None for any other name."""
    found = re.fullmatch(rf"{HASHED}, d = ([1-9]\d{{0,5}})", name, re.ASCII)
    return hashed_profile(int(found[1])) if found and int(found[1]) <= LARGEST_DIM else None


def former_name(name: str) -> str:
    """Returns what version 0.2.0 called the default encoder of that name: after a model of its width, if there is one.

    It goes on standing for the encoder where digests of tasks are taken, so that files of both versions can be paired.
    """
    profile = profile_of_width(name)
    return next((model.name for model in MODELS if profile and model.embedding_dim == profile.embedding_dim), name)


def called(name: str, encoder: str | None) -> str:
    """Returns what a row of real input is called: `name`, unless that is one of the six, none of which was run.

    Up to version 0.2.0 the default encoder at width 1536 was called Qwen2.5-Coder-1.5B, say. `encoder` is the name of
    a user's encoder, None for the default one.
    """
    model = next((model for model in MODELS if model.name == name), None)
    if model is None:
        return name
    return hashed_profile(model.embedding_dim).name if encoder is None else short_name(encoder)


def is_hashed(encoder: str) -> bool:
    """Whether an encoder of that name is the default one, as runs record it."""
    return encoder.startswith("hashed-ngram")


def short_name(encoder: str) -> str:
    """Returns what a user's encoder is called: the last part of what follows the colon."""
    return encoder.partition(":")[2].rstrip("/").rpartition("/")[2] or encoder
