"""A verified checkpoint in words, and as JSON."""

from __future__ import annotations

from ruvllm.checkpoint_hash import STATE_KEYS
from ruvllm.checkpoint_schema import PROTOCOL_OF_VERSION
from ruvllm.json_file import shown
from ruvllm.verify import RESUME_MISSING, RESUME_NONE, RESUME_OK, VerifiedCheckpoint

_RESUME_WORDS = {
    RESUME_OK: "OK, is what resumeHash says; from it learning goes on",
    RESUME_MISSING: "is not beside the checkpoint: learning cannot go on from it",
}

WHAT_A_HASH_SHOWS = (
    "A hash that matches shows that what it covers is as it was when the hash was taken. It does not show that the "
    "numbers are true, nor who wrote them: anyone can change a file and take its hashes anew."
)


def summary_rows(checkpoint: VerifiedCheckpoint) -> list[tuple[str, str]]:
    """(label, text) pairs, safe for a terminal, in reading order."""
    rows = [
        ("model", shown(checkpoint.model_name)),
        ("version", f"{checkpoint.version} (protocol {PROTOCOL_OF_VERSION[checkpoint.version]})"),
        ("checkpoint", checkpoint.checkpoint_id),
        ("created", checkpoint.timestamp),
        ("adapter", _adapter(checkpoint)),
        ("patterns", f"{checkpoint.shape.patterns}"),
        (
            "trajectories",
            f"{checkpoint.trajectories}, {checkpoint.successes} successful, "
            f"average quality {checkpoint.average_quality:.3f}",
        ),
        ("epochs", _epochs(checkpoint)),
    ]
    if checkpoint.frozen_resolve_rate is not None:
        rows.append(("frozen start", f"resolve rate {checkpoint.frozen_resolve_rate:.1%}"))
    return rows + _hash_rows(checkpoint)


def summary_json(checkpoint: VerifiedCheckpoint) -> dict[str, object]:
    """The same as a JSON object; rates are fractions."""
    covered_by_run = None if checkpoint.run_hash is None else "all but uncovered; checkpointId is its first 16 digits"
    return {
        "version": checkpoint.version,
        "modelName": checkpoint.model_name,
        "checkpointId": checkpoint.checkpoint_id,
        "timestamp": checkpoint.timestamp,
        "rank": checkpoint.shape.rank,
        "dimension": checkpoint.shape.dimension,
        "heads": list(checkpoint.shape.heads),
        "patterns": checkpoint.shape.patterns,
        "trajectories": checkpoint.trajectories,
        "successful": checkpoint.successes,
        "avgQuality": checkpoint.average_quality,
        "epochs": checkpoint.epochs,
        "resolveRate": checkpoint.resolve_rate,
        "confidence": checkpoint.confidence,
        "frozenResolveRate": checkpoint.frozen_resolve_rate,
        "stateHash": checkpoint.state_hash,
        "runHash": checkpoint.run_hash,
        "resume": checkpoint.resume,
        "coveredByStateHash": list(STATE_KEYS),
        "coveredByRunHash": covered_by_run,
        "uncovered": list(checkpoint.uncovered),
    }


def _adapter(checkpoint: VerifiedCheckpoint) -> str:
    size = f"rank {checkpoint.shape.rank} × {checkpoint.shape.dimension}"
    if not checkpoint.shape.heads:
        return size
    names = ", ".join(shown(name, 40) for name in checkpoint.shape.heads[:8])
    return f"{size}, {len(checkpoint.shape.heads)} heads: {names}{', …' if len(checkpoint.shape.heads) > 8 else ''}"


def _epochs(checkpoint: VerifiedCheckpoint) -> str:
    claims = [
        f"{label} {value:.1%}"
        for label, value in (("resolve rate", checkpoint.resolve_rate), ("confidence", checkpoint.confidence))
        if value is not None
    ]
    return f"{checkpoint.epochs}" + (f"; the last: {', '.join(claims)}" if claims else "")


def _hash_rows(checkpoint: VerifiedCheckpoint) -> list[tuple[str, str]]:
    rows = [("stateHash", f"OK, covers {', '.join(STATE_KEYS)}")]
    if checkpoint.run_hash is None:
        rows.append(("runHash", "none, as in the files of the original system"))
    else:
        rows.append(("runHash", "OK, covers everything else but what follows; checkpointId is its first 16 digits"))
    if checkpoint.resume != RESUME_NONE:
        rows.append(("resume file", _RESUME_WORDS[checkpoint.resume]))
    names = ", ".join(shown(name, 40) for name in checkpoint.uncovered[:32])
    more = ", …" if len(checkpoint.uncovered) > 32 else ""
    rows.append(("no hash", f"covers {names}{more}"))
    return rows
