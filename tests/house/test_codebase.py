"""Promises about the source tree itself: layers, versions, sizes, build flags."""

import re
from importlib import metadata
from pathlib import Path

import pytest

import ruvllm
from ruvllm import _core

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = ROOT / "cpp" / "include" / "ruvllm"
LAYERS = ["simd", "numeric", "text", "components", "tasks", "engine", "measure"]
"""Each may include itself and those before it."""
MAX_LINES = 400


def files(folder: str, *suffixes: str) -> list[Path]:
    found = [path for path in sorted((ROOT / folder).rglob("*")) if path.suffix in suffixes]
    assert found, f"no {suffixes} in {folder}: has it moved?"
    return found


def includes(path: Path) -> list[str]:
    return re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', path.read_text(encoding="utf-8"), re.MULTILINE)


def test_there_is_no_python_in_the_cpp_core() -> None:
    for path in files("cpp", ".hpp", ".cpp"):
        forbidden = [name for name in includes(path) if name == "Python.h" or name.startswith(("pybind11/", "numpy/"))]
        assert not forbidden, f"{path.relative_to(ROOT)} includes {forbidden}"


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_includes_only_itself_and_those_below(layer: str) -> None:
    allowed = LAYERS[: LAYERS.index(layer) + 1]
    headers = [path for path in files("cpp/include", ".hpp") if path.is_relative_to(INCLUDE / layer)]
    for path in headers:
        for name in includes(path):
            if name.startswith("ruvllm/"):
                assert name.split("/")[1] in allowed, f"{path.relative_to(ROOT)} includes {name}"


def test_every_header_belongs_to_a_layer() -> None:
    for path in files("cpp/include", ".hpp"):
        parts = path.relative_to(INCLUDE).parts
        assert parts[0] in LAYERS or parts == ("ruvllm.hpp",), f"{path.relative_to(ROOT)} is in no layer"


def test_only_the_kernels_know_xsimd() -> None:
    allowed = {INCLUDE / "simd" / "block.hpp", ROOT / "cpp" / "src" / "dispatch.cpp"}
    for path in files("cpp", ".hpp", ".cpp") + files("bindings", ".hpp", ".cpp"):
        if path not in allowed:
            assert not [name for name in includes(path) if name.startswith("xsimd")], path.relative_to(ROOT)


def test_every_cpp_test_is_built() -> None:
    registered = re.findall(r"^ruvllm_add_test\((\w+)\)", (ROOT / "cpp/tests/CMakeLists.txt").read_text(), re.MULTILINE)
    assert sorted(registered) == [path.stem for path in files("cpp/tests", ".cpp") if path.stem.startswith("test_")]


def test_files_for_one_instruction_set_hold_only_instantiations() -> None:
    # Anything else there could be merged with the baseline by the linker and bring its instructions along.
    for path in files("cpp/arch", ".cpp"):
        assert includes(path) == ["ruvllm/simd/kernels.hpp"], path.relative_to(ROOT)
        statements = re.findall(r"^(?!//|#|namespace|}|\s*$).*", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert len(statements) == 2, f"{path.relative_to(ROOT)}: {statements}"
        assert statements[0].startswith("template struct Kernels<")
        assert statements[1].startswith("extern constexpr KernelTable kernels_")


def test_versions_agree() -> None:
    assert ruvllm.__version__ == _core.__version__ == metadata.version("ruvllm")


def test_files_stay_short() -> None:
    sources = [
        *files("ruvllm", ".py"),
        *files("cpp/include", ".hpp"),
        *files("cpp/src", ".cpp"),
        *files("bindings", ".hpp", ".cpp"),
    ]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in sources}
    assert {name: n for name, n in lengths.items() if n > MAX_LINES} == {}


def test_no_build_file_asks_for_fast_math() -> None:
    build_files = [ROOT / "CMakeLists.txt", ROOT / "pyproject.toml", *files("cmake", ".cmake")]
    build_files += [*(ROOT / "bindings").glob("CMakeLists.txt"), *ROOT.glob("cpp/**/CMakeLists.txt")]
    build_files += [*(ROOT / "bench").glob("CMakeLists.txt"), *(ROOT / "scripts").glob("*.sh")]
    forbidden = re.compile(
        r"-ffast-math|-Ofast|-funsafe-math|-fassociative-math|-ffp-contract=(?!off)|-mfma\b|-march=native|/fp:fast"
    )
    for path in build_files:
        assert not forbidden.search(path.read_text(encoding="utf-8")), path.relative_to(ROOT)


def test_contraction_is_off_for_the_core_and_whoever_links_it() -> None:
    arch = (ROOT / "cmake" / "RuvllmArch.cmake").read_text(encoding="utf-8")
    # after -fno-fast-math, which in Clang brings contraction back
    assert re.search(r"ruvllm_options INTERFACE\s+-fno-fast-math -ffp-contract=off", arch)
    assert re.search(r"target_link_libraries\(ruvllm_core PUBLIC ruvllm_options", arch)


def test_run_time_dependencies_stay_light() -> None:
    required = [line for line in metadata.requires("ruvllm") or [] if "extra ==" not in line]
    names = {re.split(r"[^A-Za-z0-9._-]", line)[0].lower() for line in required}
    assert names == {"numpy", "click", "rich", "safetensors"}
