"""Sections of peers.py: a query against a bank of vectors, and single pairs."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from peers_measure import SHORTEST_LOOP_SECONDS, Row, Section, measure_side_by_side, peer, require_near

import ruvllm

SIZES = [(n_rows, dim) for n_rows in (20, 150, 10_000) for dim in (256, 1536, 4096)]
PAIR_DIMS = (256, 1536, 4096)
TOLERANCE = 1e-5  # of a cosine, and of a dot product beside the product of the norms: float32 sums of 4096 terms
LARGE = 1 << 21
"""Elements. Of a bank above this, some may stay in the third-level cache from one call to the next: these loops are
long enough for that to settle."""
LARGE_LOOP_SECONDS = 0.04

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Call = Callable[[], Any]


def sections() -> list[Section]:
    libraries = ("numpy", "simsimd", "numkong", "faiss", "torch")
    return [
        Section(
            "dot",
            "VectorBank.dot(query, out) beside numpy.dot(rows, query, out), simsimd.cdist, numkong.cdist, "
            "faiss.fvec_inner_products_ny on prepared pointers and torch.mv(rows, query, out)",
            libraries,
            run_dot,
        ),
        Section(
            "cosine",
            "VectorBank.cosine(query, out), which keeps the norms of its rows. So may the others: numpy, faiss and "
            "torch get rows of length 1 beforehand and divide the query by its norm; simsimd and numkong have no such "
            "form and compute all norms",
            libraries,
            run_cosine,
        ),
        Section(
            "pairs",
            "one call with two vectors: ruvllm.dot and ruvllm.cosine beside numpy.dot, simsimd.inner and cosine, "
            "numkong.dot and angular, torch.dot",
            libraries,
            run_pairs,
        ),
    ]


def banks() -> Iterator[tuple[str, Floats, Floats]]:
    for n_rows, dim in SIZES:
        random = np.random.default_rng(n_rows + dim)
        rows = random.standard_normal((n_rows, dim), dtype=np.float32)
        yield f"{n_rows} x {dim}", rows, random.standard_normal(dim, dtype=np.float32)


def naive_dots(rows: Floats, query: Floats) -> Doubles:
    """(n_rows,) in double precision, some rows at a time so that their copies stay small."""
    parts = [(rows[i : i + 500].astype(np.float64) * query.astype(np.float64)).sum(1) for i in range(0, len(rows), 500)]
    dots: Doubles = np.concatenate(parts)
    return dots


def row_norms(rows: Floats) -> Doubles:
    squares = [(rows[i : i + 500].astype(np.float64) ** 2).sum(1) for i in range(0, len(rows), 500)]
    norms: Doubles = np.sqrt(np.concatenate(squares))
    return norms


def run_dot(repetitions: int) -> list[Row]:
    rows_of_table = []
    for label, rows, query in banks():
        bank, out = ruvllm.VectorBank(rows), np.empty(len(rows), np.float32)
        calls: dict[str, Call] = {"ours": partial(bank.dot, query, out), **dot_calls(rows, query)}
        expected, norms = naive_dots(rows, query), row_norms(rows) * np.linalg.norm(query.astype(np.float64))
        for name, call in calls.items():
            require_near(f"dot {label}, {name}", np.ravel(call()) / norms, expected / norms, TOLERANCE)
        rows_of_table.append(bank_row(label, *rows.shape, calls, repetitions))
    return rows_of_table


def dot_calls(rows: Floats, query: Floats) -> dict[str, Call]:
    """One call for each library there is: the fastest of its ways to all dot products.

    Each has a copy of the rows, as we have: none finds them in the cache because another has just read them.
    """
    out = np.empty(len(rows), np.float32)
    calls: dict[str, Call] = {"numpy": partial(np.dot, rows.copy(), query, out)}
    if simsimd := peer("simsimd"):
        calls["simsimd"] = partial(simsimd.cdist, query[np.newaxis], rows.copy(), "dot")
    if numkong := peer("numkong"):
        calls["numkong"] = partial(numkong.cdist, query[np.newaxis], rows.copy(), "dot")
    if faiss := peer("faiss"):
        calls["faiss"] = faiss_dots(faiss, rows.copy(), query)
    if torch := peer("torch"):
        result = torch.empty(len(rows))
        calls["torch"] = partial(torch.mv, torch.from_numpy(rows.copy()), torch.from_numpy(query), out=result)
    return calls


def faiss_dots(faiss: Any, rows: Floats, query: Floats) -> Call:
    out = np.empty(len(rows), np.float32)
    pointers = [faiss.swig_ptr(array) for array in (out, query, rows)]

    def call() -> Floats:
        faiss.fvec_inner_products_ny(*pointers, rows.shape[1], len(rows))
        return out

    return call


def run_cosine(repetitions: int) -> list[Row]:
    rows_of_table = []
    for label, rows, query in banks():
        bank, out = ruvllm.VectorBank(rows), np.empty(len(rows), np.float32)
        calls: dict[str, Call] = {"ours": partial(bank.cosine, query, out), **cosine_calls(rows, query)}
        norms = row_norms(rows) * np.linalg.norm(query.astype(np.float64))
        expected = naive_dots(rows, query) / norms
        for name, call in calls.items():
            got = np.ravel(call())
            is_distance = name in ("simsimd", "numkong")
            require_near(f"cosine {label}, {name}", 1.0 - got if is_distance else got, expected, TOLERANCE)
        rows_of_table.append(bank_row(label, *rows.shape, calls, repetitions))
    return rows_of_table


def cosine_calls(rows: Floats, query: Floats) -> dict[str, Call]:
    unit_rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    out = np.empty(len(rows), np.float32)
    calls: dict[str, Call] = {"numpy": lambda: np.dot(unit_rows, query / np.sqrt(np.dot(query, query)), out)}
    if simsimd := peer("simsimd"):
        calls["simsimd"] = partial(simsimd.cdist, query[np.newaxis], rows.copy(), "cosine")
    if numkong := peer("numkong"):
        calls["numkong"] = partial(numkong.cdist, query[np.newaxis], rows.copy(), "angular")
    if faiss := peer("faiss"):
        unit_query = np.empty_like(query)
        dots = faiss_dots(faiss, unit_rows.copy(), unit_query)

        def faiss_call() -> Any:
            np.divide(query, np.sqrt(np.dot(query, query)), out=unit_query)
            return dots()

        calls["faiss"] = faiss_call
    if torch := peer("torch"):
        t_rows, t_query, t_out = torch.from_numpy(unit_rows.copy()), torch.from_numpy(query), torch.empty(len(rows))
        calls["torch"] = lambda: torch.mv(t_rows, t_query / torch.dot(t_query, t_query).sqrt(), out=t_out)
    return calls


def bank_row(label: str, n_rows: int, dim: int, calls: dict[str, Call], repetitions: int) -> Row:
    is_large = n_rows * dim > LARGE
    seconds = measure_side_by_side(calls, repetitions, LARGE_LOOP_SECONDS if is_large else SHORTEST_LOOP_SECONDS)
    nanoseconds = {name: 1e9 * value / n_rows for name, value in seconds.items()}
    return Row(label, "ns per vector", nanoseconds.pop("ours"), nanoseconds)


def run_pairs(repetitions: int) -> list[Row]:
    rows = []
    for dim in PAIR_DIMS:
        a, b = np.random.default_rng(dim).standard_normal((2, dim), dtype=np.float32)
        norms = float(np.prod(row_norms(np.stack([a, b]))))
        cosine = float(naive_dots(a[np.newaxis], b)[0]) / norms
        for kind, calls in (("dot", dot_pairs(a, b)), ("cosine", cosine_pairs(a, b))):
            for name, call in calls.items():
                got = float(call())
                if kind == "dot":
                    got /= norms
                elif name != "ours":
                    got = 1.0 - got
                require_near(f"{kind} of two vectors of {dim}, {name}", got, cosine, TOLERANCE)
            seconds = measure_side_by_side(calls, repetitions)
            nanoseconds = {name: 1e9 * value for name, value in seconds.items()}
            rows.append(Row(f"{kind} {dim}", "ns per call", nanoseconds.pop("ours"), nanoseconds))
    return rows


def dot_pairs(a: Floats, b: Floats) -> dict[str, Call]:
    calls: dict[str, Call] = {"ours": partial(ruvllm.dot, a, b), "numpy": partial(np.dot, a, b)}
    if simsimd := peer("simsimd"):
        calls["simsimd"] = partial(simsimd.inner, a, b)
    if numkong := peer("numkong"):
        calls["numkong"] = partial(numkong.dot, a, b)
    if torch := peer("torch"):
        calls["torch"] = partial(torch.dot, torch.from_numpy(a), torch.from_numpy(b))
    return calls


def cosine_pairs(a: Floats, b: Floats) -> dict[str, Call]:
    """Ours gives the cosine, the others 1 - cosine."""
    calls: dict[str, Call] = {"ours": partial(ruvllm.cosine, a, b)}
    calls["numpy"] = lambda: 1.0 - np.dot(a, b) / np.sqrt(np.dot(a, a) * np.dot(b, b))
    if simsimd := peer("simsimd"):
        calls["simsimd"] = partial(simsimd.cosine, a, b)
    if numkong := peer("numkong"):
        calls["numkong"] = partial(numkong.angular, a, b)
    return calls
