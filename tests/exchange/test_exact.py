"""Tests of the arithmetic: exact, or loud."""

from decimal import Inexact, localcontext

import pytest

from rebalancer.exchange.exact import exactly, quotient
from tests.exchange.listing import D


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [
        ("1", "3", "0.333333333333"),
        ("-1", "3", "-0.333333333333"),
        ("2", "3", "0.666666666667"),
        ("0.0000000000005", "1", "0"),  # a tie goes to even
        ("0.0000000000015", "1", "0.000000000002"),
        ("-0.0000000000015", "1", "-0.000000000002"),
    ],
)
def test_quotient(numerator, denominator, expected):
    """A quotient is the nearest multiple of 1e-12, the same on both sides of zero."""
    assert D(expected) == quotient(D(numerator), D(denominator))


def test_callers_context_does_not_matter():
    """A caller who computes with few digits loses none here."""

    @exactly
    def third_power(number: D) -> D:
        return number * number * number

    with localcontext() as context:
        context.prec = 3
        assert D("1881676371789.154860897069") == third_power(D("12345.6789"))


def test_lost_digit_is_an_error():
    """A product that does not fit raises instead of rounding in silence."""

    @exactly
    def square(number: D) -> D:
        return number * number

    with pytest.raises(Inexact):
        square(D("1." + "1" * 100))
