"""Tests of self-trade prevention: nobody trades with himself, under either policy."""

import pytest

from rebalancer.exchange.exchange import Exchange, OpeningAccount, OpeningPosition
from rebalancer.exchange.orders import TimeInForce
from rebalancer.exchange.records import Accepted, Ended, Ending, RejectReason
from rebalancer.exchange.terms import SelfTrade, TradingRules, VenueTerms
from tests.exchange.listing import (
    LINEAR,
    LISTED,
    NO_FEES,
    D,
    ending,
    fills,
    levels,
    order,
    reason,
)

IOC, FOK, GTC, POST_ONLY = TimeInForce
RESTING, INCOMING = SelfTrade.CANCEL_RESTING, SelfTrade.CANCEL_INCOMING


def opened(policy, resting=(("c-101", "-1", "101"),), **more):
    """Return a book of 2@99, 5@98 and 2@100.5, 5@102 in which account `a` rests."""
    cash = {"USDT": D(1_000_000)}
    held = (OpeningPosition(LINEAR.id, D(1), D(100)),)
    accounts = [OpeningAccount("a", cash, held), OpeningAccount("b", cash)]
    exchange = Exchange(LISTED, NO_FEES, accounts, VenueTerms(self_trade=policy, **more))
    exchange.set_book(0, LINEAR.id, levels("2@99", "5@98"), levels("2@100.5", "5@102"))
    for name, quantity, price in resting:
        exchange.submit(1, order(LINEAR, quantity, price, GTC, client_order_id=name))
    return exchange


def met(exchange, quantity, price=None, time_in_force=IOC, **more):
    wanted = order(LINEAR, quantity, price, time_in_force, client_order_id="in", **more)
    return exchange.submit(2, wanted)


def names(exchange, account="a"):
    return [each.order.client_order_id for each in exchange.open_orders(account)]


def expected_fills(*pairs):
    return [(D(size), D(price)) for size, price in pairs]


@pytest.mark.parametrize(
    ("resting", "quantity", "price", "canceled"),
    [
        (("-1", "101"), "2", None, False),  # filled before it gets there
        (("-1", "101"), "3", None, True),
        (("-1", "101"), "3", "101", True),  # something is left that would pay 101
        (("-1", "101"), "3", "100.9", False),
        (("-1", "101"), "2", "102", False),
        (("-1", "102"), "3", None, True),  # it takes of the level where its own order stands
        (("-1", "103"), "3", None, False),
        (("-1", "103"), "99", None, True),
        (("1", "98.5"), "-2", None, False),
        (("1", "98.5"), "-3", None, True),
        (("1", "98.5"), "-3", "98.5", True),
        (("1", "98.5"), "-3", "98.6", False),
        (("1", "97"), "-7", None, False),
        (("1", "97"), "-8", None, True),
        (("1", "98.5"), "9", None, False),  # the same side never meets
    ],
)
def test_cancel_resting(resting, quantity, price, canceled):
    """An own resting order is canceled when another of the account gets to its price."""
    exchange = opened(RESTING, [("own", *resting)])

    records = met(exchange, quantity, price)

    assert ([] if canceled else ["own"]) == names(exchange)
    assert canceled == any(
        isinstance(each, Ended) and each.client_order_id == "own" for each in records
    )


def test_order_of_records():
    """Accepted comes first, then the end of what stood in the way, then the fills."""
    records = met(opened(RESTING), "3")

    assert isinstance(records[0], Accepted)
    assert ("c-101", Ending.CANCELED, D(0)) == (
        *(records[1].client_order_id, records[1].how, records[1].filled),
    )
    assert expected_fills(("2", "100.5"), ("1", "102")) == fills(records)
    assert (Ending.FILLED, D(3)) == ending(records)


def test_only_those_in_the_way():
    """Of several resting orders those that are reached go, the others stay."""
    resting = [("s1", "-1", "101"), ("s2", "-1", "101.5"), ("s3", "-1", "103"), ("b1", "1", "97")]
    exchange = opened(RESTING, resting)

    records = met(exchange, "3", "101.5")

    assert ["s3", "b1"] == names(exchange)
    assert expected_fills(("2", "100.5")) == fills(records)


@pytest.mark.parametrize(
    ("resting", "quantity", "price", "filled", "how"),
    [
        (("-1", "101"), "2", None, [("2", "100.5")], Ending.FILLED),
        (("-1", "101"), "3", None, [("2", "100.5")], Ending.CANCELED),
        (("-1", "101"), "3", "101", [("2", "100.5")], Ending.CANCELED),
        (("-1", "101"), "3", "100.9", [("2", "100.5")], Ending.EXPIRED),  # never gets there
        (("-1", "102"), "4", None, [("2", "100.5")], Ending.CANCELED),
        (("-1", "103"), "99", None, [("2", "100.5"), ("5", "102")], Ending.CANCELED),
        (("-1", "100"), "2", None, [], Ending.CANCELED),
        (("1", "98.5"), "-2", None, [("-2", "99")], Ending.FILLED),
        (("1", "98.5"), "-3", None, [("-2", "99")], Ending.CANCELED),
        (("1", "98"), "-3", "98", [("-2", "99")], Ending.CANCELED),
        (("1", "97"), "-99", None, [("-2", "99"), ("-5", "98")], Ending.CANCELED),
    ],
)
def test_cancel_incoming(resting, quantity, price, filled, how):
    """An incoming order fills up to the price where it would meet its own, and is canceled."""
    exchange = opened(INCOMING, [("own", *resting)])

    records = met(exchange, quantity, price)

    assert expected_fills(*filled) == fills(records)
    assert (how, sum((D(size) for size, _ in filled), D(0))) == ending(records)
    assert ["own"] == names(exchange)


