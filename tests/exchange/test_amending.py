"""Tests of amendments: who keeps his place, who goes to the back, and what is refused."""

import pytest

from rebalancer.core.instruments import Kind
from rebalancer.errors import DataError
from rebalancer.exchange.exchange import Exchange, OpeningAccount, OpeningPosition
from rebalancer.exchange.orders import TimeInForce
from rebalancer.exchange.records import (
    Accepted,
    Amended,
    AmendRefused,
    Ended,
    Ending,
    Filled,
    RejectReason,
)
from rebalancer.exchange.terms import (
    AccountTerms,
    Schedule,
    SelfTrade,
    TradingRules,
    VenueTerms,
)
from tests.exchange.listing import (
    INVERSE,
    LINEAR,
    LISTED,
    NO_FEES,
    SPOT,
    D,
    ending,
    fills,
    levels,
    order,
    quote,
)

GTC, POST_ONLY = TimeInForce.GTC, TimeInForce.POST_ONLY
CROSS = AccountTerms(leverage=D(10))


def opened(cash="1000000", held="0", terms=None, **more):
    """Return a book of 5@99 and 5@101 in which account `a` may rest."""
    flat = Schedule(((D(0), D("0.005")),))
    venue = VenueTerms(maintenance={Kind.PERPETUAL: flat, Kind.FUTURE: flat}, **more)
    positions = () if held == "0" else (OpeningPosition(LINEAR.id, D(held), D(100)),)
    account = OpeningAccount("a", {"USDT": D(cash), "BTC": D(100)}, positions, terms)
    exchange = Exchange(LISTED, NO_FEES, [account, OpeningAccount("b")], venue)
    exchange.set_book(0, LINEAR.id, levels("5@99", "3@98"), levels("5@101", "3@102"))
    return exchange


def resting(quantity="4", price="99", time_in_force=GTC, **more):
    """Return the same with an order resting behind what is displayed at its price."""
    exchange = opened(**more)
    exchange.submit(1, order(LINEAR, quantity, price, time_in_force))
    return exchange


def amend(exchange, quantity=None, price=None, ts=2, name="c1"):
    amount = None if quantity is None else D(quantity)
    return exchange.amend(ts, "a", name, amount, None if price is None else D(price))


def printed(exchange, size, price="99"):
    """Return what a print of `size` fills."""
    return sum((size for size, _ in fills(exchange.trade(3, LINEAR.id, D(price), D(size)))), D(0))


@pytest.mark.parametrize(
    ("quantity", "price", "ahead"),
    [
        ("2", None, "5"),
        ("2", "99", "5"),
        ("3.999", None, "5"),
        ("5", None, "9"),  # to the back: of the 9 displayed by now
        ("4", "98", "7"),
        ("2", "98", "7"),
        ("4", "98.5", "0"),
        ("4", "100", "0"),
    ],
)
def test_place_in_the_queue(quantity, price, ahead):
    """A smaller order at its price keeps its place; a larger or repriced one goes to the back."""
    exchange = resting()
    exchange.set_book(2, LINEAR.id, levels("9@99", "7@98"), levels("5@101"))

    (amended,) = amend(exchange, quantity, price)
    (working,) = exchange.open_orders("a")

    assert (D(quantity), D(price or "99")) == (amended.quantity, amended.price)
    assert (D(quantity), D(price or "99")) == (working.order.quantity, working.order.price)
    assert D(ahead) == working.ahead


@pytest.mark.parametrize(
    ("quantity", "size", "filled"),
    [
        (None, "-7", "2"),
        ("2", "-6", "1"),
        ("2", "-9", "2"),  # never more than what is left of it
        ("6", "-7", "2"),  # the same 5 are ahead: nobody else came
    ],
)
def test_prints_after_an_amendment(quantity, size, filled):
    """What is traded at its price fills an amended order once its queue is eaten."""
    exchange = resting()
    if quantity is not None:
        amend(exchange, quantity)

    assert D(filled) == printed(exchange, size)


def test_eaten_queue_is_kept_or_lost():
    """What was eaten of the queue counts for the smaller order, and not for the larger one."""
    for quantity, filled in (("3", "2"), ("5", "0")):
        exchange = resting()
        exchange.trade(2, LINEAR.id, D(99), D(-4))  # 1 is left ahead
        amend(exchange, quantity)

        assert D(filled) == printed(exchange, "-3")


def test_priority_among_own_orders():
    """An order that goes to the back stands behind the account's others at that price."""
    exchange = resting("1")
    exchange.submit(1, order(LINEAR, "1", "99", GTC, client_order_id="c2"))
    amend(exchange, "2")

    records = exchange.trade(3, LINEAR.id, D("98.9"), D(-2))

    assert [("c2", D(1)), ("c1", D(1))] == [
        (each.client_order_id, each.quantity) for each in records if isinstance(each, Filled)
    ]


