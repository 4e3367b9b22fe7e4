"""What the two hashes of a checkpoint are taken over, and what that leaves uncovered.

`stateHash` can be checked by any JavaScript runtime:
SHA-256 of ``JSON.stringify({lora: d.loraWeights, ewc: d.ewcState, patterns: d.patternCentroids})``.
`runHash` covers all that is deterministic: SHA-256 of the document's canonical JSON (RFC 8785) without UNHASHED_KEYS.
"""

from __future__ import annotations

from collections.abc import Mapping

from ruvllm.files.json_writing import Texts, digest_of_canonical_json, digest_of_json

STATE_KEYS = ("loraWeights", "ewcState", "patternCentroids")
"""The top-level keys that stateHash covers."""

UNHASHED_KEYS = ("timestamp", "checkpointId", "runHash", "unhashed")
"""The top-level keys that runHash does not cover: the same run gives another time, host and duration."""

CHECKPOINT_ID_DIGITS = 16


def state_hash(document: Mapping[str, object], texts: Texts | None = None) -> str:
    """64 hex digits over adapter, EWC state and pattern centroids. Raises KeyError, ValueError, TypeError."""
    lora, ewc, patterns = (document[key] for key in STATE_KEYS)
    return digest_of_json({"lora": lora, "ewc": ewc, "patterns": patterns}, texts)


def run_hash(document: Mapping[str, object], texts: Texts | None = None) -> str:
    """64 hex digits over everything but UNHASHED_KEYS; stateHash must be in the document already.

    Raises ValueError or TypeError for what canonical JSON refuses.
    """
    hashed = {key: value for key, value in document.items() if key not in UNHASHED_KEYS}
    return digest_of_canonical_json(hashed, texts)


def checkpoint_id(run_hash_digits: str) -> str:
    """The name of a run: the first 16 hex digits of its runHash."""
    return run_hash_digits[:CHECKPOINT_ID_DIGITS]


def uncovered_keys(document: Mapping[str, object]) -> list[str]:
    """The top-level keys whose values could be changed without any hash noticing, in file order."""
    hashes = {"stateHash", "runHash"}
    if "runHash" in document:  # checkpointId is compared with runHash
        return [key for key in document if key in UNHASHED_KEYS and key not in hashes | {"checkpointId"}]
    return [key for key in document if key not in STATE_KEYS and key not in hashes]
