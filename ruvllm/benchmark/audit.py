"""What a results file says about a run's input: repeats, leaks, and what was left out."""

from __future__ import annotations

from typing import Any

import msgspec

from ruvllm.results import audit_records
from ruvllm.workloads.repeats.finding import THRESHOLD, Repeats
from ruvllm.workloads.repeats.leak_check import LeakCheck
from ruvllm.workloads.tasks import LeftOut
from ruvllm.workloads.workload import Workload

__all__ = ["audit_of"]


def audit_of(workload: Workload) -> dict[str, Any]:
    """Returns `repeats`, `leakCheck` and `leftOut` of an entry of the results file; nothing for simulated tasks."""
    if workload.repeats is None or workload.leak_check is None:
        return {}
    return {
        "repeats": msgspec.to_builtins(_repeats(workload.repeats)),
        "leakCheck": msgspec.to_builtins(_leak_check(workload.leak_check)),
        "leftOut": [msgspec.to_builtins(_left_out(each)) for each in workload.left_out],
    }


def _repeats(found: Repeats) -> audit_records.Repeats:
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


def _leak_check(check: LeakCheck) -> audit_records.LeakCheck:
    return audit_records.LeakCheck(check.threshold, check.tasks, check.leaked, check.largest, check.pair)


def _left_out(each: LeftOut) -> audit_records.LeftOut:
    return audit_records.LeftOut(each.what, each.count, each.of, each.why, list(each.first), each.sentence)
