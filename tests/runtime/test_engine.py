"""The engine: on disk before it leaves, and no disk no trade."""

import asyncio
import hashlib
import json
from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.decision import Action, canonical
from rebalancer.core.events import (
    Described,
    Ending,
    Fill,
    Index,
    Operator,
    OrderEnded,
    OrderNotFound,
    OrderRejected,
    OrderUnknown,
    Tick,
    Verb,
)
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.knobs import Change, Knob, Tuned
from rebalancer.core.orders import REMEMBERED, OrderState
from rebalancer.core.state import State
from rebalancer.errors import DataError
from rebalancer.ports import SECOND
from rebalancer.runtime.engine import Engine, Surroundings
from rebalancer.settings.catalogue import known
from rebalancer.storage import codec
from rebalancer.wiring.recovered import recover
from tests.runtime.stage import VENUE, Stage, market, order, play
from tests.scenarios.desk import INSTRUMENTS, LINEAR, PARAMS

D = Decimal


def operate(stage: Stage, verb: Verb) -> None:
    """Let an operator speak, and the engine hear it."""
    stage.engine.take(Operator(stage.clock.now(), verb, "test", "1000", False))


async def begin(stage: Stage) -> None:
    """Tell the market to a reconciled book; the last word makes it hedge."""
    stage.activate()
    *quiet, last = market()(stage.clock.now())
    for event in quiet:
        stage.engine.take(event)
    stage.trace.clear()
    stage.last = last


def test_disk_before_venue():
    """Decision and order are written, then flushed, and only then the venue sees the order."""

    async def story(stage):
        await begin(stage)
        stage.engine.take(stage.last)
        assert "submit" not in stage.trace
        await stage.settle()

    trace = play(story).trace
    before = trace[: trace.index("submit")]

    assert ["append decision", "append inputs", "append order", "flush"] == before


@pytest.mark.parametrize("broken", ["append", "flush"])
def test_dead_journal(broken):
    """A journal that fails lets nothing leave, and its error comes out of the step."""

    async def story(stage):
        await begin(stage)
        stage.journal.broken = broken
        with pytest.raises(DataError, match=broken):
            stage.engine.take(stage.last)
        await stage.settle()

    stage = play(story)

    assert [] == stage.venue.submitted
    assert [True] == stage.dispatch.closed


def test_dead_journal_stops_what_waits():
    """An order that was written before the journal died, and has not left yet, stays here."""

    async def story(stage):
        await begin(stage)
        stage.engine.take(stage.last)
        stage.journal.broken = "append"
        with pytest.raises(DataError):
            operate(stage, Verb.PAUSE)
        await stage.settle()
        stage.heard = stage.drained()

    stage = play(story)

    assert [] == stage.venue.submitted
    assert ["OrderRejected"] == [type(event).__name__ for event in stage.heard]


