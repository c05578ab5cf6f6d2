"""Tests of the exchange's Black-76 against numbers that Hull printed, and against identities."""

import math

import pytest

from rebalancer.exchange.black import delta, price


@pytest.mark.parametrize(
    ("asset", "rates", "option", "expected"),
    [
        # Hull, Options, Futures and Other Derivatives, 9th ed.: (spot, strike),
        # (r, r - q), (vol, years, sign)
        ((42, 40), (0.10, 0.10), (0.2, 0.5, +1), "4.76"),  # ex. 15.6, stock call
        ((42, 40), (0.10, 0.10), (0.2, 0.5, -1), "0.81"),  # ex. 15.6, stock put
        ((930, 900), (0.08, 0.05), (0.2, 2 / 12, +1), "51.83"),  # ex. 17.1, index call
        ((20, 20), (0.09, 0.0), (0.25, 4 / 12, -1), "1.12"),  # ex. 18.6, put on oil futures
        ((49, 50), (0.05, 0.05), (0.2, 0.3846, +1), "2.40"),  # ch. 19, the option hedged there
        ((1.6, 1.6), (0.08, -0.03), (0.2, 4 / 12, +1), "0.0639"),  # ex. 17.2, currency, at 20 %
        ((1.6, 1.6), (0.08, -0.03), (0.1, 4 / 12, +1), "0.0285"),  # … and at 10 %
    ],
)
def test_published(asset, rates, option, expected):
    """Discounted, the price is the one that Hull prints for the forward that the carry makes."""
    (spot, strike), (rate, carry), (vol, years, sign) = asset, rates, option
    worth = price(spot * math.exp(carry * years), strike, vol * math.sqrt(years), sign)

    digits = len(expected.partition(".")[2])
    assert expected == f"{math.exp(-rate * years) * worth:.{digits}f}"


@pytest.mark.parametrize("forward", [50_000.0, 100_000.0, 137_000.0])
@pytest.mark.parametrize("strike", [60_000.0, 100_000.0, 400_000.0])
@pytest.mark.parametrize("deviation", [0.0, 1e-6, 0.1, 0.6, 3.0])
def test_parity(forward, strike, deviation):
    """A call less a put is the forward less the strike, and their deltas differ by one."""
    worth = price(forward, strike, deviation, +1) - price(forward, strike, deviation, -1)

    assert pytest.approx(forward - strike, abs=1e-6) == worth
    if deviation or forward != strike:
        one = delta(forward, strike, deviation, +1) - delta(forward, strike, deviation, -1)
        assert pytest.approx(1.0, abs=1e-12) == one


@pytest.mark.parametrize(
    ("forward", "sign", "worth", "slope"),
    [
        (120.0, +1, 20.0, +1.0),
        (80.0, +1, 0.0, 0.0),
        (80.0, -1, 20.0, -1.0),
        (120.0, -1, 0.0, 0.0),
        (100.0, +1, 0.0, 0.0),
        (100.0, -1, 0.0, 0.0),
    ],
)
def test_payoff(forward, sign, worth, slope):
    """Where nothing is uncertain any more an option is worth its payoff, on a strike of 100."""
    assert worth == price(forward, 100.0, 0.0, sign)
    assert slope == delta(forward, 100.0, 0.0, sign)


@pytest.mark.parametrize(
    ("sign", "expected"),
    [(+1, 0.522), (-1, -0.478)],  # Hull, ch. 19: delta of the call 0.522, of its put one less
)
def test_published_delta(sign, expected):
    """Delta on the forward is Hull's on a stock that pays nothing."""
    forward = 49 * math.exp(0.05 * 0.3846)

    assert expected == round(delta(forward, 50, 0.2 * math.sqrt(0.3846), sign), 3)


@pytest.mark.parametrize("forward", [60_000.0, 100_000.0, 170_000.0])
@pytest.mark.parametrize("sign", [+1, -1])
def test_delta_is_the_slope(forward, sign):
    """Delta is what the price gains by one more dollar of forward."""
    up, down = (price(forward + step, 1e5, 0.3, sign) for step in (0.5, -0.5))

    assert pytest.approx(up - down, abs=1e-9) == delta(forward, 1e5, 0.3, sign)


@pytest.mark.parametrize(("forward", "sign"), [(1.0, +1), (1e9, -1)])
def test_far_out_of_the_money(forward, sign):
    """Far out of the money nothing is left, and nothing below nothing."""
    assert 0.0 <= price(forward, 1e5, 0.3, sign) < 1e-9
