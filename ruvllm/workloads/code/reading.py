"""Tasks of a Python source tree, as `--workload code` reads them."""

from __future__ import annotations

from ruvllm.workloads.code.docstrings import GENERATOR, make_docstring_tasks
from ruvllm.workloads.code.functions import Corpus, read_corpus
from ruvllm.workloads.code.task_types import make_code_tasks
from ruvllm.workloads.inputs import InputOptions, RealInput
from ruvllm.workloads.registry import WORKLOADS
from ruvllm.workloads.text import TextInput

__all__ = ["code_input", "read_code"]


def read_code(path: str | None, options: InputOptions) -> RealInput:
    """Reads the source tree at `path` (default: the standard library) and makes tasks of its functions."""
    options.note(f"Reading Python source: {path or 'the standard library'}")
    corpus = read_corpus(path, progress=lambda done, total: options.watch("reading files", done, total))
    return code_input(corpus, options)


def code_input(corpus: Corpus, options: InputOptions = InputOptions()) -> RealInput:  # noqa: B008 -- frozen
    """Makes tasks of the functions of a source tree. `options.kind` is one of CODE_TASKS."""
    splits = WORKLOADS["code"].splits
    if options.kind == "docstring":
        tasks = make_docstring_tasks(corpus.functions)
        return TextInput("code", "docstring", tasks, options, splits, generator=GENERATOR)
    tasks = make_code_tasks(
        corpus.functions,
        options.kind,
        progress=lambda done, total: options.watch("making tasks of functions", done, total),
    )
    advice = "a larger tree will do, or --tasks docstring"
    return TextInput("code", options.kind, tasks, options, splits, advice=advice)
