"""A venue that bans this machine: the book stops, and goes on once an operator has looked."""

import asyncio
import time

import pytest

from rebalancer.core.events import Operator, Verb
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.simulation.faults import Kind, Plan
from rebalancer.storage.memory import MemoryJournal
from tests.runtime.stage import Lines
from tests.simulation.test_restart import at_rest, fall, started, until, venue

pytestmark = pytest.mark.waits(8)


async def test_banned():
    """One answer 418 halts the book and is told as an error, until somebody arms it."""
    log = Lines()
    async with venue() as (loopback, settings):
        running = await started(settings, MemoryJournal(), log)
        await until(lambda: at_rest(running, loopback))
        loopback.script.add(Plan(Kind.ERROR_BEFORE, "private/get*", code=418))
        await until(lambda: running.engine.state.mode is TradingState.HALTED)
        assert "shuts this machine out" in running.engine.state.mode_reason
        assert "418" in running.engine.state.mode_reason

        arm = Operator(running.engine.state.now, Verb.ARM, "looked", "1000", False)
        running.inbox.put(arm)
        await until(lambda: running.engine.state.mode is TradingState.ACTIVE)
        await fall(running)

    assert [True] == [f["banned"] for _, event, f in log.said if event == "rate.limited"][:1]
    assert "rate.banned" in log.events()


async def test_too_many_requests():
    """After one answer 429 nothing is asked for a second, and the book goes on after it."""
    log, asked = Lines(), []
    async with venue() as (loopback, settings):
        running = await started(settings, MemoryJournal(), log)
        await until(lambda: at_rest(running, loopback))
        perform = loopback.host.perform

        def performed(call, *more):
            asked.append((time.monotonic(), call.method))
            return perform(call, *more)

        loopback.host.perform = performed
        loopback.script.add(Plan(Kind.LIMIT, "private/get*"))
        await until(lambda: loopback.script.struck(Kind.LIMIT))
        struck = time.monotonic()
        loopback.script.add(Plan(Kind.CUT, "quote.*"))  # once it is back, all would be asked
        await asyncio.sleep(2.5)
        await until(lambda: at_rest(running, loopback))
        await fall(running)

    own = [at - struck for at, method in asked if method.startswith("private/get") and at > struck]
    assert own
    assert min(own) > 0.8
    assert "rate.limited" in log.events()
