"""The daemon: it begins and ends in order, whatever ends it."""

import asyncio
import os
import signal

import pytest

from rebalancer.core.events import (
    Ending,
    Operator,
    OrderAccepted,
    OrderEnded,
    Reconciled,
    Verb,
)
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.errors import DataError, Unavailable
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import run_wall
from rebalancer.runtime.daemon import DRAIN
from rebalancer.runtime.reconcile import EVERY
from tests.runtime.stage import D, market, play
from tests.scenarios.desk import START

HOUR = 3600 * SECOND
CALM = "0.01"  # coins: inside the band


def accepts_only(stage):
    """Let the venue take orders and never fill them."""

    async def answers(told):
        return OrderAccepted(stage.clock.now(), None, told.client_order_id, "v1")

    stage.venue.answer = answers


def ends_when_canceled(stage):
    """Let a cancel be answered two seconds later."""

    def end(told):
        def arrive():
            ts = stage.clock.now()
            stage.inbox.put(OrderEnded(ts, ts, told.client_order_id, Ending.CANCELED, D(0)))

        stage.clock.call_at(stage.clock.now() + 2 * SECOND, arrive)

    stage.venue.on_cancel = end


async def run(stage, duration=HOUR):
    """Run a stage's daemon and see that it left no task behind."""
    try:
        await stage.daemon.run(duration)
    finally:
        assert {asyncio.current_task()} == asyncio.all_tasks()
        assert stage.feed.stopped
        assert 1 == stage.journal.closed
        assert stage.dispatch.closed[0]
        assert {} == stage.scheduler._timers


def test_active_after_reconciliation():
    """Until the venues have said what they hold nothing is sent; they are asked every second."""
    down = 2 * EVERY - SECOND

    async def story(stage):
        stage.venue.positions_error = Unavailable("down")
        states = []
        began = stage.clock.now()

        def mend():
            states.append((stage.state.mode, len(stage.venue.submitted)))
            stage.venue.positions_error = None

        stage.clock.call_at(began + down, mend)
        for second in range(120):  # the market goes on talking
            stage.clock.call_at(
                began + second * SECOND,
                lambda: [stage.inbox.put(e) for e in market()(stage.clock.now())],
            )
        await run(stage, 100 * SECOND)
        assert [("reconciling", 0)] == states

    stage = play(story)

    assert 1 == len(stage.venue.submitted)
    assert 0 <= stage.venue.submitted[0].decided_at - (START + down) <= SECOND


def test_finite_feed_ends_the_run():
    """The end of a feed is the end of the run, once its last word was taken in."""

    async def story(stage):
        began = stage.clock.now()
        await run(stage)
        assert began + 20 * SECOND == stage.clock.now()

    stage = play(story, [(10 * SECOND, market()), (10 * SECOND, market(99_999))], ends=True)

    assert 99_999 == stage.state.index("BTC").price
    assert "draining" == stage.state.mode


def test_duration():
    """A run ends after its time, to the nanosecond, its orders known."""

    async def story(stage):
        began = stage.clock.now()
        await run(stage, 90 * SECOND)
        assert began + 90 * SECOND == stage.clock.now()

    stage = play(story, [(SECOND, market())])

    assert ["filled"] == [order.state for order in stage.state.orders.values()]


def test_shutdown_in_order():
    """Stop: own orders canceled, their ends awaited, tasks ended, the journal closed last."""

    async def story(stage):
        accepts_only(stage)
        ends_when_canceled(stage)
        stage.clock.call_at(stage.clock.now() + 5 * SECOND, stage.trace.clear)
        began = stage.clock.now()
        await run(stage, 6 * SECOND)
        assert began + 8 * SECOND <= stage.clock.now() <= began + 9 * SECOND

    stage = play(story, [(SECOND, market())])

    assert ["canceled"] == [order.state for order in stage.state.orders.values()]
    assert stage.trace.index("cancel") < stage.trace.index("append event")
    assert "close" == stage.trace[-1]
    assert "submit" not in stage.trace


