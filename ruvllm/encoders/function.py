"""A user's own function as an encoder: it takes texts and returns vectors."""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import inspect
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ruvllm.encoders.foreign import ForeignError, foreign_code

__all__ = ["FunctionEncoder"]

PROBES = ("def f():\n    return 1", "Adds two numbers and returns their sum.", "x = 1")
"""Texts for which the function is asked before a run."""
MOST_OFF = 0.1
"""Largest share of a vector's length by which the texts beside it may change it. Quantized models change some of it."""
PACKAGE = str(Path(__file__).resolve().parents[1])
PLAIN_NUMBERS = "fiub"
"""Kinds of dtypes whose values are real numbers: floats, integers, booleans."""


class FunctionEncoder:
    """`python:MODULE.FUNCTION` or `python:FILE.py:FUNCTION`: from a list of texts to their vectors.

    The vectors are an array (n, d) of real numbers, or nested lists. The current folder is searched for the module too.
    They are cached only if the function has an attribute `digest`, a text that changes whenever its vectors would:
    nobody else can know what a function depends on. Beside it the sources of its module, and of those of the same
    folder that it imports, decide whether cached vectors are its own; without a source nothing is cached.
    """

    def __init__(self, path: str) -> None:
        """Raises ValueError if there is no such function, or if what it returns are no vectors that stay the same."""
        self.name = f"python:{path}"
        self._who = f"encoder {self.name!r}"
        module, function = _parts(path)
        self.title = f"{Path(module).stem if module.endswith('.py') else module}.{function}"
        with foreign_code(self._who):
            self._function: Callable[[list[str]], Any] = _find(module, function)
            said = getattr(self._function, "digest", None)
            said = None if said is None else str(said)
        if not callable(self._function):
            raise ForeignError(f"{self._who}: is no function but {_named(self._function)}")
        self.dim = self._call(PROBES[:1]).shape[1]
        self._check_repeats()
        self.digest = None if said is None else _digest(self._function, module, function, said)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Returns vectors (n, dim) float32. Raises ValueError for whatever goes wrong in the function."""
        rows = self._call(texts)
        if rows.shape[1] != self.dim:
            raise ForeignError(f"{self._who} gave vectors of {rows.shape[1]} elements, and of {self.dim} before")
        return rows

    def _call(self, texts: Sequence[str]) -> NDArray[np.float32]:
        with foreign_code(self._who), np.errstate(over="ignore"):
            found = self._function(list(texts))
            wrong = _defect(found)
            values = np.asarray(None if wrong else found)
            wrong = wrong or _defect_of_values(values, found)
            rows = np.array(0 if wrong else values, dtype=np.float32, order="C")  # a copy: its buffer may be used again
        if wrong:
            raise ForeignError(f"{self._who} must give {wrong}")
        if rows.ndim != 2 or rows.shape[0] != len(texts) or rows.shape[1] == 0:
            raise ForeignError(f"{self._who} must give an array ({len(texts)}, d), not {rows.shape}")
        if not np.isfinite(rows).all():
            largest = float(np.abs(values.astype(np.float64)).max())
            if math.isfinite(largest):
                raise ForeignError(f"{self._who} must give numbers that fit float32, not {largest:.3g}")
            raise ForeignError(f"{self._who} gave a vector that is not finite")
        return rows

    def _check_repeats(self) -> None:
        """Asks twice for the same texts, and once for one of them alone: its vector must be its own."""
        first, again, alone = self.encode(PROBES), self.encode(PROBES), self.encode(PROBES[1:2])
        if first.tobytes() != again.tobytes():
            raise ForeignError(
                f"{self._who} gives other vectors for the same texts (off by {_off(first, again):.2g}): its results "
                "could not be repeated. Fix its seed, switch dropout off"
            )
        if (off := _off(first[1:2], alone)) > MOST_OFF:
            raise ForeignError(
                f"{self._who} gives a text another vector among others than alone (off by {off:.2g}): what it learns "
                "from texts has to be learned before"
            )


def _off(rows: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """Returns the largest distance, as a share of the longer one's length."""
    with np.errstate(all="ignore"):
        a, b = rows.astype(np.float64), others.astype(np.float64)
        longest = np.maximum(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))
        shares = np.linalg.norm(a - b, axis=1) / np.where(longest > 0, longest, 1)
    return float(np.nan_to_num(shares).max())


def _defect(found: Any) -> str | None:
    """Returns what is wrong with a result before it is made an array, where NumPy would drop that in silence."""
    if inspect.iscoroutine(found):
        found.close()
        return "an array, not a coroutine: it must not be an async function"
    members = found if isinstance(found, list | tuple) else ()
    if np.ma.isMaskedArray(found) or any(map(np.ma.isMaskedArray, members)):
        return "vectors of numbers, not a masked array: fill it first"
    return None


