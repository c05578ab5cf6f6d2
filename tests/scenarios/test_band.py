"""Stories of the band: when a hedge goes, how far, and when it waits."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.commands import Purpose, Submit, TimeInForce
from rebalancer.core.decision import Action, Reason
from rebalancer.core.events import Ending
from rebalancer.core.params import BandKind
from tests.scenarios.desk import (
    BAND,
    LIMITS,
    LINEAR,
    MINUTE,
    PERP,
    SECOND,
    SPOT,
    START,
    build,
    settings,
)

D = Decimal


def test_outside_the_band(desk):
    """Two unhedged coins are sold down to the edge, by one whole and bounded order."""
    expected = Submit(
        client_order_id="rb0100030000001li",
        account="binanceusdm",
        instrument=LINEAR,
        quantity=D("-1.950"),
        price=D("99700.0"),
        time_in_force=TimeInForce.IOC,
        reduce_only=False,
        purpose=Purpose.HEDGE,
        underlying="BTC",
        decided_at=START,
    )

    assert [expected] == desk.orders
    assert (Action.ORDER, Reason.OUTSIDE_BAND) == (desk.decision.action, desk.decision.reason)

    desk.execute(expected)
    desk.wait(5)

    assert [expected] == desk.orders
    assert (Action.HOLD, Reason.INSIDE_BAND) == (desk.decision.action, desk.decision.reason)
    assert 0.05 == pytest.approx(desk.decision.net_delta)


def test_inside_the_band(calm):
    """Inside the band nothing is sent, whatever the price does."""
    for price in (100_000, 120_000, 60_000):
        calm.wait(3, price)

    assert [] == calm.orders
    assert {Reason.INSIDE_BAND} == {
        each.reason for each in calm.decisions if each.price is not None and each.sequence > 10
    }


@pytest.mark.parametrize(
    ("coins", "reset", "quantity"),
    [
        ("2", 0.0, "-1.950"),  # to the edge
        ("2", 1.0, "-2.000"),  # to the aim
        ("2", 0.5, "-1.975"),  # between
        ("-2", 0.0, "1.900"),
        ("-2", 1.0, "2.000"),
        ("-2", 0.5, "1.950"),
    ],
)
def test_reset(coins, reset, quantity):
    """A hedge goes back as far as it is told to, on either side of a lopsided band."""
    band = replace(BAND, lower=-0.1, upper=0.05, reset=reset)
    desk = build(settings(band), [(SPOT, coins)])

    assert [D(quantity)] == [order.quantity for order in desk.orders]


@pytest.mark.parametrize(
    ("coins", "orders"), [("0.06", 1), ("0.04", 0), ("-0.06", 0), ("-0.11", 1)]
)
def test_lopsided_band(coins, orders):
    """Each edge is its own."""
    desk = build(settings(replace(BAND, lower=-0.1)), [(SPOT, coins)])

    assert orders == len(desk.orders)


def test_target():
    """A target of three coins is worked towards, from below."""
    desk = build(settings(target=3.0), [(SPOT, "2")])

    assert [D("0.950")] == [order.quantity for order in desk.orders]
    assert (3.0, 2.95, 3.05) == (desk.decision.aim, desk.decision.lower, desk.decision.upper)


@pytest.mark.parametrize(
    ("holdings", "quantity"),
    [
        ([(SPOT, "2")], "-1.960"),  # 2 % of 2
        ([(SPOT, "2"), (PERP, "-10000")], "-0.940"),  # 2 % of 3 around 0, net 1
        ([(SPOT, "2"), (LINEAR, "-1", "hedge")], "-0.960"),  # a hedge widens nothing
    ],
)
def test_percent_band(holdings, quantity):
    """A percent band is as wide as what there is to hedge is large."""
    band = replace(BAND, kind=BandKind.PERCENT, lower=-0.02, upper=0.02)
    desk = build(settings(band), holdings)

    assert [D(quantity)] == [order.quantity for order in desk.orders]


def test_first_hedge_does_not_wait():
    """A shortest interval between hedges holds back no first one."""
    desk = build(settings(replace(BAND, min_interval=10 * MINUTE)), [(SPOT, "2")])

    assert 1 == len(desk.orders)


def test_shortest_interval():
    """A second hedge waits its time, unless the delta is beyond its limit."""
    limits = replace(LIMITS, order=1.0)
    desk = build(settings(replace(BAND, min_interval=30 * SECOND), limits), [(SPOT, "2")])
    desk.execute(desk.orders[0])

    assert Reason.MIN_INTERVAL == desk.decision.reason
    desk.wait(29)
    assert [D("-1.000")] == [order.quantity for order in desk.orders]
    desk.wait(1)
    assert [D("-1.000"), D("-0.950")] == [order.quantity for order in desk.orders]


@pytest.mark.parametrize("how", ["rejected", "nothing filled"])
def test_interval_counts_from_a_fill(how):
    """An order that came to nothing is no hedge: patience is for what took effect."""
    desk = build(settings(replace(BAND, min_interval=10 * MINUTE)), [(SPOT, "2")])
    if how == "rejected":
        desk.reject(desk.orders[0])
    else:
        desk.end(desk.orders[0], Ending.EXPIRED, "0")
    desk.wait(1)
    assert 2 == len(desk.orders)

    desk.wait(3)
    desk.fill(desk.orders[1], "-1")
    desk.end(desk.orders[1], Ending.EXPIRED, "-1")
    desk.wait(599)
    assert (2, Reason.MIN_INTERVAL) == (len(desk.orders), desk.decision.reason)
    desk.wait(1)
    assert 3 == len(desk.orders)


def test_longest_interval_counts_from_a_fill():
    """A hedge that the venue refuses stays due; it does not count as done."""
    desk = build(settings(replace(BAND, max_interval=MINUTE)), [(SPOT, "0.04")])
    desk.wait(60)
    desk.reject(desk.orders[0])
    desk.wait(1)

    assert [D("-0.040")] * 2 == [order.quantity for order in desk.orders]


def test_price_move_counts_from_a_fill():
    """A move that made a hedge due makes it due until one is filled, and then starts there."""
    desk = build(settings(replace(BAND, move_trigger=0.01)), [(SPOT, "0.04")])
    desk.wait(1, 101_000)
    desk.reject(desk.orders[0])
    desk.wait(1)
    assert 2 == len(desk.orders)

    desk.wait(1, 101_500)
    desk.execute(desk.orders[1])
    desk.trade_by_hand(SPOT, "0.04")
    desk.wait(1, 102_500)  # 1.5 % from the first price, less than one from the fill
    assert 2 == len(desk.orders)
    desk.wait(1, 102_520)
    assert 3 == len(desk.orders)


@pytest.mark.parametrize(("coverage", "sent"), [(0.5, 1), (1.0, 2)])
def test_patience_is_for_the_gap(coverage, sent):
    """What is left open on purpose does not make a hedge urgent; only the gap to the aim does."""
    band = replace(BAND, min_interval=10 * MINUTE)
    desk = build(settings(band, coverage=coverage), [(SPOT, "10")])
    desk.execute(desk.orders[0])
    desk.trade_by_hand(SPOT, "3")  # half covered: 6.5 is aimed at, 8.05 there; else 0 and 3.05

    assert sent == len(desk.orders)
    if sent == 1:
        assert Reason.MIN_INTERVAL == desk.decision.reason
        assert (6.5, 8.05) == pytest.approx((desk.decision.aim, desk.decision.net_delta))


def test_no_patience_beyond_the_limit():
    """What lies beyond the limit of net delta is hedged at once."""
    limits = replace(LIMITS, order=1.0)
    desk = build(settings(replace(BAND, min_interval=30 * SECOND), limits), [(SPOT, "4")])
    desk.execute(desk.orders[0])  # 3 left, the limit is 2
    desk.execute(desk.orders[1])  # 2 left

    assert 2 == len(desk.orders)
    assert Reason.MIN_INTERVAL == desk.decision.reason


def test_longest_interval():
    """Inside the band a hedge to the aim is due after the longest interval, from the start."""
    desk = build(settings(replace(BAND, max_interval=MINUTE)), [(SPOT, "0.04")])
    desk.wait(59)
    assert [] == desk.orders

    desk.wait(1)
    assert [D("-0.040")] == [order.quantity for order in desk.orders]
    assert Reason.MAX_INTERVAL in [each.reason for each in desk.decisions]

    desk.execute(desk.orders[0])
    desk.wait(130)
    assert 1 == len(desk.orders)  # at the aim there is nothing to do


def test_price_move_triggers():
    """A move of one per cent since the last hedge makes one due, from the start on."""
    desk = build(settings(replace(BAND, move_trigger=0.01)), [(SPOT, "0.04")])
    desk.wait(1, 100_900)
    assert [] == desk.orders

    desk.wait(1, 101_000)
    assert [D("-0.040")] == [order.quantity for order in desk.orders]
    assert Reason.MOVE_TRIGGERED in [each.reason for each in desk.decisions]

    desk.execute(desk.orders[0])
    desk.wait(2, 101_900)
    assert 1 == len(desk.orders)


def test_price_move_filter():
    """While the price does not move, a hedge inside the limit waits."""
    band = replace(BAND, move_filter=0.005, move_window=10 * SECOND)
    desk = build(settings(band), [(SPOT, "1")])
    desk.wait(20)
    assert [] == desk.orders
    assert Reason.MOVE_FILTERED == desk.decision.reason

    desk.wait(1, 100_400)
    assert [] == desk.orders
    desk.wait(1, 100_510)
    assert [D("-0.950")] == [order.quantity for order in desk.orders]


def test_price_move_filter_forgets():
    """A move is one only within its window."""
    band = replace(BAND, move_filter=0.005, move_window=10 * SECOND)
    desk = build(settings(band), [(SPOT, "1")])
    for price in range(100_000, 100_700, 40):  # 40 bp in 10 s
        desk.wait(1, price)

    assert [] == desk.orders


def test_price_move_filter_sees_every_extreme():
    """A spike and its return within the window are a move, seen from either end."""
    band = replace(BAND, move_filter=0.005, move_window=10 * SECOND)
    desk = build(settings(band), [(SPOT, "1")])
    for price in (100_300, 100_000, 99_790, 99_790, 99_790):
        desk.wait(1, price)
        if desk.orders:
            break

    assert 99_790 == desk.price  # 51 bp below the high of two seconds before
    assert [D("-0.950")] == [order.quantity for order in desk.orders]


def test_price_move_filter_with_two_indexes():
    """What lies between two venues' indexes is no move."""
    band = replace(BAND, move_filter=0.005, move_window=10 * SECOND)
    desk = build(settings(band))
    desk.trade_by_hand(SPOT, "1")
    for _ in range(12):
        desk.index(100_000, venue="binanceusdm")
        desk.index(101_000, venue="okx")
        desk.wait(1, 100_000)

    assert [] == desk.orders


def test_below_the_smallest_order():
    """A gap that no order can close is a hold, and neither a loop nor an alarm."""
    tight = replace(BAND, lower=-0.0001, upper=0.0001)
    desk = build(settings(tight), [(SPOT, "0.0004")])
    desk.wait(90)

    assert [] == desk.orders
    assert [] == desk.alerts
    assert (Action.HOLD, Reason.BELOW_MINIMUM) == (desk.decision.action, desk.decision.reason)


@pytest.mark.parametrize(("more", "orders"), [(True, 0), (False, 1)])
def test_half_a_word_is_no_reason_to_hedge(calm, more, orders):
    """What somebody bought and hedged himself is told in one word: its first half is not hedged."""
    calm.wait(60)
    calm.trade_by_hand(SPOT, "3", more=more)
    calm.trade_by_hand(LINEAR, "-3")
    calm.wait(1)

    assert orders == len(calm.orders)


def test_half_a_word_without_its_end(calm):
    """Where the rest never comes, the next tick of the clock finds what was booked."""
    calm.wait(60)
    calm.trade_by_hand(SPOT, "3", more=True)
    assert [] == calm.orders

    calm.wait(1)

    assert [D("-2.960")] == [order.quantity for order in calm.orders]
