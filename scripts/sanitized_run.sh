#!/usr/bin/env bash
# A quick benchmark run, its verification and a replay with the core under AddressSanitizer and
# UndefinedBehaviorSanitizer. By hand: the build takes some minutes.
#
#   scripts/sanitized_run.sh
#
# Needs what `pip install -e . --no-build-isolation` needs, in the Python that is first in PATH, and GCC.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
build="$root/build/asan-python"
python="$(command -v python)"

cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo "-DPython_EXECUTABLE=$python" \
  "-Dpybind11_DIR=$("$python" -m pybind11 --cmakedir)" \
  "-DCMAKE_CXX_FLAGS=-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1"
cmake --build "$build" --target _core
site="$build/site"
rm -rf "$site"
mkdir -p "$site"
cp -r "$root/ruvllm" "$site/"
cp "$build"/bindings/_core*.so "$site/ruvllm/"

preload="$(${CXX:-g++} -print-file-name=libasan.so):$(${CXX:-g++} -print-file-name=libubsan.so)"
packages="$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
# -S: not the installed package. Leaks are not looked for: the interpreter keeps memory to its end.
run() {
  LD_PRELOAD="$preload" ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
    PYTHONPATH="$site:$packages" "$python" -S -P -c "import sys; from ruvllm.$1 import main; sys.exit(main())" "${@:2}"
}
out="$(mktemp -d)"
trap 'rm -rf "$out"' EXIT
run commands.bench --profile quick --protocol all --models Qwen2.5-Coder-1.5B --out "$out" -q
run commands.bench --profile quick --models Qwen2.5-Coder-1.5B --out "$out" -q --resume
run commands.verify "$out"/checkpoints/*.json -q
run commands.verify --replay "$out"/checkpoints/*_v3_*.json
echo "clean: a quick run of v1, v2 and v3, its verification and a replay under AddressSanitizer and UBSan"
