"""Tasks of a source tree, as `--workload code` reads them: of Python, or of what --language names."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from ruvllm.workloads.code.docstrings import GENERATOR, make_docstring_tasks
from ruvllm.workloads.code.functions import Corpus, DocumentedFunction, left_out_of, read_corpus
from ruvllm.workloads.code.syntax import PYTHON, Syntax
from ruvllm.workloads.code.task_types import make_code_tasks
from ruvllm.workloads.inputs import InputOptions, RealInput
from ruvllm.workloads.languages.reading import grammars_of, languages_in, read_languages
from ruvllm.workloads.languages.rules import language_of
from ruvllm.workloads.languages.syntax import GrammarSyntax
from ruvllm.workloads.registry import LANGUAGES, WORKLOADS
from ruvllm.workloads.repeats.normal_form import first_of_each
from ruvllm.workloads.tasks import LeftOut, TextTask
from ruvllm.workloads.text import TextInput

__all__ = ["code_input", "read_code"]


def read_code(path: str | None, options: InputOptions) -> RealInput:
    """Reads the source tree at `path` (default: the standard library) and makes tasks of its functions."""
    progress = partial(options.watch, "reading files")
    if options.languages in ((), ("python",)):
        options.note(f"Reading Python source: {path or 'the standard library'}")
        return code_input(read_corpus(path, progress=progress), options)
    if path is None:
        raise ValueError("other languages than Python need a source tree: code:PATH")
    languages = languages_in(path, options.languages)
    options.note(f"Reading {' and '.join(languages)} source: {path}")
    return code_input(read_languages(path, languages, progress=progress), replace(options, languages=languages))


def code_input(corpus: Corpus, options: InputOptions = InputOptions()) -> RealInput:  # noqa: B008 -- frozen
    """Makes tasks of the functions of a source tree, of copied ones once.

    `options.kind` is one of CODE_TASKS, or of GRAMMAR_TASKS where no function is Python's.
    """
    splits, left_out = WORKLOADS["code"].splits, left_out_of(corpus)
    functions = [corpus.functions[i] for i in first_of_each((f.docstring, f.code) for f in corpus.functions)]
    if copied := len(corpus.functions) - len(functions):
        n, why = len(corpus.functions), "exact copies of others, which are kept"
        left_out = (*left_out, LeftOut("functions", copied, n, why))
    advice = ""
    if options.kind == "docstring":
        tasks, generator = make_docstring_tasks(functions), GENERATOR
    else:
        watch = partial(options.watch, "making tasks of functions")
        tasks, generator = make_code_tasks(functions, options.kind, progress=watch, syntax_of=_syntax_of), 1
        advice = "a larger tree will do, or --tasks docstring"
    parsed: dict[str, str] = {}
    if options.languages not in ((), ("python",)):
        parsed = {"language": ",".join(options.languages), "grammar": grammars_of(options.languages)}
        tasks = tuple(_of_language(task, len(options.languages) > 1) for task in tasks)
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
        parsed=parsed,
    )


def _syntax_of(function: DocumentedFunction) -> Syntax:
    language = language_of(function.path)
    return PYTHON if language == "python" else GrammarSyntax(language)


def _of_language(task: TextTask, several: bool) -> TextTask:
    """Returns the task with its language. Of several languages, each draws its distractors from its own functions."""
    language = language_of(task.source)
    return replace(
        task, category=LANGUAGES.index(language), pool=f"{language} {task.pool}".strip() if several else task.pool
    )
