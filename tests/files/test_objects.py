"""ruvllm.save and ruvllm.load: objects of the core in files."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from attack_samples import SAMPLES, look_at, unit_rows, use

import ruvllm
from ruvllm.files.arrays import to_safetensors
from ruvllm.files.objects import KINDS


@pytest.mark.parametrize("name", KINDS)
def test_what_was_saved_comes_back_to_the_bit(name: str, tmp_path: Path) -> None:
    thing = SAMPLES[name]()
    ruvllm.save(thing, tmp_path / "x.safetensors")
    for twin in (ruvllm.load(tmp_path / "x.safetensors"), pickle.loads(pickle.dumps(thing))):
        assert type(twin) is type(thing)
        assert look_at(twin) == look_at(thing)


def test_a_loaded_adapter_learns_as_the_saved_one_does(tmp_path: Path) -> None:
    adapter, (h, *_), candidates = ruvllm.MicroLoRA(dim=32, rank=2, seed=0), unit_rows(1), unit_rows(2)
    for _ in range(3):  # the velocity of the momentum belongs to the state
        adapter.learn(h, candidates, 1, learning_rate=0.05)
    ruvllm.save(adapter, str(tmp_path / "x"))
    twins: list[Any] = [ruvllm.load(str(tmp_path / "x")), pickle.loads(pickle.dumps(adapter))]
    losses = [thing.learn(h, candidates, 1, learning_rate=0.05) for thing in (adapter, *twins)]
    assert len(set(losses)) == 1
    assert all(np.array_equal(twin.parameters, adapter.parameters) for twin in twins)


def test_a_random_stream_goes_on_where_it_was() -> None:
    whole, stream = (ruvllm.RandomStream(5, index=7) for _ in range(2))
    numbers = [whole.next_u64() for _ in range(20)]
    for drawn in range(9):  # within blocks of four, and between them
        twin = pickle.loads(pickle.dumps(stream))
        assert [twin.next_u64() for _ in range(6)] == numbers[drawn : drawn + 6]
        stream.next_u64()


class Named(ruvllm.MicroLoRA):
    name = "none"


def test_a_subclass_keeps_its_class_and_its_attributes() -> None:
    named = Named(dim=4, rank=1)
    named.name = "clicks"
    twin = pickle.loads(pickle.dumps(named))
    assert type(twin) is Named and twin.name == "clicks"
    use(twin)


def test_what_cannot_be_saved_is_told(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"one of BettingEvidence, .* can be saved, not dict"):
        ruvllm.save({}, tmp_path / "x")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_files_that_hold_no_object_are_refused_with_their_path(tmp_path: Path) -> None:
    good = tmp_path / "good"
    ruvllm.save(ruvllm.VectorBank(np.eye(3)), good)
    data = good.read_bytes()
    for content in (b"", b"{}", data[:-1], data[:40], data.replace(b"VectorBank", b"VectorBonk"), bytes(100)):
        (tmp_path / "bad").write_bytes(content)
        with pytest.raises(ValueError, match=f"^{tmp_path / 'bad'}: "):
            ruvllm.load(tmp_path / "bad")
    with pytest.raises(ValueError, match="finite"):
        (tmp_path / "bad").write_bytes(data.replace(np.float32(1).tobytes(), np.float32("nan").tobytes()))
        ruvllm.load(tmp_path / "bad")
    with pytest.raises(OSError):
        ruvllm.load(tmp_path / "missing")


def test_files_have_the_bytes_of_the_library() -> None:
    generator = np.random.default_rng(1)
    for n in range(12):
        arrays = {}
        for i in generator.permutation(n):
            kind = ("f4", "f8", "u1", "u4", "u8")[generator.integers(5)]
            arrays[f'{i}é".x'] = generator.integers(0, 9, generator.integers(0, 20)).astype(kind)
        assert to_safetensors(arrays) == safetensors.numpy.save(arrays)
