"""What each component brings: bars with intervals, and their table."""

from __future__ import annotations

import math
from functools import partial

from ruvllm.report.drawing import Bar, draw_bars
from ruvllm.report.parts import Figure, Panel, Section, Table, slug
from ruvllm.report.wording import STAND_INS, counted, listed, percent, points_with
from ruvllm.results.experiment_records import AblationComponent, AblationDocument, EnsembleAblation
from ruvllm.results.records import Difference
from ruvllm.results.subjects import subject_of_ablation

__all__ = ["ablation_section", "ablation_table", "ensemble_table", "question_of"]

RECALL, MRR = ("recall_at_1", "Recall@1, points", 100.0), ("mrr", "MRR, points", 100.0)
RESOLVED, TASKS = ("resolve_rate", "Resolve rate, points", 100.0), ("tasks_to_90", "Training tasks to 90%", 1.0)
ECE = ("ece", "ECE, points", 100.0)
FEWEST_SEEDS = 5
QUANTILES = {1: math.inf, 2: 12.7, 3: 4.3, 4: 3.2}
"""Of Student's t at 97.5%, by number of seeds."""
NAMES = {
    "resolveRate": "resolve rate", "recallAt1": "recall@1", "mrr": "MRR", "tasksTo90": "tasks to 90%", "ece": "ECE"
}  # fmt: skip
EXPLAINED = (
    "Without the component minus the full system: same tasks and seeds, mean over models, 95% interval by Student's t "
    "over seeds, not adjusted for their number. "
)
ADDED = (
    "With a part that real input leaves out, with it minus the full system. All is of learning alone: nothing is "
    "selected on the validation part. "
)
UNTIL_90 = (
    "Tasks to 90%: training tasks until 90% of the test tasks are resolved; a run that never gets there counts with "
    "all its tasks. "
)
OF_ENSEMBLE = (
    "The same trained runs, answered by the ensemble: its weights are fitted to the validation part again without a "
    "kind of members. Without it minus with it, 95% interval by Student's t over seeds, not adjusted for their number."
)
EFFECT = "Effect on: measures whose interval leaves out 0; none: the component is shown as having none."


def question_of(document: AblationDocument) -> tuple[bool, frozenset[str]]:
    """What tells one ablation of a subject from another: whether words count, and the parts."""
    return _counts_words(document), frozenset(component.name for component in document.components)


def _counts_words(document: AblationDocument) -> bool:
    return document.options is None or document.options.lexical is not False


def ablation_section(document: AblationDocument) -> Section:
    seeds, full = document.seeds, document.full
    subject = subject_of_ablation(document)
    title = f"Ablation of {document.protocol}, {'simulated workload' if subject.is_simulated else subject.title}"
    if not _counts_words(document):
        title += ", without words"
    what = counted(len(document.models), "model" if subject.is_simulated else "encoder")
    return Section(
        title,
        (
            f"Each component off in turn, over {what} and seeds {seeds[0]} to "
            f"{seeds[-1]}. The full system: resolve rate {percent(full.resolve_rate)}, {_retrieved(document)}"
            f"{f'tasks to 90% {full.tasks_to_90:.0f}, ' if _gets_there(document) else ''}ECE {full.ece:.3f}.",
            *((STAND_INS,) if subject.is_simulated else ()),
            *_cautions(document),
            _figure(document, title),
            ablation_table(document),
            *(() if document.ensemble is None else (ensemble_table(document.ensemble),)),
        ),
    )


def _cautions(document: AblationDocument) -> list[str]:
    """What Student's t makes of few seeds: its interval over two is 12.7 standard errors long, each way."""
    n = len(document.seeds)
    if n >= FEWEST_SEEDS:
        return []
    return [
        f"Over {n} seeds the intervals say little: with so few, Student's t makes each "
        f"{QUANTILES[n]:.1f} standard errors long to each side, where 10 seeds would make it 2.3. What an interval "
        "does not exclude is not absent."
    ]


