"""What a user said about a ranking: which candidates were accepted, rejected or given a reward, by their places."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from ruvllm.online.encoding import unit_half_rows, vector_of
from ruvllm.online.records import Id

__all__ = ["Judgement", "UnknownCandidateError", "judge"]

MOST_EXTRAS = 16
Names = Id | NDArray[np.generic] | Sequence["Id | NDArray[np.generic]"] | None
"""One candidate or several: ids, texts, or vectors (dim,)."""


class UnknownCandidateError(LookupError):
    """A feedback names a candidate that the ranking does not have."""


class Judgement(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """Places count from 0 in the order shown; after the last come `extra` candidates, given as vectors."""

    accepted: tuple[int, ...] = ()
    rejected: tuple[int, ...] = ()
    rewards: tuple[tuple[int, float], ...] = ()
    extra: bytes = b""
    """float16 vectors of length 1, one after another, little-endian."""

    @property
    def revokes(self) -> bool:
        return not (self.accepted or self.rejected or self.rewards)


def judge(
    shown: Sequence[Id], dim: int, accepted: Names, rejected: Names, rewards: Mapping[Id, float] | None
) -> Judgement:
    """Finds the candidates in what was shown. A vector that is accepted or rejected becomes an extra candidate.

    Raises UnknownCandidateError for an id that was not shown, and ValueError for rewards outside [0, 1], vectors that
    are not finite, and a candidate that is accepted and rejected.
    """
    places = {name: place for place, name in reversed(list(enumerate(shown)))}
    extra: list[NDArray[np.float16]] = []

    def place_of(name: object) -> int:
        if isinstance(name, np.ndarray) and name.ndim == 1:
            extra.append(unit_half_rows(vector_of(name, "a candidate", dim)[None]))
            return len(shown) + len(extra) - 1
        key = name.item() if isinstance(name, np.generic) else name
        if not isinstance(key, str | int) or key not in places:
            raise UnknownCandidateError(f"no candidate {str(key)[:80]!r} was shown")
        return places[key]

    right = tuple(dict.fromkeys(place_of(name) for name in _listed(accepted)))
    wrong = tuple(dict.fromkeys(place_of(name) for name in _listed(rejected)))
    valued = tuple((place_of(name), _reward(value)) for name, value in (rewards or {}).items())
    named = [*right, *wrong, *(place for place, _ in valued)]
    if len(set(named)) != len(named):
        raise ValueError("a candidate can be accepted, or rejected, or be given one reward, not several of these")
    if len(extra) > MOST_EXTRAS:
        raise ValueError(f"a feedback has at most {MOST_EXTRAS} vectors, not {len(extra)}")
    data = b"".join(vector.astype("<f2").tobytes() for vector in extra)
    return Judgement(tuple(sorted(right)), tuple(sorted(wrong)), tuple(sorted(valued)), data)


def _listed(names: Names) -> Iterable[object]:
    if names is None:
        return ()
    if isinstance(names, str | int | np.generic) or (isinstance(names, np.ndarray) and names.ndim == 1
                                                     and names.dtype.kind == "f"):  # fmt: skip
        return (names,)
    return names


def _reward(value: float) -> float:
    number = float(value)
    if not (math.isfinite(number) and 0 <= number <= 1):
        raise ValueError(f"a reward must be in [0, 1], not {value}")
    return number
