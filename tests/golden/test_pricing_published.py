"""Prices and greeks that others published, or that longer arithmetic gives."""

import numpy as np
import pytest

from rebalancer.core import pricing
from rebalancer.core.pricing import ImpliedVolStatus

CALL, PUT = +1, -1
MONTH = 30 / 365


def test_hull_greek_letters():
    """Hull's stock option (S 49, K 50, r 5 %, vol 20 %, 20 weeks) gives his greeks.

    Hull, Options, Futures, and Other Derivatives, "The Greek letters": price 2.40, delta 0.522,
    gamma 0.066, vega 12.1. His are of the spot price and discounted: F = S·e^(rT).
    """
    growth = np.exp(0.05 * 0.3846)

    found = pricing.greeks(49 * growth, 50, 0.3846, 0.2, CALL)

    assert 2.40 == round(float(found.price / growth), 2)
    assert 0.522 == round(float(found.delta), 3)
    assert 0.066 == round(float(found.gamma * growth), 3)
    assert 12.1 == round(float(found.vega / growth), 1)


def test_hull_black_model():
    """Hull's put on crude futures (F 20, K 20, r 9 %, vol 25 %, four months) costs 1.12.

    Hull, Options, Futures, and Other Derivatives, "Futures options", Black's model.
    """
    assert 1.12 == round(
        float(pricing.price(20, 20, 4 / 12, 0.25, PUT) * np.exp(-0.09 * 4 / 12)), 2
    )


@pytest.mark.parametrize(
    ("market", "expected"),
    [
        (
            (100_000, 100_000, MONTH, 0.60, CALL),
            {
                "price": 6853.940718253543,
                "delta": 0.5342697035912677,
                "gamma": 2.3106721272388524e-05,
                "vega": 11395.095421999818,
                "theta": -41592.09829029934,
            },
        ),
        (
            (100_000, 90_000, MONTH, 0.65, PUT),
            {
                "price": 3146.0173871135958,
                "delta": -0.2550867741162249,
                "gamma": 1.7234684529927094e-05,
                "vega": 9207.571187221325,
            },
        ),
        (
            (101_000, 105_000, MONTH, 0.60, CALL),
            {"price": 5238.286862891284, "delta": 0.44441437129},
        ),
    ],
)
def test_dollar_options(market, expected):
    """Figures of 50-digit arithmetic, good to their last printed digit."""
    found = pricing.greeks(*market)

    assert pytest.approx(expected, rel=1e-11) == {name: getattr(found, name) for name in expected}


@pytest.mark.parametrize(
    ("market", "expected"),
    [
        ((100_000, 100_000, MONTH, 0.60, CALL), {"adjusted_delta": 0.46573029640873226}),
        ((100_000, 90_000, MONTH, 0.65, PUT), {"adjusted_delta": -0.28654694798736086}),
        (
            (101_000, 110_000, MONTH, 0.60, CALL),
            {"price": 0.0356492667, "delta": 0.3408191360, "adjusted_delta": 0.3051698693},
        ),
        (
            (101_000, 90_000, MONTH, 0.65, PUT),
            {"price": 0.0287071039, "delta": -0.2382436465, "adjusted_delta": -0.2669507505},
        ),
    ],
)
def test_coin_options(market, expected):
    """Figures of 50-digit arithmetic; the adjusted delta agrees with QuantLib's PaFwd."""
    found = pricing.inverse_greeks(*market)

    assert pytest.approx(expected, abs=6e-11) == {name: getattr(found, name) for name in expected}


def test_one_day_inverse_call():
    """A one-day call (S 100,000, K 103,000) at 0.0030 BTC: delta 0.178, adjusted 0.175."""
    vol, status = pricing.inverse_implied_vol(0.0030, 100_000, 103_000, 1 / 365, CALL)
    found = pricing.inverse_greeks(100_000, 103_000, 1 / 365, vol, CALL)

    assert ImpliedVolStatus.OK == status
    assert 0.602 == round(float(vol), 3)
    assert 0.178 == round(float(found.delta), 3)
    assert 0.175 == round(float(found.adjusted_delta), 3)
    assert pytest.approx(0.0030, rel=1e-14) == found.price
