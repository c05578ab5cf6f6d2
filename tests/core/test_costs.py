"""Costs by themselves: each term is told alone, has a sign, and is unknown where nobody told it."""

from dataclasses import replace

import pytest

from rebalancer.core import costs
from rebalancer.core.costs import Cost
from rebalancer.core.params import AccountTerms, ImpactParams
from tests.scenarios.desk import (
    CALL,
    INSTRUMENTS,
    LINEAR,
    LINEAR_FUTURE,
    MINUTE,
    PARAMS,
    PERP,
    SECOND,
    SPOT,
    START,
    build,
)

HOUR = 60 * MINUTE
DAY = 24 * HOUR
OWN = PARAMS.underlyings["BTC"]
DEEP = ImpactParams(200_000.0, 0.7)
PRICED = replace(PARAMS, terms={"binanceusdm": AccountTerms(taker=0.0004)}, impacts={LINEAR: DEEP})


def cost(desk, name=LINEAR, side=-1, coins=0.0, horizon=0):
    """Return the cost of trading an instrument at a desk."""
    instrument = INSTRUMENTS[name]
    return costs.of(desk.state, desk.params, OWN, instrument, side, coins, horizon)


def wild(vol=0.6):
    """Return a desk that holds an option, so that it knows how wild the coin is."""
    desk = build(PRICED, [(CALL, "1")])
    desk.option(CALL, vol)
    desk.market()
    return desk


def test_fee_is_the_venue_s():
    """The fee is the account's for a taker; of an account without terms the usual one."""
    desk = build(PRICED)

    assert 0.0004 == cost(desk).fee
    assert 0.0005 == cost(desk, PERP).fee


def test_half_the_spread():
    """Half the spread is a fraction of mid; a book with an empty side has none."""
    desk = build(PRICED)
    desk.quote(LINEAR, 99_900.0, 100_100.0)

    assert pytest.approx(0.001, rel=1e-12) == cost(desk).half_spread
    assert None is cost(desk, SPOT).half_spread


@pytest.mark.parametrize(
    ("coins", "volume", "paid"),
    [
        (10.0, 200_000.0, 1.04),  # average paid, bp, at 60 % a year and a factor of 0.7
        (100.0, 200_000.0, 3.28),
        (1_000.0, 200_000.0, 10.36),
        (50.0, 5_000.0, 14.66),
        (0.0, 5_000.0, 0.0),
    ],
)
def test_impact(coins, volume, paid):
    """Impact grows with the root of what is traded against what the market trades."""
    desk = wild()
    desk.params = replace(PRICED, impacts={LINEAR: ImpactParams(volume, 0.7)})

    assert paid == round(1e4 * cost(desk, coins=coins).impact, 2)


def test_impact_needs_a_volume():
    """Where the settings tell no volume there is none; where nobody knows a vol it is unknown."""
    calm = build(PRICED)

    assert 0.0 == cost(wild(), PERP, coins=10.0).impact
    assert None is cost(calm, coins=10.0).impact


@pytest.mark.parametrize(("side", "sign"), [(+1, 1.0), (-1, -1.0)])
def test_funding_has_a_side(side, sign):
    """Longs pay a positive rate over the horizon, and shorts are paid it."""
    desk = build(PRICED)
    desk.funding(0.0001)

    assert pytest.approx(sign * 0.0003) == cost(desk, side=side, horizon=DAY).funding
    assert pytest.approx(sign * 0.0021) == cost(desk, side=side, horizon=7 * DAY).funding
    assert 0.0 == cost(desk, side=side).funding


def test_funding_is_unknown():
    """Nobody knows a rate that was never told, or whose last word is two intervals old."""
    desk = build(PRICED)

    assert None is cost(desk, horizon=DAY).funding
    desk.funding(0.0001)
    desk.now += 17 * HOUR
    desk.market()
    assert None is cost(desk, horizon=DAY).funding


def test_dated_future_melts():
    """The basis of a dated future is paid by its long as it melts; beyond its end nobody knows."""
    desk = build(PRICED)
    desk.mark(LINEAR_FUTURE, 101_000.0)
    left = INSTRUMENTS[LINEAR_FUTURE].expiry - START

    paid = cost(desk, LINEAR_FUTURE, side=+1, horizon=DAY).funding
    assert pytest.approx(0.01 * DAY / left) == paid
    assert None is cost(desk, LINEAR_FUTURE, side=+1, horizon=left + SECOND).funding


def test_spot_pays_nobody():
    """Coins that are held pay no funding, for whatever time."""
    assert 0.0 == cost(build(PRICED), SPOT, side=+1, horizon=DAY).funding


@pytest.mark.parametrize(
    ("told", "trading"),
    [
        (Cost(0.0005, 0.0001, 0.0002, 0.01), 0.0008),
        (Cost(0.0005, None, None, None), 0.0005),
        (Cost(-0.0001, 0.0002, None, 0.0), 0.0001),
    ],
)
def test_what_trading_costs(told, trading):
    """Trading costs fee, half the spread and impact; what is unknown adds nothing."""
    assert pytest.approx(trading) == told.trading
