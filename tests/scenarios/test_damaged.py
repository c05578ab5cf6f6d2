"""A journal that is damaged: the book halts, withdraws, still protects, and goes on when armed."""

from dataclasses import replace

from rebalancer.core.commands import Alert, Purpose, Severity
from rebalancer.core.events import Verb
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.journal import JournalDamaged
from tests.scenarios.desk import LIMITS, LINEAR, SPOT, build, margined, settings


def damaged(desk):
    return desk.take(JournalDamaged(desk.now, "entry 4: was altered"))


def test_it_halts():
    """What is open is withdrawn, no hedge follows, and a person is woken."""
    desk = build(holdings=[(SPOT, "1")])
    (order,) = desk.orders
    damaged(desk)
    desk.wait(5)

    assert TradingState.HALTED is desk.state.mode
    assert [order.client_order_id] == desk.cancels
    assert [order] == desk.orders
    (told,) = [each for each in desk.all(Alert) if each.event == "journal.damaged"]
    assert Severity.ERROR is told.severity
    assert "entry 4: was altered" in told.text


def test_only_arming_ends_it():
    """No other word does; a reconciliation that agrees does not either."""
    desk = build()
    damaged(desk)
    desk.operate(Verb.RESUME)
    desk.reconcile()
    assert TradingState.HALTED is desk.state.mode

    desk.operate(Verb.ARM)
    desk.reconcile()
    assert TradingState.ACTIVE is desk.state.mode


def test_what_protects_passes():
    """What the book has in memory is right: it must not watch its own liquidation."""
    wide = settings(limits=replace(LIMITS, net_delta=20.0))
    desk = build(margined(wide, leverage=20.0), [(SPOT, "10"), (LINEAR, "-10", "hedge")])
    desk.figures(400_000, 5_000.0, 50_000.0, 139_303.0)
    damaged(desk)
    desk.figures(105_000, 5_000.0, 50_000.0, 109_950.0)

    (order,) = desk.orders
    assert Purpose.PROTECT is order.purpose
