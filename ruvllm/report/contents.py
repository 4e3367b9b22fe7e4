"""A report from results files: which sections there are, and in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from ruvllm.report.parts import Block, Figure, Report, Section
from ruvllm.report.sections.ablation import ablation_section
from ruvllm.report.sections.benchmark import benchmark_section, lead_of
from ruvllm.report.sections.provenance import provenance_section
from ruvllm.report.sections.simd import simd_section
from ruvllm.report.sections.stream import stream_section
from ruvllm.report.settings import find_settings
from ruvllm.report.tasks.section import tasks_section
from ruvllm.report.wording import counted
from ruvllm.results.experiment_records import AblationDocument, SimdDocument, StreamDocument
from ruvllm.results.reading import Collection, Document, Source
from ruvllm.results.summary_records import BenchmarkDocument

__all__ = ["make_report"]

D = TypeVar("D", bound=Document)
TITLE = "Does it get better from use?"


def make_report(collection: Collection) -> Report:
    """All sections. Needs at least one source."""
    settings = find_settings(collection.of(BenchmarkDocument))
    ablations = _newest(collection.of(AblationDocument), lambda d: (d.protocol, d.profile, d.workload, tuple(d.models)))
    streams = _newest(collection.of(StreamDocument), lambda d: tuple(sorted({run.protocol for run in d.runs})))
    sections = [
        *((setting.version, benchmark_section(setting)) for setting in settings),
        *((source.document.version, ablation_section(source.document)) for source in ablations),
        *((source.document.version, stream_section(source.document)) for source in streams),
        *((source.document.version, simd_section(source.document))
          for source in _newest(collection.of(SimdDocument), lambda d: d.host.machine)),
    ]  # fmt: skip
    if len({version for version, _ in sections}) > 1:
        sections = [(version, replace(each, title=f"{each.title}, version {version}")) for version, each in sections]
    lead = tuple(lead_of(setting) for setting in settings) or tuple(_kinds(collection))
    tasks = tasks_section(collection.of(BenchmarkDocument))
    parts = _distinct([*(section for _, section in sections), *tasks, provenance_section(collection.sources)])
    return Report(TITLE, lead, parts, (*_cautions(collection), *collection.broken, *collection.others))


def _newest(sources: list[Source[D]], question: Callable[[D], object]) -> list[Source[D]]:
    """Of files of one version that answer the same question, the newest; the first question first."""
    found: dict[object, Source[D]] = {}
    for source in sources:
        document = source.document
        key = (document.version, question(document))
        if key not in found or document.created >= found[key].document.created:
            found[key] = source
    return list(found.values())


def _distinct(sections: list[Section]) -> tuple[Section, ...]:
    """No two sections with one title, no two figures with one name."""
    titles: Counter[str] = Counter()
    names: Counter[str] = Counter()
    result = []
    for section in sections:
        blocks: list[Block] = []
        for block in section.blocks:
            if isinstance(block, Figure):
                names[block.name] += 1
                n = names[block.name]
                block = block if n == 1 else replace(block, name=f"{block.name}-{n}")
            blocks.append(block)
        titles[section.title] += 1
        n = titles[section.title]
        title = section.title if n == 1 else f"{section.title} ({n})"
        result.append(replace(section, title=title, blocks=tuple(blocks)))
    return tuple(result)


def _cautions(collection: Collection) -> list[str]:
    versions = Counter(source.document.version for source in collection.sources)
    if len(versions) < 2:
        return []
    said = ", ".join(f"{version} ({counted(n, 'file')})" for version, n in sorted(versions.items()))
    return [f"files of several versions, never put into one table: {said}"]


def _kinds(collection: Collection) -> list[str]:
    """How many files of which kind, if there are several."""
    counts = Counter(source.document.kind for source in collection.sources)
    said = f"Results of {', '.join(f'{n} x {kind}' for kind, n in counts.items())}."
    return [said] if len(collection.sources) > 1 else []
