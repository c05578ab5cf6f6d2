"""A venue that takes no orders: the gap waits, is told once, and is closed after a reading."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.decision import Action, Reason
from rebalancer.core.events import Ending, VenueHeld, Verb
from tests.scenarios.desk import BTC, LINEAR, PARAMS, PERP, SECOND, SPOT, build

VENUE = "binanceusdm"


def hold(desk, reason="maintenance", venue=VENUE):
    """Let a venue say that it takes no orders; None: that it does again."""
    desk.now += SECOND
    return desk.take(VenueHeld(desk.now, venue, reason))


def test_the_debt_is_kept():
    """Nothing leaves while it lasts; after it one order closes what came up meanwhile."""
    desk = build()
    hold(desk)
    desk.quiet = {VENUE}  # its account is not read
    desk.trade_by_hand(SPOT, "1")
    desk.wait(20)
    assert [] == desk.orders
    assert Reason.VENUE_HELD is desk.decision.reason

    hold(desk, None)
    desk.wait(2)
    assert [] == desk.orders  # open again, and not read yet

    desk.read(VENUE)
    desk.market()
    (order,) = desk.orders
    assert (LINEAR, Decimal("-0.95")) == (order.instrument, order.quantity)


def test_a_reading_from_before_counts_for_nothing():
    """What the account held while the venue settled is not what it holds."""
    desk = build()
    hold(desk)
    desk.trade_by_hand(SPOT, "1")
    hold(desk, None)
    desk.read(VENUE, ago=2 * SECOND)
    desk.quiet = {VENUE}
    desk.market()

    assert [] == desk.orders


def test_a_reading_during_it_counts_for_nothing():
    """It may be answered before the venue has booked."""
    desk = build()
    hold(desk)
    desk.read(VENUE)
    desk.quiet = {VENUE}
    desk.trade_by_hand(SPOT, "1")
    hold(desk, None)
    desk.market()

    assert [] == desk.orders


def test_it_is_told_once():
    """One alert and one refusal, however often the venue says so and however long it lasts."""
    desk = build()
    desk.trade_by_hand(SPOT, "1")
    desk.reject(desk.orders[0])
    for _ in range(10):
        hold(desk)
        desk.wait(30)
    hold(desk, None)
    hold(desk, None)

    assert (1, 1) == (desk.alerts.count("venue.held"), desk.alerts.count("venue.released"))
    refused = [each.reason for each in desk.decisions if each.action is Action.REFUSE]
    assert [Reason.VENUE_HELD] == refused
    assert "delta.unhedged" in desk.alerts  # a gap is never open in silence


def test_flapping_sends_nothing():
    """A venue that opens and shuts again before its account was read gets no order."""
    desk = build()
    desk.quiet = {VENUE}
    desk.trade_by_hand(SPOT, "0.01")
    for _ in range(10):
        hold(desk)
        desk.trade_by_hand(SPOT, "0.1")
        desk.wait(1)
        hold(desk, None)
        desk.wait(1)

    assert [] == desk.orders


def test_an_order_on_its_way_is_not_forgotten():
    """One whose outcome is open when it begins stays open, and nothing joins it afterwards."""
    desk = build()
    desk.trade_by_hand(SPOT, "1")
    (order,) = desk.orders
    desk.lose(order)
    hold(desk)
    desk.wait(3)
    hold(desk, None)
    desk.wait(3)
    assert [order] == desk.orders

    desk.accept(order)
    desk.fill(order)
    desk.end(order, Ending.FILLED, order.quantity)
    desk.wait(3)
    assert [order] == desk.orders


def test_hedged_elsewhere():
    """Where another venue may be hedged at, the gap does not wait."""
    own = replace(BTC, hedge_buy=(LINEAR, PERP), hedge_sell=(LINEAR, PERP))
    desk = build(replace(PARAMS, underlyings={"BTC": own}))
    hold(desk)
    desk.trade_by_hand(SPOT, "1")

    assert [PERP] == [order.instrument for order in desk.orders]


def test_an_outcome_that_it_cannot_prove():
    """Nobody is asked while it lasts; the patience with it begins when the venue is open again."""
    desk = build()
    desk.trade_by_hand(SPOT, "1")
    desk.lose(desk.orders[0])
    hold(desk)
    desk.wait(300)
    assert ([], {}) == (desk.queries, desk.state.halted)

    hold(desk, None)
    desk.wait(50)
    assert {} == desk.state.halted
    assert desk.queries

    desk.wait(15)
    assert "unproven" in desk.state.halted["BTC"]


def test_silence_is_no_excuse():
    """A venue that only does not answer is asked on; what stays unproven halts after a minute."""
    desk = build()
    desk.trade_by_hand(SPOT, "1")
    desk.lose(desk.orders[0])
    desk.take(VenueHeld(desk.now, VENUE, "it does not answer", said=False))
    desk.wait(65)

    assert desk.queries
    assert "unproven" in desk.state.halted["BTC"]


@pytest.mark.parametrize("verb", [Verb.ARM, Verb.RESUME])
def test_no_operator_opens_a_venue(verb):
    """Only the venue's own word ends it."""
    desk = build()
    hold(desk)
    desk.trade_by_hand(SPOT, "1")
    desk.operate(verb)
    desk.wait(3)

    assert [] == desk.orders


def test_one_instrument_that_takes_no_orders():
    """It is told once by name, nothing is sent to it, and its account goes on as it is."""
    desk = build()
    for _ in range(3):
        desk.now += SECOND
        desk.take(VenueHeld(desk.now, VENUE, "its book is halted", instrument=LINEAR))
    desk.trade_by_hand(SPOT, "1")
    desk.wait(62)
    assert ([], Reason.VENUE_HELD) == (desk.orders, desk.decision.reason)
    (verdict,) = [each for each in desk.decision.verdicts if each.guard == "venue_open"]
    assert (LINEAR, 0) == (verdict.subject, verdict.allows)
    assert (1, 1) == (desk.alerts.count("venue.held"), desk.alerts.count("delta.unhedged"))
    assert {} == desk.state.accounts.held  # so it is read, and what is open is asked after

    desk.take(VenueHeld(desk.now, VENUE, None, instrument=LINEAR))
    desk.wait(1)
    assert [LINEAR] == [each.instrument for each in desk.orders]
    assert 1 == desk.alerts.count("venue.released")
