"""What a results file says about a run's input: repeats, leaks, and what was left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ruvllm.results import audit_records
from ruvllm.workloads.workload import Workload

if TYPE_CHECKING:
    from ruvllm.workloads.repeats.finding import Repeats

__all__ = ["audit_of"]


def audit_of(workload: Workload) -> dict[str, Any]:
    """Returns `repeats`, `leakCheck` and `leftOut` of an entry of the results file; nothing for simulated tasks."""
    if workload.repeats is None or workload.leak_check is None:
        return {}
    return {
        "repeats": msgspec.to_builtins(_repeats(workload.repeats)),
        "leakCheck": _built(workload.leak_check, audit_records.LeakCheck),
        "leftOut": [_built(each, audit_records.LeftOut) for each in workload.left_out],
    }


def _repeats(found: Repeats) -> audit_records.Repeats:
    from ruvllm.workloads.repeats.finding import THRESHOLD  # not for simulated tasks

    return audit_records.Repeats(
        tasks=len(found.kept),
        exact=found.exact,
        grouped=found.n_grouped,
        groups=len(found.sizes),
        largest=int(found.sizes[0]) if len(found.sizes) else 0,
        threshold=THRESHOLD,
        by_prompt=found.by_prompt,
        sentences=found.sentences,
    )


def _built(found: object, kind: type[audit_records.LeakCheck | audit_records.LeftOut]) -> object:
    """Returns the record of this kind, which has the attributes of what was found, as the results file has it."""
    return msgspec.to_builtins(msgspec.convert(found, kind, from_attributes=True))
