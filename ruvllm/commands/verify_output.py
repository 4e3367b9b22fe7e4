"""Checkpoints in words and as JSON: a summary, a list, two of them side by side, the outcome of a replay."""

from __future__ import annotations

from collections.abc import Sequence

from ruvllm.benchmark.replay import DIFFERENT, OTHER_INPUT, SAME, Replay
from ruvllm.checkpoints.hashes import STATE_KEYS
from ruvllm.checkpoints.listing import Compared, Listed
from ruvllm.checkpoints.schema import PROTOCOL_OF_VERSION
from ruvllm.checkpoints.verifying import RESUME_MISSING, RESUME_NONE, RESUME_OK, VerifiedCheckpoint
from ruvllm.files.json_reading import shown

_RESUME_WORDS = {
    RESUME_OK: "OK, matches resumeHash; learning can go on from it",
    RESUME_MISSING: "is not beside the checkpoint, so that learning cannot go on",
}

WHAT_A_HASH_SHOWS = (
    "A hash that matches shows that what it covers has not changed since the hash was taken. It does not show that the "
    "numbers are true, nor who wrote them: anyone can change a file and take its hashes anew."
)


def summary_rows(checkpoint: VerifiedCheckpoint) -> list[tuple[str, str]]:
    """Returns the lines of a summary as (label, text), safe for a terminal."""
    rows = [
        ("model", shown(checkpoint.title)),
        ("version", f"{checkpoint.version} (protocol {PROTOCOL_OF_VERSION[checkpoint.version]})"),
        ("checkpoint", checkpoint.checkpoint_id),
        ("created", checkpoint.timestamp),
        ("adapter", _adapter(checkpoint)),
        ("patterns", f"{checkpoint.shape.patterns}"),
        ("trajectories", _trajectories(checkpoint)),
        ("epochs", _epochs(checkpoint)),
    ]
    if checkpoint.frozen_resolve_rate is not None:
        rows.append(("frozen start", f"resolve rate {checkpoint.frozen_resolve_rate:.1%}"))
    return rows + _hash_rows(checkpoint)


def summary_json(checkpoint: VerifiedCheckpoint) -> dict[str, object]:
    """Returns the summary as a JSON object. Rates are fractions."""
    covered_by_run = None if checkpoint.run_hash is None else "all but uncovered; checkpointId is its first 16 digits"
    return {
        "version": checkpoint.version,
        "modelName": checkpoint.model_name,
        "title": checkpoint.title,
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


def _trajectories(checkpoint: VerifiedCheckpoint) -> str:
    quality = f"average quality {checkpoint.average_quality:.3f}"
    return f"{checkpoint.trajectories}, {checkpoint.successes} successful, {quality}"


def _epochs(checkpoint: VerifiedCheckpoint) -> str:
    claims = {"resolve rate": checkpoint.resolve_rate, "confidence": checkpoint.confidence}
    last = ", ".join(f"{label} {value:.1%}" for label, value in claims.items() if value is not None)
    return f"{checkpoint.epochs}; the last: {last}" if last else f"{checkpoint.epochs}"


def _hash_rows(checkpoint: VerifiedCheckpoint) -> list[tuple[str, str]]:
    rows = [("stateHash", f"OK, covers {', '.join(STATE_KEYS)}")]
    if checkpoint.run_hash is None:
        rows.append(("runHash", "none, as in the files of the original system"))
    else:
        rows.append(("runHash", "OK, covers everything else except what follows; checkpointId is its first 16 digits"))
    if checkpoint.resume != RESUME_NONE:
        rows.append(("resume file", _RESUME_WORDS[checkpoint.resume]))
    names = ", ".join(shown(name, 40) for name in checkpoint.uncovered[:32])
    more = ", …" if len(checkpoint.uncovered) > 32 else ""
    rows.append(("no hash", f"covers {names}{more}"))
    return rows


def list_rows(listed: Sequence[Listed], headless: bool) -> list[tuple[str, ...]]:
    """Returns the columns of a list, a row per file, below a row of headings unless `headless`."""
    rows: list[tuple[str, ...]] = [] if headless else [("file", "model", "protocol", "id", "rate", "state")]
    for item in listed:
        values = ("-", "-", "-", "-")
        if (c := item.checkpoint) is not None:
            values = shown(c.title, 40), PROTOCOL_OF_VERSION[c.version], c.checkpoint_id, _rate(c.resolve_rate)
        rows.append((item.name, *values, item.state))
    return rows


def compared_rows(compared: Compared) -> list[tuple[str, ...]]:
    """Returns the columns of two checkpoints side by side."""
    rates = ("frozen start", "resolve rate", "confidence")
    rows: list[tuple[str, ...]] = [("", "A", "B")]
    for name, *values in compared.rows:
        rows.append((name, *(_rate(x) if name in rates else _value(x) for x in values)))
    if compared.setting is not None:
        field, a, b = compared.setting
        rows.append((f"first other setting: {field}", a, b))
    else:
        rows.append(("settings", "the same", "the same"))
    rows.append(("all that is hashed", *2 * ("the same" if compared.same else "differs",)))
    return rows


def replay_line(result: Replay) -> str:
    """Says in one line what came of a replay."""
    where = f"{result.field} is {result.stored} in the file and {result.computed} here"
    if result.outcome == SAME:
        return f"same: every hashed number came out again, over {result.epochs} epochs"
    if result.outcome == DIFFERENT:
        return f"different: {where}; the file does not say what its run gives"
    if result.outcome == OTHER_INPUT:
        end = "with other tasks nothing can be said about its numbers"
        if str(result.field).endswith("transferDigest"):
            end = "its run had no --transfer" if result.stored == "nothing" else "name its --transfer file"
        return f"other input: {where}; {end}"
    return f"other version: {where}; another version of ruvllm made the file"


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _value(value: object) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
