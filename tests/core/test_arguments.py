"""One rule for the arguments of all classes and functions of the core: convert where that is harmless, else refuse."""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ruvllm
from ruvllm import _core

DIM = 8
H = np.linspace(0.1, 0.8, DIM, dtype=np.float32)
UNIT = np.eye(DIM, dtype=np.float32)[2]
ROWS = np.eye(4, DIM, dtype=np.float32)


def lora() -> ruvllm.MicroLoRA:
    return ruvllm.MicroLoRA(dim=DIM, rank=1, seed=0)


def patterns() -> ruvllm.PatternBank:
    bank = ruvllm.PatternBank(DIM)
    bank.add(UNIT, UNIT, quality=0.5, type=0)
    return bank


VECTORS: dict[str, Callable[[Any], Any]] = {
    "dot": lambda x: ruvllm.dot(x, H),
    "cosine": lambda x: ruvllm.cosine(H, x),
    "squared_norm": _core.squared_norm,
    "cosine_similarity": lambda x: ruvllm.cosine_similarity(x, ROWS),
    "VectorBank.cosine": lambda x: ruvllm.VectorBank(ROWS).cosine(x),
    "MicroLoRA.forward": lambda x: lora().forward(x),
    "MicroLoRA.learn": lambda x: lora().learn(x, ROWS, 1, learning_rate=0.1),
    "MultiHeadLoRA.forward": lambda x: ruvllm.MultiHeadLoRA(DIM, 1, 2).forward(x, 1),
    "PatternBank.match": lambda x: patterns().match(x, 0),
    "ContrastiveMemory.add_positive": lambda x: ruvllm.ContrastiveMemory(DIM).add_positive(x, 0),
    "info_nce": lambda x: ruvllm.info_nce(x, ROWS, 0),
    "ElasticWeightConsolidation.add_example": lambda x: ruvllm.ElasticWeightConsolidation(DIM).add_example(x),
}
MATRICES: dict[str, Callable[[Any], Any]] = {
    "cosine_similarity": lambda x: ruvllm.cosine_similarity(H, x),
    "gemv": lambda x: _core.gemv(x, H),
    "VectorBank": lambda x: ruvllm.VectorBank(x).cosine(H),
    "MicroLoRA.learn": lambda x: lora().learn(H, x, 1, learning_rate=0.1),
    "spherical_kmeans": lambda x: ruvllm.spherical_kmeans(x, None, 2),
    "PatternBank.evidence": lambda x: patterns().evidence(UNIT, x, 0),
    "ContrastiveMemory.boost": lambda x: ruvllm.ContrastiveMemory(DIM).boost(x, 0),
    "info_nce": lambda x: ruvllm.info_nce(H, x, 0),
    "retrieval_ranks": lambda x: _core.retrieval_ranks(x, ROWS, np.zeros(len(ROWS), np.int32)),
    "crowding": lambda x: _core.crowding(ROWS, x),
}


def as_bytes(value: Any) -> list[bytes]:
    return [np.asarray(part).tobytes() for part in (value if isinstance(value, tuple) else (value,))]


def read_only(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x.flags.writeable = False
    return x


SAME: dict[str, Callable[[np.ndarray], Any]] = {
    "float64": lambda x: x.astype(np.float64),
    "longdouble": lambda x: x.astype(np.longdouble),
    "big-endian": lambda x: x.astype(">f4"),
    "list": lambda x: x.tolist(),
    "tuple": lambda x: tuple(map(tuple, x.tolist())) if x.ndim == 2 else tuple(x.tolist()),
    "list of arrays": list,
    "slice": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "reversed": lambda x: x[..., ::-1].copy()[..., ::-1],
    "Fortran order": lambda x: np.asfortranarray(x.astype(np.float64)),
    "read-only": read_only,
    "unaligned": lambda x: np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float32).reshape(x.shape),
    "masked without a mask": np.ma.masked_array,
    "subclass": lambda x: x.view(np.recarray),
}


