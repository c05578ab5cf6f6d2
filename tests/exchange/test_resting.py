"""Tests of orders that rest: prints, queues, new books, cancels and queries."""

import pytest

from rebalancer.errors import DataError
from rebalancer.exchange.orders import TimeInForce
from rebalancer.exchange.records import Accepted, CancelRefused, Ended, Ending, Filled
from tests.exchange.listing import (
    EXPIRY,
    FUTURE,
    LINEAR,
    D,
    ending,
    fills,
    levels,
    open_exchange,
    order,
    quote,
)

GTC = TimeInForce.GTC


def resting(quantity="2", price="99", **more):
    """Return an exchange where account `a` rests behind 5 at 99 or before 5 at 101."""
    exchange = open_exchange(**more)
    exchange.set_book(0, LINEAR.id, levels("5@99", "3@98"), levels("5@101", "3@102"))
    exchange.submit(1, order(LINEAR, quantity, price, GTC))
    return exchange


@pytest.mark.parametrize(
    ("prints", "filled"),
    [
        ([("99", "-5")], "0"),  # only what was ahead
        ([("99", "-6")], "1"),
        ([("99", "-3"), ("99", "-3")], "1"),
        ([("99", "-5"), ("99", "-2")], "2"),
        ([("99", "-50")], "2"),
        ([("99", "50")], "0"),  # the taker bought: nobody came to our side
        ([("98.9", "-1")], "1"),  # through, but never more than was traded
        ([("98.9", "-9")], "2"),
        (
            [("98.9", "9")],
            "0",
        ),  # a late print of a buyer: an ask below our bid would be in the book
        ([("99.1", "-50")], "0"),
        ([("98.9", "-0.5"), ("99", "-1")], "1.5"),  # through once: nobody is ahead any more
    ],
)
def test_prints_fill_a_bid(prints, filled):
    """A bid fills when a print goes through it, or once prints at it ate what was ahead."""
    exchange = resting()

    records = [each for price, size in prints for each in trade(exchange, price, size)]

    assert D(filled) == sum(size for size, _ in fills(records))
    assert all(price == 99 for _, price in fills(records))
    assert all(each.maker for each in records if isinstance(each, Filled))


@pytest.mark.parametrize(
    ("price", "size", "filled"),
    [("101", "6", "-1"), ("101.1", "9", "-2"), ("101", "-50", "0"), ("100.9", "50", "0")],
)
def test_prints_fill_an_ask(price, size, filled):
    """An ask fills by the same rule with its signs turned."""
    exchange = resting("-2", "101")

    assert D(filled) == sum(size for size, _ in fills(trade(exchange, price, size)))


def trade(exchange, price, size, ts=2):
    return exchange.trade(ts, LINEAR.id, D(price), D(size))


def test_last_fill_ends_the_order():
    """An order that is filled in parts ends with the sum."""
    exchange = resting()

    first, second = trade(exchange, "99", "-6"), trade(exchange, "99", "-9")

    assert ending(first) is None
    assert (Ending.FILLED, D(2)) == ending(second)
    assert () == exchange.open_orders("a")


def test_one_print_serves_best_price_then_oldest_and_never_twice():
    """Orders share a print: best price first, then by age, in sum never more than was traded."""
    exchange = resting("2", "99")
    exchange.submit(1, order(LINEAR, "2", "99", GTC, client_order_id="c2", account="b"))
    exchange.submit(1, order(LINEAR, "1", "99.5", GTC, client_order_id="c3"))

    records = trade(exchange, "99", "-9")

    found = [(each.client_order_id, each.quantity) for each in records if isinstance(each, Filled)]
    assert [("c3", D(1)), ("c1", D(2)), ("c2", D(1))] == found  # 1 + (8 - 5 ahead)


def test_queue_beyond_the_displayed_book_is_unknown():
    """An order deeper than the book fills at its price only once the queue has been seen."""
    exchange = resting("2", "97")
    assert [] == fills(trade(exchange, "97", "-500"))

    exchange.set_book(3, LINEAR.id, levels("4@97"), levels("5@101"))

    assert D(4) == exchange.open_orders("a")[0].ahead
    assert [(D(1), D(97))] == fills(trade(exchange, "97", "-5", ts=4))


@pytest.mark.parametrize("bids", [["2@99"], ["9@99"], ["1@98"], ["7@100"], []])
def test_cancels_ahead_are_not_credited(bids):
    """A queue shrinks by prints alone, whatever is displayed at our price later."""
    exchange = resting()

    exchange.set_book(2, LINEAR.id, levels(*bids), levels("5@101"))

    assert D(5) == exchange.open_orders("a")[0].ahead
    assert [] == fills(trade(exchange, "99", "-5", ts=3))
    assert [(D(1), D(99))] == fills(trade(exchange, "99", "-1", ts=4))


