"""Results files as they are written: the header, the document of a benchmark, the text."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import msgspec

from ruvllm._core import active_isa, build_info
from ruvllm.evaluation.bootstrap import describe
from ruvllm.files.json_writing import canonical_json, to_json
from ruvllm.results.gains import BOOTSTRAP_SEED
from ruvllm.results.records import SCHEMA, Host, RunOptions
from ruvllm.results.run_records import BenchmarkRun
from ruvllm.results.summaries import beside_published, rankings, recommendations, summarise
from ruvllm.results.summary_records import BenchmarkDocument, BootstrapMethod
from ruvllm.results.task_records import TaskTable
from ruvllm.version import __version__

if TYPE_CHECKING:
    from ruvllm.results.reading import Document

__all__ = ["HeaderFields", "document_text", "make_document", "make_header", "results_digest"]


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


def results_digest(document: Document) -> str:
    """SHA-256 (hex) of what a results file says of its runs: equal wherever and with however many workers it was made.

    Leaves out the header's time, command, name and machine, seconds, and the folder of checkpoints.
    """
    content = msgspec.to_builtins(document)
    for name in ("created", "command", "name", "host"):
        content.pop(name, None)
    return hashlib.sha256(canonical_json(_timeless(content))).hexdigest()


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {name: each for name, each in value.items() if name not in ("seconds", "microsecondsPerTask")}
        if isinstance(kept.get("checkpoint"), str):
            kept["checkpoint"] = Path(kept["checkpoint"]).name
        return {name: _timeless(each) for name, each in kept.items()}
    return [_timeless(each) for each in value] if isinstance(value, list | tuple) else value
