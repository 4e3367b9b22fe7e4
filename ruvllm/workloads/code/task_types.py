"""The four task types, made from the functions of a source tree. docs/workloads.md describes them.

code_completion  the first part of a function -> the rest
bug_fix          docstring and a buggy function -> the function without the bug, among other changes in its place
refactor         the function in other words -> the function, among others that differ from it in two places
test_gen         docstring and signature -> the doctest or call that shows its use; its code where there is neither

Each function makes one task: of all types that it is fit for, the one with the fewest tasks so far. The tasks follow
from the corpus alone, not from the seed of a run.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from ruvllm._core import Purpose, RandomStream
from ruvllm.workloads.code.edits import Edit
from ruvllm.workloads.code.examples import FEWEST_CHARACTERS, CallIndex, hide_name, split_docstring
from ruvllm.workloads.code.functions import DocumentedFunction
from ruvllm.workloads.code.syntax import PYTHON, Syntax
from ruvllm.workloads.tasks import TextTask
from ruvllm.workloads.workload import TASK_TYPES

__all__ = ["CODE_TASKS", "make_code_tasks"]

CODE_TASKS = ("all", "docstring", *TASK_TYPES)
"""What --tasks may ask for: the four types together, docstring to body, or one type alone."""
WRONG_FIXES = 7
FEWEST_LINES = 4
FEWEST_PART = 60
"""Fewest characters of each half of a completion."""
FEWEST_USES = 100
"""Doctests (or calls) become answers only if at least this many functions have one: fewer would leave no distractors of
the same kind."""
TRIED_BUGS = 4

Progress = Callable[[int, int], None]
Maker = Callable[[int, DocumentedFunction, Syntax], "TextTask | None"]
SyntaxOf = Callable[[DocumentedFunction], Syntax]


@dataclass(frozen=True, slots=True, eq=False)
class WrongFixes(Sequence[str]):
    """Variants of a text that differ from it in one place each. Only the places are kept, not the texts."""

    source: bytes
    edits: tuple[Edit, ...]

    def __len__(self) -> int:
        return len(self.edits)

    def __getitem__(self, index: int) -> str:  # type: ignore[override]
        return self.edits[index].apply(self.source).decode("utf-8", "surrogatepass")


def make_code_tasks(
    functions: Sequence[DocumentedFunction],
    kind: str = "all",
    *,
    progress: Progress | None = None,
    syntax_of: SyntaxOf | None = None,
) -> tuple[TextTask, ...]:
    """Makes at most one task of each function, in their order, of all types of its language or of the named one.

    `progress` gets (functions done, functions in all), `syntax_of` says in which language a function is, None:
    all in Python. Raises ValueError for another kind.
    """
    if kind != "all" and kind not in TASK_TYPES:
        raise ValueError(f"tasks must be all or one of {', '.join(TASK_TYPES)}, not {kind!r}")
    syntax_of = syntax_of or _in_python
    makers = _makers(functions, syntax_of)
    wanted = TASK_TYPES if kind == "all" else (kind,)
    counts = dict.fromkeys(wanted, 0)
    made: list[TextTask] = []
    for i, function in enumerate(functions):
        if progress is not None:
            progress(i, len(functions))
        syntax = syntax_of(function)
        for name in sorted((name for name in wanted if name in syntax.types), key=counts.__getitem__):
            try:
                task = makers[name](i, function, syntax)
            except RecursionError:  # for example an expression of a thousand terms
                task = None
            if task is not None:
                counts[name] += 1
                made.append(task)
                break
    if progress is not None:
        progress(len(functions), len(functions))
    return tuple(made)


def _in_python(_: DocumentedFunction) -> Syntax:
    return PYTHON


def _makers(functions: Sequence[DocumentedFunction], syntax_of: SyntaxOf) -> dict[str, Maker]:
    uses = _Uses(functions, syntax_of)
    return {"code_completion": _completion, "bug_fix": _bug_fix, "refactor": _refactor, "test_gen": uses.task}


def _completion(number: int, function: DocumentedFunction, _: Syntax) -> TextTask | None:
    """Cuts the lines of the function in two, at random in the middle third."""
    lines = function.code.splitlines()
    if len(lines) < FEWEST_LINES:
        return None
    third = max(1, len(lines) // 3)
    at = third + _stream(number, "code_completion").below(max(1, len(lines) - 2 * third))
    first, rest = "\n".join(lines[:at]), textwrap.dedent("\n".join(lines[at:]))
    if min(len(first), len(rest)) < FEWEST_PART:
        return None
    return _task(function, "code_completion", first, rest)


def _bug_fix(number: int, function: DocumentedFunction, syntax: Syntax) -> TextTask | None:
    found = _around_a_bug(function.code, _stream(number, "bug_fix"), syntax)
    if found is None:
        return None
    prompt = f"{function.docstring}\n{found.source.decode('utf-8', 'surrogatepass')}"
    return _task(function, "bug_fix", prompt, function.code, wrong=found)


def _refactor(number: int, function: DocumentedFunction, syntax: Syntax) -> TextTask | None:
    rewritten = syntax.rewritten(function.code)
    found = None if rewritten is None else _around_a_bug(function.code, _stream(number, "refactor"), syntax)
    if rewritten is None or found is None:
        return None
    return _task(function, "refactor", rewritten, function.code, wrong=found)


def _around_a_bug(solution: str, stream: RandomStream, syntax: Syntax) -> WrongFixes | None:
    """Returns a buggy version of a function and other single edits of it; one edit would take the bug back.

    So the function is as far from each wrong fix as they are from one another, and all have one length: only its
    meaning distinguishes it.
    """
    original = solution.encode("utf-8", "surrogatepass")
    for buggy in _buggy(original, stream, syntax):
        fixes = [fix for fix in syntax.find_edits(buggy) if fix.apply(buggy) != original]
        if len(fixes) >= WRONG_FIXES:
            drawn = (fixes[i] for i in stream.permutation(len(fixes)).tolist())
            good = tuple(islice((fix for fix in drawn if syntax.is_fix(fix.apply(buggy))), WRONG_FIXES))
            if len(good) == WRONG_FIXES:
                return WrongFixes(buggy, good)
    return None


def _buggy(original: bytes, stream: RandomStream, syntax: Syntax) -> Iterator[bytes]:
    """Yields versions of a function with one bug each."""
    try:
        edits = syntax.find_edits(original)
    except SyntaxError:
        return
    if len(edits) < WRONG_FIXES:  # a buggy version has hardly more edits
        return
    for i in stream.permutation(len(edits))[:TRIED_BUGS].tolist():
        buggy = edits[i].apply(original)
        if syntax.compiles(buggy):
            yield buggy


class _Uses:
    """Makes tasks of type test_gen: knows for each function whether a doctest or a call shows its use."""

    def __init__(self, functions: Sequence[DocumentedFunction], syntax_of: SyntaxOf) -> None:
        self._calls = CallIndex(functions)
        found = [
            self._find(i, function) if "test_gen" in syntax_of(function).types else None
            for i, function in enumerate(functions)
        ]
        n = {way: sum(use is not None and use[0] == way for use in found) for way in ("doctest", "call")}
        self._found = [use if use is not None and n[use[0]] >= FEWEST_USES else None for use in found]

    def _find(self, number: int, function: DocumentedFunction) -> tuple[str, str] | None:
        example = hide_name(split_docstring(function.docstring)[1], function.qualname)
        if len(example) >= FEWEST_CHARACTERS:
            return "doctest", example
        call = self._calls.call_of(number)
        return None if call is None else ("call", call)

    def task(self, number: int, function: DocumentedFunction, syntax: Syntax) -> TextTask | None:
        signature, _, body = _signature_first(function.code)
        text = hide_name(split_docstring(function.docstring)[0], function.qualname)
        way, answer = self._found[number] or ("code", textwrap.dedent(body))
        if len(answer) < FEWEST_CHARACTERS:
            return None
        return _task(function, "test_gen", f"{text}\n{signature}", answer, pool=way)


def _signature_first(source: str) -> tuple[str, str, str]:
    """Parts the line of the `def`, without decorators, from what follows it."""
    begin = next(i for i, line in enumerate(source.splitlines()) if line.startswith(("def ", "async def ")))
    rest = "\n".join(source.splitlines()[begin:])
    return rest.partition("\n")


def _task(
    function: DocumentedFunction, name: str, prompt: str, solution: str, *, wrong: Sequence[str] = (), pool: str = ""
) -> TextTask:
    return TextTask(prompt, solution, TASK_TYPES.index(name), wrong, pool, function.path, place=function.place)


def _stream(number: int, name: str) -> RandomStream:
    """Returns the random stream of function `number` for one type."""
    return RandomStream(0, Purpose.DATASET, number, 16 + TASK_TYPES.index(name))
