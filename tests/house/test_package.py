"""`import ruvllm`: light, complete, and clear about what is missing."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import pkgutil
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ruvllm
from ruvllm import _core
from ruvllm.benchmark.learner import load_checkpoint
from ruvllm.benchmark.sweeps.dispatch import run_plan
from ruvllm.encoders.base import Encoder
from ruvllm.evaluation.retrieval import crowding
from ruvllm.files.objects import load, save
from ruvllm.online import AdaptiveRanker
from ruvllm.workloads.code.functions import read_corpus
from ruvllm.workloads.inputs import read_input

PUBLIC = [name for name in ruvllm.__all__ if not name.startswith("_")]
NOT_OF_THE_CORE = {
    "AdaptiveRanker": AdaptiveRanker,
    "Encoder": Encoder,
    "crowding": crowding,
    "load": load,
    "load_checkpoint": load_checkpoint,
    "read_corpus": read_corpus,
    "read_input": read_input,
    "run_plan": run_plan,
    "save": save,
}


def python(program: str, *options: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *options, "-c", program], capture_output=True, text=True, timeout=60, cwd=cwd
    )


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_that_of_its_module_and_has_a_docstring(name: str) -> None:
    value = getattr(ruvllm, name)
    assert value is (NOT_OF_THE_CORE[name] if name in NOT_OF_THE_CORE else getattr(_core, name))
    assert value.__doc__
    assert name in dir(ruvllm)


def test_all_public_names_can_be_imported_at_once() -> None:
    done = python("from ruvllm import *; print(MicroLoRA.__name__, spherical_kmeans.__name__, __version__)")
    assert done.stdout.split() == ["MicroLoRA", "spherical_kmeans", ruvllm.__version__], done.stderr


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'ruvllm' has no attribute 'MacroLoRA'"):
        _ = ruvllm.MacroLoRA


def test_the_import_loads_neither_numpy_nor_the_core() -> None:
    done = python("import sys, ruvllm; print(sorted({'numpy', 'ruvllm._core', 'click', 'rich'} & set(sys.modules)))")
    assert done.stdout.strip() == "[]", done.stderr


def test_without_the_extension_the_import_says_how_to_build_it(tmp_path: Path) -> None:
    folder = tmp_path / "ruvllm"
    folder.mkdir()
    for name in ("__init__.py", "lazy.py", "version.py"):
        shutil.copy(Path(ruvllm.__file__).parent / name, folder)
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import ruvllm"
    done = python(program, "-I", "-S")  # -S: no editable install steps in
    assert done.returncode == 1
    assert "ModuleNotFoundError: No module named 'ruvllm._core'" in done.stderr
    assert "pip install ." in done.stderr and "pip install -e . --no-build-isolation" in done.stderr


def test_a_broken_extension_says_so_at_the_first_use(tmp_path: Path) -> None:
    folder = tmp_path / "ruvllm"
    folder.mkdir()
    for name in ("__init__.py", "lazy.py", "version.py"):
        shutil.copy(Path(ruvllm.__file__).parent / name, folder)
    (folder / "_core.py").write_text("raise ImportError('built for another Python')", encoding="utf-8")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import ruvllm; print('in'); ruvllm.MicroLoRA"
    done = python(program, "-I", "-S")
    assert done.stdout.strip() == "in"
    assert "built for another Python" in done.stderr and "pip install ." in done.stderr


PUBLIC_PACKAGES = ("ruvllm", "ruvllm.workloads", "ruvllm.encoders")


@pytest.mark.parametrize("name", PUBLIC_PACKAGES)
def test_a_package_lists_its_public_names_only(name: str) -> None:
    program = f"import {name} as p; print(*[n for n in dir(p) if not n.startswith('_')]); print(*sorted(p.__all__))"
    for start in ("", f"from {name} import *\n", "import ruvllm.commands.bench_actions\n"):  # before and after loading
        done = python(start + program)
        listed, public = map(str.split, done.stdout.splitlines())
        assert listed == [name for name in public if not name.startswith("_")], done.stderr
    assert "__all__" in dir(importlib.import_module(name))



def test_no_default_of_a_public_function_is_shown_as_an_address() -> None:
    found = []
    packages = ("workloads", "encoders", "evaluation", "results")
    folder = Path(ruvllm.__file__).parent
    names = [m.name for p in packages for m in pkgutil.walk_packages([str(folder / p)], f"ruvllm.{p}.")]
    for module in map(importlib.import_module, ["ruvllm", *names]):
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            methods = [v for v in vars(value).values() if callable(v)] if inspect.isclass(value) else []
            for each in (value, *methods):
                with contextlib.suppress(TypeError, ValueError):  # of the core: pybind11 writes its own
                    parameters = inspect.signature(each).parameters.values()
                    found += [f"{module.__name__}.{name}: {p}" for p in parameters if " at 0x" in repr(p.default)]
    assert found == []
