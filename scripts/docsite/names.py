"""What is public: the modules whose names have a page in the reference, and the examples in which they are used.

An example is code that a test runs: a program in examples/, the notebook, a `python` block of a page, `>>>` in a
docstring.
"""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), ROOT / "bench/README.md", *sorted((ROOT / "docs").rglob("*.md"))]
"""All that is written in Markdown."""


@dataclass(frozen=True)
class ReferencePage:
    """One page of the reference: names of a module, in their order there or as `names` has them."""

    file: str
    title: str
    module: str
    about: str
    names: tuple[str, ...] = ()

    @property
    def uri(self) -> str:
        return f"reference/{self.file}.md"

    @property
    def shown(self) -> tuple[str, ...]:
        return self.names or tuple(importlib.import_module(self.module).__all__)


REFERENCE = (
    ReferencePage("ranker", "The ranker", "ruvllm.online", "Learning from use: the ranker, what it takes and returns."),
    ReferencePage("logs", "Logs", "ruvllm.online.evaluate", "Before a ranker is put in front of users: ask a log."),
    ReferencePage("stores", "Stores", "ruvllm.online.summary", "What a store says about itself."),
    ReferencePage("retriever", "Indexes", "ruvllm.online.wrappers.retriever", "A search with adapted queries."),
    ReferencePage("frameworks", "Frameworks", "ruvllm.online.wrappers.frameworks", "Inside other libraries."),
    ReferencePage("export-models", "Exported models", "ruvllm.online.exports.models", "A state as a model of others."),
    ReferencePage("export-files", "Exported files", "ruvllm.online.exports.files", "A state and an audit as files."),
    ReferencePage(
        "adapters", "Adapters", "ruvllm", "What is learned: low-rank maps of vectors, and what keeps them near.",
        ("MicroLoRA", "MultiHeadLoRA", "FeedbackAdapter", "PublishedAdapter", "ElasticWeightConsolidation", "info_nce"),
    ),
    ReferencePage(
        "memories", "Memories", "ruvllm", "What is remembered: patterns, right and wrong solutions, what to repeat.",
        ("PatternBank", "ContrastiveMemory", "PrioritizedReplay", "SumTree", "VectorBank", "spherical_kmeans"),
    ),
    ReferencePage(
        "kernels", "Kernels", "ruvllm", "Sums with the same bits on every instruction set, and which one runs.",
        ("dot", "cosine", "cosine_similarity", "crowding", "active_isa", "available_isas", "build_info", "__version__"),
    ),
    ReferencePage(
        "chance", "Chance and evidence", "ruvllm", "Random numbers by name, and bets against chance.",
        ("RandomStream", "Purpose", "BettingEvidence"),
    ),
    ReferencePage(
        "engine", "The engine", "ruvllm", "One model that learns from tasks, and where its tasks come from.",
        ("LearningEngine", "EngineConfig", "LearnFrom", "Control", "ReplayPolicy", "TaskSource", "CorpusSource",
         "SimulatedWorld", "load_checkpoint"),
    ),
    ReferencePage("sweeps", "Sweeps", "ruvllm", "The cells of a plan, made by any executor.", ("run_plan",)),
    ReferencePage("plans", "Plans", "ruvllm.benchmark.plan", "What a sweep measures.",
                  ("Options", "make_jobs", "recorded_options")),
    ReferencePage("plan-files", "The cells of a plan", "ruvllm.benchmark.sweeps.plans", "A plan, and its file.",
                  ("Plan",)),
    ReferencePage("models", "Simulated models", "ruvllm.encoders.models", "The six models by name.", ("find_models",)),
    ReferencePage("files", "Saved objects", "ruvllm", "The whole state of an object, as a file.", ("save", "load")),
    ReferencePage("workloads", "Workloads", "ruvllm.workloads", "Where tasks come from."),
    ReferencePage("tasks", "Tasks of your own", "ruvllm.workloads.tasks", "A task as texts."),
    ReferencePage("encoders", "Encoders", "ruvllm.encoders", "From texts to vectors."),
    ReferencePage("hashed", "Hashed n-grams", "ruvllm.encoders.hashed", "The encoder that any machine has."),
    ReferencePage("ngrams", "The n-grams below it", "ruvllm", "Of UTF-8 bytes, in C++.", ("NgramEncoder",)),
    ReferencePage("sequential", "Evidence at any time", "ruvllm.evaluation.sequential", "Intervals for every look.",
                  ("confidence_sequence", "running_intervals", "RunningMean", "EProcess")),
    ReferencePage("statistics", "Statistics", "ruvllm.evaluation.statistics", "Means, intervals and errors."),
    ReferencePage("bootstrap", "Bootstrap", "ruvllm.evaluation.bootstrap", "Intervals over seeds and tasks.",
                  ("bootstrap_interval", "bootstrap_intervals", "describe")),
    ReferencePage("answers", "Answers", "ruvllm.evaluation.answers", "What a run answered.", ("TaskAnswers",)),
    ReferencePage("paired-tests", "Paired tests", "ruvllm.evaluation.paired_tests", "One run against another.",
                  ("paired_tests", "PairedTests", "PairedDifference", "mcnemar_p", "holm_adjusted",
                   "smallest_difference", "describe_tests")),
    ReferencePage("calibration", "Calibration", "ruvllm.evaluation.calibration", "Can confidence be trusted?",
                  ("reliability", "ReliabilityBin", "fit_temperature", "scaled_confidences")),
    ReferencePage("retrieval", "Retrieval", "ruvllm.evaluation.retrieval", "Ranks, and what is made of them.",
                  ("retrieval_ranks", "crowding", "recall_at_1", "recall_at_5", "mean_reciprocal_rank",
                   "reciprocal_ranks", "hits_at_1")),
    ReferencePage("reading", "Results files", "ruvllm.results.reading", "Reading what a benchmark wrote.",
                  ("read_document", "read_sources", "parse_document", "in_memory", "Collection", "Source",
                   "NotResultsError")),
    ReferencePage("documents", "What a file holds", "ruvllm.results.summary_records", "A results file in memory.",
                  ("BenchmarkDocument",)),
    ReferencePage("pairing", "Pairs of runs", "ruvllm.results.pairing", "The runs of two files, task by task.",
                  ("read_answers", "answered_runs", "pair_runs", "AnsweredRuns", "AnsweredRun", "PairedModel",
                   "CannotCompareError", "OtherKindError")),
    ReferencePage("compare", "Comparing", "ruvllm.results.compare", "Is one file worse than another?",
                  ("compare", "judge", "Comparison", "Row", "Verdict")),
)  # fmt: skip
"""In the order of the site. The names of `ruvllm` that other modules document stand with those."""


