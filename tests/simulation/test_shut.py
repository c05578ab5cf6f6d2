"""A Deribit in maintenance, in settlement, or short of an instrument: a whole daemon over ccxt."""

import asyncio

import pytest

from rebalancer.core.events import Operator, Verb
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.simulation.faults import Kind, Plan
from rebalancer.simulation.menu import PERP, VENUE
from rebalancer.simulation.played import PLAYED
from rebalancer.storage.memory import MemoryJournal
from rebalancer.venues import hold, listings
from tests.runtime.stage import Lines
from tests.simulation.test_restart import at_rest, fall, started, until, venue

pytestmark = pytest.mark.waits(40)

ORDER = PLAYED[VENUE].names.order
SENT = ("private/buy", "private/sell")


def sent(loopback):
    """Return how many orders reached the wire."""
    return sum(each[0] in SENT for each in loopback.server.calls)


def found(journal):
    """Return how often an instrument was found unfit."""
    return sum(each.payload["type"] == "InstrumentUnfit" for each in journal.read("event"))


def open_again(running):
    """Whether nothing is held."""
    return not running.engine.state.accounts.held


async def hedged(running, loopback, more=1):
    """Return once so many further orders were filled and the book is at rest."""
    before = running.engine.tally.hedges
    await until(lambda: running.engine.tally.hedges >= before + more and open_again(running))
    await until(lambda: at_rest(running, loopback))


def unique(loopback):
    """Whether no label was used twice."""
    labels = [each.asked.label for each in loopback.place.orders(VENUE)]
    return len(labels) == len(set(labels))


@pytest.mark.parametrize("kind", [Kind.MAINTENANCE, Kind.SETTLEMENT])
async def test_a_window(kind):
    """One order runs into it, none follows while it lasts; then the account is read, and on."""
    log = Lines()
    async with venue() as (loopback, settings):
        running = await started(settings, MemoryJournal(), log)
        await until(lambda: at_rest(running, loopback))
        loopback.script.add(Plan(kind, ORDER, seconds=12))
        await until(lambda: loopback.script.struck(kind))
        await until(lambda: not open_again(running), 5)
        state, before = running.engine.state, sent(loopback)
        while loopback.host.desk.closed is not None and kind is Kind.MAINTENANCE:
            assert VENUE in state.accounts.held
            await asyncio.sleep(0.1)
        after = sent(loopback)
        await hedged(running, loopback)
        await fall(running)

    assert before == after
    assert TradingState.ACTIVE is state.mode_of("BTC")
    assert {} == state.halted
    held = [f for _, event, f in log.said if event == "venue.held"]
    assert 1 <= len(held) <= (1 if kind is Kind.MAINTENANCE else 3)
    assert len(held) == log.events().count("venue.released")
    assert unique(loopback)


async def test_locked_before_an_order(monkeypatch):
    """Where the venue's status tells it first, not one order runs into it."""
    monkeypatch.setattr(hold, "EVERY", hold.AGAIN // 4)
    log = Lines()
    async with venue() as (loopback, settings):
        running = await started(settings, MemoryJournal(), log)
        await until(lambda: at_rest(running, loopback))
        loopback.host.happen(Plan(Kind.MAINTENANCE, seconds=8))
        await until(lambda: not open_again(running), 5)
        before = sent(loopback)
        await asyncio.sleep(5)
        assert before == sent(loopback)
        await hedged(running, loopback)
        await fall(running)

    assert 1 == log.events().count("venue.held")
    assert unique(loopback)


async def test_flapping(monkeypatch):
    """A venue that shuts for a second again and again gets few orders, and none twice."""
    monkeypatch.setattr(hold, "EVERY", hold.AGAIN // 4)
    log = Lines()
    async with venue() as (loopback, settings):
        running = await started(settings, MemoryJournal(), log)
        await until(lambda: at_rest(running, loopback))
        before = sent(loopback)
        flaps = Plan(Kind.MAINTENANCE, "public/status", times=None, seconds=0.4, lasts=20, first=2)
        loopback.script.add(flaps)
        await until(lambda: not open_again(running), 5)
        began = sent(loopback)
        await asyncio.sleep(15)
        during = sent(loopback) - began
        loopback.script.clear()
        await hedged(running, loopback)
        await fall(running)

    assert before <= began
    assert 0 == during
    assert 5 <= len(loopback.script.struck(Kind.MAINTENANCE))
    assert 1 == log.events().count("venue.held")
    assert unique(loopback)


@pytest.mark.parametrize("kind", [Kind.CLOSING, Kind.DELISTING])
async def test_an_instrument_that_ends(kind):
    """One order is denied, the instrument is asked after, its underlying halts, none follows."""
    log, journal = Lines(), MemoryJournal()
    async with venue() as (loopback, settings):
        running = await started(settings, journal, log)
        await until(lambda: at_rest(running, loopback))
        loopback.script.add(Plan(kind, ORDER, instrument=PERP))
        await until(lambda: "BTC" in running.engine.state.halted)
        state, before = running.engine.state, sent(loopback)
        await asyncio.sleep(5)
        assert before == sent(loopback)
        why, first = state.halted["BTC"], found(journal)

        running.inbox.put(Operator(state.now, Verb.ARM, "looked", "1000", False))
        await until(lambda: found(journal) > first, 5)
        assert why == state.halted["BTC"]  # it is so, whoever arms
        assert before == sent(loopback)
        await fall(running)

    assert PERP in why
    levels = [level for level, event, _ in log.said if event == "instrument.closed"]
    assert {"error"} == set(levels)
    assert any(PERP in str(each.payload) for each in journal.read("latch"))


async def test_a_held_option_that_is_closed(monkeypatch):
    """Nobody orders it, so the regular look finds it."""
    monkeypatch.setattr(listings, "EVERY", hold.AGAIN // 2)
    log = Lines()
    async with venue() as (loopback, settings):
        running = await started(settings, MemoryJournal(), log)
        await until(lambda: at_rest(running, loopback))
        held = running.engine.state.ledger.positions.items()
        option = next(
            name for (_, name), each in held if name[-2:] in ("-C", "-P") and each.quantity
        )
        loopback.host.happen(Plan(Kind.CLOSING, instrument=option))
        await until(lambda: running.engine.state.halted)
        (why,) = running.engine.state.halted.values()
        await fall(running)

    assert option in why
    assert "instrument.closed" in log.events()


async def test_a_changed_contract_size(monkeypatch):
    """The underlying halts before another order is made by a size that holds no more."""
    monkeypatch.setattr(listings, "EVERY", hold.AGAIN // 2)
    log = Lines()
    async with venue() as (loopback, settings):
        running = await started(settings, MemoryJournal(), log)
        await until(lambda: at_rest(running, loopback))
        loopback.host.desk.retold[PERP] = {"contract_size": 1}
        await until(lambda: "BTC" in running.engine.state.halted)
        before = sent(loopback)
        await asyncio.sleep(3)
        assert before == sent(loopback)
        await fall(running)

    assert ["error"] == [level for level, event, _ in log.said if event == "instrument.changed"]