def test_cancel_incoming_takes_no_more_of_the_book():
    """What stands at the meeting price stays displayed, as what stands behind it does."""
    exchange = opened(INCOMING, [("own", "-1", "102")])

    met(exchange, "4")

    assert levels("5@102") == exchange.book(LINEAR.id).asks
    assert levels("2@99", "5@98") == exchange.book(LINEAR.id).bids


@pytest.mark.parametrize(
    ("policy", "quantity", "price", "rests", "open_"),
    [
        (RESTING, "3", "101", True, ["in"]),
        (RESTING, "3", "100.9", True, ["c-101", "in"]),
        (INCOMING, "3", "101", False, ["c-101"]),  # it never rests across its own order
        (INCOMING, "3", "100.9", True, ["c-101", "in"]),
    ],
)
def test_what_would_rest(policy, quantity, price, rests, open_):
    """An order that may rest never rests across another of its own account."""
    exchange = opened(policy)

    records = met(exchange, quantity, price, GTC)

    assert (None if rests else (Ending.CANCELED, D(2))) == ending(records)
    assert open_ == names(exchange)


@pytest.mark.parametrize(
    ("policy", "quantity", "filled", "open_"),
    [
        (RESTING, "2", "2", ["c-101"]),
        (RESTING, "7", "7", []),  # all of it is in the book, once the own order is out of the way
        (RESTING, "8", "0", ["c-101"]),  # cannot be filled: so nothing is canceled for it
        (INCOMING, "2", "2", ["c-101"]),
        (INCOMING, "3", "0", ["c-101"]),  # cannot be filled before it meets its own
    ],
)
def test_fill_or_kill(policy, quantity, filled, open_):
    """All or nothing holds: an order that is not filled whole cancels nothing."""
    exchange = opened(policy)

    records = met(exchange, quantity, None, FOK)

    assert D(filled) == sum((size for size, _ in fills(records)), D(0))
    assert D(filled) == ending(records)[1]
    assert open_ == names(exchange)


@pytest.mark.parametrize(
    ("policy", "price", "open_"),
    [
        (RESTING, "100.4", ["own", "in"]),  # does not get to it
        (RESTING, "100.3", ["own", "in"]),
        (INCOMING, "100.3", ["own", "in"]),
    ],
)
def test_post_only_that_meets_nobody(policy, price, open_):
    """A post-only order below the account's own offers rests beside them."""
    exchange = opened(policy, [("own", "-1", "100.5")])

    met(exchange, "1", price, POST_ONLY)

    assert open_ == names(exchange)


@pytest.mark.parametrize("policy", [RESTING, INCOMING])
def test_post_only_that_crosses_the_book(policy):
    """A post-only order that would take is rejected and cancels nothing."""
    exchange = opened(policy)

    assert RejectReason.POST_ONLY_WOULD_CROSS == reason(met(exchange, "9", "101", POST_ONLY))
    assert ["c-101"] == names(exchange)


@pytest.mark.parametrize("policy", [RESTING, INCOMING])
@pytest.mark.parametrize("quantity", ["7", "-7"])
def test_other_accounts(policy, quantity):
    """Orders of other accounts stay, and an account without own orders is not held up."""
    exchange = opened(policy, [("s", "-1", "101"), ("b", "1", "98.5")])

    records = met(exchange, quantity, account="b")

    assert (Ending.FILLED, D(quantity)) == ending(records)
    assert ["s", "b"] == names(exchange)


@pytest.mark.parametrize(
    ("policy", "quantity", "open_"), [(RESTING, "-2", ["own"]), (INCOMING, "-2", ["own"])]
)
def test_reduce_only(policy, quantity, open_):
    """A reduce-only order reaches only as far as what it may reduce: 1 at 99."""
    exchange = opened(policy, [("own", "1", "98.5")])

    records = met(exchange, quantity, None, reduce_only=True)

    assert expected_fills(("-1", "99")) == fills(records)
    assert open_ == names(exchange)


def test_band_before_own_order():
    """An own order beyond the venue's price band is never reached."""
    rules = {LINEAR.id: TradingRules(price_band=D("0.03"))}
    exchange = opened(RESTING, [], rules=rules)
    exchange.set_mark(0, LINEAR.id, D(100))
    exchange.submit(1, order(LINEAR, "-1", "104", GTC, client_order_id="own"))

    records = met(exchange, "99")

    assert (Ending.EXPIRED, D(7)) == ending(records)
    assert ["own"] == names(exchange)
