"""A build that asks for fast arithmetic must not switch flush-to-zero on in the process that loads it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CMAKE = Path(__file__).parents[2] / "cmake"

PROJECT = """
cmake_minimum_required(VERSION 3.24)
project(link_flags LANGUAGES CXX)
list(APPEND CMAKE_MODULE_PATH "@CMAKE@")
include(RuvllmOptions)
add_library(guarded MODULE one.cpp)
target_link_libraries(guarded PRIVATE ruvllm_options)
"""

LOAD = """
import ctypes, sys
smallest = float("2.2250738585072014e-308")
ctypes.CDLL(sys.argv[1])
print(smallest * float("0.5") > 0.0)
"""


def keeps_subnormals(library: Path) -> bool:
    done = subprocess.run([sys.executable, "-c", LOAD, str(library)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout == "True\n"


def build(folder: Path, flags: str, build_type: str) -> Path:
    (folder / "CMakeLists.txt").write_text(PROJECT.replace("@CMAKE@", CMAKE.as_posix()), encoding="utf-8")
    (folder / "one.cpp").write_text("int one() { return 1; }\n", encoding="utf-8")
    settings = [f"-DCMAKE_CXX_FLAGS={flags}", f"-DCMAKE_BUILD_TYPE={build_type}"]
    for command in (["cmake", "-S", ".", "-B", "out", *settings], ["cmake", "--build", "out"]):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
    return next((folder / "out").glob("libguarded.*"))


@pytest.mark.parametrize("build_type", ["Release", "Debug"])
@pytest.mark.parametrize("flags", ["-ffast-math", "-Ofast", "-funsafe-math-optimizations", "-O2 -Ofast -ffast-math"])
def test_what_is_linked_with_our_options_leaves_subnormal_numbers_alone(
    tmp_path: Path, flags: str, build_type: str
) -> None:
    if shutil.which("cmake") is None or sys.platform == "win32":
        pytest.skip("needs CMake and a compiler that knows these flags")
    assert keeps_subnormals(build(tmp_path, flags, build_type))
