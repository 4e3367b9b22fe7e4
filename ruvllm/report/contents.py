"""A report from results files: which sections there are, and in which order."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from ruvllm.report.parts import Block, Figure, Report, Section
from ruvllm.report.sections.ablation import ablation_section
from ruvllm.report.sections.benchmark import benchmark_section, lead_of
from ruvllm.report.sections.provenance import provenance_section
from ruvllm.report.sections.simd import simd_section
from ruvllm.report.sections.stream import stream_section
from ruvllm.report.settings import find_settings
from ruvllm.results.reading import Collection, Source

__all__ = ["make_report"]

TITLE = "Does it get better from use?"


def make_report(collection: Collection) -> Report:
    """All sections. Needs at least one source."""
    settings = find_settings(collection.of_kind("benchmark"))
    sections = [(setting.version, benchmark_section(setting)) for setting in settings]
    for kind, make in (("ablation", ablation_section), ("stream", stream_section), ("simd", simd_section)):
        sections += [(source.version, make(source)) for source in _newest(collection.of_kind(kind))]
    if len({version for version, _ in sections}) > 1:
        sections = [(version, replace(each, title=f"{each.title}, version {version}")) for version, each in sections]
    lead = tuple(lead_of(setting) for setting in settings) or tuple(_kinds(collection))
    parts = _distinct([*(section for _, section in sections), provenance_section(collection.sources)])
    return Report(TITLE, lead, parts, (*_cautions(collection), *collection.broken, *collection.others))


def _newest(sources: list[Source]) -> list[Source]:
    """Of files that answer the same question, the newest; the first question first."""
    found: dict[object, Source] = {}
    for source in sources:
        document = source.document
        question = (
            source.version,
            *(str(document.get(key)) for key in ("protocol", "profile", "workload", "models")),
            str(sorted({run["protocol"] for run in document["runs"]})) if source.kind == "stream" else "",
            str(document.get("host", {}).get("machine")) if source.kind == "simd" else "",
        )
        if question not in found or source.created >= found[question].created:
            found[question] = source
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
        result.append(Section(section.title if n == 1 else f"{section.title} ({n})", tuple(blocks)))
    return tuple(result)


def _cautions(collection: Collection) -> list[str]:
    versions = Counter(source.version for source in collection.sources)
    if len(versions) < 2:
        return []
    counted = ", ".join(f"{version} ({n} file{'' if n == 1 else 's'})" for version, n in sorted(versions.items()))
    return [f"files of several versions, never put into one table: {counted}"]


def _kinds(collection: Collection) -> list[str]:
    """How many files of which kind, if there are several."""
    counts = Counter(source.kind for source in collection.sources)
    said = f"Results of {', '.join(f'{n} x {kind}' for kind, n in counts.items())}."
    return [said] if len(collection.sources) > 1 else []