@pytest.mark.parametrize(
    ("quantity", "price", "filled", "expected"),
    [
        ("4", "101", [("4", "101")], (Ending.FILLED, "4")),
        ("4", "103", [("4", "101")], (Ending.FILLED, "4")),
        ("7", "102", [("5", "101"), ("2", "102")], (Ending.FILLED, "7")),
        ("9", "102", [("5", "101"), ("3", "102")], None),  # the rest of it rests
        ("4", "100.9", [], None),
    ],
)
def test_repriced_into_the_book(quantity, price, filled, expected):
    """An order whose new price crosses takes from the book, and what is left rests there."""
    exchange = resting()

    records = amend(exchange, quantity, price)

    assert isinstance(records[0], Amended)
    assert [(D(size), D(at)) for size, at in filled] == fills(records)
    assert not any(each.maker for each in records if isinstance(each, Filled))
    found = ending(records)
    assert (None if expected is None else (expected[0], D(expected[1]))) == found
    assert (0 if expected else 1) == len(exchange.open_orders("a"))


def test_sale_repriced_into_the_book():
    """A sale takes bids when its price falls to them."""
    records = amend(resting("-4", "101"), None, "98")

    assert [(D(-4), D(99))] == fills(records)


def partly_filled():
    """Return an order of 8 of which 5 are filled."""
    exchange = opened()
    exchange.submit(1, order(LINEAR, "8", "101", GTC))
    return exchange


@pytest.mark.parametrize(
    ("quantity", "open_"), [("6", "1"), ("9", "4"), ("5", None), ("3", None), ("0.002", None)]
)
def test_of_a_partly_filled_order(quantity, open_):
    """A quantity is that of the whole life; at or below what is filled it ends the order."""
    exchange = partly_filled()

    records = amend(exchange, quantity)

    assert D(quantity) == records[0].quantity
    assert (None if open_ else (Ending.CANCELED, D(5))) == ending(records)
    left = [each.remaining for each in exchange.open_orders("a")]
    assert ([] if open_ is None else [D(open_)]) == left


@pytest.mark.parametrize(
    ("quantity", "price"), [(None, None), ("4", None), (None, "99"), ("4.0", "99.00")]
)
def test_nothing_changes(quantity, price):
    """An amendment to what is there already is nothing, and keeps the queue."""
    exchange = resting()

    assert () == amend(exchange, quantity, price)
    assert 1 == len(exchange.query("a", "c1"))
    assert D(5) == exchange.open_orders("a")[0].ahead


@pytest.mark.parametrize(
    ("quantity", "price", "why"),
    [
        ("-4", None, RejectReason.BAD_LOT),  # a side does not change
        ("0", None, RejectReason.BAD_LOT),
        ("4.0005", None, RejectReason.BAD_LOT),
        ("Infinity", None, RejectReason.BAD_LOT),
        ("0.001", None, RejectReason.BELOW_MINIMUM),
        ("4", "99.05", RejectReason.BAD_TICK),
        ("4", "0", RejectReason.BAD_TICK),
        ("4", "-99", RejectReason.BAD_TICK),
        ("4", "NaN", RejectReason.BAD_TICK),
        ("20.001", None, RejectReason.ABOVE_MAXIMUM),
        ("4", "105.1", RejectReason.OUTSIDE_PRICE_BAND),
        ("0.1", "98", RejectReason.BELOW_NOTIONAL),
    ],
)
def test_refused(quantity, price, why):
    """What would be rejected as an order is refused, and the old order stays where it is."""
    rules = TradingRules(minimum_notional=D(10), maximum=D(20), price_band=D("0.05"))
    exchange = opened(rules={LINEAR.id: rules})
    exchange.set_mark(1, LINEAR.id, D(100))
    exchange.submit(1, order(LINEAR, "4", "99", GTC))

    assert (AmendRefused(2, "a", "c1", why),) == amend(exchange, quantity, price)
    (working,) = exchange.open_orders("a")
    assert (D(4), D(99), D(5)) == (working.order.quantity, working.order.price, working.ahead)
    assert 1 == len(exchange.query("a", "c1"))


def test_post_only_stays_post_only():
    """A post-only order is not repriced into the book."""
    exchange = resting(time_in_force=POST_ONLY)

    (refused,) = amend(exchange, None, "101")

    assert RejectReason.POST_ONLY_WOULD_CROSS == refused.reason
    assert isinstance(amend(exchange, None, "100")[0], Amended)


@pytest.mark.parametrize(
    ("quantity", "price", "fits"),
    [("5", None, True), ("5.001", None, False), ("4", "99.5", True), ("5", "103", False)],
)
def test_margin(quantity, price, fits):
    """A larger order must be paid for, in the place of the one that it replaces: 50 at 10x."""
    exchange = opened("50", terms=CROSS)
    exchange.set_mark(0, LINEAR.id, D(100))
    exchange.submit(1, order(LINEAR, "4", "99", GTC))

    (*_, last) = amend(exchange, quantity, price)

    refused = AmendRefused(2, "a", "c1", RejectReason.INSUFFICIENT_MARGIN)
    assert fits is not (refused == last)