@pytest.mark.parametrize("form", SAME)
@pytest.mark.parametrize("name", VECTORS)
def test_a_vector_in_another_form_gives_the_same_bits(name: str, form: str) -> None:
    good = UNIT if name.startswith(("Pattern", "Contrastive")) else H
    assert as_bytes(VECTORS[name](SAME[form](good))) == as_bytes(VECTORS[name](good))


@pytest.mark.parametrize("form", SAME)
@pytest.mark.parametrize("name", MATRICES)
def test_a_matrix_in_another_form_gives_the_same_bits(name: str, form: str) -> None:
    assert as_bytes(MATRICES[name](SAME[form](ROWS))) == as_bytes(MATRICES[name](ROWS))


@pytest.mark.parametrize("dtype", [np.float16, np.int8, np.uint16, np.int64, np.uint64])
def test_numbers_that_float32_has_exactly_are_taken(dtype: type) -> None:
    assert as_bytes(MATRICES["VectorBank"](ROWS.astype(dtype))) == as_bytes(MATRICES["VectorBank"](ROWS))


WRONG: dict[str, Callable[[np.ndarray], Any]] = {
    "complex": lambda x: x.astype(np.complex64),
    "bool": lambda x: x.astype(bool),
    "object": lambda x: x.astype(object),
    "text": lambda x: x.astype(str),
    "dates": lambda x: x.astype("datetime64[s]"),
    "list of text": lambda x: x.astype(str).tolist(),
    "masked": lambda x: np.ma.masked_array(x, mask=x > 0.5),
    "a str": lambda x: "abc",
    "None": lambda x: None,
    "a dict": lambda x: {0: 1.0},
    "a set": lambda x: {1.0, 2.0},
    "a generator": lambda x: (value for value in x),
    "a class": lambda x: float,
}


def assert_clear(error: BaseException) -> None:
    message = str(error)
    assert message and "\n" not in message
    assert "incompatible" not in message and " at 0x" not in message and "arg0" not in message


@pytest.mark.parametrize("form", WRONG)
@pytest.mark.parametrize("name", [*VECTORS, *MATRICES])
def test_what_is_no_real_number_is_refused_in_one_clear_line(name: str, form: str) -> None:
    for calls, good in ((VECTORS, H), (MATRICES, ROWS)):
        if name in calls:
            with pytest.raises(TypeError, match=r"^\w+ must (be|have) ") as caught:
                calls[name](WRONG[form](good))
            assert_clear(caught.value)


@pytest.mark.parametrize("name", [*VECTORS, *MATRICES])
def test_numbers_beyond_float32_and_ragged_rows_are_refused(name: str) -> None:
    for calls, good in ((VECTORS, H), (MATRICES, ROWS)):
        if name in calls:
            with pytest.raises(ValueError, match=r"^\w+ must lie within 3.4e38 of 0 \(float32\), not hold 1e\+39$"):
                calls[name](np.full(good.shape, 1e39))
            with pytest.raises(ValueError, match="rows of different lengths"):
                calls[name]([[1.0, 2.0], [1.0]])


@pytest.mark.parametrize("name", [*VECTORS, *MATRICES])
def test_another_number_of_dimensions_is_refused(name: str) -> None:
    for calls, wanted in ((VECTORS, 1), (MATRICES, 2)):
        if name in calls:
            for dimensions in {0, 1, 2, 3} - {wanted}:
                with pytest.raises(ValueError, match=rf"must have {wanted} dimensions?, not {dimensions}"):
                    calls[name](np.zeros((2,) * dimensions, np.float32))


