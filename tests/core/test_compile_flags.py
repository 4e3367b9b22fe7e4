"""Whatever CXXFLAGS ask for, what is compiled with our options computes the same bits; headers refuse the rest."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMPILER = os.environ.get("CXX", "c++")
X86 = platform.machine() in ("x86_64", "AMD64")

pytestmark = pytest.mark.skipif(
    shutil.which("cmake") is None or shutil.which(COMPILER) is None or sys.platform == "win32",
    reason="needs CMake and a compiler that knows these flags",
)

PROJECT = """
cmake_minimum_required(VERSION 3.24)
project(compile_flags LANGUAGES CXX)
list(APPEND CMAKE_MODULE_PATH "@CMAKE@")
include(RuvllmOptions)
add_executable(guarded one.cpp)
target_link_libraries(guarded PRIVATE ruvllm_options)
add_executable(unguarded one.cpp)
"""

# a sum in another order, a fused multiply-add, a product with 1/3, a sign of zero, a NaN that is believed away
PROGRAM = r"""
#include <cstdio>
int main(int argc, char**)
{
    volatile float one = static_cast<float>(argc);
    float x[1000], sum = 0.0f;
    for (int i = 0; i < 1000; ++i)
        x[i] = one / static_cast<float>(i + 3);
    for (int i = 0; i < 1000; ++i)
        sum += x[i];
    const float a = one + 0x1p-12f, fused = a * a - (one + 0x1p-11f), nan = (one - one) / (one - one);
    float thirds = 0.0f;
    for (int i = 0; i < 1000; ++i)
        thirds += x[i] / (one + one + one);
    std::printf("%a %a %a %a %d\n", static_cast<double>(sum), static_cast<double>(fused),
                static_cast<double>(thirds), static_cast<double>((one - one) * -one), nan != nan);
}
"""


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def results(folder: Path, flags: str, build_type: str) -> tuple[str, str, str]:
    """What the program prints with our options and without them, and what CMake said."""
    (folder / "CMakeLists.txt").write_text(PROJECT.replace("@CMAKE@", (ROOT / "cmake").as_posix()), encoding="utf-8")
    (folder / "one.cpp").write_text(PROGRAM, encoding="utf-8")
    out = f"out{len(list(folder.iterdir()))}"
    said = run(
        ["cmake", "-S", ".", "-B", out, f"-DCMAKE_CXX_FLAGS={flags}", f"-DCMAKE_BUILD_TYPE={build_type}"], folder
    )
    run(["cmake", "--build", out], folder)
    return run([f"./{out}/guarded"], folder), run([f"./{out}/unguarded"], folder), said


def test_flags_of_others_change_no_bit_of_ours(tmp_path: Path) -> None:
    plain, _, _ = results(tmp_path, "", "Release")
    guarded, unguarded, said = results(tmp_path, "-ffast-math -march=native -O3", "Release")
    assert unguarded != plain  # else this test would show nothing
    assert guarded == plain
    assert ("left out -march=native" in said) is X86
    guarded, _, _ = results(tmp_path, "-O0", "Debug")
    assert guarded == plain


def compiles(*flags: str) -> tuple[bool, str]:
    done = subprocess.run(
        [COMPILER, "-std=c++20", "-x", "c++", "-fsyntax-only", f"-I{ROOT / 'cpp/include'}", *flags, "-"],
        input='#include "ruvllm/components/feedback_step.hpp"\n', capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return done.returncode == 0, done.stderr


@pytest.mark.parametrize("flag", ["-ffast-math", "-ffinite-math-only", "-mfpmath=387"])
def test_headers_refuse_what_changes_results(flag: str) -> None:
    if flag == "-mfpmath=387" and (not X86 or "clang" in run([COMPILER, "--version"], ROOT)):
        pytest.skip("only GCC computes in x87 registers")
    accepted, message = compiles(flag)
    assert not accepted
    assert "ruvllm must not be compiled" in message


def test_headers_accept_what_our_options_make_of_it() -> None:
    assert compiles("-ffast-math", "-fno-fast-math", "-ffp-contract=off") == (True, "")
