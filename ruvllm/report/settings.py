"""Settings: models and protocols that were measured alike, each taken from the file with the most runs of it.

What is not taken is named, with the reason: a result that vanishes without a word is taken for one that was shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ruvllm.report.parts import slug
from ruvllm.results.reading import Source
from ruvllm.results.run_records import BenchmarkRun
from ruvllm.results.subjects import Subject, option_of, subject_of_runs
from ruvllm.results.summary_records import BenchmarkDocument, Summary

__all__ = ["Measured", "Setting", "Settings", "find_settings", "seeds_in_words"]

FULL = "profile full"


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One protocol and model: its summary and its runs."""

    source: Source[BenchmarkDocument]
    summary: Summary
    runs: list[BenchmarkRun]

    @property
    def rank(self) -> tuple[int, bool, str]:
        """What has the highest rank is shown: the most runs, whole rather than trimmed, the newest."""
        return len(self.runs), not self.source.document.trimmed, self.source.document.created


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """Everything that must be equal for numbers to stand in one table."""

    subject: Subject
    size: str
    """Name of the profile, or epochs x tasks if no profile is known."""
    folds: int | None
    version: str
    lora_rank: int | None = None
    """The rank that was asked for; None for the protocol's own."""
    measured: dict[tuple[str, str], Measured] = field(default_factory=dict)
    """By protocol and model."""

    @property
    def place(self) -> tuple[object, ...]:
        return self.subject, self.size, self.folds, self.version, self.lora_rank

    @property
    def workload(self) -> str:
        return self.subject.workload

    @property
    def is_simulated(self) -> bool:
        return self.subject.is_simulated

    @property
    def what(self) -> str:
        """What a row is: the heading of the first column."""
        return "Model" if self.is_simulated else "Encoder"

    @property
    def title(self) -> str:
        size = "" if self.size == FULL and not self.is_simulated else f", {self.size}"
        folds = f", {self.folds}-fold cross-validation" if self.folds else ""
        rank = f", rank {self.lora_rank}" if self.lora_rank else ""
        return f"{self._subject.title}{size}{folds}{rank}"

    @property
    def _subject(self) -> Subject:
        """With the width of the default encoder if there is but one."""
        models = self.models
        return self.subject if self.is_simulated or len(models) > 1 else replace(self.subject, encoder=models[0])

    def figure_name(self, what: str) -> str:
        """Returns the name of a picture's file, without an ending."""
        subject = self.subject
        folds = f"{self.folds} folds" if self.folds else ""
        if self.is_simulated:
            name = subject.workload
        else:
            name = " ".join([subject.name, subject.encoder, subject.tasks, subject.split])
        return slug(" ".join([name, self.size.removeprefix("profile "), folds, what]))

    @property
    def protocols(self) -> list[str]:
        return sorted({protocol for protocol, _ in self.measured})

    @property
    def models(self) -> list[str]:
        """Models, the most confident first by the last protocol that ran each; encoders in the order of their runs."""
        if not self.is_simulated:
            return list(dict.fromkeys(model for _, model in self.measured))
        confidence = {model: self.measured[protocol, model].summary.confidence
                      for protocol in self.protocols for model in self._of(protocol)}  # fmt: skip
        return sorted(confidence, key=lambda model: -confidence[model])

    def _of(self, protocol: str) -> list[str]:
        return [model for its_protocol, model in self.measured if its_protocol == protocol]

    def rows(self, protocol: str) -> list[Measured]:
        """The rows of a protocol, in the order of `models`."""
        return [self.measured[protocol, model] for model in self.models if (protocol, model) in self.measured]

    def seeds(self, protocol: str) -> str:
        """Returns the seeds of the first model in words."""
        return seeds_in_words(self.rows(protocol)[0].summary.seeds)

    def fits(self, found: Measured) -> bool:
        """Whether no run of the same model, seed and fold was measured on other tasks."""
        ours = {_which(run): run.task_set for row in self.measured.values() for run in row.runs if run.task_set}
        return all(run.task_set is None or ours.get(_which(run), run.task_set) == run.task_set for run in found.runs)


