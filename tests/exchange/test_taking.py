"""Tests of orders that meet the displayed book at once, and of every reject."""

import pytest

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange.orders import TimeInForce
from rebalancer.exchange.records import Accepted, Ended, Ending, Rejected, RejectReason
from tests.exchange.listing import (
    CALL,
    CASH,
    EXPIRY,
    FUTURE,
    LINEAR,
    LINEAR_CALL,
    D,
    ending,
    fills,
    levels,
    open_exchange,
    order,
    quote,
    reason,
)

IOC, FOK, GTC, POST_ONLY = TimeInForce


def displayed():
    exchange = open_exchange()
    exchange.set_book(0, LINEAR.id, levels("1@99", "2@98"), levels("1@101", "2@102"))
    return exchange


@pytest.mark.parametrize(
    ("time_in_force", "quantity", "price", "filled", "expected"),
    [
        (IOC, "2", "102", [("1", "101"), ("1", "102")], (Ending.FILLED, "2")),
        (IOC, "2", "101", [("1", "101")], (Ending.EXPIRED, "1")),
        (IOC, "2", "100", [], (Ending.EXPIRED, "0")),
        (IOC, "-2", "98", [("-1", "99"), ("-1", "98")], (Ending.FILLED, "-2")),
        (IOC, "-4", None, [("-1", "99"), ("-2", "98")], (Ending.EXPIRED, "-3")),
        (FOK, "3", "102", [("1", "101"), ("2", "102")], (Ending.FILLED, "3")),
        (FOK, "3.001", "102", [], (Ending.EXPIRED, "0")),
        (FOK, "2", "101", [], (Ending.EXPIRED, "0")),
        (GTC, "1", "101", [("1", "101")], (Ending.FILLED, "1")),
        (GTC, "2", "101", [("1", "101")], None),
        (GTC, "2", "100", [], None),
        (GTC, "4", None, [("1", "101"), ("2", "102")], (Ending.EXPIRED, "3")),
        (POST_ONLY, "2", "100.9", [], None),
        (POST_ONLY, "-2", "99.1", [], None),
    ],
)
def test_order_types(time_in_force, quantity, price, filled, expected):
    """Each time in force fills within its limit; the rest expires, or rests where it may."""
    records = displayed().submit(1, order(LINEAR, quantity, price, time_in_force))

    assert isinstance(records[0], Accepted)
    assert [(D(size), D(at)) for size, at in filled] == fills(records)
    assert (expected and (expected[0], D(expected[1]))) == ending(records)


def test_second_order_does_not_see_what_the_first_took():
    """Depth is consumed until the next book replaces it."""
    exchange = displayed()

    first = exchange.submit(1, order(LINEAR, "1.5", "102"))
    second = exchange.submit(1, order(LINEAR, "2", "102"))
    exchange.set_book(2, LINEAR.id, levels("1@99"), levels("1@101"))
    third = exchange.submit(2, order(LINEAR, "1", "102"))

    assert [(D(1), D(101)), (D("0.5"), D(102))] == fills(first)
    assert [(D("1.5"), D(102))] == fills(second)
    assert [(D(1), D(101))] == fills(third)


def test_killed_order_takes_no_depth():
    """A fill-or-kill that is killed leaves the book as it was."""
    exchange = displayed()
    before = exchange.book(LINEAR.id)

    exchange.submit(1, order(LINEAR, "9", None, FOK))

    assert before == exchange.book(LINEAR.id)


