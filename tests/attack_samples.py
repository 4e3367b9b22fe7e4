"""Attacks on the objects of the core: threads, hostile arguments, hostile states. A script with a process of its own:

    python attack_samples.py threads|arguments|states CLASS...

names each class before it attacks it, and ends with 0 where all objects held: every call gave a result or one of
the allowed errors, a refused call changed nothing, and objects were of use afterwards. A crash ends it with a signal.
"""

from __future__ import annotations

import copy
import hashlib
import inspect
import itertools
import random
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ruvllm import _core

DIM, N = 32, 12
OUTCOMES = np.array([2, 1, 0, -1] * 3, np.int8)
ALLOWED = (ValueError, TypeError, IndexError, RuntimeError, MemoryError, OverflowError, AttributeError, LookupError)
MOST_ITEMS = 4_000_000  # an array that was asked for and made


def unit_rows(seed: int, n: int = N) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def corpus() -> _core.CorpusSource:
    random_numbers = np.random.default_rng(5)
    return _core.CorpusSource(
        queries=unit_rows(1), solutions=unit_rows(2), types=np.arange(N, dtype=np.uint8) % 4,
        candidates=np.array([random_numbers.permutation(N)[:4] for _ in range(N)], np.int32),
        right=random_numbers.integers(0, 4, N).astype(np.int32),
    )  # fmt: skip


def world() -> _core.SimulatedWorld:
    return _core.SimulatedWorld(
        dim=DIM, model=1, habit=1.0, visibility=1.0, seed=2, keys=np.arange(N, dtype=np.uint64),
        difficulty=np.full(N, 0.5, np.float32), types=np.arange(N, dtype=np.uint8) % 4, families=np.zeros(N, np.uint8),
    )  # fmt: skip


def config() -> _core.EngineConfig:
    return _core.EngineConfig(dim=DIM, rank=2, heads=4, scaling=1.0)


def encoder() -> _core.NgramEncoder:
    made = _core.NgramEncoder(DIM)
    made.fit([b"one two", b"three"])
    return made


def patterns() -> _core.PatternBank:
    bank = _core.PatternBank(DIM, capacity=40)
    for query, solution in zip(unit_rows(3), unit_rows(4), strict=True):
        bank.add(query, solution, quality=0.5, type=1)
    return bank


def memory() -> _core.ContrastiveMemory:
    made = _core.ContrastiveMemory(DIM, positives=16, negatives=16)
    for i, row in enumerate(unit_rows(6)):
        made.add_positive(row, i % 4)
        made.add_negative(row, i % 4)
    return made


def replay() -> _core.PrioritizedReplay:
    made = _core.PrioritizedReplay(capacity=200)
    for i in range(20):
        made.add(i / 10)
    return made


def tree() -> _core.SumTree:
    made = _core.SumTree(20)
    for i in range(10):
        made.set(i, i + 0.5)
    return made


def adapter() -> _core.MicroLoRA:
    made = _core.MicroLoRA(dim=DIM, rank=2, seed=1)
    made.learn(unit_rows(7)[0], unit_rows(8), 1, learning_rate=0.1)
    return made


def ewc(parameters: int = 4 * DIM) -> _core.ElasticWeightConsolidation:
    made = _core.ElasticWeightConsolidation(parameters)
    made.add_example(np.ones(parameters, np.float32))
    made.update_fisher()
    made.consolidate(np.zeros(parameters, np.float32))
    return made


def feedback() -> _core.FeedbackAdapter:
    made = _core.FeedbackAdapter(DIM, 2, scaling=2.0, learning_rate=0.1)
    made.learn(unit_rows(7)[0], unit_rows(8), OUTCOMES)
    return made


def published() -> _core.PublishedAdapter:
    made = _core.PublishedAdapter(DIM)
    made.publish(np.full(4 * DIM, 0.1, np.float32), "first")
    return made


def evidence() -> _core.BettingEvidence:
    made = _core.BettingEvidence()
    made.add(0.5)
    return made


def copies() -> _core.TaskCopies:
    numbers = np.arange(3, dtype=np.uint32)
    texts = [b"def one(a): return a + 1", b"def one(b): return b + 1", b"something else altogether"]
    return _core.TaskCopies(texts, texts, numbers, numbers)


