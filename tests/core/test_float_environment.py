"""A library that switches flush-to-zero on, as old -ffast-math builds do, changes no result and stays as it is."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SWITCH = """
#if defined(__x86_64__)
#include <xmmintrin.h>
__attribute__((constructor)) static void switch_on(void) { _mm_setcsr(_mm_getcsr() | 0x8040u); } /* FTZ and DAZ */
#elif defined(__aarch64__)
__attribute__((constructor)) static void switch_on(void)
{
    unsigned long fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    fpcr |= 1ul << 24; /* FZ */
    __asm__ volatile("msr fpcr, %0" : : "r"(fpcr));
}
#endif
"""

# Learning rates so small that steps are subnormal numbers: what flush-to-zero changes is the result itself.
PROGRAM = """
import ctypes, hashlib, json, struct, sys
if len(sys.argv) > 2:
    ctypes.CDLL(sys.argv[2])
smallest = float("2.2250738585072014e-308")
flushes = [smallest * float("0.5") == 0.0]
sys.path.insert(0, sys.argv[1])
import numpy as np
from simulated_samples import DIM, small_workload
import ruvllm
from ruvllm.learning.constants import Size
from ruvllm.learning.protocols import PROTOCOLS, engine_config

digests = {}
def record(name, *arrays):
    digests[name] = hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()

workload = small_workload(size=Size(3, 40))
for rate in (2e-38, 0.003):
    config = engine_config(PROTOCOLS["v3"], dim=DIM, rank=2, n_types=4, seed=1)
    engine = ruvllm.LearningEngine(workload.source, config)
    outcomes = engine.train(workload.parts.train, learning_rate=rate, temperature=0.05)
    loss = engine.replay(60, learning_rate=rate)
    engine.learn_patterns()
    engine.end_epoch()
    engine.consolidate()
    parameters = engine.parameters
    record(f"outcomes {rate}", *outcomes, np.array([loss]))
    record(f"parameters {rate}", parameters, engine.fisher, engine.reference)
    record(f"patterns {rate}", engine.pattern_queries, engine.pattern_solutions, engine.pattern_qualities)
    record(f"answers {rate}", *engine.evaluate(workload.parts.test))
    if rate < 1e-30:
        bits = parameters.view(np.uint32)
        subnormal = int(np.count_nonzero((bits & 0x7F800000 == 0) & (bits & 0x007FFFFF != 0)))

tiny = np.full(64, 0x00000800, np.uint32).view(np.float32)  # subnormal; not computed, so nothing flushes it
lora = ruvllm.MicroLoRA(64, 1, seed=1)
lora.step(np.ones(64, np.float32), tiny, learning_rate=0.5, momentum=0.0)
record("lora", lora.parameters, lora.forward(tiny), *lora.gradient(tiny, tiny))
ewc = ruvllm.ElasticWeightConsolidation(64, fisher_decay=0.0)
ewc.add_example(np.full(64, 0x1E3CE508, np.uint32).view(np.float32))  # 1e-20, whose square is subnormal
ewc.update_fisher()
record("fisher", ewc.fisher)
subnormal_double = struct.unpack("<d", bytes([0, 0, 1, 0, 0, 0, 0, 0]))[0]
tree = ruvllm.SumTree(2)
tree.set(0, subnormal_double)
tree.set(1, subnormal_double)
record("tree", np.array([tree.total]), np.array([tree.find(subnormal_double)]))
flushes.append(smallest * float("0.5") == 0.0)
print(json.dumps({"flushes": flushes, "subnormal": subnormal, "digests": digests}))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        pytest.skip("no C compiler 'cc' (or the one that CC names): no library to switch flush-to-zero on")
    if platform.machine() not in ("x86_64", "aarch64"):
        pytest.skip(f"no way to switch flush-to-zero on is known here for {platform.machine()}")
    folder = tmp_path_factory.mktemp("flush")
    (folder / "switch.c").write_text(SWITCH, encoding="utf-8")
    command = [compiler, "-shared", "-fPIC", "-o", "switch.so", "switch.c"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    return folder / "switch.so"


def run(*library: Path) -> dict[str, Any]:
    """What the program reports; numpy warns where it finds that the smallest subnormal is zero."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, str(Path(__file__).parents[1]), *map(str, library)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_flush_to_zero_changes_no_result_and_is_left_as_it_was_found(library: Path) -> None:
    usual, flushed = run(), run(library)
    assert usual["flushes"] == [False, False]
    assert flushed["flushes"] == [True, True], "the library did not switch flush-to-zero on, or we switched it off"
    assert usual["subnormal"] > 500  # the run goes where flushing would show
    assert flushed["subnormal"] == usual["subnormal"]
    assert flushed["digests"] == usual["digests"]
