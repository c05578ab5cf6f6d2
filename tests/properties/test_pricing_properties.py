"""What must hold of every option: identities, derivatives, bounds, and vol from price and back.

The oracle is Black's formula spelled out in 60-digit arithmetic by mpmath; it shares nothing with
the code under test.
"""

import itertools

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core import pricing
from rebalancer.core.pricing import ImpliedVolStatus

DIGITS = 60
MINUTE = 1 / 525_600
LEAST_NORMAL = 2.2250738585072014e-308


def logarithmic(least, most):
    """Return a strategy for numbers spread evenly over their magnitudes."""
    return st.floats(np.log(least), np.log(most)).map(lambda x: min(max(np.exp(x), least), most))


@st.composite
def markets(draw, steepest=37.0):
    """Return (forward, strike, years, vol, sign), the strike up to `steepest` deviations away."""
    forward, years = draw(logarithmic(1e-2, 1e6)), draw(logarithmic(MINUTE, 5))
    vol, sign = draw(logarithmic(0.01, 10)), draw(st.sampled_from([+1, -1]))
    distance = draw(st.floats(-steepest, steepest)) * vol * np.sqrt(years)
    strike = forward * np.exp(np.clip(distance, -np.log(1000), np.log(1000)))
    return forward, float(strike), years, vol, sign


def exact_price(forward, strike, years, vol, sign):
    """Return Black's undiscounted price as an mpf."""
    total = vol * mpmath.sqrt(years)
    d1 = mpmath.log(forward / strike) / total + total / 2
    d2 = d1 - total

    def probability(z):
        return mpmath.erfc(-z / mpmath.sqrt(2)) / 2

    return sign * (forward * probability(sign * d1) - strike * probability(sign * d2))


def exact_vega(forward, strike, years, vol, _sign):
    """Return Black's vega as an mpf."""
    total = vol * mpmath.sqrt(years)
    d1 = mpmath.log(forward / strike) / total + total / 2
    return forward * mpmath.npdf(d1) * mpmath.sqrt(years)


def exact(function, market):
    """Return `function` of the market, its doubles taken as exact."""
    with mpmath.workdps(DIGITS):
        return function(*(mpmath.mpf(value) for value in market))


def exact_slope(function, market, orders):
    """Return a derivative over (forward, years, vol) of `function`, as a float."""
    forward, strike, years, vol, sign = (mpmath.mpf(value) for value in market)
    with mpmath.workdps(DIGITS):
        slope = mpmath.diff(
            lambda f, t, v: function(f, strike, t, v, sign), (forward, years, vol), orders
        )
        return float(slope)


def certainty(market):
    """Return the price as a double, and how much vol one ulp of it stands for."""
    price = float(exact(exact_price, market))
    with mpmath.workdps(DIGITS):
        return price, float(mpmath.mpf(np.spacing(price)) / exact(exact_vega, market))


@given(markets())
def test_price_is_exact(market):
    """The price is right to a few ulps, or to what a few ulps of vol and forward make of it."""
    expected, _ = certainty(market)
    leverage = float(exact(exact_vega, market)) * market[3] / max(expected, LEAST_NORMAL)

    found = pricing.price(*market)

    assert abs(found - expected) <= np.spacing(expected) * (20 + 8 * leverage)


@given(markets())
def test_parity(market):
    """A call less a put is the forward less the strike."""
    forward, strike, years, vol, _ = market
    call, put = pricing.price(forward, strike, years, vol, [+1, -1])

    assert abs((call - put) - (forward - strike)) <= 2 * np.spacing(max(forward, strike))


@given(markets())
def test_theta_and_vega_follow_from_gamma(market):
    """Without a rate theta = −gamma·F²·vol²/2 and vega = gamma·F²·vol·T."""
    forward, _, years, vol, _ = market
    found = pricing.greeks(*market)
    curvature = found.gamma * forward**2

    assert pytest.approx(-curvature * vol**2 / 2, rel=1e-13, abs=1e-300) == found.theta
    assert pytest.approx(curvature * vol * years, rel=1e-13, abs=1e-300) == found.vega


@given(markets(), st.integers(-30, 30))
def test_homogeneity(market, power):
    """Prices scale with the unit of money, and V = F·dV/dF + K·dV/dK."""
    forward, strike, years, vol, sign = market
    unit = 2.0**power
    found, coins = pricing.greeks(*market), pricing.inverse_greeks(*market)
    scaled = pricing.greeks(forward * unit, strike * unit, years, vol, sign)

    if found.price > 1e-290:
        assert found.price * unit == scaled.price
    assert found.delta == scaled.delta
    gathered = forward * found.delta - forward * coins.adjusted_delta
    limit = np.spacing(max(forward, strike)) * (8 + 2 / (vol * np.sqrt(years)))
    assert abs(found.price - gathered) <= limit


@given(markets())
def test_bounds(market):
    """Prices lie between intrinsic value and bound, deltas between 0 and their sign."""
    forward, strike, _, _, sign = market
    found, coins = pricing.greeks(*market), pricing.inverse_greeks(*market)
    bound = forward if sign > 0 else strike

    assert max(0.0, sign * (forward - strike)) <= found.price <= bound
    assert 0 <= sign * found.delta <= 1
    assert 0 <= sign * coins.adjusted_delta <= strike / forward * (1 + 1e-15)
    assert found.gamma >= 0
    assert found.vega >= 0
    assert found.theta <= 0