def lexical() -> _core.Bm25:
    made = _core.Bm25()
    made.add([b"parseHTTPHeaders of one file", b"def two(): pass", b""] * 4)
    return made


SAMPLES: dict[str, Callable[[], Any]] = {
    "AssociationConfig": lambda: config().associations,
    "BettingEvidence": evidence,
    "Bm25": lexical,
    "ContrastiveConfig": lambda: config().contrastive,
    "ContrastiveMemory": memory,
    "CorpusSource": corpus,
    "ElasticWeightConsolidation": ewc,
    "EngineConfig": config,
    "EpisodicConfig": lambda: config().associations.episodes,
    "EwcConfig": lambda: config().ewc,
    "FeedbackAdapter": feedback,
    "LearningEngine": lambda: _core.LearningEngine(corpus(), config()),
    "LoraConfig": lambda: config().lora,
    "MicroLoRA": adapter,
    "MultiHeadLoRA": lambda: _core.MultiHeadLoRA(DIM, 2, 3, seed=1),
    "NgramEncoder": encoder,
    "PatternBank": patterns,
    "PatternConfig": lambda: config().patterns,
    "PrioritizedReplay": replay,
    "PublishedAdapter": published,
    "RandomStream": lambda: _core.RandomStream(3),
    "ReplayConfig": lambda: config().replay,
    "SimulatedWorld": world,
    "SumTree": tree,
    "TaskCopies": copies,
    "TaskSource": corpus,
    "VectorBank": lambda: _core.VectorBank(unit_rows(9)),
}

ROW, ROWS = unit_rows(10)[0], unit_rows(11)
TASKS = np.arange(N, dtype=np.uint32)
GOOD: dict[str, list[Any]] = {
    "adapter": [0, 1], "below": [5], "candidates": [ROWS], "capacity": [10], "chosen": [0, 1], "config": [config()],
    "champion": [None, published()], "documents": [TASKS, TASKS[:0]], "gain": [0.5, -1.0], "learn": [True, False],
    "name": ["one"], "names": [None, list(range(N)), [f"n{i}" for i in range(N)]],
    "numbers": [evidence().numbers], "outcomes": [OUTCOMES], "rewards": [None, np.full(N, 0.5)],
    "top": [None, 3],
    "i": [0, 2], "j": [1], "known": [np.array([0, 1])], "start": [np.arange(3)],
    "dim": [DIM, 4], "ewc": [None, ewc()], "ewc_lambda": [1.0], "fisher_decay": [0.9, 0.0], "g": [ROW], "h": [ROW],
    "gradient": [np.ones(4 * DIM, np.float32)], "heads": [0, 2], "index": [0, 3], "item": [0, 19], "isa": ["auto"],
    "items": [np.array([0, 3])], "leaf": [0, 9], "learning_rate": [0.0, 0.1], "length": [0.1], "momentum": [0.0, 0.9],
    "n": [0, 3], "neighbours": [2], "out": [None, np.empty(N, np.float32)],
    "parameters": [np.ones(4 * DIM, np.float32)],
    "quality": [0.5], "queries": [ROWS, [b"one two"]], "query": [ROW],
    "statistics": [None, TASKS], "rank": [1, 2], "right": [0, 1], "rows": [ROWS, ROWS[:0]],
    "seed": [0], "scaling": [1.0], "solution": [ROW], "solutions": [ROWS], "source": [corpus()],
    "stream": [_core.RandomStream(1)], "target": [0.0, 3.0], "task": [0, 5], "tasks": [TASKS, TASKS[:0]], "tau": [0.07],
    "td_error": [0.5], "td_errors": [np.array([0.1, 0.2])], "temperature": [1.0], "texts": [[b"one", b"two"]],
    "type": [0, 1, 2], "vector": [ROW], "types": [np.zeros(N, np.uint8)], "weight": [1.0], "state": [{}],
}  # fmt: skip


class Raises:
    """What NumPy and Python ask for numbers, and get an error."""

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise LookupError("no array")

    def __index__(self) -> int:
        raise LookupError("no index")

    def __float__(self) -> float:
        raise LookupError("no float")


