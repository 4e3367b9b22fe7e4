"""The sdist holds what it takes to build and to test, and nothing that was built."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = (".ci/", ".github/")
MAKE = "import sys; from scikit_build_core.build import build_sdist; build_sdist(sys.argv[1])"


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Paths in the sdist, from its root."""
    if importlib.util.find_spec("scikit_build_core") is None:
        pytest.skip("scikit-build-core is not installed")
    folder = tmp_path_factory.mktemp("sdist")
    done = subprocess.run([sys.executable, "-P", "-c", MAKE, str(folder)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        return {member.name.split("/", 1)[1] for member in archive.getmembers() if member.isfile()}


def test_it_holds_every_file_of_the_repository(names: set[str]) -> None:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    tracked = [name for name in done.stdout.splitlines() if (ROOT / name).is_file()]
    if done.returncode or not tracked:
        pytest.skip("not a clone: the list of files is git's")
    assert [name for name in tracked if name not in names and not name.startswith(LEFT_OUT)] == []


def test_it_can_be_built_and_tested(names: set[str]) -> None:
    needed = {"pyproject.toml", "CMakeLists.txt", "scripts/test.sh", "README.md", "LICENSE-MIT", "LICENSE-APACHE"}
    folders = {"bench", "bindings", "cmake", "cpp", "docs", "examples", "ruvllm", "scripts", "tests"}
    assert needed <= names
    assert folders <= {name.split("/")[0] for name in names}


def test_it_holds_nothing_that_was_built(names: set[str]) -> None:
    built = (".so", ".pyd", ".pyc", ".o", ".a", ".whl", ".tar.gz")
    assert [name for name in names if name.endswith(built)] == []
    assert not {name.split("/")[0] for name in names} & {"build", "dist", "results", ".venv", ".venv-test", ".git"}
