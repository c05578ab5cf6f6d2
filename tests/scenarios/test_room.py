"""A disk that is nearly full: hedges wait, what protects passes, and it goes on by itself."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.commands import Alert, Purpose, Severity
from rebalancer.core.decision import Action, Reason
from rebalancer.core.events import Verb
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.journal import RoomTold
from tests.scenarios.desk import LIMITS, LINEAR, SPOT, build, margined, settings

D = Decimal
MIB = 2**20


def room(desk, free, *, short=True):
    """Tell how many MiB are free where 256 must be."""
    return desk.take(RoomTold(desk.now, free * MIB, 256 * MIB, short))


def test_the_debt_is_kept():
    """No hedge leaves while there is too little room; one order closes the gap after it."""
    desk = build()
    room(desk, 200)
    desk.trade_by_hand(SPOT, "1")
    desk.wait(20)
    assert [] == desk.orders
    assert TradingState.PAUSED is desk.state.mode
    assert "200 MiB are free on the disk of the journal, 256 MiB must be" == desk.state.mode_reason

    room(desk, 400, short=False)
    desk.market()
    (order,) = desk.orders
    assert (LINEAR, D("-0.95")) == (order.instrument, order.quantity)


def test_a_start_without_room():
    """A start is complete all the same, and says what it waits for."""
    desk = build(active=False)
    room(desk, 16)
    desk.market()
    desk.reconcile()

    assert TradingState.PAUSED is desk.state.mode
    assert desk.state.mode_reason.startswith("16 MiB are free")
    room(desk, 400, short=False)
    assert TradingState.ACTIVE is desk.state.mode


def test_it_has_a_name():
    """A refusal names the disk, and not somebody who paused."""
    desk = build()
    room(desk, 200)
    desk.trade_by_hand(SPOT, "1")
    refused = [each for each in desk.decisions if each.action is Action.REFUSE]

    assert [Reason.DISK_SHORT] == [each.reason for each in refused]
    assert ("trading_state", D(0)) == refused[0].verdicts[0][:2]


def test_a_person_hears_of_both_ends():
    """An error when it begins, and a word when it is over."""
    desk = build()
    room(desk, 200)
    room(desk, 400, short=False)
    told = [(each.event, each.severity) for each in desk.all(Alert)]

    assert [
        ("journal.cramped", Severity.ERROR),
        ("journal.eased", Severity.INFO),
    ] == told


def test_what_protects_passes():
    """An account near its liquidation is brought clear of it all the same."""
    wide = settings(limits=replace(LIMITS, net_delta=20.0))
    holdings = [(SPOT, "10"), (LINEAR, "-10", "hedge")]
    desk = build(margined(wide, leverage=20.0), holdings)
    desk.figures(400_000, 5_000.0, 50_000.0, 139_303.0)
    room(desk, 200)
    assert [] == desk.orders
    desk.figures(105_000, 5_000.0, 50_000.0, 109_950.0)

    (order,) = desk.orders
    assert (Purpose.PROTECT, True) == (order.purpose, order.reduce_only)
    assert order.quantity > 0


@pytest.mark.parametrize("verb", [Verb.RESUME, Verb.ARM])
def test_no_word_makes_room(verb):
    """Who resumes or arms does not make room; it is no latch, and needs no word to end."""
    desk = build()
    room(desk, 200)
    desk.operate(verb)
    assert TradingState.PAUSED is desk.state.mode

    room(desk, 400, short=False)
    assert TradingState.ACTIVE is desk.state.mode


def test_what_is_stricter_holds():
    """A kill stays a kill, with its reason; room ends no pause that somebody asked for."""
    desk = build()
    desk.operate(Verb.PAUSE)
    room(desk, 200)
    room(desk, 400, short=False)
    assert TradingState.PAUSED is desk.state.mode

    desk.operate(Verb.KILL)
    room(desk, 200)
    assert (TradingState.HALTED, "test") == (desk.state.mode, desk.state.mode_reason)