INTEGERS: dict[str, Callable[[Any], Any]] = {
    "right": lambda x: lora().learn(H, ROWS, x, learning_rate=0.1),
    "dim": lambda x: ruvllm.MicroLoRA(dim=x, rank=1),
    "rank": lambda x: ruvllm.MicroLoRA(dim=4, rank=x),
    "seed": lambda x: ruvllm.RandomStream(x),
    "type": lambda x: patterns().match(UNIT, x),
    "capacity": lambda x: ruvllm.PrioritizedReplay(x),
    "n_clusters": lambda x: ruvllm.spherical_kmeans(ROWS, None, x),
    "leaf": lambda x: ruvllm.SumTree(4).get(x),
    "item": lambda x: ruvllm.PrioritizedReplay(4).priority(x),
    "neighbours": lambda x: _core.crowding(ROWS, ROWS, neighbours=x),
    "n": lambda x: ruvllm.RandomStream(0).uniform(x),
}


@pytest.mark.parametrize("name", INTEGERS)
def test_integers_must_be_integers_of_0_or_more(name: str) -> None:
    for wrong in (-1, -(2**70), 2**64, 2**70, 10**400, np.int64(-3)):
        with pytest.raises(ValueError, match=rf"^{name} must be an integer of 0 \.\.\. \d+, not ") as refused:
            INTEGERS[name](wrong)
        assert_clear(refused.value)
    for strange in (1.0, np.float32(1), True, np.True_, "1", None, 1j, [1], np.array([1, 2]), np.array([[1]])):
        with pytest.raises(TypeError, match=f"^{name} must be an integer, not ") as caught:
            INTEGERS[name](strange)
        assert_clear(caught.value)


def test_whatever_is_an_index_is_an_integer() -> None:
    class Two:
        def __index__(self) -> int:
            return 2

    expected = ruvllm.SumTree(4)
    for two in (2, np.int8(2), np.uint64(2), np.array(2), Two()):
        assert ruvllm.SumTree(4).get(two) == expected.get(2)  # type: ignore[arg-type]