@given(markets())
def test_hot_path_delta(market):
    """The lean delta is the delta of the greeks to an ulp of ln(F/K) over total vol."""
    error = abs(pricing.delta(*market) - pricing.greeks(*market).delta)

    assert error <= 4e-16 * (1 + 1 / (market[3] * np.sqrt(market[2])))


@given(markets(steepest=8.0))
def test_greeks_are_derivatives(market):
    """Every greek is the derivative of the exact price that its name says."""
    found = pricing.greeks(*market)
    derivatives = {
        "delta": exact_slope(exact_price, market, (1, 0, 0)),
        "gamma": exact_slope(exact_price, market, (2, 0, 0)),
        "vega": exact_slope(exact_price, market, (0, 0, 1)),
        "theta": -exact_slope(exact_price, market, (0, 1, 0)),
        "vanna": exact_slope(exact_price, market, (1, 0, 1)),
        "volga": exact_slope(exact_price, market, (0, 0, 2)),
    }

    agree(derivatives, found, found.vega / market[0] / market[3], found.vega / market[3])


@given(markets(steepest=8.0))
def test_inverse_greeks_are_derivatives(market):
    """So are the coin greeks of price over forward; the adjusted delta is F·dp/dF."""
    forward = market[0]

    def coin_price(*market):
        return exact_price(*market) / market[0]

    found = pricing.inverse_greeks(*market)
    adjusted = forward * exact_slope(coin_price, market, (1, 0, 0))
    derivatives = {
        "price": float(exact(coin_price, market)),
        "delta": exact_slope(exact_price, market, (1, 0, 0)),
        "adjusted_delta": adjusted,
        "gamma": exact_slope(exact_price, market, (2, 0, 0)),
        "vega": exact_slope(coin_price, market, (0, 0, 1)),
        "theta": -exact_slope(coin_price, market, (0, 1, 0)),
        "vanna": exact_slope(coin_price, market, (1, 0, 1)),
        "volga": exact_slope(coin_price, market, (0, 0, 2)),
    }

    deviation = forward * market[3] * np.sqrt(market[2])  # of the forward, USD
    agree(derivatives, found, found.vega / deviation, found.vega / market[3])


def agree(derivatives, found, vanna, volga):
    """Assert that figures agree to 1e-12; vanna and volga, which cross 0, to that of a size."""
    size = {"vanna": vanna, "volga": volga}
    for name, expected in derivatives.items():
        near = pytest.approx(expected, rel=1e-12, abs=1e-12 * size.get(name, 0.0))
        assert near == getattr(found, name), name


def inverts(market):
    """Assert that the vol comes back from its price, or that no double could hold it."""
    forward, strike, years, vol, sign = market
    price, step = certainty(market)
    found, status = pricing.implied_vol(price, forward, strike, years, sign)
    if status == ImpliedVolStatus.OK:
        assert abs(found - vol) <= 8 * (np.spacing(vol) + step)
        assert step <= 1.1e-3 * vol
    else:
        assert np.isnan(found)
        assert step > 0.9e-3 * vol or price < LEAST_NORMAL


@given(markets())
def test_vol_comes_back_from_its_price(market):
    """Vol is right to a few ulps of itself and of the price over vega, and lacking only beyond."""
    inverts(market)


@given(markets(steepest=1e-3))
def test_vol_comes_back_at_the_money(market):
    """So it is where forward and strike almost agree."""
    inverts(market)


@pytest.mark.parametrize("vol", [0.01, 0.1, 0.6, 1.5, 4.0, 10.0])
@pytest.mark.parametrize("years", [MINUTE, 1 / 8760, 1 / 365, 30 / 365, 1.0, 5.0])
def test_vol_comes_back_on_the_grid(years, vol):
    """Strikes from a thousandth to a thousand times the forward, calls and puts."""
    moneyness = [0.001, 0.03, 0.5, 0.9, 0.97, 0.999, 0.99999, 1.0]
    for ratio, sign in itertools.product([*moneyness, *(1 / m for m in moneyness)], [+1, -1]):
        inverts((100_000.0, 100_000.0 * ratio, years, vol, sign))


@given(markets())
def test_vol_comes_back_from_coin_prices(market):
    """A coin price inverts as its dollar price does, as finely as the coarser of the two."""
    forward, strike, years, vol, sign = market
    price, step = certainty(market)
    coins = price / forward
    found, status = pricing.inverse_implied_vol(coins, forward, strike, years, sign)
    if status == ImpliedVolStatus.OK and coins > LEAST_NORMAL:
        assert abs(found - vol) <= 16 * (np.spacing(vol) + step)


@given(st.floats(-300, 4.9), logarithmic(1.0001, 1000), logarithmic(MINUTE, 5))
def test_any_price_inverts_to_a_vol_that_gives_it(decade, ratio, years):
    """Prices down to 1e-300 USD give a vol whose exact price is that price again."""
    price, forward, strike = 10.0**decade, 100_000.0, 100_000.0 * ratio

    vol, status = pricing.implied_vol(price, forward, strike, years, +1)

    assert ImpliedVolStatus.OK == status
    market = (forward, strike, years, float(vol), +1)
    again, vega = exact(exact_price, market), exact(exact_vega, market)
    assert abs(again - price) <= 8 * (np.spacing(price) + vega * np.spacing(vol))
