"""Tests of what a position needs by itself: tiers, reserved fees, leverage, short options."""

from dataclasses import replace

import pytest

from rebalancer.core.instruments import Kind
from rebalancer.errors import DataError
from rebalancer.exchange.prices import Prices
from rebalancer.exchange.requirements import charge, initial, maintenance, notional
from rebalancer.exchange.terms import (
    AccountTerms,
    Liquidation,
    MarginMode,
    Schedule,
    StandardOptions,
    VenueTerms,
)
from tests.exchange.listing import CALL, FUTURE, INVERSE, LINEAR, LINEAR_CALL, PUT, SPOT, D

LINEAR_PUT = replace(LINEAR_CALL, id="x:BTC_USDC-PUT", sign=-1)


def schedule(*tiers, slope="0", in_usd=False):
    """Return the schedule of tiers written as "rate@floor"."""
    parts = (tier.split("@") for tier in tiers)
    return Schedule(tuple((D(floor), D(rate)) for rate, floor in parts), D(slope), in_usd)


def priced(instrument, mark, index=None):
    """Return prices that know one mark, and an index where one is given."""
    marks = {} if mark is None else {instrument.id: D(mark)}
    return Prices(marks, {} if index is None else {"BTC": D(index)})


USDT = schedule("0.004@0", "0.005@50000", "0.01@250000")
COINS = schedule("0.004@0", "0.005@5", "0.01@10")
DOLLARS = schedule("0.01@0", "0.02@100000", in_usd=True)
RISING = schedule("0.01@0", slope="0.00005")  # Deribit's shape: (m0 + m1 s) s, s in coins


@pytest.mark.parametrize(
    ("tiers", "instrument", "quantity", "price", "expected"),
    [
        (USDT, LINEAR, "0.5", "50000", "100"),  # 0.4 % of 25,000
        (USDT, LINEAR, "-1", "50000", "200"),  # all of the first slice
        (USDT, LINEAR, "2", "50000", "450"),  # 200 + 0.5 % of 50,000
        (USDT, LINEAR, "-6", "50000", "1700"),  # 200 + 1,000 + 1 % of 50,000
        (USDT, LINEAR, "0", "50000", "0"),
        (COINS, INVERSE, "10000", "50000", "0.008"),  # 2 coins
        (COINS, INVERSE, "-40000", "50000", "0.035"),  # 8 coins: 0.02 + 0.015
        (COINS, INVERSE, "40000", "25000", "0.105"),  # 16 coins: 0.02 + 0.025 + 0.06
        (COINS, FUTURE, "-40000", "25000", "0.105"),
        (DOLLARS, INVERSE, "5000", "40000", "0.0125"),  # 500 USD
        (DOLLARS, INVERSE, "-20000", "40000", "0.075"),  # 1,000 + 2,000 USD
        (DOLLARS, INVERSE, "-20000", "80000", "0.0375"),  # the tier does not move with the price
        (DOLLARS, LINEAR, "2", "100000", "3000"),  # USD are its settle currency anyway
        (RISING, INVERSE, "500000", "50000", "1.5"),  # 100 coins: 1 + 0.5
        (RISING, INVERSE, "-40000", "50000", "0.0832"),  # 8 coins: 0.08 + 0.0032
    ],
)
def test_schedule(tiers, instrument, quantity, price, expected):
    """Each slice of a notional is asked for at its own rate, in the currency of the floors."""
    assert D(expected) == charge(tiers, instrument, D(quantity), D(price))


@pytest.mark.parametrize(
    ("instrument", "quantity", "price", "expected"),
    [
        (LINEAR, "-2", "50000", "100000"),
        (INVERSE, "-10000", "50000", "2"),
        (INVERSE, "1", "30000", "0.000333333333333333333333"),  # to 1e-24
        (CALL, "-2", "0.05", "0.1"),  # of an option: what it is worth
    ],
)
def test_notional(instrument, quantity, price, expected):
    """A notional is in settle currency and has no sign."""
    assert D(expected) == notional(instrument, D(quantity), D(price))


