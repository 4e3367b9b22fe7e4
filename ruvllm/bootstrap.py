"""Bootstrap interval of a mean gain that was measured over several seeds and, in each, many queries."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ruvllm._core import Purpose, RandomStream

__all__ = ["bootstrap_interval"]

MAX_DRAWS = 1 << 20
"""Draws held in memory at once."""


def bootstrap_interval(
    values_per_seed: Sequence[Sequence[float]], seed: int, n_resamples: int = 2000, level: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of the mean of the seeds' means.

    `values_per_seed` has one value per query for each seed, for instance paired gains: after minus before. Seeds
    are drawn with replacement, then queries within each drawn seed, with replacement as well (hierarchical
    bootstrap: Davison & Hinkley 1997, sec. 3.8; of their two strategies the one with the wider result). With k
    seeds the spread between seeds is understated by about (k - 1) / k, as any bootstrap of k values does.

    Values become fixed-point numbers of 64 bits, so that sums are exact whatever their order; each is off by at
    most 2^-40 of the largest, for fewer than 2^22 queries. The same arguments give the same bits on every CPU.

    Raises ValueError for no seeds, a seed without values, values that are not finite, n_resamples < 1, or a
    level outside (0, 1).
    """
    if n_resamples < 1 or not 0 < level < 1:
        raise ValueError(f"a bootstrap needs n_resamples >= 1 and 0 < level < 1, not {n_resamples} and {level}")
    fixed, unit = _fixed_point(values_per_seed)
    chosen = RandomStream(seed, Purpose.BOOTSTRAP).integers(len(fixed), n_resamples * len(fixed))
    chosen = chosen.reshape(n_resamples, len(fixed))
    sums = np.zeros(n_resamples)
    for slot in range(len(fixed)):
        for number, values in enumerate(fixed):
            rows = np.flatnonzero(chosen[:, slot] == number)
            stream = RandomStream(seed, Purpose.BOOTSTRAP, 1 + slot, number)
            sums[rows] += _resampled_totals(values, len(rows), stream) / len(values)
    means = np.sort(sums / len(fixed) * unit)
    # the k-th smallest and the k-th largest, k = (R + 1) (1 - level) / 2
    k = min(max(1, round((n_resamples + 1) * (1 - level) / 2)), (n_resamples + 1) // 2)
    return float(means[k - 1]), float(means[n_resamples - k])


def _fixed_point(values_per_seed: Sequence[Sequence[float]]) -> tuple[list[NDArray[np.int64]], float]:
    """Integers and the unit they count: value = integer * unit, unit a power of two, no total above 2^62."""
    if len(values_per_seed) == 0:
        raise ValueError("a bootstrap needs at least 1 seed, not 0")
    arrays = [np.asarray(values, dtype=np.float64) for values in values_per_seed]
    for array in arrays:
        if array.ndim != 1 or len(array) == 0:
            raise ValueError(f"a bootstrap needs at least 1 value in each seed, not an array of shape {array.shape}")
        if not np.isfinite(array).all():
            raise ValueError("a bootstrap needs finite values, not NaN or infinity")
    largest = max(float(np.abs(array).max()) for array in arrays)
    longest = max(len(array) for array in arrays)
    exponent = 62 - math.frexp(largest)[1] - longest.bit_length()
    scaled = [np.rint(np.ldexp(array, exponent)).astype(np.int64) for array in arrays]
    return scaled, math.ldexp(1.0, -exponent)


def _resampled_totals(values: NDArray[np.int64], n_rows: int, stream: RandomStream) -> NDArray[np.int64]:
    """Totals (n_rows,) of len(values) draws with replacement."""
    totals = np.empty(n_rows, dtype=np.int64)
    step = max(1, MAX_DRAWS // len(values))
    for begin in range(0, n_rows, step):
        count = min(step, n_rows - begin)
        draws = stream.integers(len(values), count * len(values))
        totals[begin : begin + count] = values[draws].reshape(count, len(values)).sum(axis=1)
    return totals
