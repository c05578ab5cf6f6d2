"""Restoring: a book that begins with a journal from before is halted until a person arms it."""

import pytest

from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.state import State
from rebalancer.ports import Entry
from rebalancer.runtime.latching import LATCH, restore
from rebalancer.runtime.restoring import REASON, halted
from rebalancer.storage.memory import MemoryJournal
from tests.scenarios import desk as desks

BEFORE = {
    "mode": "halted",
    "reason": "wrong account",
    "killed": True,
    "asked": "paused",
    "sealed": True,
    "halted": {"BTC": "rb1 unproven"},
    "limited": {"loss": "spent"},
}


def begun(*latches):
    """Return the state of a start that finds these latches, and the halt of a restore."""
    journal = MemoryJournal()
    for number, payload in enumerate(latches):
        journal.append(Entry(number, number, LATCH, "desk", payload))
    for each in halted(journal, 99):
        journal.append(each)
    state = State(desks.INSTRUMENTS, desks.PARAMS, desks.START)
    assert restore(state.standing, journal)
    return state, list(journal.read(LATCH))[-1]


def test_halted():
    """A book that was active when the copy was made begins halted, and says what to do."""
    state, entry = begun({**BEFORE, "mode": "active", "killed": False, "halted": {}})

    assert TradingState.HALTED is state.mode
    assert REASON == state.mode_reason
    assert not state.killed
    assert ("desk", 99) == (entry.key, entry.ts)


def test_never_latched():
    """So does one that never wrote a latch down."""
    assert TradingState.HALTED is begun()[0].mode


@pytest.mark.parametrize("killed", [True, False])
def test_what_was_latched_stays(killed):
    """A kill, a halt of an underlying and what an operator asked for are as they were."""
    state, _ = begun({**BEFORE, "mode": "active"}, BEFORE | {"killed": killed})

    assert killed == state.killed
    assert {"BTC": "rb1 unproven"} == dict(state.halted)
    assert TradingState.PAUSED is state.standing.asked
    assert state.sealed
