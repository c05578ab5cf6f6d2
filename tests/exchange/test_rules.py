"""Tests of trading rules: notional, largest order, price band, and ticks that grow."""

import pytest

from rebalancer.core.instruments import Kind
from rebalancer.exchange.exchange import Exchange, OpeningAccount, OpeningPosition
from rebalancer.exchange.orders import TimeInForce
from rebalancer.exchange.records import Ending, RejectReason
from rebalancer.exchange.terms import TradingRules, VenueTerms
from tests.exchange.listing import (
    CALL,
    INVERSE,
    LINEAR,
    LISTED,
    NO_FEES,
    PUT,
    SPOT,
    D,
    ending,
    fills,
    levels,
    order,
    quote,
    reason,
)

IOC, FOK, GTC, POST_ONLY = TimeInForce
SMALL, LARGE = RejectReason.BELOW_NOTIONAL, RejectReason.ABOVE_MAXIMUM
OUTSIDE = RejectReason.OUTSIDE_PRICE_BAND


def opened(rules, positions=()):
    """Return an exchange under these rules where account `a` has money enough."""
    held = tuple(OpeningPosition(each.id, D(size), D(entry)) for each, size, entry in positions)
    cash = {"BTC": D(100), "USDT": D(1_000_000)}
    return Exchange(LISTED, NO_FEES, [OpeningAccount("a", cash, held)], VenueTerms(rules=rules))


@pytest.mark.parametrize(
    ("instrument", "mark", "held", "quantity", "price", "expected"),
    [
        (LINEAR, "100", "0", "0.05", "100", None),  # exactly 5 USDT
        (LINEAR, "100", "0", "0.049", "100", SMALL),
        (LINEAR, "100", "0", "-0.049", "100", SMALL),
        (LINEAR, "100", "0", "0.05", "99.9", SMALL),  # at its own price
        (LINEAR, "99.9", "0", "0.05", "100", None),
        (LINEAR, "100", "0", "0.05", None, None),  # a market order at the mark
        (LINEAR, "99.9", "0", "0.05", None, SMALL),
        (LINEAR, "100", "1", "-0.002", "100", SMALL),  # a reduction that does not say so
        (LINEAR, "100", "-1", "0.002", None, SMALL),
        (LINEAR, "100", "1", "0.002", "100", SMALL),
        (LINEAR, "100", "0.01", "-0.02", "100", SMALL),  # it would turn the position
        (SPOT, "100", "0", "0.0499", "100", SMALL),
        (SPOT, "100", "0", "0.05", "100", None),
        (INVERSE, "50000", "0", "1", "50000", None),  # 10 USD whatever the price
    ],
)
def test_minimum_notional(instrument, mark, held, quantity, price, expected):
    """An order below the least notional is rejected."""
    positions = [] if held == "0" else [(instrument, held, "100")]
    exchange = opened({instrument.id: TradingRules(minimum_notional=D(5))}, positions)
    quote(exchange, instrument, "99", "101")
    exchange.set_mark(0, instrument.id, D(mark))

    assert expected == reason(exchange.submit(0, order(instrument, quantity, price)))


@pytest.mark.parametrize(("held", "quantity"), [("1", "-0.002"), ("-1", "0.002")])
def test_minimum_notional_of_a_reduction(held, quantity):
    """An order that only reduces, and says so, may be as small as it likes."""
    rules = {LINEAR.id: TradingRules(minimum_notional=D(5))}
    exchange = opened(rules, [(LINEAR, held, "100")])
    quote(exchange, LINEAR, "99", "101")
    exchange.set_mark(0, LINEAR.id, D(100))

    found = exchange.submit(0, order(LINEAR, quantity, None, reduce_only=True))

    assert reason(found) is None


def test_notional_of_an_inverse_contract():
    """An inverse contract's notional is its USD: one of 10 is too little for 20."""
    exchange = opened({Kind.PERPETUAL: TradingRules(minimum_notional=D(20))})
    quote(exchange, INVERSE, "49999.5", "50000")
    exchange.set_mark(0, INVERSE.id, D(50_000))

    assert SMALL == reason(exchange.submit(0, order(INVERSE, "1")))
    assert reason(exchange.submit(0, order(INVERSE, "2"))) is None


@pytest.mark.parametrize(
    ("quantity", "reduce_only", "expected"),
    [("10", False, None), ("10.001", False, LARGE), ("-10", False, None), ("-10.001", True, LARGE)],
)
def test_maximum(quantity, reduce_only, expected):
    """No order is larger than the largest, not even one that reduces."""
    exchange = opened({LINEAR.id: TradingRules(maximum=D(10))}, [(LINEAR, "50", "100")])
    quote(exchange, LINEAR, "99", "101")
    wanted = order(LINEAR, quantity, reduce_only=reduce_only)

    assert expected == reason(exchange.submit(0, wanted))


