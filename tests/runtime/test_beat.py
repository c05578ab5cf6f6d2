"""A beat: what is said each second of a book that runs."""

from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.state import State
from rebalancer.ports import SECOND
from rebalancer.runtime.beat import beat
from tests.scenarios.desk import INSTRUMENTS, PARAMS, START

COIN = "BTC"


def test_beat():
    """It says how the book is, and for how long which underlying is not as it must be."""
    state = State(INSTRUMENTS, PARAMS, START)
    state.activate(TradingState.RECONCILING, "starting")
    zeros = dict.fromkeys(PARAMS.underlyings, 0.0)
    told = {"why": "starting", "outside": zeros, "blind": zeros, "halted": {}, "unknown": 0}
    assert told | {"state": "reconciling"} == beat(state, PARAMS)

    state.memory[COIN].outside.since = state.now - 42 * SECOND
    state.memory[COIN].blind.since = state.now
    why = "an order is unproven " * 20
    state.halt(COIN, why)
    said = beat(state, PARAMS)

    assert (42.0, 0.1) == (said["outside"][COIN], said["blind"][COIN])
    assert {COIN: why} == said["halted"]
