"""The sign of life: given by the engine at each tick, and by nothing else; with what is wrong."""

import pytest

from rebalancer.core.events import Reconciled, Tick
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND
from rebalancer.runtime.daemon import SILENT
from rebalancer.runtime.lifesign import LATE
from tests.runtime.stage import market, play


def heard(story, holding="2"):
    """Run a story beside a daemon; return the stage with the beats that somebody heard."""

    async def wrapped(stage):
        stage.beats = []
        stage.daemon.attend(stage.beats.append)
        stage.tasks.spawn("daemon", stage.daemon.run())
        for event in market()(stage.clock.now()):
            stage.inbox.put(event)
        await story(stage)
        stage.stop.ask()
        await stage.settle(SECOND)

    return play(wrapped, holding=holding)


def test_each_tick():
    """One a tick, from the first on."""

    async def story(stage):
        await stage.settle(10 * SECOND + SECOND // 2)
        stage.said = list(stage.beats)

    stage = heard(story)

    assert 10 == len(stage.said)
    assert {None} == {each.ailment for each in stage.said}
    assert {True} == {each.begun for each in stage.said}
    assert {False} == {each.stopping for each in stage.said}


def test_begun_while_halted():
    """A book that begins halted is ready all the same: a person must reach it."""

    async def story(stage):
        stage.state.latch("kill", killed=True)
        await stage.settle(30 * SECOND)
        stage.said = list(stage.beats)

    assert heard(story).said[-1].begun


def test_not_begun_while_nobody_answers():
    """Without an answer of the venue nothing was compared, but the daemon comes along."""

    async def story(stage):
        stage.venue.positions_error = Unavailable("down")
        await stage.settle(300 * SECOND)
        stage.said = list(stage.beats)

    stage = heard(story)

    assert (False, None) == (stage.said[-1].begun, stage.said[-1].ailment)


@pytest.mark.parametrize(("late", "well"), [(0, True), (LATE, True), (LATE + SECOND, False)])
def test_behind(late, well):
    """A tick that waited too long for its turn is no sign that the engine keeps up."""

    async def story(stage):
        await stage.settle(5 * SECOND)
        stage.engine.take(Tick(stage.clock.now() - late))
        stage.last = stage.beats[-1]

    assert well == (heard(story).last.ailment is None)


AILMENTS = {
    "shut": lambda stage: stage.dispatch.shut(),
    "ended": lambda stage: setattr(stage.stop, "cause", ValueError("bug")),
}


@pytest.mark.parametrize("what", AILMENTS)
def test_ailment(what):
    """Where nothing can leave, or a part has ended, ticks that are taken prove nothing."""

    async def story(stage):
        await stage.settle(5 * SECOND)
        AILMENTS[what](stage)
        stage.engine.take(Tick(stage.clock.now()))
        stage.last = stage.beats[-1]
        stage.dispatch.closed[0], stage.stop.cause = False, None

    assert heard(story).last.ailment is not None


def test_a_look_that_hangs():
    """Accounts that are no longer looked at are an ailment, until a look ends."""

    async def story(stage):
        await stage.settle(5 * SECOND)
        inner = stage.venue.positions

        async def hangs():
            await stage.clock.sleep(SILENT + 60 * SECOND)
            return await inner()

        stage.venue.positions = hangs
        await stage.settle(SILENT - 5 * SECOND)
        stage.said = [stage.beats[-1].ailment]
        await stage.settle(45 * SECOND)
        stage.said.append(stage.beats[-1].ailment)
        stage.venue.positions = inner
        await stage.settle(60 * SECOND)
        stage.said.append(stage.beats[-1].ailment)

    said = heard(story).said

    assert [None, True, None] == [said[0], "no look at the accounts" in (said[1] or ""), said[2]]


def test_stopping():
    """What asks for the end shows with the next tick."""

    async def story(stage):
        stage.engine.take(Reconciled(stage.clock.now(), ()))
        stage.stop.ask()
        stage.engine.take(Tick(stage.clock.now()))
        stage.last = stage.beats[-1]

    assert heard(story).last.stopping
