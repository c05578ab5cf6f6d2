"""Prices, greeks and implied vol at the edges: no time, no vol, absurd levels, bad input."""

import numpy as np
import pytest

from rebalancer.core import black, pricing
from rebalancer.core.pricing import ImpliedVolStatus

CALL, PUT = +1, -1
MONTH = 30 / 365
ALL = (pricing.price, pricing.inverse_price, pricing.greeks, pricing.inverse_greeks, pricing.delta)


def fields(record):
    """Return name → array of a record of greeks."""
    return {name: getattr(record, name) for name in type(record).__slots__}


@pytest.mark.parametrize(
    ("years", "vol"),
    [
        (0.0, 0.6),  # at expiry
        (-1e-9, 0.6),  # just after
        (-3.0, 0.6),
        (0.5, 0.0),  # nobody expects it to move
        (0.0, 0.0),
        (1e-320, 1e-300),  # total vol underflows
    ],
)
@pytest.mark.parametrize(
    ("strike", "sign", "value", "delta"),
    [
        (90_000, CALL, 10_000, 1),
        (90_000, PUT, 0, 0),
        (100_000, CALL, 0, 0),
        (100_000, PUT, 0, 0),
        (110_000, CALL, 0, 0),
        (110_000, PUT, 10_000, -1),
    ],
)
def test_without_time_or_vol(years, vol, strike, sign, value, delta):
    """What has no time or no vol left is worth its intrinsic value and has no curvature."""
    market = (100_000, strike, years, vol, sign)
    nothing = dict.fromkeys(("gamma", "vega", "theta", "vanna", "volga"), 0)
    held = delta * strike / 100_000

    assert {"price": value, "delta": delta, **nothing} == fields(pricing.greeks(*market))
    assert {
        "price": value / 100_000,
        "delta": delta,
        "adjusted_delta": held,
        **nothing,
    } == fields(pricing.inverse_greeks(*market))
    assert value == pricing.price(*market)
    assert delta == pricing.delta(*market)
    assert not np.signbit([pricing.greeks(100_000, 1, 0, 1, PUT).delta]).any()


@pytest.mark.parametrize("forward", [1e-300, 1e-3, 1e5, 1e300])
@pytest.mark.parametrize("ratio", [1e-7, 1 - 2**-53, 1.0, 1 + 2**-52, 1e7])
@pytest.mark.parametrize("years", [5e-324, 1e-9, 1e-3, 1.0, 1e300])
@pytest.mark.parametrize("vol", [5e-324, 1e-150, 1e-6, 1.0, 1e300])
@pytest.mark.parametrize("sign", [CALL, PUT])
def test_absurd_levels_give_no_nan(forward, ratio, years, vol, sign):
    """However absurd the inputs, price and greeks are numbers and price is within its bounds."""
    market = (forward, forward * ratio, years, vol, sign)

    dollars, coins = pricing.greeks(*market), pricing.inverse_greeks(*market)

    assert not any(np.isnan(value) for value in fields(dollars).values())
    assert not any(np.isnan(value) for value in fields(coins).values())
    assert max(0, sign * (forward - forward * ratio)) <= dollars.price
    assert dollars.price <= (forward if sign == CALL else forward * ratio)
    assert 0 <= sign * pricing.delta(*market) <= 1


def test_forward_and_strike_whose_ratio_overflows():
    """A strike 600 decades from the forward still has a distance and a worthless option."""
    assert pytest.approx(600 * np.log(10)) == black.log_distance(np.array(1e300), np.array(1e-300))
    assert [0.0] == pricing.price(1e-300, [1e300], 1, 0.5, CALL)
    assert [1.0] == pricing.delta(1e300, [1e-300], 1, 0.5, CALL)
    assert [0.0] == pricing.delta(1e-300, [1e300], 1, 0.5, CALL)