def test_no_orders_while_draining():
    """On the way out the market may move as it likes."""

    async def story(stage):
        accepts_only(stage)
        ends_when_canceled(stage)
        await run(stage, 3 * SECOND)

    stage = play(story, [(SECOND, market()), (2 * SECOND + SECOND // 2, market(150_000))])

    assert 1 == len(stage.venue.submitted)


def test_armed_while_draining():
    """Whoever arms a killed book that is stopping finds that it is; nothing leaves any more."""

    async def story(stage):
        stage.venue.answer = stage.venue.never  # an unknown order keeps the stop waiting
        began = stage.clock.now()

        def say(verb):
            ended = [each.submit.client_order_id for each in stage.state.open_orders()]
            ended = tuple(ended) if verb is Verb.ARM else ()
            stage.engine.command(Operator(stage.clock.now(), verb, "test", "1000", False, ended))
            if verb is Verb.ARM:
                stage.inbox.put(Reconciled(stage.clock.now(), ()))

        stage.clock.call_at(began + 5 * SECOND, lambda: say(Verb.KILL))
        stage.clock.call_at(began + 12 * SECOND, lambda: say(Verb.ARM))
        await run(stage, 10 * SECOND)

    stage = play(story, [(second * SECOND, market()) for second in range(1, 20)])

    assert 1 == len(stage.venue.submitted)
    assert TradingState.DRAINING is stage.state.mode


@pytest.mark.parametrize("silent", ["accepted", "unknown"])
def test_silent_venue(silent):
    """A venue that never tells an end is waited for half a minute of market time, no longer."""

    async def story(stage):
        accepts_only(stage)
        if silent == "unknown":
            stage.venue.answer = stage.venue.never
        began = stage.clock.now()
        await run(stage, 3 * SECOND)
        assert began + 3 * SECOND + DRAIN == stage.clock.now()

    stage = play(story, [(SECOND, market())])

    assert 1 == len(stage.state.open_orders())
    assert 1 == len(stage.venue.canceled)
    assert 1 == stage.log.said[-1][2]["open_orders"]
    assert "query" in stage.trace


def test_feed_fails():
    """A feed that breaks stops everything, in order, and the run ends with its error."""

    async def story(stage):
        accepts_only(stage)
        ends_when_canceled(stage)
        with pytest.raises(LookupError, match="socket"):
            await run(stage)

    stage = play(story, [(SECOND, market()), (SECOND, LookupError("socket"))])

    assert ["canceled"] == [order.state for order in stage.state.orders.values()]
    assert "daemon.failed" in stage.log.events()
    assert "close" == stage.trace[-1]


def test_engine_fails():
    """A step that breaks stops everything at once: nobody is left to take an end down."""

    async def story(stage):
        accepts_only(stage)

        def breaks(event, decisions):
            if stage.venue.submitted:
                raise LookupError("step")

        stage.engine.observe(breaks)
        began = stage.clock.now()
        with pytest.raises(LookupError, match="step"):
            await run(stage)
        assert stage.clock.now() < began + 2 * SECOND

    stage = play(story, [(SECOND, market())])

    assert "close" == stage.trace[-1]


@pytest.mark.parametrize("what", ["flush", "close"])
def test_scheduled_flush_fails(what):
    """A flush that fails in the schedule ends the run with that error; so does a failed close."""

    async def story(stage):
        stage.clock.call_at(
            stage.clock.now() + 10 * SECOND, lambda: setattr(stage.journal, "broken", what)
        )
        began = stage.clock.now()
        with pytest.raises(DataError, match=what):
            await run(stage, 20 * SECOND)
        assert (11 if what == "flush" else 20) * SECOND >= stage.clock.now() - began

    play(story, [(SECOND, market())], holding=CALM)


def test_scheduled_flush_fails_on_the_wall():
    """On the wall too, where an event loop would only log what a timer died of."""
    from rebalancer.runtime.clock import WallClock
    from tests.runtime.stage import Stage

    async def main():
        stage = Stage(WallClock(), holding=CALM)
        parts = stage.daemon._parts
        object.__setattr__(parts, "tick", SECOND // 50)
        stage.journal.broken = "flush"
        with pytest.raises(DataError, match="flush"):
            await run(stage, HOUR)

    run_wall(main())


def test_first_cause_is_kept():
    """What broke first is what the run ends with, whatever breaks on the way out."""

    async def story(stage):
        stage.journal.broken = "close"
        with pytest.raises(LookupError, match="socket"):
            await run(stage)
        assert "journal.failed" in stage.log.events()

    play(story, [(SECOND, LookupError("socket"))])


def test_failure_while_draining():
    """When the engine dies while ends are awaited, the wait is over."""

    async def story(stage):
        accepts_only(stage)
        began = stage.clock.now()
        stage.clock.call_at(began + 5 * SECOND, lambda: setattr(stage.journal, "broken", "flush"))
        with pytest.raises(DataError, match="flush"):
            await run(stage, 3 * SECOND)
        assert stage.clock.now() <= began + 6 * SECOND

    play(story, [(SECOND, market())])


def test_task_fails():
    """A failure in any task beside the engine ends the run with it."""

    async def story(stage):
        async def breaks():
            await stage.clock.sleep(5 * SECOND)
            raise LookupError("beside")

        stage.tasks.spawn("beside", breaks())
        with pytest.raises(LookupError, match="beside"):
            await run(stage)

    play(story)


def test_canceled():
    """A daemon that is canceled from outside still ends in order."""

    async def story(stage):
        accepts_only(stage)
        ends_when_canceled(stage)
        running = asyncio.ensure_future(stage.daemon.run(HOUR))
        await stage.clock.sleep(3 * SECOND)
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()

    stage = play(story, [(SECOND, market())])

    assert ["canceled"] == [order.state for order in stage.state.orders.values()]
    assert "close" == stage.trace[-1]


def test_canceled_twice():
    """An impatient second cancellation ends the waiting, and the journal is closed all the same."""

    async def story(stage):
        accepts_only(stage)
        running = asyncio.ensure_future(stage.daemon.run(HOUR))
        await stage.clock.sleep(3 * SECOND)
        running.cancel()
        await stage.clock.sleep(SECOND)
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()

    stage = play(story, [(SECOND, market())])

    assert stage.feed.stopped
    assert "close" == stage.trace[-1]


def test_terminated():
    """A SIGTERM is an ordinary wish to stop."""

    async def story(stage):
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stage.stop.ask)
        stage.clock.call_at(
            stage.clock.now() + 5 * SECOND, lambda: os.kill(os.getpid(), signal.SIGTERM)
        )
        try:
            await run(stage, 24 * 3600 * SECOND)
        finally:
            loop.remove_signal_handler(signal.SIGTERM)

    stage = play(story, [(SECOND, market())])

    assert ["filled"] == [order.state for order in stage.state.orders.values()]


def test_asked_before_it_runs():
    """A wish from before the start is granted: the daemon begins and ends."""

    async def story(stage):
        stage.stop.ask()
        await run(stage)

    assert "close" == play(story).trace[-1]


def test_kill_cancels_and_stays():
    """A kill withdraws what is live; the daemon runs on, and sends nothing any more."""

    async def story(stage):
        from rebalancer.core.events import Operator

        accepts_only(stage)
        ends_when_canceled(stage)
        stage.clock.call_at(
            stage.clock.now() + 3 * SECOND,
            lambda: stage.inbox.put(Operator(stage.clock.now(), Verb.KILL, "x", "1", False)),
        )
        await run(stage, 60 * SECOND)

    stage = play(story, [(SECOND, market()), (9 * SECOND, market(150_000))])

    assert 1 == len(stage.venue.submitted)
    assert "halted" == stage.state.mode
    assert ["canceled"] == [order.state for order in stage.state.orders.values()]
