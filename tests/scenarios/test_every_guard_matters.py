"""Take any one guard away and some story ends differently: none of them is decoration."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core import gate
from rebalancer.core.decision import Verdict
from rebalancer.core.events import VenueHeld, Verb
from tests.scenarios.desk import LIMITS, LINEAR, SECOND, SPOT, build, margined, settings

D = Decimal


def paused():
    """A pause."""
    desk = build()
    desk.operate(Verb.PAUSE)
    desk.trade_by_hand(SPOT, "1")
    return desk


def reducing():
    """A hedge that would grow a short while reducing."""
    desk = build()
    desk.operate(Verb.REDUCE)
    desk.trade_by_hand(SPOT, "1")
    return desk


def killed():
    """A kill."""
    desk = build()
    desk.operate(Verb.KILL)
    desk.trade_by_hand(SPOT, "1")
    return desk


def held():
    """A venue in maintenance."""
    desk = build()
    desk.take(VenueHeld(desk.now, "binanceusdm", "maintenance"))
    desk.state.accounts.read["binanceusdm"] = desk.now  # as if it had been read all the same
    desk.trade_by_hand(SPOT, "1")
    return desk


def stale_index():
    """An index that fell silent."""
    desk = build()
    desk.quiet = {"index"}
    desk.wait(6)
    desk.trade_by_hand(SPOT, "1")
    return desk


def stale_quote():
    """A hedge instrument that fell silent."""
    desk = build()
    desk.now += 4 * SECOND
    desk.index()
    desk.trade_by_hand(SPOT, "1")
    return desk


def gap():
    """A book that gaps while its mark stands still."""
    desk = build()
    desk.quote(LINEAR, 97_000, 97_010)
    desk.trade_by_hand(SPOT, "1")
    return desk


def false_index():
    """An index that jumps while book and mark stand still."""
    desk = build()
    desk.index(120_000)
    desk.price = 100_000
    desk.trade_by_hand(SPOT, "1")
    return desk


def crossed():
    """A crossed book."""
    desk = build()
    desk.quote(LINEAR, 100_020, 100_010)
    desk.trade_by_hand(SPOT, "1")
    return desk


def unit_slip():
    """A book a million times too large."""
    return build(settings(limits=replace(LIMITS, position=1e9)), [(SPOT, "2000000")])


def large_position():
    """A hedge position at its cap."""
    return build(settings(limits=replace(LIMITS, order=1e9)), [(SPOT, "90")])


def thin():
    """An account that has too little margin for the hedge."""
    desk = build(margined())
    desk.figures(1_000)
    desk.trade_by_hand(SPOT, "1")
    return desk


STORIES = (
    paused,
    reducing,
    killed,
    held,
    stale_index,
    stale_quote,
    gap,
    crossed,
    false_index,
    unit_slip,
    large_position,
    thin,
)
GUARDS = {
    "trading_state": {"paused", "reducing", "killed"},
    "venue_open": {"held"},
    "staleness": {"stale_index", "stale_quote"},
    "collar": {"gap", "crossed"},
    "plausibility": {"false_index"},
    "order_size": {"unit_slip"},
    "position_size": {"large_position"},
    "margin": {"thin"},
}


def told():
    """Return what each story sends."""
    return {story.__name__: [order.quantity for order in story().orders] for story in STORIES}


EXPECTED = {
    **{story.__name__: [] for story in STORIES},
    "unit_slip": [D(-10)],
    "large_position": [D(-50)],
    "thin": [D("-0.029")],
}


def test_with_every_guard():
    """With all guards in place each story ends as it should."""
    assert EXPECTED == told()


@pytest.mark.parametrize("guard", GUARDS)
def test_without(guard, monkeypatch):
    """Without one guard exactly its own stories end badly."""
    module = getattr(gate, guard)
    monkeypatch.setattr(
        module, "judge", lambda intent, *_, **__: Verdict(guard, abs(intent.quantity))
    )
    found = told()

    assert GUARDS[guard] == {name for name in found if found[name] != EXPECTED[name]}


def test_none_is_forgotten():
    """Every guard module is asked, and has a story."""
    verdicts = next(d for d in build(holdings=[(SPOT, "2")]).decisions if d.verdicts).verdicts

    assert list(GUARDS) == [verdict.guard for verdict in verdicts]