def _defect_of_values(values: NDArray[Any], found: Any) -> str | None:
    if values.dtype.kind in PLAIN_NUMBERS or values.dtype.name == "bfloat16":
        return None
    return f"an array of real numbers, not {_named(found)} with dtype {values.dtype}"


def _named(found: Any) -> str:
    return "None" if found is None else f"a {type(found).__name__}"


def _parts(path: str) -> tuple[str, str]:
    """Returns module or file, and function. Raises ForeignError for a path that has not both."""
    module, _, function = path.rpartition(":" if ":" in path else ".")
    if not module or not function or function == "py":
        raise ForeignError(f"encoder 'python:{path}' must be python:MODULE.FUNCTION or python:FILE.py:FUNCTION")
    return module, function


def _find(module: str, function: str) -> Any:
    """Returns what stands under these names. The current folder comes first, but only while its module is loaded."""
    here = os.getcwd()
    sys.path.insert(0, here)
    try:
        found: Any = _load(Path(module)) if module.endswith(".py") else _import(module)
        for name in function.split("."):
            found = getattr(found, name)
        return found
    except AttributeError as error:
        own, other = Path(here, *module.split(".")).with_suffix(".py"), _file_of(sys.modules.get(module))
        if other and own.is_file() and not own.samefile(other):
            raise ImportError(f"{module} is a module of {other}: write python:{own.name}:{function}") from error
        raise
    finally:
        if here in sys.path:
            sys.path.remove(here)
        if here not in sys.path:
            sys.path.append(here)  # for what the function imports later


def _import(name: str) -> Any:
    """Returns a module, or what stands in one: `package.module.object`."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        above, _, last = name.rpartition(".")
        if not above or error.name != name:
            raise
        return getattr(_import(above), last)


def _load(file: Path) -> ModuleType:
    """Runs a file as a module. Its folder is searched for what it imports."""
    path = file.expanduser().resolve()
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    name = path.stem if path.stem not in sys.modules else f"ruvllm_encoder_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    sys.modules[name] = module  # dataclasses and pickles look it up
    spec.loader.exec_module(module)
    return module


def _digest(function: Callable[..., Any], module: str, name: str, said: str) -> str | None:
    """Returns the SHA-256 (hex) of all that is known to decide a function's vectors; None if its source is not known.

    That is what it says of itself, its name, and the source files of its module and of those of the module's folder
    that are loaded: functions of one digest share nothing, and no edit leaves old vectors behind.
    """
    sources = _sources(function, module)
    if not sources:
        return None
    digest = hashlib.sha256(repr((module, name, said)).encode("utf-8", "surrogatepass"))
    for path in sources:
        try:
            digest.update(f"\n{path}\n".encode("utf-8", "surrogatepass") + path.read_bytes())
        except OSError:
            return None
    return digest.hexdigest()


def _sources(function: Callable[..., Any], module: str) -> list[Path]:
    """Returns the files that a function comes from, and all loaded modules beside and below them.

    Returns nothing if one of the two is not known: the file that the user names, and the file of the code.
    """
    while module not in sys.modules and not module.endswith(".py") and "." in module:
        module = module.rpartition(".")[0]
    named = Path(module).expanduser() if module.endswith(".py") else Path(_file_of(sys.modules.get(module)))
    own = [named.resolve(), Path(_file_of_code(function) or named).resolve()]
    if not all(path.suffix == ".py" and path.is_file() for path in own):
        return []
    files = (Path(_file_of(module)) for module in list(sys.modules.values()))
    loaded = {file.resolve() for file in files if file.suffix == ".py" and file.is_absolute()}  # torch has odd ones
    near = {file for file in loaded if any(file.is_relative_to(path.parent) for path in own) and _is_of_user(file)}
    return sorted({*own, *near})


def _file_of_code(function: Any) -> str | None:
    """Returns the file of a function's code, a name such as `<string>` if there is none, None for another object."""
    for _ in range(20):  # decorators, each around the next
        inner = function.func if isinstance(function, functools.partial) else function
        function = getattr(inner, "__dict__", {}).get("__wrapped__", inner)
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    return None if code is None else str(code.co_filename)


def _file_of(module: object) -> str:
    file = getattr(module, "__file__", None)
    return file if isinstance(file, str) else ""


def _is_of_user(file: Path) -> bool:
    """False for packages that are installed below the user's own folder, as a virtual environment is."""
    return "site-packages" not in file.parts and not str(file).startswith(PACKAGE)
