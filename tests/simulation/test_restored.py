"""Restored: a book with yesterday's journal finds at the venue what it does not know."""

import pytest

from rebalancer.core.events import Verb
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.ids import decode
from rebalancer.runtime.restoring import REASON, halted
from rebalancer.simulation.dress import differences
from rebalancer.simulation.menu import VENUE
from rebalancer.storage.audit import audit
from rebalancer.storage.backup import back_up, restore
from rebalancer.storage.sqlite import open_journal
from tests.runtime.stage import Lines
from tests.simulation.test_restart import at_rest, fall, started, until, venue

pytestmark = pytest.mark.waits(40)


def labels(loopback):
    """Return the labels of all orders that ever reached the venue."""
    return [each.asked.label for each in loopback.place.orders(VENUE)]


async def test_orders_that_the_backup_does_not_know(tmp_path):
    """They are booked from the archive, nothing leaves before somebody arms, no id returns."""
    path, copy = tmp_path / "state" / "journal.sqlite", tmp_path / "copy.sqlite"
    log = Lines()
    async with venue() as (loopback, settings):
        journal = open_journal(path)
        first = await started(settings, journal, log)
        await until(lambda: at_rest(first, loopback))
        journal.flush()
        back_up(path, copy)
        known = len(labels(loopback))
        await until(lambda: len(labels(loopback)) > known + 1, 80)
        await until(lambda: at_rest(first, loopback))
        await fall(first)
        journal.close()
        before = labels(loopback)
        told = restore(copy, path, 1, lambda found: halted(found, 1), force=True)

        journal = open_journal(path)
        second = await started(settings, journal, log)
        state = second.engine.state
        began = (state.mode, state.mode_reason)
        await until(lambda: not differences(second, loopback, VENUE))
        await until(lambda: second.engine.standing.get("BTC") is not None)
        stayed, silent = state.mode, labels(loopback)
        second.status.operate(Verb.ARM, "compared", "1000", False)
        await until(lambda: at_rest(second, loopback))
        await until(lambda: len(labels(loopback)) > len(before), 80)
        after = labels(loopback)
        await fall(second)
        journal.close()

    assert (TradingState.HALTED, REASON) == began
    assert TradingState.HALTED is stayed
    assert before == silent
    assert len(after) == len(set(after))
    assert all(decode(label).epoch > told.epoch for label in after[len(before) :])
    assert all(decode(label).epoch < told.epoch for label in before)
    assert audit(path, told.copy.head).entries > told.copy.entries
