"""Rounds: whatever halts a book, its accounts are looked at, and an arm or an adoption mends it."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.events import Fill, Operator, Reconciled, Verb
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.ports import SECOND
from rebalancer.runtime.adoption import AT_START, LATER
from rebalancer.runtime.daemon import Daemon
from tests.runtime.stage import VENUE, market, play
from tests.scenarios.desk import LINEAR

D = Decimal
CALM = "0.01"  # coins: inside the band


def tell(story):
    """Run a story beside a daemon whose market talks each second; return the stage."""

    async def beside(stage):
        def talk():
            for event in market()(stage.clock.now()):
                stage.inbox.put(event)
            stage.clock.call_at(stage.clock.now() + SECOND, talk)

        talk()
        stage.tasks.spawn("daemon", stage.daemon.run(1_000 * SECOND))
        await stage.settle(5 * SECOND)
        await story(stage)
        stage.stop.ask()
        await stage.settle(2 * SECOND)

    return play(beside, holding=CALM)


def operate(stage, verb):
    stage.inbox.put(Operator(stage.clock.now(), verb, "test", "1000"))


def halt_by_a_difference(stage):
    """Let the account hold what nobody told of."""
    stage.venue.held[LINEAR] = D(-1)
    operate(stage, Verb.RECONCILE)


@pytest.mark.parametrize("seconds", [1, 200])
def test_armed_after_the_books_agree_again(seconds):
    """A difference that went away lets an armed book go on, however long the halt lasted."""

    async def story(stage):
        halt_by_a_difference(stage)
        await stage.settle(60 * SECOND)
        assert TradingState.HALTED is stage.state.mode
        del stage.venue.held[LINEAR]
        await stage.settle(seconds * SECOND)
        operate(stage, Verb.ARM)
        await stage.settle(3 * SECOND)
        assert TradingState.ACTIVE is stage.state.mode

    tell(story)


def test_a_halted_book_is_looked_at():
    """Also while nothing may be traded it is known whether the ledger agrees."""

    async def story(stage):
        operate(stage, Verb.KILL)
        await stage.settle(5 * SECOND)
        before = stage.trace.count("positions")
        await stage.settle(100 * SECOND)
        assert 3 <= stage.trace.count("positions") - before <= 5

    tell(story)


def test_adopt_and_arm():
    """What somebody traded by hand, and nobody told of, is adopted, then armed, then hedged."""

    async def story(stage):
        halt_by_a_difference(stage)
        await stage.settle(60 * SECOND)
        told = [each for each in stage.alerts.sent if each.event == "reconcile.differed"]
        assert 1 == len(told)  # though each look finds it again
        operate(stage, Verb.ADOPT)
        await stage.settle(LATER + 4 * SECOND)
        assert D(-1) == stage.state.ledger.position(VENUE, LINEAR).quantity
        assert [] == stage.venue.submitted
        operate(stage, Verb.ARM)
        await stage.settle(5 * SECOND)
        assert TradingState.ACTIVE is stage.state.mode
        (order,) = stage.venue.submitted
        assert order.quantity == D("0.94")  # back to the edge, beside the hundredth of a coin

    tell(story)


def test_adoption_waits_for_a_hedge():
    """A hedge that is on its way when somebody adopts is booked once, and by its own fill."""

    async def story(stage):
        fills, slow = stage.venue.fills, 20 * SECOND

        async def late(order):
            await stage.clock.sleep(slow)
            return await fills(order)

        stage.venue.answer = late
        for event in fill_by_hand(stage):
            stage.inbox.put(event)
        await stage.settle(2 * SECOND)
        (order,) = stage.venue.submitted
        operate(stage, Verb.ADOPT)
        await stage.settle(slow + LATER + 10 * SECOND)

        held = stage.state.ledger.position(VENUE, LINEAR).quantity
        assert (D("-0.06"), D("-0.06")) == (held, stage.venue.held[LINEAR])
        assert [order] == stage.venue.submitted

    stage = tell(story)

    assert "adoption.waits" in stage.log.events()


def fill_by_hand(stage, quantity="-1"):
    """Trade by hand, and return what the account hears of it."""
    ts = stage.clock.now()
    stage.venue.held[LINEAR] = stage.venue.held.get(LINEAR, D(0)) + D(quantity)
    yield Fill(ts, ts, VENUE, LINEAR, "h1", None, D(quantity), D(100_000), D(0), "USDT")


def test_a_first_start_compares_nothing_before_it_adopted():
    """What is asked for while a first start still adopts halts nothing."""

    async def story(stage):
        stage.venue.held[LINEAR] = D(-1)
        stage.daemon = Daemon(replace(stage.daemon._parts, adopts=True), stage.stop)
        stage.tasks.spawn("daemon", stage.daemon.run(1_000 * SECOND))
        for _ in range(4):
            await stage.settle(AT_START // 4)
            operate(stage, Verb.RECONCILE)
        await stage.settle(10 * SECOND)
        assert TradingState.ACTIVE is stage.state.mode
        assert D(-1) == stage.state.ledger.position(VENUE, LINEAR).quantity
        stage.stop.ask()
        await stage.settle(2 * SECOND)

    stage = play(story, holding=CALM)

    told = [codec for codec in stage.journal.read("event") if codec.payload["type"] == "Reconciled"]
    assert all(not each.payload["differences"] for each in told)


def test_a_look_that_is_asked_for_during_another_is_made_after_it():
    """What happened since the look before began is not left for half a minute."""

    async def story(stage):
        told = stage.venue.positions

        async def slow():
            await stage.clock.sleep(3 * SECOND)
            return await told()

        stage.venue.positions = slow
        operate(stage, Verb.RECONCILE)
        await stage.settle(SECOND)
        before = stage.trace.count("positions")
        operate(stage, Verb.RECONCILE)
        await stage.settle(9 * SECOND)
        assert 2 == stage.trace.count("positions") - before

    stage = tell(story)

    assert any(isinstance(each, Reconciled) for each in stage.drained()) is False
