"""Summary numbers and their uncertainty. Sums are `math.fsum`: independent of order and of the CPU."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "brier_score",
    "expected_calibration_error",
    "mean",
    "sample_standard_deviation",
    "student_t_interval",
    "wilson_interval",
]

Confidences = Sequence[float] | NDArray[np.float64]
Outcomes = Sequence[bool] | NDArray[np.bool_]

Z_975 = 1.959963984540054
"""97.5% point of the standard normal distribution."""

# fmt: off
T_975 = (
    12.706204736174694, 4.302652729749462, 3.1824463052837078, 2.7764451051977934, 2.5705818356363146,
    2.4469118511449786, 2.364624251592784, 2.306004135204166, 2.262157162798205, 2.228138851986274,
    2.200985160091639, 2.1788128296672284, 2.1603686564627913, 2.144786687917804, 2.131449545559776,
    2.1199052992212546, 2.1098155778333156, 2.1009220402410382, 2.0930240544083087, 2.085963447265864,
    2.0796138447276795, 2.0738730679040254, 2.0686576104190486, 2.0638985616280245, 2.0595385527532972,
    2.0555294386428735, 2.0518305164802846, 2.0484071417952454, 2.045229642132703, 2.0422724563012378,
)
"""97.5% points of Student's t for 1 to 30 degrees of freedom."""
# fmt: on


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean. Raises ValueError for no values."""
    if len(values) == 0:
        raise ValueError("a mean needs at least 1 value, not 0")
    return math.fsum(values) / len(values)


def sample_standard_deviation(values: Sequence[float]) -> float:
    """Square root of the unbiased variance (divisor n - 1). Raises ValueError for fewer than 2 values."""
    if len(values) < 2:
        raise ValueError(f"a sample standard deviation needs at least 2 values, not {len(values)}")
    centre = mean(values)
    return math.sqrt(math.fsum((value - centre) * (value - centre) for value in values) / (len(values) - 1))


def wilson_interval(successes: int, n: int) -> tuple[float, float]:
    """95% interval of a proportion, in [0, 1] (Wilson 1927, JASA 22; no continuity correction).

    Raises ValueError unless 0 <= successes <= n and n >= 1.

    >>> low, high = wilson_interval(9, 10)
    >>> f"{low:.3f} to {high:.3f}"
    '0.596 to 0.982'
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"a proportion needs 0 <= successes <= n and n >= 1, not {successes} of {n}")
    share, square = successes / n, Z_975 * Z_975
    centre = share + square / (2 * n)
    half = Z_975 * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    # at the ends the formula gives 0 and 1 exactly, its rounding does not
    low = 0.0 if successes == 0 else (centre - half) / (1 + square / n)
    high = 1.0 if successes == n else (centre + half) / (1 + square / n)
    return low, high


def student_t_interval(values: Sequence[float]) -> tuple[float, float]:
    """95% interval of the mean of independent, about normal values, such as one result per seed.

    Raises ValueError for fewer than 2 values.
    """
    standard_error = sample_standard_deviation(values) / math.sqrt(len(values))
    centre, half = mean(values), _t_975(len(values) - 1) * standard_error
    return centre - half, centre + half


def _t_975(degrees: int) -> float:
    """Table up to 30, then the expansion around the normal (Abramowitz & Stegun 26.7.5), error below 4e-8."""
    if degrees <= len(T_975):
        return T_975[degrees - 1]
    z, q, v = Z_975, Z_975 * Z_975, float(degrees)
    g1 = (q + 1) / 4
    g2 = ((5 * q + 16) * q + 3) / 96
    g3 = (((3 * q + 19) * q + 17) * q - 15) / 384
    g4 = ((((79 * q + 776) * q + 1482) * q - 1920) * q - 945) / 92160
    return z * (1 + (g1 + (g2 + (g3 + g4 / v) / v) / v) / v)


def expected_calibration_error(confidences: Confidences, correct: Outcomes, n_bins: int = 10) -> float:
    """Mean distance of confidence and accuracy over bins of equal width, weighted by size, in [0, 1].

    Bin m holds confidences in ((m - 1) / n_bins, m / n_bins], the first also 0 (Guo et al., ICML 2017, eq. 3).
    Raises ValueError for no values, other lengths, or a confidence outside [0, 1].

    >>> expected_calibration_error([0.75, 0.75, 0.75, 0.75], [True, True, True, False])
    0.0
    """
    differences = _differences(confidences, correct)
    bins = np.searchsorted([m / n_bins for m in range(1, n_bins)], confidences)
    by_bin = differences[np.argsort(bins)].tolist()
    ends = [0, *np.cumsum(np.bincount(bins, minlength=n_bins)).tolist()]
    return math.fsum(abs(math.fsum(by_bin[begin:end])) for begin, end in pairwise(ends)) / len(confidences)


def brier_score(confidences: Confidences, correct: Outcomes) -> float:
    """Mean squared distance of confidence and outcome, in [0, 1] (Brier 1950), of the chosen answer.

    Raises ValueError as `expected_calibration_error` does.
    """
    differences = _differences(confidences, correct)
    return math.fsum((differences * differences).tolist()) / len(confidences)


def _differences(confidences: Confidences, correct: Outcomes) -> NDArray[np.float64]:
    check_confidences(confidences, correct)
    differences: NDArray[np.float64] = np.asarray(confidences, dtype=np.float64) - np.asarray(correct, dtype=bool)
    return differences


def check_confidences(confidences: Confidences, correct: Outcomes) -> None:
    if len(confidences) == 0 or len(confidences) != len(correct):
        raise ValueError(
            f"calibration needs one outcome for each confidence and at least one, not {len(confidences)} "
            f"confidences and {len(correct)} outcomes"
        )
    values = np.asarray(confidences, dtype=np.float64)
    outside = values[~((values >= 0) & (values <= 1))]  # NaN too
    if len(outside):
        raise ValueError(f"a confidence must be in [0, 1], not {float(outside[0])}")