def _retrieved(document: AblationDocument) -> str:
    """Recall@1 and MRR of the full system, and of the frozen vectors where the file has them."""
    said = ""
    for key, name, _ in (RECALL, MRR):
        found = getattr(document.full, key)
        if found is not None:
            frozen = "" if document.frozen is None else f" (frozen {percent(getattr(document.frozen, key))})"
            said += f"{name.removesuffix(', points').replace('Recall', 'recall')} {percent(found)}{frozen}, "
    return said


def _gets_there(document: AblationDocument) -> bool:
    """Whether any run may have resolved 90% of the test tasks: on real input mostly none does."""
    return any(c.reached_90.runs or c.overall.tasks_to_90.difference for c in document.components)


def _measures(document: AblationDocument) -> list[tuple[str, str, float]]:
    """Key, heading and factor of what the document compares; retrieval first, where it has that."""
    retrieval = [each for each in (RECALL, MRR) if getattr(document.full, each[0]) is not None]
    return [*retrieval, RESOLVED, *([TASKS] if _gets_there(document) else []), ECE]


def ablation_table(document: AblationDocument) -> Table:
    measures, gets_there = _measures(document), _gets_there(document)
    more = any(component.added for component in document.components)
    columns = (
        "Part" if more else "Without",
        *(heading.replace("Training tasks", "Tasks") for _, heading, _ in measures),
        *(["Reached 90%"] if gets_there else []),
        *("Effect on", "What is done" if more else "Instead"),
    )
    rows = tuple(
        (
            f"{'with' if component.added else 'without'} {component.name}" if more else component.name,
            *(_difference(getattr(component.overall, key), 0 if factor == 1 else 1, factor)
              for key, _, factor in measures),
            *([f"{component.reached_90.runs}/{component.reached_90.of}"] if gets_there else []),
            ", ".join(NAMES.get(name, name) for name in component.effect_on) or "none",
            component.without,
        )
        for component in document.components
    )  # fmt: skip
    explained = EXPLAINED + (ADDED if more else "") + (UNTIL_90 if gets_there else "") + EFFECT
    return Table("Differences to the full system", columns, rows, explained)


def ensemble_table(ensemble: EnsembleAblation) -> Table:
    """What the ensemble loses without each kind of its members."""
    rows = tuple(
        (kind.name, _difference(kind.recall_at_1), _difference(kind.mrr),
         ", ".join(name for name, found in (("recall@1", kind.recall_at_1), ("MRR", kind.mrr)) if found.excludes_zero)
         or "none", kind.without)
        for kind in ensemble.kinds
    )  # fmt: skip
    full = f"With all: recall@1 {percent(ensemble.full.recall_at_1)}, MRR {percent(ensemble.full.mrr)}. "
    columns = ("Ensemble without", RECALL[1], MRR[1], "Effect on", "It has")
    return Table("What the ensemble is made of", columns, rows, full + OF_ENSEMBLE)


def _difference(found: Difference | None, digits: int = 1, factor: float = 100) -> str:
    return "" if found is None else points_with(found.difference, found.ci95, digits, factor)


def _figure(document: AblationDocument, title: str) -> Figure:
    panels = []
    for measure, label, factor in [each for each in _measures(document) if each != MRR]:
        bars = [_bar(component, measure, factor) for component in document.components]
        most = sorted((bar for bar in bars if bar.marked), key=lambda bar: -abs(bar.value))[:3]
        said = listed([f"{bar.name} {bar.value:+.1f}" for bar in most]) if most else "none"
        panels.append(Panel(label, f"Largest effects: {said}.", partial(draw_bars, bars=bars)))
    height = 0.7 + 0.2 * len(document.components)
    note = "Full bars: the interval leaves out 0. Hollow bars: no effect shown."
    return Figure(slug(title), "What is lost without each component", tuple(panels), (), note, height)


def _bar(component: AblationComponent, measure: str, factor: float) -> Bar:
    found: Difference = getattr(component.overall, measure)
    low, high = found.ci95
    name = f"with {component.name}" if component.added else component.name
    return Bar(name, factor * found.difference, (factor * low, factor * high), found.excludes_zero)
