"""A report from results files: which sections there are, and in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from ruvllm.report.parts import Block, Figure, Report, Section
from ruvllm.report.sections.ablation import ablation_section, question_of
from ruvllm.report.sections.benchmark import benchmark_section, lead_of
from ruvllm.report.sections.prequential import explained_of, prequential_sections, prequential_verdicts
from ruvllm.report.sections.provenance import provenance_section
from ruvllm.report.sections.simd import simd_section
from ruvllm.report.sections.stream import stream_section
from ruvllm.report.sections.verdict import EXPLAINED, verdicts_of
from ruvllm.report.settings import Setting, find_settings
from ruvllm.report.tasks.section import tasks_section
from ruvllm.report.wording import counted
from ruvllm.results.experiment_records import AblationDocument, SimdDocument, StreamDocument
from ruvllm.results.reading import Collection, Document, Source
from ruvllm.results.streams.records import PrequentialDocument, PrequentialRun
from ruvllm.results.subjects import subject_of_ablation
from ruvllm.results.summary_records import BenchmarkDocument

__all__ = ["make_report"]

D = TypeVar("D", bound=Document)
TITLE = "Does it get better from use?"


def make_report(collection: Collection) -> Report:
    """All sections. Needs at least one source."""
    found = find_settings(collection.of(BenchmarkDocument))
    settings, left_out = found.shown, found.left_out
    titles = _titles(settings)
    ablations = _newest(
        collection.of(AblationDocument),
        lambda d: (d.protocol, d.profile, subject_of_ablation(d), tuple(d.models), question_of(d)), left_out,
    )  # fmt: skip
    streams = _newest(
        collection.of(StreamDocument),
        lambda d: (*sorted({(run.protocol, run.model) for run in d.runs}), d.options and d.options.profile), left_out,
    )  # fmt: skip
    prequential = _prequential(collection, left_out)
    machines = _newest(collection.of(SimdDocument), lambda d: d.host.machine, left_out)
    sections = [
        *((setting.version, benchmark_section(setting, title))
          for setting, title in zip(settings, titles, strict=True)),
        *((source.document.version, ablation_section(source.document)) for source in ablations),
        *((source.document.version, stream_section(source.document)) for source in streams),
        *((version, section) for version, runs in prequential for section in prequential_sections(runs)),
        *((source.document.version, simd_section(source.document)) for source in machines),
    ]  # fmt: skip
    if len({version for version, _ in sections}) > 1:
        sections = [
            (version, each if each.title in titles else replace(each, title=f"{each.title}, version {version}"))
            for version, each in sections
        ]
    lead = tuple(lead_of(setting) for setting in settings if setting.is_simulated)
    verdicts = tuple(
        verdict
        for setting, title in zip(settings, titles, strict=True)
        if not setting.is_simulated
        for verdict in verdicts_of(setting, title, settings)
    )
    streamed = tuple(verdict for _, runs in prequential for verdict in prequential_verdicts(runs))
    explained = " ".join([EXPLAINED] * bool(verdicts) + explained_of([run for _, runs in prequential for run in runs]))
    verdicts = (*verdicts, *streamed)
    lead = lead if lead or verdicts else tuple(_kinds(collection))
    tasks = tasks_section(collection.of(BenchmarkDocument))
    parts = _distinct([*(section for _, section in sections), *tasks, provenance_section(collection.sources)])
    cautions = _cautions(collection)
    return Report(
        TITLE,
        lead,
        parts,
        verdicts,
        explained=explained,
        left_out=(*left_out, *cautions),
        notes=(*left_out, *cautions, *collection.broken, *collection.others),
    )


def _prequential(collection: Collection, left_out: list[str]) -> list[tuple[str, list[PrequentialRun]]]:
    """The streams with the version that made them: of files of their own, and those beside other runs."""
    sources = _newest(
        collection.of(PrequentialDocument),
        lambda d: frozenset((run.protocol, run.model, run.order, run.input and run.input.texts_digest)
                            for run in d.runs), left_out,
    )  # fmt: skip
    own = [(source.document.version, list(source.document.runs)) for source in sources]
    beside = [(source.document.version, source.document.prequential or [])
              for source in collection.of(BenchmarkDocument)]  # fmt: skip
    return [(version, runs) for version, runs in (*own, *beside) if runs]


def _titles(settings: Sequence[Setting]) -> list[str]:
    """A title for each setting; what several would share is told apart by digests or paths."""
    shared = Counter(setting.title for setting in settings)
    versions = len({setting.version for setting in settings}) > 1
    titles = []
    for setting in settings:
        subject, title = setting.subject, setting.title
        if shared[title] > 1:
            alike = [each for each in settings if each.title == title]
            for what, key in (("texts", "texts"), ("vectors", "vectors"), ("read from", "source")):
                if len({getattr(each.subject, key) for each in alike}) > 1 and getattr(subject, key):
                    value: str = getattr(subject, key)
                    title += f", {what} {value if key == 'source' else value[:8]}"
        titles.append(f"{title}, version {setting.version}" if versions else title)
    return titles


def _newest(
    sources: list[Source[D]], question: Callable[[D], object], left_out: list[str]
) -> list[Source[D]]:
    """Of files of one version that answer the same question, the newest; the first question first.

    `left_out` gets a line on each of the others.
    """
    found: dict[object, Source[D]] = {}
    for source in sources:
        document = source.document
        key = (document.version, question(document))
        other = found.get(key)
        if other is None or document.created >= other.document.created:
            found[key] = source
        if other is not None:
            kept, lost = (source, other) if found[key] is source else (other, source)
            newer = Path(kept.name).name
            left_out.append(f"{Path(lost.name).name}: not shown: {newer} is newer and answers the same question")
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