@pytest.mark.parametrize("broken", ["append", "flush"])
def test_dead_journal_stops_the_daemon(broken):
    """The daemon ends with the journal's error, having sent nothing."""

    async def story(stage):
        stage.clock.call_at(
            stage.clock.now() + SECOND // 4, lambda: setattr(stage.journal, "broken", broken)
        )
        with pytest.raises(DataError, match=broken):
            await stage.daemon.run(3600 * SECOND)

    stage = play(story, [(SECOND // 2, market())])

    assert [] == stage.venue.submitted
    assert stage.dispatch.closed[0]
    assert stage.feed.stopped
    assert 1 == stage.journal.closed


def test_digest():
    """The digest covers acts and refusals, in order, and not a single hold."""

    async def story(stage):
        lines = []

        def observe(event, decisions):
            lines.extend(canonical(d) for d in decisions if d.action is not Action.HOLD)

        stage.engine.observe(observe)
        empty = stage.engine.digest
        stage.activate()
        operate(stage, Verb.PAUSE)
        for event in market()(stage.clock.now()):
            stage.engine.take(event)
        first = stage.engine.digest
        assert stage.engine.tally.refusals >= 1
        stage.engine.take(Tick(stage.clock.now()))  # the same refusal again is a hold
        assert first == stage.engine.digest != empty
        operate(stage, Verb.RESUME)
        assert 1 == stage.engine.tally.orders
        stage.lines = lines

    stage = play(story)
    text = "".join(f"{line}\n" for line in stage.lines)

    assert stage.engine.tally.refusals + 1 == len(stage.lines)
    assert hashlib.sha256(text.encode()).hexdigest() == stage.engine.digest


def test_tally():
    """Events, hedges, fills and rejects are counted, refusals by reason too."""

    async def story(stage):
        await begin(stage)
        stage.engine.take(stage.last)
        stage.tasks.spawn("engine", stage.engine.run())
        await stage.settle()
        stage.inbox.put(OrderRejected(stage.clock.now(), None, "rb9", "x"))
        await stage.settle()

    tally = play(story).engine.tally

    assert (1, 1, 1) == (tally.hedges, tally.fills, tally.rejects)
    assert tally.refusals == sum(tally.reasons.values())
    assert tally.events >= 8


def test_journal_is_json():
    """All that is written can be read back from JSON, to the same record."""

    async def story(stage):
        stage.tasks.spawn("engine", stage.engine.run())
        for event in market()(stage.clock.now()):
            stage.inbox.put(event)
        await stage.settle()
        stage.activate()
        await stage.settle()
        stage.inbox.put(Operator(stage.clock.now(), Verb.KILL, "x", "1", False))
        await stage.settle()

    entries = list(play(story).journal.read())
    kinds = {entry.kind for entry in entries}

    assert {"event", "decision", "inputs", "order", "latch"} == kinds
    for entry in entries:
        payload = json.loads(json.dumps(entry.payload))
        if entry.kind != "latch":
            assert payload == codec.encode(codec.decode(payload))


def test_latch_is_durable():
    """A kill is on disk before anything that follows from it leaves; holding writes nothing."""

    async def story(stage):
        await begin(stage)
        stage.venue.answer = stage.venue.never
        stage.engine.take(stage.last)
        await stage.settle(SECOND)
        stage.trace.clear()
        stage.engine.take(Operator(stage.clock.now(), Verb.KILL, "wrong account", "1", False))
        await stage.settle(SECOND)
        stage.killed = list(stage.trace)
        stage.trace.clear()
        stage.engine.take(Tick(stage.clock.now()))

    stage = play(story)
    latch = list(stage.journal.read("latch"))[-1].payload

    assert stage.killed.index("append latch") < stage.killed.index("flush")
    assert stage.killed.index("flush") < stage.killed.index("cancel")
    assert (TradingState.HALTED, True, "wrong account") == (
        latch["mode"],
        latch["killed"],
        latch["reason"],
    )
    assert "append latch" not in stage.trace


def test_observer_failure_is_a_failure():
    """Whatever breaks inside a step shuts the way out at once."""

    async def story(stage):
        stage.activate()

        def breaks(event, decisions):
            raise LookupError

        stage.engine.observe(breaks)
        with pytest.raises(LookupError):
            stage.engine.take(Tick(stage.clock.now()))

    assert [True] == play(story).dispatch.closed


def test_unknown_instrument():
    """A price of something that nobody described is taken in and changes nothing."""

    async def story(stage):
        stage.activate()
        stage.engine.take(Index(stage.clock.now(), None, VENUE, "DOGE", 1))

    stage = play(story)

    assert 0 == stage.engine.tally.hedges
    assert LINEAR in INSTRUMENTS


def test_met():
    """What is booked of an instrument that somebody can describe is described first, on disk."""
    name = "deribit:BTC-25DEC26-90000-C"

    async def story(stage):
        around = Surroundings(stage.journal, codec.encode, stage.dispatch, stage.log, known)
        engine = Engine(stage.state, PARAMS, stage.inbox, around)
        ts = stage.clock.now()
        for trade in ("t1", "t2"):
            told = Fill(ts, ts, VENUE, name, trade, None, D(2), D("0.05"), D(0), "BTC")
            engine.take(told)

    stage = play(story)

    assert D(4) == stage.state.ledger.position(VENUE, name).quantity
    kept = [codec.decode(entry.payload) for entry in stage.journal.read("event")]
    assert [Described, Fill, Fill] == [type(each) for each in kept]
    assert known(name) == kept[0].described
    assert not stage.state.standing.latched


@pytest.mark.parametrize(("name", "lines"), [(LINEAR, 1), ("binanceusdm:ODD", 3)])
def test_what_is_told_again_is_kept_once(name, lines):
    """A booking is on disk once, however often it is told; one that was not booked, each time."""

    async def story(stage):
        ts = stage.clock.now()
        told = Fill(ts, ts, VENUE, name, "t1", None, D(1), D(100_000), D(0), "USDT")
        for _ in range(3):
            stage.engine.take(told)

    stage = play(story)
    kept = [each for each in stage.journal.read("event") if each.payload["type"] == "Fill"]

    assert lines == len(kept)


def test_what_was_proved_absent_stays_absent():
    """That an order never was anywhere is proved once; no later start has to wait for it again."""

    async def story(stage):
        await begin(stage)
        stage.venue.answer = stage.venue.never
        stage.engine.take(stage.last)
        [name] = stage.state.orders
        stage.engine.take(OrderUnknown(stage.clock.now(), None, name, "no answer"))
        for _ in range(3):
            for _ in range(6):
                await stage.settle(SECOND)
                stage.engine.take(Tick(stage.clock.now()))
            stage.engine.take(OrderNotFound(stage.clock.now(), None, name, D(0)))
        stage.name = name

    stage = play(story)
    again = State(INSTRUMENTS, PARAMS, stage.clock.now())
    recover(stage.journal, PARAMS.accounts).put_back(again, stage.log)

    assert OrderState.ABSENT is stage.state.orders[stage.name].state
    assert OrderState.ABSENT is again.orders[stage.name].state
    assert [] == again.open_orders()


def test_nobody_speaks_between_two_halves():
    """What a venue told in one word is booked whole, also where an operator speaks meanwhile."""
    moved = Change("BTC", Knob.COVERAGE, 1.0, 1.0)

    async def story(stage):
        clock, engine, inbox = stage.clock, stage.engine, stage.inbox
        stage.activate()
        for each in market()(clock.now()):
            inbox.put(each)
        running = asyncio.ensure_future(engine.run())
        await stage.settle()
        before = len(stage.venue.submitted)
        engine.command(Tuned(clock.now(), (moved,), "x", "1000", "f"))

        def speak():
            engine.command(Operator(clock.now(), Verb.RESUME, "x", "1000", False, ()))

        def see(event, _decisions):
            if isinstance(event, Fill) and event.more:
                asyncio.get_running_loop().call_soon(speak)

        engine.observe(see)
        ts = clock.now()
        for trade, quantity, more in (("h1", "-5", True), ("h2", "5", False)):
            told = (ts, ts, VENUE, LINEAR, trade, None, D(quantity), D(100_000), D(0), "USDT")
            inbox.put(Fill(*told, more=more))
        await stage.settle(3 * SECOND)
        running.cancel()
        assert before == len(stage.venue.submitted)

    play(story)


def test_the_oldest_order_is_resolved():
    """An order that was unknown while ten thousand others came and went is resolved like any."""

    async def story(stage):
        engine, state, clock = stage.engine, stage.state, stage.clock
        state.intend(order(clock, client_order_id="old"), 1.0)
        engine.take(OrderUnknown(clock.now(), None, "old", "x"))
        ended = replace(state.orders["old"], state=OrderState.CANCELED, unknown_since=None)
        for number in range(REMEMBERED):
            state.orders[f"n{number}"] = ended
        engine.take(OrderEnded(clock.now(), clock.now(), "old", Ending.CANCELED, D(0)))
        assert 1 == engine.tally.resolved

    play(story)
