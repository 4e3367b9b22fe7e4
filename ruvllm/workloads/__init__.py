"""Where tasks come from: the simulated world, a Python source tree, a file of tasks, SWE-bench.

Imports `encoders` and `files`. A new workload is one file here and one line in `registry`; `check_workload` says
whether it keeps the contract.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ruvllm.lazy import lazy_names

if TYPE_CHECKING:
    from ruvllm.workloads.checks import check_workload
    from ruvllm.workloads.code.functions import read_corpus
    from ruvllm.workloads.inputs import read_input

__all__ = ["check_workload", "read_corpus", "read_input"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "check_workload": "ruvllm.workloads.checks",
        "read_corpus": "ruvllm.workloads.code.functions",
        "read_input": "ruvllm.workloads.inputs",
    },
)