@pytest.mark.parametrize("z", [-0.5, -8.0, -49.9, -50.1, -1e3, -1e6])
def test_slope_of_the_mills_ratio(z):
    """The rise over a narrow interval is its width times 1 + z·M(z), in the far tail 1/z²."""
    width = 1e-9 * abs(z)
    upper, lower = np.array(z + width / 2), np.array(z - width / 2)
    square = z * z
    if square < 100:
        slope = 1 + z * float(black.mills(np.array(z)))
    else:
        slope = (1 - 3 / square + 15 / square**2 - 105 / square**3 + 945 / square**4) / square

    rise = black.mills_rise(upper, lower, np.array(width))

    assert pytest.approx(slope * width, rel=1e-10) == rise


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (0, 0.0, "forward: must be positive and finite, was 0.0"),
        (0, -1.0, "forward: must be positive and finite, was -1.0"),
        (0, np.nan, "forward: must be positive and finite, was nan"),
        (0, np.inf, "forward: must be positive and finite, was inf"),
        (1, 0.0, "strike: must be positive and finite, was 0.0"),
        (1, np.nan, "strike: must be positive and finite, was nan"),
        (1, np.inf, "strike: must be positive and finite, was inf"),
        (2, np.nan, "years: must be finite, was nan"),
        (2, np.inf, "years: must be finite, was inf"),
        (3, -0.1, "vol: must be finite and at least 0, was -0.1"),
        (3, np.nan, "vol: must be finite and at least 0, was nan"),
        (3, np.inf, "vol: must be finite and at least 0, was inf"),
        (4, 0, "sign: must be +1 for a call or -1 for a put, was 0.0"),
        (4, np.nan, "sign: must be +1 for a call or -1 for a put, was nan"),
    ],
)
def test_bad_input_is_named(function, field, value, message):
    """One bad element among good ones is refused, and the message names it."""
    market = [100_000.0, 90_000.0, MONTH, 0.6, CALL]
    market[field] = [market[field], value]

    with pytest.raises(ValueError, match="must") as caught:
        function(*market)

    assert message == str(caught.value)


def test_all_faults_at_once():
    """Every argument out of its range is named in one message."""
    with pytest.raises(ValueError, match=r"forward.*; vol") as caught:
        pricing.price(-5, 1, 1, -1, CALL)

    assert 2 == str(caught.value).count("must")


def test_shapes():
    """Arguments broadcast to one shape; scalars give shape (), which is a float to its user."""
    strikes, signs = [90_000, 100_000, 110_000], [CALL, PUT, CALL]
    dollars = pricing.greeks(100_000, strikes, MONTH, 0.6, signs)
    coins = pricing.inverse_greeks(100_000, strikes, MONTH, 0.6, signs)
    vol, status = pricing.implied_vol(dollars.price, 100_000, strikes, MONTH, signs)

    assert {(3,)} == {
        value.shape for record in (dollars, coins) for value in fields(record).values()
    }
    assert {(3,)} == {vol.shape, status.shape}
    assert (3,) == pricing.delta(100_000, strikes, MONTH, 0.6, signs).shape
    assert (2, 3) == pricing.delta(np.ones((2, 1)), strikes, MONTH, 0.6, signs).shape
    assert () == pricing.price(100_000, 90_000, MONTH, 0.6, CALL).shape
    assert () == pricing.greeks(100_000, 90_000, MONTH, 0.6, CALL).gamma.shape
    assert () == pricing.implied_vol(12_000, 100_000, 90_000, MONTH, CALL)[1].shape
    assert "12692" == f"{pricing.price(100_000, 90_000, MONTH, 0.6, CALL):.0f}"
    assert 0 == pricing.price([], [], [], [], []).size
    assert 0 == pricing.implied_vol([], 1, 1, 1, 1)[0].size


def test_coin_figures_are_dollar_figures_over_the_forward():
    """An inverse option is the same option counted in coin at the forward."""
    market = (100_000, [80_000, 100_000, 120_000], MONTH, 0.6, [PUT, CALL, CALL])
    dollars, coins = pricing.greeks(*market), pricing.inverse_greeks(*market)

    np.testing.assert_allclose(dollars.price / 1e5, coins.price, rtol=1e-15)
    np.testing.assert_allclose(dollars.price / 1e5, pricing.inverse_price(*market), rtol=1e-15)
    np.testing.assert_allclose(dollars.vega / 1e5, coins.vega, rtol=1e-15)
    np.testing.assert_allclose(dollars.theta / 1e5, coins.theta, rtol=1e-15)
    np.testing.assert_allclose(dollars.delta - coins.price, coins.adjusted_delta, rtol=1e-13)
    np.testing.assert_array_equal(dollars.delta, coins.delta)
    np.testing.assert_array_equal(dollars.gamma, coins.gamma)