@pytest.mark.parametrize(
    ("reserve", "instrument", "quantity", "expected"),
    [
        (False, LINEAR, "2", "500"),
        (True, LINEAR, "2", "560"),  # 0.06 % of 100,000 on top
        (True, LINEAR, "-2", "560"),
        (False, INVERSE, "10000", "0.01"),
        (True, INVERSE, "-10000", "0.0112"),
        (True, SPOT, "2", "0"),
        (True, LINEAR, "0", "0"),
    ],
)
def test_reserved_fee(reserve, instrument, quantity, expected):
    """Where a venue reserves the fee of a liquidation it is part of maintenance, on all of it."""
    terms = VenueTerms(
        maintenance={Kind.PERPETUAL: schedule("0.005@0")},
        liquidation=Liquidation(fee=D("0.0006"), reserve_fee=reserve),
    )

    assert D(expected) == maintenance(terms, instrument, D(quantity), priced(instrument, "50000"))


@pytest.mark.parametrize(
    ("asked", "leverage", "expected"),
    [
        (None, None, "500"),  # maintenance
        ("0.02@0", None, "2000"),
        ("0.02@0", "10", "10000"),
        ("0.02@0", "100", "2000"),  # 1,000 would do for the leverage
        (None, "500", "500"),  # 200 would, but not for maintenance
        (None, "3", "33333.333333333333"),  # to 1e-12
        ("0.001@0", None, "500"),
    ],
)
def test_initial(asked, leverage, expected):
    """To open takes the dearest of schedule, notional ÷ leverage and maintenance."""
    terms = VenueTerms(
        maintenance={Kind.PERPETUAL: schedule("0.005@0")},
        initial={} if asked is None else {LINEAR.id: schedule(asked)},
    )
    most = None if leverage is None else D(leverage)

    assert D(expected) == initial(terms, LINEAR, D(-2), priced(LINEAR, "50000"), most)


def test_initial_of_an_inverse_contract():
    """Leverage on an inverse contract divides its coins: 100,000 USD at 50,000 by 10 is 0.2."""
    terms = VenueTerms(maintenance={Kind.PERPETUAL: schedule("0.005@0")})

    assert D("0.2") == initial(terms, INVERSE, D(10_000), priced(INVERSE, "50000"), D(10))


# Strike 100,000. First in coin per coin: (0.15 - out of the money ÷ index, at least 0.1) + mark,
# then 0.075 + mark; a put keeps 0.075 x mark where that is more. In USDC the same times index.
@pytest.mark.parametrize(
    ("instrument", "quantity", "index", "mark", "first", "later"),
    [
        (CALL, "-2", "100000", "0.05", "0.4", "0.25"),
        (CALL, "-1", "97656.25", "0.03", "0.156", "0.105"),  # out by 0.024 of the index
        (CALL, "-1", "80000", "0.01", "0.11", "0.085"),  # out by 0.25: the least
        (CALL, "-1", "125000", "0.22", "0.37", "0.295"),  # in the money
        (PUT, "-1", "100000", "0.05", "0.2", "0.125"),
        (PUT, "-1", "102400", "0.03", "0.1565625", "0.105"),  # out by 0.0234375
        (PUT, "-2", "125000", "0.01", "0.22", "0.17"),
        (PUT, "-1", "40000", "1.5", "1.65", "1.6125"),  # 0.075 x 1.5 is more than 0.075
        (PUT, "-1", "25000", "3", "3.225", "3.225"),  # and more than 0.15: never less at first
        (LINEAR_CALL, "-10", "100000", "5000", "20000", "12500"),  # 10 of 0.1 coin
        (LINEAR_CALL, "-10", "97656.25", "3000", "15304.6875", "10324.21875"),
        (LINEAR_CALL, "-5", "80000", "100", "4050", "3050"),
        (LINEAR_PUT, "-10", "100000", "5000", "20000", "12500"),
        (LINEAR_PUT, "-10", "125000", "100", "12600", "9475"),  # out by 25,000
        (LINEAR_PUT, "-10", "25000", "75000", "80625", "80625"),
        (CALL, "5", "125000", "0.22", "0", "0"),  # long: paid in full
        (PUT, "5", "40000", "1.5", "0", "0"),
    ],
)
def test_standard_options(instrument, quantity, index, mark, first, later):
    """A short option needs a share of the underlying and its mark, as Deribit publishes it."""
    prices, terms = priced(instrument, mark, index), VenueTerms()

    assert D(first) == initial(terms, instrument, D(quantity), prices, D(10))
    assert D(later) == maintenance(terms, instrument, D(quantity), prices)


