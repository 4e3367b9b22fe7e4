"""Results files as they are written: the header, the document of a benchmark, the text."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypedDict

import msgspec

from ruvllm._core import active_isa, build_info
from ruvllm.evaluation.bootstrap import describe
from ruvllm.files.json_writing import to_json
from ruvllm.results.gains import BOOTSTRAP_SEED
from ruvllm.results.reading import Document
from ruvllm.results.records import SCHEMA, Host, RunOptions
from ruvllm.results.run_records import BenchmarkRun
from ruvllm.results.summaries import beside_published, rankings, recommendations, summarise
from ruvllm.results.summary_records import BenchmarkDocument, BootstrapMethod
from ruvllm.results.task_records import TaskTable
from ruvllm.version import __version__

__all__ = ["HeaderFields", "document_text", "make_document", "make_header"]


class HeaderFields(TypedDict):
    """The fields of a Header."""

    schema_version: int
    version: str
    created: str
    command: list[str]
    host: Host
    options: RunOptions | None


def make_header(options: RunOptions | None, command: Sequence[str] = (), isa: str = "auto") -> HeaderFields:
    """What every results file begins with. `isa` is the instruction set that was asked for."""
    now, build = datetime.now(UTC), build_info()
    host = Host(
        system=platform.system(),
        machine=platform.machine(),
        python=platform.python_version(),
        cpus=os.cpu_count(),
        isa=active_isa() if isa == "auto" else isa,
        compiler=f"{build['compiler']} {build['compiler_version']}",
    )
    return {
        "schema_version": SCHEMA,
        "version": __version__,
        "created": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "command": list(command),
        "host": host,
        "options": options,
    }


def make_document(
    runs: Sequence[BenchmarkRun],
    options: RunOptions | None,
    command: Sequence[str] = (),
    isa: str = "auto",
    tasks: TaskTable | None = None,
) -> BenchmarkDocument:
    """The results file of a benchmark. `command` is the command line, `tasks` the tested tasks, if there are any."""
    summaries = summarise(runs)
    return BenchmarkDocument(
        **make_header(options, command, isa),
        statistics=msgspec.convert(describe(BOOTSTRAP_SEED), BootstrapMethod),
        results=list(runs),
        summaries=summaries,
        beside_published=beside_published(summaries),
        rankings=rankings(summaries),
        recommendations=recommendations(summaries),
        tasks=tasks,
    )


def document_text(document: Document) -> str:
    """The text of a results file."""
    return to_json(msgspec.to_builtins(document))
