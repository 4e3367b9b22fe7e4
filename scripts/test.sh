#!/usr/bin/env bash
# The one test command: builds and tests everything, in the order in which failures are cheapest to find.
#
#   scripts/test.sh              all stages
#   scripts/test.sh STAGE...     some of them: lint (ruff, mypy, stubtest), cpp (build, ctest), py (pytest)
#
# Needs Python >= 3.11, a C++20 compiler and the package index. Works from any folder and in a fresh clone.
# RUVLLM_TEST_VENV names another virtual environment than .venv-test; PYTHON another interpreter to make it with.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
venv="${RUVLLM_TEST_VENV:-$root/.venv-test}"
build="$root/build/ctest"
jobs="$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)"
compiler="${CXX:-c++}"
cd "$root"

for name in "$@"; do
  case "$name" in
    lint | cpp | py) ;;
    *) printf "scripts/test.sh: no stage '%s'; there are lint, cpp and py\n" "$name" >&2; exit 2 ;;
  esac
done
stages=" ${*:-lint cpp py} "
wants() { [[ "$stages" == *" $1 "* ]]; }

stage() { printf '\n== %s (%ds)\n' "$1" "$SECONDS"; }
fail() { printf 'scripts/test.sh: %s\n' "$1" >&2; exit 1; }

has_header() { printf '#include <%s>\n' "$1" | "$compiler" -std=c++20 -x c++ -fsyntax-only - 2>/dev/null; }
can_install() { [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; }

apt_updated=no
install_packages() {
  can_install || return 1
  echo "installing $*"
  if [ "$apt_updated" = no ]; then
    apt-get update -qq >/dev/null 2>&1 || true # an old list may still do
    apt_updated=yes
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o Acquire::Retries=1 \
    -o Acquire::http::Timeout=60 "$@" >/dev/null 2>&1 </dev/null
}

require_header() { # header, package
  has_header "$1" && return
  install_packages "$2" || true
  has_header "$1" || fail "the header <$1> is missing: install the package $2"
}

stage "system packages"
command -v "$compiler" >/dev/null || fail "no C++ compiler '$compiler': install one, or name yours in CXX"
has_header version || fail "'$compiler' does not compile C++20"
if wants cpp; then
  require_header gtest/gtest.h libgtest-dev
  require_header benchmark/benchmark.h libbenchmark-dev
  if [ "$(uname -m)" = x86_64 ]; then # only here is NEON a foreign instruction set; its tests are skipped without these
    command -v aarch64-linux-gnu-g++ >/dev/null && command -v qemu-aarch64 >/dev/null ||
      install_packages g++-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user ||
      echo "no cross-compiler or emulator for aarch64: the NEON tests will be skipped"
  fi
  # Another compiler's build is held against the same pinned digests.
  case "$("$compiler" --version)" in
    *clang*) other=g++ package=g++ ;;
    *) other=clang++ package=clang ;;
  esac
  command -v "$other" >/dev/null || install_packages "$package" ||
    echo "no $other: the digests of its build will be skipped"
fi
if wants py; then # tests make repositories of their own
  command -v git >/dev/null || install_packages git || fail "git is missing: install the package git"
fi
# The report's page is opened in a real browser. It is large, so it comes while the rest is built.
has_browser() { command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null
browser_install=
if wants py && ! has_browser && can_install; then
  install_packages chromium fonts-dejavu-core &
  browser_install=$!
  trap 'wait' EXIT # apt-get is not left behind half done
fi

stage "virtual environment $venv"
if [ ! -x "$venv/bin/python" ]; then
  python="${PYTHON:-python3}"
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "'$python' is not Python 3.11 or newer"
  "$python" -m venv "$venv"
fi
export PATH="$venv/bin:$PATH" PIP_DISABLE_PIP_VERSION_CHECK=1
unset PYTHONPATH
# The tests must see the installed package, in child processes too: the source folder beside them has no extension.
export PYTHONSAFEPATH=1

stage "install"
pip install --quiet ".[test]"
if wants py; then
  # By itself: it wants a newer setuptools than pythran, whose headers are all that is used of it, allows.
  pip install --quiet llama-index-core 2>/dev/null || echo "no llama-index-core: its tests will be skipped"
fi
python - "$venv" <<'CHECK'
import pathlib, sys
import ruvllm
print("ruvllm", ruvllm.__version__, "from", ruvllm.__file__)
if pathlib.Path(sys.argv[1]).resolve() not in pathlib.Path(ruvllm.__file__).resolve().parents:
    sys.exit("ruvllm is not imported from the virtual environment")
CHECK

if wants lint; then
  stage "ruff"
  ruff check ruvllm tests scripts bench examples
  stage "mypy"
  mypy --strict ruvllm
  stage "stubtest"
  python -m mypy.stubtest ruvllm._core --allowlist tests/stubtest-allowlist.txt \
    --mypy-config-file pyproject.toml
fi

if wants cpp; then
  stage "C++ build"
  cmake -S . -B "$build" -G Ninja -DRUVLLM_BUILD_PYTHON=OFF -DRUVLLM_BUILD_TESTS=ON -DRUVLLM_BUILD_BENCH=ON \
    -DRUVLLM_WARNINGS_AS_ERRORS=ON "-DPython_EXECUTABLE=$venv/bin/python"
  cmake --build "$build" --parallel "$jobs"
  stage "C++ tests"
  ctest --test-dir "$build" --output-on-failure --no-tests=error --parallel "$jobs"
fi

if wants py; then
  if [ -n "$browser_install" ]; then
    stage "browser"
    wait "$browser_install" || true
  fi
  has_browser || echo "no Chromium: the report's page will not be opened in a browser"
  stage "Python tests"
  # a file at a time on each processor: what a file's tests share is made once
  python -m pytest -n "$jobs" --dist loadfile
fi