@pytest.mark.parametrize(
    ("quantity", "price", "expected"),
    [
        ("1", "105", None),  # 5 % above 100 and no more
        ("1", "105.1", OUTSIDE),
        ("1", "50", None),  # a bid may be as low as it likes
        ("-1", "95", None),
        ("-1", "94.9", OUTSIDE),
        ("-1", "500", None),
    ],
)
@pytest.mark.parametrize("time_in_force", [IOC, GTC, FOK])
def test_price_band(quantity, price, expected, time_in_force):
    """A limit is rejected when it lies further beyond the mark than the band."""
    exchange = opened({LINEAR.id: TradingRules(price_band=D("0.05"))})
    quote(exchange, LINEAR, "99", "101")
    exchange.set_mark(0, LINEAR.id, D(100))

    wanted = order(LINEAR, quantity, price, time_in_force)

    assert expected == reason(exchange.submit(0, wanted))


@pytest.mark.parametrize(
    ("quantity", "filled"),
    [("9", [("1", "101"), ("2", "105")]), ("-9", [("-1", "99"), ("-2", "95")])],
)
def test_market_order_stops_at_the_band(quantity, filled):
    """A market order takes as far as the band and expires there."""
    exchange = opened({LINEAR.id: TradingRules(price_band=D("0.05"))})
    exchange.set_book(
        *(0, LINEAR.id),
        *(levels("1@99", "2@95", "3@94.9"), levels("1@101", "2@105", "3@105.1")),
    )
    exchange.set_mark(0, LINEAR.id, D(100))

    records = exchange.submit(0, order(LINEAR, quantity))

    assert [(D(size), D(price)) for size, price in filled] == fills(records)
    assert (Ending.EXPIRED, sum(D(size) for size, _ in filled)) == ending(records)


def test_band_of_a_fill_or_kill_market_order():
    """What the band cuts off cannot be filled at once, so nothing is."""
    exchange = opened({LINEAR.id: TradingRules(price_band=D("0.05"))})
    exchange.set_book(0, LINEAR.id, (), levels("1@101", "2@105.1"))
    exchange.set_mark(0, LINEAR.id, D(100))

    records = exchange.submit(0, order(LINEAR, "3", None, FOK))

    assert [] == fills(records)
    assert (Ending.EXPIRED, D(0)) == ending(records)


@pytest.mark.parametrize(
    ("rules", "price", "expected"),
    [
        (TradingRules(price_band=D("0.05")), "100", RejectReason.NO_MARK),
        (TradingRules(price_band=D("0.05")), None, RejectReason.NO_MARK),
        (TradingRules(minimum_notional=D(5)), "100", None),  # its own price says enough
        (TradingRules(minimum_notional=D(5)), None, RejectReason.NO_MARK),
    ],
)
def test_rules_that_need_a_mark(rules, price, expected):
    """A rule that rests on the mark rejects while nobody told it."""
    exchange = opened({LINEAR.id: rules})
    quote(exchange, LINEAR, "99", "101")

    assert expected == reason(exchange.submit(0, order(LINEAR, "1", price)))


# Deribit's options: steps of 0.0001 up to 0.005, of 0.0005 above.
@pytest.mark.parametrize(
    ("price", "fits"),
    [
        ("0.0001", True),
        ("0.0049", True),
        ("0.005", True),
        ("0.00005", False),
        ("0.0051", False),
        ("0.0055", True),
        ("0.0101", False),
        ("0.0105", True),
        ("0.1", True),
    ],
)
@pytest.mark.parametrize("instrument", [CALL, PUT])
def test_tick_steps(price, fits, instrument):
    """A price must lie on the step of where it lies."""
    steps = ((D("0.005"), D("0.0005")),)
    exchange = opened({Kind.OPTION: TradingRules(tick_steps=steps)})
    quote(exchange, instrument, "0.004", "0.2")

    found = reason(exchange.submit(0, order(instrument, "1", price, GTC)))

    assert (None if fits else RejectReason.BAD_TICK) == found


@pytest.mark.parametrize(
    ("price", "fits"),
    [("9.9", True), ("10.1", False), ("10.5", True), ("101", True), ("102", False)],
)
def test_several_tick_steps(price, fits):
    """The last step that a price lies above holds: halves above 10, tens and one above 100."""
    steps = ((D(10), D("0.5")), (D(100), D("50.5")))
    exchange = opened({LINEAR.id: TradingRules(tick_steps=steps)})
    quote(exchange, LINEAR, "1", "200")

    found = reason(exchange.submit(0, order(LINEAR, "1", price, GTC)))

    assert (None if fits else RejectReason.BAD_TICK) == found


def test_own_rules_win():
    """The rules of an instrument go before those of its kind; without any there are none."""
    both = {Kind.PERPETUAL: TradingRules(maximum=D(1)), LINEAR.id: TradingRules(maximum=D(3))}
    exchange = opened(both)
    for instrument in (LINEAR, INVERSE, SPOT):
        quote(exchange, instrument, "99", "101")

    found = [reason(exchange.submit(0, order(each, "3"))) for each in (LINEAR, INVERSE, SPOT)]

    assert [None, LARGE, None] == found
