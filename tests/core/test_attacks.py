"""No call from Python ends the process or leaves an object broken. Attacks run in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from attack_samples import SAMPLES

from ruvllm import _core

SCRIPT = Path(__file__).parents[1] / "attack_samples.py"
CLASSES = sorted(
    name for name, value in vars(_core).items() if isinstance(value, type) and not issubclass(value, int)
)
SAVABLE = [name for name in CLASSES if hasattr(getattr(_core, name), "from_state")]


def run(*arguments: str, timeout: int = 120) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *arguments], capture_output=True, text=True, timeout=timeout,
        cwd=SCRIPT.parent,
    )  # fmt: skip
    said = "\n".join(done.stderr.splitlines()[-12:])
    assert done.returncode == 0, f"ended with {done.returncode} after {done.stdout.split()[-1:]}: {said}"
    return done.stdout


def test_every_class_is_attacked() -> None:
    assert sorted(SAMPLES) == CLASSES
    assert len(SAVABLE) >= 10
    for name in CLASSES:
        assert isinstance(SAMPLES[name](), getattr(_core, name))


@pytest.mark.parametrize(("attack", "classes"), [("threads", CLASSES), ("arguments", CLASSES), ("states", SAVABLE)])
def test_objects_withstand(attack: str, classes: list[str]) -> None:
    assert run(str(SCRIPT), attack, *classes).split() == classes


PRELUDE = """
import gc, os, signal, sys, threading, time
import numpy as np, ruvllm
rows = np.eye(64, dtype=np.float32)
bank = ruvllm.VectorBank(np.tile(rows, (100, 1)))  # large enough that other threads run meanwhile
adapter = ruvllm.MicroLoRA(64, 2)
"""

PROGRAMS = {
    "conversion calls the object itself": """
class Back:
    def __array__(self, *_, **__):
        bank.add(rows)
        adapter.learn(rows[0], rows, 1, learning_rate=0.1)
        return rows[1]
    def __index__(self):
        adapter.learn(rows[0], rows, 1, learning_rate=0.1)
        return 2
before = len(bank)
bank.cosine(Back())
adapter.learn(Back(), rows, Back(), learning_rate=0.1)
assert len(bank) == before + 2 * 64
""",
    "conversion deletes the last reference": """
class Forgets:
    def __array__(self, *_, **__):
        global bank
        del bank
        gc.collect()
        return rows[1]
assert bank.cosine(Forgets()).shape == (6400,)
""",
    "an object given twice": """
ewc = ruvllm.ElasticWeightConsolidation(len(adapter.parameters))
adapter.accumulate_fisher(ewc, rows[0], rows[1])
adapter.learn(rows[0], rows, 1, learning_rate=0.1, ewc=ewc)
engine = type(adapter).from_state(adapter.state())
assert np.array_equal(engine.parameters, adapter.parameters)
""",
    "two objects, each other's arguments, in two threads": """
replays = [ruvllm.PrioritizedReplay(10) for _ in range(2)]
streams = [ruvllm.RandomStream(i) for i in range(2)]
for replay in replays:
    replay.add(1.0)
sys.setswitchinterval(1e-6)
def draw(i):
    for _ in range(3000):
        replays[i].sample(3, streams[0])
        replays[i].sample(3, streams[1])
threads = [threading.Thread(target=draw, args=(i % 2,)) for i in range(4)]
[t.start() for t in threads]
[t.join() for t in threads]
""",
    "a fork while another thread computes": """
stop = threading.Event()
def read():
    while not stop.is_set():
        bank.cosine(rows[0])
        bank.add(rows[:1])
thread = threading.Thread(target=read)
thread.start()
for _ in range(20):
    time.sleep(0.003)
    child = os.fork() if hasattr(os, "fork") else None
    if child == 0:
        signal.alarm(20)
        try:
            bank.cosine(rows[0])
            bank.add(rows)
        except RuntimeError as error:
            assert "forked" in str(error)
        os._exit(0)
    if child:
        assert os.waitpid(child, 0)[1] == 0
stop.set()
thread.join()
""",
    "daemon threads at the end of the interpreter": """
def read():
    while True:
        bank.cosine(rows[0])
for _ in range(4):
    threading.Thread(target=read, daemon=True).start()
time.sleep(0.05)
""",
    "the collector calls an object that is in use": """
class Cycle:
    def __init__(self): self.me = self
    def __del__(self): adapter.learn(rows[0], rows, 1, learning_rate=0.01)
gc.set_threshold(1)
for _ in range(300):
    Cycle()
    adapter.gradient(rows[0], rows[1])
    adapter.state()
    ruvllm.PrioritizedReplay(3)
""",
    "arrays of indices change meanwhile": """
n = 2000
right, pool = np.zeros(n, np.int32), np.zeros((n, 8), np.int32)
queries = np.tile(rows, (n // 64 + 1, 1))[:n].copy()
stop = threading.Event()
def change():
    while not stop.is_set():
        right[:] = 2**31 - 1
        pool[:] = -(2**31)
        right[:] = 0
        pool[:] = 0
thread = threading.Thread(target=change)
thread.start()
for _ in range(30):
    for call in (
        lambda: ruvllm._core.retrieval_ranks(queries, rows, right), lambda: ruvllm._core.hardest(queries, rows, pool)
    ):
        try:
            call()
        except IndexError:
            pass
stop.set()
thread.join()
""",
    "a corpus whose arrays change afterwards": """
candidates = np.tile(np.arange(4, dtype=np.int32), (64, 1))
right, types = np.zeros(64, np.int32), np.zeros(64, np.uint8)
given = rows.copy()
source = ruvllm.CorpusSource(queries=given, solutions=given, candidates=candidates, right=right, types=types)
candidates[:], right[:], types[:], given[:] = 10**6, 10**6, 255, np.nan
engine = ruvllm.LearningEngine(source, ruvllm.EngineConfig(dim=64, rank=2, heads=4, scaling=1.0))
engine.train(np.arange(64), learning_rate=0.01, temperature=1.0)
assert np.isfinite(engine.parameters).all() and source.load(3)[2] == 0
""",
    "sizes that no machine has": """
for size in (2**24, 2**31, 2**32, 2**40, 2**62, 2**64 - 1):
    for make in (
        lambda: ruvllm.MicroLoRA(size, size),
        lambda: ruvllm.MultiHeadLoRA(2**20, 2**10, 60000),
        lambda: ruvllm.SumTree(size * 2**8),
        lambda: ruvllm.PrioritizedReplay(size * 2**8),
        lambda: ruvllm.ElasticWeightConsolidation(size * 2**12),
        lambda: ruvllm.ContrastiveMemory(size, types=size, positives=size, negatives=size),
        lambda: ruvllm.NgramEncoder(size).encode([b"x"] * 20000),
        lambda: ruvllm.RandomStream(0).uniform(size * 2**14),
        lambda: ruvllm.PatternBank(size, capacity=size),
        lambda: ruvllm.EngineConfig(dim=size, rank=size, heads=size, scaling=1.0),
    ):
        try:
            make()
        except (ValueError, MemoryError):
            pass
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_process_goes_on_after(name: str) -> None:
    run("-c", PRELUDE + PROGRAMS[name])
