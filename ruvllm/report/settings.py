"""Settings: models and protocols that were measured alike, each taken from the file with the most runs of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ruvllm.report.parts import slug
from ruvllm.results.naming import SIMULATED, option_of
from ruvllm.results.reading import Source
from ruvllm.results.run_records import BenchmarkRun
from ruvllm.results.summary_records import BenchmarkDocument, Summary

__all__ = ["Measured", "Setting", "find_settings"]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One protocol and model: its summary and its runs."""

    source: Source[BenchmarkDocument]
    summary: Summary
    runs: list[BenchmarkRun]


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """Everything that must be equal for numbers to stand in one table."""

    workload: str
    tasks: str
    """Kind of tasks made from a source tree, else empty."""
    split: str
    """How a source tree was split, else empty."""
    size: str
    """Name of the profile, or epochs x tasks if no profile is known."""
    folds: int | None
    version: str
    measured: dict[tuple[str, str], Measured] = field(default_factory=dict)
    """By protocol and model."""

    @property
    def is_simulated(self) -> bool:
        return self.workload == SIMULATED

    @property
    def what(self) -> str:
        """What a row is: the heading of the first column."""
        return "Model" if self.is_simulated else "Encoder"

    @property
    def title(self) -> str:
        split = f", tasks {self.tasks}, split by {self.split}" if self.split else ""
        folds = f", {self.folds}-fold cross-validation" if self.folds else ""
        return f"{self.workload.capitalize()} workload{split}, {self.size}{folds}"

    def figure_name(self, what: str) -> str:
        """Returns the name of a picture's file, without an ending."""
        folds = f"{self.folds} folds" if self.folds else ""
        return slug(" ".join([self.workload, self.tasks, self.split, self.size.removeprefix("profile "), folds, what]))

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
        """The models of a protocol, the most confident first."""
        return [self.measured[protocol, model] for model in self.models if (protocol, model) in self.measured]

    def seeds(self, protocol: str) -> str:
        """Returns the seeds of the first model in words."""
        seeds = self.rows(protocol)[0].summary.seeds
        if len(seeds) == 1:
            return f"seed {seeds[0]}"
        if seeds == list(range(seeds[0], seeds[0] + len(seeds))):
            return f"seeds {seeds[0]} to {seeds[-1]}"
        return f"seeds {', '.join(map(str, seeds[:6]))}{' and more' if len(seeds) > 6 else ''}"


def find_settings(sources: Sequence[Source[BenchmarkDocument]]) -> list[Setting]:
    """Returns the settings in the order in which they come.

    For each protocol and model the file with the most runs counts, the newest of several with as many.
    """
    settings: dict[tuple[object, ...], Setting] = {}
    for source in sources:
        document = source.document
        runs: dict[tuple[str, str], list[BenchmarkRun]] = {}
        for run in document.results:
            runs.setdefault((run.protocol, run.model), []).append(run)
        tasks, split, size = _experiment_of(document)
        for summary in document.summaries:
            key = (summary.protocol, summary.model)
            found = Measured(source, summary, runs.get(key, []))
            if not found.runs:
                continue
            setting = Setting(summary.workload, tasks, split, size, summary.folds, document.version)
            place = (setting.workload, setting.tasks, setting.split, setting.size, setting.folds, setting.version)
            known = settings.setdefault(place, setting).measured
            if key not in known or _rank(found) > _rank(known[key]):
                known[key] = found
    return list(settings.values())


def _rank(measured: Measured) -> tuple[int, str]:
    return len(measured.runs), measured.source.document.created


def _experiment_of(document: BenchmarkDocument) -> tuple[str, str, str]:
    """Kind of tasks and split, both empty if there was no choice of splits, and the size.

    Files of version 0.1.0 have no options: they are read from the command line.
    """
    options, command, first = document.options, document.command, document.results[0]
    if options is not None:
        tasks, split, profile = options.tasks or "", options.split or "", options.profile
    else:
        code = first.workload == "code"
        tasks, split = (option_of(command, *each) if code else "" for each in (("--tasks", "all"), ("--split", "file")))
        profile = option_of(command, "--profile", "full") if command else ""
    size = f"profile {profile}" if profile else f"{first.epochs} x {first.tasks_per_epoch} tasks"
    return tasks if split else "", split, size