@dataclass(frozen=True, slots=True)
class Settings:
    """What is shown, and a line on each row that is not."""

    shown: list[Setting]
    left_out: list[str]


def find_settings(sources: Sequence[Source[BenchmarkDocument]]) -> Settings:
    """Returns the settings in the order in which they come.

    For each protocol and model the file with the most runs counts, the newest of several with as many.
    """
    settings: list[Setting] = []
    left_out: list[str] = []
    for source in sources:
        document = source.document
        runs: dict[tuple[str, str], list[BenchmarkRun]] = {}
        for run in document.results:
            runs.setdefault((run.protocol, run.model), []).append(run)
        reasons: dict[str, list[str]] = {}
        for summary in document.summaries:
            key = (summary.protocol, summary.model)
            found = Measured(source, summary, runs.get(key, []))
            if not found.runs:
                reasons.setdefault("the file has no runs of it", []).append(_row_name(found))
                continue
            known = _setting_of(found, settings).measured
            other = known.get(key)
            if other is None or found.rank > other.rank:
                known[key] = found
            if other is not None:
                kept, lost = (found, other) if known[key] is found else (other, found)
                reasons.setdefault(f"{_name(lost)}|{_reason(kept, lost)}", []).append(_row_name(lost))
        left_out += [_line(reason, rows, _name(found)) for reason, rows in reasons.items()]
    return Settings(settings, left_out)


def _setting_of(found: Measured, settings: list[Setting]) -> Setting:
    """Returns the setting that the row belongs to, a new one if there is none yet."""
    document = found.source.document
    options = document.options
    new = Setting(
        subject_of_runs(document, found.runs),
        _size(document),
        found.summary.folds,
        document.version,
        None if options is None else options.rank,
    )
    for setting in settings:
        if setting.place == new.place and setting.fits(found):
            return setting
    settings.append(new)
    return new


def _size(document: BenchmarkDocument) -> str:
    first = document.results[0]
    if document.options is not None:
        return f"profile {document.options.profile}"
    if document.command:  # of version 0.1.0
        return f"profile {option_of(document.command, '--profile', 'full')}"
    return f"{first.epochs} x {first.tasks_per_epoch} tasks"


def _which(run: BenchmarkRun) -> tuple[object, ...]:
    return run.model, run.seed, run.fold


def _reason(kept: Measured, lost: Measured) -> str:
    name = _name(kept)
    if {run.run_hash for run in lost.runs} <= {run.run_hash for run in kept.runs}:
        same = "the same runs" if len(kept.runs) == len(lost.runs) else "these runs and more"
        trimmed = ", and this file is a trimmed copy" if lost.source.document.trimmed else ""
        return f"{name} has {same}{trimmed}"
    seeds = seeds_in_words(kept.summary.seeds)
    if len(kept.runs) > len(lost.runs):
        return f"{name} has more runs of it, {seeds}"
    if kept.source.document.trimmed != lost.source.document.trimmed:
        return f"{name} has as many runs, {seeds}, and is not trimmed"
    return f"{name} has as many runs, {seeds}, and is newer"


def _row_name(row: Measured) -> str:
    return f"{row.summary.model} {row.summary.protocol} ({seeds_in_words(row.summary.seeds)})"


def _line(reason: str, rows: Sequence[str], name: str) -> str:
    file, bar, why = reason.partition("|")
    more = f" and {len(rows) - 3} more" if len(rows) > 4 else ""
    return f"{file if bar else name}: not shown: {'; '.join(rows[: 3 if more else 4])}{more}: {why if bar else reason}"


def _name(row: Measured) -> str:
    return Path(row.source.name).name or "this run"


def seeds_in_words(seeds: Sequence[int]) -> str:
    """Returns `seed 0`, `seeds 0 to 4` or `seeds 1, 7`."""
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    if list(seeds) == list(range(seeds[0], seeds[0] + len(seeds))):
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return f"seeds {', '.join(map(str, seeds[:6]))}{' and more' if len(seeds) > 6 else ''}"