@pytest.mark.parametrize(
    ("asks", "silent", "printing"),
    [
        (["1@99"], "1", "0"),  # at our price: the seller's print must come, where prints are told
        (["1@98.5", "9@99"], "2", "2"),  # through it: no print can be needed
        (["9@99.1"], "0", "0"),
        (["0.0005@98"], "0", "0"),
        ([], "0", "0"),
    ],
)
def test_opposite_quote_fills(asks, silent, printing):
    """An ask beyond our bid fills it, by no more than is offered, at our price."""
    for expected, prints in ((silent, ()), (printing, ("105",))):
        exchange = resting()
        for price in prints:
            trade(exchange, price, "1")

        records = exchange.set_book(2, LINEAR.id, (), levels(*asks))

        assert D(expected) == sum(size for size, _ in fills(records))
        assert all(price == 99 for _, price in fills(records))


def test_remainder_of_a_taker_rests():
    """What an order did not take at once rests at its limit, and shows what it has filled."""
    exchange = open_exchange()
    exchange.set_book(0, LINEAR.id, levels("5@99"), levels("1@101"))

    exchange.submit(1, order(LINEAR, "3", "101", GTC))
    (working,) = exchange.open_orders("a")

    assert (D(1), D(2), D(0)) == (working.filled, working.remaining, working.ahead)


def test_cancel():
    """A cancel ends every open order with the id; a second finds none; others stay."""
    exchange = resting()
    exchange.submit(2, order(LINEAR, "1", "98", GTC))
    exchange.submit(2, order(LINEAR, "1", "98", GTC, client_order_id="c2"))
    exchange.submit(2, order(LINEAR, "1", "98", GTC, account="b"))

    records = exchange.cancel(3, "a", "c1")

    assert [(Ending.CANCELED, D(0))] * 2 == [(each.how, each.filled) for each in records]
    assert (CancelRefused(4, "a", "c1"),) == exchange.cancel(4, "a", "c1")
    assert ["c2"] == [each.order.client_order_id for each in exchange.open_orders("a")]
    assert [] == fills(trade(exchange, "98.9", "-9", ts=5))


def test_query_tells_the_whole_life():
    """A query returns what was reported of an order, in order, and nothing for a stranger."""
    exchange = resting()
    trade(exchange, "99", "-6")
    exchange.cancel(3, "a", "c1")

    accepted, filled, ended = exchange.query("a", "c1")

    assert isinstance(accepted, Accepted)
    assert isinstance(filled, Filled)
    assert (Ending.CANCELED, D(1)) == (ended.how, ended.filled)
    assert () == exchange.query("a", "c2")
    assert () == exchange.query("b", "c1")


def test_resting_reduce_only_is_cut_and_then_canceled():
    """A reduce-only order that rests never turns the position, and dies with it."""
    exchange = open_exchange(positions=[(LINEAR, "3", "100")])
    quote(exchange, LINEAR, "99", "101")
    exchange.submit(1, order(LINEAR, "-2", "105", GTC, reduce_only=True))
    exchange.submit(1, order(LINEAR, "-2", "106", GTC, reduce_only=True, client_order_id="c2"))

    records = trade(exchange, "107", "9")

    assert [(D(-2), D(105)), (D(-1), D(106))] == fills(records)
    assert (Ending.CANCELED, D(-1)) == ending(records)
    assert D(0) == exchange.position("a", LINEAR.id).quantity


def test_contract_that_ended_fills_nobody():
    """After expiry neither print nor book fills what still rests; delivery expires it."""
    exchange = open_exchange()
    quote(exchange, FUTURE, "99", "101")
    exchange.submit(1, order(FUTURE, "2", "100", GTC))

    assert () == exchange.trade(EXPIRY, FUTURE.id, D(50), D(-9))
    assert () == exchange.set_book(EXPIRY, FUTURE.id, (), levels("9@50"))
    (ended,) = exchange.deliver(EXPIRY, FUTURE.id, D(50))
    assert isinstance(ended, Ended)
    assert Ending.EXPIRED == ended.how


@pytest.mark.parametrize(("price", "size"), [("0", "1"), ("100", "0"), ("NaN", "1"), ("1", "NaN")])
def test_senseless_print(price, size):
    """A print of nothing, or at no price, is refused by name."""
    with pytest.raises(DataError, match="print"):
        trade(resting(), price, size)
