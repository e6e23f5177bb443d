"""Amounts as people read them."""

import pytest

from functions.billing.money import dollars


@pytest.mark.parametrize(
    ("micro", "text"),
    [
        (0, "$0.00"), (1, "$0.000001"), (27_209, "$0.027209"), (500_000, "$0.50"), (999_999, "$0.999999"),
        (1_000_000, "$1.00"), (1_005_000, "$1.01"), (1_234_567_890, "$1,234.57"), (-1_500_000, "-$1.50"),
    ],
)  # fmt: skip
def test_dollars(micro, text):
    assert dollars(micro) == text
