"""ruvllm.build_info(): complete, typed and true."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import typing

import pytest

import ruvllm
from ruvllm.build_types import BuildInfo
from ruvllm.results.document import make_header


def test_it_has_exactly_the_fields_of_its_type() -> None:
    build = ruvllm.build_info()
    expected = typing.get_type_hints(BuildInfo)
    assert build.keys() == expected.keys()
    for name, kind in expected.items():
        value = typing.cast(dict[str, object], build)[name]
        assert isinstance(value, typing.get_origin(kind) or kind), name
        assert value, name


def test_it_agrees_with_what_is_known_elsewhere() -> None:
    build = ruvllm.build_info()
    assert build["version"] == ruvllm.__version__
    assert build["python"] == platform.python_version()
    assert build["active_isa"] == ruvllm.active_isa()
    assert build["available_isas"] == ruvllm.available_isas()
    assert set(build["available_isas"]) <= set(build["compiled_isas"])
    assert build["compiler"] in ("GCC", "Clang", "MSVC")
    assert build["cpp_standard"] == "C++20"
    assert build["build_type"] in ("Release", "Debug", "RelWithDebInfo", "MinSizeRel")
    for name in ("compiler_version", "xsimd", "pybind11"):
        assert re.fullmatch(r"\d+(\.\d+)*", typing.cast(dict[str, str], build)[name]), name


def test_contraction_was_off_and_nothing_was_fast() -> None:
    flags = ruvllm.build_info()["float_flags"]
    assert flags == ["/fp:precise"] or flags[-1] == "-ffp-contract=off"
    assert not {"-ffast-math", "-Ofast"} & set(flags)


def test_it_says_what_the_environment_asked_for() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import ruvllm; print(ruvllm.build_info()['active_isa'])"],
        env={**os.environ, "RUVLLM_ISA": "scalar"}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stdout == "scalar\n", done.stderr


def test_it_stays_a_function_whatever_is_imported() -> None:
    program = "import ruvllm.build_types, ruvllm.results.document, ruvllm; print(callable(ruvllm.build_info))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "True\n", done.stderr


@pytest.mark.parametrize("isa", ["auto", "scalar"])
def test_results_files_say_which_instruction_set_and_compiler_made_them(isa: str) -> None:
    host = make_header(None, isa=isa)["host"]
    build = ruvllm.build_info()
    assert host.isa == (build["active_isa"] if isa == "auto" else isa)
    assert host.compiler == f"{build['compiler']} {build['compiler_version']}"
