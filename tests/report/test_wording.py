"""Numbers and names as a report writes them."""

import pytest

from ruvllm.report.wording import points_with


@pytest.mark.parametrize(
    ("value", "interval", "text"),
    [
        (0.0349, (-0.0121, 0.05), "+3.5 [-1.2, +5.0]"),
        (-0.5, (-1.0, -0.0004), "-50.0 [-100.0, -0.0]"),
        (0.0, (0.0, 0.0), "+0.0 [+0.0, +0.0]"),
    ],
)
def test_a_difference_in_points_has_its_sign_and_its_interval(
    value: float, interval: tuple[float, float], text: str
) -> None:
    assert points_with(value, interval) == text
