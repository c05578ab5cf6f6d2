"""Stories of holdings that no venue of ours sees, and that a file tells."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core import outside
from rebalancer.core.decision import Action, Reason
from rebalancer.core.events import OutsideHolding, OutsideTold
from rebalancer.core.params import OutsideParams
from tests.scenarios.desk import CALL, COINS, EXPIRY, MINUTE, PARAMS, SECOND, build

D = Decimal
FILE = "/var/lib/treasury/held.json"
HOUR = 60 * MINUTE
TOLD = replace(PARAMS, outside=(OutsideParams(FILE, HOUR, ("BTC",)),))


def tell(desk, held, as_of=None):
    """Let the file tell everything that it knows."""
    rows = tuple(OutsideHolding(name, D(quantity)) for name, quantity in held.items())
    return desk.take(OutsideTold(desk.now, desk.now if as_of is None else as_of, FILE, rows))


def at(desk, name):
    """Return what the ledger holds of the file's."""
    return desk.state.ledger.position(outside.account_of(FILE), name).quantity


@pytest.fixture
def desk():
    """Return a desk whose file has told of two coins, hedged since."""
    made = build(TOLD)
    tell(made, {COINS: "2"})
    made.execute(made.orders[-1])
    return made


def test_nothing_told_yet():
    """Before the file has spoken nothing is hedged, and the refusal names the file."""
    desk = build(TOLD, [(COINS, "1")])

    verdict = next(v for v in desk.decision.verdicts if v.reason is Reason.HOLDINGS_MISSING)
    assert (Action.REFUSE, FILE) == (desk.decision.action, verdict.subject)
    assert [] == desk.orders


def test_hedged_when_told(desk):
    """Coins elsewhere are hedged here; when they leave, the hedge is bought back."""
    assert [D("-1.950")] == [order.quantity for order in desk.orders]
    desk.wait(30)
    tell(desk, {COINS: "0.5"})

    assert D("1.400") == desk.orders[-1].quantity  # 0.5 − 1.95 = −1.45, to the edge −0.05


def test_told_twice(desk):
    """The same word again, and an older one that comes late, change nothing."""
    before = desk.state.ledger.version
    tell(desk, {COINS: "2"})
    tell(desk, {COINS: "7"}, as_of=desk.now - SECOND)

    assert (before, D(2), 1) == (desk.state.ledger.version, balance(desk), len(desk.orders))


def balance(desk):
    """Return the coins that the file tells."""
    return desk.state.ledger.cash[(outside.account_of(FILE), "BTC")]


def test_a_file_that_no_longer_speaks(desk):
    """What is older than it may be stops the hedge by name, and a person hears of the gap."""
    desk.wait(30)
    desk.now += HOUR - 30 * SECOND
    desk.market()
    assert Reason.INSIDE_BAND is desk.decision.reason
    desk.now += 1
    desk.market()
    assert Reason.INSIDE_BAND is desk.decision.reason  # nothing to send, so nothing to refuse
    desk.trade_by_hand("binance:BTC/USDT", "1")
    assert (Action.REFUSE, Reason.HOLDINGS_STALE) == (desk.decision.action, desk.decision.reason)
    desk.wait(61)
    assert "delta.unhedged" in desk.alerts

    tell(desk, {COINS: "2"})
    assert D("-1.000") == desk.orders[-1].quantity  # heard again, hedged again


def test_taken_whole():
    """Coins that left for an option are one step: nobody hedges what is only half told."""
    desk = build(TOLD)
    desk.option(CALL, 0.5)
    tell(desk, {COINS: "3", CALL: "0"})
    desk.execute(desk.orders[-1])
    desk.wait(30)
    desk.option(CALL, 0.5)
    sent = len(desk.orders)
    outcome = tell(desk, {COINS: "2", CALL: "10"})

    assert (D(2), D(10)) == (balance(desk), at(desk, CALL))
    assert 1 == len(outcome.decisions)
    assert 1 == len(desk.orders) - sent


def test_an_option_that_ended():
    """An option whose expiry is over is not held again because the file still tells it."""
    desk = build(TOLD)
    desk.now = EXPIRY
    tell(desk, {COINS: "1", CALL: "10"})

    assert (D(1), D(0)) == (balance(desk), at(desk, CALL))


def test_nobody_describes_it(desk):
    """An instrument without terms halts the book: its size and sign are unknown."""
    tell(desk, {COINS: "2", "deribit:BTC-6MAR26-90000-P": "1"})

    assert "reconcile.differed" in desk.alerts
    desk.trade_by_hand("binance:BTC/USDT", "1")
    assert Action.ORDER is not desk.decision.action
