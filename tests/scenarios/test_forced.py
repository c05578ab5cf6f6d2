"""Stories of what a venue does by itself: it liquidates, deleverages, moves cash."""

from decimal import Decimal

import pytest

from rebalancer.core.events import CashMoved, Fill, Forced
from rebalancer.core.guards.trading_state import TradingState
from tests.scenarios import desk as desks

D = Decimal


def force(desk, instrument, quantity, forced):
    """Let the venue trade for the account."""
    told = desks.INSTRUMENTS[instrument]
    names = (told.venue, instrument, f"f{desk.now}", None)
    price = D(str(desk.price))
    event = Fill(desk.now, desk.now, *names, D(quantity), price, D(0), told.settle, forced)
    return desk.take(event)


def hedged():
    """Return a desk with two coins of spot and a short perpetual against them."""
    return desks.build(holdings=[(desks.SPOT, "2"), (desks.PERP, "-20000", "hedge")])


def test_liquidated():
    """A liquidation halts the underlying: what the venue took down is not opened again."""
    desk = hedged()

    force(desk, desks.PERP, "10000", Forced.LIQUIDATION)
    desk.wait(120)

    assert [] == desk.orders
    assert TradingState.HALTED == desk.state.mode_of("BTC")
    assert desk.alerts.count("position.liquidated") == 1
    assert "delta.unhedged" in desk.alerts  # and the gap is not kept silent
    held = desk.state.ledger.position("deribit", desks.PERP)
    assert (D(-10_000), D(-10_000)) == (held.quantity, held.hedge)


def test_armed_after_a_liquidation():
    """A person who has looked arms it, and the gap is hedged."""
    desk = hedged()
    force(desk, desks.PERP, "10000", Forced.LIQUIDATION)

    desk.operate(desks.Verb.ARM)
    desk.reconcile()
    desk.wait(10)

    assert [-1] == [int(D(1).copy_sign(each.quantity)) for each in desk.orders]


def test_deleveraged():
    """Cut for somebody else's loss, a book hedges what it lost; a person is told."""
    desk = hedged()

    force(desk, desks.PERP, "10000", Forced.DELEVERAGING)
    desk.wait(10)

    (order,) = desk.orders
    assert order.quantity < 0
    assert "position.deleveraged" in desk.alerts
    assert TradingState.ACTIVE == desk.state.mode_of("BTC")


@pytest.mark.parametrize("times", [1, 3])
def test_coins_arrive(times):
    """Coins that are brought in are coins to hedge, however often the venue tells of them."""
    desk = desks.build(holdings=[(desks.COINS, "2"), (desks.PERP, "-20000", "hedge")])

    for _ in range(times):
        desk.take(CashMoved(desk.now, desk.now, "deribit", "c1", "deposit", D("0.5"), "BTC"))
    desk.wait(2)

    assert D("2.5") == desk.state.ledger.balance("deribit", "BTC")
    (order,) = desk.orders
    assert D("-0.5") <= order.quantity < D("-0.4")  # half a coin, less the band