def with_value(array: np.ndarray, value: float) -> np.ndarray:
    """A copy with one element, in the last row, that is wrong."""
    changed = array.astype(np.float64 if np.isfinite(value) and abs(value) > 1e30 else array.dtype)
    changed.flat[-1] = value
    return changed


HOSTILE: list[Any] = [
    *(with_value(array, bad) for array in (ROW, ROWS) for bad in (np.nan, np.inf, -np.inf, 3e38, 1e300)),
    *(ROW * 7, ROWS * 7, ROW[:0], ROWS[:, :0], ROWS[:0], ROW[:5], ROWS[None], np.float32(1), np.empty((0, 0, 0))),
    *(ROWS.astype(complex), ROWS.astype(object), ROWS.astype(str), ROWS > 0, np.ma.masked_array(ROW, mask=ROW > 0)),
    *(np.array([2**32 - 1, 0], np.uint32), np.array([-1, 10**6]), np.array([np.nan, 0.1])),
    np.full(3, 2**63, np.uint64),
    *(np.lib.stride_tricks.as_strided(ROW, (10**6, DIM), (0, 4)), np.zeros(0), [[1.0], [2.0, 3.0]], [[[]]]),
    *(0, 1, -1, 255, 256, 2**24, 2**31, 2**32, 2**40, 2**62, 2**63, 2**64 - 1, 2**64, 10**400, -(2**63)),
    *(0.0, -0.0, 0.5, -1.0, np.nan, np.inf, -np.inf, 1e-320, 1e-30, 1e30, 1e308, 1j, True),
    *(None, "auto", "sse2", b"", b"\xff", "\ud800", [], {}, (), set(), object(), Raises(), [Raises()], int, ...),
    *({"class": np.zeros(3, np.uint8)}, {1: 2}, iter([]), _core.RandomStream(9), config(), corpus(), ewc(7)),
]


def operations(thing: Any) -> Iterator[tuple[str, list[inspect.Parameter]]]:
    """Methods with their parameters."""
    for name in dir(thing):
        if (not name.startswith("_") or name == "__len__") and callable(getattr(thing, name)) and name != "from_state":
            yield name, list(inspect.signature(getattr(thing, name)).parameters.values())


def call(thing: Any, name: str, parameters: list[inspect.Parameter], values: list[Any]) -> None:
    positional = [v for p, v in zip(parameters, values, strict=True) if p.kind != p.KEYWORD_ONLY]
    named = {p.name: v for p, v in zip(parameters, values, strict=True) if p.kind == p.KEYWORD_ONLY}
    getattr(thing, name)(*positional, **named)


def look_at(thing: Any) -> bytes:
    """Everything that can be read of an object."""
    names = [name for name in dir(type(thing)) if not name.startswith("_")]
    parts = [_bytes(value) for name in names if not callable(value := getattr(thing, name))]
    return repr([repr(thing), *parts, _bytes(thing.state()) if hasattr(thing, "state") else None]).encode()