def test_records_in_full():
    """An order's records carry who, what, when, and ids of their own."""
    records = displayed().submit(7, order(LINEAR, "2", "101"))

    accepted, filled, ended = records
    assert (7, "a", LINEAR.id, "c1") == (
        *(accepted.ts, accepted.account, accepted.instrument, accepted.client_order_id),
    )
    assert Ended(7, "a", LINEAR.id, "c1", accepted.order_id, Ending.EXPIRED, D(1)) == ended
    assert (accepted.order_id, False, D(0), "USDT") == (
        *(filled.order_id, filled.maker, filled.fee, filled.fee_currency),
    )
    assert filled.trade_id != accepted.order_id


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (order(CASH, "1", "100"), RejectReason.UNKNOWN_INSTRUMENT),
        (order(Instrument("x:NO", Kind.SPOT, "A", "B"), "1"), RejectReason.UNKNOWN_INSTRUMENT),
        (order(LINEAR, "0.0025", "100"), RejectReason.BAD_LOT),
        (order(LINEAR, "NaN", "100"), RejectReason.BAD_LOT),
        (order(LINEAR, "Infinity", "100"), RejectReason.BAD_LOT),
        (order(LINEAR, "0.001", "100"), RejectReason.BELOW_MINIMUM),
        (order(LINEAR, "-0.001", "100"), RejectReason.BELOW_MINIMUM),
        (order(LINEAR, "0", "100"), RejectReason.BELOW_MINIMUM),
        (order(LINEAR, "1", "100.05"), RejectReason.BAD_TICK),
        (order(LINEAR, "1", "0"), RejectReason.BAD_TICK),
        (order(LINEAR, "1", "-100"), RejectReason.BAD_TICK),
        (order(LINEAR, "1", "NaN"), RejectReason.BAD_TICK),
        (order(CALL, "1", "0.05"), RejectReason.NO_BOOK),
        (order(LINEAR_CALL, "1", "500"), RejectReason.NO_INDEX),
        (order(LINEAR, "1", "101", POST_ONLY), RejectReason.POST_ONLY_WOULD_CROSS),
        (order(LINEAR, "-1", "99", POST_ONLY), RejectReason.POST_ONLY_WOULD_CROSS),
        (order(LINEAR, "1", None, POST_ONLY), RejectReason.POST_ONLY_WOULD_CROSS),
        (order(LINEAR, "1", None, reduce_only=True), RejectReason.REDUCE_ONLY_WOULD_INCREASE),
        (order(LINEAR, "0.002", "100"), None),
    ],
)
def test_rejects(wanted, expected):
    """What a venue would not take is rejected with a reason, and leaves no trace."""
    exchange = displayed()
    exchange.set_book(0, LINEAR_CALL.id, levels("1@400"), levels("1@500"))

    records = exchange.submit(1, wanted)

    assert expected == reason(records)
    if expected is not None:
        assert (Rejected(1, "a", wanted.instrument, "c1", expected),) == records
        assert () == exchange.query("a", "c1")


def test_expired_instrument():
    """Nothing trades from the moment of expiry on, delivered or not."""
    exchange = open_exchange()
    quote(exchange, FUTURE, "99", "101")

    assert reason(exchange.submit(EXPIRY - 1, order(FUTURE, "1"))) is None
    assert RejectReason.EXPIRED_INSTRUMENT == reason(exchange.submit(EXPIRY, order(FUTURE, "1")))


@pytest.mark.parametrize(
    ("held", "quantity", "filled", "expected"),
    [
        ("2", "-1", [("-1", "99")], (Ending.FILLED, "-1")),
        ("1", "-2", [("-1", "99")], (Ending.EXPIRED, "-1")),  # cut where it would turn
        ("-1", "2", [("1", "101")], (Ending.EXPIRED, "1")),
    ],
)
def test_reduce_only(held, quantity, filled, expected):
    """A reduce-only order fills at most what brings the position to zero."""
    exchange = open_exchange(positions=[(LINEAR, held, "100")])
    quote(exchange, LINEAR, "99", "101")

    records = exchange.submit(1, order(LINEAR, quantity, None, reduce_only=True))

    assert [(D(size), D(at)) for size, at in filled] == fills(records)
    assert (expected[0], D(expected[1])) == ending(records)


@pytest.mark.parametrize(("held", "quantity"), [("1", "1"), ("-1", "-1")])
def test_reduce_only_would_increase(held, quantity):
    """A reduce-only order that can only grow the position is rejected."""
    exchange = open_exchange(positions=[(LINEAR, held, "100")])
    quote(exchange, LINEAR, "99", "101")

    records = exchange.submit(1, order(LINEAR, quantity, None, reduce_only=True))

    assert RejectReason.REDUCE_ONLY_WOULD_INCREASE == reason(records)


@pytest.mark.parametrize(
    ("unique", "expected"), [(False, None), (True, RejectReason.DUPLICATE_CLIENT_ID)]
)
def test_same_client_order_id_twice(unique, expected):
    """Labels may repeat unless the venue says that they are unique, per account."""
    exchange = open_exchange(unique_client_ids=unique)
    quote(exchange, LINEAR, "99", "101")
    exchange.submit(1, order(LINEAR, "1"))

    assert expected == reason(exchange.submit(2, order(LINEAR, "1")))
    assert reason(exchange.submit(2, order(LINEAR, "1", account="b"))) is None