@pytest.mark.parametrize(
    ("price", "forward", "strike", "years", "sign", "expected"),
    [
        (6853.94, 1e5, 1e5, MONTH, CALL, ImpliedVolStatus.OK),
        (0.0, 1e5, 1e5, MONTH, CALL, ImpliedVolStatus.BELOW_INTRINSIC),
        (-3.0, 1e5, 1e5, MONTH, CALL, ImpliedVolStatus.BELOW_INTRINSIC),
        (1e4, 1e5, 9e4, MONTH, CALL, ImpliedVolStatus.BELOW_INTRINSIC),
        (9_999.0, 1e5, 9e4, MONTH, CALL, ImpliedVolStatus.BELOW_INTRINSIC),
        (1e4, 9e4, 1e5, MONTH, PUT, ImpliedVolStatus.BELOW_INTRINSIC),
        (1e5, 1e5, 9e4, MONTH, CALL, ImpliedVolStatus.ABOVE_BOUND),
        (9e4, 1e5, 9e4, MONTH, PUT, ImpliedVolStatus.ABOVE_BOUND),
        (9.5e4, 1e5, 9e4, MONTH, CALL, ImpliedVolStatus.OK),
        (9.5e4, 1e5, 9e4, MONTH, PUT, ImpliedVolStatus.ABOVE_BOUND),
        (6853.94, 1e5, 1e5, 0.0, CALL, ImpliedVolStatus.EXPIRED),
        (6853.94, 1e5, 1e5, -1.0, PUT, ImpliedVolStatus.EXPIRED),
        (np.nan, 1e5, 1e5, MONTH, CALL, ImpliedVolStatus.INVALID),
        (np.inf, 1e5, 1e5, MONTH, CALL, ImpliedVolStatus.INVALID),
        (6853.94, 0.0, 1e5, MONTH, CALL, ImpliedVolStatus.INVALID),
        (6853.94, -1e5, 1e5, MONTH, CALL, ImpliedVolStatus.INVALID),
        (6853.94, np.nan, 1e5, MONTH, CALL, ImpliedVolStatus.INVALID),
        (6853.94, 1e5, 0.0, MONTH, CALL, ImpliedVolStatus.INVALID),
        (6853.94, 1e5, np.inf, MONTH, CALL, ImpliedVolStatus.INVALID),
        (6853.94, 1e5, 1e5, np.nan, CALL, ImpliedVolStatus.INVALID),
        (6853.94, 1e5, 1e5, MONTH, 0, ImpliedVolStatus.INVALID),
        (6853.94, 1e5, 1e5, MONTH, np.nan, ImpliedVolStatus.INVALID),
        (np.nan, 1e5, 1e5, -1.0, CALL, ImpliedVolStatus.INVALID),  # the first reason is told
        (np.nextafter(8e4, 1e5), 1e5, 2e4, MONTH, CALL, ImpliedVolStatus.ILL_CONDITIONED),
        (np.nextafter(1e5, 0), 1e5, 9e4, MONTH, CALL, ImpliedVolStatus.ILL_CONDITIONED),
        (5e-324, 1e5, 1e5, MONTH, CALL, ImpliedVolStatus.ILL_CONDITIONED),
        (1e-150, 1e5, 2e5, MONTH, CALL, ImpliedVolStatus.OK),
        (1e-300, 1e5, 2e5, MONTH, CALL, ImpliedVolStatus.OK),
    ],
)
def test_status(price, forward, strike, years, sign, expected):
    """A price without a vol says why, in dollars as in coin, and only then is the vol NaN."""
    vol, status = pricing.implied_vol(price, forward, strike, years, sign)

    assert expected == status
    assert (expected != ImpliedVolStatus.OK) == np.isnan(vol)


@pytest.mark.parametrize(
    ("price", "strike", "sign", "expected"),
    [
        (0.0030, 103_000, CALL, ImpliedVolStatus.OK),
        (0.0, 103_000, CALL, ImpliedVolStatus.BELOW_INTRINSIC),
        (1.0, 103_000, CALL, ImpliedVolStatus.ABOVE_BOUND),
        (1.03, 103_000, PUT, ImpliedVolStatus.ABOVE_BOUND),
        (0.5, 50_000, CALL, ImpliedVolStatus.BELOW_INTRINSIC),
        (np.nan, 103_000, CALL, ImpliedVolStatus.INVALID),
        (1e308, 103_000, CALL, ImpliedVolStatus.INVALID),  # infinite in dollars
    ],
)
def test_status_of_coin_prices(price, strike, sign, expected):
    """Coin prices are bounded by one coin for a call and by K/F for a put."""
    vol, status = pricing.inverse_implied_vol(price, 100_000, strike, 1 / 365, sign)

    assert expected == status
    assert (expected != ImpliedVolStatus.OK) == np.isnan(vol)


def test_one_bad_quote_spoils_no_other():
    """Statuses are per element: what has a vol gets it beside what has none."""
    prices = [6853.940718253543, np.nan, 0.0, 2e5]

    vol, status = pricing.implied_vol(prices, 1e5, 1e5, MONTH, CALL)

    assert [0, 4, 1, 2] == status.tolist()
    assert pytest.approx(0.6, rel=1e-14) == vol[0]
    assert np.isnan(vol[1:]).all()
