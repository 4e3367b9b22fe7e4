#!/usr/bin/env bash
# Keeps a change from making learning worse: exits with 3 if the new run is worse than the old one beyond chance.
set -euo pipefail

run() { ruvllm-bench --profile quick --seeds 2 --models Phi-3-mini-4k --no-controls --quiet "$@"; }

# The old results: from the last release, an artifact of the main branch, or made anew as here.
run --out old
run --out new # with your change: another protocol, rate, encoder or input

ruvllm-report compare old/benchmark-*.json new/benchmark-*.json --margin 2