def test_margin_of_a_partly_filled_order():
    """What is filled is a position by now: 5 held and 3 wanted, 80 in all, and 2 more for 20."""
    exchange = opened("105", terms=CROSS)  # 5 are lost to the mark as 5 fill at 101
    exchange.set_mark(0, LINEAR.id, D(100))
    exchange.submit(1, order(LINEAR, "8", "101", GTC))

    # 100 are left; what is still wanted loses 1 a contract at 101: 50 + 10 n + n
    assert RejectReason.INSUFFICIENT_MARGIN == amend(exchange, "9.546")[0].reason
    assert isinstance(amend(exchange, "9.545")[0], Amended)


def test_reduction_passes():
    """An order that reduces may be amended within what it reduces, however short of margin."""
    exchange = opened("60", held="10", terms=CROSS)
    exchange.set_mark(0, LINEAR.id, D(99))
    exchange.submit(1, order(LINEAR, "-4", "101", GTC))

    assert isinstance(amend(exchange, "-10")[0], Amended)
    assert RejectReason.INSUFFICIENT_MARGIN == amend(exchange, "-10.001")[0].reason


def test_spot_sale():
    """A sale of spot grows to what is held and no further."""
    account = OpeningAccount("a", {}, (OpeningPosition(SPOT.id, D(2), D(100)),), AccountTerms())
    exchange = Exchange([SPOT], NO_FEES, [account])
    quote(exchange, SPOT, "99", "101")
    exchange.set_mark(0, SPOT.id, D(100))
    exchange.submit(1, order(SPOT, "-1", "101", GTC))

    assert RejectReason.INSUFFICIENT_BALANCE == amend(exchange, "-2.0001")[0].reason
    assert isinstance(amend(exchange, "-2")[0], Amended)


@pytest.mark.parametrize("name", ["c1", "other"])
def test_no_such_order(name):
    """An order that is not open any more, or never was, is refused without a reason."""
    exchange = resting()
    exchange.cancel(1, "a", "c1")

    assert (AmendRefused(2, "a", name, None),) == amend(exchange, "2", name=name)


def test_unknown_account():
    """An account that is not here is an error."""
    with pytest.raises(DataError, match="nobody"):
        resting().amend(2, "nobody", "c1", D(2))


def test_not_of_another_account():
    """The same client order id of another account is another order."""
    assert (AmendRefused(2, "b", "c1", None),) == resting().amend(2, "b", "c1", D(2))


def test_oldest_of_several():
    """Of several orders with one client order id the oldest is amended."""
    exchange = opened()
    exchange.submit(1, order(LINEAR, "4", "98", GTC))
    exchange.submit(1, order(LINEAR, "3", "99", GTC))

    amend(exchange, "2")

    assert [D(2), D(3)] == [each.order.quantity for each in exchange.open_orders("a")]


def test_history():
    """A query tells what became of an order, amendments and all, in order and under one id."""
    exchange = resting()
    amend(exchange, "6")
    exchange.trade(3, LINEAR.id, D(99), D(-7))
    amend(exchange, "2", ts=4)

    found = exchange.query("a", "c1")

    assert [Accepted, Amended, Filled, Amended, Ended] == [type(each) for each in found]
    assert 1 == len({each.order_id for each in found})
    assert (Ending.CANCELED, D(2)) == (found[-1].how, found[-1].filled)
    assert Amended(2, "a", LINEAR.id, "c1", found[0].order_id, D(6), D(99)) == found[1]


@pytest.mark.parametrize(
    ("policy", "open_"),
    [(SelfTrade.CANCEL_RESTING, ["c1"]), (SelfTrade.CANCEL_INCOMING, ["s"])],
)
def test_self_trade(policy, open_):
    """An order that is repriced across another of its account meets it like a new one."""
    exchange = resting(self_trade=policy)
    exchange.submit(1, order(LINEAR, "-1", "100", GTC, client_order_id="s"))

    records = amend(exchange, None, "100.5")

    assert [] == fills(records)
    assert open_ == [each.order.client_order_id for each in exchange.open_orders("a")]


def test_reduce_only():
    """A reduce-only order that grows still never fills more than what is held."""
    exchange = opened(held="2")
    exchange.submit(1, order(LINEAR, "-1", "101", GTC, reduce_only=True))
    amend(exchange, "-9")

    records = exchange.trade(3, LINEAR.id, D("101.1"), D(50))

    assert [(D(-2), D(101))] == fills(records)
    assert (Ending.CANCELED, D(-2)) == ending(records)


def test_inverse():
    """An order on an inverse contract is amended in whole contracts."""
    exchange = opened()
    quote(exchange, INVERSE, "49999.5", "50000")
    exchange.submit(1, order(INVERSE, "10", "49000", GTC))

    assert RejectReason.BAD_LOT == amend(exchange, "10.5")[0].reason
    (amended,) = amend(exchange, "12", "49000.5")
    assert (D(12), D("49000.5")) == (amended.quantity, amended.price)
