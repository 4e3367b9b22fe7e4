"""The type of what ruvllm.build_info() returns. A module called build_info would hide the function."""

from __future__ import annotations

from typing import TypedDict

__all__ = ["BuildInfo"]


class BuildInfo(TypedDict):
    """How the C++ extension was built, and what it runs on."""

    version: str
    """Of ruvllm."""
    compiler: str
    """GCC, Clang or MSVC."""
    compiler_version: str
    cpp_standard: str
    """Such as C++20."""
    build_type: str
    """CMake's: Release, Debug, RelWithDebInfo or MinSizeRel."""
    float_flags: list[str]
    """The compiler's flags that arithmetic depends on: with them every instruction set gives the same bits."""
    xsimd: str
    """Version of the headers."""
    pybind11: str
    python: str
    """Version of the interpreter that runs."""
    compiled_isas: list[str]
    """Instruction sets that this build holds."""
    available_isas: list[str]
    """Those among them that this CPU has, best last."""
    active_isa: str
    """What is used by default."""