def public_names() -> dict[str, Any]:
    """Dotted name -> what it is, for all that the reference documents."""
    found = {}
    for page in REFERENCE:
        module = importlib.import_module(page.module)
        found.update({f"{page.module}.{name}": getattr(module, name) for name in page.shown})
    return found


# examples


@dataclass(frozen=True)
class Example:
    """Code that a test runs, and where it stands in the repository."""

    path: str
    code: str


def python_blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def examples() -> list[Example]:
    """Those of pages, programs and the notebook; docstrings have their own."""
    found = [Example(str(page.relative_to(ROOT)), "\n".join(python_blocks(page))) for page in PAGES]
    for path in sorted((ROOT / "examples").glob("*.py")):
        found.append(Example(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")))
    for path in sorted((ROOT / "examples").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        found.append(Example(str(path.relative_to(ROOT)), code))
    return found


def used_names(code: str) -> set[str]:
    """Dotted names of the project that code uses, as it calls them: `ruvllm.online.evaluate.headroom`."""
    tree, known, used = ast.parse(code), {}, set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                known[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            known.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    for node in ast.walk(tree):
        dotted = _dotted(node)
        if dotted and (start := known.get(dotted.split(".")[0])) and start.split(".")[0] == "ruvllm":
            used.add(".".join([start, *dotted.split(".")[1:]]))
    return used


def _dotted(node: ast.AST) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return before and f"{before}.{node.attr}"
    return None


def resolved(dotted: str) -> Any:
    """What a dotted name of the project is. Raises AttributeError where there is no such thing."""
    parts = dotted.split(".")
    for n in range(len(parts), 0, -1):
        try:
            value = importlib.import_module(".".join(parts[:n]))
        except ModuleNotFoundError:
            continue
        for part in parts[n:]:
            value = getattr(value, part)
        return value
    raise AttributeError(dotted)


def docstrings(value: Any) -> Iterator[str]:
    """Those of a class and its own methods, or of a function."""
    texts = [value.__doc__] if _is_named(value) else []  # of its own: an int's says nothing of an enumeration
    if isinstance(value, type):
        own = [member for name, member in vars(value).items() if not name.startswith("_")]
        texts += [member.__doc__ for member in own if inspect.isroutine(member)]
    yield from (text for text in texts if isinstance(text, str))


def shown_in_docstrings(value: Any) -> Iterator[str]:
    """The `>>>` examples in them, but what is only shown and never run."""
    for text in docstrings(value):
        found = [each for each in doctest.DocTestParser().get_examples(text) if not each.options.get(doctest.SKIP)]
        if found:
            yield "".join(example.source for example in found)


def names_that_are_not_public() -> dict[str, list[str]]:
    """Names of the project that pages and programs use, and that the reference does not have, with these files."""
    names, known = public_names(), {id(value) for value in public_names().values()}
    strangers: dict[str, list[str]] = {}
    for example in examples():
        for dotted in used_names(example.code):
            parts = dotted.split(".")
            prefixes = [".".join(parts[:n]) for n in range(len(parts), 1, -1)]
            is_public = any(prefix in names or id(_found(prefix)) in known for prefix in prefixes)
            if not (is_public or inspect.ismodule(_found(dotted))):
                strangers.setdefault(dotted, []).append(example.path)
    return strangers


def places_of_examples() -> dict[str, list[str]]:
    """Public name -> files in which an example uses it; "" stands for its own docstring."""
    names = public_names()
    places: dict[str, list[str]] = {name: [] for name in names}
    for name, value in names.items():
        if any(shown_in_docstrings(value)):
            places[name].append("")
    for example in examples():
        used = used_names(example.code)
        objects = {id(found) for each in used if (found := _found(each)) is not None and _is_named(found)}
        for name, value in names.items():
            if (name in used or id(value) in objects) and example.path not in places[name]:
                places[name].append(example.path)
    return places


def _is_named(value: Any) -> bool:
    return isinstance(value, type) or inspect.isroutine(value)


def _found(dotted: str) -> Any:
    try:
        return resolved(dotted)
    except AttributeError:
        return None
