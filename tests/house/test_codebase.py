"""Promises about the source tree itself: layers, versions, sizes, names, build flags."""

import ast
import re
import subprocess
import tomllib
from collections import Counter
from graphlib import TopologicalSorter
from importlib import metadata
from pathlib import Path

import layers
import pytest

import ruvllm
from ruvllm import _core

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = ROOT / "cpp" / "include" / "ruvllm"
LAYERS = ["simd", "numeric", "text", "components", "tasks", "engine", "measure"]
"""Each may include itself and those before it."""
MAX_LINES = 400
MAX_MODULE_LINES = 300
MAX_MODULES = 16
MAX_UNTYPED = 30


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


# Python packages. scripts/layers.py says what each may import.


def test_every_package_has_a_layer() -> None:
    assert set(layers.packages()) == set(layers.MAY_IMPORT)


def test_the_layers_run_straight_down() -> None:
    graph = {package: {name.split(".")[0] for name in below} for package, below in layers.MAY_IMPORT.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError
    assert not {"benchmark", "learning", "workloads"} & graph["report"] | {"benchmark"} & graph["results"]


@pytest.mark.parametrize("package", list(layers.MAY_IMPORT))
def test_a_package_imports_only_those_below(package: str) -> None:
    upward = [found for found in layers.read_imports() if found.packages[0] == package and not found.is_allowed()]
    assert not upward, f"scripts/layers.py does not allow {upward}"


def test_no_two_packages_import_each_other() -> None:
    arrows = {found.packages for found in layers.read_imports() if len(set(found.packages)) == 2}
    assert {arrow for arrow in arrows if arrow[::-1] in arrows} == set()


def test_a_package_says_what_it_is_and_loads_nothing() -> None:
    """workloads, encoders and online hand names out, but only when they are asked for."""
    for path in (ROOT / "ruvllm").glob("*/**/__init__.py"):
        module = ast.parse(path.read_text(encoding="utf-8"))
        assert ast.get_docstring(module), f"{path.relative_to(ROOT)} has no docstring"
        if path.parent.name not in ("workloads", "encoders", "online") or "commands" in path.parts:
            assert len(module.body) == 1, f"{path.relative_to(ROOT)} holds more than its docstring"
        for statement in module.body:  # what is inside functions runs later, what is under TYPE_CHECKING never
            if isinstance(statement, ast.Import | ast.ImportFrom):
                name = ast.unparse(statement).split()[1]
                assert name.split(".")[0] != "ruvllm" or name == "ruvllm.lazy", path.relative_to(ROOT)


def test_no_folder_is_crowded() -> None:
    modules = Counter(path.parent for path in files("ruvllm", ".py") if path.name != "__init__.py")
    assert {str(folder.relative_to(ROOT)): n for folder, n in modules.items() if n > MAX_MODULES} == {}


def test_modules_stay_short() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files("ruvllm", ".py")}
    assert {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > MAX_MODULE_LINES} == {}


def test_dictionaries_are_typed_but_where_the_content_is_free() -> None:
    modules = files("ruvllm", ".py")
    untyped = Counter({path: path.read_text(encoding="utf-8").count("dict[str, Any]") for path in modules})
    assert untyped.total() <= MAX_UNTYPED, [(path.name, n) for path, n in untyped.most_common() if n]


# names

SOURCES = {".py", ".pyi", ".hpp", ".cpp", ".sh", ".cmake", ".css", ".j2"}
TEXTS = {*SOURCES, ".md", ".toml", ".txt", ".json", ".yaml", ".yml"}
FOREIGN = {"xsimd.hpp", "xsimd_config.hpp", "FILE.py"}
OLD_WORDS = {"given": "input", "told": "input", "asked": "input", "elsewhere": "transfer", "watched": "validation"}


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a clone: the list of files is git's")
    return [ROOT / name for name in done.stdout.splitlines() if (ROOT / name).is_file()]


def texts() -> list[Path]:
    """Those that people write; not results, vectors of the format, and pictures."""
    made = (ROOT / "docs/results", ROOT / "tests/vectors")
    return [path for path in tracked() if path.suffix in TEXTS and not path.is_relative_to(made[0])
            and not path.is_relative_to(made[1])]  # fmt: skip


def test_comments_point_to_documents_that_are_there() -> None:
    missing = "(design" + ","  # in two pieces, for the sake of this file
    assert [str(path.relative_to(ROOT)) for path in texts() if missing in path.read_text(encoding="utf-8")] == []


def test_a_file_that_is_named_is_there() -> None:
    there = {f"/{path.relative_to(ROOT)}" for path in tracked()}
    names = re.compile(r"[\w./]*\b\w+\.(?:py|pyi|hpp|sh|css|j2)\b")
    for path in texts():
        if path.is_relative_to(ROOT / "tests") or path.name == "CONTRIBUTING.md":
            continue  # they make files
        named = {name.lstrip("./") for name in names.findall(path.read_text(encoding="utf-8"))}
        gone = [name for name in named if not any(known.endswith(f"/{name}") for known in there)]
        assert [name for name in gone if Path(name).name not in FOREIGN] == [], path.relative_to(ROOT)


def test_one_word_for_one_thing() -> None:
    found = {}
    for path in files("ruvllm", ".py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {getattr(node, "arg", None) or getattr(node, "id", None) or getattr(node, "attr", None)
                 for node in ast.walk(tree)}  # fmt: skip
        if old := {str(name) for name in names if set(str(name).split("_")) & set(OLD_WORDS)}:
            found[str(path.relative_to(ROOT))] = old
    assert found == {}, f"say {OLD_WORDS}"


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
    options = (ROOT / "cmake" / "RuvllmOptions.cmake").read_text(encoding="utf-8")
    # after -fno-fast-math, which in Clang brings contraction back
    assert re.search(r"ruvllm_options INTERFACE\s+-fno-fast-math -ffp-contract=off", options)
    assert re.search(r"target_link_libraries\(ruvllm_core PUBLIC ruvllm_options", arch)


def test_run_time_dependencies_stay_light() -> None:
    required = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    names = {re.split(r"[^A-Za-z0-9._-]", line)[0].lower() for line in required}
    assert names == {"numpy", "click", "rich", "safetensors", "msgspec"}
