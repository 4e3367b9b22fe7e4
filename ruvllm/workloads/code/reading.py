"""Tasks of a Python source tree, as `--workload code` reads them."""

from __future__ import annotations

from functools import partial

from ruvllm.workloads.code.docstrings import GENERATOR, make_docstring_tasks
from ruvllm.workloads.code.functions import Corpus, read_corpus
from ruvllm.workloads.code.task_types import make_code_tasks
from ruvllm.workloads.inputs import InputOptions, RealInput
from ruvllm.workloads.registry import WORKLOADS
from ruvllm.workloads.repeats.normal_form import first_of_each
from ruvllm.workloads.tasks import LeftOut
from ruvllm.workloads.text import TextInput

__all__ = ["code_input", "read_code"]


def read_code(path: str | None, options: InputOptions) -> RealInput:
    """Reads the source tree at `path` (default: the standard library) and makes tasks of its functions."""
    options.note(f"Reading Python source: {path or 'the standard library'}")
    corpus = read_corpus(path, progress=lambda done, total: options.watch("reading files", done, total))
    return code_input(corpus, options)


def code_input(corpus: Corpus, options: InputOptions = InputOptions()) -> RealInput:  # noqa: B008 -- frozen
    """Makes tasks of the functions of a source tree, of copied ones once. `options.kind` is one of CODE_TASKS."""
    splits, left_out = WORKLOADS["code"].splits, _left_out(corpus)
    functions = [corpus.functions[i] for i in first_of_each((f.docstring, f.code) for f in corpus.functions)]
    if copied := len(corpus.functions) - len(functions):
        n, why = len(corpus.functions), "exact copies of others, which are kept"
        left_out = (*left_out, LeftOut("functions", copied, n, why))
    advice = ""
    if options.kind == "docstring":
        tasks, generator = make_docstring_tasks(functions), GENERATOR
    else:
        watch = partial(options.watch, "making tasks of functions")
        tasks, generator = make_code_tasks(functions, options.kind, progress=watch), 1
        advice = "a larger tree will do, or --tasks docstring"
    origin = {function.place: (function.docstring, function.code) for function in functions}
    return TextInput(
        "code",
        options.kind,
        tasks,
        options,
        splits,
        generator=generator,
        advice=advice,
        origins=[origin[task.place] for task in tasks],
        left_out=left_out,
    )


def _left_out(corpus: Corpus) -> tuple[LeftOut, ...]:
    if not corpus.n_skipped:
        return ()
    return (LeftOut("files", corpus.n_skipped, corpus.n_files, "could not be read or parsed", corpus.skipped),)