def test_other_numbers_for_options():
    """The numbers of the options rule can be set."""
    terms = VenueTerms(options=StandardOptions(D("0.2"), D("0.19"), D("0.1")))
    prices = priced(CALL, "0.03", "97656.25")

    assert D("0.22") == initial(terms, CALL, D(-1), prices, None)  # 0.2 - 0.024 is below 0.19
    assert D("0.13") == maintenance(terms, CALL, D(-1), prices)


@pytest.mark.parametrize(
    ("instrument", "quantity", "mark", "index", "known"),
    [
        (LINEAR, "1", None, None, False),
        (CALL, "-1", None, "100000", False),
        (CALL, "-1", "0.05", None, False),
        (CALL, "1", "0.05", None, True),  # a long option does not ask for the index
        (LINEAR, "0", None, None, True),
        (SPOT, "1", None, None, True),
    ],
)
def test_unknown_prices(instrument, quantity, mark, index, known):
    """A requirement that rests on a price nobody told is unknown, not 0."""
    terms, prices = VenueTerms(maintenance={LINEAR.id: USDT}), priced(instrument, mark, index)
    expected = D(0) if known else None

    assert expected == maintenance(terms, instrument, D(quantity), prices)
    assert expected == initial(terms, instrument, D(quantity), prices, D(10))


@pytest.mark.parametrize(
    "tiers",
    [
        (),
        ("0.01@1",),  # nothing is asked of the first unit
        ("0.01@0", "0.02@0"),
        ("0.01@0", "0.02@5", "0.03@4"),
        ("0.02@0", "0.01@5"),  # the rate falls
        ("-0.01@0",),
        ("1.01@0",),
    ],
)
def test_senseless_tiers(tiers):
    """Tiers rise from a floor of 0, floors and rates alike, between nothing and everything."""
    with pytest.raises(DataError, match="rise from a floor of 0"):
        schedule(*tiers)


def test_falling_slope():
    """A rate never falls as the position grows."""
    with pytest.raises(DataError, match="margin tiers"):
        schedule("0.01@0", slope="-0.0001")


def test_own_schedule_wins():
    """A schedule of the instrument goes before that of its kind."""
    both = {Kind.PERPETUAL: schedule("0.5@0"), LINEAR.id: schedule("0.005@0")}
    terms, prices = VenueTerms(maintenance=both, initial=both), priced(LINEAR, "50000")

    assert D(250) == maintenance(terms, LINEAR, D(1), prices)
    assert D(250) == initial(terms, LINEAR, D(1), prices, None)


def test_missing_schedule():
    """A perpetual without a maintenance schedule is an error, not free."""
    with pytest.raises(DataError, match="maintenance schedule"):
        maintenance(VenueTerms(), LINEAR, D(1), priced(LINEAR, "50000"))


@pytest.mark.parametrize(
    ("terms", "match"),
    [
        ({"mode": MarginMode.ISOLATED}, "leverage: must be given"),
        ({"leverage": D(0)}, "above 0, was 0"),
        ({"leverage": D(-5)}, "above 0, was -5"),
        ({"collateral": {"BTC": D("1.01")}}, "BTC collateral"),
        ({"collateral": {"BTC": D("-0.1")}}, "BTC collateral"),
    ],
)
def test_senseless_terms(terms, match):
    """Leverage is above 0 and known where it is needed; collateral counts 0 to 1."""
    with pytest.raises(DataError, match=match):
        AccountTerms(**terms)