NUMBERS: dict[str, Callable[[Any], Any]] = {
    "learning_rate": lambda x: lora().learn(H, ROWS, 1, learning_rate=x),
    "tau": lambda x: ruvllm.info_nce(H, ROWS, 0, tau=x),
    "quality": lambda x: patterns().add(UNIT, UNIT, quality=x, type=0),
    "td_error": lambda x: ruvllm.PrioritizedReplay(4).add(x),
    "scaling": lambda x: ruvllm.MicroLoRA(4, 1, scaling=x),
    "temperature": lambda x: _core.softmax(np.zeros((1, 2)), x),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_must_be_real_and_finite(name: str) -> None:
    for strange in ("0.1", None, 0.1j, np.complex64(0.1), True, np.False_, [0.1], np.array([0.1]), H):
        with pytest.raises(TypeError, match=f"^{name} must be a number, not ") as caught:
            NUMBERS[name](strange)
        assert_clear(caught.value)
    for bad in (np.nan, np.inf, -np.inf, np.float32("nan"), 10**400):
        with pytest.raises(ValueError):
            NUMBERS[name](bad)
    for good in (0.1, 1, np.float32(0.1), np.float64(0.1), np.float16(0.1), np.int64(1), np.array(0.1)):
        NUMBERS[name](good)


def public_functions() -> list[tuple[str, Callable[..., Any]]]:
    """Functions of the module, methods of new objects whose __init__ was not called, and class methods."""
    found: list[tuple[str, Callable[..., Any]]] = []
    for name, value in vars(_core).items():
        if isinstance(value, type) and not issubclass(value, int):
            thing = value.__new__(value)
            names = [n for n, m in vars(value).items() if not n.startswith("_") and callable(getattr(value, n))]
            found += [(f"{name}.{n}", getattr(thing, n)) for n in names if callable(vars(value)[n])]
            found += [(f"{name}.from_state", value.from_state)] if hasattr(value, "from_state") else []
        elif not isinstance(value, type) and callable(value) and not name.startswith("_"):
            found.append((name, value))
    return found


@pytest.mark.parametrize(("name", "function"), public_functions(), ids=[name for name, _ in public_functions()])
def test_every_function_says_how_it_is_called(name: str, function: Callable[..., Any]) -> None:
    assert function.__doc__ and function.__doc__.strip()
    inspect.signature(function)  # raises ValueError where there is none
    with pytest.raises(TypeError, match=rf"^{re.escape(name)}\(\) has no keyword argument 'nonsense'"):
        function(nonsense=1)


def test_every_class_property_and_parameter_is_documented() -> None:
    for name, value in vars(_core).items():
        if isinstance(value, type) and not issubclass(value, int):
            assert value.__doc__, name
            for member, thing in vars(value).items():
                if not member.startswith("_"):
                    assert thing.__doc__, f"{name}.{member}"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lora().learn(H, ROWS, 1), "MicroLoRA.learn() needs the argument learning_rate"),
        (lambda: lora().learn(), "MicroLoRA.learn() needs the argument h"),
        (lambda: lora().forward(H, H), "MicroLoRA.forward() takes 1 positional argument, not 2"),
        (lambda: lora().forward(H, h=H), "MicroLoRA.forward() got the argument h twice"),
        (lambda: lora().forward(x=H), "MicroLoRA.forward() has no keyword argument 'x'; it has h"),
        (lambda: ruvllm.MicroLoRA(4), "MicroLoRA() needs the argument rank"),
        (
            lambda: ruvllm.MicroLoRA(4, 1, 1.0),
            "MicroLoRA() takes at most 2 positional arguments, not 3; scaling= is given by name",
        ),
        (lambda: ruvllm.dot(H), "dot() needs the argument b"),
        (lambda: ruvllm.dot(a=H, b=H), "dot() has no keyword argument 'a'; it has isa"),
        (lambda: ruvllm.PrioritizedReplay(4).sample(1, 5), "stream must be a ruvllm._core.RandomStream, not int"),
        (lambda: ruvllm.RandomStream(1, 2), "purpose must be a Purpose, not int"),
        (
            lambda: lora().step(H, H, learning_rate=0.1, ewc=3),
            "ewc must be a ruvllm._core.ElasticWeightConsolidation, not int",
        ),
        (lambda: ruvllm.dot(H, H, isa=3), "isa must be a str, not int"),
        (lambda: ruvllm.NgramEncoder(4).encode("abc"), "texts must be a list of texts, not str"),
        (lambda: ruvllm.NgramEncoder(4).encode([1]), "each of texts must be bytes, not int"),
    ],
)
def test_wrong_calls_are_told_in_one_line(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(TypeError) as caught:
        call()
    assert str(caught.value) == message


def test_no_argument_is_changed_by_its_conversion() -> None:
    wide = H.astype(np.float64)
    before = wide.copy()
    for call in VECTORS.values():
        try:
            call(wide)
        except ValueError:  # not a unit vector
            continue
    assert np.array_equal(wide, before)


@pytest.mark.parametrize("call", [lambda y: _core.axpy(1.0, H, y), lambda y: _core.ema_of_squares(0.5, 0.5, H, y)])
def test_what_is_written_to_is_never_converted(call: Callable[[Any], Any]) -> None:
    for wrong in (H.astype(np.float64), H.tolist(), np.repeat(H, 2)[::2], None, H.astype(">f4")):
        with pytest.raises(TypeError, match="for it is written to"):
            call(wrong)
    with pytest.raises(ValueError, match="must be writeable, not read-only"):
        call(read_only(H))


def test_results_do_not_depend_on_where_arrays_overlap() -> None:
    memory = np.arange(12, dtype=np.float32)
    expected = memory[2:10] + 2 * memory[:8].copy()
    _core.axpy(2.0, memory[:8], memory[2:10])
    assert np.array_equal(memory[2:10], expected)
    bank = ruvllm.VectorBank(np.eye(DIM, dtype=np.float32))
    query = H.copy()
    assert np.array_equal(bank.dot(query, query), H)


def test_objects_that_cannot_be_converted_raise_what_they_raise() -> None:
    class Broken:
        def __array__(self, *_: Any, **__: Any) -> Any:
            raise LookupError("no numbers here")

    for call in itertools.chain(VECTORS.values(), MATRICES.values()):
        with pytest.raises(LookupError, match="no numbers here"):
            call(Broken())
