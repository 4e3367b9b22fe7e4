"""The published results: a list of the kept files, and the report that the product makes of them."""

from __future__ import annotations

from pathlib import Path

from docsite.names import ROOT
from ruvllm.report.contents import make_report
from ruvllm.report.page import make_page
from ruvllm.results.reading import read_sources

RESULTS = ROOT / "docs" / "results"


def results_page() -> str:
    """What is kept, by which command it was made, and where it is read."""
    rows = []
    for source in read_sources([RESULTS]).sources:
        header, name = source.document, Path(source.name).name
        rows.append(f"| [{name}]({name}) | {header.version} | {header.host.isa} | `{' '.join(header.command)}` |")
    return "\n".join([
        "# Published results", "",
        "Every figure of the documentation is made from these files, and a test compares the two. "
        "[The report](report.html) is one page with all their verdicts, tables and plots, as `ruvllm-report "
        "docs/results --html report.html` makes it; [what came out](../findings.md) says it in words. The files follow "
        "[a schema](../results.schema.json).", "",
        "| File | Version | ISA | Command |", "| --- | --- | --- | --- |", *rows, "",
    ])  # fmt: skip


def report_html() -> str:
    """The page that ruvllm-report makes of the kept results."""
    collection = read_sources([RESULTS])
    return make_page(make_report(collection), len(collection.sources))