def _bytes(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        broken = value.dtype.kind == "f" and not np.isfinite(value).all()
        return ("nan" if broken else "") + hashlib.sha256(value.tobytes()).hexdigest()
    if isinstance(value, dict):
        return {key: _bytes(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_bytes(item) for item in value]
    return repr(value)


def use(thing: Any) -> None:
    """Calls every method with good values: what must work whatever has happened before."""
    look_at(thing)
    for name, parameters in operations(thing):
        try:
            call(thing, name, parameters, [GOOD[p.name][0] for p in parameters])
        except (ValueError, IndexError, RuntimeError, TypeError, MemoryError) as error:  # full, empty, of another size
            assert "\n" not in str(error), error


def too_large(name: str, values: list[Any]) -> bool:
    """Whether a call asks for an array that is allowed and would take minutes to fill."""
    return any(isinstance(v, int) and MOST_ITEMS < v < 2**64 for v in values) and name in (
        *("uniform", "normal", "integers", "permutation", "sample", "replay", "encode"),
    )


def attack_arguments(kind: str) -> None:
    """A refused call changes nothing, and none ends the process."""
    make = SAMPLES[kind]
    sample = make()
    known = dict(operations(sample))
    attributes = [n for n in dir(type(sample)) if not n.startswith("_") and n not in known and n != "from_state"]

    def one_call(thing: Any, data: st.DataObject) -> None:
        if attributes and (not known or data.draw(st.integers(0, 4)) == 0):
            setattr(thing, data.draw(st.sampled_from(attributes)), pick(data, HOSTILE))
        elif known:
            name = data.draw(st.sampled_from(sorted(known)))
            values = [pick(data, HOSTILE if data.draw(st.booleans()) else GOOD[p.name]) for p in known[name]]
            if not too_large(name, values):
                call(thing, name, known[name], values)

    examples = 10 if kind == "NgramEncoder" else 50  # its state has a megabyte

    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(st.data())
    def attack(data: st.DataObject) -> None:
        thing = make()
        for _ in range(data.draw(st.integers(1, 4))):
            before = look_at(thing)
            try:
                one_call(thing, data)
            except ALLOWED as error:
                assert "incompatible function arguments" not in str(error)
                assert look_at(thing) == before, f"a refused call changed the object: {error}"
        assert b"nan" not in look_at(thing).lower(), "it holds NaN"
        use(thing)

    attack()
    for values in ([], *itertools.product(HOSTILE[::3], HOSTILE[::4])):
        try:
            type(sample)(*values)
        except ALLOWED:
            continue


def pick(data: st.DataObject, values: list[Any]) -> Any:
    return values[data.draw(st.integers(0, len(values) - 1))]


def attack_threads(kind: str) -> None:
    """Threads use one object, each call with good or hostile values, while others read it."""
    thing = SAMPLES[kind]()
    known = dict(operations(thing))
    failures: list[BaseException] = []
    sys.setswitchinterval(1e-5)

    def work(seed: int) -> None:
        dice = random.Random(seed)
        try:
            for _ in range(100):
                name = dice.choice(sorted(known)) if known else None
                try:
                    if name is None or dice.random() < 0.2:
                        look_at(thing)
                        continue
                    values = [dice.choice(HOSTILE if dice.random() < 0.1 else GOOD[p.name]) for p in known[name]]
                    if not too_large(name, values):
                        call(thing, name, known[name], values)
                except ALLOWED:
                    continue
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(40)
        assert not thread.is_alive(), "a thread waits for ever"
    assert not failures, failures[0]
    use(thing)


def attack_states(kind: str) -> None:
    """Changed states are refused with one line, or make an object that works."""
    thing = SAMPLES[kind]()
    state = thing.state()
    for twin in (type(thing).from_state(state), copy.copy(thing), copy.deepcopy(thing)):
        assert look_at(twin) == look_at(thing)
    dice = random.Random(1)
    for name, array in state.items():
        numbers = [array[:-1], np.append(array, array[-1:]), array[:0], array[None], array.astype(np.int16), 3, None]
        for value in (0, 1, 255, 2**24, 2**32 - 1, 2**63, 2**64 - 1, -1.0, 1e-30, 1e30, 1e300, np.nan, np.inf):
            changed = array.copy()
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    changed[dice.randrange(len(changed)) if len(changed) else 0 :] = value
                except (OverflowError, ValueError):
                    continue
            numbers.append(changed)
        for wrong in numbers:
            try:
                made = type(thing).from_state({**state, name: wrong})
            except (ValueError, TypeError, MemoryError) as error:
                assert "\n" not in str(error)
                continue
            use(made)
    incomplete = [{k: v for k, v in state.items() if k != name} for name in state]
    for wrong in (*HOSTILE, {**state, "more": np.zeros(1)}, *incomplete):
        try:
            type(thing).from_state(wrong)
        except (ValueError, TypeError, LookupError):
            continue
        raise AssertionError(f"{wrong!r} was taken for a state")


if __name__ == "__main__":
    attack = {"threads": attack_threads, "arguments": attack_arguments, "states": attack_states}[sys.argv[1]]
    for each in sys.argv[2:]:
        print(each, flush=True)
        attack(each)
