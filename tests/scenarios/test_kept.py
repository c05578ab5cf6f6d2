"""What outlives a restart: counters, breakers, waits, ladders and losses come back as they were."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core import counters, kept
from rebalancer.core.decision import Reason
from rebalancer.core.margin.rungs import Rung
from rebalancer.core.state import State
from tests.scenarios.desk import (
    COINS,
    DOLLARS,
    GUARDED,
    INSTRUMENTS,
    LINEAR,
    PERP,
    SECOND,
    SPOT,
    build,
    margined,
    settings,
)

D = Decimal
PARAMS = margined(GUARDED, leverage=20.0)


def lived():
    """Return a desk to which all of it happened."""
    desk = build(PARAMS, [(DOLLARS, "2000000"), (COINS, "1"), (LINEAR, "-1", "hedge")])
    desk.funding(0.0001)
    desk.figures(2_000_000, 500, 5_000)
    desk.wait(2)
    desk.trade_by_hand(SPOT, "1")
    desk.execute(desk.orders[0])
    desk.figures(20_000, 1_000, 10_000)
    desk.trade_by_hand(SPOT, "1")
    desk.wait(1, 99_000.0)
    return desk


def again(desk, *, worth=True):
    """Return a new state that took over what the desk's had, by way of JSON."""
    state = State(INSTRUMENTS, PARAMS, desk.now + 60 * SECOND)
    kept.restore(state, json.loads(json.dumps(kept.kept(desk.state))), worth=worth)
    return state


def test_whole():
    """Nothing is lost on the way there and back."""
    desk = lived()
    told = kept.kept(desk.state)

    assert told["turnover"]
    assert told["ladders"]
    assert told | {"as_of": 0} == kept.kept(again(desk)) | {"as_of": 0}


def test_paper_begins_anew():
    """A paper book is another one after a restart: what was lost before was lost elsewhere."""
    desk = lived()
    state = again(desk, worth=False)

    assert 0 != desk.state.behaviour.performance.profit
    assert 0 == state.behaviour.performance.profit
    assert counters.total(desk.state.behaviour.turnover, desk.now) == counters.total(
        state.behaviour.turnover, state.now
    )


def test_relief_outlives():
    """A hedge that was cut for its margin is not sold again because the daemon was restarted."""
    desk = lived()
    name = "binanceusdm:USDT"

    assert desk.state.ladders[name].relieved
    assert (True, Rung(desk.state.ladders[name].rung)) == (
        again(desk).ladders[name].relieved,
        again(desk).ladders[name].rung,
    )


def test_a_limit_outlives():
    """The turnover of before the restart still counts: the first hedge after it is refused."""
    desk = build(GUARDED, [(DOLLARS, "2000000"), (COINS, "1"), (LINEAR, "-1", "hedge")])
    desk.funding(0.0001)
    counters.add(desk.state.behaviour.turnover, desk.now, D(9_999_999))
    fresh = build(GUARDED, [(DOLLARS, "2000000"), (COINS, "1"), (LINEAR, "-1", "hedge")])
    kept.restore(fresh.state, json.loads(json.dumps(kept.kept(desk.state))), worth=True)
    fresh.funding(0.0001)
    fresh.trade_by_hand(SPOT, "1")

    assert Reason.TURNOVER_SPENT is fresh.decision.reason
    assert [] == fresh.orders


@pytest.mark.parametrize(
    ("placed", "hedges", "restored"),
    [
        ({"BTC": PERP}, (LINEAR, PERP), {"BTC": PERP}),
        ({"BTC": PERP}, (LINEAR,), {}),  # it is no hedge instrument any more
        ({"ETH": PERP}, (LINEAR, PERP), {}),  # nor is that an underlying
    ],
)
def test_where_a_leg_was_moved_to(placed, hedges, restored):
    """Where a leg was moved to comes back, as far as the settings still name it."""
    desk = build()
    desk.state.behaviour.placed.update(placed)
    own = settings(hedge_buy=hedges[:1], hedge_sell=hedges)
    state = State(INSTRUMENTS, own, desk.now)
    kept.restore(state, json.loads(json.dumps(kept.kept(desk.state))), worth=True)

    assert restored == state.behaviour.placed


def test_underlyings_that_left():
    """What was kept of an underlying that the settings lost does no harm."""
    desk = lived()
    state = State(INSTRUMENTS, replace(PARAMS, underlyings={}), desk.now)
    kept.restore(state, json.loads(json.dumps(kept.kept(desk.state))), worth=True)

    assert {} == state.memory
